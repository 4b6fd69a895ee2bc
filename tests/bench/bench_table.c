/* SPDX-License-Identifier: Apache-2.0 */
/* What rows of tables cost: taking them in, keeping them, telling a driver, replaying, watching, a restart; beside a bare hash and
 * a bare SQLite that hold the same. Printed, never judged. `bench_table [ROWS]`. */
#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/base/idmap.h"
#include "host/dispatch/rows.h"

#define BATCH 1000u
#define VALUE_BYTES 40u

static uint32_t count = 100000;

static void check(int rc, const struct ndrv_error *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	exit(1);
}

static double seconds(uint64_t since)
{
	return (double)(clock_ns() - since) / 1e9;
}

static double say(const char *what, double took)
{
	printf("%-52s %9.0f a second  %8.3f us each\n", what, count / took, took * 1e6 / count);
	return took;
}

static void say_ratio(const char *what, double took, double floor)
{
	printf("%-52s %9.1f times\n", what, took / floor);
}

static void make_row(uint32_t i, char *key, char *value)
{
	(void)snprintf(key, 72, "%064x", i);
	memset(value, 'v', VALUE_BYTES);
	(void)snprintf(value, VALUE_BYTES, "%u", i);
}

/* --- the layer --- */

static double write_all(struct tables *tables, char mark)
{
	static char keys[BATCH][72], values[BATCH][VALUE_BYTES];
	static struct table_write writes[BATCH];
	struct ndrv_error err = {0};
	uint64_t since = clock_ns();

	for (uint32_t at = 0; at < count; at += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++) {
			make_row(at + i, keys[i], values[i]);
			values[i][VALUE_BYTES - 1] = mark;
			writes[i] = (struct table_write){
				.table = "peers", .key = keys[i], .owner = "beta", .value = values[i], .bytes = VALUE_BYTES};
		}
		check(tables_write(tables, "n1", writes, BATCH, TABLES_FOREIGN, NULL, &err), &err);
	}
	return seconds(since);
}

static double tell_all(struct tables *tables, const void *instance, uint32_t expected)
{
	uint64_t since = clock_ns();
	uint32_t told = 0;
	struct tables_totals totals;
	struct tables_work work;
	struct delivery *delivery;

	for (tables_total(tables, &totals); totals.ready; tables_total(tables, &totals)) {
		(void)tables_next(tables, &work);
		const struct ndrv_table_batch *batch = tables_take(tables, work.nid, instance, &delivery);
		if (!batch)
			continue;
		told += batch->count;
		tables_told(tables, delivery, 0, NULL);
	}
	double took = seconds(since);
	if (told != expected)
		printf("told %u, expected %u\n", told, expected);
	return took;
}

static int count_event(const struct watch_event *event, void *data)
{
	*(uint32_t *)data += event->kind == WATCH_ROW;
	return 0;
}

static void on_wake(void *data)
{
	(void)data;
}

static double watch_all(struct tables *tables)
{
	const struct watch_options options = {.wake = on_wake};
	struct table_watch *watch;
	struct ndrv_error err = {0};
	uint32_t seen = 0;
	uint64_t since = clock_ns();

	check(tables_watch(tables, &options, &watch, &err), &err);
	(void)tables_watch_read(watch, count_event, &seen);
	tables_watch_close(watch);
	if (seen != count)
		printf("seen %u, expected %u\n", seen, count);
	return seconds(since);
}

static void bench_layer(struct rows *rows, bool disk, double hash, double sqlite)
{
	static int one, two;
	struct tables *tables = rows_tables(rows);
	struct ndrv_error err = {0};
	const char *where = disk ? "with tables.db" : "in memory";
	char what[96];

	check(tables_open_network(tables, "n1", true, &err), &err);
	check(tables_register(tables, "n1", "peers", NDRV_OBJECT_OPAQUE, &one, &one, NULL, &err), &err);
	(void)tell_all(tables, &one, 0);
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	(void)snprintf(what, sizeof(what), "rows in, 1000 at once, %s", where);
	double in = say(what, write_all(tables, '1'));
	size_t held = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	say_ratio(disk ? "  beside a bare SQLite" : "  beside a bare hash", in, disk ? sqlite : hash);
	if (!disk)
		printf("%-52s %9zu bytes a row\n", "  memory, keys of 64 bytes, values of 40", held / count);
	say_ratio("  the same again, which changes nothing", write_all(tables, '1'), in);
	double told = say("  events to a driver, as they come", tell_all(tables, &one, count));
	if (!disk)
		printf("%-52s %9zu bytes a row\n", "  memory, once told",
		       (mallinfo2().uordblks + mallinfo2().hblkhd - before) / count);
	(void)say("  updates in", write_all(tables, '2'));
	(void)say("  updates to the driver", tell_all(tables, &one, count));
	check(tables_register(tables, "n1", "peers", NDRV_OBJECT_OPAQUE, &two, &one, &two, &err), &err);
	say_ratio("  a replay to another instance, beside the first", tell_all(tables, &two, count), told);
	(void)say("  rows to a watcher", watch_all(tables));
}

/* --- floors --- */

struct bare {
	struct idmap_node node;
	char *value;
	char key[72];
};

static double bench_hash(void)
{
	struct idmap map;
	uint64_t since = clock_ns();

	(void)idmap_init(&map);
	for (uint32_t i = 0; i < count; i++) {
		struct bare *bare = malloc(sizeof(*bare));
		bare->value = malloc(VALUE_BYTES);
		make_row(i, bare->key, bare->value);
		if (idmap_find(&map, bare->key))
			abort();
		(void)idmap_add(&map, &bare->node, bare->key);
	}
	return say("a bare hash", seconds(since));
}

static double bench_sqlite(const char *dir)
{
	char path[256], key[72], value[VALUE_BYTES];
	sqlite3 *sql;
	sqlite3_stmt *put;

	(void)snprintf(path, sizeof(path), "%s/bare.db", dir);
	if (sqlite3_open(path, &sql) ||
	    sqlite3_exec(
		    sql,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE row(nid TEXT, place TEXT, key TEXT, owner TEXT,"
		    " value BLOB, PRIMARY KEY(nid, place, key, owner)) WITHOUT ROWID",
		    NULL, NULL, NULL) ||
	    sqlite3_prepare_v2(sql, "INSERT OR REPLACE INTO row VALUES('n1', 'peers', ?1, 'beta', ?2)", -1, &put, NULL))
		abort();
	uint64_t since = clock_ns();
	for (uint32_t i = 0; i < count; i++) {
		if (i % BATCH == 0)
			(void)sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL);
		make_row(i, key, value);
		(void)sqlite3_bind_text(put, 1, key, -1, SQLITE_STATIC);
		(void)sqlite3_bind_blob(put, 2, value, VALUE_BYTES, SQLITE_STATIC);
		(void)sqlite3_step(put);
		(void)sqlite3_reset(put);
		if (i % BATCH == BATCH - 1)
			(void)sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL);
	}
	double took = say("a bare SQLite, 1000 at once", seconds(since));
	(void)sqlite3_finalize(put);
	(void)sqlite3_close(sql);
	return took;
}

int main(int argc, char **argv)
{
	char dir[] = "/dev/shm/ndrv-bench-XXXXXX", command[128];
	struct ndrv_error err = {0};
	struct store *store;
	struct rows *rows;

	if (argc > 1)
		count = (uint32_t)strtoul(argv[1], NULL, 10) / BATCH * BATCH;
	if (!count || !mkdtemp(dir)) {
		fprintf(stderr, "usage: bench_table [ROWS]\n");
		return 2;
	}
	printf("%u rows in one network\n", count);
	double hash = bench_hash(), sqlite = bench_sqlite(dir);
	check(rows_new(NULL, &rows, &err), &err);
	check(rows_start(rows, "alpha", &err), &err);
	bench_layer(rows, false, hash, sqlite);
	rows_free(rows);
	const struct store_paths paths = {.state_dir = dir, .runtime_dir = dir};
	check(store_open(&paths, &store, &err), &err);
	check(rows_new(store, &rows, &err), &err);
	check(rows_start(rows, "alpha", &err), &err);
	bench_layer(rows, true, hash, sqlite);
	rows_free(rows);
	check(rows_new(store, &rows, &err), &err);
	uint64_t since = clock_ns();
	check(rows_start(rows, "alpha", &err), &err);
	(void)say("read at a start", seconds(since));
	check(tables_node_add(rows_tables(rows), "beta", "192.0.2.2", NULL, &err), &err);
	since = clock_ns();
	check(tables_node_remove(rows_tables(rows), "beta", &err), &err);
	(void)say("rows of a node that leaves", seconds(since));
	rows_free(rows);
	store_close(store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? 0 : 1;
}
