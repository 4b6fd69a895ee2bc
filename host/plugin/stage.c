/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif

static const char *errno_text(int number)
{
	const char *text = strerrordesc_np(number);
	return text ? text : "unknown error";
}

static void fall_back(struct stage *stage, const char *reason)
{
	if (stage->dirfd >= 0)
		close(stage->dirfd);
	stage->dirfd = -1;
	(void)snprintf(stage->fallback, sizeof(stage->fallback), "%.100s: %s", stage->dir ? stage->dir : "no state directory",
		       reason);
}

/* Only what stage_write() makes: a name that ends in .so. Somebody's other file is left alone. */
static uint32_t sweep(int dirfd)
{
	uint32_t swept = 0;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		size_t length = strlen(entry->d_name);
		if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0 && unlinkat(dirfd, entry->d_name, 0) == 0)
			swept++;
	}
	closedir(dir);
	return swept;
}

/* The directory is ours alone: another user's would let him change an image between writing and loading. */
static const char *directory_problem(int dirfd)
{
	struct stat st;
	struct statvfs fs;
	if (fstat(dirfd, &st) < 0 || fstatvfs(dirfd, &fs) < 0)
		return errno_text(errno);
	if (st.st_uid != geteuid())
		return "belongs to another user";
	if ((st.st_mode & 077) && fchmod(dirfd, 0700) < 0)
		return errno_text(errno);
	if (fs.f_flag & ST_RDONLY)
		return "is on a read-only file system";
	if (fs.f_flag & ST_NOEXEC)
		return "is on a file system mounted noexec";
	if (faccessat(dirfd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return errno_text(errno);
	return NULL;
}

int stage_open(struct stage *ret, const char *state_dir, struct ndrv_error *err)
{
	*ret = (struct stage){.dirfd = -1};
	if (!state_dir) {
		fall_back(ret, "images are kept in memory");
		return 0;
	}
	if (asprintf(&ret->dir, "%s/stage", state_dir) < 0) {
		ret->dir = NULL;
		return ndrv_fail(err, NDRV_E_INTERNAL, "staging directory in %s: out of memory", state_dir);
	}
	if (mkdir(ret->dir, 0700) < 0 && errno != EEXIST) {
		fall_back(ret, errno_text(errno));
		return 0;
	}
	ret->dirfd = open(ret->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->dirfd < 0) {
		fall_back(ret, errno_text(errno));
		return 0;
	}
	const char *problem = directory_problem(ret->dirfd);
	if (problem)
		fall_back(ret, problem);
	else
		ret->swept = sweep(ret->dirfd);
	return 0;
}

void stage_close(struct stage *stage)
{
	if (stage->dirfd >= 0)
		close(stage->dirfd);
	free(stage->dir);
	*stage = (struct stage){.dirfd = -1};
}

static bool write_all(int fd, const unsigned char *bytes, size_t size)
{
	while (size) {
		ssize_t wrote = write(fd, bytes, size);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			errno = wrote < 0 ? errno : ENOSPC;
			return false;
		}
		bytes += wrote;
		size -= (size_t)wrote;
	}
	return true;
}

/* Content and generation are for people; the serial makes the name new even where two hosts share a directory. */
static int create(const struct stage *stage, const char *name, uint64_t generation, const struct source *source, char *file,
		  size_t room)
{
	static _Atomic unsigned serial;
	for (int attempt = 0; attempt < 1000; attempt++) {
		(void)snprintf(file, room, "%.31s-%.12s-g%llu-%d.%u.so", name, source->sha256, (unsigned long long)generation,
			       (int)getpid(), atomic_fetch_add(&serial, 1));
		int fd = openat(stage->dirfd, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0500);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

/* 1: the directory cannot take it (full, gone read-only): a memfd can. */
static int write_file(struct stage *stage, const char *name, uint64_t generation, const struct source *source, struct staged *ret,
		      struct ndrv_error *err)
{
	char file[128];
	int fd = create(stage, name, generation, source, file, sizeof(file));
	if (fd < 0)
		return 1;
	bool ok = write_all(fd, source->bytes, source->size);
	ok = close(fd) == 0 && ok;
	if (!ok) {
		(void)unlinkat(stage->dirfd, file, 0);
		return 1;
	}
	if (asprintf(&ret->path, "%s/%s", stage->dir, file) < 0) {
		ret->path = NULL;
		(void)unlinkat(stage->dirfd, file, 0);
		return ndrv_fail(err, NDRV_E_INTERNAL, "driver file %s: out of memory", source_tail(source->path));
	}
	ret->fd = -1;
	return 0;
}

static int write_memfd(const char *name, const struct source *source, struct staged *ret, struct ndrv_error *err)
{
	int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	char label[64];
	(void)snprintf(label, sizeof(label), "ndrv:%.31s-%.12s", name, source->sha256);
	int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || !write_all(fd, source->bytes, source->size) || fcntl(fd, F_ADD_SEALS, seals) < 0 ||
	    asprintf(&ret->path, "/proc/self/fd/%d", fd) < 0) {
		int rc = ndrv_fail_errno(err, errno, "driver file %s: cannot be copied into memory", source_tail(source->path));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	ret->fd = fd;
	return 0;
}

int stage_write(struct stage *stage, const char *name, uint64_t generation, const struct source *source, struct staged *ret,
		struct ndrv_error *err)
{
	int rc = stage->dirfd >= 0 ? write_file(stage, name, generation, source, ret, err) : 1;
	return rc > 0 ? write_memfd(name, source, ret, err) : rc;
}

void stage_remove(struct staged *staged)
{
	if (!staged->path)
		return;
	if (staged->fd >= 0)
		close(staged->fd);
	else
		(void)unlink(staged->path);
	free(staged->path);
	*staged = (struct staged){.fd = -1};
}
