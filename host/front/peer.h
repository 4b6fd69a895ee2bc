/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a unix socket, from the kernel and not from what the peer says. */
#ifndef HOST_FRONT_PEER_H
#define HOST_FRONT_PEER_H

#include <sys/types.h>

#include "host/dispatch/request.h"

/* Fills uid, gid, pid and role of `ret` (front is left alone). ADMIN: root, or the host's own user, in the host's own user
 * namespace: a root that is one only inside a namespace it made itself does not count. OPERATE: whose main or supplementary groups
 * contain `group` ((gid_t)-1: no such group). Credentials are those at connect time. */
int peer_identify(int fd, gid_t group, struct caller *ret, struct ndrv_error *err);

#endif
