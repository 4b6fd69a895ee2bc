/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths are taken for a sandbox, and that threads take turns. */
#include "tests/lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/sandbox/sandbox.h"
#include "tests/lib/netns.h"

static struct hostns *hostns;
static struct ndrv_nl *nl;
static struct netns ns;
static struct ndrv_error err;
static char dir[64];

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&ns);
	assert_ok(hostns_open(&hostns, &err), &err);
	assert_ok(hostns_nl_take(hostns, NULL, &nl, &err), &err);
	(void)snprintf(dir, sizeof(dir), "/tmp/ndrv-sandbox.XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int finish(void **state)
{
	(void)state;
	hostns_nl_give(hostns, nl);
	hostns_close(hostns);
	netns_free(&ns);
	(void)rmdir(dir);
	return 0;
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(d);
	while (readdir(d))
		count++;
	(void)closedir(d);
	return count;
}

/* --- paths --- */

static void refused(const char *path, int code, const char *part)
{
	struct sandbox sandbox = {0};
	int before = open_fds();

	assert_fails(sandbox_open(hostns, path, NULL, &sandbox, &err), &err, code, part);
	assert_int_equal(open_fds(), before);
}

static void accepted(const char *path)
{
	struct sandbox sandbox = {0};
	int before = open_fds();
	struct stat st;

	assert_ok(sandbox_open(hostns, path, NULL, &sandbox, &err), &err);
	assert_int_equal(fstat(ns.fd, &st), 0);
	assert_int_equal(sandbox.ino, st.st_ino);
	assert_int_equal(sandbox.dev, st.st_dev);
	assert_string_equal(sandbox.path, path);
	sandbox_close(&sandbox);
	assert_int_equal(open_fds(), before);
}

static void in_dir(char path[160], const char *name)
{
	(void)snprintf(path, 160, "%s/%s", dir, name);
}

static void what_is_not_there_is_no_sandbox(void **state)
{
	(void)state;
	refused("/run/netns/no-such-one", NDRV_E_NO_SANDBOX, "no network namespace at /run/netns/no-such-one");
	refused("/proc/self/ns/net/x", NDRV_E_NO_SANDBOX, "/proc/self/ns/net/x");
	refused("/proc/4194999/ns/net", NDRV_E_NO_SANDBOX, "/proc/4194999/ns/net");
}

static void what_is_something_else_is_refused_without_being_opened(void **state)
{
	char path[160], long_path[400];
	int fd;

	(void)state;
	refused("", NDRV_E_BAD_SANDBOX, "not absolute");
	refused("run/netns/x", NDRV_E_BAD_SANDBOX, "not absolute");
	refused(dir, NDRV_E_BAD_SANDBOX, "another kind");
	refused("/dev/null", NDRV_E_BAD_SANDBOX, "another kind");
	refused("/etc/passwd", NDRV_E_BAD_SANDBOX, "another kind");
	refused("/proc/self/ns/mnt", NDRV_E_BAD_SANDBOX, "namespace of another kind");
	refused("/proc/self/ns/uts", NDRV_E_BAD_SANDBOX, "namespace of another kind");
	in_dir(path, "fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(path, NDRV_E_BAD_SANDBOX, "another kind"); /* opening it would block for ever */
	assert_int_equal(unlink(path), 0);
	in_dir(path, "file");
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	refused(path, NDRV_E_BAD_SANDBOX, "another kind");
	assert_int_equal(unlink(path), 0);
	in_dir(path, "circle");
	assert_int_equal(symlink("circle", path), 0);
	refused(path, NDRV_E_BAD_SANDBOX, "circle of symbolic links");
	assert_int_equal(unlink(path), 0);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	refused(long_path, NDRV_E_BAD_SANDBOX, "longer than 255 bytes");
}

static void the_hosts_own_namespace_is_no_sandbox(void **state)
{
	char path[160];

	(void)state;
	refused("/proc/thread-self/ns/net", NDRV_E_BAD_SANDBOX, "the host's own");
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/ns/net", (int)getpid(), (int)gettid());
	refused(path, NDRV_E_BAD_SANDBOX, "the host's own");
	in_dir(path, "own");
	assert_int_equal(symlink("/proc/thread-self/ns/net", path), 0);
	refused(path, NDRV_E_BAD_SANDBOX, "the host's own");
	assert_int_equal(unlink(path), 0);
}

static void namespaces_are_accepted_by_mount_link_and_process(void **state)
{
	char path[160];

	(void)state;
	accepted(ns.path);
	in_dir(path, "link");
	assert_int_equal(symlink(ns.path, path), 0);
	accepted(path);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ns.fd);
	accepted(path);
}

static void a_mount_that_is_gone_is_refused(void **state)
{
	(void)state;
	assert_int_equal(umount2(ns.path, MNT_DETACH), 0);
	refused(ns.path, NDRV_E_BAD_SANDBOX, "the namespace that was mounted there is gone");
}

static void a_process_is_a_sandbox_until_it_dies(void **state)
{
	struct sandbox sandbox;
	int ready[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (unshare(CLONE_NEWNET) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_ok(sandbox_open_pid(hostns, pid, NULL, &sandbox, &err), &err);
	assert_non_null(strstr(sandbox.path, "/ns/net"));
	sandbox_close(&sandbox);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_fails(sandbox_open_pid(hostns, pid, NULL, &sandbox, &err), &err, NDRV_E_NO_SANDBOX, "/ns/net");
	assert_fails(sandbox_open_pid(hostns, getpid(), NULL, &sandbox, &err), &err, NDRV_E_BAD_SANDBOX, "the host's own");
	assert_fails(sandbox_open_pid(hostns, 0, NULL, &sandbox, &err), &err, NDRV_E_BAD_SANDBOX, "no process");
	assert_fails(sandbox_open_pid(hostns, -1, NULL, &sandbox, &err), &err, NDRV_E_BAD_SANDBOX, "no process");
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void the_thread_comes_back_and_the_namespace_can_die(void **state)
{
	struct sandbox sandbox;
	struct stat before, after;

	(void)state;
	assert_int_equal(stat("/proc/thread-self/ns/net", &before), 0);
	assert_ok(sandbox_open(hostns, ns.path, NULL, &sandbox, &err), &err);
	assert_int_equal(stat("/proc/thread-self/ns/net", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_true(hostns_is(hostns, after.st_dev, after.st_ino));
	sandbox_close(&sandbox);
	sandbox_close(&sandbox); /* twice does no harm */
}

/* --- many at once --- */

static void *create_many(void *data)
{
	struct ndrv_nl *own;
	char name[16];

	if (setns(hostns_fd(hostns), CLONE_NEWNET) || hostns_nl_take(hostns, NULL, &own, NULL))
		return data;
	for (int i = 0; i < 20; i++) {
		struct ndrv_link_spec spec = {.kind = "bridge", .name = name, .group = 5};

		(void)snprintf(name, sizeof(name), "br%s%d", (const char *)data, i);
		if (ndrv_link_create(own, &spec, NULL, NULL, NULL, NULL))
			return data;
	}
	hostns_nl_give(hostns, own);
	return NULL;
}

static void threads_create_links_in_turns(void **state)
{
	static char names[4][2] = {"a", "b", "c", "d"};
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, create_many, names[i]), 0);
	for (int i = 0; i < 4; i++) {
		void *failed;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(netns_link_count(NULL), 81);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_there_is_no_sandbox),
		TEST(what_is_something_else_is_refused_without_being_opened),
		TEST(the_hosts_own_namespace_is_no_sandbox),
		TEST(namespaces_are_accepted_by_mount_link_and_process),
		TEST(a_mount_that_is_gone_is_refused),
		TEST(a_process_is_a_sandbox_until_it_dies),
		TEST(the_thread_comes_back_and_the_namespace_can_die),
		TEST(threads_create_links_in_turns),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
