/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting links in numbers. Each deletion waits 20 ms until no CPU can see the link any more, and a group of links waits but once;
 * yet the kernel's lock is held for the whole group, 0.3 ms for each member, and everybody else waits. So links go in small groups,
 * several threads waiting at a time (performance.md C2).
 *
 * A deletion by group takes every member, strangers too, and one member that cannot be deleted stops it. Hence the group numbers
 * are kept for this alone, one that has a stranger in it is passed over, and a slice that is refused is deleted one by one. A crash
 * leaves links in such a group: they have their names still, and the deletion that is done again finds them. */
#ifndef HOST_SANDBOX_REAP_H
#define HOST_SANDBOX_REAP_H

#include <ndrv/netlink.h>

struct hostns;
struct reaper;

/* NULL: out of memory. Until reaper_set() it has no groups and answers NOT_IMPLEMENTED. */
struct reaper *reaper_new(struct hostns *hostns);
void reaper_free(struct reaper *reaper);
void reaper_set(struct reaper *reaper, uint32_t first_group, uint32_t group_count, uint32_t workers);

/* struct ndrv_nl_reaper's: `data` is the reaper. Returns when they are all gone, or the first error; TIMEOUT after the call's
 * deadline. */
int reaper_delete_links(void *data, const struct ndrv_call *call, const uint32_t *indexes, uint32_t count, struct ndrv_error *err);

#endif
