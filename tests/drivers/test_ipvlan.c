/* SPDX-License-Identifier: Apache-2.0 */
/* The ipvlan driver. What it is asked and refuses is tested everywhere; what it makes, where the kernel has ipvlan. Its host is a
 * namespace of the test's own; p0 there is the parent, whose cable ends at a machine outside. */
#include "tests/lib/test.h"

#include "tests/lib/cable.h"
#include "tests/lib/fakehost.h"

static struct fakehost host;
static struct fakenet net;
static struct netns a, b, outside;

static void init_net(struct fakenet *which, const char *id, const char *mode)
{
	fakenet_init(which, &host, id, "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
	fakenet_label(which, "parent", "p0");
	if (mode)
		fakenet_label(which, "ipvlan_mode", mode);
}

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&a);
	netns_new(&b);
	netns_new(&outside);
	cable_lay(&outside);
	fakehost_open(&host, "ipvlan");
	init_net(&net, "n1", NULL);
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

static void assert_nothing_left(void)
{
	assert_int_equal(netns_link_count(NULL), 2); /* lo, p0 */
	assert_int_equal(netns_link_count(&a), 1);
	assert_int_equal(netns_link_count(&b), 1);
}

static bool probe(struct ndrv_error *err)
{
	struct ndrv_link_spec spec = {.kind = "ipvlan", .name = "probe0"};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link parent;

	assert_ok(ndrv_link_get(nl, "p0", 0, &parent, err), err);
	spec.link = parent.index;
	int rc = ndrv_link_create(nl, &spec, NULL, NULL, NULL, err);
	if (!rc)
		assert_ok(ndrv_link_delete(nl, "probe0", 0, err), err);
	ndrv_nl_close(nl);
	return rc != -NDRV_E_KERNEL_LACKS;
}

/* Creates the network, or shows that a kernel without ipvlan is told by name and keeps nothing, and skips. */
static void create_or_skip(void)
{
	struct ndrv_error err = {0};

	if (probe(&err)) {
		assert_ok(fakenet_create(&net), &host.err);
		return;
	}
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_KERNEL_LACKS, "this kernel has no ipvlan links");
	assert_int_equal(host.err.kind, NDRV_KIND_NOT_IMPLEMENTED);
	assert_null(net.view.priv);
	assert_ok(fakenet_delete(&net, NDRV_CALL_UNDO), &host.err);
	assert_nothing_left();
	skip();
}

static void l2_endpoints_talk_over_both_families_with_their_parents_mac(void **state)
{
	static struct fakeep one, two;
	static struct fakenet other;
	struct ndrv_link parent, child;

	(void)state;
	create_or_skip();
	init_net(&other, "n2", NULL);
	assert_fails(fakenet_create(&other), &host.err, NDRV_E_FORBIDDEN, "network n1 is already using parent interface p0");
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_has_link(NULL, "p0", &parent));
	assert_true(netns_has_link(&a, "eth0", &child));
	assert_memory_equal(&parent.mac, &child.mac, sizeof(child.mac));
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_true(netns_ping(&b, "fd05::2"));
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_true(netns_ping(&b, "fd05::1"));
	assert_ok(fakeep_unplug(&one, &a), &host.err);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void an_l3_mode(const char *mode)
{
	static struct fakeep one, two;

	init_net(&net, "n1", mode);
	create_or_skip();
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_int_equal(one.gateway4.family + one.gateway6.family, 0);
	assert_true(one.forced4 && one.forced6 && one.no_gateway_service);
	assert_true(netns_has_route(&a, "0.0.0.0/0", NULL, "eth0"));
	assert_true(netns_has_route(&a, "::/0", NULL, "eth0"));
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_true(netns_ping(&b, "fd05::2"));
}

static void l3_endpoints_have_default_routes_on_link(void **state)
{
	(void)state;
	an_l3_mode("l3");
}

static void l3s_endpoints_have_default_routes_on_link(void **state)
{
	(void)state;
	an_l3_mode("l3s");
}

static void private_endpoints_reach_the_outside_and_not_each_other(void **state)
{
	static struct fakeep one, two;

	(void)state;
	fakenet_label(&net, "ipvlan_flag", "private");
	create_or_skip();
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_false(netns_ping(&a, "10.5.0.3"));
}

static void a_mac_of_the_users_own_is_refused(void **state)
{
	static struct fakeep one;
	struct ndrv_error err = {0};

	(void)state;
	create_or_skip();
	assert_ok(fakeep_create(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", NULL, NULL), &host.err);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(ndrv_mac_parse("02:00:00:00:00:99", &one.mac, &err), &err);
	assert_fails(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &one.view, &one.ifinfo, NULL),
		     &host.err, NDRV_E_BAD_REQUEST, "ipvlan interfaces do not support custom mac address assignment");
}

static void macvlan_and_ipvlan_do_not_share_a_parent(void **state)
{
	struct ndrv_link_spec spec = {.kind = "macvlan", .name = "m0"};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_link parent;

	(void)state;
	if (!probe(&err)) {
		ndrv_nl_close(nl);
		skip();
	}
	assert_ok(ndrv_link_get(nl, "p0", 0, &parent, &err), &err);
	spec.link = parent.index;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(nl);
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_FORBIDDEN, "parent interface p0 is in use by links of another kind");
}

static void wrong_options_are_refused_and_leave_nothing(void **state)
{
	static const struct {
		const char *key, *value;
		int code;
		const char *part;
	} rows[] = {
		{"ipvlan_mode", "foo", NDRV_E_BAD_REQUEST,
		 "requested ipvlan mode 'foo' is not valid, 'l2' mode is the ipvlan driver default"},
		{"ipvlan_mode", "L3", NDRV_E_BAD_REQUEST, "requested ipvlan mode 'L3' is not valid"},
		{"ipvlan_flag", "foo", NDRV_E_BAD_REQUEST,
		 "requested ipvlan flag 'foo' is not valid, 'bridge' is the ipvlan driver default"},
		{"parent", "lo", NDRV_E_BAD_REQUEST, "loopback interface is not a valid ipvlan parent link"},
		{"parent", "foo12345", NDRV_E_NO_LINK, "no interface foo12345"},
		{"parent", "p0.5000", NDRV_E_BAD_REQUEST, "vlan id must be between 1-4094, received: 5000"},
		{"parent", "p0.a", NDRV_E_BAD_REQUEST, "invalid subinterface vlan name p0.a, example formatting is eth0.10"},
		{"parent", "a/b", NDRV_E_BAD_REQUEST, "parent"},
		{NDRV_OPT_MTU, "65536", NDRV_E_BAD_REQUEST, "invalid MTU number: 65536"},
		{NDRV_OPT_IFACE_PREFIX, "a b", NDRV_E_BAD_REQUEST, NDRV_OPT_IFACE_PREFIX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		init_net(&net, "n1", NULL);
		fakenet_label(&net, rows[i].key, rows[i].value);
		assert_fails(fakenet_create(&net), &host.err, rows[i].code, rows[i].part);
		assert_null(net.view.priv);
		assert_ok(fakenet_delete(&net, NDRV_CALL_UNDO), &host.err);
		assert_nothing_left();
	}
}

static void it_says_what_it_is(void **state)
{
	struct ndrv_option_list list;
	uint32_t skipped = 0;

	(void)state;
	assert_string_equal(host.type, "ipvlan");
	assert_int_equal(host.capability.data_scope, NDRV_SCOPE_LOCAL);
	assert_int_equal(host.capability.connectivity_scope, NDRV_SCOPE_GLOBAL);
	assert_null(host.ops->program_external);
	assert_int_equal(host.ops->options(host.self, NDRV_OPTIONS_NETWORK, &list), 0);
	assert_int_equal(list.count, 5);
	assert_ok(host.ops->gw_alloc_check(host.self, fakehost_call(&host, 0), &net.options, &skipped), &host.err);
	assert_int_equal(skipped, NDRV_SKIP_GATEWAY4 | NDRV_SKIP_GATEWAY6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(l2_endpoints_talk_over_both_families_with_their_parents_mac),
		TEST(l3_endpoints_have_default_routes_on_link),
		TEST(l3s_endpoints_have_default_routes_on_link),
		TEST(private_endpoints_reach_the_outside_and_not_each_other),
		TEST(a_mac_of_the_users_own_is_refused),
		TEST(macvlan_and_ipvlan_do_not_share_a_parent),
		TEST(wrong_options_are_refused_and_leave_nothing),
		TEST(it_says_what_it_is),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
