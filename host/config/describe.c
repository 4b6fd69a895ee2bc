/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as a map again. */
#include <string.h>

#include "host/config/scalar.h"
#include "host/config/schema.h"

static int out_of_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "configuration: out of memory");
}

static int copied(struct arena *arena, const char *text, struct ndrv_value *ret, struct ndrv_error *err)
{
	const char *copy = arena_strdup(arena, text);

	if (!copy)
		return out_of_memory(err);
	*ret = ndrv_string(copy);
	return 0;
}

static int describe_choice(const struct schema_key *key, int value, struct arena *arena, struct ndrv_value *ret,
			   struct ndrv_error *err)
{
	const char *choice = key->choices;

	for (int i = (int)key->minimum; i < value && strchr(choice, '|'); i++)
		choice = strchr(choice, '|') + 1;
	const char *text = ndrv_arena_printf(&arena->ndrv, "%.*s", (int)strcspn(choice, "|"), choice);
	if (!text)
		return out_of_memory(err);
	*ret = ndrv_string(text);
	return 0;
}

static int describe_paths(const struct config_strings *paths, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	int rc = 0;

	*ret = (struct ndrv_value){.type = NDRV_LIST};
	for (uint32_t i = 0; rc == 0 && i < paths->count; i++)
		rc = ndrv_list_add(&arena->ndrv, ret, ndrv_string(paths->items[i]), err);
	return rc;
}

static int describe_key(const struct schema_key *key, const void *from, struct arena *arena, struct ndrv_value *ret,
			struct ndrv_error *err)
{
	const void *member = (const char *)from + key->offset;
	char text[SCALAR_UNIT_TEXT], prefix[NDRV_PREFIX_TEXT];

	switch (key->kind) {
	case KEY_SECTION:
		return schema_describe(key->section, from, arena, ret, err);
	case KEY_BOOL:
		*ret = ndrv_bool(*(const bool *)member);
		return 0;
	case KEY_INT:
		*ret = ndrv_int(*(const uint32_t *)member);
		return 0;
	case KEY_DURATION:
		return copied(arena, duration_format(*(const uint64_t *)member, text), ret, err);
	case KEY_SIZE:
		return copied(arena, size_format(*(const uint64_t *)member, text), ret, err);
	case KEY_CHOICE:
		return describe_choice(key, *(const int *)member, arena, ret, err);
	case KEY_PATH:
		*ret = ndrv_string(*(const char *const *)member);
		return 0;
	case KEY_PATHS:
		return describe_paths(member, arena, ret, err);
	case KEY_PREFIX:
		return copied(arena, ndrv_prefix_format(member, prefix), ret, err);
	case KEY_CUSTOM:
		return key->describe(from, arena, ret, err);
	}
	return 0;
}

int schema_describe(const struct schema *schema, const void *from, struct arena *arena, struct ndrv_value *ret,
		    struct ndrv_error *err)
{
	*ret = (struct ndrv_value){.type = NDRV_MAP};
	for (uint32_t i = 0; i < schema->count; i++) {
		struct ndrv_value value = ndrv_null();
		int rc = describe_key(&schema->keys[i], from, arena, &value, err);
		/* What was not given and has no default is left out: null would not be accepted by the reader. */
		if (rc == 0 && value.type != NDRV_NULL)
			rc = ndrv_map_set(&arena->ndrv, ret, schema->keys[i].name, value, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int config_describe(const struct config *config, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	return schema_describe(&schema_top, config, arena, ret, err);
}
