/* SPDX-License-Identifier: Apache-2.0 */
/* One swap at a time: what is handed over, and every way it is refused with the old generation serving on. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

static int set_up(void **state)
{
	struct swaprig *rig = calloc(1, sizeof(*rig));

	swaprig_open(rig, "v1", NULL);
	assert_answer(swaprig_network(rig, &rig->arena, "swap", "n1"));
	assert_answer(swaprig_network(rig, &rig->arena, "swap", "n2"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n1", "e1"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n2", "e2"));
	assert_answer(swaprig_join(rig, &rig->arena, "n1", "e1", "/sandbox"));
	assert_answer(swaprig_discover(rig, &rig->arena));
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct swaprig *rig = *state;

	swaprig_close(rig);
	free(rig);
	return 0;
}

static void assert_serves(struct swaprig *rig, int version)
{
	assert_int_equal(swaprig_info(rig, "n1", "e1", "version"), version);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "joins"), 1);
	assert_int_equal(swaprig_info(rig, "n2", "e2", "version"), version);
	assert_int_equal(swaprig_info(rig, "n2", "e2", "joins"), 0);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "discovered"), 1);
	/* It is all there: another endpoint can be made, joined and deleted. */
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n1", "extra"));
	assert_answer(swaprig_join(rig, &rig->arena, "n1", "extra", "/other"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_DELETE, "n1", "extra"));
}

static void sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* --- what a swap does --- */

static void everything_is_handed_over(void **state)
{
	struct swaprig *rig = *state;
	struct reply reply = swaprig_swap(rig, "v2");
	int64_t networks = 0, endpoints = 0;
	const char *result = "";

	assert_answer(reply);
	(void)ndrv_map_int(&reply.value, "networks", &networks, NULL);
	(void)ndrv_map_int(&reply.value, "endpoints", &endpoints, NULL);
	(void)ndrv_map_string(&reply.value, "result", &result, NULL);
	assert_int_equal(networks, 2);
	assert_int_equal(endpoints, 2);
	assert_string_equal(result, "swapped");
	assert_serves(rig, 2);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "committed"), 1);
	assert_answer(swaprig_swap(rig, "v3"));
	assert_serves(rig, 3);
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_NETWORK_DELETE, "n2", NULL).error.code
			      ? swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_DELETE, "n2", "e2")
			      : (struct reply){0});
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_NETWORK_DELETE, "n2", NULL));
}

static void a_timer_of_the_new_one_fires_and_the_old_ones_do_not(void **state)
{
	struct swaprig *rig = *state;

	assert_answer(swaprig_swap(rig, "v2"));
	for (int i = 0; i < 1000 && swaprig_info(rig, "n1", "e1", "ticks") < 3; i++)
		sleep_ms(5);
	assert_true(swaprig_info(rig, "n1", "e1", "ticks") >= 3);
}

static void a_dry_run_changes_nothing(void **state)
{
	struct swaprig *rig = *state;
	struct reply reply = swaprig_dry(rig, "v2");
	const char *result = "";

	assert_answer(reply);
	(void)ndrv_map_string(&reply.value, "result", &result, NULL);
	assert_string_equal(result, "would swap");
	int64_t endpoints = 0;
	(void)ndrv_map_int(&reply.value, "endpoints", &endpoints, NULL);
	assert_int_equal(endpoints, 2);
	assert_refused(swaprig_dry(rig, "newer"), NDRV_E_FORBIDDEN, "version 3 or newer");
	assert_serves(rig, 1);
}

static void the_former_one_is_put_back_by_hand(void **state)
{
	struct swaprig *rig = *state;

	assert_refused(swaprig_driver(rig, REQ_DRIVER_ROLLBACK), NDRV_E_NOT_FOUND, "no former driver");
	assert_answer(swaprig_swap(rig, "v2"));
	assert_serves(rig, 2);
	assert_answer(swaprig_driver(rig, REQ_DRIVER_ROLLBACK));
	assert_serves(rig, 1);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "committed"), 1);
}

/* The same bytes as another generation: each knows its one network, and forgets it when it goes. */
static void the_one_network_of_a_single_type_is_handed_over(void **state)
{
	struct swaprig *rig = *state;

	assert_answer(swaprig_load(rig, BUILT_DRIVERS "/null.so"));
	assert_answer(swaprig_network(rig, &rig->arena, "null", "none"));
	for (int i = 0; i < 2; i++) {
		assert_answer(swaprig_swap_other(rig, "null", BUILT_DRIVERS "/null.so"));
		assert_refused(swaprig_network(rig, &rig->arena, "null", "second"), NDRV_E_FORBIDDEN, "only one instance");
	}
	assert_answer(swaprig_force_delete(rig, "none"));
	assert_answer(swaprig_network(rig, &rig->arena, "null", "second"));
	assert_answer(swaprig_swap_other(rig, "null", BUILT_DRIVERS "/null.so"));
}

/* --- what a file alone is refused for, before its code is loaded --- */

static void refuse(struct swaprig *rig, const char *version, int code, const char *part)
{
	assert_refused(swaprig_swap(rig, version), code, part);
	assert_serves(rig, 1);
}

static void a_newer_state_schema_is_refused(void **state)
{
	refuse(*state, "newer", NDRV_E_FORBIDDEN,
	       "needs state of schema \"swapdrv\" version 3 or newer, the running one keeps version 1");
}

static void another_state_schema_is_refused(void **state)
{
	refuse(*state, "schema", NDRV_E_FORBIDDEN, "keeps state of schema \"swapdrv\", the new one reads \"other\"");
}

static void a_change_of_scope_is_refused(void **state)
{
	refuse(*state, "global", NDRV_E_FORBIDDEN, "its data scope would change from local to global");
}

static void a_driver_with_threads_is_refused(void **state)
{
	refuse(*state, "threads", NDRV_E_FORBIDDEN, "has threads of its own");
}

static void a_driver_that_lacks_a_type_in_use_is_refused(void **state)
{
	refuse(*state, "notype", NDRV_E_FORBIDDEN, "does not serve type swap, which has networks");
}

static void a_file_that_is_not_there_is_refused(void **state)
{
	refuse(*state, "/tmp/ndrv-no-such-driver.so", NDRV_E_NOT_FOUND, "ndrv-no-such-driver.so");
}

/* --- what only the probe finds --- */

static void a_crash_in_prepare_stays_in_the_probe(void **state)
{
	refuse(*state, "crash", NDRV_E_DRIVER_REFUSED, "crashed in prepare: the probe process was killed by signal 6 (ABRT)");
}

static void a_crash_in_a_constructor_stays_in_the_probe(void **state)
{
	refuse(*state, "crashload", NDRV_E_DRIVER_REFUSED, "crashed while it was loaded");
}

static void a_constructor_that_ends_the_process_ends_the_probe(void **state)
{
	refuse(*state, "exitload", NDRV_E_DRIVER_REFUSED, "ended the probe process while it was loaded, with status 3");
}

static void a_hang_in_prepare_is_stopped_in_the_probe(void **state)
{
	refuse(*state, "hang", NDRV_E_DRIVER_REFUSED, "hung in prepare");
}

/* --- what the new code refuses, or lacks --- */

static void an_op_that_endpoints_use_may_not_be_missing(void **state)
{
	struct swaprig *rig = *state;

	refuse(rig, "nojoin", NDRV_E_FORBIDDEN, "the new driver has no join");
	/* Nothing is programmed: what programs may go. */
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_PROGRAM_EXTERNAL, "n1", "e1"));
	refuse(rig, "noext", NDRV_E_FORBIDDEN, "the new driver has no program_external, which endpoint e1 of type swap needs");
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_REVOKE_EXTERNAL, "n1", "e1"));
	assert_answer(swaprig_swap(rig, "noext"));
	assert_serves(rig, 4);
}

static void a_refusal_at_any_step_leaves_the_old_one(void **state)
{
	struct swaprig *rig = *state;
	static const char *const plans[] = {"prepare", "adopt 1", "adopt 2", "adopt 3", "adopt 4"};

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		swaprig_write(rig->plan, plans[i]);
		refuse(rig, "v2", NDRV_E_FORBIDDEN, "the plan says no");
	}
	assert_int_equal(unlink(rig->plan), 0);
	assert_answer(swaprig_swap(rig, "v2"));
	assert_serves(rig, 2);
}

/* --- calls in the way --- */

struct blocker {
	struct swaprig *rig;
	char key[128], file[120];
};

static void *join_slowly(void *data)
{
	struct blocker *blocker = data;
	struct arena arena;

	arena_init(&arena, 1u << 20);
	assert_answer(swaprig_join(blocker->rig, &arena, "n2", "e2", blocker->key));
	arena_reset(&arena);
	return NULL;
}

static void a_call_that_does_not_end_calls_the_swap_off_and_is_named(void **state)
{
	struct swaprig *rig = *state;
	struct blocker blocker = {.rig = rig};
	pthread_t thread;

	(void)snprintf(blocker.file, sizeof(blocker.file), "%s/inside", rig->dir);
	(void)snprintf(blocker.key, sizeof(blocker.key), "/wait%s", blocker.file);
	assert_int_equal(pthread_create(&thread, NULL, join_slowly, &blocker), 0);
	while (access(blocker.file, F_OK))
		sleep_ms(1);
	struct reply reply = swaprig_swap(rig, "v2");
	assert_refused(reply, NDRV_E_TIMEOUT,
		       "join of network n2, endpoint e2 (asked for by uid 0 pid 42) has been in the driver's join");
	assert_non_null(strstr(reply.error.text, "on thread "));
	/* The other network was never out of service for good. */
	assert_int_equal(swaprig_info(rig, "n1", "e1", "version"), 1);
	assert_int_equal(unlink(blocker.file), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(swaprig_info(rig, "n2", "e2", "joins"), 1);
	/* It was not the file's fault: the same bytes may come again. */
	assert_answer(swaprig_swap(rig, "v2"));
	assert_int_equal(swaprig_info(rig, "n2", "e2", "joins"), 1);
}

static void who_asks_from_within_is_refused(void **state)
{
	struct swaprig *rig = *state;
	struct reply reply = {0};
	struct request request = {
		.op = REQ_DRIVER_SWAP,
		.arena = &rig->arena,
		.caller = {.front = NDRV_FRONT_CONTROL, .pid = (uint32_t)getpid(), .role = ROLE_ADMIN},
		.id = "",
		.type = "swap",
		.file = swaprig_file("v2"),
	};

	dispatch_run(rig->dispatch, &request, &reply);
	assert_refused(reply, NDRV_E_FORBIDDEN, "a driver may not ask for a swap");
	assert_serves(rig, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(everything_is_handed_over),
		TEST(a_timer_of_the_new_one_fires_and_the_old_ones_do_not),
		TEST(a_dry_run_changes_nothing),
		TEST(the_former_one_is_put_back_by_hand),
		TEST(the_one_network_of_a_single_type_is_handed_over),
		TEST(a_newer_state_schema_is_refused),
		TEST(another_state_schema_is_refused),
		TEST(a_change_of_scope_is_refused),
		TEST(a_driver_with_threads_is_refused),
		TEST(a_driver_that_lacks_a_type_in_use_is_refused),
		TEST(a_file_that_is_not_there_is_refused),
		TEST(a_crash_in_prepare_stays_in_the_probe),
		TEST(a_crash_in_a_constructor_stays_in_the_probe),
		TEST(a_constructor_that_ends_the_process_ends_the_probe),
		TEST(a_hang_in_prepare_is_stopped_in_the_probe),
		TEST(an_op_that_endpoints_use_may_not_be_missing),
		TEST(a_refusal_at_any_step_leaves_the_old_one),
		TEST(a_call_that_does_not_end_calls_the_swap_off_and_is_named),
		TEST(who_asks_from_within_is_refused),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
