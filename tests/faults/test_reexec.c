/* SPDX-License-Identifier: Apache-2.0 */
/* The host is replaced in place, restarted, and killed, while clients ask without a pause and two namespaces talk. */
#include "tests/lib/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/flow.h"
#include "tests/lib/hammer.h"
#include "tests/lib/http.h"

#define PATIENCE_MS 30000

struct fixture {
	struct daemon daemon;
	struct netns ends[2];
	char reply[65536];
};

static bool soak(void)
{
	return getenv("NDRV_SOAK") != NULL;
}

static void sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	for (int i = 0; i < 2; i++)
		netns_new(&fixture->ends[i]);
	daemon_set_up(&fixture->daemon, NULL);
	daemon_add_driver(&fixture->daemon, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_add_driver(&fixture->daemon, "null", BUILT_DRIVERS "/null.so", NULL);
	daemon_add_driver(&fixture->daemon, "fail", FAIL_DRIVER, NULL); /* fails only when it is told to */
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	daemon_tear_down(&fixture->daemon);
	if (fixture->daemon.listen_fd)
		(void)close(fixture->daemon.listen_fd);
	for (int i = 0; i < 2; i++)
		netns_free(&fixture->ends[i]);
	free(fixture);
	return 0;
}

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

static void connect_both(struct fixture *fixture)
{
	struct daemon *daemon = &fixture->daemon;

	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "web", "-d", "bridge", "--subnet", "10.78.0.0/24", NULL),
			 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "connect", "web", "--netns", fixture->ends[i].path,
					    "--endpoint", i ? "second" : "first", "--ip", i ? "10.78.0.3" : "10.78.0.2", NULL),
				 0);
}

/* Sorted, so that two of them compare as text. The caller frees. */
static char *ask(struct fixture *fixture, const char *noun, const char *verb, const char *what)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", noun, verb, what, NULL), 0);
	json_t *document = json_loads(fixture->reply, 0, NULL);
	assert_non_null(document);
	char *text = json_dumps(document, JSON_SORT_KEYS);
	json_decref(document);
	assert_non_null(text);
	return text;
}

static void reexec(struct fixture *fixture, const char *binary)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", "reexec", binary, NULL), 0);
	json_t *document = json_loads(fixture->reply, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(document, "pid")), fixture->daemon.pid);
	json_decref(document);
}

static void assert_flow_whole(const struct flow *flow, const char *what)
{
	print_message("%-34s datagrams %llu, lost %llu, longest gap %.1f ms; TCP %llu kB, missing %llu B, wrong %llu B\n", what,
		      (unsigned long long)flow->datagrams, (unsigned long long)(flow->datagrams - flow->received),
		      (double)flow->longest_gap_ns / (double)NSEC_PER_MSEC, (unsigned long long)flow->bytes / 1000,
		      (unsigned long long)(flow->bytes - flow->bytes_received), (unsigned long long)flow->bytes_wrong);
	assert_true(flow->datagrams > 100 && flow->bytes > 0);
	assert_int_equal(flow->datagrams, flow->received);
	assert_int_equal(flow->disordered, 0);
	assert_int_equal(flow->bytes, flow->bytes_received);
	assert_int_equal(flow->bytes_wrong, 0);
}

static void assert_nothing_wrong(const struct hammer *hammer)
{
	if (hammer->total.wrong)
		fail_msg("%llu wrong answers, the first: %s", (unsigned long long)hammer->total.wrong, hammer->total.first_wrong);
	assert_int_equal(hammer->total.unconnected, 0);
	assert_true(hammer->total.requests > 50);
}

/* --- re-exec --- */

static void a_reexec_loses_no_request_no_connection_and_no_packet(void **state)
{
	struct fixture *fixture = *state;
	struct hammer hammer;
	struct flow flow;
	int rounds = soak() ? 50 : 10;

	daemon_start(&fixture->daemon);
	connect_both(fixture);
	char *network = ask(fixture, "network", "inspect", "web"), *endpoints = ask(fixture, "endpoint", "ls", "web");
	flow_start(&flow, &fixture->ends[0], &fixture->ends[1], "10.78.0.3");
	hammer_start(&hammer, fixture->daemon.socket, "fail");
	for (int i = 0; i < rounds; i++) {
		sleep_ms(50);
		reexec(fixture, NULL);
	}
	sleep_ms(50);
	hammer_stop(&hammer);
	flow_stop(&flow);
	char *network_after = ask(fixture, "network", "inspect", "web"), *endpoints_after = ask(fixture, "endpoint", "ls", "web");
	hammer_print(&hammer, "re-execs, own socket");
	assert_flow_whole(&flow, "re-execs");
	assert_nothing_wrong(&hammer);
	assert_int_equal(hammer.total.cut, 0);
	assert_int_equal(hammer.total.ended, 0);
	assert_string_equal(network, network_after);
	assert_string_equal(endpoints, endpoints_after);
	free(network);
	free(network_after);
	free(endpoints);
	free(endpoints_after);
}

static void write_program(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(file), 0);
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
	write_program(script, text);
	daemon_start(&fixture->daemon);
	int used = http_connect(fixture->daemon.socket), silent = http_connect(fixture->daemon.socket);
	int asks = http_connect(fixture->daemon.socket);
	assert_int_equal(http_send_request(used, "GET", "/v1/status", NULL), 0);
	assert_int_equal(http_receive(used, &answer, PATIENCE_MS), 0);
	http_answer_free(&answer);

	(void)snprintf(text, sizeof(text), "{\"binary\":\"%s\"}", script);
	assert_int_equal(http_send_request(asks, "POST", "/v1/reexec", text), 0);
	sleep_ms(250); /* it is asleep now; were it not, the test would be weaker, not wrong */
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
	reexec(fixture, NULL);
	sleep_ms(20);
	int before = count_entries(fds), staged = count_entries(stage);
	for (int i = 0; i < 20; i++)
		reexec(fixture, NULL);
	sleep_ms(20); /* until the last ndrvctl's connection is closed */
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
		sleep_ms(10);
	char *status = ask(fixture, "status", NULL, NULL);
	assert_non_null(strstr(status, "\"reexecs\": 1"));
	free(status);
}

/* --- refusals --- */

static void refused(struct fixture *fixture, const char *binary, int exit_status, const char *why)
{
	int rc = daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", "reexec", binary, NULL);
	if (rc != exit_status || !strstr(fixture->reply, why))
		fail_msg("reexec %s ended with %d, said %s, not %s", binary, rc, fixture->reply, why);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "inspect", "n1", NULL), 0);
	char *status = ask(fixture, "status", NULL, NULL);
	assert_non_null(strstr(status, "\"reexecs\": 0"));
	assert_non_null(strstr(status, "\"reexec_refused\""));
	free(status);
}

static void a_program_that_cannot_take_over_is_refused_and_the_old_one_serves(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	daemon_start(&fixture->daemon);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	refused(fixture, "/bin/false", 4, "did not answer as an ndrvd does");
	refused(fixture, "/bin/true", 4, "did not answer as an ndrvd does");
	refused(fixture, "/etc/passwd", 6, "is no program");
	refused(fixture, "/nowhere/ndrvd", 3, "No such file");
	(void)snprintf(path, sizeof(path), "%s/anyones", fixture->daemon.dir);
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_true(file >= 0);
	assert_int_equal(fchmod(file, 0777), 0);
	assert_int_equal(close(file), 0);
	refused(fixture, path, 4, "can be written by others");
	/* What the new program would read, and the old one read long ago. */
	int config = open(fixture->daemon.config, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(config, "colour: blue\n", 13), 13);
	refused(fixture, NULL, 4, "colour");
	assert_int_equal(ftruncate(config, 0), 0);
	assert_int_equal(close(config), 0);
	daemon_add_driver(&fixture->daemon, "null", "/nowhere/null.so", NULL);
	refused(fixture, NULL, 4, "null.so");
}

static void set_schema_version(const char *path, int version)
{
	char sql[64];
	sqlite3 *db;

	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", version);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A script whose check is well, and takes its interpreter away: what the check cannot see, only the exec itself can. */
static void an_exec_that_fails_leaves_everything_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	char script[128], text[512];
	struct http_answer answer = {0};

	daemon_start(&fixture->daemon);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	int idle = http_connect(fixture->daemon.socket), events = http_connect(fixture->daemon.socket);
	assert_int_equal(http_send_request(events, "GET", "/v1/events", NULL), 0);
	assert_int_equal(http_send_request(idle, "GET", "/v1/status", NULL), 0);
	assert_int_equal(http_receive(idle, &answer, PATIENCE_MS), 0);
	http_answer_free(&answer);
	(void)snprintf(script, sizeof(script), "%s/interpreter", fixture->daemon.dir);
	assert_int_equal(symlink("/bin/sh", script), 0);
	(void)snprintf(script, sizeof(script), "%s/unlucky", fixture->daemon.dir);
	(void)snprintf(text, sizeof(text), "#!%s/interpreter\nrm -f %s/interpreter\nexec %s/ndrvd \"$@\"\n", fixture->daemon.dir,
		       fixture->daemon.dir, BUILT_PROGRAMS);
	write_program(script, text);
	refused(fixture, script, 3, "execute");
	assert_int_equal(http_send_request(idle, "GET", "/v1/drivers", NULL), 0);
	assert_int_equal(http_receive(idle, &answer, PATIENCE_MS), 0);
	assert_int_equal(answer.status, 200);
	http_answer_free(&answer);
	reexec(fixture, NULL);
	assert_int_equal(http_send_request(idle, "GET", "/v1/drivers", NULL), 0);
	assert_int_equal(http_receive(idle, &answer, PATIENCE_MS), 0);
	assert_int_equal(answer.status, 200);
	http_answer_free(&answer);
	(void)close(idle);
	(void)close(events);
}

static void a_newer_state_is_not_taken_over(void **state)
{
	struct fixture *fixture = *state;
	char path[512];

	daemon_start(&fixture->daemon);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/state/state.db", fixture->daemon.dir);
	set_schema_version(path, 99);
	refused(fixture, NULL, 4, "newer ndrvd");
	set_schema_version(path, 1);
	reexec(fixture, NULL);
}

static void a_call_that_does_not_end_is_named_and_one_that_does_is_answered(void **state)
{
	struct fixture *fixture = *state;
	struct http_answer answer = {0};

	daemon_start(&fixture->daemon);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	int fd = http_connect(fixture->daemon.socket);
	assert_int_equal(http_send_request(fd, "POST", "/v1/networks",
					   "{\"name\":\"slow\",\"type\":\"fail\",\"options\":{\"sleep_ms\":8000}}"),
			 0);
	sleep_ms(300);
	refused(fixture, NULL, 9, "network_create on network");
	assert_int_equal(http_receive(fd, &answer, PATIENCE_MS), 0);
	assert_int_equal(answer.status, 201);
	http_answer_free(&answer);

	assert_int_equal(http_send_request(fd, "POST", "/v1/networks",
					   "{\"name\":\"short\",\"type\":\"fail\",\"options\":{\"sleep_ms\":800}}"),
			 0);
	sleep_ms(200);
	reexec(fixture, NULL);
	assert_int_equal(http_receive(fd, &answer, PATIENCE_MS), 0);
	assert_int_equal(answer.status, 201);
	http_answer_free(&answer);
	(void)close(fd);
}

/* --- under a service manager's socket --- */

static void restart(struct daemon *daemon, int signal)
{
	(void)daemon_stop(daemon, signal);
	sleep_ms(10); /* RestartSec */
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
	connect_both(fixture);
	flow_start(&flow, &fixture->ends[0], &fixture->ends[1], "10.78.0.3");
	for (int what = 0; what < 3; what++) {
		struct hammer hammer;
		hammer_start(&hammer, daemon->socket, "fail");
		for (int i = 0; i < 5; i++) {
			sleep_ms(200);
			if (what == 2)
				reexec(fixture, NULL);
			else
				restart(daemon, what == 0 ? SIGKILL : SIGTERM);
		}
		sleep_ms(200);
		hammer_stop(&hammer);
		hammer_print(&hammer, names[what]);
		assert_nothing_wrong(&hammer);
		/* Only a kill cuts off who is being served; only a re-exec keeps connections. A stop drains for 0.3 s, which a host
		 * that a sanitizer slows down may not keep on a loaded machine. */
		if (what == 2 || (what == 1 && !TEST_SANITIZED))
			assert_int_equal(hammer.total.cut, 0);
		if (what == 2)
			assert_int_equal(hammer.total.ended, 0);
	}
	flow_stop(&flow);
	assert_flow_whole(&flow, "kills, restarts, re-execs");
	assert_int_equal(stat(daemon->socket, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_true(daemon_stop(daemon, SIGTERM) == 0);
	assert_int_equal(stat(daemon->socket, &after), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reexec_loses_no_request_no_connection_and_no_packet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_sent_to_nobody_is_answered_by_the_next_program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(twenty_reexecs_leave_no_descriptor_and_no_file_behind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_signal_replaces_the_program_by_its_own_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_program_that_cannot_take_over_is_refused_and_the_old_one_serves, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_exec_that_fails_leaves_everything_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_newer_state_is_not_taken_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_call_that_does_not_end_is_named_and_one_that_does_is_answered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_connect_fails_when_the_host_is_restarted_replaced_or_killed, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
