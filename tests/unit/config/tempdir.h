/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of the test's own. Configuration files are always copied there: what is checked out may belong to another user or be
 * writable by a group, which config_load() rightly refuses. */
#ifndef TESTS_UNIT_CONFIG_TEMPDIR_H
#define TESTS_UNIT_CONFIG_TEMPDIR_H

#include "tests/lib/test.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPDIR_PATH 512

static char tempdir[64];

static int tempdir_make(void **state)
{
	(void)state;
	(void)umask(022);
	(void)snprintf(tempdir, sizeof(tempdir), "/tmp/ndrv-config.XXXXXX");
	return mkdtemp(tempdir) ? 0 : -1;
}

static int tempdir_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static int tempdir_remove(void **state)
{
	(void)state;
	return nftw(tempdir, tempdir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of `name` in the directory; folders are made. The result is good until the fourth call after. */
static const char *tempdir_path(const char *name)
{
	static char paths[4][TEMPDIR_PATH];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, TEMPDIR_PATH, "%s/%s", tempdir, name);
	for (char *slash = strchr(path + strlen(tempdir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			fail_msg("mkdir %s: %s", path, strerrordesc_np(errno));
		*slash = '/';
	}
	return path;
}

static const char *tempdir_write_bytes(const char *name, const char *data, size_t bytes)
{
	const char *path = tempdir_path(name);
	FILE *file = fopen(path, "we");

	if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0)
		fail_msg("%s cannot be written", path);
	return path;
}

static inline const char *tempdir_write(const char *name, const char *text)
{
	return tempdir_write_bytes(name, text, strlen(text));
}

/* The whole of a file, NUL added, from malloc. */
static inline char *file_slurp(const char *path, size_t *ret_bytes)
{
	const size_t room = 1u << 20;
	FILE *file = fopen(path, "re");
	char *data = malloc(room);

	if (!file || !data)
		fail_msg("%s cannot be read", path);
	size_t bytes = data && file ? fread(data, 1, room - 1, file) : 0;
	if (file)
		(void)fclose(file);
	if (data)
		data[bytes] = '\0';
	*ret_bytes = bytes;
	return data;
}

static inline const char *tempdir_copy(const char *from, const char *name)
{
	size_t bytes = 0;
	char *data = file_slurp(from, &bytes);
	const char *path = tempdir_write_bytes(name, data, bytes);

	free(data);
	return path;
}

#endif
