/* SPDX-License-Identifier: Apache-2.0 */
/* The host is replaced in place, restarted, and killed, while clients ask without a pause and two namespaces talk. */
#include "tests/lib/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/http.h"

#include "tests/faults/reexec_rig.h"

/* --- re-exec --- */

static void a_reexec_loses_no_request_no_connection_and_no_packet(void **state)
{
	struct fixture *fixture = *state;
	struct hammer hammer;
	struct flow flow;
	int rounds = rig_soak() ? 50 : 10;

	daemon_start(&fixture->daemon);
	rig_connect_both(fixture);
	char *network = rig_ask(fixture, "network", "inspect", "web"), *endpoints = rig_ask(fixture, "endpoint", "ls", "web");
	flow_start(&flow, &fixture->ends[0], &fixture->ends[1], "10.78.0.3");
	hammer_start(&hammer, fixture->daemon.socket, "fail");
	for (int i = 0; i < rounds; i++) {
		rig_sleep_ms(50);
		rig_reexec(fixture, NULL);
	}
	rig_sleep_ms(50);
	hammer_stop(&hammer);
	flow_stop(&flow);
	char *network_after = rig_ask(fixture, "network", "inspect", "web"),
	     *endpoints_after = rig_ask(fixture, "endpoint", "ls", "web");
	hammer_print(&hammer, "re-execs, own socket");
	rig_assert_flow_whole(&flow, "re-execs");
	rig_assert_nothing_wrong(&hammer);
	assert_int_equal(hammer.total.cut, 0);
	assert_int_equal(hammer.total.ended, 0);
	assert_string_equal(network, network_after);
	assert_string_equal(endpoints, endpoints_after);
	free(network);
	free(network_after);
	free(endpoints);
	free(endpoints_after);
}

/* The new program is a script that dawdles before it becomes ndrvd: what is asked meanwhile has nobody to answer but the next. */
static void what_was_sent_to_nobody_is_answered_by_the_next_program(void **state)
{
	struct fixture *fixture = *state;
	char script[128], text[512];
	struct http_answer answer = {0};

	(void)snprintf(script, sizeof(script), "%s/slow", fixture->daemon.dir);
	(void)snprintf(text, sizeof(text),
		       "#!/bin/sh\ncase \"$*\" in *--check-state*) ;; *) sleep 0.5;; esac\nexec %s/ndrvd \"$@\"\n", BUILT_PROGRAMS);
	rig_write_program(script, text);
	daemon_start(&fixture->daemon);
	int used = http_connect(fixture->daemon.socket), silent = http_connect(fixture->daemon.socket);
	int asks = http_connect(fixture->daemon.socket);
	assert_int_equal(http_send_request(used, "GET", "/v1/status", NULL), 0);
	assert_int_equal(http_receive(used, &answer, PATIENCE_MS), 0);
	http_answer_free(&answer);

	(void)snprintf(text, sizeof(text), "{\"binary\":\"%s\"}", script);
	assert_int_equal(http_send_request(asks, "POST", "/v1/reexec", text), 0);
	rig_sleep_ms(250); /* it is asleep now; were it not, the test would be weaker, not wrong */
	int fresh = http_connect(fixture->daemon.socket);
	assert_true(fresh >= 0);
	assert_int_equal(http_send_request(used, "POST", "/v1/networks", "{\"name\":\"n1\",\"type\":\"null\"}"), 0);
	assert_int_equal(http_send_request(silent, "GET", "/v1/drivers", NULL), 0);
	assert_int_equal(http_send_request(fresh, "GET", "/v1/drivers", NULL), 0);

	const struct {
		int fd, status;
		const char *part;
	} expected[] = {{asks, 200, "\"reexecs\":1"}, {used, 201, "\"id\""}, {silent, 200, "null"}, {fresh, 200, "null"}};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(http_receive(expected[i].fd, &answer, PATIENCE_MS), 0);
		assert_int_equal(answer.status, expected[i].status);
		assert_non_null(strstr(answer.body, expected[i].part));
		assert_true(answer.keep_alive);
		http_answer_free(&answer);
		assert_int_equal(http_send_request(expected[i].fd, "GET", "/v1/status", NULL), 0);
		assert_int_equal(http_receive(expected[i].fd, &answer, PATIENCE_MS), 0);
		assert_int_equal(answer.status, 200);
		http_answer_free(&answer);
		(void)close(expected[i].fd);
	}
}

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

/* Once it does not change any more. */
static int settled_entries(const char *path)
{
	int count = count_entries(path);

	for (int still = 0; still < 10; still++) {
		rig_sleep_ms(20);
		int now = count_entries(path);
		still = now == count ? still : 0;
		count = now;
	}
	return count;
}

static void twenty_reexecs_leave_no_descriptor_and_no_file_behind(void **state)
{
	struct fixture *fixture = *state;
	char fds[64], stage[128];
	int idle[8];

	daemon_start(&fixture->daemon);
	(void)snprintf(fds, sizeof(fds), "/proc/%d/fd", (int)fixture->daemon.pid);
	(void)snprintf(stage, sizeof(stage), "%s/state/stage", fixture->daemon.dir);
	for (int i = 0; i < 8; i++)
		idle[i] = http_connect(fixture->daemon.socket);
	rig_reexec(fixture, NULL);
	int staged = count_entries(stage), before = settled_entries(fds);
	for (int i = 0; i < 20; i++)
		rig_reexec(fixture, NULL);
	/* The last ndrvctl's connection is about to be closed. */
	for (int i = 0; i < 1000 && count_entries(fds) != before; i++)
		rig_sleep_ms(10);
	assert_int_equal(count_entries(fds), before);
	assert_int_equal(count_entries(stage), staged);
	for (int i = 0; i < 8; i++)
		(void)close(idle[i]);
}

static void a_signal_replaces_the_program_by_its_own_file(void **state)
{
	struct fixture *fixture = *state;

	daemon_start(&fixture->daemon);
	assert_int_equal(kill(fixture->daemon.pid, SIGUSR2), 0);
	for (int i = 0; i < 500 && !daemon_logged(&fixture->daemon, "takes over"); i++)
		rig_sleep_ms(10);
	char *status = rig_ask(fixture, "status", NULL, NULL);
	assert_non_null(strstr(status, "\"reexecs\": 1"));
	free(status);
}

/* --- under a service manager's socket --- */

/* The test is the service manager: it holds the socket whatever becomes of the host. */
static void hold_socket(struct daemon *daemon)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char run[96];

	(void)snprintf(run, sizeof(run), "%s/run", daemon->dir);
	assert_int_equal(mkdir(run, 0755), 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon->socket);
	daemon->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(daemon->listen_fd > 0);
	assert_int_equal(bind(daemon->listen_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(daemon->listen_fd, 128), 0);
}

static void restart(struct daemon *daemon, int signal)
{
	(void)daemon_stop(daemon, signal);
	rig_sleep_ms(10); /* RestartSec */
	daemon_launch(daemon);
}

static void no_connect_fails_when_the_host_is_restarted_replaced_or_killed(void **state)
{
	struct fixture *fixture = *state;
	struct daemon *daemon = &fixture->daemon;
	static const char *const names[] = {"kill -9, activated", "restarts, activated", "re-execs, activated"};
	struct flow flow;
	struct stat before, after;

	hold_socket(daemon);
	assert_int_equal(stat(daemon->socket, &before), 0);
	daemon_start(daemon);
	rig_connect_both(fixture);
	flow_start(&flow, &fixture->ends[0], &fixture->ends[1], "10.78.0.3");
	for (int what = 0; what < 3; what++) {
		struct hammer hammer;
		hammer_start(&hammer, daemon->socket, "fail");
		for (int i = 0; i < 5; i++) {
			rig_sleep_ms(200);
			if (what == 2)
				rig_reexec(fixture, NULL);
			else
				restart(daemon, what == 0 ? SIGKILL : SIGTERM);
		}
		rig_sleep_ms(200);
		hammer_stop(&hammer);
		hammer_print(&hammer, names[what]);
		rig_assert_nothing_wrong(&hammer);
		/* Only a kill cuts off who is being served; only a re-exec keeps connections. */
		if (what != 0)
			assert_int_equal(hammer.total.cut, 0);
		if (what == 2)
			assert_int_equal(hammer.total.ended, 0);
	}
	flow_stop(&flow);
	rig_assert_flow_whole(&flow, "kills, restarts, re-execs");
	assert_int_equal(stat(daemon->socket, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_true(daemon_stop(daemon, SIGTERM) == 0);
	assert_int_equal(stat(daemon->socket, &after), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reexec_loses_no_request_no_connection_and_no_packet, rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(what_was_sent_to_nobody_is_answered_by_the_next_program, rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(twenty_reexecs_leave_no_descriptor_and_no_file_behind, rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(a_signal_replaces_the_program_by_its_own_file, rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(no_connect_fails_when_the_host_is_restarted_replaced_or_killed, rig_set_up,
						rig_tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
