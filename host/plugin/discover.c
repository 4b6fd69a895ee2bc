/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/discover.h"

#include <stdio.h>

#include "host/base/log.h"

void discover_request(const struct config_driver *driver, char pin[DISCOVER_PIN_TEXT], struct driver_request *ret)
{
	pin[0] = 0;
	for (size_t i = 0; driver->pinned && i < sizeof(driver->sha256); i++)
		(void)snprintf(pin + i * 2, 3, "%02x", driver->sha256[i]);
	*ret = (struct driver_request){
		.name = driver->name,
		.path = driver->path,
		.sha256 = pin,
		.config = &driver->config,
		.origin = driver->at,
		.critical = driver->critical,
	};
}

int discover_load(struct registry *registry, const struct config *config, uint32_t *ret_refused, struct ndrv_error *err)
{
	uint32_t refused = 0;
	for (uint32_t i = 0; i < config->driver_count; i++) {
		const struct config_driver *driver = &config->drivers[i];
		struct driver_request request;
		struct ndrv_error why = {0};
		char pin[DISCOVER_PIN_TEXT];
		if (!driver->enabled)
			continue;
		discover_request(driver, pin, &request);
		int rc = registry_load(registry, &request, NULL, &why);
		if (rc && driver->critical)
			return ndrv_fail(err, why.code, "%.120s: %s", driver->at, why.text);
		if (rc)
			log_error("plugin", "%s: %s", driver->at, why.text);
		refused += rc != 0;
	}
	if (ret_refused)
		*ret_refused = refused;
	return 0;
}
