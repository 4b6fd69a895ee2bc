/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of a re-exec: asking the new program whether it can, and becoming it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/lifecycle/claim.h"
#include "host/lifecycle/host_parts.h"
#include "host/lifecycle/reexec.h"

#define CHECK_NS (10 * NSEC_PER_SEC)
/* How long calls that run, and requests and replies under way, are waited for. */
#define DRAIN_NS (5 * NSEC_PER_SEC)
#define SETTLE_NS (2 * NSEC_PER_SEC)
#define SAID_MAX 4096

/* --- asking --- */

static int spawn_check(const char *binary, char *const *argv, int out, pid_t *ret, struct ndrv_error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	size_t count = 0;

	while (argv[count])
		count++;
	char **args = calloc(count + 2, sizeof(*args));
	if (!args)
		return ndrv_fail_errno(err, ENOMEM, "reexec: check %s", binary);
	memcpy(args, argv, count * sizeof(*args));
	args[count] = (char *)(uintptr_t) "--check-state";
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
	int failed = posix_spawn(ret, binary, &actions, &attr, args, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	free(args);
	if (failed == ENOEXEC)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "reexec: %s is no program of this machine", binary);
	return failed ? ndrv_fail_errno(err, failed, "reexec: run %s", binary) : 0;
}

/* Reads until it closes its end; false when it does not in time. */
static bool hear(int fd, char *said, size_t room)
{
	uint64_t until = clock_ns() + CHECK_NS;
	size_t length = 0;

	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		char rest[512];
		uint64_t now = clock_ns();

		if (now >= until || poll(&ready, 1, (int)((until - now) / NSEC_PER_MSEC) + 1) == 0)
			return false;
		bool full = length + 1 >= room;
		ssize_t bytes = read(fd, full ? rest : said + length, full ? sizeof(rest) : room - 1 - length);
		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes <= 0)
			return true;
		if (!full)
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

static int judge(const char *binary, int status, char *said, struct ndrv_error *err)
{
	const char *line = last_line(said);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && strcmp(line, REEXEC_YES) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "reexec: %s crashed (%s) when asked whether it can take over", binary,
				 sigdescr_np(WTERMSIG(status)) ? sigdescr_np(WTERMSIG(status)) : "unknown signal");
	return ndrv_fail(err, NDRV_E_FORBIDDEN, "reexec: %s cannot take over: %s", binary,
			 *line ? line : "it did not answer as an ndrvd does");
}

int reexec_check(const char *binary, char *const *argv, struct ndrv_error *err)
{
	char said[SAID_MAX] = "";
	int pipe_fds[2], status = 0;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return ndrv_fail_errno(err, errno, "reexec: check %s", binary);
	int rc = spawn_check(binary, argv, pipe_fds[1], &pid, err);
	(void)close(pipe_fds[1]);
	if (rc) {
		(void)close(pipe_fds[0]);
		return rc;
	}
	bool ended = hear(pipe_fds[0], said, sizeof(said));
	(void)close(pipe_fds[0]);
	if (!ended)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!ended)
		return ndrv_fail(err, NDRV_E_TIMEOUT, "reexec: %s did not say within %d s whether it can take over", binary,
				 (int)(CHECK_NS / NSEC_PER_SEC));
	return judge(binary, status, said, err);
}

/* --- becoming --- */

static void release(const struct reexec_plan *plan, uint32_t count)
{
	while (count > 0) {
		const struct reexec_door *door = &plan->doors[--count];
		door->release(door->data);
	}
}

static int hold(const struct reexec_plan *plan, struct ndrv_error *err)
{
	for (uint32_t i = 0; i < plan->door_count; i++) {
		int rc = plan->doors[i].hold(plan->doors[i].data, err);
		if (rc) {
			release(plan, i);
			return rc;
		}
	}
	return 0;
}

static uint32_t unsettled(const struct reexec_plan *plan, bool cut)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < plan->door_count; i++)
		count += plan->doors[i].unsettled(plan->doors[i].data, cut);
	return count;
}

/* On success everything is held, no call runs, and no connection is in the middle of anything. */
static int come_to_rest(struct host *host, const struct reexec_plan *plan, struct ndrv_error *err)
{
	const struct timespec nap = {.tv_nsec = 300 * 1000};
	uint64_t start = clock_ns(), drained = 0;

	for (;;) {
		int rc = hold(plan, err);
		if (rc)
			return rc;
		rc = dispatch_wait_idle(host->dispatch, REQ_REEXEC, start + DRAIN_NS, err);
		if (rc) {
			release(plan, plan->door_count);
			return ndrv_wrap(err, rc, "reexec: it would cut off a call");
		}
		bool cut = drained && clock_ns() > drained + SETTLE_NS;
		if (unsettled(plan, cut) == 0)
			return 0;
		release(plan, plan->door_count);
		if (clock_ns() > start + DRAIN_NS + SETTLE_NS + SETTLE_NS)
			return ndrv_fail(err, NDRV_E_RETRY, "reexec: connections do not come to rest, try again");
		/* Only now that nothing stands in the way of it: streams end, which cannot be taken back. */
		for (uint32_t i = 0; !drained && i < plan->door_count; i++)
			plan->doors[i].end_streams(plan->doors[i].data);
		if (!drained)
			drained = clock_ns();
		(void)nanosleep(&nap, NULL);
	}
}

static int execute(const struct host *host, const struct reexec_plan *plan, const char *binary, struct ndrv_error *err)
{
	struct handover handover = {.reexecs = plan->reexecs};
	int fd = -1, rc = 0;

	for (uint32_t i = 0; !rc && i < plan->door_count; i++)
		rc = plan->doors[i].leave(plan->doors[i].data, &handover, err);
	const struct handover_socket claim = {.door = CLAIM_DOOR, .fd = host->claim_fd};
	if (!rc && host->claim_fd >= 0)
		rc = handover_add_socket(&handover, &claim, err);
	/* Whatever else is open, be it a driver's, goes with this program. */
	if (!rc && close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		log_warning("reexec", "close_range: %s", strerrordesc_np(errno));
	rc = rc ? rc : handover_leave(&handover, &fd, err);
	if (!rc) {
		(void)execv(binary, plan->argv);
		rc = ndrv_fail_errno(err, errno, "reexec: execute %s", binary);
		handover_stay(&handover, fd);
	}
	handover_clear(&handover, false);
	return rc;
}

/* The store is left as it is: no transaction is open, and its files and locks are closed by the exec. That leaves everything usable
 * should the exec fail. */
int reexec_replace(struct host *host, const struct reexec_plan *plan, const char *binary, struct ndrv_error *err)
{
	int rc = host_take(host, "reexec", clock_ns() + DRAIN_NS, err);
	if (rc)
		return rc;
	rc = come_to_rest(host, plan, err);
	if (!rc) {
		rc = execute(host, plan, binary, err);
		release(plan, plan->door_count);
	}
	host_give(host);
	return rc;
}
