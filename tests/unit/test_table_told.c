/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver is told of rows, and in which order. */
#include "tests/unit/table_world.h"

#include <stdlib.h>
#include <unistd.h>

/* --- what a driver is told --- */

static void events_are_relative_to_what_was_shown(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	assert_string_equal(tell(world, &one), "peers begin end[] ");
	put(world, "peers", "k", "a", "1");
	assert_string_equal(tell(world, &one), "peers[+k@a >1] ");
	put(world, "peers", "k", "a", "2");
	assert_string_equal(tell(world, &one), "peers[~k@a 1>2] ");
	put(world, "peers", "k", "a", NULL);
	assert_string_equal(tell(world, &one), "peers[-k@a 2>] ");
	put(world, "peers", "k", "a", "3");
	assert_string_equal(tell(world, &one), "peers[+k@a >3] ");
}

static void a_slow_driver_sees_the_last_value_alone(void **state)
{
	struct world *world = *state;
	char value[16];

	asks(world, "n1", "peers", &one);
	put(world, "peers", "k", "a", "first");
	(void)tell(world, &one);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(value, sizeof(value), "%d", i);
		put(world, "peers", "k", "a", value);
	}
	put(world, "peers", "short", "a", "lived");
	put(world, "peers", "short", "a", NULL);
	assert_string_equal(tell(world, &one), "peers[~k@a first>999] ");
	/* There and back is nothing at all. */
	put(world, "peers", "k", "a", "x");
	put(world, "peers", "k", "a", "999");
	assert_string_equal(tell(world, &one), "");
	put(world, "peers", "k", "a", NULL);
	put(world, "peers", "k", "a", "999");
	assert_string_equal(tell(world, &one), "");
}

static void events_come_in_the_order_of_their_revisions(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	asks(world, "n1", "routes", &one);
	(void)tell(world, &one);
	put(world, "peers", "a", "x", "1");
	put(world, "routes", "b", "x", "2");
	put(world, "peers", "c", "x", "3");
	put(world, "peers", "d", "x", "4");
	put(world, "routes", "e", "x", "5");
	put(world, "peers", "a", "x", "6");
	assert_string_equal(tell(world, &one), "routes[+b@x >2] peers[+c@x >3, +d@x >4] routes[+e@x >5] peers[+a@x >6] ");
}

static void one_transaction_is_one_batch(void **state)
{
	struct world *world = *state;
	static struct table_write writes[3000];
	static char keys[3000][8];
	struct tables_work work;
	struct delivery *delivery;

	asks(world, "n1", "peers", &one);
	(void)tell(world, &one);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "%d", i);
		writes[i] = (struct table_write){.table = "peers", .key = keys[i], .owner = "a", .value = "v", .bytes = 1};
	}
	assert_ok(tables_write(world->tables, "n1", writes, 3000, TABLES_FOREIGN, NULL, &world->err), &world->err);
	put(world, "peers", "one", "a", "more");
	assert_true(tables_next(world->tables, &work));
	const struct ndrv_table_batch *batch = tables_take(world->tables, "n1", &one, &delivery);
	assert_int_equal(batch->count, 3000);
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(ndrv_table_event_at(batch, i)->revision, ndrv_table_event_at(batch, 0)->revision);
	tables_told(world->tables, delivery, 0, NULL);
	assert_string_equal(tell(world, &one), "peers[+one@a >more] ");
}

static void nothing_of_a_refused_transaction_is_seen(void **state)
{
	struct world *world = *state;
	const struct table_write writes[] = {
		{.table = "peers", .key = "good", .owner = "a", .value = "1", .bytes = 1},
		{.table = "peers", .key = "bad", .owner = "me", .value = "1", .bytes = 1},
	};

	asks(world, "n1", "peers", &one);
	(void)tell(world, &one);
	assert_fails(tables_write(world->tables, "n1", writes, 2, TABLES_FOREIGN, NULL, &world->err), &world->err, NDRV_E_FORBIDDEN,
		     "row 2");
	assert_string_equal(tell(world, &one), "");
	world->disk.broken = true;
	assert_fails(try_put(world, "n1", "peers", "k", "a", "1"), &world->err, NDRV_E_NO_SERVICE, "disk");
	assert_string_equal(tell(world, &one), "");
	world->disk.broken = false;
}

static void a_node_does_not_hear_its_own_rows(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	(void)tell(world, &one);
	put_own(world, "mine", "1", NULL);
	put(world, "peers", "mine", "a", "2");
	assert_string_equal(tell(world, &one), "peers[+mine@a >2] ");
	put_own(world, "mine", NULL, NULL);
	assert_string_equal(tell(world, &one), "");
}

static void two_nodes_may_have_a_row_of_one_key(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	put(world, "peers", "moving", "old", "1");
	put(world, "peers", "moving", "new", "2");
	assert_string_equal(tell(world, &one), "peers begin end[+moving@old >1, +moving@new >2] ");
	put(world, "peers", "moving", "old", NULL);
	assert_string_equal(tell(world, &one), "peers[-moving@old 1>] ");
}

static void tables_nobody_registered_are_not_told(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	(void)tell(world, &one);
	put(world, "other", "k", "a", "1");
	assert_string_equal(tell(world, &one), "");
	asks(world, "n1", "other", &one);
	assert_string_equal(tell(world, &one), "other begin end[+k@a >1] ");
}

static void another_instance_is_told_everything_between_marks(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	put(world, "peers", "a", "x", "1");
	put(world, "peers", "b", "x", "2");
	(void)tell(world, &one);
	put(world, "peers", "a", "x", "3");
	/* The second is adopting while the first serves: nothing is told to it, and the first goes on. */
	asks(world, "n1", "peers", &two);
	assert_string_equal(tell(world, &one), "peers[~a@x 1>3] ");
	put(world, "peers", "b", "x", NULL);
	tables_kick(world->tables);
	assert_string_equal(tell(world, &two), "peers begin end[+a@x >3] ");
	/* And back, as after a rollback: it does not matter what it knew. */
	asks(world, "n1", "peers", &one);
	assert_string_equal(tell(world, &one), "peers begin end[+a@x >3] ");
}

static void an_instance_that_registers_nothing_is_told_nothing(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	put(world, "peers", "a", "x", "1");
	(void)tell(world, &one);
	tables_kick(world->tables);
	assert_string_equal(tell(world, &two), "");
	put(world, "peers", "a", "x", "2");
	assert_string_equal(tell(world, &two), "");
}

static void put_many(struct world *world, int from, int to)
{
	char key[16];

	for (int i = from; i < to; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		put(world, "peers", key, "a", "v");
	}
}

static uint32_t count_text(const char *in, const char *what)
{
	uint32_t count = 0;

	for (const char *at = in; (at = strstr(at, what)); at++)
		count++;
	return count;
}

/* What changes while a replay is on its way is told before its end, so that nobody sweeps it away. */
static void a_replay_ends_when_all_that_was_there_is_told(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	put_many(world, 0, 2500);
	world->told[0] = '\0';
	assert_true(deliver(world, &one, 0));
	assert_non_null(strstr(world->told, "peers begin["));
	put(world, "peers", "k2400", "a", "changed");
	put(world, "peers", "k2401", "a", NULL);
	put(world, "peers", "k1", "a", "changed");
	while (deliver(world, &one, 0))
		;
	const char *end = strstr(world->told, "peers end[");
	assert_non_null(end);
	assert_int_equal(count_text(world->told, "begin"), 1);
	assert_int_equal(count_text(world->told, " end["), 1);
	assert_int_equal(count_text(world->told, "+k2400@a >changed"), 1);
	assert_null(strstr(world->told, "k2401@"));
	assert_int_equal(count_text(world->told, "~k1@a v>changed"), 1);
	assert_int_equal(count_text(world->told, "+"), 2499);
}

static void what_fails_is_told_again_with_what_came_meanwhile(void **state)
{
	struct world *world = *state;
	struct tables_totals totals;

	asks(world, "n1", "peers", &one);
	(void)tell(world, &one);
	put(world, "peers", "a", "x", "1");
	world->told[0] = '\0';
	assert_true(deliver(world, &one, -NDRV_E_INTERNAL));
	assert_string_equal(world->told, "peers[+a@x >1] ");
	/* Not at once. */
	tables_total(world->tables, &totals);
	assert_false(totals.ready);
	put(world, "peers", "a", "x", "2");
	put(world, "peers", "b", "x", "3");
	(void)usleep(60000);
	assert_string_equal(tell(world, &one), "peers[+a@x >2, +b@x >3] ");
}

/* It went while the driver was being told that it came. */
static void a_row_that_goes_in_flight_is_told_gone(void **state)
{
	struct world *world = *state;
	struct tables_work work;
	struct delivery *delivery;

	asks(world, "n1", "peers", &one);
	(void)tell(world, &one);
	put(world, "peers", "a", "x", "1");
	assert_true(tables_next(world->tables, &work));
	assert_non_null(tables_take(world->tables, "n1", &one, &delivery));
	put(world, "peers", "a", "x", NULL);
	tables_told(world->tables, delivery, 0, NULL);
	assert_string_equal(tell(world, &one), "peers[-a@x 1>] ");
	/* The same when the driver failed: then there is nothing to tell. */
	put(world, "peers", "b", "x", "1");
	assert_true(tables_next(world->tables, &work));
	assert_non_null(tables_take(world->tables, "n1", &one, &delivery));
	put(world, "peers", "b", "x", NULL);
	tables_told(world->tables, delivery, -NDRV_E_INTERNAL, "no");
	(void)usleep(60000);
	assert_string_equal(tell(world, &one), "");
}

static void two_calls_for_one_network_are_never_open(void **state)
{
	struct world *world = *state;
	struct tables_work work;
	struct delivery *delivery;
	struct tables_totals totals;

	asks(world, "n1", "peers", &one);
	put(world, "peers", "a", "x", "1");
	assert_true(tables_next(world->tables, &work));
	assert_non_null(tables_take(world->tables, "n1", &one, &delivery));
	put(world, "peers", "b", "x", "1");
	tables_total(world->tables, &totals);
	assert_false(totals.ready);
	tables_told(world->tables, delivery, 0, NULL);
	tables_total(world->tables, &totals);
	assert_true(totals.ready);
}

static void one_network_that_fails_does_not_stall_others(void **state)
{
	struct world *world = *state;

	assert_ok(tables_open_network(world->tables, "n2", true, &world->err), &world->err);
	asks(world, "n1", "peers", &one);
	(void)tell(world, &one);
	put(world, "peers", "a", "x", "1");
	assert_true(deliver(world, &one, -NDRV_E_INTERNAL));
	asks(world, "n2", "peers", &one);
	assert_ok(try_put(world, "n2", "peers", "b", "x", "2"), &world->err);
	assert_string_equal(tell(world, &one), "peers begin end[+b@x >2] ");
}

/* A network was deleted while a job for it was on its way, and another got its id: the job's end does not silence that one. */
static void work_for_a_former_network_ends_without_harm(void **state)
{
	struct world *world = *state;
	struct tables_work work;

	asks(world, "n1", "peers", &one);
	assert_true(tables_next(world->tables, &work));
	tables_close_network(world->tables, "n1");
	assert_ok(tables_open_network(world->tables, "n1", true, &world->err), &world->err);
	put(world, "peers", "a", "x", "1");
	asks(world, "n1", "peers", &two);
	tables_idle(world->tables, &work, 0, NULL);
	assert_string_equal(tell(world, &two), "peers begin end[+a@x >1] ");
}

static void a_lost_backend_makes_rows_stale_and_deletes_nothing(void **state)
{
	struct world *world = *state;

	asks(world, "n1", "peers", &one);
	put(world, "peers", "a", "x", "1");
	(void)tell(world, &one);
	local_set_reachable(world->backend, false);
	assert_string_equal(tell(world, &one), "peers stale[] ");
	put(world, "peers", "b", "x", "2");
	assert_string_equal(tell(world, &one), "peers stale[+b@x >2] ");
	tables_kick(world->tables);
	asks(world, "n1", "peers", &two);
	assert_string_equal(tell(world, &two), "peers begin end stale[+a@x >1, +b@x >2] ");
	local_set_reachable(world->backend, true);
	assert_string_equal(tell(world, &two), "peers[] ");
}

/* --- all of it at once --- */

#define KEYS 40

/* A fake forwarding table, filled by what is told. */
struct model {
	char shown[KEYS][3][16];
	bool told[KEYS][3];
	bool in_sync;
};

static const char *const owners[3] = {"a", "b", "c"};

static void learn(struct model *model, const struct ndrv_table_batch *batch)
{
	if (batch->flags & NDRV_BATCH_SYNC_BEGIN) {
		memset(model->told, 0, sizeof(model->told));
		model->in_sync = true;
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct ndrv_table_event *event = ndrv_table_event_at(batch, i);
		int key = atoi(event->key), owner = event->owner[0] - 'a';
		char *shown = model->shown[key][owner];
		if (!model->in_sync || model->told[key][owner]) {
			/* Relative to what was told: never an update of the unknown, never a second create. */
			assert_int_equal(event->previous != NULL, *shown != '\0');
			if (event->previous)
				assert_memory_equal(shown, event->previous, event->previous_bytes);
		}
		(void)snprintf(shown, sizeof(model->shown[0][0]), "%.*s", (int)event->value_bytes,
			       event->value ? (const char *)event->value : "");
		model->told[key][owner] = true;
	}
	if (!(batch->flags & NDRV_BATCH_SYNC_END))
		return;
	for (int key = 0; key < KEYS; key++)
		for (int owner = 0; owner < 3; owner++)
			if (!model->told[key][owner])
				model->shown[key][owner][0] = '\0';
	model->in_sync = false;
}

/* One piece of work, if there is any; now and then the driver fails. */
static void step(struct world *world, struct model *model, const void *instance, unsigned *seed)
{
	struct tables_totals totals;
	struct tables_work work;
	struct delivery *delivery;

	tables_total(world->tables, &totals);
	if (!totals.ready)
		return;
	assert_true(tables_next(world->tables, &work));
	const struct ndrv_table_batch *batch = tables_take(world->tables, "n1", instance, &delivery);
	if (!batch)
		return;
	bool fails = rand_r(seed) % 8 == 0;
	if (!fails)
		learn(model, batch);
	if (rand_r(seed) % 3 == 0) {
		char key[8];
		(void)snprintf(key, sizeof(key), "%d", rand_r(seed) % KEYS);
		(void)try_put(world, "n1", "peers", key, owners[rand_r(seed) % 3], rand_r(seed) % 2 ? "in flight" : NULL);
	}
	tables_told(world->tables, delivery, fails ? -NDRV_E_INTERNAL : 0, "no");
	if (fails)
		tables_kick(world->tables); /* no pause */
}

static int compare(const struct table_row *row, void *data)
{
	struct model *model = data;
	int key = atoi(row->key), owner = row->owner[0] - 'a';

	assert_memory_equal(model->shown[key][owner], row->value, row->bytes);
	model->shown[key][owner][0] = '\0';
	return 0;
}

static void a_driver_ends_up_with_what_there_is_whatever_happens(void **state)
{
	struct world *world = *state;
	struct model model = {0};
	struct tables_totals totals;
	const void *instance = &one;
	unsigned seed = 1;
	char key[8], value[16];

	asks(world, "n1", "peers", instance);
	for (int i = 0; i < 40000; i++) {
		int what = rand_r(&seed) % 100;
		(void)snprintf(key, sizeof(key), "%d", rand_r(&seed) % KEYS);
		(void)snprintf(value, sizeof(value), "%d", rand_r(&seed) % 4);
		if (what < 50)
			(void)try_put(world, "n1", "peers", key, owners[rand_r(&seed) % 3], rand_r(&seed) % 3 ? value : NULL);
		else if (what < 96)
			step(world, &model, instance, &seed);
		else if (what == 98)
			(void)tables_node_remove(world->tables, "a", NULL);
		else if (what == 99 && rand_r(&seed) % 20 == 0) {
			instance = instance == &one ? &two : &one;
			asks(world, "n1", "peers", instance);
		}
	}
	do {
		step(world, &model, instance, &seed);
		tables_total(world->tables, &totals);
	} while (totals.ready);
	for (int i = 0; i < KEYS; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		(void)tables_find(world->tables, "n1", "peers", key, NULL, compare, &model, NULL);
	}
	for (int i = 0; i < KEYS * 3; i++)
		assert_string_equal(model.shown[i / 3][i % 3], "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(events_are_relative_to_what_was_shown),
		TABLE_TEST(a_slow_driver_sees_the_last_value_alone),
		TABLE_TEST(events_come_in_the_order_of_their_revisions),
		TABLE_TEST(one_transaction_is_one_batch),
		TABLE_TEST(nothing_of_a_refused_transaction_is_seen),
		TABLE_TEST(a_node_does_not_hear_its_own_rows),
		TABLE_TEST(two_nodes_may_have_a_row_of_one_key),
		TABLE_TEST(tables_nobody_registered_are_not_told),
		TABLE_TEST(another_instance_is_told_everything_between_marks),
		TABLE_TEST(an_instance_that_registers_nothing_is_told_nothing),
		TABLE_TEST(a_replay_ends_when_all_that_was_there_is_told),
		TABLE_TEST(what_fails_is_told_again_with_what_came_meanwhile),
		TABLE_TEST(a_row_that_goes_in_flight_is_told_gone),
		TABLE_TEST(two_calls_for_one_network_are_never_open),
		TABLE_TEST(one_network_that_fails_does_not_stall_others),
		TABLE_TEST(work_for_a_former_network_ends_without_harm),
		TABLE_TEST(a_lost_backend_makes_rows_stale_and_deletes_nothing),
		TABLE_TEST(a_driver_ends_up_with_what_there_is_whatever_happens),
	};

	return cmocka_run_group_tests_name("table, told", tests, NULL, NULL);
}
