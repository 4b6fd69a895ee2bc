/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/log.h"

#define OWNER "@host"
#define IMAGE "image/"
#define REFUSED "refused/"
#define KEY_ROOM 128
#define MEMORY (1u << 20)
#define COPY_BYTES (1u << 16)

int images_open(struct images *images, const char *state_dir, struct store *store, struct ndrv_error *err)
{
	*images = (struct images){.store = store};
	if (asprintf(&images->dir, "%s/store", state_dir) < 0) {
		images->dir = NULL;
		return ndrv_fail_errno(err, ENOMEM, "keep copies of drivers");
	}
	if (mkdir(images->dir, 0700) == 0 || errno == EEXIST)
		return 0;
	log_warning("driver", "%s: %s: drivers whose files are removed will not survive a restart", images->dir,
		    strerrordesc_np(errno));
	free(images->dir);
	images->dir = NULL;
	return 0;
}

void images_close(struct images *images)
{
	free(images->dir);
	images->dir = NULL;
}

/* --- the copies --- */

/* malloc'ed; NULL: no memory, or no directory. */
static char *path_of(const struct images *images, const char *name, const char *sha256)
{
	char *path = NULL;

	if (!images->dir || asprintf(&path, "%s/%s-%s.so", images->dir, name, sha256) < 0)
		return NULL;
	return path;
}

bool images_known(const struct images *images, const char *name, const char *sha256)
{
	char *path = path_of(images, name, sha256);
	bool known = path && access(path, R_OK) == 0;

	free(path);
	return known;
}

static int copy_bytes(int from, int to)
{
	char *buffer = malloc(COPY_BYTES);
	ssize_t got = buffer ? 1 : -1;

	while (got > 0) {
		got = read(from, buffer, COPY_BYTES);
		for (ssize_t put = 0, done; got > 0 && put < got; put += done) {
			done = write(to, buffer + put, (size_t)(got - put));
			if (done < 0) {
				free(buffer);
				return -1;
			}
		}
	}
	free(buffer);
	return got < 0 ? -1 : 0;
}

/* Whole or not at all. From the private copy that is mapped, whose bytes nobody changes. */
static int copy_image(const char *staged, const char *path, struct ndrv_error *err)
{
	char *temporary = NULL;
	int from = open(staged, O_RDONLY | O_CLOEXEC), to = -1, rc = -1;

	if (from >= 0 && asprintf(&temporary, "%s.new", path) >= 0)
		to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0500);
	if (to >= 0 && copy_bytes(from, to) == 0 && fsync(to) == 0 && rename(temporary, path) == 0)
		rc = 0;
	int saved = errno;
	if (rc && to >= 0)
		(void)unlink(temporary);
	if (from >= 0)
		(void)close(from);
	if (to >= 0)
		(void)close(to);
	free(temporary);
	return rc ? ndrv_fail_errno(err, saved, "keep a copy of the driver as %s", path) : 0;
}

/* --- what is remembered --- */

static void key_of(char *key, const char *prefix, const char *name)
{
	(void)snprintf(key, KEY_ROOM, "%s%s", prefix, name);
}

static int put_text(struct arena *arena, struct ndrv_value *map, const char *key, const char *text, struct ndrv_error *err)
{
	return ndrv_map_set(&arena->ndrv, map, key, ndrv_string(text), err);
}

static int describe_types(struct arena *arena, const struct generation *generation, struct ndrv_value *ret, struct ndrv_error *err)
{
	int rc = 0;

	*ret = (struct ndrv_value){.type = NDRV_LIST};
	for (struct instance *each = generation->instances; each && !rc; each = each->next)
		if (!each->gone)
			rc = ndrv_list_add(&arena->ndrv, ret, ndrv_string(each->type->name), err);
	return rc;
}

static int remember(struct images *images, struct arena *arena, const struct generation *generation,
		    const struct ndrv_value *config, struct ndrv_error *err)
{
	const struct module *module = generation->module;
	struct ndrv_value row = {.type = NDRV_MAP}, was = ndrv_null(), types;
	const char *former = "", *before = "";
	char key[KEY_ROOM];

	key_of(key, IMAGE, generation->name);
	if (store_driver_get_value(images->store, arena, OWNER, key, &was, NULL) == 0) {
		(void)ndrv_map_string(&was, "sha256", &before, NULL);
		(void)ndrv_map_string(&was, "former", &former, NULL);
		if (strcmp(before, module->sha256) != 0)
			former = before;
	}
	if (!config)
		config = ndrv_map_get(&was, "config");
	int rc = describe_types(arena, generation, &types, err);
	if (!rc)
		rc = put_text(arena, &row, "sha256", module->sha256, err);
	if (!rc)
		rc = put_text(arena, &row, "former", former, err);
	if (!rc)
		rc = put_text(arena, &row, "file", module->path, err);
	if (!rc)
		rc = ndrv_map_set(&arena->ndrv, &row, "types", types, err);
	if (!rc)
		rc = ndrv_map_set(&arena->ndrv, &row, "config", config ? *config : (struct ndrv_value){.type = NDRV_MAP}, err);
	if (!rc && was.type == NDRV_MAP && ndrv_value_equal(&was, &row))
		return 0;
	return rc ? rc : store_driver_put_value(images->store, OWNER, key, &row, err);
}

/* A copy that was damaged would be no use when it is needed. Where there is nothing to compare with, it has to do. */
static bool same_bytes(const char *path, const char *other)
{
	char one[4096], two[4096];
	FILE *first = fopen(path, "re"), *second = fopen(other, "re");
	bool same = first != NULL;

	for (size_t got = 1; same && second && got > 0;) {
		got = fread(one, 1, sizeof(one), first);
		same = fread(two, 1, sizeof(two), second) == got && memcmp(one, two, got) == 0;
	}
	same = same && !ferror(first);
	if (first)
		(void)fclose(first);
	if (second)
		(void)fclose(second);
	return same;
}

int images_keep(struct images *images, const struct generation *generation, const struct ndrv_value *config, struct ndrv_error *err)
{
	const struct module *module = generation->module;
	char *path = path_of(images, generation->name, module->sha256);
	struct arena arena;
	int rc = 0;

	if (path && !same_bytes(path, module->staged.path))
		rc = copy_image(module->staged.path, path, err);
	free(path);
	arena_init(&arena, MEMORY);
	if (!rc)
		rc = remember(images, &arena, generation, config, err);
	arena_reset(&arena);
	return rc;
}

/* "" in the arena where the copy is not there. */
static const char *copy_of(struct images *images, struct arena *arena, const char *name, const struct ndrv_value *row,
			   const char *key)
{
	const char *sha256 = "", *copy = NULL;

	(void)ndrv_map_string(row, key, &sha256, NULL);
	char *path = *sha256 ? path_of(images, name, sha256) : NULL;
	if (path && access(path, R_OK) == 0)
		copy = arena_strdup(arena, path);
	free(path);
	return copy ? copy : "";
}

int images_recall(struct images *images, struct arena *arena, const char *name, struct image_note *ret, struct ndrv_error *err)
{
	struct ndrv_value row = ndrv_null();
	const struct ndrv_value *types, *config;
	char key[KEY_ROOM];

	key_of(key, IMAGE, name);
	int rc = store_driver_get_value(images->store, arena, OWNER, key, &row, err);
	if (rc)
		return rc;
	*ret = (struct image_note){.name = name, .file = ""};
	ret->path = copy_of(images, arena, name, &row, "sha256");
	ret->former = copy_of(images, arena, name, &row, "former");
	(void)ndrv_map_string(&row, "file", &ret->file, NULL);
	types = ndrv_map_get(&row, "types");
	config = ndrv_map_get(&row, "config");
	ret->types = types ? *types : (struct ndrv_value){.type = NDRV_LIST};
	ret->config = config ? *config : (struct ndrv_value){.type = NDRV_MAP};
	return *ret->path ? 0 : ndrv_fail(err, NDRV_E_NOT_FOUND, "the copy of driver %s is gone", name);
}

void images_forget(struct images *images, const char *name)
{
	char key[KEY_ROOM];

	key_of(key, IMAGE, name);
	(void)store_driver_del(images->store, OWNER, key, NULL);
}

/* --- walks over what is remembered --- */

struct names {
	struct arena *arena;
	struct ndrv_value list;
};

static int add_name(const char *key, const void *value, size_t bytes, void *data)
{
	struct names *names = data;
	const char *name = arena_strdup(names->arena, strchr(key, '/') + 1);

	(void)value;
	(void)bytes;
	return name ? ndrv_list_add(&names->arena->ndrv, &names->list, ndrv_string(name), NULL) : -NDRV_E_NO_SERVICE;
}

static struct ndrv_value names_below(struct images *images, struct arena *arena, const char *prefix)
{
	struct names names = {.arena = arena, .list = {.type = NDRV_LIST}};

	if (store_driver_scan(images->store, OWNER, prefix, add_name, &names, NULL))
		log_warning("driver", "what is remembered of drivers cannot be read");
	return names.list;
}

static bool lists(const struct ndrv_value *list, const char *text)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->u.items[i].type == NDRV_STRING && strcmp(list->u.items[i].u.string, text) == 0)
			return true;
	return false;
}

const char *images_server(struct images *images, struct arena *arena, const char *type)
{
	struct ndrv_value names = names_below(images, arena, IMAGE);

	for (uint32_t i = 0; i < names.count; i++) {
		struct image_note note;
		if (images_recall(images, arena, names.u.items[i].u.string, &note, NULL) == 0 && lists(&note.types, type))
			return note.name;
	}
	return NULL;
}

static bool is_referred(const struct ndrv_value *paths, const char *dir, const char *file)
{
	size_t length = strlen(dir);

	for (uint32_t i = 0; i < paths->count; i++) {
		const char *path = paths->u.items[i].u.string;
		if (strncmp(path, dir, length) == 0 && path[length] == '/' && strcmp(path + length + 1, file) == 0)
			return true;
	}
	return false;
}

void images_collect(struct images *images)
{
	struct arena arena;
	struct ndrv_value paths = {.type = NDRV_LIST};
	int rc = 0;

	if (!images->dir)
		return;
	arena_init(&arena, MEMORY);
	struct ndrv_value names = names_below(images, &arena, IMAGE);
	for (uint32_t i = 0; i < names.count && !rc; i++) {
		struct image_note note;
		if (images_recall(images, &arena, names.u.items[i].u.string, &note, NULL))
			continue;
		rc = ndrv_list_add(&arena.ndrv, &paths, ndrv_string(note.path), NULL);
		if (!rc && *note.former)
			rc = ndrv_list_add(&arena.ndrv, &paths, ndrv_string(note.former), NULL);
	}
	DIR *dir = rc ? NULL : opendir(images->dir);
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		if (entry->d_name[0] != '.' && !is_referred(&paths, images->dir, entry->d_name))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	arena_reset(&arena);
}

/* --- refused contents --- */

void images_refuse(struct images *images, const char *sha256, const char *name, const char *reason)
{
	struct ndrv_value row = {.type = NDRV_MAP};
	struct ndrv_error err = {0};
	struct arena arena;
	char key[KEY_ROOM];

	arena_init(&arena, MEMORY);
	key_of(key, REFUSED, sha256);
	int rc = put_text(&arena, &row, "name", name, &err);
	if (!rc)
		rc = put_text(&arena, &row, "reason", reason, &err);
	if (!rc)
		rc = store_driver_put_value(images->store, OWNER, key, &row, &err);
	if (rc)
		log_warning("driver", "%s: that this file was refused will be forgotten: %s", name, err.text);
	arena_reset(&arena);
}

void images_pardon(struct images *images, const char *sha256)
{
	char key[KEY_ROOM];

	key_of(key, REFUSED, sha256);
	(void)store_driver_del(images->store, OWNER, key, NULL);
}

const char *images_refusal(struct images *images, struct arena *arena, const char *sha256)
{
	struct ndrv_value row = ndrv_null();
	const char *reason = NULL;
	char key[KEY_ROOM];

	key_of(key, REFUSED, sha256);
	if (store_driver_get_value(images->store, arena, OWNER, key, &row, NULL) == 0)
		(void)ndrv_map_string(&row, "reason", &reason, NULL);
	return reason;
}

int images_refusals(struct images *images, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	struct ndrv_value names = names_below(images, arena, REFUSED), list = {.type = NDRV_LIST};
	int rc = 0;

	for (uint32_t i = 0; i < names.count && !rc; i++) {
		struct ndrv_value row = ndrv_null();
		char key[KEY_ROOM];
		key_of(key, REFUSED, names.u.items[i].u.string);
		if (store_driver_get_value(images->store, arena, OWNER, key, &row, NULL))
			continue;
		rc = ndrv_map_set(&arena->ndrv, &row, "sha256", names.u.items[i], err);
		if (!rc)
			rc = ndrv_list_add(&arena->ndrv, &list, row, err);
	}
	*ret = list;
	return rc;
}
