/* SPDX-License-Identifier: Apache-2.0 */
/* The table layer's inside. All of it under tables->lock. */
#ifndef HOST_TABLE_PARTS_H
#define HOST_TABLE_PARTS_H

#include <pthread.h>
#include <sys/queue.h>

#include "host/base/clock.h"
#include "host/base/idmap.h"
#include "host/table/table.h"

struct value {
	uint32_t refs;
	uint32_t bytes;
	unsigned char data[];
};

struct owner {
	struct idmap_node node; /* by name; first */
	uint64_t rows;		/* live ones; an owner without is freed unless a row or node holds it */
	uint64_t counted;	/* tables_each_peer() */
	uint32_t refs;
	char name[];
};

/* What an endpoint's join published. */
struct origin {
	struct idmap_node node; /* of the network's map, by endpoint id; first */
	LIST_HEAD(, row) rows;
	char eid[];
};

/* Of a table's map by "owner\nkey". It is there as long as anybody needs it: it has a value, its driver has not heard that it went,
 * watchers may want to know that it went, or a delivery is under way. */
struct row {
	struct idmap_node node; /* first */
	struct table *table;
	struct owner *owner;
	struct value *value; /* NULL: gone */
	struct value *shown; /* what the driver was told last; NULL: nothing, or that it went */
	uint64_t revision;
	struct origin *origin; /* NULL: none */
	LIST_ENTRY(row) of_origin;
	uint32_t pins;
	uint16_t key_at;
	bool own, dirty, owing, logged, unconfirmed;
	TAILQ_ENTRY(row) log;	 /* of all rows, by revision */
	TAILQ_ENTRY(row) behind; /* of those the driver is to be told of, by revision */
	TAILQ_ENTRY(row) grave;	 /* of those that went and are in the log */
	char id[];
};

TAILQ_HEAD(rows, row);

enum sync { SYNC_NONE, SYNC_WANTED, SYNC_RUNNING };

struct table {
	TAILQ_ENTRY(table) next;
	struct tnet *net;
	struct idmap rows;
	uint64_t live, own, bytes;
	bool served; /* the serving instance has registered it */
	enum sync sync;
	bool begun;	/* SYNC_BEGIN was told */
	uint64_t owing; /* rows that were there at its begin and are not told yet */
	bool told_stale;
	struct rows behind;
	uint64_t behind_count, since_ns, events, batches;
	char name[];
};

/* A wish of an instance. */
struct wish {
	SLIST_ENTRY(wish) next;
	struct table *table;
	const void *instance;
	bool fresh;
};

struct tnet {
	struct idmap_node node; /* by nid; first */
	TAILQ_ENTRY(tnet) ready_next;
	TAILQ_HEAD(, table) tables;
	SLIST_HEAD(, wish) wishes;
	struct idmap origins;
	const void *instance; /* whom `shown` is about */
	uint64_t life;	      /* another each time it is opened */
	bool open, global, closed, ready, busy, kicked;
	uint64_t not_before_ns;
	uint32_t failures;
	char error[160];
	char nid[];
};

struct node_entry {
	struct idmap_node map_node;   /* by name; first. Of those that are there. */
	TAILQ_ENTRY(node_entry) next; /* by `seq`, with those that left */
	struct owner *owner;
	char address[64], bind_address[64];
	bool self, left;
	uint64_t revision;
	uint64_t seq, born; /* of what happened to it last, of its coming */
};

TAILQ_HEAD(node_entries, node_entry);

struct node_type {
	SLIST_ENTRY(node_type) next;
	uint64_t told; /* seq */
	uint64_t epoch;
	bool serves, busy;
	uint64_t not_before_ns;
	uint32_t failures;
	char name[];
};

struct table_watch {
	LIST_ENTRY(table_watch) next;
	struct tables *tables;
	struct row *at;		    /* the next to be looked at; NULL: none yet */
	struct node_entry *node_at; /* likewise */
	uint64_t node_told;	    /* seq of the last */
	uint64_t began;		    /* the revision when the snapshot was begun, or that it resumed from */
	bool in_snapshot;
	int say; /* WATCH_... before anything else; 0: nothing */
	bool asleep;
	char *nid, *table, *owner;
	void (*wake)(void *data);
	void *data;
};

struct tables {
	struct backend_sink sink; /* first */
	struct backend *backend;
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool started, stopping, stale;
	char *node;
	struct idmap nets, owners, nodes;
	struct rows log, graves;
	uint64_t rows, bytes, revision, grave_count;
	uint64_t floor; /* what went up to this revision may be forgotten */
	TAILQ_HEAD(, tnet) ready;
	struct node_entries node_log;
	SLIST_HEAD(, node_type) types;
	uint64_t node_seq, left_count, epoch, lives;
	LIST_HEAD(, table_watch) watches;
	uint32_t net_count, node_count, watch_count;
};

/* --- row.c --- */
struct value *value_new(const void *data, size_t bytes);
struct value *value_ref(struct value *value);
void value_unref(struct value *value);
bool value_same(const struct value *a, const struct value *b);
struct owner *owner_get(struct tables *tables, const char *name); /* with a reference; NULL: no memory */
void owner_put(struct tables *tables, struct owner *owner);
struct tnet *net_find(struct tables *tables, const char *nid);
struct tnet *net_get(struct tables *tables, const char *nid); /* makes it; NULL: no memory */
void net_free_if_unused(struct tables *tables, struct tnet *net);
struct table *table_find(struct tnet *net, const char *name);
struct table *table_get(struct tnet *net, const char *name);
struct row *row_find(struct table *table, const char *key, const char *owner);
static inline const char *row_key(const struct row *row)
{
	return row->id + row->key_at;
}
/* One change of the backend, on a row that may not be there yet. False: out of memory, and the row is as it was. */
bool row_apply(struct tables *tables, const struct backend_change *change);
/* Frees it if nobody needs it. */
void row_settle(struct tables *tables, struct row *row);
struct origin *origin_find(struct tnet *net, const char *eid);
void row_fill(const struct row *row, struct table_row *ret);
/* Forgets the oldest that went. */
void graves_trim(struct tables *tables, uint64_t keep);

/* --- deliver.c --- */
void row_changed(struct tables *tables, struct row *row); /* its driver may have to hear of it */
void row_clean(struct row *row);
void net_look(struct tables *tables, struct tnet *net); /* is it ready? */
bool networks_ready(const struct tables *tables, uint64_t now);
uint64_t backoff(uint32_t failures);

/* --- nodes.c --- */
bool node_apply(struct tables *tables, const struct backend_change *change);
void nodes_free(struct tables *tables);
bool nodes_ready(struct tables *tables, uint64_t now);
bool nodes_next(struct tables *tables, uint64_t now, struct tables_work *ret, uint64_t *ret_due);

/* --- watch.c --- */
/* It is about to leave its place in the log; `forgotten`: and nobody will know that it went. */
void watches_moved(struct tables *tables, const struct row *row, bool forgotten);
void watches_appended(struct tables *tables, struct row *row);
void watches_node_moved(struct tables *tables, const struct node_entry *node, bool forgotten);
void watches_node_appended(struct tables *tables, struct node_entry *node);

#endif
