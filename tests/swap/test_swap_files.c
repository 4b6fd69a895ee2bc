/* SPDX-License-Identifier: Apache-2.0 */
/* Files that change, go and come back under a running host: reload, orphans, what was refused, probation. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

static void populate(struct swaprig *rig)
{
	assert_answer(swaprig_network(rig, &rig->arena, "swap", "n1"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n1", "e1"));
	assert_answer(swaprig_join(rig, &rig->arena, "n1", "e1", "/sandbox"));
}

static struct swaprig *open_with(void **state, const char *yaml)
{
	struct swaprig *rig = calloc(1, sizeof(*rig));

	swaprig_open(rig, "v1", yaml);
	populate(rig);
	*state = rig;
	return rig;
}

static int set_up(void **state)
{
	(void)open_with(state, NULL);
	return 0;
}

static int set_up_short_probation(void **state)
{
	(void)open_with(state, "swap: {drain: 2s, probation: 3s, max_errors: 3}\n");
	return 0;
}

static int tear_down(void **state)
{
	struct swaprig *rig = *state;

	swaprig_close(rig);
	free(rig);
	return 0;
}

static int version(struct swaprig *rig)
{
	return (int)swaprig_info(rig, "n1", "e1", "version");
}

static void sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool becomes(struct swaprig *rig, int wanted)
{
	for (int i = 0; i < 1000 && version(rig) != wanted; i++)
		sleep_ms(10);
	return version(rig) == wanted;
}

static int64_t count_in(struct swaprig *rig, const char *list)
{
	struct ndrv_value status = swaprig_status(rig);
	const struct ndrv_value *found = ndrv_map_get(&status, list);

	assert_non_null(found);
	return found->count;
}

static void a_path_replaced_three_times_runs_what_stands_there(void **state)
{
	struct swaprig *rig = *state;

	swaprig_install(rig, "v2", false);
	assert_non_null(strstr(swaprig_reload(rig), "swapped"));
	assert_int_equal(version(rig), 2);
	/* Over the very file: what is mapped is a private copy, and nothing faults. */
	swaprig_install(rig, "v1", true);
	assert_non_null(strstr(swaprig_reload(rig), "swapped"));
	assert_int_equal(version(rig), 1);
	swaprig_install(rig, "v3", true);
	assert_non_null(strstr(swaprig_reload(rig), "swapped"));
	assert_int_equal(version(rig), 3);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "joins"), 1);
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_LEAVE, "n1", "e1"));
}

static void the_same_content_is_not_swapped(void **state)
{
	struct swaprig *rig = *state;

	swaprig_install(rig, "v1", false);
	assert_string_equal(swaprig_reload(rig), "unchanged");
	assert_int_equal(swaprig_info(rig, "n1", "e1", "committed"), 0);
}

static void what_was_refused_is_not_tried_again_but_by_hand(void **state)
{
	struct swaprig *rig = *state;

	swaprig_write(rig->plan, "prepare");
	swaprig_install(rig, "v2", false);
	assert_non_null(strstr(swaprig_reload(rig), "the plan says no"));
	assert_int_equal(unlink(rig->plan), 0);
	/* It would do now; the host remembers the bytes. */
	assert_non_null(strstr(swaprig_reload(rig), "this content was refused before"));
	assert_int_equal(count_in(rig, "refused_files"), 1);
	struct ndrv_value status = swaprig_status(rig);
	const struct ndrv_value *row = &ndrv_map_get(&status, "refused_files")->u.items[0];
	const char *name = "", *sha256 = "";
	assert_int_equal(ndrv_map_string(row, "name", &name, NULL), 1);
	assert_int_equal(ndrv_map_string(row, "sha256", &sha256, NULL), 1);
	assert_string_equal(name, "swap");
	assert_int_equal(strlen(sha256), 64);
	assert_int_equal(version(rig), 1);
	/* Nor at a start: what served then serves again, from the copy. */
	swaprig_restart(rig);
	assert_int_equal(version(rig), 1);
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n1", "e2"));
	swaprig_install(rig, "v3", false);
	swaprig_write(rig->plan, "adopt 1");
	assert_non_null(strstr(swaprig_reload(rig), "the plan says no"));
	assert_int_equal(unlink(rig->plan), 0);
	assert_answer(swaprig_swap(rig, rig->driver));
	assert_int_equal(version(rig), 3);
}

static void a_driver_whose_file_is_gone_serves_until_its_last_network_goes(void **state)
{
	struct swaprig *rig = *state;

	assert_int_equal(unlink(rig->driver), 0);
	assert_non_null(strstr(swaprig_reload(rig), "stays until its last network goes"));
	assert_int_equal(count_in(rig, "orphan_drivers"), 1);
	assert_int_equal(version(rig), 1);
	swaprig_restart(rig);
	assert_int_equal(version(rig), 1);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "joins"), 0); /* its own counter; the record is there */
	assert_int_equal(count_in(rig, "orphan_drivers"), 1);
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_LEAVE, "n1", "e1"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_NETWORK_DELETE, "n1", NULL));
	for (int i = 0; i < 1000 && count_in(rig, "orphan_drivers"); i++)
		sleep_ms(10);
	assert_refused(swaprig_network(rig, &rig->arena, "swap", "n2"), NDRV_E_NO_DRIVER, "swap");
	swaprig_restart(rig);
	assert_refused(swaprig_network(rig, &rig->arena, "swap", "n2"), NDRV_E_NO_DRIVER, "swap");
}

static void an_orphan_whose_file_comes_back_is_one_no_more(void **state)
{
	struct swaprig *rig = *state;

	assert_int_equal(unlink(rig->driver), 0);
	(void)swaprig_reload(rig);
	swaprig_install(rig, "v2", false);
	assert_non_null(strstr(swaprig_reload(rig), "swapped"));
	assert_int_equal(count_in(rig, "orphan_drivers"), 0);
	assert_int_equal(version(rig), 2);
}

struct hearing {
	struct event_sink sink; /* first */
	_Atomic int swaps, rollbacks;
};

static void hear(struct event_sink *sink, const struct ndrv_value *event)
{
	struct hearing *hearing = (struct hearing *)(void *)sink;
	const char *what = "";

	(void)ndrv_map_string(event, "event", &what, NULL);
	hearing->swaps += strcmp(what, "driver-swap") == 0;
	hearing->rollbacks += strcmp(what, "driver-rollback") == 0;
}

static void an_ill_driver_is_put_back(void **state)
{
	struct swaprig *rig = *state;
	struct hearing hearing = {.sink = {.event = hear}};

	dispatch_add_sink(rig->dispatch, &hearing.sink);
	assert_answer(swaprig_swap(rig, "ill"));
	assert_int_equal(version(rig), 4);
	assert_true(becomes(rig, 1));
	assert_int_equal(swaprig_info(rig, "n1", "e1", "joins"), 1);
	for (int i = 0; i < 1000 && !atomic_load(&hearing.rollbacks); i++)
		sleep_ms(5);
	dispatch_del_sink(rig->dispatch, &hearing.sink);
	assert_int_equal(hearing.swaps, 1);
	assert_int_equal(hearing.rollbacks, 1);
	assert_int_equal(count_in(rig, "refused_files"), 1);
}

static void internal_errors_put_the_former_driver_back(void **state)
{
	struct swaprig *rig = *state;

	assert_answer(swaprig_ask(rig, &rig->arena, REQ_LEAVE, "n1", "e1"));
	assert_answer(swaprig_swap(rig, "faulty"));
	for (int i = 0; i < 3; i++)
		assert_refused(swaprig_join(rig, &rig->arena, "n1", "e1", "/sandbox"), NDRV_E_INTERNAL, "cannot join");
	assert_true(becomes(rig, 1));
	assert_answer(swaprig_join(rig, &rig->arena, "n1", "e1", "/sandbox"));
	assert_int_equal(swaprig_info(rig, "n1", "e1", "joins"), 2);
}

static void after_its_probation_the_former_one_comes_from_the_copy(void **state)
{
	struct swaprig *rig = *state;

	assert_answer(swaprig_swap(rig, "v2"));
	for (int i = 0; i < 1000; i++) {
		struct ndrv_value status = swaprig_status(rig);
		const struct ndrv_value *images = ndrv_map_get(&status, "images");
		int64_t standby = -1;
		(void)ndrv_map_int(images, "standby", &standby, NULL);
		if (standby == 0)
			break;
		sleep_ms(10);
	}
	assert_answer(swaprig_driver(rig, REQ_DRIVER_ROLLBACK));
	assert_int_equal(version(rig), 1);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "joins"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define PROBATION(name) cmocka_unit_test_setup_teardown(name, set_up_short_probation, tear_down)
		TEST(a_path_replaced_three_times_runs_what_stands_there),
		TEST(the_same_content_is_not_swapped),
		TEST(what_was_refused_is_not_tried_again_but_by_hand),
		TEST(a_driver_whose_file_is_gone_serves_until_its_last_network_goes),
		TEST(an_orphan_whose_file_comes_back_is_one_no_more),
		PROBATION(an_ill_driver_is_put_back),
		PROBATION(internal_errors_put_the_former_driver_back),
		PROBATION(after_its_probation_the_former_one_comes_from_the_copy),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
