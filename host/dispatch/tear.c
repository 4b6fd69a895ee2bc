/* SPDX-License-Identifier: Apache-2.0 */
/* The ops that take down. libnetwork's rules: only Forbidden of DeleteNetwork and DeleteEndpoint is honoured, and not by force; all
 * else is logged and the record goes, for what is left over must not keep a user from trying again. */
#include "host/dispatch/mend.h"
#include "host/dispatch/nat_service.h"
#include "host/dispatch/steps.h"
#include "host/dispatch/twin.h"

#define TRIES 4

/* The kernel had no memory, was busy, or its answer was lost: that passes, and a record that goes while its interface stays is
 * worse than a moment's delay. These ops can be called again by their nature. What a driver refuses by its own lights is not asked
 * twice. */
static bool may_pass(const struct ndrv_error *error, int *tries)
{
	return (error->sys_errno || error->kind == NDRV_KIND_RETRY) && error->kind != NDRV_KIND_NOT_FOUND && ++*tries < TRIES;
}

static void pass_over(struct job *job, uint32_t slot, const struct network *network, const struct endpoint *endpoint,
		      const struct ndrv_error *error)
{
	if (error->kind == NDRV_KIND_NOT_FOUND)
		return;
	mend_kernel(job->dispatch, network->view.id, endpoint ? endpoint->view.id : NULL, NULL);
	if (job->dispatch->parts.quiet)
		return;
	log_warning("dispatch", "%s of network %s%s%s failed and is passed over: %s", ops_name(slot), network->view.id,
		    endpoint ? ", endpoint " : "", endpoint ? endpoint->view.id : "", error->text);
}

static int delete_network(struct job *job, struct network *network, uint32_t flags, struct ndrv_error *err)
{
	struct instance *instance = instance_of(network);
	struct driver_call call;
	struct ndrv_error error = {0};
	int rc, tries = 0;

	if (!instance || !INSTANCE_HAS(instance, network_delete))
		return 0;
	do {
		ndrv_error_clear(&error);
		rc = CALL_BEGIN(&call, job, instance, network_delete, network, flags, &error);
		if (!rc)
			rc = call_end(&call, instance->ops.network_delete(instance->self, &call.ndrv, &network->view), &error);
	} while (rc && may_pass(&error, &tries));
	if (!rc)
		return 0;
	if (error.kind == NDRV_KIND_FORBIDDEN && !(flags & (NDRV_CALL_FORCE | NDRV_CALL_UNDO))) {
		if (err)
			*err = error;
		return rc;
	}
	pass_over(job, OPS_SLOT(network_delete), network, NULL, &error);
	/* It believes that the network is there still, and goes by that. */
	if (network->view.priv)
		release_priv(instance, network, NULL);
	return 0;
}

int tear_network(struct job *job, struct network *network, uint32_t flags, struct ndrv_error *err)
{
	int rc = delete_network(job, network, flags, err);

	if (!rc)
		nat_forget_network(job->dispatch, network->view.id);
	return rc;
}

int tear_network_whole(struct job *job, struct network *network, struct ndrv_error *err)
{
	struct instance *instance = instance_of(network);
	uint32_t flags = NDRV_CALL_FORCE | (job->request.sync ? 0 : NDRV_CALL_RETIRE);
	struct driver_call call;
	int rc, tries = 0;

	do {
		ndrv_error_clear(err);
		rc = CALL_BEGIN(&call, job, instance, network_delete, network, flags, err);
		if (!rc)
			rc = call_end(&call, instance->ops.network_delete(instance->self, &call.ndrv, &network->view), err);
	} while (rc && may_pass(err, &tries));
	if (!rc)
		nat_forget_network(job->dispatch, network->view.id);
	return rc;
}

static int delete_endpoint(struct job *job, struct endpoint *endpoint, uint32_t flags, struct ndrv_error *err)
{
	struct network *network = endpoint->network;
	struct instance *instance = instance_of(network);
	struct driver_call call;
	struct ndrv_error error = {0};
	int rc, tries = 0;

	if (!instance || !INSTANCE_HAS(instance, endpoint_delete))
		return 0;
	do {
		ndrv_error_clear(&error);
		rc = CALL_BEGIN(&call, job, instance, endpoint_delete, network, flags, &error);
		if (!rc)
			rc = call_end(&call,
				      instance->ops.endpoint_delete(instance->self, &call.ndrv, &network->view, &endpoint->view),
				      &error);
	} while (rc && may_pass(&error, &tries));
	if (!rc)
		return 0;
	if (error.kind == NDRV_KIND_FORBIDDEN && !(flags & (NDRV_CALL_FORCE | NDRV_CALL_UNDO))) {
		if (err)
			*err = error;
		return rc;
	}
	pass_over(job, OPS_SLOT(endpoint_delete), network, endpoint, &error);
	if (endpoint->view.priv)
		release_priv(instance, network, endpoint);
	return 0;
}

int tear_endpoint(struct job *job, struct endpoint *endpoint, uint32_t flags, struct ndrv_error *err)
{
	int rc = delete_endpoint(job, endpoint, flags, err);

	if (!rc)
		nat_forget_endpoint(job->dispatch, endpoint->network->view.id, endpoint->view.id);
	return rc;
}

static void call_leave(struct job *job, struct endpoint *endpoint, uint32_t flags)
{
	struct network *network = endpoint->network;
	struct instance *instance = instance_of(network);
	struct driver_call call;
	struct ndrv_error error = {0};
	int rc, tries = 0;

	if (!instance || !INSTANCE_HAS(instance, leave))
		return;
	do {
		ndrv_error_clear(&error);
		rc = CALL_BEGIN(&call, job, instance, leave, network, flags, &error);
		if (!rc)
			rc = call_end(&call, instance->ops.leave(instance->self, &call.ndrv, &network->view, &endpoint->view),
				      &error);
	} while (rc && may_pass(&error, &tries));
	if (rc)
		pass_over(job, OPS_SLOT(leave), network, endpoint, &error);
}

void tear_join(struct job *job, struct endpoint *endpoint, uint32_t flags)
{
	call_leave(job, endpoint, flags);
	nat_forget_endpoint(job->dispatch, endpoint->network->view.id, endpoint->view.id);
}

static void call_revoke(struct job *job, struct endpoint *endpoint, uint32_t flags)
{
	struct network *network = endpoint->network;
	struct instance *instance = instance_of(network);
	struct driver_call call;
	struct ndrv_error error = {0};
	int rc, tries = 0;

	if (!instance || !INSTANCE_HAS(instance, revoke_external))
		return;
	do {
		ndrv_error_clear(&error);
		rc = CALL_BEGIN(&call, job, instance, revoke_external, network, flags, &error);
		if (!rc)
			rc = call_end(&call,
				      instance->ops.revoke_external(instance->self, &call.ndrv, &network->view, &endpoint->view),
				      &error);
	} while (rc && may_pass(&error, &tries));
	if (rc)
		pass_over(job, OPS_SLOT(revoke_external), network, endpoint, &error);
}

void tear_external(struct job *job, struct endpoint *endpoint, uint32_t flags)
{
	call_revoke(job, endpoint, flags);
	nat_forget_endpoint(job->dispatch, endpoint->network->view.id, endpoint->view.id);
}
