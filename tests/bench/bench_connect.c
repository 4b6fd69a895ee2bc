/* SPDX-License-Identifier: Apache-2.0 */
/* What `connect` costs a client of the whole host (socket, JSON, dispatcher, store, driver, sandbox, wait for the path), beside the
 * same netlink messages sent by a bare C program (floor.c), in turns, on two bridges of equal size. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/bench/floor.h"
#include "tests/lib/daemon.h"
#include "tests/lib/http.h"
#include "tests/lib/netns.h"

#define ROUNDS 40
#define AIM 1.3

static struct daemon host;
static struct floor bare;
static int connection;

static const uint8_t bare_mac[6] = {0x0e, 0x42, 0, 0, 0, 1};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

static void ask(const char *method, const char *target, const char *body, int status)
{
	struct http_answer answer;

	if (http_send_request(connection, method, target, body) || http_receive(connection, &answer, 10000) ||
	    answer.status != status) {
		fprintf(stderr, "bench_connect: %s %s: %s\n", method, target, answer.body);
		exit(1);
	}
	http_answer_free(&answer);
}

static void connect_to(const char *id, const struct netns *ns, const char *ifname)
{
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"netns\":\"%s\",\"ifname\":\"%s\"}", id, ns->path, ifname);
	ask("POST", "/v1/networks/bench/connect", body, 201);
}

static void disconnect(const char *id)
{
	char body[64];

	(void)snprintf(body, sizeof(body), "{\"endpoint\":\"%s\"}", id);
	ask("POST", "/v1/networks/bench/disconnect", body, 200);
}

static struct floor_endpoint bare_endpoint(uint32_t bridge, unsigned number, int netns_fd, const char *outer, const char *inner)
{
	struct floor_endpoint e = {
		.outer = outer,
		.inner = inner,
		.netns_fd = netns_fd,
		.bridge = bridge,
		.mac = {2, 0x42, 10, 2, (uint8_t)(number >> 8), (uint8_t)number},
		.address = {10, 2, (uint8_t)(number >> 8), (uint8_t)number},
		.length = 16,
		.protocol = 153,
	};

	memcpy(e.bridge_mac, bare_mac, 6);
	return e;
}

static void fill(uint32_t bridge, unsigned from, unsigned to, const struct netns *filler)
{
	for (unsigned i = from; i < to; i++) {
		char outer[16], inner[16], id[16];
		(void)snprintf(outer, sizeof(outer), "f%u", i);
		(void)snprintf(inner, sizeof(inner), "g%u", i);
		struct floor_endpoint e = bare_endpoint(bridge, 256 + i, filler->fd, outer, inner);
		(void)floor_connect(&bare, &e);
		(void)snprintf(id, sizeof(id), "fill%u", i);
		(void)snprintf(inner, sizeof(inner), "h%u", i);
		connect_to(id, filler, inner);
	}
}

static double measure_bare(uint32_t bridge, const struct netns *ns, uint32_t *ret_index)
{
	struct floor_endpoint e = bare_endpoint(bridge, 10, ns->fd, "fx", "eth0");
	uint64_t start = clock_ns();

	memcpy(e.gateway, (uint8_t[]){10, 2, 0, 1}, 4);
	*ret_index = floor_connect(&bare, &e);
	return (double)(clock_ns() - start) / 1000.0;
}

static double measure_ours(const struct netns *ns)
{
	uint64_t start = clock_ns();

	connect_to("measured", ns, "eth0");
	return (double)(clock_ns() - start) / 1000.0;
}

static int measure(uint32_t bridge, unsigned population)
{
	double ours[ROUNDS], floor_times[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		struct netns ns[2];
		uint32_t index;
		netns_new(&ns[0]);
		netns_new(&ns[1]);
		if (i % 2)
			ours[i] = measure_ours(&ns[1]);
		floor_times[i] = measure_bare(bridge, &ns[0], &index);
		if (i % 2 == 0)
			ours[i] = measure_ours(&ns[1]);
		floor_delete(&bare, index);
		disconnect("measured");
		netns_free(&ns[0]);
		netns_free(&ns[1]);
	}
	double mine = median(ours, ROUNDS), least = median(floor_times, ROUNDS);
	printf("%10u %12.0f %12.0f %8.2f\n", population, least, mine, mine / least);
	return mine > AIM * least;
}

int main(void)
{
	static const unsigned populations[] = {1, 100, 1000};
	struct netns filler;
	unsigned filled = 0;
	int missed = 0;

	netns_need();
	netns_enter_fresh();
	netns_new(&filler);
	daemon_set_up(&host, "log: {level: error}\n");
	daemon_add_driver(&host, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_start(&host);
	connection = http_connect(host.socket);
	floor_open(&bare);
	ask("POST", "/v1/networks", "{\"name\":\"bench\",\"type\":\"bridge\",\"pools\":[{\"subnet\":\"10.1.0.0/16\"}]}", 201);
	uint32_t bridge = floor_bridge(&bare, "floor0", bare_mac, (const uint8_t[]){10, 2, 0, 1}, 16);
	printf("connect over the control socket, median of %d, in turns\n%10s %12s %12s %8s\n", ROUNDS, "endpoints", "floor us",
	       "ndrvd us", "ratio");
	for (size_t i = 0; i < sizeof(populations) / sizeof(*populations); i++) {
		fill(bridge, filled, populations[i] - 1, &filler);
		filled = populations[i] - 1;
		missed += measure(bridge, populations[i]);
	}
	printf("aim: at most %.1f times the floor%s\n", AIM, missed ? " -- MISSED" : "");
	floor_close(&bare);
	(void)close(connection);
	daemon_tear_down(&host);
	netns_free(&filler);
	return 0;
}
