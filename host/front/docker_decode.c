/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's messages to requests, and replies to Docker's messages: one row per method. */
#include <string.h>

#include "host/front/docker.h"

static int no_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory, or larger than a request may be");
}

/* --- in --- */

/* The platform's own IPAM gave them: recorded, not leased. */
static void add_pools(const struct ndrv_ipam_list *list, uint32_t family, struct pool_wish *wishes, uint32_t *count)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct ndrv_ipam_data *data = ndrv_ipam_at(list, i);
		wishes[(*count)++] = (struct pool_wish){
			.pool = data->pool,
			.gateway = data->gateway,
			.family = family,
			.given = true,
			.address_space = data->address_space,
			.aux_count = data->aux_count,
			.aux = data->aux_set ? data->aux : NULL,
		};
	}
}

static int read_pools(const struct wire_request *from, struct request *request, struct ndrv_error *err)
{
	size_t count = (size_t)from->ipv4.count + from->ipv6.count;
	struct pool_wish *wishes = arena_alloc(request->arena, count * sizeof(*wishes) + 1);

	if (!wishes)
		return no_memory(err);
	request->pools = wishes;
	add_pools(&from->ipv4, 4, wishes, &request->pool_count);
	add_pools(&from->ipv6, 6, wishes, &request->pool_count);
	for (uint32_t i = 0; i < request->pool_count; i++) {
		uint32_t family = wishes[i].pool.addr.family;
		if (family && family != wishes[i].family)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "IPv%uData has a pool of the other family", wishes[i].family);
	}
	return 0;
}

static int read_network(const char *type, const struct wire_request *from, struct request *request, struct ndrv_error *err)
{
	request->type = type;
	request->new_id = from->network;
	request->network = NULL;
	request->raw_options = true;
	request->options = from->options;
	return read_pools(from, request, err);
}

static int read_endpoint(const char *type, const struct wire_request *from, struct request *request, struct ndrv_error *err)
{
	(void)type;
	request->options = from->options;
	request->address_given = true;
	request->address = from->interface.address;
	request->address6 = from->interface.address6;
	request->mac = from->interface.mac;
	if (request->address.addr.family == 6 || request->address6.addr.family == 4)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "Interface has two addresses of one family");
	return 0;
}

static int read_join(const char *type, const struct wire_request *from, struct request *request, struct ndrv_error *err)
{
	(void)type, (void)err;
	request->sandbox_key = from->sandbox_key;
	request->sandbox_options = from->options;
	return 0;
}

static int read_node(const char *type, const struct wire_request *from, struct request *request, struct ndrv_error *err)
{
	struct ndrv_discovery *discovery = arena_alloc(request->arena, sizeof(*discovery));

	if (!discovery)
		return no_memory(err);
	*discovery = (struct ndrv_discovery){
		.size = sizeof(*discovery),
		.type = NDRV_DISCOVER_NODE,
		.address = from->node.address,
		.bind_address = from->node.bind_address,
		.self = from->node.self,
	};
	request->type = type;
	request->discovery = discovery;
	return 0;
}

static int read_pool(const char *type, const struct wire_request *from, struct request *request, struct ndrv_error *err)
{
	struct pool_wish *wish = arena_alloc(request->arena, sizeof(*wish));
	const struct ndrv_prefix *pool = &from->ipam.pool;

	(void)type;
	if (!wish)
		return no_memory(err);
	*wish = (struct pool_wish){.pool = *pool, .range = from->ipam.sub_pool, .family = from->ipam.v6 ? 6 : 4};
	if (pool->addr.family && pool->addr.family != wish->family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "V6 is %s, but Pool is of the other family",
				 from->ipam.v6 ? "true" : "false");
	if (!from->ipam.space[0])
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "AddressSpace is missing");
	if (!pool->addr.family && wish->range.addr.family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "SubPool without Pool");
	request->address_space = from->ipam.space;
	request->pools = wish;
	request->pool_count = 1;
	return 0;
}

static int read_address(const char *type, const struct wire_request *from, struct request *request, struct ndrv_error *err)
{
	const char *kind = "";

	(void)type;
	request->pool_id = from->ipam.pool_id;
	request->address.addr = from->ipam.address;
	int rc = ndrv_map_string(&from->options, "RequestAddressType", &kind, err);
	request->gateway = rc == 1 && strcmp(kind, "com.docker.network.gateway") == 0;
	return rc < 0 ? rc : 0;
}

static int read_type(const char *type, const struct wire_request *from, struct request *request, struct ndrv_error *err)
{
	(void)err;
	request->type = type;
	request->new_id = from->network;
	request->network = NULL;
	request->options = from->options;
	return 0;
}

/* --- out --- */

static void write_allocated(const struct reply *from, struct wire_reply *ret)
{
	ret->options = from->value;
}

/* dockerd takes whatever comes back for a change, even the same. */
static void write_endpoint(const struct reply *from, struct wire_reply *ret)
{
	ret->has_interface = true;
	if (from->address_changed)
		ret->interface.address = from->address;
	if (from->address6_changed)
		ret->interface.address6 = from->address6;
	if (from->mac_changed)
		ret->interface.mac = from->mac;
}

static void write_info(const struct reply *from, struct wire_reply *ret)
{
	ret->value = from->value;
	if (ret->value.type != NDRV_MAP)
		ret->value = (struct ndrv_value){.type = NDRV_MAP};
}

static void write_join(const struct reply *from, struct wire_reply *ret)
{
	const struct join_reply *join = &from->join;

	ret->join.has_names = join->src_name && *join->src_name;
	ret->join.src_name = join->src_name;
	ret->join.prefix = join->prefix;
	ret->join.dst_name = join->ifname;
	ret->join.gateway = join->gateway4;
	ret->join.gateway6 = join->gateway6;
	ret->join.routes = (struct wire_routes){.count = join->route_count, .items = join->routes};
	ret->join.disable_gateway_service = join->disable_gateway_service;
}

static void write_pool(const struct reply *from, struct wire_reply *ret)
{
	ret->ipam.pool_id = from->pool_id;
	ret->ipam.pool = from->pool;
	ret->ipam.data = (struct ndrv_value){.type = NDRV_MAP};
}

static void write_address(const struct reply *from, struct wire_reply *ret)
{
	ret->ipam.address = from->address;
	ret->ipam.data = (struct ndrv_value){.type = NDRV_MAP};
}

static void write_skips(const struct reply *from, struct wire_reply *ret)
{
	ret->skip_ipv4 = (from->skip_gateways & NDRV_SKIP_GATEWAY4) != 0;
	ret->skip_ipv6 = (from->skip_gateways & NDRV_SKIP_GATEWAY6) != 0;
}

/* --- the table --- */

enum {
	GONE_IS_FINE = 1u << 0,	  /* it deletes: what is not there is deleted */
	NEVER_FAILS = 1u << 1,	  /* dockerd would not start the container, for no reason of the user's */
	ABSENT_IS_FINE = 1u << 2, /* a driver without the op has nothing to say */
	NO_WAY_BACK = 1u << 3,	  /* dockerd has forgotten it already */
};

static const struct row {
	enum request_op op;
	uint32_t flags;
	int (*read)(const char *type, const struct wire_request *from, struct request *request, struct ndrv_error *err);
	void (*write)(const struct reply *from, struct wire_reply *ret);
} rows[WIRE_COUNT] = {
	[WIRE_GW_ALLOC_CHECK] = {REQ_GW_ALLOC_CHECK, ABSENT_IS_FINE, read_type, write_skips},
	[WIRE_ALLOCATE_NETWORK] = {REQ_NETWORK_ALLOCATE, 0, read_network, write_allocated},
	[WIRE_FREE_NETWORK] = {REQ_NETWORK_FREE, GONE_IS_FINE, read_type, NULL},
	[WIRE_CREATE_NETWORK] = {REQ_NETWORK_CREATE, 0, read_network, NULL},
	[WIRE_DELETE_NETWORK] = {REQ_NETWORK_DELETE, GONE_IS_FINE | NO_WAY_BACK, NULL, NULL},
	[WIRE_CREATE_ENDPOINT] = {REQ_ENDPOINT_CREATE, 0, read_endpoint, write_endpoint},
	[WIRE_DELETE_ENDPOINT] = {REQ_ENDPOINT_DELETE, GONE_IS_FINE, NULL, NULL},
	[WIRE_ENDPOINT_INFO] = {REQ_ENDPOINT_INFO, NEVER_FAILS, NULL, write_info},
	[WIRE_JOIN] = {REQ_JOIN, 0, read_join, write_join},
	[WIRE_LEAVE] = {REQ_LEAVE, GONE_IS_FINE, NULL, NULL},
	[WIRE_PROGRAM_EXTERNAL] = {REQ_PROGRAM_EXTERNAL, 0, read_join, NULL},
	[WIRE_REVOKE_EXTERNAL] = {REQ_REVOKE_EXTERNAL, GONE_IS_FINE, NULL, NULL},
	[WIRE_DISCOVER_NEW] = {REQ_DISCOVER_NEW, 0, read_node, NULL},
	[WIRE_DISCOVER_DELETE] = {REQ_DISCOVER_DELETE, GONE_IS_FINE, read_node, NULL},
	[WIRE_IPAM_REQUEST_POOL] = {REQ_POOL_REQUEST, 0, read_pool, write_pool},
	[WIRE_IPAM_RELEASE_POOL] = {REQ_POOL_RELEASE, GONE_IS_FINE, read_address, NULL},
	[WIRE_IPAM_REQUEST_ADDRESS] = {REQ_ADDRESS_REQUEST, 0, read_address, write_address},
	[WIRE_IPAM_RELEASE_ADDRESS] = {REQ_ADDRESS_RELEASE, GONE_IS_FINE, read_address, NULL},
};

int docker_decode(enum wire_method method, bool is_host, const char *type, const struct wire_request *from, struct request *request,
		  struct ndrv_error *err)
{
	const struct row *row = &rows[method];

	request->force = (row->flags & NO_WAY_BACK) && !is_host;
	request->by_docker = !is_host;
	request->op = row->op;
	request->network = from->network;
	request->endpoint = from->endpoint;
	return row->read ? row->read(type, from, request, err) : 0;
}

static bool is_fine(const struct row *row, bool is_host, const struct ndrv_error *error)
{
	if ((row->flags & GONE_IS_FINE) &&
	    (error->code == NDRV_E_NO_NETWORK || error->code == NDRV_E_NO_ENDPOINT || error->code == NDRV_E_NO_POOL))
		return true;
	if ((row->flags & ABSENT_IS_FINE) && error->kind == NDRV_KIND_NOT_IMPLEMENTED)
		return true;
	return (row->flags & NEVER_FAILS) && !is_host;
}

void docker_reply(enum wire_method method, bool is_host, const struct reply *from, struct wire_reply *ret)
{
	static const struct reply nothing;
	const struct row *row = &rows[method];

	*ret = (struct wire_reply){0};
	if (from->error.code && !is_fine(row, is_host, &from->error)) {
		wire_reply_fail(ret, &from->error);
		return;
	}
	if (row->write)
		row->write(from->error.code ? &nothing : from, ret);
}
