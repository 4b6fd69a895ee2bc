/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, routes and neighbours. `index` is the interface; `name` is only for messages. Setting what is there the same, and
 * deleting what is gone, is success; but adding a route to a destination that has one already is an error, since the kernel does
 * not say whether it is the same. */
#ifndef NDRV_ROUTE_H
#define NDRV_ROUTE_H

#include <ndrv/netlink.h>
#include <ndrv/types.h>

NDRV_BEGIN_DECLS

/* IPv6 addresses are added without duplicate address detection: the host's IPAM knows they are unique. */
int ndrv_address_add(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_prefix *address,
		     struct ndrv_error *err);
struct ndrv_nl_batch_item *ndrv_address_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
					      const struct ndrv_prefix *address);
int ndrv_address_delete(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_prefix *address,
			struct ndrv_error *err);
/* Addresses of an interface (0: of all), malloc'ed: the caller frees `*ret`. */
struct ndrv_address {
	uint32_t index;
	uint32_t flags; /* IFA_F_... */
	struct ndrv_prefix address;
};
int ndrv_address_list(struct ndrv_nl *nl, uint32_t index, struct ndrv_address **ret, uint32_t *ret_count, struct ndrv_error *err);

/* CONNECTED goes to the interface, NEXTHOP via next_hop on it. `protocol` is the owner tag (network->route_protocol; 0: "static").
 */
int ndrv_route_add(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_route *route, uint32_t protocol,
		   struct ndrv_error *err);
struct ndrv_nl_batch_item *ndrv_route_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
					    const struct ndrv_route *route, uint32_t protocol);
/* With a metric (0: the kernel's own): of several routes to one destination the lowest counts. */
struct ndrv_nl_batch_item *ndrv_route_metric_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
						   const struct ndrv_route *route, uint32_t protocol, uint32_t metric);
int ndrv_route_delete(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_route *route, struct ndrv_error *err);

/* A permanent neighbour entry; replaces one that is there. */
int ndrv_neighbour_add(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_addr *addr,
		       const struct ndrv_mac *mac, uint32_t protocol, struct ndrv_error *err);
struct ndrv_nl_batch_item *ndrv_neighbour_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
						const struct ndrv_addr *addr, const struct ndrv_mac *mac, uint32_t protocol);
int ndrv_neighbour_delete(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_addr *addr,
			  struct ndrv_error *err);

NDRV_END_DECLS

#endif
