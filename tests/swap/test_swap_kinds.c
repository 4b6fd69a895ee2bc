/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that are special at a swap: that call the host back from within it, serve types of their own choice, have threads. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

/* --- calling back --- */

static struct reply swap_to(struct swaprig *rig, const char *type, const char *version)
{
	return swaprig_swap_other(rig, type, swaprig_file(version));
}

/* What the driver was told in that call at that step; fails if the call was not made, or differently another time. */
static int told(const struct swaprig *rig, const char *step, const char *call)
{
	char path[128], at[32], what[32];
	int rc, found = 0, result = 0;

	(void)snprintf(path, sizeof(path), "%s.calls", rig->plan);
	FILE *file = fopen(path, "r");
	if (!file)
		fail_msg("no calls at all");
	while (file && fscanf(file, "%31s %31s %d", at, what, &rc) == 3) {
		if (strcmp(at, step) != 0 || strcmp(what, call) != 0)
			continue;
		if (found++ && rc != result)
			fail_msg("%s %s: first %d, then %d", step, call, result, rc);
		result = rc;
	}
	if (file)
		(void)fclose(file);
	if (!found)
		fail_msg("%s %s was not called", step, call);
	return result;
}

/* Everywhere the same: what is not allowed has its error, and nothing waits for ever. */
static void assert_told_at(const struct swaprig *rig, const char *step, int in_store)
{
	assert_int_equal(told(rig, step, "register_driver"), -NDRV_E_FORBIDDEN);
	assert_int_equal(told(rig, step, "unregister_driver"), -NDRV_E_NOT_FOUND);
	assert_int_equal(told(rig, step, "store_get"), in_store);
	assert_int_equal(told(rig, step, "timer_add"), 0);
}

static void open_calling(struct swaprig *rig)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(setenv("SWAPDRV_PID", pid, 1), 0);
	swaprig_open(rig, "call1", "swap: {drain: 2s, step: 5s, probation: 0s}\n");
	assert_answer(swaprig_network(rig, &rig->arena, "call", "n"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n", "e"));
	assert_int_equal(swaprig_info(rig, "n", "e", "stored"), 1);
}

static void a_driver_may_call_the_host_back_during_its_own_swap(void **state)
{
	struct swaprig rig;

	(void)state;
	open_calling(&rig);
	assert_answer(swap_to(&rig, "call", "call2"));
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 2);
	assert_told_at(&rig, "export_state", 1); /* the old one does not see what the new one writes */
	assert_told_at(&rig, "prepare", 2);
	assert_told_at(&rig, "adopt_network", 2);
	assert_told_at(&rig, "adopt", 2);
	assert_told_at(&rig, "commit", 2);
	assert_int_equal(told(&rig, "prepare", "store_put"), 0);
	assert_int_equal(told(&rig, "adopt", "store_put"), 0);
	assert_int_equal(told(&rig, "adopt", "timer_add_network"), 0);
	/* No such service on this host, or no such table of this network: refused either way. */
	assert_true(told(&rig, "adopt", "table_put") < 0);
	assert_true(told(&rig, "export_state", "table_put") < 0);
	assert_int_equal(swaprig_info(&rig, "n", "e", "stored"), 2);
	swaprig_close(&rig);
}

static void what_a_refused_driver_asked_for_is_undone(void **state)
{
	struct swaprig rig;
	char path[128];

	(void)state;
	open_calling(&rig);
	(void)snprintf(path, sizeof(path), "%s.refuse", rig.plan);
	swaprig_write(path, "");
	assert_refused(swap_to(&rig, "call", "call2"), NDRV_E_FORBIDDEN, "the file says no");
	assert_told_at(&rig, "prepare", 2);
	assert_told_at(&rig, "abort", 2);
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 1);
	assert_int_equal(swaprig_info(&rig, "n", "e", "stored"), 1);
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_CREATE, "n", "e2"));
	assert_int_equal(unlink(path), 0);
	assert_answer(swap_to(&rig, "call", "call2"));
	assert_int_equal(swaprig_info(&rig, "n", "e", "stored"), 2);
	swaprig_close(&rig);
}

/* --- types of its own choice --- */

static void set_types(const struct swaprig *rig, int version, const char *types)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s.types%d", rig->plan, version);
	swaprig_write(path, types);
}

static void assert_serves_type(struct swaprig *rig, const char *type)
{
	assert_answer(swaprig_network(rig, &rig->arena, type, "brief"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_NETWORK_DELETE, "brief", NULL));
}

static void assert_no_type(struct swaprig *rig, const char *type)
{
	assert_refused(swaprig_network(rig, &rig->arena, type, "brief"), NDRV_E_NO_DRIVER, type);
}

static void a_driver_of_dynamic_types_is_swapped_with_them(void **state)
{
	struct swaprig rig;

	(void)state;
	swaprig_open(&rig, "dyn1", "swap: {drain: 2s, probation: 0s}\n");
	assert_answer(swaprig_network(&rig, &rig.arena, "dyna", "n"));
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_CREATE, "n", "e"));

	/* The same types. */
	assert_answer(swap_to(&rig, "dyna", "dyn2"));
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 2);
	assert_serves_type(&rig, "dyna");
	assert_serves_type(&rig, "dynb");

	/* One more, and one less that nobody uses. */
	set_types(&rig, 1, "dyna dync");
	assert_answer(swap_to(&rig, "dynb", "dyn1"));
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 1);
	assert_serves_type(&rig, "dyna");
	assert_serves_type(&rig, "dync");
	assert_no_type(&rig, "dynb");

	/* One less that has a network. */
	set_types(&rig, 2, "dynb dync");
	assert_refused(swap_to(&rig, "dyna", "dyn2"), NDRV_E_FORBIDDEN, "does not serve type dyna, which has networks (n)");
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 1);
	assert_serves_type(&rig, "dync");
	assert_no_type(&rig, "dynb");

	/* When that is gone, it may go. */
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_DELETE, "n", "e"));
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_NETWORK_DELETE, "n", NULL));
	assert_answer(swap_to(&rig, "dync", "dyn2"));
	assert_serves_type(&rig, "dynb");
	assert_serves_type(&rig, "dync");
	assert_no_type(&rig, "dyna");
	swaprig_close(&rig);
}

static struct reply discover(struct swaprig *rig, enum request_op op, const char *type)
{
	static const struct ndrv_discovery node = {.size = sizeof(node), .address = "192.0.2.1"};
	struct request request = swaprig_request(&rig->arena, op);

	request.type = type;
	request.discovery = &node;
	return swaprig_run(rig, &request);
}

static void a_type_that_came_later_counts_as_much(void **state)
{
	struct swaprig rig;

	(void)state;
	swaprig_open(&rig, "dyn1", "swap: {drain: 2s, probation: 0s}\n");
	assert_no_type(&rig, "dynlate");
	assert_answer(discover(&rig, REQ_DISCOVER_NEW, "dyna"));
	assert_answer(swaprig_network(&rig, &rig.arena, "dynlate", "n"));
	assert_refused(swap_to(&rig, "dyna", "dyn2"), NDRV_E_FORBIDDEN, "does not serve type dynlate, which has networks (n)");
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_CREATE, "n", "e"));
	set_types(&rig, 2, "dyna dynlate");
	assert_answer(swap_to(&rig, "dynlate", "dyn2"));
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 2);
	assert_no_type(&rig, "dynb");
	/* It goes while nobody uses it, and not by a call that comes through itself. */
	assert_refused(discover(&rig, REQ_DISCOVER_DELETE, "dyna"), NDRV_E_DRIVER_IN_USE, "has networks (1 of type dynlate)");
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_DELETE, "n", "e"));
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_NETWORK_DELETE, "n", NULL));
	assert_refused(discover(&rig, REQ_DISCOVER_DELETE, "dynlate"), NDRV_E_FORBIDDEN, "by a call of its own");
	assert_answer(discover(&rig, REQ_DISCOVER_DELETE, "dyna"));
	assert_no_type(&rig, "dynlate");
	swaprig_close(&rig);
}

/* The driver goes on, and so do its timers. */
static void a_driver_that_gives_up_one_type_keeps_its_timers(void **state)
{
	struct swaprig rig;

	(void)state;
	swaprig_open(&rig, "dyn1", "swap: {drain: 2s, probation: 0s}\n");
	assert_answer(swaprig_network(&rig, &rig.arena, "dyna", "n"));
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_CREATE, "n", "e"));
	assert_answer(discover(&rig, REQ_DISCOVER_NEW, "dyna"));
	assert_answer(discover(&rig, REQ_DISCOVER_DELETE, "dyna"));
	assert_no_type(&rig, "dynlate");
	int64_t before = swaprig_info(&rig, "n", "e", "ticks");
	for (int i = 0; i < 1000 && swaprig_info(&rig, "n", "e", "ticks") < before + 3; i++)
		(void)usleep(5000);
	assert_true(swaprig_info(&rig, "n", "e", "ticks") >= before + 3);
	swaprig_close(&rig);
}

/* A type that another driver holds: nothing is changed. */
static void a_type_of_another_driver_is_not_taken(void **state)
{
	struct swaprig rig;

	(void)state;
	swaprig_open(&rig, "dyn1", "swap: {drain: 2s, probation: 0s}\n");
	assert_answer(swaprig_network(&rig, &rig.arena, "dyna", "n"));
	assert_answer(swaprig_load(&rig, SWAP_DRIVERS_DIR "/swnotype.so")); /* type "other" */
	set_types(&rig, 2, "dyna other");
	assert_refused(swap_to(&rig, "dyna", "dyn2"), NDRV_E_ACTIVE_REGISTRATION, "other");
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_CREATE, "n", "e"));
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 1);
	assert_serves_type(&rig, "dynb");
	assert_serves_type(&rig, "other");
	swaprig_close(&rig);
}

/* --- threads of its own --- */

static void a_driver_that_has_threads_is_not_replaced(void **state)
{
	struct swaprig rig;

	(void)state;
	swaprig_open(&rig, "threads", NULL);
	assert_answer(swaprig_network(&rig, &rig.arena, "swap", "n"));
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_CREATE, "n", "e"));
	assert_refused(swaprig_swap(&rig, "v1"), NDRV_E_FORBIDDEN,
		       "the driver that serves has threads of its own and cannot be replaced while the host runs");
	assert_refused(swaprig_dry(&rig, "v1"), NDRV_E_FORBIDDEN, "has threads of its own");
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 4);
	/* The new file waits for the next start. */
	swaprig_install(&rig, "v1", false);
	assert_non_null(strstr(swaprig_reload(&rig), "has threads of its own"));
	assert_int_equal(swaprig_info(&rig, "n", "e", "version"), 4);
	swaprig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_may_call_the_host_back_during_its_own_swap),
		cmocka_unit_test(what_a_refused_driver_asked_for_is_undone),
		cmocka_unit_test(a_driver_of_dynamic_types_is_swapped_with_them),
		cmocka_unit_test(a_type_that_came_later_counts_as_much),
		cmocka_unit_test(a_driver_that_gives_up_one_type_keeps_its_timers),
		cmocka_unit_test(a_type_of_another_driver_is_not_taken),
		cmocka_unit_test(a_driver_that_has_threads_is_not_replaced),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
