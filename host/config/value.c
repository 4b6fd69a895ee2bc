/* SPDX-License-Identifier: Apache-2.0 */
/* Free-form sections -> values. Arrays are made at once, since a setter per key would compare each key with all before it. */
#include <string.h>

#include "host/config/scalar.h"

static int out_of_memory(const struct node *node, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", node->file);
}

static int scalar_value(const struct node *node, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	int64_t number = 0;
	char text[NODE_TEXT_MAX];

	switch (scalar_type(node, &number)) {
	case SCALAR_NULL:
		*ret = (struct ndrv_value){.type = NDRV_NULL};
		return 0;
	case SCALAR_BOOL:
		*ret = (struct ndrv_value){.type = NDRV_BOOL, .u.boolean = (uint64_t)number};
		return 0;
	case SCALAR_INT:
		*ret = (struct ndrv_value){.type = NDRV_INT, .u.integer = number};
		return 0;
	case SCALAR_REFUSED:
		return node_fail(node, err,
				 "%s is not a whole number of 64 bits without leading zeros; put it in quotes if it is text",
				 text_clip(node->text, text));
	case SCALAR_TEXT:
		break;
	}
	const char *copy = arena_strdup(arena, node->text);
	if (!copy)
		return out_of_memory(node, err);
	*ret = (struct ndrv_value){.type = NDRV_STRING, .count = (uint32_t)strlen(copy), .u.string = copy};
	return 0;
}

static int list_value(const struct node *node, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	struct ndrv_value *items = arena_alloc(arena, (node->count + 1) * sizeof(*items));

	if (!items)
		return out_of_memory(node, err);
	for (const struct node *member = node->first; member; member = member->next) {
		int rc = node_value(member, arena, &items[member->index], err);
		if (rc < 0)
			return rc;
	}
	*ret = (struct ndrv_value){.type = NDRV_LIST, .count = node->count, .u.items = items};
	return 0;
}

static int map_value(const struct node *node, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	struct ndrv_pair *pairs = arena_alloc(arena, (node->count + 1) * sizeof(*pairs));

	if (!pairs)
		return out_of_memory(node, err);
	for (const struct node *member = node->first; member; member = member->next) {
		struct ndrv_pair *pair = &pairs[member->index];
		pair->key = arena_strdup(arena, member->key);
		int rc = pair->key ? node_value(member, arena, &pair->value, err) : out_of_memory(node, err);
		if (rc < 0)
			return rc;
	}
	*ret = (struct ndrv_value){.type = NDRV_MAP, .count = node->count, .u.pairs = pairs};
	return 0;
}

/* As deep as the tree: YAML_DEPTH_MAX. */
int node_value(const struct node *node, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	if (node->kind == NODE_LIST)
		return list_value(node, arena, ret, err);
	if (node->kind == NODE_MAP)
		return map_value(node, arena, ret, err);
	return scalar_value(node, arena, ret, err);
}
