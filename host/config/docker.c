/* SPDX-License-Identifier: Apache-2.0 */
/* docker.expose: which network types are Docker plugins. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "host/config/scalar.h"
#include "host/config/schema.h"

/* Of a plugin, which is a part of the name of its door (handover.h), and of a network type. */
#define PLUGIN_MAX 24u
#define TYPE_MAX 31u
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_.-"

static bool name_ok(const char *name, size_t most)
{
	return *name && *name != '.' && *name != '-' && strlen(name) <= most && !name[strspn(name, NAME_CHARACTERS)];
}

int read_exposed_type(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config_exposed *exposed = into;
	const char *type = NULL;
	char text[NODE_TEXT_MAX];
	int rc = scalar_text(node, "a network type", &type, err);

	if (rc < 0)
		return rc;
	if (!name_ok(type, TYPE_MAX))
		return node_fail(node, err, "expected a network type: 1 to %u of a-z 0-9 _ . -, found %s", TYPE_MAX,
				 node_describe(node, text));
	return copy_text(node, type, arena, &exposed->type, err);
}

int describe_exposed_type(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config_exposed *exposed = from;

	(void)arena, (void)err;
	*ret = ndrv_string(exposed->type);
	return 0;
}

/* "NAME: TYPE", "NAME: {type: ..., scope: ...}", or "NAME:" alone. */
static int read_one(const struct node *member, struct config_exposed *ret, struct arena *arena, struct ndrv_error *err)
{
	bool plain = member->kind == NODE_SCALAR && !node_is_empty(member);
	char text[NODE_TEXT_MAX];

	if (!name_ok(member->key, PLUGIN_MAX))
		return node_fail_key(member, err, "\"%s\" is no name for a plugin: 1 to %u of a-z 0-9 _ . -",
				     text_clip(member->key, text), PLUGIN_MAX);
	if (member->kind == NODE_LIST)
		return node_fail(member, err, "expected a network type, or a map with its keys, found %s",
				 node_describe(member, text));
	int rc = schema_read(&schema_exposed, plain ? NULL : member, ret, arena, err);
	if (!rc && plain)
		rc = read_exposed_type(member, ret, arena, err);
	if (!rc)
		rc = copy_text(member, member->key, arena, &ret->name, err);
	if (!rc && !ret->type)
		ret->type = ret->name;
	return rc;
}

int read_exposed(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config *config = into;
	char text[NODE_TEXT_MAX];

	if (node->kind != NODE_MAP)
		return node_fail(node, err, "expected a map of plugins, found %s", node_describe(node, text));
	if (node->count > CONFIG_EXPOSED_MAX)
		return node_fail(node, err, "has %" PRIu32 " entries, %u are allowed", node->count, CONFIG_EXPOSED_MAX);
	struct config_exposed *items = arena_alloc(arena, (node->count + 1) * sizeof(*items));
	if (!items)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", node->file);
	uint32_t count = 0;
	for (const struct node *member = node->first; member; member = member->next) {
		int rc = read_one(member, &items[count++], arena, err);
		if (rc < 0)
			return rc;
	}
	config->docker.expose = items;
	config->docker.expose_count = count;
	return 0;
}

int describe_exposed(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *config = from;

	*ret = (struct ndrv_value){.type = NDRV_MAP};
	for (uint32_t i = 0; i < config->docker.expose_count; i++) {
		struct ndrv_value exposed = ndrv_null();
		int rc = schema_describe(&schema_exposed, &config->docker.expose[i], arena, &exposed, err);
		if (rc == 0)
			rc = ndrv_map_set(&arena->ndrv, ret, config->docker.expose[i].name, exposed, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
