/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/pools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/pools_held.h"
#include "host/dispatch/record_io.h"

static struct held *find(struct pools *pools, const char *id)
{
	struct held *held = pools->first;

	while (held && strcmp(held->id, id) != 0)
		held = held->next;
	return held;
}

static struct held *find_pool(struct pools *pools, const struct ndrv_prefix *pool)
{
	struct ndrv_prefix net = ndrv_prefix_network(pool);
	struct held *held = pools->first;

	while (held && !ndrv_prefix_equal(&held->pool, &net))
		held = held->next;
	return held;
}

/* Its leases in the allocator go with the pool. */
static void let_go(struct pools *pools, struct held *held)
{
	struct ipam *ipam = pools->dispatch->parts.ipam;
	struct ipam_pool *pool = ipam_pool_find(ipam, &held->pool);

	if (pool)
		ipam_pool_release(ipam, pool);
	held_unlink(pools, held);
	held_free(held);
}

/* --- pools --- */

static void make_id(char *id, const char *space, const struct ndrv_prefix *pool, const struct ndrv_prefix *range)
{
	char text[NDRV_PREFIX_TEXT], sub[NDRV_PREFIX_TEXT] = "";

	if (range->addr.family)
		(void)ndrv_prefix_format(range, sub);
	(void)snprintf(id, POOL_ID_MAX, "%s/%s%s%s", space, ndrv_prefix_format(pool, text), *sub ? "/" : "", sub);
}

/* Who asks is the platform that holds it, in a new process: the former one is dead. */
static bool is_restarted(const char *former, const char *holder)
{
	return !*holder || (strcmp(former, holder) != 0 && !holder_lives(former));
}

/* The one that was asked for is held already. 0: it is the same once more. */
static int take_again(struct pools *pools, struct held *held, const struct pool_wish *wish, const char *holder,
		      struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT];
	bool same_range = wish->range.addr.family ? ndrv_prefix_equal(&held->range, &wish->range) : !held->range.addr.family;
	bool unused = !held->gateway.addr.family && !held->lease_count && clock_ns() - held->at_ns > POOLS_STALE_NS;
	bool restarted = is_restarted(held->holder, holder);

	if (!same_range || !(restarted || (unused && strcmp(held->holder, holder) == 0)))
		return ndrv_fail(err, NDRV_E_POOL_OVERLAP, "pool %s overlaps with other one on this address space: pool %s is held",
				 ndrv_prefix_format(&wish->pool, text), held->id);
	held->released = false;
	held_set_holder(held->holder, holder);
	held->at_ns = clock_ns();
	if (restarted)
		held->repeated_ns = held->at_ns;
	return held_keep(pools, held, err);
}

static int take(struct pools *pools, const char *space, const struct pool_wish *wish, const char *holder, struct held **ret,
		struct ndrv_error *err)
{
	struct ipam *ipam = pools->dispatch->parts.ipam;
	struct ipam_pool *pool;
	int rc = lease_request_pool(pools->dispatch, wish, &pool, err);

	if (rc)
		return rc;
	struct held *held = calloc(1, sizeof(*held));
	if (!held) {
		ipam_pool_release(ipam, pool);
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	}
	held->pool = *ipam_pool_prefix(pool);
	held->range = wish->range;
	held->at_ns = clock_ns();
	held_set_holder(held->holder, holder);
	make_id(held->id, space, &held->pool, &held->range);
	held_link(pools, held);
	/* Nothing of a former one of this name may become its leases. */
	rc = held_forget_leases(pools, held, err);
	if (!rc)
		rc = held_keep(pools, held, err);
	if (rc)
		let_go(pools, held);
	else
		*ret = held;
	return rc;
}

int pools_request(struct pools *pools, const char *space, const struct pool_wish *wish, const char *holder, char *ret_id,
		  struct ndrv_prefix *ret, struct ndrv_error *err)
{
	struct held *held = NULL;
	int rc = 0;

	if (strlen(space) > POOL_ID_MAX - 2 * NDRV_PREFIX_TEXT - 3)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the address space's name is too long");
	for (const char *at = space; *at; at++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *at))
			return ndrv_fail(err, NDRV_E_BAD_REQUEST,
					 "invalid address space \"%.64s\": only [A-Za-z0-9_.-] are allowed", space);
	pools_settle(pools);
	(void)pthread_mutex_lock(&pools->lock);
	if (wish->pool.addr.family)
		held = find_pool(pools, &wish->pool);
	rc = held ? take_again(pools, held, wish, holder, err) : take(pools, space, wish, holder, &held, err);
	if (!rc) {
		(void)snprintf(ret_id, POOL_ID_MAX, "%s", held->id);
		*ret = held->pool;
	}
	(void)pthread_mutex_unlock(&pools->lock);
	return rc;
}

/* Whether it is used is asked of the records, so without the lock. A network that goes meanwhile finds it given back. */
static int free_released(struct pools *pools, const char *id, const struct ndrv_prefix *pool, struct ndrv_error *err)
{
	if (pool_is_used(pools->dispatch, pool))
		return 0;
	(void)pthread_mutex_lock(&pools->lock);
	struct held *held = find(pools, id);
	int rc = held && held->released ? held_forget(pools, held, err) : 0;
	if (held && held->released && !rc)
		let_go(pools, held);
	(void)pthread_mutex_unlock(&pools->lock);
	return rc;
}

int pools_release(struct pools *pools, const char *id, struct ndrv_error *err)
{
	struct ndrv_prefix pool = {0};
	int rc = 0;

	(void)pthread_mutex_lock(&pools->lock);
	struct held *held = find(pools, id);
	if (held) {
		pool = held->pool;
		held->released = true;
		rc = held_keep(pools, held, err);
	}
	(void)pthread_mutex_unlock(&pools->lock);
	return held && !rc ? free_released(pools, id, &pool, err) : rc;
}

/* The one behind `id` that was given back; false: there is none. */
static bool next_released(struct pools *pools, char *id, struct ndrv_prefix *ret)
{
	const struct held *next = NULL;

	(void)pthread_mutex_lock(&pools->lock);
	for (const struct held *held = pools->first; held; held = held->next)
		if (held->released && strcmp(held->id, id) > 0 && (!next || strcmp(held->id, next->id) < 0))
			next = held;
	if (next) {
		(void)snprintf(id, POOL_ID_MAX, "%s", next->id);
		*ret = next->pool;
	}
	(void)pthread_mutex_unlock(&pools->lock);
	return next != NULL;
}

void pools_settle(struct pools *pools)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix pool;
	char id[POOL_ID_MAX] = "";

	while (pools && next_released(pools, id, &pool))
		if (free_released(pools, id, &pool, &err))
			log_warning("dispatch", "pool %s was given back and is held still: %s", id, err.text);
}

void pools_network_gone(struct pools *pools, const struct network *network)
{
	struct ndrv_error err = {0};

	if (!pools)
		return;
	(void)pthread_mutex_lock(&pools->lock);
	for (uint32_t i = 0; i < network->pool_count; i++) {
		struct held *held = network->pools[i].ours ? NULL : find_pool(pools, &network->pools[i].pool);
		if (!held || !held->released)
			continue;
		if (held_forget(pools, held, &err))
			log_error("dispatch", "pool %s is free, but the store still says it is held: %s", held->id, err.text);
		let_go(pools, held);
	}
	(void)pthread_mutex_unlock(&pools->lock);
}

/* --- addresses --- */

static int lease(struct pools *pools, struct held *held, const struct ndrv_addr *want, struct ndrv_prefix *ret,
		 struct ndrv_error *err)
{
	struct ipam *ipam = pools->dispatch->parts.ipam;
	struct ipam_pool *pool = ipam_pool_find(ipam, &held->pool);

	if (!pool)
		return ndrv_fail_object(err, NDRV_E_NO_POOL, held->id);
	return ipam_address_request(ipam, pool, want && want->family ? want : NULL, ret, err);
}

static void unlease(struct pools *pools, const struct held *held, const struct ndrv_addr *address)
{
	struct ipam *ipam = pools->dispatch->parts.ipam;
	struct ipam_pool *pool = ipam_pool_find(ipam, &held->pool);

	if (pool)
		ipam_address_release(ipam, pool, address);
}

static int take_gateway(struct pools *pools, struct held *held, const struct ndrv_addr *want, struct ndrv_prefix *ret,
			struct ndrv_error *err)
{
	struct ndrv_addr first = held->pool.addr;
	char text[NDRV_ADDR_TEXT];

	if (held->gateway.addr.family && (!want->family || ndrv_addr_equal(&held->gateway.addr, want))) {
		*ret = held->gateway;
		return 0;
	}
	if (held->gateway.addr.family)
		return ndrv_fail(err, NDRV_E_ADDRESS_IN_USE, "pool %s has a gateway already, %s", held->id,
				 ndrv_addr_format(&held->gateway.addr, text));
	first.bytes[first.family == 4 ? 3 : 15] |= 1;
	int rc = want->family ? lease(pools, held, want, ret, err) : lease(pools, held, &first, ret, NULL);
	if (rc && !want->family)
		rc = lease(pools, held, NULL, ret, err);
	if (rc)
		return rc;
	held->gateway = *ret;
	rc = held_keep(pools, held, err);
	if (rc) {
		unlease(pools, held, &ret->addr);
		held->gateway = (struct ndrv_prefix){0};
	}
	return rc;
}

/* What is leased goes to a new taker where it is the former one's again, or the former one is dead. */
static int take_over(struct held *held, const struct held_lease *taken, enum user user, const char *holder, struct ndrv_error *err)
{
	uint64_t now = clock_ns();
	bool repeats = held->repeated_ns && now - held->repeated_ns < POOLS_REPEAT_NS;
	bool lost = user == USER_NONE && !taken->durable && now - taken->at_ns > POOLS_STALE_NS;
	char text[NDRV_ADDR_TEXT];

	if (is_restarted(taken->holder, holder) ? !repeats && user == USER_LIVES : !lost)
		return ndrv_fail_object(err, NDRV_E_ADDRESS_IN_USE, ndrv_addr_format(&taken->addr, text));
	if (repeats)
		held->repeated_ns = now;
	return 0;
}

static int take_address(struct pools *pools, struct held *held, const struct ndrv_addr *want, bool durable, enum user user,
			const char *holder, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	struct held_lease *taken = want->family ? held_find_lease(held, want) : NULL;
	/* Repetitions come by name, and before anything else. */
	if (!want->family)
		held->repeated_ns = 0;
	int rc = taken ? take_over(held, taken, user, holder, err) : lease(pools, held, want, ret, err);

	if (rc)
		return rc;
	if (taken) {
		*ret = (struct ndrv_prefix){.addr = *want, .length = held->pool.length};
		held_set_holder(taken->holder, holder);
		taken->at_ns = clock_ns();
		return held_keep_lease(pools, held, taken, err);
	}
	rc = held_add_lease(pools, held, &ret->addr, durable, holder, err);
	if (rc)
		unlease(pools, held, &ret->addr);
	return rc;
}

static int try_address(struct pools *pools, const char *id, const struct ndrv_addr *want, bool gateway, const char *holder,
		       struct ndrv_prefix *ret, struct ndrv_error *err)
{
	struct ndrv_prefix pool;

	(void)pthread_mutex_lock(&pools->lock);
	struct held *held = find(pools, id);
	if (held)
		pool = held->pool;
	(void)pthread_mutex_unlock(&pools->lock);
	if (!held)
		return ndrv_fail_object(err, NDRV_E_NO_POOL, id);
	/* With the records, so before the lock. */
	bool durable = want->family && !gateway && !pool_is_used(pools->dispatch, &pool);
	enum user user = want->family && !gateway ? pool_user(pools->dispatch, &pool, want) : USER_UNKNOWN;
	(void)pthread_mutex_lock(&pools->lock);
	held = find(pools, id);
	int rc = !held	   ? ndrv_fail_object(err, NDRV_E_NO_POOL, id)
		 : gateway ? take_gateway(pools, held, want, ret, err)
			   : take_address(pools, held, want, durable, user, holder, ret, err);
	(void)pthread_mutex_unlock(&pools->lock);
	return rc;
}

int pools_address(struct pools *pools, const char *id, const struct ndrv_addr *want, bool gateway, const char *holder,
		  struct ndrv_prefix *ret, struct ndrv_error *err)
{
	int rc = try_address(pools, id, want, gateway, holder, ret, err);

	if (rc != -NDRV_E_POOL_EXHAUSTED || !pools_free_stale(pools, id, false, NULL, NULL))
		return rc;
	ndrv_error_clear(err);
	return try_address(pools, id, want, gateway, holder, ret, err);
}

int pools_address_release(struct pools *pools, const char *id, const struct ndrv_addr *address, struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&pools->lock);
	struct held *held = find(pools, id);
	struct held_lease *taken = held ? held_find_lease(held, address) : NULL;
	if (held)
		held->repeated_ns = 0;
	if (held && ndrv_addr_equal(&held->gateway.addr, address)) {
		struct ndrv_prefix gateway = held->gateway;
		held->gateway = (struct ndrv_prefix){0};
		rc = held_keep(pools, held, err);
		if (rc)
			held->gateway = gateway;
		else
			unlease(pools, held, address);
	} else if (taken) {
		rc = held_del_lease(pools, held, taken, err);
		if (!rc)
			unlease(pools, held, address);
	}
	(void)pthread_mutex_unlock(&pools->lock);
	return rc;
}

int pools_address_drop(struct pools *pools, const char *id, const struct ndrv_addr *address, const char *holder, uint64_t at_ns,
		       struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&pools->lock);
	struct held *held = find(pools, id);
	struct held_lease *taken = held ? held_find_lease(held, address) : NULL;
	if (!taken || taken->at_ns != at_ns || strcmp(taken->holder, holder) != 0)
		rc = ndrv_fail(err, NDRV_E_ADDRESS_IN_USE, "it was taken again meanwhile");
	else
		rc = held_del_lease(pools, held, taken, err);
	if (!rc)
		unlease(pools, held, address);
	(void)pthread_mutex_unlock(&pools->lock);
	return rc;
}

/* --- life --- */

/* At the start, when nobody else asks: in the allocator what the record says. */
static void lease_again(struct pools *pools, struct held *held)
{
	struct pool_wish wish = {.pool = held->pool, .range = held->range, .family = held->pool.addr.family};
	struct ndrv_error err = {0};
	struct ipam_pool *pool;
	struct ndrv_prefix ret;
	int rc = ipam_pool_request(pools->dispatch->parts.ipam, wish.family, &wish.pool,
				   wish.range.addr.family ? &wish.range : NULL, NULL, NULL, &pool, &err);

	if (!rc && held->gateway.addr.family)
		rc = lease(pools, held, &held->gateway.addr, &ret, &err);
	for (size_t i = 0; !rc && i < held->lease_count; i++)
		rc = lease(pools, held, &held->leases[i].addr, &ret, &err);
	if (rc)
		log_error("dispatch", "pool %s of a platform could not be leased again as it was: %s", held->id, err.text);
}

int pools_open(struct dispatch *dispatch, struct pools **ret, struct ndrv_error *err)
{
	struct pools *pools = calloc(1, sizeof(*pools));

	if (!pools)
		return ndrv_fail_errno(err, ENOMEM, "start the dispatcher");
	pools->dispatch = dispatch;
	(void)pthread_mutex_init(&pools->lock, NULL);
	int rc = dispatch->parts.store ? held_load(pools, err) : 0;
	for (struct held *held = pools->first; held && !rc; held = held->next)
		lease_again(pools, held);
	if (rc)
		pools_close(pools);
	else
		*ret = pools;
	return rc;
}

void pools_close(struct pools *pools)
{
	if (!pools)
		return;
	while (pools->first) {
		struct held *held = pools->first;
		held_unlink(pools, held);
		held_free(held);
	}
	(void)pthread_mutex_destroy(&pools->lock);
	free(pools);
}

void pools_describe(struct pools *pools, struct tree *tree, struct ndrv_value *list)
{
	if (!pools)
		return;
	(void)pthread_mutex_lock(&pools->lock);
	for (const struct held *held = pools->first; held && !tree->rc; held = held->next) {
		struct ndrv_value map = {.type = NDRV_MAP};
		tree_text(tree, &map, "id", held->id);
		tree_prefix(tree, &map, "pool", &held->pool);
		if (held->range.addr.family)
			tree_prefix(tree, &map, "range", &held->range);
		if (held->gateway.addr.family)
			tree_addr(tree, &map, "gateway", &held->gateway.addr);
		tree_int(tree, &map, "used", (int64_t)held->lease_count + (held->gateway.addr.family != 0));
		tree_bool(tree, &map, "released", held->released);
		tree_add(tree, list, map);
	}
	(void)pthread_mutex_unlock(&pools->lock);
}
