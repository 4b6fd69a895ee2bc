/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITABLE_FOR_OTHERS (S_IWGRP | S_IWOTH)

static int fail(struct ndrv_error *err, const char *path, const char *why)
{
	int saved = errno;
	int rc = ndrv_fail(err, NDRV_E_STATE, "%s %s: %s", path, why, strerrordesc_np(saved));

	if (err)
		err->sys_errno = saved;
	return rc;
}

static int check_owner(const char *path, const struct stat *st, struct ndrv_error *err)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return ndrv_fail(err, NDRV_E_STATE, "%s belongs to uid %u: it must be uid %u's, or root's", path, st->st_uid,
				 geteuid());
	if (st->st_mode & WRITABLE_FOR_OTHERS)
		return ndrv_fail(err, NDRV_E_STATE, "%s (mode %04o) can be written by others: chmod go-w %s", path,
				 st->st_mode & 07777, path);
	return 0;
}

int files_prepare_dir(const char *path, mode_t mode, char *ret, struct ndrv_error *err)
{
	char real[PATH_MAX];
	struct stat st;

	if (mkdir(path, mode) == 0)
		(void)chmod(path, mode); /* whatever the umask says */
	else if (errno != EEXIST)
		return fail(err, path, "cannot be made");
	if (!realpath(path, real) || stat(real, &st))
		return fail(err, path, "cannot be used");
	if (!S_ISDIR(st.st_mode))
		return ndrv_fail(err, NDRV_E_STATE, "%s is not a directory", path);
	if (strlen(real) >= STATE_DIR_MAX)
		return ndrv_fail(err, NDRV_E_STATE, "%s: the path is too long", path);
	strcpy(ret, real);
	return check_owner(real, &st, err);
}

static int lock_is_held(int fd, const char *dir, struct ndrv_error *err)
{
	char pid[16] = "";
	ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[got > 0 ? got : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	return ndrv_fail(err, NDRV_E_STATE,
			 "%s is in use by another host (pid %s): stop that one, or give this one its own directory", dir,
			 *pid ? pid : "unknown");
}

int files_lock(const char *dir, const char *name, int *ret_fd, struct ndrv_error *err)
{
	char path[PATH_MAX];
	int rc = 0;

	(void)snprintf(path, sizeof(path), "%.*s/%s", STATE_DIR_MAX, dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return fail(err, path, "cannot be opened");
	if (flock(fd, LOCK_EX | LOCK_NB))
		rc = errno == EWOULDBLOCK ? lock_is_held(fd, dir, err) : fail(err, path, "cannot be locked");
	if (rc) {
		(void)close(fd);
		return rc;
	}
	/* Only to be read by people and by the one we refuse. */
	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%d\n", (int)getpid());
	*ret_fd = fd;
	return 0;
}

int files_prepare_file(const char *path, off_t *ret_size, struct ndrv_error *err)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0) {
		(void)close(fd);
		*ret_size = -1;
		return 0;
	}
	if (errno != EEXIST)
		return fail(err, path, "cannot be made");
	if (lstat(path, &st))
		return fail(err, path, "cannot be used");
	if (!S_ISREG(st.st_mode))
		return ndrv_fail(err, NDRV_E_STATE, "%s is not a plain file: move it away", path);
	*ret_size = st.st_size;
	return check_owner(path, &st, err);
}

static void rename_with_wal(const char *from, const char *to)
{
	char from_wal[PATH_MAX + 8], to_wal[PATH_MAX + 8];

	(void)snprintf(from_wal, sizeof(from_wal), "%s-wal", from);
	(void)snprintf(to_wal, sizeof(to_wal), "%s-wal", to);
	(void)unlink(to_wal);
	(void)rename(from, to);
	(void)rename(from_wal, to_wal);
}

int files_set_aside(const char *path, char *ret, struct ndrv_error *err)
{
	char second[PATH_MAX], shm[PATH_MAX + 8];

	if (snprintf(ret, PATH_MAX, "%s.corrupt.1", path) >= PATH_MAX ||
	    snprintf(second, sizeof(second), "%s.corrupt.2", path) >= PATH_MAX)
		return ndrv_fail(err, NDRV_E_STATE, "%s: the path is too long", path);
	(void)snprintf(shm, sizeof(shm), "%s-shm", path);
	if (access(ret, F_OK) == 0)
		rename_with_wal(ret, second);
	rename_with_wal(path, ret);
	(void)unlink(shm);
	if (access(path, F_OK) == 0)
		return ndrv_fail(err, NDRV_E_STATE, "%s is corrupt and cannot be renamed: move it away", path);
	return 0;
}

void files_remove(const char *path)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char name[PATH_MAX + 8];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, parts[i]);
		(void)unlink(name);
	}
}

int files_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int rc = fsync(fd);
	(void)close(fd);
	return rc;
}

int files_sync_dir_of(const char *path)
{
	char dir[PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%s", path);
	char *slash = strrchr(dir, '/');
	if (!slash)
		return files_sync(".");
	slash[slash == dir] = '\0';
	return files_sync(dir);
}

static int copy_bytes(int from, int to)
{
	struct stat st;

	if (fstat(from, &st))
		return -1;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t done = sendfile(to, from, NULL, (size_t)left);
		if (done <= 0)
			return -1;
		left -= done;
	}
	return fsync(to);
}

int files_copy(const char *from, const char *to)
{
	char part[PATH_MAX + 8];

	(void)snprintf(part, sizeof(part), "%s.new", to);
	(void)unlink(part);
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc = in < 0 || out < 0 ? -1 : copy_bytes(in, out);
	int saved = errno;
	if (in >= 0)
		(void)close(in);
	if (out >= 0)
		(void)close(out);
	if (rc == 0 && rename(part, to) == 0)
		return files_sync_dir_of(to);
	errno = rc ? saved : errno;
	saved = errno;
	(void)unlink(part);
	errno = saved;
	return -1;
}
