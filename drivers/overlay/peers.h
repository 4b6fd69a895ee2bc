/* SPDX-License-Identifier: Apache-2.0 */
/* All peers of a network, as libnetwork's peer database: sets, since two nodes may claim the same. Of those that claim an address
 * or a MAC address one counts: an endpoint of this host before all others, then the one with the latest revision. When it goes, the
 * next one counts again. Nothing here touches the kernel; what it would have to change is noted. */
#ifndef DRIVERS_OVERLAY_PEERS_H
#define DRIVERS_OVERLAY_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include <ndrv/types.h>

/* What peers are found by. */
enum { PEER_ROW = 0, PEER_ADDRESS4 = 1, PEER_ADDRESS6 = 2, PEER_MAC = 3, PEER_KINDS = 4 };

#define PEER_BIT(kind) (1u << (kind))

struct peer_facts {
	uint8_t subnet; /* index */
	struct ndrv_addr address, address6;
	struct ndrv_mac mac;
	struct ndrv_addr vtep;
};

struct peer {
	struct peer *next[PEER_KINDS]; /* in the chains */
	uint64_t revision, serial;     /* serial: of the last time it was told */
	uint32_t mark;		       /* of the replay it was last told in */
	bool local;		       /* an endpoint of this host: nothing of it is in the kernel's entries */
	bool hidden;		       /* its node is gone: claims nothing until it is told again or the node comes back */
	uint8_t in;		       /* PEER_BITs: the kernel has its entry */
	uint8_t seen;		       /* PEER_BITs, for the sweep; and bit 0 for the bridge's part of MAC */
	struct peer_facts facts;
	const char *owner;
	char key[]; /* and the owner behind it */
};

/* Something whose entry in the kernel may have to change. */
struct peer_change {
	uint8_t kind;
	uint8_t subnet;
	bool was; /* the kernel had one, of a peer that is no more */
	struct ndrv_addr address;
	struct ndrv_mac mac;
};

struct peers {
	struct peer **chains[PEER_KINDS];
	uint32_t mask; /* chains - 1; chains NULL until the first peer */
	uint32_t count, local_count;
	uint32_t mark;
	uint64_t serial;
	struct peer_change *changes;
	size_t change_count, change_room;
	bool all_changed; /* there was no memory to note what: everything is to be looked at */
};

void peers_done(struct peers *peers);
/* Told of a row: new, changed or the same. NULL: out of memory, and nothing changed. `owner` "" and `local` for this host's own. */
struct peer *peers_put(struct peers *peers, const char *key, const char *owner, bool local, uint64_t revision,
		       const struct peer_facts *facts);
struct peer *peers_find(const struct peers *peers, const char *key, const char *owner);
void peers_drop(struct peers *peers, struct peer *peer);
/* Hides those of that VTEP, or shows them again. Returns how many. */
uint32_t peers_hide(struct peers *peers, const struct ndrv_addr *vtep, bool hide);
/* A replay: what is not told between the two is dropped at the end. Returns how many were. */
void peers_replay_begin(struct peers *peers);
uint32_t peers_replay_end(struct peers *peers);
/* Who counts, or NULL; and the one whose entry the kernel has, or NULL. */
struct peer *peers_winner(const struct peers *peers, const struct peer_change *what);
struct peer *peers_holder(const struct peers *peers, const struct peer_change *what);
/* The kernel has no entries any more: all are to be entered again, but those of nodes of another family than this (0: any). */
void peers_lost(struct peers *peers, unsigned family);
void peers_change(struct peers *peers, const struct peer *peer, unsigned kind, bool was);
/* Calls `each` for all peers. It may not add or drop any. */
void peers_each(const struct peers *peers, void (*each)(struct peer *peer, void *data), void *data);
/* Forgets the changes; capacity stays. */
void peers_settled(struct peers *peers);

#endif
