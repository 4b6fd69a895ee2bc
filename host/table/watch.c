/* SPDX-License-Identifier: Apache-2.0 */
/* Watchers: each has a place in the log of rows, which is in the order of the revisions. A row that changes moves to the log's end,
 * so a watcher that is slow sees its last value, and nothing is queued for it. */
#include <errno.h>
#include <stdlib.h>

#include "host/table/parts.h"

static void wake(struct table_watch *watch)
{
	if (!watch->asleep)
		return;
	watch->asleep = false;
	watch->wake(watch->data);
}

static void lose(struct table_watch *watch)
{
	watch->say = WATCH_LOST;
	wake(watch);
}

void watches_moved(struct tables *tables, const struct row *row, bool forgotten)
{
	struct table_watch *watch;

	LIST_FOREACH(watch, &tables->watches, next)
	{
		bool behind = watch->at && watch->at->revision <= row->revision;
		bool wanted = !watch->in_snapshot || row->revision > watch->began;
		if (watch->at == row)
			watch->at = TAILQ_NEXT(row, log);
		if (forgotten && behind && wanted)
			lose(watch);
	}
}

void watches_appended(struct tables *tables, struct row *row)
{
	struct table_watch *watch;

	LIST_FOREACH(watch, &tables->watches, next)
	{
		if (!watch->at)
			watch->at = row;
		wake(watch);
	}
}

void watches_node_moved(struct tables *tables, const struct node_entry *node, bool forgotten)
{
	struct table_watch *watch;

	LIST_FOREACH(watch, &tables->watches, next)
	{
		bool behind = watch->node_at && watch->node_at->seq <= node->seq && node->born <= watch->node_told;
		if (watch->node_at == node)
			watch->node_at = TAILQ_NEXT(node, next);
		if (forgotten && behind && !watch->nid)
			lose(watch);
	}
}

void watches_node_appended(struct tables *tables, struct node_entry *node)
{
	struct table_watch *watch;

	LIST_FOREACH(watch, &tables->watches, next)
	{
		if (!watch->node_at)
			watch->node_at = node;
		wake(watch);
	}
}

/* --- reading --- */

static void begin_snapshot(struct table_watch *watch)
{
	struct tables *tables = watch->tables;

	watch->in_snapshot = true;
	watch->began = tables->revision;
	watch->at = TAILQ_FIRST(&tables->log);
	watch->node_at = TAILQ_FIRST(&tables->node_log);
	watch->node_told = 0;
	watch->say = WATCH_SYNC_BEGIN;
}

/* The mark that is due. */
static struct watch_event mark(struct table_watch *watch)
{
	bool resumed = watch->say == WATCH_RESUMED;
	struct watch_event event = {.kind = watch->say, .revision = resumed ? watch->began : watch->tables->revision};

	watch->say = 0;
	if (event.kind == WATCH_LOST)
		begin_snapshot(watch);
	return event;
}

static bool next_node(struct table_watch *watch, struct watch_event *ret, struct table_node *node)
{
	while (watch->node_at) {
		const struct node_entry *entry = watch->node_at;
		uint64_t told = watch->node_told;
		watch->node_at = TAILQ_NEXT(entry, next);
		watch->node_told = entry->seq;
		if (watch->nid || (entry->left && entry->born > told))
			continue;
		*node = (struct table_node){
			.name = entry->owner->name,
			.address = entry->left ? NULL : entry->address,
			.bind_address = entry->bind_address,
			.self = entry->self,
			.revision = entry->revision,
			.rows = entry->owner->rows,
		};
		*ret = (struct watch_event){.kind = WATCH_NODE, .revision = entry->revision, .node = node};
		return true;
	}
	return false;
}

static bool is_wanted(const struct table_watch *watch, const struct row *row)
{
	if (!row->value && watch->in_snapshot && row->revision <= watch->began)
		return false;
	if (watch->nid && strcmp(watch->nid, row->table->net->nid) != 0)
		return false;
	if (watch->table && strcmp(watch->table, row->table->name) != 0)
		return false;
	return !watch->owner || !strcmp(watch->owner, row->owner->name);
}

static bool next_row(struct table_watch *watch, struct watch_event *ret, struct table_row *found)
{
	while (watch->at) {
		const struct row *row = watch->at;
		watch->at = TAILQ_NEXT(row, log);
		if (!is_wanted(watch, row))
			continue;
		row_fill(row, found);
		*ret = (struct watch_event){.kind = WATCH_ROW, .revision = row->revision, .row = found};
		return true;
	}
	return false;
}

/* In a snapshot nodes come before rows, so that a row's owner is known; then it goes by revisions, or who resumes from the last
 * one would miss what came before it. */
static bool node_is_next(const struct table_watch *watch)
{
	return watch->in_snapshot || !watch->at || (watch->node_at && watch->node_at->revision <= watch->at->revision);
}

static bool next_event(struct table_watch *watch, struct watch_event *ret, struct table_node *node, struct table_row *row)
{
	if (watch->say) {
		*ret = mark(watch);
		return true;
	}
	if ((node_is_next(watch) && next_node(watch, ret, node)) || next_row(watch, ret, row) || next_node(watch, ret, node))
		return true;
	if (!watch->in_snapshot)
		return false;
	watch->in_snapshot = false;
	*ret = (struct watch_event){.kind = WATCH_SYNC_END, .revision = watch->tables->revision};
	return true;
}

bool tables_watch_read(struct table_watch *watch, int (*each)(const struct watch_event *event, void *data), void *data)
{
	struct tables *tables = watch->tables;
	struct watch_event event;
	struct table_node node;
	struct table_row row;
	bool more = true;

	(void)pthread_mutex_lock(&tables->lock);
	while (more && (more = next_event(watch, &event, &node, &row)) && !each(&event, data))
		;
	watch->asleep = !more;
	(void)pthread_mutex_unlock(&tables->lock);
	return more;
}

/* --- life --- */

/* What is newer stands at the log's end. */
static void resume(struct table_watch *watch, uint64_t since)
{
	struct tables *tables = watch->tables;
	struct row *row;
	struct node_entry *node;

	watch->say = WATCH_RESUMED;
	watch->began = since;
	TAILQ_FOREACH_REVERSE(row, &tables->log, rows, log)
	{
		if (row->revision <= since)
			break;
		watch->at = row;
	}
	TAILQ_FOREACH(node, &tables->node_log, next)
	{
		if (node->revision > since) {
			watch->node_at = node;
			break;
		}
		watch->node_told = node->seq;
	}
}

static void watch_free(struct table_watch *watch)
{
	free(watch->nid);
	free(watch->table);
	free(watch->owner);
	free(watch);
}

static bool copy_text(char **into, const char *text)
{
	*into = text ? strdup(text) : NULL;
	return !text || *into;
}

int tables_watch(struct tables *tables, const struct watch_options *options, struct table_watch **ret, struct ndrv_error *err)
{
	struct table_watch *watch = calloc(1, sizeof(*watch));
	bool whole = watch && copy_text(&watch->nid, options->nid) && copy_text(&watch->table, options->table) &&
		     copy_text(&watch->owner, options->owner);

	if (!whole) {
		if (watch)
			watch_free(watch);
		return ndrv_fail_errno(err, ENOMEM, "watch tables");
	}
	watch->tables = tables;
	watch->wake = options->wake;
	watch->data = options->data;
	(void)pthread_mutex_lock(&tables->lock);
	/* A revision of the future is another host's, or this one's before it lost its files. */
	if (options->since && options->since >= tables->floor && options->since <= tables->revision)
		resume(watch, options->since);
	else
		begin_snapshot(watch);
	LIST_INSERT_HEAD(&tables->watches, watch, next);
	tables->watch_count++;
	(void)pthread_mutex_unlock(&tables->lock);
	*ret = watch;
	return 0;
}

void tables_watch_close(struct table_watch *watch)
{
	struct tables *tables = watch->tables;

	(void)pthread_mutex_lock(&tables->lock);
	LIST_REMOVE(watch, next);
	tables->watch_count--;
	(void)pthread_mutex_unlock(&tables->lock);
	watch_free(watch);
}
