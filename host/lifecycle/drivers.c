/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/drivers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/base/log.h"

void drivers_init(struct drivers *drivers, struct registry *registry)
{
	drivers->registry = registry;
	drivers->refusals = NULL;
	(void)pthread_mutex_init(&drivers->lock, NULL);
}

static void refusal_free(struct refusal *refusal)
{
	free(refusal->name);
	free(refusal->file);
	free(refusal);
}

void drivers_done(struct drivers *drivers)
{
	while (drivers->refusals) {
		struct refusal *next = drivers->refusals->next;
		refusal_free(drivers->refusals);
		drivers->refusals = next;
	}
	(void)pthread_mutex_destroy(&drivers->lock);
}

void drivers_forget(struct drivers *drivers, const char *name)
{
	(void)pthread_mutex_lock(&drivers->lock);
	for (struct refusal **at = &drivers->refusals; *at; at = &(*at)->next) {
		struct refusal *found = *at;
		if (strcmp(found->name, name) != 0)
			continue;
		*at = found->next;
		refusal_free(found);
		break;
	}
	(void)pthread_mutex_unlock(&drivers->lock);
}

/* A refusal that cannot be remembered for lack of memory has still been logged. */
static void remember(struct drivers *drivers, const char *name, const char *file, const struct ndrv_error *error)
{
	drivers_forget(drivers, name);
	struct refusal *refusal = calloc(1, sizeof(*refusal));
	if (!refusal)
		return;
	refusal->name = strdup(name);
	refusal->file = strdup(file);
	refusal->error = *error;
	if (!refusal->name || !refusal->file) {
		refusal_free(refusal);
		return;
	}
	(void)pthread_mutex_lock(&drivers->lock);
	struct refusal **at = &drivers->refusals;
	while (*at)
		at = &(*at)->next;
	*at = refusal;
	(void)pthread_mutex_unlock(&drivers->lock);
}

void drivers_refuse(struct drivers *drivers, const struct config_driver *descriptor, const struct ndrv_error *why)
{
	remember(drivers, descriptor->name, descriptor->path, why);
}

int drivers_load(struct drivers *drivers, const struct config_driver *descriptor, struct ndrv_error *err)
{
	struct ndrv_error why = {0};
	struct driver_request request = {.name = descriptor->name,
					 .path = descriptor->path,
					 .sha256 = descriptor->pins,
					 .config = &descriptor->config,
					 .origin = descriptor->at,
					 .critical = descriptor->critical,
					 .own = descriptor->own};

	int rc = registry_load(drivers->registry, &request, NULL, &why);
	if (rc) {
		log_error("driver", "%s: %s", descriptor->at, why.text);
		remember(drivers, descriptor->name, descriptor->path, &why);
		if (err)
			*err = why;
		return rc;
	}
	drivers_forget(drivers, descriptor->name);
	return 0;
}

int drivers_load_all(struct drivers *drivers, const struct config *config, drivers_stand_in stand_in, void *data,
		     struct ndrv_error *err)
{
	for (uint32_t i = 0; i < config->driver_count; i++) {
		const struct config_driver *descriptor = &config->drivers[i];
		struct ndrv_error why = {0};
		if (!descriptor->enabled || stand_in(data, descriptor))
			continue;
		int rc = drivers_load(drivers, descriptor, &why);
		if (rc && descriptor->critical) {
			if (err)
				*err = why;
			return ndrv_wrap(err, rc, "driver %s is critical", descriptor->name);
		}
	}
	return 0;
}

void drivers_note_broken(struct drivers *drivers, const struct config *config)
{
	for (uint32_t i = 0; i < config->broken_count; i++) {
		const struct config_broken *broken = &config->broken[i];
		log_error("driver", "%s is left out: %s", broken->path, broken->error.text);
		remember(drivers, broken->name, broken->path, &broken->error);
	}
}

static int describe(const struct refusal *refusal, struct ndrv_arena *arena, struct ndrv_value *list, struct ndrv_error *err)
{
	struct ndrv_value map = ndrv_null();
	const char *name = ndrv_arena_strdup(arena, refusal->name);
	const char *file = ndrv_arena_strdup(arena, refusal->file);
	const char *text = ndrv_arena_strdup(arena, refusal->error.text);

	if (!name || !file || !text)
		return ndrv_fail_errno(err, ENOMEM, "refused drivers");
	int rc = ndrv_map_set(arena, &map, "name", ndrv_string(name), err);
	if (!rc)
		rc = ndrv_map_set(arena, &map, "file", ndrv_string(file), err);
	if (!rc)
		rc = ndrv_map_set(arena, &map, "code", ndrv_string(ndrv_error_name(refusal->error.code)), err);
	if (!rc)
		rc = ndrv_map_set(arena, &map, "kind", ndrv_string(ndrv_kind_name(refusal->error.kind)), err);
	if (!rc)
		rc = ndrv_map_set(arena, &map, "message", ndrv_string(text), err);
	return rc ? rc : ndrv_list_add(arena, list, map, err);
}

int drivers_refused(struct drivers *drivers, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	int rc = 0;

	(void)pthread_mutex_lock(&drivers->lock);
	for (const struct refusal *at = drivers->refusals; at && !rc; at = at->next)
		rc = describe(at, arena, &list, err);
	(void)pthread_mutex_unlock(&drivers->lock);
	if (!rc)
		*ret = list;
	return rc;
}
