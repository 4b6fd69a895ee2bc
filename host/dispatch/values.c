/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/core.h"

void tree_set(struct tree *tree, struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	if (!tree->rc)
		tree->rc = ndrv_map_set(&tree->arena->ndrv, map, key, value, tree->err);
}

void tree_text(struct tree *tree, struct ndrv_value *map, const char *key, const char *text)
{
	if (tree->rc)
		return;
	const char *copy = arena_strdup(tree->arena, text ? text : "");
	if (!copy)
		tree->rc = ndrv_fail(tree->err, NDRV_E_NO_SERVICE, "the reply needs more memory than a call may use");
	else
		tree_set(tree, map, key, ndrv_string(copy));
}

void tree_int(struct tree *tree, struct ndrv_value *map, const char *key, int64_t value)
{
	tree_set(tree, map, key, ndrv_int(value));
}

void tree_bool(struct tree *tree, struct ndrv_value *map, const char *key, bool value)
{
	tree_set(tree, map, key, ndrv_bool(value));
}

void tree_prefix(struct tree *tree, struct ndrv_value *map, const char *key, const struct ndrv_prefix *prefix)
{
	char text[NDRV_PREFIX_TEXT];

	tree_text(tree, map, key, ndrv_prefix_format(prefix, text));
}

void tree_addr(struct tree *tree, struct ndrv_value *map, const char *key, const struct ndrv_addr *addr)
{
	char text[NDRV_ADDR_TEXT];

	tree_text(tree, map, key, ndrv_addr_format(addr, text));
}

void tree_mac(struct tree *tree, struct ndrv_value *map, const char *key, const struct ndrv_mac *mac)
{
	char text[NDRV_MAC_TEXT];

	tree_text(tree, map, key, ndrv_mac_format(mac, text));
}

void tree_copy(struct tree *tree, struct ndrv_value *map, const char *key, const struct ndrv_value *value)
{
	struct ndrv_value copy = ndrv_null();

	if (!tree->rc)
		tree->rc = ndrv_value_copy(&tree->arena->ndrv, value, &copy, tree->err);
	tree_set(tree, map, key, copy);
}

void tree_add(struct tree *tree, struct ndrv_value *list, struct ndrv_value value)
{
	if (!tree->rc)
		tree->rc = ndrv_list_add(&tree->arena->ndrv, list, value, tree->err);
}
