/* SPDX-License-Identifier: Apache-2.0 */
/* The NAT service with real packets. */
#include "tests/lib/test.h"
#include "tests/nat/rig.h"

#define MASQ NDRV_NAT_MASQUERADE
#define USUAL (NDRV_NAT_MASQUERADE | NDRV_NAT_ISOLATE | NDRV_NAT_HAIRPIN)

static int setup(void **state)
{
	struct rig *rig = rig_new();

	rig_bridge_netfilter(false);

	rig_open(rig, false);
	*state = rig;
	return 0;
}

/* As where Docker or Kubernetes are: frames between ports pass the rules too, and what is translated on the way stays a frame. */
static int setup_bridged(void **state)
{
	struct rig *rig = rig_new();

	if (!rig_bridge_netfilter(true)) {
		rig_free(rig);
		*state = NULL;
		return 0;
	}
	run("bridge link set dev v-a1 hairpin on && bridge link set dev v-a2 hairpin on");
	rig_open(rig, false);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	if (*state)
		rig_free(*state);
	return 0;
}

static void traffic_that_leaves_has_the_hosts_address(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	set_network(rig, 'a', USUAL, USUAL);
	assert_true(talk(&rig->a1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, seen));
	assert_string_equal(seen, HOST4);
	assert_true(talk(&rig->a1, OUTSIDE4, UDP, 7000, &rig->outside, 7000, seen));
	assert_string_equal(seen, HOST4);
	assert_true(talk(&rig->a1, OUTSIDE6, TCP, 7000, &rig->outside, 7000, seen));
	assert_string_equal(seen, HOST6);
	assert_true(talk(&rig->a1, "10.1.0.3", TCP, 7000, &rig->a2, 7000, seen));
	assert_string_equal(seen, "10.1.0.2");
}

static void a_source_address_takes_the_place_of_masquerading(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	set_network_source(rig, 'a', USUAL, HOST4_OTHER);
	assert_true(talk(&rig->a1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, seen));
	assert_string_equal(seen, HOST4_OTHER);
	set_network(rig, 'a', 0, 0);
	assert_true(talk(&rig->a1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, seen));
	assert_string_equal(seen, "10.1.0.2");
}

static void a_published_port_is_reached_from_outside(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	set_network(rig, 'a', USUAL, USUAL);
	assert_int_equal(publish(rig, "a1", TCP, NULL, 8080, 80), 8080);
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, seen));
	assert_string_equal(seen, OUTSIDE4);
	assert_true(talk(&rig->outside, HOST6, TCP, 8080, &rig->a1, 80, seen));
	assert_string_equal(seen, OUTSIDE6);
	assert_true(talk(&rig->outside, HOST4_OTHER, TCP, 8080, &rig->a1, 80, NULL));
	assert_int_equal(publish(rig, "a2", UDP, NULL, 8080, 53), 8080);
	assert_true(talk(&rig->outside, HOST4, UDP, 8080, &rig->a2, 53, seen));
	assert_true(talk(&rig->outside, HOST6, UDP, 8080, &rig->a2, 53, seen));
	/* What is not published is not reached, directly or otherwise. */
	assert_false(talk_soon(&rig->outside, HOST4, TCP, 80, &rig->a1, 80, NULL));
	assert_false(talk_soon(&rig->outside, "10.1.0.2", TCP, 80, &rig->a1, 80, NULL));
	assert_false(talk_soon(&rig->outside, "10.1.0.2", TCP, 81, &rig->a1, 81, NULL));
	assert_false(talk_soon(&rig->outside, "fd01::2", TCP, 81, &rig->a1, 81, NULL));
	unpublish(rig, "a1");
	assert_false(talk_soon(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, NULL));
	assert_false(talk_soon(&rig->outside, HOST6, TCP, 8080, &rig->a1, 80, NULL));
	assert_true(talk(&rig->outside, HOST4, UDP, 8080, &rig->a2, 53, NULL));
}

static void a_port_of_one_host_address_is_not_one_of_another(void **state)
{
	struct rig *rig = *state;

	set_network(rig, 'a', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, HOST4_OTHER, 8080, 80);
	(void)publish(rig, "a2", TCP, HOST4, 8080, 80);
	assert_true(talk(&rig->outside, HOST4_OTHER, TCP, 8080, &rig->a1, 80, NULL));
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a2, 80, NULL));
	assert_false(talk_soon(&rig->outside, HOST6, TCP, 8080, &rig->a2, 80, NULL));
	unpublish(rig, "a2");
	assert_false(talk_soon(&rig->outside, HOST4, TCP, 8080, &rig->a2, 80, NULL));
}

static void a_published_port_is_reached_from_the_host(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	set_network(rig, 'a', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	assert_true(talk(NULL, HOST4, TCP, 8080, &rig->a1, 80, seen));
	assert_string_equal(seen, HOST4);
	assert_true(talk(NULL, "127.0.0.1", TCP, 8080, &rig->a1, 80, seen));
	assert_string_equal(seen, "10.1.0.1");
	assert_true(talk(NULL, HOST6, TCP, 8080, &rig->a1, 80, NULL));
	assert_true(talk(NULL, "10.1.0.2", TCP, 81, &rig->a1, 81, NULL));
	(void)publish(rig, "a2", UDP, "127.0.0.1", 8053, 53);
	assert_true(talk(NULL, "127.0.0.1", UDP, 8053, &rig->a2, 53, NULL));
	assert_false(talk_soon(&rig->outside, HOST4, UDP, 8053, &rig->a2, 53, NULL));
}

/* A client that does not stop: the kernel goes on with its flow as it began. */
static void a_flow_of_udp_follows_what_is_published(void **state)
{
	struct rig *rig = *state;
	struct flow flow;

	set_network(rig, 'a', USUAL, USUAL);
	flow_open(&flow, &rig->outside, HOST4, 8053);
	assert_false(flow_reaches(&flow, &rig->a1, 53));
	(void)publish(rig, "a1", UDP, NULL, 8053, 53);
	assert_true(flow_reaches(&flow, &rig->a1, 53));
	unpublish(rig, "a1");
	(void)publish(rig, "a2", UDP, NULL, 8053, 53);
	assert_true(flow_reaches(&flow, &rig->a2, 53));
	unpublish(rig, "a2");
	assert_false(flow_reaches(&flow, &rig->a2, 53));
	flow_close(&flow);
}

/* 127.0.0.0/8 of the host stays its own, though its bridges route it now. */
static void an_endpoint_does_not_reach_the_hosts_loopback(void **state)
{
	struct rig *rig = *state;

	set_network(rig, 'a', USUAL, USUAL);
	run("nsenter --net=%s ip route add 127.0.0.9/32 via 10.1.0.1 src 10.1.0.2", rig->a1.path);
	run("nsenter --net=%s sysctl -qw net.ipv4.conf.all.route_localnet=1", rig->a1.path);
	run("nsenter --net=%s ip route del local 127.0.0.0/8 dev lo table local", rig->a1.path);
	assert_false(talk_soon(&rig->a1, "127.0.0.9", TCP, 7000, NULL, 7000, NULL));
	/* The test would pass for want of a route, too: without the rule it gets through. */
	run("nft flush chain inet ndrv-test early");
	assert_true(talk(&rig->a1, "127.0.0.9", TCP, 7000, NULL, 7000, NULL));
}

static void endpoints_reach_published_ports_of_their_own_network(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	if (!rig)
		skip();

	set_network(rig, 'a', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	assert_true(talk(&rig->a1, HOST4, TCP, 8080, &rig->a1, 80, seen));
	assert_string_equal(seen, "10.1.0.1");
	assert_true(talk(&rig->a2, HOST4, TCP, 8080, &rig->a1, 80, NULL));
	assert_true(talk(&rig->a2, "10.1.0.1", TCP, 8080, &rig->a1, 80, NULL));
	assert_true(talk(&rig->a1, HOST6, TCP, 8080, &rig->a1, 80, NULL));
	assert_true(talk(&rig->a2, HOST6, TCP, 8080, &rig->a1, 80, NULL));
	set_network(rig, 'a', USUAL & ~(uint32_t)NDRV_NAT_HAIRPIN, USUAL & ~(uint32_t)NDRV_NAT_HAIRPIN);
	assert_false(talk_soon(&rig->a2, HOST4, TCP, 8080, &rig->a1, 80, NULL));
	assert_true(talk(&rig->a2, "10.1.0.2", TCP, 80, &rig->a1, 80, NULL));
}

static void isolated_networks_meet_at_published_ports_only(void **state)
{
	struct rig *rig = *state;

	set_network(rig, 'a', USUAL, USUAL);
	set_network(rig, 'b', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	assert_false(talk_soon(&rig->b1, "10.1.0.2", TCP, 80, &rig->a1, 80, NULL));
	assert_false(talk_soon(&rig->b1, "fd01::2", TCP, 80, &rig->a1, 80, NULL));
	assert_false(netns_ping(&rig->b1, "10.1.0.2"));
	assert_true(talk(&rig->b1, HOST4, TCP, 8080, &rig->a1, 80, NULL));
	assert_true(talk(&rig->b1, HOST6, TCP, 8080, &rig->a1, 80, NULL));
	/* Also when their ports are open to the rest of the world. */
	set_network(rig, 'a', USUAL | NDRV_NAT_UNPROTECTED, USUAL | NDRV_NAT_UNPROTECTED);
	assert_false(talk_soon(&rig->b1, "10.1.0.2", TCP, 80, &rig->a1, 80, NULL));
	set_network(rig, 'b', MASQ, MASQ);
	assert_true(talk(&rig->b1, "10.1.0.2", TCP, 80, &rig->a1, 80, NULL));
}

static void nothing_gets_into_or_out_of_an_internal_network(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err = {0};

	set_network(rig, 'a', USUAL | NDRV_NAT_INTERNAL, USUAL | NDRV_NAT_INTERNAL);
	set_network(rig, 'b', USUAL, USUAL);
	run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	assert_false(talk_soon(&rig->a1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, NULL));
	assert_false(talk_soon(&rig->a1, OUTSIDE6, TCP, 7000, &rig->outside, 7000, NULL));
	assert_false(talk_soon(&rig->outside, "10.1.0.2", TCP, 7000, &rig->a1, 7000, NULL));
	assert_false(talk_soon(&rig->b1, "10.1.0.2", TCP, 7000, &rig->a1, 7000, NULL));
	assert_false(talk_soon(&rig->a1, "10.2.0.2", TCP, 7000, &rig->b1, 7000, NULL));
	assert_true(talk(&rig->a1, "10.1.0.3", TCP, 7000, &rig->a2, 7000, NULL));
	assert_true(talk(&rig->b1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, NULL));
	assert_fails(try_publish(rig, "a1", TCP, NULL, 8080, 80, &err), &err, NDRV_E_BAD_REQUEST, "not internal");
	(void)publish(rig, "b1", TCP, NULL, 8080, 80);
	assert_false(talk_soon(&rig->a1, HOST4, TCP, 8080, &rig->b1, 80, NULL));
}

static void an_unprotected_network_is_reached_on_all_ports(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	set_network(rig, 'a', USUAL | NDRV_NAT_UNPROTECTED, USUAL);
	assert_true(talk(&rig->outside, "10.1.0.2", TCP, 7000, &rig->a1, 7000, NULL));
	assert_false(talk_soon(&rig->outside, "fd01::2", TCP, 7000, &rig->a1, 7000, NULL));
	assert_true(talk(&rig->a1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, seen));
	assert_string_equal(seen, HOST4);
}

static void a_routed_network_keeps_its_addresses_and_opens_what_is_published(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	set_network(rig, 'a', USUAL, USUAL | NDRV_NAT_ROUTED);
	assert_true(talk(&rig->a1, OUTSIDE6, TCP, 7000, &rig->outside, 7000, seen));
	assert_string_equal(seen, "fd01::2");
	assert_true(talk(&rig->a1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, seen));
	assert_string_equal(seen, HOST4);
	assert_true(netns_ping(&rig->outside, "fd01::2"));
	assert_false(netns_ping(&rig->outside, "10.1.0.2"));
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	assert_true(talk(&rig->outside, "fd01::2", TCP, 80, &rig->a1, 80, seen));
	assert_string_equal(seen, OUTSIDE6);
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, NULL));
	assert_false(talk_soon(&rig->outside, HOST6, TCP, 8080, &rig->a1, 80, NULL));
	assert_false(talk_soon(&rig->outside, "fd01::2", TCP, 81, &rig->a1, 81, NULL));
	assert_false(talk_soon(&rig->outside, "10.1.0.2", TCP, 80, &rig->a1, 80, NULL));
	set_network(rig, 'b', USUAL, USUAL | NDRV_NAT_ROUTED);
	assert_true(talk(&rig->b1, "fd01::2", TCP, 80, &rig->a1, 80, NULL));
	assert_false(talk_soon(&rig->b1, "fd01::2", TCP, 81, &rig->a1, 81, NULL));
	set_network(rig, 'a', USUAL | NDRV_NAT_ROUTED, USUAL | NDRV_NAT_ROUTED);
	assert_int_equal(publish(rig, "a2", UDP, NULL, 99, 53), 0);
	assert_true(talk(&rig->outside, "10.1.0.3", UDP, 53, &rig->a2, 53, seen));
	assert_string_equal(seen, OUTSIDE4);
}

/* Frames between ports are the bridge driver's to stop; what the host forwards is ours. */
static void without_icc_endpoints_meet_at_published_ports_only(void **state)
{
	struct rig *rig = *state;

	set_network(rig, 'a', USUAL | NDRV_NAT_NO_ICC, USUAL | NDRV_NAT_NO_ICC);
	run("bridge link set dev v-a1 isolated on && bridge link set dev v-a2 isolated on");
	/* So that they try through the host. */
	run("nsenter --net=%s ip route add 10.1.0.3/32 via 10.1.0.1", rig->a1.path);
	run("nsenter --net=%s ip route add 10.1.0.2/32 via 10.1.0.1", rig->a2.path);
	run("sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.br-a.send_redirects=0");
	assert_false(talk_soon(&rig->a1, "10.1.0.3", TCP, 7000, &rig->a2, 7000, NULL));
	(void)publish(rig, "a2", TCP, NULL, 8080, 80);
	assert_true(talk(&rig->a1, HOST4, TCP, 8080, &rig->a2, 80, NULL));
	assert_true(talk(&rig->a1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, NULL));
	set_network(rig, 'a', USUAL, USUAL);
	assert_true(talk(&rig->a1, "10.1.0.3", TCP, 7000, &rig->a2, 7000, NULL));
}

static void forwarding_is_turned_on_and_the_hosts_own_router_kept(void **state)
{
	struct rig *rig = *state;

	run("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.up0.accept_ra=1");
	set_network(rig, 'a', USUAL | NDRV_NAT_INTERNAL, USUAL | NDRV_NAT_INTERNAL);
	assert_int_equal(number("cat /proc/sys/net/ipv4/ip_forward"), 0);
	set_network(rig, 'a', USUAL, USUAL);
	assert_int_equal(number("sysctl -n net.ipv4.ip_forward"), 1);
	assert_int_equal(number("sysctl -n net.ipv6.conf.all.forwarding"), 1);
	assert_int_equal(number("sysctl -n net.ipv6.conf.up0.accept_ra"), 2);
}

#define BRIDGED(name)                                                           \
	{                                                                       \
#name "_with_br_netfilter", name, setup_bridged, teardown, NULL \
	}
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(traffic_that_leaves_has_the_hosts_address),
		TEST(a_source_address_takes_the_place_of_masquerading),
		TEST(a_published_port_is_reached_from_outside),
		TEST(a_port_of_one_host_address_is_not_one_of_another),
		TEST(a_published_port_is_reached_from_the_host),
		TEST(a_flow_of_udp_follows_what_is_published),
		TEST(an_endpoint_does_not_reach_the_hosts_loopback),
		TEST(endpoints_reach_published_ports_of_their_own_network),
		BRIDGED(endpoints_reach_published_ports_of_their_own_network),
		TEST(isolated_networks_meet_at_published_ports_only),
		TEST(nothing_gets_into_or_out_of_an_internal_network),
		TEST(an_unprotected_network_is_reached_on_all_ports),
		TEST(a_routed_network_keeps_its_addresses_and_opens_what_is_published),
		TEST(without_icc_endpoints_meet_at_published_ports_only),
		TEST(forwarding_is_turned_on_and_the_hosts_own_router_kept),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
