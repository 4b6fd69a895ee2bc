/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that cannot take over, whatever the reason and whenever it shows: the old one serves on. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/http.h"

#include "tests/faults/reexec_rig.h"

/* --- refusals --- */

static void refused(struct fixture *fixture, const char *binary, int exit_status, const char *why)
{
	int rc = daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", "reexec", binary, NULL);
	if (rc != exit_status || !strstr(fixture->reply, why))
		fail_msg("reexec %s ended with %d, said %s, not %s", binary, rc, fixture->reply, why);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "inspect", "n1", NULL), 0);
	char *status = rig_ask(fixture, "status", NULL, NULL);
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

/* A script whose trial is well, and takes its interpreter away: what that cannot see, only the exec itself can. */
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
	(void)snprintf(text, sizeof(text),
		       "#!%s/interpreter\ncase \"$*\" in *--trial*) rm -f %s/interpreter;; esac\nexec %s/ndrvd \"$@\"\n",
		       fixture->daemon.dir, fixture->daemon.dir, BUILT_PROGRAMS);
	rig_write_program(script, text);
	refused(fixture, script, 3, "execute");
	assert_int_equal(http_send_request(idle, "GET", "/v1/drivers", NULL), 0);
	assert_int_equal(http_receive(idle, &answer, PATIENCE_MS), 0);
	assert_int_equal(answer.status, 200);
	http_answer_free(&answer);
	rig_reexec(fixture, NULL);
	assert_int_equal(http_send_request(idle, "GET", "/v1/drivers", NULL), 0);
	assert_int_equal(http_receive(idle, &answer, PATIENCE_MS), 0);
	assert_int_equal(answer.status, 200);
	http_answer_free(&answer);
	(void)close(idle);
	(void)close(events);
}

/* A program that says yes when it is asked, and does `otherwise` when it is to run. */
static void write_pretender(const struct fixture *fixture, const char *name, const char *otherwise, char *path)
{
	char text[512];

	(void)snprintf(path, 128, "%s/%s", fixture->daemon.dir, name);
	(void)snprintf(text, sizeof(text), "#!/bin/sh\ncase \"$*\" in *--check-state*) exec %s/ndrvd \"$@\";; esac\n%s\n",
		       BUILT_PROGRAMS, otherwise);
	rig_write_program(path, text);
}

static void a_program_that_dies_at_its_start_is_refused_and_nobody_notices(void **state)
{
	struct fixture *fixture = *state;
	struct hammer hammer;
	struct flow flow;
	char path[128];
	static const struct {
		const char *name, *otherwise, *why;
	} ways[] = {
		{"aborts", "kill -ABRT $$", "crashed (Aborted) when it was started on a copy of the state"},
		{"segfaults", "kill -SEGV $$", "crashed (Segmentation fault) when it was started"},
		{"ends", "echo ndrvd: out of luck; exit 1", "cannot take over: ndrvd: out of luck"},
		{"ends-well", "exit 0", "did not answer as an ndrvd does"},
		{"cannot-start", "exec /nowhere/ndrvd \"$@\"", "not found"},
	};

	daemon_start(&fixture->daemon);
	rig_connect_both(fixture);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	char *network = rig_ask(fixture, "network", "inspect", "web"), *endpoints = rig_ask(fixture, "endpoint", "ls", "web");
	flow_start(&flow, &fixture->ends[0], &fixture->ends[1], "10.78.0.3");
	hammer_start(&hammer, fixture->daemon.socket, "fail");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		write_pretender(fixture, ways[i].name, ways[i].otherwise, path);
		refused(fixture, path, 4, ways[i].why);
		char *status = rig_ask(fixture, "status", NULL, NULL);
		assert_non_null(strstr(status, ways[i].why));
		free(status);
	}
	hammer_stop(&hammer);
	flow_stop(&flow);
	hammer_print(&hammer, "programs that die at their start");
	rig_assert_flow_whole(&flow, "programs that die at their start");
	rig_assert_nothing_wrong(&hammer);
	assert_int_equal(hammer.total.cut, 0);
	assert_int_equal(hammer.total.ended, 0);
	char *network_after = rig_ask(fixture, "network", "inspect", "web"),
	     *endpoints_after = rig_ask(fixture, "endpoint", "ls", "web");
	assert_string_equal(network, network_after);
	assert_string_equal(endpoints, endpoints_after);
	free(network);
	free(network_after);
	free(endpoints);
	free(endpoints_after);
	(void)snprintf(path, sizeof(path), "%s/state/trial", fixture->daemon.dir);
	assert_int_equal(access(path, F_OK), -1);
	rig_reexec(fixture, NULL);
}

/* Clients wait for it, ten seconds at most, and are answered. With NDRV_SOAK=1 only. */
static void a_program_that_hangs_at_its_start_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	if (!rig_soak())
		skip();
	daemon_start(&fixture->daemon);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	write_pretender(fixture, "hangs", "exec sleep 60", path);
	refused(fixture, path, 8, "did not come to an end within 10 s when it was started on a copy of the state");
	rig_reexec(fixture, NULL);
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
	rig_reexec(fixture, NULL);
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
	rig_sleep_ms(300);
	refused(fixture, NULL, 9, "network_create on network");
	assert_int_equal(http_receive(fd, &answer, PATIENCE_MS), 0);
	assert_int_equal(answer.status, 201);
	http_answer_free(&answer);

	assert_int_equal(http_send_request(fd, "POST", "/v1/networks",
					   "{\"name\":\"short\",\"type\":\"fail\",\"options\":{\"sleep_ms\":800}}"),
			 0);
	rig_sleep_ms(200);
	rig_reexec(fixture, NULL);
	assert_int_equal(http_receive(fd, &answer, PATIENCE_MS), 0);
	assert_int_equal(answer.status, 201);
	http_answer_free(&answer);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_program_that_cannot_take_over_is_refused_and_the_old_one_serves, rig_set_up,
						rig_tear_down),
		cmocka_unit_test_setup_teardown(an_exec_that_fails_leaves_everything_as_it_was, rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(a_program_that_dies_at_its_start_is_refused_and_nobody_notices, rig_set_up,
						rig_tear_down),
		cmocka_unit_test_setup_teardown(a_program_that_hangs_at_its_start_is_refused, rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(a_newer_state_is_not_taken_over, rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(a_call_that_does_not_end_is_named_and_one_that_does_is_answered, rig_set_up,
						rig_tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
