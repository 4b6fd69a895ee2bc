/* SPDX-License-Identifier: Apache-2.0 */
/* What this host accepts of a file whose preflight report is known. Still no code of the file runs. */
#ifndef HOST_PLUGIN_POLICY_H
#define HOST_PLUGIN_POLICY_H

#include "host/plugin/elf.h"
#include "host/plugin/trust.h"

struct policy {
	uint64_t features;		    /* NDRV_FEATURE_... of this host */
	const char *const *extra_libraries; /* NULL-terminated DT_NEEDED names allowed beside the built-in list; may be NULL */
	struct trust trust;		    /* whose signature a file needs, for module_inspect(); all zero: none */
};

#define POLICY_FINDINGS_MAX 32u
#define POLICY_TEXT_MAX 240

struct policy_finding {
	bool refused; /* else a warning */
	char text[POLICY_TEXT_MAX];
};

/* All findings, refusals first, not only the first one: a vendor wants to mend all at once. */
struct policy_verdict {
	uint32_t count;
	uint32_t refusals;
	struct policy_finding findings[POLICY_FINDINGS_MAX];
};

/* 0 with `ret` holding warnings at most; else DRIVER_REFUSED with the first refusal's sentence (no file name in it; the caller
 * wraps) and `ret` holding all. */
int policy_check(const struct policy *policy, const struct elf_report *report, struct policy_verdict *ret, struct ndrv_error *err);

/* 1: a DT_NEEDED of this name is allowed. */
bool policy_library_ok(const struct policy *policy, const char *library);

#endif
