/* SPDX-License-Identifier: Apache-2.0 */
/* host/config/yaml.c, scalar.c, value.c: text -> nodes -> values, and the caps. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "host/config/scalar.h"
#include "host/config/yaml.h"

#define ARENA_BYTES (16u << 20)

struct fixture {
	struct arena arena;
	struct ndrv_error error;
	struct yaml_stats stats;
	struct node *root;
};

static int parse(struct fixture *f, const char *data, size_t bytes)
{
	arena_init(&f->arena, ARENA_BYTES);
	f->error = (struct ndrv_error){0};
	f->root = NULL;
	return yaml_parse(&f->arena, "f.yaml", data, bytes, &f->stats, &f->root, &f->error);
}

static int parse_text(struct fixture *f, const char *text)
{
	return parse(f, text, strlen(text));
}

static void nodes_know_where_they_stand(void **state)
{
	struct fixture f;
	(void)state;

	assert_ok(parse_text(&f, "# a comment\n"
				 "control:\n"
				 "  group: \"ndrv\"   # with a comment\n"
				 "  é: [1, {deep: x}]\n"),
		  &f.error);
	assert_int_equal(f.root->kind, NODE_MAP);
	assert_int_equal(f.root->line, 2);
	const struct node *control = node_find(f.root, "control");
	const struct node *group = node_find(control, "group");
	assert_int_equal(group->line, 3);
	assert_int_equal(group->column, 10);
	assert_int_equal(group->key_column, 3);
	assert_false(group->plain);
	const struct node *list = node_find(control, "é");
	assert_int_equal(list->count, 2);
	assert_int_equal(list->last->index, 1);
	assert_fails(node_fail(list->last->first, &f.error, "no %s", "good"), &f.error, NDRV_E_CONFIG,
		     "f.yaml:4:17: control.é[1].deep: no good");
	assert_fails(node_fail_key(list->last->first, &f.error, "odd"), &f.error, NDRV_E_CONFIG, "f.yaml:4:11: control.é[1]: odd");
	arena_reset(&f.arena);
}

static void lines_are_counted_alike_for_every_line_end(void **state)
{
	static const char *const texts[] = {"a: 1\nb: *x\n", "a: 1\r\nb: *x\r\n", "a: 1\rb: *x\r", "\357\273\277a: 1\nb: *x\n"};
	static const char *const controls[] = {"a: 1\nb: \x01\n", "a: 1\r\nb: \x01\r\n", "a: 1\rb: \x01\r",
					       "\357\273\277a: 1\nb: \x01\n"};
	struct fixture f;
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_fails(parse_text(&f, texts[i]), &f.error, NDRV_E_CONFIG, "f.yaml:2:4: aliases");
		arena_reset(&f.arena);
		assert_fails(parse_text(&f, controls[i]), &f.error, NDRV_E_CONFIG, "f.yaml:2:4: a control character (0x01)");
		arena_reset(&f.arena);
	}
}

static void texts_without_a_document_have_no_root(void **state)
{
	static const char *const texts[] = {"", "\n", "# only a comment\n", "\xEF\xBB\xBF", "   \n\n"};
	struct fixture f;
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_ok(parse_text(&f, texts[i]), &f.error);
		assert_null(f.root);
		arena_reset(&f.arena);
	}
}

/* `open` n times, `middle`, `close` n times. */
static char *nest(const char *open, const char *middle, const char *shut, size_t n)
{
	char *text = malloc(n * (strlen(open) + strlen(shut)) + strlen(middle) + 1), *at = text;

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, open);
	at = stpcpy(at, middle);
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, shut);
	return text;
}

static void the_deepest_allowed_tree_is_read_and_one_more_is_refused(void **state)
{
	static const char *const opens[] = {"[", "{a: ", "["};
	static const char *const shuts[] = {"]", "}", "]"};
	static const char *const middles[] = {"", "1", "1"};
	struct fixture f;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		char *good = nest(opens[i], middles[i], shuts[i], YAML_DEPTH_MAX);
		char *bad = nest(opens[i], middles[i], shuts[i], YAML_DEPTH_MAX + 1);
		assert_ok(parse_text(&f, good), &f.error);
		assert_int_equal(f.stats.depth, YAML_DEPTH_MAX);
		arena_reset(&f.arena);
		assert_fails(parse_text(&f, bad), &f.error, NDRV_E_CONFIG, "more than 32 levels");
		assert_int_equal(f.stats.depth, YAML_DEPTH_MAX);
		arena_reset(&f.arena);
		free(good);
		free(bad);
	}
}

static void the_most_events_allowed_are_read_and_one_more_is_refused(void **state)
{
	/* A list of n has n + 6 events: stream, document and list, begin and end. */
	char *good = nest("- a\n", "", "", YAML_EVENTS_MAX - 6), *bad = nest("- a\n", "", "", YAML_EVENTS_MAX - 5);
	struct fixture f;
	(void)state;

	assert_ok(parse_text(&f, good), &f.error);
	assert_int_equal(f.stats.events, YAML_EVENTS_MAX);
	assert_int_equal(f.root->count, YAML_EVENTS_MAX - 6);
	arena_reset(&f.arena);
	assert_fails(parse_text(&f, bad), &f.error, NDRV_E_CONFIG, "more than 10000 YAML events");
	assert_int_equal(f.stats.events, YAML_EVENTS_MAX + 1);
	arena_reset(&f.arena);
	free(good);
	free(bad);
}

static void the_largest_allowed_text_is_read_and_one_more_byte_is_refused(void **state)
{
	char *text = nest("x", "", "", YAML_BYTES_MAX + 1);
	struct fixture f;
	(void)state;

	assert_ok(parse(&f, text, YAML_BYTES_MAX), &f.error);
	assert_int_equal(strlen(f.root->text), YAML_BYTES_MAX);
	arena_reset(&f.arena);
	assert_fails(parse(&f, text, YAML_BYTES_MAX + 1), &f.error, NDRV_E_CONFIG, "f.yaml: has more than 65536 bytes");
	assert_int_equal(f.stats.events, 0);
	arena_reset(&f.arena);
	free(text);
}

/* Inputs that keep libyaml's own loader busy for seconds. Refused by count, before much was done: never by time. */
static void bombs_are_refused_within_the_caps(void **state)
{
	static const struct {
		const char *piece, *because;
	} bombs[] = {
		{"[", "more than 32 levels"},
		{"{", "a key must be a word"},
		{"{a: ", "more than 32 levels"},
		{"[\"a\",", "more than 32 levels"},
		{"- ", "more than 32 levels"},
		{"? ", "a key must be a word"},
		{"[[[[[\n", "more than 32 levels"},
		{"- &a\n", "anchors"},
		{"&a [*a] ", "anchors"},
		{"- *a\n", "aliases"},
		{"%TAG !a! tag:example.org,2026:\n", "directive"},
		{"!!str a\n", "tags"},
		{"---\n", "second document"},
		{"- a\n", "more than 10000 YAML events"},
		{"-\n", "more than 10000 YAML events"},
		{"a: b\n", "duplicate key"},
		{"\"a\",", "not valid YAML"},
		{"\"", "not valid YAML"},
		{"]", "not valid YAML"},
	};
	struct fixture f;
	(void)state;

	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		char *text = nest(bombs[i].piece, "", "", 100000);
		assert_fails(parse_text(&f, text), &f.error, NDRV_E_CONFIG, "has more than 65536 bytes");
		arena_reset(&f.arena);
		/* The part that is not too large. */
		assert_fails(parse(&f, text, YAML_BYTES_MAX), &f.error, NDRV_E_CONFIG, bombs[i].because);
		assert_true(f.stats.events <= YAML_EVENTS_MAX + 1);
		assert_true(f.stats.depth <= YAML_DEPTH_MAX);
		arena_reset(&f.arena);
		free(text);
	}
}

static void thousands_of_keys_are_all_compared(void **state)
{
	char *text = malloc(YAML_BYTES_MAX), *at = text;
	struct fixture f;
	(void)state;

	assert_non_null(text);
	for (unsigned i = 0; i < 4900; i++)
		at += sprintf(at, "k%u: 1\n", i);
	assert_ok(parse_text(&f, text), &f.error);
	assert_int_equal(f.root->count, 4900);
	arena_reset(&f.arena);
	(void)sprintf(at, "k17: 2\n");
	assert_fails(parse_text(&f, text), &f.error, NDRV_E_CONFIG,
		     "f.yaml:4901:1: duplicate key \"k17\", which stands at line 18");
	arena_reset(&f.arena);
	free(text);
}

static void the_same_key_may_stand_in_different_maps(void **state)
{
	struct fixture f;
	(void)state;

	assert_ok(parse_text(&f, "a: {a: 1}\nb: [{a: 1}, {a: 2}]\n"), &f.error);
	arena_reset(&f.arena);
	/* So many that some share a slot of the table of keys. */
	char *text = nest("- {a: 1}\n", "", "", 2400);
	assert_ok(parse_text(&f, text), &f.error);
	arena_reset(&f.arena);
	free(text);
	assert_fails(parse_text(&f, "b: [{a: 1, c: {a: 2}, 'a': 3}]\n"), &f.error, NDRV_E_CONFIG,
		     "f.yaml:1:23: duplicate key \"a\"");
	arena_reset(&f.arena);
}

static void plain_scalars_mean_what_yaml_1_2_says(void **state)
{
	static const struct {
		const char *text;
		enum scalar_type type;
		int64_t value;
	} cases[] = {
		{"", SCALAR_NULL, 0},
		{"~", SCALAR_NULL, 0},
		{"null", SCALAR_NULL, 0},
		{"NULL", SCALAR_NULL, 0},
		{"nUll", SCALAR_TEXT, 0},
		{"true", SCALAR_BOOL, 1},
		{"false", SCALAR_BOOL, 0},
		{"yes", SCALAR_TEXT, 0},
		{"no", SCALAR_TEXT, 0},
		{"on", SCALAR_TEXT, 0},
		{"True", SCALAR_TEXT, 0},
		{"0", SCALAR_INT, 0},
		{"-0", SCALAR_INT, 0},
		{"12", SCALAR_INT, 12},
		{"+12", SCALAR_INT, 12},
		{"-12", SCALAR_INT, -12},
		{"0x1F", SCALAR_INT, 31},
		{"0o17", SCALAR_INT, 15},
		{"0b1", SCALAR_TEXT, 0},
		{"0x", SCALAR_TEXT, 0},
		{"-0x1", SCALAR_TEXT, 0},
		{"010", SCALAR_REFUSED, 0},
		{"-01", SCALAR_REFUSED, 0},
		{"9223372036854775807", SCALAR_INT, INT64_MAX},
		{"-9223372036854775808", SCALAR_INT, INT64_MIN},
		{"9223372036854775808", SCALAR_REFUSED, 0},
		{"0xffffffffffffffff", SCALAR_REFUSED, 0},
		{"1.5", SCALAR_REFUSED, 0},
		{"1.", SCALAR_REFUSED, 0},
		{".5", SCALAR_REFUSED, 0},
		{"1e3", SCALAR_REFUSED, 0},
		{"-1.5E-3", SCALAR_REFUSED, 0},
		{".inf", SCALAR_REFUSED, 0},
		{"-.inf", SCALAR_REFUSED, 0},
		{".nan", SCALAR_REFUSED, 0},
		{"1e", SCALAR_TEXT, 0},
		{".", SCALAR_TEXT, 0},
		{"-", SCALAR_TEXT, 0},
		{"10.0.0.1", SCALAR_TEXT, 0},
		{"1:30", SCALAR_TEXT, 0},
		{"1_000", SCALAR_TEXT, 0},
		{"02:42:ac:11:00:02", SCALAR_TEXT, 0},
		{"1 2", SCALAR_TEXT, 0},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct node node = {.kind = NODE_SCALAR, .plain = true, .text = cases[i].text};
		int64_t value = 0;
		if (scalar_type(&node, &value) != cases[i].type || value != cases[i].value)
			fail_msg("\"%s\" gave type %d, value %lld", cases[i].text, (int)scalar_type(&node, NULL), (long long)value);
		node.plain = false;
		assert_int_equal(scalar_type(&node, NULL), SCALAR_TEXT);
	}
}

static void durations_and_sizes_are_written_as_they_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} durations[] = {{"1ms", 1000000},
			 {"500ms", 500000000},
			 {"25s", 25000000000u},
			 {"2m", 120000000000u},
			 {"1h", 3600000000000u}},
	  sizes[] = {{"1", 1}, {"1000", 1000}, {"64KiB", 65536}, {"1MiB", 1u << 20}, {"3GiB", 3221225472u}};
	char text[SCALAR_UNIT_TEXT];
	struct ndrv_error error = {0};
	uint64_t value = 0;
	(void)state;

	for (size_t i = 0; i < 5; i++) {
		struct node node = {.kind = NODE_SCALAR, .plain = true, .file = "f", .text = durations[i].text};
		assert_ok(scalar_duration(&node, 0, INT32_MAX, &value, &error), &error);
		assert_int_equal(value, durations[i].value);
		assert_string_equal(duration_format(value, text), durations[i].text);
		node.text = sizes[i].text;
		assert_ok(scalar_size(&node, 0, INT64_MAX, &value, &error), &error);
		assert_int_equal(value, sizes[i].value);
		assert_string_equal(size_format(value, text), sizes[i].text);
	}
	assert_string_equal(duration_format(0, text), "0s");
	assert_string_equal(size_format(0, text), "0");
}

static void a_tree_becomes_a_value_of_the_same_shape(void **state)
{
	struct fixture f;
	struct ndrv_value value = {.type = NDRV_NULL};
	const char *text = NULL;
	int64_t number = 0;
	(void)state;

	assert_ok(parse_text(&f, "mtu: 9000\nname: '9000'\nempty:\non: true\nword: yes\nlist: [1, b, {c: ~}]\nnone: {}\n"
				 "text: |\n  two\n  lines\n"),
		  &f.error);
	assert_ok(node_value(f.root, &f.arena, &value, &f.error), &f.error);
	assert_int_equal(value.count, 8);
	assert_int_equal(ndrv_map_int(&value, "mtu", &number, &f.error), 1);
	assert_int_equal(number, 9000);
	assert_int_equal(ndrv_map_get(&value, "name")->type, NDRV_STRING);
	assert_int_equal(ndrv_map_get(&value, "empty")->type, NDRV_NULL);
	assert_int_equal(ndrv_map_get(&value, "on")->type, NDRV_BOOL);
	assert_int_equal(ndrv_map_string(&value, "word", &text, &f.error), 1);
	assert_string_equal(text, "yes");
	const struct ndrv_value *list = ndrv_map_get(&value, "list");
	assert_int_equal(list->count, 3);
	assert_int_equal(ndrv_map_get(&list->u.items[2], "c")->type, NDRV_NULL);
	assert_int_equal(ndrv_map_get(&value, "none")->type, NDRV_MAP);
	assert_int_equal(ndrv_map_string(&value, "text", &text, &f.error), 1);
	assert_string_equal(text, "two\nlines\n");
	assert_int_equal(ndrv_map_get(&value, "text")->count, strlen(text));
	arena_reset(&f.arena);
}

static void short_memory_is_an_error_at_whatever_allocation_it_comes(void **state)
{
	const char *text = "a: [1, two, {three: 'four'}]\nb: {c: d}\n";
	struct ndrv_error error = {0};
	struct ndrv_value value = {.type = NDRV_NULL};
	size_t limit = 0, refused = 0;
	(void)state;

	for (int rc = -1; rc < 0; limit += 16) {
		struct arena arena;
		struct node *root = NULL;
		arena_init(&arena, limit);
		rc = yaml_parse(&arena, "f.yaml", text, strlen(text), NULL, &root, &error);
		if (rc == 0)
			rc = node_value(root, &arena, &value, &error);
		if (rc < 0) {
			assert_int_equal(error.code, NDRV_E_INTERNAL);
			assert_non_null(strstr(error.text, "f.yaml: out of memory"));
			refused++;
		}
		arena_reset(&arena);
		assert_true(limit < 1u << 20);
	}
	assert_true(refused > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_know_where_they_stand),
		cmocka_unit_test(lines_are_counted_alike_for_every_line_end),
		cmocka_unit_test(texts_without_a_document_have_no_root),
		cmocka_unit_test(the_deepest_allowed_tree_is_read_and_one_more_is_refused),
		cmocka_unit_test(the_most_events_allowed_are_read_and_one_more_is_refused),
		cmocka_unit_test(the_largest_allowed_text_is_read_and_one_more_byte_is_refused),
		cmocka_unit_test(bombs_are_refused_within_the_caps),
		cmocka_unit_test(thousands_of_keys_are_all_compared),
		cmocka_unit_test(the_same_key_may_stand_in_different_maps),
		cmocka_unit_test(plain_scalars_mean_what_yaml_1_2_says),
		cmocka_unit_test(durations_and_sizes_are_written_as_they_are_read),
		cmocka_unit_test(a_tree_becomes_a_value_of_the_same_shape),
		cmocka_unit_test(short_memory_is_an_error_at_whatever_allocation_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
