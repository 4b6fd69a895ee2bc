/* SPDX-License-Identifier: Apache-2.0 */
/* Deletions that a platform will not ask for again. dockerd ignores that one failed, forgets what was to go, and never comes back:
 * the host owes it. Each is tried again, after half a second, then less and less often, at least twice a minute, until it is done
 * or there is nothing left of what was to go. They survive restarts: networks' in state.db, endpoints' in live.db. */
#ifndef HOST_DISPATCH_OWED_H
#define HOST_DISPATCH_OWED_H

#include "host/dispatch/core.h"

struct owed;

struct owed *owed_new(void); /* NULL: out of memory */
void owed_free(struct owed *owed);

/* The deletion failed with `error`. That there was nothing to delete, or that the request was none, is not noted. On any thread,
 * and without waiting for the disk: the mender writes it down. `eid` NULL: a network's. */
void owed_note(struct dispatch *dispatch, enum request_op op, const char *nid, const char *eid, const struct ndrv_error *error);
/* Under the network's turn: whoever made it wants it again, and what is owed of it is not any more. */
void owed_forgive(struct dispatch *dispatch, const char *nid, const char *eid);
/* Whether the deletion is owed still, and why it failed last (`ret_why`, NDRV_ERROR_TEXT_MAX bytes; may be NULL). */
bool owed_is(struct dispatch *dispatch, const char *nid, const char *eid, char *ret_why);
/* Adds to the text of an error of making a network which others are to go still: its addresses may be theirs. */
void owed_explain(struct dispatch *dispatch, struct ndrv_error *err);

/* What the store has, once the records are live. */
void owed_load(struct dispatch *dispatch);
/* The mender's: writes down, and tries what is due. Returns when the next is due; UINT64_MAX: there is none. */
uint64_t owed_work(struct dispatch *dispatch);
/* Writes down what is not yet, at the end. */
void owed_flush(struct dispatch *dispatch);

struct owed_counts {
	uint64_t pending, noted, tries, settled; /* now; ever */
};
void owed_count(struct dispatch *dispatch, struct owed_counts *ret);
/* A list of {op, network, endpoint, seconds, tries, error}. */
void owed_describe(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *list);

#endif
