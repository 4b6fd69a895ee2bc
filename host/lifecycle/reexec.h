/* SPDX-License-Identifier: Apache-2.0 */
/* Another ndrvd program takes over in this process: same pid, same listening sockets, same connections. docs/upgrade.md says what
 * is promised. Who asks waits on a worker's thread; the main thread, which SIGUSR2 wakes, does it, for exec ends all others. */
#ifndef HOST_LIFECYCLE_REEXEC_H
#define HOST_LIFECYCLE_REEXEC_H

#include "host/lifecycle/handover.h"
#include "host/lifecycle/host.h"

/* A front as this sees it. */
struct reexec_door {
	void *data;
	/* Nothing is read from clients any more, until release(). */
	int (*hold)(void *data, struct ndrv_error *err);
	void (*release)(void *data);
	/* While held: how many connections cannot be handed over yet; with `cut` those are ended. */
	uint32_t (*unsettled)(void *data, bool cut);
	/* Replies without end come to their end. */
	void (*end_streams)(void *data);
	/* While held and settled: its listening socket and its connections. */
	int (*leave)(void *data, struct handover *handover, struct ndrv_error *err);
};

struct reexec_plan {
	char *const *argv; /* of this program: the next one gets the same */
	const struct reexec_door *doors;
	uint32_t door_count;
	uint64_t reexecs; /* so far */
};

struct reexec;

struct reexec *reexec_new(void);
void reexec_free(struct reexec *reexec);

/* From now on requests are taken: somebody waits for SIGUSR2 and calls host_reexec(). `plan` must live as long as the host. */
void host_offer_reexec(struct host *host, const struct reexec_plan *plan);
/* On the main thread, after SIGUSR2: does what was asked for, or starts this program's own file anew if nothing was. Returns only
 * when that was refused or failed; then everything is as before. */
void host_reexec(struct host *host);

/* REQ_REEXEC. Returns only when it was refused, or was a dry run. */
int reexec_serve(struct host *host, struct request *request, struct reply *reply);
/* Adds {reexecs, reexec_refused} to the reply of status. */
int reexec_status(struct host *host, struct ndrv_arena *arena, struct ndrv_value *map, struct ndrv_error *err);

/* replace.c: stops everything at a point where nothing is half done, and executes the program. Returns only on failure, with
 * everything going on. */
int reexec_replace(struct host *host, const struct reexec_plan *plan, const char *binary, struct ndrv_error *err);
/* check.c of the new program is asked: it reads configuration, state and the driver files in use, changes nothing. */
int reexec_check(const char *binary, char *const *argv, struct ndrv_error *err);
/* What a program says, alone on a line, that would take over. */
#define REEXEC_YES "ndrvd: can take over"
/* trial.c: everything is at rest. The new program starts in a process of its own on a copy of the state, all but serving: what
 * would end it at its start ends it there. */
int reexec_trial(struct host *host, const char *binary, char *const *argv, struct ndrv_error *err);
#define REEXEC_STARTED "ndrvd: could serve"

/* ask.c: runs the program with the arguments and those of `more` (up to NULL); one of its lines must be `yes`, and its status 0.
 * TIMEOUT, or FORBIDDEN with what it said. `what`: "asked whether it can take over", for the error. */
int reexec_ask(const char *binary, char *const *argv, const char *const *more, const char *yes, const char *what, uint64_t limit_ns,
	       struct ndrv_error *err);

#endif
