/* SPDX-License-Identifier: Apache-2.0 */
/* JoinInfo and InterfaceNameInfo: declarative, the last call wins (libnetwork.md §1.3, §9 rule 8). */
#include <stdio.h>
#include <string.h>

#include "host/dispatch/handles.h"
#include "host/state/record.h"
#include "host/table/names.h"

#define WHAT "join info"

/* The name a link has in the host namespace may be one this host would not give, so it is only held to the kernel's rule. */
static int check_src(const char *src, struct ndrv_error *err)
{
	if (strlen(src) >= NDRV_IFNAME_MAX || strpbrk(src, "/ \t\n\v\f\r:") || !strcmp(src, ".") || !strcmp(src, ".."))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "\"%.40s\" cannot be the name of an interface", src);
	return 0;
}

static int check_names(const char *src, const char *prefix, const char *exact, struct ndrv_error *err)
{
	int rc = check_src(src, err);

	if (!rc && exact[0])
		rc = ndrv_ifname_check(exact, err);
	if (rc || !prefix[0])
		return rc;
	/* Room for a number of three digits. */
	if (strlen(prefix) > NDRV_IFNAME_MAX - 4)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "\"%.40s\" is too long to be the beginning of an interface's name",
				 prefix);
	char probe[NDRV_IFNAME_MAX + 1];
	(void)snprintf(probe, sizeof(probe), "%s0", prefix);
	return ndrv_ifname_check(probe, err);
}

static int set_names(struct ndrv_join *join, const char *src, const char *prefix, const char *exact, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_join(join);

	src = src ? src : "";
	prefix = prefix ? prefix : "";
	exact = exact ? exact : "";
	int rc = check_names(src, prefix, exact, err);
	if (rc)
		return rc;
	struct join_result *state = handle_open(part, WHAT, err);
	if (!state)
		return -NDRV_E_STALE_HANDLE;
	memcpy(state->src_name, src, strlen(src) + 1);
	memcpy(state->prefix, prefix, strlen(prefix) + 1);
	memcpy(state->exact, exact, strlen(exact) + 1);
	handle_close(part);
	return 0;
}

static int set_gateway_of(struct ndrv_join *join, uint32_t family, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_join(join);
	char text[NDRV_ADDR_TEXT];

	if (gateway && gateway->family && gateway->family != family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s cannot be an IPv%u gateway", ndrv_addr_format(gateway, text), family);
	if (gateway && gateway->family && ndrv_addr_is_unspecified(gateway))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the unspecified address cannot be a gateway");
	struct join_result *state = handle_open(part, WHAT, err);
	if (!state)
		return -NDRV_E_STALE_HANDLE;
	*(family == 4 ? &state->gateway4 : &state->gateway6) = gateway ? *gateway : (struct ndrv_addr){0};
	handle_close(part);
	return 0;
}

static int set_gateway(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	return set_gateway_of(join, 4, gateway, err);
}

static int set_gateway6(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	return set_gateway_of(join, 6, gateway, err);
}

static int add_static_route(struct ndrv_join *join, const struct ndrv_route *route, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_join(join);

	if (!route)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a static route needs a destination");
	int rc = ndrv_route_check(route, err);
	if (rc)
		return rc;
	struct join_result *state = handle_open(part, WHAT, err);
	if (!state)
		return -NDRV_E_STALE_HANDLE;
	if (state->route_count == JOIN_ROUTES_MAX)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "more than %u static routes for one endpoint", JOIN_ROUTES_MAX);
	else
		state->routes[state->route_count++] = *route;
	handle_close(part);
	return rc;
}

static int set_flags(struct ndrv_join *join, uint32_t flags, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_join(join);
	struct join_result *state = handle_open(part, WHAT, err);

	if (!state)
		return -NDRV_E_STALE_HANDLE;
	state->flags |= flags;
	handle_close(part);
	return 0;
}

static int disable_gateway_service(struct ndrv_join *join, struct ndrv_error *err)
{
	return set_flags(join, JOIN_NO_GATEWAY_SERVICE, err);
}

static int force_gateway(struct ndrv_join *join, uint32_t family, struct ndrv_error *err)
{
	if (family != 4 && family != 6)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a gateway is of family 4 or 6, not %u", family);
	return set_flags(join, family == 4 ? JOIN_FORCE_GATEWAY4 : JOIN_FORCE_GATEWAY6, err);
}

static int keep_row(struct join_result *state, const char *table, const char *key, const void *value, size_t bytes,
		    struct ndrv_error *err)
{
	if (state->row_count == JOIN_ROWS_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "more than %u table entries for one endpoint", JOIN_ROWS_MAX);
	struct join_row row = {
		.table = arena_strdup(state->arena, table),
		.key = arena_strdup(state->arena, key),
		.value = arena_alloc(state->arena, bytes ? bytes : 1),
		.bytes = bytes,
	};
	if (!row.table || !row.key || !row.value)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "the call's memory is used up by table entries");
	if (bytes)
		memcpy(row.value, value, bytes);
	state->rows[state->row_count++] = row;
	return 0;
}

static int add_table_entry(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			   struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_join(join);

	if (!table || !table[0] || strlen(table) > ROW_KEY_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a table's name has 1 to %u bytes", ROW_KEY_MAX);
	if (!key || !key[0] || strlen(key) > ROW_KEY_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the key of an entry of table %s has 1 to %u bytes", table, ROW_KEY_MAX);
	if (bytes > ROW_BYTES_MAX || (bytes && !value))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the value of entry %s of table %s has at most %u bytes", key, table,
				 ROW_BYTES_MAX);
	int rc = table_name_check("a table's name", table, err);
	rc = rc ? rc : table_name_check("a row's key", key, err);
	if (rc)
		return rc;
	struct join_result *state = handle_open(part, WHAT, err);
	if (!state)
		return -NDRV_E_STALE_HANDLE;
	rc = keep_row(state, table, key, value, bytes, err);
	handle_close(part);
	return rc;
}

static int add_wait_link(struct ndrv_join *join, uint32_t ifindex, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_join(join);
	int rc = 0;

	if (!ifindex || ifindex > INT32_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%u is no interface's index", ifindex);
	struct join_result *state = handle_open(part, WHAT, err);
	if (!state)
		return -NDRV_E_STALE_HANDLE;
	if (state->wait_count == JOIN_WAIT_LINKS_MAX)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "more than %u links to wait for", JOIN_WAIT_LINKS_MAX);
	else
		state->wait_links[state->wait_count++] = ifindex;
	handle_close(part);
	return rc;
}

static int set_neighbour(struct ndrv_join *join, const struct ndrv_addr *addr, const struct ndrv_mac *mac, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_join(join);

	if (!addr || (addr->family != 4 && addr->family != 6) || !mac || !mac->set)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a neighbour needs an address and a MAC");
	int rc = ndrv_mac_check(mac, err);
	if (rc)
		return rc;
	struct join_result *state = handle_open(part, WHAT, err);
	if (!state)
		return -NDRV_E_STALE_HANDLE;
	if (state->neighbour_count == JOIN_NEIGHBOURS_MAX)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "more than %u neighbours for one endpoint", JOIN_NEIGHBOURS_MAX);
	else
		state->neighbours[state->neighbour_count++] = (struct join_neighbour){.addr = *addr, .mac = *mac};
	handle_close(part);
	return rc;
}

const struct ndrv_join_ops handles_join_ops = {
	.size = sizeof(handles_join_ops),
	.set_names = set_names,
	.set_gateway = set_gateway,
	.set_gateway6 = set_gateway6,
	.add_static_route = add_static_route,
	.disable_gateway_service = disable_gateway_service,
	.force_gateway = force_gateway,
	.add_table_entry = add_table_entry,
	.add_wait_link = add_wait_link,
	.set_neighbour = set_neighbour,
};
