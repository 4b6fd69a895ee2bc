/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/ipam.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/state/pool.h"

/* So many candidates of one source may be in use by the host before the next source is tried: a route over all of a v6 source would
 * otherwise be asked about for ever. */
#define IN_USE_MAX 65536u

/* The leased pools of one family: they never overlap, so that order by beginning is order by end. */
struct pool_list {
	struct ipam_pool **items;
	size_t count, room;
};

struct source {
	uint32_t family, length;
	addrset_number base, last;
	addrset_number step; /* last of the first pool, less its base */
	addrset_number hint; /* nothing free below */
	bool spent;	     /* nothing free at all */
};

struct ipam {
	pthread_mutex_t mutex;
	struct pool_list v4, v6;
	size_t source_count;
	struct source sources[];
};

static struct pool_list *list_of(struct ipam *ipam, uint32_t family)
{
	return family == 4 ? &ipam->v4 : &ipam->v6;
}

static uint32_t longest(uint32_t family)
{
	return family == 4 ? 32 : 128;
}

struct ipam *ipam_new(const struct ipam_source *sources, size_t count)
{
	struct ipam *ipam = calloc(1, sizeof(*ipam) + count * sizeof(ipam->sources[0]));

	if (!ipam)
		return NULL;
	(void)pthread_mutex_init(&ipam->mutex, NULL);
	for (size_t i = 0; i < count; i++) {
		struct source *source = &ipam->sources[i];
		struct ndrv_prefix base = ndrv_prefix_network(&sources[i].base);
		source->family = base.addr.family;
		source->length = sources[i].length > base.length ? sources[i].length : base.length;
		if (source->length > longest(source->family))
			source->length = longest(source->family);
		source->base = addr_to_number(&base.addr);
		source->last = prefix_last(source->family, base.length, source->base);
		source->step = prefix_last(source->family, source->length, source->base) - source->base;
		source->hint = source->base;
	}
	ipam->source_count = count;
	return ipam;
}

static void free_list(struct pool_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		pool_free(list->items[i]);
	free(list->items);
}

void ipam_free(struct ipam *ipam)
{
	if (!ipam)
		return;
	free_list(&ipam->v4);
	free_list(&ipam->v6);
	(void)pthread_mutex_destroy(&ipam->mutex);
	free(ipam);
}

/* Index of the first pool that ends at `number` or later. */
static size_t first_ending_at(const struct pool_list *list, addrset_number number)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (list->items[middle]->last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int check_want(uint32_t family, const struct ndrv_prefix *want, struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT];

	if (want->addr.family != 4 && want->addr.family != 6)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid pool: family %u is neither 4 nor 6", want->addr.family);
	if (want->length > longest(want->addr.family))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid pool: a prefix of %u bits is too long for IPv%u", want->length,
				 want->addr.family);
	if (family && family != want->addr.family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "pool %s is not an IPv%u one", ndrv_prefix_format(want, text), family);
	return 0;
}

static int check_range(const struct ndrv_prefix *pool, const struct ndrv_prefix *range, struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT], outer[NDRV_PREFIX_TEXT];

	if (range->length <= longest(range->addr.family) && range->length >= pool->length &&
	    ndrv_prefix_contains(pool, &range->addr))
		return 0;
	return ndrv_fail(err, NDRV_E_ADDRESS_OUT_OF_RANGE, "range %s is not within the pool %s", ndrv_prefix_format(range, text),
			 ndrv_prefix_format(pool, outer));
}

static int insert(struct pool_list *list, struct ipam_pool *pool)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct ipam_pool **items = realloc(list->items, room * sizeof(list->items[0]));
		if (!items)
			return -1;
		list->items = items;
		list->room = room;
	}
	size_t at = first_ending_at(list, pool->base);
	memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof(list->items[0]));
	list->items[at] = pool;
	list->count++;
	return 0;
}

static int lease_pool(struct pool_list *list, const struct ndrv_prefix *prefix, const struct ndrv_prefix *range,
		      struct ipam_pool **ret, struct ndrv_error *err)
{
	struct ipam_pool *pool = pool_new(prefix, range);

	if (!pool)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for a pool");
	if (insert(list, pool)) {
		pool_free(pool);
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for a pool");
	}
	*ret = pool;
	return 0;
}

static int request_named(struct ipam *ipam, const struct ndrv_prefix *want, const struct ndrv_prefix *range, struct ipam_pool **ret,
			 struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT], other[NDRV_PREFIX_TEXT];
	struct pool_list *list = list_of(ipam, want->addr.family);
	addrset_number base = addr_to_number(&want->addr);
	size_t at = first_ending_at(list, base);

	if (at < list->count && list->items[at]->base <= prefix_last(want->addr.family, want->length, base))
		return ndrv_fail(err, NDRV_E_POOL_OVERLAP, "pool %s overlaps with other one on this address space: %s",
				 ndrv_prefix_format(want, text), ndrv_prefix_format(&list->items[at]->prefix, other));
	return lease_pool(list, want, range, ret, err);
}

struct asking {
	bool (*in_use)(const struct ndrv_prefix *candidate, void *data);
	void *data;
	size_t refused; /* by the host, over all sources */
};

/* Leased candidates are not looked at again; those the host has may come free without our knowing. */
static void remember_leased(struct source *source, addrset_number end)
{
	source->spent = end >= source->last;
	if (!source->spent)
		source->hint = end + 1;
}

/* The first candidate of the source that neither a leased pool nor the host has. */
static bool find_in_source(struct source *source, const struct pool_list *list, struct asking *asking, struct ndrv_prefix *ret)
{
	size_t next = first_ending_at(list, source->hint);
	addrset_number at = source->hint, end;

	for (size_t refused = 0; !source->spent && refused < IN_USE_MAX; at = end + 1) {
		while (next < list->count && list->items[next]->last < at)
			next++;
		if (next < list->count && list->items[next]->base <= at + source->step) {
			end = source->base + ((list->items[next]->last - source->base) | source->step);
			if (!refused)
				remember_leased(source, end);
		} else {
			*ret = (struct ndrv_prefix){addr_from_number(source->family, at), source->length};
			if (!asking->in_use || !asking->in_use(ret, asking->data))
				return true;
			end = at + source->step;
			refused++;
			asking->refused++;
		}
		if (end >= source->last)
			return false;
	}
	return false;
}

static int request_automatic(struct ipam *ipam, uint32_t family, const struct ndrv_prefix *range, struct asking *asking,
			     struct ipam_pool **ret, struct ndrv_error *err)
{
	struct pool_list *list = list_of(ipam, family);
	struct ndrv_prefix candidate;

	for (size_t i = 0; i < ipam->source_count; i++) {
		if (ipam->sources[i].family != family || !find_in_source(&ipam->sources[i], list, asking, &candidate))
			continue;
		int rc = range ? check_range(&candidate, range, err) : 0;
		return rc ? rc : lease_pool(list, &candidate, range, ret, err);
	}
	return ndrv_fail(
		err, NDRV_E_POOL_EXHAUSTED,
		"no automatic IPv%u pool is left (%zu leased, %zu in use by the host): name a subnet, or configure more pools",
		family, list->count, asking->refused);
}

int ipam_pool_request(struct ipam *ipam, uint32_t family, const struct ndrv_prefix *want, const struct ndrv_prefix *range,
		      bool (*in_use)(const struct ndrv_prefix *candidate, void *data), void *data, struct ipam_pool **ret,
		      struct ndrv_error *err)
{
	struct ndrv_prefix prefix = {0}, within = {0};
	int rc;

	if (range && range->addr.family)
		within = *range;
	if (want && want->addr.family) {
		rc = check_want(family, want, err);
		prefix = rc ? prefix : ndrv_prefix_network(want);
		if (!rc && within.addr.family)
			rc = check_range(&prefix, &within, err);
		if (rc)
			return rc;
	} else if (family != 4 && family != 6) {
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid pool: family %u is neither 4 nor 6", family);
	}
	if (within.addr.family)
		within = ndrv_prefix_network(&within);
	struct asking asking = {.in_use = in_use, .data = data};
	const struct ndrv_prefix *part = within.addr.family ? &within : NULL;
	(void)pthread_mutex_lock(&ipam->mutex);
	if (prefix.addr.family)
		rc = request_named(ipam, &prefix, part, ret, err);
	else
		rc = request_automatic(ipam, family, part, &asking, ret, err);
	(void)pthread_mutex_unlock(&ipam->mutex);
	return rc;
}

const struct ndrv_prefix *ipam_pool_prefix(const struct ipam_pool *pool)
{
	return &pool->prefix;
}

const struct ndrv_prefix *ipam_pool_range(const struct ipam_pool *pool)
{
	return &pool->range;
}

struct ipam_pool *ipam_pool_find(struct ipam *ipam, const struct ndrv_prefix *pool)
{
	struct ipam_pool *found = NULL;

	if (pool->addr.family != 4 && pool->addr.family != 6)
		return NULL;
	struct ndrv_prefix prefix = ndrv_prefix_network(pool);
	struct pool_list *list = list_of(ipam, prefix.addr.family);
	(void)pthread_mutex_lock(&ipam->mutex);
	size_t at = first_ending_at(list, addr_to_number(&prefix.addr));
	if (at < list->count && ndrv_prefix_equal(&list->items[at]->prefix, &prefix))
		found = list->items[at];
	(void)pthread_mutex_unlock(&ipam->mutex);
	return found;
}

/* What is free now may be below where the sources are searched from. */
static void lower_hints(struct ipam *ipam, const struct ipam_pool *pool)
{
	for (size_t i = 0; i < ipam->source_count; i++) {
		struct source *source = &ipam->sources[i];
		if (source->family != pool->prefix.addr.family || pool->last < source->base || pool->base > source->last)
			continue;
		addrset_number from = pool->base < source->base ? source->base : pool->base;
		from = source->base + ((from - source->base) & ~source->step);
		if (from < source->hint)
			source->hint = from;
		source->spent = false;
	}
}

void ipam_pool_release(struct ipam *ipam, struct ipam_pool *pool)
{
	struct pool_list *list = list_of(ipam, pool->prefix.addr.family);

	(void)pthread_mutex_lock(&ipam->mutex);
	size_t at = first_ending_at(list, pool->base);
	memmove(&list->items[at], &list->items[at + 1], (list->count - at - 1) * sizeof(list->items[0]));
	list->count--;
	lower_hints(ipam, pool);
	(void)pthread_mutex_unlock(&ipam->mutex);
	pool_free(pool);
}

int ipam_address_request(struct ipam *ipam, struct ipam_pool *pool, const struct ndrv_addr *want, struct ndrv_prefix *ret,
			 struct ndrv_error *err)
{
	struct ndrv_addr addr;
	int rc;

	(void)pthread_mutex_lock(&ipam->mutex);
	if (want && want->family)
		rc = pool_take(pool, want, &addr, err);
	else
		rc = pool_take_next(pool, &addr, err);
	(void)pthread_mutex_unlock(&ipam->mutex);
	if (!rc)
		*ret = (struct ndrv_prefix){addr, pool->prefix.length};
	return rc;
}

void ipam_address_release(struct ipam *ipam, struct ipam_pool *pool, const struct ndrv_addr *address)
{
	(void)pthread_mutex_lock(&ipam->mutex);
	pool_give_back(pool, address);
	(void)pthread_mutex_unlock(&ipam->mutex);
}

static const char *number_text(addrset_number number, char *end)
{
	do {
		*--end = (char)('0' + (int)(number % 10));
		number /= 10;
	} while (number);
	return end;
}

int ipam_pool_describe(struct ipam *ipam, struct ipam_pool *pool, struct ndrv_arena *arena, struct ndrv_value *ret,
		       struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT], range[NDRV_PREFIX_TEXT], digits[40] = "";

	(void)pthread_mutex_lock(&ipam->mutex);
	uint64_t used = pool->used;
	(void)pthread_mutex_unlock(&ipam->mutex);
	addrset_number size = pool_size(pool);
	struct ndrv_value sized = ndrv_int((int64_t)size);
	if (size > INT64_MAX)
		sized = ndrv_string(ndrv_arena_strdup(arena, number_text(size, digits + sizeof(digits) - 1)));
	const char *prefix = ndrv_arena_strdup(arena, ndrv_prefix_format(&pool->prefix, text));
	const char *part = ndrv_arena_strdup(arena, ndrv_prefix_format(&pool->range, range));
	if (!prefix || !part || (size > INT64_MAX && !sized.u.string))
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	*ret = ndrv_null();
	int rc = ndrv_map_set(arena, ret, "pool", ndrv_string(prefix), err);
	rc = rc ? rc : ndrv_map_set(arena, ret, "range", ndrv_string(part), err);
	rc = rc ? rc : ndrv_map_set(arena, ret, "size", sized, err);
	return rc ? rc : ndrv_map_set(arena, ret, "used", ndrv_int((int64_t)used), err);
}
