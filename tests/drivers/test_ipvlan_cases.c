/* SPDX-License-Identifier: Apache-2.0 */
/* What moby's integration tests ask of ipvlan, where the kernel has it, and the VLAN and dummy links some of them need. A kernel
 * that lacks one is told by name and nothing is left; then the test is skipped. docs/conformance.md has the table. */
#include "tests/lib/test.h"

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
	fakehost_open(&host, "ipvlan");
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

/* NULL: the driver's own default, and no parent. */
static void init_net(struct fakenet *which, const char *parent, const char *mode)
{
	fakenet_init(which, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", NULL, NULL);
	if (parent)
		fakenet_label(which, "parent", parent);
	if (mode)
		fakenet_label(which, "ipvlan_mode", mode);
}

/* Creates the network, or skips. */
static void create_or_skip(const char *also)
{
	if (cable_kernel_makes("ipvlan") && (!also || cable_kernel_makes(also))) {
		assert_ok(fakenet_create(&net), &host.err);
		return;
	}
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_KERNEL_LACKS, "this kernel has no ");
	assert_null(net.view.priv);
	assert_ok(fakenet_delete(&net, NDRV_CALL_UNDO), &host.err);
	assert_int_equal(netns_link_count(NULL), 2);
	skip();
}

static void two_talk(const char *one_at, const char *two_at, const char *two)
{
	static struct fakeep eps[2];

	assert_ok(fakeep_connect(&eps[0], &net, "e1", one_at, NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&eps[1], &net, "e2", two_at, NULL, &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, two));
}

static void a_vlan_parent_is_made_and_goes_with_its_network(void **state)
{
	(void)state;
	init_net(&net, "p0.10", NULL);
	create_or_skip("vlan");
	assert_true(netns_has_link(NULL, "p0.10", NULL));
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_int_equal(netns_link_count(NULL), 2);
}

static void without_a_parent(const char *mode)
{
	init_net(&net, NULL, mode);
	create_or_skip("dummy");
	two_talk("10.5.0.2/24", "10.5.0.3/24", "10.5.0.3");
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_int_equal(netns_link_count(NULL), 2);
}

static void l2_works_without_a_parent(void **state)
{
	(void)state;
	without_a_parent("l2");
}

static void l3_works_without_a_parent(void **state)
{
	(void)state;
	without_a_parent("l3");
}

static void internal(const char *mode)
{
	fakenet_init(&net, &host, "n1", "10.9.0.0/24", "10.9.0.1/24", NULL, NULL);
	fakenet_label(&net, "parent", "p0");
	fakenet_label(&net, "ipvlan_mode", mode);
	net.view.flags |= NDRV_NETWORK_INTERNAL;
	create_or_skip(NULL);
	two_talk("10.9.0.2/24", "10.9.0.3/24", "10.9.0.3");
	assert_false(netns_has_route(&a, "0.0.0.0/0", "10.9.0.1", "eth0"));
	assert_false(netns_has_route(&a, "0.0.0.0/0", NULL, "eth0"));
	assert_false(netns_ping(&a, "10.5.0.1"));
}

static void an_internal_network_in_l2_does_not_reach_the_outside(void **state)
{
	(void)state;
	internal("l2");
}

static void an_internal_network_in_l3_does_not_reach_the_outside(void **state)
{
	(void)state;
	internal("l3");
}

static void subnets(const char *parent, const char *mode)
{
	struct ndrv_ipam_data pools[2] = {{.address_space = ""}, {.address_space = ""}};
	static struct fakeep eps[4];

	init_net(&net, parent, mode);
	assert_ok(ndrv_prefix_parse("172.28.100.0/24", &pools[0].pool, &host.err), &host.err);
	assert_ok(ndrv_prefix_parse("172.28.102.0/24", &pools[1].pool, &host.err), &host.err);
	net.view.ipv4.items = pools;
	net.view.ipv4.count = 2;
	create_or_skip(parent ? NULL : "dummy");
	assert_ok(fakeep_connect(&eps[0], &net, "e1", "172.28.100.2/24", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&eps[1], &net, "e2", "172.28.100.3/24", NULL, &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "172.28.100.3"));
	assert_ok(fakeep_delete(&eps[0], 0), &host.err);
	assert_ok(fakeep_delete(&eps[1], 0), &host.err);
	assert_ok(fakeep_connect(&eps[2], &net, "e3", "172.28.100.4/24", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&eps[3], &net, "e4", "172.28.102.2/24", NULL, &b, "eth0"), &host.err);
	/* Only in l3 one subnet reaches the other. */
	assert_int_equal(netns_ping(&a, "172.28.102.2"), mode && mode[1] == '3');
}

static void subnets_of_a_network_each_reach_their_own(void **state)
{
	(void)state;
	subnets("p0", "l2");
}

static void subnets_without_a_parent_each_reach_their_own(void **state)
{
	(void)state;
	subnets(NULL, "l2");
}

static void subnets_in_l3_reach_each_other(void **state)
{
	(void)state;
	subnets("p0", "l3");
}

static void two_endpoints_share_a_pool_of_two(void **state)
{
	(void)state;
	fakenet_init(&net, &host, "p2p", "192.168.135.0/31", NULL, NULL, NULL);
	fakenet_label(&net, "parent", "p0");
	create_or_skip(NULL);
	two_talk("192.168.135.0/31", "192.168.135.1/31", "192.168.135.1");
}

static void a_link_has_the_name_that_was_asked_for(void **state)
{
	static struct fakeep one;
	struct ndrv_link link;

	(void)state;
	init_net(&net, "p0", NULL);
	create_or_skip(NULL);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", NULL, &a, "foobar"), &host.err);
	assert_true(netns_has_link(&a, "foobar", &link));
	assert_string_equal(link.kind, host.type);
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.5.0.1", "foobar"));
}

static void a_restart_finds_all_as_it_was(void **state)
{
	struct ndrv_blob blob = {0};
	static struct fakeep one;
	struct ndrv_call *call;

	(void)state;
	init_net(&net, "p0", NULL);
	create_or_skip(NULL);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", NULL, &a, "eth0"), &host.err);
	one.view.sandbox_key = a.path;
	fakehost_restart(&host);
	assert_true(netns_ping(&a, "10.5.0.1"));
	call = fakehost_call(&host, NDRV_CALL_RESTORE);
	assert_ok(host.ops->adopt(host.self, call, &net.view, NULL, &blob), &host.err);
	call = fakehost_call(&host, NDRV_CALL_RESTORE);
	assert_ok(host.ops->adopt(host.self, call, &net.view, &one.view, &blob), &host.err);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_int_equal(netns_link_count(&a), 1);
	assert_ok(fakenet_delete(&net, 0), &host.err);
}

static void networks_of_one_family_or_none_are_legal(void **state)
{
	static struct fakeep one, two;

	(void)state;
	fakenet_init(&net, &host, "n6", NULL, NULL, "fd05::/64", NULL);
	fakenet_label(&net, "parent", "p0");
	create_or_skip(NULL);
	assert_ok(fakeep_connect(&one, &net, "e1", NULL, "fd05::2/64", &a, "eth0"), &host.err);
	assert_true(netns_ping(&a, "fd05::1"));
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	fakenet_init(&net, &host, "n0", NULL, NULL, NULL, NULL);
	fakenet_label(&net, "parent", "p0");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e1", NULL, NULL, &b, "eth0"), &host.err);
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vlan_parent_is_made_and_goes_with_its_network),
		TEST(l2_works_without_a_parent),
		TEST(l3_works_without_a_parent),
		TEST(an_internal_network_in_l2_does_not_reach_the_outside),
		TEST(an_internal_network_in_l3_does_not_reach_the_outside),
		TEST(subnets_of_a_network_each_reach_their_own),
		TEST(subnets_without_a_parent_each_reach_their_own),
		TEST(subnets_in_l3_reach_each_other),
		TEST(two_endpoints_share_a_pool_of_two),
		TEST(a_link_has_the_name_that_was_asked_for),
		TEST(a_restart_finds_all_as_it_was),
		TEST(networks_of_one_family_or_none_are_legal),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
