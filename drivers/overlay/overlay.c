/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tests build it as another version, to swap to. */
#ifndef OVERLAY_VERSION
#define OVERLAY_VERSION NDRV_VERSION
#endif

/* --- the list of networks --- */

static void net_free(struct net *net)
{
	net_detach_eps(net);
	peers_done(&net->peers);
	(void)pthread_mutex_destroy(&net->lock);
	free(net);
}

/* VNIs are unique on a host for each port, and so are pools: all are routed in one namespace. */
static int conflict(const struct net *a, const struct net *b, struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT], other[NDRV_PREFIX_TEXT];

	for (uint32_t i = 0; i < a->subnet_count; i++)
		for (uint32_t j = 0; j < b->subnet_count; j++) {
			const struct subnet *x = &a->subnets[i], *y = &b->subnets[j];
			bool v6 = ndrv_prefix_overlaps(&x->pool6, &y->pool6);

			if (x->vni == y->vni && a->port == b->port)
				return ndrv_fail(err, NDRV_E_FORBIDDEN, "vxlan id %u is in use by network %.64s", x->vni, b->id);
			if (v6 || ndrv_prefix_overlaps(&x->pool4, &y->pool4))
				return ndrv_fail(err, NDRV_E_FORBIDDEN, "pool %s overlaps with %s of network %.64s",
						 ndrv_prefix_format(v6 ? &x->pool6 : &x->pool4, text),
						 ndrv_prefix_format(v6 ? &y->pool6 : &y->pool4, other), b->id);
		}
	return 0;
}

/* In one step, so that of two networks created at once only one gets a VNI. */
static int list_add(struct overlay *overlay, struct net *net, struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&overlay->lock);
	for (const struct net *other = overlay->networks; other && !rc; other = other->next)
		rc = conflict(net, other, err);
	if (!rc) {
		net->next = overlay->networks;
		overlay->networks = net;
		net->refs = 1;
	}
	(void)pthread_mutex_unlock(&overlay->lock);
	return rc;
}

static void list_remove(struct overlay *overlay, struct net *net)
{
	struct net **at = &overlay->networks;
	bool last;

	/* Endpoints are the records', which may outlive it; whoever still looks at its peers is not concerned. */
	net_detach_eps(net);
	(void)pthread_mutex_lock(&overlay->lock);
	while (*at && *at != net)
		at = &(*at)->next;
	if (*at)
		*at = net->next;
	last = --net->refs == 0;
	(void)pthread_mutex_unlock(&overlay->lock);
	if (last)
		net_free(net);
}

struct net *net_next(struct overlay *overlay, struct net *net)
{
	struct net *next;
	bool last = false;

	(void)pthread_mutex_lock(&overlay->lock);
	next = net ? net->next : overlay->networks;
	if (next)
		next->refs++;
	if (net)
		last = --net->refs == 0;
	(void)pthread_mutex_unlock(&overlay->lock);
	if (last)
		net_free(net);
	return next;
}

/* --- networks --- */

/* Where the host has a firewall, nothing passes between the bridge and other networks or the outside: the way out is the
 * platform's. It knows one link a network, and subnets need the host's forwarding, so that networks of several are left to the
 * host's rules. */
static int guard(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, const struct net *net)
{
	struct ndrv_nat_network want = {.size = sizeof(want),
					.flags = NDRV_NAT_INTERNAL | NDRV_NAT_ISOLATE,
					.flags6 = NDRV_NAT_INTERNAL | NDRV_NAT_ISOLATE,
					.link = net->subnets[0].bridge,
					.pool = net->subnets[0].pool4,
					.pool6 = net->subnets[0].pool6};

	if (!NDRV_HAS(overlay->host, nat) || net->subnet_count > 1)
		return 0;
	return ndrv_nat_network_set(overlay->host, call, network, &want);
}

static int set_up_kernel(struct overlay *overlay, struct ndrv_call *call, struct ndrv_network *network, struct net *net)
{
	int rc = net_link(overlay, call, network, net, false);

	if (!rc)
		rc = guard(overlay, call, network, net);
	if (!rc)
		rc = ndrv_network_table_register(network, OVERLAY_TABLE, NDRV_OBJECT_ENDPOINT, call->err);
	/* A host without tables: an overlay of one host. */
	if (rc != -NDRV_E_NOT_IMPLEMENTED)
		return rc;
	ndrv_error_clear(call->err);
	return 0;
}

static struct net *net_new(struct ndrv_call *call, const struct ndrv_network *network)
{
	struct net *net = calloc(1, sizeof(*net));

	if (!net) {
		(void)ndrv_fail_errno(call->err, ENOMEM, "overlay");
		return NULL;
	}
	(void)pthread_mutex_init(&net->lock, NULL);
	(void)snprintf(net->id, sizeof(net->id), "%s", network->id);
	net_name_links(network, net);
	return net;
}

/* Creation and adoption are one: what is there and right stays, what is missing is made. */
static int network_set_up(struct overlay *overlay, struct ndrv_call *call, struct ndrv_network *network)
{
	struct ndrv_error ignored = {0}, *err = call->err;
	struct net *net = net_new(call, network);
	int rc;

	if (!net)
		return -NDRV_E_NO_SERVICE;
	rc = net_parse(overlay, call, network, net);
	if (!rc)
		rc = list_add(overlay, net, call->err);
	if (rc) {
		net_free(net);
		return ndrv_wrap(call->err, rc, "network %.64s", network->id);
	}
	rc = set_up_kernel(overlay, call, network, net);
	if (rc) {
		call->err = &ignored;
		if (!(call->flags & NDRV_CALL_RESTORE))
			(void)net_delete_links(call, network, net);
		call->err = err;
		list_remove(overlay, net);
		return ndrv_wrap(call->err, rc, "network %.64s", network->id);
	}
	network->priv = net;
	return 0;
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	return network->priv ? 0 : network_set_up(self, call, network);
}

/* Without priv there is only what a broken-off creation may have left, under the names that follow from the ids. */
static int delete_links(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net)
{
	struct net *named = net ? NULL : net_new(call, network);
	int rc;

	if (!net && !named)
		return -NDRV_E_NO_SERVICE;
	rc = net_delete_links(call, network, net ? net : named);
	/* A port whose bridge somebody took away hangs nowhere. */
	for (const struct ep *ep = net ? net->eps : NULL; ep && !rc; ep = ep->next)
		rc = veth_delete(call, network, ep->outer);
	if (named)
		net_free(named);
	return rc;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	struct overlay *overlay = self;
	struct net *net = network->priv;
	int rc, rc_nat = 0;

	if (NDRV_HAS(overlay->host, nat))
		rc_nat = ndrv_nat_network_clear(overlay->host, call, network);
	rc = delete_links(call, network, net);
	if (rc || rc_nat)
		return ndrv_wrap(call->err, rc ? rc : rc_nat, "network %.64s", network->id);
	if (net)
		list_remove(overlay, net);
	network->priv = NULL;
	return 0;
}

static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	(void)blob;
	if (endpoint)
		return overlay_endpoint_adopt(self, call, network, endpoint);
	return network->priv ? 0 : network_set_up(self, call, network);
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	struct net *net = network->priv;

	if (endpoint) {
		struct ep *ep = endpoint->priv;

		if (net && ep && ep->peer) {
			(void)pthread_mutex_lock(&net->lock);
			peers_drop(&net->peers, ep->peer);
			(void)pthread_mutex_unlock(&net->lock);
		}
		ep_free(net, ep);
		endpoint->priv = NULL;
	} else if (net) {
		list_remove(self, net);
		network->priv = NULL;
	}
}

/* --- the instance --- */

static void destroy(void *self)
{
	struct overlay *overlay = self;

	(void)pthread_mutex_destroy(&overlay->lock);
	free(overlay->nodes);
	free(overlay);
}

static int open_instance(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err)
{
	struct overlay *overlay = calloc(1, sizeof(*overlay));

	if (!overlay)
		return ndrv_fail_errno(err, ENOMEM, "overlay");
	overlay->host = host;
	overlay->port = OVERLAY_PORT;
	overlay->node_serial = 1;
	(void)pthread_mutex_init(&overlay->lock, NULL);
	*ret_self = overlay;
	return 0;
}

/* program_external is absent: ports are published by the platform's own way out. */
static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_allocate = overlay_network_allocate,
	.network_free = overlay_network_free,
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = overlay_endpoint_create,
	.endpoint_delete = overlay_endpoint_delete,
	.endpoint_info = overlay_endpoint_info,
	.join = overlay_join,
	.leave = overlay_leave,
	.event_notify = overlay_event_notify,
	.discover_new = overlay_discover_new,
	.discover_delete = overlay_discover_delete,
	.decode_table_entry = overlay_decode_table_entry,
	.ipv6_release = overlay_ipv6_release,
	.configure = overlay_configure,
	.adopt = adopt,
	.release = release,
	.destroy = destroy,
	.options = overlay_options,
};

NDRV_DRIVER(&ops, open_instance, .name = "overlay", .version = OVERLAY_VERSION, .vendor = "ndrv", .types = "overlay",
	    .threading = NDRV_THREADS_NETWORK, .flags = NDRV_DRIVER_UNLOADABLE | NDRV_DRIVER_DELETES_ENDPOINTS,
	    .wants_lo = NDRV_FEATURE_STORE | NDRV_FEATURE_TABLES | NDRV_FEATURE_NAT, .data_scope = NDRV_SCOPE_GLOBAL,
	    .connectivity_scope = NDRV_SCOPE_GLOBAL);
