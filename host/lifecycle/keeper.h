/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own eye on drivers, on a thread of its own: probation after a swap, and orphans, which go with their last network. */
#ifndef HOST_LIFECYCLE_KEEPER_H
#define HOST_LIFECYCLE_KEEPER_H

#include <pthread.h>
#include <stdbool.h>

#include <ndrv/value.h>

#include "host/plugin/registry.h"

struct host;

/* A generation on probation and the one that stands by for it. */
struct probation {
	struct probation *next;
	struct generation *standby, *live;
	uint64_t until_ns, health_ns;
};

/* A driver that serves on although its file or descriptor is gone. */
struct orphan {
	struct orphan *next;
	char name[REGISTRY_TYPE_MAX];
};

struct keeper {
	struct host *host;
	pthread_t thread;
	pthread_mutex_t lock; /* of what is below; inside host->lock */
	pthread_cond_t wake;
	bool running, ending;
	struct probation *probations;
	struct orphan *orphans;
	struct probation *leaving; /* `standby` is to be retired */
};

int keeper_start(struct keeper *keeper, struct host *host, struct ndrv_error *err);
/* Without host->lock. */
void keeper_stop(struct keeper *keeper);

/* After a swap: `standby` is kept for the configured time. One that has nothing to wait for is retired at once. */
void keeper_watch(struct keeper *keeper, struct generation *standby, struct generation *live);
/* It does not stand by any more. */
void keeper_forget(struct keeper *keeper, const struct generation *standby);

/* swap_retire() is tried again. */
void keeper_retire_later(struct keeper *keeper, struct generation *generation);

/* Out of memory: it stays until the host ends. */
void keeper_add_orphan(struct keeper *keeper, const char *name);
void keeper_del_orphan(struct keeper *keeper, const char *name);
bool keeper_is_orphan(struct keeper *keeper, const char *name);
/* A list of names, in the arena. */
int keeper_orphans(struct keeper *keeper, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err);

#endif
