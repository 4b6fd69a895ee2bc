/* SPDX-License-Identifier: Apache-2.0 */
/* Tables through the dispatcher: what join publishes, what drivers are told of others' rows and of nodes, and what goes when
 * records go. */
#include "tests/conformance/rig.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"

#define PATIENCE_NS (10 * NSEC_PER_SEC)

static const char *const drivers[] = {"recglobal", "rec", NULL};

/* What the driver says and does, beside what the rig writes down. */
struct plot {
	char told[8192];
	_Atomic uint32_t calls;
	_Atomic uint32_t inside, most_inside;
	_Atomic bool fails, blocks;
	const char *blocks_at; /* a network */
	bool join_fails, no_rows;
};

static void note(struct plot *plot, const char *nid, const struct ndrv_table_batch *batch)
{
	char *at = plot->told + strlen(plot->told), *end = plot->told + sizeof(plot->told);

	at += snprintf(at, (size_t)(end - at), "%s%s%s:", nid, batch->flags & NDRV_BATCH_SYNC_BEGIN ? " begin" : "",
		       batch->flags & NDRV_BATCH_SYNC_END ? " end" : "");
	for (uint32_t i = 0; i < batch->count && at < end; i++) {
		const struct ndrv_table_event *event = ndrv_table_event_at(batch, i);
		at += snprintf(at, (size_t)(end - at), " %c%s", "?+~-"[ndrv_table_event_type(event)], event -> key);
	}
	(void)snprintf(at, (size_t)(end - at), "; ");
}

static int on_notify(struct rig *rig, struct plot *plot, struct recorded *recorded)
{
	uint32_t inside = atomic_fetch_add(&plot->inside, 1) + 1;
	int rc = 0;

	if (inside > atomic_load(&plot->most_inside))
		atomic_store(&plot->most_inside, inside);
	if (plot->blocks && (!plot->blocks_at || !strcmp(plot->blocks_at, recorded->network->id)))
		rig_block(rig);
	(void)pthread_mutex_lock(&rig->lock);
	if (plot->fails)
		rc = ndrv_fail(recorded->call->err, NDRV_E_INTERNAL, "not now");
	else
		note(plot, recorded->network->id, recorded->batch);
	(void)pthread_mutex_unlock(&rig->lock);
	(void)atomic_fetch_add(&plot->calls, 1);
	(void)atomic_fetch_sub(&plot->inside, 1);
	return rc;
}

static int act(struct rig *rig, struct recorded *recorded)
{
	struct plot *plot = rig->act_data;
	struct ndrv_network *network = recorded->network;

	if (!strcmp(recorded->op, "network_create") || (!strcmp(recorded->op, "adopt") && !recorded->endpoint))
		return network->ops->table_register(network, "peers", NDRV_OBJECT_ENDPOINT, recorded->call->err);
	if (!strcmp(recorded->op, "event_notify"))
		return on_notify(rig, plot, recorded);
	if (!strcmp(recorded->op, "join") && !plot->no_rows) {
		struct ndrv_join *join = recorded->join;
		int rc = join->ops->add_table_entry(join, "peers", recorded->endpoint->id, "here", 4, recorded->call->err);
		if (!rc && plot->join_fails)
			rc = ndrv_fail(recorded->call->err, NDRV_E_INTERNAL, "scripted");
		return rc;
	}
	if (!strncmp(recorded->op, "discover", 8)) {
		(void)pthread_mutex_lock(&rig->lock);
		(void)snprintf(plot->told + strlen(plot->told), sizeof(plot->told) - strlen(plot->told), "%s %s%s; ",
			       recorded->op + 9, recorded->discovery->address, recorded->discovery->self ? " self" : "");
		(void)pthread_mutex_unlock(&rig->lock);
	}
	return 0;
}

static struct rig *open_rig(struct plot *plot)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->act = act;
	rig->act_data = plot;
	rig_open(rig, RIG_QUIET | RIG_STORE, drivers);
	rig->act = act;
	rig->act_data = plot;
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_close(rig);
	free(rig);
}

/* Waits until the driver was told this, and nothing but this; then forgets it. */
static void expect(struct rig *rig, const char *text)
{
	struct plot *plot = rig->act_data;
	const struct timespec nap = {.tv_nsec = 2000000};
	uint64_t until = clock_ns() + PATIENCE_NS;
	char told[sizeof(plot->told)];
	bool same = false;

	while (!same && clock_ns() < until) {
		(void)pthread_mutex_lock(&rig->lock);
		memcpy(told, plot->told, sizeof(told));
		same = !strcmp(told, text);
		if (same)
			plot->told[0] = '\0';
		(void)pthread_mutex_unlock(&rig->lock);
		(void)nanosleep(&nap, NULL);
	}
	if (!same)
		fail_msg("told \"%s\", expected \"%s\"", told, text);
}

/* The same of two things that come in any order. */
static void expect_both(struct rig *rig, const char *first, const char *second)
{
	struct plot *plot = rig->act_data;
	uint64_t until = clock_ns() + PATIENCE_NS;
	bool both = false;

	while (!both && clock_ns() < until) {
		(void)pthread_mutex_lock(&rig->lock);
		both = strstr(plot->told, first) && strstr(plot->told, second) &&
		       strlen(plot->told) == strlen(first) + strlen(second);
		if (both)
			plot->told[0] = '\0';
		(void)pthread_mutex_unlock(&rig->lock);
		(void)usleep(2000);
	}
	if (!both)
		fail_msg("told \"%s\", expected \"%s\" and \"%s\"", plot->told, first, second);
}

static struct reply write_row(struct rig *rig, const char *nid, const char *key, const char *owner, const char *value)
{
	struct request request = rig_request(rig, REQ_TABLE_WRITE);
	const struct row_wish wish = {
		.table = "peers", .key = key, .owner = owner, .value = value, .bytes = value ? strlen(value) : 0, .gone = !value};

	request.network = nid;
	request.wishes = &wish;
	request.wish_count = 1;
	return rig_run(rig, &request);
}

static struct reply node(struct rig *rig, enum request_op op, const char *name, const char *address)
{
	struct request request = rig_request(rig, op);

	request.node = name;
	request.node_address = address;
	return rig_run(rig, &request);
}

/* The keys of the rows there are, with a sign for own ones. */
static const char *rows(struct rig *rig)
{
	static char text[1024];
	struct request request = rig_request(rig, REQ_TABLE_LIST);
	struct reply reply = rig_run(rig, &request);
	const struct ndrv_value *list = ndrv_map_get(&reply.value, "tables");
	int64_t count = 0, own = 0, all = 0, all_own = 0;

	assert_int_equal(reply.error.code, 0);
	for (uint32_t i = 0; list && i < list->count; i++) {
		assert_int_equal(ndrv_map_int(&list->u.items[i], "rows", &count, NULL), 1);
		assert_int_equal(ndrv_map_int(&list->u.items[i], "own", &own, NULL), 1);
		all += count;
		all_own += own;
	}
	(void)snprintf(text, sizeof(text), "%lld rows, %lld own", (long long)all, (long long)all_own);
	return text;
}

static void a_join_publishes_and_a_leave_withdraws(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	expect(rig, "n1 begin end:; ");
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_string_equal(rows(rig), "0 rows, 0 own");
	assert_reply_ok(rig_join(rig, "n1", "e1", "/s"));
	assert_string_equal(rows(rig), "1 rows, 1 own");
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_string_equal(rows(rig), "0 rows, 0 own");
	assert_reply_ok(rig_join(rig, "n1", "e1", "/s"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_string_equal(rows(rig), "0 rows, 0 own");
	/* Its own driver heard of none of it. */
	(void)usleep(20000);
	expect(rig, "");
	close_rig(rig);
}

static void a_join_that_is_undone_leaves_no_row(void **state)
{
	struct plot plot = {.join_fails = true};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_fails(rig_join(rig, "n1", "e1", "/s"), NDRV_E_INTERNAL, "scripted");
	assert_string_equal(rows(rig), "0 rows, 0 own");
	close_rig(rig);
}

static void a_network_deleted_by_force_leaves_no_row(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "/s"));
	assert_reply_ok(write_row(rig, "n1", "k", "other", "v"));
	struct request request = rig_request(rig, REQ_NETWORK_DELETE);
	request.network = "n1";
	request.force = true;
	assert_reply_ok(rig_run(rig, &request));
	assert_string_equal(rows(rig), "0 rows, 0 own");
	assert_reply_fails(write_row(rig, "n1", "k", "other", "v"), NDRV_E_NO_NETWORK, "n1");
	close_rig(rig);
}

static void a_driver_of_local_scope_registers_and_publishes_without_effect(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "/s"));
	assert_string_equal(rows(rig), "0 rows, 0 own");
	assert_reply_fails(write_row(rig, "n1", "k", "other", "v"), NDRV_E_SCOPE, "n1");
	assert_reply_ok(node(rig, REQ_NODE_ADD, "other", "192.0.2.2"));
	expect(rig, "new 192.0.2.2; ");
	assert_reply_ok(rig_network(rig, "recglobal", "n2"));
	expect(rig, "n2 begin end:; ");
	assert_reply_ok(write_row(rig, "n2", "k", "other", "v"));
	expect(rig, "n2: +k; ");
	close_rig(rig);
}

static void others_rows_reach_the_driver(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	expect(rig, "n1 begin end:; ");
	assert_reply_ok(write_row(rig, "n1", "k", "other", "v"));
	expect(rig, "n1: +k; ");
	assert_reply_ok(write_row(rig, "n1", "k", "other", "w"));
	expect(rig, "n1: ~k; ");
	assert_reply_ok(write_row(rig, "n1", "k", "other", NULL));
	expect(rig, "n1: -k; ");
	close_rig(rig);
}

static void a_restart_replays_what_there_is(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	expect(rig, "n1 begin end:; ");
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "/s"));
	assert_reply_ok(write_row(rig, "n1", "k", "other", "v"));
	assert_reply_ok(node(rig, REQ_NODE_ADD, "other", "192.0.2.2"));
	expect_both(rig, "n1: +k; ", "new 192.0.2.2; ");
	rig_restart(rig, drivers);
	struct ndrv_value report;
	struct ndrv_error err = {0};
	assert_ok(dispatch_recover(rig->dispatch, &rig->arena, &report, &err), &err);
	expect_both(rig, "new 192.0.2.2; ", "n1 begin end: +k; ");
	assert_string_equal(rows(rig), "2 rows, 1 own");
	close_rig(rig);
}

static void a_driver_that_fails_is_told_again(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	expect(rig, "n1 begin end:; ");
	plot.fails = true;
	assert_reply_ok(write_row(rig, "n1", "k", "other", "v"));
	while (atomic_load(&plot.calls) < 3)
		(void)usleep(1000);
	struct request request = rig_request(rig, REQ_TABLE_LIST);
	struct reply reply = rig_run(rig, &request);
	const struct ndrv_value *list = ndrv_map_get(&reply.value, "tables");
	const char *why = NULL;
	assert_int_equal(ndrv_map_string(&list->u.items[0], "error", &why, NULL), 1);
	assert_string_equal(why, "not now");
	(void)pthread_mutex_lock(&rig->lock);
	plot.fails = false;
	(void)pthread_mutex_unlock(&rig->lock);
	expect(rig, "n1: +k; ");
	close_rig(rig);
}

/* One network's driver hangs in event_notify: another network hears, and the first when it comes back. */
static void a_driver_that_hangs_stalls_its_network_alone(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	expect(rig, "n1 begin end:; ");
	assert_reply_ok(rig_network(rig, "recglobal", "n2"));
	expect(rig, "n2 begin end:; ");
	plot.blocks_at = "n1";
	plot.blocks = true;
	assert_reply_ok(write_row(rig, "n1", "k", "other", "v"));
	rig_wait_inside(rig, 1);
	/* Rows keep coming in for the one that hangs, and the other is told. */
	assert_reply_ok(write_row(rig, "n1", "k", "other", "w"));
	assert_reply_ok(write_row(rig, "n1", "l", "other", "w"));
	assert_reply_ok(write_row(rig, "n2", "k", "other", "v"));
	expect(rig, "n2: +k; ");
	plot.blocks = false;
	rig_release(rig);
	expect(rig, "n1: +k; n1: ~k +l; ");
	assert_int_equal(atomic_load(&plot.most_inside), 2);
	close_rig(rig);
}

static void nodes_are_told_to_drivers_that_span_hosts(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	expect(rig, "n1 begin end:; ");
	assert_reply_ok(node(rig, REQ_NODE_ADD, "other", "192.0.2.2"));
	expect(rig, "new 192.0.2.2; ");
	assert_reply_ok(write_row(rig, "n1", "k", "other", "v"));
	expect(rig, "n1: +k; ");
	struct request request = rig_request(rig, REQ_NETWORK_INSPECT);
	request.network = "n1";
	struct reply reply = rig_run(rig, &request);
	const struct ndrv_value *peers = ndrv_map_get(&reply.value, "peers");
	const char *address = NULL;
	assert_non_null(peers);
	assert_int_equal(peers->count, 1);
	assert_int_equal(ndrv_map_string(&peers->u.items[0], "address", &address, NULL), 1);
	assert_string_equal(address, "192.0.2.2");
	assert_reply_ok(node(rig, REQ_NODE_REMOVE, "other", NULL));
	expect_both(rig, "n1: -k; ", "delete 192.0.2.2; ");
	assert_reply_fails(node(rig, REQ_NODE_REMOVE, "other", NULL), NDRV_E_NOT_FOUND, "other");
	close_rig(rig);
}

static void drivers_read_and_write_rows_of_their_own(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);
	struct ndrv_error err = {0};
	const void *value = NULL;
	size_t bytes = 0;
	const struct ndrv_network network = {.size = sizeof(network), .id = "n1"}, local = {.size = sizeof(local), .id = "n2"};

	(void)state;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	const struct ndrv_host *host = rig->recorder.host;
	assert_true(host->features & NDRV_FEATURE_TABLES);
	assert_fails(ndrv_table_get(host, &rig->arena.ndrv, &network, "t", "k", &value, &bytes, &err), &err, NDRV_E_NOT_FOUND, "k");
	assert_ok(ndrv_table_put(host, &network, "t", "k", "xyz", 3, &err), &err);
	assert_ok(ndrv_table_get(host, &rig->arena.ndrv, &network, "t", "k", &value, &bytes, &err), &err);
	assert_int_equal(bytes, 3);
	assert_memory_equal(value, "xyz", 3);
	assert_ok(ndrv_table_del(host, &network, "t", "k", &err), &err);
	assert_ok(ndrv_table_del(host, &network, "t", "k", &err), &err);
	assert_fails(ndrv_table_put(host, &local, "t", "k", "xyz", 3, &err), &err, NDRV_E_SCOPE, "n2");
	assert_fails(ndrv_table_put(host, NULL, "t", "k", "xyz", 3, &err), &err, NDRV_E_BAD_REQUEST, "network");
	close_rig(rig);
}

/* Four threads write to four networks while their drivers fail now and then; in the end all are up to date. */
struct writer {
	struct rig *rig;
	char nid[8];
	int failed;
};

static void *write_many(void *data)
{
	struct writer *writer = data;
	struct arena arena;
	char key[16];

	arena_init(&arena, 1u << 20);
	for (int i = 0; i < 300; i++) {
		const struct row_wish wish = {
			.table = "peers", .key = key, .owner = "other", .value = key, .bytes = strlen(key), .gone = i % 5 == 4};
		struct request request = {.op = REQ_TABLE_WRITE,
					  .arena = &arena,
					  .caller = {.role = ROLE_ADMIN},
					  .id = "",
					  .network = writer->nid,
					  .wishes = &wish,
					  .wish_count = 1};
		struct reply reply = {0};
		(void)snprintf(key, sizeof(key), "%d", i % 40);
		dispatch_run(writer->rig->dispatch, &request, &reply);
		writer->failed += reply.error.code != 0;
		if (i == 150)
			((struct plot *)writer->rig->act_data)->fails = writer->nid[1] == '1';
		if (i == 200)
			((struct plot *)writer->rig->act_data)->fails = false;
		arena_reset(&arena);
	}
	return NULL;
}

static bool is_behind(struct rig *rig)
{
	struct request request = rig_request(rig, REQ_TABLE_LIST);
	struct reply reply = rig_run(rig, &request);
	const struct ndrv_value *list = ndrv_map_get(&reply.value, "tables");
	int64_t behind = 0, all = 0;

	for (uint32_t i = 0; list && i < list->count; i++)
		all += ndrv_map_int(&list->u.items[i], "behind", &behind, NULL) == 1 ? behind : 0;
	return all > 0;
}

static void many_writers_leave_every_driver_up_to_date(void **state)
{
	struct plot plot = {0};
	struct rig *rig = open_rig(&plot);
	struct writer writers[4];
	pthread_t threads[4];

	(void)state;
	rig->silent = true;
	for (int i = 0; i < 4; i++) {
		writers[i] = (struct writer){.rig = rig};
		(void)snprintf(writers[i].nid, sizeof(writers[i].nid), "n%d", i);
		assert_reply_ok(rig_network(rig, "recglobal", writers[i].nid));
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
	for (int i = 0; i < 4; i++) {
		(void)pthread_join(threads[i], NULL);
		assert_int_equal(writers[i].failed, 0);
	}
	for (int i = 0; i < 5000 && is_behind(rig); i++)
		(void)usleep(2000);
	assert_false(is_behind(rig));
	close_rig(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_join_publishes_and_a_leave_withdraws),
		cmocka_unit_test(a_join_that_is_undone_leaves_no_row),
		cmocka_unit_test(a_network_deleted_by_force_leaves_no_row),
		cmocka_unit_test(a_driver_of_local_scope_registers_and_publishes_without_effect),
		cmocka_unit_test(others_rows_reach_the_driver),
		cmocka_unit_test(a_restart_replays_what_there_is),
		cmocka_unit_test(a_driver_that_fails_is_told_again),
		cmocka_unit_test(a_driver_that_hangs_stalls_its_network_alone),
		cmocka_unit_test(nodes_are_told_to_drivers_that_span_hosts),
		cmocka_unit_test(drivers_read_and_write_rows_of_their_own),
		cmocka_unit_test(many_writers_leave_every_driver_up_to_date),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
