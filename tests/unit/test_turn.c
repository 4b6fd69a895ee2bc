/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "host/base/clock.h"
#include "host/base/turn.h"

struct note {
	struct turn_waiter waiter;
	int order;
};

static int served;

static void mine(struct turn_waiter *waiter)
{
	((struct note *)(void *)waiter)->order = ++served;
}

static void a_free_turn_is_taken_at_once(void **state)
{
	(void)state;
	struct note note = {.waiter = {.mine = mine}};
	struct turn turn;

	served = 0;
	turn_init(&turn);
	assert_true(turn_take(&turn, &note.waiter));
	assert_false(turn_try(&turn));
	turn_pass(&turn);
	assert_true(turn_try(&turn));
	turn_pass(&turn);
	assert_int_equal(served, 0);
	turn_done(&turn);
}

static void the_turn_is_handed_over_in_order_of_arrival(void **state)
{
	(void)state;
	struct note notes[4] = {
		{.waiter = {.mine = mine}}, {.waiter = {.mine = mine}}, {.waiter = {.mine = mine}}, {.waiter = {.mine = mine}}};
	struct turn turn;

	served = 0;
	turn_init(&turn);
	assert_true(turn_try(&turn));
	for (int i = 0; i < 4; i++)
		assert_false(turn_take(&turn, &notes[i].waiter));
	assert_int_equal(served, 0);
	for (int i = 0; i < 4; i++) {
		turn_pass(&turn);
		assert_int_equal(notes[i].order, i + 1);
		/* It belongs to that waiter now: nobody overtakes. */
		assert_false(turn_try(&turn));
	}
	turn_pass(&turn);
	assert_true(turn_try(&turn));
	turn_pass(&turn);
	turn_done(&turn);
}

static void a_withdrawn_waiter_is_passed_over(void **state)
{
	(void)state;
	struct note notes[3] = {{.waiter = {.mine = mine}}, {.waiter = {.mine = mine}}, {.waiter = {.mine = mine}}};
	struct turn turn;

	served = 0;
	turn_init(&turn);
	assert_true(turn_try(&turn));
	for (int i = 0; i < 3; i++)
		assert_false(turn_take(&turn, &notes[i].waiter));
	assert_true(turn_withdraw(&turn, &notes[2].waiter)); /* the last: the list's end must move */
	assert_true(turn_withdraw(&turn, &notes[0].waiter)); /* the first */
	assert_false(turn_withdraw(&turn, &notes[0].waiter));
	assert_false(turn_take(&turn, &notes[2].waiter));
	turn_pass(&turn);
	assert_int_equal(notes[1].order, 1);
	turn_pass(&turn);
	assert_int_equal(notes[2].order, 2);
	assert_int_equal(notes[0].order, 0);
	/* Too late: it has been served. */
	assert_false(turn_withdraw(&turn, &notes[2].waiter));
	turn_pass(&turn);
	/* All waiters gone again before the pass: the turn comes free. */
	assert_true(turn_try(&turn));
	assert_false(turn_take(&turn, &notes[0].waiter));
	assert_true(turn_withdraw(&turn, &notes[0].waiter));
	turn_pass(&turn);
	assert_true(turn_try(&turn));
	turn_pass(&turn);
	turn_done(&turn);
}

static void waiting_ends_at_the_deadline(void **state)
{
	(void)state;
	struct turn turn;

	turn_init(&turn);
	assert_true(turn_wait(&turn, clock_ns() + NSEC_PER_SEC));
	uint64_t deadline = clock_ns() + 20 * NSEC_PER_MSEC;
	assert_false(turn_wait(&turn, deadline));
	assert_true(clock_ns() >= deadline);
	assert_false(turn_wait(&turn, 1)); /* long past */
	turn_pass(&turn);
	/* Who gave up left nothing behind. */
	assert_true(turn_try(&turn));
	turn_pass(&turn);
	turn_done(&turn);
}

static void *wait_for_ever(void *data)
{
	struct turn *turn = data;

	if (turn_wait(turn, 0))
		turn_pass(turn);
	return NULL;
}

static void a_blocked_thread_is_woken_by_the_pass(void **state)
{
	(void)state;
	struct turn turn;
	pthread_t thread;

	turn_init(&turn);
	assert_true(turn_try(&turn));
	assert_int_equal(pthread_create(&thread, NULL, wait_for_ever, &turn), 0);
	while (atomic_load(&turn.word) != 2)
		(void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	turn_pass(&turn);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(turn_try(&turn));
	turn_done(&turn);
}

#define HAMMERS 4
#define ROUNDS 20000

struct hammer {
	struct turn turn;
	pthread_barrier_t start;
	unsigned long counter; /* plain: the turn guards it, and TSan sees whether it does */
	_Atomic unsigned long taken, gave_up, withdrawn, queued;
};

struct queued {
	struct turn_waiter waiter;
	struct hammer *hammer;
	_Atomic bool done;
};

/* Now and then the holder is put aside, so that the others find the turn taken. */
static void hold(struct hammer *hammer)
{
	if (++hammer->counter % 16 == 0)
		(void)sched_yield();
}

/* On the passing thread: works and passes on, as a dispatcher's job would a little later. */
static void work_and_pass(struct turn_waiter *waiter)
{
	struct queued *queued = (struct queued *)(void *)waiter;
	struct hammer *hammer = queued->hammer;

	hold(hammer);
	atomic_fetch_add(&hammer->taken, 1);
	/* Last use of it: its thread goes on. */
	atomic_store(&queued->done, true);
	turn_pass(&hammer->turn);
}

static void work(struct hammer *hammer)
{
	hold(hammer);
	atomic_fetch_add(&hammer->taken, 1);
	turn_pass(&hammer->turn);
}

static void take_queued(struct hammer *hammer, bool withdraw)
{
	struct queued queued = {.waiter = {.mine = work_and_pass}, .hammer = hammer};

	if (turn_take(&hammer->turn, &queued.waiter)) {
		work(hammer);
		return;
	}
	if (withdraw && turn_withdraw(&hammer->turn, &queued.waiter)) {
		atomic_fetch_add(&hammer->withdrawn, 1);
		return;
	}
	atomic_fetch_add(&hammer->queued, 1);
	while (!atomic_load(&queued.done))
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
}

static void *hammer_it(void *data)
{
	struct hammer *hammer = data;

	(void)pthread_barrier_wait(&hammer->start);
	for (unsigned i = 0; i < ROUNDS; i++) {
		switch (i % 5) {
		case 0:
			if (turn_try(&hammer->turn))
				work(hammer);
			else
				atomic_fetch_add(&hammer->gave_up, 1);
			break;
		case 1:
			take_queued(hammer, false);
			break;
		case 2:
			take_queued(hammer, true);
			break;
		case 3:
			if (turn_wait(&hammer->turn, clock_ns() + i % 64 * 500))
				work(hammer);
			else
				atomic_fetch_add(&hammer->gave_up, 1);
			break;
		default:
			if (turn_wait(&hammer->turn, 0))
				work(hammer);
			break;
		}
	}
	return NULL;
}

static void four_threads_never_hold_it_together_and_none_is_forgotten(void **state)
{
	(void)state;
	static struct hammer hammer;
	pthread_t threads[HAMMERS];

	turn_init(&hammer.turn);
	assert_int_equal(pthread_barrier_init(&hammer.start, NULL, HAMMERS), 0);
	for (int i = 0; i < HAMMERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_it, &hammer), 0);
	for (int i = 0; i < HAMMERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(hammer.counter, atomic_load(&hammer.taken));
	assert_int_equal(atomic_load(&hammer.taken) + atomic_load(&hammer.gave_up) + atomic_load(&hammer.withdrawn),
			 HAMMERS * ROUNDS);
	assert_true(turn_try(&hammer.turn));
	printf("%lu turns, %lu handed over, %lu given up, %lu withdrawn\n", hammer.counter, atomic_load(&hammer.queued),
	       atomic_load(&hammer.gave_up), atomic_load(&hammer.withdrawn));
	turn_done(&hammer.turn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_free_turn_is_taken_at_once),
		cmocka_unit_test(the_turn_is_handed_over_in_order_of_arrival),
		cmocka_unit_test(a_withdrawn_waiter_is_passed_over),
		cmocka_unit_test(waiting_ends_at_the_deadline),
		cmocka_unit_test(a_blocked_thread_is_woken_by_the_pass),
		cmocka_unit_test(four_threads_never_hold_it_together_and_none_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
