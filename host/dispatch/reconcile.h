/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel against the records: what carries this host's tag in its namespace (links by their group; routes, rules and neighbour
 * entries by their protocol number) and belongs to no record. */
#ifndef HOST_DISPATCH_RECONCILE_H
#define HOST_DISPATCH_RECONCILE_H

#include "host/dispatch/core.h"

struct stray_report {
	struct ndrv_value removed;		     /* names; those that were, or in a dry run would be, removed */
	struct ndrv_value unknown;		     /* names: the tag, but no name of ours; left alone */
	struct ndrv_value routes, rules, neighbours; /* texts; likewise removed: they carry our protocol number */
	uint32_t failed;			     /* could not be removed */
};

struct reconcile_id {
	const char *nid, *eid; /* `eid` "": the network's own */
};
struct reconcile_only {
	uint32_t count;
	const struct reconcile_id *ids;
};

/* A route, rule or neighbour entry belongs to a record when its interface does, or when it is about addresses of a network's pool;
 * a number that is a routing daemon's by convention is not looked for. A link is removed only when its group is in the host's
 * range, its name has the form ndrv_link_name() gives, and no network or endpoint there is has that name; each is looked at again
 * right before it goes. Where a network's endpoints could not be seen because a call is busy on it, nothing is removed: RETRY. Not
 * under any turn. */
int reconcile_links(struct dispatch *dispatch, struct arena *arena, bool dry_run, struct stray_report *ret, struct ndrv_error *err);
/* Sets stray_links, unknown_links, stray_routes, stray_rules, stray_neighbours. */
void describe_strays(struct tree *tree, struct ndrv_value *map, const struct stray_report *strays);
/* The same, not dry; `only` (NULL: all): links of records that are not in the list are left alone too, and so is all that
 * is no link. */
int reconcile_some(struct dispatch *dispatch, struct arena *arena, const struct reconcile_only *only, struct stray_report *ret,
		   struct ndrv_error *err);
/* The NAT's table and memory; what differs is added to `map` as "nat": {unknown, missing, strays, table}. What goes wrong is
 * logged. */
void reconcile_nat(struct dispatch *dispatch, bool repair, struct tree *tree, struct ndrv_value *map);

#endif
