/* SPDX-License-Identifier: Apache-2.0 */
/* The gate of a network type. Requests that go to a driver without a network (and those that make one) pass it; a swap closes it,
 * in two steps, and then knows that none of them is inside. Who comes to a closed gate waits there, without a thread, until it
 * opens or its deadline passes. Calls on networks need no gate: they stop at the networks' turns. */
#ifndef HOST_DISPATCH_GATE_H
#define HOST_DISPATCH_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <ndrv/error.h>

struct dispatch;
struct generation;
struct job;
struct driver_type;

enum {
	GATE_OPEN = 0,
	GATE_STATE = 1, /* what changes a driver's own state (discover, allocate) waits */
	GATE_ALL = 2,	/* so does all else that goes to the type, and making networks */
};

struct gate {
	struct gate *next;
	const struct driver_type *type;
	uint32_t level;
	uint32_t inside[2]; /* jobs that GATE_STATE keeps out; those that only GATE_ALL does */
};

struct gates {
	pthread_mutex_t lock;
	pthread_cond_t emptied;
	struct gate *first;
	struct job *parked; /* by next_queued, the newest first */
};

void gates_init(struct dispatch *dispatch);
void gates_done(struct dispatch *dispatch);

/* False: the job waits at the gate and will be run again; do not touch it any more. */
bool gate_enter(struct job *job);
/* May be called by who is not inside. */
void gate_leave(struct job *job);

/* Closes the gates of all types of the generation up to `level` and waits until nobody is inside whom that keeps out. TIMEOUT
 * naming who still is; the gates stay closed. */
int gate_close(struct dispatch *dispatch, const struct generation *generation, uint32_t level, uint64_t deadline_ns,
	       struct ndrv_error *err);
/* Opens them all. */
void gate_open(struct dispatch *dispatch);

#endif
