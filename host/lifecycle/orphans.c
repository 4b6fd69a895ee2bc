/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/orphans.h"

#include <string.h>

#include "host/base/log.h"
#include "host/lifecycle/swap.h"
#include "host/plugin/source.h"

#define MEMORY (4u << 20)

static void load_copy(struct host *host, struct arena *arena, const char *name)
{
	struct image_note note;
	struct ndrv_error err = {0};

	if (registry_driver(host->drivers.registry, name) || images_recall(&host->images, arena, name, &note, &err))
		return;
	struct config_driver descriptor = {
		.name = name, .path = note.path, .config = note.config, .at = "the host's own copy", .enabled = true, .own = true};
	if (drivers_load(&host->drivers, &descriptor, &err))
		return; /* logged */
	log_warning("driver", "%s: %s is gone or refused; its networks are served by the host's own copy", name, note.file);
	keeper_add_orphan(&host->keeper, name);
}

bool orphans_stand_in(void *data, const struct config_driver *descriptor)
{
	struct host *host = data;
	struct source source = {0};
	struct image_note note;
	struct arena arena;
	bool loaded = false;

	if (source_read(descriptor->path, NULL, &source, NULL))
		return false;
	arena_init(&arena, MEMORY);
	const char *reason = images_refusal(&host->images, &arena, source.sha256);
	source_clear(&source);
	if (reason && images_recall(&host->images, &arena, descriptor->name, &note, NULL) == 0) {
		struct config_driver copy = *descriptor;
		copy.path = note.path;
		copy.pins = NULL;
		copy.own = true;
		log_warning("driver", "%s: %s was refused before (%s): the copy of what served then is loaded", descriptor->name,
			    descriptor->path, reason);
		loaded = drivers_load(&host->drivers, &copy, NULL) == 0;
	}
	arena_reset(&arena);
	return loaded;
}

static int look_at_network(struct network *network, void *data)
{
	struct host *host = data;
	struct driver_type *type = registry_type(host->drivers.registry, network->type);
	struct arena arena;

	if (type && type_current(type))
		return 0;
	arena_init(&arena, MEMORY);
	const char *name = images_server(&host->images, &arena, network->type);
	if (name)
		load_copy(host, &arena, name);
	arena_reset(&arena);
	return 0;
}

void orphans_load(struct host *host)
{
	(void)records_each(host->records, look_at_network, host);
}

static int keep_image(struct generation *generation, void *data)
{
	struct host *host = data;
	const struct config_driver *known = config_driver_find(host->config, generation->name);
	struct ndrv_error err = {0};

	if (atomic_load(&generation->state) != GENERATION_LIVE || keeper_is_orphan(&host->keeper, generation->name))
		return 0;
	if (images_keep(&host->images, generation, known ? &known->config : NULL, &err))
		log_warning("driver", "%s: %s", generation->name, err.text);
	return 0;
}

void orphans_keep_images(struct host *host)
{
	(void)registry_each_generation(host->drivers.registry, keep_image, host);
	images_collect(&host->images);
}

int orphans_unload(struct host *host, const char *name, struct ndrv_error *err)
{
	struct generation *standby = swap_standby(host, name);
	int rc = registry_unload(host->drivers.registry, name, err);

	if (rc)
		return rc;
	if (standby)
		swap_retire(host, standby);
	keeper_del_orphan(&host->keeper, name);
	images_forget(&host->images, name);
	images_collect(&host->images);
	return 0;
}
