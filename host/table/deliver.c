/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver of each network is behind with, and the batches it is told it in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host/table/parts.h"

/* A batch has about so many events: the network's turn is passed after each. A transaction is not split before BATCH_MOST. */
#define BATCH 1024u
#define BATCH_MOST TABLE_WRITES_MAX
#define BACKOFF_FIRST (50 * NSEC_PER_MSEC)
#define BACKOFF_LAST (30 * NSEC_PER_SEC)

struct delivery {
	struct ndrv_table_batch batch;
	struct tnet *net;
	struct table *table;
	bool begins, ends, in_sync;
	uint32_t count;
	struct row **rows;
	struct value **values, **previous;
	struct ndrv_table_event *events;
};

uint64_t backoff(uint32_t failures)
{
	uint64_t pause = BACKOFF_FIRST;

	for (uint32_t i = 1; i < failures && pause < BACKOFF_LAST; i++)
		pause *= 2;
	return pause < BACKOFF_LAST ? pause : BACKOFF_LAST;
}

/* --- who is behind --- */

void row_clean(struct row *row)
{
	struct table *table = row->table;

	if (!row->dirty)
		return;
	TAILQ_REMOVE(&table->behind, row, behind);
	row->dirty = false;
	table->owing -= row->owing;
	row->owing = false;
	if (--table->behind_count == 0)
		table->since_ns = 0;
}

static void row_is_behind(struct row *row)
{
	struct table *table = row->table;

	if (row->dirty) {
		TAILQ_REMOVE(&table->behind, row, behind);
	} else {
		if (!table->behind_count++)
			table->since_ns = clock_ns();
		row->dirty = true;
	}
	TAILQ_INSERT_TAIL(&table->behind, row, behind);
}

void row_changed(struct tables *tables, struct row *row)
{
	if (row->own || !row->table->served)
		return;
	/* What is being told right now is judged when that is over. */
	if (!row->pins && value_same(row->value, row->shown)) {
		row_clean(row);
		return;
	}
	row_is_behind(row);
	net_look(tables, row->table->net);
}

static bool table_has_work(const struct tables *tables, const struct table *table)
{
	return table->served && (table->behind_count || table->sync != SYNC_NONE || table->told_stale != tables->stale);
}

static bool net_has_work(const struct tables *tables, const struct tnet *net)
{
	const struct table *table;

	if (!net->open)
		return false;
	TAILQ_FOREACH(table, &net->tables, next)
	if (table_has_work(tables, table))
		return true;
	return net->kicked;
}

void net_look(struct tables *tables, struct tnet *net)
{
	bool ready = !net->busy && net_has_work(tables, net);

	if (ready == net->ready)
		return;
	net->ready = ready;
	if (ready) {
		TAILQ_INSERT_TAIL(&tables->ready, net, ready_next);
		(void)pthread_cond_signal(&tables->work);
	} else {
		TAILQ_REMOVE(&tables->ready, net, ready_next);
	}
}

static int kick_one(struct idmap_node *node, void *data)
{
	struct tnet *net = (struct tnet *)(void *)node;

	net->kicked |= !SLIST_EMPTY(&net->wishes);
	net->not_before_ns = 0;
	net_look(data, net);
	return 0;
}

void tables_kick(struct tables *tables)
{
	(void)pthread_mutex_lock(&tables->lock);
	(void)idmap_each(&tables->nets, kick_one, tables);
	(void)pthread_mutex_unlock(&tables->lock);
}

/* --- the next piece of work --- */

static bool networks_next(struct tables *tables, uint64_t now, struct tables_work *ret, uint64_t *ret_due)
{
	struct tnet *net;

	TAILQ_FOREACH(net, &tables->ready, ready_next)
	{
		if (net->not_before_ns > now) {
			*ret_due = net->not_before_ns < *ret_due ? net->not_before_ns : *ret_due;
			continue;
		}
		TAILQ_REMOVE(&tables->ready, net, ready_next);
		net->ready = false;
		net->busy = true;
		*ret = (struct tables_work){.kind = TABLES_WORK_NETWORK, .epoch = net->life};
		(void)snprintf(ret->nid, sizeof(ret->nid), "%s", net->nid);
		return true;
	}
	return false;
}

bool networks_ready(const struct tables *tables, uint64_t now)
{
	const struct tnet *net;

	TAILQ_FOREACH(net, &tables->ready, ready_next)
	if (net->not_before_ns <= now)
		return true;
	return false;
}

bool tables_next(struct tables *tables, struct tables_work *ret)
{
	bool found = false;

	(void)pthread_mutex_lock(&tables->lock);
	while (!tables->stopping) {
		uint64_t now = clock_ns(), due = UINT64_MAX;
		found = nodes_next(tables, now, ret, &due) || networks_next(tables, now, ret, &due);
		if (found)
			break;
		struct timespec until = {.tv_sec = (time_t)(due / NSEC_PER_SEC), .tv_nsec = (long)(due % NSEC_PER_SEC)};
		if (due == UINT64_MAX)
			(void)pthread_cond_wait(&tables->work, &tables->lock);
		else
			(void)pthread_cond_timedwait(&tables->work, &tables->lock, &until);
	}
	(void)pthread_mutex_unlock(&tables->lock);
	return found;
}

static void end_work(struct tables *tables, struct tnet *net, int rc, const char *why)
{
	net->busy = false;
	if (rc) {
		net->failures++;
		net->not_before_ns = clock_ns() + backoff(net->failures);
		(void)snprintf(net->error, sizeof(net->error), "%s", why ? why : "");
	}
	net_look(tables, net);
	net_free_if_unused(tables, net);
}

void tables_idle(struct tables *tables, const struct tables_work *work, int rc, const char *why)
{
	struct table *table;

	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, work->nid);
	/* Another network may have the id by now, whose driver has registered: it is looked at again. */
	if (net && net->life == work->epoch && !rc) {
		TAILQ_FOREACH(table, &net->tables, next)
		table->served = false;
		net->kicked = false;
	}
	if (net)
		end_work(tables, net, rc, why);
	(void)pthread_mutex_unlock(&tables->lock);
}

/* --- another instance, and the replay --- */

/* Nothing was shown to whoever hears of the table next. */
static int forget_shown(struct idmap_node *node, void *data)
{
	struct row *row = (struct row *)(void *)node;

	row_clean(row);
	value_unref(row->shown);
	row->shown = NULL;
	row_settle(data, row);
	return 0;
}

static bool is_wished(const struct tnet *net, const struct table *table, const void *instance, bool *ret_fresh)
{
	struct wish *wish;

	SLIST_FOREACH(wish, &net->wishes, next)
	{
		if (wish->table != table || wish->instance != instance)
			continue;
		*ret_fresh = wish->fresh;
		wish->fresh = false;
		return true;
	}
	*ret_fresh = false;
	return false;
}

static void serve(struct tables *tables, struct tnet *net, const void *instance)
{
	bool other = net->instance != instance;
	struct table *table;

	TAILQ_FOREACH(table, &net->tables, next)
	{
		bool fresh, wished = is_wished(net, table, instance, &fresh);
		if (wished && !other && !fresh && table->served)
			continue;
		if (!wished && !table->served)
			continue;
		table->served = wished;
		table->sync = wished ? SYNC_WANTED : SYNC_NONE;
		table->told_stale = tables->stale;
		(void)idmap_each(&table->rows, forget_shown, tables);
	}
	net->instance = instance;
	net->kicked = false;
}

/* Everything there is, in the order it came. */
static void begin_sync(struct tables *tables, struct table *table)
{
	struct row *row;

	(void)idmap_each(&table->rows, forget_shown, tables);
	TAILQ_FOREACH(row, &tables->log, log)
	{
		if (row->table != table || row->own || !row->value)
			continue;
		row_is_behind(row);
		row->owing = true;
		table->owing++;
	}
	table->sync = SYNC_RUNNING;
	table->begun = false;
}

/* --- a batch --- */

static void delivery_free(struct tables *tables, struct delivery *delivery)
{
	for (uint32_t i = 0; i < delivery->count; i++) {
		value_unref(delivery->values[i]);
		value_unref(delivery->previous[i]);
		delivery->rows[i]->pins--;
		row_settle(tables, delivery->rows[i]);
	}
	free(delivery->rows);
	free(delivery->values);
	free(delivery->previous);
	free(delivery->events);
	free(delivery);
}

static struct delivery *delivery_new(struct table *table, uint32_t room)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	size_t count = room ? room : 1;

	if (!delivery)
		return NULL;
	delivery->net = table->net;
	delivery->table = table;
	delivery->rows = calloc(count, sizeof(*delivery->rows));
	delivery->values = calloc(count, sizeof(*delivery->values));
	delivery->previous = calloc(count, sizeof(*delivery->previous));
	delivery->events = calloc(count, sizeof(*delivery->events));
	if (delivery->rows && delivery->values && delivery->previous && delivery->events)
		return delivery;
	delivery_free(NULL, delivery);
	return NULL;
}

static void add_event(struct delivery *delivery, struct row *row)
{
	struct value *value = value_ref(row->value), *previous = value_ref(row->shown);
	uint32_t at = delivery->count++;

	row->pins++;
	delivery->rows[at] = row;
	delivery->values[at] = value;
	delivery->previous[at] = previous;
	delivery->events[at] = (struct ndrv_table_event){
		.key = row_key(row),
		.previous = previous ? previous->data : NULL,
		.value = value ? value->data : NULL,
		.previous_bytes = previous ? previous->bytes : 0,
		.value_bytes = value ? value->bytes : 0,
		.revision = row->revision,
		.owner = row->owner->name,
	};
}

/* The revision that another table's events begin with: none of this table's behind it may be told before. */
static uint64_t others_begin(const struct tnet *net, const struct table *table)
{
	uint64_t least = UINT64_MAX;
	const struct table *each;

	TAILQ_FOREACH(each, &net->tables, next)
	{
		const struct row *first = TAILQ_FIRST(&each->behind);
		if (each != table && each->served && each->sync == SYNC_NONE && first && first->revision < least)
			least = first->revision;
	}
	return least;
}

/* One that replays goes first, then the one whose turn it is by revision, then one that does not know whether it is stale. */
static struct table *choose(struct tables *tables, struct tnet *net)
{
	struct table *table, *best = NULL;

	TAILQ_FOREACH(table, &net->tables, next)
	if (table->served && table->sync == SYNC_RUNNING)
		return table;
	TAILQ_FOREACH(table, &net->tables, next)
	if (table->served && table->sync == SYNC_WANTED) {
		begin_sync(tables, table);
		return table;
	}
	TAILQ_FOREACH(table, &net->tables, next)
	{
		const struct row *first = TAILQ_FIRST(&table->behind), *least = best ? TAILQ_FIRST(&best->behind) : NULL;
		if (table->served && first && (!least || first->revision < least->revision))
			best = table;
	}
	if (best)
		return best;
	TAILQ_FOREACH(table, &net->tables, next)
	if (table->served && table->told_stale != tables->stale)
		return table;
	return NULL;
}

static void fill(struct tables *tables, struct delivery *delivery, uint64_t limit)
{
	struct table *table = delivery->table;
	struct row *row;
	uint64_t last = 0;

	TAILQ_FOREACH(row, &table->behind, behind)
	{
		bool full = delivery->count >= BATCH && row->revision != last;
		if (full || delivery->count == BATCH_MOST || row->revision > limit)
			break;
		last = row->revision;
		add_event(delivery, row);
	}
	uint64_t owed = 0;
	for (uint32_t i = 0; i < delivery->count; i++)
		owed += delivery->rows[i]->owing;
	delivery->in_sync = table->sync == SYNC_RUNNING;
	delivery->begins = delivery->in_sync && !table->begun;
	delivery->ends = delivery->in_sync && owed == table->owing;
	delivery->batch = (struct ndrv_table_batch){
		.size = sizeof(delivery->batch),
		.flags = (delivery->begins ? NDRV_BATCH_SYNC_BEGIN : 0u) | (delivery->ends ? NDRV_BATCH_SYNC_END : 0u) |
			 (delivery->in_sync ? NDRV_BATCH_REPLAY : 0u) | (tables->stale ? NDRV_BATCH_STALE : 0u),
		.table = table->name,
		.count = delivery->count,
		.element_size = sizeof(struct ndrv_table_event),
		.events = delivery->events,
	};
}

static struct delivery *take(struct tables *tables, struct tnet *net, const void *instance, int *ret_rc)
{
	serve(tables, net, instance);
	struct table *table = choose(tables, net);
	if (!table)
		return NULL;
	uint64_t limit = table->sync == SYNC_RUNNING ? UINT64_MAX : others_begin(net, table);
	uint64_t room = table->behind_count < BATCH_MOST ? table->behind_count : BATCH_MOST;
	struct delivery *delivery = delivery_new(table, (uint32_t)room);
	if (!delivery) {
		*ret_rc = -NDRV_E_NO_SERVICE;
		return NULL;
	}
	fill(tables, delivery, limit);
	return delivery;
}

const struct ndrv_table_batch *tables_take(struct tables *tables, const char *nid, const void *instance, struct delivery **ret)
{
	struct delivery *delivery = NULL;
	int rc = 0;

	(void)pthread_mutex_lock(&tables->lock);
	struct tnet *net = net_find(tables, nid);
	if (net && net->open)
		delivery = take(tables, net, instance, &rc);
	if (net && !delivery)
		end_work(tables, net, rc, "out of memory");
	(void)pthread_mutex_unlock(&tables->lock);
	*ret = delivery;
	return delivery ? &delivery->batch : NULL;
}

static void mark_shown(struct row *row, struct value *value)
{
	value_unref(row->shown);
	row->shown = value_ref(value);
	row->table->owing -= row->owing;
	row->owing = false;
}

void tables_told(struct tables *tables, struct delivery *delivery, int rc, const char *why)
{
	struct tnet *net = delivery->net;
	struct table *table = delivery->table;

	(void)pthread_mutex_lock(&tables->lock);
	for (uint32_t i = 0; i < delivery->count; i++) {
		struct row *row = delivery->rows[i];
		if (!rc)
			mark_shown(row, delivery->values[i]);
		if (value_same(row->value, row->shown))
			row_clean(row);
	}
	if (!rc) {
		table->events += delivery->count;
		table->batches++;
		table->told_stale = delivery->batch.flags & NDRV_BATCH_STALE;
		if (delivery->in_sync && table->sync == SYNC_RUNNING) {
			table->begun = true;
			if (!table->owing)
				table->sync = SYNC_NONE;
		}
		net->failures = 0;
		net->error[0] = '\0';
	}
	delivery_free(tables, delivery);
	end_work(tables, net, rc, why);
	(void)pthread_mutex_unlock(&tables->lock);
}
