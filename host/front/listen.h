/* SPDX-License-Identifier: Apache-2.0 */
/* A listening unix socket that is never half there: bound under a temporary name, given its owner and mode, then renamed over the
 * final one, so that a client sees either the old socket or the new one, with the right rights. */
#ifndef HOST_FRONT_LISTEN_H
#define HOST_FRONT_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include <ndrv/error.h>

struct listener {
	int fd; /* non-blocking, close-on-exec; -1: not open */
	dev_t dev;
	ino_t inode;
	char path[108];
	bool activated; /* a service manager's: the path is not removed */
};

/* The group's number for a name or digits; "" gives (gid_t)-1: nobody but root. NOT_FOUND naming the group. */
int listen_group(const char *group, gid_t *ret, struct ndrv_error *err);
/* Mode 0660 root:gid, or 0600 when gid is (gid_t)-1. A socket on which nobody listens any more is replaced; where a process
 * listens, or something that is no socket lies, FORBIDDEN naming the path. */
int listen_open(const char *path, gid_t gid, struct listener *ret, struct ndrv_error *err);
/* Takes over a socket that is listening already: a service manager's (`activated`), whose path is asked of the kernel, or that of
 * the former program, whose path, device and inode are given in `ret`. BAD_REQUEST when it is no listening unix stream socket. */
int listen_adopt(int fd, bool activated, struct listener *ret, struct ndrv_error *err);
/* Closes, and removes the socket unless another host has put its own in the place meanwhile. */
void listen_close(struct listener *listener);

#endif
