/* SPDX-License-Identifier: Apache-2.0 */
/* The driver vendors start from works: its ops against the real kernel, in namespaces of the test's own. */
#include "tests/lib/test.h"

#include "tests/lib/fakehost.h"

#define TEMPLATE "../../tests/abi/.libs/example"

static struct fakehost host;
static struct fakenet net;
static struct fakeep ep;
static struct netns sandbox;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&sandbox);
	fakehost_open(&host, TEMPLATE);
	fakenet_init(&net, &host, "n1", "10.6.0.0/24", "10.6.0.1/24", "fd06::/64", "fd06::1/64");
	return 0;
}

static int finish(void **state)
{
	(void)state;
	fakehost_close(&host);
	netns_free(&sandbox);
	return 0;
}

/* The outer end's name, as the driver tells it. */
static const char *outer_name(void)
{
	struct ndrv_value info = {0};
	const char *name = "";

	assert_ok(host.ops->endpoint_info(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &info), &host.err);
	assert_int_equal(ndrv_map_string(&info, "example.outer", &name, &host.err), 1);
	return name;
}

static void assert_nothing_left(void)
{
	assert_int_equal(netns_link_count(NULL), 1); /* lo */
	assert_int_equal(netns_link_count(&sandbox), 1);
	assert_null(ep.view.priv);
	assert_null(net.view.priv);
}

static void a_known_sandbox_gets_its_end_under_its_final_name(void **state)
{
	struct ndrv_link link;

	(void)state;
	fakenet_label(&net, NDRV_OPT_MTU, "1400");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&ep, &net, "e1", "10.6.0.2/24", "fd06::2/64", &sandbox, "eth0"), &host.err);
	assert_true(ep.created_in_sandbox);
	assert_true(netns_has_link(&sandbox, "eth0", &link));
	assert_int_equal(link.mtu, 1400);
	assert_true(netns_has_address(&sandbox, "eth0", "10.6.0.2/24"));
	assert_true(netns_has_link(NULL, outer_name(), &link));
	assert_int_equal(link.group, FAKE_GROUP);
	assert_int_equal(link.mtu, 1400);
	assert_ok(fakeep_unplug(&ep, &sandbox), &host.err);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void an_unknown_sandbox_gets_its_end_from_the_host(void **state)
{
	const struct ndrv_mac mac = {.set = 1, .bytes = {2, 0, 0, 0, 0, 7}};
	struct ndrv_link link;

	(void)state;
	fakenet_label(&net, NDRV_OPT_IFACE_PREFIX, "net");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&ep, &net, "e1", NULL, NULL, NULL, NULL), &host.err);
	assert_false(ep.created_in_sandbox);
	assert_ok(fakeep_join(&ep), &host.err);
	assert_true(netns_has_link(NULL, ep.src, NULL));
	assert_string_equal(ep.prefix, "net");
	assert_string_equal(ep.exact, "");
	assert_memory_equal(ep.gateway4.bytes, net.ipv4.gateway.addr.bytes, 4);
	assert_memory_equal(ep.gateway6.bytes, net.ipv6.gateway.addr.bytes, 16);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	/* The caller's MAC ends up on the inner end. */
	ep = (struct fakeep){0};
	assert_ok(fakeep_create(&ep, &net, "e2", NULL, NULL, NULL, NULL), &host.err);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	ep.mac = mac;
	assert_ok(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &ep.ifinfo, NULL), &host.err);
	assert_ok(fakeep_join(&ep), &host.err);
	assert_true(netns_has_link(NULL, ep.src, &link));
	assert_memory_equal(link.mac.bytes, mac.bytes, 6);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void a_repeated_create_is_success_and_changes_nothing(void **state)
{
	uint32_t links;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&ep, &net, "e1", NULL, NULL, NULL, NULL), &host.err);
	links = netns_link_count(NULL);
	assert_ok(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &ep.ifinfo, NULL), &host.err);
	/* The answer was lost with the process: the record has no priv, the kernel has the pair. */
	host.ops->release(host.self, &net.view, &ep.view);
	assert_ok(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &ep.ifinfo, NULL), &host.err);
	assert_int_equal(netns_link_count(NULL), links);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void a_new_instance_adopts_what_is_there_and_misses_what_is_not(void **state)
{
	const struct ndrv_blob nothing = {0};

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&ep, &net, "e1", NULL, NULL, NULL, NULL), &host.err);
	host.ops->release(host.self, &net.view, &ep.view);
	host.ops->release(host.self, &net.view, NULL);
	assert_null(ep.view.priv);
	assert_int_equal(netns_link_count(NULL), 4); /* lo, the bridge, a pair */
	assert_ok(host.ops->adopt(host.self, fakehost_call(&host, 0), &net.view, NULL, &nothing), &host.err);
	assert_ok(host.ops->adopt(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &nothing), &host.err);
	assert_true(netns_has_link(NULL, outer_name(), NULL));
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_fails(host.ops->adopt(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &nothing), &host.err, NDRV_E_NO_LINK,
		     "endpoint e1 has lost its interface");
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void a_strangers_interface_is_left_alone(void **state)
{
	char name[NDRV_IFNAME_MAX];

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&ep, &net, "e1", NULL, NULL, NULL, NULL), &host.err);
	snprintf(name, sizeof(name), "%s", outer_name());
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	struct ndrv_nl *nl = netns_nl(NULL);
	const struct ndrv_link_spec spec = {.kind = "bridge", .name = name, .netns_fd = -1};
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &host.err), &host.err);
	assert_fails(fakeep_create(&ep, &net, "e1", NULL, NULL, NULL, NULL), &host.err, NDRV_E_LINK_EXISTS, "is not ours");
	assert_fails(fakeep_delete(&ep, NDRV_CALL_UNDO), &host.err, NDRV_E_LINK_EXISTS, "is not ours");
	assert_true(netns_has_link(NULL, name, NULL));
	assert_ok(ndrv_link_delete(nl, name, 0, &host.err), &host.err);
	ndrv_nl_close(nl);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void options_are_checked_and_unknown_ones_told(void **state)
{
	struct ndrv_option_list list;

	(void)state;
	fakenet_label(&net, NDRV_OPT_MTU, "67");
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_BAD_REQUEST, "invalid MTU number: 67");
	assert_null(net.view.priv);
	fakenet_label(&net, NDRV_OPT_MTU, "1280"); /* the least of IPv6 */
	fakenet_label(&net, "com.docker.network.driver.mtv", "1500");
	fakenet_label(&net, "zzz", "1");
	assert_ok(fakenet_create(&net), &host.err);
	assert_int_equal(host.log_lines, 2);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_ok(host.ops->options(host.self, NDRV_OPTIONS_NETWORK, &list), &host.err);
	assert_int_equal(list.count, 2);
	assert_ok(host.ops->options(host.self, NDRV_OPTIONS_CONFIG, &list), &host.err);
	assert_int_equal(list.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_known_sandbox_gets_its_end_under_its_final_name, fresh, finish),
		cmocka_unit_test_setup_teardown(an_unknown_sandbox_gets_its_end_from_the_host, fresh, finish),
		cmocka_unit_test_setup_teardown(a_repeated_create_is_success_and_changes_nothing, fresh, finish),
		cmocka_unit_test_setup_teardown(a_new_instance_adopts_what_is_there_and_misses_what_is_not, fresh, finish),
		cmocka_unit_test_setup_teardown(a_strangers_interface_is_left_alone, fresh, finish),
		cmocka_unit_test_setup_teardown(options_are_checked_and_unknown_ones_told, fresh, finish),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
