/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define START_LIMIT_MS 20000
#define CTL_ARGUMENTS 48

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static void sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

void daemon_set_up(struct daemon *daemon, const char *yaml)
{
	char text[8192], path[128];

	*daemon = (struct daemon){0};
	(void)snprintf(daemon->dir, sizeof(daemon->dir), "/tmp/ndrv-test-XXXXXX");
	assert_non_null(mkdtemp(daemon->dir));
	assert_int_equal(chmod(daemon->dir, 0755), 0);
	(void)snprintf(daemon->config, sizeof(daemon->config), "%s/ndrvd.yaml", daemon->dir);
	(void)snprintf(daemon->socket, sizeof(daemon->socket), "%s/run/control.sock", daemon->dir);
	(void)snprintf(daemon->log, sizeof(daemon->log), "%s/log", daemon->dir);
	(void)snprintf(path, sizeof(path), "%s/drivers.d", daemon->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(text, sizeof(text), "%s", yaml ? yaml : "");
	write_file(daemon->config, text);
}

void daemon_add_driver(struct daemon *daemon, const char *name, const char *file, const char *yaml)
{
	char path[160], text[4096];

	(void)snprintf(path, sizeof(path), "%s/drivers.d/%s.yaml", daemon->dir, name);
	(void)snprintf(text, sizeof(text), "file: %s\n%s", file, yaml ? yaml : "");
	write_file(path, text);
}

/* As sd_listen_fds(3) expects it: descriptor 3. */
static int give_socket(int fd)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (fd == 3 ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, 3) < 0)
		return -1;
	return setenv("LISTEN_PID", pid, 1) || setenv("LISTEN_FDS", "1", 1) || setenv("LISTEN_FDNAMES", "control", 1) ? -1 : 0;
}

static void run_daemon(const struct daemon *daemon)
{
	char state[96], run[96], drivers[96];
	int log = open(daemon->log, O_WRONLY | O_CREAT | O_APPEND, 0644);

	(void)snprintf(state, sizeof(state), "%s/state", daemon->dir);
	(void)snprintf(run, sizeof(run), "%s/run", daemon->dir);
	(void)snprintf(drivers, sizeof(drivers), "%s/drivers.d", daemon->dir);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(126);
	if (daemon->preload && setenv("LD_PRELOAD", daemon->preload, 1))
		_exit(126);
	if (daemon->listen_fd && give_socket(daemon->listen_fd) < 0)
		_exit(126);
	while (daemon->held_until && !atomic_load(daemon->held_until))
		sleep_ms(1);
	(void)execl(TEST_NDRVD, "ndrvd", "--config", daemon->config, "--state-dir", state, "--runtime-dir", run, "--drivers-d",
		    drivers, (char *)NULL);
	_exit(127);
}

static int answers(const struct daemon *daemon)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", daemon->socket);
	int rc = connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
	(void)close(fd);
	return rc == 0;
}

static void fail_with_log(const struct daemon *daemon, const char *what)
{
	char text[4096] = "";
	int fd = open(daemon->log, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ssize_t bytes = read(fd, text, sizeof(text) - 1);
		text[bytes > 0 ? bytes : 0] = '\0';
		(void)close(fd);
	}
	fail_msg("%s; its log:\n%s", what, text);
}

void daemon_launch(struct daemon *daemon)
{
	assert_int_equal(daemon->pid, 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_daemon(daemon);
	daemon->pid = pid;
}

int daemon_await(struct daemon *daemon)
{
	for (int waited = 0; waited < START_LIMIT_MS; waited++) {
		if (waitpid(daemon->pid, &daemon->ended, WNOHANG) == daemon->pid) {
			daemon->pid = 0;
			return 0;
		}
		if (answers(daemon))
			return 1;
		sleep_ms(1);
	}
	fail_with_log(daemon, "ndrvd does not answer");
	return 0;
}

void daemon_start(struct daemon *daemon)
{
	daemon_launch(daemon);
	if (!daemon_await(daemon))
		fail_with_log(daemon, "ndrvd ended at its start");
}

int daemon_start_fails(struct daemon *daemon)
{
	int status = 0;

	daemon_launch(daemon);
	for (int waited = 0; waited < START_LIMIT_MS; waited += 5) {
		if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
			daemon->pid = 0;
			assert_true(WIFEXITED(status));
			return WEXITSTATUS(status);
		}
		sleep_ms(5);
	}
	fail_with_log(daemon, "ndrvd goes on though it should refuse to start");
	return -1;
}

int daemon_stop(struct daemon *daemon, int signal)
{
	int status = 0;

	assert_true(daemon->pid > 0);
	assert_int_equal(kill(daemon->pid, signal), 0);
	assert_int_equal(waitpid(daemon->pid, &status, 0), daemon->pid);
	daemon->pid = 0;
	return status;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void daemon_tear_down(struct daemon *daemon)
{
	if (daemon->pid > 0)
		(void)daemon_stop(daemon, SIGKILL);
	if (daemon->dir[0])
		(void)nftw(daemon->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	daemon->dir[0] = '\0';
}

int daemon_logged(const struct daemon *daemon, const char *text)
{
	char line[4096];
	FILE *file = fopen(daemon->log, "re");
	int found = 0;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, text) != NULL;
	if (file)
		(void)fclose(file);
	return found;
}

static void exec_ctl(char **argv, int out)
{
	if (dup2(out, 1) < 0)
		_exit(126);
	(void)execv(TEST_NDRVCTL, argv);
	_exit(127);
}

int daemon_ctl(const struct daemon *daemon, char *out, size_t size, ...)
{
	static char name[] = "ndrvctl", option[] = "--socket";
	char socket_path[96];
	char *argv[CTL_ARGUMENTS] = {name, option, socket_path};
	int count = 3, pipe_fds[2], status = 0;
	va_list args;

	(void)snprintf(socket_path, sizeof(socket_path), "%s", daemon->socket);
	va_start(args, size);
	while ((argv[count] = va_arg(args, char *)) != NULL && count < CTL_ARGUMENTS - 1)
		count++;
	va_end(args);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		exec_ctl(argv, pipe_fds[1]);
	(void)close(pipe_fds[1]);
	size_t used = 0;
	char rest[512];
	for (;;) {
		bool room = out && used + 1 < size;
		ssize_t got = read(pipe_fds[0], room ? out + used : rest, room ? size - 1 - used : sizeof(rest));
		if (got <= 0)
			break;
		if (room)
			used += (size_t)got;
	}
	if (out)
		out[used] = '\0';
	(void)close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}
