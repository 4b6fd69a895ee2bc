/* SPDX-License-Identifier: Apache-2.0 */
/* The corpus of configurations, the shipped files, and the documentation against the schema. TEST_TOP is the top of the sources. */
#include "tests/unit/config/tempdir.h"

#include <dirent.h>

#include "host/config/config.h"
#include "host/config/schema.h"

#define CORPUS TEST_TOP "/tests/unit/config"

static void each_file(const char *dir, void (*check)(const char *path, const char *name), unsigned at_least)
{
	struct dirent **entries = NULL;
	int count = scandir(dir, &entries, NULL, alphasort);
	unsigned seen = 0;

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name, *suffix = strrchr(name, '.');
		char path[4096];
		(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (suffix && strcmp(suffix, ".yaml") == 0) {
			check(path, name);
			seen++;
		}
		free(entries[i]);
	}
	free(entries);
	if (seen < at_least)
		fail_msg("%s has %u files, not %u", dir, seen, at_least);
}

/* The first line of a bad file is "# " and what config_load() says after "FILE:". */
static void check_sentence(const char *source, const char *copy, const char *config)
{
	size_t bytes = 0;
	char *data = file_slurp(source, &bytes), expected[TEMPDIR_PATH + NDRV_ERROR_TEXT_MAX];
	const struct config *sentinel = (const struct config *)(const void *)expected, *loaded = sentinel;
	struct ndrv_error error = {0};

	(void)snprintf(expected, sizeof(expected), "%s:%.*s", copy, (int)strcspn(data, "\n") - 2, data + 2);
	int rc = config_load(config, NULL, &loaded, &error);
	if (rc != -NDRV_E_CONFIG || error.code != NDRV_E_CONFIG || error.kind != NDRV_KIND_BAD_REQUEST)
		fail_msg("%s gave %d: %s", source, rc, error.text);
	/* The buffer may be too short for both the directory and a long sentence. */
	if (strncmp(error.text, expected, NDRV_ERROR_TEXT_MAX - 1) != 0)
		fail_msg("%s:\nfound    %s\nexpected %s", source, error.text, expected);
	assert_ptr_equal(loaded, sentinel);
	free(data);
}

static void check_bad(const char *path, const char *name)
{
	const char *copy = tempdir_copy(path, name);

	check_sentence(path, copy, copy);
}

static void every_bad_file_is_refused_with_its_place_and_sentence(void **state)
{
	(void)state;
	each_file(CORPUS "/bad", check_bad, 60);
}

static void check_bad_dropin(const char *path, const char *name)
{
	char text[TEMPDIR_PATH], place[TEMPDIR_PATH];

	(void)snprintf(place, sizeof(place), "bad.d/%s", name);
	const char *copy = tempdir_copy(path, place);
	(void)snprintf(text, sizeof(text), "driver_config_dirs: [%s]\n", tempdir_path("bad.d"));
	check_sentence(path, copy, tempdir_write("main.yaml", text));
	assert_int_equal(unlink(copy), 0);
}

static void every_bad_drop_in_is_refused_with_its_place_and_sentence(void **state)
{
	(void)state;
	each_file(CORPUS "/bad/drivers", check_bad_dropin, 8);
}

/* --- what was read, written as YAML (its JSON part) and read again --- */

static void write_value(FILE *out, const struct ndrv_value *value);

static void write_text(FILE *out, const char *text)
{
	(void)fputc('"', out);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			(void)fprintf(out, "\\%c", *c);
		else if ((unsigned char)*c < 0x20)
			(void)fprintf(out, "\\x%02x", (unsigned)*c);
		else
			(void)fputc(*c, out);
	}
	(void)fputc('"', out);
}

static void write_members(FILE *out, const struct ndrv_value *value)
{
	(void)fputc(value->type == NDRV_MAP ? '{' : '[', out);
	for (uint32_t i = 0; i < value->count; i++) {
		if (i > 0)
			(void)fputs(", ", out);
		if (value->type == NDRV_MAP) {
			(void)fputs("? ", out); /* a key longer than 1024 bytes needs it */
			write_text(out, value->u.pairs[i].key);
			(void)fputs(" : ", out);
		}
		write_value(out, value->type == NDRV_MAP ? &value->u.pairs[i].value : &value->u.items[i]);
	}
	(void)fputc(value->type == NDRV_MAP ? '}' : ']', out);
}

static void write_value(FILE *out, const struct ndrv_value *value)
{
	if (value->type == NDRV_MAP || value->type == NDRV_LIST)
		write_members(out, value);
	else if (value->type == NDRV_STRING)
		write_text(out, value->u.string);
	else if (value->type == NDRV_INT)
		(void)fprintf(out, "%lld", (long long)value->u.integer);
	else if (value->type == NDRV_BOOL)
		(void)fputs(value->u.boolean ? "true" : "false", out);
	else
		(void)fputs("null", out);
}

static const struct config *load_ok(const char *path, const struct config_overrides *overrides)
{
	const struct config *config = NULL;
	struct ndrv_error error = {0};

	assert_ok(config_load(path, overrides, &config, &error), &error);
	return config;
}

static struct ndrv_value describe(const struct config *config, struct arena *arena)
{
	struct ndrv_value value = {.type = NDRV_NULL};
	struct ndrv_error error = {0};

	arena_init(arena, 16u << 20);
	assert_ok(config_describe(config, arena, &value, &error), &error);
	return value;
}

static void check_round_trip(const char *path)
{
	const char *none[] = {tempdir_path("none.d")};
	const struct config_overrides overrides = {.driver_config_dirs = {1, none}};
	const struct config *config = load_ok(path, &overrides);
	struct arena arenas[2];
	struct ndrv_value first = describe(config, &arenas[0]);
	const char *again = tempdir_path("again.yaml");
	FILE *out = fopen(again, "we");

	assert_non_null(out);
	write_value(out, &first);
	assert_int_equal(fclose(out), 0);
	const struct config *second = load_ok(again, &overrides);
	struct ndrv_value other = describe(second, &arenas[1]);
	if (!ndrv_value_equal(&first, &other))
		fail_msg("%s reads differently once described and read again", path);
	arena_reset(&arenas[0]);
	arena_reset(&arenas[1]);
	config_free(config);
	config_free(second);
}

static void check_good(const char *path, const char *name)
{
	check_round_trip(tempdir_copy(path, name));
}

static void every_good_file_is_read_and_its_description_reads_the_same(void **state)
{
	(void)state;
	each_file(CORPUS "/good", check_good, 10);
}

/* --- the shipped file --- */

/* Takes the "#" off settings that are commented out: "#key" and "#  key" are, "# Words" are words. */
static char *uncomment(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		if (*from == '#' && from[1] != '\n' && (from[1] != ' ' || from[2] == ' '))
			from++;
		do
			*to++ = *from;
		while (*from && *from++ != '\n');
	}
	*to = '\0';
	return text;
}

static void the_shipped_file_says_what_holds_without_it(void **state)
{
	const char *none[] = {tempdir_path("none.d")};
	const struct config_overrides overrides = {.driver_config_dirs = {1, none}};
	const struct config *shipped = load_ok(tempdir_copy(TEST_TOP "/conf/ndrvd.yaml", "shipped.yaml"), &overrides);
	const struct config *empty = load_ok(tempdir_write("empty.yaml", ""), &overrides);
	struct arena arenas[2];
	struct ndrv_value said = describe(shipped, &arenas[0]), holds = describe(empty, &arenas[1]);
	(void)state;

	assert_true(ndrv_value_equal(&said, &holds));
	arena_reset(&arenas[0]);
	arena_reset(&arenas[1]);
	config_free(shipped);
	config_free(empty);
}

static void the_shipped_examples_are_accepted_once_their_comment_sign_is_gone(void **state)
{
	size_t bytes = 0;
	char *text = uncomment(file_slurp(TEST_TOP "/conf/ndrvd.yaml", &bytes));
	const char *none[] = {tempdir_path("none.d")};
	const struct config_overrides overrides = {.driver_config_dirs = {1, none}};
	const struct config *config = load_ok(tempdir_write("examples.yaml", text), &overrides);
	(void)state;

	assert_true(config->deny_count > 0);
	assert_true(config->driver_count > 0);
	assert_string_equal(config->state_dir, "/var/lib/ndrv");
	config_free(config);
	free(text);
}

static void check_keys_stand_in(const struct schema *schema, const char *text, const char *file, const char *before,
				const char *after)
{
	for (uint32_t i = 0; i < schema->count; i++) {
		const struct schema_key *key = &schema->keys[i];
		char word[64];
		(void)snprintf(word, sizeof(word), "%s%s%s", before, key->name, after);
		if (!strstr(text, word))
			fail_msg("%s does not mention the key %s", file, key->name);
		if (key->section)
			check_keys_stand_in(key->section, text, file, before, after);
	}
}

static void every_key_stands_in_the_shipped_file(void **state)
{
	size_t bytes = 0;
	char *text = file_slurp(TEST_TOP "/conf/ndrvd.yaml", &bytes);
	(void)state;

	check_keys_stand_in(&schema_top, text, "conf/ndrvd.yaml", "", ":");
	check_keys_stand_in(&schema_pool, text, "conf/ndrvd.yaml", "", ":");
	check_keys_stand_in(&schema_exposed, text, "conf/ndrvd.yaml", "", ":");
	check_keys_stand_in(&schema_driver, text, "conf/ndrvd.yaml", "", ":");
	free(text);
}

/* Each key has a row "| `section.key` | type | default | ...", with the schema's default. */
static void check_rows(const struct schema *schema, const char *section, const char *text)
{
	for (uint32_t i = 0; i < schema->count; i++) {
		const struct schema_key *key = &schema->keys[i];
		char name[96], row[112], fallback[96];
		(void)snprintf(name, sizeof(name), "%s%s%s", section, *section ? "." : "", key->name);
		(void)snprintf(row, sizeof(row), "\n| `%s` |", name);
		if (key->section) {
			check_rows(key->section, name, text);
			continue;
		}
		const char *at = strstr(text, row);
		if (!at)
			fail_msg("docs/config.md has no row for %s", name);
		/* Long lists and directories of the build are told in words. */
		if (!key->fallback || strlen(key->fallback) > 40 || key->fallback[0] == '/')
			continue;
		(void)snprintf(fallback, sizeof(fallback), "| `%s` |", key->fallback);
		const char *end = at ? strchr(at + 1, '\n') : NULL, *found = at ? strstr(at, fallback) : NULL;
		if (!found || found > end)
			fail_msg("docs/config.md does not say that %s defaults to %s", name, key->fallback);
	}
}

static void every_key_and_default_stands_in_the_documentation(void **state)
{
	size_t bytes = 0;
	char *text = file_slurp(TEST_TOP "/docs/config.md", &bytes);
	(void)state;

	check_rows(&schema_top, "", text);
	check_rows(&schema_pool, "address_pools[]", text);
	check_rows(&schema_exposed, "docker.expose.NAME", text);
	check_rows(&schema_driver, "drivers.NAME", text);
	free(text);
}

static void the_shipped_drop_ins_are_accepted_with_and_without_their_examples(void **state)
{
	static const char *const names[] = {"null", "host", "bridge"};
	(void)state;

	for (int examples = 0; examples < 2; examples++) {
		for (size_t i = 0; i < 3; i++) {
			char source[4096], place[64];
			size_t bytes = 0;
			(void)snprintf(source, sizeof(source), TEST_TOP "/conf/drivers.d/%s.yaml", names[i]);
			(void)snprintf(place, sizeof(place), "shipped.d/%s.yaml", names[i]);
			char *text = file_slurp(source, &bytes);
			(void)tempdir_write(place, examples ? uncomment(text) : text);
			free(text);
		}
		const char *dirs[] = {tempdir_path("shipped.d")};
		const struct config_overrides overrides = {.driver_config_dirs = {1, dirs}, .driver_dir = "/opt/drivers"};
		const struct config *config = load_ok(tempdir_write("empty.yaml", ""), &overrides);
		assert_int_equal(config->driver_count, 3);
		const struct config_driver *bridge = config_driver_find(config, "bridge");
		assert_true(bridge->enabled);
		assert_string_equal(bridge->path, "/opt/drivers/bridge.so");
		config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bad_file_is_refused_with_its_place_and_sentence),
		cmocka_unit_test(every_bad_drop_in_is_refused_with_its_place_and_sentence),
		cmocka_unit_test(every_good_file_is_read_and_its_description_reads_the_same),
		cmocka_unit_test(the_shipped_file_says_what_holds_without_it),
		cmocka_unit_test(the_shipped_examples_are_accepted_once_their_comment_sign_is_gone),
		cmocka_unit_test(every_key_stands_in_the_shipped_file),
		cmocka_unit_test(every_key_and_default_stands_in_the_documentation),
		cmocka_unit_test(the_shipped_drop_ins_are_accepted_with_and_without_their_examples),
	};

	return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
