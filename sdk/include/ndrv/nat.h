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

/* SCTP is KERNEL_LACKS (NotImplemented) where the kernel does not track its connections. */
enum { NDRV_PROTO_TCP = 6, NDRV_PROTO_UDP = 17, NDRV_PROTO_SCTP = 132 };

/* types.PortBinding. One binding is one port of the endpoint; with several addresses it may stand for one of each family.
 *
 * Families: those the endpoint has an address of, the network has not put into mode ROUTED or INTERNAL, and host_address allows. A
 * binding without any is BAD_REQUEST. In a ROUTED family the endpoint's port is opened and host_address and host_port mean nothing;
 * host_port is 0 on return where there is no other family. */
struct ndrv_port_binding {
	uint32_t size;
	uint32_t protocol;	       /* NDRV_PROTO_... */
	struct ndrv_addr address;      /* of the endpoint; unset: the endpoint's addresses, v4 and v6 */
	uint32_t port;		       /* 1..65535 */
	struct ndrv_addr host_address; /* unset: any, of both families; 0.0.0.0 or :: any of that one */
	uint32_t host_port;	       /* 0: the host picks one; filled in on return */
	uint32_t host_port_end;	       /* last port of the range that may be used; 0: just host_port */
};

/* With no flag at all a network is protected: what is forwarded to it from elsewhere passes only if it answers the network's own
 * traffic or goes to a published port. Its own traffic leaves untranslated. */
enum {
	NDRV_NAT_MASQUERADE = 1u << 0, /* traffic leaving the network's bridge to elsewhere gets the host's address */
	NDRV_NAT_ISOLATE = 1u << 1,    /* no traffic to and from other isolated networks, but through published host ports */
	NDRV_NAT_INTERNAL = 1u << 2,   /* no traffic to and from outside the bridge at all; nothing can be published */
	/* Endpoints of the network do not reach each other where their packets pass the host's forwarding, but through published
	 * ports. Frames that the bridge passes from port to port are not seen: whoever makes the ports isolates them
	 * (IFLA_BRPORT_ISOLATED). */
	NDRV_NAT_NO_ICC = 1u << 3,
	NDRV_NAT_HAIRPIN = 1u << 4, /* endpoints reach themselves and each other through published host ports */
	/* libnetwork's gateway mode nat-unprotected: from outside all ports of an endpoint are reached, published or not. */
	NDRV_NAT_UNPROTECTED = 1u << 5,
	/* libnetwork's gateway mode routed: nothing is translated; MASQUERADE and `source` mean nothing, published ports are
	 * opened.
	 */
	NDRV_NAT_ROUTED = 1u << 6,
};

/* What a network wants; replaces whatever was set for it before. Published ports stay. */
struct ndrv_nat_network {
	uint32_t size;
	uint32_t flags;	  /* NDRV_NAT_..., for v4; in a struct that ends before flags6, for both families */
	const char *link; /* the bridge or other link its traffic passes */
	struct ndrv_prefix pool;
	struct ndrv_prefix pool6;
	struct ndrv_addr source; /* SNAT to this address rather than masquerade; unset: masquerade */
	struct ndrv_addr source6;
	uint32_t flags6; /* NDRV_NAT_..., for v6 */
	uint32_t reserved;
};

struct ndrv_nat_ops {
	uint32_t size;
	uint32_t reserved;
	int (*network_set)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network,
			   const struct ndrv_nat_network *want);
	int (*network_clear)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network);
	/* All of them or none, in one transaction; replaces the endpoint's former ones. PORT_IN_USE (Forbidden) names the holder.
	 * The network must have been set. The host takes them back itself when the endpoint leaves or goes. */
	int (*publish)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint,
		       struct ndrv_port_binding *bindings, uint32_t count);
	int (*unpublish)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint);
};

NDRV_END_DECLS

#endif
