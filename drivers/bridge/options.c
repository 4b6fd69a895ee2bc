/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/bridge/bridge.h"

#include <stdio.h>
#include <string.h>

#define AT(member) (uint32_t) offsetof(struct options, member)
#define MTU_MIN_IPV6 1280

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
	 .doc = "Whether traffic to the outside gets the host's address. Takes effect where the host offers NAT."},
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
	 .type = NDRV_OPTION_ADDR4,
	 .offset = AT(binding4),
	 .doc = "Address of the host that published ports are bound to."},
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

static int log_unknown(const char *key, const char *nearest, void *data)
{
	const struct bridge *bridge = data;

	if (bridge && nearest)
		ndrv_log(bridge->host, NDRV_LOG_WARNING, "unknown option \"%s\", did you mean \"%s\"?", key, nearest);
	else if (bridge)
		ndrv_log(bridge->host, NDRV_LOG_WARNING, "unknown option \"%s\"", key);
	return 0;
}

static int parse_labels(const struct bridge *bridge, struct ndrv_call *call, const struct ndrv_value *options, struct options *ret)
{
	struct bridge *data;
	int rc;

	memcpy(&data, &bridge, sizeof(data)); /* the callback only reads it */
	rc = ndrv_options_parse(network_options, COUNT(network_options), ndrv_map_get(options, NDRV_OPT_GENERIC), ret, call->arena,
				log_unknown, data, call->err);
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
	if (!rc && ret->ipv4)
		rc = parse_pool(call, network, &network->ipv4, 4, !ret->options.inhibit_ipv4, &ret->pool4, &ret->gateway4,
				&ret->default4);
	if (!rc && ret->ipv6)
		rc = parse_pool(call, network, &network->ipv6, 6, true, &ret->pool6, &ret->gateway6, &ret->default6);
	if (!rc && ret->ipv6 && ret->options.mtu && ret->options.mtu < MTU_MIN_IPV6)
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid MTU number: %lld, IPv6 needs %d",
			       (long long)ret->options.mtu, MTU_MIN_IPV6);
	if (rc)
		return rc;
	if (!ret->default4.family)
		ret->default4 = ret->gateway4.addr;
	if (!ret->default6.family)
		ret->default6 = ret->gateway6.addr;
	if (ret->options.inhibit_ipv4)
		ret->gateway4 = (struct ndrv_prefix){0};
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
	*ret_skip = parsed.inhibit_ipv4 && internal ? NDRV_SKIP_GATEWAY4 : 0;
	return 0;
}
