/* SPDX-License-Identifier: Apache-2.0 */
/* What moby's integration tests ask of macvlan and no other test of ours shows, against the kernel. docs/conformance.md has the
 * table. */
#include "tests/lib/test.h"

#include <linux/if_link.h>
#include <netlink/attr.h>

#include "tests/lib/cable.h"
#include "tests/lib/fakehost.h"

static struct fakehost host;
static struct fakenet net;
static struct netns a, b, outside;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&a);
	netns_new(&b);
	netns_new(&outside);
	cable_lay(&outside);
	fakehost_open(&host, "macvlan");
	return 0;
}

static int finish(void **state)
{
	(void)state;
	fakehost_close(&host);
	netns_free(&a);
	netns_free(&b);
	netns_free(&outside);
	return 0;
}

static void init_net(struct fakenet *which, const char *id, const char *pool4, const char *gateway4)
{
	fakenet_init(which, &host, id, pool4, gateway4, NULL, NULL);
	fakenet_label(which, "parent", "p0");
}

static void two_endpoints_share_a_pool_of_two(void **state)
{
	static struct fakeep one, two;

	(void)state;
	init_net(&net, "p2p", "192.168.135.0/31", NULL);
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "192.168.135.0/31", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "192.168.135.1/31", NULL, &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "192.168.135.1"));
	assert_true(netns_ping(&b, "192.168.135.0"));
}

static void a_link_has_the_name_that_was_asked_for(void **state)
{
	static struct fakeep one;
	struct ndrv_link link;

	(void)state;
	init_net(&net, "n1", "10.5.0.0/24", "10.5.0.1/24");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", NULL, &a, "foobar"), &host.err);
	assert_true(netns_has_link(&a, "foobar", &link));
	assert_string_equal(link.kind, "macvlan");
	assert_int_equal(netns_link_count(&a), 2);
	assert_true(netns_ping(&a, "10.5.0.1"));
}

static void set_parent(bool up)
{
	const struct ndrv_link_change change = {.up = up, .down = !up};
	struct ndrv_nl *nl = netns_nl(NULL);

	assert_ok(ndrv_link_set(nl, "p0", 0, &change, &host.err), &host.err);
	ndrv_nl_close(nl);
}

/* A macvlan link cannot be up on a parent that is down. */
static void a_parent_that_is_down_hinders_nobody(void **state)
{
	static struct fakeep one;
	bool reached = false;

	(void)state;
	fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
	fakenet_label(&net, "parent", "p0");
	set_parent(false);
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_true(netns_has_address(&a, "eth0", "10.5.0.2/24"));
	set_parent(true);
	/* The kernel tells the link of its parent by and by. */
	for (int i = 0; i < 10 && !reached; i++)
		reached = netns_ping(&a, "10.5.0.1");
	assert_true(reached);
	assert_true(netns_ping(&a, "fd05::1"));
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
}

/* NULL `parent`: a dummy of the driver's own, and no way out. */
static void subnets(const char *parent)
{
	struct ndrv_ipam_data pools[2] = {{.address_space = ""}, {.address_space = ""}};
	static struct fakeep eps[4];
	char text[NDRV_ADDR_TEXT];

	fakenet_init(&net, &host, "n1", "172.28.100.0/24", NULL, NULL, NULL);
	if (parent)
		fakenet_label(&net, "parent", parent);
	assert_ok(ndrv_prefix_parse("172.28.100.0/24", &pools[0].pool, &host.err), &host.err);
	assert_ok(ndrv_prefix_parse("172.28.102.0/24", &pools[1].pool, &host.err), &host.err);
	assert_ok(ndrv_prefix_parse("172.28.102.254/24", &pools[1].gateway, &host.err), &host.err);
	net.view.ipv4.items = pools;
	net.view.ipv4.count = 2;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&eps[0], &net, "e1", "172.28.100.2/24", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&eps[1], &net, "e2", "172.28.100.3/24", NULL, &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "172.28.100.3"));
	assert_int_equal(eps[0].gateway4.family, 0);
	assert_false(netns_has_route(&a, "0.0.0.0/0", "172.28.100.1", "eth0"));
	assert_ok(fakeep_connect(&eps[2], &net, "e3", "172.28.102.2/24", NULL, &a, "eth1"), &host.err);
	assert_ok(fakeep_connect(&eps[3], &net, "e4", "172.28.102.3/24", NULL, &b, "eth1"), &host.err);
	assert_true(netns_ping(&a, "172.28.102.3"));
	assert_string_equal(ndrv_addr_format(&eps[2].gateway4, text), parent ? "172.28.102.254" : "");
	assert_int_equal(netns_has_route(&a, "0.0.0.0/0", "172.28.102.254", "eth1"), parent != NULL);
}

static void subnets_of_a_network_each_reach_their_own(void **state)
{
	(void)state;
	subnets("p0");
}

static void subnets_without_a_parent_each_reach_their_own(void **state)
{
	(void)state;
	if (!cable_kernel_makes("dummy"))
		skip();
	subnets(NULL);
}

static void an_internal_network_does_not_reach_the_outside(void **state)
{
	static struct fakeep one, two;

	(void)state;
	init_net(&net, "n1", "10.9.0.0/24", "10.9.0.1/24");
	net.view.flags |= NDRV_NETWORK_INTERNAL;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.9.0.2/24", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.9.0.3/24", NULL, &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.9.0.3"));
	assert_false(netns_has_route(&a, "0.0.0.0/0", "10.9.0.1", "eth0"));
	assert_false(netns_ping(&a, "10.5.0.1"));
}

static void a_parent_of_the_users_outlives_its_networks(void **state)
{
	static struct fakenet other;
	struct ndrv_link before, after;

	(void)state;
	assert_true(netns_has_link(NULL, "p0", &before));
	init_net(&net, "n1", "10.5.0.0/24", NULL);
	init_net(&other, "n2", "10.6.0.0/24", NULL);
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakenet_create(&other), &host.err);
	assert_ok(fakenet_delete(&other, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_true(netns_has_link(NULL, "p0", &after));
	assert_int_equal(before.index, after.index);
	assert_int_equal(before.group, after.group);
	assert_int_equal(netns_link_count(NULL), 2);
}

static int fill_vlan(struct nl_msg *msg, const void *data)
{
	(void)data;
	return nla_put_u16(msg, IFLA_VLAN_ID, 20);
}

/* The same for a VLAN of the user's, where the kernel has them. */
static void a_vlan_of_the_users_outlives_its_networks(void **state)
{
	struct ndrv_link_spec spec = {.kind = "vlan", .name = "p0.20"};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link parent;

	(void)state;
	if (!cable_kernel_makes("vlan")) {
		ndrv_nl_close(nl);
		skip();
	}
	assert_true(netns_has_link(NULL, "p0", &parent));
	spec.link = parent.index;
	assert_ok(ndrv_link_create(nl, &spec, fill_vlan, NULL, NULL, &host.err), &host.err);
	ndrv_nl_close(nl);
	fakenet_init(&net, &host, "n1", "10.5.0.0/24", NULL, NULL, NULL);
	fakenet_label(&net, "parent", "p0.20");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_true(netns_has_link(NULL, "p0.20", NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_endpoints_share_a_pool_of_two),
		TEST(a_link_has_the_name_that_was_asked_for),
		TEST(a_parent_that_is_down_hinders_nobody),
		TEST(subnets_of_a_network_each_reach_their_own),
		TEST(subnets_without_a_parent_each_reach_their_own),
		TEST(an_internal_network_does_not_reach_the_outside),
		TEST(a_parent_of_the_users_outlives_its_networks),
		TEST(a_vlan_of_the_users_outlives_its_networks),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
