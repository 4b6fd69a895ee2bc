/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and nodes as they come and go, and what watchers see of them. */
#include "tests/unit/table_world.h"

#include <stdlib.h>
#include <unistd.h>

/* --- who goes --- */

static void a_closed_network_takes_its_rows_along(void **state)
{
	struct world *world = *state;
	struct tables_totals totals;

	asks(world, "n1", "peers", &one);
	put(world, "peers", "a", "x", "1");
	put_own(world, "mine", "1", "e1");
	(void)tell(world, &one);
	tables_close_network(world->tables, "n1");
	tables_total(world->tables, &totals);
	assert_int_equal(totals.rows, 0);
	assert_int_equal(totals.bytes, 0);
	assert_int_equal(world->disk.count, 0);
	assert_false(totals.ready);
	assert_fails(try_put(world, "n1", "peers", "k", "a", "1"), &world->err, NDRV_E_NO_NETWORK, "n1");
	/* One of the same id is another. */
	assert_ok(tables_open_network(world->tables, "n1", true, &world->err), &world->err);
	put(world, "peers", "b", "x", "1");
	assert_string_equal(tell(world, &one), "");
	asks(world, "n1", "peers", &one);
	assert_string_equal(tell(world, &one), "peers begin end[+b@x >1] ");
}

static void the_rows_of_an_endpoint_go_with_it(void **state)
{
	struct world *world = *state;
	struct tables_totals totals;

	put_own(world, "a", "1", "e1");
	put_own(world, "b", "1", "e1");
	put_own(world, "c", "1", "e2");
	put_own(world, "d", "1", NULL);
	assert_ok(tables_withdraw(world->tables, "n1", "e1", &world->err), &world->err);
	assert_ok(tables_withdraw(world->tables, "n1", "e9", &world->err), &world->err);
	tables_total(world->tables, &totals);
	assert_int_equal(totals.rows, 2);
	/* Even when the disk is full: they are gone for all who look. */
	world->disk.broken = true;
	assert_fails(tables_withdraw(world->tables, "n1", "e2", &world->err), &world->err, NDRV_E_NO_SERVICE, "disk");
	tables_total(world->tables, &totals);
	assert_int_equal(totals.rows, 1);
	world->disk.broken = false;
}

static void a_driver_of_local_scope_shares_nothing(void **state)
{
	struct world *world = *state;
	struct tables_totals totals;

	assert_ok(tables_open_network(world->tables, "n2", false, &world->err), &world->err);
	assert_fails(try_put(world, "n2", "peers", "k", "a", "1"), &world->err, NDRV_E_SCOPE, "n2");
	/* It turns out to be one after a restart. */
	put(world, "peers", "k", "a", "1");
	assert_ok(tables_open_network(world->tables, "n1", false, &world->err), &world->err);
	tables_total(world->tables, &totals);
	assert_int_equal(totals.rows, 0);
}

static void a_restart_keeps_what_is_confirmed(void **state)
{
	struct world *world = *state;
	struct tables_totals before, totals;

	assert_ok(tables_open_network(world->tables, "n2", true, &world->err), &world->err);
	assert_ok(try_put(world, "n2", "peers", "k", "a", "1"), &world->err);
	put(world, "peers", "theirs", "a", "1");
	put_own(world, "joined", "1", "e1");
	put_own(world, "half", "1", "e2");
	put_own(world, "network's", "1", NULL);
	tables_total(world->tables, &before);
	world_stop(world);
	world_start(world);
	assert_ok(tables_open_network(world->tables, "n1", true, &world->err), &world->err);
	asks(world, "n1", "peers", &two);
	tables_confirm(world->tables, "n1", "e1");
	assert_ok(tables_settle(world->tables, &world->err), &world->err);
	tables_total(world->tables, &totals);
	assert_int_equal(totals.rows, 3);
	assert_true(totals.revision > before.revision);
	assert_int_equal(world->disk.count, 3);
	assert_string_equal(tell(world, &two), "peers begin end[+theirs@a >1] ");
}

static void revisions_grow_over_restarts(void **state)
{
	struct world *world = *state;
	struct tables_totals before, after;

	for (int i = 0; i < 3; i++) {
		put(world, "peers", "k", "a", i % 2 ? "1" : "2");
		put(world, "peers", "k", "a", "3");
		tables_total(world->tables, &before);
		/* A reboot: the rows are gone, the number is not. */
		world->disk.count = 0;
		world_stop(world);
		world_start(world);
		assert_ok(tables_open_network(world->tables, "n1", true, &world->err), &world->err);
		put(world, "peers", "k", "a", "4");
		tables_total(world->tables, &after);
		assert_true(after.revision > before.revision);
	}
}

/* --- refusals --- */

static void wrong_rows_are_refused(void **state)
{
	struct world *world = *state;
	char longest[300];

	memset(longest, 'x', sizeof(longest));
	longest[299] = '\0';
	assert_fails(try_put(world, "n1", "", "k", "a", "1"), &world->err, NDRV_E_BAD_REQUEST, "table's name");
	assert_fails(try_put(world, "n1", "t", "", "a", "1"), &world->err, NDRV_E_BAD_REQUEST, "key");
	assert_fails(try_put(world, "n1", "t", longest, "a", "1"), &world->err, NDRV_E_BAD_REQUEST, "255");
	assert_fails(try_put(world, "n1", "t", "a\nb", "a", "1"), &world->err, NDRV_E_BAD_REQUEST, "byte 2");
	assert_fails(try_put(world, "n1", "t", "\xff", "a", "1"), &world->err, NDRV_E_BAD_REQUEST, "UTF-8");
	assert_fails(try_put(world, "n1", "t", "\xe2\x82", "a", "1"), &world->err, NDRV_E_BAD_REQUEST, "UTF-8");
	assert_fails(try_put(world, "n1", "t", "k", "", "1"), &world->err, NDRV_E_BAD_REQUEST, "owner");
	assert_fails(try_put(world, "n1", "t", "k", "me", "1"), &world->err, NDRV_E_FORBIDDEN, "this host");
	assert_fails(try_put(world, "n9", "t", "k", "a", "1"), &world->err, NDRV_E_NO_NETWORK, "n9");
	assert_fails(try_put(world, "n1", "t", "k", "a", NULL), &world->err, NDRV_E_NOT_FOUND, "k");
	char *huge = calloc(1, TABLE_VALUE_MAX + 2);
	assert_non_null(huge);
	memset(huge, 'x', TABLE_VALUE_MAX + 1);
	assert_fails(try_put(world, "n1", "t", "k", "a", huge), &world->err, NDRV_E_BAD_REQUEST, "65536");
	huge[TABLE_VALUE_MAX] = '\0';
	assert_ok(try_put(world, "n1", "t", "k", "a", huge), &world->err);
	free(huge);
}

static void what_changes_nothing_is_no_transaction(void **state)
{
	struct world *world = *state;

	put(world, "peers", "k", "a", "1");
	uint32_t writes = world->disk.writes;
	put(world, "peers", "k", "a", "1");
	assert_int_equal(world->disk.writes, writes);
}

/* --- watching --- */

static void on_wake(void *data)
{
	((struct world *)data)->wakes++;
}

static int see(const struct watch_event *event, void *data)
{
	static const char *const marks[] = {"?", "begin", "", "", "end", "resumed", "LOST"};
	struct world *world = data;
	char *at = world->seen + strlen(world->seen);
	size_t room = sizeof(world->seen) - (size_t)(at - world->seen);

	if (event->kind == WATCH_ROW)
		(void)snprintf(at, room, "%s%s@%s ", event->row->value ? "+" : "-", event->row->key, event->row->owner);
	else if (event->kind == WATCH_NODE)
		(void)snprintf(at, room, "%s%s! ", event->node->address ? "+" : "-", event->node->name);
	else
		(void)snprintf(at, room, "%s ", marks[event->kind]);
	return 0;
}

static const char *watch(struct world *world, struct table_watch *watching)
{
	world->seen[0] = '\0';
	assert_false(tables_watch_read(watching, see, world));
	return world->seen;
}

static struct table_watch *open_watch(struct world *world, const char *nid, uint64_t since)
{
	const struct watch_options options = {.nid = nid, .since = since, .wake = on_wake, .data = world};
	struct table_watch *watching;

	assert_ok(tables_watch(world->tables, &options, &watching, &world->err), &world->err);
	return watching;
}

static void a_watcher_sees_what_is_there_and_then_what_changes(void **state)
{
	struct world *world = *state;

	put(world, "peers", "a", "x", "1");
	put(world, "peers", "gone", "x", "1");
	put(world, "peers", "gone", "x", NULL);
	put_own(world, "mine", "1", NULL);
	assert_ok(tables_node_add(world->tables, "x", "192.0.2.1", NULL, &world->err), &world->err);
	struct table_watch *watching = open_watch(world, NULL, 0);
	assert_string_equal(watch(world, watching), "begin +x! +a@x +mine@me end ");
	assert_int_equal(world->wakes, 0);
	put(world, "peers", "b", "x", "1");
	put(world, "peers", "c", "x", "1");
	assert_int_equal(world->wakes, 1);
	put(world, "peers", "b", "x", NULL);
	assert_string_equal(watch(world, watching), "+c@x -b@x ");
	assert_string_equal(watch(world, watching), "");
	tables_watch_close(watching);
}

static void a_watcher_resumes_from_a_revision(void **state)
{
	struct world *world = *state;
	struct tables_totals totals;

	put(world, "peers", "a", "x", "1");
	put(world, "peers", "b", "x", "1");
	tables_total(world->tables, &totals);
	put(world, "peers", "a", "x", NULL);
	put(world, "peers", "c", "x", "1");
	struct table_watch *watching = open_watch(world, NULL, totals.revision);
	assert_string_equal(watch(world, watching), "resumed -a@x +c@x ");
	tables_watch_close(watching);
	/* Of another host, or from before a restart: everything. */
	watching = open_watch(world, NULL, totals.revision + 1000);
	assert_string_equal(watch(world, watching), "begin +b@x +c@x end ");
	tables_watch_close(watching);
	world_stop(world);
	world_start(world);
	assert_ok(tables_open_network(world->tables, "n1", true, &world->err), &world->err);
	watching = open_watch(world, "n1", totals.revision);
	assert_string_equal(watch(world, watching), "begin +b@x +c@x end ");
	tables_watch_close(watching);
}

/* Or who resumes from a node's revision would miss the row before it. */
static void a_watcher_goes_by_revisions(void **state)
{
	struct world *world = *state;

	add_node(world, "x", "192.0.2.1");
	struct table_watch *watching = open_watch(world, NULL, 0);
	(void)watch(world, watching);
	put(world, "peers", "a", "x", "1");
	add_node(world, "y", "192.0.2.2");
	put(world, "peers", "b", "y", "1");
	assert_string_equal(watch(world, watching), "+a@x +y! +b@y ");
	tables_watch_close(watching);
}

static void a_watcher_of_one_network_sees_no_other(void **state)
{
	struct world *world = *state;

	assert_ok(tables_open_network(world->tables, "n2", true, &world->err), &world->err);
	assert_ok(try_put(world, "n2", "peers", "other", "x", "1"), &world->err);
	assert_ok(tables_node_add(world->tables, "x", "192.0.2.1", NULL, &world->err), &world->err);
	put(world, "peers", "a", "x", "1");
	struct table_watch *watching = open_watch(world, "n1", 0);
	assert_string_equal(watch(world, watching), "begin +a@x end ");
	tables_watch_close(watching);
}

static void a_watcher_that_is_too_slow_is_told_and_begins_anew(void **state)
{
	struct world *world = *state;
	char key[16];

	put(world, "peers", "stays", "x", "1");
	put(world, "peers", "goes", "x", "1");
	struct table_watch *watching = open_watch(world, NULL, 0);
	struct table_watch *quick = open_watch(world, NULL, 0);
	(void)watch(world, watching);
	(void)watch(world, quick);
	put(world, "peers", "goes", "x", NULL);
	assert_string_equal(watch(world, quick), "-goes@x ");
	for (uint32_t i = 0; i < TABLE_GRAVES_MAX + 1; i++) {
		(void)snprintf(key, sizeof(key), "%u", i);
		put(world, "peers", key, "x", "1");
		put(world, "peers", key, "x", NULL);
		world->seen[0] = '\0';
		(void)tables_watch_read(quick, see, world);
		assert_null(strstr(world->seen, "LOST"));
	}
	assert_string_equal(watch(world, watching), "LOST begin +stays@x end ");
	tables_watch_close(watching);
	tables_watch_close(quick);
}

/* --- nodes --- */

static const char *tell_nodes(struct world *world, int rc)
{
	struct tables_totals totals;
	struct tables_work work;
	char *at = world->told;

	*at = '\0';
	for (tables_total(world->tables, &totals); totals.nodes_ready; tables_total(world->tables, &totals)) {
		assert_true(tables_next(world->tables, &work));
		assert_int_equal(work.kind, TABLES_WORK_NODE);
		at += sprintf(at, "%s%s%s>%s ", work.leaves ? "-" : "+", work.address, work.self ? " self" : "", work.type);
		tables_node_told(world->tables, &work, rc, "no");
		if (rc)
			break;
	}
	return world->told;
}

static void types_hear_of_every_node_once(void **state)
{
	struct world *world = *state;

	add_node(world, "me", "192.0.2.1");
	add_node(world, "a", "192.0.2.2");
	assert_ok(tables_type_serves(world->tables, "overlay", true, &world->err), &world->err);
	assert_string_equal(tell_nodes(world, 0), "+192.0.2.1 self>overlay +192.0.2.2>overlay ");
	add_node(world, "a", "192.0.2.2");
	assert_string_equal(tell_nodes(world, 0), "");
	/* It moved: it leaves and comes. */
	add_node(world, "a", "192.0.2.3");
	assert_string_equal(tell_nodes(world, 0), "-192.0.2.2>overlay +192.0.2.3>overlay ");
	/* One that came and went unheard is not told at all. */
	add_node(world, "b", "192.0.2.9");
	assert_ok(tables_node_remove(world->tables, "b", &world->err), &world->err);
	assert_string_equal(tell_nodes(world, 0), "");
	/* Another generation hears of those that are there. */
	assert_ok(tables_type_serves(world->tables, "overlay", true, &world->err), &world->err);
	assert_string_equal(tell_nodes(world, 0), "+192.0.2.1 self>overlay +192.0.2.3>overlay ");
	assert_ok(tables_type_serves(world->tables, "overlay", false, &world->err), &world->err);
	assert_ok(tables_node_remove(world->tables, "a", &world->err), &world->err);
	assert_string_equal(tell_nodes(world, 0), "");
}

static void a_type_that_fails_hears_of_the_node_again(void **state)
{
	struct world *world = *state;

	assert_ok(tables_type_serves(world->tables, "overlay", true, &world->err), &world->err);
	add_node(world, "a", "192.0.2.2");
	assert_string_equal(tell_nodes(world, -NDRV_E_RETRY), "+192.0.2.2>overlay ");
	assert_string_equal(tell_nodes(world, 0), "");
	(void)usleep(60000);
	assert_string_equal(tell_nodes(world, 0), "+192.0.2.2>overlay ");
}

static void a_node_takes_its_rows_along(void **state)
{
	struct world *world = *state;

	assert_ok(tables_open_network(world->tables, "n2", true, &world->err), &world->err);
	add_node(world, "a", "192.0.2.2");
	asks(world, "n1", "peers", &one);
	put(world, "peers", "k", "a", "1");
	put(world, "peers", "k", "b", "1");
	assert_ok(try_put(world, "n2", "peers", "k", "a", "1"), &world->err);
	(void)tell(world, &one);
	assert_ok(tables_node_remove(world->tables, "a", &world->err), &world->err);
	assert_string_equal(tell(world, &one), "peers[-k@a 1>] ");
	assert_int_equal(world->disk.count, 1);
	assert_fails(tables_node_remove(world->tables, "a", &world->err), &world->err, NDRV_E_NOT_FOUND, "a");
	/* This host itself may forget its address, not its rows. */
	put_own(world, "mine", "1", NULL);
	add_node(world, "me", "192.0.2.1");
	assert_ok(tables_node_remove(world->tables, "me", &world->err), &world->err);
	assert_int_equal(world->disk.count, 2);
}

static void wrong_nodes_are_refused(void **state)
{
	struct world *world = *state;

	assert_fails(tables_node_add(world->tables, "", "192.0.2.1", NULL, &world->err), &world->err, NDRV_E_BAD_REQUEST, "name");
	assert_fails(tables_node_add(world->tables, "a", "", NULL, &world->err), &world->err, NDRV_E_BAD_REQUEST, "address");
	assert_fails(tables_node_add(world->tables, "a", "here", NULL, &world->err), &world->err, NDRV_E_BAD_REQUEST, "here");
	assert_fails(tables_node_add(world->tables, "a", "192.0.2.1", "x", &world->err), &world->err, NDRV_E_BAD_REQUEST, "bind");
}

static void nodes_outlive_a_restart(void **state)
{
	struct world *world = *state;

	add_node(world, "a", "192.0.2.2");
	add_node(world, "me", "2001:db8::1");
	world_stop(world);
	world_start(world);
	assert_ok(tables_type_serves(world->tables, "overlay", true, &world->err), &world->err);
	assert_string_equal(tell_nodes(world, 0), "+192.0.2.2>overlay +2001:db8::1 self>overlay ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(a_closed_network_takes_its_rows_along),
		TABLE_TEST(the_rows_of_an_endpoint_go_with_it),
		TABLE_TEST(a_driver_of_local_scope_shares_nothing),
		TABLE_TEST(a_restart_keeps_what_is_confirmed),
		TABLE_TEST(revisions_grow_over_restarts),
		TABLE_TEST(wrong_rows_are_refused),
		TABLE_TEST(what_changes_nothing_is_no_transaction),
		TABLE_TEST(a_watcher_sees_what_is_there_and_then_what_changes),
		TABLE_TEST(a_watcher_resumes_from_a_revision),
		TABLE_TEST(a_watcher_goes_by_revisions),
		TABLE_TEST(a_watcher_of_one_network_sees_no_other),
		TABLE_TEST(a_watcher_that_is_too_slow_is_told_and_begins_anew),
		TABLE_TEST(types_hear_of_every_node_once),
		TABLE_TEST(a_type_that_fails_hears_of_the_node_again),
		TABLE_TEST(a_node_takes_its_rows_along),
		TABLE_TEST(wrong_nodes_are_refused),
		TABLE_TEST(nodes_outlive_a_restart),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
