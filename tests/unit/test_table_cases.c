/* SPDX-License-Identifier: Apache-2.0 */
/* networkdb's tests that are about rows and not about gossip, asked of the table layer. docs/conformance.md has the table. */
#include "tests/unit/table_world.h"

#include <pthread.h>

#define WRITERS 20

struct writer {
	pthread_t thread;
	struct tables *tables;
	struct ndrv_error err;
	char value[16];
	bool gone;
	int rc;
};

static void *write_one(void *data)
{
	struct writer *writer = data;
	struct table_write write = {.table = "t", .key = "k", .owner = "a", .gone = writer->gone};

	if (!writer->gone) {
		write.value = writer->value;
		write.bytes = strlen(writer->value);
	}
	writer->rc = tables_write(writer->tables, "n1", &write, 1, TABLES_FOREIGN | TABLES_STRICT, NULL, &writer->err);
	return NULL;
}

/* Returns how many succeeded. */
static int write_all(struct world *world, struct writer *writers, bool gone)
{
	int good = 0;

	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.tables = world->tables, .gone = gone};
		(void)snprintf(writers[i].value, sizeof(writers[i].value), "v%d", i);
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_one, &writers[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
		good += !writers[i].rc;
	}
	return good;
}

static int copy_value(const struct table_row *row, void *data)
{
	char *value = data;

	(void)snprintf(value, 16, "%.*s", (int)row->bytes, (const char *)row->value);
	return 0;
}

/* TestParallelDelete. */
static void of_many_deletions_of_a_row_one_finds_it(void **state)
{
	static struct writer writers[WRITERS];
	struct world *world = *state;
	struct tables_totals totals;

	put(world, "t", "k", "a", "1");
	assert_int_equal(write_all(world, writers, true), 1);
	for (int i = 0; i < WRITERS; i++)
		if (writers[i].rc)
			assert_fails(writers[i].rc, &writers[i].err, NDRV_E_NOT_FOUND, "k");
	tables_total(world->tables, &totals);
	assert_int_equal(totals.rows, 0);
}

/* TestParallelCreate lets one of them succeed. Here a row is what its owner said last: none fails, one value is left, and whoever
 * looks sees values in the order they were written and that one last. */
static void of_many_writers_of_a_row_the_last_counts(void **state)
{
	static struct writer writers[WRITERS];
	struct world *world = *state;
	struct tables_totals totals;
	char value[16] = "", expected[64];

	asks(world, "n1", "t", &one);
	(void)tell(world, &one);
	assert_int_equal(write_all(world, writers, false), WRITERS);
	tables_total(world->tables, &totals);
	assert_int_equal(totals.rows, 1);
	assert_ok(tables_find(world->tables, "n1", "t", "k", "a", copy_value, value, &world->err), &world->err);
	assert_int_equal(value[0], 'v');
	(void)snprintf(expected, sizeof(expected), "t[+k@a >%s] ", value);
	assert_string_equal(tell(world, &one), expected);
}

/* TestCreateEntryOverTombstone, TestUpdateAndDeleteEntryOnTombstone. */
static void the_key_of_a_row_that_went_is_free_at_once(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "t", &one);
	put(world, "t", "k", "a", "1");
	(void)tell(world, &one);
	put(world, "t", "k", "a", NULL);
	assert_fails(try_put(world, "n1", "t", "k", "a", NULL), &world->err, NDRV_E_NOT_FOUND, "k");
	assert_string_equal(tell(world, &one), "t[-k@a 1>] ");
	put(world, "t", "k", "a", "2");
	assert_string_equal(tell(world, &one), "t[+k@a >2] ");
	/* Gone and there again before anybody looked: changed, not new. */
	put(world, "t", "k", "a", NULL);
	put(world, "t", "k", "a", "3");
	assert_string_equal(tell(world, &one), "t[~k@a 2>3] ");
}

static int ignore_row(const struct table_row *row, void *data)
{
	(void)row, (void)data;
	return 0;
}

/* TestNetworkDBCRUDTableEntry: create, read, update, delete, and what is not there any more. */
static void a_row_is_made_read_changed_and_taken_away(void **state)
{
	struct world *world = *state;
	char value[16] = "";

	put(world, "t", "k", "a", "1");
	assert_ok(tables_find(world->tables, "n1", "t", "k", "a", copy_value, value, &world->err), &world->err);
	assert_string_equal(value, "1");
	put(world, "t", "k", "a", "2");
	assert_ok(tables_find(world->tables, "n1", "t", "k", NULL, copy_value, value, &world->err), &world->err);
	assert_string_equal(value, "2");
	put(world, "t", "k", "a", NULL);
	assert_fails(tables_find(world->tables, "n1", "t", "k", "a", ignore_row, NULL, &world->err), &world->err, NDRV_E_NOT_FOUND,
		     "k");
}

/* TestFailedNodeEntriesHiddenAndRestored: a node that is away takes its rows along; its carrier tells them again when it is back.
 */
static void the_rows_of_a_node_that_comes_back_are_told_again(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "t", &one);
	add_node(world, "a", "192.0.2.1");
	put(world, "t", "k", "a", "1");
	put(world, "t", "k", "b", "1");
	(void)tell(world, &one);
	assert_ok(tables_node_remove(world->tables, "a", &world->err), &world->err);
	assert_string_equal(tell(world, &one), "t[-k@a 1>] ");
	assert_fails(tables_find(world->tables, "n1", "t", "k", "a", ignore_row, NULL, &world->err), &world->err, NDRV_E_NOT_FOUND,
		     "k");
	add_node(world, "a", "192.0.2.1");
	put(world, "t", "k", "a", "1");
	assert_string_equal(tell(world, &one), "t[+k@a >1] ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(of_many_deletions_of_a_row_one_finds_it),
		TABLE_TEST(of_many_writers_of_a_row_the_last_counts),
		TABLE_TEST(the_key_of_a_row_that_went_is_free_at_once),
		TABLE_TEST(a_row_is_made_read_changed_and_taken_away),
		TABLE_TEST(the_rows_of_a_node_that_comes_back_are_told_again),
	};

	return cmocka_run_group_tests_name("table cases", tests, NULL, NULL);
}
