/* SPDX-License-Identifier: Apache-2.0 */
/* Swaps while four threads make, join, leave, ask and delete: each knows what every answer must be, so a call that was lost, done
 * twice or answered by the wrong generation's memory shows. NDRV_SOAK=1: 1,000 swaps. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

#define THREADS 4
#define NETWORKS 3
#define OWN 8 /* endpoints of a thread on each network */

struct worker {
	struct swaprig *rig;
	struct arena arena;
	_Atomic bool *stop;
	unsigned number, random;
	pthread_t thread;
	bool made[NETWORKS][OWN], joined[NETWORKS][OWN];
	int joins[NETWORKS][OWN];
	uint64_t calls, discovered;
	uint64_t lost, wrong;
	int64_t last_generation;
	char first[400];
};

static unsigned draw(unsigned *state, unsigned below)
{
	*state = *state * 1103515245u + 12345u;
	return (*state >> 16) % below;
}

static void note(struct worker *worker, uint64_t *counter, const char *what, const struct reply *reply)
{
	++*counter;
	if (!worker->first[0])
		(void)snprintf(worker->first, sizeof(worker->first), "%s: %s", what, reply->error.text);
}

static bool done(struct worker *worker, const char *what, struct reply reply)
{
	worker->calls++;
	if (!reply.error.code)
		return true;
	note(worker, reply.error.kind == NDRV_KIND_TIMEOUT ? &worker->lost : &worker->wrong, what, &reply);
	return false;
}

static void check_info(struct worker *worker, const char *nid, const char *eid, int joins)
{
	struct reply reply = swaprig_ask(worker->rig, &worker->arena, REQ_ENDPOINT_INFO, nid, eid);
	int64_t told = -1;

	if (!done(worker, "info", reply))
		return;
	(void)ndrv_map_int(&reply.value, "joins", &told, NULL);
	if (told == joins)
		return;
	(void)snprintf(reply.error.text, sizeof(reply.error.text), "endpoint %s joined %lld times, not %d", eid, (long long)told,
		       joins);
	note(worker, &worker->wrong, "info", &reply);
}

static void work_on(struct worker *worker, unsigned n, unsigned e)
{
	char nid[8], eid[16];
	bool *made = &worker->made[n][e], *joined = &worker->joined[n][e];
	int *joins = &worker->joins[n][e];

	(void)snprintf(nid, sizeof(nid), "n%u", n);
	(void)snprintf(eid, sizeof(eid), "t%ue%u", worker->number, e);
	if (!*made) {
		*made = done(worker, "create", swaprig_ask(worker->rig, &worker->arena, REQ_ENDPOINT_CREATE, nid, eid));
		*joins = 0;
		return;
	}
	switch (draw(&worker->random, 4)) {
	case 0:
		if (*joined) {
			*joined = !done(worker, "leave", swaprig_ask(worker->rig, &worker->arena, REQ_LEAVE, nid, eid));
		} else if (done(worker, "join", swaprig_join(worker->rig, &worker->arena, nid, eid, "/sandbox"))) {
			*joined = true;
			++*joins;
		}
		break;
	case 1:
		if (draw(&worker->random, 4) == 0) {
			*made = !done(worker, "delete", swaprig_ask(worker->rig, &worker->arena, REQ_ENDPOINT_DELETE, nid, eid));
			*joined = *made && *joined;
			break;
		}
		/* fall through */
	default:
		check_info(worker, nid, eid, *joins);
	}
}

/* A network that is made, used and deleted at once: what comes into being during a swap. */
static void work_alone(struct worker *worker)
{
	char nid[16];

	(void)snprintf(nid, sizeof(nid), "own%u", worker->number);
	if (!done(worker, "network", swaprig_network(worker->rig, &worker->arena, "swap", nid)))
		return;
	if (done(worker, "create", swaprig_ask(worker->rig, &worker->arena, REQ_ENDPOINT_CREATE, nid, "e"))) {
		check_info(worker, nid, "e", 0);
		(void)done(worker, "delete", swaprig_ask(worker->rig, &worker->arena, REQ_ENDPOINT_DELETE, nid, "e"));
	}
	(void)done(worker, "network rm", swaprig_ask(worker->rig, &worker->arena, REQ_NETWORK_DELETE, nid, NULL));
}

static void *work(void *data)
{
	struct worker *worker = data;

	arena_init(&worker->arena, 64u << 20);
	while (!atomic_load(worker->stop)) {
		unsigned what = draw(&worker->random, 20);
		if (what == 0)
			work_alone(worker);
		else if (what == 1)
			worker->discovered += done(worker, "discover", swaprig_discover(worker->rig, &worker->arena));
		else
			work_on(worker, draw(&worker->random, NETWORKS), draw(&worker->random, OWN));
		arena_reset(&worker->arena);
	}
	return NULL;
}

static void check_all(struct worker *worker)
{
	for (unsigned n = 0; n < NETWORKS; n++)
		for (unsigned e = 0; e < OWN; e++) {
			char nid[8], eid[16];
			(void)snprintf(nid, sizeof(nid), "n%u", n);
			(void)snprintf(eid, sizeof(eid), "t%ue%u", worker->number, e);
			if (worker->made[n][e])
				check_info(worker, nid, eid, worker->joins[n][e]);
		}
	arena_reset(&worker->arena);
}

struct outcome {
	unsigned swapped, refused;
	int64_t pause_us, worst_us;
};

/* Every third is refused at a step drawn by lot. */
static void swap_many(struct swaprig *rig, unsigned swaps, struct outcome *outcome)
{
	unsigned random = 7, version = 1;

	for (unsigned i = 0; i < swaps; i++) {
		bool refuse = i % 3 == 2;
		unsigned next = version == 1 ? 2 : 1;
		int64_t pause = 0;
		char plan[32] = "none";
		if (refuse && draw(&random, 4) == 0)
			(void)snprintf(plan, sizeof(plan), "prepare");
		else if (refuse)
			(void)snprintf(plan, sizeof(plan), "adopt %u", 1 + draw(&random, NETWORKS + 2));
		swaprig_write(rig->plan, plan);
		struct reply reply = swaprig_swap(rig, next == 1 ? "v1" : "v2");
		if (refuse && strcmp(plan, "none") != 0) {
			assert_refused(reply, NDRV_E_FORBIDDEN, "the plan says no");
			outcome->refused++;
		} else {
			assert_answer(reply);
			(void)ndrv_map_int(&reply.value, "pause_us", &pause, NULL);
			outcome->pause_us += pause;
			outcome->worst_us = pause > outcome->worst_us ? pause : outcome->worst_us;
			outcome->swapped++;
			version = next;
		}
		arena_reset(&rig->arena);
	}
}

static void nothing_is_lost_wrong_or_done_twice(void **state)
{
	static struct worker workers[THREADS];
	_Atomic bool stop = false;
	struct swaprig rig;
	struct outcome outcome = {0};
	uint64_t calls = 0, lost = 0, wrong = 0, discovered = 0;
	unsigned swaps = getenv("NDRV_SOAK") ? (TEST_SANITIZED ? 300 : 1000) : TEST_SANITIZED ? 30 : 120;

	(void)state;
	swaprig_open(&rig, "v1", "swap: {drain: 20s, max_errors: 0}\n");
	for (unsigned n = 0; n < NETWORKS; n++)
		assert_answer(swaprig_network(&rig, &rig.arena, "swap", (const char *[]){"n0", "n1", "n2"}[n]));
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.rig = &rig, .stop = &stop, .number = i, .random = i + 1};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	swap_many(&rig, swaps, &outcome);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		check_all(&workers[i]);
		calls += workers[i].calls;
		lost += workers[i].lost;
		wrong += workers[i].wrong;
		discovered += workers[i].discovered;
		if (workers[i].first[0])
			print_message("thread %u: %s\n", i, workers[i].first);
	}
	print_message("%u swaps and %u refused ones under %llu calls: lost %llu, wrong or twice %llu; pause %lld us on average, "
		      "%lld at most\n",
		      outcome.swapped, outcome.refused, (unsigned long long)calls, (unsigned long long)lost,
		      (unsigned long long)wrong, (long long)(outcome.pause_us / (outcome.swapped ? outcome.swapped : 1)),
		      (long long)outcome.worst_us);
	assert_int_equal(lost, 0);
	assert_int_equal(wrong, 0);
	assert_true(outcome.refused > 0 && outcome.swapped > 0);
	assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_CREATE, "n0", "last"));
	assert_int_equal(swaprig_info(&rig, "n0", "last", "discovered"), (int64_t)discovered);
	swaprig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_wrong_or_done_twice),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
