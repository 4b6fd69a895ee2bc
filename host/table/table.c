/* SPDX-License-Identifier: Apache-2.0 */
#include "host/table/table.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "host/table/parts.h"

/* --- what the backend says --- */

static bool changed(struct backend_sink *sink, const struct backend_change *changes, size_t count)
{
	struct tables *tables = (struct tables *)(void *)sink;
	bool whole = true;

	(void)pthread_mutex_lock(&tables->lock);
	for (size_t i = 0; i < count; i++) {
		if (changes[i].nid[0])
			whole &= row_apply(tables, &changes[i]);
		else if (!strcmp(changes[i].table, TABLE_NODES))
			whole &= node_apply(tables, &changes[i]);
	}
	graves_trim(tables, TABLE_GRAVES_MAX);
	(void)pthread_mutex_unlock(&tables->lock);
	return whole;
}

static int look_one(struct idmap_node *node, void *data)
{
	net_look(data, (struct tnet *)(void *)node);
	return 0;
}

static void reachable(struct backend_sink *sink, bool is)
{
	struct tables *tables = (struct tables *)(void *)sink;

	(void)pthread_mutex_lock(&tables->lock);
	tables->stale = !is;
	(void)idmap_each(&tables->nets, look_one, tables);
	(void)pthread_mutex_unlock(&tables->lock);
}

/* --- networks --- */

static bool has_rows(const struct tnet *net)
{
	const struct table *table;

	TAILQ_FOREACH(table, &net->tables, next)
	if (table->live)
		return true;
	return false;
}

int tables_open_network(struct tables *tables, const char *nid, bool global, struct ndrv_error *err)
{
	bool stray = false;

	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_get(tables, nid);
	if (net) {
		stray = !global && has_rows(net);
		net->life = net->open ? net->life : ++tables->lives;
		net->open = !stray;
		net->global = global;
	}
	(void)pthread_mutex_unlock(&tables->lock);
	if (!net)
		return ndrv_fail_errno(err, ENOMEM, "tables of network %.64s", nid);
	if (!stray)
		return 0;
	tables_close_network(tables, nid);
	(void)pthread_mutex_lock(&tables->lock);
	net = net_get(tables, nid);
	if (net) {
		net->life = ++tables->lives;
		net->open = true;
	}
	(void)pthread_mutex_unlock(&tables->lock);
	return net ? 0 : ndrv_fail_errno(err, ENOMEM, "tables of network %.64s", nid);
}

/* With the lock: the wishes of instances that are neither asking nor serving nor about to. */
static void drop_wishes(struct tnet *net, const void *a, const void *b, const void *c)
{
	struct wish *wish = SLIST_FIRST(&net->wishes), *next;

	for (; wish; wish = next) {
		next = SLIST_NEXT(wish, next);
		if (wish->instance == a || wish->instance == b || wish->instance == c)
			continue;
		SLIST_REMOVE(&net->wishes, wish, wish, next);
		free(wish);
	}
}

static int add_wish(struct tables *tables, struct tnet *net, const char *name, const void *instance, struct ndrv_error *err)
{
	struct table *table = table_get(net, name);
	struct wish *wish;

	if (!table)
		return ndrv_fail_errno(err, ENOMEM, "register table %.64s", name);
	SLIST_FOREACH(wish, &net->wishes, next)
	if (wish->table == table && wish->instance == instance)
		break;
	if (!wish) {
		wish = calloc(1, sizeof(*wish));
		if (!wish)
			return ndrv_fail_errno(err, ENOMEM, "register table %.64s", name);
		wish->table = table;
		wish->instance = instance;
		SLIST_INSERT_HEAD(&net->wishes, wish, next);
	}
	wish->fresh = true;
	net->kicked = true;
	net_look(tables, net);
	return 0;
}

int tables_register(struct tables *tables, const char *nid, const char *table, uint32_t object_type, const void *instance,
		    const void *serving, const void *other, struct ndrv_error *err)
{
	int rc = table_name_check("a table's name", table, err);

	(void)object_type;
	if (rc)
		return rc;
	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, nid);
	if (!net || !net->open)
		rc = ndrv_fail_object(err, NDRV_E_NO_NETWORK, nid);
	else {
		drop_wishes(net, instance, serving, other);
		rc = add_wish(tables, net, table, instance, err);
	}
	(void)pthread_mutex_unlock(&tables->lock);
	return rc;
}

/* --- reading --- */

struct finding {
	struct table *table;
	const char *key;
	int (*each)(const struct table_row *row, void *data);
	void *data;
	bool found;
};

static int find_one(struct idmap_node *node, void *data)
{
	const struct row *row = (struct row *)(void *)node;
	struct finding *finding = data;
	struct table_row found;

	if (!row->value || strcmp(row_key(row), finding->key) != 0)
		return 0;
	finding->found = true;
	row_fill(row, &found);
	return finding->each(&found, finding->data);
}

/* Every node may have a row of this key. */
static int find_owners(struct idmap_node *node, void *data)
{
	const struct owner *owner = (struct owner *)(void *)node;
	struct finding *finding = data;
	struct row *row = row_find(finding->table, finding->key, owner->name);

	return row ? find_one(&row->node, finding) : 0;
}

int tables_find(struct tables *tables, const char *nid, const char *table, const char *key, const char *owner,
		int (*each)(const struct table_row *row, void *data), void *data, struct ndrv_error *err)
{
	struct finding finding = {.key = key, .each = each, .data = data};
	int rc = table_name_check("a table's name", table, err);

	rc = rc ? rc : table_name_check("a row's key", key, err);
	rc = rc || !owner ? rc : table_name_check("a row's owner", owner, err);
	if (rc)
		return rc;
	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, nid);
	struct table *in = net && net->open ? table_find(net, table) : NULL;
	struct row *row = in && owner ? row_find(in, key, owner) : NULL;
	finding.table = in;
	if (row)
		rc = find_one(&row->node, &finding);
	else if (in && !owner)
		rc = idmap_each(&tables->owners, find_owners, &finding);
	(void)pthread_mutex_unlock(&tables->lock);
	if (finding.found)
		return rc;
	if (!net)
		return ndrv_fail_object(err, NDRV_E_NO_NETWORK, nid);
	return ndrv_fail(err, NDRV_E_NOT_FOUND, "no row %.64s in table %.64s of network %.64s", key, table, nid);
}

struct listing {
	const char *nid;
	void (*each)(const struct table_info *info, void *data);
	void *data;
};

static int list_network(struct idmap_node *node, void *data)
{
	const struct tnet *net = (struct tnet *)(void *)node;
	const struct listing *listing = data;
	const struct table *table;

	if (!net->open || (listing->nid && strcmp(listing->nid, net->nid) != 0))
		return 0;
	TAILQ_FOREACH(table, &net->tables, next)
	{
		const struct table_info info = {
			.nid = net->nid,
			.table = table->name,
			.rows = table->live,
			.own = table->own,
			.bytes = table->bytes,
			.registered = table->served,
			.behind = table->behind_count,
			.syncing = table->sync != SYNC_NONE,
			.since_ns = table->since_ns,
			.failures = net->failures,
			.error = net->error,
			.events = table->events,
			.batches = table->batches,
		};
		listing->each(&info, listing->data);
	}
	return 0;
}

void tables_each(struct tables *tables, const char *nid, void (*each)(const struct table_info *info, void *data), void *data)
{
	struct listing listing = {.nid = nid, .each = each, .data = data};

	(void)pthread_mutex_lock(&tables->lock);
	(void)idmap_each(&tables->nets, list_network, &listing);
	(void)pthread_mutex_unlock(&tables->lock);
}

void tables_total(struct tables *tables, struct tables_totals *ret)
{
	(void)pthread_mutex_lock(&tables->lock);
	*ret = (struct tables_totals){
		.revision = tables->revision,
		.rows = tables->rows,
		.bytes = tables->bytes,
		.graves = tables->grave_count,
		.networks = tables->net_count,
		.nodes = tables->node_count,
		.watchers = tables->watch_count,
		.stale = tables->stale,
		.ready = networks_ready(tables, clock_ns()),
		.nodes_ready = nodes_ready(tables, clock_ns()),
	};
	(void)pthread_mutex_unlock(&tables->lock);
}

const char *tables_node(const struct tables *tables)
{
	return tables->node;
}

/* --- life --- */

static void init(struct tables *tables, struct backend *backend)
{
	pthread_condattr_t attr;

	tables->sink.changed = changed;
	tables->sink.reachable = reachable;
	tables->backend = backend;
	(void)pthread_mutex_init(&tables->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&tables->work, &attr);
	(void)pthread_condattr_destroy(&attr);
	TAILQ_INIT(&tables->log);
	TAILQ_INIT(&tables->graves);
	TAILQ_INIT(&tables->ready);
	TAILQ_INIT(&tables->node_log);
	SLIST_INIT(&tables->types);
	LIST_INIT(&tables->watches);
}

int tables_new(struct backend *backend, const char *node, struct tables **ret, struct ndrv_error *err)
{
	struct tables *tables = calloc(1, sizeof(*tables));
	int rc = table_name_check("a node's name", node, err);

	if (!rc && tables) {
		init(tables, backend);
		tables->node = strdup(node);
		bool whole =
			tables->node && !idmap_init(&tables->nets) && !idmap_init(&tables->owners) && !idmap_init(&tables->nodes);
		if (whole) {
			*ret = tables;
			return 0;
		}
		tables_free(tables);
		return ndrv_fail_errno(err, ENOMEM, "tables");
	}
	free(tables);
	backend->ops->close(backend);
	return rc ? rc : ndrv_fail_errno(err, ENOMEM, "tables");
}

int tables_name_node(struct tables *tables, const char *node, struct ndrv_error *err)
{
	int rc = table_name_check("a node's name", node, err);

	if (rc)
		return rc;
	char *copy = strdup(node);
	if (!copy)
		return ndrv_fail_errno(err, ENOMEM, "tables");
	free(tables->node);
	tables->node = copy;
	return 0;
}

int tables_start(struct tables *tables, struct ndrv_error *err)
{
	int rc = tables->backend->ops->start(tables->backend, &tables->sink, err);
	struct backend_status status;

	if (rc)
		return rc;
	tables->backend->ops->status(tables->backend, &status);
	(void)pthread_mutex_lock(&tables->lock);
	tables->started = true;
	if (tables->revision < status.revision)
		tables->revision = status.revision;
	tables->stale = !status.reachable;
	/* What went before is not known. */
	tables->floor = tables->revision;
	(void)pthread_mutex_unlock(&tables->lock);
	return 0;
}

void tables_stop(struct tables *tables)
{
	(void)pthread_mutex_lock(&tables->lock);
	tables->stopping = true;
	(void)pthread_cond_broadcast(&tables->work);
	(void)pthread_mutex_unlock(&tables->lock);
}

static int free_row(struct idmap_node *node, void *data)
{
	struct row *row = (struct row *)(void *)node;
	struct table *table = row->table;

	idmap_del(&table->rows, &row->node);
	owner_put(data, row->owner);
	value_unref(row->value);
	value_unref(row->shown);
	free(row);
	return 0;
}

static int free_origin(struct idmap_node *node, void *data)
{
	struct tnet *net = data;

	idmap_del(&net->origins, node);
	free(node);
	return 0;
}

static int free_network(struct idmap_node *node, void *data)
{
	struct tnet *net = (struct tnet *)(void *)node;
	struct table *table;

	net->open = net->busy = false;
	TAILQ_FOREACH(table, &net->tables, next)
	(void)idmap_each(&table->rows, free_row, data);
	(void)idmap_each(&net->origins, free_origin, net);
	net_free_if_unused(data, net);
	return 0;
}

void tables_free(struct tables *tables)
{
	if (!tables)
		return;
	if (atomic_load(&tables->nets.table))
		(void)idmap_each(&tables->nets, free_network, tables);
	nodes_free(tables);
	tables->backend->ops->close(tables->backend);
	idmap_done(&tables->nets);
	idmap_done(&tables->owners);
	idmap_done(&tables->nodes);
	(void)pthread_cond_destroy(&tables->work);
	(void)pthread_mutex_destroy(&tables->lock);
	free(tables->node);
	free(tables);
}
