/* SPDX-License-Identifier: Apache-2.0 */
/* How the HTTP service treats connections: rude, slow, many, gone; and who may ask. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/front/fixture.h"

#define TIMEOUT_MS 20000

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	fixture_start(&fixture, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_stop(&fixture);
	return 0;
}

static struct http_counts counts(void)
{
	struct http_counts now;
	control_counts(fixture.control, &now);
	return now;
}

static void ask_well(const char *target)
{
	struct http_answer answer;
	assert_int_equal(http_ask(fixture.socket, "GET", target, NULL, &answer), 0);
	assert_int_equal(answer.status, 200);
	http_answer_free(&answer);
}

static void expect(int fd, int status, const char *part)
{
	struct http_answer answer;

	assert_int_equal(http_receive(fd, &answer, TIMEOUT_MS), 0);
	if (answer.status != status || !strstr(answer.body, part))
		fail_msg("expected %d \"%s\", got %d %s", status, part, answer.status, answer.body);
	assert_string_equal(answer.content_type, "application/json");
	http_answer_free(&answer);
}

/* The other side ends the connection. */
static void expect_end(int fd)
{
	char c;
	const struct timeval patience = {.tv_sec = TIMEOUT_MS / 1000};
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	ssize_t got = recv(fd, &c, 1, 0);
	if (got > 0 || (got < 0 && errno != ECONNRESET))
		fail_msg("the connection is still open");
	(void)close(fd);
}

/* --- heads --- */

static void what_is_not_http_is_refused_in_json(void **state)
{
	static const struct {
		const char *bytes;
		int status;
		const char *part;
	} rows[] = {
		{"hello\r\n\r\n", 400, "the first line is not METHOD TARGET HTTP/1.1"},
		{"GET /v1/status\r\n\r\n", 400, "first line"},
		{"GET  /v1/status HTTP/1.1\r\n\r\n", 400, "slash"},
		{"GET v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 400, "slash"},
		{"GET /v1/status HTTP/2.0\r\nHost: x\r\n\r\n", 505, "only HTTP/1.1"},
		{"GET /v1/status HTCP/1.1\r\nHost: x\r\n\r\n", 400, "first line"},
		{"GET /v1/\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "first line"},
		{"GET /v1/status HTTP/1.1\nHost: x\n\n", 400, "CR LF"},
		{"GET /v1/status HTTP/1.1\r\n\r\n", 400, "Host"},
		{"GET /v1/status HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "Host"},
		{"GET /v1/status HTTP/1.1\r\nHost : x\r\n\r\n", 400, "header is not NAME: VALUE"},
		{"GET /v1/status HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400, "header is not NAME: VALUE"},
		{"POST /v1/networks HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n", 400, "Content-Length"},
		{"POST /v1/networks HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "Content-Length"},
		{"POST /v1/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "chunked"},
		{"\x16\x03\x01\x02", 0, ""}, /* TLS: not a line yet */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = http_connect(fixture.socket);
		assert_true(fd >= 0);
		assert_int_equal(http_send(fd, rows[i].bytes, strlen(rows[i].bytes)), 0);
		if (rows[i].status)
			expect(fd, rows[i].status, rows[i].part);
		else
			(void)shutdown(fd, SHUT_WR); /* then no more comes */
		expect_end(fd);
	}
	ask_well("/v1/status");
	assert_int_equal(fake_submitted(fixture.fake), 1);
}

static void a_head_has_an_end(void **state)
{
	int fd = http_connect(fixture.socket);

	(void)state;
	assert_int_equal(http_send(fd, "GET /v1/status HTTP/1.1\r\n", 25), 0);
	for (int i = 0; i < 5; i++) {
		char header[4096];
		(void)snprintf(header, sizeof(header), "X-Filling: %04000d\r\n", i);
		if (http_send(fd, header, strlen(header)) < 0)
			break;
	}
	expect(fd, 431, "longer than 16 KiB");
	(void)close(fd);
	ask_well("/v1/status");
}

static void pieces_of_any_size_are_one_request(void **state)
{
	const char *text = "POST /v1/networks HTTP/1.1\r\nHost: x\r\n"
			   "X-Filling: 01234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n"
			   "X-Filling: 01234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n"
			   "X-Filling: 01234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n"
			   "X-Filling: 01234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n"
			   "Content-Length: 27\r\n\r\n{\"name\":\"n1\",\"type\":\"null\"}"
			   "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = http_connect(fixture.socket);

	(void)state;
	for (const char *at = text; *at; at++) {
		assert_int_equal(http_send(fd, at, 1), 0);
		(void)usleep(200);
	}
	expect(fd, 201, "network_create");
	expect(fd, 200, "\"op\":\"status\"");
	(void)close(fd);
}

static void chunked_bodies_are_read_and_bounded(void **state)
{
	char chunk[4096 + 32];
	int fd = http_connect(fixture.socket), rc = 0;

	(void)state;
	const char *text = "POST /v1/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "d\r\n{\"name\":\"n1\",\r\nd\r\n\"type\":\"null\"\r\n1\r\n}\r\n0\r\n\r\n";
	assert_int_equal(http_send(fd, text, strlen(text)), 0);
	expect(fd, 201, "network_create");
	text = "POST /v1/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
	assert_int_equal(http_send(fd, text, strlen(text)), 0);
	(void)snprintf(chunk, sizeof(chunk), "1000\r\n%4096s\r\n", "");
	for (int i = 0; i < 2000 && rc == 0; i++) /* 8 MiB, if it were let */
		rc = http_send(fd, chunk, strlen(chunk));
	assert_int_equal(rc, -1);
	expect(fd, 413, "larger than 1048576 bytes");
	(void)close(fd);
}

static void connections_are_kept(void **state)
{
	int fd = http_connect(fixture.socket);

	(void)state;
	fake_set_async(fixture.fake, true);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(http_send_request(fd, i % 2 ? "GET" : "POST", i % 2 ? "/v1/networks/n1" : "/v1/networks/prune",
						   i % 2 ? NULL : "{}"),
				 0);
		expect(fd, 200, i % 2 ? "network_inspect" : "network_prune");
	}
	assert_int_equal(counts().accepted, 1);
	assert_int_equal(counts().requests, 200);
	/* a refusal keeps it, too */
	assert_int_equal(http_send_request(fd, "GET", "/nowhere", NULL), 0);
	expect(fd, 404, "no such path");
	assert_int_equal(http_send_request(fd, "GET", "/v1/status", NULL), 0);
	expect(fd, 200, "status");
	(void)close(fd);
}

/* --- hang-ups --- */

static bool one_is_held(struct fixture *at)
{
	return fake_held(at->fake) == 1;
}

static bool one_is_cancelled(struct fixture *at)
{
	return fake_cancelled(at->fake) == 1;
}

static bool nobody_is_connected(struct fixture *at)
{
	struct http_counts now;
	control_counts(at->control, &now);
	return now.connections == 0;
}

static void a_client_that_hangs_up_cancels_its_request(void **state)
{
	int fd = http_connect(fixture.socket);

	(void)state;
	assert_int_equal(http_send_request(fd, "GET", "/v1/networks/hold", NULL), 0);
	assert_true(fixture_wait(one_is_held, &fixture));
	ask_well("/v1/status"); /* nobody waits for it */
	assert_int_equal(fake_cancelled(fixture.fake), 0);
	(void)close(fd);
	assert_true(fixture_wait(one_is_cancelled, &fixture));
	assert_true(fixture_wait(nobody_is_connected, &fixture));
	ask_well("/v1/status");
}

static void a_client_that_says_no_more_still_gets_its_reply(void **state)
{
	int fd = http_connect(fixture.socket);

	(void)state;
	assert_int_equal(http_send_request(fd, "GET", "/v1/networks/hold", NULL), 0);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(fixture_wait(one_is_held, &fixture));
	(void)usleep(100000);
	assert_int_equal(fake_cancelled(fixture.fake), 0);
	fake_release(fixture.fake);
	expect(fd, 200, "\"network\":\"hold\"");
	(void)close(fd);
}

static void hanging_up_at_any_moment_harms_nobody(void **state)
{
	const char *text = "POST /v1/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{\"name\":\"n1\",\"type\":\"null\"}";

	(void)state;
	fake_set_async(fixture.fake, true);
	for (size_t length = 0; length <= strlen(text); length++) {
		int fd = http_connect(fixture.socket);
		assert_int_equal(http_send(fd, text, length), 0);
		if (length % 3 == 0)
			(void)usleep(300);
		(void)close(fd);
	}
	assert_true(fixture_wait(nobody_is_connected, &fixture));
	ask_well("/v1/status");
}

static void stopping_waits_for_what_runs_and_answers_it(void **state)
{
	struct http_answer answer;
	int idle = http_connect(fixture.socket), fd = http_connect(fixture.socket);

	(void)state;
	assert_int_equal(http_send_request(fd, "GET", "/v1/networks/hold", NULL), 0);
	assert_true(fixture_wait(one_is_held, &fixture));
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) { /* only to be told the reply: the parent is busy stopping */
		int rc = http_receive(fd, &answer, TIMEOUT_MS);
		_exit(rc == 0 && answer.status == 200 ? 0 : 1);
	}
	fixture_stop(&fixture); /* lets go of what is held, then stops */
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(fd);
	(void)close(idle);
	fixture_start(&fixture, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_not_http_is_refused_in_json, setup, teardown),
		cmocka_unit_test_setup_teardown(a_head_has_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(pieces_of_any_size_are_one_request, setup, teardown),
		cmocka_unit_test_setup_teardown(chunked_bodies_are_read_and_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(connections_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_that_hangs_up_cancels_its_request, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_that_says_no_more_still_gets_its_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(hanging_up_at_any_moment_harms_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(stopping_waits_for_what_runs_and_answers_it, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
