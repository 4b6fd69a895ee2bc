/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge driver asks of the host's NAT, for networks and for ports: a service that only keeps what it is told stands in
 * for the real one. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include <ndrv/ports.h>

#include "tests/lib/fakehost.h"

#define LABEL(name) "com.docker.network.bridge." name

static struct fakehost host;
static struct fakenet net;
static struct fakeep ep;
static struct netns a;

/* --- the service --- */

static struct {
	int sets, clears, publishes, unpublishes;
	int fail; /* the next publish or set fails with this code */
	struct ndrv_nat_network network;
	char link[NDRV_IFNAME_MAX];
	struct ndrv_port_binding bindings[16];
	uint32_t count;
} nat;

static int fail_once(struct ndrv_call *call)
{
	int code = nat.fail;

	nat.fail = 0;
	return code ? ndrv_fail_object(call->err, code, "0.0.0.0:80/tcp") : 0;
}

static int network_set(const struct ndrv_host *self, struct ndrv_call *call, const struct ndrv_network *network,
		       const struct ndrv_nat_network *want)
{
	(void)self, (void)network;
	nat.sets++;
	nat.network = *want;
	(void)snprintf(nat.link, sizeof(nat.link), "%s", want->link);
	return fail_once(call);
}

static int network_clear(const struct ndrv_host *self, struct ndrv_call *call, const struct ndrv_network *network)
{
	(void)self, (void)call, (void)network;
	nat.clears++;
	nat.network = (struct ndrv_nat_network){0};
	return 0;
}

static int publish(const struct ndrv_host *self, struct ndrv_call *call, const struct ndrv_endpoint *endpoint,
		   struct ndrv_port_binding *bindings, uint32_t count)
{
	(void)self, (void)endpoint;
	nat.publishes++;
	int rc = fail_once(call);
	if (rc)
		return rc;
	assert_true(count && count <= 16);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(bindings[i].size, sizeof(*bindings));
		if (!bindings[i].host_port)
			bindings[i].host_port = 40000 + i;
	}
	memcpy(nat.bindings, bindings, count * sizeof(*bindings));
	nat.count = count;
	return 0;
}

static int unpublish(const struct ndrv_host *self, struct ndrv_call *call, const struct ndrv_endpoint *endpoint)
{
	(void)self, (void)call, (void)endpoint;
	nat.unpublishes++;
	nat.count = 0;
	return 0;
}

static const struct ndrv_nat_ops nat_ops = {.size = sizeof(nat_ops),
					    .network_set = network_set,
					    .network_clear = network_clear,
					    .publish = publish,
					    .unpublish = unpublish};

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&a);
	memset(&nat, 0, sizeof(nat));
	fakehost_open(&host, "bridge");
	host.host.nat = &nat_ops;
	host.host.features |= NDRV_FEATURE_NAT;
	fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
	return 0;
}

static int finish(void **state)
{
	(void)state;
	fakehost_close(&host);
	netns_free(&a);
	return 0;
}

/* --- asking --- */

static void both_up(void)
{
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&ep, &net, "e1", "10.5.0.2/24", "fd05::2/64", NULL, NULL), &host.err);
	assert_ok(fakeep_join(&ep), &host.err);
}

/* "80/tcp", "8080:80/tcp", "127.0.0.1:8080:80/udp", separated by blanks, into options. */
static struct ndrv_value ports_of(const char *text)
{
	struct ndrv_port_binding bindings[16];
	struct ndrv_value list, options = {.type = NDRV_MAP};
	uint32_t count = 0;
	char copy[256], *rest = copy;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		struct ndrv_port_binding *each = &bindings[count++];
		char *slash = strchr(word, '/');
		*each = (struct ndrv_port_binding){.size = sizeof(*each)};
		*slash++ = '\0';
		each->protocol = !strcmp(slash, "udp") ? NDRV_PROTO_UDP : !strcmp(slash, "sctp") ? NDRV_PROTO_SCTP : NDRV_PROTO_TCP;
		char *colon = strrchr(word, ':');
		each->port = (uint32_t)strtoul(colon ? colon + 1 : word, NULL, 10);
		if (!colon)
			continue;
		*colon = '\0';
		colon = strrchr(word, ':');
		each->host_port = (uint32_t)strtoul(colon ? colon + 1 : word, NULL, 10);
		if (!colon)
			continue;
		*colon = '\0';
		assert_ok(ndrv_addr_parse(word, &each->host_address, &host.err), &host.err);
	}
	assert_ok(ndrv_portmap_write(&host.arena.ndrv, bindings, count, &list, &host.err), &host.err);
	assert_ok(ndrv_map_set(&host.arena.ndrv, &options, NDRV_OPT_PORTMAP, list, &host.err), &host.err);
	return options;
}

static int program_as(const char *text, const char *gateway4, const char *gateway6, uint32_t flags)
{
	struct ndrv_value options = ports_of(text);
	const struct ndrv_gateway_state gateways = {.size = sizeof(gateways), .gateway4 = gateway4, .gateway6 = gateway6};

	return host.ops->program_external(host.self, fakehost_call(&host, flags), &net.view, &ep.view, &gateways, &options);
}

static int program(const char *text)
{
	return program_as(text, "e1", "e1", 0);
}

/* What endpoint_info says, as "tcp 10.5.0.2:80 0.0.0.0:8080, ...". */
static const char *told(void)
{
	static char text[512];
	struct ndrv_value info = ndrv_null();
	struct ndrv_port_binding *bindings;
	char one[NDRV_ADDR_TEXT], two[NDRV_ADDR_TEXT];
	uint32_t count;
	size_t used = 0;

	assert_ok(host.ops->endpoint_info(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &info), &host.err);
	assert_non_null(ndrv_map_get(&info, NDRV_OPT_MAC));
	assert_ok(ndrv_portmap_read(&info, &host.arena.ndrv, &bindings, &count, &host.err), &host.err);
	text[0] = '\0';
	for (uint32_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s:%u %s:%u", used ? ", " : "",
					 ndrv_proto_name(bindings[i].protocol), ndrv_addr_format(&bindings[i].address, one),
					 bindings[i].port, ndrv_addr_format(&bindings[i].host_address, two), bindings[i].host_port);
	return text;
}

/* --- networks --- */

static void options_become_what_nat_is_asked_for(void **state)
{
	enum { PLAIN = NDRV_NAT_ISOLATE | NDRV_NAT_HAIRPIN };
	static const struct {
		const char *key, *value;
		bool internal;
		uint32_t flags4, flags6;
	} rows[] = {
		{NULL, NULL, false, PLAIN | NDRV_NAT_MASQUERADE, PLAIN | NDRV_NAT_MASQUERADE},
		{LABEL("enable_ip_masquerade"), "false", false, PLAIN, PLAIN},
		{LABEL("enable_icc"), "false", false, PLAIN | NDRV_NAT_MASQUERADE | NDRV_NAT_NO_ICC,
		 PLAIN | NDRV_NAT_MASQUERADE | NDRV_NAT_NO_ICC},
		{LABEL("hairpin"), "false", false, NDRV_NAT_ISOLATE | NDRV_NAT_MASQUERADE, NDRV_NAT_ISOLATE | NDRV_NAT_MASQUERADE},
		{LABEL("gateway_mode_ipv4"), "routed", false, PLAIN | NDRV_NAT_ROUTED, PLAIN | NDRV_NAT_MASQUERADE},
		{LABEL("gateway_mode_ipv6"), "nat-unprotected", false, PLAIN | NDRV_NAT_MASQUERADE,
		 PLAIN | NDRV_NAT_MASQUERADE | NDRV_NAT_UNPROTECTED},
		{LABEL("gateway_mode_ipv6"), "isolated", true, NDRV_NAT_ISOLATE | NDRV_NAT_INTERNAL,
		 NDRV_NAT_ISOLATE | NDRV_NAT_INTERNAL},
		{NULL, NULL, true, NDRV_NAT_ISOLATE | NDRV_NAT_INTERNAL, NDRV_NAT_ISOLATE | NDRV_NAT_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
		if (rows[i].key)
			fakenet_label(&net, rows[i].key, rows[i].value);
		if (rows[i].internal)
			net.view.flags |= NDRV_NETWORK_INTERNAL;
		assert_ok(fakenet_create(&net), &host.err);
		assert_int_equal(nat.network.flags, rows[i].flags4);
		assert_int_equal(nat.network.flags6, rows[i].flags6);
		assert_true(ndrv_prefix_equal(&nat.network.pool, &net.ipv4.pool));
		assert_true(ndrv_prefix_equal(&nat.network.pool6, &net.ipv6.pool));
		assert_true(netns_has_link(NULL, nat.link, NULL));
		assert_int_equal(netns_has_address(NULL, nat.link, "fd05::1/64"),
				 !rows[i].key || strcmp(rows[i].value, "isolated") != 0);
		assert_ok(fakenet_delete(&net, 0), &host.err);
		assert_int_equal(nat.clears, i + 1);
	}
}

static void the_address_of_outgoing_traffic_is_the_users(void **state)
{
	char text[NDRV_ADDR_TEXT];

	(void)state;
	fakenet_label(&net, "com.docker.network.host_ipv4", "192.0.2.7");
	fakenet_label(&net, "com.docker.network.host_ipv6", "2001:db8::7");
	assert_ok(fakenet_create(&net), &host.err);
	assert_string_equal(ndrv_addr_format(&nat.network.source, text), "192.0.2.7");
	assert_string_equal(ndrv_addr_format(&nat.network.source6, text), "2001:db8::7");
}

static void a_network_that_nat_refuses_is_not_half_made(void **state)
{
	(void)state;
	nat.fail = NDRV_E_KERNEL_LACKS;
	assert_fails(fakenet_create(&net), &host.err, NDRV_E_KERNEL_LACKS, "network n1");
	assert_null(net.view.priv);
	assert_int_equal(netns_link_count(NULL), 1);
	/* One that was there is not lost by it. */
	assert_ok(fakenet_create(&net), &host.err);
	fakehost_restart(&host);
	nat.fail = NDRV_E_KERNEL_LACKS;
	assert_ok(host.ops->adopt(host.self, fakehost_call(&host, NDRV_CALL_RESTORE), &net.view, NULL, NULL), &host.err);
	assert_int_equal(host.log_lines, 1);
}

/* --- ports --- */

static void ports_come_back_with_what_became_of_them(void **state)
{
	(void)state;
	both_up();
	assert_string_equal(told(), "");
	assert_ok(program("8080:80/tcp 127.0.0.1:53:53/udp 9/sctp"), &host.err);
	assert_int_equal(nat.count, 3);
	assert_int_equal(nat.bindings[0].address.family, 0);
	assert_int_equal(nat.bindings[1].address.family, 4);
	assert_string_equal(told(), "tcp 10.5.0.2:80 0.0.0.0:8080, tcp fd05::2:80 :::8080, udp 10.5.0.2:53 127.0.0.1:53, "
				    "sctp 10.5.0.2:9 0.0.0.0:40002, sctp fd05::2:9 :::40002");
}

static void programming_again_replaces(void **state)
{
	(void)state;
	both_up();
	assert_ok(program("8080:80/tcp"), &host.err);
	assert_ok(program("8081:81/tcp"), &host.err);
	assert_int_equal(nat.publishes, 2);
	assert_int_equal(nat.unpublishes, 0);
	assert_string_equal(told(), "tcp 10.5.0.2:81 0.0.0.0:8081, tcp fd05::2:81 :::8081");
	/* What fails leaves what was. */
	nat.fail = NDRV_E_PORT_IN_USE;
	assert_fails(program("8082:82/tcp"), &host.err, NDRV_E_PORT_IN_USE, "endpoint e1: port 0.0.0.0:80/tcp is already in use");
	assert_string_equal(told(), "tcp 10.5.0.2:81 0.0.0.0:8081, tcp fd05::2:81 :::8081");
	assert_ok(program(""), &host.err);
	assert_int_equal(nat.unpublishes, 1);
	assert_string_equal(told(), "");
	/* Nothing to nothing costs nothing. */
	assert_ok(program(""), &host.err);
	assert_int_equal(nat.publishes + nat.unpublishes, 4);
}

static int revoke(void)
{
	return host.ops->revoke_external(host.self, fakehost_call(&host, 0), &net.view, &ep.view);
}

static void leave_and_delete_revoke(void **state)
{
	(void)state;
	both_up();
	assert_ok(program("8080:80/tcp"), &host.err);
	assert_ok(revoke(), &host.err);
	assert_int_equal(nat.unpublishes, 1);
	assert_ok(revoke(), &host.err);
	assert_int_equal(nat.unpublishes, 1);
	assert_ok(program("8080:80/tcp"), &host.err);
	assert_ok(host.ops->leave(host.self, fakehost_call(&host, 0), &net.view, &ep.view), &host.err);
	assert_int_equal(nat.unpublishes, 2);
	assert_ok(fakeep_join(&ep), &host.err);
	assert_ok(program("8080:80/tcp"), &host.err);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_int_equal(nat.unpublishes, 3);
	/* After a crash only the ids are known. */
	assert_ok(fakeep_create(&ep, &net, "e1", "10.5.0.2/24", "fd05::2/64", NULL, NULL), &host.err);
	assert_ok(program("8080:80/tcp"), &host.err);
	host.ops->release(host.self, &net.view, &ep.view);
	assert_ok(fakeep_delete(&ep, NDRV_CALL_UNDO), &host.err);
	assert_int_equal(nat.unpublishes, 4);
}

static void families_follow_the_addresses_and_the_gateways(void **state)
{
	(void)state;
	both_up();
	assert_ok(program_as("80:80/tcp", "e1", "", 0), &host.err);
	assert_string_equal(told(), "tcp 10.5.0.2:80 0.0.0.0:80");
	assert_ok(program_as("80:80/tcp", "other", "e1", 0), &host.err);
	assert_string_equal(told(), "tcp fd05::2:80 :::80");
	assert_ok(program(":::80:80/tcp"), &host.err);
	assert_string_equal(told(), "tcp fd05::2:80 :::80");
	assert_ok(program("0.0.0.0:80:80/tcp"), &host.err);
	assert_string_equal(told(), "tcp 10.5.0.2:80 0.0.0.0:80");
	assert_fails(program_as("80:80/tcp", "", "", 0), &host.err, NDRV_E_BAD_REQUEST,
		     "port 80/tcp cannot be published: endpoint e1 has no way out");
	assert_fails(program_as("::1:80:80/tcp", "e1", "", 0), &host.err, NDRV_E_BAD_REQUEST,
		     "port 80/tcp cannot be published on ::1: endpoint e1 has no way out over IPv6");
}

static void a_default_address_is_for_ports_without_one(void **state)
{
	static const struct {
		const char *binding, *told;
	} rows[] = {
		{"127.0.0.1", "tcp 10.5.0.2:80 127.0.0.1:80"},
		{"::1", "tcp fd05::2:80 ::1:80"},
		{"::", "tcp fd05::2:80 :::80"},
		{"0.0.0.0", "tcp 10.5.0.2:80 0.0.0.0:80, tcp fd05::2:80 :::80"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
		fakenet_label(&net, LABEL("host_binding_ipv4"), rows[i].binding);
		both_up();
		assert_ok(program("80:80/tcp"), &host.err);
		assert_string_equal(told(), rows[i].told);
		assert_ok(program("192.0.2.1:80:80/tcp"), &host.err);
		assert_string_equal(told(), "tcp 10.5.0.2:80 192.0.2.1:80");
		assert_ok(fakeep_delete(&ep, 0), &host.err);
		assert_ok(fakenet_delete(&net, 0), &host.err);
	}
}

static void a_routed_family_has_no_ports_of_the_host(void **state)
{
	(void)state;
	fakenet_label(&net, LABEL("gateway_mode_ipv6"), "routed");
	both_up();
	assert_ok(program("8080:80/tcp"), &host.err);
	assert_string_equal(told(), "tcp 10.5.0.2:80 0.0.0.0:8080, tcp fd05::2:80 :::0");
	/* Told again as it was told, after a restart: the same. */
	assert_ok(program_as("0.0.0.0:8080:80/tcp :::0:80/tcp", "e1", "e1", NDRV_CALL_RESTORE), &host.err);
	assert_int_equal(nat.count, 2);
	nat.bindings[1].host_port = 0;
	assert_string_equal(told(), "tcp 10.5.0.2:80 0.0.0.0:8080, tcp fd05::2:80 :::0");
}

static void an_internal_network_publishes_nothing(void **state)
{
	(void)state;
	net.view.flags |= NDRV_NETWORK_INTERNAL;
	both_up();
	assert_fails(program("80:80/tcp"), &host.err, NDRV_E_BAD_REQUEST, "network n1 is internal: ports cannot be published");
	assert_int_equal(nat.publishes, 0);
}

static void a_host_without_nat_says_so(void **state)
{
	(void)state;
	host.host.nat = NULL;
	both_up();
	assert_fails(program("80:80/tcp"), &host.err, NDRV_E_NOT_IMPLEMENTED, "");
	assert_ok(program(""), &host.err);
	assert_ok(revoke(), &host.err);
}

static void without_ipv6_what_was_over_both_stays_over_ipv4(void **state)
{
	(void)state;
	both_up();
	assert_ok(program("80:80/tcp :::81:81/tcp 0.0.0.0:82:82/tcp"), &host.err);
	assert_ok(host.ops->ipv6_release(host.self, fakehost_call(&host, 0), &net.view, &ep.view), &host.err);
	ep.view.address6 = (struct ndrv_prefix){0};
	assert_string_equal(told(), "tcp 10.5.0.2:80 0.0.0.0:80, tcp 10.5.0.2:82 0.0.0.0:82");
	assert_int_equal(nat.count, 2);
	assert_ok(program(""), &host.err);
	assert_ok(host.ops->ipv6_release(host.self, fakehost_call(&host, 0), &net.view, &ep.view), &host.err);
}

static void exposed_ports_are_told_back(void **state)
{
	static const struct ndrv_transport_port exposed[] = {{NDRV_PROTO_TCP, 80}, {NDRV_PROTO_UDP, 53}};
	struct ndrv_value options = ports_of("80:80/tcp"), list, info = ndrv_null();
	struct ndrv_transport_port *read;
	uint32_t count;

	(void)state;
	both_up();
	assert_ok(ndrv_exposed_write(&host.arena.ndrv, exposed, 2, &list, &host.err), &host.err);
	assert_ok(ndrv_map_set(&host.arena.ndrv, &options, NDRV_OPT_EXPOSED_PORTS, list, &host.err), &host.err);
	assert_ok(host.ops->program_external(host.self, fakehost_call(&host, 0), &net.view, &ep.view, NULL, &options), &host.err);
	assert_ok(host.ops->endpoint_info(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &info), &host.err);
	assert_ok(ndrv_exposed_read(&info, &host.arena.ndrv, &read, &count, &host.err), &host.err);
	assert_int_equal(count, 2);
	assert_memory_equal(read, exposed, sizeof(exposed));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_become_what_nat_is_asked_for),
		TEST(the_address_of_outgoing_traffic_is_the_users),
		TEST(a_network_that_nat_refuses_is_not_half_made),
		TEST(ports_come_back_with_what_became_of_them),
		TEST(programming_again_replaces),
		TEST(leave_and_delete_revoke),
		TEST(families_follow_the_addresses_and_the_gateways),
		TEST(a_default_address_is_for_ports_without_one),
		TEST(a_routed_family_has_no_ports_of_the_host),
		TEST(an_internal_network_publishes_nothing),
		TEST(a_host_without_nat_says_so),
		TEST(without_ipv6_what_was_over_both_stays_over_ipv4),
		TEST(exposed_ports_are_told_back),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
