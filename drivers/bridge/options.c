/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/bridge/bridge.h"

#include <stdio.h>
#include <string.h>

#define AT(member) (uint32_t) offsetof(struct options, member)
#define MTU_MIN_IPV6 1280

#define GATEWAY_MODES "nat|nat-unprotected|routed|isolated"

/* What needs NAT (masquerade, addresses of published ports) is checked here, and takes effect where the host offers it. */
static const struct ndrv_option network_options[] = {
	{.name = "com.docker.network.bridge.name",
	 .type = NDRV_OPTION_IFNAME,
	 .offset = AT(bridge_name),
	 .doc = "Name of the bridge. One that exists already is used as it is and never deleted."},
	{.name = "com.docker.network.bridge.enable_icc",
	 .type = NDRV_OPTION_BOOL,
	 .offset = AT(icc),
	 .fallback = "true",
	 .doc = "Whether endpoints of the network reach each other."},
	{.name = "com.docker.network.bridge.enable_ip_masquerade",
	 .type = NDRV_OPTION_BOOL,
	 .offset = AT(masquerade),
	 .fallback = "true",
	 .doc = "Whether traffic to the outside gets the host's address."},
	{.name = "com.docker.network.bridge.gateway_mode_ipv4",
	 .type = NDRV_OPTION_CHOICE,
	 .offset = AT(mode4),
	 .choices = GATEWAY_MODES,
	 .fallback = "nat",
	 .doc = "How IPv4 meets the outside: translated, with published ports alone open; translated, with all ports open; routed "
		"as it is, with published ports alone open; or, in an internal network, with no address of the bridge at all."},
	{.name = "com.docker.network.bridge.gateway_mode_ipv6",
	 .type = NDRV_OPTION_CHOICE,
	 .offset = AT(mode6),
	 .choices = GATEWAY_MODES,
	 .fallback = "nat",
	 .doc = "The same for IPv6."},
	{.name = "com.docker.network.bridge.hairpin",
	 .type = NDRV_OPTION_BOOL,
	 .offset = AT(hairpin),
	 .fallback = "true",
	 .doc = "Whether endpoints reach themselves and each other through published ports of the host."},
	{.name = "com.docker.network.bridge.inhibit_ipv4",
	 .type = NDRV_OPTION_BOOL,
	 .offset = AT(inhibit_ipv4),
	 .fallback = "false",
	 .doc = "Whether the bridge goes without its IPv4 address."},
	{.name = "com.docker.network.bridge.default_bridge",
	 .type = NDRV_OPTION_BOOL,
	 .offset = AT(default_bridge),
	 .fallback = "false",
	 .doc = "Marks Docker's default network. Without effect."},
	{.name = "com.docker.network.bridge.mcast_snooping",
	 .type = NDRV_OPTION_BOOL,
	 .offset = AT(mcast_snooping),
	 .fallback = "true",
	 .doc = "Whether the bridge tracks multicast groups. Off saves work in networks of hundreds of endpoints."},
	{.name = "com.docker.network.bridge.host_binding_ipv4",
	 .type = NDRV_OPTION_ADDR,
	 .offset = AT(binding),
	 .doc = "Address of the host, of either family, for ports that are published without one. 0.0.0.0: all of both families."},
	{.name = "com.docker.network.host_ipv4",
	 .type = NDRV_OPTION_ADDR4,
	 .offset = AT(host4),
	 .doc = "Address outgoing IPv4 traffic gets instead of the outgoing interface's."},
	{.name = "com.docker.network.host_ipv6",
	 .type = NDRV_OPTION_ADDR6,
	 .offset = AT(host6),
	 .doc = "Address outgoing IPv6 traffic gets instead of the outgoing interface's."},
	{.name = NDRV_OPT_MTU,
	 .type = NDRV_OPTION_INT,
	 .offset = AT(mtu),
	 .minimum = 0,
	 .maximum = 65535,
	 .doc = "MTU of the bridge and of the endpoints' interfaces. 0: the kernel's default."},
	{.name = NDRV_OPT_IFACE_PREFIX,
	 .type = NDRV_OPTION_IFNAME,
	 .offset = AT(prefix),
	 .fallback = "eth",
	 .doc = "Beginning of interface names in the sandbox; a number follows."},
};

static const struct ndrv_option endpoint_options[] = {
	{.name = NDRV_OPT_IFNAME, .type = NDRV_OPTION_IFNAME, .doc = "Name of the interface in the sandbox."},
};

#define COUNT(table) (uint32_t)(sizeof(table) / sizeof((table)[0]))

int bridge_options(void *self, uint32_t which, struct ndrv_option_list *ret)
{
	(void)self;
	*ret = (struct ndrv_option_list){.element_size = sizeof(struct ndrv_option)};
	if (which == NDRV_OPTIONS_NETWORK)
		ret->items = network_options, ret->count = COUNT(network_options);
	if (which == NDRV_OPTIONS_ENDPOINT)
		ret->items = endpoint_options, ret->count = COUNT(endpoint_options);
	return 0;
}

int bridge_configure(void *self, struct ndrv_call *call, const struct ndrv_value *config)
{
	(void)self;
	if (config && config->type == NDRV_MAP && config->count)
		return ndrv_fail_object(call->err, NDRV_E_UNKNOWN_OPTION, config->u.pairs[0].key);
	return 0;
}

/* The platform gives ports and a MAC address with an endpoint too. What they are is looked at when they are used; that they are
 * such is a matter of the endpoint. */
int endpoint_options_check(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_value *options)
{
	const struct ndrv_value *mac = ndrv_map_get(options, NDRV_OPT_MAC);
	struct ndrv_transport_port *ports;
	struct ndrv_port_binding *bindings;
	char ifname[NDRV_IFNAME_MAX];
	uint32_t count;
	int rc = ndrv_options_read(bridge->host, call, endpoint_options, COUNT(endpoint_options), options, ifname);

	if (!rc && mac && mac->type != NDRV_NULL && mac->type != NDRV_STRING)
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "option \"%s\" is not a MAC address", NDRV_OPT_MAC);
	if (!rc)
		rc = ndrv_portmap_read(options, call->arena, &bindings, &count, call->err);
	return rc ? rc : ndrv_exposed_read(options, call->arena, &ports, &count, call->err);
}

static int parse_labels(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_value *options, struct options *ret)
{
	int rc = ndrv_options_read(bridge ? bridge->host : NULL, call, network_options, COUNT(network_options),
				   ndrv_map_get(options, NDRV_OPT_GENERIC), ret);

	if (rc)
		return rc;
	/* Three digits of a number must still fit behind it. */
	if (strlen(ret->prefix) > NDRV_IFNAME_MAX - 4)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "option \"%s\": \"%s\" leaves no room for a number",
				 NDRV_OPT_IFACE_PREFIX, ret->prefix);
	if (ret->mtu && ret->mtu < 68)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid MTU number: %lld", (long long)ret->mtu);
	return 0;
}

/* The host has read these already where the platform sets them; a wrong type is refused all the same. */
static int parse_flags(struct ndrv_call *call, const struct ndrv_network *network, struct net *ret)
{
	int internal = (network->flags & NDRV_NETWORK_INTERNAL) != 0, v4 = (network->flags & NDRV_NETWORK_IPV4) != 0,
	    v6 = (network->flags & NDRV_NETWORK_IPV6) != 0;

	if (ndrv_map_bool(network->options, NDRV_OPT_INTERNAL, &internal, call->err) < 0 ||
	    ndrv_map_bool(network->options, NDRV_OPT_ENABLE_IPV4, &v4, call->err) < 0 ||
	    ndrv_map_bool(network->options, NDRV_OPT_ENABLE_IPV6, &v6, call->err) < 0)
		return -NDRV_E_BAD_REQUEST;
	ret->internal = internal;
	ret->ipv4 = v4;
	ret->ipv6 = v6;
	if (!v4 && !v6)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "IPv4 or IPv6 must be enabled");
	return 0;
}

/* libnetwork's rule: without any way to the bridge there is no way out either, and that is to be said aloud. */
static int check_modes(struct ndrv_call *call, const struct options *options, bool internal)
{
	if (internal || (options->mode4 != GATEWAY_ISOLATED && options->mode6 != GATEWAY_ISOLATED))
		return 0;
	return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "gateway mode 'isolated' can only be used for an internal network");
}

/* libnetwork's auxiliary addresses that name a gateway other than the bridge. */
static int find_gateway(struct ndrv_call *call, const struct ndrv_ipam_data *data, const char *name, struct ndrv_addr *ret)
{
	for (uint32_t i = 0; i < data->aux_count; i++) {
		if (strcmp(data->aux[i].name, name))
			continue;
		if (!ndrv_prefix_contains(&data->pool, &data->aux[i].address.addr))
			return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "default gateway ip must be part of the network");
		*ret = data->aux[i].address.addr;
	}
	return 0;
}

/* One family's pool. `needs_gateway`: the bridge is to have an address. */
static int parse_pool(struct ndrv_call *call, const struct ndrv_network *network, const struct ndrv_ipam_list *list,
		      uint32_t family, bool needs_gateway, struct ndrv_prefix *ret_pool, struct ndrv_prefix *ret_gateway,
		      struct ndrv_addr *ret_default)
{
	const struct ndrv_ipam_data *data = ndrv_ipam_at(list, 0);
	char text[NDRV_PREFIX_TEXT];
	int rc;

	if (list->count > 1)
		return ndrv_fail(call->err, NDRV_E_FORBIDDEN, "bridge driver doesn't support multiple subnets");
	if (!data || !data->pool.addr.family)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "ipv%u pool is empty", family);
	if (data->pool.addr.family != family || !data->pool.length)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "network %s: %s cannot be an IPv%u pool of a bridge", network->id,
				 ndrv_prefix_format(&data->pool, text), family);
	if (!data->gateway.addr.family && needs_gateway)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "network %s: pool %s has no gateway address for the bridge",
				 network->id, ndrv_prefix_format(&data->pool, text));
	/* Go's text for an auxiliary gateway outside the pool comes before the general one. */
	rc = find_gateway(call, data, family == 4 ? "DefaultGatewayIPv4" : "DefaultGatewayIPv6", ret_default);
	if (!rc && data->gateway.addr.family)
		rc = ndrv_ipam_validate(data, call->err);
	if (rc)
		return rc;
	*ret_pool = ndrv_prefix_network(&data->pool);
	*ret_gateway = data->gateway;
	return 0;
}

int net_parse(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_network *network, struct net *ret)
{
	int rc = parse_labels(bridge, call, network->options, &ret->options);

	(void)snprintf(ret->id, sizeof(ret->id), "%s", network->id);
	if (!rc)
		rc = parse_flags(call, network, ret);
	if (!rc)
		rc = check_modes(call, &ret->options, ret->internal);
	bool bare4 = ret->options.inhibit_ipv4 || ret->options.mode4 == GATEWAY_ISOLATED,
	     bare6 = ret->options.mode6 == GATEWAY_ISOLATED;
	if (!rc && ret->ipv4)
		rc = parse_pool(call, network, &network->ipv4, 4, !bare4, &ret->pool4, &ret->gateway4, &ret->default4);
	if (!rc && ret->ipv6)
		rc = parse_pool(call, network, &network->ipv6, 6, !bare6, &ret->pool6, &ret->gateway6, &ret->default6);
	if (!rc && ret->ipv6 && ret->options.mtu && ret->options.mtu < MTU_MIN_IPV6)
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid MTU number: %lld, IPv6 needs %d",
			       (long long)ret->options.mtu, MTU_MIN_IPV6);
	if (rc)
		return rc;
	if (!ret->default4.family)
		ret->default4 = ret->gateway4.addr;
	if (!ret->default6.family)
		ret->default6 = ret->gateway6.addr;
	if (bare4)
		ret->gateway4 = (struct ndrv_prefix){0};
	if (bare6)
		ret->gateway6 = (struct ndrv_prefix){0};
	return 0;
}

int bridge_gw_alloc_check(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip)
{
	struct options parsed = {0};
	int internal = 0, rc = parse_labels(NULL, call, options, &parsed);

	(void)self;
	if (rc)
		return rc;
	if (ndrv_map_bool(options, NDRV_OPT_INTERNAL, &internal, call->err) < 0)
		return -NDRV_E_BAD_REQUEST;
	rc = check_modes(call, &parsed, internal);
	*ret_skip = ((parsed.inhibit_ipv4 && internal) || parsed.mode4 == GATEWAY_ISOLATED ? NDRV_SKIP_GATEWAY4 : 0) |
		    (parsed.mode6 == GATEWAY_ISOLATED ? NDRV_SKIP_GATEWAY6 : 0);
	return rc;
}
