/* SPDX-License-Identifier: Apache-2.0 */
/* The real ndrvctl against a host that is not there, and against one that answers as it likes. */
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/front/fixture.h"
#include "tests/front/run.h"

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	fixture_start(&fixture, NULL);
	assert_int_equal(setenv("NDRV_SOCKET", fixture.socket, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_stop(&fixture);
	return 0;
}

static void a_host_that_is_not_there_is_1(void **state)
{
	struct run result;

	(void)state;
	run(&result, "--socket /nonexistent/control.sock status");
	assert_int_equal(result.status, 1);
	assert_non_null(strstr(result.err, "/nonexistent/control.sock"));
	assert_non_null(strstr(result.err, "is ndrvd running?"));
	run(&result, "status --json --socket /nonexistent/control.sock");
	assert_int_equal(result.status, 1);
	json_decref(document(&result, "status"));
}

/* --- a server that does as it likes --- */

static char raw_path[100];

static int raw_listen(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(raw_path, sizeof(raw_path), "%s/raw.sock", fixture.directory);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", raw_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

struct raw {
	int listen_fd;
	const char *answer;
};

static void *raw_serve(void *data)
{
	const struct raw *raw = data;
	char text[4096];
	int fd = accept4(raw->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	(void)!read(fd, text, sizeof(text));
	for (const char *at = raw->answer; *at; at++) { /* byte by byte: whatever pieces come must do */
		if (send(fd, at, 1, MSG_NOSIGNAL) < 0)
			break;
	}
	(void)close(fd);
	return NULL;
}

static void answers_of_any_shape_are_understood_or_refused(void **state)
{
	static const struct {
		const char *answer;
		int status;
		const char *out;
	} rows[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n", 0, "{\"a\": 1}"},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n",
		 0, "{\"a\": 1}"},
		{"HTTP/1.0 200 OK\n\n{\"a\":1}", 0, "{\"a\": 1}"},
		{"", 1, "closed the connection"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\":1}", 1, "half an answer"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 1, "half an answer"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", 1, "not one of ndrvd's"},
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", 1, "not one of ndrvd's"},
		{"SSH-2.0-x\r\n", 1, "no answer"},
	};
	int fd = raw_listen();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct raw raw = {fd, rows[i].answer};
		struct run result;
		pthread_t thread;
		char line[256], flat[4096] = "";

		assert_int_equal(pthread_create(&thread, NULL, raw_serve, &raw), 0);
		(void)snprintf(line, sizeof(line), "status --json --socket %s", raw_path);
		run(&result, line);
		(void)pthread_join(thread, NULL);
		json_t *json = document(&result, line);
		char *text = json_dumps(json, 0);
		(void)snprintf(flat, sizeof(flat), "%s", text);
		free(text);
		json_decref(json);
		if (result.status != rows[i].status || !strstr(flat, rows[i].out))
			fail_msg("answer %zu: %d %s", i, result.status, flat);
	}
	(void)close(fd);
	(void)unlink(raw_path);
}

static void a_stream_that_ends_is_no_error(void **state)
{
	struct raw raw = {raw_listen(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"ev\r\n"
					"26\r\nent\":\"x\",\"time_ns\":1000000000,\"n\":5}\n\r\n0\r\n\r\n"};
	struct run result;
	pthread_t thread;
	char line[256];

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, raw_serve, &raw), 0);
	(void)snprintf(line, sizeof(line), "events --socket %s", raw_path);
	run(&result, line);
	(void)pthread_join(thread, NULL);
	(void)close(raw.listen_fd);
	(void)unlink(raw_path);
	assert_string_equal(result.out, "1970-01-01T00:00:01Z x n=5\n");
	assert_int_equal(result.status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_host_that_is_not_there_is_1, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_of_any_shape_are_understood_or_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stream_that_ends_is_no_error, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
