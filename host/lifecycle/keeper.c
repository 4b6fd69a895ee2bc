/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/dispatch/transfer.h"
#include "host/lifecycle/orphans.h"
#include "host/lifecycle/swap.h"

#define TICK_NS (100 * NSEC_PER_MSEC)
#define HEALTH_NS NSEC_PER_SEC
#define HEALTH_LIMIT_NS (5 * NSEC_PER_SEC)
#define MEMORY (4u << 20)

/* --- what is kept --- */

void keeper_watch(struct keeper *keeper, struct generation *standby, struct generation *live)
{
	uint64_t now = clock_ns(), probation = keeper->host->config->swap.probation_ns;
	struct probation *entry = probation ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry) {
		swap_retire(keeper->host, standby);
		return;
	}
	*entry = (struct probation){.standby = standby, .live = live, .until_ns = now + probation, .health_ns = now + HEALTH_NS};
	(void)pthread_mutex_lock(&keeper->lock);
	entry->next = keeper->probations;
	keeper->probations = entry;
	(void)pthread_cond_signal(&keeper->wake);
	(void)pthread_mutex_unlock(&keeper->lock);
}

void keeper_forget(struct keeper *keeper, const struct generation *standby)
{
	(void)pthread_mutex_lock(&keeper->lock);
	for (struct probation **at = &keeper->probations; *at;) {
		struct probation *entry = *at;
		if (entry->standby != standby && entry->live != standby) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		free(entry);
	}
	(void)pthread_mutex_unlock(&keeper->lock);
}

void keeper_retire_later(struct keeper *keeper, struct generation *generation)
{
	struct probation *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return; /* it stays until the host ends */
	entry->standby = generation;
	(void)pthread_mutex_lock(&keeper->lock);
	entry->next = keeper->leaving;
	keeper->leaving = entry;
	(void)pthread_cond_signal(&keeper->wake);
	(void)pthread_mutex_unlock(&keeper->lock);
}

/* With the lock. */
static struct orphan **find_orphan(struct keeper *keeper, const char *name)
{
	struct orphan **at = &keeper->orphans;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

void keeper_add_orphan(struct keeper *keeper, const char *name)
{
	struct orphan *orphan = calloc(1, sizeof(*orphan));

	if (!orphan)
		return;
	(void)snprintf(orphan->name, sizeof(orphan->name), "%s", name);
	(void)pthread_mutex_lock(&keeper->lock);
	if (*find_orphan(keeper, name)) {
		free(orphan);
	} else {
		orphan->next = keeper->orphans;
		keeper->orphans = orphan;
	}
	(void)pthread_cond_signal(&keeper->wake);
	(void)pthread_mutex_unlock(&keeper->lock);
}

void keeper_del_orphan(struct keeper *keeper, const char *name)
{
	(void)pthread_mutex_lock(&keeper->lock);
	struct orphan **at = find_orphan(keeper, name), *orphan = *at;
	if (orphan)
		*at = orphan->next;
	(void)pthread_mutex_unlock(&keeper->lock);
	free(orphan);
}

bool keeper_is_orphan(struct keeper *keeper, const char *name)
{
	(void)pthread_mutex_lock(&keeper->lock);
	bool found = *find_orphan(keeper, name) != NULL;
	(void)pthread_mutex_unlock(&keeper->lock);
	return found;
}

int keeper_orphans(struct keeper *keeper, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	int rc = 0;

	(void)pthread_mutex_lock(&keeper->lock);
	for (struct orphan *at = keeper->orphans; at && !rc; at = at->next) {
		const char *name = ndrv_arena_strdup(arena, at->name);
		rc = name ? ndrv_list_add(arena, &list, ndrv_string(name), err)
			  : ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	}
	(void)pthread_mutex_unlock(&keeper->lock);
	*ret = list;
	return rc;
}

/* --- the thread --- */

/* With host->lock: a copy of the entry at `index`, for the list may change while it is worked on. */
static bool probation_at(struct keeper *keeper, uint32_t index, struct probation *ret)
{
	(void)pthread_mutex_lock(&keeper->lock);
	struct probation *at = keeper->probations;
	while (at && index--)
		at = at->next;
	if (at)
		*ret = *at;
	(void)pthread_mutex_unlock(&keeper->lock);
	return at != NULL;
}

static void health_asked(struct keeper *keeper, const struct generation *standby, uint64_t next_ns)
{
	(void)pthread_mutex_lock(&keeper->lock);
	for (struct probation *at = keeper->probations; at; at = at->next)
		if (at->standby == standby)
			at->health_ns = next_ns;
	(void)pthread_mutex_unlock(&keeper->lock);
}

/* As a request like any other, so that a health that hangs is a Timeout and holds nobody up. Of each type, for types may differ. */
static int ask_health(struct host *host, const struct generation *live, struct ndrv_error *err)
{
	struct arena arena;
	int rc = 0;

	arena_init(&arena, MEMORY);
	for (const struct instance *each = live->instances; each && !rc; each = each->next) {
		struct request request = {.op = REQ_HEALTH,
					  .arena = &arena,
					  .caller = {.front = NDRV_FRONT_HOST, .role = ROLE_ADMIN},
					  .id = "",
					  .deadline_ns = clock_ns() + HEALTH_LIMIT_NS,
					  .type = each->type->name};
		struct reply reply = {0};
		if (each->gone || !each->type->name[0] || !INSTANCE_HAS(each, health))
			continue;
		dispatch_run(host->dispatch, &request, &reply);
		if (reply.error.code && err)
			*err = reply.error;
		rc = ndrv_wrap(err, -reply.error.code, "health");
		arena_reset(&arena);
	}
	return rc;
}

/* Why the live generation is to go, in `err`; false: nothing is against it. */
static bool is_ill(struct keeper *keeper, const struct probation *entry, struct ndrv_error *err)
{
	struct host *host = keeper->host;
	uint32_t faults = atomic_load(&entry->live->faults), most = host->config->swap.max_errors;
	uint64_t now = clock_ns();

	if (most && faults >= most) {
		(void)ndrv_fail(err, NDRV_E_INTERNAL, "%u calls ended with Internal during its probation", faults);
		return true;
	}
	if (now < entry->health_ns)
		return false;
	health_asked(keeper, entry->standby, now + HEALTH_NS);
	return ask_health(host, entry->live, err) != 0;
}

static void put_back(struct keeper *keeper, const struct probation *entry, const struct ndrv_error *why)
{
	struct ndrv_error err = {0};
	struct ndrv_value report;
	struct arena arena;

	arena_init(&arena, MEMORY);
	log_error("swap", "driver %s: generation %llu fails its probation: %s", entry->live->name,
		  (unsigned long long)entry->live->number, why->text);
	/* What cannot be put back stays, and is not tried over and over. */
	if (swap_back(keeper->host, entry->live, why->text, &arena, &report, &err)) {
		log_error("swap", "%s", err.text);
		keeper_forget(keeper, entry->standby);
	}
	arena_reset(&arena);
}

/* True: the list has changed. */
static bool look_at(struct keeper *keeper, const struct probation *entry)
{
	struct ndrv_error why = {0};

	if (is_ill(keeper, entry, &why)) {
		put_back(keeper, entry, &why);
		return true;
	}
	if (clock_ns() < entry->until_ns)
		return false;
	log_info("swap", "driver %s: generation %llu has passed its probation", entry->live->name,
		 (unsigned long long)entry->live->number);
	swap_retire(keeper->host, entry->standby);
	return true;
}

/* Whoever has it for long is not waited for: the keeper must be able to end. */
static bool take_a_while(struct host *host)
{
	struct ndrv_error ignored = {0};

	return host_take(host, "the watch over drivers", clock_ns() + NSEC_PER_SEC, &ignored) == 0;
}

static void look_at_all(struct keeper *keeper)
{
	struct host *host = keeper->host;
	struct probation entry;
	uint32_t index = 0;

	if (!take_a_while(host))
		return;
	while (probation_at(keeper, index, &entry))
		if (!look_at(keeper, &entry))
			index++;
	host_give(host);
}

/* Whoever still cannot go comes back by keeper_retire_later(). */
static void retire_leaving(struct keeper *keeper)
{
	struct host *host = keeper->host;

	if (!take_a_while(host))
		return;
	(void)pthread_mutex_lock(&keeper->lock);
	struct probation *leaving = keeper->leaving;
	keeper->leaving = NULL;
	(void)pthread_mutex_unlock(&keeper->lock);
	while (leaving) {
		struct probation *next = leaving->next;
		swap_retire(host, leaving->standby);
		free(leaving);
		leaving = next;
	}
	host_give(host);
}

static bool orphan_at(struct keeper *keeper, uint32_t index, char *ret)
{
	(void)pthread_mutex_lock(&keeper->lock);
	struct orphan *at = keeper->orphans;
	while (at && index--)
		at = at->next;
	if (at)
		memcpy(ret, at->name, sizeof(at->name));
	(void)pthread_mutex_unlock(&keeper->lock);
	return at != NULL;
}

static void drop_orphans(struct keeper *keeper)
{
	struct host *host = keeper->host;
	char name[REGISTRY_TYPE_MAX];

	if (!take_a_while(host))
		return;
	for (uint32_t index = 0; orphan_at(keeper, index, name); index++) {
		struct ndrv_error ignored = {0};
		if (orphans_unload(host, name, &ignored)) {
			if (ignored.kind == NDRV_KIND_NOT_FOUND)
				keeper_del_orphan(keeper, name);
			continue; /* it has networks still */
		}
		log_info("driver", "%s: its last network is gone, and so is the driver", name);
	}
	host_give(host);
}

/* With the lock. Returns when it is time to look, or to end (false). */
static bool wait_for_work(struct keeper *keeper)
{
	while (!keeper->ending && !keeper->probations && !keeper->orphans && !keeper->leaving)
		(void)pthread_cond_wait(&keeper->wake, &keeper->lock);
	uint64_t until = clock_ns() + TICK_NS;
	struct timespec at = {.tv_sec = (time_t)(until / NSEC_PER_SEC), .tv_nsec = (long)(until % NSEC_PER_SEC)};
	while (!keeper->ending && pthread_cond_timedwait(&keeper->wake, &keeper->lock, &at) != ETIMEDOUT)
		;
	return !keeper->ending;
}

static void *keep(void *data)
{
	struct keeper *keeper = data;

	(void)pthread_mutex_lock(&keeper->lock);
	while (wait_for_work(keeper)) {
		(void)pthread_mutex_unlock(&keeper->lock);
		look_at_all(keeper);
		drop_orphans(keeper);
		retire_leaving(keeper);
		(void)pthread_mutex_lock(&keeper->lock);
	}
	(void)pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

int keeper_start(struct keeper *keeper, struct host *host, struct ndrv_error *err)
{
	pthread_condattr_t attr;

	*keeper = (struct keeper){.host = host};
	(void)pthread_mutex_init(&keeper->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&keeper->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	int rc = pthread_create(&keeper->thread, NULL, keep, keeper);
	if (rc) {
		(void)pthread_cond_destroy(&keeper->wake);
		(void)pthread_mutex_destroy(&keeper->lock);
		return ndrv_fail_errno(err, rc, "start the thread that watches drivers");
	}
	keeper->running = true;
	return 0;
}

static void free_probations(struct probation *at)
{
	while (at) {
		struct probation *next = at->next;
		free(at);
		at = next;
	}
}

void keeper_stop(struct keeper *keeper)
{
	if (!keeper->running)
		return;
	(void)pthread_mutex_lock(&keeper->lock);
	keeper->ending = true;
	(void)pthread_cond_signal(&keeper->wake);
	(void)pthread_mutex_unlock(&keeper->lock);
	(void)pthread_join(keeper->thread, NULL);
	keeper->running = false;
	free_probations(keeper->probations);
	free_probations(keeper->leaving);
	while (keeper->orphans) {
		struct orphan *next = keeper->orphans->next;
		free(keeper->orphans);
		keeper->orphans = next;
	}
	(void)pthread_cond_destroy(&keeper->wake);
	(void)pthread_mutex_destroy(&keeper->lock);
}
