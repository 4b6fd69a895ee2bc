/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts of the cluster, and which network types have heard of which. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/table/parts.h"

/* Nodes that left and are remembered for watchers that resume. */
#define LEFT_MAX 1024u

/* --- what the backend says --- */

static void append(struct tables *tables, struct node_entry *entry)
{
	entry->seq = ++tables->node_seq;
	TAILQ_INSERT_TAIL(&tables->node_log, entry, next);
	watches_node_appended(tables, entry);
	(void)pthread_cond_signal(&tables->work);
}

static void leave(struct tables *tables, struct node_entry *entry, uint64_t revision)
{
	idmap_del(&tables->nodes, &entry->map_node);
	tables->node_count--;
	watches_node_moved(tables, entry, false);
	TAILQ_REMOVE(&tables->node_log, entry, next);
	entry->left = true;
	entry->revision = revision;
	tables->left_count++;
	append(tables, entry);
}

/* No type has to hear of it: those that serve know that it left, or never knew it. */
static bool is_over(const struct tables *tables, const struct node_entry *entry)
{
	const struct node_type *type;

	SLIST_FOREACH(type, &tables->types, next)
	if (type->serves && type->told < entry->seq && type->told >= entry->born)
		return false;
	return true;
}

static void node_free(struct tables *tables, struct node_entry *entry)
{
	TAILQ_REMOVE(&tables->node_log, entry, next);
	owner_put(tables, entry->owner);
	free(entry);
}

static void forget_old(struct tables *tables)
{
	struct node_entry *entry = TAILQ_FIRST(&tables->node_log), *next;

	for (; entry && tables->left_count > LEFT_MAX; entry = next) {
		next = TAILQ_NEXT(entry, next);
		if (!entry->left || !is_over(tables, entry))
			continue;
		if (entry->revision > tables->floor)
			tables->floor = entry->revision;
		watches_node_moved(tables, entry, true);
		node_free(tables, entry);
		tables->left_count--;
	}
}

/* The value: both addresses, each ended by a newline. */
static bool decode(const struct backend_change *change, struct node_entry *entry)
{
	char text[2 * sizeof(entry->address)];
	char *save = NULL;

	if (change->bytes >= sizeof(text))
		return false;
	memcpy(text, change->value, change->bytes);
	text[change->bytes] = '\0';
	const char *address = strtok_r(text, "\n", &save), *bind_address = strtok_r(NULL, "\n", &save);
	(void)snprintf(entry->address, sizeof(entry->address), "%s", address ? address : "");
	(void)snprintf(entry->bind_address, sizeof(entry->bind_address), "%s", bind_address ? bind_address : "");
	return address != NULL;
}

static struct node_entry *node_new(struct tables *tables, const struct backend_change *change)
{
	struct node_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->owner = decode(change, entry) ? owner_get(tables, change->key) : NULL;
	if (!entry->owner || idmap_add(&tables->nodes, &entry->map_node, entry->owner->name)) {
		if (entry->owner)
			owner_put(tables, entry->owner);
		free(entry);
		return NULL;
	}
	entry->self = !strcmp(change->key, tables->node);
	entry->revision = change->revision;
	entry->born = tables->node_seq + 1;
	tables->node_count++;
	return entry;
}

bool node_apply(struct tables *tables, const struct backend_change *change)
{
	struct node_entry *known = (struct node_entry *)(void *)idmap_find(&tables->nodes, change->key);

	if (change->revision > tables->revision)
		tables->revision = change->revision;
	if (known)
		leave(tables, known, change->revision);
	struct node_entry *entry = change->gone ? NULL : node_new(tables, change);
	if (entry)
		append(tables, entry);
	forget_old(tables);
	return entry || change->gone;
}

void nodes_free(struct tables *tables)
{
	while (!TAILQ_EMPTY(&tables->node_log))
		node_free(tables, TAILQ_FIRST(&tables->node_log));
	while (!SLIST_EMPTY(&tables->types)) {
		struct node_type *type = SLIST_FIRST(&tables->types);
		SLIST_REMOVE_HEAD(&tables->types, next);
		free(type);
	}
}

/* --- telling types --- */

static struct node_type *type_find(struct tables *tables, const char *name)
{
	struct node_type *type;

	SLIST_FOREACH(type, &tables->types, next)
	if (!strcmp(type->name, name))
		return type;
	return NULL;
}

int tables_type_serves(struct tables *tables, const char *name, bool serves, struct ndrv_error *err)
{
	size_t length = strlen(name);

	(void)pthread_mutex_lock(&tables->lock);
	struct node_type *type = type_find(tables, name);
	if (!type && serves) {
		type = calloc(1, sizeof(*type) + length + 1);
		if (type) {
			memcpy(type->name, name, length + 1);
			SLIST_INSERT_HEAD(&tables->types, type, next);
		}
	}
	if (type) {
		type->serves = serves;
		type->told = 0;
		type->not_before_ns = 0;
		type->failures = 0;
		/* What is being told now was told to who served before. */
		type->epoch = ++tables->epoch;
		type->busy = false;
		(void)pthread_cond_signal(&tables->work);
	}
	(void)pthread_mutex_unlock(&tables->lock);
	return type || !serves ? 0 : ndrv_fail_errno(err, ENOMEM, "tables");
}

/* The next node this type has to hear of; what it need not hear of counts as told. */
static const struct node_entry *next_for(struct tables *tables, struct node_type *type)
{
	const struct node_entry *entry, *last = TAILQ_LAST(&tables->node_log, node_entries);

	if (!last || last->seq <= type->told)
		return NULL;
	TAILQ_FOREACH(entry, &tables->node_log, next)
	{
		if (entry->seq <= type->told)
			continue;
		if (!entry->left || entry->born <= type->told)
			return entry;
		type->told = entry->seq;
	}
	return NULL;
}

bool nodes_ready(struct tables *tables, uint64_t now)
{
	struct node_type *type;

	SLIST_FOREACH(type, &tables->types, next)
	if (type->serves && !type->busy && type->not_before_ns <= now && next_for(tables, type))
		return true;
	return false;
}

bool nodes_next(struct tables *tables, uint64_t now, struct tables_work *ret, uint64_t *ret_due)
{
	struct node_type *type;

	SLIST_FOREACH(type, &tables->types, next)
	{
		const struct node_entry *entry = type->serves && !type->busy ? next_for(tables, type) : NULL;
		if (!entry)
			continue;
		if (type->not_before_ns > now) {
			*ret_due = type->not_before_ns < *ret_due ? type->not_before_ns : *ret_due;
			continue;
		}
		*ret = (struct tables_work){
			.kind = TABLES_WORK_NODE,
			.self = entry->self,
			.leaves = entry->left,
			.revision = entry->seq,
			.epoch = type->epoch,
		};
		(void)snprintf(ret->type, sizeof(ret->type), "%s", type->name);
		(void)snprintf(ret->name, sizeof(ret->name), "%s", entry->owner->name);
		memcpy(ret->address, entry->address, sizeof(ret->address));
		memcpy(ret->bind_address, entry->bind_address, sizeof(ret->bind_address));
		type->busy = true;
		return true;
	}
	return false;
}

void tables_node_told(struct tables *tables, const struct tables_work *work, int rc, const char *why)
{
	(void)why;
	(void)pthread_mutex_lock(&tables->lock);
	struct node_type *type = type_find(tables, work->type);
	if (type && type->epoch == work->epoch) {
		type->busy = false;
		if (rc) {
			type->failures++;
			type->not_before_ns = clock_ns() + backoff(type->failures);
		} else {
			type->failures = 0;
			if (work->revision > type->told)
				type->told = work->revision;
			forget_old(tables);
		}
		(void)pthread_cond_signal(&tables->work);
	}
	(void)pthread_mutex_unlock(&tables->lock);
}

/* --- by hand --- */

static int check_address(const char *what, const char *address, struct ndrv_error *err)
{
	struct ndrv_addr parsed;

	if (!address[0])
		return 0;
	return ndrv_wrap(err, ndrv_addr_parse(address, &parsed, err), "%s of a node", what);
}

int tables_node_add(struct tables *tables, const char *name, const char *address, const char *bind_address, struct ndrv_error *err)
{
	char value[2 * 64 + 2];
	int rc = table_name_check("a node's name", name, err);

	bind_address = bind_address ? bind_address : "";
	if (!rc && (!address || !address[0]))
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "a node needs an address");
	rc = rc ? rc : check_address("address", address, err);
	rc = rc ? rc : check_address("bind address", bind_address, err);
	if (rc)
		return rc;
	(void)snprintf(value, sizeof(value), "%s\n%s\n", address, bind_address);
	(void)pthread_mutex_lock(&tables->lock);
	const struct node_entry *known = (struct node_entry *)(void *)idmap_find(&tables->nodes, name);
	bool same = known && !strcmp(known->address, address) && !strcmp(known->bind_address, bind_address);
	bool full = !known && tables->node_count >= TABLE_NODES_MAX;
	(void)pthread_mutex_unlock(&tables->lock);
	if (same)
		return 0;
	if (full)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "there are %u nodes, which is the limit", TABLE_NODES_MAX);
	struct backend_change change = {
		.nid = "", .table = TABLE_NODES, .key = name, .owner = name, .origin = "", .value = value, .bytes = strlen(value)};
	return tables->backend->ops->write(tables->backend, &change, 1, 0, err);
}

void tables_each_node(struct tables *tables, void (*each)(const struct table_node *node, void *data), void *data)
{
	const struct node_entry *entry;

	(void)pthread_mutex_lock(&tables->lock);
	TAILQ_FOREACH(entry, &tables->node_log, next)
	{
		if (entry->left)
			continue;
		const struct table_node node = {
			.name = entry->owner->name,
			.address = entry->address,
			.bind_address = entry->bind_address,
			.self = entry->self,
			.revision = entry->revision,
			.rows = entry->owner->rows,
		};
		each(&node, data);
	}
	(void)pthread_mutex_unlock(&tables->lock);
}

/* --- who has rows in a network --- */

static int begin_count(struct idmap_node *node, void *data)
{
	(void)data;
	((struct owner *)(void *)node)->counted = 0;
	return 0;
}

static int count_row(struct idmap_node *node, void *data)
{
	const struct row *row = (struct row *)(void *)node;

	(void)data;
	row->owner->counted += row->value != NULL;
	return 0;
}

struct peering {
	struct tables *tables;
	void (*each)(const struct table_node *node, void *data);
	void *data;
};

static int tell_peer(struct idmap_node *node, void *data)
{
	const struct owner *owner = (struct owner *)(void *)node;
	const struct peering *peering = data;
	const struct node_entry *entry = (struct node_entry *)(void *)idmap_find(&peering->tables->nodes, owner->name);
	const struct table_node peer = {
		.name = owner->name,
		.address = entry ? entry->address : "",
		.bind_address = entry ? entry->bind_address : "",
		.self = !strcmp(owner->name, peering->tables->node),
		.revision = entry ? entry->revision : 0,
		.rows = owner->counted,
	};

	if (owner->counted)
		peering->each(&peer, peering->data);
	return 0;
}

void tables_each_peer(struct tables *tables, const char *nid, void (*each)(const struct table_node *node, void *data), void *data)
{
	struct peering peering = {.tables = tables, .each = each, .data = data};
	struct table *table;

	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, nid);
	if (net && net->open) {
		(void)idmap_each(&tables->owners, begin_count, NULL);
		TAILQ_FOREACH(table, &net->tables, next)
		(void)idmap_each(&table->rows, count_row, NULL);
		(void)idmap_each(&tables->owners, tell_peer, &peering);
	}
	(void)pthread_mutex_unlock(&tables->lock);
}
