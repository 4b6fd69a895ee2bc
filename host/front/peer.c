/* SPDX-License-Identifier: Apache-2.0 */
#include "host/front/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; glibc 2.36 has not heard of it */
#endif

/* Holds the process, so that its number is not another's while we look at /proc. Older kernels: by number, with that small race. */
static int peer_pidfd(int fd, pid_t pid)
{
	int pidfd = -1;
	socklen_t length = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0)
		return pidfd;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* A process that is gone, or that we may not look at, is not of our namespace. */
static bool same_user_namespace(int fd, pid_t pid)
{
	struct stat ours, theirs;
	char path[64];
	bool same = false;

	int pidfd = peer_pidfd(fd, pid);
	if (pidfd < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	if (stat("/proc/self/ns/user", &ours) == 0 && stat(path, &theirs) == 0)
		same = ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
	/* Readable: the process ended, and what we looked at may have been the next one with its number. */
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	if (poll(&ended, 1, 0) != 0)
		same = false;
	(void)close(pidfd);
	return same;
}

static bool in_supplementary_groups(int fd, gid_t group)
{
	gid_t few[64], *groups = few;
	socklen_t length = sizeof(few);
	bool found = false;

	int rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length);
	if (rc < 0 && errno == ERANGE) { /* length says how much it takes */
		groups = malloc(length);
		if (!groups)
			return false;
		rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length);
	}
	for (size_t i = 0; rc == 0 && i < length / sizeof(gid_t); i++)
		found |= groups[i] == group;
	if (groups != few)
		free(groups);
	return found;
}

int peer_identify(int fd, gid_t group, struct caller *ret, struct ndrv_error *err)
{
	struct ucred cred;
	socklen_t length = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0)
		return ndrv_fail_errno(err, errno, "credentials of the client");
	ret->uid = cred.uid;
	ret->gid = cred.gid;
	ret->pid = (uint32_t)cred.pid;
	ret->role = ROLE_NONE;
	if (group != (gid_t)-1 && (cred.gid == group || in_supplementary_groups(fd, group)))
		ret->role = ROLE_OPERATE;
	if ((cred.uid == 0 || cred.uid == geteuid()) && same_user_namespace(fd, cred.pid))
		ret->role = ROLE_ADMIN;
	return 0;
}
