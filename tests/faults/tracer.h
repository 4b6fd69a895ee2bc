/* SPDX-License-Identifier: Apache-2.0 */
/* Kills a process at its n-th system call. A child of the test follows all of the process's threads and counts every entry into the
 * kernel and every return from it, once armed; at the n-th it sends SIGKILL. */
#ifndef TESTS_FAULTS_TRACER_H
#define TESTS_FAULTS_TRACER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/* Shared with the child. */
struct tracer_board {
	_Atomic int following; /* 1: every thread is followed; -1: it could not be done */
	_Atomic bool armed;
	_Atomic bool arm_at_exec;
	_Atomic bool killed;
	_Atomic long count;
	_Atomic long target; /* 0: count only */
};

struct tracer {
	struct tracer_board *board;
	pid_t pid; /* of the child; 0: none */
};

/* Exits with 77 (skipped, by name) where a process may not be traced. */
void tracer_need(void);
void tracer_init(struct tracer *tracer);
void tracer_done(struct tracer *tracer);
/* Follows `pid` and returns once it does. `at_exec`: counting starts when the process executes its next program; else when
 * tracer_arm() is called. */
void tracer_follow(struct tracer *tracer, pid_t pid, long target, bool at_exec);
void tracer_arm(struct tracer *tracer);
/* Waits until the followed process has ended, by whatever means; the process's parent reaps it afterwards. Returns the number of
 * stops that were counted. */
long tracer_wait(struct tracer *tracer);
static inline bool tracer_killed(const struct tracer *tracer)
{
	return atomic_load(&tracer->board->killed);
}

#endif
