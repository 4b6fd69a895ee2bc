/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk/lib/child.h"

#include <stdio.h>
#include <string.h>

static const struct ndrv_option endpoint_options[] = {
	{.name = NDRV_OPT_IFNAME, .type = NDRV_OPTION_IFNAME, .doc = "Name of the interface in the sandbox."},
};

int child_options(void *self, uint32_t which, struct ndrv_option_list *ret)
{
	const struct child_driver *driver = self;

	*ret = (struct ndrv_option_list){.element_size = sizeof(struct ndrv_option)};
	if (which == NDRV_OPTIONS_NETWORK)
		ret->items = driver->kind->options, ret->count = driver->kind->option_count;
	if (which == NDRV_OPTIONS_ENDPOINT)
		ret->items = endpoint_options, ret->count = 1;
	return 0;
}

int child_configure(void *self, struct ndrv_call *call, const struct ndrv_value *config)
{
	(void)self;
	if (config && config->type == NDRV_MAP && config->count)
		return ndrv_fail_object(call->err, NDRV_E_UNKNOWN_OPTION, config->u.pairs[0].key);
	return 0;
}

int child_check_endpoint(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_value *options)
{
	char ifname[NDRV_IFNAME_MAX];

	return ndrv_options_read(driver->host, call, endpoint_options, 1, options, ifname);
}

static bool is_choice(const char *choices, const char *text)
{
	size_t length = strlen(text);

	for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (length && strcspn(at, "|") == length && !strncmp(at, text, length))
			return true;
	return false;
}

/* libnetwork's sentences for modes and flags: "requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan driver
 * default". An empty text is its way to ask for the default. */
static int check_choices(const struct ndrv_child_kind *kind, struct ndrv_call *call, const struct ndrv_value *labels)
{
	for (uint32_t i = 0; i < kind->option_count; i++) {
		const struct ndrv_option *option = &kind->options[i];
		const char *text = "", *word = strchr(option->name, '_');
		int rc = option->type == NDRV_OPTION_CHOICE ? ndrv_map_string(labels, option->name, &text, call->err) : 0;

		if (rc < 0)
			return rc;
		if (rc && !is_choice(option->choices, text))
			return ndrv_fail(call->err, NDRV_E_BAD_REQUEST,
					 "requested %s %s '%s' is not valid, '%s'%s is the %s driver default", kind->type,
					 word ? word + 1 : option->name, text, option->fallback,
					 word && !strcmp(word, "_mode") ? " mode" : "", kind->type);
	}
	return 0;
}

static int parse_labels(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_value *options, bool quiet,
			struct ndrv_child_options *ret)
{
	const struct ndrv_child_kind *kind = driver->kind;
	const struct ndrv_value *labels = ndrv_map_get(options, NDRV_OPT_GENERIC);
	int rc = check_choices(kind, call, labels);

	if (!rc)
		rc = ndrv_options_read(quiet ? NULL : driver->host, call, kind->options, kind->option_count, labels, ret);
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

/* "lo" is a name like any other until we see it is one of a loopback interface; the rest is as the kernel has it. */
static int parse_parent(const struct ndrv_child_kind *kind, struct ndrv_call *call, const struct ndrv_network *network,
			struct child_net *ret)
{
	const char *parent = ret->options.parent;
	int rc;

	ret->options.parent = NULL;
	if (!parent || !parent[0]) {
		ret->dummy = ret->internal = true;
		child_name(ret->parent, kind->dummy_prefix, network, "");
		return 0;
	}
	if (!strcmp(parent, "lo"))
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "loopback interface is not a valid %s parent link", kind->type);
	rc = ndrv_ifname_check(parent, call->err);
	if (rc)
		return ndrv_wrap(call->err, rc, "option \"%s\"", NDRV_OPT_PARENT);
	(void)snprintf(ret->parent, sizeof(ret->parent), "%s", parent);
	return 0;
}

/* The host has read these already where the platform sets them; a wrong type is refused all the same. */
static int parse_flags(struct ndrv_call *call, const struct ndrv_network *network, struct child_net *ret)
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
	return 0;
}

static int check_pools(struct ndrv_call *call, const struct ndrv_network *network, const struct ndrv_ipam_list *list,
		       uint32_t family)
{
	char text[NDRV_PREFIX_TEXT];

	if (!list->count)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "ipv%u pool is empty", family);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct ndrv_ipam_data *data = ndrv_ipam_at(list, i);
		int rc = 0;

		if (!data || !data->pool.addr.family)
			return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "ipv%u pool is empty", family);
		if (data->pool.addr.family != family)
			return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "network %s: %s cannot be an IPv%u pool", network->id,
					 ndrv_prefix_format(&data->pool, text), family);
		/* 0.0.0.0 as gateway: the null IPAM's way to say none. */
		if (data->gateway.addr.family && !ndrv_addr_is_unspecified(&data->gateway.addr))
			rc = ndrv_ipam_validate(data, call->err);
		if (rc)
			return rc;
	}
	return 0;
}

int child_parse(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		struct child_net *ret)
{
	int rc = parse_labels(driver, call, network->options, false, &ret->options);

	(void)snprintf(ret->id, sizeof(ret->id), "%s", network->id);
	if (!rc)
		rc = parse_flags(call, network, ret);
	if (!rc)
		rc = parse_parent(driver->kind, call, network, ret);
	if (!rc && ret->ipv4)
		rc = check_pools(call, network, &network->ipv4, 4);
	if (!rc && ret->ipv6)
		rc = check_pools(call, network, &network->ipv6, 6);
	if (!rc)
		ret->traits = driver->kind->traits(&ret->options);
	return rc;
}

/* The gateway is somebody else's machine: an address is set aside for it only where the user names one. */
int child_gw_alloc_check(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip)
{
	struct ndrv_child_options parsed = {0};
	int rc = parse_labels(self, call, options, true, &parsed);

	if (!rc)
		*ret_skip = NDRV_SKIP_GATEWAY4 | NDRV_SKIP_GATEWAY6;
	return rc;
}
