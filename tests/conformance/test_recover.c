/* SPDX-License-Identifier: Apache-2.0 */
/* A host that starts again on the files of one that ended: intents undone and redone, the rest adopted. */
#include "tests/conformance/rig.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

static const char *const drivers[] = {"rec", NULL};
static const char *const no_drivers[] = {NULL};

static struct rig *open_rig(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, RIG_QUIET | RIG_STORE, drivers);
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_close(rig);
	free(rig);
}

static int64_t recover(struct rig *rig, const char *key)
{
	struct ndrv_value report = ndrv_null();
	struct ndrv_error err = {0};
	int64_t count = -1;

	assert_ok(dispatch_recover(rig->dispatch, &rig->arena, &report, &err), &err);
	assert_int_equal(ndrv_map_int(&report, key, &count, NULL), 1);
	return count;
}

static void networks_endpoints_and_joins_come_back(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	struct reply before = rig_endpoint(rig, "n1", "e1");
	assert_reply_ok(before);
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	(void)rig_calls(rig);
	rig_stop(rig);
	assert_calls(rig, "release n1 e1; release n1");
	rig_start(rig, drivers);
	assert_int_equal(recover(rig, "networks"), 1);
	assert_calls(rig, "adopt n1 RESTORE; adopt n1 e1 RESTORE");
	/* The same answers as before, from the record. */
	struct reply after = rig_endpoint(rig, "n1", "e1");
	assert_reply_ok(after);
	assert_true(ndrv_prefix_equal(&before.address, &after.address));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	assert_calls(rig, "");
	/* Its address is leased: the next endpoint gets another. */
	after = rig_endpoint(rig, "n1", "e2");
	assert_reply_ok(after);
	assert_false(ndrv_prefix_equal(&before.address, &after.address));
	/* And so is its pool. */
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	(void)rig_calls(rig);
	rig_restart(rig, drivers);
	assert_int_equal(recover(rig, "networks"), 2);
	(void)rig_calls(rig);
	assert_int_equal(recover(rig, "networks"), 0);
	assert_calls(rig, "");
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	close_rig(rig);
}

/* Writes a record as a host that dies now would have left it. */
static void leave_network(struct rig *rig, const char *nid, uint32_t as)
{
	struct ndrv_error err = {0};
	struct network *network;

	assert_ok(records_resolve(rig->records, nid, &network, &err), &err);
	network->state = as;
	assert_ok(store_put_network(rig->store, network, &err), &err);
	network_unref(network);
}

static void leave_endpoint(struct rig *rig, const char *nid, const char *eid, uint32_t as, uint32_t join)
{
	struct ndrv_error err = {0};
	struct network *network;

	assert_ok(records_resolve(rig->records, nid, &network, &err), &err);
	struct endpoint *endpoint = network_endpoint(network, eid);
	assert_non_null(endpoint);
	endpoint->state = as;
	endpoint->join.state = join;
	assert_ok(store_put_endpoint(rig->store, endpoint, &err), &err);
	network_unref(network);
}

static void open_intents_of_networks_are_settled(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	leave_network(rig, "n1", RECORD_CREATING);
	leave_network(rig, "n2", RECORD_DELETING);
	rig_restart(rig, drivers);
	assert_int_equal(recover(rig, "undone"), 1);
	assert_calls(rig, "network_delete n1 UNDO; network_delete n2");
	assert_int_equal(records_count(rig->records), 0);
	rig_restart(rig, drivers);
	assert_int_equal(recover(rig, "undone"), 0);
	assert_calls(rig, "");
	close_rig(rig);
}

static void open_intents_of_endpoints_are_settled(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e2"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e3"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e4"));
	assert_reply_ok(rig_join(rig, "n1", "e3", "s"));
	assert_reply_ok(rig_join(rig, "n1", "e4", "s"));
	leave_endpoint(rig, "n1", "e1", RECORD_CREATING, JOIN_NONE);
	leave_endpoint(rig, "n1", "e2", RECORD_DELETING, JOIN_NONE);
	leave_endpoint(rig, "n1", "e3", RECORD_LIVE, JOIN_JOINING);
	leave_endpoint(rig, "n1", "e4", RECORD_LIVE, JOIN_LEAVING);
	rig_restart(rig, drivers);
	assert_int_equal(recover(rig, "endpoints"), 2);
	assert_calls(rig, "adopt n1 RESTORE; endpoint_delete n1 e1 UNDO; endpoint_delete n1 e2 FORCE; adopt n1 e3 RESTORE; "
			  "leave n1 e3 UNDO; adopt n1 e4 RESTORE; leave n1 e4 FORCE");
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	assert_reply_ok(rig_join(rig, "n1", "e3", "t"));
	rig_restart(rig, drivers);
	assert_int_equal(recover(rig, "redone"), 0);
	assert_calls(rig, "adopt n1 RESTORE; adopt n1 e3 RESTORE; adopt n1 e4 RESTORE");
	close_rig(rig);
}

static void a_network_without_its_driver_waits_for_it(void **state)
{
	struct rig *rig = open_rig();
	char path[512];
	struct driver_request request = {.name = "rec", .path = path};
	struct ndrv_error err = {0};

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	rig_restart(rig, no_drivers);
	assert_int_equal(recover(rig, "orphans"), 1);
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_DRIVER, "load its driver");
	assert_reply_fails(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL), NDRV_E_ACTIVE_ENDPOINTS, "n1");
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_INSPECT, "n1", "e1"));
	(void)snprintf(path, sizeof(path), "%s/rec.so", RECORDERS);
	assert_ok(registry_load(rig->registry, &request, NULL, &err), &err);
	(void)rig_calls(rig);
	assert_int_equal(recover(rig, "networks"), 1);
	assert_calls(rig, "adopt n1 RESTORE; adopt n1 e1 RESTORE");
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"));
	close_rig(rig);
}

static int lose(struct rig *rig, struct recorded *recorded)
{
	(void)rig;
	if (!strcmp(recorded->op, "adopt") && recorded->endpoint)
		return ndrv_fail_object(recorded->call->err, NDRV_E_NO_LINK, "veth1");
	return 0;
}

static void endpoints_whose_link_is_gone_are_reported_and_can_be_deleted(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	rig_restart(rig, drivers);
	rig->act = lose;
	assert_int_equal(recover(rig, "lost"), 1);
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	close_rig(rig);
}

/* --- a store that cannot be written --- */

static void set_disk(bool writable)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = writable ? limit.rlim_max : 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int break_disk(struct rig *rig, struct recorded *recorded)
{
	if (!strcmp(recorded->op, rig->act_data) && !(recorded->call->flags & NDRV_CALL_UNDO))
		set_disk(false);
	return 0;
}

static void what_cannot_be_written_down_is_not_done_or_undone(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	(void)rig_calls(rig);
	/* The intent: the driver is not asked. */
	set_disk(false);
	assert_int_not_equal(rig_network(rig, "rec", "n2").error.code, 0);
	assert_int_not_equal(rig_endpoint(rig, "n1", "e2").error.code, 0);
	assert_int_not_equal(rig_join(rig, "n1", "e1", "s").error.code, 0);
	assert_int_not_equal(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1").error.code, 0);
	set_disk(true);
	assert_calls(rig, "gw_alloc_check");
	/* The outcome: the driver has done it, and undoes it. */
	rig->act = break_disk;
	rig->act_data = (void *)(uintptr_t) "network_create";
	assert_int_not_equal(rig_network(rig, "rec", "n2").error.code, 0);
	set_disk(true);
	assert_calls(rig, "gw_alloc_check; network_create n2; network_delete n2 UNDO");
	rig->act_data = (void *)(uintptr_t) "endpoint_create";
	assert_int_not_equal(rig_endpoint(rig, "n1", "e2").error.code, 0);
	set_disk(true);
	assert_calls(rig, "endpoint_create n1 e2; endpoint_delete n1 e2 UNDO");
	rig->act_data = (void *)(uintptr_t) "join";
	assert_int_not_equal(rig_join(rig, "n1", "e1", "s").error.code, 0);
	set_disk(true);
	assert_calls(rig, "join n1 e1; leave n1 e1 UNDO");
	rig->act = NULL;
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e2"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	/* A deletion's intent covers leaving, and a forced one needs it as well. */
	(void)rig_calls(rig);
	struct request by_force = rig_request(rig, REQ_ENDPOINT_DELETE), network_by_force = rig_request(rig, REQ_NETWORK_DELETE);
	by_force.network = network_by_force.network = "n1";
	by_force.endpoint = "e1";
	by_force.force = network_by_force.force = true;
	set_disk(false);
	assert_int_not_equal(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1").error.code, 0);
	assert_int_not_equal(rig_run(rig, &by_force).error.code, 0);
	assert_int_not_equal(rig_run(rig, &network_by_force).error.code, 0);
	set_disk(true);
	assert_calls(rig, "");
	assert_reply_fails(rig_join(rig, "n1", "e1", "t"), NDRV_E_ENDPOINT_JOINED, "");
	assert_reply_ok(rig_run(rig, &network_by_force));
	close_rig(rig);
}

/* Hands out a VXLAN id, as overlay does. */
static int hand_out(struct rig *rig, struct recorded *recorded)
{
	const char *given = NULL;

	if (strcmp(recorded->op, "network_allocate") == 0)
		return ndrv_map_set(recorded->call->arena, recorded->ret_value, "vni", ndrv_string("4096"), recorded->call->err);
	if (recorded->network && (strcmp(recorded->op, "network_create") == 0 || strcmp(recorded->op, "adopt") == 0)) {
		const struct ndrv_value *generic = ndrv_map_get(recorded->network->options, NDRV_OPT_GENERIC);
		if (ndrv_map_string(generic, "vni", &given, NULL) != 1 || strcmp(given, "4096") != 0)
			return ndrv_fail(recorded->call->err, NDRV_E_BAD_REQUEST, "not told its vni");
		if (rig->act_data && strcmp(recorded->op, "network_create") == 0)
			return ndrv_fail(recorded->call->err, NDRV_E_FORBIDDEN, "scripted");
	}
	return 0;
}

static void what_the_host_had_allocated_comes_back_and_is_given_back(void **state)
{
	static const char *const global[] = {"recglobal", NULL};
	struct rig *rig = calloc(1, sizeof(*rig));
	struct request request;

	(void)state;
	assert_non_null(rig);
	rig_open(rig, RIG_QUIET | RIG_STORE, global);
	rig->act = hand_out;
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	assert_calls(rig, "gw_alloc_check; network_allocate n1; network_create n1");
	rig_restart(rig, global);
	assert_int_equal(recover(rig, "networks"), 1);
	assert_int_equal(recover(rig, "failed"), 0);
	assert_calls(rig, "adopt n1 RESTORE");
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	assert_calls(rig, "network_delete n1; network_free n1");
	/* Where creating fails, and where the host died before it was done. */
	rig->act_data = rig;
	assert_reply_fails(rig_network(rig, "recglobal", "n2"), NDRV_E_FORBIDDEN, "scripted");
	assert_calls(rig, "gw_alloc_check; network_allocate n2; network_create n2; network_delete n2 UNDO; network_free n2");
	rig->act_data = NULL;
	assert_reply_ok(rig_network(rig, "recglobal", "n3"));
	leave_network(rig, "n3", RECORD_CREATING);
	(void)rig_calls(rig);
	rig_restart(rig, global);
	assert_int_equal(recover(rig, "undone"), 1);
	assert_calls(rig, "network_delete n3 UNDO; network_free n3");
	/* A platform with a manager of its own has asked already, and will give back itself. */
	request = rig_request(rig, REQ_NETWORK_CREATE);
	request.caller.front = NDRV_FRONT_DOCKER;
	request.type = "recglobal";
	request.new_id = "n4";
	rig->act = NULL;
	assert_reply_ok(rig_run(rig, &request));
	assert_calls(rig, "gw_alloc_check; network_create n4");
	close_rig(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_endpoints_and_joins_come_back),
		cmocka_unit_test(open_intents_of_networks_are_settled),
		cmocka_unit_test(open_intents_of_endpoints_are_settled),
		cmocka_unit_test(a_network_without_its_driver_waits_for_it),
		cmocka_unit_test(endpoints_whose_link_is_gone_are_reported_and_can_be_deleted),
		cmocka_unit_test(what_cannot_be_written_down_is_not_done_or_undone),
		cmocka_unit_test(what_the_host_had_allocated_comes_back_and_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
