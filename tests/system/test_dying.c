/* SPDX-License-Identifier: Apache-2.0 */
/* Links that die behind the answer: their names, their groups, and what a kill leaves of them. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/http.h"
#include "tests/lib/netns.h"

#define EPS 120
#define WAIT_NS (20 * NSEC_PER_SEC)

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

static void connect_to(const char *network, int number, const struct netns *ns)
{
	char body[256], target[64];

	(void)snprintf(target, sizeof(target), "/v1/networks/%s/connect", network);
	(void)snprintf(body, sizeof(body), "{\"id\":\"%s%d\",\"netns\":\"%s\",\"ifname\":\"eth%d\"}", network, number, ns->path,
		       number);
	ask("POST", target, body, 201);
}

static void make_network(const char *name, const char *subnet, const struct netns *ns, int count)
{
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"name\":\"%s\",\"type\":\"bridge\",\"pools\":[{\"subnet\":\"%s\"}]}",
		       name, name, subnet);
	ask("POST", "/v1/networks", body, 201);
	for (int i = 0; i < count; i++)
		connect_to(name, i, ns);
}

/* Links of the host whose name starts so; the group of the last one in `ret_group`. */
static unsigned count_named(const char *start, uint32_t *ret_group)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link *links;
	struct ndrv_error err = {0};
	uint32_t count;
	unsigned found = 0;
	int rc;

	while ((rc = ndrv_link_list(nl, &links, &count, &err)) == -NDRV_E_RETRY)
		ndrv_error_clear(&err);
	assert_ok(rc, &err);
	for (uint32_t i = 0; i < count; i++)
		if (!strncmp(links[i].name, start, strlen(start))) {
			found++;
			if (ret_group)
				*ret_group = links[i].group;
		}
	free(links);
	ndrv_nl_close(nl);
	return found;
}

static void make_link(const char *name, uint32_t group)
{
	struct ndrv_link_spec spec = {.kind = "bridge", .name = name, .group = group};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};

	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(nl);
}

static void await_end_of(const char *start, unsigned left)
{
	uint64_t until = clock_ns() + WAIT_NS;

	while (count_named(start, NULL) > left) {
		if (clock_ns() > until)
			fail_msg("%u links of %s... are left", count_named(start, NULL), start);
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
}

static void an_answered_deletion_that_was_killed_is_finished_and_strangers_stay(void **state)
{
	unsigned left = 0;
	uint32_t group = 0;

	(void)state;
	make_network("kept", "10.8.0.0/24", &few, 1);
	assert_int_equal(count_named("nv", &group), 1);
	for (int try = 0; try < 5 && !left; try++) {
		make_network("doomed", "10.7.0.0/24", &many, EPS);
		ask("DELETE", "/v1/networks/doomed?force=1", NULL, 200);
		(void)daemon_stop(&host, SIGKILL);
		left = count_named("nx", NULL);
		if (!left)
			daemon_start(&host);
	}
	assert_true(left > 0);
	assert_int_equal(count_named("nv", NULL), 1);
	/* In the group of those that wait, in one that is deleted whole, and under a name as we give. */
	make_link("stranger1", group + 1);
	make_link("stranger2", group + 2);
	daemon_start(&host);
	ask("GET", "/v1/networks/doomed", NULL, 404);
	await_end_of("nx", 0);
	assert_int_equal(netns_link_count(&many), 1);
	assert_int_equal(count_named("stranger", NULL), 2);
	assert_true(netns_ping(&few, "10.8.0.1"));
	ask("DELETE", "/v1/networks/kept?force=1&sync=1", NULL, 200);
	assert_int_equal(netns_link_count(NULL), 1 + 2);
}

static void a_name_as_the_dying_have_is_not_enough(void **state)
{
	uint32_t group = 0;

	(void)state;
	make_network("kept", "10.8.0.0/24", &few, 1);
	assert_int_equal(count_named("nv", &group), 1);
	make_link("nxaaaaaaaaaaaa", 0);
	/* Not its own number's name, yet with our tag: a stray, and reported as one. */
	make_link("nxbbbbbbbbbbbb", group + 1);
	ask("DELETE", "/v1/networks/kept?force=1&sync=1", NULL, 200);
	assert_int_equal(count_named("nx", NULL), 2);
	(void)daemon_stop(&host, SIGTERM);
	assert_int_equal(count_named("nx", NULL), 2);
	assert_true(netns_has_link(NULL, "nxaaaaaaaaaaaa", NULL));
}

static void a_network_is_made_again_while_its_former_links_die(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		make_network("again", "10.7.0.0/24", &many, EPS);
		ask("DELETE", "/v1/networks/again?force=1", NULL, 200);
		/* The same ids, names, pool and addresses, at once. */
		make_network("again", "10.7.0.0/24", &few, 4);
		assert_true(netns_ping(&few, "10.7.0.1"));
		ask("DELETE", "/v1/networks/again?force=1&sync=1", NULL, 200);
		assert_int_equal(count_named("nv", NULL), 0);
		assert_int_equal(netns_link_count(&few), 1);
	}
	await_end_of("nx", 0);
	assert_int_equal(netns_link_count(NULL), 1);
	assert_int_equal(netns_link_count(&many), 1);
}

static void a_join_waits_until_the_sandboxs_former_interfaces_are_gone(void **state)
{
	(void)state;
	make_network("other", "10.6.0.0/24", &few, 0);
	make_network("old", "10.7.0.0/24", &many, EPS);
	ask("DELETE", "/v1/networks/old?force=1", NULL, 200);
	/* Under the name of one that is dying there. */
	connect_to("other", EPS - 1, &many);
	assert_int_equal(netns_link_count(&many), 2);
	assert_true(netns_ping(&many, "10.6.0.1"));
	ask("DELETE", "/v1/networks/other?force=1", NULL, 200);
}

static void a_deletion_in_sync_leaves_nothing(void **state)
{
	(void)state;
	make_network("blue", "10.7.0.0/24", &many, 20);
	assert_int_equal(daemon_ctl(&host, NULL, 0, "network", "rm", "--force", "--sync", "blue", NULL), 0);
	assert_int_equal(netns_link_count(NULL), 1);
	assert_int_equal(netns_link_count(&many), 1);
}

static void a_clean_stop_sees_the_dying_off(void **state)
{
	(void)state;
	make_network("blue", "10.7.0.0/24", &many, EPS);
	ask("DELETE", "/v1/networks/blue?force=1", NULL, 200);
	(void)daemon_stop(&host, SIGTERM);
	assert_int_equal(netns_link_count(NULL), 1);
	assert_int_equal(netns_link_count(&many), 1);
}

/* The path goes, the namespace lives on: somebody holds it open. */
static void lose_path(const struct netns *ns)
{
	(void)umount2(ns->path, MNT_DETACH);
	assert_int_equal(unlink(ns->path), 0);
}

static void an_endpoint_of_a_sandbox_that_is_gone_dies_behind_the_answer(void **state)
{
	(void)state;
	make_network("blue", "10.7.0.0/24", &many, 2);
	lose_path(&many);
	ask("POST", "/v1/networks/blue/disconnect", "{\"endpoint\":\"blue0\"}", 200);
	assert_int_equal(count_named("nv", NULL), 1);
	/* And its id is free. */
	connect_to("blue", 0, &few);
	assert_true(netns_ping(&few, "10.7.0.1"));
	ask("POST", "/v1/networks/blue/disconnect", "{\"endpoint\":\"blue1\",\"sync\":true}", 200);
	assert_int_equal(count_named("nv", NULL), 1);
	await_end_of("nx", 0);
	assert_int_equal(netns_link_count(&many), 1);
	assert_int_equal(netns_link_count(NULL), 3);
	ask("DELETE", "/v1/networks/blue?force=1", NULL, 200);
}

/* Its end of the pair has a number in there, and the kernel may not say any more where that is: it is not taken for one of here. */
static void a_namespace_that_dies_at_that_moment_takes_nothing_else_along(void **state)
{
	(void)state;
	make_network("blue", "10.7.0.0/24", &few, 1);
	for (int round = 0; round < 60; round++) {
		struct netns dead;
		char body[64];

		netns_new(&dead);
		connect_to("blue", 1 + round, &dead);
		(void)snprintf(body, sizeof(body), "{\"endpoint\":\"blue%d\"}", 1 + round);
		netns_free(&dead);
		(void)nanosleep(&(struct timespec){.tv_nsec = round % 20 * 2000000}, NULL);
		ask("POST", "/v1/networks/blue/disconnect", body, 200);
		assert_int_equal(count_named("nb", NULL), 1);
		assert_int_equal(count_named("nv", NULL), 1);
	}
	assert_true(netns_ping(&few, "10.7.0.1"));
}

static void a_sandbox_that_is_said_to_go_is_not_waited_for(void **state)
{
	(void)state;
	make_network("blue", "10.7.0.0/24", &many, 1);
	for (int round = 0; round < 10; round++) {
		if (round % 2)
			ask("POST", "/v1/networks/blue/disconnect", "{\"endpoint\":\"blue0\",\"sandbox_gone\":true}", 200);
		else
			ask("DELETE", "/v1/networks/blue/endpoints/blue0?sandbox_gone=1", NULL, 200);
		assert_int_equal(count_named("nv", NULL), 0);
		/* Back into the same sandbox, under the same name. */
		connect_to("blue", 0, &many);
		assert_int_equal(netns_link_count(&many), 2);
		assert_true(netns_ping(&many, "10.7.0.1"));
	}
	assert_int_equal(daemon_ctl(&host, NULL, 0, "network", "disconnect", "blue", "blue0", "--gone", NULL), 0);
	await_end_of("nx", 0);
	assert_int_equal(netns_link_count(&many), 1);
}

static void a_sandbox_that_lives_on_is_left_without_the_interface(void **state)
{
	(void)state;
	make_network("blue", "10.7.0.0/24", &few, 1);
	make_network("busy", "10.6.0.0/24", &many, EPS);
	/* Behind these it would have to wait for some time. */
	ask("DELETE", "/v1/networks/busy?force=1", NULL, 200);
	ask("POST", "/v1/networks/blue/disconnect", "{\"endpoint\":\"blue0\"}", 200);
	assert_int_equal(netns_link_count(&few), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answered_deletion_that_was_killed_is_finished_and_strangers_stay),
		TEST(a_name_as_the_dying_have_is_not_enough),
		TEST(a_network_is_made_again_while_its_former_links_die),
		TEST(a_join_waits_until_the_sandboxs_former_interfaces_are_gone),
		TEST(a_deletion_in_sync_leaves_nothing),
		TEST(a_clean_stop_sees_the_dying_off),
		TEST(an_endpoint_of_a_sandbox_that_is_gone_dies_behind_the_answer),
		TEST(a_namespace_that_dies_at_that_moment_takes_nothing_else_along),
		TEST(a_sandbox_that_is_said_to_go_is_not_waited_for),
		TEST(a_sandbox_that_lives_on_is_left_without_the_interface),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
