/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "host/dispatch/core.h"
#include "host/dispatch/transfer.h"

void gates_init(struct dispatch *dispatch)
{
	struct gates *gates = &dispatch->gates;
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&gates->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&gates->emptied, &attr);
	(void)pthread_condattr_destroy(&attr);
}

void gates_done(struct dispatch *dispatch)
{
	struct gates *gates = &dispatch->gates;

	while (gates->first) {
		struct gate *next = gates->first->next;
		free(gates->first);
		gates->first = next;
	}
	(void)pthread_cond_destroy(&gates->emptied);
	(void)pthread_mutex_destroy(&gates->lock);
}

/* With the lock. Types are few. NULL: out of memory. */
static struct gate *gate_of(struct gates *gates, const struct driver_type *type)
{
	struct gate *gate = gates->first;

	while (gate && gate->type != type)
		gate = gate->next;
	if (gate)
		return gate;
	gate = calloc(1, sizeof(*gate));
	if (!gate)
		return NULL;
	gate->type = type;
	gate->next = gates->first;
	gates->first = gate;
	return gate;
}

/* Which of gate->inside counts the job. */
static uint32_t class_of(const struct job *job)
{
	return (job->op->flags & OP_MUTATES) && job->op->op != REQ_NETWORK_CREATE ? 0 : 1;
}

bool gate_enter(struct job *job)
{
	struct gates *gates = &job->dispatch->gates;
	struct driver_type *type = registry_type(job->dispatch->parts.registry, job->request.type);
	uint32_t class = class_of(job);

	if (!type || job->gate)
		return true;
	(void)pthread_mutex_lock(&gates->lock);
	struct gate *gate = gate_of(gates, type);
	/* Without memory for a gate there is none to be closed: gate_close() fails then, too. */
	bool waits = gate && gate->level > class;
	if (waits) {
		atomic_store(&job->at_gate, true);
		job->next_queued = gates->parked;
		gates->parked = job;
	} else if (gate) {
		gate->inside[class]++;
		job->gate = gate;
	}
	(void)pthread_mutex_unlock(&gates->lock);
	return !waits;
}

void gate_leave(struct job *job)
{
	struct gates *gates = &job->dispatch->gates;

	if (!job->gate)
		return;
	(void)pthread_mutex_lock(&gates->lock);
	job->gate->inside[class_of(job)]--;
	job->gate = NULL;
	(void)pthread_cond_broadcast(&gates->emptied);
	(void)pthread_mutex_unlock(&gates->lock);
}

/* With the lock. */
static struct gate *busy_gate(struct gates *gates, uint32_t level)
{
	for (struct gate *gate = gates->first; gate; gate = gate->next)
		if (gate->level >= level && (gate->inside[0] || (level >= GATE_ALL && gate->inside[1])))
			return gate;
	return NULL;
}

/* With the lock. */
static int raise_level(struct gates *gates, const struct generation *generation, uint32_t level, struct ndrv_error *err)
{
	for (struct instance *each = generation->instances; each; each = each->next) {
		if (each->gone)
			continue;
		struct gate *gate = gate_of(gates, each->type);
		if (!gate)
			return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
		gate->level = level;
	}
	return 0;
}

int gate_close(struct dispatch *dispatch, const struct generation *generation, uint32_t level, uint64_t deadline_ns,
	       struct ndrv_error *err)
{
	struct gates *gates = &dispatch->gates;
	struct timespec until = {.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC), .tv_nsec = (long)(deadline_ns % NSEC_PER_SEC)};
	int waited = 0;

	(void)pthread_mutex_lock(&gates->lock);
	int rc = raise_level(gates, generation, level, err);
	while (!rc && waited != ETIMEDOUT && busy_gate(gates, level))
		waited = pthread_cond_timedwait(&gates->emptied, &gates->lock, &until);
	struct gate *busy = rc ? NULL : busy_gate(gates, level);
	const struct driver_type *type = busy ? busy->type : NULL;
	(void)pthread_mutex_unlock(&gates->lock);
	return type ? transfer_blocked(dispatch, NULL, type, err) : rc;
}

void gate_open(struct dispatch *dispatch)
{
	struct gates *gates = &dispatch->gates;

	(void)pthread_mutex_lock(&gates->lock);
	for (struct gate *gate = gates->first; gate; gate = gate->next)
		gate->level = GATE_OPEN;
	struct job *job = gates->parked;
	gates->parked = NULL;
	(void)pthread_mutex_unlock(&gates->lock);
	/* The newest first, each before those in the queue: so the oldest is served first. */
	while (job) {
		struct job *older = job->next_queued;
		atomic_store(&job->at_gate, false);
		executor_wake(dispatch->executor, job);
		job = older;
	}
}
