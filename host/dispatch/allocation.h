/* SPDX-License-Identifier: Apache-2.0 */
/* What a network needs cluster-wide (driverapi.NetworkAllocator), where no cluster manager asks for it: whoever creates a network
 * over the control socket gets it from this host's driver, and the network's options say what it was, for other hosts to be told.
 */
#ifndef HOST_DISPATCH_ALLOCATION_H
#define HOST_DISPATCH_ALLOCATION_H

#include "host/dispatch/steps.h"

/* Is it the host that has to ask? Not for Docker, whose manager did. Before the network's intent is written down. */
bool allocation_is_due(const struct job *job, const struct network *network);
/* Asks, where network->allocated says so, and puts the answer into the network's options. */
int allocation_take(struct job *job, struct network *network, struct ndrv_error *err);
/* Gives it back, where network->allocated says so. Never fails: what the driver does not know is gone. */
void allocation_give(struct job *job, struct network *network);

#endif
