/* SPDX-License-Identifier: Apache-2.0 */
/* Networks, endpoints, and the callback objects of libnetwork's driverapi: InterfaceInfo, JoinInfo (with InterfaceNameInfo),
 * NetworkInfo.
 *
 * The records are the host's. A driver reads them, and hangs its own data on `priv`; it keeps no table of its own. During a swap
 * the old and the new generation of a driver each see their own priv for the same record, so neither ever reads the other's memory.
 * What `priv` points to is freed by the code that made it: in network_delete, endpoint_delete, or release.
 *
 * The callback objects (ifinfo, join) are valid until the op they were passed to returns; used later they answer FORBIDDEN
 * (STALE_HANDLE) as long as the host can still tell. Setters copy their arguments. Rules and texts: libnetwork.md §1.3. */
#ifndef NDRV_NETWORK_H
#define NDRV_NETWORK_H

#include <ndrv/types.h>
#include <ndrv/value.h>

NDRV_BEGIN_DECLS

/* Labels libnetwork uses inside options; drivers of others read the same ones. */
#define NDRV_OPT_GENERIC "com.docker.network.generic"
#define NDRV_OPT_ENABLE_IPV4 "com.docker.network.enable_ipv4"
#define NDRV_OPT_ENABLE_IPV6 "com.docker.network.enable_ipv6"
#define NDRV_OPT_INTERNAL "com.docker.network.internal"
#define NDRV_OPT_MTU "com.docker.network.driver.mtu"
#define NDRV_OPT_IFACE_PREFIX "com.docker.network.container_iface_prefix"
#define NDRV_OPT_IFNAME "com.docker.network.endpoint.ifname"
#define NDRV_OPT_MAC "com.docker.network.endpoint.macaddress"
#define NDRV_OPT_PORTMAP "com.docker.network.portmap"
#define NDRV_OPT_EXPOSED_PORTS "com.docker.network.endpoint.exposedports"
#define NDRV_OPT_DNS_SERVERS "com.docker.network.endpoint.dnsservers"

enum {
	NDRV_NETWORK_IPV4 = 1u << 0,
	NDRV_NETWORK_IPV6 = 1u << 1,
	NDRV_NETWORK_INTERNAL = 1u << 2,
};

struct ndrv_network;
struct ndrv_endpoint;
struct ndrv_ifinfo;
struct ndrv_join;

/* Kinds of rows a table holds (driverapi.ObjectType). */
enum { NDRV_OBJECT_OPAQUE = 1, NDRV_OBJECT_NETWORK = 2, NDRV_OBJECT_ENDPOINT = 3 };

struct ndrv_network_ops {
	uint32_t size;
	uint32_t reserved;
	/* NetworkInfo.TableEventRegister: rows of `table` of this network are to reach event_notify. Only inside network_create and
	 * adopt (else FORBIDDEN). Accepted and without effect for a driver of local scope. Registering a table twice is accepted.
	 */
	int (*table_register)(struct ndrv_network *network, const char *table, uint32_t object_type, struct ndrv_error *err);
};

/* Made by the host; only `priv` is the driver's to write. */
struct ndrv_network {
	uint32_t size;
	uint32_t flags; /* NDRV_NETWORK_... */
	const struct ndrv_network_ops *ops;
	const char *id;
	const char *name; /* the user's name for it where the front knows one, else "" (Docker tells only the id) */
	const char *
		instance; /* names of kernel objects are derived from it and the ids, so that hosts on one machine do not collide */
	const struct ndrv_value *options; /* as in network_create: libnetwork's top-level map */
	struct ndrv_ipam_list ipv4;
	struct ndrv_ipam_list ipv6;
	uint32_t link_group;	 /* IFLA_GROUP for every link made for this host: the owner tag */
	uint32_t route_protocol; /* rtm_protocol for routes, rules and neighbours: the owner tag there */
	void *priv;
};

struct ndrv_endpoint {
	uint32_t size;
	uint32_t reserved;
	const char *id;
	struct ndrv_network *network;
	const struct ndrv_value *options; /* as in endpoint_create */
	const char *sandbox_key;	  /* "" while not joined */
	struct ndrv_prefix address;	  /* what the endpoint ended up with; unset while endpoint_create runs (see ifinfo) */
	struct ndrv_prefix address6;
	struct ndrv_mac mac;
	void *priv;
};

/* --- InterfaceInfo: in endpoint_create only --- */
struct ndrv_ifinfo_ops {
	uint32_t size;
	uint32_t reserved;
	int (*set_mac)(struct ndrv_ifinfo *ifinfo, const struct ndrv_mac *mac, struct ndrv_error *err);
	int (*set_address)(struct ndrv_ifinfo *ifinfo, const struct ndrv_prefix *address, struct ndrv_error *err);
	int (*get_mac)(struct ndrv_ifinfo *ifinfo, struct ndrv_mac *ret, struct ndrv_error *err);
	int (*get_address)(struct ndrv_ifinfo *ifinfo, uint32_t family, struct ndrv_prefix *ret, struct ndrv_error *err);
	int (*get_netns)(struct ndrv_ifinfo *ifinfo, const char **ret_path, int *ret_fd, struct ndrv_error *err);
	int (*get_ifname)(struct ndrv_ifinfo *ifinfo, const char **ret, struct ndrv_error *err);
	int (*set_created_in_sandbox)(struct ndrv_ifinfo *ifinfo, struct ndrv_error *err);
};

struct ndrv_ifinfo {
	const struct ndrv_ifinfo_ops *ops;
};

/* Set-if-unset: FORBIDDEN (ALREADY_SET) when there is one, even the same. BAD_REQUEST for an unset, zero or multicast MAC. */
int ndrv_ifinfo_set_mac(struct ndrv_ifinfo *ifinfo, const struct ndrv_mac *mac, struct ndrv_error *err);
/* Family decides the slot, v4 or v6; set-if-unset per slot as above. BAD_REQUEST for an unset address. */
int ndrv_ifinfo_set_address(struct ndrv_ifinfo *ifinfo, const struct ndrv_prefix *address, struct ndrv_error *err);
/* Unset values come back unset, with 0. */
int ndrv_ifinfo_mac(struct ndrv_ifinfo *ifinfo, struct ndrv_mac *ret, struct ndrv_error *err);
int ndrv_ifinfo_address(struct ndrv_ifinfo *ifinfo, struct ndrv_prefix *ret, struct ndrv_error *err);
int ndrv_ifinfo_address6(struct ndrv_ifinfo *ifinfo, struct ndrv_prefix *ret, struct ndrv_error *err);
/* The sandbox the endpoint is about to join, if it is known already: its path and an open fd of it (borrowed, valid for this call:
 * good for IFLA_NET_NS_FD, never kept). "" and -1 where it is not known (Docker): make the interface in the host namespace then. */
int ndrv_ifinfo_netns(struct ndrv_ifinfo *ifinfo, const char **ret_path, int *ret_fd, struct ndrv_error *err);
/* The final name of the interface inside that sandbox; "" where the caller leaves it to join's prefix. */
int ndrv_ifinfo_ifname(struct ndrv_ifinfo *ifinfo, const char **ret, struct ndrv_error *err);
/* The interface was made in the sandbox, under ndrv_ifinfo_ifname()'s name: the host need not move it. FORBIDDEN without a sandbox.
 */
int ndrv_ifinfo_set_created_in_sandbox(struct ndrv_ifinfo *ifinfo, struct ndrv_error *err);

/* --- JoinInfo and InterfaceNameInfo: in join only --- */
struct ndrv_join_ops {
	uint32_t size;
	uint32_t reserved;
	int (*set_names)(struct ndrv_join *join, const char *src, const char *prefix, const char *exact, struct ndrv_error *err);
	int (*set_gateway)(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err);
	int (*set_gateway6)(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err);
	int (*add_static_route)(struct ndrv_join *join, const struct ndrv_route *route, struct ndrv_error *err);
	int (*disable_gateway_service)(struct ndrv_join *join, struct ndrv_error *err);
	int (*force_gateway)(struct ndrv_join *join, uint32_t family, struct ndrv_error *err);
	int (*add_table_entry)(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			       struct ndrv_error *err);
	int (*add_wait_link)(struct ndrv_join *join, uint32_t ifindex, struct ndrv_error *err);
	int (*set_neighbour)(struct ndrv_join *join, const struct ndrv_addr *addr, const struct ndrv_mac *mac,
			     struct ndrv_error *err);
};

struct ndrv_join {
	const struct ndrv_join_ops *ops;
};

/* `src`: the interface's present name; "": nothing is to be moved. Its final name is `exact` if given, else `prefix` and the first
 * free number. Last call wins. BAD_REQUEST for names the kernel or ndrv_ifname_check() refuses. */
int ndrv_join_set_names(struct ndrv_join *join, const char *src, const char *prefix, const char *exact, struct ndrv_error *err);
/* Of the right family, or BAD_REQUEST. NULL or unset clears. Last call wins. */
int ndrv_join_set_gateway(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err);
int ndrv_join_set_gateway6(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err);
/* ndrv_route_check() applies. At most 64 routes. */
int ndrv_join_add_static_route(struct ndrv_join *join, const struct ndrv_route *route, struct ndrv_error *err);
/* The platform is not to give the sandbox a default gateway of its own because of this endpoint (no docker_gwbridge). */
int ndrv_join_disable_gateway_service(struct ndrv_join *join, struct ndrv_error *err);
/* The endpoint counts as external for `family` (4 or 6) although it names no gateway (master's ForceGw4, ForceGw6). */
int ndrv_join_force_gateway(struct ndrv_join *join, uint32_t family, struct ndrv_error *err);
/* Publishes a row of this endpoint; taken back at leave. Without effect for a driver of local scope. Key up to 255 bytes, value up
 * to 64 KiB. */
int ndrv_join_add_table_entry(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			      struct ndrv_error *err);
/* A link in the host namespace (a bridge port, the bridge) that must be able to carry packets before the host answers its caller.
 * Used where the host plugs the sandbox itself; up to 4 links. Without it up to half of the first packets are lost for a second
 * (performance.md §C4). */
int ndrv_join_add_wait_link(struct ndrv_join *join, uint32_t ifindex, struct ndrv_error *err);
/* A neighbour (the gateway's MAC) the host may enter permanently in the sandbox, so that the first packet needs no resolution. Up
 * to 4. */
int ndrv_join_set_neighbour(struct ndrv_join *join, const struct ndrv_addr *addr, const struct ndrv_mac *mac,
			    struct ndrv_error *err);

/* NetworkInfo */
int ndrv_network_table_register(struct ndrv_network *network, const char *table, uint32_t object_type, struct ndrv_error *err);

NDRV_END_DECLS

#endif
