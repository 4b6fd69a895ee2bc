/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge driver is asked and refuses, with libnetwork's kinds and sentences; a typed error where Go panics. Nothing may be
 * left in the kernel by any of it. */
#include "tests/lib/test.h"

#include <pthread.h>

#include "tests/lib/fakehost.h"

static struct fakehost host;
static struct fakenet net;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	fakehost_open(&host, "bridge");
	fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
	return 0;
}

static int finish(void **state)
{
	(void)state;
	assert_int_equal(netns_link_count(NULL), 1);
	fakehost_close(&host);
	return 0;
}

static void wrong_labels_are_refused_by_name(void **state)
{
	static const struct {
		const char *key, *value, *part;
	} rows[] = {
		{"com.docker.network.bridge.name", "0123456789abcdef", "com.docker.network.bridge.name"},
		{"com.docker.network.bridge.name", "lo", "com.docker.network.bridge.name"},
		{"com.docker.network.bridge.name", "a b", "com.docker.network.bridge.name"},
		{"com.docker.network.bridge.name", "../etc", "com.docker.network.bridge.name"},
		{"com.docker.network.bridge.enable_ip_masquerade", "maybe", "com.docker.network.bridge.enable_ip_masquerade"},
		{"com.docker.network.bridge.enable_icc", "yes", "com.docker.network.bridge.enable_icc"},
		{"com.docker.network.bridge.inhibit_ipv4", "2", "com.docker.network.bridge.inhibit_ipv4"},
		{"com.docker.network.bridge.default_bridge", "", "com.docker.network.bridge.default_bridge"},
		{"com.docker.network.bridge.mcast_snooping", "on", "com.docker.network.bridge.mcast_snooping"},
		{"com.docker.network.bridge.host_binding_ipv4", "x", "value: x (nil ip)"},
		{"com.docker.network.bridge.host_binding_ipv4", "10.0.0.0/8", "com.docker.network.bridge.host_binding_ipv4"},
		{"com.docker.network.bridge.gateway_mode_ipv4", "magic", "must be one of nat|nat-unprotected|routed|isolated"},
		{"com.docker.network.bridge.gateway_mode_ipv6", "", "must be one of nat|nat-unprotected|routed|isolated"},
		{"com.docker.network.bridge.gateway_mode_ipv4", "isolated", "can only be used for an internal network"},
		{"com.docker.network.bridge.gateway_mode_ipv6", "isolated", "can only be used for an internal network"},
		{"com.docker.network.bridge.hairpin", "both", "com.docker.network.bridge.hairpin"},
		{"com.docker.network.host_ipv4", "1.2.3", "value: 1.2.3 (nil ip)"},
		{"com.docker.network.host_ipv6", "1.2.3.4", "com.docker.network.host_ipv6"},
		{NDRV_OPT_MTU, "x", NDRV_OPT_MTU},
		{NDRV_OPT_MTU, "-1", "invalid MTU number: -1"},
		{NDRV_OPT_MTU, "65536", "invalid MTU number: 65536"},
		{NDRV_OPT_MTU, "67", "invalid MTU number: 67"},
		{NDRV_OPT_MTU, "1279", "IPv6 needs 1280"},
		{NDRV_OPT_IFACE_PREFIX, "eth/", NDRV_OPT_IFACE_PREFIX},
		{NDRV_OPT_IFACE_PREFIX, "thirteenchars", "leaves no room for a number"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
		fakenet_label(&net, rows[i].key, rows[i].value);
		assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, rows[i].part);
		assert_null(net.view.priv);
	}
}

static void wrong_pools_are_refused(void **state)
{
	static const struct {
		const char *pool4, *gateway4, *pool6, *gateway6, *part;
	} rows[] = {
		{"10.5.0.0/24", NULL, NULL, NULL, "pool 10.5.0.0/24 has no gateway address"},
		{"10.5.0.0/24", "10.5.0.1/24", "fd05::/64", NULL, "pool fd05::/64 has no gateway address"},
		{"10.5.0.0/24", "10.6.0.1/24", NULL, NULL, "does not belong to the pool"},
		{"10.5.0.0/24", "fd05::1/64", NULL, NULL, "incongruent ip versions"},
		{"fd05::/64", "fd05::1/64", NULL, NULL, "fd05::/64 cannot be an IPv4 pool of a bridge"},
		{NULL, NULL, "10.5.0.0/24", "10.5.0.1/24", "10.5.0.0/24 cannot be an IPv6 pool of a bridge"},
		{"0.0.0.0/0", "0.0.0.0/0", NULL, NULL, "0.0.0.0/0 cannot be an IPv4 pool of a bridge"},
		{NULL, NULL, NULL, NULL, "IPv4 or IPv6 must be enabled"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		fakenet_init(&net, &host, "n1", rows[i].pool4, rows[i].gateway4, rows[i].pool6, rows[i].gateway6);
		assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, rows[i].part);
	}
	fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
	net.view.ipv4.count = 0;
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "ipv4 pool is empty");
	net.view.ipv4.count = 1;
	net.view.ipv6.items = NULL, net.view.ipv6.count = 0;
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "ipv6 pool is empty");
	net.view.ipv4.count = 2;
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_FORBIDDEN, "bridge driver doesn't support multiple subnets");
}

static void a_gateway_outside_the_pool_is_refused(void **state)
{
	struct ndrv_error err = {0};

	(void)state;
	net.aux.name = "DefaultGatewayIPv4";
	assert_ok(ndrv_prefix_parse("10.6.0.1/24", &net.aux.address, &err), &err);
	net.ipv4.aux = &net.aux;
	net.ipv4.aux_count = 1;
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "default gateway ip must be part of the network");
}

static void flags_of_the_wrong_type_are_refused(void **state)
{
	static const char *const keys[] = {NDRV_OPT_INTERNAL, NDRV_OPT_ENABLE_IPV4, NDRV_OPT_ENABLE_IPV6};
	struct ndrv_error err = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", NULL, NULL);
		assert_ok(ndrv_map_set(&host.arena.ndrv, &net.options, keys[i], ndrv_string("perhaps"), &err), &err);
		assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, keys[i]);
	}
	fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", NULL, NULL);
	assert_ok(ndrv_map_set(&host.arena.ndrv, &net.options, NDRV_OPT_GENERIC, ndrv_string("text"), &err), &err);
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "not a map");
}

static void networks_that_conflict_are_refused(void **state)
{
	static struct fakenet other;

	(void)state;
	fakenet_label(&net, "com.docker.network.bridge.name", "br7");
	assert_ok(fakenet_create(&net), &host.err);
	fakenet_init(&other, &host, "n2", "10.6.0.0/24", "10.6.0.1/24", NULL, NULL);
	fakenet_label(&other, "com.docker.network.bridge.name", "br7");
	assert_fails(fakenet_create(&other), &host.err, NDRV_E_FORBIDDEN,
		     "cannot create network n2 (br7): conflicts with network n1 (br7): networks have same bridge name");
	/* Undoing what failed does not take the other's bridge. */
	assert_ok(fakenet_delete(&other, NDRV_CALL_UNDO), &host.err);
	assert_true(netns_has_link(NULL, "br7", NULL));
	fakenet_init(&other, &host, "n2", "10.5.0.128/25", "10.5.0.129/25", NULL, NULL);
	assert_fails(fakenet_create(&other), &host.err, NDRV_E_FORBIDDEN, "networks have overlapping IPv4");
	fakenet_init(&other, &host, "n2", "10.6.0.0/24", "10.6.0.1/24", "fd05::/48", "fd05::1/48");
	assert_fails(fakenet_create(&other), &host.err, NDRV_E_FORBIDDEN, "networks have overlapping IPv6");
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_ok(fakenet_create(&other), &host.err);
	assert_ok(fakenet_delete(&other, 0), &host.err);
}

static void endpoints_without_what_they_need_are_refused(void **state)
{
	static struct fakeep ep;
	static struct fakenet narrow;

	(void)state;
	assert_fails(fakeep_create(&ep, &net, "e1", "10.5.0.2/24", NULL, NULL, NULL), &host.err, NDRV_E_NO_NETWORK,
		     "No network (n1) exists");
	assert_ok(fakenet_create(&net), &host.err);
	assert_fails(fakeep_create(&ep, &net, "e1", NULL, NULL, NULL, NULL), &host.err, NDRV_E_BAD_REQUEST,
		     "endpoint e1 was given no IPv4 address");
	assert_fails(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &ep.view, NULL, NULL), &host.err,
		     NDRV_E_BAD_REQUEST, "invalid interface info passed");
	assert_fails(fakeep_join(&ep), &host.err, NDRV_E_NO_ENDPOINT, "No endpoint (e1) exists");
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	fakenet_init(&narrow, &host, "n2", "10.5.0.0/24", "10.5.0.1/24", "fd05::/96", "fd05::1/96");
	assert_ok(fakenet_create(&narrow), &host.err);
	assert_fails(fakeep_create(&ep, &narrow, "e1", "10.5.0.2/24", NULL, NULL, NULL), &host.err, NDRV_E_FORBIDDEN,
		     "Cannot self generate an IPv6 address on network n2: At least 48 host bits are needed.");
	assert_ok(fakenet_delete(&narrow, 0), &host.err);
}

static void the_driver_itself_has_no_configuration(void **state)
{
	struct ndrv_value config = {.type = NDRV_MAP};
	struct ndrv_option_list list;

	(void)state;
	assert_ok(host.ops->configure(host.self, fakehost_call(&host, 0), &config), &host.err);
	assert_ok(ndrv_map_set(&host.arena.ndrv, &config, "forward", ndrv_bool(1), &host.err), &host.err);
	assert_fails(host.ops->configure(host.self, fakehost_call(&host, 0), &config), &host.err, NDRV_E_UNKNOWN_OPTION, "forward");
	assert_int_equal(host.ops->options(host.self, NDRV_OPTIONS_NETWORK, &list), 0);
	assert_true(list.count > 8);
	for (uint32_t i = 0; i < list.count; i++)
		assert_true(list.items[i].name && list.items[i].doc);
	assert_string_equal(host.type, "bridge");
	assert_int_equal(host.capability.data_scope, NDRV_SCOPE_LOCAL);
	assert_int_equal(host.capability.connectivity_scope, NDRV_SCOPE_LOCAL);
}

static void an_unknown_label_is_logged_and_let_through(void **state)
{
	(void)state;
	fakenet_label(&net, "com.docker.network.bridge.nmae", "x");
	assert_ok(fakenet_create(&net), &host.err);
	assert_int_equal(host.log_lines, 1);
	assert_ok(fakenet_delete(&net, 0), &host.err);
}

static void a_gateway_is_skipped_only_where_the_bridge_has_none(void **state)
{
	uint32_t skip = 99;

	(void)state;
	assert_ok(host.ops->gw_alloc_check(host.self, fakehost_call(&host, 0), &net.options, &skip), &host.err);
	assert_int_equal(skip, 0);
	fakenet_label(&net, "com.docker.network.bridge.inhibit_ipv4", "1");
	assert_ok(host.ops->gw_alloc_check(host.self, fakehost_call(&host, 0), &net.options, &skip), &host.err);
	assert_int_equal(skip, 0);
	assert_ok(ndrv_map_set(&host.arena.ndrv, &net.options, NDRV_OPT_INTERNAL, ndrv_bool(1), &host.err), &host.err);
	assert_ok(host.ops->gw_alloc_check(host.self, fakehost_call(&host, 0), &net.options, &skip), &host.err);
	assert_int_equal(skip, NDRV_SKIP_GATEWAY4);
	fakenet_label(&net, "com.docker.network.bridge.gateway_mode_ipv6", "isolated");
	assert_ok(host.ops->gw_alloc_check(host.self, fakehost_call(&host, 0), &net.options, &skip), &host.err);
	assert_int_equal(skip, NDRV_SKIP_GATEWAY4 | NDRV_SKIP_GATEWAY6);
	fakenet_label(&net, NDRV_OPT_MTU, "many");
	assert_true(host.ops->gw_alloc_check(host.self, fakehost_call(&host, 0), &net.options, &skip) < 0);
}

/* --- many at once --- */

#define CREATORS 100

struct creator {
	pthread_t thread;
	struct fakenet net;
	struct ndrv_error err;
	struct arena arena;
	char id[16];
	int rc;
};

static int never(const struct ndrv_call *call)
{
	(void)call;
	return 0;
}

/* A call of its own: the fake host's is for one thread. */
static int on_its_own(struct creator *creator, int (*op)(void *self, struct ndrv_call *call, struct ndrv_network *network))
{
	struct ndrv_call call = {.size = sizeof(call),
				 .err = &creator->err,
				 .arena = &creator->arena.ndrv,
				 .cancelled = never,
				 .requester = "a test",
				 .request_id = ""};
	int rc = hostns_nl_take(host.hostns, &call, &call.host_nl, &creator->err);

	if (rc)
		return rc;
	rc = op(host.self, &call, &creator->net.view);
	hostns_nl_give(host.hostns, call.host_nl);
	return rc;
}

static void *create_one(void *data)
{
	struct creator *creator = data;

	creator->rc = on_its_own(creator, host.ops->network_create);
	return NULL;
}

static void of_many_at_once_with_one_subnet_one_is_created(void **state)
{
	static struct creator creators[CREATORS];
	int made = 0;

	(void)state;
	for (int i = 0; i < CREATORS; i++) {
		(void)snprintf(creators[i].id, sizeof(creators[i].id), "many%d", i);
		arena_init(&creators[i].arena, 1 << 20);
		fakenet_init(&creators[i].net, &host, creators[i].id, "10.5.0.0/24", "10.5.0.1/24", NULL, NULL);
	}
	for (int i = 0; i < CREATORS; i++)
		assert_int_equal(pthread_create(&creators[i].thread, NULL, create_one, &creators[i]), 0);
	for (int i = 0; i < CREATORS; i++) {
		assert_int_equal(pthread_join(creators[i].thread, NULL), 0);
		made += !creators[i].rc;
		if (creators[i].rc)
			assert_fails(creators[i].rc, &creators[i].err, NDRV_E_FORBIDDEN, "networks have overlapping IPv4");
	}
	assert_int_equal(made, 1);
	assert_int_equal(netns_link_count(NULL), 2);
	for (int i = 0; i < CREATORS; i++) {
		if (!creators[i].rc)
			assert_ok(on_its_own(&creators[i], host.ops->network_delete), &creators[i].err);
		arena_reset(&creators[i].arena);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_labels_are_refused_by_name),
		TEST(wrong_pools_are_refused),
		TEST(a_gateway_outside_the_pool_is_refused),
		TEST(flags_of_the_wrong_type_are_refused),
		TEST(networks_that_conflict_are_refused),
		TEST(endpoints_without_what_they_need_are_refused),
		TEST(the_driver_itself_has_no_configuration),
		TEST(an_unknown_label_is_logged_and_let_through),
		TEST(a_gateway_is_skipped_only_where_the_bridge_has_none),
		TEST(of_many_at_once_with_one_subnet_one_is_created),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
