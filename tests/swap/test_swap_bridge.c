/* SPDX-License-Identifier: Apache-2.0 */
/* The real bridge driver under the load of four threads that connect, ask and disconnect, make networks and delete them, while two
 * builds of it take turns: each thread knows what every answer must be, and the kernel is counted in the end. Every third swap is
 * refused at a step drawn by lot. NDRV_SOAK=1: 1,000 swaps. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

#define THREADS 4
#define NETWORKS 2

struct worker {
	struct swaprig *rig;
	struct arena arena;
	_Atomic bool *stop;
	unsigned number, random;
	pthread_t thread;
	struct netns sandbox;
	bool connected[NETWORKS];
	uint64_t calls, pings, lost, wrong, twice;
	char first[400];
};

static unsigned draw(unsigned *state, unsigned below)
{
	*state = *state * 1103515245u + 12345u;
	return (*state >> 16) % below;
}

static void note(struct worker *worker, uint64_t *counter, const char *what, const char *text)
{
	++*counter;
	if (!worker->first[0])
		(void)snprintf(worker->first, sizeof(worker->first), "%s: %s", what, text);
}

static bool done(struct worker *worker, const char *what, const struct reply *reply)
{
	worker->calls++;
	if (!reply->error.code)
		return true;
	note(worker, reply->error.kind == NDRV_KIND_TIMEOUT ? &worker->lost : &worker->wrong, what, reply->error.text);
	return false;
}

/* It must not be done again: only this code is right. */
static void refused(struct worker *worker, const char *what, const struct reply *reply, int code)
{
	worker->calls++;
	if (reply->error.code == code)
		return;
	note(worker, reply->error.code ? &worker->wrong : &worker->twice, what, reply->error.text);
}

static struct ndrv_prefix address(unsigned network, unsigned last)
{
	struct ndrv_prefix prefix = {0};
	char text[32];

	(void)snprintf(text, sizeof(text), "10.66.%u.%u", network, last);
	assert_int_equal(ndrv_addr_parse(text, &prefix.addr, NULL), 0);
	return prefix;
}

static struct reply connect_to(struct swaprig *rig, struct arena *arena, unsigned network, const char *eid, const char *netns,
			       unsigned last)
{
	struct request request = swaprig_request(arena, REQ_CONNECT);

	request.network = network ? "n1" : "n0";
	request.endpoint = eid;
	request.netns = netns;
	request.address = address(network, last);
	return swaprig_run(rig, &request);
}

static struct reply ask(struct worker *worker, enum request_op op, unsigned network, const char *eid)
{
	return swaprig_ask(worker->rig, &worker->arena, op, network ? "n1" : "n0", eid);
}

static bool same_address(const struct ndrv_addr *a, const struct ndrv_addr *b)
{
	return a->family == b->family && memcmp(a, b, sizeof(*a)) == 0;
}

static void check_connected(struct worker *worker, unsigned network, const char *eid, const struct reply *reply)
{
	struct ndrv_prefix wanted = address(network, 10 + worker->number);
	char peer[32];

	if (!same_address(&reply->address.addr, &wanted.addr))
		note(worker, &worker->wrong, "connect", "another address than the one that was asked for");
	/* Again, with the same words, it is the same; with others it exists. */
	struct reply again = connect_to(worker->rig, &worker->arena, network, eid, worker->sandbox.path, 10 + worker->number);
	if (done(worker, "connect again", &again) && !same_address(&again.address.addr, &wanted.addr))
		note(worker, &worker->twice, "connect again", "another address than before");
	again = connect_to(worker->rig, &worker->arena, network, eid, worker->sandbox.path, 100 + worker->number);
	refused(worker, "connect with another address", &again, NDRV_E_ENDPOINT_EXISTS);
	(void)snprintf(peer, sizeof(peer), "10.66.%u.2", network);
	worker->pings++;
	if (!netns_ping(&worker->sandbox, peer))
		note(worker, &worker->wrong, "ping", "no answer after connect");
}

static void work_on(struct worker *worker, unsigned network)
{
	bool *connected = &worker->connected[network];
	char eid[16];

	(void)snprintf(eid, sizeof(eid), "t%un%u", worker->number, network);
	if (!*connected) {
		struct reply reply =
			connect_to(worker->rig, &worker->arena, network, eid, worker->sandbox.path, 10 + worker->number);
		*connected = done(worker, "connect", &reply);
		if (*connected)
			check_connected(worker, network, eid, &reply);
	} else if (draw(&worker->random, 3) == 0) {
		struct reply reply = ask(worker, REQ_DISCONNECT, network, eid);
		*connected = !done(worker, "disconnect", &reply);
		reply = ask(worker, REQ_ENDPOINT_INSPECT, network, eid);
		refused(worker, "inspect what is gone", &reply, NDRV_E_NO_ENDPOINT);
	} else {
		struct reply reply = ask(worker, draw(&worker->random, 2) ? REQ_ENDPOINT_INFO : REQ_ENDPOINT_INSPECT, network, eid);
		(void)done(worker, "info", &reply);
	}
}

/* A network of its own that is made, used and deleted at once: what comes into being during a swap. */
static void work_alone(struct worker *worker)
{
	char nid[16];

	(void)snprintf(nid, sizeof(nid), "own%u", worker->number);
	struct reply reply = swaprig_network(worker->rig, &worker->arena, "bridge", nid);
	if (!done(worker, "network create", &reply))
		return;
	reply = swaprig_ask(worker->rig, &worker->arena, REQ_ENDPOINT_CREATE, nid, "e");
	if (done(worker, "create", &reply)) {
		reply = swaprig_ask(worker->rig, &worker->arena, REQ_ENDPOINT_DELETE, nid, "e");
		(void)done(worker, "delete", &reply);
	}
	reply = swaprig_ask(worker->rig, &worker->arena, REQ_NETWORK_DELETE, nid, NULL);
	(void)done(worker, "network delete", &reply);
}

static void *work(void *data)
{
	struct worker *worker = data;

	arena_init(&worker->arena, 64u << 20);
	while (!atomic_load(worker->stop)) {
		if (draw(&worker->random, 12) == 0)
			work_alone(worker);
		else
			work_on(worker, draw(&worker->random, NETWORKS));
		arena_reset(&worker->arena);
	}
	return NULL;
}

/* --- the swaps --- */

struct outcome {
	unsigned swapped, refused;
	int64_t pause_us, worst_us;
};

/* The note alone, prepare, or one of the first records: all of them are there at any time. */
static const char *draw_refusal(unsigned *random, char *plan, size_t room)
{
	unsigned what = draw(random, 6);

	(void)snprintf(plan, room, "none");
	if (what == 0)
		return "global";
	if (what == 1)
		(void)snprintf(plan, room, "prepare");
	else
		(void)snprintf(plan, room, "adopt %u", 1 + draw(random, 2 * NETWORKS));
	return NULL;
}

static void swap_many(struct swaprig *rig, unsigned swaps, struct outcome *outcome)
{
	unsigned random = 7, version = 1;

	for (unsigned i = 0; i < swaps; i++) {
		unsigned next = version == 1 ? 2 : 1;
		const char *file = NULL;
		int64_t pause = 0;
		char plan[32] = "none";
		bool refuse = i % 3 == 2;
		if (refuse)
			file = draw_refusal(&random, plan, sizeof(plan));
		swaprig_write(rig->plan, plan);
		struct reply reply = swaprig_swap(rig, file ? file : next == 1 ? "bridge1" : "bridge2");
		if (refuse) {
			assert_refused(reply, NDRV_E_FORBIDDEN, file ? "" : "the plan says no");
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
		/* So that calls of every kind come between two swaps, too. */
		(void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
}

static void make_network(struct swaprig *rig, unsigned number, const struct netns *resident)
{
	struct request request = swaprig_request(&rig->arena, REQ_NETWORK_CREATE);
	struct pool_wish pool = {.pool = address(number, 0)};

	pool.pool.length = 24;
	request.type = "bridge";
	request.new_id = number ? "n1" : "n0";
	request.pools = &pool;
	request.pool_count = 1;
	assert_answer(swaprig_run(rig, &request));
	assert_answer(connect_to(rig, &rig->arena, number, number ? "r1" : "r0", resident->path, 2));
}

/* Links of the test's host: lo, and for each network a bridge, for each endpoint one end. */
static uint32_t expected_links(const struct worker *workers)
{
	uint32_t count = 1 + 2 * NETWORKS;

	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned n = 0; n < NETWORKS; n++)
			count += workers[i].connected[n];
	return count;
}

static void take_down(struct swaprig *rig, struct worker *workers)
{
	for (unsigned i = 0; i < THREADS; i++) {
		for (unsigned n = 0; n < NETWORKS; n++) {
			char eid[16];
			(void)snprintf(eid, sizeof(eid), "t%un%u", i, n);
			if (workers[i].connected[n])
				assert_answer(swaprig_ask(rig, &rig->arena, REQ_DISCONNECT, n ? "n1" : "n0", eid));
		}
		assert_int_equal(netns_link_count(&workers[i].sandbox), 1);
		netns_free(&workers[i].sandbox);
	}
	for (unsigned n = 0; n < NETWORKS; n++) {
		assert_answer(swaprig_ask(rig, &rig->arena, REQ_DISCONNECT, n ? "n1" : "n0", n ? "r1" : "r0"));
		assert_answer(swaprig_ask(rig, &rig->arena, REQ_NETWORK_DELETE, n ? "n1" : "n0", NULL));
	}
}

static void nothing_is_lost_wrong_or_done_twice(void **state)
{
	static struct worker workers[THREADS];
	unsigned swaps = getenv("NDRV_SOAK") ? (TEST_SANITIZED ? 150 : 1000) : TEST_SANITIZED ? 15 : 45;
	uint64_t calls = 0, lost = 0, wrong = 0, twice = 0, pings = 0;
	struct outcome outcome = {0};
	_Atomic bool stop = false;
	struct netns resident[NETWORKS];
	struct swaprig rig;

	(void)state;
	swaprig_open(&rig, "bridge1", "swap: {drain: 20s, max_errors: 0}\n");
	for (unsigned n = 0; n < NETWORKS; n++) {
		netns_new(&resident[n]);
		make_network(&rig, n, &resident[n]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.rig = &rig, .stop = &stop, .number = i, .random = i + 1};
		netns_new(&workers[i].sandbox);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	swap_many(&rig, swaps, &outcome);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		calls += workers[i].calls;
		lost += workers[i].lost;
		wrong += workers[i].wrong;
		twice += workers[i].twice;
		pings += workers[i].pings;
		if (workers[i].first[0])
			print_message("thread %u: %s\n", i, workers[i].first);
	}
	print_message("bridge: %u swaps and %u refused ones under %llu calls of %d threads and %llu pings: lost %llu, wrong %llu, "
		      "twice %llu; pause %lld us on average, %lld at most\n",
		      outcome.swapped, outcome.refused, (unsigned long long)calls, THREADS, (unsigned long long)pings,
		      (unsigned long long)lost, (unsigned long long)wrong, (unsigned long long)twice,
		      (long long)(outcome.pause_us / (outcome.swapped ? outcome.swapped : 1)), (long long)outcome.worst_us);
	assert_int_equal(netns_link_count(NULL), expected_links(workers));
	take_down(&rig, workers);
	assert_int_equal(netns_link_count(NULL), 1);
	swaprig_close(&rig);
	for (unsigned n = 0; n < NETWORKS; n++)
		netns_free(&resident[n]);
	assert_int_equal(lost + wrong + twice, 0);
	assert_int_equal(outcome.refused, swaps / 3);
	assert_true(calls > swaps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_wrong_or_done_twice),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
