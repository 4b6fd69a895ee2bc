/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of host/dispatch share and nobody else sees. */
#ifndef HOST_DISPATCH_CORE_H
#define HOST_DISPATCH_CORE_H

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/config/config.h"
#include "host/dispatch/executor.h"
#include "host/dispatch/frames.h"
#include "host/dispatch/gate.h"
#include "host/dispatch/job.h"
#include "host/dispatch/services.h"
#include "host/state/ipam.h"
#include "host/state/store.h"

#define CALL_DEFAULT_NS (25 * NSEC_PER_SEC)
/* How long a driver may take over each call that undoes something. */
#define UNDO_NS (10 * NSEC_PER_SEC)
#define CALL_MEMORY (16u << 20)

struct attempts;
struct mender;
struct owed;
struct pools;
struct metrics;

struct dispatch {
	struct dispatch_parts parts;
	struct executor *executor;
	struct metrics *metrics;
	pthread_mutex_t create_lock; /* one network of a single-network type at most */
	pthread_mutex_t sinks_lock;
	struct event_sink *sinks;
	struct services *services; /* NULL: none (tests) */
	struct gates gates;
	struct mender *mender;
	struct owed *owed;
	_Atomic bool watches_sandboxes;	 /* there may be endpoints of dockerd's */
	uint64_t next_look_ns;		 /* at them; the mender's */
	_Atomic uint64_t dead_endpoints; /* deleted, for their sandbox had died */
	struct pools *pools;		 /* NULL: no address pools */
	bool halted;			 /* the mender is */
	struct attempts *attempts;	 /* NULL: no notes are taken */
	pthread_mutex_t hangs_lock;
	struct transfer *hangs; /* called off, with a call still inside a driver */
	dispatch_extra extra;
	void *extra_data;
	uint64_t started_ns;
};

/* --- events.c --- */
/* Tells the sinks; `endpoint` may be NULL. Under the network's turn. */
void event_network(struct dispatch *dispatch, const char *what, const struct network *network, const struct endpoint *endpoint);

/* --- metrics.c --- */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);
void metrics_count(struct metrics *metrics, enum request_op op, uint32_t kind, uint64_t ns);

/* --- values.c: trees for replies; an error sticks in `err` and stops the rest --- */
struct tree {
	struct arena *arena;
	struct ndrv_error *err;
	int rc;
};
void tree_set(struct tree *tree, struct ndrv_value *map, const char *key, struct ndrv_value value);
void tree_text(struct tree *tree, struct ndrv_value *map, const char *key, const char *text); /* copies */
void tree_int(struct tree *tree, struct ndrv_value *map, const char *key, int64_t value);
void tree_bool(struct tree *tree, struct ndrv_value *map, const char *key, bool value);
void tree_prefix(struct tree *tree, struct ndrv_value *map, const char *key, const struct ndrv_prefix *prefix);
void tree_addr(struct tree *tree, struct ndrv_value *map, const char *key, const struct ndrv_addr *addr);
void tree_mac(struct tree *tree, struct ndrv_value *map, const char *key, const struct ndrv_mac *mac);
void tree_copy(struct tree *tree, struct ndrv_value *map, const char *key, const struct ndrv_value *value);
void tree_add(struct tree *tree, struct ndrv_value *list, struct ndrv_value value);

#endif
