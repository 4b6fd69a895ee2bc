/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and nodes as their users meet them: ndrvctl, ndrvd with a driver that says what it hears, kills, and two hosts with a
 * relay between them. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/lib/daemon.h"
#include "tests/lib/http.h"
#include "tests/lib/netns.h"
#include "tests/lib/relaying.h"

#define OUT_BYTES (1u << 20)

struct fixture {
	struct daemon hosts[2];
	char out[OUT_BYTES];
};

static void set_up_host(struct daemon *host, const char *name, const char *address)
{
	char yaml[256];

	/* Both in one namespace. */
	(void)snprintf(yaml, sizeof(yaml),
		       "instance: %s\nnode: {name: %s, address: %s}\nownership: {link_group: %d, route_protocol: %d}\n", name, name,
		       address, name[0] == 'a' ? 28160 : 28192, name[0] == 'a' ? 110 : 111);
	daemon_set_up(host, yaml);
	daemon_add_driver(host, "tabledrv", BUILT_TESTS "/system/.libs/tabledrv.so", NULL);
	daemon_start(host);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	set_up_host(&fixture->hosts[0], "alpha", "192.0.2.1");
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 2; i++)
		if (fixture->hosts[i].dir[0])
			daemon_tear_down(&fixture->hosts[i]);
	free(fixture);
	return 0;
}

#define ctl(fixture, host, ...) daemon_ctl(&(fixture)->hosts[host], (fixture)->out, OUT_BYTES, __VA_ARGS__, NULL)
#define ctl_ok(fixture, host, ...)                                                                 \
	do {                                                                                       \
		int status_ = ctl(fixture, host, __VA_ARGS__);                                     \
		if (status_)                                                                       \
			fail_msg("%s: exit status %d, %s", #__VA_ARGS__, status_, (fixture)->out); \
	} while (0)

/* Waits until the host's log has it. */
static void wait_logged(const struct daemon *host, const char *text)
{
	for (int i = 0; i < 1000; i++) {
		if (daemon_logged(host, text))
			return;
		(void)usleep(10000);
	}
	fail_msg("the log lacks \"%s\"", text);
}

/* Waits until `ndrvctl table ls NETWORK` has the text, or (NULL) no row of that owner. */
static void wait_row(struct fixture *fixture, int host, const char *network, const char *text, bool there)
{
	for (int i = 0; i < 1000; i++) {
		ctl_ok(fixture, host, "table", "ls", network);
		if ((strstr(fixture->out, text) != NULL) == there)
			return;
		(void)usleep(10000);
	}
	fail_msg("host %d, network %s: \"%s\" is %s:\n%s", host, network, text, there ? "not there" : "still there", fixture->out);
}

static void post(const struct daemon *host, const char *path, const char *body)
{
	struct http_answer answer;

	assert_int_equal(http_ask(host->socket, "POST", path, body, &answer), 0);
	if (answer.status >= 300)
		fail_msg("%s: %d %s", path, answer.status, answer.body);
	http_answer_free(&answer);
}

static void join(const struct daemon *host, const char *network, const char *endpoint)
{
	char path[256], body[128];

	(void)snprintf(path, sizeof(path), "/v1/networks/%s/endpoints", network);
	(void)snprintf(body, sizeof(body), "{\"id\":\"%s\"}", endpoint);
	post(host, path, body);
	(void)snprintf(path, sizeof(path), "/v1/networks/%s/endpoints/%s/join", network, endpoint);
	post(host, path, "{\"sandbox_key\":\"/run/x\"}");
}

static void leave(const struct daemon *host, const char *network, const char *endpoint)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/v1/networks/%s/endpoints/%s/leave", network, endpoint);
	post(host, path, NULL);
}

static void rows_are_put_shown_and_taken_away(void **state)
{
	struct fixture *fixture = *state;
	const struct daemon *host = &fixture->hosts[0];

	ctl_ok(fixture, 0, "network", "create", "net", "-d", "shared", "--id", "n1", "--subnet", "10.9.0.0/24");
	ctl_ok(fixture, 0, "node", "add", "beta", "--address", "192.0.2.2");
	wait_logged(host, "node new 192.0.2.1 self");
	wait_logged(host, "node new 192.0.2.2");
	ctl_ok(fixture, 0, "table", "put", "net", "peers", "k", "hello", "--owner", "beta");
	wait_logged(host, "n1 create k of beta: - -> hello");
	ctl_ok(fixture, 0, "table", "put", "n1", "peers", "k", "world", "--owner", "beta");
	wait_logged(host, "n1 update k of beta: hello -> world");
	ctl_ok(fixture, 0, "--json", "table", "get", "net", "peers", "k");
	assert_non_null(strstr(fixture->out, "\"value\": \"world\""));
	assert_non_null(strstr(fixture->out, "\"object\": \"k\""));
	ctl_ok(fixture, 0, "table", "put", "net", "peers", "raw", "AP8=", "--base64", "--owner", "beta");
	ctl_ok(fixture, 0, "--json", "table", "ls", "net", "--owner", "beta");
	json_t *json = json_loads(fixture->out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(json, "rows")), 2);
	assert_non_null(strstr(fixture->out, "\"value_base64\": \"AP8=\""));
	json_decref(json);
	ctl_ok(fixture, 0, "table", "ls");
	assert_non_null(strstr(fixture->out, "peers"));
	ctl_ok(fixture, 0, "table", "rm", "net", "peers", "k", "--owner", "beta");
	wait_logged(host, "n1 delete k of beta: world -> -");
	ctl_ok(fixture, 0, "node", "rm", "beta");
	wait_logged(host, "n1 delete raw of beta");
	wait_logged(host, "node gone 192.0.2.2");
	ctl_ok(fixture, 0, "node", "ls");
	assert_null(strstr(fixture->out, "beta"));
}

static void wrong_rows_and_nodes_are_refused(void **state)
{
	struct fixture *fixture = *state;

	ctl_ok(fixture, 0, "network", "create", "net", "-d", "shared", "--id", "n1", "--subnet", "10.9.0.0/24");
	assert_int_equal(ctl(fixture, 0, "--json", "table", "put", "net", "peers", "k", "v", "--owner", "alpha"), 4);
	assert_non_null(strstr(fixture->out, "this host"));
	assert_int_equal(ctl(fixture, 0, "--json", "table", "put", "net", "peers", "k", "v"), 6);
	assert_non_null(strstr(fixture->out, "owner"));
	assert_int_equal(ctl(fixture, 0, "--json", "table", "put", "nosuch", "peers", "k", "v", "--owner", "b"), 3);
	assert_int_equal(ctl(fixture, 0, "--json", "table", "put", "net", "peers", "a\nb", "v", "--owner", "b"), 6);
	assert_int_equal(ctl(fixture, 0, "--json", "table", "put", "net", "peers", "k", "?", "--base64", "--owner", "b"), 6);
	assert_int_equal(ctl(fixture, 0, "--json", "table", "rm", "net", "peers", "k", "--owner", "b"), 3);
	assert_int_equal(ctl(fixture, 0, "--json", "table", "get", "net", "peers", "k"), 3);
	assert_int_equal(ctl(fixture, 0, "--json", "table", "get", "net"), 2);
	assert_int_equal(ctl(fixture, 0, "--json", "table", "watch", "nosuch"), 3);
	assert_int_equal(ctl(fixture, 0, "--json", "table", "watch", "--since", "soon"), 6);
	assert_int_equal(ctl(fixture, 0, "--json", "node", "add", "b", "--address", "there"), 6);
	assert_int_equal(ctl(fixture, 0, "--json", "node", "add", "b"), 6);
	assert_int_equal(ctl(fixture, 0, "--json", "node", "rm", "b"), 3);
	ctl_ok(fixture, 0, "table", "ls", "net");
	assert_null(strstr(fixture->out, "peers"));
}

/* kill -9 between everything: rows of those who are still joined are there again, and only those. */
static void a_killed_host_has_the_rows_of_what_is_joined(void **state)
{
	struct fixture *fixture = *state;
	struct daemon *host = &fixture->hosts[0];

	ctl_ok(fixture, 0, "network", "create", "net", "-d", "shared", "--id", "n1", "--subnet", "10.9.0.0/24");
	ctl_ok(fixture, 0, "table", "put", "net", "peers", "theirs", "v", "--owner", "beta");
	join(host, "n1", "stays");
	join(host, "n1", "leaves");
	leave(host, "n1", "leaves");
	wait_logged(host, "n1 create theirs of beta");
	(void)daemon_stop(host, SIGKILL);
	(void)unlink(host->log);
	daemon_start(host);
	ctl_ok(fixture, 0, "table", "ls", "net");
	assert_non_null(strstr(fixture->out, "stays"));
	assert_non_null(strstr(fixture->out, "theirs"));
	assert_null(strstr(fixture->out, "leaves"));
	/* The driver was told of everything anew. */
	wait_logged(host, "n1 batch of 1 in peers begin replay end");
}

/* A re-exec keeps watchers waiting for nothing and forgets nothing. */
static void a_driver_that_is_swapped_hears_of_everything(void **state)
{
	struct fixture *fixture = *state;
	struct daemon *host = &fixture->hosts[0];
	char copy[160], command[1024];

	ctl_ok(fixture, 0, "network", "create", "net", "-d", "shared", "--id", "n1", "--subnet", "10.9.0.0/24");
	ctl_ok(fixture, 0, "table", "put", "net", "peers", "theirs", "v", "--owner", "beta");
	wait_logged(host, "n1 create theirs of beta");
	(void)snprintf(copy, sizeof(copy), "%s/other.so", host->dir);
	/* The same code with other bytes behind it is another file. */
	(void)snprintf(command, sizeof(command), "cp %s/system/.libs/tabledrv.so %s && echo >> %s && chmod go-w %s", BUILT_TESTS,
		       copy, copy, copy);
	assert_int_equal(system(command), 0);
	ctl_ok(fixture, 0, "driver", "swap", "shared", copy);
	wait_logged(host, "n1 batch of 1 in peers begin replay end");
	wait_logged(host, "node new 192.0.2.1 self");
	ctl_ok(fixture, 0, "table", "put", "net", "peers", "theirs", "w", "--owner", "beta");
	wait_logged(host, "n1 update theirs of beta: v -> w");
}

static void a_driver_that_fails_shows_in_status_and_recovers(void **state)
{
	struct fixture *fixture = *state;
	struct daemon *host = &fixture->hosts[0];
	char refuse[128], option[160];

	(void)snprintf(refuse, sizeof(refuse), "%s/refuse", host->dir);
	(void)snprintf(option, sizeof(option), "refuse=%s", refuse);
	ctl_ok(fixture, 0, "network", "create", "net", "-d", "shared", "--id", "n1", "--subnet", "10.9.0.0/24", "-o", option);
	ctl_ok(fixture, 0, "network", "create", "other", "-d", "shared", "--id", "n2", "--subnet", "10.10.0.0/24");
	wait_logged(host, "n1 batch of 0 in peers begin replay end");
	(void)fclose(fopen(refuse, "we"));
	ctl_ok(fixture, 0, "table", "put", "net", "peers", "k", "v", "--owner", "beta");
	wait_logged(host, "will be told again: not now");
	ctl_ok(fixture, 0, "table", "put", "other", "peers", "k", "v", "--owner", "beta");
	wait_logged(host, "n2 create k of beta");
	ctl_ok(fixture, 0, "status");
	assert_non_null(strstr(fixture->out, "error: not now"));
	(void)unlink(refuse);
	wait_logged(host, "n1 create k of beta");
}

/* --- two hosts --- */

static void two_hosts(struct fixture *fixture)
{
	set_up_host(&fixture->hosts[1], "beta", "192.0.2.2");
	for (int i = 0; i < 2; i++)
		ctl_ok(fixture, i, "network", "create", "net", "-d", "shared", "--id", "n1", "--subnet", "10.9.0.0/24");
}

static void a_relay_carries_rows_and_nodes_both_ways(void **state)
{
	struct fixture *fixture = *state;

	two_hosts(fixture);
	join(&fixture->hosts[0], "n1", "before");
	pid_t relay = relay_start(&fixture->hosts[0], &fixture->hosts[1], NULL);
	wait_logged(&fixture->hosts[1], "n1 create before of alpha");
	wait_logged(&fixture->hosts[1], "node new 192.0.2.1");
	wait_logged(&fixture->hosts[0], "node new 192.0.2.2");
	join(&fixture->hosts[1], "n1", "other");
	wait_logged(&fixture->hosts[0], "n1 create other of beta");
	leave(&fixture->hosts[0], "n1", "before");
	wait_logged(&fixture->hosts[1], "n1 delete before of alpha");
	/* A network that one of them does not have yet. */
	ctl_ok(fixture, 0, "network", "create", "late", "-d", "shared", "--id", "n2", "--subnet", "10.10.0.0/24");
	join(&fixture->hosts[0], "n2", "early");
	ctl_ok(fixture, 1, "network", "create", "late", "-d", "shared", "--id", "n2", "--subnet", "10.10.0.0/24");
	wait_row(fixture, 1, "n2", "early", true);
	relay_stop(relay);
}

/* Kills of either host and of the relay: in the end both know the same. */
static void a_relay_that_was_away_makes_up_for_it(void **state)
{
	struct fixture *fixture = *state;
	char dir[96];

	two_hosts(fixture);
	(void)snprintf(dir, sizeof(dir), "%s", fixture->hosts[0].dir);
	pid_t relay = relay_start(&fixture->hosts[0], &fixture->hosts[1], dir);
	join(&fixture->hosts[0], "n1", "one");
	join(&fixture->hosts[0], "n1", "two");
	wait_row(fixture, 1, "n1", "one", true);
	wait_row(fixture, 1, "n1", "two", true);
	relay_stop(relay);
	leave(&fixture->hosts[0], "n1", "one");
	join(&fixture->hosts[0], "n1", "three");
	relay = relay_start(&fixture->hosts[0], &fixture->hosts[1], dir);
	wait_row(fixture, 1, "n1", "three", true);
	wait_row(fixture, 1, "n1", "one ", false);
	/* The host it reads from dies, and what happens meanwhile is not in its log of changes. */
	relay_stop(relay);
	leave(&fixture->hosts[0], "n1", "two");
	(void)daemon_stop(&fixture->hosts[0], SIGKILL);
	daemon_start(&fixture->hosts[0]);
	relay = relay_start(&fixture->hosts[0], &fixture->hosts[1], dir);
	wait_row(fixture, 1, "n1", "two ", false);
	/* The host it writes to dies. */
	(void)daemon_stop(&fixture->hosts[1], SIGKILL);
	join(&fixture->hosts[0], "n1", "four");
	daemon_start(&fixture->hosts[1]);
	wait_row(fixture, 1, "n1", "four", true);
	wait_row(fixture, 1, "n1", "three", true);
	relay_stop(relay);
}

/* --- the stream --- */

static void a_stream_resumes_and_ends_with_once(void **state)
{
	struct fixture *fixture = *state;
	const struct daemon *host = &fixture->hosts[0];
	char line[4096], target[64];
	struct http_answer answer;
	unsigned long long revision = 0;
	long left = 0;

	ctl_ok(fixture, 0, "network", "create", "net", "-d", "shared", "--id", "n1", "--subnet", "10.9.0.0/24");
	ctl_ok(fixture, 0, "table", "put", "net", "peers", "a", "1", "--owner", "beta");
	int fd = http_connect(host->socket);
	assert_int_equal(http_send_request(fd, "GET", "/v1/rows?network=net&once=1", NULL), 0);
	assert_int_equal(http_receive_head(fd, &answer, 5000), 0);
	http_answer_free(&answer);
	while (http_receive_line(fd, &left, line, sizeof(line), 5000) > 0)
		if (strstr(line, "sync-end"))
			assert_int_equal(sscanf(strstr(line, "revision\":"), "revision\":%llu", &revision), 1);
	(void)close(fd);
	assert_true(revision > 0);
	ctl_ok(fixture, 0, "table", "rm", "net", "peers", "a", "--owner", "beta");
	(void)snprintf(target, sizeof(target), "/v1/rows?since=%llu", revision);
	fd = http_connect(host->socket);
	left = 0;
	assert_int_equal(http_send_request(fd, "GET", target, NULL), 0);
	assert_int_equal(http_receive_head(fd, &answer, 5000), 0);
	http_answer_free(&answer);
	assert_true(http_receive_line(fd, &left, line, sizeof(line), 5000) > 0);
	assert_non_null(strstr(line, "resumed"));
	assert_true(http_receive_line(fd, &left, line, sizeof(line), 5000) > 0);
	assert_non_null(strstr(line, "row-gone"));
	/* It waits, and hears. */
	ctl_ok(fixture, 0, "table", "put", "net", "peers", "b", "quote \" and \\", "--owner", "beta");
	assert_true(http_receive_line(fd, &left, line, sizeof(line), 5000) > 0);
	assert_non_null(strstr(line, "quote \\\" and \\\\"));
	(void)close(fd);
}

#define TABLES_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLES_TEST(rows_are_put_shown_and_taken_away),
		TABLES_TEST(wrong_rows_and_nodes_are_refused),
		TABLES_TEST(a_killed_host_has_the_rows_of_what_is_joined),
		TABLES_TEST(a_driver_that_is_swapped_hears_of_everything),
		TABLES_TEST(a_driver_that_fails_shows_in_status_and_recovers),
		TABLES_TEST(a_relay_carries_rows_and_nodes_both_ways),
		TABLES_TEST(a_relay_that_was_away_makes_up_for_it),
		TABLES_TEST(a_stream_resumes_and_ends_with_once),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
