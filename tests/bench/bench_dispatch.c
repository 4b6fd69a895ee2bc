/* SPDX-License-Identifier: Apache-2.0 */
/* What a dispatch adds to a driver call, log and store off: look-up of network and endpoint by 64-digit ids, the network's turn,
 * the frame, the call. Beside it, in the same run, the driver's function called through its table without any of that. Threads work
 * on networks of their own, for calls on one network come one at a time by design. The best of several passes counts. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/base/clock.h"
#include "host/base/epoch.h"
#include "host/base/log.h"
#include "host/dispatch/dispatch.h"
#include "host/plugin/registry.h"
#include "host/state/record.h"

/* Short passes, and many: the best one fits into a time slice of a busy machine. */
#define CALLS 16384u
#define PASSES 200
#define AIM_NS 25.0
#define KEYS 65536u /* a power of two: ids are used in random order */

struct bench {
	struct registry *registry;
	struct records *records;
	struct dispatch *dispatch;
	struct instance *instance;
	uint32_t networks;
	char (*ids)[65];
	struct network **found;
	struct endpoint **endpoints;
	bool bare;
};

struct lane {
	struct bench *bench;
	uint32_t first, count;
	uint32_t *order;
	uint32_t at; /* each pass goes on where the last one ended */
	pthread_barrier_t *barrier;
	double ns;
	pthread_t thread;
};

static void must(int rc, const struct ndrv_error *err)
{
	if (!rc)
		return;
	(void)fprintf(stderr, "bench_dispatch: %s\n", err->text);
	exit(1);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void run_bare(struct lane *lane)
{
	struct bench *bench = lane->bench;
	struct ndrv_error err = {0};
	struct arena arena;
	struct ndrv_value value = {0};
	struct ndrv_call call = {.size = sizeof(call), .err = &err, .arena = &arena.ndrv};

	arena_init(&arena, 4096);
	for (uint32_t i = 0; i < CALLS; i++) {
		uint32_t at = lane->order[lane->at++ & (KEYS - 1)];
		int rc = bench->instance->ops.endpoint_info(bench->instance->self, &call, &bench->found[at]->view,
							    &bench->endpoints[at]->view, &value);
		must(rc, &err);
	}
	arena_reset(&arena);
}

static void run_dispatched(struct lane *lane)
{
	struct bench *bench = lane->bench;
	struct ndrv_error err = {0};
	struct arena arena;
	struct ndrv_value value = {0};

	arena_init(&arena, 4096);
	for (uint32_t i = 0; i < CALLS; i++) {
		const char *id = bench->ids[lane->order[lane->at++ & (KEYS - 1)]];
		must(dispatch_endpoint_info(bench->dispatch, id, id, &value, &arena, &err), &err);
	}
	arena_reset(&arena);
}

static void *run_lane(void *data)
{
	struct lane *lane = data;

	lane->ns = 1e9;
	for (int pass = 0; pass < PASSES; pass++) {
		(void)pthread_barrier_wait(lane->barrier);
		uint64_t before = clock_ns();
		if (lane->bench->bare)
			run_bare(lane);
		else
			run_dispatched(lane);
		double ns = (double)(clock_ns() - before) / CALLS;
		lane->ns = ns < lane->ns ? ns : lane->ns;
	}
	return NULL;
}

/* The slowest thread's best pass. */
static double measure(struct bench *bench, uint32_t threads, bool bare)
{
	struct lane lanes[2];
	pthread_barrier_t barrier;
	double worst = 0;

	bench->bare = bare;
	(void)pthread_barrier_init(&barrier, NULL, threads);
	for (uint32_t t = 0; t < threads; t++) {
		uint64_t seed = 88172645463325252u + t;
		uint32_t share = bench->networks / threads;
		lanes[t] = (struct lane){.bench = bench, .first = t * share, .count = share, .barrier = &barrier};
		lanes[t].order = malloc(KEYS * sizeof(*lanes[t].order));
		for (uint32_t i = 0; i < KEYS; i++)
			lanes[t].order[i] = lanes[t].first + (uint32_t)(next_random(&seed) % share);
		(void)pthread_create(&lanes[t].thread, NULL, run_lane, &lanes[t]);
	}
	for (uint32_t t = 0; t < threads; t++) {
		(void)pthread_join(lanes[t].thread, NULL);
		worst = lanes[t].ns > worst ? lanes[t].ns : worst;
		free(lanes[t].order);
	}
	(void)pthread_barrier_destroy(&barrier);
	return worst;
}

static void submit(struct bench *bench, enum request_op op, const char *nid, const char *eid)
{
	struct arena arena;
	struct reply reply = {0};

	arena_init(&arena, 1u << 20);
	struct request request = {.op = op,
				  .arena = &arena,
				  .id = "",
				  .type = "rec",
				  .new_id = nid,
				  .network = nid,
				  .endpoint = eid,
				  .raw_options = true};
	request.caller.role = ROLE_ADMIN;
	dispatch_run(bench->dispatch, &request, &reply);
	must(-reply.error.code, &reply.error);
	arena_reset(&arena);
}

static void fill(struct bench *bench, uint32_t networks)
{
	for (uint32_t i = bench->networks; i < networks; i++) {
		uint64_t seed = 0x9e3779b97f4a7c15u + i;
		char *id = bench->ids[i];
		for (int word = 0; word < 4; word++)
			(void)snprintf(id + 16 * word, 17, "%016llx", (unsigned long long)next_random(&seed));
		submit(bench, REQ_NETWORK_CREATE, id, NULL);
		submit(bench, REQ_ENDPOINT_CREATE, id, id);
		epoch_enter();
		bench->found[i] = records_find(bench->records, id);
		epoch_leave();
		bench->endpoints[i] = network_endpoint(bench->found[i], id);
	}
	bench->networks = networks;
}

static void open_bench(struct bench *bench, uint32_t most)
{
	struct ndrv_host services = {0};
	struct ndrv_error err = {0};
	struct driver_request request = {.name = "rec", .path = RECORDERS "/rec.so"};

	log_set_level(0);
	must(registry_new(&bench->registry, NULL, &services, NULL, &err), &err);
	must(registry_load(bench->registry, &request, NULL, &err), &err);
	must(registry_find(bench->registry, "rec", &bench->instance, &err), &err);
	bench->records = records_new();
	struct dispatch_parts parts = {.registry = bench->registry, .records = bench->records, .quiet = true};
	must(dispatch_new(&parts, &bench->dispatch, &err), &err);
	bench->ids = calloc(most, sizeof(*bench->ids));
	bench->found = calloc(most, sizeof(struct network *));
	bench->endpoints = calloc(most, sizeof(struct endpoint *));
	if (!bench->ids || !bench->found || !bench->endpoints)
		exit(1);
}

int main(void)
{
	static const uint32_t sizes[] = {1, 1000, 100000};
	struct bench bench = {0};
	double added_1k[2] = {0, 0};

	open_bench(&bench, 100000);
	(void)printf("dispatch, ns per call (best of %d passes of %u calls, log and store off)\n", PASSES, CALLS);
	(void)printf("%9s %7s %10s %10s %8s %6s\n", "networks", "threads", "bare call", "dispatched", "added", "ratio");
	for (size_t i = 0; i < 3; i++) {
		for (uint32_t threads = 1; threads <= 2; threads++) {
			fill(&bench, sizes[i] < threads ? threads : sizes[i]);
			double bare = measure(&bench, threads, true), ours = measure(&bench, threads, false);
			(void)printf("%9u %7u %10.1f %10.1f %8.1f %6.1f\n", sizes[i], threads, bare, ours, ours - bare,
				     ours / bare);
			if (sizes[i] == 1000)
				added_1k[threads - 1] = ours - bare;
		}
	}
	(void)printf("aim at 1000 networks: %.0f ns added; got %.1f with one thread, %.1f with two\n", AIM_NS, added_1k[0],
		     added_1k[1]);
	(void)dispatch_stop(bench.dispatch, 0);
	/* The process ends: 100,000 networks need not be taken down one by one. */
	return 0;
}
