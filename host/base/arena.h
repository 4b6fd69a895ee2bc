/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed all at once. One per request and one per record; not thread-safe: one owner at a time. */
#ifndef HOST_BASE_ARENA_H
#define HOST_BASE_ARENA_H

#include <ndrv/value.h>

struct arena_block;

struct arena {
	struct ndrv_arena ndrv; /* what drivers see; first, so that a pointer to it is a pointer to this */
	struct arena_block *blocks;
	size_t used;  /* of the newest block */
	size_t total; /* bytes handed out */
	size_t block; /* bytes of a new block at least; arena_init() sets what fits most requests, records set less */
	size_t limit; /* allocations beyond it fail: a driver cannot eat the host's memory through one call */
};

void arena_init(struct arena *arena, size_t limit);
/* Frees everything; the arena may be used again. */
void arena_reset(struct arena *arena);
/* As ndrv_arena_alloc(&arena->ndrv, ...): zeroed, aligned to 16, NULL when out of memory. */
void *arena_alloc(struct arena *arena, size_t bytes);
char *arena_strdup(struct arena *arena, const char *text);

#endif
