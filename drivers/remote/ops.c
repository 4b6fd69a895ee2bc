/* SPDX-License-Identifier: Apache-2.0 */
/* Ops on networks and on the plugin itself, and the table of all. */
#include <string.h>

#include "drivers/remote/remote.h"

/* A network's priv: the plugin refused it and so has nothing of it. */
static int absent_mark;
#define ABSENT ((void *)&absent_mark)

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	struct wire_request request = {.network = network->id, .ipv4 = network->ipv4, .ipv6 = network->ipv6};
	struct outcome outcome;

	if (network->options)
		request.options = *network->options;
	network->priv = NULL;
	int rc = plugin_call(self, call, WIRE_CREATE_NETWORK, &request, 0, &outcome);
	if (rc && outcome.refused && !outcome.reply.maskable)
		network->priv = ABSENT;
	return rc;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	const struct wire_request request = {.network = network->id};
	struct outcome outcome;

	if ((call->flags & NDRV_CALL_UNDO) && network->priv == ABSENT)
		return 0;
	return plugin_call(self, call, WIRE_DELETE_NETWORK, &request, 0, &outcome);
}

/* libnetwork uses what comes with an error, too; here an error is an error. */
static int network_allocate(void *self, struct ndrv_call *call, const char *nid, const struct ndrv_value *options,
			    const struct ndrv_ipam_list *ipv4, const struct ndrv_ipam_list *ipv6, struct ndrv_value *ret_options)
{
	struct wire_request request = {.network = nid};
	struct outcome outcome;

	if (options)
		request.options = *options;
	if (ipv4)
		request.ipv4 = *ipv4;
	if (ipv6)
		request.ipv6 = *ipv6;
	int rc = plugin_call(self, call, WIRE_ALLOCATE_NETWORK, &request, 0, &outcome);
	if (!rc)
		*ret_options = outcome.reply.options;
	if (!rc && ret_options->type == NDRV_NULL)
		ret_options->type = NDRV_MAP;
	return rc;
}

static int network_free(void *self, struct ndrv_call *call, const char *nid)
{
	const struct wire_request request = {.network = nid};
	struct outcome outcome;

	return plugin_call(self, call, WIRE_FREE_NETWORK, &request, 0, &outcome);
}

/* Only where the plugin said that it wants to be asked. */
static int gw_alloc_check(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip)
{
	const struct plugin *plugin = self;
	struct wire_request request = {.network = ""};
	struct outcome outcome;

	*ret_skip = 0;
	if (!plugin->gw_alloc_checker)
		return 0;
	if (options)
		request.options = *options;
	int rc = plugin_call(self, call, WIRE_GW_ALLOC_CHECK, &request, 0, &outcome);
	if (!rc)
		*ret_skip =
			(outcome.reply.skip_ipv4 ? NDRV_SKIP_GATEWAY4 : 0u) | (outcome.reply.skip_ipv6 ? NDRV_SKIP_GATEWAY6 : 0u);
	return rc;
}

/* The protocol has nodes and nothing else: keys and data stores stay here, as in libnetwork. */
static int discover_node(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery, enum wire_method method)
{
	struct wire_request request = {.node = {.type = 1,
						.address = discovery->address,
						.bind_address = discovery->bind_address,
						.self = discovery->self != 0}};
	struct outcome outcome;

	if (discovery->type != NDRV_DISCOVER_NODE)
		return 0;
	return plugin_call(self, call, method, &request, CALL_404_FINE, &outcome);
}

static int discover_new(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	return discover_node(self, call, discovery, WIRE_DISCOVER_NEW);
}

static int discover_delete(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	return discover_node(self, call, discovery, WIRE_DISCOVER_DELETE);
}

/* Docker tells a plugin nothing again after a restart of either side: what there is the plugin remembers itself. */
static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	(void)self, (void)call, (void)network, (void)endpoint, (void)blob;
	return 0;
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)network, (void)endpoint;
}

static void destroy(void *self)
{
	plugin_free(self);
}

const struct ndrv_ops plugin_ops = {
	.size = sizeof(plugin_ops),
	.network_allocate = network_allocate,
	.network_free = network_free,
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = remote_endpoint_create,
	.endpoint_delete = remote_endpoint_delete,
	.endpoint_info = remote_endpoint_info,
	.join = remote_join,
	.leave = remote_leave,
	.program_external = remote_program,
	.revoke_external = remote_revoke,
	.discover_new = discover_new,
	.discover_delete = discover_delete,
	.gw_alloc_check = gw_alloc_check,
	.adopt = adopt,
	.release = release,
	/* No health: a plugin that is down is not this driver's illness, and putting another generation of it back would not help.
	 */
	.destroy = destroy,
};
