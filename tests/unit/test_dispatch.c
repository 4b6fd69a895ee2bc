/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the dispatcher that need no driver: op table, frames, digests. */
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "host/base/clock.h"
#include "host/dispatch/core.h"
#include "host/dispatch/record_io.h"

/* --- the table --- */

static void every_operation_has_a_row_a_name_a_role_and_help(void **state)
{
	(void)state;
	for (uint32_t op = 0; op < REQ_COUNT; op++) {
		const struct op *row = op_of((enum request_op)op);
		assert_non_null(row);
		assert_int_equal(row->op, op);
		assert_non_null(row->help);
		assert_true(row->role == ROLE_OPERATE || row->role == ROLE_ADMIN);
		assert_true(row->run != NULL || (row->flags & OP_UPPER));
		assert_string_equal(row->name, request_op_name((enum request_op)op));
		assert_int_equal(request_op_find(row->name), op);
		if (row->slot != OP_NO_SLOT && op < REQ_CONNECT)
			assert_string_equal(ops_name(row->slot), row->name);
		if (row->flags & OP_ENDPOINT)
			assert_true(row->flags & OP_NETWORK);
	}
	assert_null(op_of(REQ_COUNT));
	assert_int_equal(request_op_find("no_such_op"), REQ_COUNT);
}

/* --- frames --- */

struct fake {
	struct driver_type type;
	struct generation generation;
	struct instance instance;
};

static struct fake *fake_new(void)
{
	struct fake *fake = calloc(1, sizeof(*fake));

	assert_non_null(fake);
	(void)snprintf(fake->type.name, sizeof(fake->type.name), "fake");
	fake->instance.type = &fake->type;
	fake->instance.generation = &fake->generation;
	atomic_store(&fake->type.current, &fake->instance);
	return fake;
}

struct visitor {
	struct fake *fake;
	struct network *network;
	_Atomic bool inside, leave;
};

static void *visit(void *data)
{
	struct visitor *visitor = data;

	frame_enter(&visitor->fake->instance, visitor->network, NULL, OPS_SLOT(join));
	atomic_store(&visitor->inside, true);
	while (!atomic_load(&visitor->leave))
		(void)sched_yield();
	frame_leave();
	return NULL;
}

static void waiting_for_frames_names_who_is_in_the_way(void **state)
{
	struct fake *fake = fake_new(), *other = fake_new();
	struct visitor visitor = {.fake = fake, .network = network_new("n1", "", "fake")};
	struct ndrv_error err = {0};
	pthread_t thread;

	(void)state;
	assert_non_null(visitor.network);
	assert_ok(frames_wait(&fake->instance, clock_ns() + NSEC_PER_SEC, &err), &err);
	assert_int_equal(pthread_create(&thread, NULL, visit, &visitor), 0);
	while (!atomic_load(&visitor.inside))
		(void)sched_yield();
	assert_fails(frames_wait(&fake->instance, clock_ns() + NSEC_PER_MSEC, &err), &err, NDRV_E_TIMEOUT,
		     "is in join on network n1");
	assert_int_equal(frames_count(&fake->generation), 1);
	/* A slow neighbour is no reason to wait. */
	ndrv_error_clear(&err);
	assert_ok(frames_wait(&other->instance, clock_ns() + NSEC_PER_SEC, &err), &err);
	atomic_store(&visitor.leave, true);
	assert_ok(frames_wait(&fake->instance, clock_ns() + 10 * NSEC_PER_SEC, &err), &err);
	(void)pthread_join(thread, NULL);
	assert_int_equal(frames_count(&fake->generation), 0);
	network_free(visitor.network);
	free(fake);
	free(other);
}

static void frames_nest_and_the_innermost_is_here(void **state)
{
	struct fake *fake = fake_new();

	(void)state;
	assert_null(frame_here());
	for (uint32_t depth = 0; depth < FRAMES_DEPTH + 2; depth++)
		frame_enter(&fake->instance, NULL, NULL, OPS_SLOT(leave));
	assert_non_null(frame_here());
	assert_int_equal(frames_count(&fake->generation), FRAMES_DEPTH);
	for (uint32_t depth = 0; depth < FRAMES_DEPTH + 2; depth++)
		frame_leave();
	assert_null(frame_here());
	assert_int_equal(frames_count(&fake->generation), 0);
	assert_ptr_equal(frame_enter_type(&fake->type, NULL, OPS_SLOT(health)), &fake->instance);
	frame_leave();
	atomic_store(&fake->type.current, NULL);
	assert_null(frame_enter_type(&fake->type, NULL, OPS_SLOT(health)));
	assert_null(frame_here());
	free(fake);
}

/* What a swap does: publish, then wait; who entered by the type after that is inside the new one. */
struct swap {
	struct fake *old, *new;
	_Atomic bool stop;
	_Atomic uint64_t calls, wrong;
	_Atomic bool old_closed;
};

static void *call_by_type(void *data)
{
	struct swap *swap = data;

	while (!atomic_load(&swap->stop)) {
		const struct instance *instance = frame_enter_type(&swap->old->type, NULL, OPS_SLOT(health));
		if (instance == &swap->old->instance && atomic_load(&swap->old_closed))
			(void)atomic_fetch_add(&swap->wrong, 1);
		frame_leave();
		(void)atomic_fetch_add(&swap->calls, 1);
	}
	return NULL;
}

static void nobody_is_inside_an_instance_that_was_replaced_and_waited_for(void **state)
{
	struct swap swap = {.old = fake_new(), .new = fake_new()};
	struct ndrv_error err = {0};
	pthread_t threads[2];

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_by_type, &swap), 0);
	for (int round = 0; round < 200; round++) {
		atomic_store(&swap.old->type.current, &swap.new->instance);
		assert_ok(frames_wait(&swap.old->instance, clock_ns() + 10 * NSEC_PER_SEC, &err), &err);
		atomic_store(&swap.old_closed, true);
		uint64_t seen = atomic_load(&swap.calls);
		while (atomic_load(&swap.calls) < seen + 10)
			(void)sched_yield();
		atomic_store(&swap.old_closed, false);
		atomic_store(&swap.old->type.current, &swap.old->instance);
	}
	atomic_store(&swap.stop, true);
	for (size_t i = 0; i < 2; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(swap.wrong, 0);
	free(swap.old);
	free(swap.new);
}

/* --- digests --- */

static void digests_see_content_and_not_the_order_of_keys(void **state)
{
	struct request one = {.type = "t"}, two = {.type = "t"};
	uint8_t first[32], second[32];
	struct ndrv_error err = {0};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1u << 16);
	assert_ok(ndrv_map_set(&arena.ndrv, &one.options, "a", ndrv_int(1), &err), &err);
	assert_ok(ndrv_map_set(&arena.ndrv, &one.options, "b", ndrv_string("x"), &err), &err);
	assert_ok(ndrv_map_set(&arena.ndrv, &two.options, "b", ndrv_string("x"), &err), &err);
	assert_ok(ndrv_map_set(&arena.ndrv, &two.options, "a", ndrv_int(1), &err), &err);
	digest_network(&one, first);
	digest_network(&two, second);
	assert_memory_equal(first, second, 32);
	assert_ok(ndrv_map_set(&arena.ndrv, &two.options, "a", ndrv_int(2), &err), &err);
	digest_network(&two, second);
	assert_memory_not_equal(first, second, 32);
	/* Where one value ends and the next begins is part of it. */
	struct request left = {.endpoint_name = "ab"}, right = {.endpoint_name = "a"};
	digest_endpoint(&left, first);
	digest_endpoint(&right, second);
	assert_memory_not_equal(first, second, 32);
	arena_reset(&arena);
}

static void ids_are_64_digits_and_differ(void **state)
{
	char one[65], two[65];
	struct ndrv_error err = {0};

	(void)state;
	assert_ok(id_generate(one, &err), &err);
	assert_ok(id_generate(two, &err), &err);
	assert_int_equal(strlen(one), 64);
	assert_int_equal(strspn(one, "0123456789abcdef"), 64);
	assert_string_not_equal(one, two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_has_a_row_a_name_a_role_and_help),
		cmocka_unit_test(waiting_for_frames_names_who_is_in_the_way),
		cmocka_unit_test(frames_nest_and_the_innermost_is_here),
		cmocka_unit_test(nobody_is_inside_an_instance_that_was_replaced_and_waited_for),
		cmocka_unit_test(digests_see_content_and_not_the_order_of_keys),
		cmocka_unit_test(ids_are_64_digits_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
