/* SPDX-License-Identifier: Apache-2.0 */
/* The recording driver: each op goes to the test that loaded it. Built several times: REC_TYPES, REC_SCOPE, REC_THREADING,
 * REC_CAPABILITIES say what it claims to be; REC_BARE leaves every op out that a driver may leave out; REC_SHORT cuts its table
 * short behind join. */
#include <stdlib.h>

#include "tests/conformance/recorder.h"

#ifndef REC_CAPABILITIES
#define REC_CAPABILITIES 0
#endif
#ifndef REC_THREADING
#define REC_THREADING NDRV_THREADS_NETWORK
#endif

struct self {
	const struct ndrv_host *host;
	struct recorder *recorder;
};

static int tell(void *self, struct recorded *recorded)
{
	struct recorder *recorder = ((struct self *)self)->recorder;

	recorded->self = self;
	return recorder ? recorder->call(recorder, recorded) : 0;
}

#define TELL(...) tell(self, &(struct recorded){__VA_ARGS__})

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	return TELL(.op = "network_create", .call = call, .network = network);
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	return TELL(.op = "network_delete", .call = call, .network = network);
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	return TELL(.op = "endpoint_create", .call = call, .network = network, .endpoint = endpoint, .ifinfo = ifinfo,
		    .options = options);
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	return TELL(.op = "endpoint_delete", .call = call, .network = network, .endpoint = endpoint);
}

static int join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *join_info, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	return TELL(.op = "join", .call = call, .network = network, .endpoint = endpoint, .sandbox_key = sandbox_key,
		    .join = join_info, .options = endpoint_options, .sandbox_options = sandbox_options);
}

static int leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	return TELL(.op = "leave", .call = call, .network = network, .endpoint = endpoint);
}

static void destroy(void *self)
{
	struct recorder *recorder = ((struct self *)self)->recorder;

	if (recorder && recorder->destroyed)
		recorder->destroyed(recorder, self);
	free(self);
}

#if !defined(REC_BARE)
static int network_allocate(void *self, struct ndrv_call *call, const char *nid, const struct ndrv_value *options,
			    const struct ndrv_ipam_list *ipv4, const struct ndrv_ipam_list *ipv6, struct ndrv_value *ret_options)
{
	return TELL(.op = "network_allocate", .call = call, .nid = nid, .options = options, .ipv4 = ipv4, .ipv6 = ipv6,
		    .ret_value = ret_options);
}

static int network_free(void *self, struct ndrv_call *call, const char *nid)
{
	return TELL(.op = "network_free", .call = call, .nid = nid);
}

static int endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info)
{
	return TELL(.op = "endpoint_info", .call = call, .network = network, .endpoint = endpoint, .ret_value = ret_info);
}
#endif

#if !defined(REC_BARE) && !defined(REC_SHORT)
static int program_external(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			    const struct ndrv_gateway_state *gateways, const struct ndrv_value *options)
{
	return TELL(.op = "program_external", .call = call, .network = network, .endpoint = endpoint, .gateways = gateways,
		    .options = options);
}

static int revoke_external(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	return TELL(.op = "revoke_external", .call = call, .network = network, .endpoint = endpoint);
}

static int event_notify(void *self, struct ndrv_call *call, struct ndrv_network *network, const struct ndrv_table_batch *batch)
{
	return TELL(.op = "event_notify", .call = call, .network = network, .batch = batch);
}

static int discover_new(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	return TELL(.op = "discover_new", .call = call, .discovery = discovery);
}

static int discover_delete(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	return TELL(.op = "discover_delete", .call = call, .discovery = discovery);
}

static int decode_table_entry(void *self, struct ndrv_call *call, const char *table, const char *key, const void *value,
			      size_t bytes, const char **ret_object_id, struct ndrv_value *ret_info)
{
	return TELL(.op = "decode_table_entry", .call = call, .table = table, .key = key, .value = value, .bytes = bytes,
		    .ret_object = ret_object_id, .ret_value = ret_info);
}

static int gw_alloc_check(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip)
{
	return TELL(.op = "gw_alloc_check", .call = call, .options = options, .ret_skip = ret_skip);
}

static int ipv6_release(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	return TELL(.op = "ipv6_release", .call = call, .network = network, .endpoint = endpoint);
}

static int configure(void *self, struct ndrv_call *call, const struct ndrv_value *config)
{
	return TELL(.op = "configure", .call = call, .options = config);
}

static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	return TELL(.op = "adopt", .call = call, .network = network, .endpoint = endpoint, .blob = blob);
}

static int health(void *self, struct ndrv_call *call)
{
	return TELL(.op = "health", .call = call);
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)TELL(.op = "release", .network = network, .endpoint = endpoint);
}
#endif

#ifdef REC_SHORT
#define OPS_SIZE (offsetof(struct ndrv_ops, leave) + sizeof(void (*)(void)))
#else
#define OPS_SIZE sizeof(struct ndrv_ops)
#endif

static const struct ndrv_ops ops = {
	.size = OPS_SIZE,
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	.join = join,
	.leave = leave,
#ifndef REC_SHORT
	.destroy = destroy,
#endif
#ifndef REC_BARE
	.network_allocate = network_allocate,
	.network_free = network_free,
	.endpoint_info = endpoint_info,
#ifndef REC_SHORT
	.program_external = program_external,
	.revoke_external = revoke_external,
	.event_notify = event_notify,
	.discover_new = discover_new,
	.discover_delete = discover_delete,
	.decode_table_entry = decode_table_entry,
	.gw_alloc_check = gw_alloc_check,
	.ipv6_release = ipv6_release,
	.configure = configure,
	.adopt = adopt,
	.health = health,
	.release = release,
#endif
#endif
};

static int open_self(const struct ndrv_host *host, void **ret, struct ndrv_error *err)
{
#ifdef REC_SHORT
	/* Without destroy nobody would free it. */
	static struct self only;
	struct self *self = &only;
#else
	struct self *self = calloc(1, sizeof(*self));
#endif
	const void *recorder = host->extension ? host->extension(host, RECORDER_EXTENSION) : NULL;

	(void)destroy;
	if (!self)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	self->host = host;
	self->recorder = (struct recorder *)(uintptr_t)recorder;
	if (self->recorder)
		self->recorder->host = host;
	*ret = self;
	return 0;
}

NDRV_DRIVER(&ops, open_self, .types = REC_TYPES, .name = "rec", .version = "1.0", .vendor = "tests", .data_scope = REC_SCOPE,
	    .ops_size = OPS_SIZE, .threading = REC_THREADING, .capability_flags = REC_CAPABILITIES);
