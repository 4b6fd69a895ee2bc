/* SPDX-License-Identifier: Apache-2.0 */
/* host->nat: the NAT service as drivers call it, kept in the store. And what the dispatcher itself asks of it: whatever a driver
 * forgets, an endpoint that has left or gone has no published port. */
#ifndef HOST_DISPATCH_NAT_SERVICE_H
#define HOST_DISPATCH_NAT_SERVICE_H

#include <ndrv/host.h>

#include "host/nat/nat.h"

struct dispatch;
struct nat_service;
struct store;
struct tree;

/* `store` may be NULL. KERNEL_LACKS, PERMISSION: this host has none. */
int nat_service_open(const char *instance, uint32_t link_group, struct store *store, struct nat_service **ret,
		     struct ndrv_error *err);
void nat_service_close(struct nat_service *service);
const struct ndrv_nat_ops *nat_service_ops(struct nat_service *service);

/* What goes wrong is logged, and tried again by the mender (mend.h). A host without NAT: nothing. */
void nat_forget_endpoint(struct dispatch *dispatch, const char *nid, const char *eid);
void nat_forget_network(struct dispatch *dispatch, const char *nid);

/* What they could not do, once more; and whatever differs from records and memory. */
int nat_mend(struct dispatch *dispatch, struct ndrv_error *err);
/* For status: "nat" {table, networks, endpoints, ports, restored}, absent without NAT. */
void nat_describe(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *map);

#endif
