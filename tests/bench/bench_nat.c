/* SPDX-License-Identifier: Apache-2.0 */
/* What a published port costs: publish and unpublish through the NAT service with 1, 100, 1,000 and 10,000 mappings there, beside
 * the same element by libnftnl (nat_floor, a program of its own: its licence is not ours), by `nft -f`, and a rule by
 * `iptables`, as libnetwork does it. Then a thousand endpoints with NAT and two ports each. Namespaces of its own. */
#include "tests/lib/test.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/nat/nat.h"
#include "tests/lib/daemon.h"
#include "tests/lib/http.h"
#include "tests/lib/netns.h"

#define SIZES 4
#define ROUNDS 300
#define EXECS 15
#define AIM_FLAT 1.5
#define AIM_FLOOR 10.0
#define AIM_EXEC 100.0

#define ARG(text) ((char *)(uintptr_t)(text)) /* exec does not write to it */

extern char **environ;

static const unsigned sizes[SIZES] = {1, 100, 1000, 10000};

struct cost {
	double add, del; /* microseconds, medians; 0: not measured */
};

static void need(int rc, const struct ndrv_error *err)
{
	if (rc) {
		fprintf(stderr, "bench_nat: %s\n", err->text);
		exit(1);
	}
}

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

/* --- the service --- */

static void publish(struct nat *nat, unsigned number)
{
	const struct ndrv_addr address = {.family = 4, .bytes = {10, 1, (uint8_t)(number >> 8), (uint8_t)number}}, none = {0};
	struct ndrv_port_binding binding = {
		.size = sizeof(binding), .protocol = NDRV_PROTO_TCP, .port = 80, .host_port = 10000 + number};
	struct ndrv_error err = {0};
	char eid[16];

	(void)snprintf(eid, sizeof(eid), "e%u", number);
	need(nat_publish(nat, "n", eid, &address, &none, &binding, 1, &err), &err);
}

static void unpublish(struct nat *nat, unsigned number)
{
	struct ndrv_error err = {0};
	char eid[16];

	(void)snprintf(eid, sizeof(eid), "e%u", number);
	need(nat_unpublish(nat, "n", eid, &err), &err);
}

static struct nat *open_service(bool watch)
{
	struct nat_options options = {.instance = "bench", .watch = watch};
	struct ndrv_nat_network want = {.size = sizeof(want), .flags = NDRV_NAT_MASQUERADE | NDRV_NAT_ISOLATE, .link = "br0"};
	struct ndrv_error err = {0};
	struct nat *nat;

	need(nat_open(&options, &nat, &err), &err);
	need(ndrv_prefix_parse("10.1.0.0/16", &want.pool, &err), &err);
	need(nat_network_set(nat, "n", &want, &err), &err);
	return nat;
}

static void measure_service(struct cost *ret)
{
	static double add[ROUNDS], del[ROUNDS];
	struct nat *nat = open_service(true);
	unsigned there = 0;

	for (unsigned s = 0; s < SIZES; s++) {
		for (; there < sizes[s]; there++)
			publish(nat, there);
		for (unsigned i = 0; i < ROUNDS; i++) {
			uint64_t start = clock_ns();
			publish(nat, 20000 + i);
			add[i] = us_since(start);
		}
		for (unsigned i = 0; i < ROUNDS; i++) {
			uint64_t start = clock_ns();
			unpublish(nat, 20000 + i);
			del[i] = us_since(start);
		}
		ret[s] = (struct cost){.add = median(add, ROUNDS), .del = median(del, ROUNDS)};
	}
	nat_close(nat);
}

/* --- programs --- */

static bool run(const char *command)
{
	return system(command) == 0;
}

static bool has(const char *program)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
	if (run(command))
		return true;
	printf("%-10s skipped: %s is not installed\n", program, program);
	return false;
}

/* Without a shell between: what an exec costs is what is measured. */
static double exec_us(const char *program, char *const argv[])
{
	uint64_t start = clock_ns();
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, program, NULL, NULL, argv, environ) || waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "bench_nat: %s failed\n", program);
		exit(1);
	}
	return us_since(start);
}

static void fill_nft(const char *path, unsigned from, unsigned to)
{
	FILE *file = fopen(path, "w");
	char command[128];

	if (!file)
		exit(1);
	if (!from)
		fputs("table ip bench { map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }\n"
		      "chain prerouting { type nat hook prerouting priority dstnat; dnat ip to meta l4proto . th dport map "
		      "@ports;\n}\n}\n",
		      file);
	for (unsigned i = from; i < to; i++)
		fprintf(file, "add element ip bench ports { tcp . %u : 10.1.%u.%u . 80 }\n", 10000 + i, i >> 8, i & 255);
	(void)fclose(file);
	(void)snprintf(command, sizeof(command), "nft -f %s", path);
	if (!run(command))
		exit(1);
}

static void measure_nft(struct cost *ret)
{
	char path[] = "/tmp/ndrv-bench-nft.XXXXXX", element[96];
	double add[EXECS], del[EXECS];
	unsigned there = 0;
	int fd = mkstemp(path);

	if (fd < 0)
		exit(1);
	(void)close(fd);
	for (unsigned s = 0; s < SIZES; s++) {
		fill_nft(path, there, sizes[s]);
		there = sizes[s];
		for (unsigned i = 0; i < EXECS; i++) {
			char *argv[] = {ARG("nft"), element, NULL};
			(void)snprintf(element, sizeof(element), "add element ip bench ports { tcp . %u : 10.9.0.1 . 80 }",
				       30000 + i);
			add[i] = exec_us("nft", argv);
			(void)snprintf(element, sizeof(element), "delete element ip bench ports { tcp . %u }", 30000 + i);
			del[i] = exec_us("nft", argv);
		}
		ret[s] = (struct cost){.add = median(add, EXECS), .del = median(del, EXECS)};
	}
	(void)unlink(path);
}

static double iptables_once(const char *what, unsigned number)
{
	char port[8];
	char *argv[] = {ARG("iptables"), ARG("-w"), ARG("-t"), ARG("nat"),  ARG(what),	 ARG("DOCKER"),	     ARG("-p"), ARG("tcp"),
			ARG("--dport"),	 port,	    ARG("-j"), ARG("DNAT"), ARG("--to"), ARG("10.9.0.1:80"), NULL};

	(void)snprintf(port, sizeof(port), "%u", 30000 + number);
	return exec_us("iptables", argv);
}

/* libnetwork: one rule in nat and one in filter for a port, each asked for with -C first. One of the four is measured, and
 * multiplied.
 */
static void measure_iptables(struct cost *ret)
{
	unsigned there = 0;

	if (!run("iptables -w -t nat -N DOCKER && iptables -w -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"))
		exit(1);
	for (unsigned s = 0; s < SIZES; s++) {
		char command[320];
		double add[5], del[5];
		(void)snprintf(
			command, sizeof(command),
			"{ echo '*nat'; i=%u; while [ $i -lt %u ]; do echo \"-A DOCKER -p tcp --dport $((10000+i)) -j DNAT --to "
			"10.1.0.2:80\"; i=$((i+1)); done; echo COMMIT; } | iptables-restore -n -w",
			there, sizes[s]);
		if (!run(command))
			exit(1);
		there = sizes[s];
		for (unsigned i = 0; i < 5; i++) {
			add[i] = iptables_once("-A", i);
			del[i] = iptables_once("-D", i);
		}
		ret[s] = (struct cost){.add = median(add, 5), .del = median(del, 5)};
	}
}

/* Prints for each size "add del". */
static bool measure_floor(const char *directory, struct cost *ret)
{
	char command[512];
	bool whole = true;

	(void)snprintf(command, sizeof(command), "%s/nat_floor 2>/dev/null", directory);
	FILE *pipe = popen(command, "r");
	if (!pipe)
		return false;
	for (unsigned s = 0; s < SIZES; s++)
		whole = whole && fscanf(pipe, "%lf %lf", &ret[s].add, &ret[s].del) == 2;
	(void)pclose(pipe);
	if (!whole) {
		printf("%-10s skipped: nat_floor was not built, for want of libnftnl and libmnl, or cannot run\n", "libnftnl");
		memset(ret, 0, SIZES * sizeof(*ret));
	}
	return whole;
}

/* --- a thousand endpoints --- */

static void measure_thousand(void)
{
	struct nat *nat = open_service(true);
	struct ndrv_error err = {0};
	const struct ndrv_addr none = {0};
	uint64_t start = clock_ns();

	for (unsigned i = 0; i < 1000; i++) {
		struct ndrv_addr address = {.family = 4, .bytes = {10, 1, (uint8_t)(i >> 8), (uint8_t)i}};
		struct ndrv_port_binding bindings[2] = {
			{.size = sizeof(bindings[0]), .protocol = NDRV_PROTO_TCP, .port = 80},
			{.size = sizeof(bindings[0]), .protocol = NDRV_PROTO_UDP, .port = 53},
		};
		char eid[16];
		(void)snprintf(eid, sizeof(eid), "e%u", i);
		need(nat_publish(nat, "n", eid, &address, &none, bindings, 2, &err), &err);
	}
	double add = us_since(start);
	start = clock_ns();
	for (unsigned i = 0; i < 1000; i++)
		unpublish(nat, i);
	double del = us_since(start);
	printf("\n1,000 endpoints with two ports the host picks: published in %.1f ms, unpublished in %.1f ms\n", add / 1000,
	       del / 1000);
	start = clock_ns();
	for (unsigned i = 0; i < 1000; i++)
		publish(nat, i);
	uint64_t clear = clock_ns();
	need(nat_network_clear(nat, "n", &err), &err);
	printf("1,000 endpoints with one port: published in %.1f ms, cleared with their network in %.1f ms\n",
	       (double)(clear - start) / 1e6, us_since(clear) / 1000);
	nat_close(nat);
}

/* --- a whole host --- */

#define WHOLE 1000

static void ask(struct daemon *daemon, const char *method, const char *target, const char *body)
{
	struct http_answer answer = {0};

	if (http_ask(daemon->socket, method, target, body, &answer) || answer.status < 200 || answer.status > 299) {
		fprintf(stderr, "bench_nat: %s %s: %d %s\n", method, target, answer.status, answer.body ? answer.body : "");
		daemon_tear_down(daemon);
		exit(1);
	}
	http_answer_free(&answer);
}

/* The host sees deleted interfaces off afterwards, at the kernel's pace: the next round is not to wait for them. */
static void wait_for_links(struct daemon *daemon)
{
	for (bool dying = true; dying;) {
		struct http_answer answer = {0};
		dying = !http_ask(daemon->socket, "GET", "/v1/status", NULL, &answer) && !strstr(answer.body, "\"links_dying\":0");
		http_answer_free(&answer);
		(void)usleep(20000);
	}
}

/* Connects all and deletes them with their network; milliseconds of both. */
static void whole_round(struct daemon *daemon, const struct netns *sandboxes, const char *ports, double *ret_connect,
			double *ret_delete)
{
	ask(daemon, "POST", "/v1/networks", "{\"name\":\"web\",\"type\":\"bridge\",\"pools\":[{\"subnet\":\"10.66.0.0/16\"}]}");
	uint64_t start = clock_ns();
	for (unsigned i = 0; i < WHOLE; i++) {
		char body[256];
		(void)snprintf(body, sizeof(body), "{\"netns\":\"%s\",\"endpoint\":\"e%u\"%s}", sandboxes[i].path, i, ports);
		ask(daemon, "POST", "/v1/networks/web/connect", body);
	}
	*ret_connect = us_since(start) / 1000;
	start = clock_ns();
	ask(daemon, "DELETE", "/v1/networks/web?force=1", NULL);
	*ret_delete = us_since(start) / 1000;
	wait_for_links(daemon);
}

/* Real endpoints in sandboxes of their own, with and without ports, over the control socket. */
static void measure_whole(void)
{
	static struct netns sandboxes[WHOLE];
	double connect[2], delete[2];
	struct daemon daemon = {0};

	for (unsigned i = 0; i < WHOLE; i++)
		netns_new(&sandboxes[i]);
	daemon_set_up(&daemon, NULL);
	daemon_add_driver(&daemon, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_start(&daemon);
	whole_round(&daemon, sandboxes, "", &connect[0], &delete[0]);
	whole_round(&daemon, sandboxes, ",\"ports\":[{\"port\":80},{\"port\":53,\"proto\":\"udp\"}]", &connect[1], &delete[1]);
	daemon_tear_down(&daemon);
	for (unsigned i = 0; i < WHOLE; i++)
		netns_free(&sandboxes[i]);
	printf("%u endpoints of a whole host with NAT: connected in %.0f ms, deleted with their network in %.0f ms\n", WHOLE,
	       connect[0], delete[0]);
	printf("%u endpoints and two ports each:       connected in %.0f ms, deleted with their network in %.0f ms\n", WHOLE,
	       connect[1], delete[1]);
	printf("two ports add %.0f us to a connect of %.0f us\n", (connect[1] - connect[0]) * 1000 / WHOLE,
	       connect[0] * 1000 / WHOLE);
}

/* --- the table --- */

static void print_row(const char *name, const struct cost *cost)
{
	printf("%-10s", name);
	for (unsigned s = 0; s < SIZES; s++)
		printf("  %8.1f /%8.1f", cost[s].add, cost[s].del);
	printf("\n");
}

static void aim(const char *what, double ratio, double limit, bool at_most)
{
	bool reached = at_most ? ratio <= limit : ratio >= limit;

	printf("%-58s %9.2f  (aim: %s %g) %s\n", what, ratio, at_most ? "at most" : "at least", limit, reached ? "" : "MISSED");
}

int main(int argc, char **argv)
{
	struct cost service[SIZES] = {{0}}, nft[SIZES] = {{0}}, tables[SIZES] = {{0}}, bare[SIZES] = {{0}};
	char directory[384] = ".";

	(void)argc;
	if (strrchr(argv[0], '/'))
		(void)snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
	netns_need();
	netns_enter_fresh();
	measure_service(service);
	netns_enter_fresh();
	bool floor = measure_floor(directory, bare), has_nft = has("nft"), has_tables = has("iptables");
	netns_enter_fresh();
	if (has_nft)
		measure_nft(nft);
	netns_enter_fresh();
	if (has_tables)
		measure_iptables(tables);
	printf("microseconds for one port, publish / unpublish, with so many there\n%-10s", "");
	for (unsigned s = 0; s < SIZES; s++)
		printf("  %18u", sizes[s]);
	printf("\n");
	print_row("service", service);
	if (floor)
		print_row("libnftnl", bare);
	if (has_nft)
		print_row("nft", nft);
	if (has_tables)
		print_row("iptables", tables);
	printf("\n");
	aim("service, publish: 10,000 there against 1", service[3].add / service[0].add, AIM_FLAT, true);
	aim("service, unpublish: 10,000 there against 1", service[3].del / service[0].del, AIM_FLAT, true);
	for (unsigned s = 0; floor && s < SIZES; s += SIZES - 1)
		aim(s ? "service against libnftnl, 10,000 there" : "service against libnftnl, 1 there",
		    service[s].add / bare[s].add, AIM_FLOOR, true);
	for (unsigned s = 0; has_nft && s < SIZES; s += SIZES - 1)
		aim(s ? "nft against service, 10,000 there" : "nft against service, 1 there", nft[s].add / service[s].add, AIM_EXEC,
		    false);
	for (unsigned s = 0; has_tables && s < SIZES; s += SIZES - 1)
		aim(s ? "iptables (four execs a port) against service, 10,000 there"
		      : "iptables (four execs a port) against service, 1 there",
		    4 * tables[s].add / service[s].add, AIM_EXEC, false);
	netns_enter_fresh();
	measure_thousand();
	netns_enter_fresh();
	measure_whole();
	return 0;
}
