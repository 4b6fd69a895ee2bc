/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever may change the file, or put another in its place, may run code as root. */
static int check_owner(const struct stat *status, const char *shown, struct ndrv_error *err)
{
	unsigned uid = geteuid();

	if (status->st_uid != 0 && status->st_uid != uid)
		return ndrv_fail(err, NDRV_E_CONFIG, "%s: belongs to uid %u, it must belong to root%s (chown root it)", shown,
				 (unsigned)status->st_uid, uid == 0 ? "" : " or to you");
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return ndrv_fail(err, NDRV_E_CONFIG, "%s: others than its owner may write it (mode %04o), chmod go-w it", shown,
				 (unsigned)status->st_mode & 07777u);
	return 0;
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	case S_IFREG:
		return "a file";
	default:
		return "something else";
	}
}

static int open_failed(const char *shown, int error, struct ndrv_error *err)
{
	int code = error == ENOENT ? NDRV_E_NOT_FOUND : NDRV_E_CONFIG;

	return ndrv_fail(err, code, "%s: cannot be opened: %s", shown, strerrordesc_np(error));
}

static int read_open(int fd, const char *shown, size_t limit, struct arena *arena, const char **ret_data, size_t *ret_bytes,
		     struct ndrv_error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return open_failed(shown, errno, err);
	if (!S_ISREG(status.st_mode))
		return ndrv_fail(err, NDRV_E_CONFIG, "%s: is %s, not a regular file", shown, type_name(status.st_mode));
	int rc = check_owner(&status, shown, err);
	if (rc < 0)
		return rc;
	/* The size is only a hint, the file may grow: read up to one byte more than allowed. */
	char *data = status.st_size <= (off_t)limit ? arena_alloc(arena, limit + 1) : NULL;
	size_t bytes = 0;
	if (!data && status.st_size <= (off_t)limit)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", shown);
	while (data && bytes <= limit) {
		ssize_t got = read(fd, data + bytes, limit + 1 - bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ndrv_fail(err, NDRV_E_CONFIG, "%s: cannot be read: %s", shown, strerrordesc_np(errno));
		if (got == 0)
			break;
		bytes += (size_t)got;
	}
	if (!data || bytes > limit)
		return ndrv_fail(err, NDRV_E_CONFIG, "%s: has more than %zu bytes, which is too much for a configuration", shown,
				 limit);
	*ret_data = data;
	*ret_bytes = bytes;
	return 0;
}

int file_read(int dirfd, const char *path, const char *shown, size_t limit, struct arena *arena, const char **ret_data,
	      size_t *ret_bytes, struct ndrv_error *err)
{
	/* O_NONBLOCK: the open of a FIFO nobody writes to would wait for ever. */
	int fd = openat(dirfd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return open_failed(shown, errno, err);
	int rc = read_open(fd, shown, limit, arena, ret_data, ret_bytes, err);
	(void)close(fd);
	return rc;
}

int file_open_dir(const char *path, int *ret_fd, struct ndrv_error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	struct stat status;

	if (fd < 0)
		return open_failed(path, errno, err);
	int rc = fstat(fd, &status) < 0 ? open_failed(path, errno, err) : check_owner(&status, path, err);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}
