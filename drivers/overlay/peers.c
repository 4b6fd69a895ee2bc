/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/overlay/peers.h"

#include <stdlib.h>
#include <string.h>

#define CHAINS_FIRST 64

/* --- chains --- */

static uint32_t hash_bytes(uint32_t hash, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	while (bytes--)
		hash = (hash ^ *at++) * 0x01000193u;
	return hash;
}

static uint32_t hash_end(uint32_t hash)
{
	hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
	return hash ^ (hash >> 13);
}

static uint32_t hash_row(const char *key, const char *owner)
{
	return hash_end(hash_bytes(hash_bytes(0x811c9dc5u, key, strlen(key) + 1), owner, strlen(owner)));
}

static uint32_t hash_address(const struct ndrv_addr *address)
{
	return hash_end(hash_bytes(0x811c9dc5u, address->bytes, address->family == 4 ? 4 : 16));
}

static uint32_t hash_mac(uint8_t subnet, const struct ndrv_mac *mac)
{
	return hash_end(hash_bytes(0x811c9dc5u + subnet, mac->bytes, sizeof(mac->bytes)));
}

static bool has_kind(const struct peer *peer, unsigned kind)
{
	if (kind == PEER_ADDRESS4)
		return peer->facts.address.family != 0;
	if (kind == PEER_ADDRESS6)
		return peer->facts.address6.family != 0;
	return true;
}

static uint32_t peer_hash(const struct peer *peer, unsigned kind)
{
	switch (kind) {
	case PEER_ROW:
		return hash_row(peer->key, peer->owner);
	case PEER_ADDRESS4:
		return hash_address(&peer->facts.address);
	case PEER_ADDRESS6:
		return hash_address(&peer->facts.address6);
	default:
		return hash_mac(peer->facts.subnet, &peer->facts.mac);
	}
}

static void link_in(struct peers *peers, struct peer *peer, unsigned kind)
{
	struct peer **at = &peers->chains[kind][peer_hash(peer, kind) & peers->mask];

	peer->next[kind] = *at;
	*at = peer;
}

static void link_out(struct peers *peers, struct peer *peer, unsigned kind)
{
	struct peer **at = &peers->chains[kind][peer_hash(peer, kind) & peers->mask];

	while (*at && *at != peer)
		at = &(*at)->next[kind];
	if (*at)
		*at = peer->next[kind];
}

static void free_chains(struct peer **chains[PEER_KINDS])
{
	for (unsigned kind = 0; kind < PEER_KINDS; kind++) {
		free(chains[kind]);
		chains[kind] = NULL;
	}
}

/* Room for one more, at most one peer a chain on average. Too many for too few chains only costs time, so that growth may fail. */
static bool make_room(struct peers *peers)
{
	uint32_t size = peers->chains[0] ? (peers->mask + 1) * 2 : CHAINS_FIRST;
	struct peer **grown[PEER_KINDS] = {NULL}, **old = peers->chains[PEER_ROW];
	uint32_t old_size = old ? peers->mask + 1 : 0;

	if (old && peers->count <= peers->mask)
		return true;
	for (unsigned kind = 0; kind < PEER_KINDS; kind++) {
		grown[kind] = calloc(size, sizeof(*grown[kind]));
		if (!grown[kind]) {
			free_chains(grown);
			return old != NULL;
		}
	}
	peers->chains[PEER_ROW] = NULL;
	free_chains(peers->chains);
	memcpy(peers->chains, grown, sizeof(grown));
	peers->mask = size - 1;
	for (uint32_t i = 0; i < old_size; i++)
		for (struct peer *peer = old[i], *next; peer; peer = next) {
			next = peer->next[PEER_ROW];
			for (unsigned kind = 0; kind < PEER_KINDS; kind++)
				if (has_kind(peer, kind))
					link_in(peers, peer, kind);
		}
	free(old);
	return true;
}

void peers_each(const struct peers *peers, void (*each)(struct peer *peer, void *data), void *data)
{
	for (uint32_t i = 0; peers->chains[PEER_ROW] && i <= peers->mask; i++)
		for (struct peer *peer = peers->chains[PEER_ROW][i]; peer; peer = peer->next[PEER_ROW])
			each(peer, data);
}

void peers_done(struct peers *peers)
{
	for (uint32_t i = 0; peers->chains[PEER_ROW] && i <= peers->mask; i++)
		for (struct peer *peer = peers->chains[PEER_ROW][i], *next; peer; peer = next) {
			next = peer->next[PEER_ROW];
			free(peer);
		}
	free_chains(peers->chains);
	free(peers->changes);
	*peers = (struct peers){0};
}

/* --- changes --- */

static struct peer_change what_of(const struct peer *peer, unsigned kind, bool was)
{
	struct peer_change what = {.kind = (uint8_t)kind, .subnet = peer->facts.subnet, .was = was};

	if (kind == PEER_MAC)
		what.mac = peer->facts.mac;
	else
		what.address = kind == PEER_ADDRESS4 ? peer->facts.address : peer->facts.address6;
	return what;
}

void peers_change(struct peers *peers, const struct peer *peer, unsigned kind, bool was)
{
	if (peers->change_count == peers->change_room) {
		size_t room = peers->change_room ? peers->change_room * 2 : 64;
		struct peer_change *grown = realloc(peers->changes, room * sizeof(*grown));

		if (!grown) {
			peers->all_changed = true;
			return;
		}
		peers->changes = grown;
		peers->change_room = room;
	}
	peers->changes[peers->change_count++] = what_of(peer, kind, was);
}

static void change_kinds(struct peers *peers, const struct peer *peer, bool gone)
{
	for (unsigned kind = PEER_ADDRESS4; kind < PEER_KINDS; kind++)
		if (has_kind(peer, kind))
			peers_change(peers, peer, kind, gone && (peer->in & PEER_BIT(kind)));
}

void peers_settled(struct peers *peers)
{
	peers->change_count = 0;
	peers->all_changed = false;
}

/* --- who counts --- */

static bool claims(const struct peer *peer, const struct peer_change *what)
{
	switch (what->kind) {
	case PEER_ADDRESS4:
		return ndrv_addr_equal(&peer->facts.address, &what->address);
	case PEER_ADDRESS6:
		return ndrv_addr_equal(&peer->facts.address6, &what->address);
	default:
		return peer->facts.subnet == what->subnet &&
		       !memcmp(peer->facts.mac.bytes, what->mac.bytes, sizeof(what->mac.bytes));
	}
}

static struct peer *first_of(const struct peers *peers, const struct peer_change *what)
{
	uint32_t hash = what->kind == PEER_MAC ? hash_mac(what->subnet, &what->mac) : hash_address(&what->address);

	return peers->chains[what->kind] ? peers->chains[what->kind][hash & peers->mask] : NULL;
}

static bool beats(const struct peer *a, const struct peer *b)
{
	if (!b || a->local != b->local)
		return !b || a->local;
	return a->revision != b->revision ? a->revision > b->revision : a->serial > b->serial;
}

struct peer *peers_winner(const struct peers *peers, const struct peer_change *what)
{
	struct peer *best = NULL;

	for (struct peer *peer = first_of(peers, what); peer; peer = peer->next[what->kind])
		if (!peer->hidden && claims(peer, what) && beats(peer, best))
			best = peer;
	return best;
}

struct peer *peers_holder(const struct peers *peers, const struct peer_change *what)
{
	for (struct peer *peer = first_of(peers, what); peer; peer = peer->next[what->kind])
		if ((peer->in & PEER_BIT(what->kind)) && claims(peer, what))
			return peer;
	return NULL;
}

/* --- rows --- */

struct peer *peers_find(const struct peers *peers, const char *key, const char *owner)
{
	struct peer *peer = peers->chains[PEER_ROW] ? peers->chains[PEER_ROW][hash_row(key, owner) & peers->mask] : NULL;

	while (peer && (strcmp(peer->key, key) || strcmp(peer->owner, owner)))
		peer = peer->next[PEER_ROW];
	return peer;
}

void peers_drop(struct peers *peers, struct peer *peer)
{
	change_kinds(peers, peer, true);
	for (unsigned kind = 0; kind < PEER_KINDS; kind++)
		if (has_kind(peer, kind))
			link_out(peers, peer, kind);
	peers->count--;
	peers->local_count -= peer->local;
	free(peer);
}

static bool facts_equal(const struct peer_facts *a, const struct peer_facts *b)
{
	return a->subnet == b->subnet && ndrv_addr_equal(&a->address, &b->address) && ndrv_addr_equal(&a->address6, &b->address6) &&
	       ndrv_addr_equal(&a->vtep, &b->vtep) && !memcmp(&a->mac, &b->mac, sizeof(a->mac));
}

static struct peer *peer_new(const char *key, const char *owner)
{
	size_t key_bytes = strlen(key) + 1, owner_bytes = strlen(owner) + 1;
	struct peer *peer = calloc(1, sizeof(*peer) + key_bytes + owner_bytes);

	if (peer) {
		memcpy(peer->key, key, key_bytes);
		memcpy(peer->key + key_bytes, owner, owner_bytes);
		peer->owner = peer->key + key_bytes;
	}
	return peer;
}

static void retell(struct peers *peers, struct peer *peer, uint64_t revision)
{
	peer->revision = revision;
	peer->serial = ++peers->serial;
	peer->mark = peers->mark;
	peer->hidden = false;
	if (peer->local)
		return;
	/* What it holds already it goes on holding, its revision only having grown. */
	for (unsigned kind = PEER_ADDRESS4; kind < PEER_KINDS; kind++)
		if (has_kind(peer, kind) && !(peer->in & PEER_BIT(kind)))
			peers_change(peers, peer, kind, false);
}

struct peer *peers_put(struct peers *peers, const char *key, const char *owner, bool local, uint64_t revision,
		       const struct peer_facts *facts)
{
	struct peer *peer = peers_find(peers, key, owner), *made;

	if (peer && facts_equal(&peer->facts, facts)) {
		retell(peers, peer, revision);
		return peer;
	}
	made = peer_new(key, owner);
	if (!made || !make_room(peers)) {
		free(made);
		return NULL;
	}
	if (peer)
		peers_drop(peers, peer);
	made->local = local;
	made->facts = *facts;
	made->revision = revision;
	made->serial = ++peers->serial;
	made->mark = peers->mark;
	for (unsigned kind = 0; kind < PEER_KINDS; kind++)
		if (has_kind(made, kind))
			link_in(peers, made, kind);
	peers->count++;
	peers->local_count += local;
	change_kinds(peers, made, false);
	return made;
}

void peers_lost(struct peers *peers, unsigned family)
{
	for (uint32_t i = 0; peers->chains[PEER_ROW] && i <= peers->mask; i++)
		for (struct peer *peer = peers->chains[PEER_ROW][i], *next; peer; peer = next) {
			next = peer->next[PEER_ROW];
			peer->in = 0;
			if (!peer->local && family && peer->facts.vtep.family != family)
				peers_drop(peers, peer);
			else
				change_kinds(peers, peer, false);
		}
}

uint32_t peers_hide(struct peers *peers, const struct ndrv_addr *vtep, bool hide)
{
	uint32_t found = 0;

	for (uint32_t i = 0; peers->chains[PEER_ROW] && i <= peers->mask; i++)
		for (struct peer *peer = peers->chains[PEER_ROW][i]; peer; peer = peer->next[PEER_ROW]) {
			if (peer->local || peer->hidden == hide || !ndrv_addr_equal(&peer->facts.vtep, vtep))
				continue;
			peer->hidden = hide;
			change_kinds(peers, peer, false);
			found++;
		}
	return found;
}

void peers_replay_begin(struct peers *peers)
{
	peers->mark++;
}

uint32_t peers_replay_end(struct peers *peers)
{
	uint32_t dropped = 0;

	for (uint32_t i = 0; peers->chains[PEER_ROW] && i <= peers->mask; i++)
		for (struct peer *peer = peers->chains[PEER_ROW][i], *next; peer; peer = next) {
			next = peer->next[PEER_ROW];
			if (peer->local || peer->mark == peers->mark)
				continue;
			peers_drop(peers, peer);
			dropped++;
		}
	return dropped;
}
