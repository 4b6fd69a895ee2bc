/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/attempt.h"
#include "host/dispatch/core.h"
#include "host/dispatch/handles.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/transfer.h"

void job_ref(struct job *job)
{
	(void)atomic_fetch_add(&job->refs, 1);
}

void job_unref(struct job *job)
{
	if (atomic_fetch_sub(&job->refs, 1) != 1)
		return;
	(void)pthread_mutex_destroy(&job->lock);
	arena_reset(&job->arena);
	free(job);
}

int job_check(const struct job *job, struct ndrv_error *err)
{
	if (atomic_load_explicit(&job->cancelled, memory_order_acquire))
		return ndrv_fail_object(err, NDRV_E_CANCELLED, job->op->name);
	if (job_late(job) || clock_ns() >= job->deadline_ns)
		return ndrv_fail_object(err, NDRV_E_TIMEOUT, job->op->name);
	return 0;
}

static void copy_id(char *into, const char *id)
{
	size_t length = id ? strnlen(id, NDRV_ID_MAX) : 0;

	if (length)
		memcpy(into, id, length);
	into[length] = '\0';
}

void job_name_ids(struct job *job, const char *type, const char *nid, const char *eid)
{
	(void)pthread_mutex_lock(&job->lock);
	if (type)
		job->type = type;
	if (nid)
		copy_id(job->nid, nid);
	if (eid)
		copy_id(job->eid, eid);
	(void)pthread_mutex_unlock(&job->lock);
}

/* --- the turn --- */

static void turn_is_mine(struct turn_waiter *waiter)
{
	struct job *job = (struct job *)(void *)((char *)waiter - offsetof(struct job, waiter));

	(void)pthread_mutex_lock(&job->lock);
	job->has_turn = true;
	(void)pthread_mutex_unlock(&job->lock);
	executor_wake(job->dispatch->executor, job);
}

void job_own_turn(struct job *job, struct network *network)
{
	(void)pthread_mutex_lock(&job->lock);
	job->network = network;
	job->has_turn = true;
	(void)pthread_mutex_unlock(&job->lock);
}

int job_take_turn(struct job *job, struct network *network, struct ndrv_error *err)
{
	job->network = network;
	if (atomic_load(&network->stuck)) {
		job->network = NULL;
		int rc = job_blocked(job->dispatch, network, err);
		network_unref(network);
		return rc;
	}
	if (turn_try(&network->turn)) {
		job_own_turn(job, network);
		return 1;
	}
	struct executor *executor = job->dispatch->executor;
	job->waiter.mine = turn_is_mine;
	/* Once the job waits, another thread may run and finish it. */
	job_ref(job);
	network_ref(network);
	executor_waits(executor, job, network);
	int rc = turn_take(&network->turn, &job->waiter);
	if (rc) {
		executor_waits(executor, job, NULL);
		job_own_turn(job, network);
	} else if ((atomic_load(&network->stuck) || job_late(job)) && turn_withdraw(&network->turn, &job->waiter)) {
		/* The watchdog marks the network stuck and then refuses those it finds waiting; who came between is found here. */
		struct ndrv_error busy = {0};
		executor_waits(executor, job, NULL);
		(void)job_blocked(job->dispatch, network, &busy);
		(void)job_expire(job, &busy);
		job_finish(job);
	}
	network_unref(network);
	job_unref(job); /* NOLINT(clang-analyzer-unix.Malloc): the reference taken above is there still */
	return rc;
}

void job_pass_turn(struct job *job)
{
	(void)pthread_mutex_lock(&job->lock);
	bool had = job->has_turn;
	bool stuck = job->marked_stuck;
	struct network *network = job->network;
	job->has_turn = false;
	job->marked_stuck = false;
	job->network = NULL;
	job->endpoint = NULL;
	(void)pthread_mutex_unlock(&job->lock);
	if (stuck)
		atomic_store(&network->stuck, false);
	if (had)
		turn_pass(&network->turn);
	if (network)
		network_unref(network);
}

void job_calls(struct job *job, uint32_t slot)
{
	if (job->renew_ns)
		executor_renew(job->dispatch->executor, job, clock_ns() + job->renew_ns);
	attempt_call(job->attempt, slot_name(slot), job->eid);
}

struct blocking {
	const struct network *network;
	struct ndrv_error *err;
	bool found;
};

/* Under the executor's lock. */
static void find_blocker(struct job *job, void *data)
{
	struct blocking *blocking = data;

	(void)pthread_mutex_lock(&job->lock);
	uint32_t slot = atomic_load(&job->call_slot);
	if (!blocking->found && job->marked_stuck && job->network == blocking->network && slot) {
		(void)ndrv_fail(
			blocking->err, NDRV_E_NETWORK_BUSY,
			"network %s is busy with a call that passed its deadline, try again: %s%s%s by %s has been in %s of "
			"driver \"%s\" for %.1f s (thread %d)",
			job->nid, job->op->name, job->eid[0] ? " on endpoint " : "", job->eid, job->requester, slot_name(slot - 1),
			job->type ? job->type : "-", (double)(clock_ns() - atomic_load(&job->call_since)) / 1e9,
			(int)atomic_load(&job->call_tid));
		blocking->found = true;
	}
	(void)pthread_mutex_unlock(&job->lock);
}

/* A call of a swap: about this network, or (commit) about all of its type. */
static void find_hang(const struct transfer_hang *hang, void *data)
{
	struct blocking *blocking = data;
	const struct network *network = blocking->network;

	if (blocking->found || strcmp(hang->nid[0] ? hang->nid : hang->type, hang->nid[0] ? network->view.id : network->type) != 0)
		return;
	(void)ndrv_fail(blocking->err, NDRV_E_NETWORK_BUSY,
			"network %s is busy with a swap, try again: it has been in %s of driver \"%s\" for %.1f s (thread %d)",
			network->view.id, slot_name(hang->slot), hang->type, (double)(clock_ns() - hang->since_ns) / 1e9,
			(int)hang->tid);
	blocking->found = true;
}

int job_blocked(struct dispatch *dispatch, const struct network *network, struct ndrv_error *err)
{
	struct blocking blocking = {.network = network, .err = err};

	executor_each(dispatch->executor, find_blocker, &blocking);
	transfer_each_hang(dispatch, find_hang, &blocking);
	return blocking.found ? -NDRV_E_NETWORK_BUSY : ndrv_fail_object(err, NDRV_E_NETWORK_BUSY, network->view.id);
}

/* --- the answer --- */

static int level_of(const struct job *job, uint32_t kind)
{
	if (kind == NDRV_KIND_OK)
		return job->op->flags & OP_MUTATES ? NDRV_LOG_INFO : NDRV_LOG_DEBUG;
	return kind == NDRV_KIND_INTERNAL || kind == NDRV_KIND_TIMEOUT ? NDRV_LOG_ERROR : NDRV_LOG_INFO;
}

static void log_answer(struct job *job, const struct ndrv_error *error, uint64_t ns)
{
	if (job->dispatch->parts.quiet)
		return;
	int level = level_of(job, error->code ? error->kind : NDRV_KIND_OK);
	if (log_level() < level)
		return;
	log_write(level, "dispatch", "op=%s type=%s net=%s ep=%s rc=%s ms=%llu.%03llu by=%s%s%s", job->op->name,
		  job->type ? job->type : "-", job->nid[0] ? job->nid : "-", job->eid[0] ? job->eid : "-",
		  ndrv_error_name(error->code), (unsigned long long)(ns / 1000000u), (unsigned long long)(ns / 1000u % 1000u),
		  job->requester, error->code ? ": " : "", error->code ? error->text : "");
}

static void tell(struct job *job, const struct ndrv_error *error)
{
	uint64_t ns = clock_ns() - job->started_ns;

	if (job->own_done)
		return;
	metrics_count(job->dispatch->metrics, job->op->op, error->code ? error->kind : NDRV_KIND_OK, ns);
	(void)pthread_mutex_lock(&job->lock);
	log_answer(job, error, ns);
	(void)pthread_mutex_unlock(&job->lock);
	if (error->code && job->request.by_docker && (job->op->flags & OP_DELETES))
		owed_note(job->dispatch, job->op->op, job->request.network, job->request.endpoint, error);
	job->done(job->theirs, job->their_reply, job->done_data);
}

/* What a caller hears whose time is over: what it was waiting for. */
static void explain(struct job *job, struct ndrv_error *ret)
{
	uint32_t slot = atomic_load(&job->call_slot);
	uint64_t since = atomic_load(&job->call_since);
	int code = atomic_load(&job->cancelled) ? NDRV_E_CANCELLED : NDRV_E_TIMEOUT;
	const char *over = code == NDRV_E_CANCELLED ? "was cancelled by its caller" : "timed out";

	(void)pthread_mutex_lock(&job->lock);
	if (slot)
		(void)ndrv_fail(ret, code, "%s on network %s%s%s %s: driver \"%s\" has been in %s for %.1f s", job->op->name,
				job->nid[0] ? job->nid : "-", job->eid[0] ? ", endpoint " : "", job->eid, over,
				job->type ? job->type : "-", slot_name(slot - 1), (double)(clock_ns() - since) / 1e9);
	else if (atomic_load(&job->at_gate))
		(void)ndrv_fail(ret, code, "%s %s waiting for the swap of driver \"%s\"", job->op->name, over,
				job->type ? job->type : "-");
	else if (atomic_load(&job->waiting_on))
		(void)ndrv_fail(ret, code, "%s %s waiting for other operations on network %s", job->op->name, over, job->nid);
	else
		(void)ndrv_fail(ret, code, "%s %s", job->op->name, over);
	(void)pthread_mutex_unlock(&job->lock);
}

bool job_expire(struct job *job, const struct ndrv_error *why)
{
	struct ndrv_error error = {0};
	uint32_t open = JOB_OPEN;

	if (why)
		error = *why;
	else
		explain(job, &error);
	if (!atomic_compare_exchange_strong(&job->answer, &open, JOB_EXPIRED))
		return false;
	(void)pthread_mutex_lock(&job->lock);
	if (job->handle)
		handle_revoke(job->handle);
	(void)pthread_mutex_unlock(&job->lock);
	if (job->their_reply)
		job->their_reply->error = error;
	tell(job, &error);
	return true;
}

static void answer(struct job *job)
{
	uint32_t open = JOB_OPEN;

	if (!atomic_compare_exchange_strong(&job->answer, &open, JOB_ANSWERED))
		return;
	struct ndrv_error error = job->reply.error;
	if (job->own_done)
		return;
	if (!error.code) {
		struct ndrv_error short_of_memory = {0};
		if (reply_copy(job->theirs->arena, &job->reply, job->their_reply, &short_of_memory))
			*job->their_reply = (struct reply){.error = short_of_memory};
	} else {
		*job->their_reply = (struct reply){.error = error};
	}
	tell(job, &job->their_reply->error);
}

void job_finish(struct job *job)
{
	(void)pthread_mutex_lock(&job->lock);
	bool was_stuck = job->marked_stuck;
	(void)pthread_mutex_unlock(&job->lock);
	if (was_stuck && !job->dispatch->parts.quiet)
		log_warning("dispatch", "%s on network %s%s%s came back %.1f s after it was called: %s", job->op->name, job->nid,
			    job->eid[0] ? ", endpoint " : "", job->eid, (double)(clock_ns() - job->started_ns) / 1e9,
			    job->reply.error.code ? job->reply.error.text : "done after all");
	/* The turn goes first: who is answered may ask again at once. */
	job_pass_turn(job);
	answer(job);
	if (job->own_done)
		job->own_done(job);
	executor_remove(job->dispatch->executor, job);
	job_unref(job);
}
