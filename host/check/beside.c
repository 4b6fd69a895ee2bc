/* SPDX-License-Identifier: Apache-2.0 */
#include "host/check/beside.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"

#define READY_NS (10 * NSEC_PER_SEC)
#define END_NS (5 * NSEC_PER_SEC)

static void doze(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* What it says goes where the log goes: standard output is the report's. It ends with the rule's process, even with one that
 * crashed. */
static _Noreturn void run(const char *command, const char *dir)
{
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the child of a fork has one thread. */
	if (!setenv("NDRV_CHECK_DIR", dir, 1))
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void describe(int status, char *said, size_t room)
{
	const char *signal_text = WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status)) : NULL;

	if (WIFSIGNALED(status))
		(void)snprintf(said, room, "%s", signal_text ? signal_text : "unknown signal");
	else
		(void)snprintf(said, room, "exit status %d", WEXITSTATUS(status));
}

/* 1 ready, 0 not yet, or a negative code. */
static int look(pid_t pid, const char *ready, struct ndrv_error *err)
{
	siginfo_t info = {0};

	if (access(ready, F_OK) == 0)
		return 1;
	/* Not reaped: beside_stop() does that. */
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == pid)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "the command beside the driver ended before it made %s", ready);
	return 0;
}

int beside_start(const char *command, const char *dir, volatile pid_t *ret_pid, struct ndrv_error *err)
{
	uint64_t until_ns = clock_ns() + READY_NS;
	char ready[96];
	int rc = 0;

	(void)snprintf(ready, sizeof(ready), "%s/ready", dir);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run(command, dir);
	if (pid < 0)
		return ndrv_fail_errno(err, errno, "a process for the command beside the driver");
	(void)setpgid(pid, pid); /* whichever of the two comes first */
	*ret_pid = pid;
	while ((rc = look(pid, ready, err)) == 0) {
		if (clock_ns() > until_ns)
			return ndrv_fail(err, NDRV_E_TIMEOUT,
					 "the command beside the driver did not make %s within %u s, which says that it is ready",
					 ready, (unsigned)(READY_NS / NSEC_PER_SEC));
		doze();
	}
	return rc < 0 ? rc : 0;
}

/* True when nobody of the group is left. */
static bool reap(pid_t group)
{
	pid_t pid;

	while ((pid = waitpid(-group, NULL, WNOHANG)) > 0)
		;
	return pid < 0;
}

bool beside_stop(pid_t pid, char *said, size_t room)
{
	uint64_t until_ns = clock_ns() + END_NS;
	siginfo_t info = {0};
	int status = 0;

	bool running = !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == 0;
	if (!running && waitpid(pid, &status, WNOHANG) == pid)
		describe(status, said, room);
	(void)kill(-pid, SIGTERM);
	while (!reap(pid)) {
		if (clock_ns() > until_ns)
			(void)kill(-pid, SIGKILL);
		doze();
	}
	return running;
}
