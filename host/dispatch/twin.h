/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_DISPATCH_TWIN_H
#define HOST_DISPATCH_TWIN_H

#include "host/dispatch/core.h"

/* All under the network's turn. */

/* Puts the twins' priv where a driver looks, and the serving generation's into the twins; called again, back. `endpoint` NULL: the
 * network alone. */
void twin_exchange(struct network *network, struct endpoint *endpoint);
/* Whoever has a twin of the record releases it; of the network: of its endpoints first. Also when the record is about to go. */
void twin_drop_endpoint(struct endpoint *endpoint);
void twin_drop_network(struct network *network);
/* The same until the time is over. True: nothing is left. */
bool twin_drop_slice(struct network *network, uint64_t until_ns);

/* The driver frees what it hung on the network, or on the endpoint (not NULL); nothing in the kernel changes. Under the turn. */
void release_priv(struct instance *instance, struct network *network, struct endpoint *endpoint);

#endif
