/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint costs: create and join through the bridge driver and the sandbox code, beside the same netlink messages sent by
 * a bare C program (floor.c), in turns, on two bridges of equal size. Then: how many first packets are lost. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "host/base/clock.h"
#include "tests/bench/floor.h"
#include "tests/lib/fakehost.h"

#define ROUNDS 40
#define AIM 1.3
#define JOINS 300
#define FRESH_BRIDGES 20
#define LOST_MS 200 /* a lost first packet is sent again after a second */

static struct fakehost host;
static struct floor bare;

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

static double us_since(uint64_t start)
{
	return (double)(clock_ns() - start) / 1000.0;
}

static void need(int rc)
{
	if (rc) {
		fprintf(stderr, "bench_endpoint: %s\n", host.err.text);
		exit(1);
	}
}

/* --- cost --- */

static const uint8_t bare_mac[6] = {0x0e, 0x42, 0, 0, 0, 1};

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
		.group = FAKE_GROUP,
		.protocol = FAKE_PROTOCOL,
	};

	memcpy(e.bridge_mac, bare_mac, 6);
	return e;
}

/* `count` endpoints that were there before, on both bridges; their other ends share one namespace, to spare memory. */
static void fill(struct fakenet *net, uint32_t bridge, unsigned from, unsigned to, const struct netns *filler)
{
	for (unsigned i = from; i < to; i++) {
		char outer[16], inner[16], id[16], address[32];
		struct fakeep *ep = malloc(sizeof(*ep)); /* needed until the host is closed */
		struct floor_endpoint e;

		(void)snprintf(outer, sizeof(outer), "f%u", i);
		(void)snprintf(inner, sizeof(inner), "g%u", i);
		e = bare_endpoint(bridge, 256 + i, filler->fd, outer, inner);
		(void)floor_connect(&bare, &e);
		(void)snprintf(id, sizeof(id), "fill%u", i);
		(void)snprintf(inner, sizeof(inner), "h%u", i);
		(void)snprintf(address, sizeof(address), "10.1.%u.%u/16", 1 + i / 250, 2 + i % 250);
		if (!ep)
			exit(1);
		need(fakeep_create(ep, net, id, address, NULL, filler, inner));
		need(fakeep_join(ep));
		ep->gateway4.family = 0; /* one default route a namespace */
		ep->neighbour_count = 0;
		need(fakeep_plug(ep, filler));
	}
}

static double measure_bare(uint32_t bridge, int netns_fd, uint32_t *ret_index)
{
	struct floor_endpoint e = bare_endpoint(bridge, 10, netns_fd, "fx", "eth0");
	uint64_t start = clock_ns();

	memcpy(e.gateway, (uint8_t[]){10, 2, 0, 1}, 4);
	*ret_index = floor_connect(&bare, &e);
	return us_since(start);
}

static double measure_ours(struct fakenet *net, const struct netns *ns, struct fakeep *ep)
{
	uint64_t start = clock_ns();

	need(fakeep_connect(ep, net, "measured", "10.1.0.10/16", NULL, ns, "eth0"));
	return us_since(start);
}

/* The deletion before slept for 40 ms; whoever came first after it would pay for cold caches. So a third, on a bridge of its own,
 * does. */
static void warm_up(uint32_t bridge, const struct netns *filler)
{
	static unsigned number;
	char outer[16], inner[16];
	struct floor_endpoint e = bare_endpoint(bridge, ++number, filler->fd, outer, inner);

	(void)snprintf(outer, sizeof(outer), "w%u", number);
	(void)snprintf(inner, sizeof(inner), "x%u", number);
	(void)floor_connect(&bare, &e);
}

/* One of each in turns, and the first of a pair in turns too: what one sets off may still run when the other starts. */
static void measure(struct fakenet *net, const uint32_t bridges[2], unsigned population, const struct netns *filler,
		    double *ret_ours, double *ret_bare)
{
	double ours[ROUNDS], floor_times[ROUNDS];
	struct netns ns[2 * ROUNDS];

	for (int i = 0; i < 2 * ROUNDS; i++)
		netns_new(&ns[i]);
	for (int i = 0; i < ROUNDS; i++) {
		struct fakeep ep;
		uint32_t index;

		warm_up(bridges[1], filler);
		if (i % 2)
			ours[i] = measure_ours(net, &ns[2 * i + 1], &ep);
		floor_times[i] = measure_bare(bridges[0], ns[2 * i].fd, &index);
		if (i % 2 == 0)
			ours[i] = measure_ours(net, &ns[2 * i + 1], &ep);
		floor_delete(&bare, index);
		need(fakeep_delete(&ep, 0));
	}
	*ret_ours = median(ours, ROUNDS);
	*ret_bare = median(floor_times, ROUNDS);
	printf("%10u %12.0f %12.0f %8.2f\n", population, *ret_bare, *ret_ours, *ret_ours / *ret_bare);
	for (int i = 0; i < 2 * ROUNDS; i++)
		netns_free(&ns[i]);
}

static int bench_cost(void)
{
	static const unsigned populations[] = {1, 100, 1000};
	struct fakenet net;
	struct netns filler;
	uint32_t bridges[2];
	unsigned filled = 0;
	int missed = 0;

	netns_enter_fresh();
	netns_new(&filler);
	fakehost_open(&host, "bridge");
	floor_open(&bare);
	fakenet_init(&net, &host, "bench", "10.1.0.0/16", "10.1.0.1/16", NULL, NULL);
	need(fakenet_create(&net));
	bridges[0] = floor_bridge(&bare, "floor0", bare_mac, (const uint8_t[]){10, 2, 0, 1}, 16);
	bridges[1] = floor_bridge(&bare, "warm0", bare_mac, (const uint8_t[]){10, 3, 0, 1}, 16);
	printf("create + join of a bridge endpoint, median of %d, in turns\n%10s %12s %12s %8s\n", ROUNDS, "endpoints", "floor us",
	       "driver us", "ratio");
	for (size_t i = 0; i < sizeof(populations) / sizeof(*populations); i++) {
		double ours, floor_time;

		fill(&net, bridges[0], filled, populations[i] - 1, &filler);
		filled = populations[i] - 1;
		measure(&net, bridges, populations[i], &filler, &ours, &floor_time);
		missed += ours > AIM * floor_time;
	}
	printf("aim: at most %.1f times the floor%s\n\n", AIM, missed ? " -- MISSED" : "");
	floor_close(&bare);
	fakehost_close(&host);
	netns_free(&filler);
	return missed;
}

/* --- first packets --- */

static unsigned lost(const struct netns *from, const char *to)
{
	uint64_t start = clock_ns();

	return !netns_ping(from, to) || clock_ns() - start > LOST_MS * NSEC_PER_MSEC;
}

/* A new endpoint and an old one, right after the answer: v4 and v6, both ways in turns. */
static unsigned first_packets(struct fakenet *net, const struct netns *old, unsigned number, unsigned *ret_sent)
{
	char id[16], v4[40], v6[40], to4[32], to6[32];
	struct netns ns;
	struct fakeep ep;
	unsigned count;

	netns_new(&ns);
	(void)snprintf(id, sizeof(id), "e%u", number);
	(void)snprintf(to4, sizeof(to4), "10.1.%u.%u", 1 + number / 250, 2 + number % 250);
	(void)snprintf(v4, sizeof(v4), "%s/16", to4);
	(void)snprintf(to6, sizeof(to6), "fd01::1:%x", number + 1);
	(void)snprintf(v6, sizeof(v6), "%s/64", to6);
	need(fakeep_connect(&ep, net, id, v4, v6, &ns, "eth0"));
	if (number % 2)
		count = lost(old, to4) + lost(&ns, "fd01::2");
	else
		count = lost(&ns, "10.1.0.2") + lost(old, to6);
	*ret_sent += 2;
	need(fakeep_delete(&ep, 0));
	netns_free(&ns);
	return count;
}

static unsigned bench_lost(unsigned bridges, unsigned joins)
{
	unsigned count = 0, sent = 0;

	for (unsigned b = 0; b < bridges; b++) {
		struct fakenet net;
		struct fakeep ep;
		struct netns old;

		netns_enter_fresh();
		netns_new(&old);
		fakehost_open(&host, "bridge");
		fakenet_init(&net, &host, "bench", "10.1.0.0/16", "10.1.0.1/16", "fd01::/64", "fd01::1/64");
		need(fakenet_create(&net));
		need(fakeep_connect(&ep, &net, "old", "10.1.0.2/16", "fd01::2/64", &old, "eth0"));
		count += lost(&old, "10.1.0.1") + lost(&old, "fd01::1");
		sent += 2;
		for (unsigned i = 0; i < joins; i++)
			count += first_packets(&net, &old, i, &sent);
		need(fakenet_delete(&net, 0));
		fakehost_close(&host);
		netns_free(&old);
	}
	printf("%u fresh bridge%s, %u joins on each: %u of %u first packets lost (IPv4 and IPv6)\n", bridges,
	       bridges == 1 ? "" : "s", joins, count, sent);
	return count;
}

int main(void)
{
	int missed;

	netns_need();
	setvbuf(stdout, NULL, _IOLBF, 0);
	missed = bench_cost();
	missed += (int)bench_lost(1, JOINS);
	missed += (int)bench_lost(FRESH_BRIDGES, 1);
	return missed ? 1 : 0;
}
