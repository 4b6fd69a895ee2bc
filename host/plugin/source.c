/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/source.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/openat2.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REFUSED NDRV_E_DRIVER_REFUSED
/* "driver file /usr/lib/...": what messages begin with. */
#define SUBJECT_MAX 144

const char *source_tail(const char *path)
{
	size_t length = strlen(path);
	return length > 120 ? path + length - 120 : path;
}

static const char *errno_text(int number)
{
	const char *text = strerrordesc_np(number);
	return text ? text : "unknown error";
}

static int open_fails(int number, const char *subject, const char *what, struct ndrv_error *err)
{
	if (number == ENOENT || number == ENOTDIR)
		return ndrv_fail(err, NDRV_E_NOT_FOUND, "%s: there is no such %s", subject, what);
	if (number == EXDEV)
		return ndrv_fail(err, REFUSED, "%s: is a symbolic link out of its directory", subject);
	if (number == ELOOP)
		return ndrv_fail(err, REFUSED, "%s: is a symbolic link that leads in a circle or into /proc", subject);
	int rc = ndrv_fail(err, REFUSED, "%s: cannot be opened: %s", subject, errno_text(number));
	if (err)
		err->sys_errno = number;
	return rc;
}

/* Kernels before 5.6 and some seccomp filters have no openat2: a last component that is a symbolic link is refused there. */
static int open_beneath(int dirfd, const char *name, const char *subject, int *ret_fd, struct ndrv_error *err)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
		fd = openat(dirfd, name, flags | O_NOFOLLOW);
		if (fd < 0 && errno == ELOOP)
			return ndrv_fail(err, REFUSED, "%s: is a symbolic link, which this kernel cannot follow safely", subject);
	}
	*ret_fd = (int)fd;
	return fd < 0 ? open_fails(errno, subject, "file", err) : 0;
}

static int check_owner(const struct stat *st, const char *subject, const char *what, struct ndrv_error *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return ndrv_fail(err, REFUSED, "%s: %s belongs to user %u, not to root%s", subject, what, (unsigned)st->st_uid,
				 geteuid() ? " or the user of this host" : "");
	bool directory = S_ISDIR(st->st_mode);
	/* In a sticky directory only a file's owner can replace it, and that one was checked. */
	if (directory && (st->st_mode & S_ISVTX))
		return 0;
	if (st->st_mode & S_IWOTH)
		return ndrv_fail(err, REFUSED, "%s: %s can be written by anyone (mode %04o)", subject, what,
				 (unsigned)(st->st_mode & 07777));
	if (st->st_mode & S_IWGRP)
		return ndrv_fail(err, REFUSED, "%s: %s can be written by its group (mode %04o)", subject, what,
				 (unsigned)(st->st_mode & 07777));
	return 0;
}

static void directory_name(int fd, char *text, size_t room)
{
	char link[64], target[400];
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = 0;
	(void)snprintf(text, room, "its directory %.120s", target);
}

/* Every directory above, by going up: names may be links, ".." is where the file really is. */
static int check_parents(int dirfd, const char *subject, struct ndrv_error *err)
{
	int fd = dirfd, rc = 0;
	for (;;) {
		struct stat st, above;
		char what[160];
		if (fstat(fd, &st) < 0) {
			rc = open_fails(errno, subject, "directory", err);
			break;
		}
		directory_name(fd, what, sizeof(what));
		rc = check_owner(&st, subject, what, err);
		if (rc)
			break;
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0 || fstat(up, &above) < 0) {
			rc = open_fails(errno, subject, "directory", err);
			if (up >= 0)
				close(up);
			break;
		}
		if (fd != dirfd)
			close(fd);
		fd = up;
		if (above.st_dev == st.st_dev && above.st_ino == st.st_ino)
			break;
	}
	if (fd != dirfd)
		close(fd);
	return rc;
}

static int check_file(const struct stat *st, const char *subject, struct ndrv_error *err)
{
	const char *kind = S_ISDIR(st->st_mode)	   ? "a directory"
			   : S_ISFIFO(st->st_mode) ? "a FIFO"
			   : S_ISSOCK(st->st_mode) ? "a socket"
						   : "a device";
	if (!S_ISREG(st->st_mode))
		return ndrv_fail(err, REFUSED, "%s: is %s, not a file", subject, kind);
	int rc = check_owner(st, subject, "it", err);
	if (rc)
		return rc;
	if (st->st_size > (off_t)SOURCE_BYTES_MAX)
		return ndrv_fail(err, REFUSED, "%s: has %lld bytes, more than the %u it may have", subject, (long long)st->st_size,
				 SOURCE_BYTES_MAX);
	return 0;
}

static int64_t mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static int changed(const char *subject, struct ndrv_error *err)
{
	return ndrv_fail(err, REFUSED, "%s: was written to while it was read: replace it by rename", subject);
}

static int read_bytes(int fd, const char *subject, struct source *source, struct ndrv_error *err)
{
	struct stat before, after;
	if (fstat(fd, &before) < 0)
		return open_fails(errno, subject, "file", err);
	int rc = check_file(&before, subject, err);
	if (rc)
		return rc;
	size_t size = (size_t)before.st_size, have = 0;
	source->bytes = malloc(size ? size : 1);
	if (!source->bytes)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory for %zu bytes", subject, size);
	while (have < size) {
		ssize_t got = read(fd, source->bytes + have, size - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return open_fails(errno, subject, "file", err);
		if (got == 0)
			return changed(subject, err);
		have += (size_t)got;
	}
	if (fstat(fd, &after) < 0 || after.st_size != before.st_size || mtime_of(&after) != mtime_of(&before))
		return changed(subject, err);
	source->size = size;
	source->mtime_ns = mtime_of(&after);
	return 0;
}

static void hash(struct source *source)
{
	struct sha256_ctx context;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&context);
	sha256_update(&context, source->size, source->bytes);
	sha256_digest(&context, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(source->sha256 + i * 2, 3, "%02x", digest[i]);
}

/* One of several, with blanks between. */
static int check_pin(const struct source *source, const char *pin, struct ndrv_error *err)
{
	if (!pin || !pin[0])
		return 0;
	for (const char *at = pin; *at; at += strspn(at, " ")) {
		const char *digits = strncmp(at, "sha256:", 7) == 0 ? at + 7 : at;
		size_t length = strcspn(digits, " ");
		if (length != 64 || strspn(digits, "0123456789abcdefABCDEF") != length)
			return ndrv_fail(err, REFUSED, "driver file %s: the sha256 asked for is not 64 hexadecimal digits",
					 source_tail(source->path));
		if (strncasecmp(digits, source->sha256, length) == 0)
			return 0;
		at = digits + length;
	}
	return ndrv_fail(
		err, REFUSED,
		"driver file %s: has sha256 %s, the configuration asks for another: put this one into its descriptor to take it",
		source_tail(source->path), source->sha256);
}

/* Splits at the last slash: `ret_dir` malloc'ed, the name borrowed from `path`. */
static int split(const char *path, const char *subject, char **ret_dir, const char **ret_name, struct ndrv_error *err)
{
	if (!path || path[0] != '/')
		return ndrv_fail(err, REFUSED, "%s: the path must be absolute", subject);
	const char *slash = strrchr(path, '/');
	if (!slash[1] || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return ndrv_fail(err, REFUSED, "%s: is a directory, not a file", subject);
	*ret_dir = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	if (!*ret_dir)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", subject);
	*ret_name = slash + 1;
	return 0;
}

static int open_checked(const char *path, const char *subject, int *ret_fd, struct ndrv_error *err)
{
	char *dir = NULL;
	const char *name = NULL;
	int rc = split(path, subject, &dir, &name, err);
	if (rc)
		return rc;
	int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (dirfd < 0)
		return open_fails(errno, subject, "directory", err);
	int fd = -1;
	rc = open_beneath(dirfd, name, subject, &fd, err);
	if (rc == 0)
		rc = check_parents(dirfd, subject, err);
	close(dirfd);
	if (rc && fd >= 0)
		close(fd);
	*ret_fd = fd;
	return rc;
}

int source_read_as(const char *what, const char *path, struct source *ret, struct ndrv_error *err)
{
	struct source source = {0};
	char subject[SUBJECT_MAX];
	int fd = -1;
	(void)snprintf(subject, sizeof(subject), "%.20s %s", what, path ? source_tail(path) : "(none)");
	int rc = open_checked(path, subject, &fd, err);
	if (rc)
		return rc;
	source.path = strdup(path);
	rc = source.path ? read_bytes(fd, subject, &source, err) : ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", subject);
	close(fd);
	if (rc)
		source_clear(&source);
	else
		*ret = source;
	return rc;
}

int source_read(const char *path, const char *pin, struct source *ret, struct ndrv_error *err)
{
	struct source source = {0};
	int rc = source_read_as("driver file", path, &source, err);
	if (rc)
		return rc;
	hash(&source);
	rc = check_pin(&source, pin, err);
	if (rc)
		source_clear(&source);
	else
		*ret = source;
	return rc;
}

void source_clear(struct source *source)
{
	free(source->path);
	free(source->bytes);
	*source = (struct source){0};
}
