/* SPDX-License-Identifier: Apache-2.0 */
/* The whole host with a driver that answers nonsense, takes too long, or takes the host down with it (rudedrv.c). */
#include "tests/lib/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

#define REPLY_BYTES 65536u
#define WAIT_MS 20000

struct fixture {
	struct daemon daemon;
	struct netns sandbox, other;
	char out[REPLY_BYTES];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	netns_new(&fixture->sandbox);
	netns_new(&fixture->other);
	daemon_set_up(&fixture->daemon, "calls: {deadline: 2s}\n");
	daemon_add_driver(&fixture->daemon, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_add_driver(&fixture->daemon, "rude", BUILT_TESTS "/system/.libs/rudedrv.so", NULL);
	daemon_start(&fixture->daemon);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	daemon_tear_down(&fixture->daemon);
	netns_free(&fixture->sandbox);
	netns_free(&fixture->other);
	free(fixture);
	return 0;
}

static void create(struct fixture *fixture, const char *does, const char *more)
{
	char option[64];

	(void)snprintf(option, sizeof(option), "do=%s", does);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n", "-d", "rude", "--subnet", "10.6.0.0/24",
				    "-o", option, "-o", more ? more : "at=none", NULL),
			 0);
}

static int ctl(struct fixture *fixture, const char *noun, const char *verb, const char *what, const char *more)
{
	return daemon_ctl(&fixture->daemon, fixture->out, REPLY_BYTES, "--json", noun, verb, what, more, NULL);
}

static int connect_first(struct fixture *fixture)
{
	return daemon_ctl(&fixture->daemon, fixture->out, REPLY_BYTES, "--json", "network", "connect", "n", "--netns",
			  fixture->sandbox.path, "--endpoint", "e", NULL);
}

/* No endpoint, no interface: here or in the sandbox. */
static void nothing_is_left(struct fixture *fixture)
{
	assert_int_equal(ctl(fixture, "endpoint", "ls", NULL, NULL), 0);
	assert_null(strstr(fixture->out, "\"id\""));
	assert_int_equal(netns_link_count(NULL), 1);
	assert_int_equal(netns_link_count(&fixture->sandbox), 1);
}

static void nonsense_is_refused_and_undone(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *does;
		int status;
		const char *part;
	} cases[] = {
		{"bad-mac", 6, "multicast bit"},
		{"foreign-address", 4, "Cannot be modified"},
		{"second-address", 4, "Cannot be modified"},
		{"unknown-code", 10, "without a reason"},
		{"silent-code", 4, "without a reason"},
		{"positive-code", 10, "no result"},
		{"no-link", 10, "says that it made eth0"},
		{"routes", 6, "more than 64 static routes"},
		{"foreign-gateway", 7, "203.0.113.1"},
		{"bad-name", 6, "cannot be the name of an interface"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		create(fixture, cases[i].does, NULL);
		int status = connect_first(fixture);
		if (status != cases[i].status || !strstr(fixture->out, cases[i].part))
			fail_msg("%s: exit status %d, %s", cases[i].does, status, fixture->out);
		nothing_is_left(fixture);
		assert_int_equal(ctl(fixture, "network", "rm", "n", NULL), 0);
	}
}

static void wait_until_free(struct fixture *fixture)
{
	int status = 0;

	for (int waited = 0; waited < WAIT_MS; waited += 20) {
		status = ctl(fixture, "status", NULL, NULL, NULL);
		if (status == 0 && strstr(fixture->out, "\"networks_stuck\": 0"))
			return;
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	fail_msg("the network stays stuck: %d, %s", status, fixture->out);
}

static void a_driver_past_its_deadline_disturbs_nobody(void **state)
{
	struct fixture *fixture = *state;

	create(fixture, "sleep", "sleep_ms=8000");
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "ok", "-d", "bridge", NULL), 0);
	assert_int_equal(connect_first(fixture), 8);
	assert_non_null(strstr(fixture->out, "has been in join for"));
	/* Meanwhile: named in status, Retry for its own network, nothing for others. */
	assert_int_equal(ctl(fixture, "status", NULL, NULL, NULL), 0);
	assert_non_null(strstr(fixture->out, "\"in\": \"join\""));
	assert_int_equal(connect_first(fixture), 9);
	assert_int_equal(ctl(fixture, "network", "rm", "n", "-f"), 9);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "ok", "--netns", fixture->other.path, NULL),
			 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "rm", "-f", "ok", NULL), 0);
	wait_until_free(fixture);
	nothing_is_left(fixture);
	assert_int_equal(ctl(fixture, "network", "rm", "n", NULL), 0);
}

/* Does what a user would until the host is gone, then starts it again. */
static void crash(struct fixture *fixture, const char *at)
{
	char option[64];
	int status;

	(void)snprintf(option, sizeof(option), "at=%s", at);
	(void)daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n", "-d", "rude", "--subnet", "10.6.0.0/24", "-o",
			 "do=crash", "-o", option, NULL);
	(void)connect_first(fixture);
	(void)ctl(fixture, "network", "disconnect", "n", "e");
	assert_int_equal(ctl(fixture, "status", NULL, NULL, NULL), 1);
	assert_int_equal(waitpid(fixture->daemon.pid, &status, 0), fixture->daemon.pid);
	fixture->daemon.pid = 0;
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status));
	/* A sanitizer reports in its own words and exits. */
	(void)snprintf(option, sizeof(option), "op %s, network ", at);
	if (WIFSIGNALED(status))
		assert_true(daemon_logged(&fixture->daemon, "host: crashed with SIGSEGV in driver rude 1 (") &&
			    daemon_logged(&fixture->daemon, option));
	daemon_start(&fixture->daemon);
}

static void what_a_crash_broke_off_is_settled_at_the_next_start(void **state)
{
	struct fixture *fixture = *state;

	crash(fixture, "network_create");
	nothing_is_left(fixture);
	assert_int_equal(ctl(fixture, "network", "inspect", "n", NULL), 3);

	crash(fixture, "endpoint_create");
	nothing_is_left(fixture);
	assert_int_equal(ctl(fixture, "network", "rm", "n", NULL), 0);

	crash(fixture, "join");
	nothing_is_left(fixture);
	assert_int_equal(ctl(fixture, "network", "rm", "n", NULL), 0);

	crash(fixture, "leave");
	nothing_is_left(fixture);
	assert_int_equal(ctl(fixture, "network", "rm", "n", NULL), 0);

	crash(fixture, "endpoint_delete");
	nothing_is_left(fixture);
	assert_int_equal(ctl(fixture, "network", "rm", "n", NULL), 0);
}

/* --- what a process holds --- */

static int entries(pid_t pid, const char *what)
{
	char path[64];
	int count = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static long resident_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	(void)fclose(file);
	return kib;
}

static void cycle(struct fixture *fixture, int times)
{
	for (int i = 0; i < times; i++) {
		assert_int_equal(connect_first(fixture), 0);
		assert_int_equal(ctl(fixture, "network", "disconnect", "n", "e"), 0);
	}
}

/* Rows, arenas, descriptors, namespaces: what one cycle takes it gives back. */
static void hundreds_of_cycles_leave_nothing_held(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid = fixture->daemon.pid;

	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "n", "-d", "bridge", "--subnet", "10.6.0.0/24",
				    "--ipv6", NULL),
			 0);
	cycle(fixture, 50);
	int files = entries(pid, "fd"), threads = entries(pid, "task");
	long kib = resident_kib(pid);
	cycle(fixture, 450);
	assert_int_equal(entries(pid, "fd"), files);
	assert_int_equal(entries(pid, "task"), threads);
	/* 3 KiB for each cycle would be 1350. A sanitizer keeps freed memory for a while. */
#ifndef __SANITIZE_ADDRESS__
	assert_in_range((unsigned long)resident_kib(pid), 0, (unsigned long)kib + 1024);
#else
	(void)kib;
#endif
	assert_int_equal(netns_link_count(NULL), 2);
	assert_int_equal(netns_link_count(&fixture->sandbox), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nonsense_is_refused_and_undone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_driver_past_its_deadline_disturbs_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_crash_broke_off_is_settled_at_the_next_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hundreds_of_cycles_leave_nothing_held, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
