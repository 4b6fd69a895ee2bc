/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static int bad(struct ndrv_error *err, const char *path, const char *why)
{
	return ndrv_fail(err, NDRV_E_BAD_SANDBOX, "%s is not a network namespace that can be used as a sandbox: %s", path, why);
}

static int open_failed(struct ndrv_error *err, const char *path, int sys_errno)
{
	if (sys_errno == ENOENT || sys_errno == ENOTDIR || sys_errno == ESRCH)
		return ndrv_fail_object(err, NDRV_E_NO_SANDBOX, path);
	if (sys_errno == ELOOP)
		return bad(err, path, "it is a circle of symbolic links");
	return ndrv_fail_errno(err, sys_errno, "open network namespace %s", path);
}

/* Turns `look`, an O_PATH fd of whatever is there, into an open one of a network namespace. */
static int open_checked(const struct hostns *hostns, int look, const char *path, struct sandbox *ret, struct ndrv_error *err)
{
	struct statfs fs;
	struct stat st;
	char self[40];
	int fd, type;

	if (fstatfs(look, &fs))
		return ndrv_fail_errno(err, errno, "look at %s", path);
	if (fs.f_type != NSFS_MAGIC)
		return bad(err, path, "it is a file of another kind, or the namespace that was mounted there is gone");
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", look);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return open_failed(err, path, errno);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type != CLONE_NEWNET || fstat(fd, &st)) {
		(void)close(fd);
		return bad(err, path, "it is a namespace of another kind");
	}
	if (hostns_is(hostns, st.st_dev, st.st_ino)) {
		(void)close(fd);
		return bad(err, path, "it is the host's own");
	}
	ret->fd = fd;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	return 0;
}

static int open_look(struct hostns *hostns, int look, const char *path, const struct ndrv_call *call, struct sandbox *ret,
		     struct ndrv_error *err)
{
	struct sandbox made = {.hostns = hostns};
	int rc;

	(void)snprintf(made.path, sizeof(made.path), "%s", path);
	rc = open_checked(hostns, look, path, &made, err);
	(void)close(look);
	if (rc)
		return rc;
	rc = hostns_open_in(hostns, made.fd, &made.nl, err);
	if (rc) {
		(void)close(made.fd);
		return ndrv_wrap(err, rc, "%s", path);
	}
	ndrv_nl_set_call(made.nl, call);
	hostns_sandbox_opened(hostns);
	*ret = made;
	return 0;
}

int sandbox_open(struct hostns *hostns, const char *path, const struct ndrv_call *call, struct sandbox *ret, struct ndrv_error *err)
{
	int look;

	if (!path || path[0] != '/')
		return bad(err, path ? path : "(nothing)", "the path is not absolute");
	if (strlen(path) >= SANDBOX_PATH_MAX)
		return ndrv_fail(err, NDRV_E_BAD_SANDBOX, "the path of the network namespace is longer than %d bytes: %.40s...",
				 SANDBOX_PATH_MAX - 1, path);
	look = open(path, O_PATH | O_CLOEXEC);
	if (look < 0)
		return open_failed(err, path, errno);
	return open_look(hostns, look, path, call, ret, err);
}

int sandbox_open_pid(struct hostns *hostns, pid_t pid, const struct ndrv_call *call, struct sandbox *ret, struct ndrv_error *err)
{
	char path[40];
	int dir, look, saved;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (pid <= 0)
		return bad(err, path, "no process has that number");
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	saved = errno;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (dir < 0)
		return open_failed(err, path, saved);
	look = openat(dir, "ns/net", O_PATH | O_CLOEXEC);
	saved = errno;
	(void)close(dir);
	if (look < 0)
		return open_failed(err, path, saved);
	return open_look(hostns, look, path, call, ret, err);
}

void sandbox_close(struct sandbox *sandbox)
{
	if (!sandbox->hostns)
		return;
	hostns_sandbox_closed(sandbox->hostns);
	ndrv_nl_close(sandbox->nl);
	(void)close(sandbox->fd);
	*sandbox = (struct sandbox){0};
}
