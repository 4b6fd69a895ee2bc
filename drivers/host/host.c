/* SPDX-License-Identifier: Apache-2.0 */
/* The "host" type: a sandbox that is the host's own namespace. Its endpoints have nothing of their own.
 *
 * One network of this type at most, which is never deleted, as in libnetwork. Nothing of the kernel's is touched. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/driver.h>

struct instance {
	const struct ndrv_host *host;
	pthread_mutex_t lock;
	char nid[NDRV_ID_MAX + 1]; /* of the one network; "" none yet */
};

/* Makes `nid` the one network. */
static int claim(struct instance *instance, const char *nid, struct ndrv_error *err)
{
	int taken;

	(void)pthread_mutex_lock(&instance->lock);
	taken = instance->nid[0] && strcmp(instance->nid, nid) != 0;
	if (!taken)
		(void)strncpy(instance->nid, nid, NDRV_ID_MAX);
	(void)pthread_mutex_unlock(&instance->lock);
	return taken ? ndrv_fail(err, NDRV_E_FORBIDDEN, "only one instance of \"host\" network is allowed") : 0;
}

static void disclaim(struct instance *instance, const char *nid)
{
	(void)pthread_mutex_lock(&instance->lock);
	if (strcmp(instance->nid, nid) == 0)
		instance->nid[0] = '\0';
	(void)pthread_mutex_unlock(&instance->lock);
}

/* There are no options; what is asked for all the same is not passed over in silence. */
static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	struct instance *instance = self;
	int rc = ndrv_options_read(instance->host, call, NULL, 0, ndrv_map_get(network->options, NDRV_OPT_GENERIC), NULL);

	return rc ? ndrv_wrap(call->err, rc, "network %.64s", network->id) : claim(instance, network->id, call->err);
}

/* Refused but for the host's own reasons: to undo a creation, or by force at the end. */
static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	if (!(call->flags & (NDRV_CALL_FORCE | NDRV_CALL_UNDO)))
		return ndrv_fail(call->err, NDRV_E_FORBIDDEN, "network of type \"host\" cannot be deleted");
	disclaim(self, network->id);
	return 0;
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	const struct instance *instance = self;

	(void)network, (void)ifinfo;
	return ndrv_wrap(call->err, ndrv_options_read(instance->host, call, NULL, 0, options, NULL), "endpoint %.64s",
			 endpoint->id);
}

/* endpoint_delete and leave. */
static int nothing(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)call, (void)network, (void)endpoint;
	return 0;
}

static int endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info)
{
	(void)self, (void)call, (void)network, (void)endpoint;
	*ret_info = (struct ndrv_value){.type = NDRV_MAP};
	return 0;
}

static int join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *joined, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	(void)self, (void)call, (void)network, (void)endpoint, (void)sandbox_key, (void)endpoint_options, (void)sandbox_options;
	return ndrv_join_disable_gateway_service(joined, call->err);
}

static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	(void)blob;
	return endpoint ? 0 : claim(self, network->id, call->err);
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	if (!endpoint)
		disclaim(self, network->id);
}

static void destroy(void *self)
{
	struct instance *instance = self;

	(void)pthread_mutex_destroy(&instance->lock);
	free(instance);
}

static int open_instance(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err)
{
	struct instance *instance = calloc(1, sizeof(*instance));

	if (!instance)
		return ndrv_fail_errno(err, ENOMEM, "host");
	instance->host = host;
	(void)pthread_mutex_init(&instance->lock, NULL);
	*ret_self = instance;
	return 0;
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = nothing,
	.endpoint_info = endpoint_info,
	.join = join,
	.leave = nothing,
	.adopt = adopt,
	.release = release,
	.destroy = destroy,
};

NDRV_DRIVER(&ops, open_instance, .name = "host", .version = NDRV_VERSION, .vendor = "ndrv", .types = "host",
	    .threading = NDRV_THREADS_ANY, .flags = NDRV_DRIVER_UNLOADABLE, .data_scope = NDRV_SCOPE_LOCAL,
	    .connectivity_scope = NDRV_SCOPE_LOCAL,
	    .capability_flags = NDRV_CAPABILITY_NO_IPAM | NDRV_CAPABILITY_NO_LINK | NDRV_CAPABILITY_HOST_SANDBOX |
				NDRV_CAPABILITY_SINGLE_NETWORK);
