/* SPDX-License-Identifier: Apache-2.0 */
/* What the dispatcher keeps of published ports, for every driver: the ports that came of it are shown, told again after a restart,
 * and put back where a replacement fails. */
#include "tests/conformance/rig.h"

#include <stdlib.h>

#include <ndrv/ports.h>

static const char *const drivers[] = {"rec", NULL};

/* What the driver does: it picks 40000 where no port of the host is asked for, and tells. */
struct world {
	uint32_t host_port; /* published; 0: nothing */
	uint32_t told;	    /* by the last program_external */
	bool restored;	    /* with RESTORE */
	const char *fail;   /* this op fails once */
	bool no_info;	    /* it does not tell */
};

static int program(struct world *world, struct recorded *recorded)
{
	struct ndrv_port_binding *bindings;
	uint32_t count;
	int rc = ndrv_portmap_read(recorded->options, recorded->call->arena, &bindings, &count, recorded->call->err);

	if (rc)
		return rc;
	world->restored = recorded->call->flags & NDRV_CALL_RESTORE;
	world->told = count ? bindings[0].host_port : 0;
	world->host_port = count ? (world->told ? world->told : 40000) : 0;
	return 0;
}

static int tell(const struct world *world, struct recorded *recorded)
{
	struct ndrv_port_binding binding = {
		.size = sizeof(binding), .protocol = NDRV_PROTO_TCP, .port = 80, .host_port = world->host_port};
	struct ndrv_value list;
	struct ndrv_call *call = recorded->call;

	*recorded->ret_value = (struct ndrv_value){.type = NDRV_MAP};
	if (world->no_info || !world->host_port)
		return 0;
	binding.host_address.family = 4;
	int rc = ndrv_portmap_write(call->arena, &binding, 1, &list, call->err);
	return rc ? rc : ndrv_map_set(call->arena, recorded->ret_value, NDRV_OPT_PORTMAP, list, call->err);
}

static int act(struct rig *rig, struct recorded *recorded)
{
	struct world *world = rig->act_data;

	if (world->fail && !strcmp(recorded->op, world->fail)) {
		world->fail = NULL;
		return ndrv_fail(recorded->call->err, NDRV_E_PORT_IN_USE, "scripted");
	}
	if (!strcmp(recorded->op, "program_external"))
		return program(world, recorded);
	if (!strcmp(recorded->op, "revoke_external"))
		world->host_port = 0;
	if (!strcmp(recorded->op, "endpoint_info"))
		return tell(world, recorded);
	return 0;
}

static struct rig *open_joined(struct world *world)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, RIG_QUIET | RIG_STORE, drivers);
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	rig->act = act;
	rig->act_data = world;
	(void)rig_calls(rig);
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig->act = NULL;
	rig_close(rig);
	free(rig);
}

static struct reply ask_for(struct rig *rig, uint32_t host_port)
{
	const struct ndrv_port_binding binding = {
		.size = sizeof(binding), .protocol = NDRV_PROTO_TCP, .port = 80, .host_port = host_port};
	struct request request = rig_request(rig, REQ_PROGRAM_EXTERNAL);
	struct ndrv_value list;
	struct ndrv_error err = {0};

	request.network = "n1";
	request.endpoint = "e1";
	assert_ok(ndrv_portmap_write(&rig->arena.ndrv, &binding, 1, &list, &err), &err);
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.sandbox_options, NDRV_OPT_PORTMAP, list, &err), &err);
	return rig_run(rig, &request);
}

/* The one port an inspection shows; 0: none. */
static int64_t shown(struct rig *rig)
{
	struct reply reply = rig_op(rig, REQ_ENDPOINT_INSPECT, "n1", "e1");
	const struct ndrv_value *ports = ndrv_map_get(&reply.value, "ports");
	int64_t port = 0;

	assert_reply_ok(reply);
	(void)rig_calls(rig);
	assert_non_null(ports);
	assert_true(ports->type == NDRV_LIST && ports->count < 2);
	if (ports->count)
		assert_int_equal(ndrv_map_int(&ports->u.items[0], "host_port", &port, NULL), 1);
	return port;
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

static void the_ports_that_came_of_it_are_shown(void **state)
{
	struct world world = {0};
	struct rig *rig = open_joined(&world);

	(void)state;
	assert_int_equal(shown(rig), 0);
	assert_reply_ok(ask_for(rig, 0));
	assert_calls(rig, "program_external n1 e1; endpoint_info n1 e1");
	assert_int_equal(world.told, 0);
	assert_int_equal(shown(rig), 40000);
	assert_reply_ok(rig_op(rig, REQ_REVOKE_EXTERNAL, "n1", "e1"));
	assert_int_equal(shown(rig), 0);
	/* A driver that does not tell did what it was asked for. */
	world.no_info = true;
	assert_reply_ok(ask_for(rig, 8080));
	assert_int_equal(shown(rig), 8080);
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_int_equal(shown(rig), 0);
	close_rig(rig);
}

static void a_restart_tells_them_again(void **state)
{
	struct world world = {0};
	struct rig *rig = open_joined(&world);

	(void)state;
	assert_reply_ok(ask_for(rig, 0));
	rig_stop(rig);
	(void)rig_calls(rig);
	world = (struct world){0};
	rig_start(rig, drivers);
	assert_int_equal(recover(rig, "failed"), 0);
	assert_calls(rig, "adopt n1 RESTORE; adopt n1 e1 RESTORE; program_external n1 e1 RESTORE");
	assert_true(world.restored);
	assert_int_equal(world.told, 40000);
	assert_int_equal(shown(rig), 40000);
	/* Refused: the record and the network stay, and it is reported. */
	rig_restart(rig, drivers);
	world = (struct world){.fail = "program_external"};
	assert_int_equal(recover(rig, "failed"), 1);
	(void)rig_calls(rig);
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_calls(rig, "revoke_external n1 e1; leave n1 e1");
	/* What has left is not told. */
	rig_restart(rig, drivers);
	assert_int_equal(recover(rig, "failed"), 0);
	assert_null(strstr(rig_calls(rig), "program_external"));
	close_rig(rig);
}

static void a_replacement_that_fails_puts_the_former_ports_back(void **state)
{
	struct world world = {0};
	struct rig *rig = open_joined(&world);

	(void)state;
	assert_reply_ok(ask_for(rig, 8080));
	(void)rig_calls(rig);
	world.fail = "program_external";
	assert_reply_fails(ask_for(rig, 8081), NDRV_E_PORT_IN_USE, "scripted");
	assert_calls(rig, "program_external n1 e1; program_external n1 e1 RESTORE");
	assert_int_equal(world.told, 8080);
	assert_int_equal(shown(rig), 8080);
	/* Many replacements do not add up. */
	for (uint32_t i = 0; i < 5000; i++)
		assert_reply_ok(ask_for(rig, 9000 + i % 2));
	assert_int_equal(shown(rig), 9001);
	close_rig(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ports_that_came_of_it_are_shown),
		cmocka_unit_test(a_restart_tells_them_again),
		cmocka_unit_test(a_replacement_that_fails_puts_the_former_ports_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
