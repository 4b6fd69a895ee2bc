/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/frames.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"

#define RESERVE 32u

_Thread_local struct frames_thread *frames_self __attribute__((tls_model("initial-exec")));

static _Atomic(struct frames_thread *) threads; /* never shrinks: slots of ended threads are taken over */
/* For threads that have to enter a driver when there is no memory: whoever ends the host for want of it must get to its end. */
static struct frames_thread reserve[RESERVE];
static _Atomic uint32_t reserve_used;
static pthread_key_t slot_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release_slot(void *data)
{
	struct frames_thread *thread = data;

	frames_self = NULL;
	atomic_store(&thread->depth, 0);
	atomic_store(&thread->in_use, false);
}

static void set_up(void)
{
	(void)pthread_key_create(&slot_key, release_slot);
}

static struct frames_thread *take_over_slot(void)
{
	for (struct frames_thread *at = atomic_load(&threads); at; at = at->next) {
		bool expected = false;
		if (atomic_compare_exchange_strong(&at->in_use, &expected, true))
			return at;
	}
	return NULL;
}

static struct frames_thread *new_slot(void)
{
	struct frames_thread *thread = aligned_alloc(_Alignof(struct frames_thread), sizeof(*thread));

	if (thread) {
		memset(thread, 0, sizeof(*thread));
		return thread;
	}
	uint32_t number = atomic_load(&reserve_used);
	while (number < RESERVE && !atomic_compare_exchange_weak(&reserve_used, &number, number + 1))
		;
	return number < RESERVE ? &reserve[number] : NULL;
}

struct frames_thread *frames_register(void)
{
	(void)pthread_once(&once, set_up);
	struct frames_thread *thread;
	while (!(thread = take_over_slot())) {
		thread = new_slot();
		if (thread) {
			atomic_init(&thread->in_use, true);
			thread->next = atomic_load(&threads);
			while (!atomic_compare_exchange_weak(&threads, &thread->next, thread))
				;
			break;
		}
		/* Without its slot a thread must not enter a driver: it waits for memory, or for another thread to end. */
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	atomic_store(&thread->tid, (int32_t)gettid());
	(void)pthread_setspecific(slot_key, thread);
	frames_self = thread;
	return thread;
}

struct instance *frame_enter_type(struct driver_type *type, struct job *job, uint32_t slot)
{
	struct instance *instance;

	for (;;) {
		instance = type_current(type);
		if (!instance)
			return NULL;
		frame_enter(instance, NULL, job, slot);
		if (epoch_fenced)
			atomic_thread_fence(memory_order_seq_cst);
		else
			atomic_signal_fence(memory_order_seq_cst);
		if (instance == type_current(type))
			return instance;
		frame_leave(); /* replaced between the two loads: whoever waits for it may not have seen us */
	}
}

const struct frame *frame_here(void)
{
	struct frames_thread *self = frames_self;
	uint32_t depth = self ? atomic_load_explicit(&self->depth, memory_order_relaxed) : 0;

	return depth ? frame_slot(self, depth - 1) : NULL;
}

/* Copies the frame while the network cannot be freed. False: it is over. */
static bool report_frame(struct frames_thread *thread, struct frame *frame, const struct instance *wanted, struct frame_report *ret)
{
	bool found = false;

	epoch_enter();
	struct instance *instance = atomic_load_explicit(&frame->instance, memory_order_acquire);
	struct network *network = atomic_load_explicit(&frame->network, memory_order_acquire);
	uint32_t slot = atomic_load_explicit(&frame->slot, memory_order_relaxed);
	if (instance && (!wanted || instance == wanted)) {
		*ret = (struct frame_report){.tid = atomic_load(&thread->tid), .instance = instance, .op = slot_name(slot)};
		if (network && atomic_load_explicit(&frame->network, memory_order_acquire) == network)
			(void)strncat(ret->nid, network->view.id, NDRV_ID_MAX);
		found = true;
	}
	epoch_leave();
	return found;
}

int frames_each(const struct instance *instance, int (*each)(const struct frame_report *frame, void *data), void *data)
{
	epoch_barrier();
	for (struct frames_thread *at = atomic_load(&threads); at; at = at->next) {
		uint32_t depth = atomic_load_explicit(&at->depth, memory_order_acquire);
		for (uint32_t i = 0; i < depth && i < FRAMES_DEPTH; i++) {
			struct frame_report report;
			if (!report_frame(at, &at->stack[i], instance, &report))
				continue;
			int rc = each(&report, data);
			if (rc)
				return rc;
		}
	}
	return 0;
}

struct counting {
	const struct generation *generation;
	uint32_t count;
};

static int count_frame(const struct frame_report *frame, void *data)
{
	struct counting *counting = data;

	counting->count += frame->instance->generation == counting->generation;
	return 0;
}

uint32_t frames_count(const struct generation *generation)
{
	struct counting counting = {.generation = generation};

	(void)frames_each(NULL, count_frame, &counting);
	return counting.count;
}

static int copy_first(const struct frame_report *frame, void *data)
{
	memcpy(data, frame, sizeof(*frame));
	return 1;
}

int frames_wait(const struct instance *instance, uint64_t deadline_ns, struct ndrv_error *err)
{
	struct frame_report blocker;

	while (frames_each(instance, copy_first, &blocker)) {
		if (deadline_ns && clock_ns() >= deadline_ns)
			return ndrv_fail(err, NDRV_E_TIMEOUT, "driver type \"%s\" is still busy: thread %d is in %s%s%s",
					 instance->type->name, (int)blocker.tid, blocker.op, blocker.nid[0] ? " on network " : "",
					 blocker.nid);
		(void)nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
	}
	return 0;
}
