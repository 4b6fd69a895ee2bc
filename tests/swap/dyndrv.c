/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of dynamic types: it serves those that the file PLAN.typesVERSION lists (without it: dyna and dynb), and one more for
 * each node that is discovered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/driver.h>

static int register_type(const struct ndrv_host *host, const char *type, struct ndrv_error *err);

/* priv tells whose it is. */
static char mine;
static _Atomic int ticks;

static void tick(struct ndrv_call *call, struct ndrv_network *network, void *data)
{
	(void)call, (void)network, (void)data;
	ticks++;
}

static int check(struct ndrv_call *call, const struct ndrv_network *network)
{
	return network->priv == &mine ? 0 : ndrv_fail(call->err, NDRV_E_INTERNAL, "the network is another generation's");
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self, (void)call;
	network->priv = &mine;
	return 0;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	int rc = network->priv ? check(call, network) : 0;
	network->priv = NULL;
	return rc;
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	(void)self, (void)endpoint, (void)ifinfo, (void)options;
	return check(call, network);
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)endpoint;
	return check(call, network);
}

static int endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret)
{
	struct ndrv_value map = {.type = NDRV_MAP};

	(void)self, (void)endpoint;
	int rc = check(call, network);
	if (!rc)
		rc = ndrv_map_set(call->arena, &map, "version", ndrv_int(SW_VERSION), call->err);
	if (!rc)
		rc = ndrv_map_set(call->arena, &map, "ticks", ndrv_int(ticks), call->err);
	*ret = map;
	return rc;
}

static int discover(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	(void)discovery;
	return register_type(self, "dynlate", call->err);
}

static int undiscover(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	const struct ndrv_host *host = self;

	(void)discovery;
	return host->unregister_driver(host, "dynlate", call->err);
}

static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	(void)self, (void)blob;
	if (endpoint)
		return check(call, network);
	network->priv = &mine;
	return 0;
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self;
	if (!endpoint)
		network->priv = NULL;
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	.endpoint_info = endpoint_info,
	.discover_new = discover,
	.discover_delete = undiscover,
	.adopt = adopt,
	.release = release,
};

static int open_self(const struct ndrv_host *host, void **ret, struct ndrv_error *err)
{
	const char *plan = getenv("SWAPDRV_PLAN");
	char path[256], type[32];

	*ret = (void *)(uintptr_t)host;
	(void)snprintf(path, sizeof(path), "%s.types%d", plan ? plan : "/nowhere", SW_VERSION);
	FILE *file = fopen(path, "r");
	struct ndrv_timer *timer = NULL;
	int rc = NDRV_HAS(host, timers) && host->timers ? ndrv_timer_add(host, NULL, 0, 1000000, tick, NULL, &timer, err) : 0;
	if (!rc && !file) {
		rc = register_type(host, "dyna", err);
		return rc ? rc : register_type(host, "dynb", err);
	}
	while (!rc && file && fscanf(file, "%31s", type) == 1)
		rc = register_type(host, type, err);
	if (file)
		(void)fclose(file);
	return rc;
}

NDRV_DRIVER(&ops, open_self, .name = "dyndrv", .version = "1", .vendor = "tests", .data_scope = NDRV_SCOPE_LOCAL,
	    .flags = NDRV_DRIVER_DYNAMIC_TYPES, .capability_flags = NDRV_CAPABILITY_NO_IPAM | NDRV_CAPABILITY_NO_LINK);

static int register_type(const struct ndrv_host *host, const char *type, struct ndrv_error *err)
{
	const struct ndrv_capability capability = {.size = sizeof(capability),
						   .data_scope = NDRV_SCOPE_LOCAL,
						   .flags = NDRV_CAPABILITY_NO_IPAM | NDRV_CAPABILITY_NO_LINK,
						   .note = &ndrv_file_note.note};

	return host->register_driver(host, type, &ops, (void *)(uintptr_t)host, &capability, err);
}
