/* SPDX-License-Identifier: Apache-2.0 */
/* The address pool allocator. In memory only: the store's records are the durable truth and ipam is rebuilt from them at start.
 * Thread-safe. v4 and v6, pools of any size without cost by size (a /64 or a /8 costs what is taken out of it), ranges, aux
 * addresses, requested addresses. */
#ifndef HOST_STATE_IPAM_H
#define HOST_STATE_IPAM_H

#include <stdbool.h>

#include <ndrv/types.h>
#include <ndrv/value.h>

struct ipam;
struct ipam_pool;

/* Where automatic pools come from: `base` is cut into pools of `length`. */
struct ipam_source {
	struct ndrv_prefix base;
	uint32_t length;
};

struct ipam *ipam_new(const struct ipam_source *sources, size_t count); /* NULL: out of memory */
void ipam_free(struct ipam *ipam);

/* Leases the pool `want` (host bits cleared; BAD_REQUEST for what is no prefix), or the first free automatic one of `family` when
 * `want` is unset. POOL_OVERLAP names the pool in the way; POOL_EXHAUSTED when no automatic pool is left. `range` (unset: all) must
 * lie within, ADDRESS_OUT_OF_RANGE. `in_use` (may be NULL) is asked about each automatic candidate, so that the host's own routes
 * are avoided. */
int ipam_pool_request(struct ipam *ipam, uint32_t family, const struct ndrv_prefix *want, const struct ndrv_prefix *range,
		      bool (*in_use)(const struct ndrv_prefix *candidate, void *data), void *data, struct ipam_pool **ret,
		      struct ndrv_error *err);
const struct ndrv_prefix *ipam_pool_prefix(const struct ipam_pool *pool);
const struct ndrv_prefix *ipam_pool_range(const struct ipam_pool *pool);
/* NULL: no such pool is leased. */
struct ipam_pool *ipam_pool_find(struct ipam *ipam, const struct ndrv_prefix *pool);
/* Releases the pool with all its addresses. */
void ipam_pool_release(struct ipam *ipam, struct ipam_pool *pool);

/* Leases `want`, or the next free address of the range when `want` is unset; `ret` has the pool's length. The network and (v4)
 * broadcast addresses are never given out; freed addresses are reused last. ADDRESS_IN_USE, ADDRESS_OUT_OF_RANGE, POOL_EXHAUSTED. A
 * requested address may lie outside the range but must be in the pool. */
int ipam_address_request(struct ipam *ipam, struct ipam_pool *pool, const struct ndrv_addr *want, struct ndrv_prefix *ret,
			 struct ndrv_error *err);
/* Nothing happens for one that is not leased. */
void ipam_address_release(struct ipam *ipam, struct ipam_pool *pool, const struct ndrv_addr *address);

/* For `network inspect` and status: {pool, range, size (as text when above 2^63), used}. */
int ipam_pool_describe(struct ipam *ipam, struct ipam_pool *pool, struct ndrv_arena *arena, struct ndrv_value *ret,
		       struct ndrv_error *err);

#endif
