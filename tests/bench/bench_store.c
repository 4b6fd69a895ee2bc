/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to keep a record: encoding, an endpoint's row, a network's row, a start. Printed, never judged. `bench_store
 * [STATE_DIR_PARENT]`: where the durable file goes; without it a temporary directory in the present one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/statedir.h"

#define ENDPOINT_ROUNDS 20000u
#define NETWORK_ROUNDS 200u

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void row(const char *what, uint64_t *samples, unsigned count)
{
	qsort(samples, count, sizeof(*samples), by_size);
	printf("%-44s p50 %9.1f us   p99 %9.1f us\n", what, (double)samples[count / 2] / 1000,
	       (double)samples[count - count / 100 - 1] / 1000);
}

static void check(int rc, const struct ndrv_error *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	exit(1);
}

static void bench_encoding(struct network *network, struct endpoint *endpoint)
{
	static uint64_t samples[ENDPOINT_ROUNDS];
	size_t bytes = 0;

	for (unsigned i = 0; i < ENDPOINT_ROUNDS; i++) {
		uint64_t start = clock_ns();
		char *text = statedir_text(network, endpoint);
		samples[i] = clock_ns() - start;
		bytes = strlen(text);
		free(text);
	}
	row("encode an endpoint", samples, ENDPOINT_ROUNDS);
	printf("%-44s %13zu bytes\n", "  its body", bytes);
}

static void bench_endpoints(struct store *store, struct network *network, unsigned held)
{
	static uint64_t samples[ENDPOINT_ROUNDS];
	struct ndrv_error err = {0};
	struct endpoint *endpoint = network->first_endpoint;
	char what[64];

	for (unsigned i = network->endpoint_count; i < held; i++)
		check(store_put_endpoint(store, statedir_endpoint(network, i), &err), &err);
	for (unsigned i = 0; i < ENDPOINT_ROUNDS; i++) {
		/* A row that stays the same would not be written at all. */
		endpoint->created_at++;
		uint64_t start = clock_ns();
		check(store_put_endpoint(store, endpoint, &err), &err);
		samples[i] = clock_ns() - start;
		endpoint = endpoint->newer ? endpoint->newer : network->first_endpoint;
	}
	(void)snprintf(what, sizeof(what), "store_put_endpoint, %u kept", held);
	row(what, samples, ENDPOINT_ROUNDS);
}

static void bench_networks(struct store *store, struct network *network)
{
	static uint64_t samples[NETWORK_ROUNDS];
	struct ndrv_error err = {0};

	for (unsigned i = 0; i < NETWORK_ROUNDS; i++) {
		network->created_at++;
		uint64_t start = clock_ns();
		check(store_put_network(store, network, &err), &err);
		samples[i] = clock_ns() - start;
	}
	row("store_put_network (every 32nd makes a backup)", samples, NETWORK_ROUNDS);
}

static void bench_start(const struct statedir *dir)
{
	struct ndrv_error err = {0};
	struct store *store;
	struct records *records = records_new();
	uint64_t start = clock_ns();

	check(store_open(&dir->paths, &store, &err), &err);
	check(store_load(store, records, &err), &err);
	printf("%-44s %13.1f ms\n", "open, check and load all of that", (double)(clock_ns() - start) / 1e6);
	store_close(store);
	records_free(records);
}

int main(int argc, char **argv)
{
	struct ndrv_error err = {0};
	struct statedir dir;
	struct store *store;
	char disk[] = "bench-state-XXXXXX";

	statedir_make(&dir);
	if (argc > 1 && chdir(argv[1])) {
		perror(argv[1]);
		return 1;
	}
	if (!mkdtemp(disk))
		return 1;
	struct statedir on_disk = dir;
	(void)snprintf(on_disk.root, sizeof(on_disk.root), "%s", disk);
	dir.paths.state_dir = disk;
	check(store_open(&dir.paths, &store, &err), &err);
	struct records *records = records_new();
	struct network *network = statedir_network(records, 1);
	struct endpoint *endpoint = statedir_endpoint(network, 0);
	check(store_put_network(store, network, &err), &err);
	check(store_put_endpoint(store, endpoint, &err), &err);
	bench_encoding(network, endpoint);
	bench_endpoints(store, network, 1);
	bench_endpoints(store, network, 1000);
	bench_endpoints(store, network, 10000);
	bench_networks(store, network);
	records_free(records);
	store_close(store);
	bench_start(&dir);
	statedir_remove(&on_disk);
	statedir_remove(&dir);
	return 0;
}
