/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that hold published host ports, so that no process of the host takes one or has it already. They are bound and never
 * listened on: what is not translated is refused as on any closed port. */
#ifndef HOST_NAT_HOLD_H
#define HOST_NAT_HOLD_H

#include <stdbool.h>

#include <ndrv/types.h>

/* How many may be held: as many descriptors as this process may have, less what the rest of the host needs. Raises the soft limit.
 */
uint32_t hold_limit(void);

/* `host` unset: any address of the families in `v4`, `v6`. With `keep` false the port is only tried. `ret_fd` -1: the port is free,
 * but nothing holds it. PORT_IN_USE when a process has it; BAD_REQUEST for an address that is not this host's. */
int hold_port(uint32_t protocol, const struct ndrv_addr *host, bool v4, bool v6, uint16_t port, bool keep, int *ret_fd,
	      struct ndrv_error *err);

#endif
