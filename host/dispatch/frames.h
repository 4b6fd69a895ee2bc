/* SPDX-License-Identifier: Apache-2.0 */
/* Call frames: which thread is inside which driver, for whom. A thread that enters a driver writes a frame into a slot of its own
 * (plain stores, no shared cache line); who must know (a swap, status, a crash report) reads the slots of all threads.
 *
 * How a swap gets its quiescence: networks are served by network->instance, which changes only under the network's turn, so the
 * swapper takes each turn in turn and no call is inside. Calls without a network (discover, health, gw_alloc_check, a network that
 * is being created) go by type->current: the swapper publishes the new instance, then frames_wait() for the old one, then looks
 * once more for networks that were made on the old one meanwhile. */
#ifndef HOST_DISPATCH_FRAMES_H
#define HOST_DISPATCH_FRAMES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "host/base/epoch.h"
#include "host/plugin/registry.h"
#include "host/state/record.h"

struct job;

/* Beyond the ops: a timer or a watch of the driver. */
#define SLOT_TIMER OPS_COUNT
/* As ops_name(), of any frame. */
static inline const char *slot_name(uint32_t slot)
{
	return slot == SLOT_TIMER ? "timer" : ops_name(slot);
}

struct frame {
	_Atomic(struct instance *) instance;
	_Atomic(struct network *) network; /* NULL: none. Readable inside an epoch section. */
	_Atomic(struct job *) job;	   /* NULL: none. Readable under the executor's lock. */
	_Atomic uint32_t slot;		   /* OPS_SLOT(...) */
};

/* Deeper nesting (a driver that calls a service that calls a driver ...) keeps its outermost frames. */
#define FRAMES_DEPTH 6u

struct frames_thread {
	_Alignas(64) _Atomic uint32_t depth;
	_Atomic int32_t tid;
	struct frame stack[FRAMES_DEPTH];
	struct frames_thread *next;
	_Atomic bool in_use;
};

extern _Thread_local struct frames_thread *frames_self __attribute__((tls_model("initial-exec")));
struct frames_thread *frames_register(void);

static inline struct frame *frame_slot(struct frames_thread *self, uint32_t depth)
{
	return &self->stack[depth < FRAMES_DEPTH ? depth : FRAMES_DEPTH - 1];
}

static inline struct frames_thread *frames_mine(void)
{
	struct frames_thread *self = frames_self;

	return __builtin_expect(self != NULL, 1) ? self : frames_register();
}

/* Enters `instance`, which the caller keeps from going by other means: the turn of a network that it serves. */
static inline void frame_enter(struct instance *instance, struct network *network, struct job *job, uint32_t slot)
{
	struct frames_thread *self = frames_mine();
	uint32_t depth = atomic_load_explicit(&self->depth, memory_order_relaxed);

	if (__builtin_expect(depth < FRAMES_DEPTH, 1)) {
		struct frame *frame = &self->stack[depth];
		atomic_store_explicit(&frame->network, network, memory_order_relaxed);
		atomic_store_explicit(&frame->job, job, memory_order_relaxed);
		atomic_store_explicit(&frame->slot, slot, memory_order_relaxed);
		atomic_store_explicit(&frame->instance, instance, memory_order_relaxed);
	}
	atomic_store_explicit(&self->depth, depth + 1, memory_order_release);
}

static inline void frame_leave(void)
{
	struct frames_thread *self = frames_self;
	uint32_t depth = atomic_load_explicit(&self->depth, memory_order_relaxed) - 1;

	if (__builtin_expect(depth < FRAMES_DEPTH, 1)) {
		struct frame *frame = &self->stack[depth];
		atomic_store_explicit(&frame->instance, NULL, memory_order_release);
		atomic_store_explicit(&frame->job, NULL, memory_order_release);
		atomic_store_explicit(&frame->network, NULL, memory_order_release);
	}
	atomic_store_explicit(&self->depth, depth, memory_order_release);
}

/* Enters whoever serves the type now. NULL (and nothing entered): nobody. */
struct instance *frame_enter_type(struct driver_type *type, struct job *job, uint32_t slot);

/* The frame this thread is in, or NULL. */
const struct frame *frame_here(void);

/* What a frame says, copied out. */
struct frame_report {
	int32_t tid;
	const struct instance *instance;
	const char *op;
	char nid[NDRV_ID_MAX + 1];
};
/* Calls `each` for every frame (of `instance`, if not NULL) until it returns non-zero. No locks are held, driver calls may come and
 * go meanwhile. */
int frames_each(const struct instance *instance, int (*each)(const struct frame_report *frame, void *data), void *data);
/* How many calls are inside a generation. */
uint32_t frames_count(const struct generation *generation);
/* Returns when no thread is inside `instance` that was when called, or TIMEOUT naming the first that still is (this thread's own
 * frames count too: never call it from inside a driver). */
int frames_wait(const struct instance *instance, uint64_t deadline_ns, struct ndrv_error *err);

#endif
