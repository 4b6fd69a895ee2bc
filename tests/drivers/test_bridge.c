/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge driver against the real kernel: its host is a namespace of the test's own. */
#include "tests/lib/test.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>

#include "tests/lib/fakehost.h"

#define NID "n1"

static struct fakehost host;
static struct fakenet net;
static struct netns a, b;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&a);
	netns_new(&b);
	fakehost_open(&host, "bridge");
	fakenet_init(&net, &host, NID, "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
	return 0;
}

static int finish(void **state)
{
	(void)state;
	fakehost_close(&host);
	netns_free(&a);
	netns_free(&b);
	return 0;
}

/* The one bridge of the test's host. */
static bool find_bridge(struct ndrv_link *ret)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link *links = NULL;
	struct ndrv_error err = {0};
	uint32_t count = 0;
	bool found = false;

	assert_ok(ndrv_link_list(nl, &links, &count, &err), &err);
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(links[i].kind, "bridge"))
			continue;
		assert_false(found);
		found = true;
		*ret = links[i];
	}
	free(links);
	ndrv_nl_close(nl);
	return found;
}

static void assert_nothing_left(void)
{
	assert_int_equal(netns_link_count(NULL), 1); /* lo */
	assert_int_equal(netns_link_count(&a), 1);
	assert_int_equal(netns_link_count(&b), 1);
}

static void two_namespaces_talk_over_both_families(void **state)
{
	static struct fakeep one, two;
	struct ndrv_link bridge;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&bridge));
	assert_int_equal(bridge.group, FAKE_GROUP);
	assert_true(netns_has_address(NULL, bridge.name, "10.5.0.1/24"));
	assert_true(netns_has_address(NULL, bridge.name, "fd05::1/64"));
	assert_true(netns_has_address(NULL, bridge.name, "fe80::1/64"));
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_true(netns_ping(&b, "10.5.0.2"));
	assert_true(netns_ping(&a, "fd05::3"));
	assert_true(netns_ping(&b, "fd05::2"));
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_true(netns_ping(&a, "fd05::1"));
	assert_true(netns_udp(&a, &b, "10.5.0.3", 1400));
	assert_true(netns_tcp(&b, &a, "10.5.0.2", 100000));
	assert_true(netns_tcp(&a, &b, "fd05::3", 100000));
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.5.0.1", "eth0"));
	assert_true(netns_has_route(&a, "::/0", "fd05::1", "eth0"));
	assert_true(netns_has_neighbour(&a, "10.5.0.1"));
	assert_ok(fakeep_unplug(&one, &a), &host.err);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakeep_unplug(&two, &b), &host.err);
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

/* What Docker gets: both ends here, one moved by the platform, back at leave, and able to join again. */
static void the_inner_end_is_moved_where_no_sandbox_is_told(void **state)
{
	static struct fakeep one, two;
	struct ndrv_link link;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, NULL), &host.err);
	assert_false(one.created_in_sandbox);
	assert_ok(fakeep_create(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", NULL, NULL), &host.err);
	assert_ok(fakeep_join(&two), &host.err);
	assert_true(netns_has_link(NULL, two.src, &link));
	assert_int_equal(link.master, 0);
	assert_string_equal(two.prefix, "eth");
	for (int again = 0; again < 2; again++) {
		assert_ok(fakeep_plug(&two, &b), &host.err);
		assert_string_equal(two.plugged.name, "eth0");
		assert_false(netns_has_link(NULL, two.src, NULL));
		assert_true(netns_ping(&b, "10.5.0.2"));
		assert_true(netns_ping(&a, "fd05::3"));
		assert_ok(fakeep_unplug(&two, &b), &host.err);
		assert_true(netns_has_link(NULL, two.src, NULL));
	}
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void the_mtu_is_that_of_bridge_and_both_ends(void **state)
{
	static struct fakeep one, two;
	struct ndrv_link link;

	(void)state;
	fakenet_label(&net, NDRV_OPT_MTU, "1350");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(find_bridge(&link));
	assert_int_equal(link.mtu, 1350);
	assert_true(netns_has_link(&a, "eth0", &link));
	assert_int_equal(link.mtu, 1350);
	assert_true(netns_udp(&a, &b, "10.5.0.3", 4000));
	assert_true(netns_tcp(&a, &b, "fd05::3", 100000));
}

static void a_bridge_gets_the_users_name_and_goes_with_its_network(void **state)
{
	struct ndrv_link link;

	(void)state;
	fakenet_label(&net, "com.docker.network.bridge.name", "mybridge0");
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(netns_has_link(NULL, "mybridge0", &link));
	assert_int_equal(link.group, FAKE_GROUP);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void an_existing_bridge_is_used_and_stays_as_it_is(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "theirs0"};
	struct ndrv_error err = {0};
	struct ndrv_prefix own;
	struct ndrv_link link;
	static struct fakeep one, two;

	(void)state;
	assert_ok(ndrv_prefix_parse("10.5.0.254/24", &own, &err), &err);
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &link, &err), &err);
	assert_ok(ndrv_address_add(nl, "theirs0", link.index, &own, &err), &err);
	ndrv_nl_close(nl);
	fakenet_label(&net, "com.docker.network.bridge.name", "theirs0");
	assert_ok(fakenet_create(&net), &host.err);
	assert_false(netns_has_address(NULL, "theirs0", "10.5.0.1/24"));
	assert_true(netns_has_address(NULL, "theirs0", "10.5.0.254/24"));
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_true(netns_ping(&a, "10.5.0.254"));
	/* Its MAC is not ours to tell. */
	assert_int_equal(one.neighbour_count, 0);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_true(netns_has_link(NULL, "theirs0", &link));
	assert_int_equal(link.group, 0);
	assert_int_equal(netns_link_count(NULL), 2);
}

static void an_interface_that_is_no_bridge_is_refused_and_kept(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link_peer peer = {.name = "v1"};
	struct ndrv_link_spec spec = {.kind = "veth", .name = "v0", .peer = &peer};
	struct ndrv_error err = {0};

	(void)state;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(nl);
	fakenet_label(&net, "com.docker.network.bridge.name", "v0");
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "existing interface v0 is not a bridge");
	assert_ok(fakenet_delete(&net, NDRV_CALL_UNDO), &host.err);
	assert_int_equal(netns_link_count(NULL), 3);
}

static void a_strangers_interface_of_our_name_is_never_touched(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link_spec spec = {.kind = "bridge", .group = 1};
	struct ndrv_error err = {0};
	struct ndrv_link link;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&link));
	assert_ok(fakenet_delete(&net, 0), &host.err);
	spec.name = link.name;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(nl);
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_LINK_EXISTS, link.name);
	assert_ok(fakenet_delete(&net, NDRV_CALL_UNDO), &host.err);
	assert_true(netns_has_link(NULL, link.name, NULL));
}

static void an_internal_network_has_no_way_out(void **state)
{
	static struct fakeep one, two;

	(void)state;
	net.view.flags |= NDRV_NETWORK_INTERNAL;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_true(one.no_gateway_service);
	assert_int_equal(one.gateway4.family, 0);
	assert_false(netns_has_route(&a, "0.0.0.0/0", "10.5.0.1", "eth0"));
	assert_false(netns_has_route(&a, "::/0", "fd05::1", "eth0"));
}

static void endpoints_are_kept_apart_without_icc(void **state)
{
	static struct fakeep one, two;

	(void)state;
	fakenet_label(&net, "com.docker.network.bridge.enable_icc", "false");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_true(netns_ping(&b, "fd05::1"));
	assert_false(netns_ping(&a, "10.5.0.3"));
	assert_false(netns_ping(&b, "fd05::2"));
}

static void the_bridge_goes_without_ipv4_where_that_is_inhibited(void **state)
{
	struct ndrv_link bridge;
	static struct fakeep one;

	(void)state;
	fakenet_label(&net, "com.docker.network.bridge.inhibit_ipv4", "true");
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&bridge));
	assert_false(netns_has_address(NULL, bridge.name, "10.5.0.1/24"));
	assert_true(netns_has_address(NULL, bridge.name, "fd05::1/64"));
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.5.0.1", "eth0"));
	assert_false(netns_has_neighbour(&a, "10.5.0.1"));
	assert_true(netns_has_neighbour(&a, "fd05::1"));
}

static void an_auxiliary_gateway_is_told_to_endpoints(void **state)
{
	static struct fakeep one;
	struct ndrv_error err = {0};

	(void)state;
	net.aux.name = "DefaultGatewayIPv4";
	assert_ok(ndrv_prefix_parse("10.5.0.200/24", &net.aux.address, &err), &err);
	net.ipv4.aux = &net.aux;
	net.ipv4.aux_count = 1;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.5.0.200", "eth0"));
	assert_false(netns_has_neighbour(&a, "10.5.0.200"));
}

static void a_network_of_ipv6_alone_works(void **state)
{
	static struct fakeep one, two;
	struct ndrv_link bridge;

	(void)state;
	fakenet_init(&net, &host, NID, NULL, NULL, "fd05::/64", "fd05::1/64");
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&bridge));
	assert_ok(fakeep_connect(&one, &net, "e1", NULL, "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", NULL, "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "fd05::3"));
	/* Both have a MAC, and not the same: old libnetwork gave 02:42:00:00:00:00 to each. */
	assert_true(one.mac.set && two.mac.set);
	assert_memory_not_equal(one.mac.bytes, two.mac.bytes, 6);
}

static void ipv4_alone_makes_no_ipv6_noise(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_address *list = NULL;
	struct ndrv_error err = {0};
	struct ndrv_link bridge;
	static struct fakeep one;
	uint32_t count = 0;

	(void)state;
	fakenet_init(&net, &host, NID, "10.5.0.0/24", "10.5.0.1/24", NULL, NULL);
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", NULL, &a, "eth0"), &host.err);
	assert_true(find_bridge(&bridge));
	assert_ok(ndrv_address_list(nl, bridge.index, &list, &count, &err), &err);
	assert_int_equal(count, 1);
	free(list);
	ndrv_nl_close(nl);
}

static void addresses_left_open_are_chosen_as_libnetwork_does(void **state)
{
	static const uint8_t from_ip[] = {2, 0x42, 10, 5, 0, 2}, own[] = {2, 0x11, 0x22, 0x33, 0x44, 0x55};
	struct ndrv_value info = {0};
	const char *mac = "";
	static struct fakeep ep;
	char text[NDRV_PREFIX_TEXT];

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&ep, &net, "e1", "10.5.0.2/24", NULL, NULL, NULL), &host.err);
	assert_memory_equal(ep.mac.bytes, from_ip, 6);
	assert_string_equal(ndrv_prefix_format(&ep.address6, text), "fd05::242:a05:2/64");
	assert_ok(host.ops->endpoint_info(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &info), &host.err);
	assert_int_equal(ndrv_map_string(&info, NDRV_OPT_MAC, &mac, &host.err), 1);
	assert_string_equal(mac, "02:42:0a:05:00:02");
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	/* What the caller fixed stays. */
	ep.view.priv = NULL;
	ep.mac = (struct ndrv_mac){.set = 1};
	memcpy(ep.mac.bytes, own, 6);
	assert_ok(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &ep.ifinfo, NULL), &host.err);
	assert_memory_equal(ep.mac.bytes, own, 6);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
}
/* Both families, both ways, on fresh endpoints: without the waits one in four is lost. Only the kernel's own repetition after a
 * second would answer later, and that is longer than a ping waits. */
static void first_packets_arrive(void **state)
{
	static struct fakeep old, eps[12];
	char id[16], to4[24], to6[24], v4[40], v6[40];

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&old, &net, "e", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	for (int i = 0; i < 12; i++) {
		struct netns ns;

		netns_new(&ns);
		(void)snprintf(id, sizeof(id), "e%d", i);
		(void)snprintf(to4, sizeof(to4), "10.5.0.%d", 10 + i);
		(void)snprintf(to6, sizeof(to6), "fd05::1:%x", 10 + i);
		(void)snprintf(v4, sizeof(v4), "%s/24", to4);
		(void)snprintf(v6, sizeof(v6), "%s/64", to6);
		assert_ok(fakeep_connect(&eps[i], &net, id, v4, v6, &ns, "eth0"), &host.err);
		assert_true(i % 2 ? netns_ping(&a, to6) : netns_ping(&ns, "fd05::2"));
		assert_true(i % 2 ? netns_ping(&ns, "10.5.0.2") : netns_ping(&a, to4));
		netns_free(&ns);
	}
}

static void look_at_snooping(const struct nlmsghdr *reply, void *data)
{
	struct nlattr *attrs[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *bridge[IFLA_BR_MAX + 1];
	struct nlmsghdr *m;

	memcpy(&m, &reply, sizeof(m));
	if (!m || nlmsg_parse(m, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) || !attrs[IFLA_LINKINFO])
		return;
	if (nla_parse_nested(info, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL) || !info[IFLA_INFO_DATA] ||
	    strcmp(nla_get_string(info[IFLA_INFO_KIND]), "bridge") ||
	    nla_parse_nested(bridge, IFLA_BR_MAX, info[IFLA_INFO_DATA], NULL))
		return;
	*(int *)data = nla_get_u8(bridge[IFLA_BR_MCAST_SNOOPING]);
}

static int snooping(void)
{
	struct ifinfomsg ifi = {0};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	int value = -1;

	assert_int_equal(nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO), 0);
	assert_ok(ndrv_nl_dump(nl, msg, look_at_snooping, &value, &err), &err);
	ndrv_nl_close(nl);
	return value;
}

static void multicast_snooping_is_an_option(void **state)
{
	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_int_equal(snooping(), 1);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	fakenet_label(&net, "com.docker.network.bridge.mcast_snooping", "false");
	assert_ok(fakenet_create(&net), &host.err);
	assert_int_equal(snooping(), 0);
}

static void read_accept_ra(const char *name, char *ret)
{
	char path[80];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(ret, 8, file));
	(void)fclose(file);
}

static void the_host_believes_no_endpoints_router_advertisements(void **state)
{
	struct ndrv_link bridge;
	char value[8];

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&bridge));
	read_accept_ra(bridge.name, value);
	assert_string_equal(value, "0\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_namespaces_talk_over_both_families),
		TEST(the_inner_end_is_moved_where_no_sandbox_is_told),
		TEST(the_mtu_is_that_of_bridge_and_both_ends),
		TEST(a_bridge_gets_the_users_name_and_goes_with_its_network),
		TEST(an_existing_bridge_is_used_and_stays_as_it_is),
		TEST(an_interface_that_is_no_bridge_is_refused_and_kept),
		TEST(a_strangers_interface_of_our_name_is_never_touched),
		TEST(an_internal_network_has_no_way_out),
		TEST(endpoints_are_kept_apart_without_icc),
		TEST(the_bridge_goes_without_ipv4_where_that_is_inhibited),
		TEST(an_auxiliary_gateway_is_told_to_endpoints),
		TEST(a_network_of_ipv6_alone_works),
		TEST(ipv4_alone_makes_no_ipv6_noise),
		TEST(addresses_left_open_are_chosen_as_libnetwork_does),
		TEST(first_packets_arrive),
		TEST(multicast_snooping_is_an_option),
		TEST(the_host_believes_no_endpoints_router_advertisements),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
