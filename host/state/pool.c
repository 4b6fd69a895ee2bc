/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/pool.h"

#include <stdlib.h>

static uint32_t family_bits(uint32_t family)
{
	return family == 4 ? 32 : 128;
}

addrset_number addr_to_number(const struct ndrv_addr *addr)
{
	addrset_number number = 0;

	for (unsigned i = 0; i < family_bits(addr->family) / 8; i++)
		number = number << 8 | addr->bytes[i];
	return number;
}

struct ndrv_addr addr_from_number(uint32_t family, addrset_number number)
{
	struct ndrv_addr addr = {.family = (uint8_t)family};

	for (unsigned i = family_bits(family) / 8; i > 0; i--, number >>= 8)
		addr.bytes[i - 1] = (uint8_t)number;
	return addr;
}

addrset_number prefix_last(uint32_t family, uint32_t length, addrset_number base)
{
	uint32_t bits = family_bits(family) - length;

	return bits >= 128 ? ~(addrset_number)0 : base | (((addrset_number)1 << bits) - 1);
}

/* v4: network and broadcast, but for /31 (RFC 3021) and /32. v6: the subnet routers' anycast address, but for /127 (RFC 6164) and
 * /128. */
static int reserve(struct ipam_pool *pool)
{
	uint32_t family = pool->prefix.addr.family;

	if (pool->last - pool->base <= 1)
		return 0;
	if (addrset_add(&pool->taken, 0))
		return -1;
	pool->reserved = 1;
	if (family != 4)
		return 0;
	if (addrset_add(&pool->taken, pool->last - pool->base))
		return -1;
	pool->reserved = 2;
	return 0;
}

static bool is_reserved(const struct ipam_pool *pool, addrset_number offset)
{
	return (pool->reserved > 0 && offset == 0) || (pool->reserved > 1 && offset == pool->last - pool->base);
}

struct ipam_pool *pool_new(const struct ndrv_prefix *prefix, const struct ndrv_prefix *range)
{
	struct ipam_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	uint32_t family = prefix->addr.family;
	pool->prefix = *prefix;
	pool->base = addr_to_number(&prefix->addr);
	pool->last = prefix_last(family, prefix->length, pool->base);
	pool->last_offset = pool->last - pool->base;
	if (range && range->addr.family) {
		addrset_number first = addr_to_number(&range->addr);
		pool->range = *range;
		pool->first_offset = first - pool->base;
		pool->last_offset = prefix_last(family, range->length, first) - pool->base;
	}
	pool->cursor = pool->first_offset;
	if (addrset_init(&pool->taken, family_bits(family) - prefix->length) || reserve(pool)) {
		pool_free(pool);
		return NULL;
	}
	return pool;
}

void pool_free(struct ipam_pool *pool)
{
	addrset_done(&pool->taken);
	free(pool);
}

static int lease(struct ipam_pool *pool, addrset_number offset, struct ndrv_addr *ret, struct ndrv_error *err)
{
	if (addrset_add(&pool->taken, offset))
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for an address lease");
	pool->used++;
	*ret = addr_from_number(pool->prefix.addr.family, pool->base + offset);
	return 0;
}

int pool_take(struct ipam_pool *pool, const struct ndrv_addr *want, struct ndrv_addr *ret, struct ndrv_error *err)
{
	char address[NDRV_ADDR_TEXT], prefix[NDRV_PREFIX_TEXT];
	addrset_number number = addr_to_number(want);

	(void)ndrv_addr_format(want, address);
	(void)ndrv_prefix_format(&pool->prefix, prefix);
	if (want->family != pool->prefix.addr.family || number < pool->base || number > pool->last)
		return ndrv_fail(err, NDRV_E_ADDRESS_OUT_OF_RANGE, "requested address %s is not within the pool %s", address,
				 prefix);
	if (is_reserved(pool, number - pool->base))
		return ndrv_fail(err, NDRV_E_ADDRESS_OUT_OF_RANGE, "requested address %s is the %s address of pool %s", address,
				 number == pool->base ? "network" : "broadcast", prefix);
	if (addrset_has(&pool->taken, number - pool->base))
		return ndrv_fail_object(err, NDRV_E_ADDRESS_IN_USE, address);
	return lease(pool, number - pool->base, ret, err);
}

static int exhausted(const struct ipam_pool *pool, struct ndrv_error *err)
{
	char prefix[NDRV_PREFIX_TEXT], range[NDRV_PREFIX_TEXT];

	(void)ndrv_prefix_format(&pool->prefix, prefix);
	if (!pool->range.addr.family)
		return ndrv_fail_object(err, NDRV_E_POOL_EXHAUSTED, prefix);
	return ndrv_fail(err, NDRV_E_POOL_EXHAUSTED, "no available addresses in pool %s, range %s", prefix,
			 ndrv_prefix_format(&pool->range, range));
}

int pool_take_next(struct ipam_pool *pool, struct ndrv_addr *ret, struct ndrv_error *err)
{
	addrset_number offset;

	if (!addrset_next_free(&pool->taken, pool->cursor, pool->last_offset, &offset) &&
	    (pool->cursor == pool->first_offset || !addrset_next_free(&pool->taken, pool->first_offset, pool->cursor - 1, &offset)))
		return exhausted(pool, err);
	int rc = lease(pool, offset, ret, err);
	if (!rc)
		pool->cursor = offset == pool->last_offset ? pool->first_offset : offset + 1;
	return rc;
}

void pool_give_back(struct ipam_pool *pool, const struct ndrv_addr *address)
{
	addrset_number number = addr_to_number(address);

	if (address->family != pool->prefix.addr.family || number < pool->base || number > pool->last)
		return;
	addrset_number offset = number - pool->base;
	if (is_reserved(pool, offset) || !addrset_has(&pool->taken, offset))
		return;
	addrset_del(&pool->taken, offset);
	pool->used--;
}

addrset_number pool_size(const struct ipam_pool *pool)
{
	return pool->last - pool->base - pool->reserved + 1;
}
