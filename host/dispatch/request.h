/* SPDX-License-Identifier: Apache-2.0 */
/* What a front asks and what it gets. A front decodes bytes into a struct request, hands it to dispatch_submit(), and encodes the
 * reply; it knows no drivers and no records. The dispatcher knows no JSON. */
#ifndef HOST_DISPATCH_REQUEST_H
#define HOST_DISPATCH_REQUEST_H

#include <stdbool.h>

#include <ndrv/driver.h>

#include "host/base/arena.h"

/* Every operation there is: X(ENUM, name, flags). `name` is what logs, metrics, `deny:` lists and help call it. The driver ops come
 * first; then composite operations, which the dispatcher makes out of driver ops, IPAM, sandbox work and the store. */
#define REQUEST_OPS(X)                                                                        \
	X(NETWORK_ALLOCATE, "network_allocate")                                               \
	X(NETWORK_FREE, "network_free")                                                       \
	X(NETWORK_CREATE, "network_create")                                                   \
	X(NETWORK_DELETE, "network_delete")                                                   \
	X(ENDPOINT_CREATE, "endpoint_create")                                                 \
	X(ENDPOINT_DELETE, "endpoint_delete")                                                 \
	X(ENDPOINT_INFO, "endpoint_info")                                                     \
	X(JOIN, "join")                                                                       \
	X(LEAVE, "leave")                                                                     \
	X(PROGRAM_EXTERNAL, "program_external")                                               \
	X(REVOKE_EXTERNAL, "revoke_external")                                                 \
	X(EVENT_NOTIFY, "event_notify")                                                       \
	X(DISCOVER_NEW, "discover_new")                                                       \
	X(DISCOVER_DELETE, "discover_delete")                                                 \
	X(DECODE_TABLE_ENTRY, "decode_table_entry")                                           \
	X(GW_ALLOC_CHECK, "gw_alloc_check")                                                   \
	X(IPV6_RELEASE, "ipv6_release")                                                       \
	X(HEALTH, "health")                                                                   \
	/* composite */                                                                       \
	X(CONNECT, "connect")	    /* endpoint_create + join + sandbox + program_external */ \
	X(DISCONNECT, "disconnect") /* revoke_external + leave + sandbox + endpoint_delete */ \
	X(NETWORK_LIST, "network_list")                                                       \
	X(NETWORK_INSPECT, "network_inspect")                                                 \
	X(NETWORK_PRUNE, "network_prune") /* dead endpoints, empty networks, stray links */   \
	X(ENDPOINT_LIST, "endpoint_list")                                                     \
	X(ENDPOINT_INSPECT, "endpoint_inspect")                                               \
	X(DRIVER_LIST, "driver_list")                                                         \
	X(DRIVER_INSPECT, "driver_inspect")                                                   \
	X(DRIVER_LOAD, "driver_load")                                                         \
	X(DRIVER_UNLOAD, "driver_unload")                                                     \
	X(DRIVER_SWAP, "driver_swap")                                                         \
	X(DRIVER_ROLLBACK, "driver_rollback")                                                 \
	X(STATUS, "status")                                                                   \
	X(METRICS, "metrics")                                                                 \
	X(RELOAD, "reload")                                                                   \
	X(REEXEC, "reexec") /* another ndrvd takes over in this process */                    \
	X(TABLE_LIST, "table_list")                                                           \
	X(TABLE_GET, "table_get")                                                             \
	X(TABLE_WRITE, "table_write") /* rows of other nodes */                               \
	X(NODE_LIST, "node_list")                                                             \
	X(NODE_ADD, "node_add")                                                               \
	X(NODE_REMOVE, "node_remove")                                                         \
	/* pools a platform's IPAM leases, and their addresses one by one (Docker) */         \
	X(POOL_LIST, "pool_list")                                                             \
	X(POOL_REQUEST, "pool_request")                                                       \
	X(POOL_RELEASE, "pool_release")                                                       \
	X(ADDRESS_REQUEST, "address_request")                                                 \
	X(ADDRESS_RELEASE, "address_release")

enum request_op {
#define REQUEST_X(name, text) REQ_##name,
	REQUEST_OPS(REQUEST_X)
#undef REQUEST_X
		REQ_COUNT
};

#define GW_PRIORITY_MAX 100 /* and its negative: what fits above and below the usual metric (sandbox/metric.c) */

enum role { ROLE_NONE = 0, ROLE_OPERATE = 1, ROLE_ADMIN = 2 };

struct caller {
	uint32_t front; /* NDRV_FRONT_... */
	uint32_t uid, gid, pid;
	uint32_t role; /* enum role */
};

/* One pool the caller wants (control, CNI), or was given by the platform's own IPAM (`given`: Docker). */
struct pool_wish {
	struct ndrv_prefix pool;    /* unset: an automatic one of `family` */
	struct ndrv_prefix range;   /* unset: all of it */
	struct ndrv_prefix gateway; /* unset: the first usable address, unless the driver says it needs none */
	uint32_t family;	    /* 4 or 6 */
	bool given;		    /* record only, lease nothing; address_space, gateway and aux are taken as they are */
	const char *address_space;
	uint32_t aux_count;
	const struct ndrv_aux_address *aux;
};

/* One row to be written, or to go. */
struct row_wish {
	const char *table, *key, *owner;
	const void *value;
	size_t bytes;
	bool gone;
};

/* Everything lives in `arena` or outlives the request. */
struct request {
	enum request_op op;
	struct caller caller;
	struct arena *arena;
	const char *id;	      /* the front's id of this request, for logs; "" allowed */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: the configured default from now */
	bool force;	      /* network_delete with endpoints, disconnect of what is stuck, ... */
	bool dry_run;
	bool sync;	   /* deletions: answer only when the kernel is done with the links */
	bool by_docker;	   /* dockerd's: a deletion that fails is not asked for again (owed.h), nor is anything when it is killed */
	bool if_owed;	   /* the host's own: done only if it is owed still */
	bool if_dead;	   /* likewise, of an endpoint whose sandbox is dead still */
	bool sandbox_gone; /* endpoint_delete, disconnect: the sandbox goes away, so nobody waits for what is in it */

	const char *type;     /* network_create and driver ops without a network */
	const char *network;  /* id (primitives), or id or name (composites, inspect, list filters); NULL: none */
	const char *endpoint; /* likewise */

	/* network_create; network_allocate */
	const char *new_id;	   /* NULL: the host makes a 64-digit id */
	const char *name;	   /* "" none */
	uint32_t flags;		   /* NDRV_NETWORK_... asked for */
	struct ndrv_value options; /* network_create: the user's labels (goes under NDRV_OPT_GENERIC), or libnetwork's whole map if
				      `raw_options` */
	bool raw_options;
	uint32_t pool_count;
	const struct pool_wish *pools;

	/* endpoint_create, connect; options: endpoint options */
	const char *endpoint_name;	      /* connect and endpoint_create; NULL or "": none */
	struct ndrv_prefix address, address6; /* wanted (control: length 0 or the pool's) or given (Docker) */
	struct ndrv_mac mac;
	bool address_given; /* the platform's IPAM owns the address: record it, lease nothing */

	/* join, connect */
	const char *sandbox_key;	   /* join */
	const char *netns;		   /* connect, disconnect: path */
	int64_t netns_pid;		   /* connect: instead of netns; 0: none */
	const char *ifname;		   /* connect: final name; NULL: prefix from the driver and the first free number */
	int64_t gw_priority;		   /* connect: -100 ... 100; of a sandbox's networks the highest has the default route */
	struct ndrv_value sandbox_options; /* join, program_external: libnetwork's sandbox labels */
	/* connect, program_external: ports to publish, already as libnetwork's portmap value under NDRV_OPT_PORTMAP in
	 * sandbox_options */

	/* discover, event_notify, decode */
	const struct ndrv_discovery *discovery;
	const struct ndrv_table_batch *batch;
	const char *table, *key;
	const void *row;
	size_t row_bytes;

	/* table_get (owner NULL: every one), table_write, and the stream of rows: what came after `since` */
	const char *owner;
	const struct row_wish *wishes;
	uint64_t since;
	uint32_t wish_count;
	bool strict;	   /* rows that are to go must be there */
	bool until_synced; /* the stream ends when all has been told */
	bool gateway;	   /* address_request: as the pool's gateway */

	/* pool_request (pools[0], address_space), the others by `pool_id`; address_request: `address`, unset for any */
	const char *pool_id, *address_space;

	/* node_add, node_remove */
	const char *node, *node_address, *node_bind_address;

	/* driver_load, driver_swap; reexec, where NULL is the program that runs */
	const char *file;
};

/* What join said, for platforms that plug the sandbox themselves (Docker) and for the reply of connect. */
struct join_reply {
	const char *src_name, *prefix, *ifname;
	struct ndrv_addr gateway4, gateway6;
	uint32_t route_count;
	const struct ndrv_route *routes;
	bool disable_gateway_service;
};

/* In the request's arena. `value` is what the control front prints; the rest is for codecs that need it typed. */
struct reply {
	struct ndrv_error error; /* code 0: success */
	struct ndrv_value value;
	const char *network_id; /* of what was made or found */
	const char *endpoint_id;
	struct ndrv_prefix address, address6; /* endpoint_create, connect: final; `..._changed` says the driver set it */
	struct ndrv_mac mac;
	bool address_changed, address6_changed, mac_changed;
	struct join_reply join;
	uint32_t skip_gateways; /* gw_alloc_check */
	const char *pool_id;	/* pool_request */
	struct ndrv_prefix pool;
};

const char *request_op_name(enum request_op op);
/* REQ_COUNT: unknown. */
enum request_op request_op_find(const char *name);

#endif
