/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox: a network namespace that is not the host's, checked before it is touched, and a netlink handle inside it.
 *
 * Open while one call works on it and no longer: the handle keeps a deleted namespace alive. */
#ifndef HOST_SANDBOX_SANDBOX_H
#define HOST_SANDBOX_SANDBOX_H

#include "host/sandbox/hostns.h"

#define SANDBOX_PATH_MAX 256 /* of what is shown in messages; longer paths are refused */

struct sandbox {
	struct hostns *hostns;
	int fd;
	dev_t dev; /* dev and ino say whether it is the same namespace as another time */
	ino_t ino;
	struct ndrv_nl *nl;
	char path[SANDBOX_PATH_MAX]; /* as it was named */
};

/* By an absolute path: /run/netns/x, /run/docker/netns/x, /proc/N/ns/net, or any other that leads to a network namespace. Nothing
 * that is not one is opened for more than a look, so a FIFO or a device does no harm. NO_SANDBOX: nothing is there (any more).
 * BAD_SANDBOX: something else is there, or the host's own namespace. `call` (may be NULL) bounds what is done through the handle.
 */
int sandbox_open(struct hostns *hostns, const char *path, const struct ndrv_call *call, struct sandbox *ret,
		 struct ndrv_error *err);
/* The namespace of a process. The process is pinned meanwhile: a number that is reused does not lead elsewhere. */
int sandbox_open_pid(struct hostns *hostns, pid_t pid, const struct ndrv_call *call, struct sandbox *ret, struct ndrv_error *err);
void sandbox_close(struct sandbox *sandbox);

#endif
