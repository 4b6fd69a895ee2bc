/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/unserved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNER "@host"
#define ASIDE "aside/"
#define MEMORY (64u << 10)
#define KEY_ROOM (sizeof(ASIDE) + NDRV_ID_MAX)

void network_unserve(struct network *network, const struct ndrv_error *why)
{
	if (!why) {
		free(network->unserved);
		network->unserved = NULL;
		return;
	}
	if (!network->unserved)
		network->unserved = malloc(sizeof(*network->unserved));
	if (network->unserved)
		*network->unserved = *why;
}

bool unserved_may_pass(const struct network *network)
{
	const struct ndrv_error *why = network->unserved;

	return why && (why->sys_errno || why->kind == NDRV_KIND_RETRY || why->kind == NDRV_KIND_TIMEOUT);
}

void describe_unserved(struct tree *tree, struct ndrv_value *map, const struct network *network)
{
	const struct ndrv_error *why = network->unserved;
	struct ndrv_value error = {.type = NDRV_MAP};

	if (network->instance || !why)
		return;
	tree_text(tree, &error, "code", ndrv_error_name(why->code));
	tree_text(tree, &error, "kind", ndrv_kind_name(why->kind));
	tree_text(tree, &error, "message", why->text);
	tree_set(tree, map, "error", error);
}

/* --- over restarts --- */

static void key_of(char *ret, const char *nid)
{
	(void)snprintf(ret, KEY_ROOM, ASIDE "%s", nid);
}

struct names {
	struct arena *arena;
	struct ndrv_value list;
};

static int add_name(const char *key, const void *value, size_t bytes, void *data)
{
	struct names *names = data;
	const char *nid = arena_strdup(names->arena, key + strlen(ASIDE));

	(void)value;
	(void)bytes;
	return nid ? ndrv_list_add(&names->arena->ndrv, &names->list, ndrv_string(nid), NULL) : -NDRV_E_NO_SERVICE;
}

static bool is_known(struct dispatch *dispatch, const char *nid)
{
	epoch_enter();
	bool known = records_find(dispatch->parts.records, nid) != NULL;
	epoch_leave();
	return known;
}

static bool read_aside(struct store *store, struct arena *arena, const char *nid, struct aside *ret)
{
	struct ndrv_value row = ndrv_null();
	char key[KEY_ROOM];

	*ret = (struct aside){.nid = nid, .sha256 = "", .why = ""};
	key_of(key, nid);
	return store_driver_get_value(store, arena, OWNER, key, &row, NULL) == 0 &&
	       ndrv_map_string(&row, "sha256", &ret->sha256, NULL) == 1 && ndrv_map_string(&row, "why", &ret->why, NULL) == 1;
}

void asides_load(struct dispatch *dispatch, struct arena *arena, struct asides *ret)
{
	struct names names = {.arena = arena, .list = {.type = NDRV_LIST}};
	struct store *store = dispatch->parts.store;
	struct ndrv_error err = {0};

	*ret = (struct asides){0};
	if (!store)
		return;
	if (store_driver_scan(store, OWNER, ASIDE, add_name, &names, &err)) {
		log_warning("recover", "which networks were set aside cannot be read: %s", err.text);
		return;
	}
	ret->list = names.list.count ? arena_alloc(arena, names.list.count * sizeof(*ret->list)) : NULL;
	for (uint32_t i = 0; ret->list && i < names.list.count; i++) {
		const char *nid = names.list.u.items[i].u.string;
		if (!is_known(dispatch, nid))
			aside_forget(dispatch, nid);
		else if (read_aside(store, arena, nid, &ret->list[ret->count]))
			ret->count++;
	}
}

const struct aside *asides_find(const struct asides *asides, const char *nid)
{
	for (uint32_t i = 0; i < asides->count; i++)
		if (!strcmp(asides->list[i].nid, nid))
			return &asides->list[i];
	return NULL;
}

bool aside_keep(struct dispatch *dispatch, const char *nid, const char *sha256, const char *why)
{
	struct ndrv_value row = {.type = NDRV_MAP};
	struct ndrv_error err = {0};
	struct arena arena;
	char key[KEY_ROOM];

	if (!dispatch->parts.store)
		return false;
	key_of(key, nid);
	arena_init(&arena, MEMORY);
	int rc = ndrv_map_set(&arena.ndrv, &row, "sha256", ndrv_string(sha256), &err);
	if (!rc)
		rc = ndrv_map_set(&arena.ndrv, &row, "why", ndrv_string(why), &err);
	if (!rc)
		rc = store_driver_put_value(dispatch->parts.store, OWNER, key, &row, &err);
	if (rc)
		log_warning("recover", "network %s: that it is set aside could not be written down: %s", nid, err.text);
	arena_reset(&arena);
	return !rc;
}

void aside_forget(struct dispatch *dispatch, const char *nid)
{
	struct ndrv_error err = {0};
	char key[KEY_ROOM];

	key_of(key, nid);
	if (dispatch->parts.store && store_driver_del(dispatch->parts.store, OWNER, key, &err))
		log_warning("recover", "network %s: that it is set aside no more could not be written down: %s", nid, err.text);
}
