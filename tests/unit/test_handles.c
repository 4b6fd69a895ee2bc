/* SPDX-License-Identifier: Apache-2.0 */
/* The callback objects and host services, against a host that records what reaches it, and against hosts that lack them. */
#include "tests/lib/test.h"

#include <ndrv/driver.h>

static struct ndrv_error err;
static char seen[256];
static int answer;

/* --- a host that writes down what it is asked and answers `answer` --- */

static int note(struct ndrv_error *e, const char *fmt, ...) NDRV_PRINTF(2, 3);

static int note(struct ndrv_error *e, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(seen, sizeof(seen), fmt, args);
	va_end(args);
	return answer ? ndrv_fail(e, answer, "the host says no") : 0;
}

static int set_mac(struct ndrv_ifinfo *ifinfo, const struct ndrv_mac *mac, struct ndrv_error *e)
{
	char text[NDRV_MAC_TEXT];

	(void)ifinfo;
	return note(e, "set_mac %s", ndrv_mac_format(mac, text));
}

static int set_address(struct ndrv_ifinfo *ifinfo, const struct ndrv_prefix *address, struct ndrv_error *e)
{
	char text[NDRV_PREFIX_TEXT];

	(void)ifinfo;
	return note(e, "set_address %s", ndrv_prefix_format(address, text));
}

static int get_mac(struct ndrv_ifinfo *ifinfo, struct ndrv_mac *ret, struct ndrv_error *e)
{
	(void)ifinfo;
	*ret = (struct ndrv_mac){.set = 1, .bytes = {2}};
	return note(e, "get_mac");
}

static int get_address(struct ndrv_ifinfo *ifinfo, uint32_t family, struct ndrv_prefix *ret, struct ndrv_error *e)
{
	(void)ifinfo;
	*ret = (struct ndrv_prefix){.addr = {.family = (uint8_t)family}, .length = 8};
	return note(e, "get_address %u", (unsigned)family);
}

static int get_netns(struct ndrv_ifinfo *ifinfo, const char **ret_path, int *ret_fd, struct ndrv_error *e)
{
	(void)ifinfo;
	*ret_path = "/run/netns/x";
	*ret_fd = 7;
	return note(e, "get_netns");
}

static int get_ifname(struct ndrv_ifinfo *ifinfo, const char **ret, struct ndrv_error *e)
{
	(void)ifinfo;
	*ret = "eth0";
	return note(e, "get_ifname");
}

static int set_created(struct ndrv_ifinfo *ifinfo, struct ndrv_error *e)
{
	(void)ifinfo;
	return note(e, "set_created_in_sandbox");
}

static const struct ndrv_ifinfo_ops ifinfo_ops = {
	.size = sizeof(ifinfo_ops),
	.set_mac = set_mac,
	.set_address = set_address,
	.get_mac = get_mac,
	.get_address = get_address,
	.get_netns = get_netns,
	.get_ifname = get_ifname,
	.set_created_in_sandbox = set_created,
};

static int set_names(struct ndrv_join *join, const char *src, const char *prefix, const char *exact, struct ndrv_error *e)
{
	(void)join;
	return note(e, "set_names <%s> <%s> <%s>", src, prefix, exact);
}

static int set_gateway(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *e)
{
	char text[NDRV_ADDR_TEXT];

	(void)join;
	return note(e, "set_gateway <%s>", ndrv_addr_format(gateway, text));
}

static int set_gateway6(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *e)
{
	char text[NDRV_ADDR_TEXT];

	(void)join;
	return note(e, "set_gateway6 <%s>", ndrv_addr_format(gateway, text));
}

static int add_static_route(struct ndrv_join *join, const struct ndrv_route *route, struct ndrv_error *e)
{
	char text[NDRV_PREFIX_TEXT];

	(void)join;
	return note(e, "add_static_route %s %u", ndrv_prefix_format(&route->destination, text), (unsigned)route->type);
}

static int disable_gateway_service(struct ndrv_join *join, struct ndrv_error *e)
{
	(void)join;
	return note(e, "disable_gateway_service");
}

static int force_gateway(struct ndrv_join *join, uint32_t family, struct ndrv_error *e)
{
	(void)join;
	return note(e, "force_gateway %u", (unsigned)family);
}

static int add_table_entry(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			   struct ndrv_error *e)
{
	(void)join;
	return note(e, "add_table_entry %s %s %.*s", table, key, (int)bytes, (const char *)value);
}

static int add_wait_link(struct ndrv_join *join, uint32_t ifindex, struct ndrv_error *e)
{
	(void)join;
	return note(e, "add_wait_link %u", (unsigned)ifindex);
}

static int set_neighbour(struct ndrv_join *join, const struct ndrv_addr *addr, const struct ndrv_mac *mac, struct ndrv_error *e)
{
	char address[NDRV_ADDR_TEXT], hardware[NDRV_MAC_TEXT];

	(void)join;
	return note(e, "set_neighbour %s %s", ndrv_addr_format(addr, address), ndrv_mac_format(mac, hardware));
}

static const struct ndrv_join_ops join_ops = {
	.size = sizeof(join_ops),
	.set_names = set_names,
	.set_gateway = set_gateway,
	.set_gateway6 = set_gateway6,
	.add_static_route = add_static_route,
	.disable_gateway_service = disable_gateway_service,
	.force_gateway = force_gateway,
	.add_table_entry = add_table_entry,
	.add_wait_link = add_wait_link,
	.set_neighbour = set_neighbour,
};

static int table_register(struct ndrv_network *network, const char *table, uint32_t object_type, struct ndrv_error *e)
{
	(void)network;
	return note(e, "table_register %s %u", table, (unsigned)object_type);
}

static const struct ndrv_network_ops network_ops = {.size = sizeof(network_ops), .table_register = table_register};

static struct ndrv_ifinfo ifinfo = {.ops = &ifinfo_ops};
static struct ndrv_join join = {.ops = &join_ops};
static struct ndrv_network network = {.size = sizeof(network), .ops = &network_ops};

static const struct ndrv_mac mac = {.set = 1, .bytes = {2, 0x42, 10, 10, 10, 2}};
static const struct ndrv_addr v4 = {.family = 4, .bytes = {10, 0, 0, 1}};
static const struct ndrv_addr v6 = {.family = 6, .bytes = {0xfe, 0x80, [15] = 1}};
static const struct ndrv_prefix address = {.addr = {.family = 4, .bytes = {10, 0, 0, 5}}, .length = 24};

#define assert_reaches(call, text)               \
	do {                                     \
		seen[0] = '\0';                  \
		assert_ok((call), &err);         \
		assert_string_equal(seen, text); \
	} while (0)

/* Refused without the host having been asked. */
#define assert_stopped(call, code, text)                \
	do {                                            \
		seen[0] = '\0';                         \
		assert_fails((call), &err, code, text); \
		assert_string_equal(seen, "");          \
	} while (0)

static void interface_info_reaches_the_host(void **state)
{
	struct ndrv_prefix prefix = {0};
	struct ndrv_mac ret_mac = {0};
	const char *text = NULL;
	int fd = -1;

	(void)state;
	assert_reaches(ndrv_ifinfo_set_mac(&ifinfo, &mac, &err), "set_mac 02:42:0a:0a:0a:02");
	assert_reaches(ndrv_ifinfo_set_address(&ifinfo, &address, &err), "set_address 10.0.0.5/24");
	assert_reaches(ndrv_ifinfo_mac(&ifinfo, &ret_mac, &err), "get_mac");
	assert_int_equal(ret_mac.set, 1);
	assert_reaches(ndrv_ifinfo_address(&ifinfo, &prefix, &err), "get_address 4");
	assert_int_equal(prefix.addr.family, 4);
	assert_reaches(ndrv_ifinfo_address6(&ifinfo, &prefix, &err), "get_address 6");
	assert_int_equal(prefix.addr.family, 6);
	assert_reaches(ndrv_ifinfo_netns(&ifinfo, &text, &fd, &err), "get_netns");
	assert_int_equal(fd, 7);
	assert_reaches(ndrv_ifinfo_ifname(&ifinfo, &text, &err), "get_ifname");
	assert_string_equal(text, "eth0");
	assert_reaches(ndrv_ifinfo_set_created_in_sandbox(&ifinfo, &err), "set_created_in_sandbox");
}

static void join_info_reaches_the_host(void **state)
{
	const struct ndrv_route route = {.destination = {.addr = {.family = 4}}, .next_hop = v4};

	(void)state;
	assert_reaches(ndrv_join_set_names(&join, "veth1", "eth", "net0", &err), "set_names <veth1> <eth> <net0>");
	assert_reaches(ndrv_join_set_names(&join, "veth1", "eth", NULL, &err), "set_names <veth1> <eth> <>");
	assert_reaches(ndrv_join_set_names(&join, NULL, NULL, NULL, &err), "set_names <> <> <>");
	assert_reaches(ndrv_join_set_gateway(&join, &v4, &err), "set_gateway <10.0.0.1>");
	assert_reaches(ndrv_join_set_gateway(&join, NULL, &err), "set_gateway <>");
	assert_reaches(ndrv_join_set_gateway(&join, &(struct ndrv_addr){0}, &err), "set_gateway <>");
	assert_reaches(ndrv_join_set_gateway6(&join, &v6, &err), "set_gateway6 <fe80::1>");
	assert_reaches(ndrv_join_set_gateway6(&join, NULL, &err), "set_gateway6 <>");
	assert_reaches(ndrv_join_add_static_route(&join, &route, &err), "add_static_route 0.0.0.0/0 0");
	assert_reaches(ndrv_join_disable_gateway_service(&join, &err), "disable_gateway_service");
	assert_reaches(ndrv_join_force_gateway(&join, 6, &err), "force_gateway 6");
	assert_reaches(ndrv_join_add_table_entry(&join, "t", "k", "v1", 2, &err), "add_table_entry t k v1");
	assert_reaches(ndrv_join_add_wait_link(&join, 12, &err), "add_wait_link 12");
	assert_reaches(ndrv_join_set_neighbour(&join, &v4, &mac, &err), "set_neighbour 10.0.0.1 02:42:0a:0a:0a:02");
	assert_reaches(ndrv_network_table_register(&network, "peers", NDRV_OBJECT_ENDPOINT, &err), "table_register peers 3");
}

static void what_the_host_refuses_comes_back_unchanged(void **state)
{
	(void)state;
	answer = NDRV_E_ALREADY_SET;
	assert_fails(ndrv_ifinfo_set_mac(&ifinfo, &mac, &err), &err, NDRV_E_ALREADY_SET, "the host says no");
	assert_fails(ndrv_join_force_gateway(&join, 4, &err), &err, NDRV_E_ALREADY_SET, "the host says no");
	assert_fails(ndrv_network_table_register(&network, "t", 1, &err), &err, NDRV_E_ALREADY_SET, "the host says no");
	answer = 0;
}

static void wrong_arguments_do_not_reach_the_host(void **state)
{
	const struct ndrv_mac multicast = {.set = 1, .bytes = {1}};
	const struct ndrv_mac zero = {.set = 1};
	const struct ndrv_prefix longer = {.addr = {.family = 4}, .length = 33};
	const struct ndrv_route nowhere = {.next_hop = v4};

	(void)state;
	assert_stopped(ndrv_ifinfo_set_mac(&ifinfo, NULL, &err), NDRV_E_BAD_REQUEST,
		       "tried to set nil MAC address to endpoint interface");
	assert_stopped(ndrv_ifinfo_set_mac(&ifinfo, &zero, &err), NDRV_E_BAD_REQUEST, "all zero");
	assert_stopped(ndrv_ifinfo_set_mac(&ifinfo, &multicast, &err), NDRV_E_BAD_REQUEST, "multicast");
	assert_stopped(ndrv_ifinfo_set_address(&ifinfo, NULL, &err), NDRV_E_BAD_REQUEST,
		       "tried to set nil IP address to endpoint interface");
	assert_stopped(ndrv_ifinfo_set_address(&ifinfo, &longer, &err), NDRV_E_BAD_REQUEST, "33 bits");
	assert_stopped(ndrv_ifinfo_mac(&ifinfo, NULL, &err), NDRV_E_BAD_REQUEST, "no place for the MAC address");
	assert_stopped(ndrv_ifinfo_address(&ifinfo, NULL, &err), NDRV_E_BAD_REQUEST, "no place for the address");
	assert_stopped(ndrv_ifinfo_netns(&ifinfo, NULL, NULL, &err), NDRV_E_BAD_REQUEST, "no place for the network namespace");
	assert_stopped(ndrv_ifinfo_ifname(&ifinfo, NULL, &err), NDRV_E_BAD_REQUEST, "no place for the interface name");
	assert_stopped(ndrv_join_set_gateway(&join, &v6, &err), NDRV_E_BAD_REQUEST, "gateway \"fe80::1\" is not an IPv4 address");
	assert_stopped(ndrv_join_set_gateway6(&join, &v4, &err), NDRV_E_BAD_REQUEST, "gateway \"10.0.0.1\" is not an IPv6 address");
	assert_stopped(ndrv_join_add_static_route(&join, &nowhere, &err), NDRV_E_BAD_REQUEST, "destination of a route is not set");
	assert_stopped(ndrv_join_force_gateway(&join, 5, &err), NDRV_E_BAD_REQUEST, "family 5");
	assert_stopped(ndrv_join_add_table_entry(&join, "t", NULL, NULL, 0, &err), NDRV_E_BAD_REQUEST, "needs a table, a key");
	assert_stopped(ndrv_join_add_table_entry(&join, "t", "k", NULL, 1, &err), NDRV_E_BAD_REQUEST, "needs a table, a key");
	assert_stopped(ndrv_join_add_wait_link(&join, 0, &err), NDRV_E_BAD_REQUEST, "index 0");
	assert_stopped(ndrv_join_set_neighbour(&join, NULL, &mac, &err), NDRV_E_BAD_REQUEST, "needs an address");
	assert_stopped(ndrv_join_set_neighbour(&join, &v4, &zero, &err), NDRV_E_BAD_REQUEST, "all zero");
	assert_stopped(ndrv_network_table_register(&network, "", 1, &err), NDRV_E_BAD_REQUEST, "without a name");
	assert_stopped(ndrv_network_table_register(&network, "t", 4, &err), NDRV_E_BAD_REQUEST,
		       "invalid object type 4 in registering table, t");
}

/* Every function of the callback objects, on whatever handles it is given, must answer `code`. */
static void assert_all(struct ndrv_ifinfo *i, struct ndrv_join *j, struct ndrv_network *n, int code, const char *text)
{
	const struct ndrv_route route = {.destination = {.addr = {.family = 4}}, .next_hop = v4};
	struct ndrv_prefix prefix;
	struct ndrv_mac ret_mac;
	const char *string;
	int fd;

	assert_stopped(ndrv_ifinfo_set_mac(i, &mac, &err), code, text);
	assert_stopped(ndrv_ifinfo_set_address(i, &address, &err), code, text);
	assert_stopped(ndrv_ifinfo_mac(i, &ret_mac, &err), code, text);
	assert_stopped(ndrv_ifinfo_address(i, &prefix, &err), code, text);
	assert_stopped(ndrv_ifinfo_address6(i, &prefix, &err), code, text);
	assert_stopped(ndrv_ifinfo_netns(i, &string, &fd, &err), code, text);
	assert_stopped(ndrv_ifinfo_ifname(i, &string, &err), code, text);
	assert_stopped(ndrv_ifinfo_set_created_in_sandbox(i, &err), code, text);
	assert_stopped(ndrv_join_set_names(j, "a", "b", "c", &err), code, text);
	assert_stopped(ndrv_join_set_gateway(j, &v4, &err), code, text);
	assert_stopped(ndrv_join_set_gateway6(j, &v6, &err), code, text);
	assert_stopped(ndrv_join_add_static_route(j, &route, &err), code, text);
	assert_stopped(ndrv_join_disable_gateway_service(j, &err), code, text);
	assert_stopped(ndrv_join_force_gateway(j, 4, &err), code, text);
	assert_stopped(ndrv_join_add_table_entry(j, "t", "k", "v", 1, &err), code, text);
	assert_stopped(ndrv_join_add_wait_link(j, 1, &err), code, text);
	assert_stopped(ndrv_join_set_neighbour(j, &v4, &mac, &err), code, text);
	assert_stopped(ndrv_network_table_register(n, "t", 1, &err), code, text);
}

static void handles_that_are_missing_or_taken_back_are_refused(void **state)
{
	struct ndrv_ifinfo stale_ifinfo = {0};
	struct ndrv_join stale_join = {0};
	struct ndrv_network stale_network = {0};

	(void)state;
	assert_all(NULL, NULL, NULL, NDRV_E_BAD_REQUEST, " was passed");
	assert_all(&stale_ifinfo, &stale_join, &stale_network, NDRV_E_STALE_HANDLE, "after its call had returned");
}

static void an_older_hosts_shorter_tables_are_not_read_past_their_end(void **state)
{
	struct ndrv_ifinfo_ops short_ifinfo = ifinfo_ops;
	struct ndrv_join_ops short_join = join_ops;
	struct ndrv_network_ops short_network = network_ops;
	struct ndrv_ifinfo i = {.ops = &short_ifinfo};
	struct ndrv_join j = {.ops = &short_join};
	struct ndrv_network n = {.ops = &short_network};

	(void)state;
	short_ifinfo.size = short_join.size = short_network.size = 8;
	assert_all(&i, &j, &n, NDRV_E_NOT_IMPLEMENTED, "this host's ");
	short_ifinfo = (struct ndrv_ifinfo_ops){.size = sizeof(short_ifinfo)};
	short_join = (struct ndrv_join_ops){.size = sizeof(short_join)};
	short_network = (struct ndrv_network_ops){.size = sizeof(short_network)};
	assert_all(&i, &j, &n, NDRV_E_NOT_IMPLEMENTED, "this host's ");
	short_join = join_ops;
	short_join.size = offsetof(struct ndrv_join_ops, set_neighbour);
	assert_reaches(ndrv_join_add_wait_link(&j, 3, &err), "add_wait_link 3");
	assert_stopped(ndrv_join_set_neighbour(&j, &v4, &mac, &err), NDRV_E_NOT_IMPLEMENTED, "join info has no set_neighbour");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interface_info_reaches_the_host),
		cmocka_unit_test(join_info_reaches_the_host),
		cmocka_unit_test(what_the_host_refuses_comes_back_unchanged),
		cmocka_unit_test(wrong_arguments_do_not_reach_the_host),
		cmocka_unit_test(handles_that_are_missing_or_taken_back_are_refused),
		cmocka_unit_test(an_older_hosts_shorter_tables_are_not_read_past_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
