/* SPDX-License-Identifier: Apache-2.0 */
/* Bad days under a real dockerd: drivers that refuse and hang, deletions that failed, containers that died with dockerd. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/docker/box.h"
#include "tests/lib/http.h"
#include "tests/lib/test.h"

static struct box box;
static char files[80];

#define DOCKER(...) box_run(&box, 0, "exec 2>&1; " __VA_ARGS__)
#define REFUSED(...) box_run(&box, -1, "exec 2>&1; " __VA_ARGS__)

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static const char *status(void)
{
	return box_run(&box, 0, TEST_NDRVCTL " --socket %s --json status | tr -d ' \\n'", box.world.daemon.socket);
}

static void assert_metric(const char *line)
{
	struct http_answer answer;

	assert_int_equal(http_ask(box.world.daemon.socket, "GET", "/metrics", NULL, &answer), 0);
	assert_has(answer.body, line);
	http_answer_free(&answer);
}

/* The status has the text; waited for. */
static void await_status(const char *part, int seconds)
{
	for (int i = 0; i < seconds * 5; i++) {
		if (strstr(status(), part))
			return;
		(void)usleep(200000);
	}
	fail_msg("\"%s\" did not come: %s", part, status());
}

static int nothing_is_left(void **state)
{
	(void)state;
	box_run(&box, 0, "rm -f %s/hang-* %s/fail-*", files, files);
	box_empty(&box);
	box_expect_endpoints(&box, 0);
	box_expect_links(&box, 0);
	await_status("\"owed\":[]", 40);
	box_run(&box, 0, "! ls %s | grep -E '^(network|endpoint|join)-'", files);
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 again && docker run --rm --network again box:1 ping -c 1 "
	       "-W 3 "
	       "10.9.0.1");
	box_empty(&box);
	return 0;
}

/* The id of the network in the driver's files. */
static void misbehave(const char *how, const char *op, const char *network)
{
	box_run(&box, 0, "touch %s/%s-%s-$(docker network inspect -f '{{.Id}}' %s)", files, how, op, network);
}

static void a_driver_that_hangs_is_named_and_recovers(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-files --subnet 10.9.0.0/24 slow");
	DOCKER("docker network create -d ndrv-bridge --subnet 10.10.0.0/24 other");
	DOCKER("docker run -d --name one --network slow box:1 sleep 300");
	misbehave("hang", "endpoint_delete", "slow");
	DOCKER("docker rm -f one");
	/* Docker has heard why, logs it, and will not ask again. */
	assert_has(DOCKER("cat %s/dockerd.log", box.dir), "timed out");
	await_status("\"op\":\"endpoint_delete\"", 10);
	/* Others go on, and this network says what is the matter. */
	DOCKER("docker run --rm --network other box:1 ping -c 1 -W 3 10.10.0.1");
	assert_has(REFUSED("docker run --rm --network slow box:1 sleep 0"), "busy with a call that passed its deadline");
	box_run(&box, 0, "rm %s/hang-*", files);
	await_status("\"owed\":[]", 40);
	DOCKER("docker run --rm --network slow box:1 sleep 0");
}

static void a_network_whose_deletion_hangs_goes_after_all(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-files --subnet 10.9.0.0/24 slow");
	misbehave("hang", "network_delete", "slow");
	DOCKER("docker network rm slow");
	await_status("\"op\":\"network_delete\"", 10);
	assert_metric("ndrv_deletes_owed 1");
	/* Nothing of it is in the way of the next one. */
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 next && docker run --rm --network next box:1 sleep 0");
	/* A host that was killed meanwhile knows it still. */
	(void)daemon_stop(&box.world.daemon, SIGKILL);
	box_run(&box, 0, "rm %s/hang-*", files);
	daemon_start(&box.world.daemon);
	await_status("\"owed\":[]", 40);
	box_run(&box, 0, "! ls %s | grep ^network-", files);
}

static void a_driver_that_refuses_is_heard_and_asked_again(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-files --subnet 10.9.0.0/24 no");
	misbehave("fail", "endpoint_create", "no");
	assert_has(REFUSED("docker run --rm --network no box:1 sleep 0"), "told to fail");
	box_run(&box, 0, "rm %s/fail-*", files);
	DOCKER("docker run -d --name one --network no box:1 sleep 300");
	misbehave("fail", "endpoint_delete", "no");
	DOCKER("docker rm -f one");
	await_status("\"op\":\"endpoint_delete\"", 10);
	assert_has(status(), "toldtofail");
	/* Over a restart of the host, and a reexec. */
	assert_true(WIFEXITED(daemon_stop(&box.world.daemon, SIGTERM)));
	daemon_start(&box.world.daemon);
	await_status("\"op\":\"endpoint_delete\"", 10);
	box_run(&box, 0, TEST_NDRVCTL " --socket %s reexec", box.world.daemon.socket);
	await_status("\"op\":\"endpoint_delete\"", 10);
	box_run(&box, 0, "rm %s/fail-*", files);
	await_status("\"owed\":[]", 40);
	box_expect_endpoints(&box, 0);
}

static void containers_that_died_with_dockerd_are_noticed(void **state)
{
	static const char *const drivers[] = {"ndrv-bridge --subnet 10.9.0.0/24", "ndrv-macvlan --subnet 10.9.0.0/24 -o parent=p0"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		DOCKER("docker network create -d %s n", drivers[i]);
		DOCKER("docker run -d --name one --network n box:1 sleep 300 && docker run -d --name two --network n box:1 sleep "
		       "300");
		/* Long enough for the host to have seen them alive. */
		(void)sleep(12);
		box_expect_endpoints(&box, 2);
		/* One lives on, the other dies with dockerd. */
		box_run(&box, 0, "docker inspect -f '{{.State.Pid}}' one >%s/pid", box.dir);
		box_stop_dockerd(&box, SIGKILL);
		box_run(&box, 0, "kill -9 $(cat %s/pid)", box.dir);
		await_status(i ? "\"dead_endpoints\":2" : "\"dead_endpoints\":1", 40);
		(void)sleep(12);
		box_expect_endpoints(&box, 1);
		box_start_dockerd(&box, "");
		DOCKER("docker start one && docker exec one ping -c 1 -W 3 $(docker inspect -f "
		       "'{{.NetworkSettings.Networks.n.IPAddress}}' "
		       "one)");
		box_empty(&box);
	}
}

static void a_name_that_is_not_exposed_is_said_within_bounds(void **state)
{
	(void)state;
	assert_has(REFUSED("timeout 60 docker network create -d ndrv-nosuch --subnet 10.9.0.0/24 n"),
		   "plugin \"ndrv-nosuch\" not found");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, nothing_is_left)
	const struct CMUnitTest tests[] = {
		TEST(a_driver_that_hangs_is_named_and_recovers),	TEST(a_network_whose_deletion_hangs_goes_after_all),
		TEST(a_driver_that_refuses_is_heard_and_asked_again),	TEST(containers_that_died_with_dockerd_are_noticed),
		TEST(a_name_that_is_not_exposed_is_said_within_bounds),
	};
	char yaml[160];

	box_open(&box);
	(void)snprintf(files, sizeof(files), "%s/f", box.dir);
	box_run(&box, 0, "mkdir %s", files);
	(void)snprintf(yaml, sizeof(yaml), "config: {dir: %s}\n", files);
	daemon_add_driver(&box.world.daemon, "files", TEST_FILEDRV, yaml);
	box_configure(&box,
		      "calls: {deadline: 3s}\ndocker: {expose: {ndrv-bridge: bridge, ndrv-macvlan: macvlan, ndrv-files: files}}\n");
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	box_close(&box);
	return failed;
}
