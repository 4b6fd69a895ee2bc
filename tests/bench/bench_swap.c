/* SPDX-License-Identifier: Apache-2.0 */
/* How long calls wait at a swap, by the number of endpoints, with nothing else going on: from the closing of the gate until the
 * last turn is passed. The driver keeps 8 bytes for each endpoint and hands them over. */
#include <stdlib.h>

#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

static int by_size(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void measure(unsigned endpoints, unsigned swaps, int64_t aim_us)
{
	struct swaprig rig;
	int64_t pauses[200];

	swaprig_open(&rig, "v1", "swap: {drain: 20s, probation: 0s}\n");
	assert_answer(swaprig_network(&rig, &rig.arena, "swap", "n"));
	for (unsigned i = 0; i < endpoints; i++) {
		char eid[16];
		(void)snprintf(eid, sizeof(eid), "e%u", i);
		assert_answer(swaprig_ask(&rig, &rig.arena, REQ_ENDPOINT_CREATE, "n", eid));
		arena_reset(&rig.arena);
	}
	for (unsigned i = 0; i < swaps; i++) {
		struct reply reply = swaprig_swap(&rig, i % 2 ? "v1" : "v2");
		assert_answer(reply);
		(void)ndrv_map_int(&reply.value, "pause_us", &pauses[i], NULL);
		arena_reset(&rig.arena);
	}
	qsort(pauses, swaps, sizeof(pauses[0]), by_size);
	print_message("%6u endpoints: pause p50 %5lld us, p99 %5lld us over %u swaps; p50 is %.2f of the aim\n", endpoints,
		      (long long)pauses[swaps / 2], (long long)pauses[(swaps * 99) / 100], swaps,
		      (double)pauses[swaps / 2] / (double)aim_us);
	swaprig_close(&rig);
}

static void pauses(void **state)
{
	(void)state;
	measure(1, 200, 100);
	measure(1000, 200, 200);
	measure(10000, 100, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(pauses)};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
