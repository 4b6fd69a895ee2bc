/* SPDX-License-Identifier: Apache-2.0 */
/* Two namespaces talk, 1,000 datagrams a second and a TCP stream, while their driver is swapped between two builds, the host is
 * replaced in place, and killed and started again; four others are plugged and unplugged without a pause meanwhile. Nothing of the
 * traffic may be missing. 50 swaps, 10 re-execs and 5 kills; NDRV_SOAK=1: four times that. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/flow.h"
#include "tests/lib/netns.h"

#define PLUGGERS 4
#define NOT_FOUND 3 /* what ndrvctl ends with */

static struct daemon host;
static struct netns ends[2];
static _Atomic bool stop;
static _Atomic unsigned kills; /* odd: the host is dead just now */

static void sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int connect_at(const struct netns *ns, const char *endpoint, const char *address)
{
	return daemon_ctl(&host, NULL, 0, "network", "connect", "web", "--netns", ns->path, "--endpoint", endpoint, "--ip", address,
			  NULL);
}

/* --- plugging meanwhile --- */

struct plugger {
	unsigned number, done, failed, excused;
	struct netns ns;
	pthread_t thread;
	char first[64];
};

/* NULL: all is well. */
static const char *plug_once(struct plugger *plugger, const char *endpoint, const char *address)
{
	if (connect_at(&plugger->ns, endpoint, address) != 0)
		return "connect";
	if (!netns_ping(&plugger->ns, "10.77.0.2"))
		return "ping";
	return daemon_ctl(&host, NULL, 0, "network", "disconnect", "web", endpoint, NULL) == 0 ? NULL : "disconnect";
}

/* What a kill cut off may be done or not: it is undone here, whichever it was. */
static void clean_up(const char *endpoint)
{
	for (int i = 0; i < 2000; i++) {
		int rc = daemon_ctl(&host, NULL, 0, "network", "disconnect", "web", endpoint, NULL);
		if (rc == 0 || rc == NOT_FOUND)
			return;
		sleep_ms(5);
	}
}

static void *plug_and_unplug(void *data)
{
	struct plugger *plugger = data;
	char endpoint[16], address[32];

	(void)snprintf(endpoint, sizeof(endpoint), "plug%u", plugger->number);
	(void)snprintf(address, sizeof(address), "10.77.0.%u", 20 + plugger->number);
	while (!atomic_load(&stop)) {
		unsigned before = atomic_load(&kills);
		const char *what = plug_once(plugger, endpoint, address);
		plugger->done++;
		if (!what)
			continue;
		if (before % 2 || atomic_load(&kills) != before) {
			plugger->excused++;
		} else if (!plugger->failed++) {
			(void)snprintf(plugger->first, sizeof(plugger->first), "%s", what);
		}
		clean_up(endpoint);
	}
	return NULL;
}

/* --- what is done to the host --- */

struct pauses {
	unsigned swaps;
	int64_t sum_us, worst_us;
	double reexec_ms, kill_ms; /* the longest */
};

static void swap_to(unsigned version, struct pauses *pauses)
{
	char reply[4096], file[256];

	(void)snprintf(file, sizeof(file), "%s/swbridge%u.so", SWAP_DRIVERS_DIR, version);
	assert_int_equal(daemon_ctl(&host, reply, sizeof(reply), "--json", "driver", "swap", "bridge", file, NULL), 0);
	json_t *document = json_loads(reply, 0, NULL);
	int64_t pause = json_integer_value(json_object_get(document, "pause_us"));
	json_decref(document);
	pauses->swaps++;
	pauses->sum_us += pause;
	pauses->worst_us = pause > pauses->worst_us ? pause : pauses->worst_us;
}

static double since_ms(uint64_t start)
{
	return (double)(clock_ns() - start) / (double)NSEC_PER_MSEC;
}

static void reexec(struct pauses *pauses)
{
	char reply[4096];
	uint64_t start = clock_ns();

	assert_int_equal(daemon_ctl(&host, reply, sizeof(reply), "--json", "reexec", NULL), 0);
	double took = since_ms(start);
	json_t *document = json_loads(reply, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(document, "pid")), host.pid);
	json_decref(document);
	pauses->reexec_ms = took > pauses->reexec_ms ? took : pauses->reexec_ms;
}

static void kill_and_restart(struct pauses *pauses)
{
	(void)atomic_fetch_add(&kills, 1);
	uint64_t start = clock_ns();
	(void)daemon_stop(&host, SIGKILL);
	daemon_start(&host);
	double took = since_ms(start);
	pauses->kill_ms = took > pauses->kill_ms ? took : pauses->kill_ms;
	(void)atomic_fetch_add(&kills, 1);
}

static void set_up_network(void)
{
	daemon_set_up(&host, "swap: {drain: 20s, probation: 1s}\n");
	daemon_add_driver(&host, "bridge", SWAP_DRIVERS_DIR "/swbridge1.so", NULL);
	daemon_start(&host);
	assert_int_equal(daemon_ctl(&host, NULL, 0, "network", "create", "web", "-d", "bridge", "--subnet", "10.77.0.0/24", NULL),
			 0);
	assert_int_equal(connect_at(&ends[0], "first", "10.77.0.2"), 0);
	assert_int_equal(connect_at(&ends[1], "second", "10.77.0.3"), 0);
}

static void report(const struct flow *flow, const struct plugger *pluggers, const struct pauses *pauses, unsigned reexecs)
{
	unsigned done = 0, failed = 0, excused = 0;

	for (unsigned i = 0; i < PLUGGERS; i++) {
		done += pluggers[i].done;
		failed += pluggers[i].failed;
		excused += pluggers[i].excused;
		if (pluggers[i].failed)
			print_message("plugger %u: %s failed\n", i, pluggers[i].first);
	}
	print_message(
		"%u swaps, %u re-execs, %u kills: %llu datagrams, %llu lost, %llu out of order, longest gap %.1f ms; TCP %llu kB, "
		"missing %llu B, wrong %llu B\n",
		pauses->swaps, reexecs, atomic_load(&kills) / 2, (unsigned long long)flow->datagrams,
		(unsigned long long)(flow->datagrams - flow->received), (unsigned long long)flow->disordered,
		(double)flow->longest_gap_ns / (double)NSEC_PER_MSEC, (unsigned long long)flow->bytes / 1000,
		(unsigned long long)(flow->bytes - flow->bytes_received), (unsigned long long)flow->bytes_wrong);
	print_message(
		"%d others: %u times plugged, %u failed, %u cut off by a kill and done again; swap's pause %lld us on average, "
		"%lld at most; re-exec %.0f ms at most, kill to serving %.0f ms at most\n",
		PLUGGERS, done, failed, excused, (long long)(pauses->sum_us / pauses->swaps), (long long)pauses->worst_us,
		pauses->reexec_ms, pauses->kill_ms);
	assert_int_equal(failed, 0);
	assert_true(done > excused);
}

static void no_packet_is_lost_and_no_connection_cut(void **state)
{
	static struct plugger pluggers[PLUGGERS];
	struct pauses pauses = {0};
	struct flow flow;
	unsigned rounds = getenv("NDRV_SOAK") ? 20 : 5;

	(void)state;
	netns_enter_fresh();
	for (int i = 0; i < 2; i++)
		netns_new(&ends[i]);
	set_up_network();
	flow_start(&flow, &ends[0], &ends[1], "10.77.0.3");
	for (unsigned i = 0; i < PLUGGERS; i++) {
		pluggers[i] = (struct plugger){.number = i};
		netns_new(&pluggers[i].ns);
		assert_int_equal(pthread_create(&pluggers[i].thread, NULL, plug_and_unplug, &pluggers[i]), 0);
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < 10; i++)
			swap_to(i % 2 ? 1 : 2, &pauses);
		for (unsigned i = 0; i < 2; i++)
			reexec(&pauses);
		kill_and_restart(&pauses);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < PLUGGERS; i++)
		assert_int_equal(pthread_join(pluggers[i].thread, NULL), 0);
	flow_stop(&flow);
	report(&flow, pluggers, &pauses, 2 * rounds);
	assert_int_equal(netns_link_count(NULL), 4); /* lo, the bridge, two ends */
	daemon_tear_down(&host);
	for (int i = 0; i < 2; i++)
		netns_free(&ends[i]);
	for (unsigned i = 0; i < PLUGGERS; i++)
		netns_free(&pluggers[i].ns);
	assert_true(flow.datagrams > 1000 && flow.bytes > 0);
	assert_int_equal(flow.datagrams, flow.received);
	assert_int_equal(flow.disordered, 0);
	assert_int_equal(flow.bytes, flow.bytes_received);
	assert_int_equal(flow.bytes_wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_packet_is_lost_and_no_connection_cut),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
