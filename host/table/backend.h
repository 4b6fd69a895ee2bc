/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps the rows and carries them between hosts. The table layer (table.h) holds everything a backend has told it in memory:
 * reads, replays and look-ups never reach the backend. Two implementations are meant: `local` (local.c), where rows of other nodes
 * are put in by hand or by another engine, and one for a distributed store.
 *
 * A transaction is a set of changes that are made together and share a revision. Revisions grow, also over restarts. A node is a
 * change too: in no network (nid ""), table TABLE_NODES, its name as key and owner, and node_encode() as value. */
#ifndef HOST_TABLE_BACKEND_H
#define HOST_TABLE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ndrv/error.h>

#define TABLE_NODES "nodes"

struct backend_change {
	const char *nid;
	const char *table;
	const char *key;
	const char *owner;
	const char *origin; /* the endpoint whose join published it; "" none */
	const void *value;
	size_t bytes;
	bool gone; /* there is no value: the row goes */
	uint64_t revision;
};

/* With the changes, which are some of them, all rows of their network go: nobody writes to it any more. */
enum { BACKEND_WHOLE_NETWORK = 1u << 0 };

/* The table layer's side, called from any thread but in the order of the revisions, one call at a time. */
struct backend_sink {
	/* The changes of one transaction, or (from start()) of several that come in order. False: there was no memory for some. */
	bool (*changed)(struct backend_sink *sink, const struct backend_change *changes, size_t count);
	/* Whether the store behind it can be reached. Rows stay either way. */
	void (*reachable)(struct backend_sink *sink, bool reachable);
};

struct backend;

struct backend_status {
	uint64_t revision; /* of the newest transaction */
	bool reachable;
};

struct backend_ops {
	const char *name;
	/* Tells the sink of every row there is, in the order of the revisions, then returns; from now on of every transaction,
	 * its own included. */
	int (*start)(struct backend *backend, struct backend_sink *sink, struct ndrv_error *err);
	/* Makes the changes or, on failure, none of them; `changes[].revision` is filled. Returns when this host will not lose
	 * them: it does not wait for a store that is away. The sink hears of them before this returns. */
	int (*write)(struct backend *backend, struct backend_change *changes, size_t count, uint32_t flags, struct ndrv_error *err);
	void (*status)(struct backend *backend, struct backend_status *ret);
	void (*close)(struct backend *backend);
};

struct backend {
	const struct backend_ops *ops;
};

/* --- local --- */

/* Where the local backend keeps its rows; what it is given is copied. */
struct local_keep {
	void *data;
	/* NULL: rows are in memory alone. All or nothing. */
	int (*write)(void *data, const struct backend_change *changes, size_t count, uint32_t flags, struct ndrv_error *err);
	/* Calls `each` in the order of the revisions. */
	int (*load)(void *data, int (*each)(const struct backend_change *change, void *each_data), void *each_data,
		    struct ndrv_error *err);
	/* Remembers for good that revisions up to this one may have been used; `reserved` returns the last such. */
	int (*reserve)(void *data, uint64_t revision, struct ndrv_error *err);
	int (*reserved)(void *data, uint64_t *ret, struct ndrv_error *err);
};

int local_new(const struct local_keep *keep, struct backend **ret, struct ndrv_error *err);
/* As if the store behind it went away or came back, for tests. */
void local_set_reachable(struct backend *backend, bool reachable);

#endif
