/* SPDX-License-Identifier: Apache-2.0 */
/* Tables (rows shared between hosts) and discovery, as event_notify and discover_new/discover_delete see them. */
#ifndef NDRV_TABLE_H
#define NDRV_TABLE_H

#include <ndrv/types.h>

NDRV_BEGIN_DECLS

/* The seed's EventType, which follows from previous and value: see ndrv_table_event_type(). */
enum { NDRV_EVENT_CREATE = 1, NDRV_EVENT_UPDATE = 2, NDRV_EVENT_DELETE = 3 };

enum {
	NDRV_BATCH_SYNC_BEGIN = 1u << 0, /* a replay of all rows starts with this batch */
	NDRV_BATCH_SYNC_END = 1u << 1,	 /* it ends with this batch: what was not told since SYNC_BEGIN is gone */
	NDRV_BATCH_REPLAY = 1u << 2,	 /* rows that existed before */
	NDRV_BATCH_STALE = 1u << 3,	 /* the engine cannot be reached: the rows are the last ones known */
};

/* One row's change, relative to what this driver instance was last shown. */
struct ndrv_table_event {
	const char *key;
	const void *previous; /* NULL: the row is new */
	const void *value;    /* NULL: the row is gone */
	uint32_t previous_bytes;
	uint32_t value_bytes;
	uint64_t revision;
	const char *owner; /* the node that published it; never this node */
};

struct ndrv_table_batch {
	uint32_t size;
	uint32_t flags; /* NDRV_BATCH_... */
	const char *table;
	uint32_t count;
	uint32_t element_size;
	const struct ndrv_table_event *events; /* step by element_size: ndrv_table_event_at() */
};

const struct ndrv_table_event *ndrv_table_event_at(const struct ndrv_table_batch *batch, uint32_t index);
uint32_t ndrv_table_event_type(const struct ndrv_table_event *event);

/* discoverapi.DiscoveryType. Our numbers: libnetwork renumbered its own once, fronts translate. */
enum { NDRV_DISCOVER_NODE = 1, NDRV_DISCOVER_DATASTORE = 2, NDRV_DISCOVER_KEYS = 3, NDRV_DISCOVER_KEYS_UPDATE = 4 };

struct ndrv_discovery_key {
	uint32_t tag;
	uint32_t bytes;
	const uint8_t *key;
};

struct ndrv_discovery {
	uint32_t size;
	uint32_t type; /* NDRV_DISCOVER_... */
	/* NODE */
	const char *address;	  /* the node's address */
	const char *bind_address; /* where it listens */
	uint32_t self;		  /* 1: this host itself */
	/* KEYS: all keys, the first is primary. KEYS_UPDATE: the new, the new primary, the one to drop; absent ones have key NULL.
	 */
	uint32_t key_count;
	const struct ndrv_discovery_key *keys;
	/* DATASTORE */
	const char *provider;
	const char *store_address;
};

NDRV_END_DECLS

#endif
