/* SPDX-License-Identifier: Apache-2.0 */
/* Names of operations, and the copies that let a front's memory and the dispatcher's end at different times. */
#include "host/dispatch/request.h"

#include <string.h>

#include "host/dispatch/job.h"

static const char *const names[REQ_COUNT] = {
#define REQUEST_X(name, text) [REQ_##name] = text,
	REQUEST_OPS(REQUEST_X)
#undef REQUEST_X
};

const char *request_op_name(enum request_op op)
{
	return (uint32_t)op < REQ_COUNT ? names[op] : "unknown";
}

enum request_op request_op_find(const char *name)
{
	for (uint32_t op = 0; op < REQ_COUNT; op++)
		if (!strcmp(names[op], name))
			return (enum request_op)op;
	return REQ_COUNT;
}

/* Copies into one arena; the first failure sticks. */
struct copier {
	struct arena *arena;
	struct ndrv_error *err;
	int rc;
};

static void fail(struct copier *copier)
{
	if (!copier->rc)
		copier->rc = ndrv_fail(copier->err, NDRV_E_NO_SERVICE, "the request needs more memory than a call may use");
}

static const char *text(struct copier *copier, const char *from)
{
	if (!from)
		return NULL;
	const char *copy = arena_strdup(copier->arena, from);
	if (!copy)
		fail(copier);
	return copy;
}

static void *bytes(struct copier *copier, const void *from, size_t size)
{
	if (!from)
		return NULL;
	void *copy = arena_alloc(copier->arena, size ? size : 1);
	if (!copy)
		fail(copier);
	else if (size)
		memcpy(copy, from, size);
	return copy;
}

static void value(struct copier *copier, const struct ndrv_value *from, struct ndrv_value *ret)
{
	*ret = ndrv_null();
	int rc = ndrv_value_copy(&copier->arena->ndrv, from, ret, copier->err);
	if (rc && !copier->rc)
		copier->rc = rc;
}

static const struct pool_wish *wishes(struct copier *copier, const struct pool_wish *from, uint32_t count)
{
	struct pool_wish *copy = bytes(copier, from, count * sizeof(*from));

	for (uint32_t i = 0; copy && i < count; i++) {
		copy[i].address_space = text(copier, from[i].address_space);
		struct ndrv_aux_address *aux = bytes(copier, from[i].aux, from[i].aux_count * sizeof(*aux));
		for (uint32_t j = 0; aux && j < from[i].aux_count; j++)
			aux[j].name = text(copier, from[i].aux[j].name);
		copy[i].aux = aux;
	}
	return copy;
}

static const struct ndrv_discovery *discovered(struct copier *copier, const struct ndrv_discovery *from)
{
	struct ndrv_discovery *copy = bytes(copier, from, sizeof(*from));

	if (!copy)
		return NULL;
	copy->address = text(copier, from->address);
	copy->bind_address = text(copier, from->bind_address);
	copy->provider = text(copier, from->provider);
	copy->store_address = text(copier, from->store_address);
	struct ndrv_discovery_key *keys = bytes(copier, from->keys, from->key_count * sizeof(*keys));
	for (uint32_t i = 0; keys && i < from->key_count; i++)
		keys[i].key = bytes(copier, from->keys[i].key, from->keys[i].bytes);
	copy->keys = keys;
	return copy;
}

static const struct ndrv_table_batch *table_batch(struct copier *copier, const struct ndrv_table_batch *from)
{
	struct ndrv_table_batch *copy = bytes(copier, from, sizeof(*from));

	if (!copy)
		return NULL;
	copy->table = text(copier, from->table);
	struct ndrv_table_event *events = arena_alloc(copier->arena, from->count * sizeof(*events) + 1);
	if (!events) {
		fail(copier);
		return NULL;
	}
	for (uint32_t i = 0; i < from->count; i++) {
		events[i] = *ndrv_table_event_at(from, i);
		events[i].key = text(copier, events[i].key);
		events[i].owner = text(copier, events[i].owner);
		events[i].previous = bytes(copier, events[i].previous, events[i].previous_bytes);
		events[i].value = bytes(copier, events[i].value, events[i].value_bytes);
	}
	copy->events = events;
	copy->element_size = sizeof(*events);
	return copy;
}

static const struct row_wish *row_wishes(struct copier *copier, const struct row_wish *from, uint32_t count)
{
	struct row_wish *copy = bytes(copier, from, count * sizeof(*from));

	for (uint32_t i = 0; copy && i < count; i++) {
		copy[i].table = text(copier, from[i].table);
		copy[i].key = text(copier, from[i].key);
		copy[i].owner = text(copier, from[i].owner);
		copy[i].value = bytes(copier, from[i].value, from[i].bytes);
	}
	return copy;
}

int request_copy(struct arena *arena, const struct request *from, struct request *ret, struct ndrv_error *err)
{
	struct copier copier = {.arena = arena, .err = err};

	*ret = *from;
	ret->arena = arena;
	ret->id = text(&copier, from->id ? from->id : "");
	ret->type = text(&copier, from->type);
	ret->network = text(&copier, from->network);
	ret->endpoint = text(&copier, from->endpoint);
	ret->new_id = text(&copier, from->new_id);
	ret->name = text(&copier, from->name);
	ret->endpoint_name = text(&copier, from->endpoint_name);
	ret->sandbox_key = text(&copier, from->sandbox_key);
	ret->netns = text(&copier, from->netns);
	ret->ifname = text(&copier, from->ifname);
	ret->table = text(&copier, from->table);
	ret->key = text(&copier, from->key);
	ret->owner = text(&copier, from->owner);
	ret->wishes = row_wishes(&copier, from->wishes, from->wish_count);
	ret->node = text(&copier, from->node);
	ret->node_address = text(&copier, from->node_address);
	ret->node_bind_address = text(&copier, from->node_bind_address);
	ret->file = text(&copier, from->file);
	ret->pool_id = text(&copier, from->pool_id);
	ret->address_space = text(&copier, from->address_space);
	ret->row = bytes(&copier, from->row, from->row_bytes);
	value(&copier, &from->options, &ret->options);
	value(&copier, &from->sandbox_options, &ret->sandbox_options);
	ret->pools = wishes(&copier, from->pools, from->pool_count);
	ret->discovery = discovered(&copier, from->discovery);
	ret->batch = table_batch(&copier, from->batch);
	return copier.rc;
}

int reply_copy(struct arena *arena, const struct reply *from, struct reply *ret, struct ndrv_error *err)
{
	struct copier copier = {.arena = arena, .err = err};

	*ret = *from;
	value(&copier, &from->value, &ret->value);
	ret->network_id = text(&copier, from->network_id);
	ret->endpoint_id = text(&copier, from->endpoint_id);
	ret->join.src_name = text(&copier, from->join.src_name);
	ret->join.prefix = text(&copier, from->join.prefix);
	ret->join.ifname = text(&copier, from->join.ifname);
	ret->join.routes = bytes(&copier, from->join.routes, from->join.route_count * sizeof(*from->join.routes));
	return copier.rc;
}
