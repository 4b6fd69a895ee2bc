/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes -> members of a struct, as the schema says. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "host/config/scalar.h"
#include "host/config/schema.h"

/* Longest path in the configuration: sockets and file names are made from them. */
#define PATH_BYTES 255u

bool node_is_empty(const struct node *node)
{
	return !node || (node->kind == NODE_SCALAR && scalar_type(node, NULL) == SCALAR_NULL);
}

int copy_text(const struct node *node, const char *text, struct arena *arena, const char **ret, struct ndrv_error *err)
{
	const char *copy = arena_strdup(arena, text);

	if (!copy)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", node->file);
	*ret = copy;
	return 0;
}

int path_check(const struct node *node, const char *path, struct ndrv_error *err)
{
	char text[NODE_TEXT_MAX];

	if (strlen(path) > PATH_BYTES)
		return node_fail(node, err, "the path has %zu bytes, %u are allowed", strlen(path), PATH_BYTES);
	for (const char *part = path + (*path == '/'); part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
		size_t bytes = strcspn(part, "/");
		bool dots = (bytes == 1 && part[0] == '.') || (bytes == 2 && part[0] == '.' && part[1] == '.');
		if (dots || (bytes == 0 && path[1]))
			return node_fail(node, err, "%s has an empty component, \".\" or \"..\"; write the path out",
					 text_clip(path, text));
	}
	return 0;
}

static int read_path(const struct node *node, struct arena *arena, const char **ret, struct ndrv_error *err)
{
	const char *path = NULL;
	char text[NODE_TEXT_MAX];
	int rc = scalar_text(node, "an absolute path", &path, err);

	if (rc < 0)
		return rc;
	if (*path != '/')
		return node_fail(node, err, "expected an absolute path, found %s", node_describe(node, text));
	rc = path_check(node, path, err);
	return rc < 0 ? rc : copy_text(node, path, arena, ret, err);
}

static int read_paths(const struct schema_key *key, const struct node *node, struct arena *arena, struct config_strings *ret,
		      struct ndrv_error *err)
{
	char text[NODE_TEXT_MAX];

	if (node->kind != NODE_LIST)
		return node_fail(node, err, "expected a list of absolute paths, found %s", node_describe(node, text));
	if (node->count > key->maximum)
		return node_fail(node, err, "has %u entries, %d are allowed", node->count, (int)key->maximum);
	const char **items = arena_alloc(arena, (node->count + 1) * sizeof(*items));
	if (!items)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", node->file);
	for (const struct node *member = node->first; member; member = member->next) {
		int rc = read_path(member, arena, &items[member->index], err);
		if (rc < 0)
			return rc;
	}
	*ret = (struct config_strings){.count = node->count, .items = items};
	return 0;
}

static int read_choice(const struct schema_key *key, const struct node *node, int *ret, struct ndrv_error *err)
{
	char text[NODE_TEXT_MAX];
	int value = (int)key->minimum;

	for (const char *choice = key->choices; node->kind == NODE_SCALAR; value++) {
		size_t bytes = strcspn(choice, "|");
		if (strlen(node->text) == bytes && strncmp(node->text, choice, bytes) == 0) {
			*ret = value;
			return 0;
		}
		if (!choice[bytes])
			break;
		choice += bytes + 1;
	}
	return node_fail(node, err, "expected one of %s, found %s", key->choices, node_describe(node, text));
}

static int read_prefix(const struct node *node, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	const char *written = NULL;
	char text[NODE_TEXT_MAX], network[NDRV_PREFIX_TEXT];
	struct ndrv_prefix prefix = {.length = 0};
	int rc = scalar_text(node, "a prefix such as 10.0.0.0/8", &written, err);

	if (rc < 0)
		return rc;
	if (ndrv_prefix_parse(written, &prefix, NULL) < 0)
		return node_fail(node, err, "expected a prefix such as 10.0.0.0/8, found %s", node_describe(node, text));
	struct ndrv_prefix whole = ndrv_prefix_network(&prefix);
	if (!ndrv_prefix_equal(&prefix, &whole))
		return node_fail(node, err, "%s has host bits, write %s", text_clip(written, text),
				 ndrv_prefix_format(&whole, network));
	*ret = prefix;
	return 0;
}

static int read_int(const struct schema_key *key, const struct node *node, uint32_t *ret, struct ndrv_error *err)
{
	int64_t value = 0;
	int rc = scalar_int(node, key->minimum, key->maximum, &value, err);

	if (rc == 0)
		*ret = (uint32_t)value;
	return rc;
}

static int read_key(const struct schema_key *key, const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	void *member = (char *)into + key->offset;

	switch (key->kind) {
	case KEY_SECTION:
		return schema_read(key->section, node, into, arena, err);
	case KEY_BOOL:
		return scalar_bool(node, member, err);
	case KEY_INT:
		return read_int(key, node, member, err);
	case KEY_DURATION:
		return scalar_duration(node, key->minimum, key->maximum, member, err);
	case KEY_SIZE:
		return scalar_size(node, key->minimum, key->maximum, member, err);
	case KEY_CHOICE:
		return read_choice(key, node, member, err);
	case KEY_PATH:
		return read_path(node, arena, member, err);
	case KEY_PATHS:
		return read_paths(key, node, arena, member, err);
	case KEY_PREFIX:
		return read_prefix(node, member, err);
	case KEY_CUSTOM:
		return key->read(node, into, arena, err);
	}
	return 0;
}

/* Defaults go through the same readers as what is written: they cannot be of a kind or range that is refused. */
static int read_fallback(const struct schema_key *key, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct arena scratch;
	struct node scalar = {.kind = NODE_SCALAR, .plain = true, .file = "default", .text = key->fallback};
	struct node *node = &scalar;
	int rc = 0;

	arena_init(&scratch, 1u << 20);
	if (key->fallback[0] == '[' || key->fallback[0] == '{')
		rc = yaml_parse(&scratch, key->name, key->fallback, strlen(key->fallback), NULL, &node, err);
	if (rc == 0)
		rc = read_key(key, node, into, arena, err);
	arena_reset(&scratch);
	return rc;
}

/* Lists and sections whose entries are all commented out are as good as absent; a scalar left empty is a mistake. */
static bool may_be_empty(const struct schema_key *key)
{
	return key->kind == KEY_SECTION || key->kind == KEY_PATHS ||
	       (key->kind == KEY_CUSTOM && key->fallback && strchr("[{", key->fallback[0]));
}

int schema_read(const struct schema *schema, const struct node *map, void *into, struct arena *arena, struct ndrv_error *err)
{
	char text[NODE_TEXT_MAX];
	uint64_t given = 0;

	if (node_is_empty(map))
		map = NULL;
	if (map && map->kind != NODE_MAP)
		return node_fail(map, err, "expected a map of keys, found %s%s", node_describe(map, text),
				 map->kind == NODE_SCALAR && map->plain && strchr(map->text, ':')
					 ? "; is a space missing after the colon?"
					 : "");
	for (const struct node *member = map ? map->first : NULL; member; member = member->next) {
		const struct schema_key *key = schema_find(schema, member->key);
		if (!key)
			return schema_unknown(schema, member, err);
		if (node_is_empty(member) && may_be_empty(key))
			continue;
		int rc = read_key(key, member, into, arena, err);
		if (rc < 0)
			return rc;
		given |= UINT64_C(1) << (key - schema->keys);
	}
	for (uint32_t i = 0; i < schema->count; i++) {
		const struct schema_key *key = &schema->keys[i];
		int rc = 0;
		if (given & UINT64_C(1) << i)
			continue;
		if (key->required)
			return map ? node_fail(map, err, "the key \"%s\" is missing", key->name)
				   : ndrv_fail(err, NDRV_E_CONFIG, "the key \"%s\" is missing", key->name);
		if (key->kind == KEY_SECTION)
			rc = schema_read(key->section, NULL, into, arena, err);
		else if (key->fallback)
			rc = read_fallback(key, into, arena, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
