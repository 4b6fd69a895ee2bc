/* SPDX-License-Identifier: Apache-2.0 */
/* The records: every network and endpoint this host knows, and the one place they are owned. What a record says is what is on disk
 * (store.h writes it); what the kernel has follows from it.
 *
 * Who may touch what: a network and its endpoints belong to whoever has the network's turn. Finding a network needs only an epoch
 * section (epoch.h) and the pointer is good inside it; to keep it longer take the turn (or network_ref) inside the section. A
 * network whose `gone` is set was deleted while the caller waited for the turn. Adding to and removing from the maps is record.c's
 * own mutex.
 *
 * States (on disk and in memory alike):
 *
 *      (none) --intent--> CREATING --done--> LIVE --intent--> DELETING --done--> (none)
 *                             |                ^                  |
 *                             +--undone--> (none)                 +-- vetoed --> LIVE
 *
 * and for an endpoint, while LIVE, its join: NONE -> JOINING -> JOINED -> LEAVING -> NONE. A restart finds the intents open:
 * CREATING and JOINING are undone, DELETING and LEAVING are done again. */
#ifndef HOST_STATE_RECORD_H
#define HOST_STATE_RECORD_H

#include <ndrv/error.h>
#include <ndrv/network.h>

#include "host/base/arena.h"
#include "host/base/idmap.h"
#include "host/base/turn.h"

enum record_state { RECORD_CREATING = 1, RECORD_LIVE = 2, RECORD_DELETING = 3 };
enum join_state { JOIN_NONE = 0, JOIN_JOINING = 1, JOIN_JOINED = 2, JOIN_LEAVING = 3 };

/* One address pool a network holds: what was asked for is gone, this is what it got. */
struct pool_lease {
	struct ndrv_prefix pool;
	struct ndrv_prefix range; /* addresses are taken from here; unset: the whole pool */
	bool ours;		  /* leased from our allocator; else the platform's (Docker's IPAM) and only recorded */
};

/* What a generation made of a record that another generation serves: of the one a swap brings in, until it serves; of the one it
 * replaced, until that is released. The dispatcher's (transfer.h); under the turn. */
struct twin {
	void *priv;
	void *instance;	  /* NULL: there is no twin */
	uint64_t changes; /* of the record when the twin was made */
};

struct network {
	/* What every call reads stands together: two cache lines. */
	struct idmap_node node; /* by id; first */
	void *instance;		/* hung here by the dispatcher: the generation whose priv is in `view` */
	struct idmap endpoints; /* struct endpoint by id; only under the turn */
	_Atomic bool gone;
	/* A call on it passed its deadline and the driver still runs: answer Retry until it comes back. Set and cleared by the
	 * dispatcher. */
	_Atomic bool stuck;
	struct turn turn;
	struct idmap_node name_node; /* by name, where there is one */
	struct ndrv_network view;    /* what the present generation of the driver sees; strings and options live in `arena` */
	struct arena arena;
	_Atomic uint32_t refs;
	uint32_t state; /* enum record_state */
	char *type;
	struct ndrv_value labels; /* the user's -o k=v, as inside NDRV_OPT_GENERIC; for display */
	uint8_t digest[32];	  /* over type, options, pools: the same id with the same content is the same request */
	bool forced;		  /* DELETING: by force */
	bool allocated;		  /* the host had the driver allocate for it, and has to give that back */
	int64_t created_at;	  /* CLOCK_REALTIME seconds, for display */
	uint32_t creator_uid;
	uint32_t pool_count;
	struct pool_lease *pools; /* parallel to view.ipv4 then view.ipv6 */
	struct idmap endpoint_names;
	uint32_t endpoint_count;
	struct endpoint *first_endpoint, *last_endpoint; /* in order of creation; network_each_endpoint() walks it */
	uint64_t last_endpoint_serial;
	uint64_t serial;	       /* order of creation; records_add() gives it where it is 0. On disk too */
	struct network *newer, *older; /* record.c's own, under its mutex */
	struct turn_waiter reaper;     /* record.c's own: waits for the turn to free the network */
	void *driver; /* hung here by the dispatcher: the driver type that serves it; NULL: none loaded (an orphan) */
	struct twin twin;
	uint64_t changes; /* calls that may have changed what the driver keeps for the network as a whole */
	struct ndrv_error
		*unserved; /* why `instance` is NULL though its driver is loaded; malloc'ed, the dispatcher's; under the turn */
};

/* What join told the host to do in the sandbox, kept to undo it, to show it, and to check it after a restart. */
struct join_record {
	uint32_t state; /* enum join_state */
	char *sandbox_key;
	char *netns_path; /* "" where the platform plugs the sandbox itself (Docker) */
	uint64_t netns_dev, netns_ino;
	char ifname[NDRV_IFNAME_MAX];	/* final name in the sandbox */
	char src_name[NDRV_IFNAME_MAX]; /* name in the host namespace, where it was moved from; "" when born in place */
	char prefix[NDRV_IFNAME_MAX];	/* what ifname was made from, for platforms that rename themselves */
	struct ndrv_addr gateway4, gateway6;
	uint32_t flags; /* JOIN_... */
	uint32_t route_count;
	struct ndrv_route *routes;
	bool programmed;
	/* What the driver was told with program_external, as it would be told again: the ports are those that came of it. A map
	 * with NDRV_OPT_PORTMAP and NDRV_OPT_EXPOSED_PORTS where there are any, else NULL; in external_arena. */
	struct ndrv_value external;
};

enum {
	JOIN_NO_GATEWAY_SERVICE = 1u << 0,
	JOIN_FORCE_GATEWAY4 = 1u << 1,
	JOIN_FORCE_GATEWAY6 = 1u << 2,
	/* On disk alone, of an endpoint that is being created: where its interface is about to be born. */
	JOIN_INTENDED = 1u << 3,
	/* dockerd's own, which says nothing when it is killed: netns_dev and netns_ino are what the sandbox key led to once a
	 * process was seen in it (dispatch/sandboxes.h). */
	JOIN_BY_DOCKER = 1u << 4,
};

struct endpoint {
	struct idmap_node node; /* by id; first */
	struct idmap_node name_node;
	struct ndrv_endpoint view; /* strings and options live in `arena` */
	struct network *network;
	struct arena arena;
	uint32_t state; /* enum record_state */
	char *name;	/* "" where there is none */
	uint8_t digest[32];
	int64_t created_at;
	uint32_t creator_uid;
	bool created_in_sandbox;
	uint8_t dead_looks;  /* how often in a row its sandbox was found without life; not on disk */
	bool lost;	     /* the last start found no link of it; not on disk */
	bool lease4, lease6; /* its address came from our allocator */
	uint64_t serial;     /* order of creation within the network; network_add_endpoint() gives it where it is 0 */
	struct endpoint *newer, *older;
	struct join_record join; /* its strings and routes live in join_arena, which join_clear() empties */
	struct arena join_arena;
	struct arena external_arena; /* of join.external, which may be replaced while the join stays */
	struct twin twin;
	uint64_t changes; /* calls that may have changed what the driver keeps for it */
};

static inline struct network *network_of(struct idmap_node *node)
{
	return (struct network *)(void *)node;
}

static inline struct endpoint *endpoint_of(struct idmap_node *node)
{
	return (struct endpoint *)(void *)node;
}

struct records;

struct records *records_new(void);	    /* NULL: out of memory */
void records_free(struct records *records); /* all networks must be gone or are freed; drivers' privs are not touched */

/* A blank network or endpoint with its arena; strings are copied, `name` may be NULL. Options, pools and join are empty, never NULL
 * where drivers look. Not yet in any map. The network comes with one reference, its maker's. NULL: out of memory. */
struct network *network_new(const char *id, const char *name, const char *type);
struct endpoint *endpoint_new(struct network *network, const char *id, const char *name);
/* An endpoint that has left: forgets what the join told. */
void join_clear(struct endpoint *endpoint);
/* Only for ones that were never added: a network's maker drops the reference it got from network_new() with network_unref() once
 * it has been added. */
void network_free(struct network *network);
void endpoint_free(struct endpoint *endpoint);

/* Inside an epoch section. */
struct network *records_find(struct records *records, const char *id);
struct network *records_find_name(struct records *records, const char *name);
/* By id, else by name, else by an unambiguous beginning of an id of 4 characters or more; with a reference taken. NO_NETWORK;
 * BAD_REQUEST when several ids begin so. Not for the hot path. */
int records_resolve(struct records *records, const char *id_or_name, struct network **ret, struct ndrv_error *err);
/* By who has a reference or the turn, or found it in the present epoch section. */
void network_ref(struct network *network);
/* Whoever has or waits for the turn need not have a reference: when the last reference goes, the network is freed once they have
 * all passed the turn on. Not from inside an epoch section. */
void network_unref(struct network *network);

/* Adds with its turn already taken by the caller, so that nobody works on it before it is ready. NETWORK_EXISTS (the id;
 * `ret_existing`, if not NULL, is it with a reference), NAME_EXISTS. On success the maps have a reference of their own. Not from
 * inside an epoch section. */
int records_add(struct records *records, struct network *network, struct network **ret_existing, struct ndrv_error *err);
/* With its turn: sets `gone`, takes it out of the maps, waits for an epoch and drops the maps' reference. The caller still passes
 * the turn, and drops its own reference if it took one. Not from inside an epoch section. */
void records_del(struct records *records, struct network *network);
/* Takes its name away; while the records are loaded, when nobody else has them yet. */
void records_unname(struct records *records, struct network *network);
/* Calls `each` with every network there is when it begins and still when its turn comes, with a reference and in order of creation,
 * outside all locks, until it returns non-zero. Networks that are added meanwhile are left out: whoever waits for the turn of each
 * would otherwise never come to an end where clients make networks all the time. */
int records_each(struct records *records, int (*each)(struct network *network, void *data), void *data);
size_t records_count(struct records *records);

/* Under the network's turn. */
struct endpoint *network_endpoint(struct network *network, const char *id);
struct endpoint *network_endpoint_named(struct network *network, const char *name);
/* ENDPOINT_EXISTS; NAME_EXISTS where another endpoint of the network has the name. */
int network_add_endpoint(struct network *network, struct endpoint *endpoint, struct ndrv_error *err);
void network_unname_endpoint(struct network *network, struct endpoint *endpoint); /* as records_unname() */
void network_del_endpoint(struct network *network, struct endpoint *endpoint);	  /* takes it out and frees it */
/* In order of creation, until `each` returns non-zero, which is returned. `each` may delete the endpoint it is given. */
int network_each_endpoint(struct network *network, int (*each)(struct endpoint *endpoint, void *data), void *data);

#endif
