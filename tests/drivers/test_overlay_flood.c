/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay driver where nobody carries rows (peers: flood): three hosts that only know of each other. */
#include <stdlib.h>

#include "tests/drivers/overlay_rig.h"

static struct netns a, b, c;
static struct fakeep one, two, three;

/* --- a store that outlives the instance --- */

#define KEYS 16

static char keys[KEYS][300], values[KEYS][128];

static char *slot(const char *key, bool make)
{
	for (int i = 0; i < KEYS; i++)
		if (!strcmp(keys[i], key))
			return keys[i];
	return make ? slot("", false) : NULL;
}

static int put(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *err)
{
	char *at = slot(key, true);

	(void)host, (void)err;
	assert_non_null(at);
	(void)snprintf(at, sizeof(keys[0]), "%s", key);
	(void)snprintf(values[(at - keys[0]) / (long)sizeof(keys[0])], sizeof(values[0]), "%.*s", (int)bytes, (const char *)value);
	return 0;
}

static int get(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
	       struct ndrv_error *err)
{
	const char *at = slot(key, false);

	(void)host, (void)arena;
	if (!at)
		return ndrv_fail_object(err, NDRV_E_NOT_FOUND, key);
	*ret = values[(at - keys[0]) / (long)sizeof(keys[0])];
	*ret_bytes = strlen(*ret);
	return 0;
}

static int del(const struct ndrv_host *host, const char *key, struct ndrv_error *err)
{
	char *at = slot(key, false);

	(void)host, (void)err;
	if (at)
		at[0] = '\0';
	return 0;
}

static int scan(const struct ndrv_host *host, const char *prefix,
		int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err)
{
	int rc = 0;

	(void)host, (void)err;
	for (int i = 0; i < KEYS && !rc; i++)
		if (keys[i][0] && !strncmp(keys[i], prefix, strlen(prefix)))
			rc = each(keys[i], values[i], strlen(values[i]), data);
	return rc;
}

static const struct ndrv_store_ops store = {.size = sizeof(store), .put = put, .get = get, .del = del, .scan = scan};

/* --- three hosts --- */

static void know(unsigned node, unsigned other, bool gone)
{
	rig_on(&nodes[node]);
	assert_ok(rig_node(&nodes[node], nodes[other].address, false, gone), &nodes[node].host.err);
}

static void open_all(unsigned family)
{
	rig_open(3, family, 1500);
	netns_new(&a);
	netns_new(&b);
	netns_new(&c);
	memset(keys, 0, sizeof(keys));
	nodes[0].host.host.store = &store;
	for (unsigned i = 0; i < 3; i++) {
		fakenet_label(&nodes[i].net, "peers", "flood");
		nodes[i].deaf = true;
		for (unsigned other = 0; other < 3; other++)
			if (other != i)
				know(i, other, false);
		assert_ok(rig_create(&nodes[i]), &nodes[i].host.err);
	}
}

static int over4(void **state)
{
	(void)state;
	open_all(4);
	return 0;
}

static int over6(void **state)
{
	(void)state;
	open_all(6);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	rig_close();
	netns_free(&a);
	netns_free(&b);
	netns_free(&c);
	return 0;
}

static void connect_three(void)
{
	assert_ok(rig_connect(&nodes[0], &one, "e1", "10.7.0.11/24", "fd07::11/64", &a), &nodes[0].host.err);
	assert_ok(rig_connect(&nodes[1], &two, "e2", "10.7.0.12/24", "fd07::12/64", &b), &nodes[1].host.err);
	assert_ok(rig_connect(&nodes[2], &three, "e3", "10.7.0.13/24", "fd07::13/64", &c), &nodes[2].host.err);
}

static void disconnect_three(void)
{
	rig_disconnect(&nodes[0], &one, &a);
	rig_disconnect(&nodes[1], &two, &b);
	rig_disconnect(&nodes[2], &three, &c);
	for (unsigned i = 0; i < 3; i++) {
		assert_ok(rig_delete(&nodes[i], 0), &nodes[i].host.err);
		assert_int_equal(netns_link_count(&nodes[i].ns), 2); /* lo and the underlay's */
	}
}

static void assert_all_talk(void)
{
	const struct netns *from[] = {&a, &b, &c, &a, &b, &c}, *to[] = {&b, &c, &a, &c, &a, &b};
	const char *addresses[] = {"10.7.0.12", "10.7.0.13", "10.7.0.11", "10.7.0.13", "10.7.0.11", "10.7.0.12"};
	const char *addresses6[] = {"fd07::12", "fd07::13", "fd07::11", "fd07::13", "fd07::11", "fd07::12"};

	for (unsigned i = 0; i < 6; i++) {
		if (!netns_ping(from[i], addresses[i]) || !netns_ping(from[i], addresses6[i]))
			fail_msg("no answer from %s", addresses[i]);
		assert_true(netns_udp(from[i], to[i], addresses[i], 1000));
		assert_true(netns_tcp(from[i], to[i], addresses6[i], 100000));
	}
}

/* Entries of that host for what has none, to that node. */
static long floods(unsigned node, unsigned other)
{
	char command[160], text[32] = "";

	rig_on(&nodes[node]);
	(void)snprintf(command, sizeof(command), "bridge fdb show | grep -c '^00:00:00:00:00:00 .*dst %s '", nodes[other].address);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	assert_non_null(fgets(text, sizeof(text), pipe));
	(void)pclose(pipe);
	return strtol(text, NULL, 10);
}

static void endpoints_reach_each_other_without_rows(void **state)
{
	(void)state;
	connect_three();
	assert_int_equal(floods(0, 0), 0);
	assert_int_equal(floods(0, 1), 1);
	assert_int_equal(floods(0, 2), 1);
	assert_all_talk();
	disconnect_three();
}

static void endpoints_reach_each_other_without_rows_over_ipv6(void **state)
{
	endpoints_reach_each_other_without_rows(state);
}

static void nodes_that_come_and_go_are_followed(void **state)
{
	(void)state;
	connect_three();
	assert_all_talk();
	know(0, 1, true);
	know(0, 1, true);
	assert_int_equal(floods(0, 1), 0);
	assert_int_equal(floods(0, 2), 1);
	assert_true(netns_ping(&a, "10.7.0.13"));
	know(0, 1, false);
	know(0, 1, false);
	assert_int_equal(floods(0, 1), 1);
	assert_all_talk();
	disconnect_three();
}

/* Rows are right where there are any, and what they say is not unlearned. */
static void a_row_counts_before_what_was_learned(void **state)
{
	uint8_t value[512];

	(void)state;
	connect_three();
	assert_all_talk();
	rig_on(&nodes[0]);
	size_t bytes = rig_row(value, "10.7.0.12/24", "02:42:0a:07:00:0c", "192.0.2.77");
	assert_ok(rig_tell(&nodes[0], "e2", "node2", value, bytes, 100, 0), &nodes[0].host.err);
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", "192.0.2.77"));
	assert_false(netns_ping(&a, "10.7.0.12"));
	assert_false(netns_ping(&b, "10.7.0.11"));
	assert_true(rig_fdb(&nodes[0], "02:42:0a:07:00:0c", "192.0.2.77"));
	assert_ok(rig_tell(&nodes[0], "e2", "node2", NULL, 0, 101, 0), &nodes[0].host.err);
	assert_all_talk();
	/* A replay without rows takes nothing that was learned, nor the way to all. */
	rig_on(&nodes[0]);
	assert_ok(rig_tell(&nodes[0], NULL, NULL, NULL, 0, 0, NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_SYNC_END), &nodes[0].host.err);
	assert_int_equal(floods(0, 1), 1);
	assert_all_talk();
	disconnect_three();
}

/* The store says who the nodes are and who this is, and nobody tells it again. */
static void a_restart_keeps_traffic_and_knows_the_nodes(void **state)
{
	struct ndrv_blob blob = {0};
	const struct ndrv_ops *ops;

	(void)state;
	connect_three();
	assert_int_equal(rig_node(&nodes[0], "192.0.2.1", true, false), 0);
	rig_on(&nodes[0]);
	fakehost_restart(&nodes[0].host);
	nodes[0].host.host.store = &store;
	ops = nodes[0].host.ops;
	assert_all_talk();
	rig_on(&nodes[0]);
	one.view.sandbox_key = "key";
	assert_ok(ops->adopt(nodes[0].host.self, fakehost_call(&nodes[0].host, NDRV_CALL_RESTORE), &nodes[0].net.view, NULL, &blob),
		  &nodes[0].host.err);
	assert_ok(ops->adopt(nodes[0].host.self, fakehost_call(&nodes[0].host, NDRV_CALL_RESTORE), &nodes[0].net.view, &one.view,
			     &blob),
		  &nodes[0].host.err);
	assert_int_equal(floods(0, 1), 1);
	assert_int_equal(floods(0, 2), 1);
	assert_all_talk();
	know(0, 2, true);
	assert_int_equal(floods(0, 2), 0);
	assert_true(netns_ping(&a, "10.7.0.12"));
	disconnect_three();
}

/* The same address and MAC address, on another host, as a swarm starts a task again. */
static void an_endpoint_that_moves_is_found(void **state)
{
	(void)state;
	connect_three();
	assert_all_talk();
	rig_disconnect(&nodes[1], &two, &b);
	assert_ok(rig_connect(&nodes[2], &two, "e4", "10.7.0.12/24", "fd07::12/64", &b), &nodes[2].host.err);
	assert_true(netns_ping(&b, "10.7.0.11"));
	assert_true(netns_ping(&a, "10.7.0.12"));
	assert_true(netns_ping(&c, "10.7.0.12"));
	rig_disconnect(&nodes[2], &two, &b);
	assert_ok(rig_connect(&nodes[1], &two, "e2", "10.7.0.12/24", "fd07::12/64", &b), &nodes[1].host.err);
	disconnect_three();
}

/* Docker's nodes are told what the allocation answers, and nothing else. */
static void docker_is_told_to_flood_and_keeps_its_options(void **state)
{
	struct ndrv_ipam_list v4 = {.count = 1, .element_size = sizeof(struct ndrv_ipam_data)}, v6 = {0};
	struct ndrv_value options = {.type = NDRV_MAP}, result = {0};
	const struct ndrv_ops *ops = nodes[0].host.ops;

	(void)state;
	nodes[0].host.front = NDRV_FRONT_DOCKER;
	struct ndrv_call *call = fakehost_call(&nodes[0].host, 0);
	assert_ok(ndrv_map_set(call->arena, &options, "com.docker.network.driver.mtu", ndrv_string("1400"), call->err), call->err);
	assert_ok(ops->network_allocate(nodes[0].host.self, call, "n9", &options, &v4, &v6, &result), call->err);
	assert_string_equal(ndrv_map_get(&result, "peers")->u.string, "flood");
	assert_string_equal(ndrv_map_get(&result, VNIS)->u.string, "8388608");
	assert_string_equal(ndrv_map_get(&result, "com.docker.network.driver.mtu")->u.string, "1400");
	assert_ok(ndrv_map_set(call->arena, &options, "peers", ndrv_string("table"), call->err), call->err);
	result = (struct ndrv_value){0};
	assert_ok(ops->network_allocate(nodes[0].host.self, call, "n9", &options, &v4, &v6, &result), call->err);
	assert_string_equal(ndrv_map_get(&result, "peers")->u.string, "table");
	nodes[0].host.front = NDRV_FRONT_CONTROL;
	call = fakehost_call(&nodes[0].host, 0);
	result = (struct ndrv_value){0};
	options = (struct ndrv_value){.type = NDRV_MAP};
	assert_ok(ops->network_allocate(nodes[0].host.self, call, "n9", &options, &v4, &v6, &result), call->err);
	assert_null(ndrv_map_get(&result, "peers"));
}

#define TEST(name, family) cmocka_unit_test_setup_teardown(name, family, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(endpoints_reach_each_other_without_rows, over4),
		TEST(endpoints_reach_each_other_without_rows_over_ipv6, over6),
		TEST(nodes_that_come_and_go_are_followed, over4),
		TEST(a_row_counts_before_what_was_learned, over4),
		TEST(a_restart_keeps_traffic_and_knows_the_nodes, over4),
		TEST(an_endpoint_that_moves_is_found, over4),
		TEST(docker_is_told_to_flood_and_keeps_its_options, over4),
	};

	netns_need();
	return cmocka_run_group_tests_name("overlay flood", tests, NULL, NULL);
}
