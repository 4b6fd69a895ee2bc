/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/table_world.h"

#include <stdlib.h>

static int disk_write(void *data, const struct backend_change *changes, size_t count, uint32_t flags, struct ndrv_error *err)
{
	struct disk *disk = data;

	if (disk->broken)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "the disk is full");
	disk->writes++;
	for (size_t at = 0; at < disk->count;) {
		struct kept *kept = &disk->kept[at];
		bool goes = (flags & BACKEND_WHOLE_NETWORK) && !strcmp(kept->nid, changes[0].nid);
		for (size_t i = 0; i < count && !goes; i++)
			goes = !strcmp(kept->nid, changes[i].nid) && !strcmp(kept->table, changes[i].table) &&
			       !strcmp(kept->key, changes[i].key) && !strcmp(kept->owner, changes[i].owner);
		if (goes)
			*kept = disk->kept[--disk->count];
		else
			at++;
	}
	for (size_t i = 0; i < count && disk->count < KEPT_MAX; i++) {
		const struct backend_change *change = &changes[i];
		struct kept *kept = &disk->kept[disk->count];
		if (change->gone)
			continue;
		disk->count++;
		*kept = (struct kept){.revision = change->revision};
		(void)snprintf(kept->nid, sizeof(kept->nid), "%s", change->nid);
		(void)snprintf(kept->table, sizeof(kept->table), "%s", change->table);
		(void)snprintf(kept->key, sizeof(kept->key), "%s", change->key);
		(void)snprintf(kept->owner, sizeof(kept->owner), "%s", change->owner);
		(void)snprintf(kept->origin, sizeof(kept->origin), "%s", change->origin);
		(void)snprintf(kept->value, sizeof(kept->value), "%.*s", (int)change->bytes, (const char *)change->value);
	}
	return 0;
}

static int disk_load(void *data, int (*each)(const struct backend_change *change, void *each_data), void *each_data,
		     struct ndrv_error *err)
{
	const struct disk *disk = data;
	int rc = 0;

	(void)err;
	for (size_t i = 0; i < disk->count && !rc; i++) {
		const struct kept *kept = &disk->kept[i];
		const struct backend_change change = {.nid = kept->nid,
						      .table = kept->table,
						      .key = kept->key,
						      .owner = kept->owner,
						      .origin = kept->origin,
						      .value = kept->value,
						      .bytes = strlen(kept->value),
						      .revision = kept->revision};
		rc = each(&change, each_data);
	}
	return rc;
}

static int disk_reserve(void *data, uint64_t revision, struct ndrv_error *err)
{
	struct disk *disk = data;

	if (disk->broken)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "the disk is full");
	disk->reserved = revision;
	return 0;
}

static int disk_reserved(void *data, uint64_t *ret, struct ndrv_error *err)
{
	(void)err;
	*ret = ((struct disk *)data)->reserved;
	return 0;
}

void world_start(struct world *world)
{
	const struct local_keep keep = {
		.data = &world->disk, .write = disk_write, .load = disk_load, .reserve = disk_reserve, .reserved = disk_reserved};

	assert_ok(local_new(&keep, &world->backend, &world->err), &world->err);
	assert_ok(tables_new(world->backend, "me", &world->tables, &world->err), &world->err);
	assert_ok(tables_start(world->tables, &world->err), &world->err);
}

void world_stop(struct world *world)
{
	tables_stop(world->tables);
	tables_free(world->tables);
}

int world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world_start(world);
	assert_ok(tables_open_network(world->tables, "n1", true, &world->err), &world->err);
	*state = world;
	return 0;
}

int world_tear_down(void **state)
{
	world_stop(*state);
	free(*state);
	return 0;
}

/* --- playing others --- */

int one, two;

void asks(struct world *world, const char *nid, const char *table, const void *instance)
{
	assert_ok(tables_register(world->tables, nid, table, NDRV_OBJECT_OPAQUE, instance, &one, &two, &world->err), &world->err);
}

int try_put(struct world *world, const char *nid, const char *table, const char *key, const char *owner, const char *value)
{
	const struct table_write write = {
		.table = table, .key = key, .owner = owner, .value = value, .bytes = value ? strlen(value) : 0, .gone = !value};

	return tables_write(world->tables, nid, &write, 1, TABLES_FOREIGN | TABLES_STRICT, NULL, &world->err);
}

void put(struct world *world, const char *table, const char *key, const char *owner, const char *value)
{
	assert_ok(try_put(world, "n1", table, key, owner, value), &world->err);
}

void put_own(struct world *world, const char *key, const char *value, const char *origin)
{
	const struct table_write write = {
		.table = "peers", .key = key, .origin = origin, .value = value, .bytes = value ? strlen(value) : 0, .gone = !value};

	assert_ok(tables_write(world->tables, "n1", &write, 1, 0, NULL, &world->err), &world->err);
}

static void note_batch(struct world *world, const struct ndrv_table_batch *batch)
{
	static const char signs[] = "?+~-";
	char *at = world->told + strlen(world->told), *end = world->told + sizeof(world->told);

	at += snprintf(at, (size_t)(end - at), "%s%s%s%s[", batch->table, batch->flags & NDRV_BATCH_SYNC_BEGIN ? " begin" : "",
		       batch->flags & NDRV_BATCH_SYNC_END ? " end" : "", batch->flags & NDRV_BATCH_STALE ? " stale" : "");
	for (uint32_t i = 0; i < batch->count && at < end; i++) {
		const struct ndrv_table_event *event = ndrv_table_event_at(batch, i);
		at += snprintf(at, (size_t)(end - at), "%s%c%s@%s %.*s>%.*s", i ? ", " : "", signs[ndrv_table_event_type(event)],
			       event->key, event->owner, (int)event->previous_bytes,
			       event->previous ? (const char *)event->previous : "", (int)event->value_bytes,
			       event->value ? (const char *)event->value : "");
	}
	(void)snprintf(at, (size_t)(end - at), "] ");
}

bool deliver(struct world *world, const void *instance, int rc)
{
	struct tables_totals totals;
	struct tables_work work;
	struct delivery *delivery;

	tables_total(world->tables, &totals);
	if (!totals.ready)
		return false;
	assert_true(tables_next(world->tables, &work));
	assert_int_equal(work.kind, TABLES_WORK_NETWORK);
	const struct ndrv_table_batch *batch = tables_take(world->tables, work.nid, instance, &delivery);
	if (!batch)
		return true;
	note_batch(world, batch);
	tables_told(world->tables, delivery, rc, rc ? "not now" : NULL);
	return true;
}

const char *tell(struct world *world, const void *instance)
{
	world->told[0] = '\0';
	while (deliver(world, instance, 0))
		;
	return world->told;
}

void add_node(struct world *world, const char *name, const char *address)
{
	assert_ok(tables_node_add(world->tables, name, address, NULL, &world->err), &world->err);
}
