/* SPDX-License-Identifier: Apache-2.0 */
/* What moby's tests do with a plugin of their own, and no other test of ours shows. docs/conformance.md has the table. */
#include "tests/remote/remoterig.h"

#include <stdlib.h>

static struct remoterig *both;
static struct rig *rig;
static struct ndrv_error err;

static int fresh(void **state)
{
	(void)state;
	both = calloc(1, sizeof(*both));
	assert_non_null(both);
	remoterig_open(both, 0);
	rig = &both->rig;
	ndrv_error_clear(&err);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	remoterig_close(both);
	free(both);
	return 0;
}

static void answer_with(void (*answer)(struct fakeplugin *, const char *, const char *, struct plugin_reply *))
{
	(void)pthread_mutex_lock(&both->plugin.lock);
	both->plugin.answer = answer;
	(void)pthread_mutex_unlock(&both->plugin.lock);
	(void)fakeplugin_log(&both->plugin);
}

static void answer_null(struct fakeplugin *plugin, const char *path, const char *body, struct plugin_reply *ret)
{
	(void)plugin, (void)path, (void)body;
	ret->body = "null";
}

/* TestValidRemoteDriver, and the life of an endpoint besides. */
static void a_plugin_that_says_null_to_everything_serves(void **state)
{
	static const enum request_op ops[] = {REQ_ENDPOINT_INFO, REQ_PROGRAM_EXTERNAL, REQ_REVOKE_EXTERNAL, REQ_LEAVE,
					      REQ_ENDPOINT_DELETE};

	(void)state;
	answer_with(answer_null);
	assert_reply_ok(rig_network(rig, "p", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "/run/netns/x"));
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		assert_reply_ok(rig_op(rig, ops[i], "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
}

/* TestDockerNetworkDriverOptions. */
static void the_users_options_reach_the_plugin(void **state)
{
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);

	(void)state;
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.options, "opt1", ndrv_string("drv1"), &err), &err);
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.options, "opt2", ndrv_string("drv2"), &err), &err);
	request.type = "p";
	request.new_id = "testopt";
	request.caller.front = NDRV_FRONT_DOCKER;
	assert_reply_ok(rig_run(rig, &request));
	const char *log = fakeplugin_log(&both->plugin);
	if (!strstr(log, "\"com.docker.network.generic\":{\"opt1\":\"drv1\",\"opt2\":\"drv2\"}"))
		fail_msg("%s", log);
}

static void choose_mac(struct fakeplugin *plugin, const char *path, const char *body, struct plugin_reply *ret)
{
	(void)plugin, (void)body;
	if (!strcmp(path, "NetworkDriver.CreateEndpoint"))
		ret->body = "{\"Interface\":{\"MacAddress\":\"a0:b1:c2:d3:e4:f5\"}}";
}

/* TestDockerNetworkMacInspect. */
static void the_plugins_mac_is_shown(void **state)
{
	const char *mac = "";

	(void)state;
	answer_with(choose_mac);
	assert_reply_ok(rig_network(rig, "p", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	struct reply reply = rig_op(rig, REQ_ENDPOINT_INSPECT, "n1", "e1");
	assert_reply_ok(reply);
	assert_int_equal(ndrv_map_string(&reply.value, "mac", &mac, NULL), 1);
	assert_string_equal(mac, "a0:b1:c2:d3:e4:f5");
}

static void fail_create(struct fakeplugin *plugin, const char *path, const char *body, struct plugin_reply *ret)
{
	(void)plugin, (void)body;
	if (!strcmp(path, "NetworkDriver.CreateNetwork") || !strcmp(path, "NetworkDriver.CreateEndpoint"))
		ret->body = "{\"Err\":\"I will not do it\"}";
}

/* TestDriverError and, through a plugin, TestIpamReleaseOnNetDriverFailures. */
static void what_the_plugin_refused_gives_its_addresses_back(void **state)
{
	(void)state;
	answer_with(fail_create);
	assert_reply_fails(rig_network(rig, "p", "n1"), NDRV_E_INTERNAL, "I will not do it");
	answer_with(NULL);
	assert_reply_ok(rig_network(rig, "p", "n1"));
	struct reply reply = rig_endpoint(rig, "n1", "e0");
	assert_reply_ok(reply);
	struct ndrv_prefix first = reply.address;
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e0"));
	answer_with(fail_create);
	assert_reply_fails(rig_endpoint(rig, "n1", "e1"), NDRV_E_INTERNAL, "I will not do it");
	answer_with(NULL);
	struct request request = rig_request(rig, REQ_ENDPOINT_CREATE);
	request.network = "n1";
	request.endpoint = "e2";
	request.address = first;
	assert_reply_ok(rig_run(rig, &request));
	reply = rig_endpoint(rig, "n1", "e3");
	assert_reply_ok(reply);
	assert_false(ndrv_prefix_equal(&reply.address, &first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plugin_that_says_null_to_everything_serves),
		TEST(the_users_options_reach_the_plugin),
		TEST(the_plugins_mac_is_shown),
		TEST(what_the_plugin_refused_gives_its_addresses_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
