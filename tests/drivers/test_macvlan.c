/* SPDX-License-Identifier: Apache-2.0 */
/* The macvlan driver against the real kernel. Its host is a namespace of the test's own; p0 there is the parent, and p1, the other
 * end of that cable, is the interface of a machine outside. */
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

/* The call alone, on a record as it is. */
static int create_in(const struct netns *ns, struct fakeep *ep)
{
	struct ndrv_call *call = fakehost_call(&host, 0);
	int rc;

	call->sandbox_nl = netns_nl(ns);
	rc = host.ops->endpoint_create(host.self, call, &net.view, &ep->view, &ep->ifinfo, NULL);
	ndrv_nl_close(call->sandbox_nl);
	call->sandbox_nl = NULL;
	return rc;
}

/* --- traffic --- */

static void two_sandboxes_and_the_outside_talk_over_both_families(void **state)
{
	static struct fakeep one, two;
	struct ndrv_link link;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_int_equal(netns_link_count(NULL), 2);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(one.created_in_sandbox);
	assert_true(one.mac.set);
	assert_true(one.no_gateway_service);
	assert_false(one.forced4 || one.forced6);
	assert_int_equal(netns_link_count(NULL), 2);
	assert_true(netns_has_link(&a, "eth0", &link));
	assert_string_equal(link.kind, "macvlan");
	assert_int_equal(link.group, FAKE_GROUP);
	assert_memory_equal(&link.mac, &one.mac, sizeof(one.mac));
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.5.0.1", "eth0"));
	assert_true(netns_has_route(&a, "::/0", "fd05::1", "eth0"));
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_true(netns_ping(&b, "fd05::2"));
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_true(netns_ping(&b, "fd05::1"));
	assert_true(netns_ping(&outside, "10.5.0.2"));
	assert_true(netns_tcp(&a, &b, "10.5.0.3", 100000));
	assert_true(netns_udp(&a, &outside, "fd05::1", 1200));
	assert_ok(fakeep_unplug(&one, &a), &host.err);
	assert_int_equal(netns_link_count(&a), 1);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	/* Not left first, as after an error. */
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void private_endpoints_reach_the_outside_and_not_each_other(void **state)
{
	static struct fakeep one, two;

	(void)state;
	init_net(&net, "n1", "private");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_true(netns_ping(&b, "fd05::1"));
	assert_false(netns_ping(&a, "10.5.0.3"));
	assert_false(netns_ping(&b, "fd05::2"));
}

/* The machine at the cable's far end is no switch that sends back what came from here. */
static void vepa_endpoints_do_not_meet_without_a_switch(void **state)
{
	static struct fakeep one, two;

	(void)state;
	init_net(&net, "n1", "vepa");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_false(netns_ping(&a, "10.5.0.3"));
}

static void passthru_takes_the_parent_for_one_endpoint_with_its_address(void **state)
{
	static struct fakenet other;
	static struct fakeep one, two;
	struct ndrv_link parent, child;

	(void)state;
	init_net(&net, "n1", "passthru");
	assert_ok(fakenet_create(&net), &host.err);
	init_net(&other, "n2", NULL);
	assert_fails(fakenet_create(&other), &host.err, NDRV_E_FORBIDDEN, "network n1 is already using parent interface p0");
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_true(netns_has_link(NULL, "p0", &parent));
	assert_true(netns_has_link(&a, "eth0", &child));
	assert_memory_equal(&parent.mac, &child.mac, sizeof(child.mac));
	assert_memory_equal(&one.mac, &child.mac, sizeof(child.mac));
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_fails(fakeep_create(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err, NDRV_E_NETWORK_FULL,
		     "parent interface p0 has a link already");
	assert_int_equal(netns_link_count(&b), 1);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	/* And the other way round. */
	assert_ok(fakenet_create(&other), &host.err);
	init_net(&net, "n1", "passthru");
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_FORBIDDEN, "network n2 is already using parent interface p0");
	assert_ok(fakenet_delete(&other, 0), &host.err);
	assert_nothing_left();
}

static void networks_share_a_parent(void **state)
{
	static struct fakenet other;
	static struct fakeep one, two;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	fakenet_init(&other, &host, "n2", "10.6.0.0/24", NULL, NULL, NULL);
	fakenet_label(&other, "parent", "p0");
	assert_ok(fakenet_create(&other), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &other, "e1", "10.6.0.2/24", NULL, &a, "eth1"), &host.err);
	assert_int_equal(netns_link_count(&a), 3);
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_ok(fakenet_delete(&other, 0), &host.err);
	assert_true(netns_has_link(NULL, "p0", NULL));
}

/* --- addresses and gateways --- */

static void each_subnet_has_its_own_gateway_or_none(void **state)
{
	struct ndrv_ipam_data pools[3] = {{.address_space = ""}, {.address_space = ""}, {.address_space = ""}};
	static struct fakeep one, two, three;
	struct ndrv_error err = {0};
	char text[NDRV_ADDR_TEXT];

	(void)state;
	assert_ok(ndrv_prefix_parse("10.5.0.0/24", &pools[0].pool, &err), &err);
	assert_ok(ndrv_prefix_parse("10.5.0.1/24", &pools[0].gateway, &err), &err);
	assert_ok(ndrv_prefix_parse("10.7.0.0/25", &pools[1].pool, &err), &err);
	assert_ok(ndrv_prefix_parse("10.7.0.126/25", &pools[1].gateway, &err), &err);
	assert_ok(ndrv_prefix_parse("10.8.0.0/24", &pools[2].pool, &err), &err);
	net.view.ipv4.items = pools;
	net.view.ipv4.count = 3;
	net.ipv6.gateway = (struct ndrv_prefix){0};
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&one, &net, "e1", "10.7.0.2/25", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_join(&one), &host.err);
	assert_string_equal(ndrv_addr_format(&one.gateway4, text), "10.7.0.126");
	assert_false(one.forced4);
	assert_int_equal(one.gateway6.family, 0);
	assert_true(one.forced6);
	assert_ok(fakeep_create(&two, &net, "e2", "10.8.0.2/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_ok(fakeep_join(&two), &host.err);
	assert_int_equal(two.gateway4.family, 0);
	assert_true(two.forced4 && two.no_gateway_service);
	/* The mask counts. */
	assert_ok(fakeep_create(&three, &net, "e3", "10.7.0.3/24", "fd05::4/64", &b, "eth1"), &host.err);
	assert_fails(fakeep_join(&three), &host.err, NDRV_E_BAD_REQUEST, "could not find a valid ipv4 subnet");
}

static void an_internal_network_tells_no_way_out(void **state)
{
	static struct fakeep one, two;

	(void)state;
	net.view.flags |= NDRV_NETWORK_INTERNAL;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_true(one.no_gateway_service);
	assert_int_equal(one.gateway4.family + one.gateway6.family, 0);
	assert_false(one.forced4 || one.forced6);
}

static void networks_of_one_family_or_none_are_legal(void **state)
{
	static struct fakenet v6, none, free_form;
	static struct fakeep one, two, three;
	uint32_t skip = 0;

	(void)state;
	fakenet_init(&v6, &host, "n6", NULL, NULL, "fd05::/64", NULL);
	fakenet_label(&v6, "parent", "p0");
	assert_ok(fakenet_create(&v6), &host.err);
	assert_ok(fakeep_connect(&one, &v6, "e1", NULL, "fd05::2/64", &a, "eth0"), &host.err);
	assert_true(netns_ping(&a, "fd05::1"));
	fakenet_init(&none, &host, "n0", NULL, NULL, NULL, NULL);
	fakenet_label(&none, "parent", "p0");
	assert_ok(fakenet_create(&none), &host.err);
	assert_ok(fakeep_connect(&two, &none, "e1", NULL, NULL, &b, "eth0"), &host.err);
	/* The null IPAM. */
	fakenet_init(&free_form, &host, "nn", "0.0.0.0/0", "0.0.0.0/0", NULL, NULL);
	fakenet_label(&free_form, "parent", "p0");
	assert_ok(fakenet_create(&free_form), &host.err);
	assert_ok(fakeep_connect(&three, &free_form, "e1", NULL, NULL, &b, "eth1"), &host.err);
	assert_ok(host.ops->gw_alloc_check(host.self, fakehost_call(&host, 0), &v6.options, &skip), &host.err);
	assert_int_equal(skip, NDRV_SKIP_GATEWAY4 | NDRV_SKIP_GATEWAY6);
}

static void mtu_and_mac_are_as_asked(void **state)
{
	static struct fakeep one;
	struct ndrv_link link;
	struct ndrv_error err = {0};

	(void)state;
	fakenet_label(&net, NDRV_OPT_MTU, "1350");
	assert_ok(fakenet_create(&net), &host.err);
	one = (struct fakeep){0};
	assert_ok(fakeep_create(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", NULL, NULL), &host.err);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	one.view.priv = NULL;
	one.netns_fd = a.fd, one.path = a.path, one.ifname = "eth0";
	assert_ok(ndrv_mac_parse("02:00:00:00:00:99", &one.mac, &err), &err);
	assert_ok(create_in(&a, &one), &host.err);
	assert_true(netns_has_link(&a, "eth0", &link));
	assert_int_equal(link.mtu, 1350);
	assert_memory_equal(&link.mac, &one.mac, sizeof(link.mac));
	assert_ok(host.ops->endpoint_delete(host.self, fakehost_call(&host, 0), &net.view, &one.view), &host.err);
}

/* --- life --- */

/* What Docker gets: made at join, moved by the platform, back at leave, and able to join again. */
static void the_link_is_made_here_where_no_sandbox_is_told(void **state)
{
	static struct fakeep one;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", NULL, NULL), &host.err);
	assert_int_equal(netns_link_count(NULL), 2);
	for (int again = 0; again < 2; again++) {
		assert_ok(fakeep_join(&one), &host.err);
		assert_false(one.created_in_sandbox);
		assert_string_equal(one.prefix, "eth");
		assert_true(netns_has_link(NULL, one.src, NULL));
		assert_ok(fakeep_plug(&one, &a), &host.err);
		assert_true(netns_ping(&a, "10.5.0.1"));
		assert_ok(fakeep_unplug(&one, &a), &host.err);
		assert_true(netns_has_link(NULL, one.src, NULL));
	}
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static int adopt(struct fakenet *which, struct fakeep *ep)
{
	struct ndrv_blob blob = {0};

	return host.ops->adopt(host.self, fakehost_call(&host, NDRV_CALL_RESTORE), &which->view, ep ? &ep->view : NULL, &blob);
}

static void a_restart_finds_all_as_it_was_and_can_delete_it(void **state)
{
	static struct fakeep one, moved, lost;
	struct ndrv_link before, after;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&moved, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, NULL), &host.err);
	assert_ok(fakeep_create(&lost, &net, "e3", "10.5.0.4/24", "fd05::4/64", &b, "eth9"), &host.err);
	one.view.sandbox_key = a.path;
	moved.view.sandbox_key = lost.view.sandbox_key = b.path;
	assert_true(netns_has_link(&a, "eth0", &before));
	fakehost_release(&host);
	assert_null(one.view.priv);
	assert_true(netns_ping(&a, "10.5.0.3"));
	fakehost_restart(&host);
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_ok(adopt(&net, NULL), &host.err);
	assert_ok(adopt(&net, &one), &host.err);
	assert_ok(adopt(&net, &moved), &host.err);
	lost.view.sandbox_key = a.path;
	assert_fails(adopt(&net, &lost), &host.err, NDRV_E_NO_LINK, "endpoint e3: ");
	assert_true(netns_has_link(&a, "eth0", &after));
	assert_int_equal(before.index, after.index);
	assert_ok(fakeep_unplug(&one, &a), &host.err);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakeep_delete(&moved, 0), &host.err);
	/* Nobody told where it is. */
	lost.view.sandbox_key = "";
	assert_ok(fakeep_delete(&lost, NDRV_CALL_UNDO), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void what_is_repeated_changes_nothing(void **state)
{
	static struct fakeep one;

	(void)state;
	for (int twice = 0; twice < 2; twice++)
		assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &one.view, &one.ifinfo, NULL),
		  &host.err);
	/* Its answer was lost with the process. */
	host.ops->release(host.self, &net.view, &one.view);
	one.mac = (struct ndrv_mac){0};
	assert_ok(create_in(&a, &one), &host.err);
	assert_int_equal(netns_link_count(&a), 2);
	for (int twice = 0; twice < 2; twice++)
		assert_ok(host.ops->leave(host.self, fakehost_call(&host, 0), &net.view, &one.view), &host.err);
	for (int twice = 0; twice < 2; twice++)
		assert_ok(fakeep_delete(&one, 0), &host.err);
	for (int twice = 0; twice < 2; twice++)
		assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

/* The sandbox's number may be another's by then, and its first interface too. */
static void a_strangers_interface_in_a_sandbox_is_never_touched(void **state)
{
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "eth0"};
	struct ndrv_nl *inside = netns_nl(&a);
	struct ndrv_error err = {0};
	static struct fakeep one;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(ndrv_link_create(inside, &spec, NULL, NULL, NULL, &err), &err);
	assert_fails(fakeep_create(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err, NDRV_E_LINK_EXISTS,
		     "interface eth0 already exists in the sandbox");
	assert_null(one.view.priv);
	assert_ok(fakeep_delete(&one, NDRV_CALL_UNDO), &host.err);
	assert_true(netns_has_link(&a, "eth0", NULL));
	assert_ok(ndrv_link_delete(inside, "eth0", 0, &err), &err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	/* It goes and something else takes its place. */
	assert_ok(ndrv_link_delete(inside, "eth0", 0, &err), &err);
	assert_ok(ndrv_link_create(inside, &spec, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(inside);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_true(netns_has_link(&a, "eth0", NULL));
}

static void a_sandbox_that_died_took_its_link_along(void **state)
{
	static struct fakeep one;
	struct netns brief;

	(void)state;
	netns_new(&brief);
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &brief, "eth0"), &host.err);
	netns_free(&brief);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_sandboxes_and_the_outside_talk_over_both_families),
		TEST(private_endpoints_reach_the_outside_and_not_each_other),
		TEST(vepa_endpoints_do_not_meet_without_a_switch),
		TEST(passthru_takes_the_parent_for_one_endpoint_with_its_address),
		TEST(networks_share_a_parent),
		TEST(each_subnet_has_its_own_gateway_or_none),
		TEST(an_internal_network_tells_no_way_out),
		TEST(networks_of_one_family_or_none_are_legal),
		TEST(mtu_and_mac_are_as_asked),
		TEST(the_link_is_made_here_where_no_sandbox_is_told),
		TEST(a_restart_finds_all_as_it_was_and_can_delete_it),
		TEST(what_is_repeated_changes_nothing),
		TEST(a_strangers_interface_in_a_sandbox_is_never_touched),
		TEST(a_sandbox_that_died_took_its_link_along),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
