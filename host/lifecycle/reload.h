/* SPDX-License-Identifier: Apache-2.0 */
/* What a new configuration changes about the drivers. */
#ifndef HOST_LIFECYCLE_RELOAD_H
#define HOST_LIFECYCLE_RELOAD_H

#include "host/base/arena.h"
#include "host/lifecycle/drivers.h"

/* Brings the drivers from `before` to `after`: loads, configures, unloads. One driver's failure is logged and reported and does not
 * stop the others. `ret`: a map from driver names to a sentence each, unchanged ones left out. Fails only for lack of memory. */
int reload_drivers(struct drivers *drivers, const struct config *before, const struct config *after, struct arena *arena,
		   struct ndrv_value *ret, struct ndrv_error *err);

/* Keys whose change takes effect only at a restart, as a list of strings in the arena. */
int reload_needs_restart(const struct config *before, const struct config *after, struct arena *arena, struct ndrv_value *ret,
			 struct ndrv_error *err);

#endif
