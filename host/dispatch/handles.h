/* SPDX-License-Identifier: Apache-2.0 */
/* The callback objects of driver ops: ifinfo and join (libnetwork's InterfaceInfo and JoinInfo) and a network's table_register.
 *
 * A handle is small, its memory is never given back, and a used one rests until HANDLES_RESTING others were used after it, so that
 * a driver that kept a pointer gets STALE_HANDLE and never another call's handle. What is set goes into a `state` of the caller's,
 * which the handle forgets when it is revoked: at the call's return, or by the watchdog while the driver is still inside. */
#ifndef HOST_DISPATCH_HANDLES_H
#define HOST_DISPATCH_HANDLES_H

#include <pthread.h>
#include <stdbool.h>

#include <ndrv/network.h>

#include "host/base/arena.h"

struct job;
struct handle;

#define HANDLES_RESTING 1024u
#define JOIN_ROUTES_MAX 64u
#define JOIN_WAIT_LINKS_MAX 4u
#define JOIN_NEIGHBOURS_MAX 4u
#define JOIN_ROWS_MAX 64u
#define ROW_KEY_MAX 255u
#define ROW_BYTES_MAX (64u << 10)

/* Behind an ifinfo: what the caller fixed, then what the driver set. */
struct ifinfo_state {
	struct ndrv_mac mac;
	struct ndrv_prefix address, address6;
	bool mac_set, address_set, address6_set; /* by the driver */
	const char *netns_path;			 /* "" none */
	int netns_fd;				 /* -1 none */
	const char *ifname;			 /* "" none */
	bool created_in_sandbox;
};

struct join_neighbour {
	struct ndrv_addr addr;
	struct ndrv_mac mac;
};

struct join_row {
	char *table, *key;
	void *value;
	size_t bytes;
};

/* Behind a join: everything the driver said. */
struct join_result {
	struct arena *arena; /* rows */
	char src_name[NDRV_IFNAME_MAX], prefix[NDRV_IFNAME_MAX], exact[NDRV_IFNAME_MAX];
	struct ndrv_addr gateway4, gateway6;
	uint32_t flags; /* JOIN_... of record.h */
	uint32_t route_count, wait_count, neighbour_count, row_count;
	uint32_t wait_links[JOIN_WAIT_LINKS_MAX];
	struct join_neighbour neighbours[JOIN_NEIGHBOURS_MAX];
	struct ndrv_route routes[JOIN_ROUTES_MAX];
	struct join_row rows[JOIN_ROWS_MAX];
};

/* A handle on `state` for the op that is about to be called; the job's watchdog may revoke it. NULL: out of memory. */
struct handle *handle_new_ifinfo(struct job *job, struct ifinfo_state *state);
struct handle *handle_new_join(struct job *job, struct join_result *state);
struct ndrv_ifinfo *handle_ifinfo(struct handle *handle);
struct ndrv_join *handle_join(struct handle *handle);
/* The call returned: nothing is set through it any more. */
void handle_done(struct job *job, struct handle *handle);
/* From the watchdog; with job->lock. */
void handle_revoke(struct handle *handle);

/* What network->ops of every network points to. */
extern const struct ndrv_network_ops handles_network_ops;

/* Who is told of table_register by a driver of global scope (host/table); set once at start, before drivers run. */
typedef int (*handles_table_hook)(void *data, struct ndrv_network *network, const char *table, uint32_t object_type,
				  struct ndrv_error *err);
void handles_set_table_hook(handles_table_hook hook, void *data);

/* --- for handles_ifinfo.c and handles_join.c --- */
struct handle_part {
	pthread_mutex_t mutex;
	void *state; /* NULL: revoked */
};
/* The state, with its mutex locked, or NULL after STALE_HANDLE. */
void *handle_open(struct handle_part *part, const char *what, struct ndrv_error *err);
void handle_close(struct handle_part *part);
extern const struct ndrv_ifinfo_ops handles_ifinfo_ops;
extern const struct ndrv_join_ops handles_join_ops;
struct handle_part *handle_part_of_ifinfo(struct ndrv_ifinfo *ifinfo);
struct handle_part *handle_part_of_join(struct ndrv_join *join);

#endif
