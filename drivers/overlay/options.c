/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/overlay/overlay.h"

#include <stdio.h>
#include <string.h>

#define AT(member) (uint32_t) offsetof(struct options, member)
#define CONFIG_AT(member) (uint32_t) offsetof(struct config, member)
#define COUNT(table) (uint32_t)(sizeof(table) / sizeof((table)[0]))
#define MTU_MIN 68
#define MTU_MIN_IPV6 1280
/* Those swarm takes for its data path: registered ports, without the ones programs get by chance. */
#define PORT_MIN 1024
#define PORT_MAX 49151

static const struct ndrv_option network_options[] = {
	{.name = OVERLAY_OPT_VNIS,
	 .type = NDRV_OPTION_STRING,
	 .offset = AT(vnis),
	 .doc = "VXLAN ids, one for each subnet, separated by commas; the same on every host. network_allocate hands them out."},
	{.name = OVERLAY_OPT_PORT,
	 .type = NDRV_OPTION_INT,
	 .offset = AT(port),
	 .minimum = PORT_MIN,
	 .maximum = PORT_MAX,
	 .doc = "UDP port of the packets between hosts; the same on every host. Default: the driver's, which is 4789 unless "
		"configured."},
	{.name = NDRV_OPT_MTU,
	 .type = NDRV_OPTION_INT,
	 .offset = AT(mtu),
	 .minimum = 0,
	 .maximum = 65535,
	 .doc = "MTU of the endpoints' interfaces. 0: that of the interface with this node's address, less 50 (IPv4) or 70 "
		"(IPv6)."},
	{.name = OVERLAY_OPT_PEERS,
	 .type = NDRV_OPTION_CHOICE,
	 .offset = AT(peers),
	 .choices = "table|flood",
	 .fallback = "table",
	 .doc = "How endpoints on other hosts are found; the same on every host. table: rows tell of them. flood: rows, and for "
		"what "
		"no row tells of, packets to all nodes and what comes back. network_allocate chooses flood for Docker, which "
		"carries "
		"no rows."},
	{.name = "encrypted",
	 .type = NDRV_OPTION_STRING,
	 .offset = AT(encrypted),
	 .doc = "Refused, unless it is false: packets between hosts are not encrypted."},
	{.name = NDRV_OPT_IFACE_PREFIX,
	 .type = NDRV_OPTION_IFNAME,
	 .offset = AT(prefix),
	 .fallback = "eth",
	 .doc = "Beginning of interface names in the sandbox; a number follows."},
};

static const struct ndrv_option endpoint_options[] = {
	{.name = NDRV_OPT_IFNAME, .type = NDRV_OPTION_IFNAME, .doc = "Name of the interface in the sandbox."},
};

static const struct ndrv_option config_options[] = {
	{.name = "local_address",
	 .type = NDRV_OPTION_ADDR,
	 .offset = CONFIG_AT(local_address),
	 .doc = "This node's address, which other nodes send to. Default: what discovery says of this node, node.address of "
		"ndrvd.yaml."},
	{.name = "port",
	 .type = NDRV_OPTION_INT,
	 .offset = CONFIG_AT(port),
	 .minimum = PORT_MIN,
	 .maximum = PORT_MAX,
	 .fallback = "4789",
	 .doc = "UDP port of networks that are not told one."},
};

int overlay_options(void *self, uint32_t which, struct ndrv_option_list *ret)
{
	(void)self;
	*ret = (struct ndrv_option_list){.element_size = sizeof(struct ndrv_option)};
	if (which == NDRV_OPTIONS_NETWORK)
		ret->items = network_options, ret->count = COUNT(network_options);
	if (which == NDRV_OPTIONS_ENDPOINT)
		ret->items = endpoint_options, ret->count = COUNT(endpoint_options);
	if (which == NDRV_OPTIONS_CONFIG)
		ret->items = config_options, ret->count = COUNT(config_options);
	return 0;
}

/* --- the driver's configuration --- */

static int refuse_unknown(const char *key, const char *nearest, void *data)
{
	struct ndrv_call *call = data;

	if (nearest)
		return ndrv_fail(call->err, NDRV_E_UNKNOWN_OPTION, "unknown option \"%s\", did you mean \"%s\"?", key, nearest);
	return ndrv_fail_object(call->err, NDRV_E_UNKNOWN_OPTION, key);
}

int config_parse(struct ndrv_call *call, const struct ndrv_value *config, struct config *ret)
{
	return ndrv_options_parse(config_options, COUNT(config_options), config, ret, call->arena, refuse_unknown, call, call->err);
}

/* --- labels --- */

int endpoint_options_check(const struct overlay *overlay, struct ndrv_call *call, const struct ndrv_value *options)
{
	char ifname[NDRV_IFNAME_MAX]; /* join reads it, which is given the same options */

	return ndrv_options_read(overlay->host, call, endpoint_options, COUNT(endpoint_options), options, ifname);
}

/* libnetwork looks only whether the option is there, so that encrypted=false encrypts. Here false is false; but nothing that may
 * have been meant as yes goes unencrypted. */
static int refuse_encryption(struct ndrv_call *call, const struct options *options)
{
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

	if (!options->encrypted)
		return 0;
	for (size_t i = 0; i < COUNT(no); i++)
		if (!strcmp(options->encrypted, no[i]))
			return 0;
	return ndrv_fail(
		call->err, NDRV_E_NOT_IMPLEMENTED,
		"option \"encrypted\": encryption between hosts is not implemented, and without it the network is refused");
}

static int parse_labels(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, struct net *ret)
{
	struct options options = {0};
	uint32_t vnis[SUBNETS_MAX], count = 0;
	int rc = ndrv_options_read(overlay->host, call, network_options, COUNT(network_options),
				   ndrv_map_get(network->options, NDRV_OPT_GENERIC), &options);

	if (!rc)
		rc = refuse_encryption(call, &options);
	if (rc)
		return rc;
	/* Three digits of a number must still fit behind it. */
	if (strlen(options.prefix) > NDRV_IFNAME_MAX - 4)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "option \"%s\": \"%s\" leaves no room for a number",
				 NDRV_OPT_IFACE_PREFIX, options.prefix);
	if (options.mtu && options.mtu < (ret->ipv6 ? MTU_MIN_IPV6 : MTU_MIN))
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid MTU number: %lld", (long long)options.mtu);
	if (options.vnis && options.vnis[0])
		rc = vni_list_parse(options.vnis, vnis, SUBNETS_MAX, &count, call->err);
	if (!rc && count < ret->subnet_count)
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST,
			       "insufficient vnis(%u) passed to overlay: %u subnets need one each in option \"%s\"", count,
			       ret->subnet_count, OVERLAY_OPT_VNIS);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < ret->subnet_count; i++) {
		ret->subnets[i].vni = vnis[i];
		for (uint32_t j = 0; j < i; j++)
			if (vnis[i] == vnis[j])
				return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "vxlan id %u is given twice", vnis[i]);
	}
	(void)snprintf(ret->prefix, sizeof(ret->prefix), "%s", options.prefix[0] ? options.prefix : "eth");
	ret->wanted_mtu = (uint32_t)options.mtu;
	ret->flood = options.peers == PEERS_FLOOD;
	(void)pthread_mutex_lock(&overlay->lock);
	ret->port = options.port ? (uint16_t)options.port : overlay->port;
	(void)pthread_mutex_unlock(&overlay->lock);
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

static int parse_pools(struct ndrv_call *call, const struct ndrv_network *network, uint32_t family, struct net *ret)
{
	const struct ndrv_ipam_list *list = family == 4 ? &network->ipv4 : &network->ipv6;
	char text[NDRV_PREFIX_TEXT];

	if (!list->count)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "ipv%u pool is empty", family);
	if (list->count > SUBNETS_MAX)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "%u IPv%u pools, at most %u are possible", list->count, family,
				 SUBNETS_MAX);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct ndrv_ipam_data *data = ndrv_ipam_at(list, i);
		struct subnet *subnet = &ret->subnets[i];
		int rc;

		if (!data->pool.addr.family)
			return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "ipv%u pool is empty", family);
		if (data->pool.addr.family != family || !data->pool.length)
			return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "%s cannot be an IPv%u pool of an overlay network",
					 ndrv_prefix_format(&data->pool, text), family);
		rc = data->gateway.addr.family ? ndrv_ipam_validate(data, call->err) : 0;
		if (rc)
			return rc;
		*(family == 4 ? &subnet->pool4 : &subnet->pool6) = ndrv_prefix_network(&data->pool);
		*(family == 4 ? &subnet->gateway4 : &subnet->gateway6) = data->gateway;
	}
	/* Pools of the two families belong together in their order: an endpoint has one interface, on one subnet. */
	if (ret->subnet_count && ret->subnet_count != list->count)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST,
				 "%u IPv4 pools and %u IPv6 pools: each subnet needs one of both, in the same order",
				 ret->subnet_count, list->count);
	ret->subnet_count = list->count;
	return 0;
}

static int check_overlaps(struct ndrv_call *call, const struct net *net)
{
	for (uint32_t i = 0; i < net->subnet_count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (ndrv_prefix_overlaps(&net->subnets[i].pool4, &net->subnets[j].pool4) ||
			    ndrv_prefix_overlaps(&net->subnets[i].pool6, &net->subnets[j].pool6))
				return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "pools %u and %u overlap", j + 1, i + 1);
	return 0;
}

int net_parse(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, struct net *ret)
{
	int rc = parse_flags(call, network, ret);

	if (!rc && ret->ipv4)
		rc = parse_pools(call, network, 4, ret);
	if (!rc && ret->ipv6)
		rc = parse_pools(call, network, 6, ret);
	if (!rc)
		rc = check_overlaps(call, ret);
	if (!rc)
		rc = parse_labels(overlay, call, network, ret);
	ret->protocol = network->route_protocol;
	return rc;
}

/* --- which subnet --- */

static bool find_subnet(const struct net *net, const struct ndrv_addr *address, uint32_t *ret)
{
	for (uint32_t i = 0; i < net->subnet_count; i++)
		if (ndrv_prefix_contains(address->family == 4 ? &net->subnets[i].pool4 : &net->subnets[i].pool6, address)) {
			*ret = i;
			return true;
		}
	return false;
}

int net_subnet(const struct net *net, const struct ndrv_addr *address, const struct ndrv_addr *address6, uint32_t *ret,
	       struct ndrv_error *err)
{
	const struct ndrv_addr *first = address->family ? address : address6;
	char text[NDRV_ADDR_TEXT], text6[NDRV_ADDR_TEXT];
	uint32_t other;

	if (!find_subnet(net, first, ret))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "no matching subnet for IP \"%s\" in network \"%.64s\"",
				 ndrv_addr_format(first, text), net->id);
	other = *ret;
	if (first == address && address6->family && !find_subnet(net, address6, &other))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "no matching subnet for IP \"%s\" in network \"%.64s\"",
				 ndrv_addr_format(address6, text), net->id);
	if (other != *ret)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s is in subnet %u of network %.64s and %s in subnet %u",
				 ndrv_addr_format(address, text), *ret + 1, net->id, ndrv_addr_format(address6, text6), other + 1);
	return 0;
}
