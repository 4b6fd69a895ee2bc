/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/dispatch/call.h"
#include "host/dispatch/services.h"

extern char **environ;

/* What the child writes before each step; the last one read is where it ended. */
#define STEP_LOAD 'l'
#define STEP_PREPARE 'p'
#define STEP_DONE 'd'

/* --- the parent --- */

static int spawn(const char *program, const char *file, const char *sha256, int out, pid_t *ret)
{
	char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--probe", (char *)(uintptr_t)file,
			     (char *)(uintptr_t)sha256, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int rc = posix_spawn(ret, program, &actions, &attributes, arguments, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* Reads steps until the child is through, its output ends, or the time is over. */
static char last_step(int fd, uint64_t deadline_ns)
{
	char step = 0, read_now;

	while (step != STEP_DONE) {
		uint64_t now = clock_ns();
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		if (now >= deadline_ns || poll(&ready, 1, (int)((deadline_ns - now) / NSEC_PER_MSEC) + 1) < 0)
			break;
		if (!ready.revents)
			continue;
		if (read(fd, &read_now, 1) != 1)
			break;
		step = read_now;
	}
	return step;
}

/* False: it had to be killed. */
static bool reap(pid_t pid, uint64_t deadline_ns, int *ret_status)
{
	for (;;) {
		pid_t got = waitpid(pid, ret_status, WNOHANG);
		if (got == pid || (got < 0 && errno != EINTR))
			return true;
		if (clock_ns() >= deadline_ns)
			break;
		(void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, ret_status, 0);
	return false;
}

static int judge(char step, int status, bool hung, double seconds, struct ndrv_error *err)
{
	const char *where = step == STEP_PREPARE ? "in prepare" : step == STEP_DONE ? "at its end" : "while it was loaded";

	if (hung)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "it hung %s: the probe process was stopped after %.1f s", where,
				 seconds);
	if (WIFSIGNALED(status))
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "it crashed %s: the probe process was killed by signal %d (%s)", where,
				 WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
	if (step != STEP_DONE)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "it ended the probe process %s, with status %d", where,
				 WEXITSTATUS(status));
	return 0;
}

int probe_run(const char *program, const char *file, const char *sha256, uint64_t limit_ns, struct ndrv_error *err)
{
	uint64_t began = clock_ns(), deadline = began + limit_ns;
	int ends[2], status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC)) {
		log_warning("swap", "%s is not tried in a process of its own first: %s", file, strerrordesc_np(errno));
		return 0;
	}
	int rc = spawn(program, file, sha256, ends[1], &pid);
	(void)close(ends[1]);
	if (rc) {
		(void)close(ends[0]);
		log_warning("swap", "%s is not tried in a process of its own first: %s: %s", file, program, strerrordesc_np(rc));
		return 0;
	}
	char step = last_step(ends[0], deadline);
	bool hung = !reap(pid, deadline, &status);
	(void)close(ends[0]);
	return judge(step, status, hung, (double)(clock_ns() - began) / 1e9, err);
}

/* --- the child --- */

static void tell(char step)
{
	if (write(STDOUT_FILENO, &step, 1) != 1)
		_exit(1); /* nobody listens */
}

static void prepare(const struct generation *generation, struct hostns *hostns)
{
	struct arena arena;
	struct ndrv_error ignored = {0};
	struct ndrv_blob nothing = {.schema_version = generation->module->note.state_version};

	arena_init(&arena, 4u << 20);
	struct host_call host = {
		.hostns = hostns, .arena = &arena, .deadline_ns = clock_ns() + PROBE_NS, .flags = NDRV_CALL_RESTORE};
	for (struct instance *each = generation->instances; each; each = each->next) {
		struct driver_call call;
		if (each->gone || !INSTANCE_HAS(each, prepare))
			continue;
		if (!call_begin_host(&call, &host, each, OPS_SLOT(prepare), NULL, &ignored))
			(void)call_end(&call, each->ops.prepare(each->self, &call.ndrv, &nothing), &ignored);
	}
	arena_reset(&arena);
}

int probe_main(const char *file, const char *sha256)
{
	struct ndrv_host offer = {0};
	struct driver_request request = {.name = "probe", .path = file, .sha256 = sha256};
	struct ndrv_error ignored = {0};
	struct registry *registry;
	struct services *services;
	struct generation *generation;
	struct hostns *hostns = NULL;

	log_set_level(0);
	/* A namespace of its own, or what prepare does to the kernel would be done twice. */
	bool apart = unshare(CLONE_NEWNET) == 0 && hostns_open(&hostns, &ignored) == 0;
	if (services_new(NULL, &services, &ignored))
		return 1;
	services_offer(services, &offer);
	offer.features |= SERVICES_FEATURES;
	if (registry_new(&registry, NULL, &offer, NULL, &ignored))
		return 1;
	tell(STEP_LOAD);
	if (registry_prepare(registry, &request, &generation, &ignored) == 0 && apart) {
		tell(STEP_PREPARE);
		prepare(generation, hostns);
	}
	tell(STEP_DONE);
	/* Not through exit(): destructors of a driver are not what is asked about. */
	_exit(0);
}
