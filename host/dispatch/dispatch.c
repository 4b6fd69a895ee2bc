/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/attempt.h"
#include "host/dispatch/gate.h"
#include "host/dispatch/mend.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/pools.h"
#include "host/dispatch/steps.h"
#include "host/dispatch/twin.h"
#include "host/dispatch/unserved.h"

int dispatch_new(const struct dispatch_parts *parts, struct dispatch **ret, struct ndrv_error *err)
{
	struct dispatch *dispatch = calloc(1, sizeof(*dispatch));

	if (!dispatch)
		return ndrv_fail_errno(err, ENOMEM, "start the dispatcher");
	dispatch->parts = *parts;
	dispatch->started_ns = clock_ns();
	(void)pthread_mutex_init(&dispatch->create_lock, NULL);
	(void)pthread_mutex_init(&dispatch->sinks_lock, NULL);
	(void)pthread_mutex_init(&dispatch->hangs_lock, NULL);
	gates_init(dispatch);
	dispatch->metrics = metrics_new();
	dispatch->owed = owed_new();
	int rc = dispatch->metrics && dispatch->owed ? 0 : ndrv_fail_errno(err, ENOMEM, "start the dispatcher");
	const struct config *config = parts->config;
	if (!rc)
		rc = executor_new(config ? config->calls.workers : 4, config ? config->calls.max_workers : 64, &dispatch->executor,
				  err);
	if (!rc)
		rc = mender_start(dispatch, &dispatch->mender, err);
	if (!rc && config && config->runtime_dir && config->runtime_dir[0])
		rc = attempts_open(config->runtime_dir, &dispatch->attempts, err);
	if (!rc && parts->ipam)
		rc = pools_open(dispatch, &dispatch->pools, err);
	if (rc) {
		dispatch_free(dispatch);
		return rc;
	}
	*ret = dispatch;
	return 0;
}

static int release_endpoint(struct endpoint *endpoint, void *data)
{
	struct instance *instance = data;

	instance->ops.release(instance->self, &endpoint->network->view, &endpoint->view);
	return 0;
}

/* The kernel's objects stay; what drivers hung on the records is theirs to free. A network that a driver is still at work on keeps
 * it. */
static int release_network(struct network *network, void *data)
{
	struct instance *instance = network->instance;

	(void)data;
	if (!instance || !turn_try(&network->turn))
		return 0;
	twin_drop_network(network);
	network->instance = NULL;
	if (INSTANCE_HAS(instance, release)) {
		frame_enter(instance, network, NULL, OPS_SLOT(release));
		(void)network_each_endpoint(network, release_endpoint, instance);
		instance->ops.release(instance->self, &network->view, NULL);
		frame_leave();
	}
	turn_pass(&network->turn);
	return 0;
}

bool dispatch_stop(struct dispatch *dispatch, uint64_t deadline_ns)
{
	if (dispatch->mender && !dispatch->halted)
		mender_halt(dispatch->mender);
	dispatch->halted = true;
	if (!dispatch->executor)
		return true;
	if (!executor_stop(dispatch->executor, deadline_ns)) {
		attempts_excuse(dispatch->attempts);
		return false;
	}
	executor_free(dispatch->executor);
	dispatch->executor = NULL;
	owed_flush(dispatch);
	(void)records_each(dispatch->parts.records, release_network, NULL);
	return true;
}

/* A driver that never comes back keeps the executor's memory: its thread still has it. */
void dispatch_free(struct dispatch *dispatch)
{
	bool stuck = dispatch->executor != NULL;

	if (stuck && !dispatch_stop(dispatch, clock_ns()))
		return;
	attempts_close(dispatch->attempts);
	if (dispatch->mender && !dispatch->halted)
		mender_halt(dispatch->mender);
	if (dispatch->mender)
		mender_free(dispatch->mender);
	owed_free(dispatch->owed);
	pools_close(dispatch->pools);
	metrics_free(dispatch->metrics);
	(void)pthread_mutex_destroy(&dispatch->create_lock);
	(void)pthread_mutex_destroy(&dispatch->sinks_lock);
	(void)pthread_mutex_destroy(&dispatch->hangs_lock);
	gates_done(dispatch);
	free(dispatch);
}

void dispatch_set_extra(struct dispatch *dispatch, dispatch_extra extra, void *data)
{
	dispatch->extra = extra;
	dispatch->extra_data = data;
}

/* --- submission --- */

static struct job *job_new(struct dispatch *dispatch, struct request *request, struct reply *reply)
{
	struct job *job = calloc(1, sizeof(*job));
	const struct config *config = dispatch->parts.config;
	uint64_t limit = config && config->calls.memory ? config->calls.memory : CALL_MEMORY;

	if (!job)
		return NULL;
	job->dispatch = dispatch;
	job->theirs = request;
	job->their_reply = reply;
	job->op = op_of(request->op);
	job->started_ns = clock_ns();
	uint64_t deadline = config && config->calls.deadline_ns ? config->calls.deadline_ns : CALL_DEFAULT_NS;
	job->deadline_ns = request->deadline_ns ? request->deadline_ns : job->started_ns + deadline;
	arena_init(&job->arena, limit);
	(void)pthread_mutex_init(&job->lock, NULL);
	atomic_init(&job->refs, 1);
	const struct caller *caller = &request->caller;
	if (caller->front == NDRV_FRONT_HOST)
		(void)snprintf(job->requester, sizeof(job->requester), "host");
	else
		(void)snprintf(job->requester, sizeof(job->requester), "uid %u pid %u", caller->uid, caller->pid);
	return job;
}

/* Takes the job on its way; on failure it is the caller's still. */
static int start(struct dispatch *dispatch, struct job *job, struct ticket **ret_ticket, struct ndrv_error *err)
{
	const struct request *request = &job->request;
	int rc = request_copy(&job->arena, job->theirs, &job->request, err);

	if (rc)
		return rc;
	job_name_ids(job, request->type, request->network ? request->network : request->new_id, request->endpoint);
	if (ret_ticket)
		*ret_ticket = (struct ticket *)job;
	return executor_add(dispatch->executor, job, err);
}

void dispatch_submit(struct dispatch *dispatch, struct request *request,
		     void (*done)(struct request *request, struct reply *reply, void *data), void *data, struct ticket **ret_ticket)
{
	static struct reply no_memory = {
		.error = {.code = NDRV_E_NO_SERVICE, .kind = NDRV_KIND_NO_SERVICE, .text = "out of memory"}};
	struct reply *reply = arena_alloc(request->arena, sizeof(*reply));
	struct ndrv_error error = {0};
	struct job *job = NULL;

	if (ret_ticket)
		*ret_ticket = NULL;
	if (!op_of(request->op))
		(void)ndrv_fail(&error, NDRV_E_NOT_IMPLEMENTED, "unknown operation %u", (unsigned)request->op);
	else if (reply)
		job = job_new(dispatch, request, reply);
	if (job) {
		job->done = done;
		job->done_data = data;
		if (!start(dispatch, job, ret_ticket, &error))
			return;
		job_unref(job);
		if (ret_ticket)
			*ret_ticket = NULL;
	}
	if (!error.code || !reply)
		reply = &no_memory;
	else
		reply->error = error;
	if (request->by_docker && op_of(request->op) && (op_of(request->op)->flags & OP_DELETES))
		owed_note(dispatch, request->op, request->network, request->endpoint, &reply->error);
	done(request, reply, data);
}

struct job *job_new_own(struct dispatch *dispatch, const char *name)
{
	static const struct op own = {.op = REQ_COUNT, .name = "recover", .flags = OP_MUTATES, .slot = OP_NO_SLOT};
	static struct request nobody = {.op = REQ_STATUS, .id = "", .caller = {.role = ROLE_ADMIN}};
	struct job *job = job_new(dispatch, &nobody, NULL);

	if (!job)
		return NULL;
	job->op = &own;
	job->request = nobody;
	job->type = name;
	(void)snprintf(job->requester, sizeof(job->requester), "host");
	return job;
}

void job_free_own(struct job *job)
{
	job_pass_turn(job);
	job_unref(job);
}

void dispatch_cancel(struct dispatch *dispatch, struct ticket *ticket)
{
	if (ticket)
		executor_cancel(dispatch->executor, (struct job *)ticket);
}

struct waiting {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct reply *reply;
	bool done;
};

static void wake_waiting(struct request *request, struct reply *reply, void *data)
{
	struct waiting *waiting = data;

	(void)request;
	(void)pthread_mutex_lock(&waiting->mutex);
	*waiting->reply = *reply;
	waiting->done = true;
	(void)pthread_cond_signal(&waiting->cond);
	(void)pthread_mutex_unlock(&waiting->mutex);
}

void dispatch_run(struct dispatch *dispatch, struct request *request, struct reply *reply)
{
	struct waiting waiting = {.reply = reply};

	(void)pthread_mutex_init(&waiting.mutex, NULL);
	(void)pthread_cond_init(&waiting.cond, NULL);
	dispatch_submit(dispatch, request, wake_waiting, &waiting, NULL);
	(void)pthread_mutex_lock(&waiting.mutex);
	while (!waiting.done)
		(void)pthread_cond_wait(&waiting.cond, &waiting.mutex);
	(void)pthread_mutex_unlock(&waiting.mutex);
	(void)pthread_cond_destroy(&waiting.cond);
	(void)pthread_mutex_destroy(&waiting.mutex);
}

/* --- running --- */

/* The network an op names, with a reference. */
static int find_network(struct job *job, struct network **ret, struct ndrv_error *err)
{
	struct records *records = job->dispatch->parts.records;
	const char *id = job->request.network;

	if (job->op->flags & OP_BY_NAME)
		return records_resolve(records, id, ret, err);
	epoch_enter();
	struct network *network = records_find(records, id);
	if (network)
		network_ref(network);
	epoch_leave();
	*ret = network;
	return network ? 0 : ndrv_fail_object(err, NDRV_E_NO_NETWORK, id);
}

/* 1: the job has the turn of a network that is still there. 0: it waits, hands off. */
static int take_network(struct job *job, struct ndrv_error *err)
{
	for (;;) {
		if (job->has_turn && !atomic_load(&job->network->gone))
			return 1;
		/* Deleted while we waited: there may be another one of this id by now. */
		job_pass_turn(job);
		struct network *network;
		int rc = find_network(job, &network, err);
		if (rc)
			return rc;
		job_name_ids(job, NULL, network->view.id, NULL);
		rc = job_take_turn(job, network, err);
		if (rc != 1)
			return rc;
	}
}

/* A network without its driver can still be deleted by force. */
static int check_served(const struct job *job, const struct network *network, struct ndrv_error *err)
{
	if (network->instance || !network->unserved || job->op->slot == OP_NO_SLOT ||
	    ((job->op->flags & OP_ORPHAN_OK) && job->request.force))
		return 0;
	if (err)
		*err = *network->unserved;
	return -network->unserved->code;
}

static int run_on_network(struct job *job, struct ndrv_error *err)
{
	struct network *network = job->network;
	const struct driver_type *type = network->driver;

	/* The network's own copy of its type may go with it while the log still wants it: the registry's is for ever. */
	const char *name = type ? type->name : arena_strdup(&job->arena, network->type);
	job_name_ids(job, name ? name : "-", network->view.id, NULL);
	int rc = check_served(job, network, err);
	if (!rc && network->state != RECORD_LIVE && (network->instance || !network->unserved))
		rc = ndrv_fail_object(err, NDRV_E_NO_NETWORK, network->view.id);
	if (!rc)
		rc = op_check_driver(job->op, job->dispatch->parts.config, network->type, network->instance, err);
	if (!rc)
		rc = op_check_endpoint(job->op, &job->request, network, &job->endpoint, err);
	if (!rc && job->endpoint)
		job_name_ids(job, NULL, NULL, job->endpoint->view.id);
	if (rc)
		return rc;
	if (job->endpoint)
		job->endpoint->changes += (job->op->flags & OP_MUTATES) != 0;
	else if (!(job->op->flags & OP_NEW_ENDPOINT))
		network->changes += (job->op->flags & OP_MUTATES) != 0;
	return job->op->run(job);
}

static int run_on_driver(struct job *job, struct ndrv_error *err)
{
	struct instance *instance = NULL;

	/* It waited for a network that went meanwhile: without it, the job stands before the gate like any other. */
	if (job->has_turn && atomic_load(&job->network->gone))
		job_pass_turn(job);
	if (!job->has_turn && !gate_enter(job))
		return JOB_WAITS;
	int rc = registry_find(job->dispatch->parts.registry, job->request.type, &instance, err);
	if (!rc)
		rc = op_check_driver(job->op, job->dispatch->parts.config, job->request.type, instance, err);
	if (!rc)
		rc = job->op->run(job);
	if (rc != JOB_WAITS)
		gate_leave(job);
	return rc;
}

/* 0 with `ret_waits`: somebody else goes on with the job. */
static int run(struct job *job, bool *ret_waits)
{
	struct ndrv_error *err = &job->reply.error;
	int rc = job_check(job, err);

	*ret_waits = false;
	if (!rc)
		rc = op_check_request(job->op, &job->request, err);
	if (rc)
		return rc;
	if (job->op->flags & OP_NETWORK) {
		rc = take_network(job, err);
		*ret_waits = rc == 0;
		return rc == 1 ? run_on_network(job, err) : rc;
	}
	if (job->op->flags & OP_DRIVER) {
		rc = run_on_driver(job, err);
		*ret_waits = rc == JOB_WAITS;
		return rc == JOB_WAITS ? 0 : rc;
	}
	if (job->op->flags & OP_UPPER) {
		if (!job->dispatch->extra)
			return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "%s is not served here", job->op->name);
		return job->dispatch->extra(job->dispatch->extra_data, &job->request, &job->reply);
	}
	rc = job->op->run(job);
	*ret_waits = rc == JOB_WAITS;
	return rc == JOB_WAITS ? 0 : rc;
}

void job_step(struct job *job)
{
	bool waits = false;
	int rc = run(job, &waits);

	if (waits)
		return;
	if (rc && !job->reply.error.code)
		(void)ndrv_fail(&job->reply.error, -rc, "%s failed", job->op->name);
	if (!rc)
		ndrv_error_clear(&job->reply.error);
	job_finish(job);
}
