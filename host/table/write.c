/* SPDX-License-Identifier: Apache-2.0 */
/* From what callers want to the backend's transactions. */
#include <errno.h>
#include <stdlib.h>

#include "host/table/parts.h"

/* --- checks --- */

static int check_one(const struct tables *tables, const struct table_write *write, uint32_t flags, struct ndrv_error *err)
{
	const char *owner = write->owner ? write->owner : tables->node;
	int rc = table_name_check("a table's name", write->table, err);

	rc = rc ? rc : table_name_check("a row's key", write->key, err);
	rc = rc ? rc : table_name_check("a row's owner", owner, err);
	if (!rc && !write->gone)
		rc = table_value_check(write->table, write->key, write->value, write->bytes, err);
	if (!rc && (flags & TABLES_FOREIGN) && !strcmp(owner, tables->node))
		rc = ndrv_fail(err, NDRV_E_FORBIDDEN,
			       "row %.64s of table %.64s: \"%.64s\" is this host, whose rows its drivers write", write->key,
			       write->table, owner);
	return rc;
}

/* With the lock. */
static int check_network(struct tables *tables, const char *nid, struct tnet **ret, struct ndrv_error *err)
{
	struct tnet *net = net_find(tables, nid);

	if (!net || !net->open)
		return ndrv_fail_object(err, NDRV_E_NO_NETWORK, nid);
	if (!net->global)
		return ndrv_fail(err, NDRV_E_SCOPE, "network %s shares no rows: the scope of its driver is local", nid);
	*ret = net;
	return 0;
}

static int check_room(const struct tables *tables, const struct backend_change *changes, size_t count, struct ndrv_error *err)
{
	uint64_t bytes = 0, rows = 0;

	for (size_t i = 0; i < count; i++) {
		if (changes[i].gone)
			continue;
		rows++;
		bytes += changes[i].bytes + strlen(changes[i].key) + strlen(changes[i].owner);
	}
	if (rows && tables->rows + rows > TABLE_ROWS_MAX)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "the tables are full: %u rows is the limit", TABLE_ROWS_MAX);
	if (rows && tables->bytes + bytes > TABLE_BYTES_MAX)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "the tables are full: %llu MiB of keys and values is the limit",
				 (unsigned long long)(TABLE_BYTES_MAX >> 20));
	return 0;
}

/* --- writing --- */

/* With the lock: whether the row is like that already. */
static bool is_same(struct tnet *net, const struct backend_change *change)
{
	struct table *table = table_find(net, change->table);
	const struct row *row = table ? row_find(table, change->key, change->owner) : NULL;

	if (!row || !row->value)
		return change->gone;
	return !change->gone && row->value->bytes == change->bytes &&
	       (!change->bytes || !memcmp(row->value->data, change->value, change->bytes)) &&
	       !strcmp(row->origin ? row->origin->eid : "", change->origin);
}

/* With the lock: fills `changes`; what changes nothing is left out, unless a row may be in it twice. */
static int select_changes(struct tables *tables, struct tnet *net, const struct table_write *writes, size_t count, uint32_t flags,
			  struct backend_change *changes, size_t *ret_count, struct ndrv_error *err)
{
	size_t kept = 0, gone = 0;

	for (size_t i = 0; i < count; i++)
		gone += writes[i].gone;
	for (size_t i = 0; i < count; i++) {
		const struct table_write *write = &writes[i];
		struct backend_change *change = &changes[kept];
		*change = (struct backend_change){
			.nid = net->nid,
			.table = write->table,
			.key = write->key,
			.owner = write->owner ? write->owner : tables->node,
			.origin = write->origin ? write->origin : "",
			.value = write->value,
			.bytes = write->bytes,
			.gone = write->gone,
		};
		bool same = is_same(net, change);
		if (write->gone && same && (flags & TABLES_STRICT))
			return ndrv_fail(err, NDRV_E_NOT_FOUND, "no row %.64s of \"%.64s\" in table %.64s of network %.64s",
					 change->key, change->owner, change->table, net->nid);
		kept += !same || (gone && count > 1);
	}
	*ret_count = kept;
	return check_room(tables, changes, kept, err);
}

int tables_write(struct tables *tables, const char *nid, const struct table_write *writes, size_t count, uint32_t flags,
		 uint64_t *ret_revision, struct ndrv_error *err)
{
	char copy[NDRV_ID_MAX + 1];
	struct tnet *net = NULL;
	size_t kept = 0;
	int rc = 0;

	if (count > TABLE_WRITES_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%zu rows at once, at most %u are taken", count, TABLE_WRITES_MAX);
	for (size_t i = 0; i < count && !rc; i++)
		rc = ndrv_wrap(err, check_one(tables, &writes[i], flags, err), "row %zu", i + 1);
	if (rc)
		return rc;
	struct backend_change *changes = malloc((count ? count : 1) * sizeof(*changes));
	if (!changes)
		return ndrv_fail_errno(err, ENOMEM, "write rows");
	(void)pthread_mutex_lock(&tables->lock);
	rc = check_network(tables, nid, &net, err);
	if (!rc)
		rc = select_changes(tables, net, writes, count, flags, changes, &kept, err);
	if (net && !rc)
		memcpy(copy, net->nid, strlen(net->nid) + 1);
	(void)pthread_mutex_unlock(&tables->lock);
	/* The network may be closed from here on; the backend's answer is then for nobody. */
	for (size_t i = 0; i < kept; i++)
		changes[i].nid = copy;
	if (!rc && kept)
		rc = tables->backend->ops->write(tables->backend, changes, kept, 0, err);
	free(changes);
	if (rc || !ret_revision)
		return rc;
	(void)pthread_mutex_lock(&tables->lock);
	*ret_revision = tables->revision;
	(void)pthread_mutex_unlock(&tables->lock);
	return 0;
}

/* --- many rows go --- */

struct going {
	const char *nid, *owner, *origin;
	bool unconfirmed;
	size_t count, room;
	struct row **rows;
	struct backend_change *changes;
};

static bool goes(const struct going *going, const struct row *row)
{
	if (!row->value || (going->owner && strcmp(going->owner, row->owner->name) != 0))
		return false;
	return !going->unconfirmed || row->unconfirmed;
}

static int collect(struct going *going, struct row *row)
{
	if (!goes(going, row))
		return 0;
	row->pins++;
	going->rows[going->count] = row;
	going->changes[going->count++] = (struct backend_change){
		.nid = row->table->net->nid,
		.table = row->table->name,
		.key = row_key(row),
		.owner = row->owner->name,
		.origin = "",
		.gone = true,
	};
	return going->count == going->room;
}

static int collect_node(struct idmap_node *node, void *data)
{
	return collect(data, (struct row *)(void *)node);
}

static int collect_network(struct idmap_node *node, void *data)
{
	struct tnet *net = (struct tnet *)(void *)node;
	struct table *table;
	int full = 0;

	TAILQ_FOREACH(table, &net->tables, next)
	full = full ? full : idmap_each(&table->rows, collect_node, data);
	return full;
}

static void collect_origin(struct going *going, struct tnet *net)
{
	struct origin *origin = origin_find(net, going->origin);
	struct row *row;

	if (!origin)
		return;
	LIST_FOREACH(row, &origin->rows, of_origin)
	if (collect(going, row))
		return;
}

/* In the order they came: neighbours on disk, too. */
static void collect_log(struct tables *tables, struct going *going)
{
	struct row *row;

	TAILQ_FOREACH(row, &tables->log, log)
	if (collect(going, row))
		return;
}

static void collect_all(struct tables *tables, struct going *going)
{
	struct tnet *net = going->nid ? net_find(tables, going->nid) : NULL;

	going->count = 0;
	if (net && going->origin)
		collect_origin(going, net);
	else if (net)
		(void)collect_network(&net->node, going);
	else if (!going->nid)
		collect_log(tables, going);
}

/* The rows go from memory even when the backend cannot be told: the next start finds them again, and that nobody has them. */
static int drop_some(struct tables *tables, struct going *going, uint32_t flags, struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&tables->lock);
	collect_all(tables, going);
	(void)pthread_mutex_unlock(&tables->lock);
	if (going->count)
		rc = tables->backend->ops->write(tables->backend, going->changes, going->count, flags, err);
	if (rc)
		(void)tables->sink.changed(&tables->sink, going->changes, going->count);
	(void)pthread_mutex_lock(&tables->lock);
	for (size_t i = 0; i < going->count; i++) {
		going->rows[i]->pins--;
		row_settle(tables, going->rows[i]);
	}
	(void)pthread_mutex_unlock(&tables->lock);
	return rc;
}

/* In transactions of `room` rows. */
static int drop(struct tables *tables, struct going *going, size_t room, uint32_t flags, struct ndrv_error *err)
{
	int rc = 0, failed;

	going->room = room;
	going->rows = malloc(room * sizeof(*going->rows));
	going->changes = malloc(room * sizeof(*going->changes));
	if (!going->rows || !going->changes) {
		free(going->rows);
		free(going->changes);
		return ndrv_fail_errno(err, ENOMEM, "take rows away");
	}
	do {
		failed = drop_some(tables, going, flags, rc ? NULL : err);
		rc = rc ? rc : failed;
	} while (going->count == room);
	free(going->rows);
	free(going->changes);
	return rc;
}

#define ENDPOINT_ROWS 64u

int tables_withdraw(struct tables *tables, const char *nid, const char *origin, struct ndrv_error *err)
{
	struct going going = {.nid = nid, .owner = tables->node, .origin = origin};

	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, nid);
	bool any = net && origin_find(net, origin);
	(void)pthread_mutex_unlock(&tables->lock);
	return any ? drop(tables, &going, ENDPOINT_ROWS, 0, err) : 0;
}

int tables_node_remove(struct tables *tables, const char *name, struct ndrv_error *err)
{
	struct going going = {.owner = name};

	(void)pthread_mutex_lock(&tables->lock);
	const struct node_entry *known = (struct node_entry *)(void *)idmap_find(&tables->nodes, name);
	bool self = known && known->self;
	(void)pthread_mutex_unlock(&tables->lock);
	if (!known)
		return ndrv_fail(err, NDRV_E_NOT_FOUND, "no node \"%.64s\"", name);
	/* This host may forget where it is, but not what its drivers published. */
	int rc = self ? 0 : drop(tables, &going, TABLE_WRITES_MAX, 0, err);
	if (rc)
		return rc;
	struct backend_change change = {.nid = "", .table = TABLE_NODES, .key = name, .owner = name, .origin = "", .gone = true};
	return tables->backend->ops->write(tables->backend, &change, 1, 0, err);
}

static int unserve(struct idmap_node *node, void *data)
{
	struct row *row = (struct row *)(void *)node;

	row_clean(row);
	value_unref(row->shown);
	row->shown = NULL;
	row_settle(data, row);
	return 0;
}

/* With the lock. */
static void close_network(struct tables *tables, struct tnet *net)
{
	struct table *table;

	net->open = net->kicked = false;
	while (!SLIST_EMPTY(&net->wishes)) {
		struct wish *wish = SLIST_FIRST(&net->wishes);
		SLIST_REMOVE_HEAD(&net->wishes, next);
		free(wish);
	}
	TAILQ_FOREACH(table, &net->tables, next)
	{
		table->served = false;
		table->sync = SYNC_NONE;
	}
	net_look(tables, net);
}

static void forget_network(struct tables *tables, const char *nid)
{
	struct table *table;

	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, nid);
	if (net && !net->open) {
		bool busy = net->busy;
		net->busy = true;
		TAILQ_FOREACH(table, &net->tables, next)
		(void)idmap_each(&table->rows, unserve, tables);
		net->busy = busy;
		net_free_if_unused(tables, net);
	}
	(void)pthread_mutex_unlock(&tables->lock);
}

void tables_close_network(struct tables *tables, const char *nid)
{
	struct going going = {.nid = nid};
	struct ndrv_error ignored = {0};

	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, nid);
	if (net)
		close_network(tables, net);
	(void)pthread_mutex_unlock(&tables->lock);
	if (!net)
		return;
	(void)drop(tables, &going, TABLE_WRITES_MAX, BACKEND_WHOLE_NETWORK, &ignored);
	forget_network(tables, nid);
}

/* --- after a start --- */

void tables_confirm(struct tables *tables, const char *nid, const char *origin)
{
	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, nid);
	struct origin *of = net ? origin_find(net, origin) : NULL;
	struct row *row;
	if (of)
		LIST_FOREACH(row, &of->rows, of_origin)
	row->unconfirmed = false;
	(void)pthread_mutex_unlock(&tables->lock);
}

struct unopened {
	char nid[NDRV_ID_MAX + 1];
};

static int find_unopened(struct idmap_node *node, void *data)
{
	const struct tnet *net = (struct tnet *)(void *)node;
	struct unopened *unopened = data;
	const struct table *table;

	if (net->open)
		return 0;
	TAILQ_FOREACH(table, &net->tables, next)
	if (table->live && strlen(net->nid) < sizeof(unopened->nid)) {
		memcpy(unopened->nid, net->nid, strlen(net->nid) + 1);
		return 1;
	}
	return 0;
}

int tables_settle(struct tables *tables, struct ndrv_error *err)
{
	struct going going = {.owner = tables->node, .unconfirmed = true};
	struct unopened unopened;
	int found;

	do {
		(void)pthread_mutex_lock(&tables->lock);
		found = idmap_each(&tables->nets, find_unopened, &unopened);
		(void)pthread_mutex_unlock(&tables->lock);
		if (found)
			tables_close_network(tables, unopened.nid);
	} while (found);
	return drop(tables, &going, TABLE_WRITES_MAX, 0, err);
}
