/* SPDX-License-Identifier: Apache-2.0 */
/* status and driver_list. */
#include <string.h>
#include <unistd.h>

#include "host/dispatch/core.h"
#include "host/dispatch/handlers.h"
#include "host/dispatch/mend.h"
#include "host/dispatch/nat_service.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/rows.h"
#include "host/dispatch/transfer.h"
#include "host/dispatch/unserved.h"
#include "host/sandbox/hostns.h"
#include "host/sandbox/reap.h"

struct stuck_list {
	struct tree *tree;
	struct ndrv_value list;
	uint64_t now;
};

/* Under the executor's lock, so that the job's strings hold. */
static void add_stuck(struct job *job, void *data)
{
	struct stuck_list *stuck = data;
	struct ndrv_value map = {.type = NDRV_MAP};
	uint32_t slot = atomic_load(&job->call_slot);

	if (!job_late(job))
		return;
	(void)pthread_mutex_lock(&job->lock);
	tree_text(stuck->tree, &map, "op", job->op->name);
	tree_text(stuck->tree, &map, "in", slot ? slot_name(slot - 1) : "");
	tree_text(stuck->tree, &map, "type", job->type);
	tree_text(stuck->tree, &map, "network", job->nid);
	tree_text(stuck->tree, &map, "endpoint", job->eid);
	tree_int(stuck->tree, &map, "thread", atomic_load(&job->call_tid));
	tree_int(stuck->tree, &map, "seconds", slot ? (int64_t)((stuck->now - atomic_load(&job->call_since)) / NSEC_PER_SEC) : 0);
	tree_text(stuck->tree, &map, "by", job->requester);
	(void)pthread_mutex_unlock(&job->lock);
	tree_add(stuck->tree, &stuck->list, map);
}

static void add_hang(const struct transfer_hang *hang, void *data)
{
	struct stuck_list *stuck = data;
	struct ndrv_value map = {.type = NDRV_MAP};

	tree_text(stuck->tree, &map, "op", request_op_name(REQ_DRIVER_SWAP));
	tree_text(stuck->tree, &map, "in", slot_name(hang->slot));
	tree_text(stuck->tree, &map, "type", hang->type);
	tree_text(stuck->tree, &map, "network", hang->nid);
	tree_text(stuck->tree, &map, "endpoint", hang->eid);
	tree_int(stuck->tree, &map, "thread", hang->tid);
	tree_int(stuck->tree, &map, "seconds", (int64_t)((stuck->now - hang->since_ns) / NSEC_PER_SEC));
	tree_text(stuck->tree, &map, "by", "host");
	tree_add(stuck->tree, &stuck->list, map);
}

static void describe_calls(struct tree *tree, struct ndrv_value *map, struct dispatch *dispatch)
{
	struct stuck_list stuck = {.tree = tree, .list = {.type = NDRV_LIST}, .now = clock_ns()};
	struct executor_stats stats;

	executor_stats(dispatch->executor, &stats);
	tree_int(tree, map, "workers", stats.workers);
	tree_int(tree, map, "idle", stats.idle);
	tree_int(tree, map, "queued", stats.queued);
	tree_int(tree, map, "waiting", stats.waiting);
	tree_int(tree, map, "unfinished", stats.jobs);
	tree_int(tree, map, "expired", (int64_t)stats.expired);
	executor_each(dispatch->executor, add_stuck, &stuck);
	transfer_each_hang(dispatch, add_hang, &stuck);
	tree_set(tree, map, "stuck", stuck.list);
}

struct network_counts {
	struct tree *tree;
	struct ndrv_value unserved;
	int64_t networks, endpoints, stuck, orphans;
};

static int count_network(struct network *network, void *data)
{
	struct network_counts *counts = data;

	counts->networks++;
	counts->stuck += atomic_load(&network->stuck);
	if (turn_try(&network->turn)) {
		counts->endpoints += network->endpoint_count;
		counts->orphans += network->instance == NULL;
		if (!network->instance && network->unserved && !atomic_load(&network->gone)) {
			struct ndrv_value map = {.type = NDRV_MAP};
			tree_text(counts->tree, &map, "network", network->view.id);
			tree_text(counts->tree, &map, "type", network->type);
			describe_unserved(counts->tree, &map, network);
			tree_add(counts->tree, &counts->unserved, map);
		}
		turn_pass(&network->turn);
	}
	return 0;
}

struct type_list {
	struct tree *tree;
	struct records *records;
	struct ndrv_value list;
};

static const char *scope_name(uint32_t scope)
{
	return scope == NDRV_SCOPE_GLOBAL ? "global" : "local";
}

struct type_count {
	const char *type;
	int64_t networks;
};

static int count_of_type(struct network *network, void *data)
{
	struct type_count *count = data;

	count->networks += strcmp(network->type, count->type) == 0;
	return 0;
}

static int add_type(struct driver_type *type, void *data)
{
	struct type_list *types = data;
	struct tree *tree = types->tree;
	struct ndrv_value map = {.type = NDRV_MAP};
	struct type_count count = {.type = type->name};
	/* Instances are never freed before the registry. */
	const struct instance *instance = type_current(type);

	tree_text(tree, &map, "type", type->name);
	tree_bool(tree, &map, "loaded", instance != NULL);
	if (types->records)
		(void)records_each(types->records, count_of_type, &count);
	tree_int(tree, &map, "networks", count.networks);
	if (instance) {
		const struct generation *generation = instance->generation;
		tree_text(tree, &map, "driver", generation->name);
		tree_int(tree, &map, "generation", (int64_t)generation->number);
		tree_text(tree, &map, "scope", scope_name(instance->capability.data_scope));
		tree_text(tree, &map, "connectivity_scope", scope_name(instance->capability.connectivity_scope));
		tree_int(tree, &map, "calls", frames_count(generation));
		if (generation->module) {
			tree_text(tree, &map, "file", generation->module->path);
			tree_text(tree, &map, "version", generation->module->note.version);
			tree_text(tree, &map, "vendor", generation->module->note.vendor);
			tree_text(tree, &map, "sha256", generation->module->sha256);
		}
	}
	tree_add(tree, &types->list, map);
	return tree->rc;
}

static void describe_types(struct tree *tree, struct ndrv_value *map, struct dispatch *dispatch)
{
	struct type_list types = {.tree = tree, .records = dispatch->parts.records, .list = {.type = NDRV_LIST}};

	if (dispatch->parts.registry)
		(void)registry_each_type(dispatch->parts.registry, add_type, &types);
	tree_set(tree, map, "drivers", types.list);
}

int run_driver_list(struct job *job)
{
	struct tree tree = {.arena = &job->arena, .err = &job->reply.error};

	describe_types(&tree, &job->reply.value, job->dispatch);
	return tree.rc;
}

static void describe_images(struct tree *tree, struct ndrv_value *map, struct dispatch *dispatch)
{
	struct ndrv_value images = {.type = NDRV_MAP};
	struct registry_counts counts;

	if (!dispatch->parts.registry)
		return;
	registry_count(dispatch->parts.registry, &counts);
	tree_int(tree, &images, "live", counts.live);
	tree_int(tree, &images, "standby", counts.standby);
	tree_int(tree, &images, "retired", counts.retired);
	tree_int(tree, &images, "retired_bytes", (int64_t)counts.retired_bytes);
	tree_int(tree, &images, "refused", (int64_t)counts.refused);
	tree_set(tree, map, "images", images);
}

int run_status(struct job *job)
{
	struct dispatch *dispatch = job->dispatch;
	struct tree tree = {.arena = &job->arena, .err = &job->reply.error};
	struct ndrv_value *map = &job->reply.value;
	struct ndrv_value calls = {.type = NDRV_MAP}, mending = {.type = NDRV_MAP}, report = ndrv_null();
	struct ndrv_value owed = {.type = NDRV_LIST};
	struct network_counts counts = {.tree = &tree, .unserved = {.type = NDRV_LIST}};

	tree_text(&tree, map, "version", NDRV_VERSION);
	tree_int(&tree, map, "pid", getpid());
	tree_int(&tree, map, "uptime_seconds", (int64_t)((clock_ns() - dispatch->started_ns) / NSEC_PER_SEC));
	tree_text(&tree, map, "instance", dispatch->parts.config ? dispatch->parts.config->instance : "");
	(void)records_each(dispatch->parts.records, count_network, &counts);
	tree_int(&tree, map, "networks", counts.networks);
	tree_int(&tree, map, "endpoints", counts.endpoints);
	tree_int(&tree, map, "links_dying", dispatch->parts.hostns ? reaper_dying(hostns_reaper(dispatch->parts.hostns)) : 0);
	tree_int(&tree, map, "networks_stuck", counts.stuck);
	tree_int(&tree, map, "networks_without_driver", counts.orphans);
	tree_set(&tree, map, "networks_unserved", counts.unserved);
	mend_describe(dispatch, &tree, &mending);
	tree_set(&tree, map, "mending", mending);
	owed_describe(dispatch, &tree, &owed);
	tree_set(&tree, map, "owed", owed);
	tree_int(&tree, map, "dead_endpoints", (int64_t)atomic_load(&dispatch->dead_endpoints));
	describe_types(&tree, map, dispatch);
	describe_images(&tree, map, dispatch);
	describe_calls(&tree, &calls, dispatch);
	tree_set(&tree, map, "calls", calls);
	if (dispatch->parts.store && !tree.rc)
		tree.rc = store_report(dispatch->parts.store, &job->arena.ndrv, &report, &job->reply.error);
	tree_set(&tree, map, "state", report);
	rows_describe(dispatch, &tree, map);
	nat_describe(dispatch, &tree, map);
	/* What the layers above know (configuration, recovery) they add themselves. */
	if (!tree.rc && dispatch->extra)
		return dispatch->extra(dispatch->extra_data, &job->request, &job->reply);
	return tree.rc;
}
