/* SPDX-License-Identifier: Apache-2.0 */
/* Counters per operation, in Prometheus' text format. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/core.h"
#include "host/dispatch/handlers.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/rows.h"

/* Upper bounds of the duration histogram, in microseconds; a last bucket has no bound. */
static const uint32_t bounds_us[] = {50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 1000000, 10000000};
#define BOUNDS (sizeof(bounds_us) / sizeof(bounds_us[0]))
#define KINDS 9u

struct op_metrics {
	_Alignas(64) _Atomic uint64_t by_kind[KINDS];
	_Atomic uint64_t bucket[BOUNDS + 1];
	_Atomic uint64_t sum_us;
};

struct metrics {
	struct op_metrics ops[REQ_COUNT];
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = aligned_alloc(64, sizeof(*metrics));

	if (metrics)
		memset(metrics, 0, sizeof(*metrics));
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	free(metrics);
}

static void add(_Atomic uint64_t *counter, uint64_t value)
{
	(void)atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

void metrics_count(struct metrics *metrics, enum request_op op, uint32_t kind, uint64_t ns)
{
	struct op_metrics *of = &metrics->ops[op];
	uint64_t us = ns / 1000;
	size_t bucket = 0;

	while (bucket < BOUNDS && us > bounds_us[bucket])
		bucket++;
	add(&of->by_kind[kind < KINDS ? kind : NDRV_KIND_INTERNAL], 1);
	add(&of->bucket[bucket], 1);
	add(&of->sum_us, us);
}

/* A text that grows. */
struct page {
	FILE *file;
	char *text;
	size_t bytes;
};

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void print_counts(FILE *file, const struct metrics *metrics)
{
	(void)fputs("# HELP ndrv_operations_total Operations by result kind.\n# TYPE ndrv_operations_total counter\n", file);
	for (uint32_t op = 0; op < REQ_COUNT; op++)
		for (uint32_t kind = 0; kind < KINDS; kind++) {
			uint64_t count = get(&metrics->ops[op].by_kind[kind]);
			if (count || kind == NDRV_KIND_OK)
				(void)fprintf(file, "ndrv_operations_total{op=\"%s\",result=\"%s\"} %llu\n",
					      request_op_name((enum request_op)op), ndrv_kind_name(kind),
					      (unsigned long long)count);
		}
}

static void print_durations(FILE *file, const struct metrics *metrics)
{
	(void)fputs("# HELP ndrv_operation_seconds Time from submission to answer.\n# TYPE ndrv_operation_seconds histogram\n",
		    file);
	for (uint32_t op = 0; op < REQ_COUNT; op++) {
		const struct op_metrics *of = &metrics->ops[op];
		const char *name = request_op_name((enum request_op)op);
		uint64_t sum = 0;
		for (size_t i = 0; i <= BOUNDS; i++)
			sum += get(&of->bucket[i]);
		if (!sum)
			continue;
		sum = 0;
		for (size_t i = 0; i < BOUNDS; i++) {
			sum += get(&of->bucket[i]);
			(void)fprintf(file, "ndrv_operation_seconds_bucket{op=\"%s\",le=\"%g\"} %llu\n", name,
				      (double)bounds_us[i] / 1e6, (unsigned long long)sum);
		}
		sum += get(&of->bucket[BOUNDS]);
		(void)fprintf(file, "ndrv_operation_seconds_bucket{op=\"%s\",le=\"+Inf\"} %llu\n", name, (unsigned long long)sum);
		(void)fprintf(file, "ndrv_operation_seconds_sum{op=\"%s\"} %.6f\n", name, (double)get(&of->sum_us) / 1e6);
		(void)fprintf(file, "ndrv_operation_seconds_count{op=\"%s\"} %llu\n", name, (unsigned long long)sum);
	}
}

static void print_gauge(FILE *file, const char *name, const char *help, uint64_t value)
{
	(void)fprintf(file, "# HELP %s %s\n# TYPE %s gauge\n%s %llu\n", name, help, name, name, (unsigned long long)value);
}

static void print_counter(FILE *file, const char *name, const char *help, uint64_t value)
{
	(void)fprintf(file, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help, name, name, (unsigned long long)value);
}

static void print_owed(FILE *file, struct dispatch *dispatch)
{
	struct owed_counts counts;

	owed_count(dispatch, &counts);
	print_gauge(file, "ndrv_deletes_owed", "Deletions a platform does not ask for again.", counts.pending);
	print_counter(file, "ndrv_deletes_owed_total", "Deletions that failed for good with their platform.", counts.noted);
	print_counter(file, "ndrv_deletes_owed_tries_total", "How often the host tried one of them.", counts.tries);
	print_counter(file, "ndrv_dead_endpoints_total", "Endpoints deleted because their sandbox had died.",
		      atomic_load(&dispatch->dead_endpoints));
}

static void add_behind(const struct table_info *info, void *data)
{
	*(uint64_t *)data += info->behind;
}

static void print_tables(FILE *file, struct dispatch *dispatch)
{
	struct tables *tables = tables_of(dispatch);
	struct tables_totals totals;
	uint64_t behind = 0;

	if (!tables)
		return;
	tables_total(tables, &totals);
	tables_each(tables, NULL, add_behind, &behind);
	print_gauge(file, "ndrv_table_rows", "Rows of tables.", totals.rows);
	print_gauge(file, "ndrv_table_rows_behind", "Rows that drivers are not up to date with.", behind);
	print_gauge(file, "ndrv_nodes", "Nodes that share tables.", totals.nodes);
	print_gauge(file, "ndrv_tables_stale", "1: the tables' store cannot be reached.", totals.stale);
}

static void print_gauges(FILE *file, struct dispatch *dispatch)
{
	struct executor_stats stats;
	struct registry_counts counts = {0};

	executor_stats(dispatch->executor, &stats);
	if (dispatch->parts.registry)
		registry_count(dispatch->parts.registry, &counts);
	print_gauge(file, "ndrv_networks", "Networks known.", records_count(dispatch->parts.records));
	print_gauge(file, "ndrv_driver_types", "Network types with a driver.", counts.types);
	print_gauge(file, "ndrv_retired_images", "Driver images that stay mapped and serve nobody.", counts.retired);
	print_gauge(file, "ndrv_workers", "Worker threads.", stats.workers);
	print_gauge(file, "ndrv_workers_idle", "Worker threads without work.", stats.idle);
	print_gauge(file, "ndrv_operations_queued", "Operations no worker has taken yet.", stats.queued);
	print_gauge(file, "ndrv_operations_waiting", "Operations waiting for their network's turn.", stats.waiting);
	print_gauge(file, "ndrv_operations_stuck", "Operations past their deadline whose driver still runs.", stats.late);
	print_owed(file, dispatch);
	print_tables(file, dispatch);
}

int run_metrics(struct job *job)
{
	struct page page = {0};

	page.file = open_memstream(&page.text, &page.bytes);
	if (!page.file)
		return ndrv_fail(&job->reply.error, NDRV_E_NO_SERVICE, "out of memory");
	print_counts(page.file, job->dispatch->metrics);
	print_durations(page.file, job->dispatch->metrics);
	print_gauges(page.file, job->dispatch);
	(void)fclose(page.file);
	const char *copy = page.text ? arena_strdup(&job->arena, page.text) : NULL;
	free(page.text);
	if (!copy)
		return ndrv_fail(&job->reply.error, NDRV_E_NO_SERVICE, "out of memory");
	job->reply.value = ndrv_string(copy);
	return 0;
}
