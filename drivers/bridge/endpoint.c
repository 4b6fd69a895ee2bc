/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/bridge/bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static int no_network(struct ndrv_call *call, const struct ndrv_network *network)
{
	return ndrv_fail_object(call->err, NDRV_E_NO_NETWORK, network->id);
}

/* --- addresses --- */

/* libnetwork's choice, 02:42 and the IPv4 address; without one, random digits. */
static int choose_mac(struct ndrv_call *call, const struct ndrv_prefix *address, struct ndrv_mac *ret)
{
	struct ndrv_mac mac = {.set = 1, .bytes = {0x02, 0x42}};

	if (address->addr.family == 4)
		memcpy(mac.bytes + 2, address->addr.bytes, 4);
	else if (getrandom(mac.bytes + 2, 4, 0) != 4)
		return ndrv_fail_errno(call->err, errno, "choose a MAC address");
	*ret = mac;
	return 0;
}

/* An IPv6 address out of the MAC, where the caller gave none. */
static int generate_address6(struct ndrv_call *call, const struct net *net, const struct ndrv_mac *mac, struct ndrv_prefix *ret)
{
	if (net->pool6.length > 80)
		return ndrv_fail(call->err, NDRV_E_FORBIDDEN,
				 "Cannot self generate an IPv6 address on network %s: At least 48 host bits are needed.", net->id);
	*ret = net->pool6;
	memcpy(ret->addr.bytes + 10, mac->bytes, sizeof(mac->bytes));
	return 0;
}

/* What the caller fixed, and what is then left to us. */
static int settle_addresses(struct ndrv_call *call, const struct net *net, const char *eid, struct ndrv_ifinfo *ifinfo,
			    struct ep *ep)
{
	struct ndrv_prefix address = {0}, address6 = {0};
	int rc = ndrv_ifinfo_address(ifinfo, &address, call->err);

	if (!rc)
		rc = ndrv_ifinfo_address6(ifinfo, &address6, call->err);
	if (!rc)
		rc = ndrv_ifinfo_mac(ifinfo, &ep->mac, call->err);
	if (!rc && net->ipv4 && !address.addr.family)
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "endpoint %s was given no IPv4 address", eid);
	if (!rc && !ep->mac.set) {
		rc = choose_mac(call, &address, &ep->mac);
		if (!rc)
			rc = ndrv_ifinfo_set_mac(ifinfo, &ep->mac, call->err);
	}
	if (!rc && net->ipv6 && !address6.addr.family) {
		rc = generate_address6(call, net, &ep->mac, &address6);
		if (!rc)
			rc = ndrv_ifinfo_set_address(ifinfo, &address6, call->err);
	}
	return rc;
}

/* --- create, delete --- */

static struct ep *ep_new(const struct ndrv_network *network, const struct ndrv_endpoint *endpoint)
{
	struct ep *ep = calloc(1, sizeof(*ep));

	if (ep) {
		link_name(ep->outer, "nv", network, endpoint->id);
		link_name(ep->inner, "np", network, endpoint->id);
		ep->mac = endpoint->mac;
	}
	return ep;
}

static void ep_attach(struct net *net, struct ep *ep)
{
	ep->next = net->eps;
	ep->at = &net->eps;
	if (ep->next)
		ep->next->at = &ep->next;
	net->eps = ep;
	net->ports++;
}

void ep_free(struct ep *ep)
{
	if (ep && ep->at) {
		*ep->at = ep->next;
		if (ep->next)
			ep->next->at = ep->at;
	}
	if (ep) {
		free(ep->bindings);
		free(ep->exposed);
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
	}
}

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
	rc = link_make_pair(call, network, net, ep, ep->in_sandbox ? fd : -1);
	if (!rc && ep->in_sandbox)
		rc = ndrv_ifinfo_set_created_in_sandbox(ifinfo, call->err);
	return rc;
}

static int create(struct ndrv_call *call, const struct ndrv_network *network, struct net *net, const struct ndrv_endpoint *endpoint,
		  struct ndrv_ifinfo *ifinfo, struct ep *ep)
{
	int rc;

	if (net->ports >= BRIDGE_PORTS_MAX)
		return ndrv_fail_object(call->err, NDRV_E_NETWORK_FULL, network->id);
	rc = settle_addresses(call, net, endpoint->id, ifinfo, ep);
	if (!rc)
		rc = make_pair(call, network, net, ifinfo, ep);
	if (rc && ep->outer_index)
		(void)ndrv_link_delete(call->host_nl, ep->outer, ep->outer_index, NULL);
	return rc;
}

int bridge_endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
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
		return link_check_pair(call, network, net, endpoint->priv);
	rc = endpoint_options_check(self, call, options);
	if (rc)
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	ep = ep_new(network, endpoint);
	if (!ep)
		return ndrv_fail_errno(call->err, ENOMEM, "bridge");
	ep->mac = (struct ndrv_mac){0};
	rc = create(call, network, net, endpoint, ifinfo, ep);
	if (rc) {
		free(ep);
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	}
	ep_attach(net, ep);
	endpoint->priv = ep;
	return 0;
}

int bridge_endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	struct net *net = network->priv;
	struct ep *ep = endpoint->priv;
	char outer[NDRV_IFNAME_MAX];
	int rc = bridge_revoke_external(self, call, network, endpoint);

	link_name(outer, "nv", network, endpoint->id);
	if (!rc)
		rc = link_delete_ours(call, network, outer);
	if (rc)
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	if (ep && net && net->ports)
		net->ports--;
	ep_free(ep);
	endpoint->priv = NULL;
	return 0;
}

int bridge_endpoint_adopt(struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	struct net *net = network->priv;
	struct ep *ep;
	int rc;

	if (!net)
		return no_network(call, network);
	if (endpoint->priv)
		return 0;
	ep = ep_new(network, endpoint);
	if (!ep)
		return ndrv_fail_errno(call->err, ENOMEM, "bridge");
	rc = link_check_pair(call, network, net, ep);
	if (rc) {
		free(ep);
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	}
	ep_attach(net, ep);
	endpoint->priv = ep;
	return 0;
}

int bridge_endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info)
{
	struct ep *ep = endpoint->priv;
	struct ndrv_value info = {.type = NDRV_MAP};
	char *mac;
	int rc;

	(void)self;
	if (!network->priv)
		return no_network(call, network);
	if (!ep)
		return ndrv_fail_object(call->err, NDRV_E_NO_ENDPOINT, endpoint->id);
	mac = ndrv_arena_alloc(call->arena, NDRV_MAC_TEXT);
	if (!mac)
		return ndrv_fail_errno(call->err, ENOMEM, "bridge");
	(void)ndrv_mac_format(&ep->mac, mac);
	rc = ndrv_map_set(call->arena, &info, NDRV_OPT_MAC, ndrv_string(mac), call->err);
	if (!rc)
		rc = external_describe(call, network->priv, endpoint, &info);
	if (!rc)
		*ret_info = info;
	return rc;
}

/* --- join, leave --- */

static int tell_neighbour(struct ndrv_call *call, const struct net *net, struct ndrv_join *join, const struct ndrv_addr *gateway,
			  const struct ndrv_prefix *own)
{
	/* Only where the gateway is the bridge itself do we know its MAC. */
	if (!gateway->family || !own->addr.family || !ndrv_addr_equal(gateway, &own->addr) || net->foreign)
		return 0;
	return ndrv_join_set_neighbour(join, gateway, &net->mac, call->err);
}

static int tell_gateways(struct ndrv_call *call, const struct net *net, struct ndrv_join *join)
{
	int rc = 0;

	/* An internal network has no way out, and none is to be made for it. */
	if (net->internal)
		return ndrv_join_disable_gateway_service(join, call->err);
	if (net->default4.family)
		rc = ndrv_join_set_gateway(join, &net->default4, call->err);
	if (!rc && net->default6.family)
		rc = ndrv_join_set_gateway6(join, &net->default6, call->err);
	if (!rc)
		rc = tell_neighbour(call, net, join, &net->default4, &net->gateway4);
	if (!rc)
		rc = tell_neighbour(call, net, join, &net->default6, &net->gateway6);
	return rc;
}

int bridge_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	const struct net *net = network->priv;
	const struct ep *ep = endpoint->priv;
	const char *exact = "";
	int rc;

	(void)self, (void)sandbox_key, (void)sandbox_options;
	if (!net)
		return no_network(call, network);
	if (!ep)
		return ndrv_fail_object(call->err, NDRV_E_NO_ENDPOINT, endpoint->id);
	if (!join)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid join info passed");
	rc = ndrv_map_string(endpoint_options, NDRV_OPT_IFNAME, &exact, call->err);
	if (rc < 0)
		return rc;
	if (ep->in_sandbox)
		exact = ep->inner;
	rc = ndrv_join_set_names(join, ep->inner, net->options.prefix, exact, call->err);
	if (!rc)
		rc = tell_gateways(call, net, join);
	if (!rc)
		rc = ndrv_join_add_wait_link(join, ep->outer_index, call->err);
	if (!rc)
		rc = ndrv_join_add_wait_link(join, net->index, call->err);
	return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
}

/* The pair stays until the endpoint is deleted, so that it may join again. */
int bridge_leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	return bridge_revoke_external(self, call, network, endpoint);
}
