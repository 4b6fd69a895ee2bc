/* SPDX-License-Identifier: Apache-2.0 */
/* network_create, network_delete. */
#include <string.h>

#include "host/dispatch/allocation.h"
#include "host/dispatch/emptying.h"
#include "host/dispatch/gate.h"
#include "host/dispatch/handlers.h"
#include "host/dispatch/inspect.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/pools.h"
#include "host/dispatch/rows.h"
#include "host/dispatch/steps.h"
#include "host/dispatch/twin.h"
#include "host/dispatch/unserved.h"

/* --- create --- */

static int reply_network(struct job *job, const struct network *network, struct ndrv_error *err)
{
	struct tree tree = {.arena = &job->arena, .err = err};

	job->reply.network_id = arena_strdup(&job->arena, network->view.id);
	if (!job->reply.network_id)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	describe_network(&tree, &job->reply.value, job->dispatch, network, false);
	return tree.rc;
}

/* The id is taken: the same request again gets the same answer, and a deletion that failed is not wanted any more. */
static int same_network(struct job *job, struct ndrv_error *err)
{
	struct network *network = job->network;
	uint8_t digest[sizeof(network->digest)];

	digest_network(&job->request, digest);
	job_name_ids(job, NULL, network->view.id, NULL);
	if (memcmp(digest, network->digest, sizeof(digest)) != 0) {
		(void)ndrv_fail_object(err, NDRV_E_NETWORK_EXISTS, network->view.id);
		owed_explain(job->dispatch, err);
		return -NDRV_E_NETWORK_EXISTS;
	}
	owed_forgive(job->dispatch, network->view.id, NULL);
	return reply_network(job, network, err);
}

struct counting {
	const struct network *but;
	uint32_t count;
};

static int count_others(struct network *network, void *data)
{
	struct counting *counting = data;

	counting->count += network != counting->but && !strcmp(network->type, counting->but->type);
	return 0;
}

/* Into the maps; one at a time, so that two networks of a type that may have one cannot both see none. */
static int add_network(struct job *job, struct network *network, const struct instance *instance, struct network **ret_existing,
		       struct ndrv_error *err)
{
	struct dispatch *dispatch = job->dispatch;
	struct counting counting = {.but = network};
	int rc = 0;

	if (!(instance->capability.flags & NDRV_CAPABILITY_SINGLE_NETWORK))
		return records_add(dispatch->parts.records, network, ret_existing, err);
	(void)pthread_mutex_lock(&dispatch->create_lock);
	epoch_enter();
	struct network *known = records_find(dispatch->parts.records, network->view.id);
	epoch_leave();
	if (!known)
		(void)records_each(dispatch->parts.records, count_others, &counting);
	if (counting.count)
		rc = ndrv_fail(err, NDRV_E_FORBIDDEN, "only one instance of \"%s\" network is allowed", network->type);
	else
		rc = records_add(dispatch->parts.records, network, ret_existing, err);
	(void)pthread_mutex_unlock(&dispatch->create_lock);
	return rc;
}

static int ask_gateways(struct job *job, const struct network *network, struct ndrv_error *err)
{
	struct driver_type *type = network->driver;
	struct instance *instance = frame_enter_type(type, job, OPS_SLOT(gw_alloc_check));
	struct driver_call call;
	int rc = 0;

	if (!instance)
		return ndrv_fail_object(err, NDRV_E_NO_DRIVER, network->type);
	job->reply.skip_gateways = 0;
	if (INSTANCE_HAS(instance, gw_alloc_check)) {
		rc = CALL_BEGIN(&call, job, instance, gw_alloc_check, NULL, 0, err);
		if (!rc)
			rc = call_end(&call,
				      instance->ops.gw_alloc_check(instance->self, &call.ndrv, network->view.options,
								   &job->reply.skip_gateways),
				      err);
	}
	frame_leave();
	return rc;
}

static int call_create(struct job *job, struct network *network, struct ndrv_error *err)
{
	struct instance *instance = instance_of(network);
	struct driver_call call;
	int rc = CALL_BEGIN(&call, job, instance, network_create, network, 0, err);

	if (rc)
		return rc;
	rc = call_end(&call, instance->ops.network_create(instance->self, &call.ndrv, &network->view), err);
	if (rc)
		(void)tear_network(job, network, NDRV_CALL_UNDO, NULL);
	return rc;
}

/* The network is in the maps and its turn is the job's. On failure the caller takes it out again. */
static int make_network(struct job *job, struct network *network, struct ndrv_error *err)
{
	struct dispatch *dispatch = job->dispatch;
	/* A platform with address pools of its own has decided that before. */
	int rc = job->request.raw_options ? 0 : ask_gateways(job, network, err);

	if (!rc)
		rc = network_lease(dispatch, &job->request, instance_of(network), network, job->reply.skip_gateways, err);
	if (rc || job->request.dry_run)
		return rc;
	network->allocated = allocation_is_due(job, network);
	rc = keep_network(dispatch, network, err);
	if (rc)
		return rc;
	rc = rows_open_network(dispatch, network, err);
	rc = rc ? rc : allocation_take(job, network, err);
	rc = rc ? rc : call_create(job, network, err);
	if (!rc) {
		network->state = RECORD_LIVE;
		rc = keep_network(dispatch, network, err);
		if (rc) {
			network->state = RECORD_CREATING;
			(void)tear_network(job, network, NDRV_CALL_UNDO, NULL);
		}
	}
	if (rc) {
		allocation_give(job, network);
		forget_network(dispatch, network->view.id);
	}
	return rc;
}

static int create_new(struct job *job, struct network *network, struct ndrv_error *err)
{
	/* The one that serves the type now: a swap that came between looks again for what was made on the old one. */
	network->instance = type_current(network->driver);
	int rc = network->instance ? make_network(job, network, err) : ndrv_fail_object(err, NDRV_E_NO_DRIVER, network->type);
	if (!rc)
		rc = reply_network(job, network, err);
	if (rc && job->request.raw_options)
		owed_explain(job->dispatch, err);
	if (!rc && !job->request.dry_run)
		owed_forgive(job->dispatch, network->view.id, NULL);
	if (rc || job->request.dry_run) {
		if (network->state == RECORD_LIVE) {
			(void)tear_network(job, network, NDRV_CALL_UNDO, NULL);
			allocation_give(job, network);
			forget_network(job->dispatch, network->view.id);
		}
		network_release(job->dispatch, network);
		rows_close_network(job->dispatch, network);
		twin_drop_network(network);
		records_del(job->dispatch->parts.records, network);
		return rc;
	}
	event_network(job->dispatch, "network-create", network, NULL);
	return 0;
}

int run_network_create(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct network *network = NULL, *existing = NULL;

	/* We were here before and waited for the network that had our id. */
	if (job->has_turn && !atomic_load(&job->network->gone))
		return same_network(job, err);
	job_pass_turn(job);
	int rc = network_build(job->dispatch, &job->request, &network, err);
	if (rc)
		return rc;
	network->driver = registry_type(job->dispatch->parts.registry, job->request.type);
	const struct instance *instance = type_current(network->driver);
	if (!turn_try(&network->turn) || !instance)
		rc = ndrv_fail_object(err, NDRV_E_NO_DRIVER, job->request.type);
	else
		rc = add_network(job, network, instance, &existing, err);
	if (!rc) {
		job_name_ids(job, ((struct driver_type *)network->driver)->name, network->view.id, NULL);
		job_own_turn(job, network);
		return create_new(job, network, err);
	}
	network_free(network);
	if (rc != -NDRV_E_NETWORK_EXISTS || !existing)
		return rc;
	ndrv_error_clear(err);
	job_name_ids(job, NULL, existing->view.id, NULL);
	/* Who closes the gate may have that turn. */
	gate_leave(job);
	rc = job_take_turn(job, existing, err);
	if (rc == 0)
		return JOB_WAITS;
	if (rc < 0)
		return rc;
	if (!atomic_load(&existing->gone))
		return same_network(job, err);
	job_pass_turn(job);
	return gate_enter(job) ? run_network_create(job) : JOB_WAITS;
}

/* --- delete --- */

/* Two phases: the driver is asked while everything still stands; only when it agreed do addresses and record go. */
int step_network_delete(struct job *job, struct network *network, bool force, struct ndrv_error *err)
{
	struct dispatch *dispatch = job->dispatch;
	uint32_t flags = force ? NDRV_CALL_FORCE : 0;
	bool whole = false;

	if (network->endpoint_count && !force)
		return ndrv_fail(err, NDRV_E_ACTIVE_ENDPOINTS, "network %s has active endpoints (%u)", network->view.id,
				 network->endpoint_count);
	if (!network->instance && !force)
		return ndrv_fail(err, NDRV_E_NO_DRIVER,
				 "unknown driver \"%s\": load it to delete the network, or delete by force and leave what it made",
				 network->type);
	/* Before its endpoints go, so that the next start goes on with them. */
	network->state = RECORD_DELETING;
	network->forced = force;
	int rc = keep_network(dispatch, network, err);
	if (rc) {
		network->state = RECORD_LIVE;
		network->forced = false;
		return rc;
	}
	rc = empty_network(job, network, force, &whole, err);
	if (!rc && !whole)
		rc = tear_network(job, network, flags, err);
	if (rc) {
		struct ndrv_error ignored = {0};
		network->state = RECORD_LIVE;
		network->forced = false;
		if (keep_network(dispatch, network, &ignored))
			log_error("dispatch", "network %s stays, but the store still says it is being deleted: %s",
				  network->view.id, ignored.text);
		return rc;
	}
	if (dispatch->services)
		services_drop_network(dispatch->services, &network->view);
	rows_close_network(dispatch, network);
	allocation_give(job, network);
	forget_network(dispatch, network->view.id);
	if (network->unserved)
		aside_forget(dispatch, network->view.id);
	drop_endpoints(dispatch, network);
	network_release(dispatch, network);
	pools_network_gone(dispatch->pools, network);
	event_network(dispatch, "network-delete", network, NULL);
	twin_drop_network(network);
	records_del(dispatch->parts.records, network);
	return 0;
}

int run_network_delete(struct job *job)
{
	job->reply.network_id = arena_strdup(&job->arena, job->network->view.id);
	if (!still_wanted(job))
		return 0;
	return step_network_delete(job, job->network, job->request.force, &job->reply.error);
}
