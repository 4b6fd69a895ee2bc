/* SPDX-License-Identifier: Apache-2.0 */
/* Records from disk become live again, network by network, each as a job that the watchdog watches: a driver that hangs keeps its
 * network from being served, and the others of its networks waiting, but not the start. A network whose driver took the host with
 * it is set aside. A network whose driver is not there (yet) is kept as it is; once the driver is loaded, the same walk takes it
 * up, and passes over all that serve already. */
#include "host/dispatch/recovering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/attempt.h"
#include "host/dispatch/handles.h"
#include "host/dispatch/mend.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/pools.h"
#include "host/dispatch/reconcile.h"
#include "host/dispatch/record_io.h"
#include "host/dispatch/rows.h"
#include "host/dispatch/steps.h"
#include "host/dispatch/unserved.h"

#define LOOK_NS (5 * NSEC_PER_MSEC)
#define MEMORY (16u << 20)

/* --- what was found --- */

void recovery_init(struct recovery *recovery, struct dispatch *dispatch, struct arena *arena)
{
	const struct ndrv_value list = {.type = NDRV_LIST};

	*recovery = (struct recovery){
		.dispatch = dispatch, .arena = arena, .lost = list, .failed = list, .aside = list, .waiting = list};
	recovery->tree = (struct tree){.arena = arena, .err = &recovery->error};
}

void recovery_note(struct recovery *recovery, struct ndrv_value *list, const struct network *network,
		   const struct endpoint *endpoint, const char *why)
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

static void add_list(struct tree *tree, struct ndrv_value *into, const struct ndrv_value *from)
{
	for (uint32_t i = 0; i < from->count && !tree->rc; i++) {
		struct ndrv_value copy = ndrv_null();
		tree->rc = ndrv_value_copy(&tree->arena->ndrv, &from->u.items[i], &copy, tree->err);
		tree_add(tree, into, copy);
	}
}

static void add_up(struct recovery *all, const struct recovery *one)
{
	all->networks += one->networks;
	all->endpoints += one->endpoints;
	all->undone += one->undone;
	all->redone += one->redone;
	add_list(&all->tree, &all->lost, &one->lost);
	add_list(&all->tree, &all->failed, &one->failed);
}

static int lease_endpoint(struct endpoint *endpoint, void *data)
{
	struct ndrv_error err = {0};

	if (endpoint->state != RECORD_CREATING && endpoint_lease_again(data, endpoint, &err))
		log_warning("recover", "endpoint %s: %s", endpoint->view.id, err.text);
	return 0;
}

void recovery_lease_endpoints(struct dispatch *dispatch, struct network *network)
{
	(void)network_each_endpoint(network, lease_endpoint, dispatch);
}

/* --- one network, watched --- */

/* Of the walk and of the job; whoever lets go of it last frees it. */
struct watched {
	struct recovery recovery;
	struct arena arena;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool finished, left;
};

static void watched_free(struct watched *watched)
{
	arena_reset(&watched->arena);
	(void)pthread_mutex_destroy(&watched->lock);
	(void)pthread_cond_destroy(&watched->changed);
	free(watched);
}

static int run_recover(struct job *job)
{
	struct watched *watched = job->own_data;

	recover_network(&watched->recovery);
	attempt_end(job->attempt);
	job->attempt = NULL;
	return 0;
}

/* After the turn was passed. */
static void recover_done(struct job *job)
{
	struct watched *watched = job->own_data;
	struct dispatch *dispatch = job->dispatch;

	(void)pthread_mutex_lock(&watched->lock);
	bool left = watched->left;
	watched->finished = true;
	(void)pthread_cond_signal(&watched->changed);
	(void)pthread_mutex_unlock(&watched->lock);
	if (!left)
		return;
	executor_lend(dispatch->executor, -1);
	watched_free(watched);
	mend_networks(dispatch);
}

static const struct op recover_op = {
	.op = REQ_COUNT, .name = "recover", .flags = OP_MUTATES, .slot = OP_NO_SLOT, .run = run_recover};

static struct watched *watched_new(struct dispatch *dispatch)
{
	struct watched *watched = calloc(1, sizeof(*watched));
	pthread_condattr_t attr;

	if (!watched)
		return NULL;
	arena_init(&watched->arena, MEMORY);
	recovery_init(&watched->recovery, dispatch, &watched->arena);
	(void)pthread_mutex_init(&watched->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&watched->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	return watched;
}

/* False: the watchdog gave it up first; the job has `watched` from then on. */
static bool await(struct watched *watched, const struct job *job)
{
	(void)pthread_mutex_lock(&watched->lock);
	while (!watched->finished && !job_late(job)) {
		uint64_t until = clock_ns() + LOOK_NS;
		struct timespec at = {.tv_sec = (time_t)(until / NSEC_PER_SEC), .tv_nsec = (long)(until % NSEC_PER_SEC)};
		(void)pthread_cond_timedwait(&watched->changed, &watched->lock, &at);
	}
	bool finished = watched->finished;
	watched->left = !finished;
	(void)pthread_mutex_unlock(&watched->lock);
	return finished;
}

static const char *content_of(const struct instance *instance)
{
	const struct generation *generation = instance->generation;

	return generation->module ? generation->module->sha256 : generation->name;
}

/* The job takes over the turn and a reference. NULL: out of memory, or the host ends; the turn stays ours. */
static struct job *start_job(struct dispatch *dispatch, struct network *network, struct watched *watched, struct ndrv_error *err)
{
	const struct config *config = dispatch->parts.config;
	struct instance *instance = network->instance;
	struct job *job = job_new_own(dispatch, network->type);

	if (!job) {
		(void)ndrv_fail_errno(err, ENOMEM, "recover it");
		return NULL;
	}
	watched->recovery.job = job;
	job->recovers = instance->generation;
	job->op = &recover_op;
	job->own_data = watched;
	job->own_done = recover_done;
	job->renew_ns = config && config->calls.deadline_ns ? config->calls.deadline_ns : CALL_DEFAULT_NS;
	job->deadline_ns = clock_ns() + job->renew_ns;
	job->attempt = attempt_begin(dispatch->attempts, network->view.id, content_of(instance));
	network_ref(network);
	job_own_turn(job, network);
	job_name_ids(job, network->type, network->view.id, NULL);
	job_ref(job);
	if (!executor_add(dispatch->executor, job, err))
		return job;
	attempt_end(job->attempt);
	(void)pthread_mutex_lock(&job->lock);
	job->has_turn = false;
	job->network = NULL;
	(void)pthread_mutex_unlock(&job->lock);
	network_unref(network);
	job_unref(job);
	job_unref(job);
	return NULL;
}

static void give_up(struct recovery *all, struct network *network, const struct ndrv_error *why)
{
	network->instance = NULL;
	network_unserve(network, why);
	recovery_lease_endpoints(all->dispatch, network);
	recovery_note(all, &all->failed, network, NULL, why->text);
	turn_pass(&network->turn);
}

/* With the turn, which is passed on when it returns, or later. */
static void recover_watched(struct recovery *all, struct network *network)
{
	struct dispatch *dispatch = all->dispatch;
	struct watched *watched = watched_new(dispatch);
	struct ndrv_error err = {0};
	struct job *job = NULL;

	if (watched)
		job = start_job(dispatch, network, watched, &err);
	else
		(void)ndrv_fail_errno(&err, ENOMEM, "recover it");
	if (!job) {
		give_up(all, network, &err);
		if (watched)
			watched_free(watched);
		return;
	}
	if (await(watched, job)) {
		add_up(all, &watched->recovery);
		watched_free(watched);
	} else {
		/* A thread for the others in place of the one that hangs. */
		executor_lend(dispatch->executor, 1);
		(void)job_blocked(dispatch, network, &err);
		recovery_note(all, &all->waiting, network, NULL, err.text);
	}
	job_unref(job);
}

/* --- all networks --- */

struct walk {
	struct recovery all;
	struct asides asides;
	bool again; /* only what failed for a reason that may have passed */
};

struct hanging {
	const struct generation *generation;
	struct ndrv_error *err;
	bool found;
};

/* Under the executor's lock. */
static void find_hanging(struct job *job, void *data)
{
	struct hanging *hanging = data;

	if (hanging->found || job->op != &recover_op || !job_late(job))
		return;
	(void)pthread_mutex_lock(&job->lock);
	if (job->recovers == hanging->generation) {
		(void)ndrv_fail(
			hanging->err, NDRV_E_RETRY,
			"its driver \"%s\" hangs while it recovers network %s (thread %d): this one waits until that is over",
			hanging->generation->name, job->nid, (int)atomic_load(&job->call_tid));
		hanging->found = true;
	}
	(void)pthread_mutex_unlock(&job->lock);
}

static bool is_hanging(struct dispatch *dispatch, const struct instance *instance, struct ndrv_error *err)
{
	struct hanging hanging = {.generation = instance->generation, .err = err};

	executor_each(dispatch->executor, find_hanging, &hanging);
	return hanging.found;
}

/* This content took the host with it, now or before. Another one is given its chance. */
static bool is_fatal(struct walk *walk, const struct network *network, const char *sha256, struct ndrv_error *err)
{
	struct dispatch *dispatch = walk->all.dispatch;
	const struct aside *aside = asides_find(&walk->asides, network->view.id);

	if (attempts_fatal(dispatch->attempts, network->view.id, sha256, err)) {
		if (aside_keep(dispatch, network->view.id, sha256, err->text))
			attempts_settle(dispatch->attempts, network->view.id);
		return true;
	}
	if (!aside)
		return false;
	if (strcmp(aside->sha256, sha256) == 0) {
		(void)ndrv_fail(err, NDRV_E_NO_SERVICE, "%s", aside->why);
		return true;
	}
	aside_forget(dispatch, network->view.id);
	return false;
}

static void set_aside(struct walk *walk, struct network *network, struct ndrv_error *err)
{
	struct recovery *all = &walk->all;

	network->instance = NULL;
	(void)ndrv_wrap(err, -err->code, "network %.64s is set aside, swap its driver \"%.32s\" for another version",
			network->view.id, network->type);
	network_unserve(network, err);
	recovery_lease_endpoints(all->dispatch, network);
	recovery_note(all, &all->aside, network, NULL, err->text);
}

static void let_wait(struct walk *walk, struct network *network, const struct ndrv_error *why)
{
	network->instance = NULL;
	network_unserve(network, why);
	if (walk->again)
		return;
	recovery_lease_endpoints(walk->all.dispatch, network);
	recovery_note(&walk->all, &walk->all.waiting, network, NULL, why->text);
}

static void leave_orphan(struct recovery *all, struct network *network)
{
	recovery_lease_endpoints(all->dispatch, network);
	network_unserve(network, NULL);
	all->orphans++;
	log_warning("recover", "network %s is kept without its driver \"%s\", which is not loaded", network->view.id,
		    network->type);
}

/* With the turn, which it passes. */
static void take_up(struct walk *walk, struct network *network)
{
	struct recovery *all = &walk->all;
	struct dispatch *dispatch = all->dispatch;
	struct ndrv_error err = {0};

	network->view.size = sizeof(network->view);
	network->view.ops = &handles_network_ops;
	if (network_lease_again(dispatch, network, &err))
		recovery_note(all, &all->failed, network, NULL, err.text);
	ndrv_error_clear(&err);
	network->driver = registry_type(dispatch->parts.registry, network->type);
	network->instance = network->driver ? type_current(network->driver) : NULL;
	if (rows_open_network(dispatch, network, &err))
		recovery_note(all, &all->failed, network, NULL, err.text);
	ndrv_error_clear(&err);
	rows_confirm_network(dispatch, network);
	if (!network->instance) {
		leave_orphan(all, network);
	} else if (is_fatal(walk, network, content_of(network->instance), &err)) {
		set_aside(walk, network, &err);
	} else if (is_hanging(dispatch, network->instance, &err)) {
		let_wait(walk, network, &err);
	} else {
		recover_watched(all, network);
		return;
	}
	turn_pass(&network->turn);
}

static int visit(struct network *network, void *data)
{
	struct walk *walk = data;
	struct recovery *all = &walk->all;

	if (atomic_load(&network->stuck) || !turn_wait(&network->turn, clock_ns() + (walk->again ? NSEC_PER_SEC : CALL_DEFAULT_NS)))
		return all->tree.rc; /* somebody is at work on it: it is served, or comes back to us by itself */
	if (!atomic_load(&network->gone) && !network->instance && (!walk->again || unserved_may_pass(network)))
		take_up(walk, network);
	else
		turn_pass(&network->turn);
	return all->tree.rc;
}

static int walk_all(struct walk *walk)
{
	struct dispatch *dispatch = walk->all.dispatch;

	/* A reload waits for the jobs on a worker, which may be the only one. */
	bool lends = executor_is_worker();

	asides_load(dispatch, walk->all.arena, &walk->asides);
	if (lends)
		executor_lend(dispatch->executor, 1);
	int rc = records_each(dispatch->parts.records, visit, walk);
	if (lends)
		executor_lend(dispatch->executor, -1);
	return rc;
}

static int count_waiting(struct network *network, void *data)
{
	uint32_t *count = data;

	if (turn_try(&network->turn)) {
		*count += !atomic_load(&network->gone) && !network->instance && unserved_may_pass(network);
		turn_pass(&network->turn);
	}
	return 0;
}

uint32_t recover_again(struct dispatch *dispatch)
{
	struct walk walk = {.again = true};
	uint32_t count = 0;
	struct arena arena;

	(void)records_each(dispatch->parts.records, count_waiting, &count);
	if (!count)
		return 0;
	arena_init(&arena, MEMORY);
	recovery_init(&walk.all, dispatch, &arena);
	(void)walk_all(&walk);
	if (walk.all.networks)
		log_info("recover", "%lld networks are served after all", (long long)walk.all.networks);
	arena_reset(&arena);
	count = 0;
	(void)records_each(dispatch->parts.records, count_waiting, &count);
	return count;
}

static void report_walk(const struct recovery *all, struct tree *tree, struct ndrv_value *ret)
{
	tree_int(tree, ret, "networks", all->networks);
	tree_int(tree, ret, "endpoints", all->endpoints);
	tree_int(tree, ret, "undone", all->undone);
	tree_int(tree, ret, "redone", all->redone);
	tree_int(tree, ret, "orphans", all->orphans);
	tree_int(tree, ret, "lost", all->lost.count);
	tree_int(tree, ret, "failed", all->failed.count);
	tree_set(tree, ret, "lost_endpoints", all->lost);
	tree_set(tree, ret, "failures", all->failed);
	tree_set(tree, ret, "set_aside", all->aside);
	tree_set(tree, ret, "waiting", all->waiting);
}

int dispatch_recover(struct dispatch *dispatch, struct arena *arena, struct ndrv_value *ret_report, struct ndrv_error *err)
{
	struct walk walk = {0};
	struct tree *tree = &walk.all.tree;

	recovery_init(&walk.all, dispatch, arena);
	tree->err = err;
	int rc = walk_all(&walk);
	if (rc)
		return rc;
	rows_settle(dispatch);
	atomic_store(&dispatch->watches_sandboxes, true);
	owed_load(dispatch);
	pools_settle(dispatch->pools);
	if (walk.all.waiting.count || walk.all.failed.count)
		mend_networks(dispatch);
	struct stray_report strays;
	struct ndrv_error why = {0};
	/* Links of endpoints that only the files have lost are somebody's: those go when an administrator says so. And what a crash
	 * left must not keep the host from serving what it has. */
	bool whole = dispatch->parts.store && store_is_whole(dispatch->parts.store);
	int failed = reconcile_links(dispatch, arena, !whole, &strays, &why);
	if (failed)
		log_warning("recover", "what belongs to no record was not looked for: %s", why.text);
	if ((failed || strays.failed) && whole)
		mend_all(dispatch);
	*ret_report = (struct ndrv_value){.type = NDRV_MAP};
	reconcile_nat(dispatch, whole, tree, ret_report);
	report_walk(&walk.all, tree, ret_report);
	tree_bool(tree, ret_report, "stray_links_removed", whole);
	describe_strays(tree, ret_report, &strays);
	return tree->rc;
}
