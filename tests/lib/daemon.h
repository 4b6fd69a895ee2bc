/* SPDX-License-Identifier: Apache-2.0 */
/* A real ndrvd in the test's own network namespace, on directories of its own. */
#ifndef TESTS_LIB_DAEMON_H
#define TESTS_LIB_DAEMON_H

#include <sys/types.h>

struct daemon {
	pid_t pid; /* 0: not running */
	char dir[64];
	char config[96];
	char socket[96];
	char log[96];
	int ended; /* wait status of the one that daemon_await() saw end */
	/* For the tests of faults; zero otherwise. */
	const char *preload;	 /* LD_PRELOAD of the daemon alone */
	_Atomic int *held_until; /* in shared memory: the child executes ndrvd only once this is not 0 */
	/* For the tests of socket activation; zero otherwise. */
	int listen_fd; /* the control socket, given as a service manager gives it */
};

/* Makes the directories. `yaml`: lines put into the configuration file besides the directories. */
void daemon_set_up(struct daemon *daemon, const char *yaml);
/* Kills what runs and removes the directories. */
void daemon_tear_down(struct daemon *daemon);
/* Adds the descriptor drivers.d/NAME.yaml for FILE with these further lines. */
void daemon_add_driver(struct daemon *daemon, const char *name, const char *file, const char *yaml);
/* Starts it and waits (20 s at most) until its control socket answers; fails the test with the log's text otherwise. */
void daemon_start(struct daemon *daemon);
/* The same in two steps; the second returns false when it ended by itself or was killed, and then has reaped it. */
void daemon_launch(struct daemon *daemon);
int daemon_await(struct daemon *daemon);
/* Starts it and expects it to end by itself; returns its exit status. */
int daemon_start_fails(struct daemon *daemon);
/* Sends the signal and reaps; returns the wait status. */
int daemon_stop(struct daemon *daemon, int signal);
/* True when the log has this text. */
int daemon_logged(const struct daemon *daemon, const char *text);

/* Runs ndrvctl with --socket and the arguments up to NULL. Returns its exit status; its standard output comes in `out`,
 * NUL-terminated. */
int daemon_ctl(const struct daemon *daemon, char *out, size_t size, ...);

#endif
