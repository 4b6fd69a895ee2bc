/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of options in the documentation are the drivers' own. A page has a line
 *
 *	<!-- options: bridge network -->
 *
 * and behind it the table, up to an empty line. With NDRV_DOCS=write in the environment the pages are put right instead of checked.
 */
#include "tests/lib/test.h"

#include <glob.h>
#include <stdlib.h>

#include "tests/lib/fakehost.h"

#define PAGE_BYTES (256u << 10)
#define MARK "<!-- options: "

static char *page_of(const char *path)
{
	char *page = calloc(1, PAGE_BYTES);
	FILE *file = fopen(path, "r");

	assert_non_null(page);
	if (!file)
		fail_msg("%s cannot be read", path);
	assert_true(fread(page, 1, PAGE_BYTES - 1, file) > 0);
	(void)fclose(file);
	return page;
}

static const char *type_of(const struct ndrv_option *option, char *text, size_t room)
{
	static const char *const names[] = {
		"?", "true or false", "a number", "a text", "an interface's name", "an IPv4 address", "an IPv6 address",
		"?", "an address"};
	size_t used = 0;

	if (option->type == NDRV_OPTION_INT && option->maximum) {
		(void)snprintf(text, room, "%lld to %lld", (long long)option->minimum, (long long)option->maximum);
		return text;
	}
	if (option->type != NDRV_OPTION_CHOICE)
		return names[option->type];
	for (const char *at = option->choices; *at;) {
		size_t length = strcspn(at, "|");
		used += (size_t)snprintf(text + used, room - used, "%s`%.*s`", used ? ", " : "", (int)length, at);
		at += length + (at[length] == '|');
	}
	return text;
}

/* The table of "bridge network". */
static void make_table(const char *what, char *into, size_t room)
{
	char type[32], kind[32], text[256];
	static struct fakehost host;
	struct ndrv_option_list list;

	assert_int_equal(sscanf(what, "%31s %31s", type, kind), 2);
	fakehost_open(&host, type);
	uint32_t which = !strcmp(kind, "network") ? NDRV_OPTIONS_NETWORK : NDRV_OPTIONS_ENDPOINT;
	assert_int_equal(host.ops->options(host.self, which, &list), 0);
	size_t used = (size_t)snprintf(into, room, "| option | value | default | what it does |\n|---|---|---|---|\n");
	for (uint32_t i = 0; i < list.count; i++) {
		const struct ndrv_option *option = &list.items[i];
		used += (size_t)snprintf(into + used, room - used, "| `%s` | %s | %s%s%s | %s |\n", option->name,
					 type_of(option, text, sizeof(text)), option->fallback ? "`" : "",
					 option->fallback ? option->fallback : "", option->fallback ? "`" : "", option->doc);
	}
	assert_true(used < room);
	fakehost_close(&host);
}

static void write_page(const char *path, const char *page)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(page, file);
	assert_int_equal(fclose(file), 0);
}

/* Returns how many tables there are. */
static int check_page(const char *path, char *seen, size_t room)
{
	static char right[PAGE_BYTES], table[PAGE_BYTES / 4];
	const char *write = getenv("NDRV_DOCS");
	char *page = page_of(path), *at = page;
	int tables = 0;

	right[0] = '\0';
	for (char *mark; (mark = strstr(at, MARK)); tables++) {
		char what[64] = "";
		char *start = strchr(mark, '\n'), *end = start ? strstr(start, "\n\n") : NULL;
		assert_int_equal(sscanf(mark + strlen(MARK), "%63[a-z ]", what), 1);
		assert_true(start && end);
		make_table(what, table, sizeof(table));
		(void)strncat(right, at, (size_t)(start + 1 - at));
		(void)strcat(right, table);
		(void)strncat(seen, what, room - strlen(seen) - 1);
		at = end + 1;
	}
	(void)strcat(right, at);
	if (write && !strcmp(write, "write"))
		write_page(path, right);
	else if (strcmp(page, right))
		fail_msg("the options in %s are not the driver's; NDRV_DOCS=write tests/drivers/test_options_doc puts them right",
			 path);
	free(page);
	return tables;
}

static void tables_of_options_are_the_drivers(void **state)
{
	static const char *const needed[] = {"bridge network", "bridge endpoint", "macvlan network", "ipvlan network"};
	char seen[1024] = "";
	glob_t pages = {0};
	int tables = 0;

	(void)state;
	assert_int_equal(glob(DOCS "/drivers/*.md", 0, NULL, &pages), 0);
	assert_int_equal(glob(DOCS "/parents.md", GLOB_APPEND, NULL, &pages), 0);
	for (size_t i = 0; i < pages.gl_pathc; i++)
		tables += check_page(pages.gl_pathv[i], seen, sizeof(seen));
	globfree(&pages);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!strstr(seen, needed[i]))
			fail_msg("no page has the options of %s", needed[i]);
	assert_true(tables >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_options_are_the_drivers),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
