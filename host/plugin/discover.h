/* SPDX-License-Identifier: Apache-2.0 */
/* From the configured drivers to loaded ones. */
#ifndef HOST_PLUGIN_DISCOVER_H
#define HOST_PLUGIN_DISCOVER_H

#include "host/config/config.h"
#include "host/plugin/registry.h"

#define DISCOVER_PIN_TEXT 65

/* A configured driver as the registry takes it; borrows from `driver` and `pin`. */
void discover_request(const struct config_driver *driver, char pin[DISCOVER_PIN_TEXT], struct driver_request *ret);

/* Loads each enabled driver, by name. One that is refused is logged and passed over; a critical one's error, with the place of its
 * entry, is returned at once. `ret_refused` counts those passed over; may be NULL. */
int discover_load(struct registry *registry, const struct config *config, uint32_t *ret_refused, struct ndrv_error *err);

#endif
