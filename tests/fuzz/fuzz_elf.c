/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a driver file: preflight and policy read them within their bounds, and every sentence is a sentence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/base/arena.h"
#include "host/plugin/describe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct policy policy = {.features = NDRV_FEATURE_STORE};
	struct inspection inspection = {.source = {.path = NULL, .size = size}};
	struct ndrv_error err = {0};
	struct arena arena;
	struct ndrv_value value;
	if (elf_inspect(data, size, &inspection.report, &err) != 0) {
		if (err.code != NDRV_E_DRIVER_REFUSED || err.text[0] == 0)
			abort();
		return 0;
	}
	int rc = policy_check(&policy, &inspection.report, &inspection.verdict, &err);
	if ((rc != 0) != (inspection.verdict.refusals != 0))
		abort();
	arena_init(&arena, 16u << 20);
	(void)describe_inspection(&arena.ndrv, &inspection, &value, &err);
	arena_reset(&arena);
	elf_report_clear(&inspection.report);
	return 0;
}
