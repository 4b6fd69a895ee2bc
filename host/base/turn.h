/* SPDX-License-Identifier: Apache-2.0 */
/* A turn: who may work on a record now. A lock that is handed over in order of arrival and that nobody needs to block a thread for.
 *
 * Free and taken is one atomic word (an uncontended take and pass cost two atomic operations). Who finds it taken leaves a struct
 * turn_waiter behind; the holder's turn_pass() hands the turn straight to the oldest waiter by calling its `mine`, on the passing
 * thread, so `mine` must be short: put a job on a queue, wake a thread. The waiter owns the turn from then on. */
#ifndef HOST_BASE_TURN_H
#define HOST_BASE_TURN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct turn_waiter {
	struct turn_waiter *next;
	void (*mine)(struct turn_waiter *waiter);
};

struct turn {
	_Atomic uint32_t word; /* 0 free, 1 taken, 2 taken and somebody waits */
	pthread_mutex_t mutex; /* guards the list; never held while anything is called */
	struct turn_waiter *first, **last;
};

void turn_init(struct turn *turn);
void turn_done(struct turn *turn);
/* True: the turn is ours. */
bool turn_try(struct turn *turn);
/* True: the turn is ours now and `waiter` was not used. False: `waiter` is queued. */
bool turn_take(struct turn *turn, struct turn_waiter *waiter);
/* Takes a queued waiter out. False: it was not queued any more (its `mine` has been or is being called). */
bool turn_withdraw(struct turn *turn, struct turn_waiter *waiter);
/* Blocks the calling thread until the turn is ours or `deadline_ns` (CLOCK_MONOTONIC, 0: never) passes. */
bool turn_wait(struct turn *turn, uint64_t deadline_ns);
void turn_pass(struct turn *turn);

#endif
