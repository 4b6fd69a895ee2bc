/* SPDX-License-Identifier: Apache-2.0 */
#include <ndrv/ports.h>

const char *ndrv_proto_name(uint32_t protocol)
{
	return protocol == NDRV_PROTO_TCP ? "tcp" : protocol == NDRV_PROTO_UDP ? "udp" : protocol == NDRV_PROTO_SCTP ? "sctp" : "?";
}

/* The list under `key`, at the top or among the generic labels. 1 found, 0 absent. */
static int find_list(const struct ndrv_value *options, const char *key, const struct ndrv_value **ret, struct ndrv_error *err)
{
	const struct ndrv_value *list = ndrv_map_get(options, key);

	if (!list || list->type == NDRV_NULL)
		list = ndrv_map_path(options, NDRV_OPT_GENERIC, key, NULL);
	if (!list || list->type == NDRV_NULL)
		return 0;
	if (list->type != NDRV_LIST)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "option \"%s\" is not a list of ports", key);
	if (list->count > NDRV_PORTS_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "option \"%s\" has %u ports, at most %d are taken", key, list->count,
				 NDRV_PORTS_MAX);
	*ret = list;
	return 1;
}

/* A number within 0..`maximum`; absent is 0. */
static int read_number(const struct ndrv_value *map, const char *key, int64_t maximum, uint32_t *ret, struct ndrv_error *err)
{
	int64_t number = 0;

	if (ndrv_map_int(map, key, &number, err) < 0)
		return -NDRV_E_BAD_REQUEST;
	if (number < 0 || number > maximum)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s %lld is not from 0 to %lld", key, (long long)number,
				 (long long)maximum);
	*ret = (uint32_t)number;
	return 0;
}

static int read_addr(const struct ndrv_value *map, const char *key, struct ndrv_addr *ret, struct ndrv_error *err)
{
	const char *text = "";

	if (ndrv_map_string(map, key, &text, err) < 0)
		return -NDRV_E_BAD_REQUEST;
	return text[0] ? ndrv_wrap(err, ndrv_addr_parse(text, ret, err), "%s", key) : 0;
}

static int read_transport(const struct ndrv_value *map, uint32_t *ret_protocol, uint32_t *ret_port, struct ndrv_error *err)
{
	int rc;

	if (map->type != NDRV_MAP)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a port is not a map");
	rc = read_number(map, "Proto", 255, ret_protocol, err);
	if (!rc)
		rc = read_number(map, "Port", 65535, ret_port, err);
	if (rc)
		return rc;
	if (*ret_protocol != NDRV_PROTO_TCP && *ret_protocol != NDRV_PROTO_UDP && *ret_protocol != NDRV_PROTO_SCTP)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "Proto %u is not tcp (6), udp (17) or sctp (132)", *ret_protocol);
	return *ret_port ? 0 : ndrv_fail(err, NDRV_E_BAD_REQUEST, "Port 0 cannot be published or exposed");
}

static int read_binding(const struct ndrv_value *map, struct ndrv_port_binding *ret, struct ndrv_error *err)
{
	int rc = read_transport(map, &ret->protocol, &ret->port, err);

	ret->size = sizeof(*ret);
	if (!rc)
		rc = read_addr(map, "IP", &ret->address, err);
	if (!rc)
		rc = read_addr(map, "HostIP", &ret->host_address, err);
	if (!rc)
		rc = read_number(map, "HostPort", 65535, &ret->host_port, err);
	if (!rc)
		rc = read_number(map, "HostPortEnd", 65535, &ret->host_port_end, err);
	if (rc)
		return rc;
	if (!ret->host_port_end)
		ret->host_port_end = ret->host_port;
	if (ret->host_port_end < ret->host_port || (!ret->host_port && ret->host_port_end))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "host ports %u to %u are no range", ret->host_port, ret->host_port_end);
	return 0;
}

int ndrv_portmap_read(const struct ndrv_value *options, struct ndrv_arena *arena, struct ndrv_port_binding **ret,
		      uint32_t *ret_count, struct ndrv_error *err)
{
	const struct ndrv_value *list;
	int rc = find_list(options, NDRV_OPT_PORTMAP, &list, err);

	*ret = NULL;
	*ret_count = 0;
	if (rc <= 0)
		return rc;
	struct ndrv_port_binding *bindings = ndrv_arena_alloc(arena, list->count * sizeof(*bindings));
	if (!bindings)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory for ports");
	for (uint32_t i = 0; i < list->count; i++) {
		rc = read_binding(&list->u.items[i], &bindings[i], err);
		if (rc)
			return ndrv_wrap(err, rc, "option \"%s\", port %u", NDRV_OPT_PORTMAP, i + 1);
	}
	*ret = bindings;
	*ret_count = list->count;
	return 0;
}

int ndrv_exposed_read(const struct ndrv_value *options, struct ndrv_arena *arena, struct ndrv_transport_port **ret,
		      uint32_t *ret_count, struct ndrv_error *err)
{
	const struct ndrv_value *list;
	int rc = find_list(options, NDRV_OPT_EXPOSED_PORTS, &list, err);

	*ret = NULL;
	*ret_count = 0;
	if (rc <= 0)
		return rc;
	struct ndrv_transport_port *ports = ndrv_arena_alloc(arena, list->count * sizeof(*ports));
	if (!ports)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory for ports");
	for (uint32_t i = 0; i < list->count; i++) {
		rc = read_transport(&list->u.items[i], &ports[i].protocol, &ports[i].port, err);
		if (rc)
			return ndrv_wrap(err, rc, "option \"%s\", port %u", NDRV_OPT_EXPOSED_PORTS, i + 1);
	}
	*ret = ports;
	*ret_count = list->count;
	return 0;
}

/* --- back --- */

/* A map being made; the first failure is kept. */
struct writing {
	struct ndrv_arena *arena;
	struct ndrv_value map;
	struct ndrv_error *err;
	int rc;
};

static void put(struct writing *writing, const char *key, struct ndrv_value value)
{
	if (!writing->rc)
		writing->rc = ndrv_map_set(writing->arena, &writing->map, key, value, writing->err);
}

static void put_addr(struct writing *writing, const char *key, const struct ndrv_addr *addr)
{
	char text[NDRV_ADDR_TEXT];
	const char *copy = ndrv_arena_strdup(writing->arena, ndrv_addr_format(addr, text));

	if (!copy && !writing->rc)
		writing->rc = ndrv_fail(writing->err, NDRV_E_NO_SERVICE, "out of memory for ports");
	put(writing, key, copy ? ndrv_string(copy) : ndrv_null());
}

int ndrv_portmap_write(struct ndrv_arena *arena, const struct ndrv_port_binding *bindings, uint32_t count, struct ndrv_value *ret,
		       struct ndrv_error *err)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	int rc = 0;

	for (uint32_t i = 0; i < count && !rc; i++) {
		struct writing writing = {.arena = arena, .map = {.type = NDRV_MAP}, .err = err};

		put(&writing, "Proto", ndrv_int(bindings[i].protocol));
		put_addr(&writing, "IP", &bindings[i].address);
		put(&writing, "Port", ndrv_int(bindings[i].port));
		put_addr(&writing, "HostIP", &bindings[i].host_address);
		put(&writing, "HostPort", ndrv_int(bindings[i].host_port));
		put(&writing, "HostPortEnd",
		    ndrv_int(bindings[i].host_port_end ? bindings[i].host_port_end : bindings[i].host_port));
		rc = writing.rc ? writing.rc : ndrv_list_add(arena, &list, writing.map, err);
	}
	if (!rc)
		*ret = list;
	return rc;
}

int ndrv_exposed_write(struct ndrv_arena *arena, const struct ndrv_transport_port *ports, uint32_t count, struct ndrv_value *ret,
		       struct ndrv_error *err)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	int rc = 0;

	for (uint32_t i = 0; i < count && !rc; i++) {
		struct writing writing = {.arena = arena, .map = {.type = NDRV_MAP}, .err = err};

		put(&writing, "Proto", ndrv_int(ports[i].protocol));
		put(&writing, "Port", ndrv_int(ports[i].port));
		rc = writing.rc ? writing.rc : ndrv_list_add(arena, &list, writing.map, err);
	}
	if (!rc)
		*ret = list;
	return rc;
}
