/* SPDX-License-Identifier: Apache-2.0 */
/* A map from ids to objects: looked up without a lock inside an epoch section, changed by one writer at a time (the caller's
 * mutex). Nodes are part of the objects. The hash covers the whole id with a per-process seed, for ids come from clients. */
#ifndef HOST_BASE_IDMAP_H
#define HOST_BASE_IDMAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct idmap_node {
	uint64_t hash;
	const char *id; /* lives as long as the node */
	size_t length;
};

/* Open addressing: growing copies pointers into a new table, so a reader in the old one still sees all that was there. */
struct idmap_table {
	uint64_t mask;
	size_t filled; /* slots that are not NULL, deleted ones included; writer's */
	_Atomic(struct idmap_node *) slots[];
};

struct idmap {
	_Atomic(struct idmap_table *) table;
	_Atomic size_t count;
};

extern struct idmap_node idmap_deleted; /* stands in a slot whose node went */

/* 0, or -1 when out of memory. */
int idmap_init(struct idmap *map);
void idmap_done(struct idmap *map); /* does not touch the nodes */

uint64_t idmap_hash(const char *id, size_t length);

/* Docker's ids have 64 digits: compared in registers, for a call of memcmp costs as much as all the rest of a look-up. */
static inline int idmap_same(const struct idmap_node *node, const char *id, size_t length)
{
	if (node->length != length)
		return 0;
	if (length != 64)
		return memcmp(node->id, id, length) == 0;
	uint64_t differ = 0;
	for (size_t at = 0; at < 64; at += 8) {
		uint64_t a, b;
		memcpy(&a, node->id + at, sizeof(a));
		memcpy(&b, id + at, sizeof(b));
		differ |= a ^ b;
	}
	return differ == 0;
}

/* Inside an epoch section, or as the writer, with the length and hash of the id. NULL: not there. */
static inline struct idmap_node *idmap_find_hashed(struct idmap *map, const char *id, size_t length, uint64_t hash)
{
	struct idmap_table *table = atomic_load_explicit(&map->table, memory_order_acquire);

	for (uint64_t at = hash;; at++) {
		struct idmap_node *node = atomic_load_explicit(&table->slots[at & table->mask], memory_order_acquire);
		if (!node)
			return NULL;
		if (node->hash == hash && node != &idmap_deleted && idmap_same(node, id, length))
			return node;
	}
}

static inline struct idmap_node *idmap_find(struct idmap *map, const char *id)
{
	size_t length = strlen(id);

	return idmap_find_hashed(map, id, length, idmap_hash(id, length));
}

/* Inside an epoch section: fetches what a look-up will read, as far as it can be known without reading a node. */
static inline void idmap_prefetch(struct idmap *map, uint64_t hash)
{
	struct idmap_table *table = atomic_load_explicit(&map->table, memory_order_acquire);

	__builtin_prefetch(atomic_load_explicit(&table->slots[hash & table->mask], memory_order_relaxed));
}

/* As the writer; the id must not be there. 0, or -1 when out of memory. */
int idmap_add(struct idmap *map, struct idmap_node *node, const char *id);
/* As the writer. The node may be freed after epoch_wait(). */
void idmap_del(struct idmap *map, struct idmap_node *node);
/* As the writer: calls `each` for every node until it returns non-zero, which is returned. `each` may delete the node it is given.
 */
int idmap_each(struct idmap *map, int (*each)(struct idmap_node *node, void *data), void *data);

#endif
