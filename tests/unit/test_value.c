/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <ndrv/network.h>
#include <ndrv/value.h>

#include "host/base/arena.h"

static struct arena memory;
static struct ndrv_arena *const arena = &memory.ndrv;

static int setup(void **state)
{
	(void)state;
	arena_init(&memory, 16u << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_reset(&memory);
	return 0;
}

static struct ndrv_value one(const char *key, struct ndrv_value value)
{
	struct ndrv_value map = ndrv_null();

	assert_int_equal(ndrv_map_set(arena, &map, key, value, NULL), 0);
	return map;
}

static void a_map_keeps_the_order_of_its_keys_and_overwrites_in_place(void **state)
{
	struct ndrv_value map = ndrv_null();
	struct ndrv_error err;
	char key[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_ok(ndrv_map_set(arena, &map, key, ndrv_int(i), &err), &err);
	}
	snprintf(key, sizeof(key), "clobbered");
	assert_ok(ndrv_map_set(arena, &map, "key7", ndrv_string("seven"), &err), &err);
	assert_int_equal(map.count, 100);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_string_equal(map.u.pairs[i].key, key);
		if (i != 7)
			assert_int_equal(ndrv_map_get(&map, key)->u.integer, i);
	}
	assert_string_equal(ndrv_map_get(&map, "key7")->u.string, "seven");
	assert_int_equal(ndrv_map_get(&map, "key7")->count, 5);
	assert_null(ndrv_map_get(&map, "key100"));
}

static void a_list_grows_and_keeps_its_members(void **state)
{
	struct ndrv_value list = ndrv_null();
	struct ndrv_error err;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_ok(ndrv_list_add(arena, &list, ndrv_int(i * 3), &err), &err);
	assert_int_equal(list.type, NDRV_LIST);
	assert_int_equal(list.count, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(list.u.items[i].u.integer, i * 3);
}

static void a_copy_can_be_added_to_and_leaves_the_original_alone(void **state)
{
	static const struct ndrv_pair fixed[3] = {
		{"a", {.type = NDRV_INT, .u.integer = 1}}, {"b", {.type = NDRV_NULL}}, {"c", {.type = NDRV_BOOL, .u.boolean = 1}}};
	const struct ndrv_value given = {.type = NDRV_MAP, .count = 3, .u.pairs = fixed};
	struct ndrv_value copy = ndrv_null();
	struct ndrv_error err;

	(void)state;
	assert_ok(ndrv_value_copy(arena, &given, &copy, &err), &err);
	assert_true(ndrv_value_equal(&given, &copy));
	assert_ok(ndrv_map_set(arena, &copy, "d", ndrv_string("new"), &err), &err);
	assert_ok(ndrv_map_set(arena, &copy, "a", ndrv_int(2), &err), &err);
	assert_int_equal(given.u.pairs[0].value.u.integer, 1);
	assert_int_equal(copy.count, 4);
	assert_false(ndrv_value_equal(&given, &copy));
}

static void wrong_containers_are_refused(void **state)
{
	struct ndrv_value list = ndrv_null();
	struct ndrv_value number = ndrv_int(1);
	struct ndrv_error err;

	(void)state;
	assert_ok(ndrv_list_add(arena, &list, ndrv_int(1), &err), &err);
	assert_fails(ndrv_map_set(arena, &list, "k", ndrv_null(), &err), &err, NDRV_E_BAD_REQUEST, "\"k\" cannot be set");
	assert_fails(ndrv_list_add(arena, &number, ndrv_null(), &err), &err, NDRV_E_BAD_REQUEST, "no list");
}

static void trees_too_deep_or_of_unknown_types_are_refused(void **state)
{
	struct ndrv_value levels[100];
	struct ndrv_value ret = ndrv_int(42);
	const struct ndrv_value odd = {.type = 77};
	struct ndrv_error err;

	(void)state;
	levels[0] = ndrv_null();
	for (int i = 1; i < 100; i++)
		levels[i] = (struct ndrv_value){.type = NDRV_LIST, .count = 1, .u.items = &levels[i - 1]};
	assert_ok(ndrv_value_copy(arena, &levels[64], &ret, &err), &err);
	ret = ndrv_int(42);
	assert_fails(ndrv_value_copy(arena, &levels[65], &ret, &err), &err, NDRV_E_BAD_REQUEST, "deeper than 64");
	assert_fails(ndrv_value_copy(arena, &odd, &ret, &err), &err, NDRV_E_BAD_REQUEST, "unknown type 77");
	assert_int_equal(ret.u.integer, 42);
	assert_false(ndrv_value_equal(&odd, &odd));
}

static void short_memory_is_an_error_and_leaves_the_value_alone(void **state)
{
	struct arena tiny;
	struct ndrv_value map = ndrv_null();
	struct ndrv_value kept;
	struct ndrv_error err;
	int added = 0;
	int rc = 0;

	(void)state;
	arena_init(&tiny, 400);
	while (rc == 0 && added < 100) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", added);
		kept = map;
		rc = ndrv_map_set(&tiny.ndrv, &map, key, ndrv_int(added), &err);
		added += rc == 0;
	}
	assert_int_equal(rc, -NDRV_E_INTERNAL);
	assert_int_equal(map.count, added);
	assert_ptr_equal(map.u.pairs, kept.u.pairs);
	assert_null(ndrv_arena_strdup(&tiny.ndrv, "a text that is too long for what is left of these four hundred bytes: "
						  "a text that is too long for what is left of these four hundred bytes: "
						  "a text that is too long for what is left of these four hundred bytes"));
	assert_null(ndrv_arena_alloc(NULL, 1));
	arena_reset(&tiny);
}

static void bools_are_read_as_go_reads_them(void **state)
{
	static const char *const truths[] = {"1", "t", "T", "TRUE", "true", "True"};
	static const char *const lies[] = {"0", "f", "F", "FALSE", "false", "False"};
	static const char *const neither[] = {"", "yes", "TrUe", "01", "true "};
	struct ndrv_error err;
	int ret;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct ndrv_value map = one("b", ndrv_string(truths[i]));
		ret = -1;
		assert_int_equal(ndrv_map_bool(&map, "b", &ret, &err), 1);
		assert_int_equal(ret, 1);
		map = one("b", ndrv_string(lies[i]));
		assert_int_equal(ndrv_map_bool(&map, "b", &ret, &err), 1);
		assert_int_equal(ret, 0);
	}
	for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++) {
		struct ndrv_value map = one("b", ndrv_string(neither[i]));
		ret = -1;
		assert_fails(ndrv_map_bool(&map, "b", &ret, &err), &err, NDRV_E_BAD_REQUEST, "failed to parse b value");
		assert_int_equal(ret, -1);
	}
	struct ndrv_value map = one("com.docker.network.bridge.enable_icc", ndrv_string("maybe"));
	ndrv_map_bool(&map, "com.docker.network.bridge.enable_icc", &ret, &err);
	assert_string_equal(err.text,
			    "failed to parse com.docker.network.bridge.enable_icc value: maybe (strconv.ParseBool: parsing "
			    "\"maybe\": invalid syntax)");
}

static void integers_are_read_from_numbers_and_decimal_strings(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {{"0", 0},
		    {"1500", 1500},
		    {"-1", -1},
		    {"+7", 7},
		    {"007", 7},
		    {"9223372036854775807", INT64_MAX},
		    {"-9223372036854775808", INT64_MIN}};
	static const char *const bad[] = {"", "-", "x", "1x", " 1", "1 ", "0x10", "1.5", "--1"};
	struct ndrv_error err;
	int64_t ret;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct ndrv_value map = one("n", ndrv_string(good[i].text));
		assert_int_equal(ndrv_map_int(&map, "n", &ret, &err), 1);
		assert_true(ret == good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ndrv_value map = one("n", ndrv_string(bad[i]));
		ret = 99;
		assert_fails(ndrv_map_int(&map, "n", &ret, &err), &err, NDRV_E_BAD_REQUEST, "invalid syntax");
		assert_int_equal(ret, 99);
	}
	struct ndrv_value map = one("n", ndrv_string("9223372036854775808"));
	assert_fails(ndrv_map_int(&map, "n", &ret, &err), &err, NDRV_E_BAD_REQUEST,
		     "strconv.Atoi: parsing \"9223372036854775808\": value out of range");
	map = one("n", ndrv_int(-3));
	assert_int_equal(ndrv_map_int(&map, "n", &ret, &err), 1);
	assert_int_equal(ret, -3);
}

static void absent_and_null_are_not_errors_and_other_types_are(void **state)
{
	struct ndrv_value map = one("null", ndrv_null());
	struct ndrv_value number = ndrv_int(1);
	struct ndrv_error err;
	const char *text = "kept";
	int64_t integer = 5;
	int truth = 5;

	(void)state;
	assert_ok(ndrv_map_set(arena, &map, "list", (struct ndrv_value){.type = NDRV_LIST}, &err), &err);
	assert_int_equal(ndrv_map_bool(&map, "null", &truth, &err), 0);
	assert_int_equal(ndrv_map_int(&map, "nothing", &integer, &err), 0);
	assert_int_equal(ndrv_map_string(NULL, "nothing", &text, &err), 0);
	assert_int_equal(ndrv_map_string(&number, "nothing", &text, &err), 0);
	assert_fails(ndrv_map_bool(&map, "list", &truth, &err), &err, NDRV_E_BAD_REQUEST,
		     "option \"list\" must be a bool, not a list");
	assert_fails(ndrv_map_int(&map, "list", &integer, &err), &err, NDRV_E_BAD_REQUEST, "must be an integer, not a list");
	assert_fails(ndrv_map_string(&map, "list", &text, &err), &err, NDRV_E_BAD_REQUEST, "must be a string, not a list");
	assert_string_equal(text, "kept");
	assert_int_equal(integer, 5);
	assert_int_equal(truth, 5);
}

static void a_path_of_keys_is_followed(void **state)
{
	struct ndrv_value options = one(NDRV_OPT_GENERIC, one("parent", ndrv_string("eth0")));

	(void)state;
	assert_string_equal(ndrv_map_path(&options, NDRV_OPT_GENERIC, "parent", NULL)->u.string, "eth0");
	assert_null(ndrv_map_path(&options, NDRV_OPT_GENERIC, "mode", NULL));
	assert_null(ndrv_map_path(&options, "x", "parent", NULL));
	assert_null(ndrv_map_path(NULL, "x", NULL));
	assert_ptr_equal(ndrv_map_path(&options, NULL), &options);
}

static void maps_are_equal_whatever_their_order(void **state)
{
	struct ndrv_value a = ndrv_null(), b = ndrv_null(), c;

	(void)state;
	ndrv_map_set(arena, &a, "x", ndrv_int(1), NULL);
	ndrv_map_set(arena, &a, "y", one("z", ndrv_string("s")), NULL);
	ndrv_map_set(arena, &b, "y", one("z", ndrv_string("s")), NULL);
	ndrv_map_set(arena, &b, "x", ndrv_int(1), NULL);
	assert_true(ndrv_value_equal(&a, &b));
	ndrv_map_set(arena, &b, "x", ndrv_string("1"), NULL);
	assert_false(ndrv_value_equal(&a, &b));
	c = ndrv_null();
	assert_false(ndrv_value_equal(&a, &c));
	assert_false(ndrv_value_equal(&a, NULL));
	assert_true(ndrv_value_equal(NULL, NULL));
}

static void texts_are_printed_into_the_arena(void **state)
{
	(void)state;
	assert_string_equal(ndrv_arena_printf(arena, "%s-%d", "veth", 12), "veth-12");
	assert_int_equal(ndrv_string(NULL).type, NDRV_NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_keeps_the_order_of_its_keys_and_overwrites_in_place),
		cmocka_unit_test(a_list_grows_and_keeps_its_members),
		cmocka_unit_test(a_copy_can_be_added_to_and_leaves_the_original_alone),
		cmocka_unit_test(wrong_containers_are_refused),
		cmocka_unit_test(trees_too_deep_or_of_unknown_types_are_refused),
		cmocka_unit_test(short_memory_is_an_error_and_leaves_the_value_alone),
		cmocka_unit_test(bools_are_read_as_go_reads_them),
		cmocka_unit_test(integers_are_read_from_numbers_and_decimal_strings),
		cmocka_unit_test(absent_and_null_are_not_errors_and_other_types_are),
		cmocka_unit_test(a_path_of_keys_is_followed),
		cmocka_unit_test(maps_are_equal_whatever_their_order),
		cmocka_unit_test(texts_are_printed_into_the_arena),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
