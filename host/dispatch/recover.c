/* SPDX-License-Identifier: Apache-2.0 */
/* Records from disk become live again: open intents are undone or redone, leases taken again, the rest is given to its drivers to
 * adopt. A network whose driver is not there (yet) is kept as it is; once the driver is loaded, the same function takes it up, and
 * passes over all that serve already. */
#include <string.h>

#include "host/dispatch/reconcile.h"
#include "host/dispatch/steps.h"

struct recovery {
	struct job *job;
	struct arena *arena;
	struct ndrv_error *err;
	struct tree tree;
	struct ndrv_value lost, failed;
	int64_t networks, endpoints, undone, redone, orphans;
};

static int begin_adopt(struct recovery *recovery, struct driver_call *call, struct network *network, struct ndrv_error *err)
{
	/* Its own time for each. */
	recovery->job->deadline_ns = clock_ns() + CALL_DEFAULT_NS;
	return CALL_BEGIN(call, recovery->job, instance_of(network), adopt, network, NDRV_CALL_RESTORE, err);
}

/* A driver without adopt keeps nothing of its own. */
static int adopt(struct recovery *recovery, struct network *network, struct endpoint *endpoint, struct ndrv_error *err)
{
	struct instance *instance = instance_of(network);
	struct ndrv_blob blob = {0};
	struct driver_call call;

	if (!INSTANCE_HAS(instance, adopt))
		return 0;
	int rc = begin_adopt(recovery, &call, network, err);
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
	recovery->job->deadline_ns = clock_ns() + CALL_DEFAULT_NS;
	int rc = CALL_BEGIN(&call, recovery->job, instance, program_external, endpoint->network, NDRV_CALL_RESTORE, err);
	return rc ? rc : program_again(&call, instance, endpoint, err);
}

static void note(struct recovery *recovery, struct ndrv_value *list, const struct network *network, const struct endpoint *endpoint,
		 const char *why)
{
	struct ndrv_value map = {.type = NDRV_MAP};

	log_warning("recover", "network %s%s%s: %s", network->view.id, endpoint ? ", endpoint " : "",
		    endpoint ? endpoint->view.id : "", why);
	tree_text(&recovery->tree, &map, "network", network->view.id);
	if (endpoint)
		tree_text(&recovery->tree, &map, "endpoint", endpoint->view.id);
	tree_text(&recovery->tree, &map, "why", why);
	tree_add(&recovery->tree, list, map);
}

/* --- endpoints --- */

/* Also a connect's, which may have got as far as its sandbox. */
static void undo_endpoint(struct recovery *recovery, struct endpoint *endpoint)
{
	struct network *network = endpoint->network;
	struct dispatch *dispatch = recovery->job->dispatch;

	if (endpoint->join.state != JOIN_NONE)
		step_unplug(recovery->job, endpoint, NDRV_CALL_UNDO);
	(void)tear_endpoint(recovery->job, endpoint, NDRV_CALL_UNDO, NULL);
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

	endpoint->view.network = &endpoint->network->view;
	if (endpoint->state == RECORD_CREATING) {
		endpoint->lease4 = endpoint->lease6 = false;
		undo_endpoint(recovery, endpoint);
		return 0;
	}
	if (endpoint_lease_again(dispatch, endpoint, &err))
		note(recovery, &recovery->failed, endpoint->network, endpoint, err.text);
	if (endpoint->state == RECORD_DELETING) {
		(void)step_endpoint_delete(recovery->job, endpoint, NDRV_CALL_FORCE, NULL);
		recovery->redone++;
		return 0;
	}
	ndrv_error_clear(&err);
	int rc = adopt(recovery, endpoint->network, endpoint, &err);
	endpoint->lost = rc && err.kind == NDRV_KIND_NOT_FOUND;
	if (endpoint->lost)
		note(recovery, &recovery->lost, endpoint->network, endpoint, err.text);
	else if (rc)
		note(recovery, &recovery->failed, endpoint->network, endpoint, err.text);
	settle_join(recovery, endpoint);
	ndrv_error_clear(&err);
	if (!rc && program(recovery, endpoint, &err))
		note(recovery, &recovery->failed, endpoint->network, endpoint, err.text);
	recovery->endpoints++;
	return 0;
}

/* --- networks --- */

static void undo_network(struct recovery *recovery, struct network *network)
{
	struct dispatch *dispatch = recovery->job->dispatch;

	(void)tear_network(recovery->job, network, NDRV_CALL_UNDO, NULL);
	forget_network(dispatch, network->view.id);
	network_release(dispatch, network);
	records_del(dispatch->parts.records, network);
	recovery->undone++;
}

static void recover_live(struct recovery *recovery, struct network *network)
{
	struct ndrv_error err = {0};

	if (adopt(recovery, network, NULL, &err)) {
		/* Nothing may be called on what its driver does not know. */
		network->instance = NULL;
		note(recovery, &recovery->failed, network, NULL, err.text);
		return;
	}
	(void)network_each_endpoint(network, recover_endpoint, recovery);
	recovery->networks++;
}

/* Addresses stay taken while the driver is away, so that nobody else gets them. */
static int lease_endpoint(struct endpoint *endpoint, void *data)
{
	struct ndrv_error err = {0};

	if (endpoint->state != RECORD_CREATING && endpoint_lease_again(data, endpoint, &err))
		log_warning("recover", "endpoint %s: %s", endpoint->view.id, err.text);
	return 0;
}

/* What its driver made is deleted by the ids alone. A network that its driver will not let go serves on. */
static void redo_delete(struct recovery *recovery, struct network *network)
{
	struct ndrv_error err = {0};
	bool force = network->forced || network->endpoint_count;

	(void)network_each_endpoint(network, lease_endpoint, recovery->job->dispatch);
	recovery->redone++;
	if (!step_network_delete(recovery->job, network, force, &err))
		return;
	if (err.kind != NDRV_KIND_FORBIDDEN)
		note(recovery, &recovery->failed, network, NULL, err.text);
	recover_live(recovery, network);
}

static void recover_network(struct recovery *recovery, struct network *network)
{
	struct dispatch *dispatch = recovery->job->dispatch;
	struct ndrv_error err = {0};

	network->view.size = sizeof(network->view);
	network->view.ops = &handles_network_ops;
	if (network_lease_again(dispatch, network, &err))
		note(recovery, &recovery->failed, network, NULL, err.text);
	network->driver = registry_type(dispatch->parts.registry, network->type);
	network->instance = network->driver ? type_current(network->driver) : NULL;
	if (!network->instance) {
		(void)network_each_endpoint(network, lease_endpoint, dispatch);
		recovery->orphans++;
		log_warning("recover", "network %s is kept without its driver \"%s\", which is not loaded", network->view.id,
			    network->type);
	} else if (network->state == RECORD_CREATING) {
		undo_network(recovery, network);
	} else if (network->state == RECORD_DELETING) {
		redo_delete(recovery, network);
	} else {
		recover_live(recovery, network);
	}
}

static int visit(struct network *network, void *data)
{
	struct recovery *recovery = data;

	if (!turn_wait(&network->turn, clock_ns() + CALL_DEFAULT_NS))
		return ndrv_fail_object(recovery->err, NDRV_E_NETWORK_BUSY, network->view.id);
	network_ref(network);
	job_own_turn(recovery->job, network);
	job_name_ids(recovery->job, NULL, network->view.id, NULL);
	if (!atomic_load(&network->gone) && !network->instance)
		recover_network(recovery, network);
	job_pass_turn(recovery->job);
	arena_reset(&recovery->job->arena);
	return recovery->tree.rc;
}

int dispatch_recover(struct dispatch *dispatch, struct arena *arena, struct ndrv_value *ret_report, struct ndrv_error *err)
{
	struct recovery recovery = {
		.job = job_new_own(dispatch, "recover"),
		.arena = arena,
		.err = err,
		.tree = {.arena = arena, .err = err},
		.lost = {.type = NDRV_LIST},
		.failed = {.type = NDRV_LIST},
	};
	struct tree *tree = &recovery.tree;

	if (!recovery.job)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	int rc = records_each(dispatch->parts.records, visit, &recovery);
	job_free_own(recovery.job);
	if (rc)
		return rc;
	struct stray_report strays;
	struct ndrv_error why = {0};
	/* Links of endpoints that only the files have lost are somebody's: those go when an administrator says so. And what a crash
	 * left must not keep the host from serving what it has. */
	bool whole = dispatch->parts.store && store_is_whole(dispatch->parts.store);
	if (reconcile_links(dispatch, arena, !whole, &strays, &why))
		log_warning("recover", "links without records were not looked for: %s", why.text);
	*ret_report = (struct ndrv_value){.type = NDRV_MAP};
	tree_int(tree, ret_report, "networks", recovery.networks);
	tree_int(tree, ret_report, "endpoints", recovery.endpoints);
	tree_int(tree, ret_report, "undone", recovery.undone);
	tree_int(tree, ret_report, "redone", recovery.redone);
	tree_int(tree, ret_report, "orphans", recovery.orphans);
	tree_int(tree, ret_report, "lost", recovery.lost.count);
	tree_int(tree, ret_report, "failed", recovery.failed.count);
	tree_set(tree, ret_report, "lost_endpoints", recovery.lost);
	tree_set(tree, ret_report, "failures", recovery.failed);
	tree_bool(tree, ret_report, "stray_links_removed", whole);
	tree_set(tree, ret_report, "stray_links", strays.removed);
	tree_set(tree, ret_report, "unknown_links", strays.unknown);
	return tree->rc;
}
