/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting links in numbers, and behind the caller's back. Each deletion waits 20 ms until no CPU can see the link any more, and a
 * group of links waits but once; yet the kernel's lock is held for the whole group, 0.3 ms for each member, and everybody else
 * waits. So links go in small groups, several threads waiting at a time (performance.md C2).
 *
 * A deletion by group takes every member, strangers too, and one member that cannot be deleted stops it. Hence the group numbers
 * are kept for this alone, one that has a stranger in it is passed over, and a slice that is refused is deleted one by one.
 *
 * With NDRV_CALL_RETIRE nobody waits: links are marked (dying.h), which takes a fifth of a millisecond each, and a thread sees them
 * off when others are done. A crash leaves marked links, which the next start knows by their names, or links in such a group that
 * have their own names still: those the deletion that is done again finds. */
#ifndef HOST_SANDBOX_REAP_H
#define HOST_SANDBOX_REAP_H

#include <stdbool.h>

#include <ndrv/link.h>

#include "host/base/clock.h"

#define REAPER_WORKERS_MAX 14u
#define REAPER_WAIT_NS (10 * NSEC_PER_SEC) /* for a dying link, where the call has no deadline */

struct hostns;
struct reaper;

/* NULL: out of memory. Until reaper_set() it has no groups and answers NOT_IMPLEMENTED. */
struct reaper *reaper_new(struct hostns *hostns);
/* Sees off what is dying first, for two seconds at most. */
void reaper_free(struct reaper *reaper);
/* The first of the groups is for links that wait; all must be behind the group of the living. */
void reaper_set(struct reaper *reaper, uint32_t first_group, uint32_t group_count, uint32_t workers);
/* What reaper_free() does with its thread; the handles it uses may be closed then. */
void reaper_stop(struct reaper *reaper);

/* struct ndrv_nl_reaper's: `data` is the reaper. Returns when they are all gone, or marked where the call has NDRV_CALL_RETIRE and
 * they can be; or the first error; TIMEOUT after the call's deadline. NOT_IMPLEMENTED for a single link that is to be gone: the
 * caller deletes it. */
int reaper_delete_links(void *data, const struct ndrv_call *call, const uint32_t *indexes, uint32_t count, struct ndrv_error *err);

/* Takes up a link that was found. 1: it was marked in an earlier life, and is seen off from now on (or would be); 0: that is under
 * way; -1: it is none of those. */
int reaper_adopt(struct reaper *reaper, const struct ndrv_link *link, bool dry_run);
/* How many are dying. */
uint32_t reaper_dying(const struct reaper *reaper);
/* Returns when no dying link has its other end in that namespace; those go before all others. TIMEOUT. */
int reaper_wait(struct reaper *reaper, int netns_fd, const struct ndrv_call *call, struct ndrv_error *err);

#endif
