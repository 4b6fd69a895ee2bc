/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/reload.h"

#include <stdarg.h>
#include <string.h>

#include "host/base/log.h"

struct report {
	struct arena *arena;
	struct ndrv_value *map;
	struct ndrv_error *err;
	int rc;
};

static void say(struct report *report, const char *name, const char *what, const struct ndrv_error *why)
{
	const char *key = arena_strdup(report->arena, name);
	const char *text = why ? ndrv_arena_printf(&report->arena->ndrv, "%s: %s", what, why->text) : what;

	if (report->rc)
		return;
	if (!key || !text)
		report->rc = ndrv_fail(report->err, NDRV_E_INTERNAL, "out of memory");
	else
		report->rc = ndrv_map_set(&report->arena->ndrv, report->map, key, ndrv_string(text), report->err);
}

static void unload(struct drivers *drivers, const char *name, struct report *report)
{
	struct ndrv_error why = {0};

	drivers_forget(drivers, name);
	if (!registry_driver(drivers->registry, name))
		return;
	if (registry_unload(drivers->registry, name, &why)) {
		log_warning("reload", "driver %s stays: %s", name, why.text);
		say(report, name, "stays loaded", &why);
		return;
	}
	log_info("reload", "driver %s: unloaded", name);
	say(report, name, "unloaded", NULL);
}

static void load(struct drivers *drivers, const struct config_driver *descriptor, struct report *report)
{
	struct ndrv_error why = {0};

	if (drivers_load(drivers, descriptor, &why))
		say(report, descriptor->name, "refused", &why);
	else
		say(report, descriptor->name, "loaded", NULL);
}

static void configure(struct drivers *drivers, const struct config_driver *descriptor, struct report *report)
{
	struct ndrv_error why = {0};

	if (registry_configure(drivers->registry, descriptor->name, &descriptor->config, &why)) {
		log_warning("reload", "driver %s keeps its configuration: %s", descriptor->name, why.text);
		say(report, descriptor->name, "keeps its former configuration", &why);
		return;
	}
	say(report, descriptor->name, "configured anew", NULL);
}

static void bring(struct drivers *drivers, const struct config *before, const struct config_driver *now, struct report *report)
{
	const struct config_driver *was = config_driver_find(before, now->name);

	if (!now->enabled) {
		unload(drivers, now->name, report);
		return;
	}
	if (!registry_driver(drivers->registry, now->name)) {
		load(drivers, now, report);
		return;
	}
	if (was && was->path && strcmp(was->path, now->path) != 0)
		say(report, now->name, "stays as it is: its file's path changed, which takes effect at a restart", NULL);
	else if (was && !ndrv_value_equal(&was->config, &now->config))
		configure(drivers, now, report);
}

int reload_drivers(struct drivers *drivers, const struct config *before, const struct config *after, struct arena *arena,
		   struct ndrv_value *ret, struct ndrv_error *err)
{
	struct ndrv_value map = {.type = NDRV_MAP};
	struct report report = {.arena = arena, .map = &map, .err = err};

	for (uint32_t i = 0; i < before->driver_count; i++)
		if (!config_driver_find(after, before->drivers[i].name))
			unload(drivers, before->drivers[i].name, &report);
	for (uint32_t i = 0; i < after->driver_count; i++)
		bring(drivers, before, &after->drivers[i], &report);
	if (!report.rc)
		*ret = map;
	return report.rc;
}

/* Everything but the drivers and the log's level is wired at start. */
int reload_needs_restart(const struct config *before, const struct config *after, struct arena *arena, struct ndrv_value *ret,
			 struct ndrv_error *err)
{
	static const char *const at_once[] = {"drivers", "log", "file"};
	struct ndrv_value was, now, list = {.type = NDRV_LIST};
	int rc = config_describe(before, arena, &was, err);

	if (!rc)
		rc = config_describe(after, arena, &now, err);
	for (uint32_t i = 0; !rc && i < now.count; i++) {
		const struct ndrv_pair *pair = &now.u.pairs[i];
		bool skip = false;
		for (size_t k = 0; k < sizeof(at_once) / sizeof(at_once[0]); k++)
			skip = skip || strcmp(pair->key, at_once[k]) == 0;
		const struct ndrv_value *old = ndrv_map_get(&was, pair->key);
		if (!skip && (!old || !ndrv_value_equal(old, &pair->value)))
			rc = ndrv_list_add(&arena->ndrv, &list, ndrv_string(arena_strdup(arena, pair->key)), err);
	}
	if (!rc)
		*ret = list;
	return rc;
}
