/* SPDX-License-Identifier: Apache-2.0 */
/* Ports as options and endpoint_info carry them: libnetwork's PortBinding and TransportPort lists, to structs and back. */
#ifndef NDRV_PORTS_H
#define NDRV_PORTS_H

#include <ndrv/nat.h>
#include <ndrv/network.h>

NDRV_BEGIN_DECLS

#define NDRV_PORTS_MAX 4096

/* types.TransportPort. */
struct ndrv_transport_port {
	uint32_t protocol; /* NDRV_PROTO_... */
	uint32_t port;
};

/* The bindings under NDRV_OPT_PORTMAP in `options`, or in its NDRV_OPT_GENERIC map; none there: 0 of them. Made in the arena. As
 * they stand: `address` is what the option said, host_port_end is at least host_port or both are 0. BAD_REQUEST names what is
 * wrong: another type, protocol or family, a port out of range, more than NDRV_PORTS_MAX. */
int ndrv_portmap_read(const struct ndrv_value *options, struct ndrv_arena *arena, struct ndrv_port_binding **ret,
		      uint32_t *ret_count, struct ndrv_error *err);
/* The list that ndrv_portmap_read() reads, in the arena. */
int ndrv_portmap_write(struct ndrv_arena *arena, const struct ndrv_port_binding *bindings, uint32_t count, struct ndrv_value *ret,
		       struct ndrv_error *err);
/* The same for the ports under NDRV_OPT_EXPOSED_PORTS. */
int ndrv_exposed_read(const struct ndrv_value *options, struct ndrv_arena *arena, struct ndrv_transport_port **ret,
		      uint32_t *ret_count, struct ndrv_error *err);
int ndrv_exposed_write(struct ndrv_arena *arena, const struct ndrv_transport_port *ports, uint32_t count, struct ndrv_value *ret,
		       struct ndrv_error *err);
/* "tcp", "udp", "sctp", or "?". */
const char *ndrv_proto_name(uint32_t protocol);

NDRV_END_DECLS

#endif
