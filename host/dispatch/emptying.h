/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_DISPATCH_EMPTYING_H
#define HOST_DISPATCH_EMPTYING_H

#include "host/dispatch/core.h"

/* Before a network goes: its endpoints go, with NDRV_CALL_FORCE where `force`. `ret_whole`: the driver has deleted them together
 * with the network, and their records are still there, for drop_endpoints() once the store has forgotten them. Under the turn. */
int empty_network(struct job *job, struct network *network, bool force, bool *ret_whole, struct ndrv_error *err);
/* Records and leases of all that are left, whose objects and rows are gone. */
void drop_endpoints(struct dispatch *dispatch, struct network *network);

#endif
