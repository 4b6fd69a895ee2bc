/* SPDX-License-Identifier: Apache-2.0 */
/* Published ports through a host's life: conflicts, a kill and a start, a driver replaced and a host re-executed under a
 * connection, and what is left when all goes. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/lib/flow.h"
#include "tests/lib/world.h"

#define TCP SOCK_STREAM

static struct world world;
static struct netns a, b;

static int set_up(void **state)
{
	(void)state;
	netns_new(&a);
	netns_new(&b);
	world_open(&world, BUILT_TESTS "/swap/.libs/swbridge1.so");
	(void)world_ctl(&world, 0, "network create n1 -d bridge --subnet 10.6.0.0/24 --subnet fd06::/64 --ipv6");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_close(&world);
	netns_free(&a);
	netns_free(&b);
	return 0;
}

static void connect_a(const char *ports)
{
	(void)world_ctl(&world, 0, "network connect n1 --netns %s --endpoint a --ip 10.6.0.2 --ip6 fd06::2 %s", a.path, ports);
}

static void a_port_that_is_taken_names_its_holder(void **state)
{
	const char *said;

	(void)state;
	connect_a("-p 8080:80");
	said = world_ctl(&world, 4, "--json network connect n1 --netns %s --endpoint b -p 8080:80", b.path);
	assert_non_null(strstr(said, "PORT_IN_USE"));
	assert_non_null(strstr(said, "8080"));
	/* Nothing of the second is left, and the first goes on. */
	assert_null(strstr(world_ctl(&world, 0, "endpoint ls"), " b "));
	assert_int_equal(netns_link_count(&b), 1);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, 8080, &a, 80, NULL));
	/* Another address, another protocol, the next of a range. */
	(void)world_ctl(&world, 0, "network connect n1 --netns %s --endpoint b -p 8080:80/udp -p 8080-8081:80", b.path);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, 8081, &b, 80, NULL));
	said = world_ctl(&world, 4, "--json network connect n1 --netns %s -p 8080-8081:80", b.path);
	assert_non_null(strstr(said, "PORT_IN_USE"));
}

static void the_port_that_was_picked_is_told(void **state)
{
	(void)state;
	connect_a("-p 80 -p 53/udp");
	long picked = world_number(world_ctl(&world, 0, "--json endpoint inspect a"), "\"host_port\"");
	assert_true(picked > 1024 && picked < 65536);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, (uint16_t)picked, &a, 80, NULL));
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST6, (uint16_t)picked, &a, 80, NULL));
	assert_int_equal(world_number(world_ctl(&world, 0, "--json network inspect n1"), "\"host_port\""), picked);
	assert_non_null(strstr(world_ctl(&world, 0, "endpoint ls"), "->80/tcp"));
	/* libnetwork's own words for it. */
	assert_non_null(strstr(world_ctl(&world, 0, "--json endpoint inspect a"), "\"com.docker.network.portmap\""));
	assert_non_null(strstr(world_ctl(&world, 0, "--json endpoint inspect a"), "\"com.docker.network.endpoint.exposedports\""));
}

static void ports_are_there_again_after_a_kill(void **state)
{
	(void)state;
	connect_a("-p 80 -p 8053:53/udp");
	long picked = world_number(world_ctl(&world, 0, "--json endpoint inspect a"), "\"host_port\"");
	char *before = world_ruleset();
	(void)daemon_stop(&world.daemon, SIGKILL);
	/* What is published is the kernel's. */
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, (uint16_t)picked, &a, 80, NULL));
	daemon_start(&world.daemon);
	char *after = world_ruleset();
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(world_number(world_ctl(&world, 0, "--json endpoint inspect a"), "\"host_port\""), picked);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, (uint16_t)picked, &a, 80, NULL));
	assert_true(world_talks(SOCK_DGRAM, &world.outside, WORLD_HOST6, 8053, &a, 53, NULL));
	assert_true(netns_ping(&a, WORLD_OUTSIDE4));
	/* Still held against others, and the driver knows what it has. */
	(void)world_ctl(&world, 4, "network connect n1 --netns %s -p %ld:80", b.path, picked);
	assert_non_null(strstr(world_ctl(&world, 0, "--json endpoint inspect a"), "\"com.docker.network.portmap\""));
	(void)world_ctl(&world, 0, "network disconnect n1 a");
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST4, (uint16_t)picked, &a, 80));
}

/* Through a published port, while something is done to the host. */
static void under_a_flow(const char *words, const char *file)
{
	static struct flow flow;

	connect_a("-p 7101-7102:7101-7102/udp -p 7101-7102:7101-7102");
	flow_start(&flow, &world.outside, &a, WORLD_HOST4);
	for (int i = 0; i < 3; i++)
		(void)world_ctl(&world, 0, "%s%s", words, file ? file : "");
	if (file)
		(void)world_ctl(&world, 0, "driver swap bridge " BUILT_TESTS "/swap/.libs/swbridge1.so");
	/* Whoever serves now knows. */
	assert_non_null(strstr(world_ctl(&world, 0, "--json endpoint inspect a"), "\"com.docker.network.portmap\""));
	flow_stop(&flow);
	assert_true(flow.bytes > 0);
	assert_int_equal(flow.bytes_received, flow.bytes);
	assert_int_equal(flow.bytes_wrong, 0);
	assert_true(flow.received > 0);
	assert_int_equal(flow.received, flow.datagrams);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST6, 7101, &a, 7101, NULL));
	(void)world_ctl(&world, 4, "network connect n1 --netns %s -p 7101:80", b.path);
	(void)world_ctl(&world, 0, "network disconnect n1 a");
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST6, 7101, &a, 7101));
}

static void a_replaced_driver_cuts_no_connection(void **state)
{
	(void)state;
	under_a_flow("driver swap bridge ", BUILT_TESTS "/swap/.libs/swbridge2.so");
}

static void a_re_executed_host_cuts_no_connection(void **state)
{
	(void)state;
	under_a_flow("reexec", NULL);
}

static void programming_again_replaces_and_failing_puts_back(void **state)
{
	(void)state;
	connect_a("-p 8080:80");
	(void)world_ctl(&world, 0, "network connect n1 --netns %s --endpoint b --ip 10.6.0.3 -p 9000:80", b.path);
	/* Ports of an endpoint that is there: the primitive on the socket. */
	assert_int_equal(world_program(&world, "n1", "a", "{\"ports\":[{\"host_port\":8081,\"port\":81}]}"), 200);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, 8081, &a, 81, NULL));
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST4, 8080, &a, 80));
	assert_int_equal(
		world_program(&world, "n1", "a", "{\"ports\":[{\"host_port\":8082,\"port\":82},{\"host_port\":9000,\"port\":83}]}"),
		403);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, 8081, &a, 81, NULL));
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST4, 8082, &a, 82));
	assert_int_equal(world_number(world_ctl(&world, 0, "--json endpoint inspect a"), "\"host_port\""), 8081);
}

static void a_network_deleted_by_force_leaves_no_rule(void **state)
{
	(void)state;
	char *before = world_ruleset();
	(void)world_ctl(&world, 0, "network create n2 -d bridge --subnet 10.7.0.0/24 --subnet fd07::/64 --ipv6");
	(void)world_ctl(&world, 0, "network connect n2 --netns %s -p 8080:80 -p 81/udp", a.path);
	(void)world_ctl(&world, 0, "network connect n2 --netns %s -p 8081:80 -p 81/udp", b.path);
	char *with = world_ruleset();
	if (before[0])
		assert_string_not_equal(before, with);
	(void)world_ctl(&world, 0, "network rm --force n2");
	char *after = world_ruleset();
	assert_string_equal(before, after);
	free(before);
	free(with);
	free(after);
	/* The ports are free again. */
	connect_a("-p 8080:80 -p 8081:81");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_port_that_is_taken_names_its_holder),	 TEST(the_port_that_was_picked_is_told),
		TEST(ports_are_there_again_after_a_kill),	 TEST(a_replaced_driver_cuts_no_connection),
		TEST(a_re_executed_host_cuts_no_connection),	 TEST(programming_again_replaces_and_failing_puts_back),
		TEST(a_network_deleted_by_force_leaves_no_rule),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
