/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk/lib/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "sdk/lib/far.h"

static int no_network(struct ndrv_call *call, const struct ndrv_network *network)
{
	return ndrv_fail_object(call->err, NDRV_E_NO_NETWORK, network->id);
}

static struct child_ep ep_of(const struct child_driver *driver, const struct ndrv_network *network,
			     const struct ndrv_endpoint *endpoint)
{
	struct child_ep ep = {.number = FAR_HERE, .mac = endpoint->mac};

	child_name(ep.alias, driver->kind->endpoint_prefix, network, endpoint->id);
	return ep;
}

/* --- create, delete --- */

static bool has_addresses(const struct ndrv_ipam_list *list)
{
	const struct ndrv_ipam_data *data = ndrv_ipam_at(list, 0);

	return data && data->pool.length; /* 0.0.0.0/0: no IPAM */
}

static int check_addresses(struct ndrv_call *call, const struct ndrv_network *network, const struct child_net *net,
			   const struct ndrv_ifinfo *given)
{
	struct ndrv_ifinfo *ifinfo;
	struct ndrv_prefix address = {0}, address6 = {0};
	int rc;

	memcpy(&ifinfo, &given, sizeof(ifinfo)); /* getters take it without const */
	rc = ndrv_ifinfo_address(ifinfo, &address, call->err);
	if (!rc)
		rc = ndrv_ifinfo_address6(ifinfo, &address6, call->err);
	if (!rc && ((net->ipv4 && has_addresses(&network->ipv4) && !address.addr.family) ||
		    (net->ipv6 && has_addresses(&network->ipv6) && !address6.addr.family)))
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "create endpoint was not passed an IP address");
	return rc;
}

/* The caller's MAC address, or a random one: unicast, locally assigned. */
static int settle_mac(const struct child_driver *driver, struct ndrv_call *call, const struct child_net *net,
		      struct ndrv_ifinfo *ifinfo, struct child_ep *ep)
{
	int rc = ndrv_ifinfo_mac(ifinfo, &ep->mac, call->err);

	if (rc)
		return rc;
	if (net->traits & NDRV_CHILD_PARENT_MAC) {
		if (ep->mac.set)
			return ndrv_fail(call->err, NDRV_E_BAD_REQUEST,
					 "%s interfaces do not support custom mac address assignment", driver->kind->type);
		return 0;
	}
	if (ep->mac.set)
		return 0;
	if (getrandom(ep->mac.bytes, sizeof(ep->mac.bytes), 0) != (ssize_t)sizeof(ep->mac.bytes))
		return ndrv_fail_errno(call->err, errno, "choose a MAC address");
	ep->mac.bytes[0] = (uint8_t)((ep->mac.bytes[0] & 0xfc) | 0x02);
	ep->mac.set = 1;
	return ndrv_ifinfo_set_mac(ifinfo, &ep->mac, call->err);
}

/* In the sandbox, under its final name, where both are known; else at join. */
static int make_in_sandbox(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
			   const struct child_net *net, struct ndrv_ifinfo *ifinfo, struct child_ep *ep)
{
	const char *path = "", *ifname = "";
	int fd = -1, rc = ndrv_ifinfo_netns(ifinfo, &path, &fd, call->err);

	if (!rc)
		rc = ndrv_ifinfo_ifname(ifinfo, &ifname, call->err);
	if (rc || fd < 0 || !ifname[0] || !call->sandbox_nl)
		return rc;
	(void)snprintf(ep->name, sizeof(ep->name), "%s", ifname);
	rc = child_link_make(driver, call, network, net, ep, fd);
	if (!rc)
		rc = ndrv_ifinfo_set_created_in_sandbox(ifinfo, call->err);
	if (!rc && (net->traits & NDRV_CHILD_PARENT_MAC) && ep->mac.set)
		rc = ndrv_ifinfo_set_mac(ifinfo, &ep->mac, call->err);
	return rc;
}

static int create(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		  const struct child_net *net, struct ndrv_ifinfo *ifinfo, struct child_ep *ep)
{
	struct ndrv_error *err = call->err, ignored = {0};
	int rc = check_addresses(call, network, net, ifinfo);

	if (!rc)
		rc = settle_mac(driver, call, net, ifinfo, ep);
	if (!rc)
		rc = make_in_sandbox(driver, call, network, net, ifinfo, ep);
	if (rc) {
		call->err = &ignored;
		(void)child_link_delete(driver, call, network, ep);
		call->err = err;
	}
	return rc;
}

int child_endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			  struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	const struct child_driver *driver = self;
	const struct child_net *net = network->priv;
	struct child_ep *ep;
	int rc;

	if (!net)
		return no_network(call, network);
	if (!ifinfo)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid interface info passed");
	if (endpoint->priv)
		return 0;
	rc = child_check_endpoint(driver, call, options);
	if (rc)
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return ndrv_fail_errno(call->err, ENOMEM, "record");
	*ep = ep_of(driver, network, endpoint);
	ep->mac = (struct ndrv_mac){0};
	rc = create(driver, call, network, net, ifinfo, ep);
	if (rc) {
		free(ep);
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	}
	endpoint->priv = ep;
	return 0;
}

/* Also where it is not known whether there is a link, and in which namespace: after a call or a host that was broken off. */
static int delete_anywhere(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
			   const char *sandbox_key, struct child_ep *ep)
{
	struct ndrv_link found;
	int rc = child_link_find(driver, call, network, sandbox_key, ep);

	if (rc == -NDRV_E_NO_LINK) {
		ndrv_error_clear(call->err);
		rc = far_search(call->host_nl, ep->alias, &ep->number, &found, call->err);
		if (!rc)
			ep->index = found.index;
	}
	if (!rc)
		return child_link_delete(driver, call, network, ep);
	if (rc != -NDRV_E_NO_LINK)
		return rc;
	ndrv_error_clear(call->err);
	return 0;
}

/* One that was made here may have been in a sandbox and back, under the same name. */
static int delete_known(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
			struct child_ep *ep)
{
	int rc = 0;

	if (ep->index && ep->number == FAR_HERE)
		rc = child_link_find(driver, call, network, NULL, ep);
	if (rc == -NDRV_E_NO_LINK) {
		ndrv_error_clear(call->err);
		return 0;
	}
	return rc ? rc : child_link_delete(driver, call, network, ep);
}

int child_endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	const struct child_driver *driver = self;
	struct child_ep *ep = endpoint->priv, unknown = ep_of(driver, network, endpoint);
	int rc = ep ? delete_known(driver, call, network, ep)
		    : delete_anywhere(driver, call, network, endpoint->sandbox_key, &unknown);

	if (rc)
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	free(ep);
	endpoint->priv = NULL;
	return 0;
}

/* One that has not joined has no link, unless it was made here before. */
int child_endpoint_adopt(struct child_driver *driver, struct ndrv_call *call, struct ndrv_network *network,
			 struct ndrv_endpoint *endpoint)
{
	struct child_ep *ep;
	int rc;

	if (!network->priv)
		return no_network(call, network);
	if (endpoint->priv)
		return 0;
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return ndrv_fail_errno(call->err, ENOMEM, "record");
	*ep = ep_of(driver, network, endpoint);
	rc = child_link_find(driver, call, network, endpoint->sandbox_key, ep);
	if (rc == -NDRV_E_NO_LINK && !(endpoint->sandbox_key && endpoint->sandbox_key[0])) {
		ndrv_error_clear(call->err);
		rc = 0;
	}
	if (rc) {
		free(ep);
		return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
	}
	endpoint->priv = ep;
	return 0;
}

int child_endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			struct ndrv_value *ret_info)
{
	struct child_ep *ep = endpoint->priv;
	struct ndrv_value info = {.type = NDRV_MAP};
	char *mac;
	int rc = 0;

	(void)self;
	if (!network->priv)
		return no_network(call, network);
	if (!ep)
		return ndrv_fail_object(call->err, NDRV_E_NO_ENDPOINT, endpoint->id);
	if (ep->mac.set) {
		mac = ndrv_arena_alloc(call->arena, NDRV_MAC_TEXT);
		if (!mac)
			return ndrv_fail_errno(call->err, ENOMEM, "record");
		(void)ndrv_mac_format(&ep->mac, mac);
		rc = ndrv_map_set(call->arena, &info, NDRV_OPT_MAC, ndrv_string(mac), call->err);
	}
	if (!rc)
		*ret_info = info;
	return rc;
}

/* --- join, leave --- */

/* The gateway of the subnet an address is from; unset: it has none. */
static int find_gateway(struct ndrv_call *call, const struct ndrv_ipam_list *list, const struct ndrv_prefix *address,
			struct ndrv_addr *ret)
{
	char text[NDRV_PREFIX_TEXT];

	for (uint32_t i = 0; i < list->count; i++) {
		const struct ndrv_ipam_data *data = ndrv_ipam_at(list, i);

		if (data->pool.length != address->length || !ndrv_prefix_contains(&data->pool, &address->addr))
			continue;
		if (!ndrv_addr_is_unspecified(&data->gateway.addr))
			*ret = data->gateway.addr;
		return 0;
	}
	return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "could not find a valid ipv%u subnet for address %s", address->addr.family,
			 ndrv_prefix_format(address, text));
}

/* One family's way out: by gateway, on link, or by routes of the sandbox's own, for which it counts as external all the same. */
static int tell_way_out(struct ndrv_call *call, const struct child_net *net, struct ndrv_join *join,
			const struct ndrv_ipam_list *list, const struct ndrv_prefix *address)
{
	struct ndrv_route on_link = {.destination = {.addr = {.family = address->addr.family}}, .type = NDRV_ROUTE_CONNECTED};
	struct ndrv_addr gateway = {0};
	int rc = 0;

	if (!address->addr.family)
		return 0;
	if (net->traits & NDRV_CHILD_ROUTED)
		rc = ndrv_join_add_static_route(join, &on_link, call->err);
	else
		rc = find_gateway(call, list, address, &gateway);
	if (rc)
		return rc;
	if (!gateway.family)
		return ndrv_join_force_gateway(join, address->addr.family, call->err);
	return gateway.family == 4 ? ndrv_join_set_gateway(join, &gateway, call->err)
				   : ndrv_join_set_gateway6(join, &gateway, call->err);
}

/* The link where the platform is to move one: made now, or still there from an earlier join. */
static int make_here(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		     const struct child_net *net, struct child_ep *ep)
{
	int rc = child_link_find(driver, call, network, NULL, ep);

	if (rc != -NDRV_E_NO_LINK)
		return rc;
	ndrv_error_clear(call->err);
	if (net->traits & NDRV_CHILD_PARENT_MAC)
		ep->mac = (struct ndrv_mac){0};
	return child_link_make(driver, call, network, net, ep, -1);
}

int child_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
	       const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
	       const struct ndrv_value *sandbox_options)
{
	const struct child_net *net = network->priv;
	struct child_ep *ep = endpoint->priv;
	const char *exact = "";
	int rc;

	(void)sandbox_key, (void)sandbox_options;
	if (!net)
		return no_network(call, network);
	if (!ep)
		return ndrv_fail_object(call->err, NDRV_E_NO_ENDPOINT, endpoint->id);
	if (!join)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid join info passed");
	rc = ndrv_map_string(endpoint_options, NDRV_OPT_IFNAME, &exact, call->err);
	if (rc < 0)
		return rc;
	rc = 0;
	if (ep->number == FAR_HERE)
		rc = make_here(self, call, network, net, ep);
	else
		exact = ep->name;
	if (!rc)
		rc = ndrv_join_set_names(join, ep->name, net->options.prefix, exact, call->err);
	if (!rc)
		rc = ndrv_join_disable_gateway_service(join, call->err);
	if (!rc && !net->internal)
		rc = tell_way_out(call, net, join, &network->ipv4, &endpoint->address);
	if (!rc && !net->internal)
		rc = tell_way_out(call, net, join, &network->ipv6, &endpoint->address6);
	return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
}

/* What was born in the sandbox goes at once: the sandbox may live on, and its next interface may want the name. A link that was
 * moved there is brought back by whoever moved it, and stays until the endpoint is deleted. */
int child_leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	const struct child_driver *driver = self;
	struct child_ep unknown = ep_of(driver, network, endpoint), *ep = endpoint->priv;
	int rc;

	if (!ep) {
		ep = &unknown;
		rc = child_link_find(driver, call, network, endpoint->sandbox_key, ep);
		if (rc == -NDRV_E_NO_LINK) {
			ndrv_error_clear(call->err);
			return 0;
		}
		if (rc)
			return rc;
	}
	if (ep->number == FAR_HERE)
		return 0;
	rc = child_link_delete(driver, call, network, ep);
	if (!rc)
		ep->number = FAR_HERE;
	return ndrv_wrap(call->err, rc, "endpoint %.64s", endpoint->id);
}
