/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/reload.h"

#include <stdarg.h>
#include <string.h>

#include "host/base/log.h"
#include "host/lifecycle/orphans.h"
#include "host/lifecycle/swap.h"
#include "host/plugin/source.h"

struct report {
	struct arena *arena;
	struct ndrv_value drivers;	    /* name: sentence */
	struct ndrv_value changed, refused; /* names */
	struct ndrv_error *err;
	int rc;
};

enum outcome { SAME, CHANGED, REFUSED };

static void say(struct report *report, enum outcome outcome, const char *name, const char *what, const struct ndrv_error *why)
{
	const char *key = arena_strdup(report->arena, name);
	const char *text = why ? ndrv_arena_printf(&report->arena->ndrv, "%s: %s", what, why->text) : what;

	if (report->rc)
		return;
	if (!key || !text)
		report->rc = ndrv_fail(report->err, NDRV_E_INTERNAL, "out of memory");
	else
		report->rc = ndrv_map_set(&report->arena->ndrv, &report->drivers, key, ndrv_string(text), report->err);
	if (!report->rc && outcome != SAME)
		report->rc = ndrv_list_add(&report->arena->ndrv, outcome == CHANGED ? &report->changed : &report->refused,
					   ndrv_string(key), report->err);
}

/* What is installed is not what serves: said by status until it is, or until it is gone. */
static void refuse(struct host *host, struct report *report, const struct config_driver *descriptor, const char *what,
		   const struct ndrv_error *why)
{
	drivers_refuse(&host->drivers, descriptor, why);
	say(report, REFUSED, descriptor->name, what, why);
}

static void unload(struct host *host, const char *name, const char *why_gone, struct report *report)
{
	struct ndrv_error why = {0};

	drivers_forget(&host->drivers, name);
	if (!registry_driver(host->drivers.registry, name)) {
		say(report, SAME, name, "masked, and not loaded", NULL);
		return;
	}
	if (orphans_unload(host, name, &why) == 0) {
		log_info("reload", "driver %s: unloaded", name);
		say(report, CHANGED, name, "unloaded", NULL);
		return;
	}
	log_warning("reload", "driver %s stays until its last network goes: %s; %s", name, why_gone, why.text);
	bool known = keeper_is_orphan(&host->keeper, name);
	if (why.code == NDRV_E_DRIVER_IN_USE)
		keeper_add_orphan(&host->keeper, name);
	say(report, known ? SAME : CHANGED, name, "stays until its last network goes", &why);
}

static void load(struct host *host, const struct config_driver *descriptor, struct report *report)
{
	struct ndrv_error why = {0};

	if (drivers_load(&host->drivers, descriptor, &why)) {
		say(report, REFUSED, descriptor->name, "refused", &why);
		return;
	}
	host_driver_serves(host, descriptor->name, &descriptor->config);
	say(report, CHANGED, descriptor->name, "loaded", NULL);
}

static void configure(struct host *host, const struct config_driver *descriptor, struct report *report)
{
	struct ndrv_error why = {0};

	if (registry_configure(host->drivers.registry, descriptor->name, &descriptor->config, &why)) {
		log_warning("reload", "driver %s keeps its configuration: %s", descriptor->name, why.text);
		refuse(host, report, descriptor, "keeps its former configuration", &why);
		return;
	}
	host_driver_serves(host, descriptor->name, &descriptor->config);
	say(report, CHANGED, descriptor->name, "configured anew", NULL);
}

static void swap(struct host *host, struct generation *live, const struct config_driver *descriptor, struct report *report)
{
	struct swap_wish wish = {.from = live, .descriptor = descriptor};
	struct ndrv_error why = {0};
	struct ndrv_value told;
	int64_t pause = 0;

	if (swap_file(host, &wish, report->arena, &told, &why)) {
		refuse(host, report, descriptor, "stays as it is", &why);
		return;
	}
	(void)ndrv_map_int(&told, "pause_us", &pause, NULL);
	keeper_del_orphan(&host->keeper, descriptor->name);
	const char *text = ndrv_arena_printf(&report->arena->ndrv, "swapped: calls waited %lld us", (long long)pause);
	say(report, CHANGED, descriptor->name, text ? text : "swapped", NULL);
}

/* What it last took, not what it was last given: a configuration that it refused is offered again. */
static bool has_config(struct host *host, const struct config_driver *now, struct report *report)
{
	const struct config_driver *was = config_driver_find(host->config, now->name);
	struct image_note note;

	if (images_recall(&host->images, report->arena, now->name, &note, NULL) == 0)
		return ndrv_value_equal(&note.config, &now->config);
	return !was || ndrv_value_equal(&was->config, &now->config);
}

/* What the file at its path is now, compared with what serves. */
static void compare(struct host *host, struct generation *live, const struct config_driver *now, struct report *report)
{
	const struct policy *policy = registry_policy(host->drivers.registry);
	struct source source = {0};
	struct ndrv_error why = {0};
	char signer[TRUST_SIGNER_MAX];

	int rc = source_read(now->path, now->pins, &source, &why);
	if (!rc)
		rc = trust_check(&policy->trust, &source, signer, &why);
	if (rc) {
		source_clear(&source);
		if (why.kind == NDRV_KIND_NOT_FOUND)
			unload(host, now->name, "its file is gone", report);
		else
			refuse(host, report, now, "stays as it is", &why);
		return;
	}
	bool same = strcmp(source.sha256, live->module->sha256) == 0;
	source_clear(&source);
	if (!same) {
		swap(host, live, now, report);
		return;
	}
	keeper_del_orphan(&host->keeper, now->name);
	drivers_forget(&host->drivers, now->name);
	if (!has_config(host, now, report))
		configure(host, now, report);
	else
		say(report, SAME, now->name, "unchanged", NULL);
}

static void bring(struct host *host, const struct config_driver *now, struct report *report)
{
	struct generation *live = registry_driver(host->drivers.registry, now->name);

	if (!now->enabled)
		unload(host, now->name, "it is masked", report);
	else if (live)
		compare(host, live, now, report);
	else
		load(host, now, report);
}

int reload_drivers(struct host *host, const struct config *after, struct arena *arena, struct ndrv_value *ret,
		   struct ndrv_error *err)
{
	const struct config *before = host->config;
	struct ndrv_value map = {.type = NDRV_MAP};
	struct report report = {.arena = arena,
				.drivers = {.type = NDRV_MAP},
				.changed = {.type = NDRV_LIST},
				.refused = {.type = NDRV_LIST},
				.err = err};

	registry_trust(host->drivers.registry, after->trust, after->trust_dir);
	for (uint32_t i = 0; i < before->driver_count; i++)
		if (!config_driver_find(after, before->drivers[i].name))
			unload(host, before->drivers[i].name, "its descriptor is gone", &report);
	for (uint32_t i = 0; i < after->driver_count; i++)
		bring(host, &after->drivers[i], &report);
	int rc = report.rc;
	if (!rc)
		rc = ndrv_map_set(&arena->ndrv, &map, "drivers", report.drivers, err);
	if (!rc)
		rc = ndrv_map_set(&arena->ndrv, &map, "changed", report.changed, err);
	if (!rc)
		rc = ndrv_map_set(&arena->ndrv, &map, "refused", report.refused, err);
	if (!rc)
		*ret = map;
	return rc;
}

/* Everything but the drivers and the log's level is wired at start. */
int reload_needs_restart(const struct config *before, const struct config *after, struct arena *arena, struct ndrv_value *ret,
			 struct ndrv_error *err)
{
	static const char *const at_once[] = {"drivers", "log", "file", "swap", "trust", "trust_dir"};
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
