/* SPDX-License-Identifier: Apache-2.0 */
/* The workers and the watchdog. Knows jobs, but neither drivers nor what jobs do. */
#ifndef HOST_DISPATCH_EXECUTOR_H
#define HOST_DISPATCH_EXECUTOR_H

#include "host/dispatch/job.h"

struct dispatch;
struct executor;

struct executor_stats {
	uint32_t workers, idle;
	uint32_t queued;  /* ready to run, nobody free */
	uint32_t waiting; /* for a network's turn */
	uint32_t jobs;	  /* all that are not finished */
	uint32_t late;	  /* answered with Timeout, still inside a driver */
	uint64_t expired; /* since the start */
};

int executor_new(uint32_t workers, uint32_t max_workers, struct executor **ret, struct ndrv_error *err);
/* Waits until all jobs are finished or the deadline passes, then ends the threads that can end. False: some are stuck inside
 * drivers; then the executor must not be freed. */
bool executor_stop(struct executor *executor, uint64_t deadline_ns);
void executor_free(struct executor *executor);

/* A new job: the watchdog watches its deadline from now on, a worker will call job_step(). SHUTTING_DOWN. */
int executor_add(struct executor *executor, struct job *job, struct ndrv_error *err);
/* Notes which network's turn a job waits for (NULL: none any more). Meanwhile it has a reference to it. */
void executor_waits(struct executor *executor, struct job *job, struct network *network);
/* Puts a job that got its turn before those that have none yet. Any thread. */
void executor_wake(struct executor *executor, struct job *job);
/* Its deadline is then. By the thread that runs it. */
void executor_renew(struct executor *executor, struct job *job, uint64_t deadline_ns);
/* Its deadline is now. */
void executor_cancel(struct executor *executor, struct job *job);
/* Takes a finished job off the list. */
void executor_remove(struct executor *executor, struct job *job);

/* The network is stuck: who waits for its turn gets NETWORK_BUSY. */
void executor_refuse_waiters(struct executor *executor, struct dispatch *dispatch, const struct network *network);

/* Whether the calling thread is a worker of any executor. */
bool executor_is_worker(void);
/* The calling worker will wait for others for a while: `more` 1 gives them one more thread meanwhile, -1 takes it back. */
void executor_lend(struct executor *executor, int more);

void executor_stats(struct executor *executor, struct executor_stats *ret);
/* Calls `each` for every unfinished job under the executor's lock: be short. */
void executor_each(struct executor *executor, void (*each)(struct job *job, void *data), void *data);

#endif
