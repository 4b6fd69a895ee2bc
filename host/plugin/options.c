/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/options.h"

#include <string.h>

#include "host/plugin/ops.h"

#define TEXT_BYTES (256u * 1024u)
#define COUNT_MAX 256u

struct taking {
	struct ndrv_arena *arena;
	struct ndrv_error *err;
	int rc;
};

static void put(struct taking *taking, struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	if (!taking->rc)
		taking->rc = ndrv_map_set(taking->arena, map, key, value, taking->err);
}

static void put_text(struct taking *taking, struct ndrv_value *map, const char *key, const char *text)
{
	char *copy = text && !taking->rc ? ndrv_arena_strdup(taking->arena, text) : NULL;

	if (text && !copy && !taking->rc)
		taking->rc = ndrv_fail(taking->err, NDRV_E_INTERNAL, "the option tables of a driver are too large");
	put(taking, map, key, copy ? ndrv_string(copy) : ndrv_null());
}

/* Numbers of a later SDK are just unknown. */
static const char *type_name(uint32_t type)
{
	static const char *const names[] = {"", "bool", "int", "string", "interface", "ipv4", "ipv6", "choice", "address"};

	return type < sizeof(names) / sizeof(names[0]) && type ? names[type] : "unknown";
}

static struct ndrv_value describe(struct taking *taking, const struct ndrv_option *option)
{
	struct ndrv_value map = {.type = NDRV_MAP};

	put_text(taking, &map, "name", option->name);
	put(taking, &map, "type", ndrv_string(type_name(option->type)));
	put_text(taking, &map, "default", option->fallback);
	if (option->type == NDRV_OPTION_CHOICE)
		put_text(taking, &map, "choices", option->choices);
	if (option->type == NDRV_OPTION_INT && (option->minimum || option->maximum)) {
		put(taking, &map, "minimum", ndrv_int(option->minimum));
		put(taking, &map, "maximum", ndrv_int(option->maximum));
	}
	put_text(taking, &map, "doc", option->doc ? option->doc : "");
	return map;
}

static struct ndrv_value list_of(struct taking *taking, const struct instance *instance, uint32_t which)
{
	struct ndrv_option_list table = {0};
	struct ndrv_value list = {.type = NDRV_LIST};

	if (instance->ops.options(instance->self, which, &table) || !table.items || table.count > COUNT_MAX ||
	    table.element_size < sizeof(struct ndrv_option))
		return list;
	for (uint32_t i = 0; i < table.count && !taking->rc; i++) {
		struct ndrv_option option;
		memcpy(&option, (const char *)table.items + (size_t)i * table.element_size, sizeof(option));
		if (!option.name)
			continue;
		struct ndrv_value map = describe(taking, &option);
		if (!taking->rc)
			taking->rc = ndrv_list_add(taking->arena, &list, map, taking->err);
	}
	return list;
}

int options_take_down(struct instance *instance, struct ndrv_error *err)
{
	static const char *const keys[] = {"network", "endpoint", "config"}; /* NDRV_OPTIONS_NETWORK and on */
	struct taking taking = {.arena = &instance->options_text.ndrv, .err = err};
	struct ndrv_value map = {.type = NDRV_MAP};

	arena_init(&instance->options_text, TEXT_BYTES);
	for (uint32_t i = 0; i < 3 && !taking.rc; i++) {
		struct ndrv_value list = list_of(&taking, instance, NDRV_OPTIONS_NETWORK + i);
		put(&taking, &map, keys[i], list);
	}
	if (!taking.rc)
		instance->options = map;
	return taking.rc;
}
