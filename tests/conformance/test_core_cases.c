/* SPDX-License-Identifier: Apache-2.0 */
/* What libnetwork's tests ask of its core, asked of the dispatcher: names, joins and leaves, sandboxes in several networks, who has
 * the default route. docs/conformance.md says how each compares. */
#include "tests/conformance/rig.h"

#include <stdlib.h>

#include <ndrv/ports.h>

#include "tests/lib/netns.h"

static const char *const drivers[] = {"bridge", "macvlan", "ipvlan", "overlay", "rec", "null", "host", NULL};
static const uint32_t dual = NDRV_NETWORK_IPV4 | NDRV_NETWORK_IPV6;

static struct rig *rig;
static struct netns a, b;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&a);
	netns_new(&b);
	rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig_open(rig, RIG_QUIET | RIG_KERNEL | RIG_STORE, drivers);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	rig->act = NULL;
	rig_close(rig);
	free(rig);
	netns_free(&a);
	netns_free(&b);
	return 0;
}

static struct reply make_network(const char *type, const char *nid, const char *name, uint32_t flags)
{
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);

	request.type = type;
	request.new_id = nid;
	request.name = name;
	request.flags = flags;
	return rig_run(rig, &request);
}

static struct reply make_network_of(const char *nid, const char *pool)
{
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);
	struct pool_wish wish = {.family = 4};
	struct ndrv_error err = {0};

	assert_ok(ndrv_prefix_parse(pool, &wish.pool, &err), &err);
	request.type = "rec";
	request.new_id = nid;
	request.pools = &wish;
	request.pool_count = 1;
	return rig_run(rig, &request);
}

static struct reply make_endpoint_at(const char *nid, const char *eid, const char *address)
{
	struct request request = rig_request(rig, REQ_ENDPOINT_CREATE);
	struct ndrv_error err = {0};

	request.network = nid;
	request.endpoint = eid;
	assert_ok(ndrv_prefix_parse(address, &request.address, &err), &err);
	return rig_run(rig, &request);
}

static struct reply connect_as(const char *network, const char *eid, const char *name, const struct netns *ns)
{
	struct request request = rig_request(rig, REQ_CONNECT);

	request.network = network;
	request.endpoint = eid;
	request.endpoint_name = name;
	request.netns = ns->path;
	return rig_run(rig, &request);
}

static struct reply connect_to(const char *network, const char *eid, const struct netns *ns)
{
	return connect_as(network, eid, NULL, ns);
}

/* --- names and types --- */

static void each_driver_registers_its_type_with_its_scopes(void **state)
{
	static const struct {
		const char *type;
		uint32_t data, connectivity;
		bool allocates;
	} rows[] = {
		{"bridge", NDRV_SCOPE_LOCAL, NDRV_SCOPE_LOCAL, false},	{"macvlan", NDRV_SCOPE_LOCAL, NDRV_SCOPE_GLOBAL, false},
		{"ipvlan", NDRV_SCOPE_LOCAL, NDRV_SCOPE_GLOBAL, false}, {"overlay", NDRV_SCOPE_GLOBAL, NDRV_SCOPE_GLOBAL, true},
		{"null", NDRV_SCOPE_LOCAL, NDRV_SCOPE_LOCAL, false},	{"host", NDRV_SCOPE_LOCAL, NDRV_SCOPE_LOCAL, false},
	};
	struct ndrv_error err = {0};
	struct instance *instance;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_ok(registry_find(rig->registry, rows[i].type, &instance, &err), &err);
		assert_string_equal(instance->type->name, rows[i].type);
		assert_int_equal(instance->capability.data_scope, rows[i].data);
		assert_int_equal(instance->capability.connectivity_scope, rows[i].connectivity);
		assert_int_equal(INSTANCE_HAS(instance, network_allocate), rows[i].allocates);
	}
	assert_fails(registry_find(rig->registry, "unknown", &instance, &err), &err, NDRV_E_NO_DRIVER,
		     "unknown driver \"unknown\"");
}

static void the_name_of_a_network_is_taken_once(void **state)
{
	(void)state;
	assert_reply_ok(make_network("rec", "n1", "blue", 0));
	assert_reply_fails(make_network("rec", "n2", "blue", 0), NDRV_E_NAME_EXISTS, "network with name blue already exists");
	assert_int_equal(records_count(rig->records), 1);
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	assert_reply_ok(make_network("rec", "n2", "blue", 0));
}

static void the_name_of_an_endpoint_is_taken_once_in_its_network(void **state)
{
	(void)state;
	assert_reply_ok(make_network("bridge", "n1", "", 0));
	assert_reply_ok(make_network("bridge", "n2", "", 0));
	assert_reply_ok(connect_as("n1", "e1", "web", &a));
	struct reply reply = connect_as("n1", "e2", "web", &b);
	assert_int_equal(reply.error.kind, NDRV_KIND_FORBIDDEN);
	assert_non_null(strstr(reply.error.text, "web"));
	assert_int_equal(netns_link_count(&b), 1);
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e2"), NDRV_E_NO_ENDPOINT, "e2");
	assert_reply_ok(connect_as("n2", "e1", "web", &b));
	/* The same id is refused whatever its name. */
	assert_reply_fails(connect_as("n1", "e1", "db", &b), NDRV_E_ENDPOINT_EXISTS, "Endpoint (e1) already exists");
}

static void lookups_of_what_is_not_there_say_so(void **state)
{
	(void)state;
	assert_reply_ok(make_network("rec", "n1", "blue", 0));
	assert_reply_fails(rig_op(rig, REQ_NETWORK_INSPECT, "red", NULL), NDRV_E_NO_NETWORK, "red");
	assert_reply_fails(rig_op(rig, REQ_NETWORK_DELETE, "red", NULL), NDRV_E_NO_NETWORK, "red");
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INSPECT, "n1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	struct reply reply = rig_op(rig, REQ_NETWORK_INSPECT, "blue", NULL);
	assert_reply_ok(reply);
	const char *text = "";
	assert_int_equal(ndrv_map_string(&reply.value, "id", &text, NULL), 1);
	assert_string_equal(text, "n1");
	assert_int_equal(ndrv_map_string(&reply.value, "type", &text, NULL), 1);
	assert_string_equal(text, "rec");
}

/* --- failures give everything back --- */

static int fail_op(struct rig *of, struct recorded *recorded)
{
	return strcmp(recorded->op, of->act_data) ? 0 : ndrv_fail(recorded->call->err, NDRV_E_INTERNAL, "I will not do it");
}

static void pools_and_addresses_of_what_failed_are_free_at_once(void **state)
{
	(void)state;
	rig->act_data = (void *)(uintptr_t) "network_create";
	rig->act = fail_op;
	assert_reply_fails(make_network_of("n1", "10.34.0.0/16"), NDRV_E_INTERNAL, "I will not do it");
	rig->act = NULL;
	assert_reply_ok(make_network_of("n2", "10.34.0.0/16"));
	rig->act_data = (void *)(uintptr_t) "endpoint_create";
	rig->act = fail_op;
	assert_reply_fails(make_endpoint_at("n2", "e1", "10.34.0.5/16"), NDRV_E_INTERNAL, "I will not do it");
	rig->act = NULL;
	assert_reply_ok(make_endpoint_at("n2", "e2", "10.34.0.5/16"));
	assert_reply_fails(make_endpoint_at("n2", "e3", "10.34.0.5/16"), NDRV_E_ADDRESS_IN_USE, "10.34.0.5");
}

/* --- joining and leaving --- */

static void an_endpoint_is_in_one_sandbox(void **state)
{
	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "one"));
	assert_reply_fails(rig_join(rig, "n1", "e1", "two"), NDRV_E_ENDPOINT_JOINED, "endpoint e1 has already joined a sandbox");
	assert_reply_ok(rig_join(rig, "n1", "e1", "one"));
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "two"));
}

/* libnetwork refuses it; whoever repeats a leave wants the same as the first time. */
static void leaving_what_was_not_joined_asks_nobody(void **state)
{
	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	(void)rig_calls(rig);
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_calls(rig, "");
	assert_reply_fails(rig_op(rig, REQ_LEAVE, "n1", "e2"), NDRV_E_NO_ENDPOINT, "e2");
	assert_reply_fails(rig_join(rig, "n1", "e1", ""), NDRV_E_BAD_REQUEST, "sandbox key");
}

static void a_network_with_endpoints_stays(void **state)
{
	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	(void)rig_calls(rig);
	assert_reply_fails(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL), NDRV_E_ACTIVE_ENDPOINTS, "n1");
	assert_calls(rig, "");
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
}

static void a_sandbox_leaves_all_its_networks(void **state)
{
	(void)state;
	assert_reply_ok(make_network("bridge", "n1", "", dual));
	assert_reply_ok(make_network("bridge", "n2", "", dual));
	uint32_t links = netns_link_count(NULL);
	assert_reply_ok(connect_to("n1", "e1", &a));
	assert_reply_ok(connect_to("n2", "e2", &a));
	assert_int_equal(netns_link_count(&a), 3);
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n2", "e2"));
	assert_int_equal(netns_link_count(&a), 1);
	assert_int_equal(netns_link_count(NULL), links);
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n2", NULL));
}

static void an_endpoint_of_the_hosts_network_makes_nothing(void **state)
{
	(void)state;
	assert_reply_ok(rig_network(rig, "host", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "/proc/self/ns/net"));
	assert_int_equal(netns_link_count(NULL), 1);
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_reply_fails(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL), NDRV_E_FORBIDDEN, "cannot be deleted");
}

/* A connect that meets what is there already alters nothing of it. */
static void a_connect_that_is_refused_changes_nothing(void **state)
{
	struct ndrv_link before, after;

	(void)state;
	assert_reply_ok(make_network("bridge", "n1", "", dual));
	assert_reply_ok(connect_to("n1", "e1", &a));
	assert_true(netns_has_link(&a, "eth0", &before));
	assert_reply_fails(connect_to("n1", "e1", &b), NDRV_E_ENDPOINT_EXISTS, "e1");
	struct request request = rig_request(rig, REQ_CONNECT);
	request.network = "n1";
	request.endpoint = "e2";
	request.netns = a.path;
	request.ifname = "eth0";
	assert_reply_fails(rig_run(rig, &request), NDRV_E_LINK_EXISTS, "eth0");
	assert_true(netns_has_link(&a, "eth0", &after));
	assert_int_equal(before.index, after.index);
	assert_true(netns_has_address(&a, "eth0", "10.100.0.2/24"));
	assert_int_equal(netns_link_count(&a), 2);
	assert_int_equal(netns_link_count(&b), 1);
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e2"), NDRV_E_NO_ENDPOINT, "e2");
}

static struct reply connect_with(const char *network, const char *eid, const char *ifname, uint32_t port)
{
	const struct ndrv_port_binding binding = {.size = sizeof(binding), .protocol = NDRV_PROTO_TCP, .port = port};
	struct request request = rig_request(rig, REQ_CONNECT);
	struct ndrv_error err = {0};
	struct ndrv_value list;

	request.network = network;
	request.endpoint = eid;
	request.netns = a.path;
	request.ifname = ifname;
	if (port) {
		assert_ok(ndrv_portmap_write(&rig->arena.ndrv, &binding, 1, &list, &err), &err);
		assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.sandbox_options, NDRV_OPT_PORTMAP, list, &err), &err);
	}
	return rig_run(rig, &request);
}

static struct reply make_overlay(void)
{
	const struct ndrv_discovery self = {
		.size = sizeof(self), .type = NDRV_DISCOVER_NODE, .address = "192.0.2.1", .bind_address = "", .self = 1};
	struct request request = rig_request(rig, REQ_DISCOVER_NEW);
	struct ndrv_error err = {0};

	request.type = "overlay";
	request.discovery = &self;
	assert_reply_ok(rig_run(rig, &request));
	request = rig_request(rig, REQ_NETWORK_CREATE);
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.options, "com.docker.network.driver.overlay.vxlanid_list",
			       ndrv_string("4097"), &err),
		  &err);
	request.type = "overlay";
	request.new_id = "o1";
	return rig_run(rig, &request);
}

static void an_endpoint_has_the_name_that_was_asked_for(void **state)
{
	(void)state;
	assert_reply_ok(make_network("bridge", "n1", "", dual));
	assert_reply_ok(connect_with("n1", "e1", "foobar", 0));
	assert_true(netns_has_link(&a, "foobar", NULL));
	assert_true(netns_has_address(&a, "foobar", "10.100.0.2/24"));
	assert_reply_ok(make_overlay());
	assert_reply_ok(connect_with("o1", "e1", "foobar2", 0));
	assert_true(netns_has_link(&a, "foobar2", NULL));
	assert_int_equal(netns_link_count(&a), 3);
}

/* Docker publishes them on a second network that it adds for this. */
static void ports_are_refused_where_the_driver_has_none(void **state)
{
	(void)state;
	assert_reply_ok(make_overlay());
	assert_reply_fails(connect_with("o1", "e1", "eth0", 80), NDRV_E_NOT_IMPLEMENTED, "driver \"overlay\" cannot publish ports");
	assert_int_equal(netns_link_count(&a), 1);
	assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "o1", "e1"), NDRV_E_NO_ENDPOINT, "e1");
	assert_reply_ok(connect_with("o1", "e1", "eth0", 0));
}

static void the_mac_a_driver_chose_is_told(void **state)
{
	struct ndrv_link link;
	char text[NDRV_MAC_TEXT];
	const char *shown = "";

	(void)state;
	assert_reply_ok(make_network("bridge", "n1", "", 0));
	struct reply reply = connect_to("n1", "e1", &a);
	assert_reply_ok(reply);
	assert_true(netns_has_link(&a, "eth0", &link));
	assert_memory_equal(reply.mac.bytes, link.mac.bytes, 6);
	reply = rig_op(rig, REQ_ENDPOINT_INSPECT, "n1", "e1");
	assert_reply_ok(reply);
	assert_int_equal(ndrv_map_string(&reply.value, "mac", &shown, NULL), 1);
	assert_string_equal(shown, ndrv_mac_format(&link.mac, text));
}

/* --- the default route --- */

static void the_default_route_is_per_family(void **state)
{
	(void)state;
	assert_reply_ok(make_network("bridge", "n4", "", NDRV_NETWORK_IPV4));
	assert_reply_ok(make_network("bridge", "n46", "", dual));
	assert_reply_ok(connect_to("n4", "e1", &a));
	assert_reply_ok(connect_to("n46", "e2", &a));
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.100.0.1", "eth0"));
	assert_true(netns_sends_from(&a, "192.0.2.1", "10.100.0.2"));
	assert_true(netns_sends_from(&a, "2001:db8::1", "fd00:100::2"));
	/* When it leaves the other takes its place. */
	assert_reply_ok(rig_op(rig, REQ_DISCONNECT, "n4", "e1"));
	assert_true(netns_sends_from(&a, "192.0.2.1", "10.100.1.2"));
	assert_true(netns_sends_from(&a, "2001:db8::1", "fd00:100::2"));
}

static void an_internal_network_never_has_the_default_route(void **state)
{
	(void)state;
	assert_reply_ok(make_network("bridge", "in", "", dual | NDRV_NETWORK_INTERNAL));
	assert_reply_ok(make_network("bridge", "out", "", dual));
	assert_reply_ok(connect_to("in", "e1", &a));
	assert_false(netns_has_route(&a, "0.0.0.0/0", "10.100.0.1", "eth0"));
	assert_reply_ok(connect_to("out", "e2", &a));
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.100.1.1", "eth1"));
	assert_true(netns_has_route(&a, "::/0", "fd00:100:0:1::1", "eth1"));
}

/* libnetwork fails the connect and undoes it; here the sandbox keeps what its owner set. */
static void a_default_route_of_the_sandboxs_own_is_kept(void **state)
{
	struct ndrv_route route = {.type = NDRV_ROUTE_NEXTHOP, .destination.addr.family = 4};
	struct ndrv_error err = {0};
	struct ndrv_link link;
	struct ndrv_nl *inside;

	(void)state;
	assert_reply_ok(make_network("bridge", "in", "", NDRV_NETWORK_IPV4 | NDRV_NETWORK_INTERNAL));
	assert_reply_ok(make_network("bridge", "out", "", NDRV_NETWORK_IPV4));
	assert_reply_ok(connect_to("in", "e1", &a));
	assert_true(netns_has_link(&a, "eth0", &link));
	assert_ok(ndrv_addr_parse("10.100.0.1", &route.next_hop, &err), &err);
	inside = netns_nl(&a);
	assert_ok(ndrv_route_add(inside, "eth0", link.index, &route, 4, &err), &err);
	assert_reply_ok(connect_to("out", "e2", &a));
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.100.0.1", "eth0"));
	/* Ours waits behind it, whatever its priority. */
	assert_true(netns_sends_from(&a, "192.0.2.1", "10.100.0.2"));
	assert_true(netns_has_address(&a, "eth1", "10.100.1.2/24"));
	ndrv_nl_close(inside);
}

/* --- in parallel --- */

#define SANDBOXES 8
#define NETWORKS 2

struct worker {
	pthread_t thread;
	struct netns ns;
	struct arena arena;
	struct ndrv_error err[NETWORKS];
};

static void *connect_all(void *data)
{
	static const char *const nids[NETWORKS] = {"n1", "n2"};
	struct worker *worker = data;

	for (int i = 0; i < NETWORKS; i++) {
		struct request request = rig_request(rig, REQ_CONNECT);
		struct reply reply = {0};
		request.arena = &worker->arena;
		request.network = nids[i];
		request.netns = worker->ns.path;
		dispatch_run(rig->dispatch, &request, &reply);
		worker->err[i] = reply.error;
	}
	return NULL;
}

static void sandboxes_are_connected_in_parallel(void **state)
{
	static struct worker workers[SANDBOXES];

	(void)state;
	assert_reply_ok(make_network("bridge", "n1", "", dual));
	assert_reply_ok(make_network("bridge", "n2", "", dual));
	for (int i = 0; i < SANDBOXES; i++) {
		netns_new(&workers[i].ns);
		arena_init(&workers[i].arena, 1u << 24);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, connect_all, &workers[i]), 0);
	}
	for (int i = 0; i < SANDBOXES; i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	for (int i = 0; i < SANDBOXES; i++) {
		assert_int_equal(workers[i].err[0].code, 0);
		assert_int_equal(workers[i].err[1].code, 0);
		assert_int_equal(netns_link_count(&workers[i].ns), 1 + NETWORKS);
		assert_true(netns_ping(&workers[i].ns, "10.100.0.1"));
		assert_true(netns_ping(&workers[i].ns, "10.100.1.1"));
	}
	for (int i = 0; i < SANDBOXES; i++) {
		netns_free(&workers[i].ns);
		arena_reset(&workers[i].arena);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_driver_registers_its_type_with_its_scopes),
		TEST(the_name_of_a_network_is_taken_once),
		TEST(the_name_of_an_endpoint_is_taken_once_in_its_network),
		TEST(lookups_of_what_is_not_there_say_so),
		TEST(pools_and_addresses_of_what_failed_are_free_at_once),
		TEST(an_endpoint_is_in_one_sandbox),
		TEST(leaving_what_was_not_joined_asks_nobody),
		TEST(a_network_with_endpoints_stays),
		TEST(a_sandbox_leaves_all_its_networks),
		TEST(an_endpoint_of_the_hosts_network_makes_nothing),
		TEST(a_connect_that_is_refused_changes_nothing),
		TEST(an_endpoint_has_the_name_that_was_asked_for),
		TEST(ports_are_refused_where_the_driver_has_none),
		TEST(the_mac_a_driver_chose_is_told),
		TEST(the_default_route_is_per_family),
		TEST(an_internal_network_never_has_the_default_route),
		TEST(a_default_route_of_the_sandboxs_own_is_kept),
		TEST(sandboxes_are_connected_in_parallel),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
