/* SPDX-License-Identifier: Apache-2.0 */
#include "host/front/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

int listen_group(const char *group, gid_t *ret, struct ndrv_error *err)
{
	struct group entry, *found = NULL;
	char buffer[16384], *end;

	if (!*group) {
		*ret = (gid_t)-1;
		return 0;
	}
	errno = 0;
	unsigned long number = strtoul(group, &end, 10);
	if (group[0] >= '0' && group[0] <= '9' && !*end) {
		if (errno || number >= (gid_t)-1)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "group %s: not a group number", group);
		*ret = (gid_t)number;
		return 0;
	}
	int rc = getgrnam_r(group, &entry, buffer, sizeof(buffer), &found);
	if (rc)
		return ndrv_fail_errno(err, rc, "group %s", group);
	if (!found)
		return ndrv_fail(err, NDRV_E_NOT_FOUND,
				 "group %s does not exist: create it, or set control.group to another or to \"\"", group);
	*ret = found->gr_gid;
	return 0;
}

static int address_of(const char *path, struct sockaddr_un *ret, struct ndrv_error *err)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret->sun_path))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "socket path %s is longer than %zu bytes", path,
				 sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

/* 0: the path is free or holds a socket nobody listens on. */
static int check_old(const struct sockaddr_un *address, struct ndrv_error *err)
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : ndrv_fail_errno(err, errno, "socket %s", path);
	if (!S_ISSOCK(st.st_mode))
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "socket %s: something that is not a socket lies there; remove it", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ndrv_fail_errno(err, errno, "socket %s", path);
	int rc = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	(void)close(fd);
	if (rc == ECONNREFUSED || rc == ENOENT)
		return 0;
	if (rc == 0 || rc == EAGAIN) /* EAGAIN: its queue is full, but it listens */
		return ndrv_fail(err, NDRV_E_FORBIDDEN,
				 "socket %s: another process serves it; stop that one or choose another path", path);
	return ndrv_fail_errno(err, rc, "socket %s", path);
}

static int bind_new(struct listener *listener, gid_t gid, struct ndrv_error *err)
{
	struct sockaddr_un temporary;
	struct stat st;
	char name[128];

	(void)snprintf(name, sizeof(name), "%s.%d", listener->path, (int)getpid());
	if (address_of(name, &temporary, err) < 0)
		return -NDRV_E_BAD_REQUEST;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return ndrv_fail_errno(err, errno, "socket %s", listener->path);
	(void)unlink(name);
	if (bind(listener->fd, (const struct sockaddr *)&temporary, sizeof(temporary)) < 0)
		return ndrv_fail_errno(err, errno, "bind %s", name);
	/* Nobody can connect before listen(), so the rights are right from the first moment. */
	if ((gid != (gid_t)-1 && chown(name, (uid_t)-1, gid) < 0) || chmod(name, gid == (gid_t)-1 ? 0600 : 0660) < 0 ||
	    listen(listener->fd, BACKLOG) < 0 || lstat(name, &st) < 0 || rename(name, listener->path) < 0) {
		int saved = errno;
		(void)unlink(name);
		return ndrv_fail_errno(err, saved, "socket %s", listener->path);
	}
	listener->dev = st.st_dev;
	listener->inode = st.st_ino;
	return 0;
}

/* Two hosts that start at once on one path look and rename one after the other: the directory itself is the lock. */
static int lock_directory(const char *path, int *ret_fd, struct ndrv_error *err)
{
	const char *slash = strrchr(path, '/');
	char directory[108] = ".";

	if (slash)
		(void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ndrv_fail_errno(err, errno, "socket %s: directory %s", path, directory);
	if (flock(fd, LOCK_EX) < 0) {
		int saved = errno;
		(void)close(fd);
		return ndrv_fail_errno(err, saved, "lock %s", directory);
	}
	*ret_fd = fd;
	return 0;
}

int listen_open(const char *path, gid_t gid, struct listener *ret, struct ndrv_error *err)
{
	struct listener listener = {.fd = -1};
	struct sockaddr_un address;
	int lock = -1;

	int rc = address_of(path, &address, err);
	if (rc < 0)
		return rc;
	(void)snprintf(listener.path, sizeof(listener.path), "%s", path);
	rc = lock_directory(path, &lock, err);
	if (rc < 0)
		return rc;
	rc = check_old(&address, err);
	if (rc == 0)
		rc = bind_new(&listener, gid, err);
	(void)close(lock);
	if (rc < 0) {
		if (listener.fd >= 0)
			(void)close(listener.fd);
		return rc;
	}
	*ret = listener;
	return 0;
}

int listen_adopt(int fd, bool activated, struct listener *ret, struct ndrv_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNSPEC};
	socklen_t length = sizeof(address), flag_length = sizeof(int), type_length = sizeof(int);
	int listening = 0, type = 0, flags = fcntl(fd, F_GETFL);

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 || address.sun_family != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &flag_length) < 0 || !listening ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) < 0 || type != SOCK_STREAM)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "descriptor %d, given as a socket, is no listening unix stream socket",
				 fd);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return ndrv_fail_errno(err, errno, "socket given as descriptor %d", fd);
	if (activated)
		(void)snprintf(ret->path, sizeof(ret->path), "%.*s", (int)sizeof(ret->path) - 1, address.sun_path);
	ret->fd = fd;
	ret->activated = activated;
	return 0;
}

void listen_close(struct listener *listener)
{
	struct stat st;

	if (listener->fd < 0)
		return;
	if (!listener->activated && lstat(listener->path, &st) == 0 && st.st_dev == listener->dev && st.st_ino == listener->inode)
		(void)unlink(listener->path);
	(void)close(listener->fd);
	listener->fd = -1;
}
