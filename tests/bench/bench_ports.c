/* SPDX-License-Identifier: Apache-2.0 */
/* What published ports cost an endpoint: a thousand endpoints with two ports each, beside a thousand without, connected in turns on
 * two bridges over the control socket; some of them disconnected one by one, and the rest deleted with their networks. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/http.h"
#include "tests/lib/netns.h"

#define COUNT 1000
#define SLICE 250
#define SINGLE 40

static struct daemon host;
static int connection;
static const char *const names[2] = {"plain", "ports"};

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

static double ask(const char *method, const char *target, const char *body, int status)
{
	struct http_answer answer;
	uint64_t start = clock_ns();

	if (http_send_request(connection, method, target, body) || http_receive(connection, &answer, 60000) ||
	    answer.status != status) {
		(void)fprintf(stderr, "bench_ports: %s %s: %s\n", method, target, answer.body);
		exit(1);
	}
	http_answer_free(&answer);
	return (double)(clock_ns() - start) / 1000.0;
}

static double connect_one(int which, int number, const struct netns *ns)
{
	char body[512], target[64], ports[128] = "";

	if (which)
		(void)snprintf(ports, sizeof(ports),
			       ",\"ports\":[{\"host_port\":%d,\"port\":80},{\"host_port\":%d,\"port\":53,\"proto\":\"udp\"}]",
			       10000 + number, 20000 + number);
	(void)snprintf(target, sizeof(target), "/v1/networks/%s/connect", names[which]);
	(void)snprintf(body, sizeof(body), "{\"id\":\"%s%d\",\"netns\":\"%s\",\"ifname\":\"%c%d\"%s}", names[which], number,
		       ns->path, names[which][1], number, ports);
	return ask("POST", target, body, 201);
}

static double disconnect_one(int which, int number)
{
	char body[64], target[64];

	(void)snprintf(target, sizeof(target), "/v1/networks/%s/disconnect", names[which]);
	(void)snprintf(body, sizeof(body), "{\"endpoint\":\"%s%d\"}", names[which], number);
	return ask("POST", target, body, 200);
}

static void print(const char *what, double plain, double ports)
{
	(void)printf("%-28s %12.0f %12.0f %8.2f\n", what, plain, ports, ports / plain);
}

/* In turns, so that both meet the same machine. */
static void connect_all(const struct netns *ns)
{
	static double times[2][SLICE];
	char what[64];

	for (int i = 0; i < COUNT; i++) {
		int first = i % 2;
		times[first][i % SLICE] = connect_one(first, i, ns);
		times[!first][i % SLICE] = connect_one(!first, i, ns);
		if (i % SLICE != SLICE - 1)
			continue;
		(void)snprintf(what, sizeof(what), "connect, up to %d there", i + 1);
		print(what, median(times[0], SLICE), median(times[1], SLICE));
	}
}

static void disconnect_some(void)
{
	double times[2][SINGLE];

	for (int i = 0; i < SINGLE; i++)
		for (int which = 0; which < 2; which++)
			times[which][i] = disconnect_one(which, i);
	print("disconnect", median(times[0], SINGLE), median(times[1], SINGLE));
}

int main(void)
{
	struct netns ns;

	netns_need();
	netns_enter_fresh();
	netns_new(&ns);
	daemon_set_up(&host, "log: {level: error}\n");
	daemon_add_driver(&host, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_start(&host);
	connection = http_connect(host.socket);
	(void)ask("POST", "/v1/networks", "{\"name\":\"plain\",\"type\":\"bridge\",\"pools\":[{\"subnet\":\"10.1.0.0/16\"}]}", 201);
	(void)ask("POST", "/v1/networks", "{\"name\":\"ports\",\"type\":\"bridge\",\"pools\":[{\"subnet\":\"10.2.0.0/16\"}]}", 201);
	(void)printf("%d endpoints with two ports each, beside as many without, us\n%-28s %12s %12s %8s\n", COUNT, "", "without",
		     "with", "ratio");
	connect_all(&ns);
	disconnect_some();
	double plain = ask("DELETE", "/v1/networks/plain?force=1", NULL, 200);
	double ports = ask("DELETE", "/v1/networks/ports?force=1", NULL, 200);
	print("network rm --force, an endpoint", plain / (COUNT - SINGLE), ports / (COUNT - SINGLE));
	(void)close(connection);
	daemon_tear_down(&host);
	netns_free(&ns);
	return 0;
}
