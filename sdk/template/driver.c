/* SPDX-License-Identifier: Apache-2.0 */
/* The example driver: a network is a bridge with the gateway's addresses, an endpoint a veth pair between it and the sandbox.
 *
 * Everything has a name made from the ids, so that it is found again after a restart. Put your own switch, card or tunnel where
 * the bridge is; the shape of the rest stays. */
#include <ndrv/driver.h>
#include <ndrv/link.h>
#include <ndrv/route.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- options: one table for parsing, help and the check for misspelt names --- */

struct options {
	int64_t mtu; /* 0: the kernel's */
	char prefix[NDRV_IFNAME_MAX];
};

static const struct ndrv_option network_options[] = {
	{.name = NDRV_OPT_MTU,
	 .type = NDRV_OPTION_INT,
	 .offset = offsetof(struct options, mtu),
	 .minimum = 68,
	 .maximum = 65535,
	 .doc = "bytes in the largest packet"},
	{.name = NDRV_OPT_IFACE_PREFIX,
	 .type = NDRV_OPTION_IFNAME,
	 .offset = offsetof(struct options, prefix),
	 .fallback = "eth",
	 .doc = "start of the interface's name in the sandbox; a number follows"},
};

#define OPTION_COUNT (sizeof(network_options) / sizeof(network_options[0]))

/* What the driver keeps of a network and of an endpoint: it hangs on the host's records, there is no table to keep in step. */
struct example_network {
	struct options options;
	uint32_t bridge; /* its interface's index */
};

struct example_endpoint {
	char outer[NDRV_IFNAME_MAX];
	char inner[NDRV_IFNAME_MAX];
	uint32_t index; /* of the outer end */
};

static int no_memory(struct ndrv_call *call)
{
	return ndrv_fail(call->err, NDRV_E_INTERNAL, "out of memory");
}

/* Is there an interface of that name, made for this host by an earlier call that was not answered, or by an earlier generation?
 * 1, 0, or an error: one that is somebody else's is not to be touched. */
static int find_own(struct ndrv_call *call, const struct ndrv_network *network, const char *name, uint32_t *ret_index)
{
	struct ndrv_link link;
	int rc = ndrv_link_get(call->host_nl, name, 0, &link, call->err);

	if (rc == -NDRV_E_NO_LINK)
		return 0;
	if (rc)
		return rc;
	if (link.group != network->link_group)
		return ndrv_fail(call->err, NDRV_E_LINK_EXISTS, "interface %s exists and is not ours", name);
	*ret_index = link.index;
	return 1;
}

/* Nothing there is success: somebody has asked before. */
static int delete_own(struct ndrv_call *call, const struct ndrv_network *network, const char *name)
{
	uint32_t index;
	int rc = find_own(call, network, name, &index);

	return rc == 1 ? ndrv_link_delete_many(call->host_nl, &index, 1, call->err) : rc;
}

/* --- networks --- */

static void bridge_name(char *name, const struct ndrv_network *network)
{
	ndrv_link_name(name, "xb", network->instance, network->id, "");
}

/* A bridge without an address of its own takes one of its ports', and another when that port goes: the gateway would move. */
static struct ndrv_mac bridge_mac(const struct ndrv_network *network)
{
	uint64_t hash = ndrv_link_hash(network->instance, network->id, "mac");
	struct ndrv_mac mac = {.set = 1, .bytes = {0x0e}};

	for (int i = 1; i < 6; i++, hash >>= 8)
		mac.bytes[i] = (uint8_t)hash;
	return mac;
}

static int add_gateway(struct ndrv_call *call, const char *name, uint32_t index, const struct ndrv_ipam_data *pool)
{
	if (!pool || !pool->gateway.addr.family)
		return 0;
	return ndrv_address_add(call->host_nl, name, index, &pool->gateway, call->err);
}

/* What is there stays; what is missing is made. */
static int make_bridge(struct ndrv_call *call, const struct ndrv_network *network, struct example_network *mine)
{
	char name[NDRV_IFNAME_MAX];
	struct ndrv_link made;

	bridge_name(name, network);
	int found = find_own(call, network, name, &mine->bridge);
	int rc = found < 0 ? found : 0;
	if (found == 0) {
		const struct ndrv_link_spec spec = {.kind = "bridge",
						    .name = name,
						    .mac = bridge_mac(network),
						    .mtu = (uint32_t)mine->options.mtu,
						    .group = network->link_group,
						    .up = 1,
						    .netns_fd = -1};
		rc = ndrv_link_create(call->host_nl, &spec, NULL, NULL, &made, call->err);
		if (rc == 0)
			mine->bridge = made.index;
	}
	if (rc)
		return rc;
	rc = add_gateway(call, name, mine->bridge, ndrv_ipam_at(&network->ipv4, 0));
	if (rc == 0)
		rc = add_gateway(call, name, mine->bridge, ndrv_ipam_at(&network->ipv6, 0));
	if (rc && found == 0) /* a call that fails leaves nothing */
		(void)ndrv_link_delete(call->host_nl, name, mine->bridge, NULL);
	return rc;
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	struct example_network *mine = network->priv;

	if (mine)
		return 0; /* asked again: it is there already */
	mine = calloc(1, sizeof(*mine));
	if (!mine)
		return no_memory(call);
	/* Without an open function, self is the host. Misspelt names are refused, or logged where Docker asks. */
	int rc = ndrv_options_read(self, call, network_options, OPTION_COUNT, ndrv_map_get(network->options, NDRV_OPT_GENERIC),
				   &mine->options);
	if (rc == 0)
		rc = make_bridge(call, network, mine);
	if (rc) {
		free(mine);
		return ndrv_wrap(call->err, rc, "network %s", network->id);
	}
	network->priv = mine;
	return 0;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	char name[NDRV_IFNAME_MAX];

	(void)self;
	bridge_name(name, network);
	int rc = delete_own(call, network, name);
	if (rc)
		return rc;
	free(network->priv);
	network->priv = NULL;
	return 0;
}

/* --- endpoints --- */

static struct example_endpoint *endpoint_new(const struct ndrv_network *network, const struct ndrv_endpoint *endpoint)
{
	struct example_endpoint *mine = calloc(1, sizeof(*mine));

	if (mine) {
		ndrv_link_name(mine->outer, "xo", network->instance, network->id, endpoint->id);
		ndrv_link_name(mine->inner, "xi", network->instance, network->id, endpoint->id);
	}
	return mine;
}

/* Born in the sandbox under its final name where both are known: moving it later takes the kernel 20 ms. */
static int make_pair(struct ndrv_call *call, const struct ndrv_network *network, struct ndrv_ifinfo *ifinfo,
		     struct example_endpoint *mine)
{
	const struct example_network *of = network->priv;
	const char *path, *ifname;
	struct ndrv_link made;
	int fd;
	int rc = ndrv_ifinfo_netns(ifinfo, &path, &fd, call->err);

	if (rc == 0)
		rc = ndrv_ifinfo_ifname(ifinfo, &ifname, call->err);
	if (rc)
		return rc;
	int inside = fd >= 0 && ifname[0] != '\0';
	if (inside)
		snprintf(mine->inner, sizeof(mine->inner), "%s", ifname);
	struct ndrv_link_peer peer = {.name = mine->inner, .mtu = (uint32_t)of->options.mtu, .netns_fd = inside ? fd : -1};
	const struct ndrv_link_spec spec = {.kind = "veth",
					    .name = mine->outer,
					    .mtu = (uint32_t)of->options.mtu,
					    .master = of->bridge,
					    .group = network->link_group,
					    .queues = 1,
					    .up = 1,
					    .netns_fd = -1,
					    .peer = &peer};
	rc = ndrv_ifinfo_mac(ifinfo, &peer.mac, call->err);
	if (rc == 0)
		rc = ndrv_link_create(call->host_nl, &spec, NULL, NULL, &made, call->err);
	if (rc == 0)
		mine->index = made.index;
	if (rc == 0 && inside) {
		rc = ndrv_ifinfo_set_created_in_sandbox(ifinfo, call->err);
		if (rc)
			(void)ndrv_link_delete(call->host_nl, mine->outer, 0, NULL);
	}
	return rc;
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	if (endpoint->priv)
		return 0;
	if (!network->priv)
		return ndrv_fail_object(call->err, NDRV_E_NO_NETWORK, network->id);
	int rc = ndrv_options_read(self, call, NULL, 0, options, NULL); /* it has none: what there is is a mistake */
	if (rc)
		return rc;
	struct example_endpoint *mine = endpoint_new(network, endpoint);
	if (!mine)
		return no_memory(call);
	rc = find_own(call, network, mine->outer, &mine->index);
	if (rc == 0)
		rc = make_pair(call, network, ifinfo, mine);
	if (rc < 0) {
		free(mine);
		return ndrv_wrap(call->err, rc, "endpoint %s", endpoint->id);
	}
	endpoint->priv = mine;
	return 0;
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	char outer[NDRV_IFNAME_MAX];

	(void)self;
	/* One end takes the other with it, wherever that is. */
	ndrv_link_name(outer, "xo", network->instance, network->id, endpoint->id);
	int rc = delete_own(call, network, outer);
	if (rc)
		return rc;
	free(endpoint->priv);
	endpoint->priv = NULL;
	return 0;
}

static int endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info)
{
	const struct example_endpoint *mine = endpoint->priv;
	struct ndrv_value info = ndrv_null();

	(void)self, (void)network;
	if (!mine)
		return ndrv_fail_object(call->err, NDRV_E_NO_ENDPOINT, endpoint->id);
	const char *outer = ndrv_arena_strdup(call->arena, mine->outer);
	if (!outer)
		return no_memory(call);
	int rc = ndrv_map_set(call->arena, &info, "example.outer", ndrv_string(outer), call->err);
	if (rc == 0)
		*ret_info = info;
	return rc;
}

/* --- join: what the sandbox is to get; the host does it --- */

static int join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *handle, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	const struct example_network *of = network->priv;
	const struct example_endpoint *mine = endpoint->priv;
	const struct ndrv_ipam_data *ipv4 = ndrv_ipam_at(&network->ipv4, 0);
	const struct ndrv_ipam_data *ipv6 = ndrv_ipam_at(&network->ipv6, 0);
	const char *exact = "";

	(void)self, (void)sandbox_key, (void)sandbox_options;
	if (!of || !mine)
		return ndrv_fail_object(call->err, NDRV_E_NO_ENDPOINT, endpoint->id);
	int rc = ndrv_map_string(endpoint_options, NDRV_OPT_IFNAME, &exact, call->err);
	if (rc < 0)
		return rc;
	rc = ndrv_join_set_names(handle, mine->inner, of->options.prefix, exact, call->err);
	if (rc == 0) /* the caller is not answered before the bridge sends from this port */
		rc = ndrv_join_add_wait_link(handle, mine->index, call->err);
	if (rc == 0 && ipv4)
		rc = ndrv_join_set_gateway(handle, &ipv4->gateway.addr, call->err);
	if (rc == 0 && ipv6)
		rc = ndrv_join_set_gateway6(handle, &ipv6->gateway.addr, call->err);
	return rc;
}

static int leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)call, (void)network, (void)endpoint;
	return 0;
}

/* --- a life longer than one instance --- */

/* After a restart of the host, or when a newer file of this driver takes over: everything is in the options and the names, so
 * adopting is creating without changing what is there. */
static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	(void)blob;
	if (!endpoint)
		return network_create(self, call, network);
	if (endpoint->priv)
		return 0;
	struct example_endpoint *mine = endpoint_new(network, endpoint);
	if (!mine)
		return no_memory(call);
	int rc = find_own(call, network, mine->outer, &mine->index);
	if (rc == 1) {
		endpoint->priv = mine;
		return 0;
	}
	free(mine);
	return rc ? rc : ndrv_fail(call->err, NDRV_E_NO_LINK, "endpoint %s has lost its interface", endpoint->id);
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	void **priv = endpoint ? &endpoint->priv : &network->priv;

	(void)self;
	free(*priv);
	*priv = NULL;
}

static int options(void *self, uint32_t which, struct ndrv_option_list *ret)
{
	(void)self;
	*ret = (struct ndrv_option_list){.element_size = sizeof(network_options[0]), .items = network_options};
	if (which == NDRV_OPTIONS_NETWORK)
		ret->count = OPTION_COUNT;
	return 0;
}

/* What is left out is NotImplemented, or skipped where nobody asked for it. */
static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	.endpoint_info = endpoint_info,
	.join = join,
	.leave = leave,
	.adopt = adopt,
	.release = release,
	.options = options,
};

NDRV_DRIVER(&ops, NULL, .types = "example", .name = "example", .version = PACKAGE_VERSION, .vendor = "Example Networks",
	    .data_scope = NDRV_SCOPE_LOCAL);
