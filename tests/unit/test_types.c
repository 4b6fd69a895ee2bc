/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <ndrv/table.h>
#include <ndrv/types.h>

static struct ndrv_error err;

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_prefix ret;

	assert_ok(ndrv_prefix_parse(text, &ret, &err), &err);
	return ret;
}

static struct ndrv_addr addr(const char *text)
{
	struct ndrv_addr ret;

	assert_ok(ndrv_addr_parse(text, &ret, &err), &err);
	return ret;
}

static void prefixes_are_read_as_go_reads_them_and_keep_host_bits(void **state)
{
	static const char *const rows[][2] = {
		{"10.0.0.5/8", "10.0.0.5/8"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"255.255.255.255/32", "255.255.255.255/32"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"::ffff:10.0.0.9/128", "10.0.0.9/32"},
		{"2001:DB8::1/64", "2001:db8::1/64"},
		{"::/0", "::/0"},
		{"1:0:0:2:0:0:0:3/64", "1:0:0:2::3/64"},
		{"1:0:0:2:0:0:3:4/64", "1::2:0:0:3:4/64"},
		{"1:2:3:4:5:6:7:0/128", "1:2:3:4:5:6:7:0/128"},
		{"0:2:3:4:5:6:7:8/128", "0:2:3:4:5:6:7:8/128"},
		{"1:2:3:4:5:6:0:0/128", "1:2:3:4:5:6::/128"},
		{"::1.2.3.4/128", "::102:304/128"},
	};
	char text[NDRV_PREFIX_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_prefix ret = prefix(rows[i][0]);
		assert_string_equal(ndrv_prefix_format(&ret, text), rows[i][1]);
	}
}

static void what_go_refuses_as_a_prefix_is_refused_with_its_sentence(void **state)
{
	static const char *const rows[] = {"",
					   "10.0.0.0",
					   "010.0.0.0/8",
					   "10.0.0.0/",
					   "10.0.0.0/33",
					   "10.0.0.0/-1",
					   "10.0.0.0/8x",
					   "10.0.0.0/08",
					   "10.0.0/8",
					   "/8",
					   "::1/129",
					   "fe80::1%eth0/64",
					   "1::2::3/64",
					   "12345::/16",
					   "10.0.0.0/8/8",
					   " 10.0.0.0/8",
					   "::ffff:10.0.0.0/64",
					   "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/64",
					   "10.0.0.0/4294967304"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_prefix ret = {.length = 77};
		snprintf(text, sizeof(text), "invalid CIDR address: %s", rows[i]);
		assert_fails(ndrv_prefix_parse(rows[i], &ret, &err), &err, NDRV_E_BAD_REQUEST, text);
		assert_string_equal(err.text, text);
		assert_int_equal(ret.length, 77);
	}
	assert_int_equal(ndrv_prefix_parse(NULL, NULL, NULL), -NDRV_E_BAD_REQUEST);
}

static void addresses_are_read_and_written(void **state)
{
	char text[NDRV_ADDR_TEXT];
	struct ndrv_addr ret = {0};

	(void)state;
	assert_string_equal(ndrv_addr_format(&ret, text), "");
	ret = addr("::ffff:1.2.3.4");
	assert_int_equal(ret.family, 4);
	assert_string_equal(ndrv_addr_format(&ret, text), "1.2.3.4");
	ret = addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_string_equal(ndrv_addr_format(&ret, text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_fails(ndrv_addr_parse("10.10.10.1/24", &ret, &err), &err, NDRV_E_BAD_REQUEST, "invalid IP address: 10.10.10.1/24");
	assert_fails(ndrv_addr_parse("fe80::1%1", &ret, &err), &err, NDRV_E_BAD_REQUEST, "fe80::1%1");
	assert_fails(ndrv_addr_parse("", &ret, &err), &err, NDRV_E_BAD_REQUEST, "invalid IP address");
	assert_true(ndrv_addr_is_unspecified(&(struct ndrv_addr){.family = 4}));
	assert_true(ndrv_addr_is_unspecified(&(struct ndrv_addr){.family = 6}));
	assert_false(ndrv_addr_is_unspecified(&(struct ndrv_addr){.family = 0}));
	ret = addr("0.0.0.1");
	assert_false(ndrv_addr_is_unspecified(&ret));
}

static void macs_are_read_in_three_spellings(void **state)
{
	static const char *const good[] = {"02:42:0a:0a:0a:02", "02-42-0A-0a-0a-02", "0242.0a0a.0a02"};
	static const char *const bad[] = {"",
					  "zz",
					  "02:42:0a:0a:0a",
					  "02:42:0a:0a:0a:02:03:04",
					  "02:42-0a:0a:0a:02",
					  "0242:0a0a:0a02",
					  "02.42.0a.0a.0a.02",
					  "02:42:0a:0a:0a:0g",
					  "02:42:0a:0a:0a:02 ",
					  "0242.0a0a.0a0"};
	struct ndrv_mac ret = {0};
	char text[NDRV_MAC_TEXT];

	(void)state;
	assert_string_equal(ndrv_mac_format(&ret, text), "");
	for (size_t i = 0; i < 3; i++) {
		assert_ok(ndrv_mac_parse(good[i], &ret, &err), &err);
		assert_string_equal(ndrv_mac_format(&ret, text), "02:42:0a:0a:0a:02");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_fails(ndrv_mac_parse(bad[i], &ret, &err), &err, NDRV_E_BAD_REQUEST, "invalid MAC address");
	ndrv_mac_parse("zz", &ret, &err);
	assert_string_equal(err.text, "address zz: invalid MAC address");
}

static void only_a_unicast_mac_passes(void **state)
{
	struct ndrv_mac mac = {0};

	(void)state;
	assert_fails(ndrv_mac_check(&mac, &err), &err, NDRV_E_BAD_REQUEST, "not set");
	assert_fails(ndrv_mac_check(NULL, &err), &err, NDRV_E_BAD_REQUEST, "not set");
	mac.set = 1;
	assert_fails(ndrv_mac_check(&mac, &err), &err, NDRV_E_BAD_REQUEST, "00:00:00:00:00:00 is all zero");
	memset(mac.bytes, 0xff, 6);
	assert_fails(ndrv_mac_check(&mac, &err), &err, NDRV_E_BAD_REQUEST, "ff:ff:ff:ff:ff:ff");
	mac.bytes[0] = 0x01;
	assert_fails(ndrv_mac_check(&mac, &err), &err, NDRV_E_BAD_REQUEST, "multicast");
	mac.bytes[0] = 0x02;
	assert_ok(ndrv_mac_check(&mac, &err), &err);
}

static void prefixes_contain_and_overlap(void **state)
{
	static const struct {
		const char *prefix, *addr;
		int contains;
	} in[] = {
		{"10.0.0.0/8", "10.255.0.1", 1},
		{"10.0.0.0/8", "11.0.0.0", 0},
		{"10.0.0.128/25", "10.0.0.127", 0},
		{"10.0.0.128/25", "10.0.0.255", 1},
		{"0.0.0.0/0", "255.1.1.1", 1},
		{"0.0.0.0/0", "::1", 0},
		{"10.0.0.1/32", "10.0.0.1", 1},
		{"10.0.0.1/32", "10.0.0.0", 0},
		{"2001:db8::/33", "2001:db8:7fff::1", 1},
		{"2001:db8::/33", "2001:db8:8000::1", 0},
		{"2001:db8::5/128", "2001:db8::5", 1},
	};
	static const struct {
		const char *a, *b;
		int overlap;
	} both[] = {
		{"10.0.0.0/8", "10.5.0.0/16", 1}, {"10.5.0.0/16", "10.0.0.0/8", 1}, {"10.0.0.0/24", "10.0.1.0/24", 0},
		{"0.0.0.0/0", "1.2.3.4/32", 1},	  {"0.0.0.0/0", "::/0", 0},	    {"10.0.0.77/24", "10.0.0.0/25", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct ndrv_prefix p = prefix(in[i].prefix);
		struct ndrv_addr a = addr(in[i].addr);
		assert_int_equal(ndrv_prefix_contains(&p, &a), in[i].contains);
	}
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		struct ndrv_prefix a = prefix(both[i].a), b = prefix(both[i].b);
		assert_int_equal(ndrv_prefix_overlaps(&a, &b), both[i].overlap);
	}
}

static void values_from_a_careless_driver_do_no_harm(void **state)
{
	struct ndrv_prefix odd = {.addr = {.family = 7}, .length = 4000000000u};
	struct ndrv_prefix longer = {.addr = {.family = 4}, .length = 200};
	struct ndrv_addr v4 = {.family = 4};
	char text[NDRV_PREFIX_TEXT];

	(void)state;
	assert_false(ndrv_prefix_contains(&odd, &odd.addr));
	assert_false(ndrv_prefix_overlaps(&odd, &odd));
	assert_string_equal(ndrv_prefix_format(&odd, text), "");
	assert_true(ndrv_prefix_contains(&longer, &v4));
	ndrv_prefix_network(&longer);
	ndrv_prefix_network(&odd);
	assert_fails(ndrv_prefix_check("pool", &odd, &err), &err, NDRV_E_BAD_REQUEST, "pool has address family 7");
	assert_fails(ndrv_prefix_check("pool", &longer, &err), &err, NDRV_E_BAD_REQUEST, "pool 0.0.0.0 has 200 bits");
	assert_fails(ndrv_prefix_check("pool", NULL, &err), &err, NDRV_E_BAD_REQUEST, "pool is not set");
	longer.length = 32;
	assert_ok(ndrv_prefix_check("pool", &longer, &err), &err);
	longer.length = 33;
	assert_fails(ndrv_prefix_check("pool", &longer, &err), &err, NDRV_E_BAD_REQUEST, "33 bits");
}

static void the_network_of_a_prefix_has_no_host_bits(void **state)
{
	static const char *const rows[][2] = {{"10.1.2.3/8", "10.0.0.0/8"},	   {"10.1.2.3/32", "10.1.2.3/32"},
					      {"10.1.2.3/0", "0.0.0.0/0"},	   {"10.1.2.255/25", "10.1.2.128/25"},
					      {"2001:db8::5/64", "2001:db8::/64"}, {"2001:db8:ffff::5/33", "2001:db8:8000::/33"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_prefix from = prefix(rows[i][0]), wanted = prefix(rows[i][1]);
		struct ndrv_prefix network = ndrv_prefix_network(&from);
		assert_true(ndrv_prefix_equal(&network, &wanted));
	}
	struct ndrv_prefix a = prefix("10.0.0.0/8"), b = prefix("10.0.0.0/9"), unset = {.length = 3}, other = {.length = 4};
	assert_false(ndrv_prefix_equal(&a, &b));
	assert_true(ndrv_prefix_equal(&unset, &other));
	assert_false(ndrv_prefix_equal(&a, &unset));
}

static void ids_are_checked(void **state)
{
	char longest[NDRV_ID_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[NDRV_ID_MAX] = '\0';
	assert_ok(ndrv_id_check("network id", "a", &err), &err);
	assert_ok(ndrv_id_check("network id", longest, &err), &err);
	assert_ok(ndrv_id_check("network id", "0a_.-Z", &err), &err);
	longest[NDRV_ID_MAX] = 'a';
	longest[NDRV_ID_MAX + 1] = '\0';
	assert_fails(ndrv_id_check("network id", longest, &err), &err, NDRV_E_BAD_REQUEST, "longer than 128");
	assert_fails(ndrv_id_check("network id", "", &err), &err, NDRV_E_BAD_REQUEST, "network id is empty");
	assert_fails(ndrv_id_check("network id", NULL, &err), &err, NDRV_E_BAD_REQUEST, "network id is empty");
	assert_fails(ndrv_id_check("endpoint id", "../x", &err), &err, NDRV_E_BAD_REQUEST, "endpoint id \"../x\"");
	assert_fails(ndrv_id_check("network id", "-a", &err), &err, NDRV_E_BAD_REQUEST, "\"-a\"");
	assert_fails(ndrv_id_check("network id", "a b", &err), &err, NDRV_E_BAD_REQUEST, "\"a b\"");
	assert_fails(ndrv_id_check("network id", "a/b", &err), &err, NDRV_E_BAD_REQUEST, "\"a/b\"");
	assert_fails(ndrv_id_check("network id", "\xc3\xa4", &err), &err, NDRV_E_BAD_REQUEST, "network id");
}

static void interface_names_are_checked(void **state)
{
	static const char *const good[] = {"eth0", "br-0123456789ab", "_x", "0", "a.b-c_d"};
	static const char *const bad[] = {"",	"all", "default",	   "lo",      "a b", "a/b", "a:b", ".", "..",
					  "-x", "a%d", "abcdefghijklmnop", "\xc3\xa4"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_ok(ndrv_ifname_check(good[i], &err), &err);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_fails(ndrv_ifname_check(bad[i], &err), &err, NDRV_E_BAD_REQUEST, "interface name");
	assert_fails(ndrv_ifname_check(NULL, &err), &err, NDRV_E_BAD_REQUEST, "interface name is empty");
}

static void routes_are_checked(void **state)
{
	struct ndrv_route route = {.next_hop = addr("10.0.0.1")};

	(void)state;
	assert_fails(ndrv_route_check(NULL, &err), &err, NDRV_E_BAD_REQUEST, "no route was passed");
	assert_fails(ndrv_route_check(&route, &err), &err, NDRV_E_BAD_REQUEST, "destination of a route is not set");
	route.destination = prefix("0.0.0.0/0");
	assert_ok(ndrv_route_check(&route, &err), &err);
	route.next_hop = addr("0.0.0.0");
	assert_fails(ndrv_route_check(&route, &err), &err, NDRV_E_BAD_REQUEST, "route to 0.0.0.0/0 needs a next hop");
	route.next_hop = (struct ndrv_addr){0};
	assert_fails(ndrv_route_check(&route, &err), &err, NDRV_E_BAD_REQUEST, "needs a next hop");
	route.next_hop = addr("fe80::1");
	assert_fails(ndrv_route_check(&route, &err), &err, NDRV_E_BAD_REQUEST, "other family: fe80::1");
	route.type = NDRV_ROUTE_CONNECTED;
	assert_ok(ndrv_route_check(&route, &err), &err);
	route.type = 7;
	assert_fails(ndrv_route_check(&route, &err), &err, NDRV_E_BAD_REQUEST, "type 7");
	route.destination.length = 33;
	assert_fails(ndrv_route_check(&route, &err), &err, NDRV_E_BAD_REQUEST, "33 bits");
}

/* A newer host's event, longer than ours. */
struct longer_event {
	struct ndrv_table_event event;
	uint64_t later[3];
};

static void batches_of_a_newer_host_are_stepped_by_its_element_size(void **state)
{
	static const struct longer_event events[3] = {
		{.event = {.key = "a", .value = "1", .value_bytes = 1}},
		{.event = {.key = "b", .previous = "1", .value = "2"}},
		{.event = {.key = "c", .previous = "2"}},
	};
	struct ndrv_table_batch batch = {
		.size = sizeof(batch), .count = 3, .element_size = sizeof(events[0]), .events = &events[0].event};

	(void)state;
	assert_string_equal(ndrv_table_event_at(&batch, 2)->key, "c");
	assert_null(ndrv_table_event_at(&batch, 3));
	assert_null(ndrv_table_event_at(NULL, 0));
	assert_int_equal(ndrv_table_event_type(ndrv_table_event_at(&batch, 0)), NDRV_EVENT_CREATE);
	assert_int_equal(ndrv_table_event_type(ndrv_table_event_at(&batch, 1)), NDRV_EVENT_UPDATE);
	assert_int_equal(ndrv_table_event_type(ndrv_table_event_at(&batch, 2)), NDRV_EVENT_DELETE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_are_read_as_go_reads_them_and_keep_host_bits),
		cmocka_unit_test(what_go_refuses_as_a_prefix_is_refused_with_its_sentence),
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(macs_are_read_in_three_spellings),
		cmocka_unit_test(only_a_unicast_mac_passes),
		cmocka_unit_test(prefixes_contain_and_overlap),
		cmocka_unit_test(values_from_a_careless_driver_do_no_harm),
		cmocka_unit_test(the_network_of_a_prefix_has_no_host_bits),
		cmocka_unit_test(ids_are_checked),
		cmocka_unit_test(interface_names_are_checked),
		cmocka_unit_test(routes_are_checked),
		cmocka_unit_test(batches_of_a_newer_host_are_stepped_by_its_element_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
