/* SPDX-License-Identifier: Apache-2.0 */
/* One network from disk becomes live again: an open intent is undone or redone, leases are taken again, the rest is given to its
 * driver to adopt. Runs as a job, under the network's turn. */
#include <string.h>

#include "host/dispatch/allocation.h"
#include "host/dispatch/plugging.h"
#include "host/dispatch/pools.h"
#include "host/dispatch/recovering.h"
#include "host/dispatch/rows.h"
#include "host/dispatch/steps.h"
#include "host/dispatch/unserved.h"

#define TRIES 4

static int call_adopt(struct recovery *recovery, struct network *network, struct endpoint *endpoint, struct ndrv_error *err)
{
	struct instance *instance = instance_of(network);
	struct ndrv_blob blob = {0};
	struct driver_call call;

	int rc = CALL_BEGIN(&call, recovery->job, instance, adopt, network, NDRV_CALL_RESTORE, err);
	if (rc)
		return rc;
	return call_end(&call,
			instance->ops.adopt(instance->self, &call.ndrv, &network->view, endpoint ? &endpoint->view : NULL, &blob),
			err);
}

/* Ports that were published are published again: the same ones. */
static int program(struct recovery *recovery, struct endpoint *endpoint, struct ndrv_error *err)
{
	struct instance *instance = instance_of(endpoint->network);
	struct driver_call call;

	if (endpoint->join.state != JOIN_JOINED || !program_is_due(endpoint, instance))
		return 0;
	int rc = CALL_BEGIN(&call, recovery->job, instance, program_external, endpoint->network, NDRV_CALL_RESTORE, err);
	return rc ? rc : program_again(&call, instance, endpoint, err);
}

/* A driver without adopt keeps nothing of its own. What the moment is to blame for is tried again: it can be asked again by its
 * nature. */
static int adopt(struct recovery *recovery, struct network *network, struct endpoint *endpoint, struct ndrv_error *err)
{
	const struct instance *instance = instance_of(network);
	int rc = 0;

	for (int tries = 0; INSTANCE_HAS(instance, adopt) && tries < TRIES; tries++) {
		ndrv_error_clear(err);
		rc = call_adopt(recovery, network, endpoint, err);
		if (!rc || err->kind == NDRV_KIND_NOT_FOUND || (!err->sys_errno && err->kind != NDRV_KIND_RETRY))
			return rc;
	}
	return rc;
}

/* --- endpoints --- */

/* Also a connect's, which may have got as far as its sandbox. */
static void undo_endpoint(struct recovery *recovery, struct endpoint *endpoint)
{
	struct network *network = endpoint->network;
	struct dispatch *dispatch = recovery->job->dispatch;

	bool intended = endpoint->join.flags & JOIN_INTENDED;

	if (endpoint->join.state != JOIN_NONE && !intended)
		step_unplug(recovery->job, endpoint, NDRV_CALL_UNDO);
	(void)tear_endpoint(recovery->job, endpoint, NDRV_CALL_UNDO, NULL);
	if (intended)
		plug_abort(recovery->job, endpoint);
	forget_endpoint(dispatch, network->view.id, endpoint->view.id);
	/* Nobody has leased its address since. */
	network_del_endpoint(network, endpoint);
	recovery->undone++;
}

/* JOINING is undone, LEAVING is done again: the same calls. */
static void settle_join(struct recovery *recovery, struct endpoint *endpoint)
{
	uint32_t state = endpoint->join.state;

	if (state == JOIN_JOINING) {
		step_leave(recovery->job, endpoint, NDRV_CALL_UNDO);
		recovery->undone++;
	} else if (state == JOIN_LEAVING) {
		step_leave(recovery->job, endpoint, NDRV_CALL_FORCE);
		recovery->redone++;
	} else if (state == JOIN_JOINED) {
		endpoint->view.sandbox_key = endpoint->join.sandbox_key ? endpoint->join.sandbox_key : "";
	}
}

static int recover_endpoint(struct endpoint *endpoint, void *data)
{
	struct recovery *recovery = data;
	struct dispatch *dispatch = recovery->job->dispatch;
	struct ndrv_error err = {0};

	job_name_ids(recovery->job, NULL, NULL, endpoint->view.id);
	endpoint->view.network = &endpoint->network->view;
	if (endpoint->state == RECORD_CREATING) {
		endpoint->lease4 = endpoint->lease6 = false;
		undo_endpoint(recovery, endpoint);
		return 0;
	}
	if (endpoint_lease_again(dispatch, endpoint, &err))
		recovery_note(recovery, &recovery->failed, endpoint->network, endpoint, err.text);
	if (endpoint->state == RECORD_DELETING) {
		(void)step_endpoint_delete(recovery->job, endpoint, NDRV_CALL_FORCE, NULL);
		recovery->redone++;
		return 0;
	}
	ndrv_error_clear(&err);
	int rc = adopt(recovery, endpoint->network, endpoint, &err);
	endpoint->lost = rc && err.kind == NDRV_KIND_NOT_FOUND;
	if (endpoint->lost)
		recovery_note(recovery, &recovery->lost, endpoint->network, endpoint, err.text);
	else if (rc)
		recovery_note(recovery, &recovery->failed, endpoint->network, endpoint, err.text);
	settle_join(recovery, endpoint);
	ndrv_error_clear(&err);
	if (!rc && program(recovery, endpoint, &err))
		recovery_note(recovery, &recovery->failed, endpoint->network, endpoint, err.text);
	recovery->endpoints++;
	return 0;
}

/* --- networks --- */

static void undo_network(struct recovery *recovery, struct network *network)
{
	struct dispatch *dispatch = recovery->job->dispatch;

	(void)tear_network(recovery->job, network, NDRV_CALL_UNDO, NULL);
	rows_close_network(dispatch, network);
	allocation_give(recovery->job, network);
	forget_network(dispatch, network->view.id);
	network_release(dispatch, network);
	pools_network_gone(dispatch->pools, network);
	records_del(dispatch->parts.records, network);
	recovery->undone++;
}

/* Nothing may be called on what its driver does not know. */
static void leave_unserved(struct recovery *recovery, struct network *network, const struct ndrv_error *why)
{
	network->instance = NULL;
	network_unserve(network, why);
	recovery_note(recovery, &recovery->failed, network, NULL, why->text);
}

static void recover_live(struct recovery *recovery, struct network *network)
{
	struct ndrv_error err = {0};

	if (adopt(recovery, network, NULL, &err)) {
		leave_unserved(recovery, network, &err);
		return;
	}
	(void)network_each_endpoint(network, recover_endpoint, recovery);
	network_unserve(network, NULL);
	recovery->networks++;
}

/* What its driver made is deleted by the ids alone. A network that its driver will not let go serves on. */
static void redo_delete(struct recovery *recovery, struct network *network)
{
	struct ndrv_error err = {0};
	bool force = network->forced || network->endpoint_count;

	recovery_lease_endpoints(recovery->dispatch, network);
	recovery->redone++;
	if (!step_network_delete(recovery->job, network, force, &err))
		return;
	if (err.kind != NDRV_KIND_FORBIDDEN)
		recovery_note(recovery, &recovery->failed, network, NULL, err.text);
	recover_live(recovery, network);
}

static int look_for_finished(struct endpoint *endpoint, void *data)
{
	(void)data;
	return endpoint->state == RECORD_LIVE;
}

static bool has_finished_endpoint(struct network *network)
{
	return network_each_endpoint(network, look_for_finished, NULL) != 0;
}

void recover_network(struct recovery *recovery)
{
	struct network *network = recovery->job->network;

	/* Endpoints are made on finished networks only: what said that it was finished has been lost from the file. */
	if (network->state == RECORD_CREATING && has_finished_endpoint(network)) {
		struct ndrv_error err = {0};
		log_warning("recover", "network %s has endpoints: that its creation ended was lost, and is written again",
			    network->view.id);
		network->state = RECORD_LIVE;
		if (keep_network(recovery->dispatch, network, &err))
			log_warning("recover", "network %s: %s", network->view.id, err.text);
	}
	if (network->state == RECORD_CREATING)
		undo_network(recovery, network);
	else if (network->state == RECORD_DELETING)
		redo_delete(recovery, network);
	else
		recover_live(recovery, network);
}
