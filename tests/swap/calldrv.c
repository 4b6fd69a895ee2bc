/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that calls the host back from every op of its own swap, and writes what it was told, one line for each call ("prepare
 * register_driver -12"), into the file PLAN.calls. What it puts into the store is its version. With the file PLAN.refuse it refuses
 * to adopt, after its calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndrv/driver.h>

static const struct ndrv_ops ops;
static int register_again(const struct ndrv_host *host, struct ndrv_error *err);

static FILE *open_beside_plan(const char *suffix, const char *mode)
{
	const char *plan = getenv("SWAPDRV_PLAN"), *pid = getenv("SWAPDRV_PID");
	char path[256];

	/* Not in the probe process. */
	if (!plan || !pid || atoi(pid) != (int)getpid())
		return NULL;
	(void)snprintf(path, sizeof(path), "%s.%s", plan, suffix);
	return fopen(path, mode);
}

static void note(const char *step, const char *what, int rc)
{
	FILE *file = open_beside_plan("calls", "a");

	if (!file)
		return;
	(void)fprintf(file, "%s %s %d\n", step, what, rc);
	(void)fclose(file);
}

static void tick(struct ndrv_call *call, struct ndrv_network *network, void *data)
{
	(void)call, (void)network, (void)data;
}

static int stored(const struct ndrv_host *host, struct ndrv_arena *arena, struct ndrv_error *err)
{
	const void *value = NULL;
	size_t bytes = 0;
	int version = 0, rc = ndrv_store_get(host, arena, "version", &value, &bytes, err);

	if (rc)
		return rc;
	if (bytes == sizeof(version))
		memcpy(&version, value, sizeof(version));
	return version;
}

static void call_back(const struct ndrv_host *host, struct ndrv_call *call, struct ndrv_network *network, const char *step,
		      int writes)
{
	struct ndrv_error err = {0};
	struct ndrv_timer *timer = NULL;
	const int version = SW_VERSION;

	ndrv_log(host, NDRV_LOG_DEBUG, "called back from %s", step);
	note(step, "register_driver", register_again(host, &err));
	note(step, "unregister_driver", host->unregister_driver(host, "nobodys", &err));
	if (writes)
		note(step, "store_put", ndrv_store_put(host, "version", &version, sizeof(version), &err));
	note(step, "store_get", stored(host, call->arena, &err));
	int rc = ndrv_timer_add(host, NULL, 60000000000, 0, tick, NULL, &timer, &err);
	note(step, "timer_add", rc);
	if (!rc)
		ndrv_timer_del(host, timer);
	if (network)
		note(step, "timer_add_network", ndrv_timer_add(host, network, 60000000000, 0, tick, NULL, &timer, &err));
	if (network)
		note(step, "table_put", ndrv_table_put(host, network, "nobodys", "key", "value", 5, &err));
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self, (void)call, (void)network;
	return 0;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self, (void)call, (void)network;
	return 0;
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	const int version = SW_VERSION;

	(void)network, (void)endpoint, (void)ifinfo, (void)options;
	return ndrv_store_put(self, "version", &version, sizeof(version), call->err);
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)call, (void)network, (void)endpoint;
	return 0;
}

static int endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret)
{
	struct ndrv_value map = {.type = NDRV_MAP};

	(void)network, (void)endpoint;
	int rc = ndrv_map_set(call->arena, &map, "version", ndrv_int(SW_VERSION), call->err);
	if (!rc)
		rc = ndrv_map_set(call->arena, &map, "stored", ndrv_int(stored(self, call->arena, call->err)), call->err);
	*ret = map;
	return rc;
}

static int prepare(void *self, struct ndrv_call *call, const struct ndrv_blob *from)
{
	(void)from;
	call_back(self, call, NULL, "prepare", 1);
	return 0;
}

static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	(void)blob;
	call_back(self, call, network, endpoint ? "adopt" : "adopt_network", 1);
	FILE *refuse = open_beside_plan("refuse", "r");
	if (!refuse)
		return 0;
	(void)fclose(refuse);
	return ndrv_fail(call->err, NDRV_E_FORBIDDEN, "the file says no");
}

static int export_state(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			uint32_t schema_version, struct ndrv_blob *ret)
{
	(void)endpoint;
	ret->schema_version = schema_version;
	call_back(self, call, network, "export_state", 0);
	return 0;
}

static void commit(void *self, struct ndrv_call *call)
{
	call_back(self, call, NULL, "commit", 0);
}

static void abort_swap(void *self, struct ndrv_call *call)
{
	call_back(self, call, NULL, "abort", 0);
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	.endpoint_info = endpoint_info,
	.prepare = prepare,
	.adopt = adopt,
	.export_state = export_state,
	.commit = commit,
	.abort = abort_swap,
};

NDRV_DRIVER(&ops, NULL, .types = "call", .name = "calldrv", .version = "1", .vendor = "tests", .data_scope = NDRV_SCOPE_LOCAL,
	    .state_schema = "calldrv", .state_version = 1, .state_version_min = 1,
	    .capability_flags = NDRV_CAPABILITY_NO_IPAM | NDRV_CAPABILITY_NO_LINK);

static int register_again(const struct ndrv_host *host, struct ndrv_error *err)
{
	const struct ndrv_capability capability = {.size = sizeof(capability),
						   .data_scope = NDRV_SCOPE_LOCAL,
						   .flags = NDRV_CAPABILITY_NO_IPAM | NDRV_CAPABILITY_NO_LINK,
						   .note = &ndrv_file_note.note};

	return host->register_driver(host, "another", &ops, (void *)(uintptr_t)host, &capability, err);
}
