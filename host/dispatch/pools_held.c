/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/pools_held.h"

#include <stdlib.h>
#include <string.h>

/* In place of a driver's name: no driver is called so. */
#define OWNER "=pools"
#define LOAD_MEMORY (256u << 20)

static int no_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
}

void held_set_holder(char to[HOLDER_MAX], const char *holder)
{
	to[0] = '\0';
	(void)strncat(to, holder, HOLDER_MAX - 1);
}

void held_link(struct pools *pools, struct held *held)
{
	held->next = pools->first;
	pools->first = held;
}

void held_unlink(struct pools *pools, struct held *held)
{
	struct held **at = &pools->first;

	while (*at != held)
		at = &(*at)->next;
	*at = held->next;
}

void held_free(struct held *held)
{
	free(held->leases);
	free(held);
}

/* --- leases: sorted, for a large pool has many --- */

static int compare(const struct ndrv_addr *a, const struct ndrv_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static size_t place_of(const struct held *held, const struct ndrv_addr *addr)
{
	size_t low = 0, high = held->lease_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&held->leases[middle].addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct held_lease *held_find_lease(struct held *held, const struct ndrv_addr *addr)
{
	size_t at = place_of(held, addr);

	return at < held->lease_count && ndrv_addr_equal(&held->leases[at].addr, addr) ? &held->leases[at] : NULL;
}

static struct held_lease *insert(struct held *held, const struct ndrv_addr *addr)
{
	size_t at = place_of(held, addr);

	if (!held->leases || held->lease_count == held->lease_room) {
		size_t room = held->lease_room ? held->lease_room * 2 : 16;
		struct held_lease *leases = realloc(held->leases, room * sizeof(*leases));
		if (!leases)
			return NULL;
		held->leases = leases;
		held->lease_room = room;
	}
	memmove(&held->leases[at + 1], &held->leases[at], (held->lease_count - at) * sizeof(held->leases[0]));
	held->lease_count++;
	held->leases[at] = (struct held_lease){.addr = *addr};
	return &held->leases[at];
}

static void take_out(struct held *held, struct held_lease *lease)
{
	size_t at = (size_t)(lease - held->leases);

	held->lease_count--;
	memmove(lease, lease + 1, (held->lease_count - at) * sizeof(*lease));
}

int held_keep_lease(struct pools *pools, const struct held *held, const struct held_lease *lease, struct ndrv_error *err)
{
	struct store *store = pools->dispatch->parts.store;
	char text[NDRV_ADDR_TEXT];

	if (!store)
		return 0;
	return lease->durable ? held_keep(pools, held, err)
			      : store_put_lease(store, held->id, ndrv_addr_format(&lease->addr, text), lease->holder, err);
}

int held_add_lease(struct pools *pools, struct held *held, const struct ndrv_addr *addr, bool durable, const char *holder,
		   struct ndrv_error *err)
{
	struct held_lease *lease = insert(held, addr);

	if (!lease)
		return no_memory(err);
	lease->durable = durable;
	lease->at_ns = clock_ns();
	held_set_holder(lease->holder, holder);
	int rc = held_keep_lease(pools, held, lease, err);
	if (rc)
		take_out(held, lease);
	return rc;
}

int held_del_lease(struct pools *pools, struct held *held, struct held_lease *lease, struct ndrv_error *err)
{
	struct store *store = pools->dispatch->parts.store;
	struct held_lease was = *lease;
	char text[NDRV_ADDR_TEXT];
	int rc = 0;

	take_out(held, lease);
	if (was.durable)
		rc = held_keep(pools, held, err);
	else if (store)
		rc = store_del_lease(store, held->id, ndrv_addr_format(&was.addr, text), err);
	if (rc) {
		/* There is room: it was there before. */
		lease = insert(held, &was.addr);
		if (lease)
			*lease = was;
	}
	return rc;
}

/* --- on disk --- */

int held_keep(struct pools *pools, const struct held *held, struct ndrv_error *err)
{
	struct arena arena;
	struct tree tree = {.arena = &arena, .err = err};
	struct ndrv_value map = {.type = NDRV_MAP}, fixed = {.type = NDRV_LIST};
	char text[NDRV_ADDR_TEXT];

	if (!pools->dispatch->parts.store)
		return 0;
	arena_init(&arena, LOAD_MEMORY);
	tree_prefix(&tree, &map, "pool", &held->pool);
	tree_prefix(&tree, &map, "range", &held->range);
	tree_prefix(&tree, &map, "gateway", &held->gateway);
	tree_text(&tree, &map, "holder", held->holder);
	tree_bool(&tree, &map, "released", held->released);
	for (size_t i = 0; i < held->lease_count; i++) {
		if (!held->leases[i].durable)
			continue;
		struct ndrv_value one = {.type = NDRV_MAP};
		tree_text(&tree, &one, "address", ndrv_addr_format(&held->leases[i].addr, text));
		tree_text(&tree, &one, "holder", held->leases[i].holder);
		tree_add(&tree, &fixed, one);
	}
	tree_set(&tree, &map, "fixed", fixed);
	int rc = tree.rc ? tree.rc : store_driver_put_value(pools->dispatch->parts.store, OWNER, held->id, &map, err);
	arena_reset(&arena);
	return rc;
}

int held_forget_leases(struct pools *pools, const struct held *held, struct ndrv_error *err)
{
	struct store *store = pools->dispatch->parts.store;

	return store ? store_del_lease(store, held->id, NULL, err) : 0;
}

/* With the pool's own row it is gone. Leases that stay behind are nobody's, and go before the next pool of this name is held. */
int held_forget(struct pools *pools, const struct held *held, struct ndrv_error *err)
{
	struct store *store = pools->dispatch->parts.store;
	int rc = store ? store_driver_del(store, OWNER, held->id, err) : 0;

	if (!rc)
		(void)held_forget_leases(pools, held, NULL);
	return rc;
}

static void read_prefix(const struct ndrv_value *map, const char *key, struct ndrv_prefix *ret)
{
	const char *text = "";

	if (ndrv_map_string(map, key, &text, NULL) != 1 || !*text || ndrv_prefix_parse(text, ret, NULL))
		*ret = (struct ndrv_prefix){0};
}

static int read_fixed(struct held *held, const struct ndrv_value *list, struct ndrv_error *err)
{
	for (uint32_t i = 0; list && list->type == NDRV_LIST && i < list->count; i++) {
		const struct ndrv_value *one = &list->u.items[i];
		const char *address = "", *holder = "";
		struct ndrv_addr addr;

		(void)ndrv_map_string(one, "address", &address, NULL);
		(void)ndrv_map_string(one, "holder", &holder, NULL);
		if (ndrv_addr_parse(address, &addr, NULL))
			continue;
		struct held_lease *lease = insert(held, &addr);
		if (!lease)
			return no_memory(err);
		lease->durable = true;
		held_set_holder(lease->holder, holder);
	}
	return 0;
}

struct loading {
	struct pools *pools;
	struct arena arena;
	struct ndrv_error *err;
};

static int load_one(const char *key, const void *value, size_t bytes, void *data)
{
	struct loading *loading = data;
	struct ndrv_value map;
	const char *holder = "";
	int released = 0;

	(void)value, (void)bytes;
	int rc = store_driver_get_value(loading->pools->dispatch->parts.store, &loading->arena, OWNER, key, &map, loading->err);
	struct held *held = rc ? NULL : calloc(1, sizeof(*held));
	if (!held)
		return rc ? rc : no_memory(loading->err);
	held->id[0] = '\0';
	(void)strncat(held->id, key, sizeof(held->id) - 1);
	read_prefix(&map, "pool", &held->pool);
	read_prefix(&map, "range", &held->range);
	read_prefix(&map, "gateway", &held->gateway);
	(void)ndrv_map_string(&map, "holder", &holder, NULL);
	(void)ndrv_map_bool(&map, "released", &released, NULL);
	held_set_holder(held->holder, holder);
	held->released = released;
	held_link(loading->pools, held);
	return read_fixed(held, ndrv_map_get(&map, "fixed"), loading->err);
}

static int load_lease(void *data, const char *pool, const char *address, const char *body, struct ndrv_error *err)
{
	struct pools *pools = data;
	struct held *held = pools->first;
	struct ndrv_addr addr;

	while (held && strcmp(held->id, pool) != 0)
		held = held->next;
	/* Of a pool that went when the disk was full. */
	if (!held || ndrv_addr_parse(address, &addr, NULL) || held_find_lease(held, &addr))
		return 0;
	struct held_lease *lease = insert(held, &addr);
	if (!lease)
		return no_memory(err);
	held_set_holder(lease->holder, body);
	return 0;
}

int held_load(struct pools *pools, struct ndrv_error *err)
{
	struct loading loading = {.pools = pools, .err = err};
	struct store *store = pools->dispatch->parts.store;

	arena_init(&loading.arena, LOAD_MEMORY);
	int rc = store_driver_scan(store, OWNER, "", load_one, &loading, err);
	arena_reset(&loading.arena);
	return rc ? rc : store_each_lease(store, load_lease, pools, err);
}
