/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/turn.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "host/base/clock.h"

enum { FREE, TAKEN, WANTED };

void turn_init(struct turn *turn)
{
	atomic_init(&turn->word, FREE);
	(void)pthread_mutex_init(&turn->mutex, NULL);
	turn->first = NULL;
	turn->last = &turn->first;
}

void turn_done(struct turn *turn)
{
	/* Who passed the turn last may still be on its way out of the mutex. */
	(void)pthread_mutex_lock(&turn->mutex);
	(void)pthread_mutex_unlock(&turn->mutex);
	(void)pthread_mutex_destroy(&turn->mutex);
}

bool turn_try(struct turn *turn)
{
	uint32_t expected = FREE;
	return atomic_compare_exchange_strong_explicit(&turn->word, &expected, TAKEN, memory_order_acquire, memory_order_relaxed);
}

bool turn_take(struct turn *turn, struct turn_waiter *waiter)
{
	if (turn_try(turn))
		return true;
	(void)pthread_mutex_lock(&turn->mutex);
	/* Under the mutex the word goes 1 -> 2 here and 2 -> 1 or 0 in turn_pass(); only 0 <-> 1 happens without it. */
	uint32_t seen = atomic_load_explicit(&turn->word, memory_order_relaxed);
	for (;;) {
		uint32_t wanted = seen == FREE ? TAKEN : WANTED;
		if (atomic_compare_exchange_weak_explicit(&turn->word, &seen, wanted, memory_order_acquire, memory_order_relaxed))
			break;
	}
	if (seen != FREE) {
		waiter->next = NULL;
		*turn->last = waiter;
		turn->last = &waiter->next;
	}
	(void)pthread_mutex_unlock(&turn->mutex);
	return seen == FREE;
}

bool turn_withdraw(struct turn *turn, struct turn_waiter *waiter)
{
	bool found = false;

	(void)pthread_mutex_lock(&turn->mutex);
	for (struct turn_waiter **at = &turn->first; *at; at = &(*at)->next) {
		if (*at != waiter)
			continue;
		*at = waiter->next;
		if (!*at)
			turn->last = at;
		found = true;
		break;
	}
	(void)pthread_mutex_unlock(&turn->mutex);
	return found;
}

void turn_pass(struct turn *turn)
{
	uint32_t expected = TAKEN;

	if (atomic_compare_exchange_strong_explicit(&turn->word, &expected, FREE, memory_order_release, memory_order_relaxed))
		return;
	(void)pthread_mutex_lock(&turn->mutex);
	struct turn_waiter *next = turn->first;
	if (next) {
		turn->first = next->next;
		if (!turn->first)
			turn->last = &turn->first;
		/* The word stays taken: it changes hands, and a newcomer cannot overtake. */
		atomic_store_explicit(&turn->word, turn->first ? WANTED : TAKEN, memory_order_release);
	} else {
		atomic_store_explicit(&turn->word, FREE, memory_order_release);
	}
	(void)pthread_mutex_unlock(&turn->mutex);
	if (next)
		next->mine(next);
}

struct blocked {
	struct turn_waiter waiter;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool mine;
};

static void wake_blocked(struct turn_waiter *waiter)
{
	struct blocked *blocked = (struct blocked *)waiter;

	(void)pthread_mutex_lock(&blocked->mutex);
	blocked->mine = true;
	(void)pthread_cond_signal(&blocked->cond);
	(void)pthread_mutex_unlock(&blocked->mutex);
}

static bool wait_until(struct blocked *blocked, uint64_t deadline_ns)
{
	struct timespec until = {.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC), .tv_nsec = (long)(deadline_ns % NSEC_PER_SEC)};
	int rc = 0;

	(void)pthread_mutex_lock(&blocked->mutex);
	while (!blocked->mine && rc != ETIMEDOUT) {
		if (deadline_ns)
			rc = pthread_cond_timedwait(&blocked->cond, &blocked->mutex, &until);
		else
			rc = pthread_cond_wait(&blocked->cond, &blocked->mutex);
	}
	bool mine = blocked->mine;
	(void)pthread_mutex_unlock(&blocked->mutex);
	return mine;
}

bool turn_wait(struct turn *turn, uint64_t deadline_ns)
{
	struct blocked blocked = {.waiter = {.mine = wake_blocked}};
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&blocked.mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&blocked.cond, &attr);
	(void)pthread_condattr_destroy(&attr);
	bool mine = turn_take(turn, &blocked.waiter) || wait_until(&blocked, deadline_ns);
	/* Between the time-out and the withdrawal the turn may have been handed to us: then it is ours after all, once `mine` has
	 * returned. */
	if (!mine && !turn_withdraw(turn, &blocked.waiter))
		mine = wait_until(&blocked, 0);
	(void)pthread_cond_destroy(&blocked.cond);
	(void)pthread_mutex_destroy(&blocked.mutex);
	return mine;
}
