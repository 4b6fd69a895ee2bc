/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 of a host whose endpoints carry traffic, and what the next start makes of it. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

#define ENDPOINTS 50
#define REPLY_BYTES (1u << 20)

struct fixture {
	struct daemon daemon;
	struct netns sandboxes[ENDPOINTS];
	char addresses[ENDPOINTS][NDRV_ADDR_TEXT];
	char reply[REPLY_BYTES];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	for (int i = 0; i < ENDPOINTS; i++)
		netns_new(&fixture->sandboxes[i]);
	daemon_set_up(&fixture->daemon, NULL);
	daemon_add_driver(&fixture->daemon, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	daemon_tear_down(&fixture->daemon);
	for (int i = 0; i < ENDPOINTS; i++)
		netns_free(&fixture->sandboxes[i]);
	free(fixture);
	return 0;
}

/* The command's one JSON document, sorted, so that two of them compare as text. The caller frees. */
static char *ask(struct fixture *fixture, const char *noun, const char *verb, const char *what)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", noun, verb, what, NULL), 0);
	json_t *document = json_loads(fixture->reply, 0, NULL);
	assert_non_null(document);
	char *text = json_dumps(document, JSON_SORT_KEYS | JSON_INDENT(1));
	json_decref(document);
	assert_non_null(text);
	return text;
}

static int64_t recovered(struct fixture *fixture, const char *what)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", "status", NULL), 0);
	json_t *document = json_loads(fixture->reply, 0, NULL);
	json_t *value = json_object_get(json_object_get(document, "recovery"), what);
	if (!json_is_integer(value))
		fail_msg("status has no number recovery.%s: %s", what, fixture->reply);
	int64_t number = json_integer_value(value);
	json_decref(document);
	return number;
}

static void connect_all(struct fixture *fixture)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "web", "-d", "bridge", "--subnet",
				    "10.66.0.0/24", "--subnet", "fd66::/64", "--ipv6", NULL),
			 0);
	for (int i = 0; i < ENDPOINTS; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "e%d", i);
		(void)snprintf(fixture->addresses[i], sizeof(fixture->addresses[i]), "10.66.0.%d", 10 + i);
		assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "web", "--netns",
					    fixture->sandboxes[i].path, "--endpoint", name, "--ip", fixture->addresses[i], NULL),
				 0);
	}
}

struct traffic {
	struct fixture *fixture;
	_Atomic bool stop;
	int sent, lost;
};

/* One echo after the other between the first two sandboxes until told to stop. */
static void *keep_pinging(void *data)
{
	struct traffic *traffic = data;

	while (!atomic_load(&traffic->stop)) {
		traffic->sent++;
		if (!netns_ping(&traffic->fixture->sandboxes[0], traffic->fixture->addresses[1]))
			traffic->lost++;
	}
	return NULL;
}

static void a_killed_host_comes_back_with_everything_and_no_packet_is_lost(void **state)
{
	struct fixture *fixture = *state;
	struct traffic traffic = {.fixture = fixture};
	pthread_t thread;

	daemon_start(&fixture->daemon);
	connect_all(fixture);
	char *networks = ask(fixture, "network", "inspect", "web");
	char *endpoints = ask(fixture, "endpoint", "ls", NULL);
	assert_int_equal(pthread_create(&thread, NULL, keep_pinging, &traffic), 0);

	int status = daemon_stop(&fixture->daemon, SIGKILL);
	assert_true(WIFSIGNALED(status));
	daemon_start(&fixture->daemon);

	char *networks_after = ask(fixture, "network", "inspect", "web");
	char *endpoints_after = ask(fixture, "endpoint", "ls", NULL);
	assert_string_equal(networks, networks_after);
	assert_string_equal(endpoints, endpoints_after);
	assert_int_equal(recovered(fixture, "networks"), 1);
	assert_int_equal(recovered(fixture, "endpoints"), ENDPOINTS);
	assert_int_equal(recovered(fixture, "lost"), 0);
	for (int i = 1; i < ENDPOINTS; i += 7)
		assert_true(netns_ping(&fixture->sandboxes[0], fixture->addresses[i]));
	atomic_store(&traffic.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(traffic.sent > 0);
	assert_int_equal(traffic.lost, 0);
	free(networks);
	free(endpoints);
	free(networks_after);
	free(endpoints_after);

	/* Leases survived: a taken address is refused, the next free one is given. */
	struct netns more;
	netns_new(&more);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "web", "--netns", more.path, "--ip",
				    fixture->addresses[3], NULL),
			 4);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "web", "--netns", more.path, "--endpoint",
				    "late", NULL),
			 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "disconnect", "web", "late", NULL), 0);
	netns_free(&more);
}

static void a_second_restart_finds_nothing_to_do(void **state)
{
	struct fixture *fixture = *state;

	daemon_start(&fixture->daemon);
	connect_all(fixture);
	(void)daemon_stop(&fixture->daemon, SIGKILL);
	daemon_start(&fixture->daemon);
	(void)daemon_stop(&fixture->daemon, SIGTERM);
	daemon_start(&fixture->daemon);
	assert_int_equal(recovered(fixture, "networks"), 1);
	assert_int_equal(recovered(fixture, "endpoints"), ENDPOINTS);
	assert_int_equal(recovered(fixture, "undone"), 0);
	assert_int_equal(recovered(fixture, "redone"), 0);
	assert_int_equal(recovered(fixture, "lost"), 0);
	assert_int_equal(recovered(fixture, "failed"), 0);
	assert_true(netns_ping(&fixture->sandboxes[4], fixture->addresses[5]));
}

static void what_a_restart_cannot_find_any_more_is_reported_and_can_be_removed(void **state)
{
	struct fixture *fixture = *state;

	daemon_start(&fixture->daemon);
	connect_all(fixture);
	(void)daemon_stop(&fixture->daemon, SIGKILL);
	unsigned links = netns_link_count(NULL);
	netns_free(&fixture->sandboxes[7]);
	/* The kernel takes a namespace down in its own time. */
	for (int waited = 0; netns_link_count(NULL) == links && waited < 1000; waited++)
		(void)usleep(10000);
	daemon_start(&fixture->daemon);
	assert_int_equal(recovered(fixture, "lost"), 1);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "disconnect", "web", "e7", NULL), 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "rm", "--force", "--sync", "web", NULL), 0);
	assert_int_equal(netns_link_count(NULL), 1);
	netns_new(&fixture->sandboxes[7]);
}

static void a_second_host_on_the_same_directories_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct daemon second;

	daemon_start(&fixture->daemon);
	second = fixture->daemon;
	second.pid = 0;
	assert_int_equal(daemon_start_fails(&second), 1);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "status", NULL), 0);
}

/* A host of its own directories, and of the instance that `yaml` says. */
static void set_up_second(struct daemon *second, const char *yaml)
{
	daemon_set_up(second, yaml);
	daemon_add_driver(second, "null", BUILT_DRIVERS "/null.so", NULL);
}

static void assert_refused_for(struct daemon *second, pid_t pid)
{
	char says[32];

	(void)snprintf(says, sizeof(says), "(pid %d)", (int)pid);
	assert_int_equal(daemon_start_fails(second), 1);
	assert_true(daemon_logged(second, "another host of instance \"ndrv\" runs in this network namespace"));
	assert_true(daemon_logged(second, says));
}

static void a_second_host_of_the_same_instance_in_a_namespace_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct daemon second, other;

	daemon_start(&fixture->daemon);
	set_up_second(&second, NULL);
	assert_refused_for(&second, fixture->daemon.pid);
	/* Also by a host that became another program meanwhile, but not by one that is gone, however it went. */
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "reexec", NULL), 0);
	assert_refused_for(&second, fixture->daemon.pid);
	set_up_second(&other, "instance: other\nownership: {link_group: 30000, route_protocol: 99}\n");
	daemon_start(&other);
	daemon_tear_down(&other);
	(void)daemon_stop(&fixture->daemon, SIGKILL);
	daemon_start(&second);
	assert_int_equal(daemon_start_fails(&fixture->daemon), 1);
	assert_true(daemon_logged(&fixture->daemon, "another host of instance"));
	/* Elsewhere it is no concern of theirs. */
	netns_enter_fresh();
	daemon_start(&fixture->daemon);
	daemon_tear_down(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_killed_host_comes_back_with_everything_and_no_packet_is_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_second_restart_finds_nothing_to_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_restart_cannot_find_any_more_is_reported_and_can_be_removed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_second_host_on_the_same_directories_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_second_host_of_the_same_instance_in_a_namespace_is_refused, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
