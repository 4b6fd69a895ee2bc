/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/faults/tracer.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)
#define SYSCALL_STOP (SIGTRAP | 0x80)

static void pause_briefly(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static long request(enum __ptrace_request what, pid_t thread, long data)
{
	return ptrace(what, thread, NULL, (void *)data); /* NOLINT(performance-no-int-to-ptr): that is how ptrace takes it */
}

void tracer_need(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	bool works = pid > 0 && request(PTRACE_SEIZE, pid, 0) == 0;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, __WALL);
	if (works)
		return;
	(void)fprintf(stderr, "skipped: processes cannot be traced here\n");
	exit(77);
}

void tracer_init(struct tracer *tracer)
{
	*tracer = (struct tracer){0};
	tracer->board = mmap(NULL, sizeof(*tracer->board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(tracer->board != MAP_FAILED);
}

void tracer_done(struct tracer *tracer)
{
	(void)munmap(tracer->board, sizeof(*tracer->board));
}

/* --- in the child --- */

static int seize_threads(pid_t pid)
{
	char path[64];
	const struct dirent *entry;
	int count = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	if (!dir)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
		if (thread <= 0)
			continue;
		/* One that a seized thread started meanwhile is seized with it: EPERM. */
		if (request(PTRACE_SEIZE, thread, OPTIONS) == 0 && request(PTRACE_INTERRUPT, thread, 0) == 0)
			count++;
	}
	(void)closedir(dir);
	return count;
}

static void count_stop(struct tracer_board *board, pid_t pid)
{
	if (!atomic_load(&board->armed) || atomic_load(&board->killed))
		return;
	long number = atomic_fetch_add(&board->count, 1) + 1;
	if (number != atomic_load(&board->target))
		return;
	atomic_store(&board->killed, true);
	(void)kill(pid, SIGKILL);
}

/* What the thread goes on with: the signal it was about to get, or none. */
static long look(struct tracer_board *board, pid_t pid, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (signal == SYSCALL_STOP)
		count_stop(board, pid);
	else if (event == PTRACE_EVENT_EXEC && atomic_load(&board->arm_at_exec))
		atomic_store(&board->armed, true);
	else if (!event)
		return signal;
	return 0;
}

static void follow(struct tracer_board *board, pid_t pid)
{
	int status;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	atomic_store(&board->following, seize_threads(pid) > 0 ? 1 : -1);
	for (;;) {
		pid_t thread = waitpid(-1, &status, __WALL);
		if (thread < 0 && errno == EINTR)
			continue;
		if (thread < 0)
			_exit(0);
		if (WIFSTOPPED(status))
			(void)request(PTRACE_SYSCALL, thread, look(board, pid, status));
	}
}

/* --- in the test --- */

void tracer_follow(struct tracer *tracer, pid_t pid, long target, bool at_exec)
{
	struct tracer_board *board = tracer->board;

	atomic_store(&board->following, 0);
	atomic_store(&board->armed, false);
	atomic_store(&board->arm_at_exec, at_exec);
	atomic_store(&board->killed, false);
	atomic_store(&board->count, 0);
	atomic_store(&board->target, target);
	tracer->pid = fork();
	assert_true(tracer->pid >= 0);
	if (tracer->pid == 0)
		follow(board, pid);
	while (!atomic_load(&board->following))
		pause_briefly();
	assert_int_equal(atomic_load(&board->following), 1);
}

void tracer_arm(struct tracer *tracer)
{
	atomic_store(&tracer->board->armed, true);
}

long tracer_wait(struct tracer *tracer)
{
	int status;

	assert_int_equal(waitpid(tracer->pid, &status, 0), tracer->pid);
	tracer->pid = 0;
	return atomic_load(&tracer->board->count);
}
