/* SPDX-License-Identifier: Apache-2.0 */
/* Beside Docker: dockerd makes iptables' FORWARD chain drop what it does not know, and where br_netfilter is on that means frames
 * between two ports of a bridge, too. What Docker leaves to others is its chain DOCKER-USER, which it jumps to first and never
 * empties. Two rules at its head let pass what comes from or goes to a link of this host: the group that all of them are in says
 * which those are, so that there are two rules however many networks there are. Our own chains still judge the packets. */
#ifndef HOST_NAT_BESIDE_H
#define HOST_NAT_BESIDE_H

#include "host/nat/nft.h"

/* Puts the rules there where the chain is and they are not, for IPv4 and IPv6. `ret_put`: how many families got them. `owner` is in
 * their comments. What iptables' old backend made is not seen here; without the chain there is nothing to do. */
int beside_docker(struct nft *nft, const char *owner, uint32_t link_group, uint32_t *ret_put, struct ndrv_error *err);

#endif
