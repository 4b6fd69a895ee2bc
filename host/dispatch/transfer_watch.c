/* SPDX-License-Identifier: Apache-2.0 */
/* A transfer on a thread of its own, and the eye on each call that it makes. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/dispatch/transfer_parts.h"

/* What a call that honours its deadline may be late. */
#define GRACE_NS (200 * NSEC_PER_MSEC)
#define LOOK_NS (100 * NSEC_PER_MSEC)
#define TRANSFER_MEMORY (4u << 20)

/* --- what hangs --- */

static void add_hang(struct transfer *transfer)
{
	struct dispatch *dispatch = transfer->dispatch;

	(void)pthread_mutex_lock(&dispatch->hangs_lock);
	transfer->next_hang = dispatch->hangs;
	dispatch->hangs = transfer;
	(void)pthread_mutex_unlock(&dispatch->hangs_lock);
}

static void del_hang(struct transfer *transfer)
{
	struct dispatch *dispatch = transfer->dispatch;

	(void)pthread_mutex_lock(&dispatch->hangs_lock);
	struct transfer **at = &dispatch->hangs;
	while (*at != transfer)
		at = &(*at)->next_hang;
	*at = transfer->next_hang;
	(void)pthread_mutex_unlock(&dispatch->hangs_lock);
}

void transfer_each_hang(struct dispatch *dispatch, void (*each)(const struct transfer_hang *hang, void *data), void *data)
{
	(void)pthread_mutex_lock(&dispatch->hangs_lock);
	for (const struct transfer *at = dispatch->hangs; at; at = at->next_hang)
		each(&at->call, data);
	(void)pthread_mutex_unlock(&dispatch->hangs_lock);
}

bool transfer_wait_hangs(struct dispatch *dispatch, uint64_t deadline_ns)
{
	for (;;) {
		(void)pthread_mutex_lock(&dispatch->hangs_lock);
		bool any = dispatch->hangs != NULL;
		(void)pthread_mutex_unlock(&dispatch->hangs_lock);
		if (!any || clock_ns() >= deadline_ns)
			return !any;
		(void)nanosleep(&(struct timespec){.tv_nsec = 10 * NSEC_PER_MSEC}, NULL);
	}
}

/* --- the calls, on the working thread --- */

int transfer_call(struct transfer *transfer, struct driver_call *call, struct instance *instance, uint32_t slot,
		  struct network *network, const struct endpoint *endpoint, struct ndrv_error *err)
{
	struct host_call host = {.hostns = transfer->dispatch->parts.hostns,
				 .arena = &transfer->arena,
				 .deadline_ns = transfer->deadline_ns,
				 .flags = NDRV_CALL_RESTORE};
	int rc = call_begin_host(call, &host, instance, slot, network, err);

	if (rc)
		return rc;
	(void)pthread_mutex_lock(&transfer->lock);
	transfer->inside = true;
	transfer->call.generation = instance->generation;
	transfer->call.slot = slot;
	transfer->call.tid = atomic_load(&frames_mine()->tid);
	transfer->call.since_ns = clock_ns();
	(void)snprintf(transfer->call.type, sizeof(transfer->call.type), "%s", instance->type->name);
	(void)snprintf(transfer->call.nid, sizeof(transfer->call.nid), "%s", network ? network->view.id : "");
	(void)snprintf(transfer->call.eid, sizeof(transfer->call.eid), "%s", endpoint ? endpoint->view.id : "");
	transfer->call_network = network;
	transfer->call_until_ns = transfer->deadline_ns + GRACE_NS;
	(void)pthread_mutex_unlock(&transfer->lock);
	return 0;
}

int transfer_call_over(struct transfer *transfer, int rc, struct ndrv_error *err)
{
	(void)pthread_mutex_lock(&transfer->lock);
	transfer->inside = false;
	if (transfer->called_off)
		rc = ndrv_fail(err, NDRV_E_TIMEOUT, "it came back after the swap had been called off");
	/* Still with its turn. */
	if (transfer->called_off && transfer->stuck)
		atomic_store(&transfer->stuck->stuck, false);
	for (uint32_t i = 0; transfer->overdue && i < transfer->held_count; i++)
		atomic_store(&transfer->held[i]->stuck, false);
	if (transfer->overdue)
		del_hang(transfer);
	transfer->overdue = false;
	(void)pthread_mutex_unlock(&transfer->lock);
	return rc;
}

int transfer_call_end(struct transfer *transfer, struct driver_call *call, int rc, struct ndrv_error *err)
{
	return transfer_call_over(transfer, call_end(call, rc, err), err);
}

/* --- calling off, on the thread that waits; with transfer->lock --- */

static void set_stuck(struct transfer *transfer, struct network *network)
{
	atomic_store(&network->stuck, true);
	executor_refuse_waiters(transfer->dispatch->executor, transfer->dispatch, network);
}

/* The network whose turn the call has stays as it is until the call comes back. */
static void keep_stuck(struct transfer *transfer)
{
	struct network *network = transfer->call_network;

	if (!network)
		return;
	transfer->stuck = network;
	for (uint32_t i = 0; i < transfer->held_count; i++) {
		if (transfer->held[i] != network)
			continue;
		transfer->held[i] = transfer->held[--transfer->held_count];
		transfer->stuck_turn = transfer->closed;
		set_stuck(transfer, network);
		return;
	}
	network_ref(network);
	set_stuck(transfer, network);
}

static int say_overdue(const struct transfer *transfer, struct ndrv_error *err)
{
	const struct transfer_hang *call = &transfer->call;
	bool new = call->generation == transfer->to;

	return ndrv_fail(err, NDRV_E_TIMEOUT, "%s of the %s driver%s%.64s%s%.64s has not come back for %.1f s, on thread %d%s",
			 slot_name(call->slot), new ? "new" : "old", call->nid[0] ? ", network " : "", call->nid,
			 call->eid[0] ? ", endpoint " : "", call->eid, (double)(clock_ns() - call->since_ns) / 1e9, (int)call->tid,
			 call->nid[0] ? "; until it does, that network answers Retry" : "");
}

static void call_off(struct transfer *transfer)
{
	add_hang(transfer);
	transfer->called_off = true;
	transfer->rc = say_overdue(transfer, &transfer->error);
	if (transfer->call.generation == transfer->to)
		atomic_store(&transfer->to->lost, true);
	keep_stuck(transfer);
	transfer_give_up(transfer);
}

static void mark_overdue(struct transfer *transfer)
{
	struct ndrv_error why = {0};

	(void)say_overdue(transfer, &why);
	log_error("swap", "driver %s: %s; its networks answer Retry until it does", transfer->to->name, why.text);
	add_hang(transfer);
	transfer->overdue = true;
	for (uint32_t i = 0; i < transfer->held_count; i++)
		set_stuck(transfer, transfer->held[i]);
}

/* --- the two threads --- */

static void transfer_free(struct transfer *transfer)
{
	(void)pthread_cond_destroy(&transfer->over_now);
	(void)pthread_mutex_destroy(&transfer->lock);
	arena_reset(&transfer->arena);
	free(transfer->held);
	free(transfer);
}

/* The call that hung came back, long after. */
static void clear_up(struct transfer *transfer)
{
	if (transfer->stuck && transfer->stuck_turn)
		turn_pass(&transfer->stuck->turn);
	if (transfer->stuck)
		network_unref(transfer->stuck);
	log_warning("swap", "driver %s: %s came back after the swap had been called off", transfer->to->name,
		    slot_name(transfer->call.slot));
	del_hang(transfer);
	transfer_free(transfer);
}

static void *work(void *data)
{
	struct transfer *transfer = data;
	struct ndrv_error error = {0};
	int rc = transfer_steps(transfer, &error);

	(void)pthread_mutex_lock(&transfer->lock);
	bool called_off = transfer->called_off;
	if (!called_off) {
		transfer->rc = rc;
		transfer->error = error;
		transfer->over = true;
		(void)pthread_cond_signal(&transfer->over_now);
	}
	(void)pthread_mutex_unlock(&transfer->lock);
	if (called_off)
		clear_up(transfer);
	return NULL;
}

/* Until it is over or called off. */
static void watch(struct transfer *transfer)
{
	while (!transfer->over && !transfer->called_off) {
		uint64_t now = clock_ns(), until = now + LOOK_NS;
		struct timespec at = {.tv_sec = (time_t)(until / NSEC_PER_SEC), .tv_nsec = (long)(until % NSEC_PER_SEC)};

		if (!transfer->inside || now < transfer->call_until_ns || transfer->overdue)
			(void)pthread_cond_timedwait(&transfer->over_now, &transfer->lock, &at);
		else if (transfer->committed)
			mark_overdue(transfer);
		else
			call_off(transfer);
	}
}

static struct transfer *transfer_new(struct dispatch *dispatch)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	pthread_condattr_t attr;

	if (!transfer)
		return NULL;
	transfer->dispatch = dispatch;
	(void)pthread_mutex_init(&transfer->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&transfer->over_now, &attr);
	(void)pthread_condattr_destroy(&attr);
	arena_init(&transfer->arena, TRANSFER_MEMORY);
	return transfer;
}

int transfer_run(struct dispatch *dispatch, struct generation *from, struct generation *to, const struct transfer_limits *limits,
		 struct transfer_report *ret, struct ndrv_error *err)
{
	struct transfer *transfer = transfer_new(dispatch);
	pthread_t thread;

	if (!transfer)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	transfer->from = from;
	transfer->to = to;
	transfer->limits = *limits;
	int rc = pthread_create(&thread, NULL, work, transfer);
	if (rc) {
		transfer_free(transfer);
		return ndrv_fail_errno(err, rc, "start the thread that hands over");
	}
	(void)pthread_mutex_lock(&transfer->lock);
	watch(transfer);
	bool over = transfer->over;
	*ret = transfer->report;
	rc = transfer->rc;
	if (rc && err)
		*err = transfer->error;
	(void)pthread_mutex_unlock(&transfer->lock);
	if (over) {
		(void)pthread_join(thread, NULL);
		transfer_free(transfer);
	} else {
		(void)pthread_detach(thread);
	}
	return rc;
}
