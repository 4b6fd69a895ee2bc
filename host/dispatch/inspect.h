/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_DISPATCH_INSPECT_H
#define HOST_DISPATCH_INSPECT_H

#include "host/dispatch/core.h"

/* Sets the keys of `map`. Under the turn, or `busy`: only what does not change while the network exists. */
void describe_network(struct tree *tree, struct ndrv_value *map, struct dispatch *dispatch, const struct network *network,
		      bool busy);
void describe_endpoint(struct tree *tree, struct ndrv_value *map, const struct endpoint *endpoint);

#endif
