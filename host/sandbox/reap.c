/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/reap.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/base/clock.h"
#include "host/sandbox/dying.h"
#include "host/sandbox/hostns.h"
#include "host/sandbox/reap_queue.h"

#define SLICE 4u			/* links in one deletion: about a millisecond of the kernel's lock */
#define PACE_NS (5 * NSEC_PER_MSEC / 2) /* from one to the next, over all threads: in between others get the lock */

#define YIELD_NS (4 * NSEC_PER_MSEC)
#define CALM_SLICE 2u
#define CALM_PACE_NS (5 * NSEC_PER_MSEC)
#define CALM_YIELD_NS (20 * NSEC_PER_MSEC)
#define LOOK_NS (NSEC_PER_MSEC / 5)

/* One call of reaper_delete_links(), worked at by several threads. */
struct reaping {
	struct reaper *reaper;
	struct ndrv_call call;
	const uint32_t *indexes;
	uint32_t count, slice;
	bool calm;	  /* nobody waits for the end */
	atomic_uint next; /* first index nobody has taken */
	pthread_mutex_t lock;
	int rc; /* the first failure */
	struct ndrv_error *err;
};

struct worker {
	struct reaping *reaping;
	pthread_t thread;
	uint32_t group; /* 0: none is free of strangers; one by one */
	bool started;
};

/* --- groups --- */

/* As many as there are workers, if they are free, else what is there; waits until one is. 0: not before the deadline. */
static uint32_t take_groups(struct reaper *reaper, uint64_t deadline_ns)
{
	uint32_t all = (1u << reaper->count) - 1, mine = 0;
	struct timespec until = {.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC), .tv_nsec = (long)(deadline_ns % NSEC_PER_SEC)};
	int rc = 0;

	(void)pthread_mutex_lock(&reaper->lock);
	while (reaper->busy == all && rc == 0)
		rc = deadline_ns ? pthread_cond_timedwait(&reaper->freed, &reaper->lock, &until)
				 : pthread_cond_wait(&reaper->freed, &reaper->lock);
	for (uint32_t i = 0, taken = 0; i < reaper->count && taken < reaper->workers; i++) {
		if (reaper->busy & (1u << i))
			continue;
		mine |= 1u << i;
		taken++;
	}
	reaper->busy |= mine;
	(void)pthread_mutex_unlock(&reaper->lock);
	return mine;
}

static void give_groups(struct reaper *reaper, uint32_t groups)
{
	(void)pthread_mutex_lock(&reaper->lock);
	reaper->busy &= ~groups;
	(void)pthread_cond_broadcast(&reaper->freed);
	(void)pthread_mutex_unlock(&reaper->lock);
}

static bool is_listed(const struct reaping *reaping, uint32_t index)
{
	for (uint32_t i = 0; i < reaping->count; i++)
		if (reaping->indexes[i] == index)
			return true;
	return false;
}

struct strangers {
	const struct reaping *reaping;
	uint32_t groups; /* bits */
};

/* A list that starts over is no reason to forget what was seen. */
static void look_at_group(const struct nlmsghdr *reply, void *data)
{
	struct strangers *strangers = data;
	const struct reaper *reaper = strangers->reaping->reaper;
	struct ndrv_link link;

	if (!reply || ndrv_link_parse(reply, &link))
		return;
	uint32_t at = link.group - reaper->first;
	if (at < reaper->count && !is_listed(strangers->reaping, link.index))
		strangers->groups |= 1u << at;
}

/* Bits of groups that have a member which is not to be deleted. */
static int find_strangers(const struct reaping *reaping, uint32_t *ret, struct ndrv_error *err)
{
	struct hostns *hostns = reaping->reaper->hostns;
	struct strangers strangers = {.reaping = reaping};
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_DUMP);
	struct ndrv_nl *nl;

	if (msg &&
	    (nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) || nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	int rc = hostns_nl_take(hostns, &reaping->call, &nl, err);
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	rc = ndrv_nl_dump(nl, msg, look_at_group, &strangers, err);
	hostns_nl_give(hostns, nl);
	*ret = strangers.groups;
	/* Links that come and go kept interrupting it: those that stay were seen, again and again. */
	if (rc != -NDRV_E_RETRY)
		return rc;
	ndrv_error_clear(err);
	return 0;
}

/* --- slices --- */

static void note(struct reaping *reaping, int rc, const struct ndrv_error *err)
{
	(void)pthread_mutex_lock(&reaping->lock);
	if (!reaping->rc) {
		reaping->rc = rc;
		if (reaping->err)
			*reaping->err = *err;
	}
	(void)pthread_mutex_unlock(&reaping->lock);
}

/* Whatever goes wrong with the group, the links are then deleted one by one: only what that says counts. */
static void delete_slice(struct reaping *reaping, struct ndrv_nl *nl, uint32_t group, const uint32_t *indexes, uint32_t count)
{
	if (group && !dying_delete(nl, group, indexes, count))
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct ndrv_error err = {0};
		int rc = ndrv_link_delete(nl, NULL, indexes[i], &err);
		if (rc)
			note(reaping, rc, &err);
	}
}

static void sleep_ns(uint64_t ns)
{
	(void)nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC)}, NULL);
}

/* One after the other: waits for its time, then a little for calls that are at work in a sandbox, as each of those needs the
 * kernel's lock several times. */
static void keep_pace(const struct reaping *reaping)
{
	struct reaper *reaper = reaping->reaper;
	uint64_t yield_ns = reaping->calm ? CALM_YIELD_NS : YIELD_NS;

	if (atomic_load(&reaper->stopping))
		return;
	(void)pthread_mutex_lock(&reaper->pace);
	uint64_t now = clock_ns();
	if (reaper->next_slice > now)
		sleep_ns(reaper->next_slice - now);
	for (uint64_t waited = 0; waited < yield_ns && hostns_has_sandboxes(reaper->hostns); waited += LOOK_NS) {
		if (atomic_load(&reaper->hurry))
			break;
		sleep_ns(LOOK_NS);
	}
	reaper->next_slice = clock_ns() + (reaping->calm && !atomic_load(&reaper->hurry) ? CALM_PACE_NS : PACE_NS);
	(void)pthread_mutex_unlock(&reaper->pace);
}

static void *work(void *data)
{
	const struct worker *worker = data;
	struct reaping *reaping = worker->reaping;
	struct ndrv_error err = {0};
	struct ndrv_nl *nl;
	int rc = hostns_nl_take(reaping->reaper->hostns, &reaping->call, &nl, &err);

	if (rc) {
		note(reaping, rc, &err);
		return NULL;
	}
	for (;;) {
		uint32_t at = atomic_fetch_add(&reaping->next, reaping->slice);
		if (at >= reaping->count)
			break;
		uint32_t left = reaping->count - at;
		keep_pace(reaping);
		delete_slice(reaping, nl, worker->group, reaping->indexes + at, left < reaping->slice ? left : reaping->slice);
	}
	hostns_nl_give(reaping->reaper->hostns, nl);
	return NULL;
}

/* The calling thread is one of them; where no further one can be started, it does what they would have. */
static void run_workers(struct reaping *reaping, uint32_t groups)
{
	struct reaper *reaper = reaping->reaper;
	struct worker workers[REAPER_WORKERS_MAX] = {{.reaping = reaping}};
	uint32_t count = 0, slices = (reaping->count + reaping->slice - 1) / reaping->slice;

	for (uint32_t i = 0; i < reaper->count && count < slices; i++)
		if (groups & (1u << i))
			workers[count++] = (struct worker){.reaping = reaping, .group = reaper->first + i};
	while (!groups && count < reaper->workers && count < slices)
		workers[count++] = (struct worker){.reaping = reaping};
	for (uint32_t i = 1; i < count; i++)
		workers[i].started = pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0;
	(void)work(&workers[0]);
	for (uint32_t i = 1; i < count; i++)
		if (workers[i].started)
			(void)pthread_join(workers[i].thread, NULL);
}

/* A handful is not worth a group, for which all links have to be looked at. */
static bool is_handful(const struct reaping *reaping)
{
	return reaping->count <= SLICE;
}

int reaper_delete_now(struct reaper *reaper, const struct ndrv_call *call, const uint32_t *indexes, uint32_t count, bool calm,
		      struct ndrv_error *err)
{
	struct reaping reaping = {
		.reaper = reaper,
		.call = {.size = sizeof(reaping.call), .requester = "", .request_id = ""},
		.indexes = indexes,
		.count = count,
		.calm = calm,
		.slice = calm ? CALM_SLICE : SLICE,
		.err = err,
	};
	uint32_t groups = 0, strangers = 0;
	int rc = 0;

	/* Its deadline counts on every thread; whether it was cancelled is the calling thread's to ask. */
	reaping.call.deadline_ns = call ? call->deadline_ns : 0;
	if (is_handful(&reaping)) {
		reaping.slice = 1;
	} else {
		groups = take_groups(reaper, reaping.call.deadline_ns);
		if (!groups)
			return ndrv_fail(err, NDRV_E_TIMEOUT, "the call's deadline passed while other links were being deleted");
		rc = find_strangers(&reaping, &strangers, err);
	}
	if (!rc) {
		(void)pthread_mutex_init(&reaping.lock, NULL);
		run_workers(&reaping, groups & ~strangers);
		(void)pthread_mutex_destroy(&reaping.lock);
		rc = reaping.rc;
	}
	give_groups(reaper, groups);
	return rc;
}
