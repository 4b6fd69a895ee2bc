/* SPDX-License-Identifier: Apache-2.0 */
/* The host's NAT and port service (host->nat). Semantic requests, no firewall language: the host owns one table of its own and
 * turns these into map elements. A host without the service passes NULL; the ndrv_nat_...() wrappers then answer NOT_IMPLEMENTED.
 */
#ifndef NDRV_NAT_H
#define NDRV_NAT_H

#include <ndrv/types.h>

NDRV_BEGIN_DECLS

struct ndrv_call;
struct ndrv_host;
struct ndrv_network;
struct ndrv_endpoint;

enum { NDRV_PROTO_TCP = 6, NDRV_PROTO_UDP = 17, NDRV_PROTO_SCTP = 132 };

/* types.PortBinding. */
struct ndrv_port_binding {
	uint32_t size;
	uint32_t protocol;	       /* NDRV_PROTO_... */
	struct ndrv_addr address;      /* of the endpoint */
	uint32_t port;		       /* 1..65535 */
	struct ndrv_addr host_address; /* unset: any */
	uint32_t host_port;	       /* 0: the host picks one; filled in on return */
	uint32_t host_port_end;	       /* last port of the range that may be used; 0: just host_port */
};

enum {
	NDRV_NAT_MASQUERADE = 1u << 0, /* traffic leaving the network's bridge to elsewhere gets the host's address */
	NDRV_NAT_ISOLATE = 1u << 1,    /* no traffic to and from other isolated networks */
	NDRV_NAT_INTERNAL = 1u << 2,   /* no traffic to and from outside the bridge at all */
	NDRV_NAT_NO_ICC = 1u << 3,     /* endpoints of the network do not reach each other */
	NDRV_NAT_HAIRPIN = 1u << 4,    /* an endpoint reaches itself through its published port */
};

/* What a network wants; replaces whatever was set for it before. */
struct ndrv_nat_network {
	uint32_t size;
	uint32_t flags;	  /* NDRV_NAT_... */
	const char *link; /* the bridge or other link its traffic passes */
	struct ndrv_prefix pool;
	struct ndrv_prefix pool6;
	struct ndrv_addr source; /* SNAT to this address rather than masquerade; unset: masquerade */
	struct ndrv_addr source6;
};

struct ndrv_nat_ops {
	uint32_t size;
	uint32_t reserved;
	int (*network_set)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network,
			   const struct ndrv_nat_network *want);
	int (*network_clear)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network);
	/* All of them or none, in one transaction; replaces the endpoint's former ones. FORBIDDEN names the holder of a port in
	 * use. */
	int (*publish)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint,
		       struct ndrv_port_binding *bindings, uint32_t count);
	int (*unpublish)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint);
};

NDRV_END_DECLS

#endif
