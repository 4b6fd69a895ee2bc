/* SPDX-License-Identifier: Apache-2.0 */
/* The macvlan driver's parents, and what it is asked and refuses, with libnetwork's sentences where it has some. Nothing may be
 * left in the kernel by any of it. */
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
		fakenet_label(which, "macvlan_mode", mode);
}

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&a);
	netns_new(&b);
	netns_new(&outside);
	cable_lay(&outside);
	fakehost_open(&host, "macvlan");
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

/* --- parents --- */

static void a_vlan_parent_is_made_and_goes_with_its_last_network(void **state)
{
	static struct fakenet other;
	struct ndrv_link link;

	(void)state;
	fakenet_label(&net, "parent", "p0.10");
	fakenet_init(&other, &host, "n2", "10.6.0.0/24", NULL, NULL, NULL);
	fakenet_label(&other, "parent", "p0.10");
	if (!cable_kernel_makes("vlan")) {
		assert_fails(fakenet_create(&net), &host.err, NDRV_E_KERNEL_LACKS, "this kernel has no vlan links");
		assert_nothing_left();
		skip();
	}
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(netns_has_link(NULL, "p0.10", &link));
	assert_int_equal(link.group, FAKE_GROUP);
	assert_ok(fakenet_create(&other), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_true(netns_has_link(NULL, "p0.10", NULL));
	assert_ok(fakenet_delete(&other, 0), &host.err);
	assert_nothing_left();
}

static void without_a_parent_there_is_a_dummy_and_no_way_out(void **state)
{
	static struct fakenet alone;
	static struct fakeep one, two;

	(void)state;
	fakenet_init(&alone, &host, "n3", "10.5.0.0/24", "10.5.0.1/24", NULL, NULL);
	if (!cable_kernel_makes("dummy")) {
		assert_fails(fakenet_create(&alone), &host.err, NDRV_E_KERNEL_LACKS, "this kernel has no dummy links");
		assert_nothing_left();
		skip();
	}
	assert_ok(fakenet_create(&alone), &host.err);
	assert_ok(fakeep_connect(&one, &alone, "e1", "10.5.0.2/24", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &alone, "e2", "10.5.0.3/24", NULL, &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_int_equal(one.gateway4.family, 0);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_ok(fakenet_delete(&alone, 0), &host.err);
	assert_nothing_left();
}

static void a_parent_that_serves_otherwise_is_refused(void **state)
{
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "br0"};
	struct ndrv_link_change enslave = {0};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_link bridge;

	(void)state;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &bridge, &err), &err);
	enslave.master = bridge.index;
	assert_ok(ndrv_link_set(nl, "p0", 0, &enslave, &err), &err);
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_FORBIDDEN, "parent interface p0 is in use by links of another kind");
	assert_null(net.view.priv);
	assert_ok(ndrv_link_delete(nl, "br0", 0, &err), &err);
	ndrv_nl_close(nl);
	assert_ok(fakenet_create(&net), &host.err);
}

static void a_parent_that_is_late_after_a_restart_is_waited_for(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_blob blob = {0};
	static struct fakeep one;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	fakehost_restart(&host);
	assert_ok(ndrv_link_delete(nl, "p0", 0, &err), &err);
	ndrv_nl_close(nl);
	assert_ok(host.ops->adopt(host.self, fakehost_call(&host, NDRV_CALL_RESTORE), &net.view, NULL, &blob), &host.err);
	assert_fails(fakeep_create(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err, NDRV_E_NO_LINK,
		     "no interface p0");
	cable_lay(&outside);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.1"));
}

/* --- misuse --- */

static void wrong_options_are_refused_and_leave_nothing(void **state)
{
	static const struct {
		const char *key, *value;
		int code;
		const char *part;
	} rows[] = {
		{"macvlan_mode", "foo", NDRV_E_BAD_REQUEST,
		 "requested macvlan mode 'foo' is not valid, 'bridge' mode is the macvlan driver default"},
		{"macvlan_mode", "Bridge", NDRV_E_BAD_REQUEST, "requested macvlan mode 'Bridge' is not valid"},
		{"macvlan_mode", "bridge|private", NDRV_E_BAD_REQUEST, "is not valid"},
		{"parent", "lo", NDRV_E_BAD_REQUEST, "loopback interface is not a valid macvlan parent link"},
		{"parent", "foo12345", NDRV_E_NO_LINK, "no interface foo12345"},
		{"parent", "0123456789abcdef", NDRV_E_BAD_REQUEST, "parent"},
		{"parent", "a/b", NDRV_E_BAD_REQUEST, "parent"},
		{"parent", "lo:10", NDRV_E_BAD_REQUEST, "parent"},
		{"parent", "p0.", NDRV_E_BAD_REQUEST, "invalid subinterface vlan name p0., example formatting is eth0.10"},
		{"parent", "p0.x", NDRV_E_BAD_REQUEST, "invalid subinterface vlan name p0.x"},
		{"parent", "p0.0", NDRV_E_BAD_REQUEST, "vlan id must be between 1-4094, received: 0"},
		{"parent", "p0.4095", NDRV_E_BAD_REQUEST, "vlan id must be between 1-4094, received: 4095"},
		{"parent", "p0.-1", NDRV_E_BAD_REQUEST, "invalid subinterface vlan name"},
		{"parent", "foo123.456", NDRV_E_NO_LINK, "no interface foo123"},
		{NDRV_OPT_MTU, "x", NDRV_E_BAD_REQUEST, NDRV_OPT_MTU},
		{NDRV_OPT_MTU, "-1", NDRV_E_BAD_REQUEST, "invalid MTU number: -1"},
		{NDRV_OPT_MTU, "67", NDRV_E_BAD_REQUEST, "invalid MTU number: 67"},
		{NDRV_OPT_IFACE_PREFIX, "eth/", NDRV_E_BAD_REQUEST, NDRV_OPT_IFACE_PREFIX},
		{NDRV_OPT_IFACE_PREFIX, "thirteenchars", NDRV_E_BAD_REQUEST, "leaves no room for a number"},
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

static void options_of_the_wrong_type_are_refused(void **state)
{
	static const char *const keys[] = {"parent", "macvlan_mode", NDRV_OPT_IFACE_PREFIX};
	struct ndrv_error err = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		init_net(&net, "n1", NULL);
		assert_ok(ndrv_map_set(&host.arena.ndrv, &net.labels, keys[i], ndrv_int(7), &err), &err);
		assert_ok(ndrv_map_set(&host.arena.ndrv, &net.options, NDRV_OPT_GENERIC, net.labels, &err), &err);
		assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, keys[i]);
	}
	init_net(&net, "n1", NULL);
	assert_ok(ndrv_map_set(&host.arena.ndrv, &net.options, NDRV_OPT_INTERNAL, ndrv_string("perhaps"), &err), &err);
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, NDRV_OPT_INTERNAL);
	init_net(&net, "n1", NULL);
	assert_ok(ndrv_map_set(&host.arena.ndrv, &net.options, NDRV_OPT_GENERIC, ndrv_string("text"), &err), &err);
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "not a map");
}

static void wrong_pools_are_refused(void **state)
{
	static const struct {
		const char *pool4, *gateway4, *pool6, *part;
	} rows[] = {
		{"10.5.0.0/24", "10.6.0.1/24", NULL, "does not belong to the pool"},
		{"fd05::/64", NULL, NULL, "fd05::/64 cannot be an IPv4 pool"},
		{NULL, NULL, "10.5.0.0/24", "10.5.0.0/24 cannot be an IPv6 pool"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		fakenet_init(&net, &host, "n1", rows[i].pool4, rows[i].gateway4, rows[i].pool6, NULL);
		fakenet_label(&net, "parent", "p0");
		assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, rows[i].part);
	}
	init_net(&net, "n1", NULL);
	net.view.ipv4.count = 0;
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "ipv4 pool is empty");
	init_net(&net, "n1", NULL);
	net.view.ipv6.count = 0;
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "ipv6 pool is empty");
	assert_nothing_left();
}

static void endpoints_without_what_they_need_are_refused(void **state)
{
	static struct fakeep ep;

	(void)state;
	assert_fails(fakeep_create(&ep, &net, "e", "10.5.0.2/24", NULL, NULL, NULL), &host.err, NDRV_E_NO_NETWORK,
		     "No network (n1) exists");
	assert_ok(fakenet_create(&net), &host.err);
	assert_fails(fakeep_create(&ep, &net, "e", NULL, NULL, &a, "eth0"), &host.err, NDRV_E_BAD_REQUEST,
		     "create endpoint was not passed an IP address");
	assert_fails(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &ep.view, NULL, NULL), &host.err,
		     NDRV_E_BAD_REQUEST, "invalid interface info passed");
	assert_fails(fakeep_join(&ep), &host.err, NDRV_E_NO_ENDPOINT, "No endpoint (e) exists");
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void it_says_what_it_is(void **state)
{
	struct ndrv_value config = {.type = NDRV_MAP};
	struct ndrv_option_list list;

	(void)state;
	assert_string_equal(host.type, "macvlan");
	assert_int_equal(host.capability.data_scope, NDRV_SCOPE_LOCAL);
	assert_int_equal(host.capability.connectivity_scope, NDRV_SCOPE_GLOBAL);
	assert_null(host.ops->program_external);
	assert_int_equal(host.ops->options(host.self, NDRV_OPTIONS_NETWORK, &list), 0);
	assert_int_equal(list.count, 4);
	for (uint32_t i = 0; i < list.count; i++)
		assert_true(list.items[i].name && list.items[i].doc);
	assert_ok(ndrv_map_set(&host.arena.ndrv, &config, "x", ndrv_bool(1), &host.err), &host.err);
	assert_fails(host.ops->configure(host.self, fakehost_call(&host, 0), &config), &host.err, NDRV_E_UNKNOWN_OPTION, "x");
	fakenet_label(&net, "macvlan_mod", "x");
	assert_ok(fakenet_create(&net), &host.err);
	assert_int_equal(host.log_lines, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vlan_parent_is_made_and_goes_with_its_last_network),
		TEST(without_a_parent_there_is_a_dummy_and_no_way_out),
		TEST(a_parent_that_serves_otherwise_is_refused),
		TEST(a_parent_that_is_late_after_a_restart_is_waited_for),
		TEST(wrong_options_are_refused_and_leave_nothing),
		TEST(options_of_the_wrong_type_are_refused),
		TEST(wrong_pools_are_refused),
		TEST(endpoints_without_what_they_need_are_refused),
		TEST(it_says_what_it_is),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
