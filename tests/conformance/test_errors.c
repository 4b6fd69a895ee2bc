/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, by whom, and with which error: the op table's checks, drivers' errors, ops a driver leaves out. */
#include "tests/conformance/rig.h"

#include <stdlib.h>

static const char *const drivers[] = {"rec", "recglobal", "recbare", "recshort", "recsingle", NULL};

static struct rig *open_rig(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, RIG_QUIET, drivers);
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_close(rig);
	free(rig);
}

/* Fails one op, named by act_data, with a row of the table. */
struct failing {
	const char *op;
	int code;
	bool maskable;
};

static int fail_op(struct rig *rig, struct recorded *recorded)
{
	const struct failing *failing = rig->act_data;

	if (strcmp(recorded->op, failing->op) != 0)
		return 0;
	int rc = ndrv_fail(recorded->call->err, failing->code, "scripted");
	return failing->maskable ? ndrv_maskable(recorded->call->err, rc) : rc;
}

static void every_row_of_the_error_table_comes_through(void **state)
{
	static const int codes[] = {
#define ROW(number, name, kind, text) number,
		NDRV_ERRORS(ROW)
#undef ROW
	};
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	rig->act = fail_op;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct failing failing = {"endpoint_info", codes[i], false};
		rig->act_data = &failing;
		struct reply reply = rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1");
		assert_int_equal(reply.error.code, codes[i]);
		assert_int_equal(reply.error.kind, ndrv_error_kind(codes[i]));
		assert_string_equal(reply.error.text, "scripted");
	}
	close_rig(rig);
}

static int answer_badly(struct rig *rig, struct recorded *recorded)
{
	if (strcmp(recorded->op, "endpoint_info") != 0)
		return 0;
	int *how = rig->act_data;
	return *how;
}

static void an_error_that_is_none_is_internal_and_names_the_driver(void **state)
{
	static const int results[] = {1, 12345, -999999};
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	rig->act = answer_badly;
	for (size_t i = 0; i < 3; i++) {
		int how = results[i];
		rig->act_data = &how;
		assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_INTERNAL, "driver \"rec\"");
	}
	int how = -NDRV_E_NO_SERVICE;
	rig->act_data = &how;
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_SERVICE, "without a reason");
	how = -4000;
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_INTERNAL, "rec");
	close_rig(rig);
}

/* --- ops that are not there --- */

static void an_op_the_driver_leaves_out_is_not_implemented_and_not_called(void **state)
{
	static const enum request_op ops[] = {REQ_NETWORK_ALLOCATE,   REQ_NETWORK_FREE,	  REQ_ENDPOINT_INFO,
					      REQ_DECODE_TABLE_ENTRY, REQ_GW_ALLOC_CHECK, REQ_IPV6_RELEASE};
	static const enum request_op skipped[] = {REQ_PROGRAM_EXTERNAL, REQ_REVOKE_EXTERNAL, REQ_EVENT_NOTIFY,
						  REQ_DISCOVER_NEW,	REQ_DISCOVER_DELETE, REQ_HEALTH};
	struct ndrv_table_batch batch = {.size = sizeof(batch), .table = "t"};
	struct ndrv_discovery discovery = {.size = sizeof(discovery), .type = NDRV_DISCOVER_NODE};
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "recbare", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	(void)rig_calls(rig);
	for (size_t i = 0; i < 6; i++) {
		struct request request = rig_request(rig, ops[i]);
		request.type = "recbare";
		request.network = "n1";
		request.endpoint = "e1";
		request.new_id = "n9";
		request.table = request.key = "t";
		assert_reply_fails(rig_run(rig, &request), NDRV_E_NOT_IMPLEMENTED, "The API is not implemented yet");
		request.op = skipped[i];
		request.batch = &batch;
		request.discovery = &discovery;
		assert_reply_ok(rig_run(rig, &request));
	}
	assert_calls(rig, "");
	/* Ports are another matter: who asked for them must hear that there will be none. */
	struct request request = rig_request(rig, REQ_PROGRAM_EXTERNAL);
	struct ndrv_value ports = ndrv_null();
	struct ndrv_error err = {0};
	request.network = "n1";
	request.endpoint = "e1";
	assert_ok(ndrv_list_add(&rig->arena.ndrv, &ports, ndrv_int(80), &err), &err);
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.sandbox_options, NDRV_OPT_PORTMAP, ports, &err), &err);
	assert_reply_fails(rig_run(rig, &request), NDRV_E_NOT_IMPLEMENTED, "cannot publish ports");
	close_rig(rig);
}

static void a_table_that_ends_early_is_as_good_as_empty_slots(void **state)
{
	struct rig *rig = open_rig();
	struct request request = rig_request(rig, REQ_GW_ALLOC_CHECK);

	(void)state;
	assert_reply_ok(rig_network(rig, "recshort", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	assert_reply_ok(rig_op(rig, REQ_PROGRAM_EXTERNAL, "n1", "e1"));
	request.type = "recshort";
	assert_reply_fails(rig_run(rig, &request), NDRV_E_NOT_IMPLEMENTED, "gw_alloc_check");
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_calls(rig, "network_allocate n1; network_create n1; endpoint_create n1 e1; join n1 e1; leave n1 e1; "
			  "endpoint_delete n1 e1");
	close_rig(rig);
}

/* --- the table's checks --- */

static void what_is_not_there_is_not_found(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_fails(rig_network(rig, "nosuch", "n1"), NDRV_E_NO_DRIVER, "unknown driver \"nosuch\"");
	assert_reply_fails(rig_endpoint(rig, "n1", "e1"), NDRV_E_NO_NETWORK, "No network (n1) exists");
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_fails(rig_op(rig, REQ_JOIN, "n1", "e1"), NDRV_E_NO_ENDPOINT, "No endpoint (e1) exists");
	assert_reply_fails(rig_op(rig, REQ_DISCONNECT, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	assert_reply_fails(rig_op(rig, REQ_CONNECT, "n1", "e1"), NDRV_E_BAD_REQUEST, "network namespace");
	close_rig(rig);
}

static void ids_and_what_is_missing_are_bad_requests(void **state)
{
	struct rig *rig = open_rig();
	char huge[10001];

	(void)state;
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_fails(rig_network(rig, "rec", huge), NDRV_E_BAD_REQUEST, "id");
	assert_reply_fails(rig_network(rig, "rec", "a/b"), NDRV_E_BAD_REQUEST, "id");
	assert_reply_fails(rig_network(rig, "", "n2"), NDRV_E_BAD_REQUEST, "network type");
	assert_reply_fails(rig_endpoint(rig, "", "e1"), NDRV_E_BAD_REQUEST, "network's id");
	assert_reply_fails(rig_endpoint(rig, "n1", ""), NDRV_E_BAD_REQUEST, "endpoint's id");
	assert_reply_fails(rig_endpoint(rig, "n1", huge), NDRV_E_BAD_REQUEST, "id");
	assert_reply_ok(rig_endpoint(rig, "n1", "e"));
	assert_reply_fails(rig_join(rig, "n1", "e", ""), NDRV_E_BAD_REQUEST, "sandbox key");
	close_rig(rig);
}

static void ops_for_global_drivers_are_refused_to_local_ones(void **state)
{
	struct rig *rig = open_rig();
	struct request request = rig_request(rig, REQ_NETWORK_ALLOCATE);

	(void)state;
	request.type = "rec";
	request.new_id = "n1";
	assert_reply_fails(rig_run(rig, &request), NDRV_E_SCOPE, "scope is local");
	request.type = "recglobal";
	assert_reply_ok(rig_run(rig, &request));
	assert_calls(rig, "network_allocate n1");
	close_rig(rig);
}

static void the_configuration_can_deny_an_op_for_one_type_or_all(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	rig->deny[0] = (struct config_deny){.type = "rec", .op = "network_create", .at = "ndrvd.yaml:7:3"};
	rig->deny[1] = (struct config_deny){.op = "join", .at = "ndrvd.yaml:8:3"};
	rig->config.deny_count = 2;
	assert_reply_fails(rig_network(rig, "rec", "n1"), NDRV_E_DENIED, "ndrvd.yaml:7:3");
	assert_reply_ok(rig_network(rig, "recglobal", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_fails(rig_join(rig, "n1", "e1", "s"), NDRV_E_DENIED, "join is denied");
	close_rig(rig);
}

static void each_op_needs_a_role(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	for (uint32_t op = 0; op < REQ_COUNT; op++) {
		struct request request = rig_request(rig, (enum request_op)op);
		request.caller.role = ROLE_NONE;
		assert_reply_fails(rig_run(rig, &request), NDRV_E_PERMISSION, request_op_name((enum request_op)op));
	}
	struct request request = rig_request(rig, REQ_DRIVER_LOAD);
	request.caller.role = ROLE_OPERATE;
	assert_reply_fails(rig_run(rig, &request), NDRV_E_PERMISSION, "driver_load");
	close_rig(rig);
}

static void a_type_for_one_network_takes_no_second(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "recsingle", "n1"));
	assert_reply_fails(rig_network(rig, "recsingle", "n2"), NDRV_E_FORBIDDEN,
			   "only one instance of \"recsingle\" network is allowed");
	assert_reply_ok(rig_network(rig, "recsingle", "n1"));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	assert_reply_ok(rig_network(rig, "recsingle", "n2"));
	/* It has no address pools either: asking for one is a mistake. */
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n2", NULL));
	struct pool_wish wish = {.family = 4};
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);
	request.type = "recsingle";
	request.pools = &wish;
	request.pool_count = 1;
	assert_reply_fails(rig_run(rig, &request), NDRV_E_BAD_REQUEST, "no address pools");
	close_rig(rig);
}

static void prune_deletes_networks_without_endpoints(void **state)
{
	struct rig *rig = open_rig();
	struct request request = rig_request(rig, REQ_NETWORK_PRUNE);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	assert_reply_ok(rig_endpoint(rig, "n2", "e1"));
	(void)rig_calls(rig);
	request.dry_run = true;
	struct reply reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	assert_int_equal(ndrv_map_get(&reply.value, "deleted")->count, 1);
	assert_calls(rig, "");
	request.dry_run = false;
	assert_reply_ok(rig_run(rig, &request));
	assert_calls(rig, "network_delete n1");
	assert_int_equal(records_count(rig->records), 1);
	request = rig_request(rig, REQ_NETWORK_DELETE);
	request.network = "n2";
	request.dry_run = true;
	assert_reply_fails(rig_run(rig, &request), NDRV_E_NOT_IMPLEMENTED, "network_delete");
	close_rig(rig);
}

static void pools_and_addresses_that_clash_are_refused(void **state)
{
	struct rig *rig = open_rig();
	struct pool_wish wish = {.family = 4};
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);
	struct ndrv_error err = {0};

	(void)state;
	assert_ok(ndrv_prefix_parse("10.8.0.0/24", &wish.pool, &err), &err);
	request.type = "rec";
	request.new_id = "n1";
	request.pools = &wish;
	request.pool_count = 1;
	assert_reply_ok(rig_run(rig, &request));
	request.new_id = "n2";
	assert_reply_fails(rig_run(rig, &request), NDRV_E_POOL_OVERLAP, "10.8.0.0/24");
	request = rig_request(rig, REQ_ENDPOINT_CREATE);
	request.network = "n1";
	request.endpoint = "e1";
	assert_ok(ndrv_prefix_parse("10.8.0.5/24", &request.address, &err), &err);
	assert_reply_ok(rig_run(rig, &request));
	request.endpoint = "e2";
	assert_reply_fails(rig_run(rig, &request), NDRV_E_ADDRESS_IN_USE, "10.8.0.5");
	assert_ok(ndrv_prefix_parse("10.9.0.5/24", &request.address, &err), &err);
	assert_reply_fails(rig_run(rig, &request), NDRV_E_ADDRESS_OUT_OF_RANGE, "10.9.0.5");
	assert_ok(ndrv_prefix_parse("fd00::5/64", &request.address, &err), &err);
	assert_reply_fails(rig_run(rig, &request), NDRV_E_BAD_REQUEST, "fd00::5");
	close_rig(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_error_table_comes_through),
		cmocka_unit_test(an_error_that_is_none_is_internal_and_names_the_driver),
		cmocka_unit_test(an_op_the_driver_leaves_out_is_not_implemented_and_not_called),
		cmocka_unit_test(a_table_that_ends_early_is_as_good_as_empty_slots),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(ids_and_what_is_missing_are_bad_requests),
		cmocka_unit_test(ops_for_global_drivers_are_refused_to_local_ones),
		cmocka_unit_test(the_configuration_can_deny_an_op_for_one_type_or_all),
		cmocka_unit_test(each_op_needs_a_role),
		cmocka_unit_test(a_type_for_one_network_takes_no_second),
		cmocka_unit_test(prune_deletes_networks_without_endpoints),
		cmocka_unit_test(pools_and_addresses_that_clash_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
