/* SPDX-License-Identifier: Apache-2.0 */
/* The messages about links on their way out. A dying link is down, in the group that is kept for waiting (the one behind the group
 * of the living), and has a name that is made of its number: so it carries nothing any more, nobody's name is taken by it, and it
 * is known again after a crash, without a record. */
#ifndef HOST_SANDBOX_DYING_H
#define HOST_SANDBOX_DYING_H

#include <stdbool.h>

#include <ndrv/link.h>

#define DYING_MARK_MAX 4u /* in one exchange: a pair whose other end is here too takes four messages */

struct dying {
	uint32_t index;
	uint32_t master; /* the bridge it is a port of; 0: none */
	int32_t netnsid; /* of the namespace its other end is in; -1: none, or this one */
	uint32_t tries;	 /* deletions that failed */
	bool at_work;
	bool urgent; /* somebody waits for it */
};

/* Is that a link marked by us, now or in an earlier life? `group`: the one for waiting; behind it are those that are deleted whole.
 */
bool dying_is(const struct ndrv_link *link, uint32_t group);

/* Marks those of `indexes` (DYING_MARK_MAX at most) that may be: pairs and bridges with one of our groups. What became of each:
 * marked, so that it is in `ret`; gone; or not to be marked, so that its index is in `rest`. */
struct dying_marks {
	uint32_t count, rest_count;
	struct dying ret[DYING_MARK_MAX];
	uint32_t rest[DYING_MARK_MAX];
};
int dying_mark(struct ndrv_nl *nl, uint32_t group, const uint32_t *indexes, uint32_t count, struct dying_marks *ret,
	       struct ndrv_error *err);

/* Leaves in `indexes` those that are dying still, whatever else may have got their number. */
int dying_check(struct ndrv_nl *nl, uint32_t group, uint32_t *indexes, uint32_t *count, struct ndrv_error *err);

/* Puts links into `group`, off their bridges, and deletes the group. What is gone is passed over. */
int dying_delete(struct ndrv_nl *nl, uint32_t group, const uint32_t *indexes, uint32_t count);

/* The number this namespace gives to another; -1: none yet, so no link leads there. */
int dying_netnsid(struct ndrv_nl *nl, int netns_fd, int32_t *ret, struct ndrv_error *err);

#endif
