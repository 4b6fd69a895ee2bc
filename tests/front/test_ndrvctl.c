/* SPDX-License-Identifier: Apache-2.0 */
/* The real ndrvctl against a control front whose dispatcher describes what it is asked. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/front/errors.h"
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

/* What the dispatcher got for a line, as JSON. */
static void decodes_to(const char *line, const char *expected)
{
	struct run result;
	char with_json[1100];

	(void)snprintf(with_json, sizeof(with_json), "%s --json", line);
	run(&result, with_json);
	if (result.status != 0)
		fail_msg("ndrvctl %s: status %d: %s%s", line, result.status, result.out, result.err);
	json_t *have = document(&result, line), *want = json_loads(expected, 0, NULL);
	assert_non_null(want);
	if (!json_equal(want, have))
		fail_msg("ndrvctl %s: got %s", line, result.out);
	json_decref(have);
	json_decref(want);
}

static void commands_say_what_they_are_asked_to(void **state)
{
	(void)state;
	decodes_to("status", "{\"op\":\"status\",\"role\":2}");
	decodes_to("reload", "{\"op\":\"reload\",\"role\":2}");
	decodes_to("reexec", "{\"op\":\"reexec\",\"role\":2}");
	decodes_to("reexec --dry-run /no/ndrvd", "{\"op\":\"reexec\",\"dry_run\":true,\"file\":\"/no/ndrvd\",\"role\":2}");
	decodes_to("driver ls", "{\"op\":\"driver_list\",\"role\":2}");
	decodes_to("driver inspect bridge", "{\"op\":\"driver_inspect\",\"type\":\"bridge\",\"role\":2}");
	decodes_to("driver load /x/y.so", "{\"op\":\"driver_load\",\"file\":\"/x/y.so\",\"role\":2}");
	decodes_to("driver unload bridge", "{\"op\":\"driver_unload\",\"type\":\"bridge\",\"role\":2}");
	decodes_to("network ls", "{\"op\":\"network_list\",\"role\":2}");
	decodes_to("network inspect n1", "{\"op\":\"network_inspect\",\"network\":\"n1\",\"role\":2}");
	decodes_to("network prune --dry-run", "{\"op\":\"network_prune\",\"dry_run\":true,\"role\":2}");
	decodes_to("endpoint ls n1", "{\"op\":\"endpoint_list\",\"network\":\"n1\",\"role\":2}");
	decodes_to("network create blue -d bridge --id 0a --subnet 10.0.0.0/24 --subnet fd00::/64 --gateway fd00::1 "
		   "--gateway 10.0.0.1 --ip-range 10.0.0.128/25 --aux-address dns=10.0.0.5 --aux-address ntp=10.0.0.6 "
		   "--ipv6 --internal -o mtu=1400 --opt=name=a=b -o flag",
		   "{\"op\":\"network_create\",\"type\":\"bridge\",\"new_id\":\"0a\",\"name\":\"blue\",\"flags\":7,"
		   "\"options\":{\"mtu\":\"1400\",\"name\":\"a=b\",\"flag\":\"\"},\"pools\":["
		   "{\"family\":4,\"pool\":\"10.0.0.0/24\",\"range\":\"10.0.0.128/25\",\"gateway\":\"10.0.0.1/24\","
		   "\"dns\":\"10.0.0.5/24\",\"ntp\":\"10.0.0.6/24\"},"
		   "{\"family\":6,\"pool\":\"fd00::/64\",\"gateway\":\"fd00::1/64\"}],\"role\":2}");
	decodes_to("network connect blue --netns red --endpoint e1 --ip 10.0.0.9 --ip6 fd00::9 --mac 02:00:00:00:00:09 "
		   "--ifname eth3 --gw-priority -3 -o k=v -p 8080:80 -p 127.0.0.1:53:53/udp -p [::1]:9000-9010:90/sctp -p 443",
		   "{\"op\":\"connect\",\"network\":\"blue\",\"options\":{\"k\":\"v\"},\"endpoint_name\":\"e1\","
		   "\"address\":\"10.0.0.9/0\",\"address6\":\"fd00::9/0\",\"mac\":\"02:00:00:00:00:09\","
		   "\"netns\":\"/run/netns/red\",\"ifname\":\"eth3\",\"gw_priority\":-3,\"sandbox_options\":{"
		   "\"com.docker.network.portmap\":["
		   "{\"Proto\":6,\"IP\":\"\",\"Port\":80,\"HostIP\":\"\",\"HostPort\":8080,\"HostPortEnd\":8080},"
		   "{\"Proto\":17,\"IP\":\"\",\"Port\":53,\"HostIP\":\"127.0.0.1\",\"HostPort\":53,\"HostPortEnd\":53},"
		   "{\"Proto\":132,\"IP\":\"\",\"Port\":90,\"HostIP\":\"::1\",\"HostPort\":9000,\"HostPortEnd\":9010},"
		   "{\"Proto\":6,\"IP\":\"\",\"Port\":443,\"HostIP\":\"\",\"HostPort\":0,\"HostPortEnd\":0}],"
		   "\"com.docker.network.endpoint.exposedports\":[{\"Proto\":6,\"Port\":80},{\"Proto\":17,\"Port\":53},"
		   "{\"Proto\":132,\"Port\":90},{\"Proto\":6,\"Port\":443}]},\"role\":2}");
	decodes_to("network connect blue --netns red -p 8000-8001:80-81/udp -p [fd00::1]::90-91",
		   "{\"op\":\"connect\",\"network\":\"blue\",\"options\":{},\"netns\":\"/run/netns/red\",\"sandbox_options\":{"
		   "\"com.docker.network.portmap\":["
		   "{\"Proto\":17,\"IP\":\"\",\"Port\":80,\"HostIP\":\"\",\"HostPort\":8000,\"HostPortEnd\":8000},"
		   "{\"Proto\":17,\"IP\":\"\",\"Port\":81,\"HostIP\":\"\",\"HostPort\":8001,\"HostPortEnd\":8001},"
		   "{\"Proto\":6,\"IP\":\"\",\"Port\":90,\"HostIP\":\"fd00::1\",\"HostPort\":0,\"HostPortEnd\":0},"
		   "{\"Proto\":6,\"IP\":\"\",\"Port\":91,\"HostIP\":\"fd00::1\",\"HostPort\":0,\"HostPortEnd\":0}],"
		   "\"com.docker.network.endpoint.exposedports\":[{\"Proto\":17,\"Port\":80},{\"Proto\":17,\"Port\":81},"
		   "{\"Proto\":6,\"Port\":90},{\"Proto\":6,\"Port\":91}]},\"role\":2}");
	decodes_to("network disconnect blue e1 --force",
		   "{\"op\":\"disconnect\",\"network\":\"blue\",\"endpoint\":\"e1\",\"force\":true,\"role\":2}");
	decodes_to("network disconnect blue e1 --gone",
		   "{\"op\":\"disconnect\",\"network\":\"blue\",\"endpoint\":\"e1\",\"sandbox_gone\":true,\"role\":2}");
	decodes_to("network disconnect blue e1 --sync",
		   "{\"op\":\"disconnect\",\"network\":\"blue\",\"endpoint\":\"e1\",\"sync\":true,\"role\":2}");
	decodes_to("network disconnect blue --endpoint e1",
		   "{\"op\":\"disconnect\",\"network\":\"blue\",\"endpoint\":\"e1\",\"role\":2}");
	decodes_to("network rm n1 n2", "{\"deleted\":[\"n1\",\"n2\"]}");
}

static void every_kind_of_error_has_its_exit_status(void **state)
{
	static const struct {
		const char *name;
		int status;
	} rows[] = {
#define EXIT_NOT_FOUND 3
#define EXIT_FORBIDDEN 4
#define EXIT_NOT_IMPLEMENTED 5
#define EXIT_BAD_REQUEST 6
#define EXIT_NO_SERVICE 7
#define EXIT_TIMEOUT 8
#define EXIT_RETRY 9
#define EXIT_INTERNAL 10
#define X(number, name_, kind, text) {#name_, EXIT_##kind},
		NDRV_ERRORS(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[128];
		struct run result;

		(void)snprintf(line, sizeof(line), "network inspect fail-%s", rows[i].name);
		run(&result, line);
		assert_int_equal(result.status, rows[i].status);
		assert_string_equal(result.out, "");
		assert_non_null(strstr(result.err, "the fake was asked to fail"));
		(void)snprintf(line, sizeof(line), "network inspect --json fail-%s", rows[i].name);
		run(&result, line);
		assert_int_equal(result.status, rows[i].status);
		json_t *json = document(&result, line), *error = json_object_get(json, "error");
		assert_string_equal(json_string_value(json_object_get(error, "code")), rows[i].name);
		assert_int_equal(error_exit_status(error_kind_find(json_string_value(json_object_get(error, "kind")))),
				 rows[i].status);
		json_decref(json);
	}
}

static void wrong_usage_is_2_and_asks_nothing(void **state)
{
	static const struct {
		const char *line, *part;
	} lines[] = {
		{"", "which command?"},
		{"stauts", "did you mean \"status\"?"},
		{"network", "needs another word"},
		{"network creat x", "did you mean \"network create\"?"},
		{"frobnicate", "unknown command"},
		{"network create", "an argument is missing"},
		{"network create a b -d bridge", "too many arguments"},
		{"network create a", "-d TYPE is missing"},
		{"network create a -d", "option -d needs a value"},
		{"network create a -d bridge --subnte 10.0.0.0/8", "did you mean --subnet?"},
		{"network create a -d bridge --internal=yes", "option --internal takes no value"},
		{"network create a -d bridge -x", "unknown option -x"},
		{"network create a -d bridge --subnet 10.0.0.0", "--subnet 10.0.0.0"},
		{"network create a -d bridge --gateway 10.0.0.1", "there is no --subnet for it"},
		{"network create a -d bridge --subnet 10.0.0.0/8 --gateway 10.0.0.1 --gateway 10.0.0.2", "has one already"},
		{"network create a -d bridge --subnet 10.0.0.0/8 --aux-address 10.0.0.1", "expected KEY=ADDRESS"},
		{"network create a -d bridge -o =x", "expected KEY=VALUE"},
		{"network connect a", "--netns PATH or --pid PID"},
		{"network connect a --netns x --pid 1", "not both"},
		{"network connect a --pid 0", "expected the number of a process"},
		{"network connect a --pid 1 -p 0:80", "expected [ADDR:]HOST:PORT[/PROTO]"},
		{"network connect a --pid 1 -p 81-80", "expected [ADDR:]HOST:PORT[/PROTO]"},
		{"network connect a --pid 1 -p 8000-8002:80-81", "2 ports cannot be published on 3"},
		{"network connect a --pid 1 -p 8000:80-81", "2 ports cannot be published on 1"},
		{"network connect a --pid 1 -p web", "expected [ADDR:]HOST:PORT[/PROTO]"},
		{"network disconnect a", "which endpoint?"},
		{"network disconnect a b --netns c", "which endpoint?"},
		{"status now", "too many arguments"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct run result;
		char line[512];

		run(&result, lines[i].line);
		if (result.status != 2 || *result.out || !strstr(result.err, lines[i].part))
			fail_msg("ndrvctl %s: %d %s%s", lines[i].line, result.status, result.out, result.err);
		(void)snprintf(line, sizeof(line), "--json %s", lines[i].line);
		run(&result, line);
		assert_int_equal(result.status, 2);
		json_t *json = document(&result, line);
		assert_non_null(
			strstr(json_string_value(json_object_get(json_object_get(json, "error"), "message")), lines[i].part));
		json_decref(json);
	}
	assert_int_equal(fake_submitted(fixture.fake), 0);
}

static void help_is_there_for_every_command(void **state)
{
	static const char *const commands[] = {
		"status",	   "events",	       "reload",	"reexec",	   "driver ls",
		"driver inspect",  "driver load",      "driver unload", "network create",  "network ls",
		"network inspect", "network rm",       "network prune", "network connect", "network disconnect",
		"endpoint ls",	   "endpoint inspect", "driver swap",	"driver rollback",
	};
	struct run all, one;

	(void)state;
	run(&all, "--help");
	assert_int_equal(all.status, 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char line[64];
		assert_non_null(strstr(all.out, commands[i]));
		(void)snprintf(line, sizeof(line), "%s --help", commands[i]);
		run(&one, line);
		assert_int_equal(one.status, 0);
		assert_non_null(strstr(one.out, commands[i]));
		assert_non_null(strstr(one.out, "--socket"));
	}
	run(&one, "network --help");
	assert_int_equal(one.status, 0);
}

/* --- tables, endpoints by namespace --- */

static const struct ndrv_pair join_pairs[] = {
	{"netns", {.type = NDRV_STRING, .count = 18, .u.string = "/proc/self/ns/net"}},
	{"interface", {.type = NDRV_STRING, .count = 4, .u.string = "eth0"}},
};

#define TEXT(text_)                                                                  \
	{                                                                            \
		.type = NDRV_STRING, .count = sizeof(text_) - 1, .u.string = (text_) \
	}

static const struct ndrv_pair endpoint_pairs[2][5] = {
	{{"id", TEXT("abcdef0123456789")},
	 {"name", TEXT("web\x1b[2J")},
	 {"network", TEXT("n1")},
	 {"address", TEXT("10.0.0.2/24")},
	 {"join", {.type = NDRV_MAP, .count = 2, .u.pairs = join_pairs}}},
	{{"id", TEXT("abcd000000000000")},
	 {"name", TEXT("db")},
	 {"network", TEXT("n2")},
	 {"address", TEXT("")},
	 {"join", {.type = NDRV_MAP, .count = 0}}},
};
static const struct ndrv_value endpoint_items[] = {
	{.type = NDRV_MAP, .count = 5, .u.pairs = endpoint_pairs[0]},
	{.type = NDRV_MAP, .count = 5, .u.pairs = endpoint_pairs[1]},
};
static const struct ndrv_pair list_pairs[] = {{"endpoints", {.type = NDRV_LIST, .count = 2, .u.items = endpoint_items}}};
static const struct ndrv_value endpoint_list = {.type = NDRV_MAP, .count = 1, .u.pairs = list_pairs};

static void endpoints_are_found_by_what_names_them(void **state)
{
	struct run result;
	char line[128];

	(void)state;
	fake_set_reply(fixture.fake, REQ_ENDPOINT_LIST, &endpoint_list);
	decodes_to("endpoint inspect db",
		   "{\"op\":\"endpoint_inspect\",\"network\":\"n2\",\"endpoint\":\"abcd000000000000\",\"role\":2}");
	decodes_to("endpoint inspect abcde",
		   "{\"op\":\"endpoint_inspect\",\"network\":\"n1\",\"endpoint\":\"abcdef0123456789\",\"role\":2}");
	run(&result, "endpoint inspect abcd");
	assert_int_equal(result.status, 6);
	assert_non_null(strstr(result.err, "2 endpoints are meant"));
	run(&result, "endpoint inspect zzz --json");
	assert_int_equal(result.status, 3);
	json_decref(document(&result, "endpoint inspect zzz"));
	/* "/proc/self" is another process there, but the same namespace */
	(void)snprintf(line, sizeof(line), "network disconnect n1 --pid %d", (int)getpid());
	decodes_to(line, "{\"op\":\"disconnect\",\"network\":\"n1\",\"endpoint\":\"abcdef0123456789\",\"role\":2}");
	decodes_to("network disconnect n1 --netns /proc/self/ns/net",
		   "{\"op\":\"disconnect\",\"network\":\"n1\",\"endpoint\":\"abcdef0123456789\",\"role\":2}");
	run(&result, "network disconnect n1 --netns nowhere");
	assert_int_equal(result.status, 3);
}

static void tables_are_for_people_and_for_terminals(void **state)
{
	struct run result;

	(void)state;
	fake_set_reply(fixture.fake, REQ_ENDPOINT_LIST, &endpoint_list);
	run(&result, "endpoint ls");
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "ID            NAME        NETWORK"));
	assert_non_null(strstr(result.out, "abcdef012345  web\\x1b[2J  n1"));
	assert_non_null(strstr(result.out, "abcd00000000  db"));
	assert_null(strchr(result.out, '\x1b'));
	run(&result, "network inspect n1");
	assert_string_equal(result.out, "op: network_inspect\nnetwork: n1\nrole: 2\n");
}

/* --- events --- */

static bool has_listener(struct fixture *at)
{
	struct http_counts counts;
	control_counts(at->control, &counts);
	return counts.requests > 0;
}

static void events_are_printed_as_they_come(void **state)
{
	static char program[] = NDRVCTL, word[] = "events", json[] = "--json";
	char *words[] = {program, word, json, NULL};
	posix_spawn_file_actions_t actions;
	char text[256] = "";
	size_t at = 0;
	int out[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	assert_int_equal(posix_spawn(&pid, program, &actions, NULL, words, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(out[1]);
	assert_true(fixture_wait(has_listener, &fixture));
	/* The stream begins some time after the request was seen: an event is sent until one arrives. */
	for (int i = 0; i < 2000 && at == 0; i++) {
		struct pollfd pfd = {.fd = out[0], .events = POLLIN};
		fake_event(fixture.fake, "network-create", 7);
		if (poll(&pfd, 1, 5) == 1)
			at = (size_t)read(out[0], text, sizeof(text) - 1);
	}
	(void)kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(out[0]);
	assert_non_null(strstr(text, "{\"event\":\"network-create\",\"number\":7}\n"));
}

/* --- long work --- */

static void long_work_is_told_to_a_terminal(void **state)
{
	static char program[] = NDRVCTL, network[] = "network", inspect[] = "inspect", hold[] = "hold";
	char *words[] = {program, network, inspect, hold, NULL}, text[1024] = "", name[128];
	posix_spawn_file_actions_t actions;
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status;
	size_t at = 0;
	pid_t pid;

	(void)state;
	if (terminal < 0 || grantpt(terminal) < 0 || unlockpt(terminal) < 0 || ptsname_r(terminal, name, sizeof(name)) != 0)
		skip();
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, name, O_RDWR | O_NOCTTY, 0);
	assert_int_equal(posix_spawn(&pid, program, &actions, NULL, words, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	while (!strstr(text, "waiting for the host, ") && at + 1 < sizeof(text)) {
		struct pollfd pfd = {.fd = terminal, .events = POLLIN};
		assert_int_equal(poll(&pfd, 1, 20000), 1);
		ssize_t got = read(terminal, text + at, sizeof(text) - 1 - at);
		assert_true(got > 0 || errno == EIO); /* EIO: nobody has it open yet */
		at += got > 0 ? (size_t)got : 0;
	}
	assert_non_null(strstr(text, "network inspect"));
	fake_release(fixture.fake);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* the line is wiped out again */
	ssize_t got = read(terminal, text, sizeof(text) - 1);
	text[got > 0 ? got : 0] = '\0';
	assert_true(strlen(text) >= 4);
	assert_string_equal(text + strlen(text) - 4, "\r\x1b[K");
	(void)close(terminal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands_say_what_they_are_asked_to, setup, teardown),
		cmocka_unit_test_setup_teardown(every_kind_of_error_has_its_exit_status, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_usage_is_2_and_asks_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(help_is_there_for_every_command, setup, teardown),
		cmocka_unit_test_setup_teardown(endpoints_are_found_by_what_names_them, setup, teardown),
		cmocka_unit_test_setup_teardown(tables_are_for_people_and_for_terminals, setup, teardown),
		cmocka_unit_test_setup_teardown(events_are_printed_as_they_come, setup, teardown),
		cmocka_unit_test_setup_teardown(long_work_is_told_to_a_terminal, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
