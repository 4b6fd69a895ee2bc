/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "drivers/remote/remote.h"

#define AT(member) (uint32_t) offsetof(struct settings, member)

static const struct ndrv_option options[] = {
	{.name = "scan",
	 .type = NDRV_OPTION_INT,
	 .offset = AT(scan_s),
	 .minimum = 0,
	 .maximum = 3600,
	 .fallback = "5",
	 .doc = "Seconds between looks for new plugins. 0: only at start and at reload."},
	{.name = "retry",
	 .type = NDRV_OPTION_INT,
	 .offset = AT(retry_s),
	 .minimum = 0,
	 .maximum = 600,
	 .fallback = "15",
	 .doc = "Seconds a call goes on trying to reach a plugin that does not answer, within the call's deadline."},
	{.name = "probe_ms",
	 .type = NDRV_OPTION_INT,
	 .offset = AT(probe_ms),
	 .minimum = 10,
	 .maximum = 60000,
	 .fallback = "1000",
	 .doc = "Milliseconds a plugin has to say what it is."},
	{.name = "max_reply",
	 .type = NDRV_OPTION_INT,
	 .offset = AT(max_reply),
	 .minimum = 1024,
	 .maximum = 67108864,
	 .fallback = "1048576",
	 .doc = "The largest answer, in bytes, a plugin may give."},
};
#define COUNT (sizeof(options) / sizeof(options[0]))

int settings_options(void *self, uint32_t which, struct ndrv_option_list *ret)
{
	(void)self;
	*ret = (struct ndrv_option_list){.element_size = sizeof(struct ndrv_option)};
	if (which == NDRV_OPTIONS_CONFIG)
		ret->items = options, ret->count = COUNT;
	return 0;
}

/* What is no option: lists and maps. */
static const struct ndrv_option others[] = {{.name = "plugins"}, {.name = "plugin_dirs"}, {.name = "spec_dirs"}};
#define OTHERS (sizeof(others) / sizeof(others[0]))

static int unknown_key(const char *key, const char *nearest, void *data)
{
	struct ndrv_error *said = data;

	for (size_t i = 0; i < OTHERS; i++)
		if (strcmp(key, others[i].name) == 0)
			return 0;
	if (!nearest)
		nearest = ndrv_options_nearest(others, OTHERS, key);
	(void)ndrv_fail(said, NDRV_E_BAD_REQUEST, "unknown key \"%s\"%s%s%s", key, nearest ? ", did you mean \"" : "",
			nearest ? nearest : "", nearest ? "\"?" : "");
	return NDRV_E_BAD_REQUEST;
}

static int read_dirs(const struct ndrv_value *config, const char *key, uint32_t fallback_count, const char *const *fallback,
		     uint32_t *ret_count, char ret[4][ADDRESS_MAX], struct ndrv_error *err)
{
	const struct ndrv_value *list = ndrv_map_get(config, key);
	bool given = list && list->type != NDRV_NULL;
	uint32_t count = given ? list->count : fallback_count;

	if (given && list->type != NDRV_LIST)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: expected a list of directories", key);
	if (count > 4)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: at most 4 directories", key);
	for (uint32_t i = 0; i < count; i++) {
		const char *dir = !given ? fallback[i] : list->u.items[i].type == NDRV_STRING ? list->u.items[i].u.string : "";
		if (dir[0] != '/' || strlen(dir) >= ADDRESS_MAX)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s[%u]: expected an absolute path of at most %d bytes", key, i,
					 ADDRESS_MAX - 1);
		(void)snprintf(ret[i], ADDRESS_MAX, "%s", dir);
	}
	*ret_count = count;
	return 0;
}

static int read_plugins(const struct ndrv_value *config, struct settings *ret, struct ndrv_error *err)
{
	const struct ndrv_value *map = ndrv_map_get(config, "plugins");

	if (!map || map->type == NDRV_NULL)
		return 0;
	if (map->type != NDRV_MAP)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "plugins: expected a map of names to addresses");
	if (map->count > CANDIDATES_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "plugins: at most %u", CANDIDATES_MAX);
	for (uint32_t i = 0; i < map->count; i++) {
		const struct ndrv_pair *pair = &map->u.pairs[i];
		struct candidate *plugin = &ret->plugins[i];
		if (!*pair->key || strlen(pair->key) >= PLUGIN_NAME_MAX)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "plugins: \"%.40s\" is no network type's name", pair->key);
		if (pair->value.type != NDRV_STRING || pair->value.count >= ADDRESS_MAX)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "plugins.%s: expected an address such as unix:///run/x.sock",
					 pair->key);
		int rc = ndrv_wrap(err, address_check(pair->value.u.string, err), "plugins.%s", pair->key);
		if (rc)
			return rc;
		*plugin = (struct candidate){.address = ""};
		(void)snprintf(plugin->name, sizeof(plugin->name), "%s", pair->key);
		(void)snprintf(plugin->address, sizeof(plugin->address), "%s", pair->value.u.string);
	}
	ret->plugin_count = map->count;
	return 0;
}

int settings_read(const struct ndrv_value *config, struct ndrv_arena *arena, struct settings *ret, struct ndrv_error *err)
{
	static const char *const plugin_dirs[] = {"/run/docker/plugins"};
	static const char *const spec_dirs[] = {"/etc/docker/plugins", "/usr/lib/docker/plugins"};
	struct ndrv_error unknown = {0};
	int rc = ndrv_options_parse(options, COUNT, config, ret, arena, unknown_key, &unknown, err);

	if (unknown.code)
		*err = unknown;
	if (!rc)
		rc = read_dirs(config, "plugin_dirs", 1, plugin_dirs, &ret->plugin_dir_count, ret->plugin_dirs, err);
	if (!rc)
		rc = read_dirs(config, "spec_dirs", 2, spec_dirs, &ret->spec_dir_count, ret->spec_dirs, err);
	return rc ? rc : read_plugins(config, ret, err);
}
