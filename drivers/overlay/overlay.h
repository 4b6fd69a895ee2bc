/* SPDX-License-Identifier: Apache-2.0 */
/* The "overlay" type: one network over many hosts. Each subnet has a bridge and, as a port of it, a VXLAN link with a VNI of its
 * own; endpoints are veth pairs on that bridge. Who is where comes from the table "overlay_peer_table", and from frames only where
 * the platform carries no tables (flood.c).
 *
 * overlay.c   the ops on networks, the instance and its list, the table of all ops
 * node.c      this node's address, other nodes that come and go, the driver's configuration
 * options.c   what a network may be told, and what is refused
 * vni.c       VNIs: lists of them, and handing them out
 * linking.c   when links are made, and made again
 * subnet.c    the links of a network: bridges, VXLAN
 * vxlan.c     VXLAN links as the kernel shows them
 * endpoint.c  the ops on endpoints
 * veth.c      the pairs
 * row.c       rows of the table, byte for byte as libnetwork's
 * peers.c     all peers of a network, and which of two that claim the same counts
 * program.c   from peers to the kernel's forwarding entries and neighbours
 * sweep.c     the kernel's entries against the peers
 * flood.c     all nodes there are, and networks that reach unknown peers through all of them */
#ifndef DRIVERS_OVERLAY_OVERLAY_H
#define DRIVERS_OVERLAY_OVERLAY_H

#include <pthread.h>
#include <stdbool.h>

#include <ndrv/driver.h>
#include <ndrv/link.h>

#include "drivers/overlay/peers.h"

#define OVERLAY_TABLE "overlay_peer_table"
#define OVERLAY_PORT 4789
#define SUBNETS_MAX 16
#define VNI_MAX 0xffffff
#define BRIDGE_PORTS_MAX 1023 /* the kernel's limit on ports of one bridge; VXLAN takes one */

#define OVERLAY_OPT_VNIS "com.docker.network.driver.overlay.vxlanid_list"
#define OVERLAY_OPT_PEERS "peers"
#define OVERLAY_OPT_PORT "com.docker.network.driver.overlay.port"

enum { PEERS_TABLE = 0, PEERS_FLOOD = 1 }; /* in the order of the option's choices */

/* Labels of a network. The strings belong to the call. */
struct options {
	const char *vnis;
	const char *encrypted;
	int peers;		      /* PEERS_... */
	int64_t port, mtu;	      /* 0: the driver's, derived */
	char prefix[NDRV_IFNAME_MAX]; /* of names in the sandbox: "eth" */
};

/* The `config:` section. */
struct config {
	struct ndrv_addr local_address;
	int64_t port;
};

struct subnet {
	uint32_t vni;
	struct ndrv_prefix pool4, pool6;
	struct ndrv_prefix gateway4, gateway6; /* of the bridge; unset: none */
	struct ndrv_mac mac;		       /* of the bridge: the same on every host */
	char bridge[NDRV_IFNAME_MAX], vxlan[NDRV_IFNAME_MAX];
	uint32_t bridge_index, vxlan_index; /* 0 while they are not there */
	uint32_t ports;			    /* endpoints */
};

/* A network: its record's priv, and a member of the instance's list. */
struct net {
	struct net *next;
	uint32_t refs; /* under the instance's lock; the list and the record hold one */
	char id[NDRV_ID_MAX + 1];
	char prefix[NDRV_IFNAME_MAX];
	bool internal, ipv4, ipv6;
	bool flood; /* peers: flood */
	uint16_t port;
	uint32_t wanted_mtu, mtu; /* by option (0: derived); what it came to (0: not known yet) */
	uint32_t protocol;	  /* owner tag of neighbours */
	uint32_t subnet_count;
	struct subnet subnets[SUBNETS_MAX];
	bool linked;	       /* all links are there */
	bool unswept;	       /* some were there before: their entries are of an earlier life */
	struct ndrv_addr vtep; /* this host's address in the links; unset: not known yet */
	struct ep *eps;	       /* all of them */
	pthread_mutex_t lock;  /* of what follows: nodes come and go beside the network's own calls */
	uint64_t flooded;      /* the node_serial of the entries for all nodes; 0: they are to be looked at */
	struct ndrv_addr gone; /* the node that went last: what was learned of it goes too */
	struct peers peers;
};

/* An endpoint: its record's priv. */
struct ep {
	struct ep *next, **at;	     /* in net->eps; `at` NULL: in none */
	char outer[NDRV_IFNAME_MAX]; /* the port of the bridge */
	char inner[NDRV_IFNAME_MAX]; /* present name of the other end */
	uint32_t outer_index;
	uint32_t subnet;
	bool in_sandbox; /* the inner end was born in the sandbox, under its final name */
	struct ndrv_mac mac;
	struct ndrv_addr address, address6;
	struct peer *peer; /* while joined */
};

/* Addresses of this node. */
struct node {
	struct ndrv_addr address; /* what other nodes are told; unset: not known yet */
	struct ndrv_addr bind;	  /* what packets come from; unset: as address */
};

struct overlay {
	const struct ndrv_host *host;
	pthread_mutex_t lock; /* of all of this */
	struct net *networks;
	struct node discovered;
	struct ndrv_addr configured; /* wins over what was discovered */
	uint16_t port;
	bool told_no_tables, nodes_loaded;
	struct ndrv_addr *nodes; /* all that discovery told, but this one */
	uint32_t node_count;
	uint64_t node_serial; /* never 0; grows with each change */
};

/* --- overlay.c --- */
int no_network(struct ndrv_call *call, const struct ndrv_network *network);
/* A reference to the network that follows `net` (NULL: the first) in the list, giving up the one to `net`. */
struct net *net_next(struct overlay *overlay, struct net *net);
/* --- linking.c --- */

/* Has the links made if they are not there and this node's address is known, or has changed; then enters all peers and ports.
 * `required`: NO_SERVICE while the address is not known. Under the network's turn. */
int net_link(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, struct net *net, bool required);

/* --- node.c --- */
void node_here(struct overlay *overlay, struct node *ret);
int overlay_discover_new(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery);
int overlay_discover_delete(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery);
int overlay_configure(void *self, struct ndrv_call *call, const struct ndrv_value *config);

/* --- flood.c --- */

/* Takes nodes out of the store, once in an instance's life; the others do it too. */
int nodes_load(struct overlay *overlay, struct ndrv_call *call);
/* What discovery told of this node and of others is noted. */
int nodes_put_self(struct overlay *overlay, struct ndrv_call *call, const struct node *node);
int nodes_drop_self(struct overlay *overlay, struct ndrv_call *call, const struct node *node);
int nodes_change(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_addr *address, bool gone);
/* With net->lock held: makes the kernel's entries for all nodes what they should be, if nodes have changed or net->flooded is 0. */
int net_flood(struct overlay *overlay, struct ndrv_call *call, struct net *net);

/* --- options.c --- */

/* Reads options and addresses of `network` into `ret` (zeroed by the caller). BAD_REQUEST, FORBIDDEN, NOT_IMPLEMENTED. */
int net_parse(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, struct net *ret);
int endpoint_options_check(const struct overlay *overlay, struct ndrv_call *call, const struct ndrv_value *options);
int overlay_options(void *self, uint32_t which, struct ndrv_option_list *ret);
/* Fills `ret` from the driver's section; an unknown key is UNKNOWN_OPTION. */
int config_parse(struct ndrv_call *call, const struct ndrv_value *config, struct config *ret);
/* Index of the subnet both addresses (either may be unset) are in. BAD_REQUEST. */
int net_subnet(const struct net *net, const struct ndrv_addr *address, const struct ndrv_addr *address6, uint32_t *ret,
	       struct ndrv_error *err);

/* --- vni.c --- */

/* "4097,4098" into `ret`. BAD_REQUEST with libnetwork's words. */
int vni_list_parse(const char *text, uint32_t *ret, uint32_t max, uint32_t *ret_count, struct ndrv_error *err);
int overlay_network_allocate(void *self, struct ndrv_call *call, const char *nid, const struct ndrv_value *options,
			     const struct ndrv_ipam_list *ipv4, const struct ndrv_ipam_list *ipv6, struct ndrv_value *ret_options);
int overlay_network_free(void *self, struct ndrv_call *call, const char *nid);

/* --- subnet.c --- */

/* Names and MAC addresses, which follow from the ids. */
void net_name_links(const struct ndrv_network *network, struct net *net);
/* Makes all links or, where they are there and ours, makes them right. On failure what it made is gone. `node` without an address:
 * only what exists is taken, and ret_found says whether it was all. */
int net_make_links(struct ndrv_call *call, const struct ndrv_network *network, struct net *net, const struct node *node,
		   bool *ret_found);
/* Deletes everything of the network's: pairs, VXLAN, bridges. Goes by names, so `net` may be as net_name_links() left it. */
int net_delete_links(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net);
bool link_is_ours(const struct ndrv_network *network, const struct ndrv_link *link, const char *kind);
bool link_is_dead_or_ours(const struct ndrv_network *network, const struct ndrv_link *link, const char *kind);

/* --- vxlan.c --- */
struct vxlan {
	uint32_t index, vni, group;
	uint16_t port;
	bool over6; /* its packets are IPv6 */
	bool learning;
	struct ndrv_addr local; /* unset: the kernel's choice */
	char name[NDRV_IFNAME_MAX];
};
/* By index. */
int vxlan_get(struct ndrv_call *call, uint32_t index, struct vxlan *ret);
/* The message's IFLA_INFO_DATA. */
int vxlan_fill(struct nl_msg *msg, const void *vxlan);
int vxlan_set_local(struct ndrv_call *call, const struct vxlan *vxlan, const struct ndrv_addr *local);
/* As a port of the bridge: the bridge answers for what is known to be behind it; unless it is to flood it learns nothing and floods
 * nothing. */
int vxlan_set_port(struct ndrv_call *call, const char *name, uint32_t index, bool flood);
/* The link that has this VNI and port already, if there is one: says so in the error, which is LINK_EXISTS. Else returns 0. */
int vxlan_blame(struct ndrv_call *call, uint32_t vni, uint16_t port);
/* MTU of the link that has that address. 0: no link has it. */
int underlay_mtu(struct ndrv_call *call, const struct ndrv_addr *local, uint32_t *ret);

/* --- endpoint.c --- */
void net_detach_eps(struct net *net);
void ep_free(struct net *net, struct ep *ep); /* NULL too */
int overlay_endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			    struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options);
int overlay_endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
int overlay_endpoint_adopt(struct overlay *overlay, struct ndrv_call *call, struct ndrv_network *network,
			   struct ndrv_endpoint *endpoint);
int overlay_endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			  struct ndrv_value *ret_info);
int overlay_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		 const struct ndrv_value *sandbox_options);
int overlay_leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
int overlay_ipv6_release(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);

/* --- veth.c --- */
void veth_name(struct ep *ep, const struct ndrv_network *network, const struct ndrv_endpoint *endpoint);
/* Makes the pair: in `netns_fd` under ep->inner, or (-1) both ends here. On failure there is none. */
int veth_make(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep, int netns_fd);
/* The outer end is there and a port of the bridge, made one again if need be. NO_LINK when it is gone. */
int veth_check(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep);
/* By name; gone is success, and a stranger's is left alone. */
int veth_delete(struct ndrv_call *call, const struct ndrv_network *network, const char *name);

/* --- row.c --- */
#define ROW_MAX 512

/* libnetwork's PeerRecord, and a field behind it that its readers pass over. */
struct row {
	struct ndrv_prefix address;  /* unset: none */
	struct ndrv_prefix address6; /* unset: none */
	struct ndrv_mac mac;
	struct ndrv_addr vtep;
};
/* Returns the bytes put into `ret`. */
size_t row_encode(const struct row *row, uint8_t ret[ROW_MAX]);
/* BAD_REQUEST says what is wrong with it. */
int row_decode(const void *value, size_t bytes, struct row *ret, struct ndrv_error *err);
int overlay_decode_table_entry(void *self, struct ndrv_call *call, const char *table, const char *key, const void *value,
			       size_t bytes, const char **ret_object_id, struct ndrv_value *ret_info);
int overlay_event_notify(void *self, struct ndrv_call *call, struct ndrv_network *network, const struct ndrv_table_batch *batch);

/* --- program.c, sweep.c: with net->lock held --- */

/* Brings the kernel to what the peers' changes ask for. Failed entries are tried again with their next change or replay; the error
 * tells how many. Without links nothing happens, and the changes are forgotten: net_link() starts from all. */
int net_program(struct ndrv_call *call, struct net *net);
/* Reads the kernel's entries: strays are deleted, what is missing is entered again. */
int net_sweep(struct ndrv_call *call, struct net *net);

/* One kernel entry. */
struct entry {
	uint8_t kind;	/* PEER_ADDRESS4, PEER_ADDRESS6, PEER_MAC */
	uint8_t subnet; /* index */
	bool set;	/* or deleted */
	bool self;	/* MAC: of VXLAN */
	bool master;	/* MAC: of the bridge */
	struct ndrv_addr address;
	struct ndrv_mac mac;
	struct ndrv_addr vtep;
	struct peer *peer; /* whose it is, when set; may be NULL */
};
struct writer;
/* Sends entries in batches; every answer is read. */
struct writer *writer_new(struct ndrv_call *call, struct net *net);
void writer_add(struct writer *writer, const struct entry *entry);
/* Sends the rest and frees. The first error that stopped an entry, or 0. */
int writer_end(struct writer *writer);

#endif
