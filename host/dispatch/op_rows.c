/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and nodes, for those who feed and watch them from outside. None of it waits for a network's turn: a driver that hangs must
 * not keep rows from coming in. */
#include <nettle/base64.h>
#include <string.h>
#include <time.h>

#include "host/dispatch/handlers.h"
#include "host/dispatch/rows.h"

static int need_tables(struct job *job, struct tables **ret)
{
	*ret = tables_of(job->dispatch);
	return *ret ? op_check_driver(job->op, job->dispatch->parts.config, NULL, NULL, &job->reply.error)
		    : ndrv_fail(&job->reply.error, NDRV_E_NOT_IMPLEMENTED, "this host has no tables");
}

/* The id of the network that is asked for, in the job's arena. */
static int resolve(struct job *job, const char *id_or_name, const char **ret)
{
	struct ndrv_error *err = &job->reply.error;
	struct network *network;
	int rc = records_resolve(job->dispatch->parts.records, id_or_name, &network, err);

	if (rc)
		return rc;
	*ret = arena_strdup(&job->arena, network->view.id);
	network_unref(network);
	if (!*ret)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	job_name_ids(job, NULL, *ret, NULL);
	return 0;
}

/* --- tables --- */

struct listing {
	struct tree *tree;
	struct ndrv_value list;
};

static void add_table(const struct table_info *info, void *data)
{
	struct listing *listing = data;
	struct tree *tree = listing->tree;
	struct ndrv_value map = {.type = NDRV_MAP};

	tree_text(tree, &map, "network", info->nid);
	tree_text(tree, &map, "table", info->table);
	tree_int(tree, &map, "rows", (int64_t)info->rows);
	tree_int(tree, &map, "own", (int64_t)info->own);
	tree_int(tree, &map, "bytes", (int64_t)info->bytes);
	tree_bool(tree, &map, "registered", info->registered);
	tree_int(tree, &map, "behind", (int64_t)info->behind);
	tree_bool(tree, &map, "replaying", info->syncing);
	if (info->since_ns)
		tree_int(tree, &map, "behind_ms", (int64_t)((clock_ns() - info->since_ns) / NSEC_PER_MSEC));
	tree_int(tree, &map, "events", (int64_t)info->events);
	tree_int(tree, &map, "batches", (int64_t)info->batches);
	tree_int(tree, &map, "failures", info->failures);
	if (info->error[0])
		tree_text(tree, &map, "error", info->error);
	tree_add(tree, &listing->list, map);
}

int run_table_list(struct job *job)
{
	struct tree tree = {.arena = &job->arena, .err = &job->reply.error};
	struct listing listing = {.tree = &tree, .list = {.type = NDRV_LIST}};
	struct tables *tables;
	struct tables_totals totals;
	const char *nid = NULL;
	int rc = need_tables(job, &tables);

	if (!rc && job->request.network)
		rc = resolve(job, job->request.network, &nid);
	if (rc)
		return rc;
	tables_each(tables, nid, add_table, &listing);
	tables_total(tables, &totals);
	tree_text(&tree, &job->reply.value, "node", tables_node(tables));
	tree_int(&tree, &job->reply.value, "revision", (int64_t)totals.revision);
	tree_set(&tree, &job->reply.value, "tables", listing.list);
	return tree.rc;
}

/* Only those that are behind or fail. */
static void add_lagging(const struct table_info *info, void *data)
{
	if (info->failures || (info->since_ns && clock_ns() - info->since_ns > NSEC_PER_SEC))
		add_table(info, data);
}

void rows_describe(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *map)
{
	struct listing lagging = {.tree = tree, .list = {.type = NDRV_LIST}};
	struct tables *tables = tables_of(dispatch);
	struct ndrv_value out = {.type = NDRV_MAP};
	struct tables_totals totals;

	if (!tables)
		return;
	tables_total(tables, &totals);
	tables_each(tables, NULL, add_lagging, &lagging);
	tree_text(tree, &out, "node", tables_node(tables));
	tree_int(tree, &out, "nodes", totals.nodes);
	tree_int(tree, &out, "rows", (int64_t)totals.rows);
	tree_int(tree, &out, "bytes", (int64_t)totals.bytes);
	tree_int(tree, &out, "revision", (int64_t)totals.revision);
	tree_int(tree, &out, "watchers", totals.watchers);
	tree_bool(tree, &out, "stale", totals.stale);
	tree_set(tree, &out, "lagging", lagging.list);
	tree_set(tree, map, "tables", out);
}

static void add_peer(const struct table_node *node, void *data)
{
	struct listing *listing = data;
	struct tree *tree = listing->tree;
	struct ndrv_value map = {.type = NDRV_MAP};

	tree_text(tree, &map, "node", node->name);
	if (node->address[0])
		tree_text(tree, &map, "address", node->address);
	tree_bool(tree, &map, "self", node->self);
	tree_int(tree, &map, "rows", (int64_t)node->rows);
	tree_add(tree, &listing->list, map);
}

void rows_describe_peers(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *map, const char *nid)
{
	struct listing peers = {.tree = tree, .list = {.type = NDRV_LIST}};
	struct tables *tables = tables_of(dispatch);

	if (tables)
		tables_each_peer(tables, nid, add_peer, &peers);
	if (peers.list.count)
		tree_set(tree, map, "peers", peers.list);
}

/* --- one row --- */

struct getting {
	const char *nid;
	struct ndrv_value rows;
	struct tree tree;
};

/* As it is where it is text, else in base64. */
static void tree_value(struct tree *tree, struct ndrv_value *map, const struct table_row *row)
{
	bool text = table_is_text(row->value, row->bytes);
	size_t length = text ? row->bytes : BASE64_ENCODE_RAW_LENGTH(row->bytes);
	char *copy = arena_alloc(tree->arena, length + 1);

	if (!copy) {
		tree->rc = tree->rc ? tree->rc : ndrv_fail(tree->err, NDRV_E_NO_SERVICE, "out of memory");
		return;
	}
	if (text)
		memcpy(copy, row->value, length);
	else
		base64_encode_raw(copy, row->bytes, row->value);
	copy[length] = '\0';
	tree_text(tree, map, text ? "value" : "value_base64", copy);
}

static int add_row(const struct table_row *row, void *data)
{
	struct getting *getting = data;
	struct tree *tree = &getting->tree;
	struct ndrv_value map = {.type = NDRV_MAP};

	tree_text(tree, &map, "owner", row->owner);
	tree_int(tree, &map, "revision", (int64_t)row->revision);
	tree_bool(tree, &map, "own", row->own);
	if (row->origin[0])
		tree_text(tree, &map, "endpoint", row->origin);
	tree_value(tree, &map, row);
	tree_add(tree, &getting->rows, map);
	return tree->rc;
}

int run_table_get(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	const struct request *request = &job->request;
	struct getting getting = {.rows = {.type = NDRV_LIST}, .tree = {.arena = &job->arena, .err = err}};
	struct tables *tables;
	int rc = need_tables(job, &tables);

	if (!rc && (!request->table || !request->key))
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "table_get needs a table and a key");
	rc = rc ? rc : resolve(job, request->network, &getting.nid);
	if (!rc)
		rc = tables_find(tables, getting.nid, request->table, request->key, request->owner, add_row, &getting, err);
	if (rc)
		return rc;
	tree_text(&getting.tree, &job->reply.value, "network", getting.nid);
	tree_text(&getting.tree, &job->reply.value, "table", request->table);
	tree_text(&getting.tree, &job->reply.value, "key", request->key);
	tree_set(&getting.tree, &job->reply.value, "rows", getting.rows);
	return getting.tree.rc;
}

/* --- writing --- */

static void event_rows(struct dispatch *dispatch, const char *nid, uint32_t count, uint64_t revision)
{
	struct arena arena;
	struct ndrv_error err = {0};
	struct ndrv_value event = ndrv_null();
	struct timespec now;

	arena_init(&arena, 1u << 16);
	struct tree tree = {.arena = &arena, .err = &err};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	tree_text(&tree, &event, "event", "table-write");
	tree_int(&tree, &event, "time_ns", now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	tree_text(&tree, &event, "network", nid);
	tree_int(&tree, &event, "rows", count);
	tree_int(&tree, &event, "revision", (int64_t)revision);
	if (!tree.rc)
		dispatch_event(dispatch, &event);
	arena_reset(&arena);
}

int run_table_write(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	const struct request *request = &job->request;
	struct tree tree = {.arena = &job->arena, .err = err};
	struct tables *tables;
	const char *nid;
	uint64_t revision = 0;
	int rc = need_tables(job, &tables);

	if (!rc && !request->wish_count)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "table_write needs rows");
	rc = rc ? rc : resolve(job, request->network, &nid);
	if (rc)
		return rc;
	struct table_write *writes = arena_alloc(&job->arena, request->wish_count * sizeof(*writes));
	if (!writes)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	for (uint32_t i = 0; i < request->wish_count; i++) {
		const struct row_wish *wish = &request->wishes[i];
		if (!wish->owner)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "row %u has no owner: which node has it?", i + 1);
		writes[i] = (struct table_write){.table = wish->table,
						 .key = wish->key,
						 .owner = wish->owner,
						 .value = wish->value,
						 .bytes = wish->bytes,
						 .gone = wish->gone};
	}
	rc = tables_write(tables, nid, writes, request->wish_count, TABLES_FOREIGN | (request->strict ? TABLES_STRICT : 0u),
			  &revision, err);
	if (rc)
		return rc;
	event_rows(job->dispatch, nid, request->wish_count, revision);
	tree_int(&tree, &job->reply.value, "revision", (int64_t)revision);
	return tree.rc;
}

/* --- nodes --- */

static void add_node(const struct table_node *node, void *data)
{
	struct listing *listing = data;
	struct tree *tree = listing->tree;
	struct ndrv_value map = {.type = NDRV_MAP};

	tree_text(tree, &map, "node", node->name);
	tree_text(tree, &map, "address", node->address);
	if (node->bind_address[0])
		tree_text(tree, &map, "bind_address", node->bind_address);
	tree_bool(tree, &map, "self", node->self);
	tree_int(tree, &map, "rows", (int64_t)node->rows);
	tree_int(tree, &map, "revision", (int64_t)node->revision);
	tree_add(tree, &listing->list, map);
}

int run_node_list(struct job *job)
{
	struct tree tree = {.arena = &job->arena, .err = &job->reply.error};
	struct listing listing = {.tree = &tree, .list = {.type = NDRV_LIST}};
	struct tables *tables;
	int rc = need_tables(job, &tables);

	if (rc)
		return rc;
	tables_each_node(tables, add_node, &listing);
	tree_text(&tree, &job->reply.value, "self", tables_node(tables));
	tree_set(&tree, &job->reply.value, "nodes", listing.list);
	return tree.rc;
}

static void event_node(struct dispatch *dispatch, const char *what, const char *node, const char *address)
{
	struct arena arena;
	struct ndrv_error err = {0};
	struct ndrv_value event = ndrv_null();
	struct timespec now;

	arena_init(&arena, 1u << 16);
	struct tree tree = {.arena = &arena, .err = &err};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	tree_text(&tree, &event, "event", what);
	tree_int(&tree, &event, "time_ns", now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	tree_text(&tree, &event, "node", node);
	if (address)
		tree_text(&tree, &event, "address", address);
	if (!tree.rc)
		dispatch_event(dispatch, &event);
	arena_reset(&arena);
}

int run_node_add(struct job *job)
{
	const struct request *request = &job->request;
	struct tables *tables;
	int rc = need_tables(job, &tables);

	rc = rc ? rc : tables_node_add(tables, request->node, request->node_address, request->node_bind_address, &job->reply.error);
	if (!rc)
		event_node(job->dispatch, "node-add", request->node, request->node_address);
	return rc;
}

int run_node_remove(struct job *job)
{
	struct tables *tables;
	int rc = need_tables(job, &tables);

	if (!rc && !job->request.node)
		rc = ndrv_fail(&job->reply.error, NDRV_E_BAD_REQUEST, "which node?");
	rc = rc ? rc : tables_node_remove(tables, job->request.node, &job->reply.error);
	if (!rc)
		event_node(job->dispatch, "node-remove", job->request.node, NULL);
	return rc;
}
