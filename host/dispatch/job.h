/* SPDX-License-Identifier: Apache-2.0 */
/* A request on its way: what the executor moves, the handlers fill in, and the watchdog may answer before they are done.
 *
 * Two things end apart. Answered: the caller has its reply; whoever wins job->answer gives it, once. Finished: no code works on the
 * job any more; its turn is passed and it is freed. A job that was answered by the watchdog while its driver still ran finishes
 * later; until then it keeps the turn, its network is marked stuck, and what it makes is undone. */
#ifndef HOST_DISPATCH_JOB_H
#define HOST_DISPATCH_JOB_H

#include "host/base/turn.h"
#include "host/dispatch/dispatch.h"
#include "host/dispatch/op_table.h"

struct attempt;
struct handle;

enum { JOB_OPEN = 0, JOB_ANSWERED = 1, JOB_EXPIRED = 2 };

/* What a handler returns when the job waits for a turn and will be run again. */
#define JOB_WAITS 1

struct job {
	struct dispatch *dispatch;
	struct request request; /* a private copy, in `arena` */
	struct request *theirs;
	struct reply *their_reply; /* in their arena, made at submission */
	void (*done)(struct request *request, struct reply *reply, void *data);
	void *done_data;
	const struct op *op;
	struct arena arena;
	struct reply reply; /* `error` is what handlers pass down as err */
	uint64_t started_ns;
	uint64_t deadline_ns;
	char requester[48];

	_Atomic uint32_t answer; /* JOB_... */
	_Atomic bool cancelled;	 /* the caller hung up */
	_Atomic bool at_gate;	 /* it waits at `gate` */
	_Atomic uint32_t refs;

	/* The network it works on, with a reference. Written by the thread that runs the job. */
	struct network *network;
	struct endpoint *endpoint; /* under the turn */
	const char *type;	   /* for the log: the network's or the request's */
	char nid[NDRV_ID_MAX + 1]; /* likewise; stay readable for the watchdog */
	char eid[NDRV_ID_MAX + 1];
	_Atomic(struct network *) waiting_on; /* set while it waits for the turn */
	struct turn_waiter waiter;

	/* What the watchdog and the running thread decide together. */
	pthread_mutex_t lock;
	bool has_turn;
	bool marked_stuck;
	struct handle *handle; /* the callback handle that is out now */

	/* For status: the driver call it is in. */
	_Atomic uint32_t call_slot; /* OPS_SLOT + 1; 0: none */
	_Atomic int32_t call_tid;
	_Atomic uint64_t call_since;
	_Atomic(const struct generation *) call_generation; /* whose driver-wide turn it has; NULL: none */

	/* Between gate_enter() and gate_leave(); under the gates' lock. */
	struct gate *gate;

	/* Of the host's own jobs (timers): they are neither logged nor counted, and end with own_done(). */
	void *own_data;
	void (*own_done)(struct job *job);
	uint64_t renew_ns;		   /* each driver call has so long from when it begins; 0: all have what the job has */
	struct attempt *attempt;	   /* where its calls are noted; NULL: nowhere */
	const struct generation *recovers; /* whose network it recovers */

	/* The executor's, under its lock. */
	struct job *next_queued;
	struct job *previous, *next;	      /* of all jobs */
	struct job *next_over, *next_refused; /* the watchdog's chains */
};

void job_ref(struct job *job);
void job_unref(struct job *job);

/* True: the caller was told (deadline, hang-up) and nothing new should be made. */
static inline bool job_late(const struct job *job)
{
	return atomic_load_explicit(&job->answer, memory_order_acquire) == JOB_EXPIRED;
}
/* TIMEOUT or CANCELLED if the job is late or its deadline has passed, else 0: asked between steps. */
int job_check(const struct job *job, struct ndrv_error *err);

/* Before a driver call, by the thread that runs the job: see `renew_ns`, `attempt`. */
void job_calls(struct job *job, uint32_t slot);
/* Under the turn of nobody: why `network` is out of service, naming who is in the way. Always NETWORK_BUSY. */
int job_blocked(struct dispatch *dispatch, const struct network *network, struct ndrv_error *err);

/* Runs the job as far as it goes; on return it is finished or waits for a turn. Dispatch's, called by the executor. */
void job_step(struct job *job);
/* Gives the answer in job->reply if nobody has; then gives up the turn and the job. */
void job_finish(struct job *job);
/* Answers in place of the running thread. False: somebody had already. */
bool job_expire(struct job *job, const struct ndrv_error *why);

/* Lets the job have the turn of `network` (whose reference it takes over) and calls job_step() again when it is there. 1: it has
 * the turn now. 0: it waits; do not touch the job any more. Negative: refused (NETWORK_BUSY), the reference is dropped. */
int job_take_turn(struct job *job, struct network *network, struct ndrv_error *err);
/* With a turn taken by other means (a new network): the job has it from now on, and the reference. */
void job_own_turn(struct job *job, struct network *network);
void job_pass_turn(struct job *job);

/* What the log and status call it. */
void job_name_ids(struct job *job, const char *type, const char *nid, const char *eid);

/* The private copy of what a front asked. */
int request_copy(struct arena *arena, const struct request *from, struct request *ret, struct ndrv_error *err);
/* The reply as the front gets it, with everything in the front's arena. */
int reply_copy(struct arena *arena, const struct reply *from, struct reply *ret, struct ndrv_error *err);

#endif
