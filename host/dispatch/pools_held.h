/* SPDX-License-Identifier: Apache-2.0 */
/* What pools.c keeps: the pools that are held with their addresses, in memory and in the store, and what the records know of
 * who uses them. All under pools->lock but for the two that look at records. */
#ifndef HOST_DISPATCH_POOLS_HELD_H
#define HOST_DISPATCH_POOLS_HELD_H

#include "host/dispatch/pools.h"

#define HOLDER_MAX 64

struct held_lease {
	struct ndrv_addr addr;
	bool durable; /* survives a boot: taken before there was a network */
	char holder[HOLDER_MAX];
	uint64_t at_ns; /* when it was taken; 0: by an earlier life of this host */
};

struct held {
	struct held *next;
	char id[POOL_ID_MAX];
	struct ndrv_prefix pool, range, gateway;
	char holder[HOLDER_MAX];
	bool released; /* given back, while a network uses it */
	uint64_t at_ns;
	uint64_t repeated_ns;	   /* the last repetition of a platform that has just been restarted; 0: they are over */
	struct held_lease *leases; /* by address */
	size_t lease_count, lease_room;
};

struct pools {
	struct dispatch *dispatch;
	pthread_mutex_t lock;
	struct held *first;
};

void held_set_holder(char to[HOLDER_MAX], const char *holder);
void held_link(struct pools *pools, struct held *held);
void held_unlink(struct pools *pools, struct held *held);
void held_free(struct held *held);
/* Writes the pool, without the addresses that live.db has; takes it away with them. */
int held_keep(struct pools *pools, const struct held *held, struct ndrv_error *err);
int held_forget(struct pools *pools, const struct held *held, struct ndrv_error *err);
int held_forget_leases(struct pools *pools, const struct held *held, struct ndrv_error *err);
int held_load(struct pools *pools, struct ndrv_error *err);

struct held_lease *held_find_lease(struct held *held, const struct ndrv_addr *addr);
int held_add_lease(struct pools *pools, struct held *held, const struct ndrv_addr *addr, bool durable, const char *holder,
		   struct ndrv_error *err);
int held_keep_lease(struct pools *pools, const struct held *held, const struct held_lease *lease, struct ndrv_error *err);
int held_del_lease(struct pools *pools, struct held *held, struct held_lease *lease, struct ndrv_error *err);
/* pools.c: gives one back if it is still the same lease, ADDRESS_IN_USE if not. */
int pools_address_drop(struct pools *pools, const char *id, const struct ndrv_addr *address, const char *holder, uint64_t at_ns,
		       struct ndrv_error *err);

/* --- pools_users.c: under no lock --- */

enum user {
	USER_UNKNOWN, /* the pool is not one of a network here */
	USER_NONE,    /* no endpoint of its networks has the address */
	USER_DEAD,    /* one has, and no process is in its sandbox */
	USER_LIVES,
};

/* A process, as no other one of this machine ever was. "": it cannot be seen from here. */
void holder_name(uint32_t pid, char to[HOLDER_MAX]);
bool holder_lives(const char *holder);

/* A network here was made with that pool. */
bool pool_is_used(struct dispatch *dispatch, const struct ndrv_prefix *pool);
enum user pool_user(struct dispatch *dispatch, const struct ndrv_prefix *pool, const struct ndrv_addr *addr);

#endif
