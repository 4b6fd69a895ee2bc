/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/remote/remote.h"

#define PREFIX "plugin/"

static const char *scope_name(uint32_t scope)
{
	return scope == NDRV_SCOPE_GLOBAL ? "global" : "local";
}

static void key_of(const char *name, char key[PLUGIN_NAME_MAX + sizeof(PREFIX)])
{
	(void)snprintf(key, PLUGIN_NAME_MAX + sizeof(PREFIX), PREFIX "%s", name);
}

int memory_keep(const struct ndrv_host *host, const struct plugin *plugin, struct ndrv_error *err)
{
	char key[PLUGIN_NAME_MAX + sizeof(PREFIX)];
	const struct ndrv_pair pairs[] = {
		{"address", ndrv_string(plugin->address)},
		{"scope", ndrv_string(scope_name(plugin->data_scope))},
		{"connectivity_scope", ndrv_string(scope_name(plugin->connectivity_scope))},
		{"gw_alloc_checker", ndrv_bool(plugin->gw_alloc_checker)},
	};
	const struct ndrv_value value = {.type = NDRV_MAP, .count = 4, .u.pairs = pairs};
	char *text = wire_value_print(&value);

	if (!text)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	key_of(plugin->name, key);
	int rc = ndrv_store_put(host, key, text, strlen(text), err);
	free(text);
	return rc == -NDRV_E_NOT_IMPLEMENTED ? 0 : rc; /* a host without a store remembers nothing */
}

void memory_forget(const struct ndrv_host *host, const char *name)
{
	char key[PLUGIN_NAME_MAX + sizeof(PREFIX)];

	key_of(name, key);
	(void)ndrv_store_del(host, key, NULL);
}

struct reading {
	struct ndrv_arena *arena;
	void (*each)(void *data, const char *name, const char *address, const struct probe *probe);
	void *data;
};

/* What cannot be read is passed over: the plugin is asked anew when it is up. */
static int read_one(const char *key, const void *value, size_t bytes, void *data)
{
	const struct reading *reading = data;
	struct ndrv_value map = ndrv_null();
	const char *address = NULL, *scope = NULL, *connectivity = NULL;
	int checker = 0;

	if (wire_value_parse(value, bytes, reading->arena, &map, NULL) || ndrv_map_string(&map, "address", &address, NULL) != 1 ||
	    ndrv_map_string(&map, "scope", &scope, NULL) != 1 ||
	    ndrv_map_string(&map, "connectivity_scope", &connectivity, NULL) != 1)
		return 0;
	(void)ndrv_map_bool(&map, "gw_alloc_checker", &checker, NULL);
	const struct probe probe = {
		.network_driver = true,
		.gw_alloc_checker = checker,
		.data_scope = strcmp(scope, "global") ? NDRV_SCOPE_LOCAL : NDRV_SCOPE_GLOBAL,
		.connectivity_scope = strcmp(connectivity, "global") ? NDRV_SCOPE_LOCAL : NDRV_SCOPE_GLOBAL,
	};
	reading->each(reading->data, key + strlen(PREFIX), address, &probe);
	return 0;
}

int memory_each(const struct ndrv_host *host, struct ndrv_arena *arena,
		void (*each)(void *data, const char *name, const char *address, const struct probe *probe), void *data,
		struct ndrv_error *err)
{
	struct reading reading = {.arena = arena, .each = each, .data = data};
	int rc = ndrv_store_scan(host, PREFIX, read_one, &reading, err);

	return rc == -NDRV_E_NOT_IMPLEMENTED ? 0 : rc;
}
