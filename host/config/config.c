/* SPDX-License-Identifier: Apache-2.0 */
/* File + drop-ins + overrides -> struct config. */
#include "host/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/config/file.h"
#include "host/config/schema.h"
#include "host/config/yaml.h"

/* Far above what the limits on files let through; a bound all the same. */
#define ARENA_BYTES (64u << 20)

struct owner {
	struct config config; /* first: config_free() comes back from it */
	struct arena arena;
};

const char *config_default_file(void)
{
	return NDRV_SYSCONFDIR "/ndrv/ndrvd.yaml";
}

static int out_of_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "configuration: out of memory");
}

static int override_path(struct arena *arena, const char *option, const char *path, const char **member, struct ndrv_error *err)
{
	if (!path)
		return 0;
	if (*path != '/')
		return ndrv_fail(err, NDRV_E_CONFIG, "%s %s: must be an absolute path", option, path);
	*member = arena_strdup(arena, path);
	return *member ? 0 : out_of_memory(err);
}

static int override_dirs(struct arena *arena, const struct config_strings *dirs, struct config_strings *member,
			 struct ndrv_error *err)
{
	if (dirs->count == 0)
		return 0;
	const char **items = arena_alloc(arena, dirs->count * sizeof(*items));
	if (!items)
		return out_of_memory(err);
	for (uint32_t i = 0; i < dirs->count; i++) {
		int rc = override_path(arena, "--drivers-d", dirs->items[i], &items[i], err);
		if (rc < 0)
			return rc;
	}
	*member = (struct config_strings){.count = dirs->count, .items = items};
	return 0;
}

static int apply_overrides(struct owner *owner, const struct config_overrides *overrides, struct ndrv_error *err)
{
	struct config *config = &owner->config;
	int rc = override_path(&owner->arena, "--state-dir", overrides->state_dir, &config->state_dir, err);

	if (rc == 0)
		rc = override_path(&owner->arena, "--runtime-dir", overrides->runtime_dir, &config->runtime_dir, err);
	if (rc == 0)
		rc = override_path(&owner->arena, "--driver-dir", overrides->driver_dir, &config->driver_dir, err);
	if (rc == 0)
		rc = override_dirs(&owner->arena, &overrides->driver_config_dirs, &config->driver_config_dirs, err);
	return rc;
}

/* Defaults that depend on other keys. */
static int derive(struct owner *owner, struct ndrv_error *err)
{
	struct config *config = &owner->config;

	if (!config->control.socket)
		config->control.socket = ndrv_arena_printf(&owner->arena.ndrv, "%s/control.sock", config->runtime_dir);
	if (!config->driver_config_dirs.items) {
		const char **dirs = arena_alloc(&owner->arena, 3 * sizeof(*dirs));
		if (!dirs)
			return out_of_memory(err);
		dirs[0] = NDRV_DRIVERCONFDIR;
		dirs[1] = ndrv_arena_printf(&owner->arena.ndrv, "%s/drivers.d", config->runtime_dir);
		dirs[2] = NDRV_SYSCONFDIR "/ndrv/drivers.d";
		if (!dirs[1])
			return out_of_memory(err);
		config->driver_config_dirs = (struct config_strings){.count = 3, .items = dirs};
	}
	return config->control.socket ? 0 : out_of_memory(err);
}

static int by_name(const void *a, const void *b)
{
	const struct config_driver *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* Drop-ins, then what stands in the file itself: the last word. */
static int collect_drivers(struct owner *owner, bool most, struct ndrv_error *err)
{
	struct config *config = &owner->config;
	struct driver_list list = {.arena = &owner->arena, .most = most};
	int rc = dropins_read(&config->driver_config_dirs, &list, err);

	for (uint32_t i = 0; rc == 0 && i < config->driver_count; i++)
		rc = driver_list_put(&list, &config->drivers[i], err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < list.count; i++) {
		struct config_driver *driver = &list.items[i];
		if (!driver->file)
			continue;
		driver->path = driver->file[0] == '/'
				       ? driver->file
				       : ndrv_arena_printf(&owner->arena.ndrv, "%s/%s", config->driver_dir, driver->file);
		if (!driver->path)
			return out_of_memory(err);
	}
	if (list.count > 0)
		qsort(list.items, list.count, sizeof(*list.items), by_name);
	config->drivers = list.items;
	config->driver_count = list.count;
	config->broken = list.broken;
	config->broken_count = list.broken_count;
	return 0;
}

static int read_file(struct owner *owner, const char *path, struct arena *scratch, struct node **ret_root, struct ndrv_error *err)
{
	const char *data = NULL;
	size_t bytes = 0;
	struct ndrv_error error = {0};
	const char *file = path ? path : config_default_file();
	int rc = file_read(AT_FDCWD, file, file, YAML_BYTES_MAX, scratch, &data, &bytes, &error);

	*ret_root = NULL;
	if (rc < 0 && error.code == NDRV_E_NOT_FOUND) {
		if (!path)
			return 0;
		return ndrv_fail(err, NDRV_E_CONFIG, "%s: cannot be opened: %s", file, strerrordesc_np(ENOENT));
	}
	if (rc < 0) {
		if (err)
			*err = error;
		return rc;
	}
	owner->config.file = arena_strdup(&owner->arena, file);
	if (!owner->config.file)
		return out_of_memory(err);
	return yaml_parse(scratch, file, data, bytes, NULL, ret_root, err);
}

static int load(struct owner *owner, const char *path, const struct config_overrides *overrides, struct arena *scratch, bool most,
		struct ndrv_error *err)
{
	struct node *root = NULL;
	int rc = read_file(owner, path, scratch, &root, err);

	if (rc == 0)
		rc = schema_read(&schema_top, root, &owner->config, &owner->arena, err);
	if (rc == 0 && overrides)
		rc = apply_overrides(owner, overrides, err);
	if (rc == 0)
		rc = derive(owner, err);
	if (rc == 0)
		rc = config_check(root, &owner->config, err);
	if (rc == 0)
		rc = collect_drivers(owner, most, err);
	return rc;
}

static int load_new(const char *path, const struct config_overrides *overrides, bool most, const struct config **ret,
		    struct ndrv_error *err)
{
	struct owner *owner = calloc(1, sizeof(*owner));
	struct arena scratch;

	if (!owner)
		return out_of_memory(err);
	arena_init(&owner->arena, ARENA_BYTES);
	arena_init(&scratch, ARENA_BYTES);
	int rc = load(owner, path, overrides, &scratch, most, err);
	arena_reset(&scratch);
	if (rc < 0) {
		config_free(&owner->config);
		return rc;
	}
	*ret = &owner->config;
	return 0;
}

int config_load(const char *path, const struct config_overrides *overrides, const struct config **ret, struct ndrv_error *err)
{
	return load_new(path, overrides, false, ret, err);
}

int config_load_most(const char *path, const struct config_overrides *overrides, const struct config **ret, struct ndrv_error *err)
{
	return load_new(path, overrides, true, ret, err);
}

void config_free(const struct config *config)
{
	if (!config)
		return;
	/* Handed out as const, but ours. */
	struct owner *owner = (struct owner *)(uintptr_t)config;
	arena_reset(&owner->arena);
	free(owner);
}

const struct config_driver *config_driver_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->driver_count; i++)
		if (strcmp(config->drivers[i].name, name) == 0)
			return &config->drivers[i];
	return NULL;
}
