/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/bridge/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Tests build it as another version, to swap to. */
#ifndef BRIDGE_VERSION
#define BRIDGE_VERSION NDRV_VERSION
#endif

/* --- the list of networks --- */

/* libnetwork's sentence and reasons. */
static int conflict(const struct net *a, const struct net *b, struct ndrv_error *err)
{
	const char *why = NULL;

	if (!strcmp(a->link, b->link))
		why = "networks have same bridge name";
	else if (a->ipv4 && b->ipv4 && ndrv_prefix_overlaps(&a->pool4, &b->pool4))
		why = "networks have overlapping IPv4";
	else if (a->ipv6 && b->ipv6 && ndrv_prefix_overlaps(&a->pool6, &b->pool6))
		why = "networks have overlapping IPv6";
	if (!why)
		return 0;
	return ndrv_fail(err, NDRV_E_FORBIDDEN, "cannot create network %.64s (%s): conflicts with network %.64s (%s): %s", a->id,
			 a->link, b->id, b->link, why);
}

/* In one step, so that of two networks created at once only one gets a pool or a name. */
static int list_add(struct bridge *bridge, struct net *net, struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&bridge->lock);
	for (const struct net *other = bridge->networks; other && !rc; other = other->next)
		rc = conflict(net, other, err);
	if (!rc) {
		net->next = bridge->networks;
		bridge->networks = net;
	}
	(void)pthread_mutex_unlock(&bridge->lock);
	return rc;
}

static void list_remove_and_free(struct bridge *bridge, struct net *net)
{
	struct net **at = &bridge->networks;

	(void)pthread_mutex_lock(&bridge->lock);
	while (*at && *at != net)
		at = &(*at)->next;
	if (*at)
		*at = net->next;
	(void)pthread_mutex_unlock(&bridge->lock);
	net_detach_eps(net);
	free(net);
}

/* --- networks --- */

/* A network that was there before is not lost because the firewall cannot be told just now; a new one is not half made. */
static int open_to_outside(struct bridge *bridge, struct ndrv_call *call, const struct ndrv_network *network, const struct net *net)
{
	struct ndrv_error ignored = {0}, *err = call->err;
	int rc = external_set_network(bridge, call, network, net);

	if (!rc)
		return 0;
	if (call->flags & NDRV_CALL_RESTORE) {
		ndrv_log(bridge->host, NDRV_LOG_ERROR, "network %.64s goes without NAT and ports for now: %s", net->id,
			 err ? err->text : "");
		ndrv_error_clear(err);
		return 0;
	}
	call->err = &ignored;
	(void)link_delete_bridge(call, network, net);
	(void)external_clear_network(bridge, call, network);
	call->err = err;
	return rc;
}

/* Creation and adoption are one: what is there and right stays, what is missing is made. */
static int network_set_up(struct bridge *bridge, struct ndrv_call *call, struct ndrv_network *network)
{
	struct net *net = calloc(1, sizeof(*net));
	int rc;

	if (!net)
		return ndrv_fail_errno(call->err, ENOMEM, "bridge");
	rc = net_parse(bridge, call, network, net);
	if (rc) {
		free(net);
		return rc;
	}
	if (net->options.bridge_name[0])
		memcpy(net->link, net->options.bridge_name, sizeof(net->link));
	else
		link_name(net->link, "nb", network, "");
	rc = list_add(bridge, net, call->err);
	if (rc) {
		free(net);
		return rc;
	}
	rc = link_make_bridge(call, network, net);
	if (!rc)
		rc = open_to_outside(bridge, call, network, net);
	if (rc) {
		list_remove_and_free(bridge, net);
		return ndrv_wrap(call->err, rc, "network %.64s", network->id);
	}
	network->priv = net;
	return 0;
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	return network->priv ? 0 : network_set_up(self, call, network);
}

/* Without priv there is only what a broken-off creation may have left: the bridge, under the name its options give it. */
static int network_clean_up(struct bridge *bridge, struct ndrv_call *call, struct ndrv_network *network)
{
	struct ndrv_error ignored = {0}, *err = call->err;
	struct net net = {0};

	call->err = &ignored;
	(void)net_parse(NULL, call, network, &net);
	call->err = err;
	if (net.options.bridge_name[0])
		memcpy(net.link, net.options.bridge_name, sizeof(net.link));
	else
		link_name(net.link, "nb", network, "");
	/* A failed creation may have failed because another network of ours has that bridge. */
	(void)pthread_mutex_lock(&bridge->lock);
	for (const struct net *other = bridge->networks; other; other = other->next)
		if (!strcmp(other->link, net.link))
			net.link[0] = '\0';
	(void)pthread_mutex_unlock(&bridge->lock);
	return net.link[0] ? link_delete_bridge(call, network, &net) : 0;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	struct bridge *bridge = self;
	struct net *net = network->priv;
	int rc;

	/* When this fails, the host goes on trying: nothing is to depend on it. */
	(void)external_clear_network(bridge, call, network);
	ndrv_error_clear(call->err);
	rc = net ? link_delete_bridge(call, network, net) : network_clean_up(bridge, call, network);
	if (rc)
		return ndrv_wrap(call->err, rc, "network %.64s", network->id);
	if (net)
		list_remove_and_free(bridge, net);
	network->priv = NULL;
	return 0;
}

static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	(void)blob;
	if (endpoint)
		return bridge_endpoint_adopt(call, network, endpoint);
	return network->priv ? 0 : network_set_up(self, call, network);
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	if (endpoint) {
		struct net *net = network->priv;
		if (endpoint->priv && net && net->ports)
			net->ports--;
		ep_free(endpoint->priv);
		endpoint->priv = NULL;
	} else if (network->priv) {
		list_remove_and_free(self, network->priv);
		network->priv = NULL;
	}
}

/* --- the instance --- */

static void destroy(void *self)
{
	struct bridge *bridge = self;

	(void)pthread_mutex_destroy(&bridge->lock);
	free(bridge);
}

static int open_instance(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err)
{
	struct bridge *bridge = calloc(1, sizeof(*bridge));

	if (!bridge)
		return ndrv_fail_errno(err, ENOMEM, "bridge");
	bridge->host = host;
	(void)pthread_mutex_init(&bridge->lock, NULL);
	*ret_self = bridge;
	return 0;
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = bridge_endpoint_create,
	.endpoint_delete = bridge_endpoint_delete,
	.endpoint_info = bridge_endpoint_info,
	.join = bridge_join,
	.leave = bridge_leave,
	.program_external = bridge_program_external,
	.revoke_external = bridge_revoke_external,
	.gw_alloc_check = bridge_gw_alloc_check,
	.ipv6_release = bridge_ipv6_release,
	.configure = bridge_configure,
	.adopt = adopt,
	.release = release,
	.destroy = destroy,
	.options = bridge_options,
};

NDRV_DRIVER(&ops, open_instance, .name = "bridge", .version = BRIDGE_VERSION, .vendor = "ndrv", .types = "bridge",
	    .threading = NDRV_THREADS_NETWORK, .flags = NDRV_DRIVER_UNLOADABLE | NDRV_DRIVER_DELETES_ENDPOINTS,
	    .data_scope = NDRV_SCOPE_LOCAL, .connectivity_scope = NDRV_SCOPE_LOCAL, .wants_lo = (uint32_t)NDRV_FEATURE_NAT);
