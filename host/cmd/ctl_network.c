/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvctl network create, ls, inspect, rm, prune. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/types.h>

#include "host/cmd/ctl.h"

#define POOLS_MAX 64

/* --- create: --subnet, --gateway, --ip-range and --aux-address belong together by address, as in Docker --- */

struct pools {
	unsigned count;
	struct ndrv_prefix subnets[POOLS_MAX];
	json_t *pools[POOLS_MAX];
};

static int add_subnets(const struct ctl *ctl, struct pools *pools)
{
	struct ndrv_error error = {0};
	const char *text;

	for (unsigned at = 0; (text = ctl_next(ctl, "subnet", &at));) {
		if (pools->count == POOLS_MAX)
			return ctl_usage(ctl, "more than %d subnets", POOLS_MAX);
		if (ndrv_prefix_parse(text, &pools->subnets[pools->count], &error) < 0)
			return ctl_usage(ctl, "--subnet %s: %s", text, error.text);
		json_t *pool = ctl_memory(json_object());
		(void)json_object_set_new(pool, "subnet", ctl_memory(json_string(text)));
		pools->pools[pools->count++] = pool;
	}
	return 0;
}

/* The subnet that holds the address; else the only one of its family, so that the host can say what is wrong. */
static json_t *pool_of(const struct pools *pools, const struct ndrv_addr *address)
{
	json_t *only = NULL;
	unsigned same = 0;

	for (unsigned i = 0; i < pools->count; i++) {
		if (ndrv_prefix_contains(&pools->subnets[i], address))
			return pools->pools[i];
		if (pools->subnets[i].addr.family == address->family) {
			only = pools->pools[i];
			same++;
		}
	}
	return same == 1 ? only : NULL;
}

static int parse_address(const struct ctl *ctl, const char *option, const char *text, struct ndrv_addr *ret)
{
	struct ndrv_error error = {0};
	struct ndrv_prefix prefix = {0};

	int rc = strchr(text, '/') ? ndrv_prefix_parse(text, &prefix, &error) : ndrv_addr_parse(text, &prefix.addr, &error);
	if (rc < 0)
		return ctl_usage(ctl, "--%s %s: %s", option, text, error.text);
	*ret = prefix.addr;
	return 0;
}

/* `key` of the subnet that holds the value; one for each. */
static int add_addresses(const struct ctl *ctl, const struct pools *pools, const char *option, const char *key)
{
	struct ndrv_addr address = {0};
	const char *text;

	for (unsigned at = 0; (text = ctl_next(ctl, option, &at));) {
		int status = parse_address(ctl, option, text, &address);
		if (status)
			return status;
		json_t *pool = pool_of(pools, &address);
		if (!pool)
			return ctl_usage(ctl, "--%s %s: there is no --subnet for it", option, text);
		if (json_object_get(pool, key))
			return ctl_usage(ctl, "--%s %s: its subnet has one already", option, text);
		(void)json_object_set_new(pool, key, ctl_memory(json_string(text)));
	}
	return 0;
}

static int add_aux(const struct ctl *ctl, const struct pools *pools)
{
	struct ndrv_addr address = {0};
	const char *text;

	for (unsigned at = 0; (text = ctl_next(ctl, "aux-address", &at));) {
		const char *equals = strchr(text, '=');
		if (!equals || equals == text)
			return ctl_usage(ctl, "--aux-address %s: expected KEY=ADDRESS", text);
		int status = parse_address(ctl, "aux-address", equals + 1, &address);
		if (status)
			return status;
		json_t *pool = pool_of(pools, &address);
		if (!pool)
			return ctl_usage(ctl, "--aux-address %s: there is no --subnet for it", text);
		json_t *aux = json_object_get(pool, "aux_addresses");
		if (!aux) {
			aux = ctl_memory(json_object());
			(void)json_object_set_new(pool, "aux_addresses", aux);
		}
		char *key = ctl_memory(strndup(text, (size_t)(equals - text)));
		(void)json_object_set_new(aux, key, ctl_memory(json_string(equals + 1)));
		free(key);
	}
	return 0;
}

static int build_pools(const struct ctl *ctl, json_t *body)
{
	static struct pools pools;

	int status = add_subnets(ctl, &pools);
	status = status ? status : add_addresses(ctl, &pools, "gateway", "gateway");
	status = status ? status : add_addresses(ctl, &pools, "ip-range", "ip_range");
	status = status ? status : add_aux(ctl, &pools);
	json_t *list = ctl_memory(json_array());
	for (unsigned i = 0; i < pools.count; i++)
		(void)json_array_append_new(list, pools.pools[i]);
	(void)json_object_set_new(body, "pools", list);
	return status;
}

int ctl_options(const struct ctl *ctl, json_t *body)
{
	json_t *options = ctl_memory(json_object());
	const char *text;

	(void)json_object_set_new(body, "options", options);
	for (unsigned at = 0; (text = ctl_next(ctl, "opt", &at));) {
		const char *equals = strchr(text, '=');
		if (equals == text)
			return ctl_usage(ctl, "-o %s: expected KEY=VALUE", text);
		char *key = ctl_memory(equals ? strndup(text, (size_t)(equals - text)) : strdup(text));
		int failed = json_object_set_new(options, key, json_string(equals ? equals + 1 : ""));
		free(key);
		if (failed)
			return ctl_usage(ctl, "-o %s: not valid UTF-8", text);
	}
	return 0;
}

int ctl_set(const struct ctl *ctl, json_t *body, const char *key, const char *text)
{
	if (text && json_object_set_new(body, key, json_string(text)) < 0)
		return ctl_usage(ctl, "%s: not valid UTF-8", key);
	return 0;
}

int ctl_network_create(struct ctl *ctl, char **arguments, int count)
{
	json_t *body;
	char text[256];
	int status;

	(void)count;
	if (!ctl_value(ctl, "driver"))
		return ctl_usage(ctl, "which driver? -d TYPE is missing");
	body = ctl_memory(json_object());
	status = ctl_set(ctl, body, "name", arguments[0]);
	status = status ? status : ctl_set(ctl, body, "type", ctl_value(ctl, "driver"));
	status = status ? status : ctl_set(ctl, body, "id", ctl_value(ctl, "id"));
	status = status ? status : build_pools(ctl, body);
	status = status ? status : ctl_options(ctl, body);
	if (ctl_flag(ctl, "ipv6"))
		(void)json_object_set_new(body, "ipv6", json_true());
	if (ctl_flag(ctl, "no-ipv4"))
		(void)json_object_set_new(body, "ipv4", json_false());
	if (ctl_flag(ctl, "internal"))
		(void)json_object_set_new(body, "internal", json_true());
	if (status) {
		json_decref(body);
		return status;
	}
	json_t *json = ctl_call(ctl, "POST", "/v1/networks", body, &status);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else
		(void)puts(ctl_text(json, "id", text, sizeof(text)));
	json_decref(json);
	return 0;
}

/* --- the rest --- */

static void format_pools(const json_t *row, char *text, size_t room)
{
	size_t index, at = 0;
	json_t *pool;

	*text = '\0';
	json_array_foreach(ctl_member(row, "pools"), index, pool)
	{
		char subnet[64];
		int wrote = snprintf(text + at, room - at, "%s%s", at ? "," : "", ctl_text(pool, "subnet", subnet, sizeof(subnet)));
		if (wrote < 0 || (size_t)wrote >= room - at)
			return;
		at += (size_t)wrote;
	}
}

static void format_state(const json_t *row, char *text, size_t room)
{
	if (json_is_true(ctl_member(row, "stuck")))
		(void)snprintf(text, room, "stuck");
	else if (json_is_false(ctl_member(row, "driver_loaded")))
		(void)snprintf(text, room, "no driver");
	else if (json_is_true(ctl_member(row, "busy")))
		(void)snprintf(text, room, "busy");
	else
		(void)ctl_text(row, "state", text, room);
}

int ctl_network_ls(struct ctl *ctl, char **arguments, int count)
{
	static const struct ctl_column columns[] = {
		{"ID", NULL, ctl_short_id},
		{"NAME", "name", NULL},
		{"DRIVER", "type", NULL},
		{"STATE", NULL, format_state},
		{"ENDPOINTS", "endpoint_count", NULL},
		{"SUBNETS", NULL, format_pools},
	};
	char text[256];
	size_t index;
	json_t *row;
	int status;

	(void)arguments;
	(void)count;
	json_t *json = ctl_call(ctl, "GET", "/v1/networks", NULL, &status);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else if (ctl_flag(ctl, "quiet"))
		json_array_foreach(ctl_member(json, "networks"), index, row)(void) puts(ctl_text(row, "id", text, sizeof(text)));
	else
		ctl_print_table(ctl_member(json, "networks"), columns, sizeof(columns) / sizeof(columns[0]));
	json_decref(json);
	return 0;
}

int ctl_show(struct ctl *ctl, const char *method, char *path, json_t *body)
{
	int status;
	json_t *json = ctl_call(ctl, method, path, body, &status);

	free(path);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else if (json_is_object(json) && json_object_size(json) > 0)
		ctl_print_tree(json);
	json_decref(json);
	return 0;
}

int ctl_network_inspect(struct ctl *ctl, char **arguments, int count)
{
	(void)count;
	return ctl_show(ctl, "GET", ctl_path("/v1/networks/%s", arguments[0]), NULL);
}

/* Goes on after an error; the first one is the exit status. Several networks and --json: {"deleted":[...]} or the first error. */
int ctl_network_rm(struct ctl *ctl, char **arguments, int count)
{
	json_t *deleted = ctl_memory(json_array());
	int first = 0;

	for (int i = 0; i < count && !(first && ctl->json); i++) {
		int status;
		char *path = ctl_path(ctl_flag(ctl, "force")
					      ? ctl_flag(ctl, "sync") ? "/v1/networks/%s?force=1&sync=1" : "/v1/networks/%s?force=1"
					      : "/v1/networks/%s",
				      arguments[i]);
		json_t *json = ctl_call(ctl, "DELETE", path, NULL, &status);
		free(path);
		first = first ? first : status;
		if (!json)
			continue;
		json_decref(json);
		(void)json_array_append_new(deleted, json_string(arguments[i]));
		if (!ctl->json)
			(void)puts(arguments[i]);
	}
	if (ctl->json && !first) {
		json_t *json = ctl_memory(json_pack("{s:O}", "deleted", deleted));
		ctl_print_json(json);
		json_decref(json);
	}
	json_decref(deleted);
	return first;
}

/* Routes, rules and neighbours: each text says what it is. */
static void print_strays(const json_t *json)
{
	static const char *const keys[] = {"stray_routes", "stray_rules", "stray_neighbours"};
	char text[256];
	json_t *item;
	size_t index;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_array_foreach(ctl_member(json, keys[i]), index, item)(void)
			printf("%s: belongs to no record\n", ctl_text(item, "", text, sizeof(text)));
}

/* Of platforms' pools. */
static void print_stale_addresses(const json_t *json)
{
	char address[64], pool[256], why[256];
	json_t *item;
	size_t index;

	json_array_foreach(ctl_member(json, "stale_addresses"), index, item)(void)
		printf("address %s of pool %s: %s\n", ctl_text(ctl_member(item, "address"), "", address, sizeof(address)),
		       ctl_text(ctl_member(item, "pool"), "", pool, sizeof(pool)),
		       ctl_text(ctl_member(item, "why"), "", why, sizeof(why)));
}

int ctl_network_prune(struct ctl *ctl, char **arguments, int count)
{
	char text[256], why[256];
	size_t index;
	json_t *id;
	int status;

	(void)arguments;
	(void)count;
	bool dry = ctl_flag(ctl, "dry-run");
	json_t *json = ctl_call(ctl, "POST", dry ? "/v1/networks/prune?dry_run=1" : "/v1/networks/prune", NULL, &status);
	if (!json)
		return status;
	if (ctl->json) {
		ctl_print_json(json);
	} else {
		json_array_foreach(ctl_member(json, "deleted"), index, id)(void) puts(ctl_text(id, "", text, sizeof(text)));
		json_array_foreach(ctl_member(json, "stale_endpoints"), index, id)(void)
			printf("endpoint %s: %s\n", ctl_text(ctl_member(id, "endpoint"), "", text, sizeof(text)),
			       ctl_text(ctl_member(id, "why"), "", why, sizeof(why)));
		json_array_foreach(ctl_member(json, "stray_links"), index, id)(void)
			printf("link %s: belongs to no record\n", ctl_text(id, "", text, sizeof(text)));
		print_stale_addresses(json);
		print_strays(json);
		json_array_foreach(ctl_member(json, "unknown_links"), index, id)(void) printf(
			"link %s stays: it has this host's tag, but not a name of ours\n", ctl_text(id, "", text, sizeof(text)));
		json_array_foreach(ctl_member(json, "refused"), index, id)(void)
			printf("%s stays: its driver refuses\n", ctl_text(id, "", text, sizeof(text)));
	}
	json_decref(json);
	return 0;
}

/* --- pools of platforms --- */

int ctl_pool_ls(struct ctl *ctl, char **arguments, int count)
{
	static const struct ctl_column columns[] = {
		{"POOL", "id", NULL}, {"GATEWAY", "gateway", NULL}, {"USED", "used", NULL}, {"RELEASED", "released", NULL}};
	int status;

	(void)arguments;
	(void)count;
	json_t *json = ctl_call(ctl, "GET", "/v1/pools", NULL, &status);
	if (!json)
		return status;
	if (ctl->json) {
		ctl_print_json(json);
	} else {
		ctl_print_table(ctl_member(json, "pools"), columns, sizeof(columns) / sizeof(columns[0]));
		print_stale_addresses(json);
	}
	json_decref(json);
	return 0;
}

int ctl_pool_release(struct ctl *ctl, char **arguments, int count)
{
	json_t *body = ctl_memory(json_object());
	int status = ctl_set(ctl, body, "pool", arguments[0]);

	(void)count;
	if (!status)
		return ctl_show(ctl, "POST", ctl_memory(strdup("/v1/pools/release")), body);
	json_decref(body);
	return status;
}
