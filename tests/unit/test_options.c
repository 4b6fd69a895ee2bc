/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <ndrv/host.h>
#include <ndrv/options.h>

#include "host/base/arena.h"

struct config {
	int icc;
	int64_t mtu;
	int64_t any;
	const char *parent;
	char name[NDRV_IFNAME_MAX];
	struct ndrv_addr source;
	struct ndrv_addr source6;
	int mode;
};

#define AT(member) ((uint32_t)offsetof(struct config, member))

static const struct ndrv_option table[] = {
	{.name = "com.docker.network.bridge.enable_icc", .type = NDRV_OPTION_BOOL, .offset = AT(icc), .fallback = "true"},
	{.name = NDRV_OPT_MTU, .type = NDRV_OPTION_INT, .offset = AT(mtu), .minimum = 0, .maximum = 65535},
	{.name = "any", .type = NDRV_OPTION_INT, .offset = AT(any)},
	{.name = "parent", .type = NDRV_OPTION_STRING, .offset = AT(parent)},
	{.name = "com.docker.network.bridge.name", .type = NDRV_OPTION_IFNAME, .offset = AT(name)},
	{.name = "com.docker.network.host_ipv4", .type = NDRV_OPTION_ADDR4, .offset = AT(source)},
	{.name = "com.docker.network.host_ipv6", .type = NDRV_OPTION_ADDR6, .offset = AT(source6)},
	{.name = "mode", .type = NDRV_OPTION_CHOICE, .offset = AT(mode), .choices = "bridge|private|vepa", .fallback = "private"},
};
#define COUNT (sizeof(table) / sizeof(table[0]))

static struct arena memory;
static struct ndrv_arena *const arena = &memory.ndrv;
static struct ndrv_error err;

static int setup(void **state)
{
	(void)state;
	arena_init(&memory, 1u << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_reset(&memory);
	return 0;
}

static struct ndrv_value options(const char *key, const char *text)
{
	struct ndrv_value map = ndrv_null();

	assert_ok(ndrv_map_set(arena, &map, key, ndrv_string(text), &err), &err);
	return map;
}

static int parse(const struct ndrv_value *map, struct config *into)
{
	return ndrv_options_parse(table, COUNT, map, into, arena, NULL, NULL, &err);
}

static void defaults_are_stored_and_the_rest_is_left_alone(void **state)
{
	struct config config = {.mtu = 1234, .parent = "kept"};

	(void)state;
	assert_ok(parse(NULL, &config), &err);
	assert_int_equal(config.icc, 1);
	assert_int_equal(config.mode, 1);
	assert_int_equal(config.mtu, 1234);
	assert_string_equal(config.parent, "kept");
}

static void every_type_is_read(void **state)
{
	struct config config = {0};
	struct ndrv_value map = options("com.docker.network.bridge.enable_icc", "F");
	char text[NDRV_ADDR_TEXT];
	char parent[] = "eth0";

	(void)state;
	ndrv_map_set(arena, &map, NDRV_OPT_MTU, ndrv_string("9000"), NULL);
	ndrv_map_set(arena, &map, "any", ndrv_int(-5), NULL);
	ndrv_map_set(arena, &map, "parent", ndrv_string(parent), NULL);
	ndrv_map_set(arena, &map, "com.docker.network.bridge.name", ndrv_string("br0"), NULL);
	ndrv_map_set(arena, &map, "com.docker.network.host_ipv4", ndrv_string("10.0.0.1"), NULL);
	ndrv_map_set(arena, &map, "com.docker.network.host_ipv6", ndrv_string("fe80::1"), NULL);
	ndrv_map_set(arena, &map, "mode", ndrv_string("vepa"), NULL);
	assert_ok(parse(&map, &config), &err);
	parent[0] = 'X';
	assert_int_equal(config.icc, 0);
	assert_int_equal(config.mtu, 9000);
	assert_int_equal(config.any, -5);
	assert_string_equal(config.parent, "eth0");
	assert_string_equal(config.name, "br0");
	assert_string_equal(ndrv_addr_format(&config.source, text), "10.0.0.1");
	assert_string_equal(ndrv_addr_format(&config.source6, text), "fe80::1");
	assert_int_equal(config.mode, 2);
	map = options("com.docker.network.bridge.name", "");
	assert_ok(parse(&map, &config), &err);
	assert_string_equal(config.name, "");
}

static void wrong_values_are_refused_with_libnetworks_sentences_and_nothing_is_stored(void **state)
{
	static const char *const rows[][3] = {
		{"com.docker.network.bridge.enable_icc", "maybe",
		 "failed to parse com.docker.network.bridge.enable_icc value: maybe (strconv.ParseBool: parsing \"maybe\": invalid "
		 "syntax)"},
		{NDRV_OPT_MTU, "x",
		 "failed to parse com.docker.network.driver.mtu value: x (strconv.Atoi: parsing \"x\": invalid syntax)"},
		{NDRV_OPT_MTU, "-1", "invalid MTU number: -1"},
		{NDRV_OPT_MTU, "65536", "invalid MTU number: 65536"},
		{"com.docker.network.host_ipv4", "x", "failed to parse com.docker.network.host_ipv4 value: x (nil ip)"},
		{"com.docker.network.host_ipv4", "::1", "option \"com.docker.network.host_ipv4\" must be an IPv4 address, not ::1"},
		{"com.docker.network.host_ipv6", "1.2.3.4",
		 "option \"com.docker.network.host_ipv6\" must be an IPv6 address, not 1.2.3.4"},
		{"com.docker.network.bridge.name", "a/b", "option \"com.docker.network.bridge.name\": interface name \"a/b\""},
		{"mode", "foo", "option \"mode\" must be one of bridge|private|vepa, not \"foo\""},
		{"mode", "bridge|private", "must be one of"},
		{"mode", "", "must be one of"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config config, before;
		memset(&config, 0x11, sizeof(config));
		before = config;
		struct ndrv_value map = options("parent", "eth0");
		ndrv_map_set(arena, &map, rows[i][0], ndrv_string(rows[i][1]), NULL);
		assert_fails(parse(&map, &config), &err, NDRV_E_BAD_REQUEST, rows[i][2]);
		assert_memory_equal(&config, &before, sizeof(config));
	}
	struct config config = {0};
	struct ndrv_value map = ndrv_int(1);
	assert_fails(parse(&map, &config), &err, NDRV_E_BAD_REQUEST, "options are not a map");
}

static void a_range_is_named_in_the_refusal(void **state)
{
	static const struct ndrv_option ranged[] = {{.name = "vni", .type = NDRV_OPTION_INT, .minimum = 1, .maximum = 10}};
	struct ndrv_value map = options("vni", "11");
	int64_t into = 3;

	(void)state;
	assert_fails(ndrv_options_parse(ranged, 1, &map, &into, arena, NULL, NULL, &err), &err, NDRV_E_BAD_REQUEST,
		     "option \"vni\" must be from 1 to 10, not 11");
	assert_int_equal(into, 3);
}

static int note_unknown(const char *key, const char *nearest, void *data)
{
	char *line = data;

	snprintf(line, 128, "%s>%s", key, nearest ? nearest : "-");
	return 0;
}

static int refuse_unknown(const char *key, const char *nearest, void *data)
{
	(void)key;
	(void)nearest;
	(void)data;
	return -NDRV_E_UNKNOWN_OPTION;
}

static void unknown_options_are_told_with_the_nearest_name(void **state)
{
	struct config config = {0};
	struct ndrv_value map = options("com.docker.network.bridge.enable_icx", "1");
	char line[128] = "";

	(void)state;
	assert_ok(ndrv_options_parse(table, COUNT, &map, &config, arena, note_unknown, line, &err), &err);
	assert_string_equal(line, "com.docker.network.bridge.enable_icx>com.docker.network.bridge.enable_icc");
	assert_fails(
		ndrv_options_parse(table, COUNT, &map, &config, arena, refuse_unknown, NULL, &err), &err, NDRV_E_UNKNOWN_OPTION,
		"unknown option \"com.docker.network.bridge.enable_icx\", did you mean \"com.docker.network.bridge.enable_icc\"?");
	map = options("zzzzzzzz", "1");
	assert_fails(ndrv_options_parse(table, COUNT, &map, &config, arena, refuse_unknown, NULL, &err), &err,
		     NDRV_E_UNKNOWN_OPTION, "unknown option \"zzzzzzzz\"");
	assert_string_equal(err.text, "unknown option \"zzzzzzzz\"");
	assert_ok(parse(&map, &config), &err);
}

static void the_nearest_name_is_within_a_third_of_the_word(void **state)
{
	static const struct ndrv_option twins[] = {{.name = "vlan1"}, {.name = "vlan2"}};
	char longest[300];

	(void)state;
	assert_string_equal(ndrv_options_nearest(twins, 2, "vlan3"), "vlan1");
	assert_string_equal(ndrv_options_nearest(table, COUNT, "parnt"), "parent");
	assert_string_equal(ndrv_options_nearest(table, COUNT, "modes"), "mode");
	assert_string_equal(ndrv_options_nearest(table, COUNT, "moe"), "mode");
	/* People remember a label's last word. */
	assert_string_equal(ndrv_options_nearest(table, COUNT, "mtu"), NDRV_OPT_MTU);
	assert_string_equal(ndrv_options_nearest(table, COUNT, "enable_ic"), "com.docker.network.bridge.enable_icc");
	assert_null(ndrv_options_nearest(table, COUNT, "gateway"));
	assert_null(ndrv_options_nearest(table, COUNT, ""));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(ndrv_options_nearest(table, COUNT, longest));
}

static void a_table_with_a_type_of_the_future_is_the_drivers_mistake(void **state)
{
	static const struct ndrv_option odd[] = {{.name = "x", .type = 99}};
	int into = 0;

	(void)state;
	assert_fails(ndrv_options_parse(odd, 1, NULL, &into, arena, NULL, NULL, &err), &err, NDRV_E_INTERNAL, "unknown type 99");
}

static int warnings;

static void count_warning(const struct ndrv_host *host, int level, const char *text)
{
	(void)host;
	assert_int_equal(level, NDRV_LOG_WARNING);
	assert_non_null(strstr(text, "did you mean \"parent\"?"));
	warnings++;
}

static void who_asks_decides_whether_an_unknown_name_is_refused(void **state)
{
	static const struct {
		uint32_t front, flags;
		int refused;
	} rows[] = {
		{NDRV_FRONT_CONTROL, 0, 1},
		{NDRV_FRONT_CNI, 0, 1},
		{NDRV_FRONT_DOCKER, 0, 0},
		{NDRV_FRONT_HOST, 0, 0},
		{99, 0, 0},
		{NDRV_FRONT_CONTROL, NDRV_CALL_RESTORE, 0},
	};
	const struct ndrv_host host = {.size = sizeof(host), .log = count_warning};
	struct ndrv_value map = options("parnt", "eth0");
	struct config config = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ndrv_call call = {.err = &err, .arena = arena, .front = rows[i].front, .flags = rows[i].flags};
		ndrv_error_clear(&err);
		warnings = 0;
		int rc = ndrv_options_read(&host, &call, table, COUNT, &map, &config);
		if (rows[i].refused)
			assert_fails(rc, &err, NDRV_E_UNKNOWN_OPTION, "unknown option \"parnt\", did you mean \"parent\"?");
		else
			assert_ok(rc, &err);
		assert_int_equal(warnings, rows[i].refused ? 0 : 1);
	}
}

static void the_platforms_own_names_are_never_unknown(void **state)
{
	static const char *const names[] = {NDRV_OPT_GENERIC,	    NDRV_OPT_MAC,	  NDRV_OPT_PORTMAP,
					    NDRV_OPT_EXPOSED_PORTS, NDRV_OPT_DNS_SERVERS, NDRV_OPT_ENABLE_IPV6};
	const struct ndrv_call call = {.err = &err, .arena = arena, .front = NDRV_FRONT_CONTROL};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ndrv_value map = options(names[i], "x");
		assert_ok(ndrv_options_read(NULL, &call, NULL, 0, &map, NULL), &err);
	}
	struct ndrv_value other = options("x", "y");
	assert_fails(ndrv_options_read(NULL, &call, NULL, 0, &other, NULL), &err, NDRV_E_UNKNOWN_OPTION, "unknown option \"x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_stored_and_the_rest_is_left_alone),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(wrong_values_are_refused_with_libnetworks_sentences_and_nothing_is_stored),
		cmocka_unit_test(a_range_is_named_in_the_refusal),
		cmocka_unit_test(unknown_options_are_told_with_the_nearest_name),
		cmocka_unit_test(the_nearest_name_is_within_a_third_of_the_word),
		cmocka_unit_test(who_asks_decides_whether_an_unknown_name_is_refused),
		cmocka_unit_test(the_platforms_own_names_are_never_unknown),
		cmocka_unit_test(a_table_with_a_type_of_the_future_is_the_drivers_mistake),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
