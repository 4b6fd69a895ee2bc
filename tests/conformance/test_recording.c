/* SPDX-License-Identifier: Apache-2.0 */
/* What drivers are told, in which order, and what is undone: libnetwork.md §1.2, §1.5, §9. */
#include "tests/conformance/rig.h"

#include <stdlib.h>

static const char *const drivers[] = {"rec", NULL};

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

static void a_life_calls_each_op_once_and_in_order(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_calls(rig, "gw_alloc_check; network_create n1");
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_calls(rig, "endpoint_create n1 e1");
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"));
	assert_calls(rig, "endpoint_info n1 e1");
	assert_reply_ok(rig_join(rig, "n1", "e1", "/run/netns/s1"));
	assert_calls(rig, "join n1 e1");
	assert_reply_ok(rig_op(rig, REQ_PROGRAM_EXTERNAL, "n1", "e1"));
	assert_calls(rig, "program_external n1 e1");
	assert_reply_ok(rig_op(rig, REQ_REVOKE_EXTERNAL, "n1", "e1"));
	assert_calls(rig, "revoke_external n1 e1");
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_calls(rig, "leave n1 e1");
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_calls(rig, "endpoint_delete n1 e1");
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	assert_calls(rig, "network_delete n1");
	assert_int_equal(records_count(rig->records), 0);
	close_rig(rig);
}

static void deleting_an_endpoint_leaves_and_revokes_first(void **state)
{
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	assert_reply_ok(rig_op(rig, REQ_PROGRAM_EXTERNAL, "n1", "e1"));
	(void)rig_calls(rig);
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_calls(rig, "revoke_external n1 e1; leave n1 e1; endpoint_delete n1 e1");
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"), NDRV_E_NO_ENDPOINT, "No endpoint (e1) exists");
	assert_calls(rig, "");
	close_rig(rig);
}

static void repeated_requests_get_the_same_answer_without_a_call(void **state)
{
	struct rig *rig = open_rig();
	struct reply first, second;

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	first = rig_endpoint(rig, "n1", "e1");
	assert_reply_ok(first);
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	(void)rig_calls(rig);
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	second = rig_endpoint(rig, "n1", "e1");
	assert_reply_ok(second);
	assert_true(ndrv_prefix_equal(&first.address, &second.address));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	assert_calls(rig, "");
	assert_reply_fails(rig_join(rig, "n1", "e1", "other"), NDRV_E_ENDPOINT_JOINED, "e1");
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_calls(rig, "leave n1 e1");
	close_rig(rig);
}

static void the_same_id_with_other_content_exists_already(void **state)
{
	struct rig *rig = open_rig();
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	request.type = "rec";
	request.new_id = "n1";
	request.flags = NDRV_NETWORK_INTERNAL;
	assert_reply_fails(rig_run(rig, &request), NDRV_E_NETWORK_EXISTS, "Network (n1) already exists");
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	request = rig_request(rig, REQ_ENDPOINT_CREATE);
	request.network = "n1";
	request.endpoint = "e1";
	request.endpoint_name = "web";
	assert_reply_fails(rig_run(rig, &request), NDRV_E_ENDPOINT_EXISTS,
			   "Endpoint (e1) already exists (Only one endpoint allowed)");
	close_rig(rig);
}

static void a_failed_network_create_leaves_nothing(void **state)
{
	struct rig *rig = open_rig();
	struct failing failing = {"network_create", NDRV_E_NO_SERVICE, false};

	(void)state;
	rig->act = fail_op;
	rig->act_data = &failing;
	assert_reply_fails(rig_network(rig, "rec", "n1"), NDRV_E_NO_SERVICE, "scripted");
	assert_calls(rig, "gw_alloc_check; network_create n1; network_delete n1 UNDO");
	assert_int_equal(records_count(rig->records), 0);
	rig->act = NULL;
	/* Its pool is free again: the next one gets the first. */
	struct reply reply = rig_network(rig, "rec", "n2");
	assert_reply_ok(reply);
	struct request request = rig_request(rig, REQ_NETWORK_INSPECT);
	request.network = "n2";
	reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	const struct ndrv_value *pools = ndrv_map_get(&reply.value, "pools");
	assert_non_null(pools);
	assert_int_equal(pools->count, 1);
	const char *subnet = NULL;
	assert_int_equal(ndrv_map_string(&pools->u.items[0], "subnet", &subnet, NULL), 1);
	assert_string_equal(subnet, "10.100.0.0/24");
	close_rig(rig);
}

static void a_maskable_error_is_success(void **state)
{
	struct rig *rig = open_rig();
	struct failing failing = {"network_create", NDRV_E_FORBIDDEN, true};

	(void)state;
	rig->act = fail_op;
	rig->act_data = &failing;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_calls(rig, "gw_alloc_check; network_create n1");
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	close_rig(rig);
}

static void a_failed_endpoint_create_is_deleted_and_its_address_freed(void **state)
{
	struct rig *rig = open_rig();
	struct failing failing = {"endpoint_create", NDRV_E_FORBIDDEN, false};
	char text[NDRV_PREFIX_TEXT];

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	(void)rig_calls(rig);
	rig->act = fail_op;
	rig->act_data = &failing;
	assert_reply_fails(rig_endpoint(rig, "n1", "e1"), NDRV_E_FORBIDDEN, "scripted");
	assert_calls(rig, "endpoint_create n1 e1; endpoint_delete n1 e1 UNDO");
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	rig->act = NULL;
	struct request request = rig_request(rig, REQ_ENDPOINT_CREATE);
	request.network = "n1";
	request.endpoint = "e2";
	assert_ok(ndrv_prefix_parse("10.100.0.2/24", &request.address, NULL), &(struct ndrv_error){0});
	struct reply reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	assert_string_equal(ndrv_prefix_format(&reply.address, text), "10.100.0.2/24");
	close_rig(rig);
}

static void a_failed_join_is_left(void **state)
{
	struct rig *rig = open_rig();
	struct failing failing = {"join", NDRV_E_TIMEOUT, false};

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	(void)rig_calls(rig);
	rig->act = fail_op;
	rig->act_data = &failing;
	assert_reply_fails(rig_join(rig, "n1", "e1", "s"), NDRV_E_TIMEOUT, "scripted");
	assert_calls(rig, "join n1 e1; leave n1 e1 UNDO");
	rig->act = NULL;
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	close_rig(rig);
}

static void a_failed_program_is_revoked_and_the_endpoint_stays_joined(void **state)
{
	struct rig *rig = open_rig();
	struct failing failing = {"program_external", NDRV_E_FORBIDDEN, false};

	(void)state;
	assert_reply_fails(rig_op(rig, REQ_PROGRAM_EXTERNAL, "n1", "e1"), NDRV_E_NO_NETWORK, "No network (n1) exists");
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_fails(rig_op(rig, REQ_PROGRAM_EXTERNAL, "n1", "e1"), NDRV_E_NOT_JOINED, "e1");
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	(void)rig_calls(rig);
	rig->act = fail_op;
	rig->act_data = &failing;
	assert_reply_fails(rig_op(rig, REQ_PROGRAM_EXTERNAL, "n1", "e1"), NDRV_E_FORBIDDEN, "scripted");
	assert_calls(rig, "program_external n1 e1; revoke_external n1 e1 UNDO");
	rig->act = NULL;
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_calls(rig, "leave n1 e1");
	close_rig(rig);
}

static void only_forbidden_keeps_a_network_from_being_deleted(void **state)
{
	struct rig *rig = open_rig();
	struct failing failing = {"network_delete", NDRV_E_FORBIDDEN, false};
	struct request request = rig_request(rig, REQ_NETWORK_DELETE);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	rig->act = fail_op;
	rig->act_data = &failing;
	assert_reply_fails(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL), NDRV_E_FORBIDDEN, "scripted");
	/* No zombie: it is there and can be used. */
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_fails(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL), NDRV_E_ACTIVE_ENDPOINTS, "active endpoints");
	(void)rig_calls(rig);
	request.network = "n1";
	request.force = true;
	assert_reply_ok(rig_run(rig, &request));
	assert_calls(rig, "endpoint_delete n1 e1 FORCE; network_delete n1 FORCE");
	failing.code = NDRV_E_INTERNAL;
	assert_reply_ok(rig_network(rig, "rec", "n2"));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n2", NULL));
	assert_reply_fails(rig_op(rig, REQ_NETWORK_DELETE, "n2", NULL), NDRV_E_NO_NETWORK, "n2");
	close_rig(rig);
}

static void only_forbidden_keeps_an_endpoint_from_being_deleted(void **state)
{
	struct rig *rig = open_rig();
	struct failing failing = {"endpoint_delete", NDRV_E_FORBIDDEN, false};

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	rig->act = fail_op;
	rig->act_data = &failing;
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"), NDRV_E_FORBIDDEN, "scripted");
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"));
	failing.code = NDRV_E_NO_SERVICE;
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	close_rig(rig);
}

static void errors_of_leave_and_revoke_are_passed_over(void **state)
{
	static const char *const ops[] = {"leave", "revoke_external"};
	struct rig *rig = open_rig();

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	rig->act = fail_op;
	for (size_t i = 0; i < 2; i++) {
		struct failing failing = {ops[i], NDRV_E_FORBIDDEN, false};
		rig->act_data = &failing;
		assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
		assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
		assert_reply_ok(rig_op(rig, REQ_PROGRAM_EXTERNAL, "n1", "e1"));
		(void)rig_calls(rig);
		assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
		assert_calls(rig, "revoke_external n1 e1; leave n1 e1");
		assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	}
	close_rig(rig);
}

/* --- arguments --- */

static int check_network(struct rig *rig, struct recorded *recorded)
{
	const struct ndrv_network *network = recorded->network;
	uint32_t *checks = rig->act_data;
	char text[NDRV_PREFIX_TEXT];

	if (strcmp(recorded->op, "network_create") != 0)
		return 0;
	const struct ndrv_value *parent = ndrv_map_path(network->options, NDRV_OPT_GENERIC, "parent", NULL);
	*checks += parent && parent->type == NDRV_STRING && !strcmp(parent->u.string, "eth0");
	int on = 0;
	*checks += ndrv_map_bool(network->options, NDRV_OPT_ENABLE_IPV6, &on, NULL) == 1 && on;
	*checks += ndrv_map_bool(network->options, NDRV_OPT_INTERNAL, &on, NULL) == 1 && on;
	*checks += network->ipv4.count == 1 && network->ipv6.count == 1;
	const struct ndrv_ipam_data *v4 = ndrv_ipam_at(&network->ipv4, 0);
	*checks += !strcmp(ndrv_prefix_format(&v4->pool, text), "10.7.0.0/24");
	*checks += !strcmp(ndrv_prefix_format(&v4->gateway, text), "10.7.0.1/24");
	*checks += v4->aux_count == 1 && !strcmp(v4->aux[0].name, "router");
	*checks += !strcmp(ndrv_prefix_format(&ndrv_ipam_at(&network->ipv6, 0)->pool, text), "fd00:100::/64");
	*checks += network->flags == (NDRV_NETWORK_IPV4 | NDRV_NETWORK_IPV6 | NDRV_NETWORK_INTERNAL);
	*checks += !strcmp(network->name, "front") && !strcmp(network->instance, "t");
	*checks += network->link_group == 7000 && network->route_protocol == 77;
	*checks += recorded->call->front == NDRV_FRONT_CONTROL && recorded->call->uid == 1000;
	*checks += !strcmp(recorded->call->request_id, "r1") && !strcmp(recorded->call->requester, "uid 1000 pid 42");
	*checks += recorded->call->deadline_ns > 0 && recorded->call->cancelled(recorded->call) == 0;
	return 0;
}

static void network_create_gets_options_pools_and_who_asked(void **state)
{
	struct rig *rig = open_rig();
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);
	struct ndrv_aux_address aux = {.name = "router"};
	struct pool_wish wish = {.family = 4, .aux_count = 1, .aux = &aux};
	struct ndrv_error err = {0};
	uint32_t checks = 0;

	(void)state;
	assert_ok(ndrv_prefix_parse("10.7.0.0/24", &wish.pool, &err), &err);
	assert_ok(ndrv_prefix_parse("10.7.0.9/24", &aux.address, &err), &err);
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.options, "parent", ndrv_string("eth0"), &err), &err);
	request.type = "rec";
	request.name = "front";
	request.flags = NDRV_NETWORK_IPV4 | NDRV_NETWORK_IPV6 | NDRV_NETWORK_INTERNAL;
	request.pools = &wish;
	request.pool_count = 1;
	rig->act = check_network;
	rig->act_data = &checks;
	struct reply reply = rig_run(rig, &request);
	assert_reply_ok(reply);
	assert_int_equal(checks, 14);
	assert_int_equal(strlen(reply.network_id), 64);
	/* A network can be found by its name, too. */
	request = rig_request(rig, REQ_NETWORK_DELETE);
	request.network = "front";
	assert_reply_ok(rig_run(rig, &request));
	close_rig(rig);
}

static int skip_gateways(struct rig *rig, struct recorded *recorded)
{
	(void)rig;
	if (!strcmp(recorded->op, "gw_alloc_check"))
		*recorded->ret_skip = NDRV_SKIP_GATEWAY4;
	if (!strcmp(recorded->op, "network_create") && ndrv_ipam_at(&recorded->network->ipv4, 0)->gateway.addr.family)
		return ndrv_fail(recorded->call->err, NDRV_E_INTERNAL, "there is a gateway");
	return 0;
}

static void a_driver_that_needs_no_gateway_gets_none(void **state)
{
	struct rig *rig = open_rig();
	char text[NDRV_PREFIX_TEXT];

	(void)state;
	rig->act = skip_gateways;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	struct reply reply = rig_endpoint(rig, "n1", "e1");
	assert_reply_ok(reply);
	assert_string_equal(ndrv_prefix_format(&reply.address, text), "10.100.0.1/24");
	close_rig(rig);
}

static int check_join(struct rig *rig, struct recorded *recorded)
{
	uint32_t *checks = rig->act_data;

	if (strcmp(recorded->op, "join") != 0)
		return 0;
	*checks += !strcmp(recorded->sandbox_key, "/run/netns/x") && !strcmp(recorded->endpoint->sandbox_key, "/run/netns/x");
	*checks += ndrv_map_get(recorded->options, "of-endpoint") != NULL;
	*checks += ndrv_map_get(recorded->sandbox_options, "of-sandbox") != NULL;
	*checks += recorded->endpoint->address.addr.family == 4 && recorded->endpoint->network == recorded->network;
	return 0;
}

static void join_gets_options_of_endpoint_and_sandbox_apart(void **state)
{
	struct rig *rig = open_rig();
	struct request request = rig_request(rig, REQ_ENDPOINT_CREATE);
	struct ndrv_error err = {0};
	uint32_t checks = 0;

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	request.network = "n1";
	request.endpoint = "e1";
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.options, "of-endpoint", ndrv_int(1), &err), &err);
	assert_reply_ok(rig_run(rig, &request));
	request = rig_request(rig, REQ_JOIN);
	request.network = "n1";
	request.endpoint = "e1";
	request.sandbox_key = "/run/netns/x";
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.sandbox_options, "of-sandbox", ndrv_int(1), &err), &err);
	rig->act = check_join;
	rig->act_data = &checks;
	assert_reply_ok(rig_run(rig, &request));
	assert_int_equal(checks, 4);
	close_rig(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life_calls_each_op_once_and_in_order),
		cmocka_unit_test(deleting_an_endpoint_leaves_and_revokes_first),
		cmocka_unit_test(repeated_requests_get_the_same_answer_without_a_call),
		cmocka_unit_test(the_same_id_with_other_content_exists_already),
		cmocka_unit_test(a_failed_network_create_leaves_nothing),
		cmocka_unit_test(a_maskable_error_is_success),
		cmocka_unit_test(a_failed_endpoint_create_is_deleted_and_its_address_freed),
		cmocka_unit_test(a_failed_join_is_left),
		cmocka_unit_test(a_failed_program_is_revoked_and_the_endpoint_stays_joined),
		cmocka_unit_test(only_forbidden_keeps_a_network_from_being_deleted),
		cmocka_unit_test(only_forbidden_keeps_an_endpoint_from_being_deleted),
		cmocka_unit_test(errors_of_leave_and_revoke_are_passed_over),
		cmocka_unit_test(network_create_gets_options_pools_and_who_asked),
		cmocka_unit_test(a_driver_that_needs_no_gateway_gets_none),
		cmocka_unit_test(join_gets_options_of_endpoint_and_sandbox_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
