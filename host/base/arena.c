/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/arena.h"

#include <stdlib.h>
#include <string.h>

/* Most requests fit the first block. */
#define BLOCK_BYTES 4000u
#define ALIGNMENT 16u

struct arena_block {
	struct arena_block *older;
	size_t bytes;
	_Alignas(ALIGNMENT) unsigned char data[];
};

static void *alloc_for_driver(struct ndrv_arena *ndrv, size_t bytes)
{
	return arena_alloc((struct arena *)(void *)ndrv, bytes);
}

void arena_init(struct arena *arena, size_t limit)
{
	*arena = (struct arena){
		.ndrv = {.size = sizeof(arena->ndrv), .alloc = alloc_for_driver}, .block = BLOCK_BYTES, .limit = limit};
}

void arena_reset(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *older = block->older;
		free(block);
		block = older;
	}
	arena->blocks = NULL;
	arena->used = 0;
	arena->total = 0;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	if (bytes > arena->limit || arena->total > arena->limit - bytes)
		return NULL;
	size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct arena_block *block = arena->blocks;
	if (!block || block->bytes - arena->used < rounded) {
		size_t room = rounded > arena->block ? rounded : arena->block;
		block = calloc(1, sizeof(*block) + room);
		if (!block)
			return NULL;
		block->bytes = room;
		block->older = arena->blocks;
		arena->blocks = block;
		arena->used = 0;
	}
	void *result = block->data + arena->used;
	arena->used += rounded;
	arena->total += bytes;
	return result;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = arena_alloc(arena, bytes);

	if (copy)
		memcpy(copy, text, bytes);
	return copy;
}
