/* SPDX-License-Identifier: Apache-2.0 */
/* One pool of the allocator: which of its addresses are leased. Used by ipam.c alone, under its mutex. */
#ifndef HOST_STATE_POOL_H
#define HOST_STATE_POOL_H

#include <ndrv/types.h>

#include "host/state/addrset.h"

/* Addresses as numbers: v4 in the low 32 bits. */
addrset_number addr_to_number(const struct ndrv_addr *addr);
struct ndrv_addr addr_from_number(uint32_t family, addrset_number number);
/* The last number of a prefix that begins at `base`. */
addrset_number prefix_last(uint32_t family, uint32_t length, addrset_number base);

struct ipam_pool {
	struct ndrv_prefix prefix;
	struct ndrv_prefix range; /* unset: all */
	addrset_number base, last;
	addrset_number first_offset, last_offset; /* of the range */
	addrset_number cursor;			  /* next-fit: what was freed comes round last */
	struct addrset taken;			  /* offsets; those that are never given out are in it from the start */
	uint32_t reserved;			  /* how many of those */
	uint64_t used;				  /* leases */
};

/* `prefix` has no host bits, `range` lies within it or is unset. NULL: out of memory. */
struct ipam_pool *pool_new(const struct ndrv_prefix *prefix, const struct ndrv_prefix *range);
void pool_free(struct ipam_pool *pool);
int pool_take(struct ipam_pool *pool, const struct ndrv_addr *want, struct ndrv_addr *ret, struct ndrv_error *err);
int pool_take_next(struct ipam_pool *pool, struct ndrv_addr *ret, struct ndrv_error *err);
void pool_give_back(struct ipam_pool *pool, const struct ndrv_addr *address);
/* How many addresses it can give out at most; the one number that does not fit, all of v6, has its first one reserved. */
addrset_number pool_size(const struct ipam_pool *pool);

#endif
