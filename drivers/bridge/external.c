/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/bridge/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the network --- */

static uint32_t flags_of(const struct net *net, int mode)
{
	const struct options *options = &net->options;
	uint32_t flags = NDRV_NAT_ISOLATE;

	if (!options->icc)
		flags |= NDRV_NAT_NO_ICC;
	if (net->internal)
		return flags | NDRV_NAT_INTERNAL;
	if (options->hairpin)
		flags |= NDRV_NAT_HAIRPIN;
	if (mode == GATEWAY_ROUTED)
		return flags | NDRV_NAT_ROUTED;
	if (mode == GATEWAY_UNPROTECTED)
		flags |= NDRV_NAT_UNPROTECTED;
	return flags | (options->masquerade ? NDRV_NAT_MASQUERADE : 0);
}

/* A host without NAT: nothing leaves the bridge with another address, and endpoints that may not reach each other are kept apart by
 * the bridge itself (link.c). */
int external_set_network(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_network *network,
			 const struct net *net)
{
	struct ndrv_nat_network want = {
		.size = sizeof(want),
		.flags = flags_of(net, net->options.mode4),
		.flags6 = flags_of(net, net->options.mode6),
		.link = net->link,
		.pool = net->pool4,
		.pool6 = net->pool6,
		.source = net->options.host4,
		.source6 = net->options.host6,
	};

	return NDRV_HAS(bridge->host, nat) ? ndrv_nat_network_set(bridge->host, call, network, &want) : 0;
}

int external_clear_network(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_network *network)
{
	return NDRV_HAS(bridge->host, nat) ? ndrv_nat_network_clear(bridge->host, call, network) : 0;
}

/* --- what is asked for --- */

static bool is_gateway(const struct ndrv_gateway_state *gateways, const struct ndrv_endpoint *endpoint, unsigned family)
{
	const char *id = !gateways ? endpoint->id : family == 4 ? gateways->gateway4 : gateways->gateway6;

	return id && !strcmp(id, endpoint->id);
}

static const struct ndrv_addr *address_of(const struct ndrv_endpoint *endpoint, unsigned family)
{
	return family == 4 ? &endpoint->address.addr : &endpoint->address6.addr;
}

/* Whether `binding` is to be reached over that family: the endpoint has an address and its sandbox's way out there, and neither of
 * the binding's own addresses is of the other one. */
static bool takes_family(const struct ndrv_endpoint *endpoint, const struct ndrv_gateway_state *gateways,
			 const struct ndrv_port_binding *binding, unsigned family)
{
	return address_of(endpoint, family)->family && is_gateway(gateways, endpoint, family) &&
	       (!binding->address.family || binding->address.family == family) &&
	       (!binding->host_address.family || binding->host_address.family == family);
}

/* The address of the host, and the families. A binding that stands for both has no address of the endpoint. */
static int settle(struct ndrv_call *call, const struct net *net, const struct ndrv_endpoint *endpoint,
		  const struct ndrv_gateway_state *gateways, struct ndrv_port_binding *binding)
{
	const struct ndrv_addr *fallback = &net->options.binding;
	const char *proto = ndrv_proto_name(binding->protocol);
	char text[NDRV_ADDR_TEXT];

	if (!binding->host_address.family && !(fallback->family == 4 && ndrv_addr_is_unspecified(fallback)))
		binding->host_address = *fallback;
	if (binding->address.family && !ndrv_addr_equal(&binding->address, address_of(endpoint, binding->address.family)))
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "port %u/%s: %s is not an address of endpoint %.64s", binding->port,
				 proto, ndrv_addr_format(&binding->address, text), endpoint->id);
	bool v4 = takes_family(endpoint, gateways, binding, 4), v6 = takes_family(endpoint, gateways, binding, 6);
	if (!v4 && !v6 && binding->host_address.family)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST,
				 "port %u/%s cannot be published on %s: endpoint %.64s has no way out over IPv%u", binding->port,
				 proto, ndrv_addr_format(&binding->host_address, text), endpoint->id, binding->host_address.family);
	if (!v4 && !v6)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "port %u/%s cannot be published: endpoint %.64s has no way out",
				 binding->port, proto, endpoint->id);
	binding->address = v4 && v6 ? (struct ndrv_addr){0} : *address_of(endpoint, v4 ? 4 : 6);
	return 0;
}

static int settle_all(struct ndrv_call *call, const struct net *net, const struct ndrv_endpoint *endpoint,
		      const struct ndrv_gateway_state *gateways, struct ndrv_port_binding *bindings, uint32_t count)
{
	int rc = 0;

	if (count && net->internal)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "network %.64s is internal: ports cannot be published", net->id);
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = settle(call, net, endpoint, gateways, &bindings[i]);
	return rc;
}

/* --- program, revoke --- */

static void *copy_of(const void *from, size_t bytes)
{
	void *copy = calloc(1, bytes ? bytes : 1);

	if (!copy)
		return NULL;
	if (bytes)
		memcpy(copy, from, bytes);
	return copy;
}

/* A port whose link is gone has nothing to be put back. */
static void hairpin_off(struct ndrv_call *call, const struct net *net, const struct ep *ep)
{
	struct ndrv_error ignored = {0}, *err = call->err;

	if (!net || !net->options.hairpin)
		return;
	call->err = &ignored;
	(void)link_set_hairpin(call, ep, false);
	call->err = err;
}

/* All of them or none; what was published before stays when it fails. */
static int replace(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_endpoint *endpoint, const struct ep *ep,
		   struct ndrv_port_binding *bindings, uint32_t count)
{
	const struct net *net = endpoint->network->priv;
	int rc = 0;

	if (!count && !ep->binding_count)
		return 0;
	if (!count) {
		hairpin_off(call, net, ep);
		return ndrv_nat_unpublish(bridge->host, call, endpoint);
	}
	if (net->options.hairpin && NDRV_HAS(bridge->host, nat))
		rc = link_set_hairpin(call, ep, true);
	if (!rc)
		rc = ndrv_nat_publish(bridge->host, call, endpoint, bindings, count);
	if (rc && !ep->binding_count)
		hairpin_off(call, net, ep);
	return rc;
}

int bridge_program_external(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			    const struct ndrv_gateway_state *gateways, const struct ndrv_value *options)
{
	const struct net *net = network->priv;
	struct ep *ep = endpoint->priv;
	struct ndrv_port_binding *asked;
	struct ndrv_transport_port *exposed;
	uint32_t count, exposed_count;
	int rc;

	if (!net || !ep)
		return ndrv_fail_object(call->err, net ? NDRV_E_NO_ENDPOINT : NDRV_E_NO_NETWORK, net ? endpoint->id : network->id);
	rc = ndrv_portmap_read(options, call->arena, &asked, &count, call->err);
	if (!rc)
		rc = ndrv_exposed_read(options, call->arena, &exposed, &exposed_count, call->err);
	if (!rc)
		rc = settle_all(call, net, endpoint, gateways, asked, count);
	if (rc)
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	struct ndrv_port_binding *bindings = copy_of(asked, count * sizeof(*asked));
	struct ndrv_transport_port *kept = copy_of(exposed, exposed_count * sizeof(*exposed));
	rc = bindings && kept ? replace(self, call, endpoint, ep, bindings, count) : ndrv_fail_errno(call->err, ENOMEM, "bridge");
	if (rc) {
		free(bindings);
		free(kept);
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	}
	free(ep->bindings);
	free(ep->exposed);
	ep->bindings = bindings;
	ep->binding_count = count;
	ep->exposed = kept;
	ep->exposed_count = exposed_count;
	return 0;
}

/* Without priv, and where something went wrong, there may be more than is known. */
int bridge_revoke_external(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	const struct bridge *bridge = self;
	struct ep *ep = endpoint->priv;
	int rc = 0;

	if (ep && ep->binding_count)
		hairpin_off(call, network->priv, ep);
	if (NDRV_HAS(bridge->host, nat) && (!ep || ep->binding_count || (call->flags & NDRV_CALL_UNDO)))
		rc = ndrv_nat_unpublish(bridge->host, call, endpoint);
	if (rc)
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	if (ep)
		ep->binding_count = ep->exposed_count = 0;
	return 0;
}

/* What was published over both families goes on over IPv4, what was over IPv6 alone goes. */
int bridge_ipv6_release(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	struct ep *ep = endpoint->priv;
	uint32_t count = 0;
	int rc;

	(void)network;
	if (!ep || !ep->binding_count)
		return 0;
	struct ndrv_port_binding *left = copy_of(ep->bindings, ep->binding_count * sizeof(*left));
	if (!left)
		return ndrv_fail_errno(call->err, ENOMEM, "bridge");
	for (uint32_t i = 0; i < ep->binding_count; i++) {
		if (left[i].address.family == 6)
			continue;
		left[count] = left[i];
		left[count++].address = endpoint->address.addr;
	}
	rc = replace(self, call, endpoint, ep, left, count);
	if (rc) {
		free(left);
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	}
	free(ep->bindings);
	ep->bindings = left;
	ep->binding_count = count;
	return 0;
}

/* --- what there is --- */

/* One entry a family, as libnetwork shows them: with the endpoint's address, and the host's or 0.0.0.0 or ::. Where a family is
 * routed there is no port of the host. */
static struct ndrv_port_binding shown(const struct net *net, const struct ndrv_endpoint *endpoint,
				      const struct ndrv_port_binding *binding, unsigned family)
{
	struct ndrv_port_binding entry = *binding;
	bool routed = (family == 4 ? net->options.mode4 : net->options.mode6) == GATEWAY_ROUTED;

	entry.address = *address_of(endpoint, family);
	if (!entry.host_address.family || routed)
		entry.host_address = (struct ndrv_addr){.family = (uint8_t)family};
	if (routed)
		entry.host_port = 0;
	entry.host_port_end = entry.host_port;
	return entry;
}

static int describe_ports(struct ndrv_call *call, const struct net *net, const struct ndrv_endpoint *endpoint,
			  struct ndrv_value *ret)
{
	const struct ep *ep = endpoint->priv;
	struct ndrv_port_binding *entries = ndrv_arena_alloc(call->arena, 2 * ep->binding_count * sizeof(*entries));
	uint32_t count = 0;

	if (!entries)
		return ndrv_fail_errno(call->err, ENOMEM, "bridge");
	for (uint32_t i = 0; i < ep->binding_count; i++)
		for (unsigned family = 4; family <= 6; family += 2)
			if (address_of(endpoint, family)->family &&
			    (!ep->bindings[i].address.family || ep->bindings[i].address.family == family))
				entries[count++] = shown(net, endpoint, &ep->bindings[i], family);
	return ndrv_portmap_write(call->arena, entries, count, ret, call->err);
}

int external_describe(struct ndrv_call *call, const struct net *net, const struct ndrv_endpoint *endpoint, struct ndrv_value *info)
{
	const struct ep *ep = endpoint->priv;
	struct ndrv_value list;
	int rc = 0;

	if (ep->exposed_count) {
		rc = ndrv_exposed_write(call->arena, ep->exposed, ep->exposed_count, &list, call->err);
		if (!rc)
			rc = ndrv_map_set(call->arena, info, NDRV_OPT_EXPOSED_PORTS, list, call->err);
	}
	if (!rc && ep->binding_count) {
		rc = describe_ports(call, net, endpoint, &list);
		if (!rc)
			rc = ndrv_map_set(call->arena, info, NDRV_OPT_PORTMAP, list, call->err);
	}
	return rc;
}
