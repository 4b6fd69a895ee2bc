/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that a platform has taken and forgotten: it died, or its answer never came. */
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/pools_held.h"

struct suspect {
	char id[POOL_ID_MAX], holder[HOLDER_MAX];
	struct ndrv_prefix pool;
	struct ndrv_addr addr;
	uint64_t at_ns;
	bool lives; /* its holder does */
};

/* What was asked for before there was a network (aux) is the platform's as long as the pool. */
static bool is_suspect(const struct held_lease *lease, bool lives)
{
	return !lease->durable && (!lives || clock_ns() - lease->at_ns > POOLS_STALE_NS);
}

/* Copies, for who uses them is asked without the lock. `id` NULL: of every pool. */
static int list_suspects(struct pools *pools, const char *id, struct suspect **ret, size_t *ret_count, struct ndrv_error *err)
{
	const char *known = NULL;
	bool lives = false;
	size_t total = 0;

	*ret_count = 0;
	(void)pthread_mutex_lock(&pools->lock);
	for (const struct held *held = pools->first; held; held = held->next)
		total += !id || strcmp(held->id, id) == 0 ? held->lease_count : 0;
	struct suspect *suspects = calloc(total + 1, sizeof(*suspects));
	for (const struct held *held = pools->first; suspects && held; held = held->next) {
		for (size_t i = 0; (!id || strcmp(held->id, id) == 0) && i < held->lease_count; i++) {
			const struct held_lease *lease = &held->leases[i];
			/* Most have the same one. */
			if (!known || strcmp(known, lease->holder) != 0)
				lives = holder_lives(lease->holder);
			known = lease->holder;
			if (!is_suspect(lease, lives))
				continue;
			struct suspect *suspect = &suspects[(*ret_count)++];
			*suspect = (struct suspect){.pool = held->pool, .addr = lease->addr, .at_ns = lease->at_ns, .lives = lives};
			memcpy(suspect->id, held->id, POOL_ID_MAX);
			held_set_holder(suspect->holder, lease->holder);
		}
	}
	(void)pthread_mutex_unlock(&pools->lock);
	*ret = suspects;
	return suspects ? 0 : ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
}

static const char *why_stale(struct pools *pools, const struct suspect *suspect)
{
	enum user user = pool_user(pools->dispatch, &suspect->pool, &suspect->addr);

	if (user == USER_NONE)
		return "no endpoint has it";
	return user == USER_DEAD && !suspect->lives ? "its container is gone, and who asked for it" : NULL;
}

size_t pools_free_stale(struct pools *pools, const char *id, bool dry, struct tree *tree, struct ndrv_value *list)
{
	struct suspect *suspects = NULL;
	size_t count = 0, freed = 0;

	if (!pools || list_suspects(pools, id, &suspects, &count, tree ? tree->err : NULL)) {
		if (tree && pools)
			tree->rc = -NDRV_E_NO_SERVICE;
		return 0;
	}
	for (size_t i = 0; i < count && (!tree || !tree->rc); i++) {
		const struct suspect *suspect = &suspects[i];
		struct ndrv_error err = {0};
		const char *why = why_stale(pools, suspect);
		if (!why)
			continue;
		int rc = dry ? 0 : pools_address_drop(pools, suspect->id, &suspect->addr, suspect->holder, suspect->at_ns, &err);
		freed += rc == 0;
		if (!tree)
			continue;
		struct ndrv_value map = {.type = NDRV_MAP};
		tree_text(tree, &map, "pool", suspect->id);
		tree_addr(tree, &map, "address", &suspect->addr);
		tree_text(tree, &map, "why", why);
		if (rc)
			tree_text(tree, &map, "failed", err.text);
		tree_add(tree, list, map);
	}
	free(suspects);
	return freed;
}
