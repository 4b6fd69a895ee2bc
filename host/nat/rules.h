/* SPDX-License-Identifier: Apache-2.0 */
/* The part of our table that never changes: chains and rules. docs/nat.md explains it. */
#ifndef HOST_NAT_RULES_H
#define HOST_NAT_RULES_H

#include "host/nat/element.h"

#define NAT_TABLE_MAX 64

/* Takes the table away, if it is there, and makes it with its sets, chains and rules, but without elements. Returns how many rules
 * it has. */
uint32_t rules_create(struct nft_batch *batch, const char *table);
void rules_delete(struct nft_batch *batch, const char *table);
/* The chain, without rules, whose name says which rules the table has: another program's table has another. */
const char *rules_version(void);
/* How many chains and sets. */
uint32_t rules_objects(void);

#endif
