/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes of dockerd's that died with it. dockerd that is killed never says that its containers' endpoints are gone, so the host
 * looks: an endpoint goes when its sandbox, in which a process was seen before, has none any more (the file of the namespace is
 * gone, or nobody lives in it), twice in a row. One that was never seen alive stays, for it may be about to begin: dockerd joins
 * before it makes the sandbox; so does everything else whose life cannot be told. */
#ifndef HOST_DISPATCH_SANDBOXES_H
#define HOST_DISPATCH_SANDBOXES_H

#include "host/dispatch/core.h"

#define SANDBOX_LOOK_NS (10 * NSEC_PER_SEC)

/* The mender's: looks, where there is anything to look at and the time has come. Returns when it has; UINT64_MAX: there is nothing.
 */
uint64_t sandboxes_work(struct dispatch *dispatch);
/* Under the turn: it was seen alive, and is dead now. */
bool sandbox_is_dead(const struct endpoint *endpoint);
/* A process is in the namespace at that path, or nobody can tell. */
bool sandbox_may_live(const char *path);

#endif
