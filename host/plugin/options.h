/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver says of its options, taken down when it registers: it can be asked for at any time, also when the driver is gone.
 */
#ifndef HOST_PLUGIN_OPTIONS_H
#define HOST_PLUGIN_OPTIONS_H

#include "host/plugin/registry.h"

/* Fills instance->options: a map of "network", "endpoint" and "config", each a list of {name, type, default, doc} and what limits
 * the value: minimum and maximum, choices. A table that cannot be one counts as empty. INTERNAL: out of memory. */
int options_take_down(struct instance *instance, struct ndrv_error *err);

#endif
