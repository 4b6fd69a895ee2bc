/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel against the records: links in the host's namespace that carry this host's tag (their group) and belong to no record.
 */
#ifndef HOST_DISPATCH_RECONCILE_H
#define HOST_DISPATCH_RECONCILE_H

#include "host/dispatch/core.h"

struct stray_report {
	struct ndrv_value removed; /* names; those that were, or in a dry run would be, removed */
	struct ndrv_value unknown; /* names: the tag, but no name of ours; left alone */
	uint32_t failed;	   /* could not be removed */
};

struct reconcile_id {
	const char *nid, *eid; /* `eid` "": the network's own */
};
struct reconcile_only {
	uint32_t count;
	const struct reconcile_id *ids;
};

/* A link is removed only when its group is in the host's range, its name has the form ndrv_link_name() gives, and no network or
 * endpoint there is has that name; each is looked at again right before it goes. Where a network's endpoints could not be seen
 * because a call is busy on it, nothing is removed: RETRY. Not under any turn. */
int reconcile_links(struct dispatch *dispatch, struct arena *arena, bool dry_run, struct stray_report *ret, struct ndrv_error *err);
/* The same, not dry; `only` (NULL: all): links of records that are not in the list are left alone too. */
int reconcile_some(struct dispatch *dispatch, struct arena *arena, const struct reconcile_only *only, struct stray_report *ret,
		   struct ndrv_error *err);

#endif
