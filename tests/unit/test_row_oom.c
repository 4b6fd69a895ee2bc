/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of records are read while the first, second, ... allocation fails, Jansson's included: each time it is memory that is short,
 * for a row that cannot be read is set aside. */
#include "tests/lib/test.h"

#include <stdbool.h>
#include <stdlib.h>

#include <ndrv/driver.h>

#include "host/state/codec.h"

static unsigned until_failure; /* 0: none fails */

#if !TEST_SANITIZED
/* Exported, or Jansson would keep libc's. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static bool fails_now(void)
{
	return until_failure > 0 && --until_failure == 0;
}

NDRV_EXPORT void *malloc(size_t bytes)
{
	return fails_now() ? NULL : __libc_malloc(bytes);
}

NDRV_EXPORT void *calloc(size_t count, size_t bytes)
{
	return fails_now() ? NULL : __libc_calloc(count, bytes);
}

NDRV_EXPORT void *realloc(void *old, size_t bytes)
{
	return fails_now() ? NULL : __libc_realloc(old, bytes);
}
#endif

#define LONG "a text that is longer than what the scanner has room for at first, by far, and then some more of it"

static const char network_body[] =
	"{\"name\":\"" LONG "\",\"type\":\"t\",\"state\":2,\"instance\":\"i\",\"options\":{\"a\":[1,\"" LONG
	"\",{\"b\":true}]},\"labels\":{\"c\":\"d\"},\"ipv4\":[{\"space\":\"s\",\"pool\":\"10.0.0.0/24\","
	"\"aux\":{\"x\":\"10.0.0.9/24\"}}],\"leases\":[{\"pool\":\"10.0.0.0/24\",\"ours\":1}]}";
static const char endpoint_body[] =
	"{\"name\":\"e\",\"state\":2,\"options\":{\"a\":\"b\"},\"address\":\"10.0.0.2/24\",\"join\":{\"state\":2,"
	"\"sandbox\":\"" LONG "\",\"ifname\":\"eth0\",\"routes\":[{\"to\":\"10.1.0.0/16\",\"type\":0}],"
	"\"external\":{\"p\":[1]}}}";

static bool read_network(unsigned failing, struct network **ret)
{
	struct ndrv_error err = {0};

	until_failure = failing;
	int rc = network_decode("n1", network_body, ret, &err);
	until_failure = 0;
	if (rc && rc != -NDRV_E_INTERNAL)
		fail_msg("allocation %u failing is blamed on the row: %s", failing, err.text);
	if (!rc)
		assert_string_equal((*ret)->view.name, LONG);
	return rc == 0;
}

static bool read_endpoint(unsigned failing, struct network *network, struct endpoint **ret)
{
	struct ndrv_error err = {0};

	until_failure = failing;
	int rc = endpoint_decode(network, "e1", endpoint_body, ret, &err);
	until_failure = 0;
	if (rc && rc != -NDRV_E_INTERNAL)
		fail_msg("allocation %u failing is blamed on the row: %s", failing, err.text);
	if (!rc)
		assert_string_equal((*ret)->join.sandbox_key, LONG);
	return rc == 0;
}

static void a_row_for_which_there_is_no_memory_is_not_a_bad_one(void **state)
{
	unsigned networks = 1, endpoints = 1;
	struct network *network = NULL;
	struct endpoint *endpoint = NULL;

	(void)state;
	while (!read_network(networks, &network))
		networks++;
	while (!read_endpoint(endpoints, network, &endpoint))
		endpoints++;
	endpoint_free(endpoint);
	network_free(network);
	assert_true(networks > 30);
	assert_true(endpoints > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_for_which_there_is_no_memory_is_not_a_bad_one),
	};

	if (TEST_SANITIZED) {
		puts("skipped: sanitizers have an allocator of their own");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
