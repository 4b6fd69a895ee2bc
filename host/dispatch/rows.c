/* SPDX-License-Identifier: Apache-2.0 */
/* The table service and what becomes of rows as records come and go. */
#include "host/dispatch/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/dispatch/strand.h"

/* Of the store's keys: nobody else's, for a driver's name has no colon. */
#define KEEPER "ndrv:tables"
#define REVISION "revision"

struct rows {
	struct ndrv_tables_ops ops; /* first: host->tables leads here */
	struct tables *tables;
	struct store *store;
	struct dispatch *dispatch;
	struct strands *strands;
	bool started;
};

/* --- where rows are kept --- */

static int keep_write(void *data, const struct backend_change *changes, size_t count, uint32_t flags, struct ndrv_error *err)
{
	struct rows *rows = data;
	int rc = store_rows_begin(rows->store, flags & BACKEND_WHOLE_NETWORK ? changes[0].nid : NULL, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc && !(flags & BACKEND_WHOLE_NETWORK); i++) {
		const struct store_row row = {
			.nid = changes[i].nid,
			.table = changes[i].table,
			.key = changes[i].key,
			.owner = changes[i].owner,
			.origin = changes[i].origin,
			.value = changes[i].value,
			.bytes = changes[i].bytes,
			.revision = changes[i].revision,
			.gone = changes[i].gone,
		};
		rc = store_rows_put(rows->store, &row, err);
	}
	return store_rows_end(rows->store, rc, err);
}

struct loading {
	int (*each)(const struct backend_change *change, void *data);
	void *data;
};

static int load_one(const struct store_row *row, void *data)
{
	const struct loading *loading = data;
	const struct backend_change change = {
		.nid = row->nid,
		.table = row->table,
		.key = row->key,
		.owner = row->owner,
		.origin = row->origin,
		.value = row->value,
		.bytes = row->bytes,
		.revision = row->revision,
	};

	return loading->each(&change, loading->data);
}

static int keep_load(void *data, int (*each)(const struct backend_change *change, void *each_data), void *each_data,
		     struct ndrv_error *err)
{
	struct rows *rows = data;
	struct loading loading = {.each = each, .data = each_data};
	int rc = store_rows_load(rows->store, load_one, &loading, err);

	return rc == -NDRV_E_NO_SERVICE ? ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory for the rows of tables") : rc;
}

static int keep_reserve(void *data, uint64_t revision, struct ndrv_error *err)
{
	struct rows *rows = data;

	return store_driver_put(rows->store, KEEPER, REVISION, &revision, sizeof(revision), err);
}

static int keep_reserved(void *data, uint64_t *ret, struct ndrv_error *err)
{
	struct rows *rows = data;
	const void *value;
	size_t bytes;
	struct arena arena;

	arena_init(&arena, 1u << 16);
	int rc = store_driver_get(rows->store, &arena.ndrv, KEEPER, REVISION, &value, &bytes, err);
	*ret = 0;
	if (!rc && bytes == sizeof(*ret))
		memcpy(ret, value, sizeof(*ret));
	if (rc == -NDRV_E_NOT_FOUND) {
		ndrv_error_clear(err);
		rc = 0;
	}
	arena_reset(&arena);
	return rc;
}

/* --- what drivers call --- */

static struct rows *rows_of(const struct ndrv_host *host)
{
	return (struct rows *)(uintptr_t)host->tables;
}

static int write_own(const struct ndrv_host *host, const struct ndrv_network *network, const struct table_write *write,
		     struct ndrv_error *err)
{
	if (!network)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a row of a table needs a network");
	return tables_write(rows_of(host)->tables, network->id, write, 1, 0, NULL, err);
}

static int put(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
	       const void *value, size_t bytes, struct ndrv_error *err)
{
	const struct table_write write = {.table = table, .key = key, .value = value, .bytes = bytes};

	return write_own(host, network, &write, err);
}

/* Absent: 0. */
static int del(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
	       struct ndrv_error *err)
{
	const struct table_write write = {.table = table, .key = key, .gone = true};

	return write_own(host, network, &write, err);
}

struct getting {
	struct ndrv_arena *arena;
	void *value;
	size_t bytes;
};

static int copy_value(const struct table_row *row, void *data)
{
	struct getting *getting = data;

	getting->bytes = row->bytes;
	getting->value = ndrv_arena_alloc(getting->arena, row->bytes + 1);
	if (!getting->value)
		return -NDRV_E_NO_SERVICE;
	memcpy(getting->value, row->value, row->bytes);
	return 0;
}

/* This node's own. */
static int get(const struct ndrv_host *host, struct ndrv_arena *arena, const struct ndrv_network *network, const char *table,
	       const char *key, const void **ret, size_t *ret_bytes, struct ndrv_error *err)
{
	struct tables *tables = rows_of(host)->tables;
	struct getting getting = {.arena = arena};

	if (!network)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a row of a table needs a network");
	int rc = tables_find(tables, network->id, table, key, tables_node(tables), copy_value, &getting, err);
	if (rc == -NDRV_E_NO_SERVICE && !getting.value)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	if (rc)
		return rc;
	*ret = getting.value;
	*ret_bytes = getting.bytes;
	return 0;
}

/* table_register of a driver of global scope, under the network's turn. */
static int on_register(void *data, struct ndrv_network *view, const char *table, uint32_t object_type, struct ndrv_error *err)
{
	struct rows *rows = data;
	const struct network *network = (struct network *)(void *)((char *)view - offsetof(struct network, view));
	const struct frame *frame = frame_here();
	const struct instance *instance = atomic_load_explicit(&frame->instance, memory_order_relaxed);

	return tables_register(rows->tables, view->id, table, object_type, instance, network->instance, network->twin.instance,
			       err);
}

/* --- what records do --- */

struct tables *tables_of(struct dispatch *dispatch)
{
	struct rows *rows = dispatch->services ? services_rows(dispatch->services) : NULL;

	return rows ? rows->tables : NULL;
}

static bool is_global(const struct network *network)
{
	const struct instance *instance = network->instance;

	/* Of a driver that is not there, what was shared stays shared. */
	return !instance || instance->capability.data_scope == NDRV_SCOPE_GLOBAL;
}

int rows_open_network(struct dispatch *dispatch, const struct network *network, struct ndrv_error *err)
{
	struct tables *tables = tables_of(dispatch);

	return tables ? tables_open_network(tables, network->view.id, is_global(network), err) : 0;
}

void rows_close_network(struct dispatch *dispatch, const struct network *network)
{
	struct tables *tables = tables_of(dispatch);

	if (tables)
		tables_close_network(tables, network->view.id);
}

int rows_publish(struct dispatch *dispatch, const struct endpoint *endpoint, const struct join_result *result,
		 struct ndrv_error *err)
{
	struct tables *tables = tables_of(dispatch);
	struct table_write writes[JOIN_ROWS_MAX];

	if (!tables || !result->row_count || !is_global(endpoint->network))
		return 0;
	for (uint32_t i = 0; i < result->row_count; i++)
		writes[i] = (struct table_write){
			.table = result->rows[i].table,
			.key = result->rows[i].key,
			.value = result->rows[i].value,
			.bytes = result->rows[i].bytes,
			.origin = endpoint->view.id,
		};
	int rc = tables_write(tables, endpoint->network->view.id, writes, result->row_count, 0, NULL, err);
	return ndrv_wrap(err, rc, "publish endpoint %.64s", endpoint->view.id);
}

void rows_withdraw(struct dispatch *dispatch, const struct endpoint *endpoint)
{
	struct tables *tables = tables_of(dispatch);
	struct ndrv_error err = {0};

	if (tables && tables_withdraw(tables, endpoint->network->view.id, endpoint->view.id, &err))
		log_error("tables", "the rows of endpoint %s are withdrawn, but the store could not be told: %s", endpoint->view.id,
			  err.text);
}

static int confirm(struct endpoint *endpoint, void *data)
{
	if (endpoint->join.state != JOIN_NONE)
		tables_confirm(data, endpoint->network->view.id, endpoint->view.id);
	return 0;
}

void rows_confirm_network(struct dispatch *dispatch, struct network *network)
{
	struct tables *tables = tables_of(dispatch);

	if (tables)
		(void)network_each_endpoint(network, confirm, tables);
}

void rows_settle(struct dispatch *dispatch)
{
	struct tables *tables = tables_of(dispatch);
	struct ndrv_error err = {0};

	if (tables && tables_settle(tables, &err))
		log_warning("tables", "rows that nobody has any more are withdrawn, but the store could not be told: %s", err.text);
}

/* --- life --- */

int rows_new(struct store *store, struct rows **ret, struct ndrv_error *err)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	struct backend *backend = NULL;

	if (!rows)
		return ndrv_fail_errno(err, ENOMEM, "tables");
	const struct local_keep keep = {
		.data = rows, .write = keep_write, .load = keep_load, .reserve = keep_reserve, .reserved = keep_reserved};
	rows->store = store;
	rows->ops = (struct ndrv_tables_ops){.size = sizeof(rows->ops), .put = put, .del = del, .get = get};
	int rc = local_new(store ? &keep : NULL, &backend, err);
	if (!rc)
		rc = tables_new(backend, "-", &rows->tables, err);
	if (!rc)
		rc = strands_new(rows->tables, &rows->strands, err);
	if (rc) {
		tables_free(rows->tables);
		free(rows);
		return rc;
	}
	*ret = rows;
	return 0;
}

int rows_start(struct rows *rows, const char *node, struct ndrv_error *err)
{
	char machine[TABLE_NAME_MAX + 1] = "";

	if (!node || !node[0]) {
		(void)gethostname(machine, sizeof(machine) - 1);
		node = machine[0] ? machine : "localhost";
	}
	int rc = tables_name_node(rows->tables, node, err);
	if (!rc)
		rc = tables_start(rows->tables, err);
	rows->started = !rc;
	return ndrv_wrap(err, rc, "tables");
}

const struct ndrv_tables_ops *rows_ops(struct rows *rows)
{
	return &rows->ops;
}

struct tables *rows_tables(struct rows *rows)
{
	return rows->tables;
}

void rows_attach(struct rows *rows, struct dispatch *dispatch)
{
	struct ndrv_error err = {0};

	if (!rows->started && rows_start(rows, NULL, &err))
		log_error("tables", "%s", err.text);
	rows->dispatch = dispatch;
	handles_set_table_hook(on_register, rows);
	strands_start(rows->strands, dispatch);
}

void rows_stop(struct rows *rows)
{
	strands_stop(rows->strands);
}

void rows_free(struct rows *rows)
{
	if (!rows)
		return;
	if (rows->dispatch)
		handles_set_table_hook(NULL, NULL);
	/* Somebody who never came back still has them. */
	if (!strands_free(rows->strands))
		return;
	tables_free(rows->tables);
	free(rows);
}

void rows_type_changed(struct rows *rows, const struct driver_type *type, const struct instance *instance)
{
	struct ndrv_error err = {0};
	bool wants = instance && INSTANCE_HAS(instance, discover_new) &&
		     (instance->capability.connectivity_scope == NDRV_SCOPE_GLOBAL ||
		      (!instance->capability.connectivity_scope && instance->capability.data_scope == NDRV_SCOPE_GLOBAL));

	if (tables_type_serves(rows->tables, type->name, wants, &err))
		log_error("tables", "type %s will not hear of nodes: %s", type->name, err.text);
	tables_kick(rows->tables);
}
