/* SPDX-License-Identifier: Apache-2.0 */
/* The store: records on disk. SQLite, two files that no transaction spans:
 *   STATE_DIR/state.db    networks with their pools, the drivers' own keys; WAL, synchronous FULL: survives a reboot
 *   RUNTIME_DIR/live.db   endpoints with their leases and joins; synchronous OFF: dies with the kernel objects, costs no fsync
 * live.db is believed only if its boot id and the host namespace's cookie match; otherwise it is emptied. Each row carries a
 * CRC-32C of its body; a row that fails it is set aside (table `damaged`) and reported. One writer connection per file under one
 * mutex each, prepared statements. A file that is corrupt is renamed aside, state.db is restored from its newest backup, and
 * store_report() says so. */
#ifndef HOST_STATE_STORE_H
#define HOST_STATE_STORE_H

#include "host/state/record.h"

struct store;

struct store_paths {
	const char *state_dir;	 /* made with mode 0700 if missing */
	const char *runtime_dir; /* made with mode 0755 if missing */
};

/* STATE when the directories or files cannot be used (the text names the file, the cause and what to do). A second host on the same
 * directories is refused (lock file). */
int store_open(const struct store_paths *paths, struct store **ret, struct ndrv_error *err);
void store_close(struct store *store);
/* Whether this program could use what lies there, by reading alone, while another process has it open: files that are not there are
 * well, a newer schema and records it cannot read are refused with STATE. Calls `each` with every network's type; what that returns
 * but 0 ends it and is returned. */
int store_probe(const struct store_paths *paths, int (*each)(const char *type, void *data), void *data, struct ndrv_error *err);

/* Writes the record as it is now (its state says which intent is open), replacing the former row. Under the network's turn and
 * after records_add() or network_add_endpoint(), which give it its place in the order. On failure the row on disk is the former
 * one. Errors: NO_SERVICE for a full disk, BAD_REQUEST for a text that is not UTF-8, else STATE. Deleting what is not there
 * succeeds. A network's deletion takes its endpoints' rows with it. */
int store_put_network(struct store *store, const struct network *network, struct ndrv_error *err);
int store_del_network(struct store *store, const char *id, struct ndrv_error *err);
int store_put_endpoint(struct store *store, const struct endpoint *endpoint, struct ndrv_error *err);
int store_del_endpoint(struct store *store, const char *nid, const char *eid, struct ndrv_error *err);

/* Fills `records` with everything on disk, in order of creation. A row that makes no sense, and an endpoint whose network is gone,
 * is moved to the file's table `damaged` and counted. */
int store_load(struct store *store, struct records *records, struct ndrv_error *err);

/* The drivers' keys (struct ndrv_store_ops, whose limits are checked here), by driver name. `get` gives NOT_FOUND for an absent
 * key. `each` is called outside all locks and may change keys. */
int store_driver_put(struct store *store, const char *driver, const char *key, const void *value, size_t bytes,
		     struct ndrv_error *err);
int store_driver_get(struct store *store, struct ndrv_arena *arena, const char *driver, const char *key, const void **ret,
		     size_t *ret_bytes, struct ndrv_error *err);
int store_driver_del(struct store *store, const char *driver, const char *key, struct ndrv_error *err);
int store_driver_scan(struct store *store, const char *driver, const char *prefix,
		      int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data,
		      struct ndrv_error *err);

/* The same with a typed value instead of bytes; texts of the one that is read live in the arena. */
int store_driver_put_value(struct store *store, const char *driver, const char *key, const struct ndrv_value *value,
			   struct ndrv_error *err);
int store_driver_get_value(struct store *store, struct arena *arena, const char *driver, const char *key, struct ndrv_value *ret,
			   struct ndrv_error *err);

/* Rows of tables (RUNTIME_DIR/tables.db, with live.db's life): what host/table keeps. Nodes too, with nid "". Texts are
 * NUL-terminated and not NULL. */
struct store_row {
	const char *nid, *table, *key, *owner, *origin;
	const void *value;
	size_t bytes;
	uint64_t revision;
	bool gone;
};

/* One transaction, all or nothing: `all_of` (NULL: none) is a network all of whose rows go first. */
int store_rows_begin(struct store *store, const char *all_of, struct ndrv_error *err);
int store_rows_put(struct store *store, const struct store_row *row, struct ndrv_error *err);
/* `rc` not 0: nothing of it happened; returned, or the failure to commit. */
int store_rows_end(struct store *store, int rc, struct ndrv_error *err);
/* Every row, by revision, until `each` returns non-zero, which is returned. */
int store_rows_load(struct store *store, int (*each)(const struct store_row *row, void *data), void *data, struct ndrv_error *err);

/* What the NAT service is asked for, by network, or by network and endpoint (`eid` "": the network itself); in live.db, and beside
 * the records. Deleting with `eid` NULL takes all of the network. `each` is called for networks before their endpoints, outside all
 * locks, until it returns non-zero, which is returned. */
int store_put_nat(struct store *store, const char *nid, const char *eid, const char *text, struct ndrv_error *err);
int store_del_nat(struct store *store, const char *nid, const char *eid, struct ndrv_error *err);
int store_each_nat(struct store *store,
		   int (*each)(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err), void *data,
		   struct ndrv_error *err);

/* Addresses of pools that a platform leases one by one (dispatch/pools.h): `body` is who did; in live.db. Deleting with `address`
 * NULL takes all of the pool. `each` is called outside all locks, until it returns non-zero, which is returned. */
int store_put_lease(struct store *store, const char *pool, const char *address, const char *body, struct ndrv_error *err);
int store_del_lease(struct store *store, const char *pool, const char *address, struct ndrv_error *err);
int store_each_lease(struct store *store,
		     int (*each)(void *data, const char *pool, const char *address, const char *body, struct ndrv_error *err),
		     void *data, struct ndrv_error *err);

/* Deletions of endpoints that are owed (dispatch/owed.h); in live.db. `each` as above. */
int store_put_owed(struct store *store, const char *nid, const char *eid, const char *text, struct ndrv_error *err);
int store_del_owed(struct store *store, const char *nid, const char *eid, struct ndrv_error *err);
int store_each_owed(struct store *store,
		    int (*each)(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err), void *data,
		    struct ndrv_error *err);

/* Both files are what this host left when it last ran in this namespace since the machine booted: what they do not have is not
 * there. After store_load(). */
bool store_is_whole(const struct store *store);

/* What happened to the files since store_open: a map {state_db: {path, restored_from, set_aside, damaged_rows}, live_db: {path,
 * emptied_because, dropped_endpoints, ...}} in the arena, for status. */
int store_report(struct store *store, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err);

#endif
