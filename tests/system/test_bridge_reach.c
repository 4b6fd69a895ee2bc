/* SPDX-License-Identifier: Apache-2.0 */
/* Who reaches whom through a bridge network, with real packets: out and in through NAT, published ports, gateway modes, isolation.
 */
#include "tests/lib/test.h"

#include <sys/socket.h>

#include "tests/lib/world.h"

#define LABEL "com.docker.network.bridge."
#define TCP SOCK_STREAM
#define UDP SOCK_DGRAM

static struct world world;
static struct netns a, b;

static int set_up(void **state)
{
	(void)state;
	netns_new(&a);
	netns_new(&b);
	world_open(&world, NULL);
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

/* Both families; a is .2, b is .3, with what `more` says of the network and `ports` of a. */
static void make_network(const char *more, const char *ports)
{
	(void)world_ctl(&world, 0, "network create n1 -d bridge --subnet 10.6.0.0/24 --subnet fd06::/64 --ipv6 %s", more);
	(void)world_ctl(&world, 0, "network connect n1 --netns %s --endpoint a --ip 10.6.0.2 --ip6 fd06::2 %s", a.path, ports);
}

static void join_b(const char *network, const char *more)
{
	(void)world_ctl(&world, 0, "network connect %s --netns %s --endpoint b %s", network, b.path, more);
}

static void assert_seen_as(const struct netns *from, const char *as4, const char *as6)
{
	char seen[64];

	assert_true(world_talks(TCP, from, WORLD_OUTSIDE4, 80, &world.outside, 80, seen));
	assert_string_equal(seen, as4);
	assert_true(world_talks(UDP, from, WORLD_OUTSIDE4, 80, &world.outside, 80, seen));
	assert_string_equal(seen, as4);
	assert_true(world_talks(TCP, from, WORLD_OUTSIDE6, 80, &world.outside, 80, seen));
	assert_string_equal(seen, as6);
	assert_true(world_talks(UDP, from, WORLD_OUTSIDE6, 80, &world.outside, 80, seen));
	assert_string_equal(seen, as6);
}

static void the_outside_sees_the_hosts_address(void **state)
{
	(void)state;
	make_network("", "");
	assert_seen_as(&a, WORLD_HOST4, WORLD_HOST6);
	assert_true(netns_ping(&a, WORLD_OUTSIDE4));
	assert_true(netns_ping(&a, WORLD_OUTSIDE6));
}

static void the_outside_sees_the_address_that_was_chosen(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_prefix own;
	struct ndrv_link p0;

	(void)state;
	assert_ok(ndrv_link_get(nl, "p0", 0, &p0, &err), &err);
	assert_ok(ndrv_prefix_parse("192.0.2.9/24", &own, &err), &err);
	assert_ok(ndrv_address_add(nl, "p0", p0.index, &own, &err), &err);
	assert_ok(ndrv_prefix_parse("2001:db8::9/64", &own, &err), &err);
	assert_ok(ndrv_address_add(nl, "p0", p0.index, &own, &err), &err);
	ndrv_nl_close(nl);
	make_network("-o com.docker.network.host_ipv4=192.0.2.9 -o com.docker.network.host_ipv6=2001:db8::9", "");
	assert_seen_as(&a, "192.0.2.9", "2001:db8::9");
}

static void without_masquerade_an_endpoint_is_seen_as_itself(void **state)
{
	(void)state;
	make_network("-o " LABEL "enable_ip_masquerade=false", "");
	assert_seen_as(&a, "10.6.0.2", "fd06::2");
}

/* Whether the IP firewall sees frames that a bridge passes on. Where the kernel has that, it is a namespace's own, and on. */
static bool bridged_frames_are_seen(bool on)
{
	bool there = world_sysctl("net/bridge/bridge-nf-call-iptables", on ? "1" : "0");

	return world_sysctl("net/bridge/bridge-nf-call-ip6tables", on ? "1" : "0") && there && on;
}

static void a_published_port_is_reached_from_everywhere(void **state)
{
	static const char *const hosts[] = {WORLD_HOST4, WORLD_HOST6};

	(void)state;
	make_network("", "-p 8080:80 -p 8053:53/udp");
	join_b("n1", "");
	for (int i = 0; i < 2; i++) {
		assert_true(world_talks(TCP, &world.outside, hosts[i], 8080, &a, 80, NULL));
		assert_true(world_talks(UDP, &world.outside, hosts[i], 8053, &a, 53, NULL));
		/* From the host, from a neighbour, and from itself. */
		assert_true(world_talks(TCP, NULL, hosts[i], 8080, &a, 80, NULL));
		for (int seen = 0; seen < 2; seen++) {
			(void)bridged_frames_are_seen(seen);
			assert_true(world_talks(TCP, &a, hosts[i], 8080, &a, 80, NULL));
			assert_true(world_talks(UDP, &a, hosts[i], 8053, &a, 53, NULL));
			assert_true(world_talks(TCP, &b, hosts[i], 8080, &a, 80, NULL));
		}
		/* No other port, and not by the other protocol. */
		assert_true(world_silent(TCP, &world.outside, hosts[i], 8053, &a, 53));
	}
	assert_true(world_talks(TCP, NULL, "127.0.0.1", 8080, &a, 80, NULL));
	/* The endpoint's own address is no way around. */
	assert_true(world_silent(TCP, &world.outside, "10.6.0.2", 81, &a, 81));
	assert_true(world_silent(TCP, &world.outside, "fd06::2", 81, &a, 81));
	/* Taken back with the endpoint. */
	(void)world_ctl(&world, 0, "network disconnect n1 a");
	(void)world_ctl(&world, 0, "network connect n1 --netns %s --ip 10.6.0.2", a.path);
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST4, 8080, &a, 80));
}

static void a_port_on_one_address_is_on_no_other(void **state)
{
	(void)state;
	make_network("-o " LABEL "host_binding_ipv4=127.0.0.1", "-p 8080:80 -p [" WORLD_HOST6 "]:8081:81");
	assert_true(world_talks(TCP, NULL, "127.0.0.1", 8080, &a, 80, NULL));
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST4, 8080, &a, 80));
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST6, 8080, &a, 80));
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST6, 8081, &a, 81, NULL));
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST4, 8081, &a, 81));
}

static void endpoints_without_icc_reach_the_outside_alone(void **state)
{
	(void)state;
	make_network("-o " LABEL "enable_icc=false", "-p 8080:80");
	join_b("n1", "--ip 10.6.0.3 --ip6 fd06::3");
	assert_false(netns_ping(&b, "10.6.0.2"));
	assert_false(netns_ping(&b, "fd06::2"));
	assert_true(world_silent(TCP, &b, "10.6.0.2", 80, &a, 80));
	assert_seen_as(&a, WORLD_HOST4, WORLD_HOST6);
	assert_seen_as(&b, WORLD_HOST4, WORLD_HOST6);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, 8080, &a, 80, NULL));
	/* By way of the host they may, unless it translates on the bridge already: then the bridge keeps them apart. */
	(void)bridged_frames_are_seen(false);
	assert_true(world_talks(TCP, &b, WORLD_HOST4, 8080, &a, 80, NULL));
	assert_true(world_silent(TCP, &b, "10.6.0.2", 80, &a, 80));
	if (bridged_frames_are_seen(true))
		assert_true(world_silent(TCP, &b, WORLD_HOST4, 8080, &a, 80));
	assert_true(world_silent(TCP, &b, "10.6.0.2", 80, &a, 80));
	/* And with it they do. */
	(void)world_ctl(&world, 0, "network rm --force n1");
	make_network("", "");
	join_b("n1", "--ip 10.6.0.3 --ip6 fd06::3");
	assert_true(netns_ping(&b, "10.6.0.2"));
	assert_true(world_talks(TCP, &b, "fd06::2", 80, &a, 80, NULL));
}

static void networks_do_not_reach_each_other(void **state)
{
	static const char *const modes[] = {"", "-o " LABEL "gateway_mode_ipv4=routed -o " LABEL "gateway_mode_ipv6=routed"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		make_network(modes[i], i ? "-p 80" : "-p 8080:80");
		(void)world_ctl(&world, 0, "network create n2 -d bridge --subnet 10.7.0.0/24 --subnet fd07::/64 --ipv6");
		join_b("n2", "--ip 10.7.0.2 --ip6 fd07::2");
		if (!i)
			assert_false(netns_ping(&b, "10.6.0.2"));
		assert_true(world_silent(TCP, &b, "10.6.0.2", 81, &a, 81));
		assert_true(world_silent(UDP, &b, "fd06::2", 81, &a, 81));
		assert_true(world_silent(TCP, &a, "10.7.0.2", 80, &b, 80));
		/* Through the host's published port they may. */
		if (!i)
			assert_true(world_talks(TCP, &b, WORLD_HOST4, 8080, &a, 80, NULL));
		(void)world_ctl(&world, 0, "network rm --force n1 n2");
	}
}

static void an_internal_network_has_no_way_out(void **state)
{
	(void)state;
	make_network("--internal", "");
	join_b("n1", "");
	assert_true(netns_ping(&b, "10.6.0.2"));
	assert_true(world_talks(TCP, &b, "fd06::2", 80, &a, 80, NULL));
	assert_true(world_silent(TCP, &a, WORLD_OUTSIDE4, 80, &world.outside, 80));
	assert_true(world_silent(TCP, &world.outside, "10.6.0.2", 80, &a, 80));
	assert_true(world_silent(TCP, &world.outside, "fd06::2", 80, &a, 80));
	(void)world_ctl(&world, 6, "network connect n1 --netns %s -p 8080:80", b.path);
}

static void a_routed_network_is_reached_on_published_ports_alone(void **state)
{
	(void)state;
	make_network("-o " LABEL "gateway_mode_ipv4=routed -o " LABEL "gateway_mode_ipv6=routed", "-p 80");
	assert_seen_as(&a, "10.6.0.2", "fd06::2");
	assert_true(world_talks(TCP, &world.outside, "10.6.0.2", 80, &a, 80, NULL));
	assert_true(world_talks(TCP, &world.outside, "fd06::2", 80, &a, 80, NULL));
	assert_true(world_silent(TCP, &world.outside, "10.6.0.2", 81, &a, 81));
	assert_true(world_silent(TCP, &world.outside, "fd06::2", 81, &a, 81));
	assert_true(world_silent(UDP, &world.outside, "10.6.0.2", 80, &a, 80));
	assert_non_null(strstr(world_ctl(&world, 0, "endpoint ls"), "10.6.0.2:80/tcp,[fd06::2]:80/tcp"));
}

static void an_unprotected_network_is_reached_on_all_ports(void **state)
{
	(void)state;
	make_network("-o " LABEL "gateway_mode_ipv4=nat-unprotected", "-p 8080:80");
	assert_seen_as(&a, WORLD_HOST4, WORLD_HOST6);
	assert_true(world_talks(TCP, &world.outside, "10.6.0.2", 81, &a, 81, NULL));
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, 8080, &a, 80, NULL));
	/* The other family is as ever. */
	assert_true(world_silent(TCP, &world.outside, "fd06::2", 81, &a, 81));
}

static void an_isolated_network_does_not_even_reach_the_bridge(void **state)
{
	(void)state;
	make_network("--internal -o " LABEL "gateway_mode_ipv4=isolated -o " LABEL "gateway_mode_ipv6=isolated", "");
	join_b("n1", "--ip 10.6.0.3 --ip6 fd06::3");
	assert_true(netns_ping(&b, "10.6.0.2"));
	assert_true(netns_ping(&b, "fd06::2"));
	assert_true(world_silent(TCP, &a, "10.6.0.1", 80, NULL, 80));
	assert_true(world_silent(TCP, &a, "fd06::1", 80, NULL, 80));
	assert_true(world_silent(TCP, &a, WORLD_HOST4, 80, NULL, 80));
}

static void a_network_of_ipv6_alone_gets_out_and_is_reached(void **state)
{
	char seen[64];

	(void)state;
	(void)world_ctl(&world, 0, "network create n1 -d bridge --no-ipv4 --subnet fd06::/64");
	(void)world_ctl(&world, 0, "network connect n1 --netns %s --endpoint a --ip6 fd06::2 -p 8080:80", a.path);
	assert_true(world_talks(TCP, &a, WORLD_OUTSIDE6, 80, &world.outside, 80, seen));
	assert_string_equal(seen, WORLD_HOST6);
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST6, 8080, &a, 80, NULL));
	assert_true(world_silent(TCP, &world.outside, WORLD_HOST4, 8080, &a, 80));
	/* Nobody could be reached there over IPv4. */
	assert_non_null(strstr(world_ctl(&world, 6, "--json network connect n1 --netns %s -p 127.0.0.1:8081:80", b.path),
			       "has no way out over IPv4"));
	assert_int_equal(netns_link_count(&b), 1);
}

static void somebody_elses_bridge_serves_and_stays(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "theirs0", .up = 1};
	struct ndrv_error err = {0};
	struct ndrv_prefix own;
	struct ndrv_link link;

	(void)state;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &link, &err), &err);
	assert_ok(ndrv_prefix_parse("10.6.0.1/24", &own, &err), &err);
	assert_ok(ndrv_address_add(nl, "theirs0", link.index, &own, &err), &err);
	ndrv_nl_close(nl);
	(void)world_ctl(&world, 0, "network create n1 -d bridge --subnet 10.6.0.0/24 -o " LABEL "name=theirs0");
	(void)world_ctl(&world, 0, "network connect n1 --netns %s --ip 10.6.0.2 -p 8080:80", a.path);
	assert_true(world_talks(TCP, &a, WORLD_OUTSIDE4, 80, &world.outside, 80, NULL));
	assert_true(world_talks(TCP, &world.outside, WORLD_HOST4, 8080, &a, 80, NULL));
	(void)world_ctl(&world, 0, "network rm --force n1");
	assert_true(netns_has_link(NULL, "theirs0", NULL));
	assert_true(netns_has_address(NULL, "theirs0", "10.6.0.1/24"));
	assert_int_equal(netns_link_count(&a), 1);
}

/* Or the kernel does not track its connections, and says so. */
static void sctp_is_published_where_the_kernel_can(void **state)
{
	char said[4096];

	(void)state;
	(void)world_ctl(&world, 0, "network create n1 -d bridge --subnet 10.6.0.0/24");
	int status = daemon_ctl(&world.daemon, said, sizeof(said), "--json", "network", "connect", "n1", "--netns", a.path, "-p",
				"9:9/sctp", NULL);
	if (status) {
		assert_int_equal(status, 5);
		assert_non_null(strstr(said, "KERNEL_LACKS"));
		assert_int_equal(netns_link_count(&a), 1);
		return;
	}
	assert_non_null(strstr(world_ctl(&world, 0, "endpoint ls"), "0.0.0.0:9->9/sctp"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_outside_sees_the_hosts_address),
		TEST(the_outside_sees_the_address_that_was_chosen),
		TEST(without_masquerade_an_endpoint_is_seen_as_itself),
		TEST(a_published_port_is_reached_from_everywhere),
		TEST(a_port_on_one_address_is_on_no_other),
		TEST(endpoints_without_icc_reach_the_outside_alone),
		TEST(networks_do_not_reach_each_other),
		TEST(an_internal_network_has_no_way_out),
		TEST(a_routed_network_is_reached_on_published_ports_alone),
		TEST(an_unprotected_network_is_reached_on_all_ports),
		TEST(an_isolated_network_does_not_even_reach_the_bridge),
		TEST(a_network_of_ipv6_alone_gets_out_and_is_reached),
		TEST(somebody_elses_bridge_serves_and_stays),
		TEST(sctp_is_published_where_the_kernel_can),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
