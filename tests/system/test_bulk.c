/* SPDX-License-Identifier: Apache-2.0 */
/* A network with many endpoints is deleted by force, the host is killed in the middle of it, and started again. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/http.h"
#include "tests/lib/netns.h"

#define EPS 120
#define KEPT 3

static struct daemon host;
static struct netns many, few;

static int set_up(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&many);
	netns_new(&few);
	daemon_set_up(&host, "log: {level: info}\n");
	daemon_add_driver(&host, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_start(&host);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	daemon_tear_down(&host);
	netns_free(&many);
	netns_free(&few);
	return 0;
}

static void ask(const char *method, const char *target, const char *body, int status)
{
	struct http_answer answer;

	assert_int_equal(http_ask(host.socket, method, target, body, &answer), 0);
	if (answer.status != status)
		fail_msg("%s %s: %d, not %d: %s", method, target, answer.status, status, answer.body);
	http_answer_free(&answer);
}

static void make_network(const char *name, const char *subnet, const struct netns *ns, int count)
{
	char body[256], target[64];

	(void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"type\":\"bridge\",\"pools\":[{\"subnet\":\"%s\"}]}", name, subnet);
	ask("POST", "/v1/networks", body, 201);
	(void)snprintf(target, sizeof(target), "/v1/networks/%s/connect", name);
	for (int i = 0; i < count; i++) {
		(void)snprintf(body, sizeof(body), "{\"id\":\"%s%d\",\"netns\":\"%s\",\"ifname\":\"eth%d\"}", name, i, ns->path, i);
		ask("POST", target, body, 201);
	}
}

/* Sends the deletion and kills the host as soon as some of the links are gone. True: not all were. */
static bool kill_in_the_middle(void)
{
	int fd = http_connect(host.socket);
	uint32_t left;

	assert_true(fd >= 0);
	assert_int_equal(http_send_request(fd, "DELETE", "/v1/networks/doomed?force=1&sync=1", NULL), 0);
	while ((left = netns_link_count(&many)) == EPS + 1)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	(void)daemon_stop(&host, SIGKILL);
	(void)close(fd);
	return netns_link_count(&many) > 1;
}

/* The next start leaves the links to the thread that sees them off. */
static void await_count(const struct netns *ns, uint32_t count)
{
	for (int i = 0; i < 2000 && netns_link_count(ns) != count; i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(netns_link_count(ns), count);
}

static void a_deletion_killed_in_the_middle_is_finished_by_the_next_start(void **state)
{
	(void)state;
	make_network("kept", "10.8.0.0/24", &few, KEPT);
	for (int try = 0;; try++) {
		make_network("doomed", "10.7.0.0/24", &many, EPS);
		bool middle = kill_in_the_middle();
		daemon_start(&host);
		ask("GET", "/v1/networks/doomed", NULL, 404);
		await_count(&many, 1);
		if (middle || try == 5) {
			assert_true(middle);
			break;
		}
	}
	/* lo, the other network's bridge and ports. */
	await_count(NULL, 1 + 1 + KEPT);
	ask("GET", "/v1/networks/kept", NULL, 200);
	assert_true(netns_ping(&few, "10.8.0.1"));
	/* Its name, its pool and its addresses are free again. */
	make_network("doomed", "10.7.0.0/24", &many, 2);
	ask("DELETE", "/v1/networks/doomed?force=1&sync=1", NULL, 200);
	ask("DELETE", "/v1/networks/kept?force=1&sync=1", NULL, 200);
	assert_int_equal(netns_link_count(NULL), 1);
}

static void addresses_are_free_again_when_the_answer_comes(void **state)
{
	(void)state;
	/* /26: 61 addresses beside the bridge's. */
	for (int round = 0; round < 2; round++) {
		make_network("small", "10.9.0.0/26", &many, 61);
		ask("DELETE", "/v1/networks/small?force=1", NULL, 200);
	}
	await_count(&many, 1);
	await_count(NULL, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_deletion_killed_in_the_middle_is_finished_by_the_next_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(addresses_are_free_again_when_the_answer_comes, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
