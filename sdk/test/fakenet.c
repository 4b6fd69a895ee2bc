/* SPDX-License-Identifier: Apache-2.0 */
/* Networks and endpoints of the fake host, and InterfaceInfo. */
#include "sdk/test/fake.h"

#include <string.h>

#include <ndrv/netlink.h>

int fake_prefix(const char *text, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	*ret = (struct ndrv_prefix){.length = 0};
	return text ? ndrv_prefix_parse(text, ret, err) : 0;
}

/* Rows go nowhere. */
static int table_register(struct ndrv_network *network, const char *table, uint32_t object_type, struct ndrv_error *err)
{
	(void)network, (void)table, (void)object_type, (void)err;
	return 0;
}

static const struct ndrv_network_ops network_ops = {.size = sizeof(network_ops), .table_register = table_register};

static int missing(struct ndrv_fakehost *host, const char *op)
{
	return ndrv_fail(&host->err, NDRV_E_NOT_IMPLEMENTED, "the driver has no %s", op);
}

/* --- networks --- */

int ndrv_fakenet_init(struct ndrv_fakenet *net, struct ndrv_fakehost *host, const char *id, const char *pool4, const char *gateway4,
		      const char *pool6, const char *gateway6)
{
	*net = (struct ndrv_fakenet){.host = host};
	net->ipv4.address_space = net->ipv6.address_space = "local";
	int rc = fake_prefix(pool4, &net->ipv4.pool, &host->err);
	if (rc == 0)
		rc = fake_prefix(gateway4, &net->ipv4.gateway, &host->err);
	if (rc == 0)
		rc = fake_prefix(pool6, &net->ipv6.pool, &host->err);
	if (rc == 0)
		rc = fake_prefix(gateway6, &net->ipv6.gateway, &host->err);
	net->network = (struct ndrv_network){
		.size = sizeof(net->network),
		.flags = (pool4 ? NDRV_NETWORK_IPV4 : 0u) | (pool6 ? NDRV_NETWORK_IPV6 : 0u),
		.ops = &network_ops,
		.id = id,
		.name = "",
		.instance = "test",
		.options = &net->options,
		.ipv4 = {.count = pool4 != NULL, .element_size = sizeof(net->ipv4), .items = &net->ipv4},
		.ipv6 = {.count = pool6 != NULL, .element_size = sizeof(net->ipv6), .items = &net->ipv6},
		.link_group = NDRV_FAKE_GROUP,
		.route_protocol = NDRV_FAKE_PROTOCOL,
	};
	return rc;
}

int ndrv_fakenet_label(struct ndrv_fakenet *net, const char *key, const char *value)
{
	struct ndrv_fakehost *host = net->host;
	int rc = ndrv_map_set(&host->arena, &net->labels, key, ndrv_string(value), &host->err);

	return rc ? rc : ndrv_map_set(&host->arena, &net->options, NDRV_OPT_GENERIC, net->labels, &host->err);
}

static void forget_net(struct ndrv_fakenet *net)
{
	struct ndrv_fakehost *host = net->host;

	for (uint32_t i = 0; i < host->net_count; i++)
		if (host->nets[i] == net)
			host->nets[i--] = host->nets[--host->net_count];
}

int ndrv_fakenet_create(struct ndrv_fakenet *net)
{
	struct ndrv_fakehost *host = net->host;

	if (!NDRV_HAS(host->ops, network_create))
		return missing(host, "network_create");
	forget_net(net);
	if (host->net_count == NDRV_FAKE_RECORDS_MAX)
		return ndrv_fail(&host->err, NDRV_E_INTERNAL, "the fake host holds at most %d networks", NDRV_FAKE_RECORDS_MAX);
	int rc = host->ops->network_create(host->self, ndrv_fakehost_call(host, 0), &net->network);
	if (rc == 0)
		host->nets[host->net_count++] = net;
	return rc;
}

int ndrv_fakenet_delete(struct ndrv_fakenet *net, uint32_t flags)
{
	struct ndrv_fakehost *host = net->host;

	if (!NDRV_HAS(host->ops, network_delete))
		return missing(host, "network_delete");
	int rc = host->ops->network_delete(host->self, ndrv_fakehost_call(host, flags), &net->network);
	if (rc == 0)
		forget_net(net);
	return rc;
}

/* --- InterfaceInfo --- */

static struct ndrv_fakeep *of_ifinfo(struct ndrv_ifinfo *ifinfo)
{
	return (struct ndrv_fakeep *)(void *)((char *)ifinfo - offsetof(struct ndrv_fakeep, ifinfo));
}

static int set_mac(struct ndrv_ifinfo *ifinfo, const struct ndrv_mac *mac, struct ndrv_error *err)
{
	struct ndrv_fakeep *ep = of_ifinfo(ifinfo);
	int rc = ndrv_mac_check(mac, err);

	if (rc)
		return rc;
	if (ep->mac.set)
		return ndrv_fail_object(err, NDRV_E_ALREADY_SET, "MAC address");
	ep->mac = *mac;
	return 0;
}

static int set_address(struct ndrv_ifinfo *ifinfo, const struct ndrv_prefix *address, struct ndrv_error *err)
{
	struct ndrv_fakeep *ep = of_ifinfo(ifinfo);
	struct ndrv_prefix *slot = address->addr.family == 6 ? &ep->address6 : &ep->address;
	int rc = ndrv_prefix_check("address", address, err);

	if (rc)
		return rc;
	if (slot->addr.family)
		return ndrv_fail_object(err, NDRV_E_ALREADY_SET, "address");
	*slot = *address;
	return 0;
}

static int get_mac(struct ndrv_ifinfo *ifinfo, struct ndrv_mac *ret, struct ndrv_error *err)
{
	(void)err;
	*ret = of_ifinfo(ifinfo)->mac;
	return 0;
}

static int get_address(struct ndrv_ifinfo *ifinfo, uint32_t family, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	(void)err;
	*ret = family == 6 ? of_ifinfo(ifinfo)->address6 : of_ifinfo(ifinfo)->address;
	return 0;
}

static int get_netns(struct ndrv_ifinfo *ifinfo, const char **ret_path, int *ret_fd, struct ndrv_error *err)
{
	(void)err;
	*ret_path = of_ifinfo(ifinfo)->netns_path;
	*ret_fd = of_ifinfo(ifinfo)->netns_fd;
	return 0;
}

static int get_ifname(struct ndrv_ifinfo *ifinfo, const char **ret, struct ndrv_error *err)
{
	(void)err;
	*ret = of_ifinfo(ifinfo)->ifname;
	return 0;
}

static int set_created(struct ndrv_ifinfo *ifinfo, struct ndrv_error *err)
{
	if (of_ifinfo(ifinfo)->netns_fd < 0)
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "no sandbox is known that the interface could be in");
	of_ifinfo(ifinfo)->created_in_sandbox = 1;
	return 0;
}

static const struct ndrv_ifinfo_ops ifinfo_ops = {
	.size = sizeof(ifinfo_ops),
	.set_mac = set_mac,
	.set_address = set_address,
	.get_mac = get_mac,
	.get_address = get_address,
	.get_netns = get_netns,
	.get_ifname = get_ifname,
	.set_created_in_sandbox = set_created,
};

/* --- endpoints --- */

int ndrv_fakeep_init(struct ndrv_fakeep *ep, struct ndrv_fakenet *net, const char *id, const char *address, const char *address6)
{
	struct ndrv_error *err = &net->host->err;

	*ep = (struct ndrv_fakeep){.net = net,
				   .ifinfo = {.ops = &ifinfo_ops},
				   .join = {.ops = &fake_join},
				   .netns_path = "",
				   .ifname = "",
				   .netns_fd = -1};
	int rc = fake_prefix(address, &ep->address, err);
	if (rc == 0)
		rc = fake_prefix(address6, &ep->address6, err);
	ep->endpoint = (struct ndrv_endpoint){
		.size = sizeof(ep->endpoint), .id = id, .network = &net->network, .options = NULL, .sandbox_key = ""};
	return rc;
}

static void forget_ep(struct ndrv_fakeep *ep)
{
	struct ndrv_fakehost *host = ep->net->host;

	for (uint32_t i = 0; i < host->ep_count; i++)
		if (host->eps[i] == ep)
			host->eps[i--] = host->eps[--host->ep_count];
}

int ndrv_fakeep_create(struct ndrv_fakeep *ep, struct ndrv_fakebox *box, const char *ifname)
{
	struct ndrv_fakehost *host = ep->net->host;

	if (!NDRV_HAS(host->ops, endpoint_create))
		return missing(host, "endpoint_create");
	forget_ep(ep);
	if (host->ep_count == NDRV_FAKE_RECORDS_MAX)
		return ndrv_fail(&host->err, NDRV_E_INTERNAL, "the fake host holds at most %d endpoints", NDRV_FAKE_RECORDS_MAX);
	ep->netns_path = box ? box->path : "";
	ep->netns_fd = box ? box->fd : -1;
	ep->ifname = box && ifname ? ifname : "";
	ep->endpoint.options = ep->options;
	struct ndrv_call *call = ndrv_fakehost_call(host, 0);
	call->sandbox_nl = box ? box->nl : NULL;
	int rc = host->ops->endpoint_create(host->self, call, &ep->net->network, &ep->endpoint, &ep->ifinfo, ep->options);
	if (rc)
		return rc;
	ep->endpoint.address = ep->address;
	ep->endpoint.address6 = ep->address6;
	ep->endpoint.mac = ep->mac;
	host->eps[host->ep_count++] = ep;
	return 0;
}

int ndrv_fakeep_join(struct ndrv_fakeep *ep)
{
	struct ndrv_fakehost *host = ep->net->host;

	if (!NDRV_HAS(host->ops, join))
		return missing(host, "join");
	ep->route_count = ep->wait_count = ep->row_count = 0;
	return host->ops->join(host->self, ndrv_fakehost_call(host, 0), &ep->net->network, &ep->endpoint, "sandbox", &ep->join,
			       ep->options, NULL);
}

int ndrv_fakeep_connect(struct ndrv_fakeep *ep, struct ndrv_fakebox *box)
{
	int rc = ndrv_fakeep_create(ep, box, "eth0");

	if (rc == 0)
		rc = ndrv_fakeep_join(ep);
	return rc ? rc : ndrv_fakeep_plug(ep, box);
}

int ndrv_fakeep_delete(struct ndrv_fakeep *ep, uint32_t flags)
{
	struct ndrv_fakehost *host = ep->net->host;

	if (!NDRV_HAS(host->ops, endpoint_delete))
		return missing(host, "endpoint_delete");
	int rc = host->ops->endpoint_delete(host->self, ndrv_fakehost_call(host, flags), &ep->net->network, &ep->endpoint);
	if (rc == 0)
		forget_ep(ep);
	return rc;
}

int ndrv_fakeep_disconnect(struct ndrv_fakeep *ep)
{
	int rc = ndrv_fakeep_leave(ep);

	return rc ? rc : ndrv_fakeep_delete(ep, 0);
}
