/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the host is as it should be, in words: for status, and for the service manager's line about it. */
#ifndef HOST_LIFECYCLE_HEALTH_H
#define HOST_LIFECYCLE_HEALTH_H

#include "host/lifecycle/host_parts.h"

/* Adds "degraded" to the reply of status: a sentence for each driver that was refused or has no file any more, for networks that
 * nobody serves and for calls that do not come back. An empty list: all is well. */
int health_describe(struct host *host, struct ndrv_arena *arena, struct ndrv_value *map, struct ndrv_error *err);
/* Tells the service manager (STATUS=) if it has not been told so. What concerns drivers alone: that changes when somebody has had
 * host->lock, which the caller has. */
void health_tell(struct host *host);

#endif
