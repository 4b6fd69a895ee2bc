/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/idmap.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "host/base/epoch.h"

/* Each network has two maps of its own, most of them with a few endpoints. */
#define FIRST_SLOTS 16u

struct idmap_node idmap_deleted;

static uint64_t seed;

static struct idmap_table *table_new(size_t slots)
{
	struct idmap_table *table = calloc(1, sizeof(*table) + slots * sizeof(table->slots[0]));

	if (table)
		table->mask = slots - 1;
	return table;
}

int idmap_init(struct idmap *map)
{
	while (!seed)
		if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
			seed = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15u | 1;
	struct idmap_table *table = table_new(FIRST_SLOTS);
	if (!table)
		return -1;
	atomic_init(&map->table, table);
	atomic_init(&map->count, 0);
	return 0;
}

void idmap_done(struct idmap *map)
{
	free(atomic_exchange(&map->table, NULL));
}

static inline uint64_t load64(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply-and-fold over all bytes, 16 at a time: ids that differ only at their end, or begin with zeros, must not collide. */
uint64_t idmap_hash(const char *id, size_t length)
{
	uint64_t hash = seed ^ length;

	/* Four lanes, which the processor works on at once. */
	for (; length >= 64; id += 64, length -= 64)
		hash = mix(load64(id) ^ 0xa0761d6478bd642fu ^ hash, load64(id + 8) ^ 0xe7037ed1a0b428dbu ^ seed) ^
		       mix(load64(id + 16) ^ 0x8ebc6af09c88c6e3u ^ hash, load64(id + 24) ^ 0x589965cc75374cc3u ^ seed) ^
		       mix(load64(id + 32) ^ 0x1d8e4e27c47d124fu ^ hash, load64(id + 40) ^ 0xeb44accab455d165u ^ seed) ^
		       mix(load64(id + 48) ^ 0x9e3779b97f4a7c15u ^ hash, load64(id + 56) ^ 0xbf58476d1ce4e5b9u ^ seed);
	for (; length >= 16; id += 16, length -= 16)
		hash = mix(load64(id) ^ 0xa0761d6478bd642fu ^ hash, load64(id + 8) ^ 0xe7037ed1a0b428dbu);
	uint64_t low = 0, high = 0;
	if (length >= 8) {
		low = load64(id);
		memcpy(&high, id + 8, length - 8);
	} else {
		memcpy(&low, id, length);
	}
	return mix(low ^ 0x8ebc6af09c88c6e3u ^ hash, high ^ 0x589965cc75374cc3u ^ hash);
}

static void put(struct idmap_table *table, struct idmap_node *node)
{
	uint64_t at = node->hash;

	while (atomic_load_explicit(&table->slots[at & table->mask], memory_order_relaxed))
		at++;
	atomic_store_explicit(&table->slots[at & table->mask], node, memory_order_release);
	table->filled++;
}

/* A new table of the right size without the deleted slots. */
static int rebuild(struct idmap *map)
{
	struct idmap_table *old = atomic_load_explicit(&map->table, memory_order_relaxed);
	size_t slots = FIRST_SLOTS;

	while (slots < (atomic_load(&map->count) + 1) * 4)
		slots *= 2;
	struct idmap_table *table = table_new(slots);
	if (!table)
		return -1;
	for (size_t i = 0; i <= old->mask; i++) {
		struct idmap_node *node = atomic_load_explicit(&old->slots[i], memory_order_relaxed);
		if (node && node != &idmap_deleted)
			put(table, node);
	}
	atomic_store_explicit(&map->table, table, memory_order_release);
	epoch_wait();
	free(old);
	return 0;
}

int idmap_add(struct idmap *map, struct idmap_node *node, const char *id)
{
	struct idmap_table *table = atomic_load_explicit(&map->table, memory_order_relaxed);

	if ((table->filled + 1) * 2 > table->mask + 1) {
		if (rebuild(map))
			return -1;
		table = atomic_load_explicit(&map->table, memory_order_relaxed);
	}
	node->id = id;
	node->length = strlen(id);
	node->hash = idmap_hash(id, node->length);
	put(table, node);
	atomic_fetch_add(&map->count, 1);
	return 0;
}

void idmap_del(struct idmap *map, struct idmap_node *node)
{
	struct idmap_table *table = atomic_load_explicit(&map->table, memory_order_relaxed);

	for (uint64_t at = node->hash;; at++) {
		struct idmap_node *seen = atomic_load_explicit(&table->slots[at & table->mask], memory_order_relaxed);
		if (!seen)
			return;
		if (seen != node)
			continue;
		atomic_store_explicit(&table->slots[at & table->mask], &idmap_deleted, memory_order_release);
		atomic_fetch_sub(&map->count, 1);
		return;
	}
}

int idmap_each(struct idmap *map, int (*each)(struct idmap_node *node, void *data), void *data)
{
	struct idmap_table *table = atomic_load_explicit(&map->table, memory_order_relaxed);

	for (size_t i = 0; i <= table->mask; i++) {
		struct idmap_node *node = atomic_load_explicit(&table->slots[i], memory_order_relaxed);
		if (!node || node == &idmap_deleted)
			continue;
		int rc = each(node, data);
		if (rc)
			return rc;
	}
	return 0;
}
