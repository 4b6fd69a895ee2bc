/* SPDX-License-Identifier: Apache-2.0 */
/* Everything a caller can get wrong, for every built-in driver: the answer is a typed error that is not Internal, and the namespace
 * is afterwards what it was before. Wrong values of options come from the drivers' own tables, so that an option cannot be
 * forgotten. What libnetwork's bridge panics on is among it (libnetwork's nil pool, missing gateway, short id, enable_ipv6, missing
 * address). */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "tests/lib/cable.h"
#include "tests/lib/fakehost.h"
#include "tests/lib/nsdump.h"

#define LONG_ID_128                                                        \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const types[] = {"bridge", "macvlan", "ipvlan", "overlay", "null", "host"};
#define TYPES (sizeof(types) / sizeof(types[0]))

static struct fakehost host;
static struct fakenet net;
static struct fakeep ep;
static struct netns sandbox, outside;
static int refusals;

static struct nsdump here, there; /* of the host, of the sandbox */

static void remember(void)
{
	/* What the kernel adds to a link in its own time, it adds when that can send. */
	netns_settle(NULL);
	nsdump_take(&here, NULL);
	nsdump_take(&there, &sandbox);
}

static void assert_as_before(const char *what)
{
	char where[320];

	(void)snprintf(where, sizeof(where), "%s, %s", host.type, what);
	nsdump_assert_same(&here, NULL, where);
	nsdump_assert_same(&there, &sandbox, where);
}

/* --- one driver --- */

/* Its link-local address comes in the kernel's own time. */
static void quiet_cable(void)
{
	FILE *file = fopen("/proc/sys/net/ipv6/conf/p0/disable_ipv6", "w");

	if (!file)
		return;
	(void)fputs("1", file);
	(void)fclose(file);
}

static void open_type(const char *type)
{
	netns_enter_fresh();
	netns_new(&sandbox);
	netns_new(&outside);
	cable_lay(&outside);
	quiet_cable();
	fakehost_open(&host, type);
	host.front = NDRV_FRONT_CONTROL;
	fakehost_name_node(&host, "192.0.2.1");
	remember();
}

static void close_type(void)
{
	fakehost_close(&host);
	netns_free(&sandbox);
	netns_free(&outside);
}

static bool is_child(void)
{
	return host.ops->options && (!strcmp(host.type, "macvlan") || !strcmp(host.type, "ipvlan"));
}

/* What a network of that type cannot do without. */
static void dress(void)
{
	if (is_child())
		fakenet_label(&net, "parent", "p0");
	if (!strcmp(host.type, "overlay"))
		fakenet_label(&net, "com.docker.network.driver.overlay.vxlanid_list", "4096");
}

static void init_net(const char *id)
{
	bool plain = host.capability.flags & NDRV_CAPABILITY_NO_IPAM;

	fakenet_init(&net, &host, id, plain ? NULL : "10.6.0.0/24", plain ? NULL : "10.6.0.1/24", plain ? NULL : "fd06::/64",
		     plain ? NULL : "fd06::1/64");
	dress();
}

/* A refusal: typed, of a kind that says whose fault it is, with words. */
static void assert_refused(int rc, const char *what)
{
	uint32_t kind = host.err.kind;

	refusals++;
	if (rc >= 0 || rc != -host.err.code || !host.err.text[0])
		fail_msg("%s, %s: answered %d, code %d \"%s\"", host.type, what, rc, (int)host.err.code, host.err.text);
	if (kind != NDRV_KIND_BAD_REQUEST && kind != NDRV_KIND_FORBIDDEN && kind != NDRV_KIND_NOT_FOUND &&
	    kind != NDRV_KIND_NOT_IMPLEMENTED)
		fail_msg("%s, %s: kind %s: %s", host.type, what, ndrv_kind_name(kind), host.err.text);
}

static void create_is_refused(const char *what)
{
	assert_refused(fakenet_create(&net), what);
	assert_null(net.view.priv);
	assert_as_before(what);
	/* The host undoes it all the same. */
	assert_ok(fakenet_delete(&net, NDRV_CALL_UNDO), &host.err);
	assert_as_before(what);
}

/* Where it may be legal: typed if not, and what was made goes again. */
static void create_leaves_nothing(const char *what)
{
	int rc = fakenet_create(&net);

	if (rc)
		assert_refused(rc, what);
	assert_ok(fakenet_delete(&net, NDRV_CALL_UNDO), &host.err);
	assert_as_before(what);
}

/* --- options --- */

static void label(struct fakenet *which, const char *key, struct ndrv_value value)
{
	struct ndrv_arena *arena = &host.arena.ndrv;

	assert_ok(ndrv_map_set(arena, &which->labels, key, value, &host.err), &host.err);
	assert_ok(ndrv_map_set(arena, &which->options, NDRV_OPT_GENERIC, which->labels, &host.err), &host.err);
}

static const char *const *wrong_texts(const struct ndrv_option *option)
{
	static const char *const bools[] = {"", "maybe", "2", "yes", "TRUE ", " true", "tRuE", NULL};
	static const char *const ints[] = {"", "x", "-1", "1e3", "0x10", "1.5", "99999999999999999999", "65536", "1", "67", NULL};
	static const char *const names[] = {
		"0123456789abcdef", "a/b", "a b", "lo", "all", "default", ".", "..", "../x", "a\n", "-a", "\xff\xfe", NULL};
	static const char *const v4[] = {"", "x", "1.2.3", "1.2.3.4/24", "fd00::1", "010.0.0.1", "1.2.3.4 ", "256.1.1.1", NULL};
	static const char *const v6[] = {"", "x", "1.2.3.4", "fd00::1/64", "fe80::1%p0", ":::", "fd00::1 ", NULL};
	static const char *const either[] = {"", "x", "1.2.3", "1.2.3.4/24", "fd00::1/64", "localhost", NULL};
	static const char *const choices[] = {"x", "NAT", "nat|routed", " nat", "bridge ", "0", NULL};
	static const char *const parents[] = {"0123456789abcdef", "a/b",  "a b",     "lo",  "nosuch0",
					      "nosuch0.10",	  "p0.0", "p0.4095", "p0.", "p0.x",
					      "p0.1.2",		  "p0:1", ".10",     "..",  NULL};

	switch (option->type) {
	case NDRV_OPTION_BOOL:
		return bools;
	case NDRV_OPTION_INT:
		return ints;
	case NDRV_OPTION_IFNAME:
		return names;
	case NDRV_OPTION_ADDR4:
		return v4;
	case NDRV_OPTION_ADDR6:
		return v6;
	case NDRV_OPTION_ADDR:
		return either;
	case NDRV_OPTION_CHOICE:
		return choices;
	default:
		return parents;
	}
}

static void every_wrong_value_of(const struct ndrv_option *option)
{
	static const struct ndrv_value none = {.type = NDRV_LIST}, map = {.type = NDRV_MAP};
	const struct ndrv_value typed[] = {none, map, ndrv_int(5), ndrv_bool(1)};
	char what[256];

	for (const char *const *text = wrong_texts(option); *text; text++) {
		(void)snprintf(what, sizeof(what), "%s=%s", option->name, *text);
		init_net("n1");
		label(&net, option->name, ndrv_string(*text));
		create_is_refused(what);
		if (host.err.kind == NDRV_KIND_BAD_REQUEST && !strstr(host.err.text, option->name) && !strstr(host.err.text, *text))
			fail_msg("%s: the refusal names neither: %s", what, host.err.text);
	}
	for (size_t i = 0; i < 4; i++) {
		bool fits = (typed[i].type == NDRV_INT && (option->type == NDRV_OPTION_INT || option->type == NDRV_OPTION_BOOL)) ||
			    (typed[i].type == NDRV_BOOL && option->type == NDRV_OPTION_BOOL);
		(void)snprintf(what, sizeof(what), "%s of type %u", option->name, typed[i].type);
		init_net("n1");
		label(&net, option->name, typed[i]);
		if (fits)
			create_leaves_nothing(what);
		else
			create_is_refused(what);
	}
}

static void options_wrong_in_every_way(void **state)
{
	struct ndrv_option_list list;

	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		open_type(types[i]);
		list.count = 0;
		if (host.ops->options)
			assert_int_equal(host.ops->options(host.self, NDRV_OPTIONS_NETWORK, &list), 0);
		for (uint32_t j = 0; j < list.count; j++)
			every_wrong_value_of(&list.items[j]);
		close_type();
	}
	assert_true(refusals > 150);
}

static void unknown_options_are_refused_at_our_own_doors(void **state)
{
	static const struct {
		const char *type, *key, *says;
	} rows[] = {
		{"bridge", "com.docker.network.bridge.enable_ic", "did you mean \"com.docker.network.bridge.enable_icc\"?"},
		{"bridge", "mtu", "did you mean \"com.docker.network.driver.mtu\"?"},
		{"macvlan", "parnt", "did you mean \"parent\"?"},
		{"ipvlan", "ipvlan_moed", "did you mean \"ipvlan_mode\"?"},
		{"overlay", "vxlanid_lst", "did you mean \"com.docker.network.driver.overlay.vxlanid_list\"?"},
		{"null", "anything", "unknown option \"anything\""},
		{"host", "anything", "unknown option \"anything\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_type(rows[i].type);
		init_net("n1");
		label(&net, rows[i].key, ndrv_string("x"));
		create_is_refused(rows[i].key);
		host.front = NDRV_FRONT_CONTROL;
		assert_fails(fakenet_create(&net), &host.err, NDRV_E_UNKNOWN_OPTION, rows[i].says);
		/* Docker's user is told in the log. */
		host.front = NDRV_FRONT_DOCKER;
		create_leaves_nothing(rows[i].key);
		assert_true(host.log_lines >= 1);
		close_type();
	}
}

/* --- pools and flags --- */

static void pools_wrong_in_every_way(void **state)
{
	static const char *const rows[][4] = {
		{NULL, NULL, NULL, NULL},			   /* no family at all */
		{"10.6.0.0/24", NULL, NULL, NULL},		   /* no gateway */
		{NULL, NULL, "fd06::/64", NULL},		   /* v6 only, no gateway */
		{NULL, NULL, "fd06::/64", "fd06::1/64"},	   /* v6 only */
		{"10.6.0.0/24", "10.7.0.1/24", NULL, NULL},	   /* a gateway outside */
		{"10.6.0.0/24", "fd06::1/64", NULL, NULL},	   /* a gateway of the other family */
		{"fd06::/64", "fd06::1/64", NULL, NULL},	   /* v6 as v4 */
		{NULL, NULL, "10.6.0.0/24", "10.6.0.1/24"},	   /* v4 as v6 */
		{"0.0.0.0/0", "0.0.0.0/0", NULL, NULL},		   /* null IPAM */
		{"10.6.0.0/32", "10.6.0.0/32", NULL, NULL},	   /* one address */
		{"127.0.0.0/8", "127.0.0.1/8", NULL, NULL},	   /* loopback's */
		{"10.6.0.0/24", "10.6.0.0/24", NULL, NULL},	   /* the network's own address */
		{"224.0.0.0/24", "224.0.0.1/24", NULL, NULL},	   /* multicast */
		{NULL, NULL, "ff02::/64", "ff02::1/64"},	   /* multicast */
		{"10.6.0.0/24", "10.6.0.1/24", "fd06::/64", NULL}, /* a gateway for one */
	};
	char what[128];

	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		open_type(types[i]);
		for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
			(void)snprintf(what, sizeof(what), "pools of row %zu", j);
			fakenet_init(&net, &host, "n1", rows[j][0], rows[j][1], rows[j][2], rows[j][3]);
			dress();
			create_leaves_nothing(what);
		}
		/* Families that are on, and lists that are empty or hold an unset pool: libnetwork's nil pool. */
		init_net("n1");
		net.view.flags |= NDRV_NETWORK_IPV4 | NDRV_NETWORK_IPV6;
		net.view.ipv4.count = net.view.ipv6.count = 0;
		create_leaves_nothing("empty lists");
		init_net("n1");
		net.ipv4 = net.ipv6 = (struct ndrv_ipam_data){.address_space = ""};
		create_leaves_nothing("unset pools");
		init_net("n1");
		net.view.ipv4.count = 2;
		if (net.view.flags & NDRV_NETWORK_IPV4)
			net.view.ipv4.count = 1;
		create_leaves_nothing("one pool");
		close_type();
	}
}

static void flags_and_maps_of_wrong_types(void **state)
{
	static const char *const keys[] = {NDRV_OPT_INTERNAL, NDRV_OPT_ENABLE_IPV4, NDRV_OPT_ENABLE_IPV6, NDRV_OPT_GENERIC};
	const struct ndrv_value values[] = {{.type = NDRV_LIST}, ndrv_string("perhaps"), ndrv_int(7)};

	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		open_type(types[i]);
		for (size_t j = 0; j < 4; j++) {
			for (size_t k = 0; k < 3; k++) {
				init_net("n1");
				assert_ok(ndrv_map_set(&host.arena.ndrv, &net.options, keys[j], values[k], &host.err), &host.err);
				if (host.ops->options)
					create_is_refused(keys[j]);
				else
					create_leaves_nothing(keys[j]);
			}
		}
		close_type();
	}
}

/* --- ids --- */

static void ids_of_any_length_are_fine(void **state)
{
	static const char *const ids[] = {"1", "ab", "0123456789a", LONG_ID_128};

	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		open_type(types[i]);
		for (size_t j = 0; j < sizeof(ids) / sizeof(ids[0]); j++) {
			init_net(ids[j]);
			int rc = fakenet_create(&net);
			if (rc == -NDRV_E_KERNEL_LACKS)
				break;
			assert_ok(rc, &host.err);
			bool plain = host.capability.flags & NDRV_CAPABILITY_NO_LINK;
			assert_ok(fakeep_create(&ep, &net, ids[j], plain ? NULL : "10.6.0.2/24", plain ? NULL : "fd06::2/64", NULL,
						NULL),
				  &host.err);
			assert_ok(fakeep_join(&ep), &host.err);
			assert_ok(fakeep_delete(&ep, 0), &host.err);
			assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE), &host.err);
			assert_as_before(ids[j]);
		}
		close_type();
	}
}

/* --- endpoints --- */

static struct ndrv_value one_port(const char *key, struct ndrv_value value)
{
	struct ndrv_value port = {.type = NDRV_MAP}, list = {.type = NDRV_LIST};
	struct ndrv_arena *arena = &host.arena.ndrv;

	assert_ok(ndrv_map_set(arena, &port, "Proto", ndrv_int(6), &host.err), &host.err);
	assert_ok(ndrv_map_set(arena, &port, "Port", ndrv_int(80), &host.err), &host.err);
	assert_ok(ndrv_map_set(arena, &port, key, value, &host.err), &host.err);
	assert_ok(ndrv_list_add(arena, &list, port, &host.err), &host.err);
	return list;
}

static void endpoint_is_refused(const char *what, const char *address, const char *key, struct ndrv_value value)
{
	struct ndrv_value options = {.type = NDRV_MAP};

	assert_ok(ndrv_map_set(&host.arena.ndrv, &options, key, value, &host.err), &host.err);
	net.endpoint_options = &options;
	assert_refused(fakeep_create(&ep, &net, "e1", address, "fd06::2/64", &sandbox, "eth0"), what);
	assert_null(ep.view.priv);
	assert_ok(fakeep_delete(&ep, NDRV_CALL_UNDO), &host.err);
	net.endpoint_options = NULL;
	assert_as_before(what);
}

static void wrong_ports(void)
{
	const struct {
		const char *key;
		struct ndrv_value value;
	} rows[] = {
		{"Proto", ndrv_int(0)},		 {"Proto", ndrv_int(1)},
		{"Proto", ndrv_int(99)},	 {"Proto", ndrv_string("tcp")},
		{"Port", ndrv_int(0)},		 {"Port", ndrv_int(-1)},
		{"Port", ndrv_int(65536)},	 {"Port", ndrv_string("web")},
		{"HostPort", ndrv_int(65536)},	 {"HostPort", ndrv_int(-5)},
		{"HostPort", ndrv_string("x")},	 {"HostPortEnd", ndrv_int(5)},
		{"HostIP", ndrv_string("here")}, {"HostIP", ndrv_string("1.2.3")},
		{"HostIP", ndrv_int(1)},	 {"IP", ndrv_string("10.6.0")},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		endpoint_is_refused(rows[i].key, "10.6.0.2/24", NDRV_OPT_PORTMAP, one_port(rows[i].key, rows[i].value));
	endpoint_is_refused("a list of texts", "10.6.0.2/24", NDRV_OPT_PORTMAP, ndrv_string("80:80"));
	endpoint_is_refused("exposed port", "10.6.0.2/24", NDRV_OPT_EXPOSED_PORTS, one_port("Port", ndrv_int(0)));
	endpoint_is_refused("exposed text", "10.6.0.2/24", NDRV_OPT_EXPOSED_PORTS, ndrv_string("80"));
	endpoint_is_refused("MAC of a wrong type", "10.6.0.2/24", NDRV_OPT_MAC, ndrv_int(2));
}

static void endpoints_wrong_in_every_way(void **state)
{
	static const char *const names[] = {"0123456789abcdef", "a/b", "a b", "all", ".."};

	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		open_type(types[i]);
		init_net("n1");
		bool plain = host.capability.flags & NDRV_CAPABILITY_NO_LINK;
		if (fakenet_create(&net) == -NDRV_E_KERNEL_LACKS) {
			close_type();
			continue;
		}
		remember();
		endpoint_is_refused("an unknown option", "10.6.0.2/24", "com.docker.network.endpoint.ifnmae", ndrv_string("x"));
		for (size_t j = 0; j < 5 && !plain; j++)
			endpoint_is_refused(names[j], "10.6.0.2/24", NDRV_OPT_IFNAME, ndrv_string(names[j]));
		if (!plain) {
			endpoint_is_refused("a name of a wrong type", "10.6.0.2/24", NDRV_OPT_IFNAME, ndrv_int(1));
			endpoint_is_refused("no address", NULL, NDRV_OPT_DNS_SERVERS, ndrv_null());
			assert_refused(
				host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &ep.view, NULL, NULL),
				"no interface info");
		}
		if (!strcmp(types[i], "bridge"))
			wrong_ports();
		close_type();
	}
}

/* Ops on what was never made. Errors where there is something to say, and never a crash. */
static void ops_out_of_order(void **state)
{
	static const struct ndrv_value no_options = {.type = NDRV_MAP};
	struct ndrv_value info = ndrv_null();

	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		open_type(types[i]);
		const struct ndrv_ops *ops = host.ops;
		bool plain = host.capability.flags & NDRV_CAPABILITY_NO_LINK;
		for (int with_network = 0; with_network < 2; with_network++) {
			init_net("n1");
			if (with_network && fakenet_create(&net) == -NDRV_E_KERNEL_LACKS)
				break;
			remember();
			ep = (struct fakeep){
				.net = &net,
				.view = {.size = sizeof(ep.view), .id = "e1", .network = &net.view, .sandbox_key = ""}};
			if (!plain) {
				assert_refused(fakeep_join(&ep), "join");
				assert_refused(ops->endpoint_info(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &info),
					       "info");
			}
			if (ops->program_external)
				assert_refused(ops->program_external(host.self, fakehost_call(&host, 0), &net.view, &ep.view, NULL,
								     &no_options),
					       "program");
			if (ops->revoke_external)
				assert_ok(ops->revoke_external(host.self, fakehost_call(&host, 0), &net.view, &ep.view), &host.err);
			if (ops->ipv6_release)
				assert_ok(ops->ipv6_release(host.self, fakehost_call(&host, 0), &net.view, &ep.view), &host.err);
			assert_ok(ops->leave(host.self, fakehost_call(&host, 0), &net.view, &ep.view), &host.err);
			assert_ok(ops->endpoint_delete(host.self, fakehost_call(&host, 0), &net.view, &ep.view), &host.err);
			assert_as_before("ops out of order");
			assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE), &host.err);
		}
		close_type();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_wrong_in_every_way), cmocka_unit_test(unknown_options_are_refused_at_our_own_doors),
		cmocka_unit_test(pools_wrong_in_every_way),   cmocka_unit_test(flags_and_maps_of_wrong_types),
		cmocka_unit_test(ids_of_any_length_are_fine), cmocka_unit_test(endpoints_wrong_in_every_way),
		cmocka_unit_test(ops_out_of_order),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
