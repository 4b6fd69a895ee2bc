/* SPDX-License-Identifier: Apache-2.0 */
/* libnetwork's tests of its bridge that no other test of ours shows, against the kernel. docs/conformance.md has the table. */
#include "tests/lib/test.h"

#include <net/if.h>
#include <stdlib.h>

#include "tests/lib/fakehost.h"

#define LABEL(name) "com.docker.network.bridge." name

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
	fakenet_init(&net, &host, "dummy", "172.30.0.0/16", "172.30.0.1/16", "fd05::/64", "fd05::1/64");
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

static void a_new_bridge_is_up_and_has_a_mac_of_its_own(void **state)
{
	static struct fakenet other;
	struct ndrv_link one, two;

	(void)state;
	fakenet_label(&net, LABEL("name"), "br0");
	assert_ok(fakenet_create(&net), &host.err);
	fakenet_init(&other, &host, "other", "10.7.0.0/24", "10.7.0.1/24", NULL, NULL);
	fakenet_label(&other, LABEL("name"), "br1");
	assert_ok(fakenet_create(&other), &host.err);
	assert_true(netns_has_link(NULL, "br0", &one));
	assert_true(netns_has_link(NULL, "br1", &two));
	assert_true(one.flags & IFF_UP);
	/* Unicast, of one's own choice, and not like another's. */
	assert_int_equal(one.mac.bytes[0] & 3, 2);
	assert_memory_not_equal(one.mac.bytes, two.mac.bytes, 6);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_ok(fakenet_delete(&other, 0), &host.err);
}

static void the_mtu_goes_up_to_what_the_kernel_can(void **state)
{
	static const struct {
		const char *text;
		unsigned mtu;
	} rows[] = {{"9000", 9000}, {"65535", 65535}};
	struct ndrv_link link;
	static struct fakeep ep;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fakenet_init(&net, &host, "dummy", "172.30.0.0/16", "172.30.0.1/16", NULL, NULL);
		fakenet_label(&net, LABEL("name"), "br0");
		fakenet_label(&net, NDRV_OPT_MTU, rows[i].text);
		assert_ok(fakenet_create(&net), &host.err);
		assert_ok(fakeep_connect(&ep, &net, "ep", "172.30.0.10/16", NULL, &a, "eth0"), &host.err);
		assert_true(netns_has_link(NULL, "br0", &link));
		assert_int_equal(link.mtu, rows[i].mtu);
		assert_true(netns_has_link(&a, "eth0", &link));
		assert_int_equal(link.mtu, rows[i].mtu);
		assert_ok(fakeep_delete(&ep, 0), &host.err);
		assert_ok(fakenet_delete(&net, 0), &host.err);
	}
}

/* The vectors of TestCreateFullOptionsLabels and TestBridgeIpv6FromMac. */
static void all_labels_at_once_are_carried_out(void **state)
{
	static const uint8_t mac[6] = {0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	struct ndrv_aux_address aux = {.name = "DefaultGatewayIPv6"};
	static struct fakeep one, two;
	char text[NDRV_PREFIX_TEXT];
	struct ndrv_link link;

	(void)state;
	fakenet_init(&net, &host, "dummy", "172.30.0.0/16", "172.30.0.1/16", "2001:db8:2600:2700:2800::/80",
		     "2001:db8:2600:2700:2800::1/80");
	fakenet_label(&net, LABEL("name"), "docker0");
	fakenet_label(&net, LABEL("default_bridge"), "true");
	fakenet_label(&net, LABEL("enable_icc"), "true");
	fakenet_label(&net, LABEL("enable_ip_masquerade"), "true");
	fakenet_label(&net, LABEL("host_binding_ipv4"), "127.0.0.1");
	fakenet_label(&net, "com.docker.network.host_ipv4", "1.2.3.4");
	assert_ok(ndrv_prefix_parse("2001:db8:2600:2700:2800::25/80", &aux.address, &host.err), &host.err);
	net.ipv6.aux = &aux;
	net.ipv6.aux_count = 1;
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(netns_has_address(NULL, "docker0", "172.30.0.1/16"));
	assert_true(netns_has_address(NULL, "docker0", "2001:db8:2600:2700:2800::1/80"));
	assert_ok(fakeep_create(&one, &net, "ep1", "172.30.0.20/16", NULL, NULL, NULL), &host.err);
	assert_true(one.mac.set);
	assert_ok(fakeep_join(&one), &host.err);
	assert_string_equal(ndrv_addr_format(&one.gateway4, text), "172.30.0.1");
	assert_string_equal(ndrv_addr_format(&one.gateway6, text), "2001:db8:2600:2700:2800::25");
	/* A MAC address of the user's stays, and the IPv6 address comes of it. */
	assert_ok(fakeep_create(&two, &net, "ep2", "172.30.0.21/16", NULL, NULL, NULL), &host.err);
	assert_ok(fakeep_delete(&two, 0), &host.err);
	two.view.priv = NULL;
	two.address6 = (struct ndrv_prefix){0};
	two.mac = (struct ndrv_mac){.set = 1};
	memcpy(two.mac.bytes, mac, 6);
	assert_ok(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &two.view, &two.ifinfo, NULL),
		  &host.err);
	assert_memory_equal(two.mac.bytes, mac, 6);
	assert_string_equal(ndrv_prefix_format(&two.address6, text), "2001:db8:2600:2700:2800:aabb:ccdd:eeff/80");
	assert_ok(fakeep_join(&two), &host.err);
	assert_true(netns_has_link(NULL, two.src, &link));
	assert_memory_equal(link.mac.bytes, mac, 6);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_int_equal(netns_link_count(NULL), 1);
}

/* libnetwork wants such a bridge to be made by hand; here the label has no effect, and the name is the user's. */
static void a_default_bridge_may_have_any_name(void **state)
{
	(void)state;
	fakenet_label(&net, LABEL("name"), "test0");
	fakenet_label(&net, LABEL("default_bridge"), "true");
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(netns_has_link(NULL, "test0", NULL));
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_false(netns_has_link(NULL, "test0", NULL));
}

static void endpoints_have_links_gateways_and_mtu_of_their_network(void **state)
{
	static struct fakeep one, two;
	char text[NDRV_ADDR_TEXT];
	struct ndrv_link link;

	(void)state;
	fakenet_label(&net, NDRV_OPT_MTU, "1490");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&one, &net, "ep", "172.30.0.10/16", "fd05::a/64", NULL, NULL), &host.err);
	assert_ok(fakeep_join(&one), &host.err);
	assert_string_equal(one.prefix, "eth");
	assert_true(netns_has_link(NULL, one.src, &link));
	assert_int_equal(link.mtu, 1490);
	assert_string_equal(ndrv_addr_format(&one.gateway4, text), "172.30.0.1");
	assert_string_equal(ndrv_addr_format(&one.gateway6, text), "fd05::1");
	assert_ok(fakeep_create(&two, &net, "ep2", "172.30.0.11/16", "fd05::b/64", NULL, NULL), &host.err);
	assert_ok(fakeep_join(&two), &host.err);
	assert_string_not_equal(one.src, two.src);
	/* The first goes alone. */
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_false(netns_has_link(NULL, one.src, NULL));
	assert_true(netns_has_link(NULL, two.src, NULL));
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_int_equal(netns_link_count(NULL), 2);
}

static void two_addresses_are_a_network_of_two(void **state)
{
	static struct fakeep one, two;

	(void)state;
	fakenet_init(&net, &host, "p2p", "192.168.135.0/30", "192.168.135.1/30", NULL, NULL);
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "192.168.135.2/30", NULL, &a, "eth0"), &host.err);
	assert_true(netns_ping(&a, "192.168.135.1"));
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	/* Without a gateway, a /31 has room for both. */
	fakenet_init(&net, &host, "p2p", "192.168.135.0/31", NULL, NULL, NULL);
	net.view.flags |= NDRV_NETWORK_INTERNAL;
	fakenet_label(&net, LABEL("gateway_mode_ipv4"), "isolated");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "192.168.135.0/31", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "192.168.135.1/31", NULL, &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "192.168.135.1"));
	assert_true(netns_ping(&b, "192.168.135.0"));
	assert_ok(fakenet_delete(&net, 0), &host.err);
}

/* TestSetupVerify: libnetwork refuses a bridge of the user's whose address is missing or another. Ours is content with it, as
 * Docker is with networks of the user's: see an_existing_bridge_is_used_and_stays_as_it_is. */
static void a_bridge_of_the_users_needs_no_address(void **state)
{
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "theirs0"};
	struct ndrv_nl *nl = netns_nl(NULL);
	static struct fakeep one, two;

	(void)state;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &host.err), &host.err);
	ndrv_nl_close(nl);
	fakenet_label(&net, LABEL("name"), "theirs0");
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "172.30.0.2/16", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "172.30.0.3/16", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "172.30.0.3"));
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_true(netns_has_link(NULL, "theirs0", NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_bridge_is_up_and_has_a_mac_of_its_own),
		TEST(the_mtu_goes_up_to_what_the_kernel_can),
		TEST(all_labels_at_once_are_carried_out),
		TEST(a_default_bridge_may_have_any_name),
		TEST(endpoints_have_links_gateways_and_mtu_of_their_network),
		TEST(two_addresses_are_a_network_of_two),
		TEST(a_bridge_of_the_users_needs_no_address),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
