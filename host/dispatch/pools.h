/* SPDX-License-Identifier: Apache-2.0 */
/* Pools that a platform's IPAM holds (Docker's IpamDriver), out of the same allocator as our networks'. A platform leases a pool
 * before there is a network, and its addresses one by one; it may never give them back, and after a restart of its own it asks for
 * some of what it holds again. So that such a repetition can be told from a second taker, each lease remembers the process that
 * asked (the holder), and what the records say of networks and endpoints decides the rest:
 *  - a pool whose holder is dead is the one it was: the platform was restarted. A holder that lives, be it the same one or
 *    another, keeps it, unless nothing ever came of it (its answer was lost, POOLS_STALE_NS);
 *  - a platform that was restarted asks for the addresses it knows of right behind their pool (POOLS_REPEAT_NS), by name and before
 *    it does anything else: so it gets each of them, once. Later an address that is leased goes to who asks for it by name where
 *    its holder and its endpoint are dead, or where there is no such endpoint after POOLS_STALE_NS;
 *  - a pool that is given back while a network of this host still uses it (Docker gives it back before it deletes the network, and
 *    when another network with the same pool failed) is free when that network has gone.
 * Pools, gateways and addresses taken before there is a network (aux) are in state.db, other addresses in live.db, for containers
 * do not outlive a boot. */
#ifndef HOST_DISPATCH_POOLS_H
#define HOST_DISPATCH_POOLS_H

#include "host/dispatch/core.h"

#define POOLS_STALE_NS (60 * NSEC_PER_SEC)
#define POOLS_REPEAT_NS (15 * NSEC_PER_SEC)
#define POOL_ID_MAX 192

struct pools;

/* Leases again what the store has. */
int pools_open(struct dispatch *dispatch, struct pools **ret, struct ndrv_error *err);
void pools_close(struct pools *pools); /* NULL is fine */

/* `holder`: who asks, "" if that cannot be told, which is always taken for a repetition. `ret_id` has POOL_ID_MAX bytes.
 * POOL_OVERLAP, POOL_EXHAUSTED, BAD_REQUEST, ADDRESS_OUT_OF_RANGE. */
int pools_request(struct pools *pools, const char *space, const struct pool_wish *wish, const char *holder, char *ret_id,
		  struct ndrv_prefix *ret, struct ndrv_error *err);
/* Of what is not held: success. */
int pools_release(struct pools *pools, const char *id, struct ndrv_error *err);
/* `want` unset: the first that is free, of the range for an endpoint's. NO_POOL, ADDRESS_IN_USE, ADDRESS_OUT_OF_RANGE,
 * POOL_EXHAUSTED. */
int pools_address(struct pools *pools, const char *id, const struct ndrv_addr *want, bool gateway, const char *holder,
		  struct ndrv_prefix *ret, struct ndrv_error *err);
int pools_address_release(struct pools *pools, const char *id, const struct ndrv_addr *address, struct ndrv_error *err);

/* The network's record is gone: its pools that were given back meanwhile are free. */
void pools_network_gone(struct pools *pools, const struct network *network);
/* Once the records are live, and whenever a pool is asked for: frees what was given back and is used no more, where nobody saw the
 * network go (a crash, a disk that was full). NULL is fine. */
void pools_settle(struct pools *pools);

/* Gives back what no container has and who asked for it will not come for: addresses of dead holders whose sandbox is dead or that
 * no endpoint of their network has, and, of any holder, those that never got an endpoint. Not of networks that are not ours, since
 * nothing is known of their endpoints. `id` NULL: of every pool; `dry`: only looks. How many. Where `tree` is not NULL `list` gets
 * {pool, address, why, failed}. */
size_t pools_free_stale(struct pools *pools, const char *id, bool dry, struct tree *tree, struct ndrv_value *list);

/* A list of {id, pool, range, gateway, used, released}. */
void pools_describe(struct pools *pools, struct tree *tree, struct ndrv_value *list);

#endif
