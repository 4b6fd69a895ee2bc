/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/epoch.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A sanitizer cannot see membarrier(2); TSan also does not understand fences, so there the slot's own atomics carry the order. */
#if defined(__SANITIZE_THREAD__)
#define SANITIZED_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZED_THREADS 1
#endif
#endif

_Thread_local struct epoch_reader *epoch_self __attribute__((tls_model("initial-exec")));
bool epoch_fenced = true;

static _Atomic(struct epoch_reader *) readers; /* never shrinks: slots of ended threads are taken over */
static pthread_key_t slot_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release_slot(void *data)
{
	struct epoch_reader *reader = data;

	epoch_self = NULL;
	atomic_store(&reader->in_use, false);
}

static void set_up(void)
{
	(void)pthread_key_create(&slot_key, release_slot);
#ifndef SANITIZED_THREADS
	epoch_fenced = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
#endif
}

static struct epoch_reader *take_over_slot(void)
{
	for (struct epoch_reader *at = atomic_load(&readers); at; at = at->next) {
		bool expected = false;
		if (atomic_compare_exchange_strong(&at->in_use, &expected, true))
			return at;
	}
	return NULL;
}

struct epoch_reader *epoch_register(void)
{
	(void)pthread_once(&once, set_up);
	struct epoch_reader *reader = take_over_slot();
	if (!reader) {
		while (!(reader = aligned_alloc(_Alignof(struct epoch_reader), sizeof(*reader))))
			(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		atomic_init(&reader->inside, 0);
		atomic_init(&reader->in_use, true);
		reader->next = atomic_load(&readers);
		while (!atomic_compare_exchange_weak(&readers, &reader->next, reader))
			;
	}
	(void)pthread_setspecific(slot_key, reader);
	epoch_self = reader;
	return reader;
}

void epoch_barrier(void)
{
	(void)pthread_once(&once, set_up);
	if (epoch_fenced || syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
		atomic_thread_fence(memory_order_seq_cst);
}

void epoch_wait(void)
{
	epoch_barrier();
	for (struct epoch_reader *at = atomic_load(&readers); at; at = at->next)
		while (atomic_load_explicit(&at->inside, memory_order_acquire))
			(void)sched_yield();
}
