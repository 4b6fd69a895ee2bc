/* SPDX-License-Identifier: Apache-2.0 */
/* The subnets the host's namespace routes already, so that automatic pools keep clear of them. */
#ifndef HOST_SANDBOX_SUBNETS_H
#define HOST_SANDBOX_SUBNETS_H

#include <stdbool.h>

#include <ndrv/types.h>

#include "host/sandbox/hostns.h"

struct subnets {
	struct ndrv_prefix *items;
	uint32_t count, room;
	bool failed; /* out of memory while listing */
};

/* Destinations of unicast routes of the main table but for default routes; `family` 4 or 6. The caller frees with subnets_free().
 */
int subnets_list(struct hostns *hostns, const struct ndrv_call *call, uint32_t family, struct subnets *ret, struct ndrv_error *err);
void subnets_free(struct subnets *subnets);
/* Suits ipam_pool_request(): `data` is the struct subnets. */
bool subnets_overlap(const struct ndrv_prefix *candidate, void *data);

#endif
