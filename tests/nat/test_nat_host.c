/* SPDX-License-Identifier: Apache-2.0 */
/* Ports published by a whole host with the bridge driver: from outside, over a kill, a flush and a swap, until they end with their
 * endpoint. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/lib/daemon.h"
#include "tests/nat/rig.h"

#define BRIDGE BUILT_DRIVERS "/bridge.so"

struct fixture {
	struct daemon daemon;
	struct netns outside, one, two;
	char reply[1 << 16];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	(void)rig_bridge_netfilter(false);
	netns_new(&fixture->outside);
	netns_new(&fixture->one);
	netns_new(&fixture->two);
	run("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0");
	run("ip link add up0 up type veth peer name eth0 netns %s", fixture->outside.path);
	run("ip addr add " HOST4 "/24 dev up0; ip -6 addr add " HOST6 "/64 dev up0 nodad");
	run("nsenter --net=%s sh -ec 'ip link set eth0 up; ip addr add " OUTSIDE4 "/24 dev eth0;"
	    " ip -6 addr add " OUTSIDE6 "/64 dev eth0 nodad'",
	    fixture->outside.path);
	daemon_set_up(&fixture->daemon, "instance: test\n");
	daemon_add_driver(&fixture->daemon, "bridge", BRIDGE, NULL);
	daemon_start(&fixture->daemon);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "web", "-d", "bridge", "--subnet",
				    "10.66.0.0/24", "--subnet", "fd66::/64", "--ipv6", NULL),
			 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	daemon_tear_down(&fixture->daemon);
	netns_free(&fixture->outside);
	netns_free(&fixture->one);
	netns_free(&fixture->two);
	free(fixture);
	return 0;
}

static int connect_with(struct fixture *fixture, const struct netns *ns, const char *endpoint, const char *port, const char *port2)
{
	return daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "network", "connect", "web", "--netns",
			  ns->path, "--endpoint", endpoint, "-p", port, "-p", port2, NULL);
}

static bool serves(struct fixture *fixture)
{
	return talk(&fixture->outside, HOST4, TCP, 8080, &fixture->one, 80, NULL) &&
	       talk(&fixture->outside, HOST6, TCP, 8080, &fixture->one, 80, NULL) &&
	       talk(&fixture->outside, HOST4, UDP, 5353, &fixture->one, 53, NULL);
}

static bool prune_says(struct fixture *fixture, const char *expected)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", "network", "prune",
				    "--dry-run", NULL),
			 0);
	json_t *document = json_loads(fixture->reply, 0, NULL), *want = json_loads(expected, 0, NULL);
	bool same = json_equal(json_object_get(document, "nat"), want);
	if (!same)
		fprintf(stderr, "%s\n", fixture->reply);
	json_decref(document);
	json_decref(want);
	return same;
}

#define ALL_IS_WELL "{\"unknown\": 0, \"table\": false, \"missing\": 0, \"strays\": 0}"

static void ports_of_an_endpoint_are_served_and_end_with_it(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(connect_with(fixture, &fixture->one, "a", "8080:80", "5353:53/udp"), 0);
	assert_true(serves(fixture));
	assert_true(talk(NULL, "127.0.0.1", TCP, 8080, &fixture->one, 80, NULL));
	/* Exit status 4: Forbidden. Nothing of it stays. */
	assert_int_equal(connect_with(fixture, &fixture->two, "b", "9090:90", "8080:80"), 4);
	assert_int_equal(count("any4"), 2);
	assert_true(serves(fixture));
	assert_true(prune_says(fixture, ALL_IS_WELL));
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "disconnect", "web", "a", NULL), 0);
	assert_int_equal(count("any4") + count("any6"), 0);
	assert_false(talk_soon(&fixture->outside, HOST4, TCP, 8080, &fixture->one, 80, NULL));
	assert_int_equal(connect_with(fixture, &fixture->two, "b", "9090:90", "8080:80"), 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "rm", "--force", "web", NULL), 0);
	assert_int_equal(count("any4") + count("any6") + count("to4") + count("own6") + count("masquerade4"), 0);
	assert_true(prune_says(fixture, ALL_IS_WELL));
}

static void a_killed_host_leaves_ports_working_and_finds_them_again(void **state)
{
	struct fixture *fixture = *state;
	char before[128];

	assert_int_equal(connect_with(fixture, &fixture->one, "a", "8080:80", "5353:53/udp"), 0);
	(void)snprintf(before, sizeof(before), "%s", output("nft -a list table inet ndrv-test | md5sum"));
	(void)daemon_stop(&fixture->daemon, SIGKILL);
	assert_true(serves(fixture));
	daemon_start(&fixture->daemon);
	assert_string_equal(before, output("nft -a list table inet ndrv-test | md5sum"));
	assert_true(serves(fixture));
	assert_true(prune_says(fixture, ALL_IS_WELL));
	/* What others do while it is away. */
	(void)daemon_stop(&fixture->daemon, SIGKILL);
	run("nft delete element inet ndrv-test any4 '{ tcp . 8080 }'");
	run("nft add element inet ndrv-test any4 '{ tcp . 2222 : 10.66.0.2 . 22 }'");
	daemon_start(&fixture->daemon);
	assert_int_equal(count("any4"), 2);
	assert_true(serves(fixture));
	(void)daemon_stop(&fixture->daemon, SIGTERM);
	run("nft flush ruleset");
	daemon_start(&fixture->daemon);
	assert_true(serves(fixture));
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "disconnect", "web", "a", NULL), 0);
	assert_int_equal(count("any4") + count("any6"), 0);
}

/* As after the loss of /run: whose ports those are cannot be told, so they stay until somebody says so. */
static void ports_of_endpoints_that_the_host_has_lost_go_only_when_told(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(connect_with(fixture, &fixture->one, "a", "8080:80", "5353:53/udp"), 0);
	(void)daemon_stop(&fixture->daemon, SIGKILL);
	run("rm -f %s/run/live.db*", fixture->daemon.dir);
	daemon_start(&fixture->daemon);
	assert_int_equal(count("any4"), 2);
	assert_true(prune_says(fixture, "{\"unknown\": 0, \"table\": false, \"missing\": 0, \"strays\": 4}"));
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "prune", NULL), 0);
	assert_int_equal(count("any4") + count("any6"), 0);
	assert_true(prune_says(fixture, ALL_IS_WELL));
}

static void a_swap_of_the_driver_leaves_ports_as_they_are(void **state)
{
	struct fixture *fixture = *state;
	char before[128];

	assert_int_equal(connect_with(fixture, &fixture->one, "a", "8080:80", "5353:53/udp"), 0);
	(void)snprintf(before, sizeof(before), "%s", output("nft -a list table inet ndrv-test | md5sum"));
	run("cp " BRIDGE " %s/bridge2.so && printf '\\0' >> %s/bridge2.so", fixture->daemon.dir, fixture->daemon.dir);
	char file[128];
	(void)snprintf(file, sizeof(file), "%s/bridge2.so", fixture->daemon.dir);
	assert_int_equal(
		daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "driver", "swap", "bridge", file, NULL), 0);
	assert_string_equal(before, output("nft -a list table inet ndrv-test | md5sum"));
	assert_true(serves(fixture));
	assert_true(prune_says(fixture, ALL_IS_WELL));
}

/* The program's trial start finds its ports held by the host itself, and leaves everything as it is. */
static void an_upgrade_in_place_leaves_ports_as_they_are_and_holds_them_again(void **state)
{
	struct fixture *fixture = *state;
	char before[128];

	assert_int_equal(connect_with(fixture, &fixture->one, "a", "8080:80", "5353:53/udp"), 0);
	(void)snprintf(before, sizeof(before), "%s", output("nft -a list table inet ndrv-test | md5sum"));
	assert_int_equal(daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "reexec", NULL), 0);
	assert_string_equal(before, output("nft -a list table inet ndrv-test | md5sum"));
	assert_true(serves(fixture));
	assert_true(prune_says(fixture, ALL_IS_WELL));
	assert_int_equal(listen_on(8080, SOCK_STREAM), -1);
	assert_int_equal(listen_on(5353, SOCK_DGRAM), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ports_of_an_endpoint_are_served_and_end_with_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_killed_host_leaves_ports_working_and_finds_them_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ports_of_endpoints_that_the_host_has_lost_go_only_when_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_swap_of_the_driver_leaves_ports_as_they_are, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_upgrade_in_place_leaves_ports_as_they_are_and_holds_them_again, set_up,
						tear_down),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
