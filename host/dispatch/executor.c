/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/executor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "host/base/clock.h"

/* A queue that nobody served for this long, while workers may still be added, gets one more. */
#define STARVED_NS (5 * NSEC_PER_MSEC)
/* A worker above the configured number that found nothing to do for so long ends. */
#define SPARE_NS (10 * NSEC_PER_SEC)
#define NEVER UINT64_MAX
/* Drivers run on these stacks; glibc's default of 8 MiB is only address space, but musl's would be too small. */
#define STACK_BYTES (1024u * 1024u)

struct executor {
	pthread_mutex_t lock;
	pthread_cond_t work;	/* for workers */
	pthread_cond_t watch;	/* for the watchdog */
	pthread_cond_t drained; /* for stop */
	struct job *first, *last;
	struct job *jobs;
	uint32_t job_count, queued;
	uint32_t base, max, workers, idle;
	uint64_t taken;		/* jobs ever taken from the queue */
	uint64_t next_deadline; /* no job has an earlier one */
	uint64_t starved_at;	/* when the queue is to be looked at; NEVER: not */
	uint64_t starved_taken;
	uint64_t expired;
	bool stopping, ending, joined;
	pthread_t watchdog;
};

static _Thread_local bool is_worker;

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t at_ns)
{
	if (at_ns == NEVER)
		return pthread_cond_wait(cond, lock);
	struct timespec until = {.tv_sec = (time_t)(at_ns / NSEC_PER_SEC), .tv_nsec = (long)(at_ns % NSEC_PER_SEC)};
	return pthread_cond_timedwait(cond, lock, &until);
}

static struct job *take_first(struct executor *executor)
{
	struct job *job = executor->first;

	executor->first = job->next_queued;
	if (!executor->first)
		executor->last = NULL;
	executor->queued--;
	executor->taken++;
	return job;
}

/* Returns when there is work (the lock held) or the worker is to end (NULL). */
static struct job *wait_for_job(struct executor *executor)
{
	while (!executor->first) {
		if (executor->ending)
			return NULL;
		bool spare = executor->workers > executor->base;
		executor->idle++;
		int rc = wait_until(&executor->work, &executor->lock, spare ? clock_ns() + SPARE_NS : NEVER);
		executor->idle--;
		if (rc == ETIMEDOUT && !executor->first && executor->workers > executor->base)
			return NULL;
	}
	return take_first(executor);
}

static void *work(void *data)
{
	struct executor *executor = data;
	struct job *job;

	is_worker = true;
	(void)pthread_mutex_lock(&executor->lock);
	while ((job = wait_for_job(executor))) {
		(void)pthread_mutex_unlock(&executor->lock);
		job_step(job);
		(void)pthread_mutex_lock(&executor->lock);
	}
	executor->workers--;
	(void)pthread_cond_broadcast(&executor->drained);
	(void)pthread_mutex_unlock(&executor->lock);
	return NULL;
}

static int start_thread(void *(*run)(void *), void *data, pthread_t *ret, bool detached)
{
	pthread_attr_t attr;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (detached)
		(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int rc = pthread_create(ret, &attr, run, data);
	(void)pthread_attr_destroy(&attr);
	return rc;
}

/* With the lock. */
static int add_worker(struct executor *executor)
{
	pthread_t thread;

	executor->workers++;
	int rc = start_thread(work, executor, &thread, true);
	if (rc)
		executor->workers--;
	return rc;
}

/* With the lock: wakes a worker, and has the watchdog see to it that there is one. */
static void rouse(struct executor *executor)
{
	if (executor->idle) {
		(void)pthread_cond_signal(&executor->work);
		if (executor->idle >= executor->queued)
			return;
	}
	if (executor->workers < executor->max && executor->starved_at == NEVER) {
		executor->starved_at = clock_ns() + STARVED_NS;
		executor->starved_taken = executor->taken;
		(void)pthread_cond_signal(&executor->watch);
	}
}

int executor_add(struct executor *executor, struct job *job, struct ndrv_error *err)
{
	(void)pthread_mutex_lock(&executor->lock);
	if (executor->stopping) {
		(void)pthread_mutex_unlock(&executor->lock);
		return ndrv_fail_object(err, NDRV_E_SHUTTING_DOWN, job->op->name);
	}
	job->next = executor->jobs;
	job->previous = NULL;
	if (job->next)
		job->next->previous = job;
	executor->jobs = job;
	executor->job_count++;
	job->next_queued = NULL;
	if (executor->last)
		executor->last->next_queued = job;
	else
		executor->first = job;
	executor->last = job;
	executor->queued++;
	if (job->deadline_ns < executor->next_deadline) {
		executor->next_deadline = job->deadline_ns;
		(void)pthread_cond_signal(&executor->watch);
	}
	rouse(executor);
	(void)pthread_mutex_unlock(&executor->lock);
	return 0;
}

void executor_waits(struct executor *executor, struct job *job, struct network *network)
{
	(void)pthread_mutex_lock(&executor->lock);
	atomic_store(&job->waiting_on, network);
	(void)pthread_mutex_unlock(&executor->lock);
}

void executor_wake(struct executor *executor, struct job *job)
{
	(void)pthread_mutex_lock(&executor->lock);
	atomic_store(&job->waiting_on, NULL);
	job->next_queued = executor->first;
	executor->first = job;
	if (!executor->last)
		executor->last = job;
	executor->queued++;
	rouse(executor);
	(void)pthread_mutex_unlock(&executor->lock);
}

void executor_renew(struct executor *executor, struct job *job, uint64_t deadline_ns)
{
	(void)pthread_mutex_lock(&executor->lock);
	job->deadline_ns = deadline_ns;
	if (deadline_ns < executor->next_deadline) {
		executor->next_deadline = deadline_ns;
		(void)pthread_cond_signal(&executor->watch);
	}
	(void)pthread_mutex_unlock(&executor->lock);
}

void executor_cancel(struct executor *executor, struct job *job)
{
	atomic_store(&job->cancelled, true);
	(void)pthread_mutex_lock(&executor->lock);
	executor->next_deadline = 0;
	(void)pthread_cond_signal(&executor->watch);
	(void)pthread_mutex_unlock(&executor->lock);
}

void executor_remove(struct executor *executor, struct job *job)
{
	(void)pthread_mutex_lock(&executor->lock);
	if (job->previous)
		job->previous->next = job->next;
	else
		executor->jobs = job->next;
	if (job->next)
		job->next->previous = job->previous;
	if (!--executor->job_count)
		(void)pthread_cond_broadcast(&executor->drained);
	(void)pthread_mutex_unlock(&executor->lock);
}

/* With the lock: a chain, by next_over and with references, of the jobs whose time is over; notes the next deadline. */
static struct job *sweep_over(struct executor *executor, uint64_t now)
{
	struct job *chain = NULL;

	for (struct job *job = executor->jobs; job; job = job->next) {
		if (atomic_load(&job->answer) != JOB_OPEN)
			continue;
		if (!atomic_load(&job->cancelled) && job->deadline_ns > now) {
			if (job->deadline_ns < executor->next_deadline)
				executor->next_deadline = job->deadline_ns;
			continue;
		}
		job_ref(job);
		job->next_over = chain;
		chain = job;
	}
	return chain;
}

/* With the lock: the same, by next_refused, of those that wait for the turn of `network`. */
static struct job *sweep_waiting(struct executor *executor, const struct network *network)
{
	struct job *chain = NULL;

	for (struct job *job = executor->jobs; job; job = job->next) {
		if (atomic_load(&job->answer) != JOB_OPEN || atomic_load(&job->waiting_on) != network)
			continue;
		job_ref(job);
		job->next_refused = chain;
		chain = job;
	}
	return chain;
}

/* Takes a job out of the queue of its network's turn and ends it with `why`. */
static void end_waiting(struct executor *executor, struct job *job, const struct network *only, const struct ndrv_error *why)
{
	/* Who waits has a reference to the network; it cannot stop waiting while we have the lock. */
	(void)pthread_mutex_lock(&executor->lock);
	struct network *network = atomic_load(&job->waiting_on);
	if (network && only && network != only)
		network = NULL;
	if (network)
		network_ref(network);
	(void)pthread_mutex_unlock(&executor->lock);
	if (!network)
		return;
	if (turn_withdraw(&network->turn, &job->waiter)) {
		(void)job_expire(job, why);
		job_finish(job);
	}
	network_unref(network);
}

void executor_refuse_waiters(struct executor *executor, struct dispatch *dispatch, const struct network *network)
{
	struct ndrv_error busy = {0};

	(void)job_blocked(dispatch, network, &busy);
	(void)pthread_mutex_lock(&executor->lock);
	struct job *job = sweep_waiting(executor, network);
	(void)pthread_mutex_unlock(&executor->lock);
	while (job) {
		struct job *next = job->next_refused;
		end_waiting(executor, job, network, &busy);
		job_unref(job);
		job = next;
	}
}

/* The network, with a reference, whose turn the job holds inside a driver: it is out of service until the job comes back. NULL: the
 * job holds none, or is about to look at the clock anyway. */
static struct network *mark_stuck(struct job *job)
{
	struct network *network = NULL;

	(void)pthread_mutex_lock(&job->lock);
	if (job->has_turn && atomic_load(&job->call_slot)) {
		network = job->network;
		job->marked_stuck = true;
		atomic_store(&network->stuck, true);
		network_ref(network);
	}
	(void)pthread_mutex_unlock(&job->lock);
	return network;
}

static void expire(struct executor *executor, struct job *job)
{
	if (!job_expire(job, NULL))
		return;
	(void)pthread_mutex_lock(&executor->lock);
	executor->expired++;
	(void)pthread_mutex_unlock(&executor->lock);
	struct network *network = mark_stuck(job);
	if (network) {
		executor_refuse_waiters(executor, job->dispatch, network);
		network_unref(network);
	} else {
		end_waiting(executor, job, NULL, NULL);
	}
}

/* With the lock, which it gives up meanwhile. */
static void expire_all(struct executor *executor)
{
	uint64_t now = clock_ns();

	executor->next_deadline = NEVER;
	struct job *job = sweep_over(executor, now);
	(void)pthread_mutex_unlock(&executor->lock);
	while (job) {
		struct job *next = job->next_over;
		expire(executor, job);
		job_unref(job);
		job = next;
	}
	(void)pthread_mutex_lock(&executor->lock);
}

/* With the lock: workers are all inside drivers, or busy; if the queue has not moved since it was last looked at, add one. */
static void feed_starved(struct executor *executor)
{
	executor->starved_at = NEVER;
	if (!executor->first || executor->idle >= executor->queued)
		return;
	if (executor->workers < executor->max && executor->taken == executor->starved_taken)
		(void)add_worker(executor);
	if (executor->workers < executor->max) {
		executor->starved_at = clock_ns() + STARVED_NS;
		executor->starved_taken = executor->taken;
	}
}

static void *watch(void *data)
{
	struct executor *executor = data;

	(void)pthread_mutex_lock(&executor->lock);
	while (!executor->ending) {
		uint64_t now = clock_ns();
		if (executor->next_deadline <= now)
			expire_all(executor);
		else if (executor->starved_at <= now)
			feed_starved(executor);
		else
			(void)wait_until(&executor->watch, &executor->lock,
					 executor->next_deadline < executor->starved_at ? executor->next_deadline
											: executor->starved_at);
	}
	(void)pthread_mutex_unlock(&executor->lock);
	return NULL;
}

static void init_conds(struct executor *executor)
{
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&executor->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&executor->work, &attr);
	(void)pthread_cond_init(&executor->watch, &attr);
	(void)pthread_cond_init(&executor->drained, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int executor_new(uint32_t workers, uint32_t max_workers, struct executor **ret, struct ndrv_error *err)
{
	struct executor *executor = calloc(1, sizeof(*executor));
	int rc = executor ? 0 : ENOMEM;

	if (rc)
		return ndrv_fail_errno(err, rc, "start the workers");
	init_conds(executor);
	executor->base = workers ? workers : 1;
	executor->max = max_workers > executor->base ? max_workers : executor->base;
	executor->next_deadline = executor->starved_at = NEVER;
	rc = start_thread(watch, executor, &executor->watchdog, false);
	if (rc) {
		executor_free(executor);
		return ndrv_fail_errno(err, rc, "start the watchdog thread");
	}
	(void)pthread_mutex_lock(&executor->lock);
	for (uint32_t i = 0; i < executor->base && !rc; i++)
		rc = add_worker(executor);
	(void)pthread_mutex_unlock(&executor->lock);
	if (rc) {
		(void)executor_stop(executor, 0);
		executor_free(executor);
		return ndrv_fail_errno(err, rc, "start %u worker threads", workers ? workers : 1);
	}
	*ret = executor;
	return 0;
}

bool executor_stop(struct executor *executor, uint64_t deadline_ns)
{
	uint64_t until = deadline_ns ? deadline_ns : NEVER;
	int rc = 0;

	(void)pthread_mutex_lock(&executor->lock);
	executor->stopping = true;
	while (executor->job_count && rc != ETIMEDOUT)
		rc = wait_until(&executor->drained, &executor->lock, until);
	executor->ending = true;
	(void)pthread_cond_broadcast(&executor->work);
	(void)pthread_cond_broadcast(&executor->watch);
	while (executor->workers && (rc != ETIMEDOUT || executor->idle))
		rc = wait_until(&executor->drained, &executor->lock, rc == ETIMEDOUT ? clock_ns() + NSEC_PER_SEC : until);
	bool clean = !executor->workers, join = !executor->joined;
	executor->joined = true;
	(void)pthread_mutex_unlock(&executor->lock);
	if (join)
		(void)pthread_join(executor->watchdog, NULL);
	return clean;
}

void executor_free(struct executor *executor)
{
	(void)pthread_cond_destroy(&executor->work);
	(void)pthread_cond_destroy(&executor->watch);
	(void)pthread_cond_destroy(&executor->drained);
	(void)pthread_mutex_destroy(&executor->lock);
	free(executor);
}

bool executor_is_worker(void)
{
	return is_worker;
}

void executor_lend(struct executor *executor, int more)
{
	(void)pthread_mutex_lock(&executor->lock);
	executor->base += (uint32_t)more;
	executor->max += (uint32_t)more;
	if (more > 0 && executor->workers < executor->base)
		(void)add_worker(executor);
	(void)pthread_mutex_unlock(&executor->lock);
}

void executor_stats(struct executor *executor, struct executor_stats *ret)
{
	(void)pthread_mutex_lock(&executor->lock);
	*ret = (struct executor_stats){
		.workers = executor->workers,
		.idle = executor->idle,
		.queued = executor->queued,
		.jobs = executor->job_count,
		.expired = executor->expired,
	};
	for (struct job *job = executor->jobs; job; job = job->next) {
		ret->waiting += atomic_load(&job->waiting_on) != NULL;
		ret->late += job_late(job);
	}
	(void)pthread_mutex_unlock(&executor->lock);
}

void executor_each(struct executor *executor, void (*each)(struct job *job, void *data), void *data)
{
	(void)pthread_mutex_lock(&executor->lock);
	for (struct job *job = executor->jobs; job; job = job->next)
		each(job, data);
	(void)pthread_mutex_unlock(&executor->lock);
}
