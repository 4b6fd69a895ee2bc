/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that do not come back: deadlines, hang-ups, and that nobody else notices. */
#include "tests/conformance/rig.h"

#include <stdlib.h>
#include <time.h>

#include "host/base/clock.h"

static const char *const drivers[] = {"rec", "recserial", NULL};

static struct rig *open_rig(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, RIG_QUIET, drivers);
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_release(rig);
	rig_close(rig);
	free(rig);
}

/* An asynchronous request with an arena of its own. */
struct pending {
	struct arena arena;
	struct request request;
	struct reply reply;
	struct ticket *ticket;
	_Atomic uint32_t answers;
};

static void answered(struct request *request, struct reply *reply, void *data)
{
	struct pending *pending = data;

	(void)request;
	pending->reply = *reply;
	(void)atomic_fetch_add(&pending->answers, 1);
}

static struct pending *submit(struct rig *rig, enum request_op op, const char *nid, const char *eid, uint64_t ms)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	assert_non_null(pending);
	arena_init(&pending->arena, 1u << 20);
	pending->request = rig_request(rig, op);
	pending->request.arena = &pending->arena;
	pending->request.deadline_ns = clock_ns() + ms * NSEC_PER_MSEC;
	pending->request.network = nid;
	pending->request.endpoint = eid;
	if (op == REQ_NETWORK_CREATE) {
		pending->request.type = "rec";
		pending->request.new_id = nid;
	}
	pending->request.sandbox_key = "s";
	dispatch_submit(rig->dispatch, &pending->request, answered, pending, &pending->ticket);
	return pending;
}

static const struct reply *wait_answer(struct pending *pending)
{
	while (!atomic_load(&pending->answers))
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return &pending->reply;
}

static void done(struct pending *pending)
{
	assert_int_equal(atomic_load(&pending->answers), 1);
	arena_reset(&pending->arena);
	free(pending);
}

static int block_op(struct rig *rig, struct recorded *recorded)
{
	if (!strcmp(recorded->op, rig->act_data) && !(recorded->call->flags & NDRV_CALL_UNDO))
		rig_block(rig);
	return 0;
}

/* Until the late call has ended and its network can be used again. */
static void wait_unstuck(struct rig *rig, const char *nid)
{
	for (;;) {
		struct reply reply = rig_op(rig, REQ_ENDPOINT_CREATE, nid, "probe");
		if (reply.error.code != NDRV_E_NETWORK_BUSY && reply.error.code != NDRV_E_TIMEOUT) {
			assert_reply_ok(reply);
			return;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

static void a_caller_gets_timeout_and_the_late_success_is_undone(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	(void)rig_calls(rig);
	rig->act = block_op;
	rig->act_data = (void *)(uintptr_t) "endpoint_create";
	struct pending *late = submit(rig, REQ_ENDPOINT_CREATE, "n1", "e1", 50);
	rig_wait_inside(rig, 1);
	struct pending *queued = submit(rig, REQ_ENDPOINT_INFO, "n1", "e1", 5000);
	assert_reply_fails(*wait_answer(late), NDRV_E_TIMEOUT, "\"rec\" has been in endpoint_create");
	/* Queued and new requests hear of it at once; other networks go on. */
	assert_reply_fails(*wait_answer(queued), NDRV_E_NETWORK_BUSY, "n1");
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NETWORK_BUSY, "n1");
	assert_reply_fails(rig_join(rig, "n2", "e1", "s"), NDRV_E_NO_ENDPOINT, "e1");
	struct request request = rig_request(rig, REQ_STATUS);
	struct reply status = rig_run(rig, &request);
	assert_reply_ok(status);
	const struct ndrv_value *stuck = ndrv_map_path(&status.value, "calls", "stuck", NULL);
	assert_non_null(stuck);
	assert_int_equal(stuck->count, 1);
	const char *text = NULL;
	assert_int_equal(ndrv_map_string(&stuck->u.items[0], "in", &text, NULL), 1);
	assert_string_equal(text, "endpoint_create");
	assert_int_equal(ndrv_map_string(&stuck->u.items[0], "endpoint", &text, NULL), 1);
	assert_string_equal(text, "e1");
	int64_t thread = 0;
	assert_int_equal(ndrv_map_int(&stuck->u.items[0], "thread", &thread, NULL), 1);
	assert_true(thread > 0);
	rig->act = NULL;
	rig_release(rig);
	wait_unstuck(rig, "n1");
	assert_calls(rig, "endpoint_create n1 e1; endpoint_delete n1 e1 UNDO; endpoint_create n1 probe");
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	done(late);
	done(queued);
	close_rig(rig);
}

static void late_networks_joins_and_programs_are_undone_too(void **state)
{
	static const struct {
		enum request_op op;
		const char *name, *undo;
	} cases[] = {
		{REQ_JOIN, "join", "join n1 e1; leave n1 e1 UNDO; endpoint_create n1 probe"},
		{REQ_PROGRAM_EXTERNAL, "program_external",
		 "join n1 e1; program_external n1 e1; revoke_external n1 e1 UNDO; endpoint_create n1 probe"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rig *rig = open_rig();
		assert_reply_ok(rig_network(rig, "rec", "n1"));
		assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
		(void)rig_calls(rig);
		if (cases[i].op == REQ_PROGRAM_EXTERNAL)
			assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
		rig->act = block_op;
		rig->act_data = (void *)(uintptr_t)cases[i].name;
		struct pending *late = submit(rig, cases[i].op, "n1", "e1", 30);
		assert_reply_fails(*wait_answer(late), NDRV_E_TIMEOUT, cases[i].name);
		rig_release(rig);
		wait_unstuck(rig, "n1");
		assert_calls(rig, cases[i].undo);
		done(late);
		close_rig(rig);
	}
	struct rig *rig = open_rig();
	rig->act = block_op;
	rig->act_data = (void *)(uintptr_t) "network_create";
	struct pending *late = submit(rig, REQ_NETWORK_CREATE, "n1", NULL, 30);
	assert_reply_fails(*wait_answer(late), NDRV_E_TIMEOUT, "network_create");
	rig_release(rig);
	while (records_count(rig->records))
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_calls(rig, "gw_alloc_check; network_create n1; network_delete n1 UNDO");
	done(late);
	close_rig(rig);
}

static void a_late_delete_is_completed(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	rig->act = block_op;
	rig->act_data = (void *)(uintptr_t) "endpoint_delete";
	struct pending *late = submit(rig, REQ_ENDPOINT_DELETE, "n1", "e1", 30);
	assert_reply_fails(*wait_answer(late), NDRV_E_TIMEOUT, "endpoint_delete");
	rig_release(rig);
	wait_unstuck(rig, "n1");
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	done(late);
	close_rig(rig);
}

static void a_client_that_hangs_up_cancels_its_request(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	(void)rig_calls(rig);
	rig->act = block_op;
	rig->act_data = (void *)(uintptr_t) "endpoint_create";
	struct pending *hung = submit(rig, REQ_ENDPOINT_CREATE, "n1", "e1", 20000);
	rig_wait_inside(rig, 1);
	dispatch_cancel(rig->dispatch, hung->ticket);
	assert_reply_fails(*wait_answer(hung), NDRV_E_CANCELLED, "cancelled by its caller");
	rig_release(rig);
	wait_unstuck(rig, "n1");
	assert_calls(rig, "endpoint_create n1 e1; endpoint_delete n1 e1 UNDO; endpoint_create n1 probe");
	done(hung);
	close_rig(rig);
}

static int use_late(struct rig *rig, struct recorded *recorded)
{
	struct ndrv_mac mac = {.set = 1, .bytes = {2, 1, 1, 1, 1, 1}};
	struct ndrv_error *err = rig->act_data;

	if (strcmp(recorded->op, "endpoint_create") != 0 || strcmp(recorded->endpoint->id, "e1") != 0)
		return 0;
	rig_block(rig);
	(void)ndrv_ifinfo_set_mac(recorded->ifinfo, &mac, err);
	return recorded->call->cancelled(recorded->call) ? ndrv_fail(recorded->call->err, NDRV_E_TIMEOUT, "gave up") : 0;
}

static void handles_are_revoked_at_the_deadline_and_the_driver_can_tell(void **state)
{
	struct rig *rig = open_rig();
	struct ndrv_error err = {0};

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	rig->act = use_late;
	rig->act_data = &err;
	struct pending *late = submit(rig, REQ_ENDPOINT_CREATE, "n1", "e1", 30);
	assert_reply_fails(*wait_answer(late), NDRV_E_TIMEOUT, "endpoint_create");
	rig_release(rig);
	wait_unstuck(rig, "n1");
	assert_int_equal(err.code, NDRV_E_STALE_HANDLE);
	done(late);
	close_rig(rig);
}

static int block_in_rec(struct rig *rig, struct recorded *recorded)
{
	if (!strcmp(recorded->op, "endpoint_create") && recorded->network->id[0] == 's')
		rig_block(rig);
	return 0;
}

static void forty_stuck_networks_do_not_slow_the_others(void **state)
{
	struct rig *rig = open_rig();
	struct pending *late[40];
	char nids[40][8];

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	for (size_t i = 0; i < 40; i++) {
		(void)snprintf(nids[i], sizeof(nids[i]), "s%zu", i);
		assert_reply_ok(rig_network(rig, "rec", nids[i]));
	}
	rig->act = block_in_rec;
	for (size_t i = 0; i < 40; i++)
		late[i] = submit(rig, REQ_ENDPOINT_CREATE, nids[i], "e1", 10000);
	rig_wait_inside(rig, 40);
	for (int i = 0; i < 100; i++) {
		char eid[8];
		(void)snprintf(eid, sizeof(eid), "e%d", i);
		assert_reply_ok(rig_endpoint(rig, "n1", eid));
		assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", eid));
	}
	rig_release(rig);
	for (size_t i = 0; i < 40; i++) {
		assert_reply_ok(*wait_answer(late[i]));
		done(late[i]);
	}
	close_rig(rig);
}

static void requests_on_one_network_run_one_at_a_time_in_order(void **state)
{
	struct rig *rig = open_rig();
	struct pending *all[20];
	char eids[20][8];

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	(void)rig_calls(rig);
	rig->act = block_op;
	rig->act_data = (void *)(uintptr_t) "endpoint_create";
	for (size_t i = 0; i < 20; i++) {
		(void)snprintf(eids[i], sizeof(eids[i]), "e%02zu", i);
		all[i] = submit(rig, REQ_ENDPOINT_CREATE, "n1", eids[i], 20000);
		/* Each is in the queue of the turn before the next comes. */
		if (i == 0)
			rig_wait_inside(rig, 1);
		(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	assert_int_equal(atomic_load(&rig->inside), 1);
	rig_release(rig);
	for (size_t i = 0; i < 20; i++)
		assert_reply_ok(*wait_answer(all[i]));
	const char *at = rig_calls(rig);
	for (size_t i = 0; i < 20; i++) {
		const char *found = strstr(at, eids[i]);
		assert_non_null(found);
		at = found;
		done(all[i]);
	}
	close_rig(rig);
}

static int count_inside(struct rig *rig, struct recorded *recorded)
{
	_Atomic uint32_t *most = rig->act_data;

	if (strcmp(recorded->op, "endpoint_create") != 0)
		return 0;
	uint32_t now = atomic_fetch_add(&rig->inside, 1) + 1;
	if (now > atomic_load(most))
		atomic_store(most, now);
	(void)nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
	(void)atomic_fetch_sub(&rig->inside, 1);
	return 0;
}

static void a_driver_that_wants_one_call_at_a_time_gets_one(void **state)
{
	static const char *const types[] = {"rec", "recserial"};
	uint32_t seen[2];

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		struct rig *rig = open_rig();
		_Atomic uint32_t most = 0;
		struct pending *all[8];
		char nids[8][8];
		for (size_t i = 0; i < 8; i++) {
			(void)snprintf(nids[i], sizeof(nids[i]), "n%zu", i);
			assert_reply_ok(rig_network(rig, types[t], nids[i]));
		}
		rig->act = count_inside;
		rig->act_data = &most;
		for (size_t i = 0; i < 8; i++)
			all[i] = submit(rig, REQ_ENDPOINT_CREATE, nids[i], "e", 20000);
		for (size_t i = 0; i < 8; i++) {
			assert_reply_ok(*wait_answer(all[i]));
			done(all[i]);
		}
		seen[t] = most;
		close_rig(rig);
	}
	assert_true(seen[0] > 1);
	assert_int_equal(seen[1], 1);
}

static void a_stuck_driver_that_takes_one_call_at_a_time_is_told_of_at_once(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "recserial", "n1"));
	assert_reply_ok(rig_network(rig, "recserial", "n2"));
	rig->act = block_op;
	rig->act_data = (void *)(uintptr_t) "endpoint_create";
	struct pending *late = submit(rig, REQ_ENDPOINT_CREATE, "n1", "e1", 30);
	assert_reply_fails(*wait_answer(late), NDRV_E_TIMEOUT, "endpoint_create");
	/* 20 s to go, and an answer long before. */
	assert_reply_fails(rig_endpoint(rig, "n2", "e1"), NDRV_E_NETWORK_BUSY, "on network n1");
	assert_reply_ok(rig_network(rig, "rec", "n3"));
	rig_release(rig);
	wait_unstuck(rig, "n2");
	done(late);
	close_rig(rig);
}

static void stopping_refuses_new_requests_and_waits_for_old_ones(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	rig->act = block_op;
	rig->act_data = (void *)(uintptr_t) "endpoint_create";
	struct pending *running = submit(rig, REQ_ENDPOINT_CREATE, "n1", "e1", 20000);
	rig_wait_inside(rig, 1);
	assert_false(dispatch_stop(rig->dispatch, clock_ns() + 20 * NSEC_PER_MSEC));
	struct pending *refused = submit(rig, REQ_NETWORK_LIST, NULL, NULL, 1000);
	assert_reply_fails(*wait_answer(refused), NDRV_E_SHUTTING_DOWN, "network_list");
	rig_release(rig);
	assert_reply_ok(*wait_answer(running));
	done(running);
	done(refused);
	close_rig(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_caller_gets_timeout_and_the_late_success_is_undone),
		cmocka_unit_test(late_networks_joins_and_programs_are_undone_too),
		cmocka_unit_test(a_late_delete_is_completed),
		cmocka_unit_test(a_client_that_hangs_up_cancels_its_request),
		cmocka_unit_test(handles_are_revoked_at_the_deadline_and_the_driver_can_tell),
		cmocka_unit_test(forty_stuck_networks_do_not_slow_the_others),
		cmocka_unit_test(requests_on_one_network_run_one_at_a_time_in_order),
		cmocka_unit_test(a_driver_that_wants_one_call_at_a_time_gets_one),
		cmocka_unit_test(a_stuck_driver_that_takes_one_call_at_a_time_is_told_of_at_once),
		cmocka_unit_test(stopping_refuses_new_requests_and_waits_for_old_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
