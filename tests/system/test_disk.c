/* SPDX-License-Identifier: Apache-2.0 */
/* The whole host on disks that are full: what cannot be written down is refused and leaves everything as it was. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

#define REPLY_BYTES 65536u

struct fixture {
	struct daemon daemon;
	struct netns first, second, third;
	char state[96], run[96];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	netns_new(&fixture->first);
	netns_new(&fixture->second);
	netns_new(&fixture->third);
	daemon_set_up(&fixture->daemon, NULL);
	daemon_add_driver(&fixture->daemon, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	(void)snprintf(fixture->state, sizeof(fixture->state), "%s/state", fixture->daemon.dir);
	(void)snprintf(fixture->run, sizeof(fixture->run), "%s/run", fixture->daemon.dir);
	assert_int_equal(mkdir(fixture->state, 0700), 0);
	assert_int_equal(mkdir(fixture->run, 0755), 0);
	assert_int_equal(mount("none", fixture->state, "tmpfs", 0, "size=8m,mode=0700"), 0);
	assert_int_equal(mount("none", fixture->run, "tmpfs", 0, "size=1m,mode=0755"), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->daemon.pid > 0)
		(void)daemon_stop(&fixture->daemon, SIGKILL);
	(void)umount2(fixture->state, MNT_DETACH);
	(void)umount2(fixture->run, MNT_DETACH);
	daemon_tear_down(&fixture->daemon);
	netns_free(&fixture->first);
	netns_free(&fixture->second);
	netns_free(&fixture->third);
	free(fixture);
	return 0;
}

/* Takes all the room there is; given back by unlink(). */
static void fill(const char *dir, char path[128])
{
	static const char block[4096];

	(void)snprintf(path, 128, "%s/fill", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0) {
	}
	(void)close(fd);
}

static int ctl(struct fixture *fixture, const char *verb, const char *first, const char *second, const char *third)
{
	return daemon_ctl(&fixture->daemon, NULL, 0, "network", verb, first, second, third, NULL);
}

static void create_two_networks(struct fixture *fixture)
{
	daemon_start(&fixture->daemon);
	assert_int_equal(
		daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "web", "-d", "bridge", "--subnet", "10.70.0.0/24", NULL),
		0);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "empty", "-d", "bridge", "--subnet",
				    "10.71.0.0/24", NULL),
			 0);
	assert_int_equal(ctl(fixture, "connect", "web", "--netns", fixture->first.path), 0);
	assert_int_equal(ctl(fixture, "connect", "web", "--netns", fixture->second.path), 0);
}

/* All of it, as text. */
static void look(struct fixture *fixture, char *out)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, out, REPLY_BYTES, "--json", "network", "ls", NULL), 0);
	size_t used = strlen(out);
	assert_int_equal(daemon_ctl(&fixture->daemon, out + used, REPLY_BYTES - used, "--json", "endpoint", "ls", NULL), 0);
}

static void nothing_changed(struct fixture *fixture, const char *before, uint32_t links)
{
	static char after[REPLY_BYTES];

	look(fixture, after);
	assert_string_equal(before, after);
	assert_int_equal(netns_link_count(NULL), links);
	assert_int_equal(netns_link_count(&fixture->third), 1);
	assert_true(netns_ping(&fixture->first, "10.70.0.3"));
}

static void a_full_runtime_directory_is_refused_or_got_over(void **state)
{
	struct fixture *fixture = *state;
	static char before[REPLY_BYTES];
	char path[128];

	create_two_networks(fixture);
	look(fixture, before);
	uint32_t links = netns_link_count(NULL);
	fill(fixture->run, path);
	assert_int_equal(ctl(fixture, "connect", "web", "--netns", fixture->third.path), 7);
	assert_int_equal(ctl(fixture, "disconnect", "web", "--netns", fixture->first.path), 7);
	nothing_changed(fixture, before, links);
	assert_int_equal(
		daemon_ctl(&fixture->daemon, NULL, 0, "network", "disconnect", "web", "-f", "--netns", fixture->first.path, NULL),
		7);

	/* A network's own intent goes to the other directory: it can be removed with all it has, and stays away. */
	assert_int_equal(ctl(fixture, "rm", "-f", "--sync", "web"), 0);
	assert_int_equal(unlink(path), 0);
	(void)daemon_stop(&fixture->daemon, SIGKILL);
	daemon_start(&fixture->daemon);
	assert_int_equal(ctl(fixture, "inspect", "web", NULL, NULL), 3);
	assert_int_equal(ctl(fixture, "rm", "empty", NULL, NULL), 0);
	assert_int_equal(netns_link_count(NULL), 1);
}

static void a_full_state_directory_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	static char before[REPLY_BYTES];
	char path[128];

	create_two_networks(fixture);
	look(fixture, before);
	uint32_t links = netns_link_count(NULL);
	fill(fixture->state, path);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "more", "-d", "bridge", NULL), 7);
	assert_int_equal(ctl(fixture, "rm", "empty", NULL, NULL), 7);
	assert_int_equal(ctl(fixture, "rm", "-f", "web", NULL), 7);
	nothing_changed(fixture, before, links);

	assert_int_equal(unlink(path), 0);
	(void)daemon_stop(&fixture->daemon, SIGKILL);
	daemon_start(&fixture->daemon);
	nothing_changed(fixture, before, links);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "rm", "-f", "--sync", "web", "empty", NULL), 0);
	assert_int_equal(netns_link_count(NULL), 1);
}

static void a_host_that_cannot_write_does_not_start_and_says_why(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	fill(fixture->state, path);
	assert_int_equal(daemon_start_fails(&fixture->daemon), 1);
	assert_true(daemon_logged(&fixture->daemon, "the disk is full, free some space"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mount("none", fixture->state, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(daemon_start_fails(&fixture->daemon), 1);
	assert_true(daemon_logged(&fixture->daemon, "state.lock cannot be opened: Read-only file system"));
	assert_int_equal(mount("none", fixture->state, NULL, MS_REMOUNT, NULL), 0);
	daemon_start(&fixture->daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_full_runtime_directory_is_refused_or_got_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_state_directory_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_host_that_cannot_write_does_not_start_and_says_why, set_up, tear_down),
	};

	netns_need();
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		fputs("mount namespaces cannot be made here\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
