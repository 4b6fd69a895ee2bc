/* SPDX-License-Identifier: Apache-2.0 */
/* Which method and path is which operation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/front/control.h"

#define ENDPOINT "/v1/networks/{network}/endpoints/{endpoint}"
#define DRIVER "/v1/drivers/{type}"

const struct route control_routes[] = {
	{"GET", "/v1/status", REQ_STATUS, 0, 200, NULL},
	{"GET", "/metrics", REQ_METRICS, 0, 200, NULL},
	{"GET", "/v1/events", CONTROL_EVENTS, 0, 200, NULL},
	{"POST", "/v1/reload", REQ_RELOAD, 0, 200, NULL},
	{"POST", "/v1/reexec", REQ_REEXEC, QUERY_DRY_RUN, 200, decode_reexec},

	{"GET", "/v1/networks", REQ_NETWORK_LIST, 0, 200, NULL},
	{"POST", "/v1/networks", REQ_NETWORK_CREATE, 0, 201, decode_network_create},
	{"POST", "/v1/networks/prune", REQ_NETWORK_PRUNE, QUERY_DRY_RUN, 200, NULL},
	{"GET", "/v1/networks/{network}", REQ_NETWORK_INSPECT, 0, 200, NULL},
	{"DELETE", "/v1/networks/{network}", REQ_NETWORK_DELETE, QUERY_FORCE | QUERY_SYNC, 200, NULL},
	{"POST", "/v1/networks/{network}/connect", REQ_CONNECT, 0, 201, decode_connect},
	{"POST", "/v1/networks/{network}/disconnect", REQ_DISCONNECT, 0, 200, decode_disconnect},
	{"POST", "/v1/networks/{network}/decode-table-entry", REQ_DECODE_TABLE_ENTRY, 0, 200, decode_table_entry},
	{"POST", "/v1/networks/{network}/event-notify", REQ_EVENT_NOTIFY, 0, 200, decode_event_notify},

	{"GET", "/v1/tables", REQ_TABLE_LIST, QUERY_NETWORK, 200, NULL},
	{"GET", "/v1/rows", CONTROL_ROWS, QUERY_NETWORK | QUERY_TABLE | QUERY_OWNER | QUERY_SINCE | QUERY_ONCE, 200, NULL},
	{"POST", "/v1/networks/{network}/rows", REQ_TABLE_WRITE, 0, 200, decode_table_write},
	{"GET", "/v1/networks/{network}/row", REQ_TABLE_GET, QUERY_TABLE | QUERY_KEY | QUERY_OWNER, 200, NULL},
	{"GET", "/v1/nodes", REQ_NODE_LIST, 0, 200, NULL},
	{"POST", "/v1/nodes", REQ_NODE_ADD, 0, 201, decode_node_add},
	{"DELETE", "/v1/nodes/{node}", REQ_NODE_REMOVE, 0, 200, NULL},

	{"GET", "/v1/pools", REQ_POOL_LIST, 0, 200, NULL},
	{"POST", "/v1/pools/release", REQ_POOL_RELEASE, 0, 200, decode_pool_release},

	{"GET", "/v1/endpoints", REQ_ENDPOINT_LIST, QUERY_NETWORK, 200, NULL},
	{"GET", "/v1/endpoints/{endpoint}", REQ_ENDPOINT_INSPECT, QUERY_NETWORK, 200, NULL},
	{"POST", "/v1/networks/{network}/endpoints", REQ_ENDPOINT_CREATE, 0, 201, decode_endpoint_create},
	{"DELETE", ENDPOINT, REQ_ENDPOINT_DELETE, QUERY_FORCE | QUERY_SYNC | QUERY_GONE, 200, NULL},
	{"GET", ENDPOINT "/info", REQ_ENDPOINT_INFO, 0, 200, NULL},
	{"POST", ENDPOINT "/join", REQ_JOIN, 0, 200, decode_join},
	{"POST", ENDPOINT "/leave", REQ_LEAVE, QUERY_FORCE, 200, NULL},
	{"POST", ENDPOINT "/program", REQ_PROGRAM_EXTERNAL, 0, 200, decode_program},
	{"POST", ENDPOINT "/revoke", REQ_REVOKE_EXTERNAL, 0, 200, NULL},
	{"POST", ENDPOINT "/ipv6-release", REQ_IPV6_RELEASE, 0, 200, NULL},

	{"GET", "/v1/drivers", REQ_DRIVER_LIST, 0, 200, NULL},
	{"POST", "/v1/drivers", REQ_DRIVER_LOAD, 0, 201, decode_driver_load},
	{"GET", DRIVER, REQ_DRIVER_INSPECT, 0, 200, NULL},
	{"DELETE", DRIVER, REQ_DRIVER_UNLOAD, QUERY_FORCE, 200, NULL},
	{"POST", DRIVER "/swap", REQ_DRIVER_SWAP, QUERY_DRY_RUN, 200, decode_driver_load},
	{"POST", DRIVER "/rollback", REQ_DRIVER_ROLLBACK, 0, 200, NULL},
	{"POST", DRIVER "/network-allocate", REQ_NETWORK_ALLOCATE, 0, 200, decode_network_allocate},
	{"POST", DRIVER "/network-free", REQ_NETWORK_FREE, 0, 200, decode_network_free},
	{"POST", DRIVER "/discover-new", REQ_DISCOVER_NEW, 0, 200, decode_discover},
	{"POST", DRIVER "/discover-delete", REQ_DISCOVER_DELETE, 0, 200, decode_discover},
	{"POST", DRIVER "/gw-alloc-check", REQ_GW_ALLOC_CHECK, 0, 200, decode_gateway_check},
	{"POST", DRIVER "/health", REQ_HEALTH, 0, 200, NULL},
};

const size_t control_route_count = sizeof(control_routes) / sizeof(control_routes[0]);

/* --- taking a target apart --- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX in the `length` bytes at `text`; NULL: a % that is none, a NUL, or no memory. */
static const char *unescape(const char *text, size_t length, struct arena *arena)
{
	char *copy = arena_alloc(arena, length + 1);
	size_t to = 0;

	for (size_t at = 0; copy && at < length; at++) {
		char c = text[at];
		if (c == '%') {
			int high = at + 2 < length ? hex(text[at + 1]) : -1;
			int low = high >= 0 ? hex(text[at + 2]) : -1;
			if (low < 0 || (high == 0 && low == 0))
				return NULL;
			c = (char)(high * 16 + low);
			at += 2;
		}
		copy[to++] = c;
	}
	return copy;
}

struct capture {
	const char *text;
	size_t length;
};

/* Captures in the order network, endpoint, type, node. */
#define CAPTURES 4

static int capture_of(const char *name)
{
	if (*name == 'n')
		return name[1] == 'e' ? 0 : 3;
	return *name == 'e' ? 1 : 2;
}

static bool matches(const char *pattern, const char *path, size_t length, struct capture captures[CAPTURES])
{
	const char *end = path + length;

	while (*pattern) {
		if (*pattern != '{') {
			if (path == end || *path != *pattern)
				return false;
			path++;
			pattern++;
			continue;
		}
		struct capture *capture = &captures[capture_of(pattern + 1)];
		capture->text = path;
		while (path < end && *path != '/')
			path++;
		capture->length = (size_t)(path - capture->text);
		pattern = strchr(pattern, '}') + 1;
	}
	return path == end;
}

static int take_captures(const struct capture captures[CAPTURES], struct arena *arena, struct request *request,
			 struct ndrv_error *err)
{
	static const char *const names[CAPTURES] = {"network", "endpoint", "driver type", "node"};
	const char **const targets[CAPTURES] = {&request->network, &request->endpoint, &request->type, &request->node};

	for (int i = 0; i < CAPTURES; i++) {
		if (!captures[i].text)
			continue;
		const char *text = unescape(captures[i].text, captures[i].length, arena);
		if (!text)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s in the path: a %% sign without two hexadecimal digits",
					 names[i]);
		/* A node's name is the tables' to judge. */
		int rc = targets[i] == &request->node ? 0 : ndrv_id_check(names[i], text, err);
		if (rc < 0)
			return rc;
		*targets[i] = text;
	}
	return 0;
}

/* --- the query --- */

static int take_bool(const char *name, const char *value, bool *ret, struct ndrv_error *err)
{
	if (strcmp(value, "1") == 0 || strcmp(value, "true") == 0 || !*value)
		*ret = true;
	else if (strcmp(value, "0") == 0 || strcmp(value, "false") == 0)
		*ret = false;
	else
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: expected 1 or 0, found \"%.24s\"", name, value);
	return 0;
}

static int take_revision(const char *name, const char *value, uint64_t *ret, struct ndrv_error *err)
{
	char *end;

	errno = 0;
	*ret = strtoull(value, &end, 10);
	if (!*value || *end || errno || *value < '0' || *value > '9')
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: expected a revision, found \"%.24s\"", name, value);
	return 0;
}

/* One of the three is where it goes. */
struct parameter {
	uint32_t flag;
	const char *name;
	bool *is;
	const char **text;
	uint64_t *revision;
};

static int take_value(const struct parameter *parameter, const char *value, struct ndrv_error *err)
{
	if (parameter->is)
		return take_bool(parameter->name, value, parameter->is, err);
	if (parameter->revision)
		return take_revision(parameter->name, value, parameter->revision, err);
	*parameter->text = value; /* NOLINT(clang-analyzer-core.NullDereference): one of the three is there */
	/* What tables have in them is theirs to judge. */
	return parameter->flag == QUERY_NETWORK ? ndrv_id_check(parameter->name, value, err) : 0;
}

static int take_parameter(const struct route *route, const char *name, const char *value, struct request *request,
			  struct ndrv_error *err)
{
	const struct parameter parameters[] = {
		{QUERY_FORCE, "force", .is = &request->force},
		{QUERY_DRY_RUN, "dry_run", .is = &request->dry_run},
		{QUERY_NETWORK, "network", .text = &request->network},
		{QUERY_SYNC, "sync", .is = &request->sync},
		{QUERY_GONE, "sandbox_gone", .is = &request->sandbox_gone},
		{QUERY_TABLE, "table", .text = &request->table},
		{QUERY_KEY, "key", .text = &request->key},
		{QUERY_OWNER, "owner", .text = &request->owner},
		{QUERY_SINCE, "since", .revision = &request->since},
		{QUERY_ONCE, "once", .is = &request->until_synced},
	};
	char known[96] = "";

	for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++) {
		if (!(route->query & parameters[i].flag))
			continue;
		if (strcmp(name, parameters[i].name) == 0)
			return take_value(&parameters[i], value, err);
		(void)snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", *known ? ", " : "",
			       parameters[i].name);
	}
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "unknown parameter \"%.48s\": %s %s takes %s", name, route->method, route->path,
			 *known ? known : "none");
}

static int take_query(const struct route *route, const char *query, struct arena *arena, struct request *request,
		      struct ndrv_error *err)
{
	while (*query) {
		size_t length = strcspn(query, "&");
		const char *equals = memchr(query, '=', length);
		size_t name_length = equals ? (size_t)(equals - query) : length;
		const char *name = unescape(query, name_length, arena);
		const char *value = equals ? unescape(equals + 1, length - name_length - 1, arena) : "";

		if (!name || !value)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the query has a %% sign without two hexadecimal digits");
		int rc = *name ? take_parameter(route, name, value, request, err) : 0;
		if (rc < 0)
			return rc;
		query += length + (query[length] == '&');
	}
	return 0;
}

/* --- the look-up --- */

static const char *add_method(struct arena *arena, const char *allow, const char *method)
{
	return allow ? ndrv_arena_printf(&arena->ndrv, "%s, %s", allow, method) : method;
}

const struct route *control_route(const char *method, const char *target, struct arena *arena, struct request *request,
				  unsigned *ret_status, const char **ret_allow, struct ndrv_error *err)
{
	size_t length = strcspn(target, "?#");
	const struct route *found = NULL;
	const char *allow = NULL;
	struct capture captures[CAPTURES] = {0};

	for (size_t i = 0; i < control_route_count && !found; i++) {
		const struct route *route = &control_routes[i];
		struct capture here[CAPTURES] = {0};
		if (!matches(route->path, target, length, here))
			continue;
		if (strcmp(route->method, method) != 0) {
			allow = add_method(arena, allow, route->method);
			continue;
		}
		found = route;
		memcpy(captures, here, sizeof(captures));
	}
	*ret_allow = allow;
	if (!found && allow) {
		*ret_status = 405;
		(void)ndrv_fail(err, NDRV_E_BAD_REQUEST, "method %.16s is not for %.96s, which takes %s", method, target, allow);
		return NULL;
	}
	if (!found) {
		*ret_status = 404;
		(void)ndrv_fail(err, NDRV_E_NOT_FOUND, "no such path: %.16s %.160s", method, target);
		return NULL;
	}
	*ret_status = 400;
	*ret_allow = NULL;
	if (take_captures(captures, arena, request, err) < 0 ||
	    (target[length] == '?' && take_query(found, target + length + 1, arena, request, err) < 0))
		return NULL;
	return found;
}
