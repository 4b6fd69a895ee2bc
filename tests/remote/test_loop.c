/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is asked at one end of the loopback chain must reach the driver at the other as if there were nothing between, and so
 * must the driver's answer on its way back. */
#include "tests/remote/worlds.h"

/* --- scripts --- */

static void prefix_of(const char *text, struct ndrv_prefix *ret)
{
	assert_int_equal(ndrv_prefix_parse(text, ret, NULL), 0);
}

static int give_everything(struct world *world, struct recorded *recorded)
{
	struct ndrv_error *err = recorded->call->err;
	struct ndrv_addr addr;
	int rc = 0;

	(void)world;
	if (strcmp(recorded->op, "endpoint_create") == 0) {
		struct ndrv_mac mac = {.set = 1, .bytes = {2, 0, 0, 0, 0, 9}}, has;
		assert_int_equal(ndrv_ifinfo_mac(recorded->ifinfo, &has, NULL), 0);
		return has.set ? 0 : ndrv_ifinfo_set_mac(recorded->ifinfo, &mac, err);
	}
	if (strcmp(recorded->op, "endpoint_info") == 0) {
		rc = ndrv_map_set(recorded->call->arena, recorded->ret_value, "ports", ndrv_int(65535), err);
		return rc ? rc : ndrv_map_set(recorded->call->arena, recorded->ret_value, "a<b", ndrv_bool(1), err);
	}
	if (strcmp(recorded->op, "gw_alloc_check") == 0)
		*recorded->ret_skip = NDRV_SKIP_GATEWAY6;
	if (strcmp(recorded->op, "network_allocate") == 0)
		return ndrv_map_set(recorded->call->arena, recorded->ret_value, "vxlanid_list", ndrv_string("4097"), err);
	if (strcmp(recorded->op, "join") != 0)
		return 0;
	struct ndrv_route route = {.type = NDRV_ROUTE_CONNECTED};
	prefix_of("192.168.0.0/16", &route.destination);
	rc = ndrv_join_set_names(recorded->join, "veth9", "eth", "", err);
	(void)ndrv_addr_parse("10.7.0.1", &addr, NULL);
	if (!rc)
		rc = ndrv_join_set_gateway(recorded->join, &addr, err);
	if (!rc)
		rc = ndrv_join_add_static_route(recorded->join, &route, err);
	route.type = NDRV_ROUTE_NEXTHOP;
	route.next_hop = addr;
	prefix_of("172.16.0.0/12", &route.destination);
	if (!rc)
		rc = ndrv_join_add_static_route(recorded->join, &route, err);
	(void)ndrv_addr_parse("fd07::1", &addr, NULL);
	if (!rc)
		rc = ndrv_join_set_gateway6(recorded->join, &addr, err);
	return rc ? rc : ndrv_join_disable_gateway_service(recorded->join, err);
}

static struct ndrv_value ports(struct world *world)
{
	struct ndrv_value port = ndrv_null(), list = ndrv_null();
	struct ndrv_arena *arena = &world->asked->arena.ndrv;
	struct ndrv_error err = {0};

	assert_ok(ndrv_map_set(arena, &port, "Proto", ndrv_int(6), &err), &err);
	assert_ok(ndrv_map_set(arena, &port, "Port", ndrv_int(80), &err), &err);
	assert_ok(ndrv_map_set(arena, &port, "HostPort", ndrv_int(8080), &err), &err);
	assert_ok(ndrv_list_add(arena, &list, port, &err), &err);
	return map_of(world, NDRV_OPT_PORTMAP, list);
}

/* Each op that the protocol has, with everything it can carry. */
static void a_life(struct world *world)
{
	struct ndrv_discovery node = {
		.size = sizeof(node), .type = NDRV_DISCOVER_NODE, .address = "10.1.1.1", .bind_address = "0.0.0.0"};
	struct request request;

	world->act = give_everything;
	(void)make_network(world, "n1", "10.7.0.0/24", "fd07::/64", NDRV_NETWORK_IPV6 | NDRV_NETWORK_INTERNAL);
	(void)make_network(world, "n1", "10.7.0.0/24", "fd07::/64", NDRV_NETWORK_IPV6 | NDRV_NETWORK_INTERNAL);
	request = about(world, REQ_ENDPOINT_CREATE, "n1", "e1");
	request.options = map_of(world, "k", ndrv_string("v"));
	(void)ask(world, &request);
	request = about(world, REQ_ENDPOINT_CREATE, "n1", "e2");
	prefix_of("10.7.0.77/24", &request.address);
	assert_int_equal(ndrv_mac_parse("02:11:22:33:44:55", &request.mac, NULL), 0);
	(void)ask(world, &request);
	(void)do_op(world, REQ_ENDPOINT_INFO, "n1", "e1");
	request = about(world, REQ_JOIN, "n1", "e1");
	request.sandbox_key = "/var/run/docker/netns/0123";
	request.sandbox_options = ports(world);
	(void)ask(world, &request);
	request.op = REQ_PROGRAM_EXTERNAL;
	(void)ask(world, &request);
	(void)do_op(world, REQ_REVOKE_EXTERNAL, "n1", "e1");
	(void)do_op(world, REQ_LEAVE, "n1", "e1");
	(void)do_op(world, REQ_JOIN, "n1", "e1");
	(void)do_op(world, REQ_ENDPOINT_DELETE, "n1", "e1");
	(void)do_op(world, REQ_ENDPOINT_DELETE, "n1", "e2");
	(void)do_op(world, REQ_NETWORK_DELETE, "n1", NULL);
	request = about(world, REQ_DISCOVER_NEW, NULL, NULL);
	request.discovery = &node;
	(void)ask(world, &request);
	node.self = 1;
	request.op = REQ_DISCOVER_DELETE;
	(void)ask(world, &request);
	request = about(world, REQ_GW_ALLOC_CHECK, NULL, NULL);
	request.options = map_of(world, NDRV_OPT_GENERIC, ndrv_null());
	(void)ask(world, &request);
}

static void global_ops(struct world *world)
{
	struct request request = about(world, REQ_NETWORK_ALLOCATE, NULL, NULL);
	struct pool_wish wish = {.family = 4, .given = true, .address_space = "GlobalDefault"};

	world->act = give_everything;
	prefix_of("10.8.0.0/24", &wish.pool);
	request.new_id = "n1";
	request.options = map_of(world, "vni", ndrv_string("77"));
	request.pools = &wish;
	request.pool_count = 1;
	(void)ask(world, &request);
	request = about(world, REQ_NETWORK_FREE, NULL, NULL);
	request.new_id = "n1";
	(void)ask(world, &request);
}

/* Every row of the error table, from every op that may fail. */
static void every_error(struct world *world)
{
	static const int codes[] = {
#define ROW(number, name, kind, text) number,
		NDRV_ERRORS(ROW)
#undef ROW
	};
	static const struct {
		const char *name;
		enum request_op op;
	} ops[] = {
		{"endpoint_info", REQ_ENDPOINT_INFO},	  {"join", REQ_JOIN},
		{"endpoint_create", REQ_ENDPOINT_CREATE}, {"network_create", REQ_NETWORK_CREATE},
		{"gw_alloc_check", REQ_GW_ALLOC_CHECK},	  {"endpoint_delete", REQ_ENDPOINT_DELETE},
		{"network_delete", REQ_NETWORK_DELETE},
	};

	enum { FULL = 4 };

	(void)make_network(world, "n1", "10.7.0.0/24", NULL, 0);
	(void)do_op(world, REQ_ENDPOINT_CREATE, "n1", "e1");
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		for (size_t j = 0; j < sizeof(codes) / sizeof(codes[0]); j++) {
			bool make = ops[i].op == REQ_NETWORK_CREATE, created = ops[i].op == REQ_ENDPOINT_CREATE;
			/* Of a deletion only a veto is told, and "there is none" is success. */
			if (i >= FULL && codes[j] != NDRV_E_FORBIDDEN)
				continue;
			world->failing = ops[i].name;
			world->code = codes[j];
			if (make)
				(void)make_network(world, "n2", "10.9.0.0/24", NULL, 0);
			else if (ops[i].op == REQ_GW_ALLOC_CHECK)
				(void)do_op(world, REQ_GW_ALLOC_CHECK, NULL, NULL);
			else
				(void)do_op(world, ops[i].op, "n1", created ? "e9" : "e1");
			world->failing = NULL;
		}
	world->failing = "network_create";
	world->code = NDRV_E_FORBIDDEN;
	world->maskable = true;
	(void)make_network(world, "n3", "10.9.0.0/24", NULL, 0);
	world->failing = NULL;
}

static void what_is_wrong(struct world *world)
{
	struct request request;

	(void)do_op(world, REQ_JOIN, "nosuch", "e1");
	(void)make_network(world, "n1", "10.7.0.0/24", NULL, 0);
	(void)do_op(world, REQ_JOIN, "n1", "e1");
	(void)make_network(world, "a/b", NULL, NULL, 0);
	(void)do_op(world, REQ_ENDPOINT_CREATE, "n1", "e1");
	(void)do_op(world, REQ_PROGRAM_EXTERNAL, "n1", "e1");
	(void)do_op(world, REQ_JOIN, "n1", "e1");
	(void)do_op(world, REQ_JOIN, "n1", "e1");
	request = about(world, REQ_JOIN, "n1", "e1");
	request.sandbox_key = "another";
	(void)ask(world, &request);
	(void)do_op(world, REQ_NETWORK_DELETE, "n1", NULL);
	request = about(world, REQ_ENDPOINT_CREATE, "n1", "e1");
	request.options = map_of(world, "other", ndrv_string("content"));
	(void)ask(world, &request);
	(void)do_op(world, REQ_ENDPOINT_DELETE, "n1", "e1");
	(void)do_op(world, REQ_ENDPOINT_DELETE, "n1", "e1");
	(void)do_op(world, REQ_LEAVE, "n1", "e1");
	(void)do_op(world, REQ_NETWORK_DELETE, "n1", NULL);
	(void)do_op(world, REQ_NETWORK_DELETE, "n1", NULL);
}

static void every_op_arrives_as_if_there_were_nothing_between(void **state)
{
	(void)state;
	compare(a_life, "rec", NDRV_SCOPE_LOCAL);
}

static void ops_of_global_drivers_arrive(void **state)
{
	(void)state;
	compare(global_ops, "recglobal", NDRV_SCOPE_GLOBAL);
}

static void every_error_arrives(void **state)
{
	(void)state;
	compare(every_error, "rec", NDRV_SCOPE_LOCAL);
}

static void what_is_wrong_is_refused_alike(void **state)
{
	(void)state;
	compare(what_is_wrong, "rec", NDRV_SCOPE_LOCAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_op_arrives_as_if_there_were_nothing_between),
		cmocka_unit_test(ops_of_global_drivers_arrive),
		cmocka_unit_test(every_error_arrives),
		cmocka_unit_test(what_is_wrong_is_refused_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
