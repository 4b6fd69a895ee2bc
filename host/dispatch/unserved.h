/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that no driver serves although theirs is loaded: why, and for which driver files that holds over restarts. */
#ifndef HOST_DISPATCH_UNSERVED_H
#define HOST_DISPATCH_UNSERVED_H

#include "host/dispatch/core.h"

/* Under the turn: requests on the network get `why` from now on, its status shows it. NULL: it is served, or simply has no driver.
 * Short of memory they get NO_DRIVER. */
void network_unserve(struct network *network, const struct ndrv_error *why);
/* What is worth trying again by itself: the driver or the machine was busy or short of something. */
bool unserved_may_pass(const struct network *network);
/* {code, kind, message} as "error", where there is something to tell. Under the turn. */
void describe_unserved(struct tree *tree, struct ndrv_value *map, const struct network *network);

/* A file that is not asked again for a network, over restarts too. */
struct aside {
	const char *nid, *sha256, *why;
};
struct asides {
	uint32_t count;
	struct aside *list;
};

/* Everything that is set aside, in the arena; forgets what is about networks that are not there any more. What cannot be read is
 * logged and empty. */
void asides_load(struct dispatch *dispatch, struct arena *arena, struct asides *ret);
const struct aside *asides_find(const struct asides *asides, const char *nid);
/* False: it could not be written, which is logged. */
bool aside_keep(struct dispatch *dispatch, const char *nid, const char *sha256, const char *why);
void aside_forget(struct dispatch *dispatch, const char *nid);

#endif
