/* SPDX-License-Identifier: Apache-2.0 */
/* connect and disconnect on the real kernel: with the bridge driver where it works, with the recording driver where it fails. */
#include "tests/conformance/rig.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/netns.h"

static const char *const drivers[] = {"bridge", "rec", "null", NULL};

static struct netns a, b;

static struct rig *open_rig(uint32_t flags)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	netns_enter_fresh();
	netns_new(&a);
	netns_new(&b);
	rig_open(rig, RIG_QUIET | RIG_KERNEL | flags, drivers);
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_close(rig);
	free(rig);
	netns_free(&a);
	netns_free(&b);
}

static struct reply connect_to(struct rig *rig, const char *network, const char *eid, const char *netns)
{
	struct request request = rig_request(rig, REQ_CONNECT);

	request.network = network;
	request.endpoint = eid;
	request.netns = netns;
	return rig_run(rig, &request);
}

static struct reply bridge_network(struct rig *rig, const char *nid, uint32_t flags)
{
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);

	request.type = "bridge";
	request.new_id = nid;
	request.flags = flags;
	return rig_run(rig, &request);
}

static const uint32_t dual = NDRV_NETWORK_IPV4 | NDRV_NETWORK_IPV6;

static void two_namespaces_talk_and_nothing_stays(void **state)
{
	struct rig *rig = open_rig(0);

	(void)state;
	assert_reply_ok(bridge_network(rig, "n1", dual));
	uint32_t links = netns_link_count(NULL);
	struct reply reply = connect_to(rig, "n1", "e1", a.path);
	assert_reply_ok(reply);
	assert_string_equal(reply.join.ifname, "eth0");
	assert_true(netns_has_address(&a, "eth0", "10.100.0.2/24"));
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.100.0.1", "eth0"));
	assert_reply_ok(connect_to(rig, "n1", NULL, b.path));
	assert_true(netns_ping(&a, "10.100.0.3"));
	assert_true(netns_ping(&a, "fd00:100::3"));
	/* The same again is the same. */
	reply = connect_to(rig, "n1", "e1", a.path);
	assert_reply_ok(reply);
	assert_string_equal(reply.join.ifname, "eth0");
	assert_reply_fails(connect_to(rig, "n1", "e1", b.path), NDRV_E_ENDPOINT_EXISTS, "e1");
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n1", "e1"));
	assert_false(netns_has_link(&a, "eth0", NULL));
	struct request request = rig_request(rig, REQ_NETWORK_DELETE);
	request.network = "n1";
	request.force = true;
	assert_reply_ok(rig_run(rig, &request));
	assert_false(netns_has_link(&b, "eth0", NULL));
	assert_true(links > netns_link_count(NULL));
	assert_int_equal(netns_link_count(NULL), 1);
	close_rig(rig);
}

static void a_second_network_gets_the_next_name_and_leaves_the_default_route_alone(void **state)
{
	struct rig *rig = open_rig(0);

	(void)state;
	assert_reply_ok(bridge_network(rig, "n1", dual));
	assert_reply_ok(bridge_network(rig, "n2", dual));
	assert_reply_ok(connect_to(rig, "n1", "e1", a.path));
	struct reply reply = connect_to(rig, "n2", "e2", a.path);
	assert_reply_ok(reply);
	assert_string_equal(reply.join.ifname, "eth1");
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.100.0.1", "eth0"));
	assert_true(netns_sends_from(&a, "192.0.2.1", "10.100.0.2"));
	assert_true(netns_has_address(&a, "eth1", "10.100.1.2/24"));
	close_rig(rig);
}

static struct reply connect_ranked(struct rig *rig, const char *network, const char *eid, int priority)
{
	struct request request = rig_request(rig, REQ_CONNECT);

	request.network = network;
	request.endpoint = eid;
	request.netns = a.path;
	request.gw_priority = priority;
	return rig_run(rig, &request);
}

static void the_highest_gateway_priority_has_the_default_route(void **state)
{
	struct rig *rig = open_rig(0);

	(void)state;
	assert_reply_ok(bridge_network(rig, "low", dual));
	assert_reply_ok(bridge_network(rig, "usual", dual));
	assert_reply_ok(bridge_network(rig, "high", dual));
	assert_reply_ok(bridge_network(rig, "late", dual));
	assert_reply_ok(connect_ranked(rig, "low", "e1", -100));
	assert_reply_ok(connect_ranked(rig, "usual", "e2", 0));
	assert_reply_ok(connect_ranked(rig, "high", "e3", 100));
	assert_reply_ok(connect_ranked(rig, "late", "e4", 0));
	assert_reply_fails(connect_ranked(rig, "low", "e1", 5), NDRV_E_ENDPOINT_EXISTS, "e1");
	assert_true(netns_sends_from(&a, "192.0.2.1", "10.100.2.2"));
	assert_true(netns_sends_from(&a, "2001:db8::1", "fd00:100:0:2::2"));
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "high", "e3"));
	assert_true(netns_sends_from(&a, "192.0.2.1", "10.100.1.2"));
	assert_true(netns_sends_from(&a, "2001:db8::1", "fd00:100:0:1::2"));
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "usual", "e2"));
	assert_true(netns_sends_from(&a, "192.0.2.1", "10.100.3.2"));
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "late", "e4"));
	assert_true(netns_sends_from(&a, "192.0.2.1", "10.100.0.2"));
	assert_true(netns_sends_from(&a, "2001:db8::1", "fd00:100::2"));
	close_rig(rig);
}

static void disconnect_works_when_the_namespace_is_gone(void **state)
{
	struct rig *rig = open_rig(0);

	(void)state;
	assert_reply_ok(bridge_network(rig, "n1", 0));
	uint32_t links = netns_link_count(NULL);
	assert_reply_ok(connect_to(rig, "n1", "e1", a.path));
	netns_free(&a);
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n1", "e1"));
	assert_int_equal(netns_link_count(NULL), links);
	netns_new(&a);
	close_rig(rig);
}

static void what_is_no_sandbox_is_refused_and_changes_nothing(void **state)
{
	struct rig *rig = open_rig(0);

	(void)state;
	assert_reply_ok(bridge_network(rig, "n1", 0));
	uint32_t links = netns_link_count(NULL);
	assert_reply_fails(connect_to(rig, "n1", "e1", "/run/netns/no-such"), NDRV_E_NO_SANDBOX, "/run/netns/no-such");
	assert_reply_fails(connect_to(rig, "n1", "e1", "/etc/hostname"), NDRV_E_BAD_SANDBOX, "/etc/hostname");
	assert_reply_fails(connect_to(rig, "n1", "e1", "/proc/self/ns/uts"), NDRV_E_BAD_SANDBOX, "uts");
	assert_int_equal(netns_link_count(NULL), links);
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	close_rig(rig);
}

static void connects_survive_a_restart_and_can_be_undone_after_it(void **state)
{
	struct rig *rig = open_rig(RIG_STORE);
	struct ndrv_value report = ndrv_null();
	struct ndrv_error err = {0};
	int64_t lost = -1;

	(void)state;
	assert_reply_ok(bridge_network(rig, "n1", dual));
	assert_reply_ok(connect_to(rig, "n1", "e1", a.path));
	assert_reply_ok(connect_to(rig, "n1", "e2", b.path));
	rig_restart(rig, drivers);
	assert_true(netns_ping(&a, "10.100.0.3"));
	assert_ok(dispatch_recover(rig->dispatch, &rig->arena, &report, &err), &err);
	assert_int_equal(ndrv_map_int(&report, "lost", &lost, NULL), 1);
	assert_int_equal(lost, 0);
	assert_int_equal(ndrv_map_int(&report, "failed", &lost, NULL), 1);
	assert_int_equal(lost, 0);
	assert_true(netns_ping(&a, "10.100.0.3"));
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n1", "e1"));
	assert_false(netns_has_link(&a, "eth0", NULL));
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n1", "e2"));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	assert_int_equal(netns_link_count(NULL), 1);
	close_rig(rig);
}

/* --- failures --- */

struct plan {
	const char *src;  /* what join names as the interface */
	const char *fail; /* the op that fails */
	bool gateway;
};

static int follow_plan(struct rig *rig, struct recorded *recorded)
{
	const struct plan *plan = rig->act_data;
	struct ndrv_addr gateway = {.family = 4, .bytes = {10, 100, 0, 1}};

	if (plan->fail && !strcmp(recorded->op, plan->fail))
		return ndrv_fail(recorded->call->err, NDRV_E_NO_SERVICE, "scripted");
	if (strcmp(recorded->op, "join") != 0)
		return 0;
	int rc = plan->src ? ndrv_join_set_names(recorded->join, plan->src, "eth", "", recorded->call->err) : 0;
	return !rc && plan->gateway ? ndrv_join_set_gateway(recorded->join, &gateway, recorded->call->err) : rc;
}

static void whatever_fails_in_a_connect_everything_is_undone(void **state)
{
	static const struct {
		struct plan plan;
		int code;
		const char *text, *calls;
	} cases[] = {
		{{NULL, "endpoint_create", false},
		 NDRV_E_NO_SERVICE,
		 "scripted",
		 "endpoint_create n1 e1; endpoint_delete n1 e1 UNDO"},
		{{NULL, "join", false},
		 NDRV_E_NO_SERVICE,
		 "scripted",
		 "endpoint_create n1 e1; join n1 e1; leave n1 e1 UNDO; endpoint_delete n1 e1 UNDO"},
		{{"no-such-link", NULL, false},
		 NDRV_E_NO_LINK,
		 "no-such-link",
		 "endpoint_create n1 e1; join n1 e1; leave n1 e1 UNDO; endpoint_delete n1 e1 UNDO"},
		{{NULL, "program_external", true},
		 NDRV_E_NO_SERVICE,
		 "scripted",
		 "endpoint_create n1 e1; join n1 e1; program_external n1 e1; revoke_external n1 e1 UNDO; leave n1 e1 UNDO; "
		 "endpoint_delete n1 e1 UNDO"},
	};
	struct rig *rig = open_rig(0);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	(void)rig_calls(rig);
	rig->act = follow_plan;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig->act_data = (void *)(uintptr_t)&cases[i].plan;
		assert_reply_fails(connect_to(rig, "n1", "e1", a.path), cases[i].code, cases[i].text);
		assert_calls(rig, cases[i].calls);
		assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	}
	/* And its address is free for the one that works, which is told of the way out because it has a gateway. */
	struct plan fine = {.gateway = true};
	char text[NDRV_PREFIX_TEXT];
	rig->act_data = &fine;
	struct reply reply = connect_to(rig, "n1", "e1", a.path);
	assert_reply_ok(reply);
	assert_calls(rig, "endpoint_create n1 e1; join n1 e1; program_external n1 e1");
	(void)ndrv_prefix_format(&reply.address, text);
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n1", "e1"));
	assert_calls(rig, "revoke_external n1 e1; leave n1 e1; endpoint_delete n1 e1");
	close_rig(rig);
}

static int check_birth(struct rig *rig, struct recorded *recorded)
{
	uint32_t *checks = rig->act_data;
	const char *path = NULL, *name = NULL;
	int fd = -1;

	if (strcmp(recorded->op, "endpoint_create") != 0)
		return 0;
	struct ndrv_error *err = recorded->call->err;
	int rc = ndrv_ifinfo_netns(recorded->ifinfo, &path, &fd, err);
	if (!rc)
		rc = ndrv_ifinfo_ifname(recorded->ifinfo, &name, err);
	if (rc)
		return rc;
	*checks += !strcmp(path, a.path) && fd >= 0;
	*checks += !strcmp(name, "net7");
	*checks += recorded->call->host_nl != NULL && recorded->call->sandbox_nl != NULL;
	return 0;
}

static void endpoint_create_is_told_the_sandbox_and_the_final_name(void **state)
{
	struct rig *rig = open_rig(0);
	struct request request = rig_request(rig, REQ_CONNECT);
	uint32_t checks = 0;

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	rig->act = check_birth;
	rig->act_data = &checks;
	request.network = "n1";
	request.netns = a.path;
	request.ifname = "net7";
	assert_reply_ok(rig_run(rig, &request));
	assert_int_equal(checks, 3);
	request.ifname = "a/b";
	assert_reply_fails(rig_run(rig, &request), NDRV_E_BAD_REQUEST, "a/b");
	close_rig(rig);
}

static void a_type_without_links_plugs_nothing(void **state)
{
	struct rig *rig = open_rig(0);

	(void)state;
	assert_reply_ok(rig_network(rig, "null", "n1"));
	assert_reply_ok(connect_to(rig, "n1", "e1", a.path));
	assert_int_equal(netns_link_count(&a), 1);
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n1", "e1"));
	close_rig(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_namespaces_talk_and_nothing_stays),
		cmocka_unit_test(a_second_network_gets_the_next_name_and_leaves_the_default_route_alone),
		cmocka_unit_test(the_highest_gateway_priority_has_the_default_route),
		cmocka_unit_test(disconnect_works_when_the_namespace_is_gone),
		cmocka_unit_test(what_is_no_sandbox_is_refused_and_changes_nothing),
		cmocka_unit_test(connects_survive_a_restart_and_can_be_undone_after_it),
		cmocka_unit_test(whatever_fails_in_a_connect_everything_is_undone),
		cmocka_unit_test(endpoint_create_is_told_the_sandbox_and_the_final_name),
		cmocka_unit_test(a_type_without_links_plugs_nothing),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
