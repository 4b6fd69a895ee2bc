/* SPDX-License-Identifier: Apache-2.0 */
/* What no client gets: more time, more connections, more memory, more rights than it is due. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/front/fixture.h"

#define TIMEOUT_MS 20000
/* Numbers nobody has. */
#define GROUP 54321
#define STRANGER 54322

static struct fixture fixture;

static int teardown(void **state)
{
	(void)state;
	fixture_stop(&fixture);
	return 0;
}

static void expect(int fd, int status, const char *part)
{
	struct http_answer answer;

	assert_int_equal(http_receive(fd, &answer, TIMEOUT_MS), 0);
	if (answer.status != status || !strstr(answer.body, part))
		fail_msg("expected %d \"%s\", got %d %s", status, part, answer.status, answer.body);
	http_answer_free(&answer);
}

static void ask_well(void)
{
	struct http_answer answer;
	assert_int_equal(http_ask(fixture.socket, "GET", "/v1/status", NULL, &answer), 0);
	assert_int_equal(answer.status, 200);
	http_answer_free(&answer);
}

/* --- time --- */

static int slow(void **state)
{
	(void)state;
	fixture_start(&fixture, &(struct fixture_options){.request_timeout_ms = 400});
	return 0;
}

/* Sends one byte in a while until the other side has had enough. The bytes sent. */
static int drip(int fd, const char *text)
{
	int sent = 0;

	for (; text[sent]; sent++) {
		ask_well(); /* the others are served meanwhile */
		if (http_send(fd, text + sent, 1) < 0)
			break;
		(void)usleep(50000);
	}
	return sent;
}

static void a_byte_now_and_then_is_not_enough(void **state)
{
	static const char *const starts[] = {
		"",									/* in the first line already */
		"GET /v1/status HTTP/1.1\r\nHost: x\r\nX-",				/* in a header */
		"POST /v1/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n", /* in the body */
	};
	static const char filling[] =
		"GET_/v1/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890";

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		int fd = http_connect(fixture.socket);
		assert_int_equal(http_send(fd, starts[i], strlen(starts[i])), 0);
		assert_true(drip(fd, filling) < (int)strlen(filling));
		expect(fd, 408, "\"code\":\"TIMEOUT\"");
		(void)close(fd);
	}
	struct http_counts now;
	control_counts(fixture.control, &now);
	assert_int_equal(now.cut_off, 3);
}

static void who_says_nothing_is_cut_off(void **state)
{
	int fd = http_connect(fixture.socket);

	(void)state;
	expect(fd, 408, "did not arrive within 400 ms");
	(void)close(fd);
}

static void a_slow_driver_is_not_a_slow_client(void **state)
{
	int fd = http_connect(fixture.socket);

	(void)state;
	assert_int_equal(http_send_request(fd, "GET", "/v1/networks/hold", NULL), 0);
	(void)usleep(1200000); /* three times what a client may take */
	fake_release(fixture.fake);
	expect(fd, 200, "\"network\":\"hold\"");
	(void)close(fd);
}

static void who_has_said_all_is_answered(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		int fd = http_connect(fixture.socket);
		bool held = round % 2;
		for (int before = 0; before < round % 5; before++) {
			assert_int_equal(http_send_request(fd, "GET", "/v1/networks/n0", NULL), 0);
			expect(fd, 200, "n0");
		}
		assert_int_equal(http_send_request(fd, "GET", held ? "/v1/networks/hold" : "/v1/networks/n1", NULL), 0);
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		if (held) {
			(void)usleep(5000);
			fake_release(fixture.fake);
		}
		expect(fd, 200, held ? "\"network\":\"hold\"" : "\"network\":\"n1\"");
		(void)close(fd);
	}
}

/* --- events --- */

static void events_reach_all_and_end_with_the_client(void **state)
{
	struct http_answer answer;
	int fds[5];
	long left[5] = {0};
	char line[256];

	(void)state;
	for (int i = 0; i < 5; i++) {
		fds[i] = http_connect(fixture.socket);
		assert_int_equal(http_send_request(fds[i], "GET", "/v1/events", NULL), 0);
		assert_int_equal(http_receive_head(fds[i], &answer, TIMEOUT_MS), 0);
		assert_int_equal(answer.status, 200);
		assert_string_equal(answer.content_type, "application/x-ndjson");
		http_answer_free(&answer);
	}
	(void)usleep(600000); /* longer than a request may take: a stream is not one */
	(void)close(fds[4]);
	for (int n = 0; n < 100; n++)
		fake_event(fixture.fake, "tick", n);
	for (int i = 0; i < 4; i++)
		for (int n = 0; n < 100; n++) {
			char want[64];
			(void)snprintf(want, sizeof(want), "{\"event\":\"tick\",\"number\":%d}", n);
			assert_true(http_receive_line(fds[i], &left[i], line, sizeof(line), TIMEOUT_MS) > 0);
			assert_string_equal(line, want);
		}
	for (int i = 0; i < 4; i++)
		(void)close(fds[i]);
	ask_well();
}

static bool two_are_connected(struct fixture *at)
{
	struct http_counts now;
	control_counts(at->control, &now);
	return now.connections == 1;
}

/* Reads what there is; "dropped" must be the last thing said, if the end comes at all. */
static void a_listener_that_does_not_read_is_dropped(void **state)
{
	int deaf = http_connect(fixture.socket), keen = http_connect(fixture.socket);
	char text[4096], big[2001];
	struct http_answer answer;
	long left = 0;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(http_send_request(deaf, "GET", "/v1/events", NULL), 0);
	assert_int_equal(http_receive_head(deaf, &answer, TIMEOUT_MS), 0);
	http_answer_free(&answer);
	assert_int_equal(http_send_request(keen, "GET", "/v1/events", NULL), 0);
	assert_int_equal(http_receive_head(keen, &answer, TIMEOUT_MS), 0);
	http_answer_free(&answer);
	for (int n = 0; n < 1000; n++) { /* 2 MB: more than the socket and the buffer hold */
		fake_event(fixture.fake, big, n);
		assert_true(http_receive_line(keen, &left, text, sizeof(text), TIMEOUT_MS) > 2000);
	}
	assert_true(fixture_wait(two_are_connected, &fixture)); /* the deaf one was cut off */
	fake_event(fixture.fake, "after", 1);
	assert_true(http_receive_line(keen, &left, text, sizeof(text), TIMEOUT_MS) > 0);
	assert_string_equal(text, "{\"event\":\"after\",\"number\":1}");
	(void)close(deaf);
	(void)close(keen);
}

static void a_late_reader_is_told_that_it_was_dropped(void **state)
{
	int fd = http_connect(fixture.socket);
	char big[2001], line[4096], last[4096] = "";
	struct http_answer answer;
	long left = 0, length;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(http_send_request(fd, "GET", "/v1/events", NULL), 0);
	assert_int_equal(http_receive_head(fd, &answer, TIMEOUT_MS), 0);
	http_answer_free(&answer);
	for (int n = 0; n < 1000; n++)
		fake_event(fixture.fake, big, n);
	while ((length = http_receive_line(fd, &left, line, sizeof(line), TIMEOUT_MS)) > 0)
		memcpy(last, line, sizeof(last));
	assert_int_equal(length, 0); /* ended well */
	assert_non_null(strstr(last, "{\"event\":\"dropped\""));
	(void)close(fd);
}

/* --- connections --- */

static int few(void **state)
{
	(void)state;
	fixture_start(&fixture, &(struct fixture_options){.max_connections = 40, .max_connections_per_uid = 30, .group = GROUP});
	return 0;
}

static void idle_connections_are_bounded(void **state)
{
	enum { MANY = 200 };
	int fds[MANY], refused = 0;
	struct http_counts now;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		fds[i] = http_connect(fixture.socket);
		assert_true(fds[i] >= 0);
	}
	for (int i = 30; i < MANY; i++) {
		expect(fds[i], 503, "has 30 connections open already");
		refused++;
	}
	control_counts(fixture.control, &now);
	assert_int_equal(now.connections, 30);
	assert_int_equal(now.refused, refused);
	/* the thirty are served all the same, and a place that is left is free again */
	assert_int_equal(http_send_request(fds[7], "GET", "/v1/status", NULL), 0);
	expect(fds[7], 200, "status");
	for (int i = 0; i < MANY; i++)
		(void)close(fds[i]);
	struct http_answer answer = {0};
	for (int i = 0; i < 1000 && answer.status != 200; i++) {
		(void)usleep(5000);
		http_answer_free(&answer);
		(void)http_ask(fixture.socket, "GET", "/v1/status", NULL, &answer);
	}
	assert_int_equal(answer.status, 200);
	http_answer_free(&answer);
}

/* --- roles --- */

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* What a child with these credentials is answered: the status, 0 when it may not even connect. `role`: what the dispatcher saw. */
static int status_as(uid_t uid, gid_t gid, gid_t supplementary, bool own_user_namespace, int *ret_role)
{
	int out[2], result[2] = {-1, -1}, status;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct http_answer answer = {0};
		if (setgroups(supplementary ? 1 : 0, &supplementary) < 0 || setresgid(gid, gid, gid) < 0 ||
		    setresuid(uid, uid, uid) < 0 || (own_user_namespace && unshare(CLONE_NEWUSER) < 0))
			_exit(77);
		if (http_ask(fixture.socket, "GET", "/v1/status", NULL, &answer) == 0 && answer.body) {
			const char *role = strstr(answer.body, "\"role\":");
			result[0] = answer.status;
			result[1] = role ? atoi(role + 7) : -1;
			if (answer.status == 403 && !strstr(answer.body, "\"kind\":\"Forbidden\""))
				result[0] = 1;
		} else {
			result[0] = errno == EACCES ? 0 : 2;
		}
		_exit(write(out[1], result, sizeof(result)) == sizeof(result) ? 0 : 1);
	}
	(void)close(out[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		(void)close(out[0]);
		return -1;
	}
	assert_int_equal(status, 0);
	assert_int_equal(read(out[0], result, sizeof(result)), sizeof(result));
	(void)close(out[0]);
	*ret_role = result[1];
	return result[0];
}

static void rights_follow_the_peers_credentials(void **state)
{
	int role;

	(void)state;
	need_root();
	/* the socket's mode is the first door ... */
	assert_int_equal(status_as(STRANGER, STRANGER, 0, false, &role), 0);
	/* ... and behind it stands another, for whoever opened the first */
	assert_int_equal(chmod(fixture.socket, 0666), 0);
	assert_int_equal(status_as(0, 0, 0, false, &role), 200);
	assert_int_equal(role, ROLE_ADMIN);
	assert_int_equal(status_as(STRANGER, GROUP, 0, false, &role), 200);
	assert_int_equal(role, ROLE_OPERATE);
	assert_int_equal(status_as(STRANGER, STRANGER, GROUP, false, &role), 200);
	assert_int_equal(role, ROLE_OPERATE);
	assert_int_equal(status_as(STRANGER, STRANGER, 0, false, &role), 403);
	assert_int_equal(status_as(STRANGER, STRANGER, STRANGER + 1, false, &role), 403);
}

static void root_of_another_user_namespace_is_not_root(void **state)
{
	int role, status;

	(void)state;
	need_root();
	assert_int_equal(chmod(fixture.socket, 0666), 0);
	status = status_as(0, 0, 0, true, &role);
	if (status < 0)
		skip(); /* no user namespaces here */
	assert_int_equal(status, 403);
	/* the group still counts: it is the kernel's own number */
	status = status_as(0, GROUP, 0, true, &role);
	assert_int_equal(status, 200);
	assert_int_equal(role, ROLE_OPERATE);
}

static void strangers_are_refused_whatever_they_ask(void **state)
{
	static const char *const lines[][2] = {
		{"GET", "/v1/status"}, {"GET", "/nowhere"}, {"POST", "/v1/networks"}, {"GET", "/v1/events"}, {"GET", "/metrics"},
	};
	int status;

	(void)state;
	need_root();
	assert_int_equal(chmod(fixture.socket, 0666), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(STRANGER, STRANGER, STRANGER) < 0 ||
		    setresuid(STRANGER, STRANGER, STRANGER) < 0)
			_exit(1);
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			struct http_answer answer;
			if (http_ask(fixture.socket, lines[i][0], lines[i][1], "{}", &answer) < 0 || answer.status != 403 ||
			    !strstr(answer.body, "\"code\":\"PERMISSION\""))
				_exit(2);
			http_answer_free(&answer);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fake_submitted(fixture.fake), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_byte_now_and_then_is_not_enough, slow, teardown),
		cmocka_unit_test_setup_teardown(who_says_nothing_is_cut_off, slow, teardown),
		cmocka_unit_test_setup_teardown(a_slow_driver_is_not_a_slow_client, slow, teardown),
		cmocka_unit_test_setup_teardown(who_has_said_all_is_answered, slow, teardown),
		cmocka_unit_test_setup_teardown(events_reach_all_and_end_with_the_client, slow, teardown),
		cmocka_unit_test_setup_teardown(a_listener_that_does_not_read_is_dropped, slow, teardown),
		cmocka_unit_test_setup_teardown(a_late_reader_is_told_that_it_was_dropped, few, teardown),
		cmocka_unit_test_setup_teardown(idle_connections_are_bounded, few, teardown),
		cmocka_unit_test_setup_teardown(rights_follow_the_peers_credentials, few, teardown),
		cmocka_unit_test_setup_teardown(root_of_another_user_namespace_is_not_root, few, teardown),
		cmocka_unit_test_setup_teardown(strangers_are_refused_whatever_they_ask, few, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
