/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation of every operation fails, once and from there on. */
#include "tests/lib/test.h"

#include <errno.h>

#include "tests/faults/inject_rig.h"

#define ALL .first = RIG_CREATE, .last = RIG_RELOAD

static void an_operation_that_runs_out_of_memory_is_whole_or_undone(void **state)
{
	static const struct rig_case cases[] = {
		{.name = "allocation", .kind = INJECT_MEMORY, .error = ENOMEM, .sample = 24, .silence = true, ALL},
		{.name = "allocations from there on",
		 .kind = INJECT_MEMORY,
		 .error = ENOMEM,
		 .sticky = true,
		 .sample = 12,
		 .silence = true,
		 ALL},
	};
	static struct rig rig;

	(void)state;
	rig.restart_every = 16;
	rig_set_up(&rig);
	rig_print_head();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		rig_sweep(&rig, &cases[i]);
	rig_print("memory, all", &rig.total);
	rig_tear_down(&rig);
	assert_int_equal(rig.total.inconsistent, 0);
	assert_true(rig.total.points > 100);
	assert_true(rig.total.refused > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operation_that_runs_out_of_memory_is_whole_or_undone),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
