/* SPDX-License-Identifier: Apache-2.0 */
/* The table layer: what rows each network has, from which node, what its driver was shown of them, and who watches. It calls no
 * driver: whoever does asks for work (tables_next), takes a batch (tables_take) and says how it went (tables_told).
 *
 * A row is (network, table, key, owner): two nodes may have rows of the same key, while something moves from one to the other.
 * Rows are state, not messages: of a row that changes twice before its driver or watcher looks, they see the last value. What a
 * driver was shown is remembered, so each event is relative to it: create, update and delete never come twice.
 *
 * Per network, events come in the order of their revisions, never two calls at once. A driver that has registered a table is first
 * told of all its rows between SYNC_BEGIN and SYNC_END, and again whenever another instance of it serves the network.
 *
 * Any thread. Nothing here blocks but tables_next() and the backend's writes. */
#ifndef HOST_TABLE_TABLE_H
#define HOST_TABLE_TABLE_H

#include <ndrv/table.h>
#include <ndrv/types.h>

#include "host/table/backend.h"
#include "host/table/names.h"

#define TABLE_WRITES_MAX 4096u		    /* rows of one transaction */
#define TABLE_ROWS_MAX (1u << 20)	    /* of the host */
#define TABLE_BYTES_MAX (UINT64_C(1) << 28) /* of all keys and values */
#define TABLE_NODES_MAX 16384u
#define TABLE_GRAVES_MAX 65536u /* rows that went and are remembered for watchers that resume */

struct tables;

/* Takes `backend`, also on failure. `node` is this host's name. */
int tables_new(struct backend *backend, const char *node, struct tables **ret, struct ndrv_error *err);
/* After tables_stop() and when nobody watches any more. */
void tables_free(struct tables *tables);
const char *tables_node(const struct tables *tables);
/* Reads what the backend has. Before anything below; `node` can be set until then. */
int tables_start(struct tables *tables, struct ndrv_error *err);
int tables_name_node(struct tables *tables, const char *node, struct ndrv_error *err);

/* --- networks --- */

/* Rows of a network are kept from here on; again: nothing. A driver of local scope (`global` false) shares no rows: writing is
 * refused with SCOPE, and those that were there go. */
int tables_open_network(struct tables *tables, const char *nid, bool global, struct ndrv_error *err);
/* The network is gone, and its rows. */
void tables_close_network(struct tables *tables, const char *nid);
/* `instance` wants to hear of the rows of `table`. `serving` and `other` are the instances whose wishes are kept besides. */
int tables_register(struct tables *tables, const char *nid, const char *table, uint32_t object_type, const void *instance,
		    const void *serving, const void *other, struct ndrv_error *err);
/* Another instance may serve now: look again at every network. */
void tables_kick(struct tables *tables);

/* --- writing --- */

struct table_write {
	const char *table, *key;
	const char *owner;  /* NULL: this node */
	const char *origin; /* own rows: the endpoint, or NULL */
	const void *value;
	size_t bytes;
	bool gone;
};

enum {
	TABLES_FOREIGN = 1u << 0, /* from outside: a row of this node is FORBIDDEN */
	TABLES_STRICT = 1u << 1,  /* a row that is to go must be there: NOT_FOUND */
};

/* All of it in one transaction, or none. What changes nothing is left out. `ret_revision` (may be NULL) is the newest revision
 * then. BAD_REQUEST, FORBIDDEN, NO_NETWORK, SCOPE, NOT_FOUND, NO_SERVICE (too many rows, or what the backend says). */
int tables_write(struct tables *tables, const char *nid, const struct table_write *writes, size_t count, uint32_t flags,
		 uint64_t *ret_revision, struct ndrv_error *err);
/* The rows that an endpoint's join published go. */
int tables_withdraw(struct tables *tables, const char *nid, const char *origin, struct ndrv_error *err);
/* After a start: the rows of this endpoint are right; then: those nobody confirmed, and networks nobody opened, go. */
void tables_confirm(struct tables *tables, const char *nid, const char *origin);
int tables_settle(struct tables *tables, struct ndrv_error *err);

/* --- reading --- */

struct table_row {
	const char *nid, *table, *key, *owner, *origin;
	const void *value; /* NULL: gone */
	size_t bytes;
	uint64_t revision;
	bool own;
};

/* Rows of (network, table, key) for `owner`, or (NULL) of every owner. `each` runs under a lock: be short, call nothing here. */
int tables_find(struct tables *tables, const char *nid, const char *table, const char *key, const char *owner,
		int (*each)(const struct table_row *row, void *data), void *data, struct ndrv_error *err);

struct table_info {
	const char *nid, *table;
	uint64_t rows, own, bytes;
	bool registered;
	uint64_t behind; /* rows its driver is not up to date with */
	bool syncing;
	uint64_t since_ns; /* CLOCK_MONOTONIC: from when; 0: it is up to date */
	uint32_t failures;
	const char *error;	  /* "" none */
	uint64_t events, batches; /* told so far */
};

/* `nid` NULL: all networks'. Under a lock, as above. */
void tables_each(struct tables *tables, const char *nid, void (*each)(const struct table_info *info, void *data), void *data);

struct tables_totals {
	uint64_t revision, rows, bytes, graves;
	uint32_t networks, nodes, watchers;
	bool stale;
	bool ready, nodes_ready; /* tables_next() would return at once with such work */
};
void tables_total(struct tables *tables, struct tables_totals *ret);

/* --- nodes --- */

struct table_node {
	const char *name, *address, *bind_address;
	bool self;
	uint64_t revision, rows;
};

/* The same again: nothing. Another address: it leaves and comes again. The name of this host is this host. */
int tables_node_add(struct tables *tables, const char *name, const char *address, const char *bind_address, struct ndrv_error *err);
/* Its rows go, then it. NOT_FOUND. */
int tables_node_remove(struct tables *tables, const char *name, struct ndrv_error *err);
void tables_each_node(struct tables *tables, void (*each)(const struct table_node *node, void *data), void *data);
/* The nodes that have rows in the network, with the number of those; the address of one that is not known is "". */
void tables_each_peer(struct tables *tables, const char *nid, void (*each)(const struct table_node *node, void *data), void *data);

/* A network type wants to hear of nodes: all of them, from the first; `serves` false: no more. */
int tables_type_serves(struct tables *tables, const char *type, bool serves, struct ndrv_error *err);

/* --- telling drivers --- */

enum { TABLES_WORK_NETWORK = 1, TABLES_WORK_NODE = 2 };

struct tables_work {
	int kind;
	char nid[NDRV_ID_MAX + 1];
	/* NODE: tell `type` of this one. */
	char type[TABLE_NAME_MAX + 1], name[TABLE_NAME_MAX + 1], address[64], bind_address[64];
	bool self, leaves;
	uint64_t revision, epoch; /* the layer's own */
};

/* Waits until there is something to tell that is not being told already. False: tables_stop() was called. Each piece of work must
 * be ended: tables_told() or tables_idle() for a network, tables_node_told() for a node. */
bool tables_next(struct tables *tables, struct tables_work *ret);
void tables_stop(struct tables *tables);

struct delivery;

/* Under the network's turn, with the instance that serves it: the next batch. NULL: nothing; the work is ended then. */
const struct ndrv_table_batch *tables_take(struct tables *tables, const char *nid, const void *instance, struct delivery **ret);
/* `rc` not 0: the same again later, after a pause that grows. */
void tables_told(struct tables *tables, struct delivery *delivery, int rc, const char *why);
/* Nothing was taken: `rc` as above; 0: nobody is there to be told, until somebody registers. That is said under the turn, or
 * somebody may have registered since; without it only where the network was not found. */
void tables_idle(struct tables *tables, const struct tables_work *work, int rc, const char *why);
void tables_node_told(struct tables *tables, const struct tables_work *work, int rc, const char *why);

/* --- watching --- */

struct table_watch;

/* Of SYNC_END, all up to its revision was told; of ROW and NODE after it, all up to one less. */
enum { WATCH_SYNC_BEGIN = 1, WATCH_ROW, WATCH_NODE, WATCH_SYNC_END, WATCH_RESUMED, WATCH_LOST };

struct watch_event {
	int kind; /* WATCH_... */
	uint64_t revision;
	const struct table_row *row;   /* ROW */
	const struct table_node *node; /* NODE; its address NULL: it left */
};

struct watch_options {
	const char *nid;   /* NULL: every network, and the nodes */
	const char *table; /* NULL: every one */
	const char *owner; /* NULL: every one */
	uint64_t since;	   /* what came after this revision; 0, or too long ago: everything, between SYNC_BEGIN and SYNC_END */
	void (*wake)(void *data); /* there is something to read again; under a lock: call nothing here */
	void *data;
};

int tables_watch(struct tables *tables, const struct watch_options *options, struct table_watch **ret, struct ndrv_error *err);
/* Tells `each` of what is next until it returns non-zero or there is no more now; returns whether there is. Who is so slow that
 * rows which went were forgotten gets LOST and then everything anew. One thread at a time for each watch. */
bool tables_watch_read(struct table_watch *watch, int (*each)(const struct watch_event *event, void *data), void *data);
void tables_watch_close(struct table_watch *watch);

#endif
