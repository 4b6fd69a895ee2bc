/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's own files share. */
#ifndef HOST_STATE_STORE_INTERNAL_H
#define HOST_STATE_STORE_INTERNAL_H

#include "host/state/db.h"
#include "host/state/store.h"

/* Statements of state.db, in the order of their texts. */
enum { PUT_NETWORK, DEL_NETWORK, SET_NETWORK_ASIDE, PUT_KEY, GET_KEY, NEXT_KEY, DEL_KEY };
/* Statements of live.db. */
enum {
	PUT_ENDPOINT,
	DEL_ENDPOINT,
	DEL_ENDPOINTS,
	SET_ENDPOINT_ASIDE,
	PUT_NAT,
	DEL_NAT,
	DEL_NATS,
	PUT_LEASE,
	DEL_LEASE,
	DEL_LEASES,
	PUT_OWED,
	DEL_OWED
};
/* Statements of tables.db. */
enum { PUT_ROW, DEL_ROW, DEL_ROWS };

struct store {
	struct db state;
	struct db live;
	struct db rows; /* beside live.db, under its lock */
	int state_lock, live_lock;
	bool continued; /* live.db was this boot's and namespace's */
};

extern const struct db_spec state_spec;
extern const struct db_spec live_spec;
extern const struct db_spec rows_spec;

/* Empties live.db, or tables.db, unless it was written since this boot and for this network namespace, which is `ret_continued`.
 * (identity.c) */
int live_check_identity(struct db *live, bool *ret_continued, struct ndrv_error *err);
/* state.db remembers in which boot and namespace it was open last: a live.db of those that is new was lost, and its report says so.
 * (identity.c) */
int live_check_missing(struct db *state, struct db *live, bool continued, struct ndrv_error *err);
/* After so many changes of state.db, more where it is large, a backup is made. Under no lock. */
void store_maybe_backup(struct store *store);

#endif
