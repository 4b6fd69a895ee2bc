/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that serve on although their file or descriptor is gone: until their last network goes, and over restarts, from the
 * host's own copy. */
#ifndef HOST_LIFECYCLE_ORPHANS_H
#define HOST_LIFECYCLE_ORPHANS_H

#include "host/lifecycle/host_parts.h"

/* At the start, once the configured drivers are loaded: for each network that nobody serves, the copy of the driver that did. */
void orphans_load(struct host *host);
/* A drivers_stand_in: where the file has content that was refused, the copy of the one that served before is loaded. */
bool orphans_stand_in(void *data, const struct config_driver *descriptor);
/* Every driver that serves is remembered. */
void orphans_keep_images(struct host *host);
/* Unloads the live driver of this name, with the one that stands by for it, and forgets it. What registry_unload() said. */
int orphans_unload(struct host *host, const char *name, struct ndrv_error *err);

#endif
