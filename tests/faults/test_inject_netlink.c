/* SPDX-License-Identifier: Apache-2.0 */
/* Sends that fail, messages that the kernel refuses, answers that are lost: at every message of every operation. */
#include "tests/lib/test.h"

#include <errno.h>

#include "tests/faults/inject_rig.h"

#define ALL .first = RIG_CREATE, .last = RIG_FORCE

static void an_operation_at_which_netlink_fails_is_whole_or_undone(void **state)
{
	static const struct rig_case cases[] = {
		{.name = "send: ENOBUFS", .kind = INJECT_SEND, .error = ENOBUFS, .sample = 3, ALL},
		{.name = "send: EINTR", .kind = INJECT_SEND, .error = EINTR, .sample = 3, ALL},
		{.name = "send: EPERM", .kind = INJECT_SEND, .error = EPERM, .sample = 12, ALL},
		{.name = "refused: EPERM", .kind = INJECT_REFUSE, .error = EPERM, .sample = 12, ALL},
		{.name = "refused: EBUSY", .kind = INJECT_REFUSE, .error = EBUSY, .sample = 12, ALL},
		{.name = "refused: ENOMEM", .kind = INJECT_REFUSE, .error = ENOMEM, .sample = 3, ALL},
		{.name = "answer lost", .kind = INJECT_LOST, .error = ENOBUFS, .sample = 20, ALL},
		{.name = "receive: EINTR", .kind = INJECT_BREAK, .error = EINTR, .sample = 3, ALL},
		{.name = "receive: EIO", .kind = INJECT_BREAK, .error = EIO, .sample = 12, ALL},
	};
	static struct rig rig;

	(void)state;
	rig.restart_every = 8;
	rig_set_up(&rig);
	rig_print_head();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		rig_sweep(&rig, &cases[i]);
	rig_print("netlink, all", &rig.total);
	rig_tear_down(&rig);
	assert_int_equal(rig.total.inconsistent, 0);
	assert_true(rig.total.points > 100);
	assert_true(rig.total.refused > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operation_at_which_netlink_fails_is_whole_or_undone),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
