/* SPDX-License-Identifier: Apache-2.0 */
/* Overlay through three whole hosts: ndrvd each, in a namespace each, on one switch; relays carry rows and nodes between them over
 * their control sockets. Endpoints on all, one that moves, daemons that are killed and swapped, a host that dies. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/flow.h"
#include "tests/lib/http.h"
#include "tests/lib/relaying.h"
#include "tests/lib/wire.h"

#define HOSTS 3
#define OUT_BYTES (1u << 16)
#define TABLE "overlay_peer_table"
#define VNIS "com.docker.network.driver.overlay.vxlanid_list"

struct fixture {
	struct wire wire;
	struct daemon hosts[HOSTS];
	pid_t relays[HOSTS]; /* between the others than that one */
	struct netns sandboxes[HOSTS + 1];
	char out[OUT_BYTES];
};

/* --- hosts --- */

#define ctl(fixture, host, ...) daemon_ctl(&(fixture)->hosts[host], (fixture)->out, OUT_BYTES, __VA_ARGS__, NULL)
#define ctl_ok(fixture, host, ...)                                                                                       \
	do {                                                                                                             \
		int status_ = ctl(fixture, host, __VA_ARGS__);                                                           \
		if (status_)                                                                                             \
			fail_msg("host %d: %s: exit status %d, %s", (int)(host), #__VA_ARGS__, status_, (fixture)->out); \
	} while (0)

static void start_host(struct fixture *fixture, unsigned host)
{
	wire_go(&fixture->wire, host);
	daemon_start(&fixture->hosts[host]);
	wire_go_home(&fixture->wire);
}

static int set_up_over(void **state, unsigned family)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char yaml[256];

	assert_non_null(fixture);
	wire_lay(&fixture->wire, HOSTS, family, 1500);
	for (unsigned i = 0; i < HOSTS; i++) {
		(void)snprintf(yaml, sizeof(yaml), "node: {name: h%u, address: \"%s\"}\nswap: {probation: 0s}\n", i + 1,
			       fixture->wire.addresses[i]);
		daemon_set_up(&fixture->hosts[i], yaml);
		daemon_add_driver(&fixture->hosts[i], "overlay", BUILT_DRIVERS "/overlay.so", NULL);
		start_host(fixture, i);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		fixture->relays[i] = relay_start(&fixture->hosts[(i + 1) % HOSTS], &fixture->hosts[(i + 2) % HOSTS], NULL);
	for (unsigned i = 0; i <= HOSTS; i++)
		netns_new(&fixture->sandboxes[i]);
	*state = fixture;
	return 0;
}

static int set_up(void **state)
{
	return set_up_over(state, 4);
}

static int set_up6(void **state)
{
	return set_up_over(state, 6);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < HOSTS; i++)
		relay_stop(fixture->relays[i]);
	for (unsigned i = 0; i < HOSTS; i++)
		daemon_tear_down(&fixture->hosts[i]);
	for (unsigned i = 0; i <= HOSTS; i++)
		netns_free(&fixture->sandboxes[i]);
	wire_cut(&fixture->wire);
	free(fixture);
	return 0;
}

/* --- what is the same everywhere --- */

static void create(struct fixture *fixture, const char *vnis)
{
	char option[128];

	(void)snprintf(option, sizeof(option), VNIS "=%s", vnis);
	for (unsigned i = 0; i < HOSTS; i++)
		ctl_ok(fixture, i, "network", "create", "blue", "--id", "blue0", "-d", "overlay", "--subnet", "10.7.0.0/24",
		       "--gateway", "10.7.0.1", "--subnet", "fd07::/64", "--gateway", "fd07::1", "--ipv6", "-o", option);
}

static void connect_one(struct fixture *fixture, unsigned host, unsigned sandbox, const char *name, const char *ip, const char *ip6)
{
	ctl_ok(fixture, host, "network", "connect", "blue", "--netns", fixture->sandboxes[sandbox].path, "--endpoint", name, "--ip",
	       ip, "--ip6", ip6);
}

static void connect_all(struct fixture *fixture)
{
	connect_one(fixture, 0, 0, "one", "10.7.0.11", "fd07::11");
	connect_one(fixture, 1, 1, "two", "10.7.0.12", "fd07::12");
	connect_one(fixture, 2, 2, "three", "10.7.0.13", "fd07::13");
}

static bool has_neighbour(const struct fixture *fixture, unsigned host, const char *address)
{
	return netns_has_neighbour(&fixture->wire.hosts[host], address);
}

/* Rows travel in their own time. */
static void await_neighbour(const struct fixture *fixture, unsigned host, const char *address, bool there)
{
	for (int i = 0; i < 2000; i++) {
		if (has_neighbour(fixture, host, address) == there)
			return;
		(void)usleep(10000);
	}
	fail_msg("host %u: %s is %s after 20 s", host + 1, address, there ? "not known" : "still known");
}

static void await_all(const struct fixture *fixture)
{
	static const char *const addresses[] = {"fd07::11", "fd07::12", "fd07::13"};

	for (unsigned host = 0; host < HOSTS; host++)
		for (unsigned i = 0; i < HOSTS; i++)
			if (i != host)
				await_neighbour(fixture, host, addresses[i], true);
}

static void assert_talk(const struct netns *from, const struct netns *to, const char *address, const char *address6)
{
	if (!netns_ping(from, address) || !netns_ping(from, address6))
		fail_msg("no answer from %s", address);
	assert_true(netns_udp(from, to, address, 1400));
	assert_true(netns_tcp(from, to, address6, 100000));
}

static void assert_all_talk(const struct fixture *fixture)
{
	static const char *const addresses[] = {"10.7.0.11", "10.7.0.12", "10.7.0.13"};
	static const char *const addresses6[] = {"fd07::11", "fd07::12", "fd07::13"};
	const struct netns *ns = fixture->sandboxes;

	for (unsigned from = 0; from < HOSTS; from++)
		for (unsigned to = 0; to < HOSTS; to++)
			if (from != to)
				assert_talk(&ns[from], &ns[to], addresses[to], addresses6[to]);
}

/* lo and eth0. */
static void assert_nothing_left(const struct fixture *fixture)
{
	for (unsigned i = 0; i < HOSTS; i++)
		assert_int_equal(netns_link_count(&fixture->wire.hosts[i]), 2);
	for (unsigned i = 0; i <= HOSTS; i++)
		assert_int_equal(netns_link_count(&fixture->sandboxes[i]), 1);
}

static void ask(struct fixture *fixture, unsigned host, const char *path, const char *body)
{
	struct http_answer answer;

	assert_int_equal(http_ask(fixture->hosts[host].socket, "POST", path, body, &answer), 0);
	if (answer.status >= 300)
		fail_msg("%s: %d %s", path, answer.status, answer.body);
	(void)snprintf(fixture->out, OUT_BYTES, "%s", answer.body);
	http_answer_free(&answer);
}

/* --- a life --- */

static void a_host_dies(struct fixture *fixture)
{
	(void)daemon_stop(&fixture->hosts[2], SIGKILL);
	for (unsigned i = 0; i < 2; i++) {
		relay_stop(fixture->relays[i]);
		fixture->relays[i] = 0;
	}
	/* Nobody noticed, and nothing is lost. */
	assert_talk(&fixture->sandboxes[0], &fixture->sandboxes[2], "10.7.0.13", "fd07::13");
	for (unsigned i = 0; i < 2; i++) {
		ctl_ok(fixture, i, "node", "rm", "h3");
		await_neighbour(fixture, i, "10.7.0.13", false);
		ctl_ok(fixture, i, "table", "ls", "blue", "--owner", "h3");
		assert_null(strstr(fixture->out, TABLE));
	}
	assert_false(netns_ping(&fixture->sandboxes[0], "10.7.0.13"));
	assert_talk(&fixture->sandboxes[0], &fixture->sandboxes[1], "10.7.0.12", "fd07::12");
	/* Its endpoint is started elsewhere. */
	connect_one(fixture, 0, 3, "three", "10.7.0.13", "fd07::13");
	await_neighbour(fixture, 1, "fd07::13", true);
	assert_talk(&fixture->sandboxes[1], &fixture->sandboxes[3], "10.7.0.13", "fd07::13");
}

static void three_hosts_share_a_network_one_dies_and_nothing_is_left(void **state)
{
	struct fixture *fixture = *state;

	create(fixture, "4099");
	connect_all(fixture);
	await_all(fixture);
	assert_all_talk(fixture);
	ctl_ok(fixture, 0, "--json", "endpoint", "inspect", "one");
	assert_non_null(strstr(fixture->out, "192.0.2.2"));
	a_host_dies(fixture);
	/* It comes back, and has to hear that its endpoint is elsewhere by now. */
	start_host(fixture, 2);
	ctl_ok(fixture, 2, "network", "rm", "--force", "--sync", "blue");
	for (unsigned i = 0; i < 2; i++)
		ctl_ok(fixture, i, "network", "rm", "--force", "--sync", "blue");
	assert_nothing_left(fixture);
}

static void all_of_it_works_over_ipv6(void **state)
{
	struct fixture *fixture = *state;

	create(fixture, "4099");
	connect_all(fixture);
	await_all(fixture);
	assert_all_talk(fixture);
	for (unsigned i = 0; i < HOSTS; i++)
		ctl_ok(fixture, i, "network", "rm", "--force", "--sync", "blue");
	assert_nothing_left(fixture);
}

static void an_endpoint_moves_from_host_to_host(void **state)
{
	struct fixture *fixture = *state;

	create(fixture, "4099");
	connect_all(fixture);
	await_all(fixture);
	for (int round = 0; round < 3; round++) {
		unsigned from = round % 2 ? 2 : 1, to = round % 2 ? 1 : 2, new = round % 2 ? 1 : 3;

		/* There while it is still here: the later counts. */
		connect_one(fixture, to, new, "two", "10.7.0.12", "fd07::12");
		await_neighbour(fixture, to, "fd07::12", false);
		await_neighbour(fixture, 0, "fd07::12", true);
		ctl_ok(fixture, from, "network", "disconnect", "blue", "two");
		await_neighbour(fixture, from, "fd07::12", true);
		for (int i = 0; i < 2000 && !netns_ping(&fixture->sandboxes[0], "10.7.0.12"); i++)
			(void)usleep(10000);
		assert_talk(&fixture->sandboxes[0], &fixture->sandboxes[new], "10.7.0.12", "fd07::12");
		assert_talk(&fixture->sandboxes[new], &fixture->sandboxes[0], "10.7.0.11", "fd07::11");
	}
}

static void traffic_does_not_notice_kills_and_swaps(void **state)
{
	struct fixture *fixture = *state;
	struct flow flow;

	create(fixture, "4099");
	connect_all(fixture);
	await_all(fixture);
	assert_all_talk(fixture);
	flow_start(&flow, &fixture->sandboxes[0], &fixture->sandboxes[1], "10.7.0.12");
	for (unsigned host = 0; host < 2; host++) {
		(void)daemon_stop(&fixture->hosts[host], SIGKILL);
		start_host(fixture, host);
		await_all(fixture);
		ctl_ok(fixture, host, "driver", "swap", "overlay", BUILT_TESTS "/system/.libs/overlay2.so");
		await_all(fixture);
	}
	flow_stop(&flow);
	assert_int_equal(flow.datagrams - flow.received, 0);
	assert_int_equal(flow.bytes_wrong, 0);
	assert_int_equal(flow.bytes, flow.bytes_received);
	/* What changes after it is still heard of. */
	ctl_ok(fixture, 2, "network", "disconnect", "blue", "three");
	for (unsigned host = 0; host < 2; host++)
		await_neighbour(fixture, host, "fd07::13", false);
	connect_one(fixture, 2, 2, "three", "10.7.0.13", "fd07::13");
	await_all(fixture);
	assert_all_talk(fixture);
}

static void subnets_of_a_network_reach_each_other(void **state)
{
	struct fixture *fixture = *state;
	const struct netns *ns = fixture->sandboxes;

	for (unsigned i = 0; i < HOSTS; i++)
		ctl_ok(fixture, i, "network", "create", "red", "--id", "red0", "-d", "overlay", "--subnet", "10.8.0.0/24",
		       "--gateway", "10.8.0.1", "--subnet", "10.9.0.0/24", "--gateway", "10.9.0.1", "-o", VNIS "=4100,4101");
	ctl_ok(fixture, 0, "network", "connect", "red", "--netns", ns[0].path, "--endpoint", "one", "--ip", "10.8.0.11");
	ctl_ok(fixture, 1, "network", "connect", "red", "--netns", ns[1].path, "--endpoint", "two", "--ip", "10.9.0.12");
	await_neighbour(fixture, 0, "10.9.0.12", true);
	await_neighbour(fixture, 1, "10.8.0.11", true);
	assert_true(netns_ping(&ns[0], "10.9.0.12"));
	assert_true(netns_tcp(&ns[1], &ns[0], "10.8.0.11", 100000));
	assert_true(netns_udp(&ns[0], &ns[1], "10.9.0.12", 1400));
	/* No other way out. */
	assert_false(netns_has_route(&ns[0], "0.0.0.0/0", "10.8.0.1", "eth0"));
	for (unsigned i = 0; i < HOSTS; i++)
		ctl_ok(fixture, i, "network", "rm", "--force", "--sync", "red");
	assert_nothing_left(fixture);
}

static void ids_come_from_one_host(void **state)
{
	struct fixture *fixture = *state;
	const char *body = "{\"id\": \"blue0\", \"pools\": [{\"subnet\": \"10.7.0.0/24\"}, {\"subnet\": \"fd07::/64\"}]}";

	ask(fixture, 0, "/v1/drivers/overlay/network-allocate", body);
	assert_non_null(strstr(fixture->out, "\"4096\""));
	(void)daemon_stop(&fixture->hosts[0], SIGKILL);
	start_host(fixture, 0);
	ask(fixture, 0, "/v1/drivers/overlay/network-allocate", body);
	assert_non_null(strstr(fixture->out, "\"4096\""));
	create(fixture, "4096");
	/* Made by hand, without any: the host asks the driver, and says what it got. */
	ctl_ok(fixture, 0, "network", "create", "red", "-d", "overlay", "--subnet", "10.8.0.0/24", "--subnet", "10.9.0.0/24");
	ctl_ok(fixture, 0, "--json", "network", "inspect", "red");
	assert_non_null(strstr(fixture->out, "\"4097,4098\""));
}

static void what_is_wrong_has_its_kinds_exit_status(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(ctl(fixture, 0, "--json", "network", "create", "blue", "-d", "overlay", "--subnet", "10.7.0.0/24", "-o",
			     VNIS "=4097,x"),
			 6);
	assert_non_null(strstr(fixture->out, "invalid vxlan id value \\\"x\\\" passed"));
	assert_int_equal(ctl(fixture, 0, "--json", "network", "create", "blue", "-d", "overlay", "--subnet", "10.7.0.0/24", "-o",
			     VNIS "=1", "-o", "encrypted="),
			 5);
	assert_int_equal(ctl(fixture, 0, "--json", "network", "create", "blue", "-d", "overlay", "--subnet", "10.7.0.0/24", "-o",
			     "vxlanid_lst=1"),
			 6);
	assert_non_null(strstr(fixture->out, VNIS));
	assert_nothing_left(fixture);
}

#define TEST(name, how) cmocka_unit_test_setup_teardown(name, how, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(three_hosts_share_a_network_one_dies_and_nothing_is_left, set_up),
		TEST(all_of_it_works_over_ipv6, set_up6),
		TEST(an_endpoint_moves_from_host_to_host, set_up),
		TEST(traffic_does_not_notice_kills_and_swaps, set_up),
		TEST(subnets_of_a_network_reach_each_other, set_up),
		TEST(ids_come_from_one_host, set_up),
		TEST(what_is_wrong_has_its_kinds_exit_status, set_up),
	};

	netns_need();
	return cmocka_run_group_tests_name("overlay, whole hosts", tests, NULL, NULL);
}
