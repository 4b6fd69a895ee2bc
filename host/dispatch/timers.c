/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/timers.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/dispatch/steps.h"

#define RETRY_MS 50
#define TRIGGERS_MAX 4096u
#define EVERY_MIN_NS NSEC_PER_MSEC

/* A timer or a watch; drivers hold it as struct ndrv_timer or struct ndrv_watch. */
struct trigger {
	struct timers *timers;
	struct trigger *next;
	const struct generation *generation;
	struct network *network; /* with a reference; NULL: of the driver */
	void *data;
	uint64_t due_ns, every_ns;
	void (*fire_timer)(struct ndrv_call *call, struct ndrv_network *network, void *data);
	void (*fire_watch)(struct ndrv_call *call, struct ndrv_network *network, int fd, uint32_t revents, void *data);
	int fd; /* -1: a timer */
	uint32_t events, revents;
	bool busy; /* its job is on the way */
	bool dead; /* deleted; freed once it is not busy */
};

struct timers {
	struct ndrv_timers_ops ops; /* first: host->timers leads here */
	struct dispatch *dispatch;
	pthread_mutex_t lock;
	pthread_cond_t idle; /* a job ended */
	struct trigger *triggers;
	uint32_t count, busy;
	int wake_fd;
	bool stopping, running;
	pthread_t thread;
};

static struct timers *timers_of(const struct ndrv_host *host)
{
	return (struct timers *)(uintptr_t)host->timers;
}

void timers_wake(struct timers *timers)
{
	uint64_t one = 1;

	if (write(timers->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake already */
}

/* --- adding and deleting --- */

static int add(const struct ndrv_host *host, struct ndrv_network *network, const struct trigger *model, struct trigger **ret,
	       struct ndrv_error *err)
{
	struct timers *timers = timers_of(host);
	struct trigger *trigger = malloc(sizeof(*trigger));

	if (!trigger)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	*trigger = *model;
	trigger->timers = timers;
	trigger->generation = generation_of(host);
	trigger->network = network ? (struct network *)(void *)((char *)network - offsetof(struct network, view)) : NULL;
	(void)pthread_mutex_lock(&timers->lock);
	bool full = timers->count >= TRIGGERS_MAX || timers->stopping;
	if (!full) {
		if (trigger->network)
			network_ref(trigger->network);
		trigger->next = timers->triggers;
		timers->triggers = trigger;
		timers->count++;
	}
	(void)pthread_mutex_unlock(&timers->lock);
	if (full) {
		free(trigger);
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "no more than %u timers and watches are served", TRIGGERS_MAX);
	}
	timers_wake(timers);
	*ret = trigger;
	return 0;
}

/* With the lock: takes those out that are dead and not on the way; the caller frees the chain without the lock. */
static struct trigger *collect(struct timers *timers)
{
	struct trigger *chain = NULL;

	for (struct trigger **at = &timers->triggers; *at;) {
		struct trigger *trigger = *at;
		if (!trigger->dead || trigger->busy) {
			at = &trigger->next;
			continue;
		}
		*at = trigger->next;
		timers->count--;
		trigger->next = chain;
		chain = trigger;
	}
	return chain;
}

static void free_chain(struct trigger *chain)
{
	while (chain) {
		struct trigger *next = chain->next;
		if (chain->network)
			network_unref(chain->network);
		free(chain);
		chain = next;
	}
}

/* With the lock, which it gives up. */
static void unlock_without_dead(struct timers *timers)
{
	struct trigger *chain = collect(timers);
	(void)pthread_mutex_unlock(&timers->lock);
	free_chain(chain);
	timers_wake(timers);
}

/* A driver may delete what the host has dropped already (at a swap, or with the network): then it is not in the list any more. */
static void del(const struct ndrv_host *host, const void *timer_or_watch)
{
	struct timers *timers = timers_of(host);

	(void)pthread_mutex_lock(&timers->lock);
	for (struct trigger *at = timers->triggers; at; at = at->next)
		if (at == timer_or_watch && at->generation == generation_of(host))
			at->dead = true;
	unlock_without_dead(timers);
}

void timers_drop(struct timers *timers, const struct ndrv_network *network, const struct generation *generation, bool own_too)
{
	(void)pthread_mutex_lock(&timers->lock);
	for (struct trigger *at = timers->triggers; at; at = at->next)
		if ((network && at->network && &at->network->view == network) ||
		    (generation && at->generation == generation && (own_too || at->network)))
			at->dead = true;
	unlock_without_dead(timers);
}

/* Of a generation that does not serve (yet), or whose driver is being swapped. */
static bool is_held(const struct trigger *trigger)
{
	return atomic_load(&trigger->generation->held) || atomic_load(&trigger->generation->state) == GENERATION_PENDING;
}

/* With the lock. */
static bool is_busy(const struct timers *timers, const struct generation *generation)
{
	for (const struct trigger *at = timers->triggers; at; at = at->next)
		if (at->busy && at->generation == generation)
			return true;
	return false;
}

bool timers_wait(struct timers *timers, const struct generation *generation, uint64_t deadline_ns)
{
	struct timespec until = {.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC), .tv_nsec = (long)(deadline_ns % NSEC_PER_SEC)};
	int rc = 0;

	(void)pthread_mutex_lock(&timers->lock);
	while (is_busy(timers, generation) && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&timers->idle, &timers->lock, &until);
	bool quiet = !is_busy(timers, generation);
	(void)pthread_mutex_unlock(&timers->lock);
	return quiet;
}

static int timer_add(const struct ndrv_host *host, struct ndrv_network *network, uint64_t after_ns, uint64_t every_ns,
		     void (*fire)(struct ndrv_call *call, struct ndrv_network *network, void *data), void *data,
		     struct ndrv_timer **ret, struct ndrv_error *err)
{
	struct trigger *trigger = NULL;
	uint64_t every = every_ns && every_ns < EVERY_MIN_NS ? EVERY_MIN_NS : every_ns;
	struct trigger model = {.due_ns = clock_ns() + after_ns, .every_ns = every, .fire_timer = fire, .data = data, .fd = -1};

	if (!fire)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a timer needs a function");
	int rc = add(host, network, &model, &trigger, err);
	if (!rc && ret)
		*ret = (struct ndrv_timer *)trigger;
	return rc;
}

static void timer_del(const struct ndrv_host *host, struct ndrv_timer *timer)
{
	del(host, timer);
}

static int watch_add(const struct ndrv_host *host, struct ndrv_network *network, int fd, uint32_t poll_events,
		     void (*fire)(struct ndrv_call *call, struct ndrv_network *network, int fd, uint32_t revents, void *data),
		     void *data, struct ndrv_watch **ret, struct ndrv_error *err)
{
	struct trigger *trigger = NULL;
	struct trigger model = {.due_ns = UINT64_MAX, .fire_watch = fire, .data = data, .fd = fd, .events = poll_events};

	if (!fire || fd < 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a watch needs a file descriptor and a function");
	int rc = add(host, network, &model, &trigger, err);
	if (!rc && ret)
		*ret = (struct ndrv_watch *)trigger;
	return rc;
}

static void watch_del(const struct ndrv_host *host, struct ndrv_watch *watch)
{
	del(host, watch);
}

/* --- firing --- */

static bool is_dead(struct trigger *trigger)
{
	(void)pthread_mutex_lock(&trigger->timers->lock);
	bool dead = trigger->dead;
	(void)pthread_mutex_unlock(&trigger->timers->lock);
	return dead;
}

/* Who serves the trigger's network, or its driver; NULL: it belongs to a generation that does not serve any more. */
static struct instance *instance_for(const struct trigger *trigger)
{
	struct instance *instance = trigger->network ? trigger->network->instance : trigger->generation->instances;

	return instance && instance->generation == trigger->generation ? instance : NULL;
}

static int call_trigger(struct job *job, struct trigger *trigger)
{
	struct instance *instance = instance_for(trigger);
	struct ndrv_network *network = trigger->network ? &trigger->network->view : NULL;
	struct ndrv_error *err = &job->reply.error;
	struct driver_call call;

	if (!instance || is_dead(trigger))
		return 0;
	int rc = call_begin(&call, job, instance, SLOT_TIMER, trigger->network, 0, err);
	if (rc)
		return rc;
	if (trigger->fd < 0)
		trigger->fire_timer(&call.ndrv, network, trigger->data);
	else
		trigger->fire_watch(&call.ndrv, network, trigger->fd, trigger->revents, trigger->data);
	return call_end(&call, 0, err);
}

static int run_trigger(struct job *job)
{
	struct trigger *trigger = job->own_data;
	struct turn *turn = (struct turn *)(uintptr_t)&trigger->generation->turn;
	struct ndrv_error *err = &job->reply.error;

	if (trigger->network && !job->has_turn) {
		network_ref(trigger->network);
		int rc = job_take_turn(job, trigger->network, err);
		if (rc != 1)
			return rc == 0 ? JOB_WAITS : rc;
	}
	if (trigger->network) {
		trigger->network->changes++;
		return atomic_load(&trigger->network->gone) ? 0 : call_trigger(job, trigger);
	}
	/* One at a time per driver; where the driver wants that for all its calls, the call itself sees to it. */
	bool serial = trigger->generation->threading == NDRV_THREADS_DRIVER;
	if (!serial && !turn_wait(turn, job->deadline_ns))
		return ndrv_fail_object(err, NDRV_E_TIMEOUT, "timer");
	int rc = call_trigger(job, trigger);
	if (!serial)
		turn_pass(turn);
	return rc;
}

/* After the callback, or instead of it. */
static void trigger_done(struct job *job)
{
	struct trigger *trigger = job->own_data;
	struct timers *timers = trigger->timers;

	(void)pthread_mutex_lock(&timers->lock);
	trigger->busy = false;
	timers->busy--;
	if (trigger->fd < 0 && !trigger->every_ns)
		trigger->dead = true;
	(void)pthread_cond_broadcast(&timers->idle);
	unlock_without_dead(timers);
}

static const struct op timer_op = {
	.op = REQ_COUNT,
	.name = "timer",
	.slot = OP_NO_SLOT,
	.run = run_trigger,
};

/* With the lock. */
static void start(struct timers *timers, struct trigger *trigger)
{
	struct job *job = job_new_own(timers->dispatch, NULL);
	struct ndrv_error err = {0};

	if (!job)
		return;
	job->op = &timer_op;
	job->own_data = trigger;
	job->own_done = trigger_done;
	trigger->busy = true;
	timers->busy++;
	if (!executor_add(timers->dispatch->executor, job, &err))
		return;
	trigger->busy = false;
	trigger->dead = true;
	timers->busy--;
	job_unref(job);
}

/* With the lock: what is due goes on its way. Returns when the next one is. */
static uint64_t start_due(struct timers *timers)
{
	uint64_t now = clock_ns(), next = UINT64_MAX;

	for (struct trigger *at = timers->triggers; at; at = at->next) {
		if (at->dead || at->busy || at->fd >= 0 || is_held(at))
			continue;
		if (at->due_ns <= now) {
			/* Missed ticks are not made up for. */
			at->due_ns = at->every_ns ? now + at->every_ns : UINT64_MAX;
			start(timers, at);
		} else if (at->due_ns < next) {
			next = at->due_ns;
		}
	}
	return next;
}

struct polled {
	struct pollfd *fds;
	struct trigger **triggers;
	nfds_t count, room;
};

static bool make_room(struct polled *polled, size_t wanted)
{
	if (polled->fds && polled->triggers && polled->room >= wanted)
		return true;
	struct pollfd *fds = realloc(polled->fds, wanted * sizeof(*fds));
	if (fds)
		polled->fds = fds;
	struct trigger **triggers = realloc(polled->triggers, wanted * sizeof(struct trigger *));
	if (triggers)
		polled->triggers = triggers;
	if (fds && triggers)
		polled->room = wanted;
	return fds && triggers;
}

/* With the lock. */
static void list_watches(struct timers *timers, struct polled *polled)
{
	polled->count = 0;
	if (!make_room(polled, timers->count + 1))
		return;
	polled->fds[polled->count++] = (struct pollfd){.fd = timers->wake_fd, .events = POLLIN};
	for (struct trigger *at = timers->triggers; at; at = at->next) {
		if (at->fd < 0 || at->dead || at->busy || is_held(at))
			continue;
		polled->triggers[polled->count] = at;
		polled->fds[polled->count++] = (struct pollfd){.fd = at->fd, .events = (short)at->events};
	}
}

/* With the lock: those of the list that are ready and still there. */
static void start_ready(struct timers *timers, struct polled *polled)
{
	for (nfds_t i = 1; i < polled->count; i++) {
		struct trigger *at = timers->triggers;
		while (at && at != polled->triggers[i])
			at = at->next;
		if (!polled->fds[i].revents || !at || at->dead || at->busy || at->fd != polled->fds[i].fd)
			continue;
		at->revents = (uint32_t)polled->fds[i].revents;
		start(timers, at);
	}
}

/* Without memory for the list only the end is listened for, and the list tried again soon. */
static int await(const struct timers *timers, const struct polled *polled, uint64_t next_ns)
{
	struct pollfd alone = {.fd = timers->wake_fd, .events = POLLIN};
	uint64_t now = clock_ns(), most = polled->count ? 60000 : RETRY_MS;
	uint64_t ms = next_ns <= now ? 0 : (next_ns - now) / NSEC_PER_MSEC + 1;
	int limit = polled->count && next_ns == UINT64_MAX ? -1 : (int)(ms < most ? ms : most);
	return poll(polled->count ? polled->fds : &alone, polled->count ? polled->count : 1, limit);
}

static void *serve(void *data)
{
	struct timers *timers = data;
	struct polled polled = {0};

	(void)pthread_mutex_lock(&timers->lock);
	while (!timers->stopping) {
		uint64_t next = start_due(timers);
		list_watches(timers, &polled);
		(void)pthread_mutex_unlock(&timers->lock);
		int ready = await(timers, &polled, next);
		uint64_t drop;
		if (ready > 0 && read(timers->wake_fd, &drop, sizeof(drop)) < 0)
			drop = 0;
		(void)pthread_mutex_lock(&timers->lock);
		if (ready > 0 && !timers->stopping)
			start_ready(timers, &polled);
	}
	(void)pthread_mutex_unlock(&timers->lock);
	free(polled.fds);
	free(polled.triggers);
	return NULL;
}

/* --- life --- */

int timers_new(struct timers **ret, struct ndrv_error *err)
{
	struct timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return ndrv_fail_errno(err, ENOMEM, "make the timer service");
	timers->ops = (struct ndrv_timers_ops){
		.size = sizeof(timers->ops),
		.timer_add = timer_add,
		.timer_del = timer_del,
		.watch_add = watch_add,
		.watch_del = watch_del,
	};
	timers->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (timers->wake_fd < 0) {
		int saved = errno;
		free(timers);
		return ndrv_fail_errno(err, saved, "make the timer service");
	}
	(void)pthread_mutex_init(&timers->lock, NULL);
	pthread_condattr_t attr;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&timers->idle, &attr);
	(void)pthread_condattr_destroy(&attr);
	*ret = timers;
	return 0;
}

const struct ndrv_timers_ops *timers_ops(struct timers *timers)
{
	return &timers->ops;
}

void timers_attach(struct timers *timers, struct dispatch *dispatch)
{
	timers->dispatch = dispatch;
	timers->running = pthread_create(&timers->thread, NULL, serve, timers) == 0;
	if (!timers->running)
		log_error("dispatch", "no thread for the drivers' timers: they will not fire");
}

void timers_stop(struct timers *timers)
{
	(void)pthread_mutex_lock(&timers->lock);
	timers->stopping = true;
	for (struct trigger *at = timers->triggers; at; at = at->next)
		at->dead = true;
	(void)pthread_mutex_unlock(&timers->lock);
	timers_wake(timers);
	if (timers->running)
		(void)pthread_join(timers->thread, NULL);
	timers->running = false;
}

void timers_free(struct timers *timers)
{
	(void)pthread_mutex_lock(&timers->lock);
	struct trigger *chain = collect(timers);
	bool stuck = timers->busy > 0;
	(void)pthread_mutex_unlock(&timers->lock);
	free_chain(chain);
	if (stuck)
		return; /* a callback that never came back still has it */
	(void)close(timers->wake_fd);
	(void)pthread_cond_destroy(&timers->idle);
	(void)pthread_mutex_destroy(&timers->lock);
	free(timers);
}
