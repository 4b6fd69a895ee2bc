/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/module.h"

#include <stdlib.h>
#include <string.h>

void inspection_clear(struct inspection *inspection)
{
	elf_report_clear(&inspection->report);
	source_clear(&inspection->source);
	*inspection = (struct inspection){0};
}

int module_inspect(const struct policy *policy, const char *path, const char *pin, struct inspection *ret, struct ndrv_error *err)
{
	*ret = (struct inspection){0};
	int rc = source_read(path, pin, &ret->source, err);
	if (rc == 0)
		rc = trust_check(&policy->trust, &ret->source, ret->signer, err);
	if (rc)
		return rc;
	rc = elf_inspect(ret->source.bytes, ret->source.size, &ret->report, err);
	if (rc == 0)
		rc = policy_check(policy, &ret->report, &ret->verdict, err);
	return ndrv_wrap(err, rc, "driver file %s", source_tail(path));
}

/* What outlives the bytes. */
static int keep(const struct inspection *inspection, struct module *module, struct ndrv_error *err)
{
	const struct elf_report *report = &inspection->report;
	module->note = report->note;
	module->note_bytes = report->note_bytes;
	module->warnings = inspection->verdict;
	module->bytes = inspection->source.size;
	memcpy(module->sha256, inspection->source.sha256, sizeof(module->sha256));
	memcpy(module->build_id, report->build_id, sizeof(module->build_id));
	memcpy(module->signer, inspection->signer, sizeof(module->signer));
	module->path = strdup(inspection->source.path);
	module->note_raw = malloc(report->note_bytes);
	if (!module->path || !module->note_raw)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	memcpy(module->note_raw, report->note_raw, report->note_bytes);
	return 0;
}

static int load(struct stage *stage, const char *name, uint64_t generation, const struct source *source, struct module *module,
		struct ndrv_error *err)
{
	int rc = stage_write(stage, name, generation, source, &module->staged, err);
	if (rc)
		return rc;
	rc = loader_open(module->staged.path, &module->image, err);
	if (rc)
		return ndrv_wrap(err, rc, "driver file %s", source_tail(source->path));
	void *symbol = loader_symbol(module->image, NDRV_ENTRY_V1);
	if (!symbol)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "driver file %s: does not export the function %s",
				 source_tail(source->path), NDRV_ENTRY_V1);
	/* The one way from an object pointer to a function pointer that no compiler complains about. */
	memcpy(&module->entry, &symbol, sizeof(symbol));
	return 0;
}

int module_open(struct stage *stage, const struct policy *policy, const char *path, const char *pin, const char *name,
		uint64_t generation, struct module **ret, struct ndrv_error *err)
{
	struct inspection inspection;
	struct module *module = calloc(1, sizeof(*module));
	if (!module)
		return ndrv_fail(err, NDRV_E_INTERNAL, "driver file %s: out of memory", source_tail(path));
	module->staged.fd = -1;
	int rc = module_inspect(policy, path, pin, &inspection, err);
	if (rc == 0)
		rc = keep(&inspection, module, err);
	if (rc == 0)
		rc = load(stage, name, generation, &inspection.source, module, err);
	inspection_clear(&inspection);
	if (rc)
		module_retire(module);
	else
		*ret = module;
	return rc;
}

void module_retire(struct module *module)
{
	if (!module)
		return;
	/* A mapped image keeps its file (for debuggers) or memfd (whose path must not be used twice). */
	if (module->image)
		free(module->staged.path);
	else
		stage_remove(&module->staged);
	if (module->image)
		loader_retire(module->image);
	free(module->path);
	free(module->note_raw);
	free(module);
}
