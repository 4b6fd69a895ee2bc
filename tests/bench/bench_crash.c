/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a thousand endpoints: how long from exec to the first answer after kill -9, and how long a deletion of the whole
 * network by force takes, until the answer and until the kernel is done, with what calls on another network feel of both. Then how
 * long a single endpoint takes to go, from a sandbox that lives on and from one that does not, beside the kernel's own messages. */
#include "tests/lib/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/http.h"
#include "tests/lib/netns.h"

#define ENDPOINTS 1000
#define SANDBOXES 50 /* a namespace that holds all of them is slow by itself */
#define RESTARTS 5
#define SAMPLES_MAX 4096
#define SINGLES 40
#define SERVING_AIM_MS 250.0
#define DELETE_AIM_MS 1000.0
#define OTHERS_AIM_MS 6.0

static struct daemon host;

/* Times of one kind of call, in ms. */
struct samples {
	const char *name;
	unsigned count;
	double ms[SAMPLES_MAX];
};

/* A client that works on a network of its own until it is told to end. */
struct probe {
	pthread_t thread;
	atomic_bool stop;
	int connection;
	const char *network;
	struct netns sandbox;
	unsigned serial;
	struct samples connect, inspect, disconnect;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(struct samples *samples, double part)
{
	if (!samples->count)
		return 0;
	qsort(samples->ms, samples->count, sizeof(double), by_value);
	return samples->ms[(size_t)((double)(samples->count - 1) * part)];
}

static double ask(int connection, const char *method, const char *target, const char *body, int status)
{
	struct http_answer answer;
	uint64_t start = clock_ns();

	if (http_send_request(connection, method, target, body) || http_receive(connection, &answer, 60000) ||
	    answer.status != status) {
		fprintf(stderr, "bench_crash: %s %s: %s\n", method, target, answer.body);
		exit(1);
	}
	double ms = (double)(clock_ns() - start) / 1e6;
	http_answer_free(&answer);
	return ms;
}

static double connect_to(int connection, const char *network, const char *id, const struct netns *ns, const char *ifname)
{
	char body[256], target[64];

	(void)snprintf(target, sizeof(target), "/v1/networks/%s/connect", network);
	(void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"netns\":\"%s\",\"ifname\":\"%s\"}", id, ns->path, ifname);
	return ask(connection, "POST", target, body, 201);
}

static void make_network(int connection, const char *name, const char *subnet)
{
	char body[128];

	(void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"type\":\"bridge\",\"pools\":[{\"subnet\":\"%s\"}]}", name, subnet);
	(void)ask(connection, "POST", "/v1/networks", body, 201);
}

static void add(struct samples *samples, double ms)
{
	if (samples->count < SAMPLES_MAX)
		samples->ms[samples->count++] = ms;
}

/* One endpoint comes, is looked at, and every eighth goes again: that takes the kernel's 20 ms and is no measure of the others. */
static void *probe_run(void *data)
{
	struct probe *probe = data;

	for (unsigned i = 0; !atomic_load(&probe->stop) && probe->serial < ENDPOINTS; i++) {
		char id[24], ifname[16], body[64], target[64];
		(void)snprintf(id, sizeof(id), "probe%u", probe->serial);
		(void)snprintf(ifname, sizeof(ifname), "p%u", probe->serial++);
		add(&probe->connect, connect_to(probe->connection, probe->network, id, &probe->sandbox, ifname));
		(void)snprintf(target, sizeof(target), "/v1/networks/%s", probe->network);
		add(&probe->inspect, ask(probe->connection, "GET", target, NULL, 200));
		if (i % 8 == 7) {
			(void)snprintf(body, sizeof(body), "{\"endpoint\":\"%s\"}", id);
			(void)strncat(target, "/disconnect", sizeof(target) - strlen(target) - 1);
			add(&probe->disconnect, ask(probe->connection, "POST", target, body, 200));
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
	}
	return NULL;
}

/* On a network of its own, so that every run begins with none. */
static void probe_start(struct probe *probe, int connection, const char *network, const char *subnet)
{
	*probe = (struct probe){.network = network};
	probe->connect.name = "connect";
	probe->inspect.name = "inspect";
	probe->disconnect.name = "disconnect";
	probe->connection = http_connect(host.socket);
	netns_new(&probe->sandbox);
	make_network(connection, network, subnet);
	if (pthread_create(&probe->thread, NULL, probe_run, probe)) {
		fprintf(stderr, "bench_crash: no thread\n");
		exit(1);
	}
}

static void probe_stop(struct probe *probe, int connection)
{
	char target[64];

	atomic_store(&probe->stop, true);
	(void)pthread_join(probe->thread, NULL);
	(void)close(probe->connection);
	(void)snprintf(target, sizeof(target), "/v1/networks/%s?force=1&sync=1", probe->network);
	(void)ask(connection, "DELETE", target, NULL, 200);
	netns_free(&probe->sandbox);
}

static void print(const char *when, struct samples *samples)
{
	printf("  %-10s %-12s %6u calls  p50 %7.2f ms  p90 %7.2f ms  p99 %7.2f ms\n", when, samples->name, samples->count,
	       percentile(samples, 0.5), percentile(samples, 0.9), percentile(samples, 0.99));
}

static void print_probe(const char *when, struct probe *probe)
{
	print(when, &probe->connect);
	print(when, &probe->inspect);
	print(when, &probe->disconnect);
}

static int verdict(const char *what, double ms, double aim)
{
	printf("%s: %.0f ms, aim %.0f%s\n", what, ms, aim, ms > aim ? " -- MISSED" : "");
	return ms > aim;
}

static void fill(int connection, const struct netns *sandboxes)
{
	for (unsigned i = 0; i < ENDPOINTS; i++) {
		char id[16], ifname[16];
		(void)snprintf(id, sizeof(id), "fill%u", i);
		(void)snprintf(ifname, sizeof(ifname), "h%u", i);
		(void)connect_to(connection, "bench", id, &sandboxes[i % SANDBOXES], ifname);
	}
}

/* From exec to the first right answer about the network. */
static double restart(void)
{
	struct http_answer answer;
	uint64_t start;

	(void)daemon_stop(&host, SIGKILL);
	start = clock_ns();
	daemon_launch(&host);
	while (http_ask(host.socket, "GET", "/v1/networks/bench", NULL, &answer) || answer.status != 200) {
		if (clock_ns() - start > 20 * NSEC_PER_SEC) {
			fprintf(stderr, "bench_crash: no answer after the restart\n");
			exit(1);
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
	}
	double ms = (double)(clock_ns() - start) / 1e6;
	http_answer_free(&answer);
	return ms;
}

static int measure_restarts(void)
{
	struct samples times = {.name = "restart"};

	for (int i = 0; i < RESTARTS; i++)
		add(&times, restart());
	return verdict("kill -9 with 1,000 endpoints, exec to first answer, median", percentile(&times, 0.5), SERVING_AIM_MS);
}

/* Those of the deleted network, which the host still sees off. */
static uint32_t links_dying(void)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link *links;
	struct ndrv_error err = {0};
	uint32_t count, dying = 0;

	if (ndrv_link_list(nl, &links, &count, &err)) {
		ndrv_nl_close(nl);
		return 1; /* it keeps changing */
	}
	for (uint32_t i = 0; i < count; i++)
		dying += !strncmp(links[i].name, "nx", 2);
	free(links);
	ndrv_nl_close(nl);
	return dying;
}

static double await_the_kernel(void)
{
	uint64_t start = clock_ns();

	while (links_dying() && clock_ns() - start < 20 * NSEC_PER_SEC)
		(void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	return (double)(clock_ns() - start) / 1e6;
}

static void measure_delete(int connection)
{
	static struct probe before, meanwhile;

	probe_start(&before, connection, "before", "10.2.0.0/16");
	(void)nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	probe_stop(&before, connection);
	print_probe("before", &before);
	probe_start(&meanwhile, connection, "other", "10.3.0.0/16");
	double ms = ask(connection, "DELETE", "/v1/networks/bench?force=1", NULL, 200);
	double rest = await_the_kernel();
	probe_stop(&meanwhile, connection);
	print_probe("meanwhile", &meanwhile);
	double connect = percentile(&meanwhile.connect, 0.99), inspect = percentile(&meanwhile.inspect, 0.99);
	(void)verdict("deletion of 1,000 endpoints by force", ms, DELETE_AIM_MS);
	printf("  the kernel was done with their links %.0f ms later\n", rest);
	(void)verdict("calls on another network until then, p99", connect > inspect ? connect : inspect, OTHERS_AIM_MS);
	printf("  connect's p99 there is %.1f times the one before, inspect's %.1f times\n",
	       connect / percentile(&before.connect, 0.99), inspect / percentile(&before.inspect, 0.99));
}

/* --- one endpoint --- */

/* The kernel's own part: a port is taken down and put into a group by one message; a pair is deleted by one. */
static void measure_floor(struct samples *mark, struct samples *delete)
{
	struct ndrv_link_change change = {.down = 1, .group = 4711};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct netns sandbox;
	struct ndrv_error err = {0};

	netns_new(&sandbox);
	for (int i = 0; i < SINGLES; i++) {
		struct ndrv_link_peer peer = {.name = "floor", .netns_fd = sandbox.fd};
		struct ndrv_link_spec spec = {.kind = "veth", .name = "floor", .queues = 1, .up = 1, .peer = &peer};
		struct ndrv_link made;
		int rc = ndrv_link_create(nl, &spec, NULL, NULL, &made, &err);
		uint64_t start = clock_ns();
		if (!rc)
			rc = ndrv_link_set(nl, NULL, made.index, &change, &err);
		add(mark, (double)(clock_ns() - start) / 1e6);
		start = clock_ns();
		if (!rc)
			rc = ndrv_link_delete(nl, NULL, made.index, &err);
		add(delete, (double)(clock_ns() - start) / 1e6);
		if (rc) {
			fprintf(stderr, "bench_crash: %s\n", err.text);
			exit(1);
		}
	}
	ndrv_nl_close(nl);
	netns_free(&sandbox);
}

static void measure_singles(int connection)
{
	static struct samples lives, goes, mark, delete;
	static const char *const bodies[2] = {"{\"endpoint\":\"single\"}", "{\"endpoint\":\"single\",\"sandbox_gone\":true}"};
	struct netns sandbox;

	netns_new(&sandbox);
	make_network(connection, "singles", "10.4.0.0/16");
	for (int i = 0; i < 2 * SINGLES; i++) {
		(void)connect_to(connection, "singles", "single", &sandbox, "eth0");
		add(i % 2 ? &goes : &lives, ask(connection, "POST", "/v1/networks/singles/disconnect", bodies[i % 2], 200));
	}
	(void)await_the_kernel();
	measure_floor(&mark, &delete);
	double living = percentile(&lives, 0.5), going = percentile(&goes, 0.5);
	printf("disconnect, the sandbox lives on: p50 %.2f ms, %.2f times the kernel's deletion (%.2f ms)\n", living,
	       living / percentile(&delete, 0.5), percentile(&delete, 0.5));
	printf("disconnect, the sandbox is going: p50 %.2f ms, %.2f times the kernel's mark (%.3f ms), %.3f of the other\n", going,
	       going / percentile(&mark, 0.5), percentile(&mark, 0.5), going / living);
	(void)ask(connection, "DELETE", "/v1/networks/singles?force=1&sync=1", NULL, 200);
	netns_free(&sandbox);
}

int main(void)
{
	static struct netns sandboxes[SANDBOXES];

	netns_need();
	netns_enter_fresh();
	for (int i = 0; i < SANDBOXES; i++)
		netns_new(&sandboxes[i]);
	daemon_set_up(&host, "log: {level: error}\n");
	daemon_add_driver(&host, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_start(&host);
	int connection = http_connect(host.socket);
	make_network(connection, "bench", "10.1.0.0/16");
	fill(connection, sandboxes);
	(void)close(connection);
	(void)measure_restarts();
	connection = http_connect(host.socket);
	measure_delete(connection);
	measure_singles(connection);
	uint32_t left = netns_link_count(NULL) - 1;
	printf("interfaces left: %u%s\n", left, left ? " -- WRONG" : "");
	(void)close(connection);
	daemon_tear_down(&host);
	for (int i = 0; i < SANDBOXES; i++)
		netns_free(&sandboxes[i]);
	return left != 0;
}
