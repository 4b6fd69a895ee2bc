/* SPDX-License-Identifier: Apache-2.0 */
/* An old driver: see short_ops.h. */
#include "tests/abi/short_ops.h"

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self, (void)call, (void)network;
	return 0;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self, (void)call, (void)network;
	return 0;
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	(void)self, (void)call, (void)network, (void)endpoint, (void)ifinfo, (void)options;
	return 0;
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)call, (void)network, (void)endpoint;
	return 0;
}

static const struct ndrv_ops ops = {
	.size = SHORT_OPS_SIZE,
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	SHORT_OPS_TRAPS,
};

NDRV_DRIVER(&ops, NULL, .ops_size = SHORT_OPS_SIZE, .types = "short", .name = "short", .version = "0.9", .vendor = "ndrv tests",
	    .data_scope = NDRV_SCOPE_LOCAL, .capability_flags = NDRV_CAPABILITY_NO_LINK);
