/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that fails on request: the network's label `fail` names an error row and `at` the op that answers with it; `sleep_ms`
 * lets that op take its time first. Everything else succeeds and makes nothing. */
#include <string.h>
#include <time.h>

#include <ndrv/driver.h>

static int code_named(const char *name)
{
#define FAIL_ROW(number, row, kind, text) \
	if (strcmp(name, #row) == 0)      \
		return number;
	NDRV_ERRORS(FAIL_ROW)
#undef FAIL_ROW
	return NDRV_E_INTERNAL;
}

static int act(struct ndrv_call *call, const struct ndrv_network *network, const char *op)
{
	const struct ndrv_value *labels = ndrv_map_get(network->options, NDRV_OPT_GENERIC);
	const char *at = "network_create", *fail = NULL;
	int64_t sleep_ms = 0;

	if (call->flags & (NDRV_CALL_UNDO | NDRV_CALL_FORCE))
		return 0;
	if (ndrv_map_string(labels, "at", &at, call->err) < 0 || ndrv_map_string(labels, "fail", &fail, call->err) < 0 ||
	    ndrv_map_int(labels, "sleep_ms", &sleep_ms, call->err) < 0)
		return -NDRV_E_BAD_REQUEST;
	if (strcmp(at, op) != 0)
		return 0;
	if (sleep_ms > 0)
		(void)nanosleep(&(struct timespec){.tv_sec = sleep_ms / 1000, .tv_nsec = sleep_ms % 1000 * 1000000}, NULL);
	return fail ? ndrv_fail_object(call->err, code_named(fail), "it") : 0;
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	return act(call, network, "network_create");
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	return act(call, network, "network_delete");
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	(void)self;
	(void)endpoint;
	(void)ifinfo;
	(void)options;
	return act(call, network, "endpoint_create");
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self;
	(void)endpoint;
	return act(call, network, "endpoint_delete");
}

static int endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info)
{
	(void)self;
	(void)endpoint;
	(void)ret_info;
	return act(call, network, "endpoint_info");
}

static int join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *info, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	(void)self;
	(void)endpoint;
	(void)sandbox_key;
	(void)info;
	(void)endpoint_options;
	(void)sandbox_options;
	return act(call, network, "join");
}

static int leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self;
	(void)endpoint;
	return act(call, network, "leave");
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	.endpoint_info = endpoint_info,
	.join = join,
	.leave = leave,
};

NDRV_DRIVER(&ops, NULL, .types = "fail", .name = "fail", .version = "1", .vendor = "tests", .data_scope = NDRV_SCOPE_LOCAL,
	    .capability_flags = NDRV_CAPABILITY_NO_IPAM | NDRV_CAPABILITY_NO_LINK);
