/* SPDX-License-Identifier: Apache-2.0 */
/* The "bridge" type: a Linux bridge per network, a veth pair per endpoint, its outer end a port of the bridge.
 *
 * bridge.c    the ops on networks, and the table of all ops
 * endpoint.c  the ops on endpoints
 * external.c  the way out: what is asked of the host's NAT for a network, and published ports
 * options.c   what a network may be told, and what is refused
 * link.c      the kernel objects: names, bridge, veth */
#ifndef DRIVERS_BRIDGE_BRIDGE_H
#define DRIVERS_BRIDGE_BRIDGE_H

#include <pthread.h>
#include <stdbool.h>

#include <ndrv/driver.h>
#include <ndrv/link.h>
#include <ndrv/ports.h>

#define BRIDGE_PORTS_MAX 1023 /* the kernel's limit on ports of one bridge */

/* How one family of a network meets the outside; in the order of the option's choices. */
enum gateway_mode { GATEWAY_NAT, GATEWAY_UNPROTECTED, GATEWAY_ROUTED, GATEWAY_ISOLATED };

/* Labels of a network, under "com.docker.network.generic". */
struct options {
	char bridge_name[NDRV_IFNAME_MAX]; /* "" our choice */
	char prefix[NDRV_IFNAME_MAX];	   /* of names in the sandbox: "eth" */
	int64_t mtu;			   /* 0: the kernel's */
	int icc, masquerade, inhibit_ipv4, default_bridge, mcast_snooping, hairpin;
	int mode4, mode6;	  /* enum gateway_mode */
	struct ndrv_addr binding; /* where ports without an address of the host are published; unset or 0.0.0.0: everywhere */
	struct ndrv_addr host4, host6;
};

/* A network: its record's priv, and a member of the list in which conflicts are looked for. */
struct net {
	struct net *next;
	struct options options;
	char id[NDRV_ID_MAX + 1];
	char link[NDRV_IFNAME_MAX]; /* the bridge */
	uint32_t index;		    /* its number; 0 while it is not there */
	struct ndrv_mac mac;
	bool internal, ipv4, ipv6;
	bool foreign; /* the bridge was there before us: its addresses are not touched, and it is never deleted */
	uint32_t ports;
	struct ndrv_prefix pool4, pool6;
	struct ndrv_prefix gateway4, gateway6; /* the bridge's own addresses; unset: none */
	struct ndrv_addr default4, default6;   /* what endpoints are told as gateway; unset: none */
	struct ep *eps;			       /* all of them */
};

/* An endpoint: its record's priv. */
struct ep {
	struct ep *next, **at;	     /* in net->eps; `at` NULL: in none */
	char outer[NDRV_IFNAME_MAX]; /* the port of the bridge */
	char inner[NDRV_IFNAME_MAX]; /* present name of the other end */
	uint32_t outer_index;
	bool in_sandbox; /* the inner end was born in the sandbox, under its final name */
	struct ndrv_mac mac;
	/* What is published and what was said to be exposed; malloc'ed. */
	struct ndrv_port_binding *bindings;
	struct ndrv_transport_port *exposed;
	uint32_t binding_count, exposed_count;
};

struct bridge {
	const struct ndrv_host *host;
	pthread_mutex_t lock; /* of the list */
	struct net *networks;
};

/* --- options.c --- */

/* Reads options and addresses of `network` into `ret` (zeroed by the caller). BAD_REQUEST, FORBIDDEN. `bridge` NULL: no warnings.
 */
int net_parse(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_network *network, struct net *ret);
/* BAD_REQUEST for options of an endpoint that are wrong. */
int endpoint_options_check(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_value *options);
int bridge_options(void *self, uint32_t which, struct ndrv_option_list *ret);
int bridge_gw_alloc_check(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip);
int bridge_configure(void *self, struct ndrv_call *call, const struct ndrv_value *config);

/* --- link.c --- */

/* Name of a kernel object: `kind` ("nb", "nv", "np") and a hash of instance, network and endpoint. */
void link_name(char ret[NDRV_IFNAME_MAX], const char *kind, const struct ndrv_network *network, const char *eid);
/* Makes the bridge of `net`, or takes the one that is there: by its name and owner tag. Sets link, index, mac, foreign. On failure
 * what it made is gone. */
int link_make_bridge(struct ndrv_call *call, const struct ndrv_network *network, struct net *net);
/* Deletes the pairs of all endpoints, then the bridge with what else of ours hangs on it; a foreign one only loses our ports. */
int link_delete_bridge(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net);
/* Makes the pair of an endpoint: in `netns_fd` under ep->inner, or (fd -1) both ends here. Sets outer_index as soon as there is
 * something to delete, also where it then fails. */
int link_make_pair(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep, int netns_fd);
/* Deletes a link of ours by name; one that is gone is success, a stranger's is left alone. */
int link_delete_ours(struct ndrv_call *call, const struct ndrv_network *network, const char *name);
/* Whether the bridge may send a frame back through the port it came from. An endpoint that talks to its own published port needs it
 * where bridged frames pass the IP firewall (net.bridge.bridge-nf-call-iptables): they are translated on the bridge then. Frames to
 * all come back too, so only where something is published. */
int link_set_hairpin(struct ndrv_call *call, const struct ep *ep, bool on);
/* The outer end is there and a port of the bridge (made one again if need be). NO_LINK when it is gone. */
int link_check_pair(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep);

/* --- external.c --- */

/* Tells the host's NAT what `net` wants; nothing where the host has none. */
int external_set_network(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_network *network,
			 const struct net *net);
int external_clear_network(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_network *network);
int bridge_program_external(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			    const struct ndrv_gateway_state *gateways, const struct ndrv_value *options);
int bridge_revoke_external(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
int bridge_ipv6_release(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
/* Adds what is published and exposed to endpoint_info's map. */
int external_describe(struct ndrv_call *call, const struct net *net, const struct ndrv_endpoint *endpoint, struct ndrv_value *info);

/* --- endpoint.c --- */

void ep_free(struct ep *ep); /* NULL too */
/* The network goes: endpoints that are still there are in no list any more. */
void net_detach_eps(struct net *net);

int bridge_endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options);
int bridge_endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
int bridge_endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info);
int bridge_endpoint_adopt(struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
int bridge_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options);
int bridge_leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);

#endif
