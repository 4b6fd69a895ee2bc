/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that fail or are full: at every write of every operation, once and from there on. */
#include "tests/lib/test.h"

#include <errno.h>

#include "tests/faults/inject_rig.h"

#define ALL .first = RIG_CREATE, .last = RIG_RELOAD

static void an_operation_at_which_the_disk_fails_is_whole_or_undone(void **state)
{
	static const struct rig_case cases[] = {
		{.name = "write: EIO", .kind = INJECT_WRITE, .error = EIO, .sample = 12, ALL},
		{.name = "write: EIO, for good", .kind = INJECT_WRITE, .error = EIO, .sticky = true, .sample = 12, ALL},
		{.name = "write: ENOSPC", .kind = INJECT_WRITE, .error = ENOSPC, .sample = 12, ALL},
		{.name = "write: ENOSPC, for good", .kind = INJECT_WRITE, .error = ENOSPC, .sticky = true, .sample = 12, ALL},
	};
	static struct rig rig;

	(void)state;
	rig.restart_every = 2;
	rig_set_up(&rig);
	rig_print_head();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		rig_sweep(&rig, &cases[i]);
	rig_print("disk, all", &rig.total);
	rig_tear_down(&rig);
	assert_int_equal(rig.total.inconsistent, 0);
	assert_true(rig.total.points > 50);
	assert_true(rig.total.refused > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operation_at_which_the_disk_fails_is_whole_or_undone),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
