/* SPDX-License-Identifier: Apache-2.0 */
/* What a new configuration changes about the drivers. */
#ifndef HOST_LIFECYCLE_RELOAD_H
#define HOST_LIFECYCLE_RELOAD_H

#include "host/base/arena.h"
#include "host/lifecycle/drivers.h"
#include "host/lifecycle/host_parts.h"

/* Brings the drivers from the running configuration to `after`: loads what is new, swaps what changed by content, configures anew,
 * unloads what is gone; what is gone and has networks serves on as an orphan. One driver's failure is logged and reported and does
 * not stop the others. `ret`: {drivers: a map from every driver's name to a sentence, changed, refused: lists of names}. Fails only
 * for lack of memory. With host->lock. */
int reload_drivers(struct host *host, const struct config *after, struct arena *arena, struct ndrv_value *ret,
		   struct ndrv_error *err);

/* Keys whose change takes effect only at a restart, as a list of strings in the arena. */
int reload_needs_restart(const struct config *before, const struct config *after, struct arena *arena, struct ndrv_value *ret,
			 struct ndrv_error *err);

#endif
