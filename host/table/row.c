/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, tables, networks and owners as they stand in memory. */
#include <stdio.h>
#include <stdlib.h>

#include "host/table/parts.h"

struct value *value_new(const void *data, size_t bytes)
{
	struct value *value = malloc(sizeof(*value) + bytes);

	if (!value)
		return NULL;
	value->refs = 1;
	value->bytes = (uint32_t)bytes;
	if (bytes)
		memcpy(value->data, data, bytes);
	return value;
}

struct value *value_ref(struct value *value)
{
	if (value)
		value->refs++;
	return value;
}

void value_unref(struct value *value)
{
	if (value && --value->refs == 0)
		free(value);
}

bool value_same(const struct value *a, const struct value *b)
{
	if (a == b)
		return true;
	return a && b && a->bytes == b->bytes && !memcmp(a->data, b->data, a->bytes);
}

/* --- owners --- */

struct owner *owner_get(struct tables *tables, const char *name)
{
	struct owner *owner = (struct owner *)(void *)idmap_find(&tables->owners, name);
	size_t length = strlen(name);

	if (owner) {
		owner->refs++;
		return owner;
	}
	owner = calloc(1, sizeof(*owner) + length + 1);
	if (!owner)
		return NULL;
	memcpy(owner->name, name, length + 1);
	owner->refs = 1;
	if (!idmap_add(&tables->owners, &owner->node, owner->name))
		return owner;
	free(owner);
	return NULL;
}

void owner_put(struct tables *tables, struct owner *owner)
{
	if (--owner->refs)
		return;
	idmap_del(&tables->owners, &owner->node);
	free(owner);
}

/* --- networks and their tables --- */

struct tnet *net_find(struct tables *tables, const char *nid)
{
	return (struct tnet *)(void *)idmap_find(&tables->nets, nid);
}

struct tnet *net_get(struct tables *tables, const char *nid)
{
	struct tnet *net = net_find(tables, nid);
	size_t length = strlen(nid);

	if (net)
		return net;
	net = calloc(1, sizeof(*net) + length + 1);
	if (!net)
		return NULL;
	memcpy(net->nid, nid, length + 1);
	TAILQ_INIT(&net->tables);
	SLIST_INIT(&net->wishes);
	if (idmap_init(&net->origins)) {
		free(net);
		return NULL;
	}
	if (idmap_add(&tables->nets, &net->node, net->nid)) {
		idmap_done(&net->origins);
		free(net);
		return NULL;
	}
	tables->net_count++;
	return net;
}

static void table_free(struct table *table)
{
	TAILQ_REMOVE(&table->net->tables, table, next);
	idmap_done(&table->rows);
	free(table);
}

/* A closed network stays until the last of its rows is told to watchers and its delivery has ended. */
void net_free_if_unused(struct tables *tables, struct tnet *net)
{
	struct table *table, *next;

	if (net->open || net->busy)
		return;
	for (table = TAILQ_FIRST(&net->tables); table; table = next) {
		next = TAILQ_NEXT(table, next);
		if (!atomic_load(&table->rows.count))
			table_free(table);
	}
	if (!TAILQ_EMPTY(&net->tables))
		return;
	while (!SLIST_EMPTY(&net->wishes)) {
		struct wish *wish = SLIST_FIRST(&net->wishes);
		SLIST_REMOVE_HEAD(&net->wishes, next);
		free(wish);
	}
	if (net->ready)
		TAILQ_REMOVE(&tables->ready, net, ready_next);
	idmap_del(&tables->nets, &net->node);
	tables->net_count--;
	idmap_done(&net->origins);
	free(net);
}

struct table *table_find(struct tnet *net, const char *name)
{
	struct table *table;

	TAILQ_FOREACH(table, &net->tables, next)
	if (!strcmp(table->name, name))
		return table;
	return NULL;
}

struct table *table_get(struct tnet *net, const char *name)
{
	struct table *table = table_find(net, name);
	size_t length = strlen(name);

	if (table)
		return table;
	table = calloc(1, sizeof(*table) + length + 1);
	if (!table || idmap_init(&table->rows)) {
		free(table);
		return NULL;
	}
	memcpy(table->name, name, length + 1);
	table->net = net;
	TAILQ_INIT(&table->behind);
	TAILQ_INSERT_TAIL(&net->tables, table, next);
	return table;
}

/* --- what a join published --- */

struct origin *origin_find(struct tnet *net, const char *eid)
{
	return (struct origin *)(void *)idmap_find(&net->origins, eid);
}

static struct origin *origin_get(struct tnet *net, const char *eid)
{
	struct origin *origin = origin_find(net, eid);
	size_t length = strlen(eid);

	if (origin)
		return origin;
	origin = calloc(1, sizeof(*origin) + length + 1);
	if (!origin)
		return NULL;
	memcpy(origin->eid, eid, length + 1);
	if (!idmap_add(&net->origins, &origin->node, origin->eid))
		return origin;
	free(origin);
	return NULL;
}

static void set_origin(struct row *row, struct origin *origin)
{
	struct origin *was = row->origin;

	if (was == origin)
		return;
	if (was)
		LIST_REMOVE(row, of_origin);
	row->origin = origin;
	if (origin)
		LIST_INSERT_HEAD(&origin->rows, row, of_origin);
	if (was && LIST_EMPTY(&was->rows)) {
		idmap_del(&row->table->net->origins, &was->node);
		free(was);
	}
}

/* --- rows --- */

static void make_id(char *id, const char *key, const char *owner)
{
	size_t length = strlen(owner);

	memcpy(id, owner, length + 1);
	id[length] = '\n';
	memcpy(id + length + 1, key, strlen(key) + 1);
}

struct row *row_find(struct table *table, const char *key, const char *owner)
{
	char id[2 * TABLE_NAME_MAX + 2];

	make_id(id, key, owner);
	return (struct row *)(void *)idmap_find(&table->rows, id);
}

static struct row *row_get(struct tables *tables, struct table *table, const char *key, const char *owner)
{
	struct row *row = row_find(table, key, owner);
	size_t length = strlen(owner);

	if (row)
		return row;
	row = calloc(1, sizeof(*row) + length + strlen(key) + 2);
	if (!row)
		return NULL;
	make_id(row->id, key, owner);
	row->key_at = (uint16_t)(length + 1);
	row->table = table;
	row->own = !strcmp(owner, tables->node);
	row->owner = owner_get(tables, owner);
	if (row->owner && !idmap_add(&table->rows, &row->node, row->id))
		return row;
	if (row->owner)
		owner_put(tables, row->owner);
	free(row);
	return NULL;
}

void row_settle(struct tables *tables, struct row *row)
{
	struct table *table = row->table;
	struct tnet *net = table->net;

	if (row->value || row->shown || row->logged || row->pins)
		return;
	row_clean(row);
	idmap_del(&table->rows, &row->node);
	owner_put(tables, row->owner);
	free(row);
	net_free_if_unused(tables, net);
}

static void unlog(struct tables *tables, struct row *row, bool forgotten)
{
	if (!row->logged)
		return;
	watches_moved(tables, row, forgotten);
	TAILQ_REMOVE(&tables->log, row, log);
	row->logged = false;
	if (!row->value) {
		TAILQ_REMOVE(&tables->graves, row, grave);
		tables->grave_count--;
	}
}

void graves_trim(struct tables *tables, uint64_t keep)
{
	while (tables->grave_count > keep) {
		struct row *row = TAILQ_FIRST(&tables->graves);
		if (row->revision > tables->floor)
			tables->floor = row->revision;
		unlog(tables, row, true);
		row_settle(tables, row);
	}
}

static void count_row(struct tables *tables, struct row *row, int more)
{
	struct table *table = row->table;
	uint64_t bytes = row->value->bytes + strlen(row->id);

	if (more < 0)
		bytes = -bytes;
	table->bytes += bytes;
	tables->bytes += bytes;
	tables->rows += (uint64_t)(int64_t)more;
	table->live += (uint64_t)(int64_t)more;
	table->own += (uint64_t)(int64_t)(row->own ? more : 0);
	row->owner->rows += (uint64_t)(int64_t)more;
}

static void set_value(struct tables *tables, struct row *row, struct value *value, struct origin *origin, uint64_t revision)
{
	unlog(tables, row, false);
	if (row->value) {
		count_row(tables, row, -1);
		value_unref(row->value);
	}
	row->value = value;
	row->revision = revision;
	set_origin(row, origin);
	row->unconfirmed = origin && !tables->started;
	if (value)
		count_row(tables, row, 1);
	TAILQ_INSERT_TAIL(&tables->log, row, log);
	row->logged = true;
	if (!value) {
		TAILQ_INSERT_TAIL(&tables->graves, row, grave);
		tables->grave_count++;
	}
	watches_appended(tables, row);
	row_changed(tables, row);
}

bool row_apply(struct tables *tables, const struct backend_change *change)
{
	struct tnet *net = tables->started ? net_find(tables, change->nid) : net_get(tables, change->nid);

	if (change->revision > tables->revision)
		tables->revision = change->revision;
	if (!net || (tables->started && !net->open && !change->gone))
		return net || tables->started;
	struct table *table = change->gone ? table_find(net, change->table) : table_get(net, change->table);
	struct row *row = !table	 ? NULL
			  : change->gone ? row_find(table, change->key, change->owner)
					 : row_get(tables, table, change->key, change->owner);
	if (!row || (change->gone && !row->value))
		return row || change->gone;
	if (change->gone) {
		set_value(tables, row, NULL, NULL, change->revision);
		return true;
	}
	bool has_origin = change->origin && change->origin[0];
	struct value *value = value_new(change->value, change->bytes);
	struct origin *origin = value && has_origin ? origin_get(net, change->origin) : NULL;
	if (!value || (has_origin && !origin)) {
		value_unref(value);
		row_settle(tables, row);
		return false;
	}
	set_value(tables, row, value, origin, change->revision);
	return true;
}

void row_fill(const struct row *row, struct table_row *ret)
{
	*ret = (struct table_row){
		.nid = row->table->net->nid,
		.table = row->table->name,
		.key = row_key(row),
		.owner = row->owner->name,
		.origin = row->origin ? row->origin->eid : "",
		.value = row->value ? row->value->data : NULL,
		.bytes = row->value ? row->value->bytes : 0,
		.revision = row->revision,
		.own = row->own,
	};
}
