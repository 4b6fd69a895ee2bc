/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEERS_SHOWN_MAX 256

int no_network(struct ndrv_call *call, const struct ndrv_network *network)
{
	return ndrv_fail_object(call->err, NDRV_E_NO_NETWORK, network->id);
}

/* --- the list --- */

static void ep_attach(struct net *net, struct ep *ep)
{
	ep->next = net->eps;
	ep->at = &net->eps;
	if (ep->next)
		ep->next->at = &ep->next;
	net->eps = ep;
	net->subnets[ep->subnet].ports++;
}

void ep_free(struct net *net, struct ep *ep)
{
	if (ep && ep->at) {
		*ep->at = ep->next;
		if (ep->next)
			ep->next->at = ep->at;
		if (net)
			net->subnets[ep->subnet].ports--;
	}
	free(ep);
}

void net_detach_eps(struct net *net)
{
	while (net->eps) {
		struct ep *ep = net->eps;

		net->eps = ep->next;
		ep->next = NULL;
		ep->at = NULL;
		ep->peer = NULL;
	}
}

/* --- addresses --- */

/* libnetwork's choice, 02:42 and the IPv4 address: the same wherever the endpoint goes. Of an IPv6 address its end. */
static struct ndrv_mac choose_mac(const struct ndrv_addr *address, const struct ndrv_addr *address6)
{
	struct ndrv_mac mac = {.set = 1, .bytes = {0x02, 0x42}};

	if (address->family) {
		memcpy(mac.bytes + 2, address->bytes, 4);
		return mac;
	}
	mac.bytes[0] = 0x06;
	memcpy(mac.bytes + 1, address6->bytes + 11, 5);
	return mac;
}

static int settle_addresses(struct ndrv_call *call, const struct net *net, struct ndrv_ifinfo *ifinfo, struct ep *ep)
{
	struct ndrv_prefix address = {0}, address6 = {0};
	int rc = ndrv_ifinfo_address(ifinfo, &address, call->err);

	if (!rc)
		rc = ndrv_ifinfo_address6(ifinfo, &address6, call->err);
	if (!rc)
		rc = ndrv_ifinfo_mac(ifinfo, &ep->mac, call->err);
	if (!rc && ((net->ipv4 && !address.addr.family) || (!net->ipv4 && !address6.addr.family)))
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "create endpoint was not passed interface IP address");
	if (!rc)
		rc = net_subnet(net, &address.addr, &address6.addr, &ep->subnet, call->err);
	if (rc)
		return rc;
	ep->address = address.addr;
	ep->address6 = address6.addr;
	if (ep->mac.set)
		return 0;
	ep->mac = choose_mac(&address.addr, &address6.addr);
	return ndrv_ifinfo_set_mac(ifinfo, &ep->mac, call->err);
}

/* --- create, delete --- */

/* In the sandbox, under its final name, where both are known; else both ends here, for the platform to move one. */
static int make_pair(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ndrv_ifinfo *ifinfo,
		     struct ep *ep)
{
	const char *path = "", *ifname = "";
	int fd = -1, rc = ndrv_ifinfo_netns(ifinfo, &path, &fd, call->err);

	if (!rc)
		rc = ndrv_ifinfo_ifname(ifinfo, &ifname, call->err);
	if (rc)
		return rc;
	ep->in_sandbox = fd >= 0 && ifname[0];
	if (ep->in_sandbox)
		(void)snprintf(ep->inner, sizeof(ep->inner), "%s", ifname);
	rc = veth_make(call, network, net, ep, ep->in_sandbox ? fd : -1);
	if (rc || !ep->in_sandbox)
		return rc;
	rc = ndrv_ifinfo_set_created_in_sandbox(ifinfo, call->err);
	if (rc)
		(void)ndrv_link_delete(call->host_nl, ep->outer, ep->outer_index, NULL);
	return rc;
}

static int create(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, struct net *net,
		  struct ndrv_ifinfo *ifinfo, struct ep *ep)
{
	int rc = settle_addresses(call, net, ifinfo, ep);

	if (!rc)
		rc = net_link(overlay, call, network, net, true);
	if (!rc && net->subnets[ep->subnet].ports + 1 >= BRIDGE_PORTS_MAX)
		rc = ndrv_fail_object(call->err, NDRV_E_NETWORK_FULL, network->id);
	return rc ? rc : make_pair(call, network, net, ifinfo, ep);
}

int overlay_endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			    struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	struct net *net = network->priv;
	struct ep *ep;
	int rc;

	if (!net)
		return no_network(call, network);
	if (!ifinfo)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid interface info passed");
	if (endpoint->priv)
		return veth_check(call, network, net, endpoint->priv);
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return ndrv_fail_errno(call->err, ENOMEM, "overlay");
	veth_name(ep, network, endpoint);
	rc = endpoint_options_check(self, call, options);
	if (!rc)
		rc = create(self, call, network, net, ifinfo, ep);
	if (rc) {
		free(ep);
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	}
	ep_attach(net, ep);
	endpoint->priv = ep;
	return 0;
}

/* --- as a peer --- */

/* What the tables say of its addresses does not count while it is here. */
static void enter_peer(struct overlay *overlay, struct ndrv_call *call, struct net *net, struct ep *ep, const char *eid)
{
	struct peer_facts facts = {(uint8_t)ep->subnet, ep->address, ep->address6, ep->mac, {0}};
	struct ndrv_error why = {0}, *err = call->err;
	int rc;

	call->err = &why;
	(void)pthread_mutex_lock(&net->lock);
	ep->peer = peers_put(&net->peers, eid, "", true, 0, &facts);
	rc = ep->peer ? net_program(call, net) : ndrv_fail_errno(&why, ENOMEM, "overlay");
	(void)pthread_mutex_unlock(&net->lock);
	call->err = err;
	if (rc)
		ndrv_log(overlay->host, NDRV_LOG_WARNING, "network %.64s: endpoint %.64s: %s", net->id, eid, why.text);
}

static void remove_peer(struct overlay *overlay, struct ndrv_call *call, struct net *net, struct ep *ep)
{
	struct ndrv_error why = {0}, *err = call->err;
	int rc = 0;

	if (!ep || !ep->peer)
		return;
	call->err = &why;
	(void)pthread_mutex_lock(&net->lock);
	peers_drop(&net->peers, ep->peer);
	ep->peer = NULL;
	rc = net_program(call, net);
	(void)pthread_mutex_unlock(&net->lock);
	call->err = err;
	if (rc)
		ndrv_log(overlay->host, NDRV_LOG_WARNING, "network %.64s: %s", net->id, why.text);
}

int overlay_endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	struct net *net = network->priv;
	struct ep *ep = endpoint->priv, named = {0};
	int rc;

	veth_name(&named, network, endpoint);
	rc = veth_delete(call, network, named.outer);
	if (rc)
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	if (net)
		remove_peer(self, call, net, ep);
	ep_free(net, ep);
	endpoint->priv = NULL;
	return 0;
}

int overlay_endpoint_adopt(struct overlay *overlay, struct ndrv_call *call, struct ndrv_network *network,
			   struct ndrv_endpoint *endpoint)
{
	struct net *net = network->priv;
	struct ep *ep;
	int rc;

	if (!net)
		return no_network(call, network);
	if (endpoint->priv)
		return 0;
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return ndrv_fail_errno(call->err, ENOMEM, "overlay");
	veth_name(ep, network, endpoint);
	ep->address = endpoint->address.addr;
	ep->address6 = endpoint->address6.addr;
	ep->mac = endpoint->mac;
	rc = net_subnet(net, &ep->address, &ep->address6, &ep->subnet, call->err);
	if (!rc)
		rc = veth_check(call, network, net, ep);
	if (rc) {
		free(ep);
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	}
	ep_attach(net, ep);
	endpoint->priv = ep;
	if (endpoint->sandbox_key && endpoint->sandbox_key[0])
		enter_peer(overlay, call, net, ep, endpoint->id);
	return 0;
}

/* --- join, leave --- */

static int publish(struct overlay *overlay, struct ndrv_call *call, const struct net *net, const struct ep *ep,
		   const struct ndrv_endpoint *endpoint, struct ndrv_join *join)
{
	const struct subnet *subnet = &net->subnets[ep->subnet];
	struct row row = {.mac = ep->mac, .vtep = net->vtep};
	uint8_t bytes[ROW_MAX];
	bool first;
	int rc;

	if (ep->address.family)
		row.address = (struct ndrv_prefix){ep->address, subnet->pool4.length};
	if (ep->address6.family)
		row.address6 = (struct ndrv_prefix){ep->address6, subnet->pool6.length};
	rc = ndrv_join_add_table_entry(join, OVERLAY_TABLE, endpoint->id, bytes, row_encode(&row, bytes), call->err);
	if (rc != -NDRV_E_NOT_IMPLEMENTED)
		return rc;
	/* A host without tables: an overlay of one host, or of peers told by other means. */
	ndrv_error_clear(call->err);
	(void)pthread_mutex_lock(&overlay->lock);
	first = !overlay->told_no_tables;
	overlay->told_no_tables = true;
	(void)pthread_mutex_unlock(&overlay->lock);
	if (first)
		ndrv_log(overlay->host, NDRV_LOG_WARNING, "this host has no tables: other hosts are not told of endpoints");
	return 0;
}

/* The other subnets of the network, by way of the own one's gateway, which is this host. */
static int tell_routes(struct ndrv_call *call, const struct net *net, const struct ep *ep, struct ndrv_join *join)
{
	const struct subnet *own = &net->subnets[ep->subnet];
	int rc = 0;

	for (uint32_t i = 0; i < net->subnet_count && !rc; i++) {
		const struct subnet *other = &net->subnets[i];
		struct ndrv_route route = {.destination = other->pool4, .next_hop = own->gateway4.addr};

		if (i == ep->subnet)
			continue;
		if (ep->address.family && own->gateway4.addr.family)
			rc = ndrv_join_add_static_route(join, &route, call->err);
		route = (struct ndrv_route){.destination = other->pool6, .next_hop = own->gateway6.addr};
		if (!rc && ep->address6.family && own->gateway6.addr.family)
			rc = ndrv_join_add_static_route(join, &route, call->err);
	}
	if (!rc && own->gateway4.addr.family && ep->address.family)
		rc = ndrv_join_set_neighbour(join, &own->gateway4.addr, &own->mac, call->err);
	if (!rc && own->gateway6.addr.family && ep->address6.family)
		rc = ndrv_join_set_neighbour(join, &own->gateway6.addr, &own->mac, call->err);
	/* Otherwise the platform gives the sandbox a way out, as it does with libnetwork's overlay. */
	return !rc && net->internal ? ndrv_join_disable_gateway_service(join, call->err) : rc;
}

static int tell_links(struct ndrv_call *call, const struct net *net, const struct ep *ep, struct ndrv_join *join,
		      const struct ndrv_value *options)
{
	const struct subnet *subnet = &net->subnets[ep->subnet];
	const uint32_t waits[] = {ep->outer_index, subnet->bridge_index, subnet->vxlan_index};
	const char *exact = "";
	int rc = ndrv_map_string(options, NDRV_OPT_IFNAME, &exact, call->err);

	if (rc < 0)
		return rc;
	rc = ndrv_join_set_names(join, ep->inner, net->prefix, ep->in_sandbox ? ep->inner : exact, call->err);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits) && !rc; i++)
		rc = ndrv_join_add_wait_link(join, waits[i], call->err);
	return rc;
}

int overlay_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		 const struct ndrv_value *sandbox_options)
{
	struct net *net = network->priv;
	struct ep *ep = endpoint->priv;
	int rc;

	(void)sandbox_key, (void)sandbox_options;
	if (!net)
		return no_network(call, network);
	if (!ep)
		return ndrv_fail_object(call->err, NDRV_E_NO_ENDPOINT, endpoint->id);
	if (!join)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid join info passed");
	/* The node's address may have changed since. */
	rc = net_link(self, call, network, net, true);
	if (!rc)
		rc = tell_links(call, net, ep, join, endpoint_options);
	if (!rc)
		rc = tell_routes(call, net, ep, join);
	if (!rc)
		rc = publish(self, call, net, ep, endpoint, join);
	if (!rc && !ep->peer)
		enter_peer(self, call, net, ep, endpoint->id);
	return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
}

/* The pair stays until the endpoint is deleted, so that it may join again. Its row is taken back by the host. */
int overlay_leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	if (network->priv)
		remove_peer(self, call, network->priv, endpoint->priv);
	return 0;
}

int overlay_ipv6_release(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	struct net *net = network->priv;
	struct ep *ep = endpoint->priv;

	if (!net || !ep || !ep->address.family)
		return 0;
	ep->address6 = (struct ndrv_addr){0};
	if (ep->peer) {
		remove_peer(self, call, net, ep);
		enter_peer(self, call, net, ep, endpoint->id);
	}
	return 0;
}

/* --- what is known of it --- */

struct show {
	struct ndrv_call *call;
	const struct net *net;
	struct ndrv_value list;
	uint32_t shown;
	int rc;
};

static void set_text(struct show *show, struct ndrv_value *map, const char *key, const char *text)
{
	char *copy = show->rc || !text[0] ? NULL : ndrv_arena_strdup(show->call->arena, text);

	if (copy)
		show->rc = ndrv_map_set(show->call->arena, map, key, ndrv_string(copy), show->call->err);
	else if (text[0] && !show->rc)
		show->rc = ndrv_fail_errno(show->call->err, ENOMEM, "overlay");
}

static void show_peer(struct peer *peer, void *data)
{
	struct show *show = data;
	struct ndrv_value map = {.type = NDRV_MAP};
	char text[NDRV_ADDR_TEXT];

	if (peer->local || show->rc || show->shown == PEERS_SHOWN_MAX)
		return;
	show->shown++;
	set_text(show, &map, "endpoint", peer->key);
	set_text(show, &map, "address", ndrv_addr_format(&peer->facts.address, text));
	set_text(show, &map, "address6", ndrv_addr_format(&peer->facts.address6, text));
	set_text(show, &map, "mac", ndrv_mac_format(&peer->facts.mac, text));
	set_text(show, &map, "Host IP", ndrv_addr_format(&peer->facts.vtep, text));
	set_text(show, &map, "owner", peer->owner);
	if (!show->rc)
		show->rc =
			ndrv_map_set(show->call->arena, &map, "active", ndrv_bool(peer->in & PEER_BIT(PEER_MAC)), show->call->err);
	if (!show->rc)
		show->rc = ndrv_list_add(show->call->arena, &show->list, map, show->call->err);
}

int overlay_endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			  struct ndrv_value *ret_info)
{
	struct net *net = network->priv;
	struct ep *ep = endpoint->priv;
	struct show show = {.call = call, .net = net, .list = {.type = NDRV_LIST}};
	struct ndrv_value info = {.type = NDRV_MAP};
	char text[NDRV_ADDR_TEXT];
	uint32_t total;

	(void)self;
	if (!net)
		return no_network(call, network);
	if (!ep)
		return ndrv_fail_object(call->err, NDRV_E_NO_ENDPOINT, endpoint->id);
	(void)pthread_mutex_lock(&net->lock);
	peers_each(&net->peers, show_peer, &show);
	total = net->peers.count - net->peers.local_count;
	(void)pthread_mutex_unlock(&net->lock);
	set_text(&show, &info, NDRV_OPT_MAC, ndrv_mac_format(&ep->mac, text));
	set_text(&show, &info, "Host IP", ndrv_addr_format(&net->vtep, text));
	if (!show.rc)
		show.rc = ndrv_map_set(call->arena, &info, "vni", ndrv_int(net->subnets[ep->subnet].vni), call->err);
	if (!show.rc)
		show.rc = ndrv_map_set(call->arena, &info, "peer_count", ndrv_int(total), call->err);
	if (!show.rc)
		show.rc = ndrv_map_set(call->arena, &info, "peers", show.list, call->err);
	if (!show.rc)
		*ret_info = info;
	return show.rc;
}
