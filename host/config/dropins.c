/* SPDX-License-Identifier: Apache-2.0 */
/* drivers.d: one file NAME.yaml per driver, in several directories. A file replaces the one of the same name in a directory of
 * lower rank, so that an administrator can change or mask what a package installed without touching it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/config/file.h"
#include "host/config/schema.h"

#define DIRS_MAX 16u
/* Files looked at, of all directories. */
#define FILES_MAX 512u
/* A drop-in's text, its tree, and the table of its keys. */
#define SCRATCH_BYTES (8u << 20)
#define SUFFIX ".yaml"

struct dropin {
	const char *name; /* "bridge.yaml" */
	uint32_t dir;
};

struct scan {
	const struct config_strings *dirs;
	struct arena *arena;
	struct ndrv_error *err;
	int fds[DIRS_MAX];
	uint32_t count;
	struct dropin *files;
};

static bool is_dropin(const char *name)
{
	size_t bytes = strlen(name), suffix = strlen(SUFFIX);

	return name[0] != '.' && bytes > suffix && strcmp(name + bytes - suffix, SUFFIX) == 0;
}

static int scan_entry(struct scan *scan, uint32_t dir, const char *name)
{
	if (scan->count == FILES_MAX)
		return ndrv_fail(scan->err, NDRV_E_CONFIG, "%s: more than %u drop-in files", scan->dirs->items[dir], FILES_MAX);
	struct dropin *file = &scan->files[scan->count];
	*file = (struct dropin){.name = arena_strdup(scan->arena, name), .dir = dir};
	if (!file->name)
		return ndrv_fail(scan->err, NDRV_E_INTERNAL, "%s: out of memory", scan->dirs->items[dir]);
	scan->count++;
	return 0;
}

/* A directory that is not there has no drop-ins. */
static int scan_dir(struct scan *scan, uint32_t dir)
{
	struct ndrv_error error = {0};
	int rc = file_open_dir(scan->dirs->items[dir], &scan->fds[dir], &error);

	if (rc < 0) {
		if (error.code == NDRV_E_NOT_FOUND)
			return 0;
		if (scan->err)
			*scan->err = error;
		return rc;
	}
	int copy = fcntl(scan->fds[dir], F_DUPFD_CLOEXEC, 3);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	if (!stream) {
		rc = ndrv_fail_errno(scan->err, errno, "%s: cannot be read", scan->dirs->items[dir]);
		if (copy >= 0)
			(void)close(copy);
		return rc;
	}
	for (struct dirent *entry; rc == 0 && (entry = readdir(stream));)
		if (is_dropin(entry->d_name))
			rc = scan_entry(scan, dir, entry->d_name);
	(void)closedir(stream);
	return rc;
}

static int compare(const void *a, const void *b)
{
	const struct dropin *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order != 0 ? order : (left->dir > right->dir) - (left->dir < right->dir);
}

static const char *dropin_path(const struct scan *scan, const struct dropin *file, struct arena *arena)
{
	return ndrv_arena_printf(&arena->ndrv, "%s/%s", scan->dirs->items[file->dir], file->name);
}

static int read_dropin(const struct scan *scan, const struct dropin *file, struct arena *scratch, struct config_driver *ret)
{
	struct ndrv_error error = {0}, *err = scan->err ? scan->err : &error;
	const char *data = NULL, *path = dropin_path(scan, file, scratch);
	size_t bytes = 0;
	struct node *root = NULL;
	char *name = arena_strdup(scratch, file->name);

	if (!path || !name)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", file->name);
	name[strlen(name) - strlen(SUFFIX)] = '\0';
	if (!driver_name_ok(name))
		return ndrv_fail(err, NDRV_E_CONFIG,
				 "%s: the file is named after its driver: 1 to 31 letters, digits, _ and -, then " SUFFIX, path);
	int rc = file_read(scan->fds[file->dir], file->name, path, YAML_BYTES_MAX, scratch, &data, &bytes, err);
	if (rc < 0 && err->code == NDRV_E_NOT_FOUND) /* a dangling link */
		return ndrv_fail(err, NDRV_E_CONFIG, "%s: cannot be opened: %s", path, strerrordesc_np(ENOENT));
	if (rc == 0)
		rc = yaml_parse(scratch, path, data, bytes, NULL, &root, err);
	return rc < 0 ? rc : driver_read(name, root, path, root ? root->line : 1, root ? root->column : 1, scan->arena, ret, err);
}

/* Memory that is short is not the file's fault. */
static int note_broken(const struct scan *scan, const struct dropin *file, struct driver_list *list, int rc)
{
	if (!list->broken)
		list->broken = arena_alloc(list->arena, FILES_MAX * sizeof(*list->broken));
	const char *path = dropin_path(scan, file, list->arena);
	char *name = arena_strdup(list->arena, file->name);
	if (rc == -NDRV_E_INTERNAL || !scan->err || !list->broken || !path || !name)
		return rc;
	name[strlen(name) - strlen(SUFFIX)] = '\0';
	list->broken[list->broken_count++] = (struct config_broken){.name = name, .path = path, .error = *scan->err};
	ndrv_error_clear(scan->err);
	return 0;
}

/* `first` ... `last` are the same name in directories of rising rank: only the last is read. */
static int take(const struct scan *scan, const struct dropin *first, const struct dropin *last, struct driver_list *list)
{
	struct arena scratch;
	struct config_driver driver = {.name = NULL};

	arena_init(&scratch, SCRATCH_BYTES);
	int rc = read_dropin(scan, last, &scratch, &driver);
	if (rc == 0 && last > first) {
		driver.overrides = dropin_path(scan, last - 1, scan->arena);
		if (!driver.overrides)
			rc = ndrv_fail(scan->err, NDRV_E_INTERNAL, "%s: out of memory", driver.origin);
	}
	if (rc == 0)
		rc = driver_list_put(list, &driver, scan->err);
	arena_reset(&scratch);
	return rc < 0 && list->most ? note_broken(scan, last, list, rc) : rc;
}

int dropins_read(const struct config_strings *dirs, struct driver_list *list, struct ndrv_error *err)
{
	struct scan scan = {.dirs = dirs, .arena = list->arena, .err = err};
	int rc = 0;

	if (dirs->count > DIRS_MAX)
		return ndrv_fail(err, NDRV_E_CONFIG, "%u directories of drop-in files, %u are allowed", dirs->count, DIRS_MAX);
	for (uint32_t i = 0; i < DIRS_MAX; i++)
		scan.fds[i] = -1;
	scan.files = arena_alloc(list->arena, FILES_MAX * sizeof(*scan.files));
	if (!scan.files)
		return ndrv_fail(err, NDRV_E_INTERNAL, "drop-in files: out of memory");
	for (uint32_t i = 0; rc == 0 && i < dirs->count; i++)
		rc = scan_dir(&scan, i);
	qsort(scan.files, scan.count, sizeof(*scan.files), compare);
	for (uint32_t i = 0, first = 0; rc == 0 && i < scan.count; i++) {
		if (i + 1 < scan.count && strcmp(scan.files[i].name, scan.files[i + 1].name) == 0)
			continue;
		rc = take(&scan, &scan.files[first], &scan.files[i], list);
		first = i + 1;
	}
	for (uint32_t i = 0; i < DIRS_MAX; i++)
		if (scan.fds[i] >= 0)
			(void)close(scan.fds[i]);
	return rc;
}
