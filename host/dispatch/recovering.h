/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over the networks (recovering.c) and what is done with each (recover.c). */
#ifndef HOST_DISPATCH_RECOVERING_H
#define HOST_DISPATCH_RECOVERING_H

#include "host/dispatch/core.h"

/* What was found and done. Of one network, in memory of its own, for the walk does not wait for a driver that hangs; or of all. */
struct recovery {
	struct dispatch *dispatch;
	struct job *job;
	struct arena *arena;
	struct ndrv_error error;
	struct tree tree;
	struct ndrv_value lost, failed, aside, waiting; /* lists of {network, endpoint, why} */
	int64_t networks, endpoints, undone, redone, orphans;
};

void recovery_init(struct recovery *recovery, struct dispatch *dispatch, struct arena *arena);
/* Also logged. `endpoint` may be NULL. */
void recovery_note(struct recovery *recovery, struct ndrv_value *list, const struct network *network,
		   const struct endpoint *endpoint, const char *why);
/* The addresses of a network's endpoints stay taken while nobody serves it, so that nobody else gets them. */
void recovery_lease_endpoints(struct dispatch *dispatch, struct network *network);

/* The job's network, whose instance is set. On return it is served, or gone, or unserved with a reason. */
void recover_network(struct recovery *recovery);

/* Networks that could not be recovered for a reason that may have passed are tried again: those of drivers that hung, for one.
 * Returns how many still wait. Any thread, without any turn. */
uint32_t recover_again(struct dispatch *dispatch);

#endif
