/* SPDX-License-Identifier: Apache-2.0 */
/* A driver file from its path to its entry function: read, preflight, policy, stage, load. Nothing of the file's code runs before
 * the policy accepted its bytes. */
#ifndef HOST_PLUGIN_MODULE_H
#define HOST_PLUGIN_MODULE_H

#include "host/plugin/loader.h"
#include "host/plugin/policy.h"
#include "host/plugin/stage.h"

struct module {
	char *path;	   /* where it was installed */
	char sha256[65];   /* of the bytes that are mapped */
	char build_id[65]; /* "" none */
	char signer[TRUST_SIGNER_MAX];
	size_t bytes;
	struct ndrv_note note;
	uint32_t note_bytes; /* the file's own note, to compare with what the code says */
	void *note_raw;
	struct policy_verdict warnings;
	struct staged staged;
	struct image *image;
	ndrv_driver_entry entry;
};

/* `name` is for the staged copy's name, `pin` as in source_read(). Errors: NOT_FOUND, DRIVER_REFUSED; the text names the file. */
int module_open(struct stage *stage, const struct policy *policy, const char *path, const char *pin, const char *name,
		uint64_t generation, struct module **ret, struct ndrv_error *err);
/* Forgets the module; its image stays mapped. */
void module_retire(struct module *module);

/* The same without loading: for `ndrvctl driver inspect`, ndrv-check, and the check before a reload. On failure `verdict` has all
 * refusals if it came so far, else count 0. On success and on a policy refusal `report` borrows from `source`; clear both. */
struct inspection {
	struct source source;
	struct elf_report report;
	struct policy_verdict verdict;
	char signer[TRUST_SIGNER_MAX]; /* the key file whose key signed it, without directory; "": not signed, or not looked at */
};
int module_inspect(const struct policy *policy, const char *path, const char *pin, struct inspection *ret, struct ndrv_error *err);
void inspection_clear(struct inspection *inspection);

#endif
