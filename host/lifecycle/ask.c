/* SPDX-License-Identifier: Apache-2.0 */
/* Asking another ndrvd program, in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/lifecycle/reexec.h"

#define CHECK_NS (10 * NSEC_PER_SEC)
#define SAID_MAX 4096

static int spawn(const char *binary, char *const *argv, const char *const *more, int out, pid_t *ret, struct ndrv_error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	size_t count = 0, added = 0;

	while (argv[count])
		count++;
	while (more[added])
		added++;
	const char **args = calloc(count + added + 1, sizeof(*args));
	if (!args)
		return ndrv_fail_errno(err, ENOMEM, "reexec: run %s", binary);
	memcpy(args, argv, count * sizeof(*args));
	memcpy(args + count, more, added * sizeof(*args));
	(void)sigemptyset(&none);
	(void)sigemptyset(&defaults);
	(void)sigaddset(&defaults, SIGPIPE);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &defaults);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int failed = posix_spawn(ret, binary, &actions, &attr, (char *const *)(uintptr_t)args, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	free((void *)(uintptr_t)args);
	if (failed == ENOEXEC)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "reexec: %s is no program of this machine", binary);
	return failed ? ndrv_fail_errno(err, failed, "reexec: run %s", binary) : 0;
}

/* Reads until it closes its end; false when it does not in time. What it said last is kept. */
static bool hear(int fd, uint64_t until, char *said, size_t room)
{
	size_t length = 0;

	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_ns();

		if (now >= until || poll(&ready, 1, (int)((until - now) / NSEC_PER_MSEC) + 1) == 0)
			return false;
		if (length > room / 2) {
			memmove(said, said + length - room / 2, room / 2);
			length = room / 2;
		}
		ssize_t bytes = read(fd, said + length, room - 1 - length);
		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes <= 0)
			return true;
		length += (size_t)bytes;
		said[length] = '\0';
	}
}

/* The last line that says something other than that all is well. */
static const char *last_line(char *said)
{
	size_t length = strlen(said);

	while (length > 0 && said[length - 1] == '\n')
		said[--length] = '\0';
	char *newline = strrchr(said, '\n');
	return newline ? newline + 1 : said;
}

/* Not only the last one: threads of the program may have had something to log after it. */
static bool has_line(const char *said, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = said; (at = strstr(at, line)); at += length)
		if ((at == said || at[-1] == '\n') && (at[length] == '\n' || !at[length]))
			return true;
	return false;
}

struct question {
	const char *binary, *yes, *what;
	uint64_t limit_ns;
};

static int judge(const struct question *question, int status, char *said, struct ndrv_error *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && has_line(said, question->yes))
		return 0;
	if (WIFSIGNALED(status))
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "reexec: %s crashed (%s) when %s", question->binary,
				 sigdescr_np(WTERMSIG(status)) ? sigdescr_np(WTERMSIG(status)) : "unknown signal", question->what);
	const char *line = last_line(said);
	return ndrv_fail(err, NDRV_E_FORBIDDEN, "reexec: %s cannot take over: %s", question->binary,
			 *line ? line : "it did not answer as an ndrvd does");
}

static int await(const struct question *question, pid_t pid, int fd, struct ndrv_error *err)
{
	char said[SAID_MAX] = "";
	int status = 0;

	bool ended = hear(fd, clock_ns() + question->limit_ns, said, sizeof(said));
	if (!ended)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!ended)
		return ndrv_fail(err, NDRV_E_TIMEOUT, "reexec: %s did not come to an end within %d s when %s", question->binary,
				 (int)(question->limit_ns / NSEC_PER_SEC), question->what);
	return judge(question, status, said, err);
}

int reexec_ask(const char *binary, char *const *argv, const char *const *more, const char *yes, const char *what, uint64_t limit_ns,
	       struct ndrv_error *err)
{
	const struct question question = {.binary = binary, .yes = yes, .what = what, .limit_ns = limit_ns};
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return ndrv_fail_errno(err, errno, "reexec: run %s", binary);
	int rc = spawn(binary, argv, more, pipe_fds[1], &pid, err);
	(void)close(pipe_fds[1]);
	if (!rc)
		rc = await(&question, pid, pipe_fds[0], err);
	(void)close(pipe_fds[0]);
	return rc;
}

int reexec_check(const char *binary, char *const *argv, struct ndrv_error *err)
{
	static const char *const more[] = {"--check-state", NULL};

	return reexec_ask(binary, argv, more, REEXEC_YES, "asked whether it can take over", CHECK_NS, err);
}
