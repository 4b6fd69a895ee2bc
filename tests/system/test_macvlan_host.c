/* SPDX-License-Identifier: Apache-2.0 */
/* macvlan through the whole host: a network on a cable to a machine outside, two sandboxes, a host that is killed and started
 * again. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>

#include "tests/lib/cable.h"
#include "tests/lib/daemon.h"

struct fixture {
	struct daemon daemon;
	struct netns a, b, outside;
	char reply[1 << 16];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	netns_new(&fixture->a);
	netns_new(&fixture->b);
	netns_new(&fixture->outside);
	cable_lay(&fixture->outside);
	daemon_set_up(&fixture->daemon, NULL);
	daemon_add_driver(&fixture->daemon, "macvlan", BUILT_DRIVERS "/macvlan.so", NULL);
	daemon_add_driver(&fixture->daemon, "ipvlan", BUILT_DRIVERS "/ipvlan.so", NULL);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	daemon_tear_down(&fixture->daemon);
	netns_free(&fixture->a);
	netns_free(&fixture->b);
	netns_free(&fixture->outside);
	free(fixture);
	return 0;
}

static void talk(const struct fixture *fixture)
{
	assert_true(netns_ping(&fixture->a, "10.5.0.1"));
	assert_true(netns_ping(&fixture->a, "10.5.0.11"));
	assert_true(netns_ping(&fixture->b, "fd05::1"));
}

static void a_network_on_a_parent_lives_through_a_restart_and_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct daemon *daemon = &fixture->daemon;

	daemon_start(daemon);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "lan", "-d", "macvlan", "--subnet", "10.5.0.0/24",
				    "--gateway", "10.5.0.1", "--subnet", "fd05::/64", "--gateway", "fd05::1", "--ipv6", "-o",
				    "parent=p0", NULL),
			 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "connect", "lan", "--netns", fixture->a.path, "--ip", "10.5.0.10",
				    "--endpoint", "one", NULL),
			 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "connect", "lan", "--netns", fixture->b.path, "--ip", "10.5.0.11",
				    "--endpoint", "two", NULL),
			 0);
	assert_true(netns_has_route(&fixture->a, "0.0.0.0/0", "10.5.0.1", "eth0"));
	talk(fixture);
	(void)daemon_stop(daemon, SIGKILL);
	talk(fixture);
	daemon_start(daemon);
	talk(fixture);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "disconnect", "lan", "--netns", fixture->a.path, NULL), 0);
	assert_int_equal(netns_link_count(&fixture->a), 1);
	/* In the same sandbox again. */
	assert_int_equal(
		daemon_ctl(daemon, NULL, 0, "network", "connect", "lan", "--netns", fixture->a.path, "--ip", "10.5.0.10", NULL), 0);
	talk(fixture);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "disconnect", "lan", "--netns", fixture->a.path, NULL), 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "disconnect", "lan", "--netns", fixture->b.path, NULL), 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "rm", "lan", NULL), 0);
	assert_int_equal(netns_link_count(NULL), 2);
	assert_int_equal(netns_link_count(&fixture->a), 1);
	assert_int_equal(netns_link_count(&fixture->b), 1);
}

static void a_wrong_option_has_its_kinds_exit_status(void **state)
{
	struct fixture *fixture = *state;
	struct daemon *daemon = &fixture->daemon;

	daemon_start(daemon);
	assert_int_equal(daemon_ctl(daemon, fixture->reply, sizeof(fixture->reply), "--json", "network", "create", "lan", "-d",
				    "macvlan", "--subnet", "10.5.0.0/24", "-o", "parent=p0", "-o", "macvlan_mode=foo", NULL),
			 6);
	assert_non_null(strstr(fixture->reply, "requested macvlan mode 'foo' is not valid"));
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "lan", "-d", "macvlan", "--subnet", "10.5.0.0/24", "-o",
				    "parent=nothere", NULL),
			 3);
	if (!cable_kernel_makes("dummy"))
		assert_int_equal(
			daemon_ctl(daemon, NULL, 0, "network", "create", "lan", "-d", "ipvlan", "--subnet", "10.5.0.0/24", NULL),
			5);
	assert_int_equal(netns_link_count(NULL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_network_on_a_parent_lives_through_a_restart_and_leaves_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_wrong_option_has_its_kinds_exit_status, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
