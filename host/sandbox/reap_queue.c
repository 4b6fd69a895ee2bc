/* SPDX-License-Identifier: Apache-2.0 */
/* The dying links, and the thread that sees them off. */
#include "host/sandbox/reap_queue.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/base/clock.h"
#include "host/sandbox/hostns.h"

#define ROUND_MAX 128u	      /* links of one round: what becomes urgent waits for no more than these */
#define HURRIED_ROUND_MAX 32u /* while somebody waits */
#define TRIES 5u
#define RETRY_NS (100 * NSEC_PER_MSEC)
#define DRAIN_NS (2 * NSEC_PER_SEC) /* at the end; what is left then the next start finds */
#define MARK_YIELD_NS (2 * NSEC_PER_MSEC)
#define MARK_YIELDS_NS (250 * NSEC_PER_MSEC) /* of one call in all: somebody waits for that, too */
#define LOOK_NS (NSEC_PER_MSEC / 5)

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC)};
}

struct reaper *reaper_new(struct hostns *hostns)
{
	struct reaper *reaper = calloc(1, sizeof(*reaper));
	pthread_condattr_t attr;

	if (!reaper)
		return NULL;
	reaper->hostns = hostns;
	(void)pthread_mutex_init(&reaper->lock, NULL);
	(void)pthread_mutex_init(&reaper->pace, NULL);
	(void)pthread_mutex_init(&reaper->queue_lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&reaper->freed, &attr);
	(void)pthread_cond_init(&reaper->work, &attr);
	(void)pthread_cond_init(&reaper->done, &attr);
	(void)pthread_condattr_destroy(&attr);
	return reaper;
}

void reaper_free(struct reaper *reaper)
{
	if (!reaper)
		return;
	reaper_stop(reaper);
	(void)pthread_cond_destroy(&reaper->done);
	(void)pthread_cond_destroy(&reaper->work);
	(void)pthread_cond_destroy(&reaper->freed);
	(void)pthread_mutex_destroy(&reaper->queue_lock);
	(void)pthread_mutex_destroy(&reaper->pace);
	(void)pthread_mutex_destroy(&reaper->lock);
	free(reaper->dying);
	free(reaper);
}

void reaper_set(struct reaper *reaper, uint32_t first_group, uint32_t group_count, uint32_t workers)
{
	uint32_t count = group_count ? group_count - 1 : 0;

	reaper->waiting = group_count ? first_group : 0;
	reaper->first = first_group + 1;
	reaper->count = count < REAPER_WORKERS_MAX ? count : REAPER_WORKERS_MAX;
	reaper->workers = workers < 1 ? 1 : workers > REAPER_WORKERS_MAX ? REAPER_WORKERS_MAX : workers;
}

/* --- the queue, under its lock --- */

static struct dying *find(const struct reaper *reaper, uint32_t index)
{
	for (uint32_t i = 0; i < reaper->dying_count; i++)
		if (reaper->dying[i].index == index)
			return &reaper->dying[i];
	return NULL;
}

static bool has_port(const struct reaper *reaper, uint32_t index)
{
	for (uint32_t i = 0; i < reaper->dying_count; i++)
		if (reaper->dying[i].master == index)
			return true;
	return false;
}

static int make_room(struct reaper *reaper, uint32_t more)
{
	uint32_t room = reaper->dying_count + more;

	if (room <= reaper->room)
		return 0;
	room += room / 2 + 64;
	struct dying *grown = realloc(reaper->dying, room * sizeof(*grown));
	if (!grown)
		return -1;
	reaper->dying = grown;
	reaper->room = room;
	return 0;
}

/* 1, or 0: it is there. There is room. */
static int add(struct reaper *reaper, const struct dying *dying)
{
	if (find(reaper, dying->index))
		return 0;
	reaper->dying[reaper->dying_count] = *dying;
	atomic_store(&reaper->dying_count, reaper->dying_count + 1);
	return 1;
}

/* The oldest first, but for what somebody waits for; a bridge once it has no port left here, for its deletion takes each of them
 * off it with the kernel's lock held all along. */
static uint32_t pick(struct reaper *reaper, uint32_t *indexes)
{
	bool hurry = atomic_load(&reaper->hurry) != 0;
	uint32_t count = 0, most = hurry ? HURRIED_ROUND_MAX : ROUND_MAX;

	for (int urgent = hurry; urgent >= 0 && !count; urgent--)
		for (uint32_t i = 0; i < reaper->dying_count && count < most; i++) {
			struct dying *dying = &reaper->dying[i];

			if (dying->at_work || dying->urgent != (urgent == 1) || has_port(reaper, dying->index))
				continue;
			dying->at_work = true;
			indexes[count++] = dying->index;
		}
	return count;
}

/* `left`: those that are there still. One that cannot be deleted stays as it is, for the next start or a pruning. */
static bool settle(struct reaper *reaper, const uint32_t *left, uint32_t left_count)
{
	uint32_t kept = 0;
	bool failed = false;

	for (uint32_t i = 0; i < reaper->dying_count; i++) {
		struct dying dying = reaper->dying[i];

		if (dying.at_work) {
			uint32_t at = 0;
			while (at < left_count && left[at] != dying.index)
				at++;
			if (at == left_count || ++dying.tries == TRIES)
				continue;
			dying.at_work = false;
			failed = true;
		}
		reaper->dying[kept++] = dying;
	}
	atomic_store(&reaper->dying_count, kept);
	return failed;
}

/* --- the thread --- */

/* Deletes what is dying of `indexes`, and leaves what is there afterwards. */
static void delete_round(struct reaper *reaper, uint32_t *indexes, uint32_t *count)
{
	struct ndrv_nl *nl;

	if (hostns_nl_take(reaper->hostns, NULL, &nl, NULL))
		return;
	if (!dying_check(nl, reaper->waiting, indexes, count, NULL) && *count) {
		(void)reaper_delete_now(reaper, NULL, indexes, *count, true, NULL);
		(void)dying_check(nl, reaper->waiting, indexes, count, NULL);
	}
	hostns_nl_give(reaper->hostns, nl);
}

static void pause_for(struct reaper *reaper, uint64_t ns)
{
	struct timespec until = timespec_of(clock_ns() + ns);

	if (!atomic_load(&reaper->stopping))
		(void)pthread_cond_timedwait(&reaper->work, &reaper->queue_lock, &until);
}

static void *see_off(void *data)
{
	struct reaper *reaper = data;
	uint64_t until = 0;

	(void)pthread_mutex_lock(&reaper->queue_lock);
	for (;;) {
		uint32_t indexes[ROUND_MAX], count;
		bool stopping = atomic_load(&reaper->stopping);

		if (stopping && !until)
			until = clock_ns() + DRAIN_NS;
		if (stopping && (!reaper->dying_count || clock_ns() >= until))
			break;
		count = reaper->marking && !atomic_load(&reaper->hurry) && !stopping ? 0 : pick(reaper, indexes);
		if (!count) {
			(void)pthread_cond_wait(&reaper->work, &reaper->queue_lock);
			continue;
		}
		(void)pthread_mutex_unlock(&reaper->queue_lock);
		delete_round(reaper, indexes, &count);
		(void)pthread_mutex_lock(&reaper->queue_lock);
		bool failed = settle(reaper, indexes, count);
		(void)pthread_cond_broadcast(&reaper->done);
		if (failed)
			pause_for(reaper, RETRY_NS);
	}
	(void)pthread_mutex_unlock(&reaper->queue_lock);
	return NULL;
}

void reaper_stop(struct reaper *reaper)
{
	(void)pthread_mutex_lock(&reaper->queue_lock);
	atomic_store(&reaper->stopping, true);
	(void)pthread_cond_broadcast(&reaper->work);
	bool has_thread = reaper->has_thread;
	reaper->has_thread = false;
	(void)pthread_mutex_unlock(&reaper->queue_lock);
	if (has_thread)
		(void)pthread_join(reaper->thread, NULL);
}

/* Under the queue's lock. False: there is none, and nothing may be left to it. */
static bool have_thread(struct reaper *reaper)
{
	if (!reaper->has_thread && !atomic_load(&reaper->stopping))
		reaper->has_thread = pthread_create(&reaper->thread, NULL, see_off, reaper) == 0;
	return reaper->has_thread;
}

/* --- what comes in --- */

/* Room and a thread are sure before anything is marked. */
static bool prepare(struct reaper *reaper, uint32_t more)
{
	(void)pthread_mutex_lock(&reaper->queue_lock);
	bool ready = !make_room(reaper, more) && have_thread(reaper);
	(void)pthread_mutex_unlock(&reaper->queue_lock);
	return ready;
}

static void put(struct reaper *reaper, const struct dying *dying, uint32_t count)
{
	(void)pthread_mutex_lock(&reaper->queue_lock);
	for (uint32_t i = 0; i < count && !make_room(reaper, 1); i++)
		(void)add(reaper, &dying[i]);
	(void)pthread_cond_broadcast(&reaper->work);
	(void)pthread_mutex_unlock(&reaper->queue_lock);
}

/* Less what it waited is left of `budget`. */
static void let_others_by(const struct reaper *reaper, uint64_t *budget)
{
	struct timespec look = timespec_of(LOOK_NS);
	uint64_t start = clock_ns(), most = *budget < MARK_YIELD_NS ? *budget : MARK_YIELD_NS, waited = 0;

	while (waited < most && hostns_has_sandboxes(reaper->hostns)) {
		(void)nanosleep(&look, NULL);
		waited = clock_ns() - start;
	}
	*budget -= waited < *budget ? waited : *budget;
}

/* The thread waits meanwhile: it would take the kernel's lock from the marks that are yet to come, and somebody waits for those. */
static void set_marking(struct reaper *reaper, bool on)
{
	(void)pthread_mutex_lock(&reaper->queue_lock);
	reaper->marking += on ? 1 : UINT32_MAX;
	(void)pthread_cond_broadcast(&reaper->work);
	(void)pthread_mutex_unlock(&reaper->queue_lock);
}

/* Marks what may be marked; the rest is to be deleted. */
static int retire(struct reaper *reaper, const struct ndrv_call *call, const uint32_t *indexes, uint32_t count, uint32_t *rest,
		  uint32_t *rest_count, struct ndrv_error *err)
{
	uint64_t budget = MARK_YIELDS_NS;
	struct ndrv_nl *nl;
	int rc = hostns_nl_take(reaper->hostns, call, &nl, err);

	*rest_count = 0;
	if (rc)
		return rc;
	set_marking(reaper, true);
	for (uint32_t at = 0; at < count && !rc; at += DYING_MARK_MAX) {
		struct dying_marks marks;
		uint32_t left = count - at;

		if (at)
			let_others_by(reaper, &budget);
		rc = dying_mark(nl, reaper->waiting, indexes + at, left < DYING_MARK_MAX ? left : DYING_MARK_MAX, &marks, err);
		if (rc)
			break;
		put(reaper, marks.ret, marks.count);
		memcpy(rest + *rest_count, marks.rest, marks.rest_count * sizeof(*rest));
		*rest_count += marks.rest_count;
	}
	set_marking(reaper, false);
	hostns_nl_give(reaper->hostns, nl);
	return rc;
}

static int retire_or_delete(struct reaper *reaper, const struct ndrv_call *call, const uint32_t *indexes, uint32_t count,
			    struct ndrv_error *err)
{
	uint32_t *rest = malloc(count * sizeof(*rest)), rest_count = 0;

	if (!rest)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	int rc = retire(reaper, call, indexes, count, rest, &rest_count, err);
	if (!rc && rest_count)
		rc = reaper_delete_now(reaper, call, rest, rest_count, false, err);
	free(rest);
	return rc;
}

int reaper_delete_links(void *data, const struct ndrv_call *call, const uint32_t *indexes, uint32_t count, struct ndrv_error *err)
{
	struct reaper *reaper = data;
	bool retires = call && (call->flags & NDRV_CALL_RETIRE);

	if (!reaper->count)
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "no link groups are kept for deletions");
	if (!count)
		return 0;
	if (retires && prepare(reaper, count))
		return retire_or_delete(reaper, call, indexes, count, err);
	if (count == 1)
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "a single link is deleted by itself");
	return reaper_delete_now(reaper, call, indexes, count, false, err);
}

int reaper_adopt(struct reaper *reaper, const struct ndrv_link *link, bool dry_run)
{
	struct dying dying = {.index = link->index, .master = link->master, .netnsid = link->netnsid};
	int added = 0;

	if (!reaper->waiting || !dying_is(link, reaper->waiting))
		return -1;
	(void)pthread_mutex_lock(&reaper->queue_lock);
	if (dry_run)
		added = !find(reaper, link->index);
	else if (!make_room(reaper, 1) && have_thread(reaper))
		added = add(reaper, &dying);
	(void)pthread_cond_broadcast(&reaper->work);
	(void)pthread_mutex_unlock(&reaper->queue_lock);
	return added;
}

uint32_t reaper_dying(const struct reaper *reaper)
{
	return atomic_load(&reaper->dying_count);
}

/* --- waiting --- */

static bool mark_urgent(struct reaper *reaper, int32_t netnsid)
{
	bool any = false;

	for (uint32_t i = 0; i < reaper->dying_count; i++)
		if (reaper->dying[i].netnsid == netnsid)
			any = reaper->dying[i].urgent = true;
	return any;
}

static int wait_for(struct reaper *reaper, int32_t netnsid, uint64_t deadline_ns, struct ndrv_error *err)
{
	struct timespec until = timespec_of(deadline_ns);
	bool any;
	int rc = 0;

	(void)atomic_fetch_add(&reaper->hurry, 1);
	(void)pthread_mutex_lock(&reaper->queue_lock);
	while ((any = mark_urgent(reaper, netnsid)) && rc == 0)
		rc = pthread_cond_timedwait(&reaper->done, &reaper->queue_lock, &until);
	(void)pthread_mutex_unlock(&reaper->queue_lock);
	(void)atomic_fetch_sub(&reaper->hurry, 1);
	if (!any)
		return 0;
	return ndrv_fail(err, NDRV_E_TIMEOUT,
			 "the call's deadline passed while the sandbox's former interfaces were being deleted");
}

int reaper_wait(struct reaper *reaper, int netns_fd, const struct ndrv_call *call, struct ndrv_error *err)
{
	uint64_t deadline = call && call->deadline_ns ? call->deadline_ns : clock_ns() + REAPER_WAIT_NS;
	struct ndrv_nl *nl;
	int32_t netnsid = -1;

	if (!reaper_dying(reaper))
		return 0;
	int rc = hostns_nl_take(reaper->hostns, call, &nl, err);
	if (rc)
		return rc;
	rc = dying_netnsid(nl, netns_fd, &netnsid, err);
	hostns_nl_give(reaper->hostns, nl);
	return rc || netnsid < 0 ? rc : wait_for(reaper, netnsid, deadline, err);
}
