/* SPDX-License-Identifier: Apache-2.0 */
/* Where Docker looks for plugins (pkg/plugins/discovery.go): sockets NAME.sock and NAME/NAME.sock, then files NAME.spec with one
 * address and NAME.json with Addr and TLSConfig, these also in a directory of their name. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/remote/remote.h"

#define SPEC_MAX 65536

static struct candidate *add(struct candidates *candidates, const char *name)
{
	if (strlen(name) >= PLUGIN_NAME_MAX || candidates->count == CANDIDATES_MAX)
		return NULL;
	for (uint32_t i = 0; i < candidates->count; i++)
		if (strcmp(candidates->items[i].name, name) == 0)
			return NULL;
	struct candidate *candidate = &candidates->items[candidates->count++];
	*candidate = (struct candidate){.address = ""};
	memcpy(candidate->name, name, strlen(name) + 1);
	return candidate;
}

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){
		.dev = st->st_dev, .ino = st->st_ino, .changed_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec};
}

/* --- one file --- */

static void take_socket(struct candidates *candidates, const char *name, const char *path)
{
	struct stat st;

	if (stat(path, &st) || !S_ISSOCK(st.st_mode))
		return;
	struct candidate *candidate = add(candidates, name);
	if (!candidate)
		return;
	candidate->stamp = stamp_of(&st);
	if (snprintf(candidate->address, ADDRESS_MAX, "unix://%s", path) >= ADDRESS_MAX)
		(void)ndrv_fail(&candidate->why, NDRV_E_BAD_REQUEST, "%s: the path is too long", path);
	else
		(void)address_check(candidate->address, &candidate->why);
}

/* The file's text, NUL-terminated, malloc'ed. */
static char *read_file(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_size <= SPEC_MAX)
		text = calloc(1, SPEC_MAX + 1);
	ssize_t got = text ? read(fd, text, SPEC_MAX) : -1;
	(void)close(fd);
	if (got >= 0)
		return text;
	free(text);
	return NULL;
}

static void take_address(struct candidate *candidate, const char *address, const char *path)
{
	if (snprintf(candidate->address, ADDRESS_MAX, "%s", address) >= ADDRESS_MAX)
		(void)ndrv_fail(&candidate->why, NDRV_E_BAD_REQUEST, "the address is longer than %d bytes", ADDRESS_MAX - 1);
	else
		(void)address_check(candidate->address, &candidate->why);
	(void)ndrv_wrap(&candidate->why, -candidate->why.code, "%s", path);
}

static void take_spec(struct candidate *candidate, char *text, const char *path)
{
	char *start = text + strspn(text, " \t\r\n");

	start[strcspn(start, " \t\r\n")] = '\0';
	take_address(candidate, start, path);
}

struct scratch {
	struct ndrv_arena arena; /* first */
	size_t used;
	_Alignas(16) char bytes[262144];
};

static void *scratch_alloc(struct ndrv_arena *arena, size_t bytes)
{
	struct scratch *scratch = (struct scratch *)(void *)arena;
	size_t at = (scratch->used + 15) & ~(size_t)15;

	if (bytes > sizeof(scratch->bytes) || at > sizeof(scratch->bytes) - bytes)
		return NULL;
	scratch->used = at + bytes;
	return scratch->bytes + at; /* from calloc, used once: zeroed */
}

static void take_json(struct candidate *candidate, const char *text, const char *path)
{
	struct ndrv_value document = ndrv_null();
	const char *address = "";
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch) {
		(void)ndrv_fail(&candidate->why, NDRV_E_INTERNAL, "%s: out of memory", path);
		return;
	}
	scratch->arena = (struct ndrv_arena){.size = sizeof(scratch->arena), .alloc = scratch_alloc};
	int rc = wire_value_parse(text, strlen(text), &scratch->arena, &document, &candidate->why);
	const struct ndrv_value *tls = ndrv_map_get(&document, "TLSConfig");
	if (!rc && ndrv_map_string(&document, "Addr", &address, &candidate->why) < 0)
		rc = -candidate->why.code;
	if (!rc && tls && tls->type != NDRV_NULL)
		rc = ndrv_fail(&candidate->why, NDRV_E_NOT_IMPLEMENTED,
			       "TLSConfig: plugins behind TLS are not supported; put a TLS proxy on this machine before it");
	if (rc)
		(void)ndrv_wrap(&candidate->why, rc, "%s", path);
	else
		take_address(candidate, address, path);
	free(scratch);
}

static void take_file(struct candidates *candidates, const char *name, const char *path, bool json)
{
	struct stat st;
	char *text = read_file(path, &st);
	struct candidate *candidate = text ? add(candidates, name) : NULL;

	if (candidate) {
		candidate->stamp = stamp_of(&st);
		if (json)
			take_json(candidate, text, path);
		else
			take_spec(candidate, text, path);
	}
	free(text);
}

/* --- directories --- */

/* "x.sock" -> "x"; false: another suffix, or nothing before it. */
static bool strip(const char *file, const char *suffix, char name[PLUGIN_NAME_MAX])
{
	size_t bytes = strlen(file), tail = strlen(suffix);

	if (bytes <= tail || strcmp(file + bytes - tail, suffix) != 0 || bytes - tail >= PLUGIN_NAME_MAX || file[0] == '.')
		return false;
	memcpy(name, file, bytes - tail);
	name[bytes - tail] = '\0';
	return true;
}

static void look_at(const char *dir, const char *file, bool specs, struct candidates *ret)
{
	static const char *const spec_suffixes[] = {".spec", ".json"};
	char name[PLUGIN_NAME_MAX], path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (!specs && strip(file, ".sock", name))
		take_socket(ret, name, path);
	for (int i = 0; specs && i < 2; i++)
		if (strip(file, spec_suffixes[i], name))
			take_file(ret, name, path, i == 1);
	if (file[0] == '.' || strlen(file) >= PLUGIN_NAME_MAX)
		return;
	if (!specs) {
		(void)snprintf(path, sizeof(path), "%s/%.31s/%.31s.sock", dir, file, file);
		take_socket(ret, file, path);
		return;
	}
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%.31s/%.31s%s", dir, file, file, spec_suffixes[i]);
		take_file(ret, file, path, i == 1);
	}
}

/* In the order of names, so that two looks at the same directory see the same. */
static void scan(const char *dir, bool specs, struct candidates *ret)
{
	struct dirent **entries = NULL;
	int count = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		look_at(dir, entries[i]->d_name, specs, ret);
		free(entries[i]);
	}
	free(entries);
}

void discover(const struct settings *settings, struct candidates *ret)
{
	ret->count = 0;
	for (uint32_t i = 0; i < settings->plugin_count; i++)
		ret->items[ret->count++] = settings->plugins[i];
	for (uint32_t i = 0; i < settings->plugin_dir_count; i++)
		scan(settings->plugin_dirs[i], false, ret);
	for (uint32_t i = 0; i < settings->spec_dir_count; i++)
		scan(settings->spec_dirs[i], true, ret);
}
