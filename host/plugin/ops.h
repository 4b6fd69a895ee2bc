/* SPDX-License-Identifier: Apache-2.0 */
/* A driver's op table made whole: every slot can be called. */
#ifndef HOST_PLUGIN_OPS_H
#define HOST_PLUGIN_OPS_H

#include <stdbool.h>

#include <ndrv/driver.h>

/* The slot of an op, counted from network_allocate: OPS_SLOT(join). */
#define OPS_SLOT(op) \
	((uint32_t)((offsetof(struct ndrv_ops, op) - offsetof(struct ndrv_ops, network_allocate)) / sizeof(void (*)(void))))
#define OPS_COUNT ((uint32_t)((sizeof(struct ndrv_ops) - offsetof(struct ndrv_ops, network_allocate)) / sizeof(void (*)(void))))

/* Copies `from` (of any size a driver may have been compiled with) into the full table `into`. Gaps get stubs: they return
 * NOT_IMPLEMENTED with the op's name in call->err; those without a result do nothing. Bit OPS_SLOT(op) of `has` tells a real op.
 * BAD_REQUEST for a size that cannot be one. */
int ops_normalise(const struct ndrv_ops *from, struct ndrv_ops *into, uint64_t *has, struct ndrv_error *err);
/* "endpoint_create"; NULL beyond the last slot. */
const char *ops_name(uint32_t slot);

#endif
