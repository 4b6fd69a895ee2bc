/* SPDX-License-Identifier: Apache-2.0 */
/* What a network costs a user of Docker: `docker run` on our bridge, on Docker's own and with --network none, with and without a
 * published port, and `docker network connect` and `disconnect` of a running container. All of them in turn, so that whatever else
 * the machine does hits all alike; what counts is what a network adds to none. A real dockerd in namespaces of the bench's own. */
#include <stdlib.h>

#include "host/base/clock.h"
#include "tests/docker/box.h"
#include "tests/lib/test.h"

#define ROUNDS 25

static struct box box;

enum { OURS, DOCKERS, OURS_PORT, DOCKERS_PORT, NONE, RUNS };
static const char *const run_words[RUNS] = {
	[OURS] = "--network ours",
	[DOCKERS] = "--network dockers",
	[OURS_PORT] = "--network ours -p 8080:80",
	[DOCKERS_PORT] = "--network dockers -p 8081:80",
	[NONE] = "--network none",
};
static const char *const networks[] = {"ours", "dockers"};

static double run_ms[RUNS][ROUNDS], connect_ms[2][ROUNDS], disconnect_ms[2][ROUNDS];

static double timed(const char *what, const char *words)
{
	uint64_t start = clock_ns();

	(void)box_run(&box, 0, "%s %s >/dev/null", what, words);
	return (double)(clock_ns() - start) / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(double *values, size_t at)
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[at];
}

static double median(double *values)
{
	return quantile(values, ROUNDS / 2);
}

static void report(const char *what, double *ours, double *dockers, double none)
{
	double a = median(ours) - none, b = median(dockers) - none;

	printf("%-24s %8.1f (%.1f - %.1f) %8.1f (%.1f - %.1f)   %.2f\n", what, a, quantile(ours, ROUNDS / 4) - none,
	       quantile(ours, ROUNDS * 3 / 4) - none, b, quantile(dockers, ROUNDS / 4) - none,
	       quantile(dockers, ROUNDS * 3 / 4) - none, a / b);
}

static void measure(void)
{
	char words[64];

	for (int round = 0; round < ROUNDS; round++) {
		/* Who comes first alternates. */
		for (int i = 0; i < RUNS; i++) {
			int run = round % 2 ? RUNS - 1 - i : i;
			(void)snprintf(words, sizeof(words), "%s box:1 sleep 0", run_words[run]);
			run_ms[run][round] = timed("docker run --rm", words);
		}
		for (int i = 0; i < 2; i++) {
			int network = round % 2 ? 1 - i : i;
			(void)snprintf(words, sizeof(words), "%s runner", networks[network]);
			connect_ms[network][round] = timed("docker network connect", words);
			disconnect_ms[network][round] = timed("docker network disconnect", words);
		}
	}
}

int main(void)
{
	box_open(&box);
	box_run(&box, 0, "docker network create -d ndrv-bridge --subnet 10.9.0.0/24 ours");
	box_run(&box, 0, "docker network create -d bridge --subnet 10.19.0.0/24 dockers");
	box_run(&box, 0, "docker network create -d bridge --subnet 10.29.0.0/24 home");
	box_run(&box, 0, "docker run -d --name runner --network home box:1 sleep 3600");
	(void)timed("docker run --rm", "--network ours box:1 sleep 0");
	(void)timed("docker run --rm", "--network dockers box:1 sleep 0");
	measure();
	double none = median(run_ms[NONE]), client = timed("docker", "--version");
	printf("docker run --network none: %.1f ms; a docker command that does nothing: %.1f ms. Medians of %d, in turn, ms:\n",
	       none, client, ROUNDS);
	printf("%-24s %8s %17s %8s %17s   %s\n", "", "ours", "(quartiles)", "Docker's", "(quartiles)", "ratio");
	report("run, beyond none", run_ms[OURS], run_ms[DOCKERS], none);
	report("run -p, beyond none", run_ms[OURS_PORT], run_ms[DOCKERS_PORT], none);
	report("network connect", connect_ms[0], connect_ms[1], client);
	report("network disconnect", disconnect_ms[0], disconnect_ms[1], client);
	box_close(&box);
	return 0;
}
