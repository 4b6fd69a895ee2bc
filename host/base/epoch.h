/* SPDX-License-Identifier: Apache-2.0 */
/* Short read sections without a lock. Readers of an idmap (or of any pointer that a writer replaces) stand between epoch_enter()
 * and epoch_leave(); who unlinks something calls epoch_wait() before freeing it. A section never blocks and never spans a driver
 * call, so a wait is microseconds. Readers pay two plain stores: the writer's membarrier(2) orders them (performance.md §A); where
 * the kernel or a sanitizer rules that out, they pay a fence. */
#ifndef HOST_BASE_EPOCH_H
#define HOST_BASE_EPOCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct epoch_reader {
	_Alignas(64) _Atomic uint32_t inside;
	struct epoch_reader *next;
	_Atomic bool in_use;
};

extern _Thread_local struct epoch_reader *epoch_self __attribute__((tls_model("initial-exec")));
extern bool epoch_fenced;

/* Gives the thread its slot; called by epoch_enter() when there is none. Never fails: it waits for memory. */
struct epoch_reader *epoch_register(void);

static inline void epoch_enter(void)
{
	struct epoch_reader *self = epoch_self;

	if (__builtin_expect(!self, 0))
		self = epoch_register();
	atomic_store_explicit(&self->inside, 1, memory_order_relaxed);
	if (epoch_fenced)
		atomic_thread_fence(memory_order_seq_cst);
	else
		atomic_signal_fence(memory_order_seq_cst);
}

static inline void epoch_leave(void)
{
	atomic_store_explicit(&epoch_self->inside, 0, memory_order_release);
}

/* Returns when every section that had begun before the call has ended. Not from inside a section. */
void epoch_wait(void);
/* The writer's half alone: after it, every store this thread made before is seen by readers' later sections, and the readers'
 * stores made before are seen here. For others who build on per-thread slots (dispatch/frame). */
void epoch_barrier(void);

#endif
