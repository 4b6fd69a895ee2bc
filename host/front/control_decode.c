/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests about networks and endpoints. Only what a request says by itself is checked here: types, forms, families that
 * contradict each other. Whether it can be done is the dispatcher's. */
#include <string.h>

#include "host/front/control.h"

#define POOLS_MAX 64
#define AUX_MAX 256
#define PORTS_MAX 1024

static void *alloc(struct fields *fields, size_t count, size_t size)
{
	void *memory = arena_alloc(fields->arena, (count ? count : 1) * size);
	if (!memory)
		fields_fail(fields, ndrv_fail(fields->err, NDRV_E_INTERNAL, "out of memory, or the request is too large"));
	return memory;
}

/* --- pools --- */

/* The family of the pool so far; a contradiction is refused. */
static void same_family(struct fields *pool, const char *key, const struct ndrv_prefix *address, struct pool_wish *wish)
{
	char text[NDRV_PREFIX_TEXT];

	if (pool->rc < 0 || !address->addr.family)
		return;
	if (!wish->family)
		wish->family = address->addr.family;
	else if (wish->family != address->addr.family)
		fields_refuse(pool, key, "%s is IPv%u, the pool is IPv%u", ndrv_addr_format(&address->addr, text),
			      address->addr.family, wish->family);
}

static void decode_aux(struct fields *pool, struct pool_wish *wish)
{
	const json_t *json = fields_object(pool, "aux_addresses", AUX_MAX);

	if (!json)
		return;
	size_t count = json_object_size(json), i = 0;
	struct ndrv_aux_address *aux = alloc(pool, count, sizeof(*aux));
	struct fields inner;

	if (!aux)
		return;
	fields_open_in(&inner, pool, json, "aux_addresses", FIELDS_NO_INDEX);
	json_t *object = (json_t *)(uintptr_t)json; /* only read */
	for (void *at = json_object_iter(object); at && inner.rc == 0; at = json_object_iter_next(object, at), i++) {
		aux[i].name = arena_strdup(pool->arena, json_object_iter_key(at));
		if (!aux[i].name) {
			fields_fail(pool, ndrv_fail(pool->err, NDRV_E_INTERNAL, "out of memory"));
			return;
		}
		inner.count = 0; /* names are free here: nothing is unknown */
		if (!fields_address(&inner, aux[i].name, &aux[i].address))
			fields_refuse(&inner, aux[i].name, "expected an address, found null");
		same_family(&inner, aux[i].name, &aux[i].address, wish);
		if (!aux[i].address.length)
			aux[i].address.length = wish->pool.length;
	}
	fields_fail(pool, inner.rc);
	wish->aux = aux;
	wish->aux_count = (uint32_t)count;
}

static void decode_pool(struct fields *body, const json_t *json, size_t index, bool given, struct pool_wish *wish)
{
	struct fields pool;
	int64_t family = 0;

	fields_open_in(&pool, body, json, "pools", index);
	wish->given = given;
	wish->address_space = "";
	(void)fields_string(&pool, "address_space", &wish->address_space);
	if (fields_int(&pool, "family", 4, 6, &family) && family == 5)
		fields_refuse(&pool, "family", "expected 4 or 6, found 5");
	wish->family = (uint32_t)family;
	(void)fields_prefix(&pool, "subnet", &wish->pool);
	same_family(&pool, "subnet", &wish->pool, wish);
	(void)fields_prefix(&pool, "ip_range", &wish->range);
	same_family(&pool, "ip_range", &wish->range, wish);
	if (fields_address(&pool, "gateway", &wish->gateway) && !wish->gateway.length)
		wish->gateway.length = wish->pool.length;
	same_family(&pool, "gateway", &wish->gateway, wish);
	decode_aux(&pool, wish);
	if (given)
		fields_require(&pool, "subnet");
	if (!wish->family)
		wish->family = 4;
	fields_fail(body, fields_done(&pool));
}

static void decode_pools(struct fields *body, bool given, struct request *request)
{
	const json_t *list = fields_list(body, "pools", POOLS_MAX);
	size_t count = list ? json_array_size(list) : 0;
	struct pool_wish *pools = alloc(body, count, sizeof(*pools));

	for (size_t i = 0; pools && i < count && body->rc == 0; i++)
		decode_pool(body, json_array_get(list, i), i, given, &pools[i]);
	request->pools = pools;
	request->pool_count = (uint32_t)count;
}

/* A family is on when it is said to be, or when a pool of it is there; IPv4 also when nothing is said. Where one is on and has no
 * pool, the dispatcher chooses one. */
static void decode_families(struct fields *body, struct request *request)
{
	static const char *const keys[2] = {"ipv4", "ipv6"};
	static const uint32_t flags[2] = {NDRV_NETWORK_IPV4, NDRV_NETWORK_IPV6};

	for (int i = 0; i < 2; i++) {
		bool wanted = i == 0, said = fields_bool(body, keys[i], &wanted), there = false;
		uint32_t family = i == 0 ? 4 : 6;

		for (uint32_t j = 0; body->rc == 0 && j < request->pool_count; j++)
			there |= request->pools[j].family == family;
		if (there && said && !wanted)
			fields_refuse(body, keys[i], "is false, yet there is a pool of IPv%u", family);
		if (wanted || there)
			request->flags |= flags[i];
	}
	if (body->rc == 0 && !(request->flags & (NDRV_NETWORK_IPV4 | NDRV_NETWORK_IPV6)))
		fields_refuse(body, "ipv4", "is false, and ipv6 is not on: a network has one of them at least");
}

void decode_network_create(struct fields *body, struct request *request)
{
	bool internal = false;

	request->name = "";
	if (!fields_id(body, "name", &request->name) && !fields_has(body, "id"))
		fields_require(body, "name");
	(void)fields_id(body, "id", &request->new_id);
	(void)fields_id(body, "type", &request->type);
	fields_require(body, "type");
	decode_pools(body, false, request);
	decode_families(body, request);
	if (fields_bool(body, "internal", &internal) && internal)
		request->flags |= NDRV_NETWORK_INTERNAL;
	(void)fields_map(body, "options", &request->options);
}

void decode_network_allocate(struct fields *body, struct request *request)
{
	(void)fields_id(body, "id", &request->new_id);
	fields_require(body, "id");
	decode_pools(body, true, request);
	(void)fields_map(body, "options", &request->options);
	request->raw_options = true;
}

void decode_network_free(struct fields *body, struct request *request)
{
	(void)fields_id(body, "id", &request->network);
	fields_require(body, "id");
}

void decode_gateway_check(struct fields *body, struct request *request)
{
	(void)fields_map(body, "options", &request->options);
	request->raw_options = true;
}

void decode_reexec(struct fields *body, struct request *request)
{
	(void)fields_string(body, "binary", &request->file);
	if (body->rc == 0 && request->file && request->file[0] != '/')
		fields_refuse(body, "binary", "expected an absolute path, found \"%.128s\"", request->file);
}

void decode_driver_load(struct fields *body, struct request *request)
{
	(void)fields_string(body, "file", &request->file);
	fields_require(body, "file");
	if (body->rc == 0 && request->file[0] != '/')
		fields_refuse(body, "file", "expected an absolute path, found \"%.128s\"", request->file);
}

/* --- ports: libnetwork's portmap and exposedports, as Docker puts them into labels --- */

struct port {
	const char *host_address;
	int64_t port, host_port, host_port_end, proto;
};

static void decode_port(struct fields *outer, const json_t *json, size_t index, struct port *port)
{
	struct fields fields;
	struct ndrv_addr address;
	const char *proto = "tcp";

	fields_open_in(&fields, outer, json, "ports", index);
	port->host_address = "";
	if (fields_string(&fields, "host_address", &port->host_address) && *port->host_address)
		fields_fail(&fields, ndrv_wrap(fields.err, ndrv_addr_parse(port->host_address, &address, fields.err),
					       "%s.host_address", fields.path));
	(void)fields_int(&fields, "host_port", 0, 65535, &port->host_port);
	port->host_port_end = port->host_port;
	(void)fields_int(&fields, "host_port_end", 0, 65535, &port->host_port_end);
	if (port->host_port_end < port->host_port)
		fields_refuse(&fields, "host_port_end", "%lld is below host_port", (long long)port->host_port_end);
	(void)fields_int(&fields, "port", 1, 65535, &port->port);
	fields_require(&fields, "port");
	(void)fields_string(&fields, "proto", &proto);
	port->proto = strcmp(proto, "tcp") == 0 ? 6 : strcmp(proto, "udp") == 0 ? 17 : strcmp(proto, "sctp") == 0 ? 132 : 0;
	if (!port->proto)
		fields_refuse(&fields, "proto", "expected tcp, udp or sctp, found \"%.24s\"", proto);
	fields_fail(outer, fields_done(&fields));
}

static void set(struct fields *fields, struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	if (fields->rc == 0)
		fields_fail(fields, ndrv_map_set(&fields->arena->ndrv, map, key, value, fields->err));
}

static void add(struct fields *fields, struct ndrv_value *list, struct ndrv_value value)
{
	if (fields->rc == 0)
		fields_fail(fields, ndrv_list_add(&fields->arena->ndrv, list, value, fields->err));
}

static void decode_ports(struct fields *body, struct ndrv_value *options)
{
	const json_t *list = fields_list(body, "ports", PORTS_MAX);
	struct ndrv_value map = {.type = NDRV_LIST}, exposed = {.type = NDRV_LIST};

	if (!list)
		return;
	for (size_t i = 0; i < json_array_size(list) && body->rc == 0; i++) {
		struct ndrv_value binding = {.type = NDRV_MAP}, transport = {.type = NDRV_MAP};
		struct port port = {0};

		decode_port(body, json_array_get(list, i), i, &port);
		set(body, &transport, "Proto", ndrv_int(port.proto));
		set(body, &transport, "Port", ndrv_int(port.port));
		add(body, &exposed, transport);
		set(body, &binding, "Proto", ndrv_int(port.proto));
		set(body, &binding, "IP", ndrv_string(""));
		set(body, &binding, "Port", ndrv_int(port.port));
		set(body, &binding, "HostIP", ndrv_string(port.host_address));
		set(body, &binding, "HostPort", ndrv_int(port.host_port));
		set(body, &binding, "HostPortEnd", ndrv_int(port.host_port_end));
		add(body, &map, binding);
	}
	set(body, options, NDRV_OPT_PORTMAP, map);
	set(body, options, NDRV_OPT_EXPOSED_PORTS, exposed);
}

/* --- endpoints --- */

static void decode_addresses(struct fields *body, struct request *request)
{
	(void)fields_address(body, "ip", &request->address);
	if (body->rc == 0 && request->address.addr.family == 6)
		fields_refuse(body, "ip", "expected an IPv4 address, found an IPv6 one: \"ip6\" is for those");
	(void)fields_address(body, "ip6", &request->address6);
	if (body->rc == 0 && request->address6.addr.family == 4)
		fields_refuse(body, "ip6", "expected an IPv6 address, found an IPv4 one: \"ip\" is for those");
	(void)fields_mac(body, "mac", &request->mac);
}

/* "blue" is /run/netns/blue, as `ip netns` makes it. */
static void decode_netns(struct fields *body, struct request *request)
{
	if (fields_string(body, "netns", &request->netns)) {
		if (!*request->netns)
			fields_refuse(body, "netns", "expected a path or a name, found \"\"");
		if (body->rc == 0 && !strchr(request->netns, '/')) {
			request->netns = ndrv_arena_printf(&body->arena->ndrv, "/run/netns/%s", request->netns);
			if (!request->netns) {
				fields_fail(body, ndrv_fail(body->err, NDRV_E_INTERNAL, "out of memory"));
				return;
			}
		}
		if (body->rc == 0 && request->netns[0] != '/')
			fields_refuse(body, "netns", "expected an absolute path or a plain name, found \"%.128s\"", request->netns);
	}
	(void)fields_int(body, "pid", 1, INT32_MAX, &request->netns_pid);
	if (body->rc == 0 && request->netns && request->netns_pid)
		fields_refuse(body, "pid", "is given together with netns: one of them says which sandbox");
}

void decode_connect(struct fields *body, struct request *request)
{
	decode_netns(body, request);
	if (body->rc == 0 && !request->netns && !request->netns_pid)
		fields_refuse(body, "netns", "is required, or pid");
	(void)fields_id(body, "id", &request->endpoint);
	(void)fields_id(body, "endpoint", &request->endpoint_name);
	decode_addresses(body, request);
	if (fields_string(body, "ifname", &request->ifname))
		fields_fail(body, ndrv_wrap(body->err, ndrv_ifname_check(request->ifname, body->err), "ifname"));
	(void)fields_int(body, "gw_priority", -GW_PRIORITY_MAX, GW_PRIORITY_MAX, &request->gw_priority);
	(void)fields_map(body, "options", &request->options);
	(void)fields_map(body, "sandbox_options", &request->sandbox_options);
	decode_ports(body, &request->sandbox_options);
}

void decode_disconnect(struct fields *body, struct request *request)
{
	(void)fields_id(body, "endpoint", &request->endpoint);
	fields_require(body, "endpoint");
	(void)fields_bool(body, "force", &request->force);
	(void)fields_bool(body, "sync", &request->sync);
	(void)fields_bool(body, "sandbox_gone", &request->sandbox_gone);
}

void decode_endpoint_create(struct fields *body, struct request *request)
{
	(void)fields_id(body, "id", &request->endpoint);
	fields_require(body, "id");
	(void)fields_id(body, "name", &request->endpoint_name);
	decode_addresses(body, request);
	(void)fields_map(body, "options", &request->options);
}

void decode_join(struct fields *body, struct request *request)
{
	(void)fields_string(body, "sandbox_key", &request->sandbox_key);
	fields_require(body, "sandbox_key");
	(void)fields_map(body, "options", &request->options);
	(void)fields_map(body, "sandbox_options", &request->sandbox_options);
}

void decode_program(struct fields *body, struct request *request)
{
	(void)fields_map(body, "sandbox_options", &request->sandbox_options);
	decode_ports(body, &request->sandbox_options);
}
