/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay driver on three hosts: traffic between them, endpoints that move, nodes that go. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/drivers/overlay_rig.h"

static struct netns a, b, c;
static struct fakeep one, two, three, again;

static int finish(void **state)
{
	(void)state;
	rig_close();
	netns_free(&a);
	netns_free(&b);
	netns_free(&c);
	return 0;
}

static void open_all(unsigned family, unsigned mtu)
{
	rig_open(3, family, mtu);
	netns_new(&a);
	netns_new(&b);
	netns_new(&c);
}

static int over4(void **state)
{
	(void)state;
	open_all(4, 1500);
	return 0;
}

static int over6(void **state)
{
	(void)state;
	open_all(6, 1500);
	return 0;
}

static int jumbo(void **state)
{
	(void)state;
	open_all(4, 9000);
	return 0;
}

static void create_all(void)
{
	for (unsigned i = 0; i < 3; i++)
		assert_ok(rig_create(&nodes[i]), &nodes[i].host.err);
}

static void connect_three(void)
{
	create_all();
	assert_ok(rig_connect(&nodes[0], &one, "e1", "10.7.0.11/24", "fd07::11/64", &a), &nodes[0].host.err);
	assert_ok(rig_connect(&nodes[1], &two, "e2", "10.7.0.12/24", "fd07::12/64", &b), &nodes[1].host.err);
	assert_ok(rig_connect(&nodes[2], &three, "e3", "10.7.0.13/24", "fd07::13/64", &c), &nodes[2].host.err);
}

static void assert_all_talk(void)
{
	const struct netns *from[] = {&a, &b, &c, &a, &b, &c}, *to[] = {&b, &c, &a, &c, &a, &b};
	const char *addresses[] = {"10.7.0.12", "10.7.0.13", "10.7.0.11", "10.7.0.13", "10.7.0.11", "10.7.0.12"};
	const char *addresses6[] = {"fd07::12", "fd07::13", "fd07::11", "fd07::13", "fd07::11", "fd07::12"};

	for (unsigned i = 0; i < 6; i++) {
		if (!netns_ping(from[i], addresses[i]) || !netns_ping(from[i], addresses6[i]))
			fail_msg("no answer from %s", addresses[i]);
		assert_true(netns_udp(from[i], to[i], addresses[i], 1000));
		assert_true(netns_tcp(from[i], to[i], addresses6[i], 100000));
	}
}

static void disconnect_three(void)
{
	rig_disconnect(&nodes[0], &one, &a);
	rig_disconnect(&nodes[1], &two, &b);
	rig_disconnect(&nodes[2], &three, &c);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig_fdb_count(&nodes[i]), 0);
		assert_ok(rig_delete(&nodes[i], 0), &nodes[i].host.err);
		assert_int_equal(netns_link_count(&nodes[i].ns), 2); /* lo and the underlay's */
	}
}

/* --- traffic --- */

static void endpoints_on_three_hosts_reach_each_other(void **state)
{
	(void)state;
	connect_three();
	assert_all_talk();
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", "192.0.2.2"));
	assert_true(netns_has_neighbour(&nodes[0].ns, "10.7.0.12"));
	assert_true(netns_has_neighbour(&nodes[0].ns, "fd07::13"));
	disconnect_three();
}

static void endpoints_reach_each_other_over_ipv6(void **state)
{
	struct ndrv_link link;

	(void)state;
	connect_three();
	assert_all_talk();
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", "fd99::2"));
	assert_true(rig_link(&nodes[0], 'a', &link));
	assert_int_equal(link.mtu, 1430);
	disconnect_three();
}

static unsigned long fragments(struct node *node)
{
	char line[4096];
	FILE *file;
	unsigned long values[19], found = 0;

	rig_on(node);
	file = fopen("/proc/thread-self/net/snmp", "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		char *at = line + 3;
		int i;

		if (strncmp(line, "Ip: ", 4) != 0 || line[4] < '0' || line[4] > '9')
			continue;
		for (i = 0; i < 19; i++)
			values[i] = strtoul(at, &at, 10);
		found = values[13] + values[16] + values[18]; /* ReasmReqds, FragOKs, FragCreates */
	}
	(void)fclose(file);
	return found;
}

static void a_full_packet_passes_whole(void **state)
{
	struct ndrv_link link;

	(void)state;
	connect_three();
	assert_true(netns_has_link(&a, "eth0", &link));
	assert_int_equal(link.mtu, 8950);
	assert_true(rig_link(&nodes[0], 'A', &link));
	assert_int_equal(link.mtu, 8950);
	assert_true(netns_udp(&a, &b, "10.7.0.12", 8950 - 28));
	assert_true(netns_udp(&b, &a, "fd07::11", 8950 - 48));
	assert_int_equal(fragments(&nodes[0]) + fragments(&nodes[1]), 0);
	disconnect_three();
}

static void subnets_reach_each_other_through_their_hosts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		rig_add_subnet(&nodes[i]);
	create_all();
	assert_ok(rig_connect(&nodes[0], &one, "e1", "10.7.0.11/24", "fd07::11/64", &a), &nodes[0].host.err);
	assert_ok(rig_connect(&nodes[1], &two, "e2", "10.8.0.12/24", "fd08::12/64", &b), &nodes[1].host.err);
	assert_ok(rig_connect(&nodes[0], &three, "e3", "10.8.0.13/24", "fd08::13/64", &c), &nodes[0].host.err);
	assert_true(netns_has_route(&a, "10.8.0.0/24", "10.7.0.1", "eth0"));
	assert_true(netns_ping(&a, "10.8.0.12")); /* another host */
	assert_true(netns_ping(&b, "10.7.0.11"));
	assert_true(netns_ping(&a, "10.8.0.13")); /* the same host */
	assert_true(netns_tcp(&b, &a, "10.7.0.11", 100000));
	assert_true(netns_ping(&b, "10.8.0.13")); /* the same subnet */
	assert_true(netns_ping(&a, "10.7.0.1"));
	/* Older kernels forward IPv6 on all interfaces or on none. */
	if (!access("/proc/sys/net/ipv6/conf/lo/force_forwarding", F_OK)) {
		assert_true(netns_has_route(&a, "fd08::/64", "fd07::1", "eth0"));
		assert_true(netns_ping(&a, "fd08::12"));
		assert_true(netns_tcp(&b, &a, "fd07::11", 100000));
	}
	for (unsigned i = 0; i < 3; i++)
		assert_ok(rig_delete(&nodes[i], NDRV_CALL_FORCE), &nodes[i].host.err);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(netns_link_count(&nodes[i].ns), 2);
}

/* --- what moves --- */

static void an_endpoint_that_moves_is_followed(void **state)
{
	static struct netns d;

	(void)state;
	netns_new(&d);
	connect_three();
	assert_all_talk();
	/* First there, then no more here: both rows live for a while. */
	assert_ok(rig_connect(&nodes[2], &again, "e2", "10.7.0.12/24", "fd07::12/64", &d), &nodes[2].host.err);
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", "192.0.2.3"));
	assert_true(netns_ping(&a, "10.7.0.12"));
	rig_disconnect(&nodes[1], &two, &b);
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", "192.0.2.3"));
	assert_true(rig_fdb(&nodes[1], "02:42:0a:07:00:0c", "192.0.2.3"));
	assert_true(netns_ping(&a, "10.7.0.12"));
	assert_true(netns_ping(&d, "10.7.0.11"));
	assert_true(netns_ping(&c, "fd07::12"));
	assert_true(netns_tcp(&a, &d, "fd07::12", 100000));
	/* And back: first gone there, then here. */
	rig_disconnect(&nodes[2], &again, &d);
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", NULL));
	assert_false(netns_has_neighbour(&nodes[0].ns, "10.7.0.12"));
	assert_ok(rig_connect(&nodes[1], &two, "e2", "10.7.0.12/24", "fd07::12/64", &b), &nodes[1].host.err);
	assert_all_talk();
	netns_free(&d);
	disconnect_three();
}

static void an_endpoint_here_counts_before_every_row(void **state)
{
	uint8_t value[128];
	size_t bytes;

	(void)state;
	connect_three();
	bytes = rig_row(value, "10.7.0.11/24", "02:42:0a:07:00:0b", "192.0.2.2");
	assert_ok(rig_tell(&nodes[0], "thief", "node2", value, bytes, 1000, 0), &nodes[0].host.err);
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0b", NULL));
	assert_false(netns_has_neighbour(&nodes[0].ns, "10.7.0.11"));
	assert_true(netns_ping(&b, "10.7.0.11"));
	/* Until it leaves, though it stays an endpoint. */
	rig_on(&nodes[0]);
	assert_ok(fakeep_unplug(&one, &a), &nodes[0].host.err);
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0b", "192.0.2.2"));
	assert_true(netns_has_neighbour(&nodes[0].ns, "10.7.0.11"));
	assert_ok(fakeep_delete(&one, 0), &nodes[0].host.err);
	/* It comes back. */
	assert_ok(rig_connect(&nodes[0], &one, "e1", "10.7.0.11/24", "fd07::11/64", &a), &nodes[0].host.err);
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0b", NULL));
	assert_true(netns_ping(&b, "10.7.0.11"));
}

/* --- nodes --- */

static void a_node_that_dies_takes_only_its_own_along(void **state)
{
	(void)state;
	connect_three();
	assert_all_talk();
	for (unsigned i = 1; i < 3; i++)
		assert_ok(rig_node(&nodes[i], "192.0.2.1", false, true), &nodes[i].host.err);
	assert_true(rig_fdb(&nodes[1], "02:42:0a:07:00:0b", NULL));
	assert_true(rig_fdb(&nodes[2], "02:42:0a:07:00:0b", NULL));
	assert_false(netns_has_neighbour(&nodes[1].ns, "10.7.0.11"));
	assert_true(netns_ping(&b, "10.7.0.13"));
	assert_true(netns_tcp(&c, &b, "fd07::12", 100000));
	assert_false(netns_ping(&b, "10.7.0.11"));
	/* It was only cut off, and its rows were there all the time. */
	for (unsigned i = 1; i < 3; i++)
		assert_ok(rig_node(&nodes[i], "192.0.2.1", false, false), &nodes[i].host.err);
	assert_all_talk();
	disconnect_three();
}

/* --- repeated, broken off, restarted --- */

static void adopt_all(struct node *node, struct fakeep *ep)
{
	struct ndrv_blob blob = {0};
	const struct ndrv_ops *ops = node->host.ops;

	rig_on(node);
	ep->view.sandbox_key = "key";
	assert_ok(ops->adopt(node->host.self, fakehost_call(&node->host, NDRV_CALL_RESTORE), &node->net.view, NULL, &blob),
		  &node->host.err);
	assert_ok(ops->adopt(node->host.self, fakehost_call(&node->host, NDRV_CALL_RESTORE), &node->net.view, &ep->view, &blob),
		  &node->host.err);
}

static void a_restart_keeps_traffic_and_then_catches_up(void **state)
{
	struct ndrv_link before, after;

	(void)state;
	connect_three();
	assert_true(rig_link(&nodes[0], 'a', &before));
	rig_on(&nodes[0]);
	fakehost_restart(&nodes[0].host);
	assert_all_talk();
	/* Meanwhile one goes, and nobody here listens. */
	nodes[0].deaf = true;
	rig_disconnect(&nodes[1], &two, &b);
	nodes[0].deaf = false;
	/* Who this node is, is told later. */
	adopt_all(&nodes[0], &one);
	assert_true(rig_link(&nodes[0], 'a', &after));
	assert_int_equal(before.index, after.index);
	assert_true(netns_ping(&a, "10.7.0.13"));
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", "192.0.2.2"));
	assert_ok(rig_replay(&nodes[0]), &nodes[0].host.err);
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", NULL));
	assert_false(netns_has_neighbour(&nodes[0].ns, "10.7.0.12"));
	assert_false(netns_has_neighbour(&nodes[0].ns, "fd07::12"));
	assert_true(netns_ping(&a, "10.7.0.13"));
	assert_true(netns_ping(&c, "fd07::11"));
	assert_ok(rig_node(&nodes[0], nodes[0].address, true, false), &nodes[0].host.err);
	assert_ok(rig_connect(&nodes[1], &two, "e2", "10.7.0.12/24", "fd07::12/64", &b), &nodes[1].host.err);
	assert_all_talk();
	disconnect_three();
}

/* --- links --- */

#define MAC1 "02:42:0a:07:00:15"
#define MAC2 "02:42:0a:07:00:16"

static struct node *const here = &nodes[0];

static void tell(const char *key, uint64_t revision, const char *address, const char *mac, const char *vtep)
{
	uint8_t value[128];
	size_t bytes = rig_row(value, address, mac, vtep);

	assert_ok(rig_tell(here, key, "elsewhere", value, bytes, revision, 0), &here->host.err);
}

static void take_away(char letter)
{
	struct ndrv_nl *nl = netns_nl(&here->ns);
	struct ndrv_error err = {0};
	struct ndrv_link link;

	assert_true(rig_link(here, letter, &link));
	assert_ok(ndrv_link_delete(nl, link.name, link.index, &err), &err);
	ndrv_nl_close(nl);
}

static void links_that_somebody_deleted_are_made_again(void **state)
{
	(void)state;
	assert_ok(rig_create(here), &here->host.err);
	assert_ok(rig_connect(here, &one, "own", "10.7.0.11/24", NULL, &a), &here->host.err);
	tell("e1", 1, "10.7.0.21/24", MAC1, "192.0.2.51");
	take_away('a');
	tell("e2", 2, "10.7.0.22/24", MAC2, "192.0.2.52");
	assert_true(rig_fdb(here, MAC1, "192.0.2.51"));
	assert_true(rig_fdb(here, MAC2, "192.0.2.52"));
	take_away('A');
	assert_ok(rig_connect(here, &two, "other", "10.7.0.12/24", NULL, &b), &here->host.err);
	assert_true(rig_fdb(here, MAC1, "192.0.2.51"));
	assert_true(netns_has_neighbour(&here->ns, "10.7.0.21"));
	netns_settle(&here->ns);
	assert_true(netns_ping(&a, "10.7.0.12"));
	assert_true(netns_ping(&b, "10.7.0.1"));
}

static void a_node_with_another_address_sends_from_that(void **state)
{
	struct ndrv_nl *nl = netns_nl(&here->ns);
	struct ndrv_error err = {0};
	struct ndrv_prefix other;
	struct ndrv_link link, vxlan, after;

	(void)state;
	assert_ok(rig_create(here), &here->host.err);
	tell("e1", 1, "10.7.0.21/24", MAC1, "192.0.2.51");
	assert_true(rig_link(here, 'a', &vxlan));
	assert_ok(ndrv_link_get(nl, "eth0", 0, &link, &err), &err);
	assert_ok(ndrv_prefix_parse("192.0.2.99/24", &other, &err), &err);
	assert_ok(ndrv_address_add(nl, "eth0", link.index, &other, &err), &err);
	assert_ok(rig_node(here, "192.0.2.99", true, false), &here->host.err);
	assert_ok(rig_connect(here, &one, "own", "10.7.0.11/24", NULL, &a), &here->host.err);
	assert_non_null(memmem(rows[0].value, rows[0].bytes, "192.0.2.99", 10));
	assert_true(rig_link(here, 'a', &after));
	assert_int_equal(vxlan.index, after.index);
	assert_true(rig_fdb(here, MAC1, "192.0.2.51"));
	/* Of the other family: VXLAN cannot have both. */
	assert_ok(ndrv_prefix_parse("fd99::99/64", &other, &err), &err);
	assert_ok(ndrv_address_add(nl, "eth0", link.index, &other, &err), &err);
	assert_ok(rig_node(here, "fd99::99", true, false), &here->host.err);
	tell("e2", 2, "10.7.0.22/24", MAC2, "fd99::2");
	assert_true(rig_fdb(here, MAC2, "fd99::2"));
	assert_true(rig_fdb(here, MAC1, NULL));
	assert_int_equal(rig_fdb_count(here), 1);
	ndrv_nl_close(nl);
}

#define TEST(name, how) cmocka_unit_test_setup_teardown(name, how, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(endpoints_on_three_hosts_reach_each_other, over4),
		TEST(endpoints_reach_each_other_over_ipv6, over6),
		TEST(a_full_packet_passes_whole, jumbo),
		TEST(subnets_reach_each_other_through_their_hosts, over4),
		TEST(an_endpoint_that_moves_is_followed, over4),
		TEST(an_endpoint_here_counts_before_every_row, over4),
		TEST(a_node_that_dies_takes_only_its_own_along, over4),
		TEST(a_restart_keeps_traffic_and_then_catches_up, over4),
		TEST(links_that_somebody_deleted_are_made_again, over4),
		TEST(a_node_with_another_address_sends_from_that, over4),
	};

	netns_need();
	return cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
}
