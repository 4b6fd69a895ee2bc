/* SPDX-License-Identifier: Apache-2.0 */
/* What a lease costs, in pools that are empty and full, small and large. Printed, never judged. */
#include <stdio.h>
#include <stdlib.h>

#include "host/base/clock.h"
#include "host/state/ipam.h"

#define ROUNDS 20000u

static double base_ns;

static void row(const char *what, uint64_t ns, unsigned count)
{
	double each = (double)ns / count;

	if (base_ns == 0)
		base_ns = each;
	printf("%-52s %9.0f ns %7.2fx\n", what, each, each / base_ns);
}

static struct ipam_pool *lease_pool(struct ipam *ipam, const char *text)
{
	struct ndrv_prefix want;
	struct ndrv_error err;
	struct ipam_pool *pool;

	if (ndrv_prefix_parse(text, &want, &err) || ipam_pool_request(ipam, 0, &want, NULL, NULL, NULL, &pool, &err)) {
		fprintf(stderr, "%s: %s\n", text, err.text);
		exit(1);
	}
	return pool;
}

/* Leases `fill` addresses, then takes and frees one again and again. */
static void lease_and_free(const char *what, const char *text, unsigned fill)
{
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, text);
	struct ndrv_prefix got;

	for (unsigned i = 0; i < fill; i++)
		(void)ipam_address_request(ipam, pool, NULL, &got, NULL);
	uint64_t start = clock_ns();
	for (unsigned i = 0; i < ROUNDS; i++)
		if (ipam_address_request(ipam, pool, NULL, &got, NULL) == 0)
			ipam_address_release(ipam, pool, &got.addr);
	row(what, clock_ns() - start, ROUNDS);
	ipam_free(ipam);
}

/* One address of a full pool is free, each time another: the search goes all the way. */
static void only_one_free(void)
{
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "10.0.0.0/16");
	struct ndrv_prefix got;

	while (ipam_address_request(ipam, pool, NULL, &got, NULL) == 0)
		;
	struct ndrv_addr free_one = got.addr;
	free_one.bytes[3] = 7;
	uint64_t start = clock_ns();
	for (unsigned i = 0; i < ROUNDS; i++) {
		free_one.bytes[2] = (uint8_t)(i * 97);
		ipam_address_release(ipam, pool, &free_one);
		(void)ipam_address_request(ipam, pool, NULL, &got, NULL);
	}
	row("10.0.0.0/16, one address free, each time another", clock_ns() - start, ROUNDS);
	ipam_free(ipam);
}

static void automatic(unsigned held)
{
	struct ipam_source source = {.length = 28};
	(void)ndrv_prefix_parse("10.0.0.0/8", &source.base, NULL);
	struct ipam *ipam = ipam_new(&source, 1);
	struct ipam_pool *pool;
	char what[64];

	for (unsigned i = 0; i < held; i++)
		(void)ipam_pool_request(ipam, 4, NULL, NULL, NULL, NULL, &pool, NULL);
	uint64_t start = clock_ns();
	for (unsigned i = 0; i < ROUNDS; i++)
		if (ipam_pool_request(ipam, 4, NULL, NULL, NULL, NULL, &pool, NULL) == 0)
			ipam_pool_release(ipam, pool);
	(void)snprintf(what, sizeof(what), "automatic pool taken and given back, %u leased", held);
	row(what, clock_ns() - start, ROUNDS);
	ipam_free(ipam);
}

int main(void)
{
	printf("%-52s %12s %8s\n", "ipam: take and free", "each", "ratio");
	lease_and_free("10.0.0.0/24, empty", "10.0.0.0/24", 0);
	lease_and_free("10.0.0.0/24, 200 leased", "10.0.0.0/24", 200);
	lease_and_free("10.0.0.0/16, 60000 leased", "10.0.0.0/16", 60000);
	lease_and_free("10.0.0.0/8, 60000 leased", "10.0.0.0/8", 60000);
	lease_and_free("fd00::/64, empty", "fd00::/64", 0);
	lease_and_free("fd00::/64, 60000 leased", "fd00::/64", 60000);
	lease_and_free("10.0.0.0/16, full (refused)", "10.0.0.0/16", 65534);
	only_one_free();
	automatic(0);
	automatic(1000);
	automatic(60000);
	return 0;
}
