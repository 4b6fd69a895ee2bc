/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <linux/if.h>
#include <string.h>

#include <ndrv/route.h>

void veth_name(struct ep *ep, const struct ndrv_network *network, const struct ndrv_endpoint *endpoint)
{
	ndrv_link_name(ep->outer, "nv", network->instance, network->id, endpoint->id);
	ndrv_link_name(ep->inner, "np", network->instance, network->id, endpoint->id);
}

/* A port has no use for an address of its own; the kernel gives one at "up", so that is a message of its own. */
static int start_port(struct ndrv_call *call, const struct ep *ep)
{
	struct ndrv_link_change quiet = {.no_autoaddress = 1}, up = {.up = 1};
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, call->host_nl);
	item = ndrv_link_set_batch(&batch, ep->outer, ep->outer_index, &quiet);
	if (item)
		item->ignore = EAFNOSUPPORT;
	(void)ndrv_link_set_batch(&batch, ep->outer, ep->outer_index, &up);
	rc = ndrv_nl_batch_send(&batch, call->err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

static int create(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep, int netns_fd)
{
	struct ndrv_link_peer peer = {.name = ep->inner, .mac = ep->mac, .mtu = net->mtu, .netns_fd = netns_fd};
	struct ndrv_link_spec spec = {
		.kind = "veth",
		.name = ep->outer,
		.mtu = net->mtu,
		.master = net->subnets[ep->subnet].bridge_index,
		.group = network->link_group,
		.queues = 1,
		.up = 1,
		.peer = &peer,
	};
	struct ndrv_link made;
	int rc = ndrv_link_create(call->host_nl, &spec, NULL, NULL, &made, call->err);

	if (!rc)
		ep->outer_index = made.index;
	return rc;
}

static int explain(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, const struct ep *ep,
		   int netns_fd, int rc)
{
	const struct subnet *subnet = &net->subnets[ep->subnet];
	struct ndrv_link bridge;

	if (rc == -NDRV_E_NETWORK_FULL)
		return ndrv_fail_object(call->err, NDRV_E_NETWORK_FULL, network->id);
	/* The kernel has no more than "Invalid argument" for it. */
	if (ndrv_link_get(call->host_nl, NULL, subnet->bridge_index, &bridge, NULL) == -NDRV_E_NO_LINK)
		return ndrv_fail(call->err, NDRV_E_NO_LINK,
				 "no interface %s: somebody deleted this network's bridge; delete the network and create it again",
				 subnet->bridge);
	/* The host end's name was free just now, and the kernel does not say which end it means. */
	if (rc == -NDRV_E_LINK_EXISTS && netns_fd >= 0)
		return ndrv_fail(call->err, NDRV_E_LINK_EXISTS, "interface %s already exists in the sandbox", ep->inner);
	return rc;
}

int veth_make(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep, int netns_fd)
{
	int rc = create(call, network, net, ep, netns_fd);

	/* Left by a call that was broken off: where its other end is, and with what address, nobody knows. */
	if (rc == -NDRV_E_LINK_EXISTS) {
		ndrv_error_clear(call->err);
		rc = veth_delete(call, network, ep->outer);
		if (!rc)
			rc = create(call, network, net, ep, netns_fd);
	}
	if (rc)
		return explain(call, network, net, ep, netns_fd, rc);
	rc = start_port(call, ep);
	if (rc)
		(void)ndrv_link_delete(call->host_nl, ep->outer, ep->outer_index, NULL);
	return rc;
}

int veth_delete(struct ndrv_call *call, const struct ndrv_network *network, const char *name)
{
	struct ndrv_link found;
	int rc = ndrv_link_get(call->host_nl, name, 0, &found, call->err);

	if (!rc && link_is_dead_or_ours(network, &found, "veth"))
		return ndrv_link_delete_many(call->host_nl, &found.index, 1, call->err);
	if (rc && rc != -NDRV_E_NO_LINK)
		return rc;
	ndrv_error_clear(call->err);
	return 0;
}

int veth_check(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep)
{
	struct ndrv_link_change change = {.up = 1, .master = net->subnets[ep->subnet].bridge_index};
	struct ndrv_link found;
	int rc = ndrv_link_get(call->host_nl, ep->outer, 0, &found, call->err);

	if (rc)
		return rc;
	if (!link_is_ours(network, &found, "veth"))
		return ndrv_fail(call->err, NDRV_E_NO_LINK, "no interface %s: the one of that name is not ours", ep->outer);
	ep->outer_index = found.index;
	if (!net->linked || (found.master == change.master && (found.flags & IFF_UP)))
		return 0;
	return ndrv_link_set(call->host_nl, ep->outer, found.index, &change, call->err);
}
