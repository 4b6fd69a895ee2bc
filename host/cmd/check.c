/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cmd/check.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "host/lifecycle/host.h"
#include "host/lifecycle/reexec.h"
#include "host/plugin/module.h"
#include "host/state/store.h"

static void print_warnings(const char *name, const struct policy_verdict *verdict)
{
	for (uint32_t i = 0; i < verdict->count; i++)
		(void)printf("driver %s: warning: %s\n", name, verdict->findings[i].text);
}

static int check_driver(const struct config *config, const struct config_driver *driver)
{
	const struct policy policy = {.features = host_features(), .trust = {.mode = config->trust, .dir = config->trust_dir}};
	struct inspection inspection = {0};
	struct ndrv_error error = {0};

	if (!driver->enabled) {
		(void)printf("driver %s: masked by %s\n", driver->name, driver->origin);
		return 0;
	}
	if (module_inspect(&policy, driver->path, NULL, &inspection, &error)) {
		(void)printf("driver %s: %s: %s\n", driver->name, driver->critical ? "refused, and it is critical" : "refused",
			     error.text);
		inspection_clear(&inspection);
		return 1;
	}
	const struct ndrv_note *note = &inspection.report.note;
	(void)printf("driver %s: would load %s: %s %s, ABI %u.%u, types:", driver->name, driver->path, note->name, note->version,
		     note->abi_major, note->abi_minor);
	for (const char *type = note->types; *type; type += strlen(type) + 1)
		(void)printf(" %s", type);
	(void)printf("\n");
	print_warnings(driver->name, &inspection.verdict);
	inspection_clear(&inspection);
	return 0;
}

int check_config(const char *path, const struct config_overrides *overrides)
{
	const struct config *config;
	struct ndrv_error error = {0};
	int status = 0;

	if (config_load(path, overrides, &config, &error)) {
		(void)fprintf(stderr, "ndrvd: %s\n", error.text);
		return 1;
	}
	if (host_check_config(config, &error)) {
		(void)fprintf(stderr, "ndrvd: %s\n", error.text);
		config_free(config);
		return 1;
	}
	(void)printf("config %s: good\n", config->file ? config->file : "(none: all defaults)");
	(void)printf("instance %s, state in %s, runtime in %s, control socket %s\n", config->instance, config->state_dir,
		     config->runtime_dir, config->control.socket);
	for (uint32_t i = 0; i < config->driver_count; i++)
		status |= check_driver(config, &config->drivers[i]);
	config_free(config);
	return status;
}

/* --- to take over --- */

struct takeover {
	const struct config *config;
	struct ndrv_error error;
};

/* A note of another ABI cannot be read for its types. */
static bool is_for(const struct config_driver *driver, const struct inspection *inspection, const char *type)
{
	const struct ndrv_note *note = &inspection->report.note;

	if (inspection->report.has_note && note->abi_major != NDRV_ABI_MAJOR)
		return true;
	return strcmp(driver->name, type) == 0 || note_has_type(note, type);
}

/* A type that no configured file names is served, if at all, by what was loaded by hand, as it will be after any start. But a file
 * that is configured for it and would be refused, for its ABI above all, is the reason why its networks would be lost. */
static int check_type(const char *type, void *data)
{
	const struct policy policy = {.features = host_features()};
	struct takeover *takeover = data;
	bool served = false;
	int rc = 0;

	for (uint32_t i = 0; !served && i < takeover->config->driver_count; i++) {
		const struct config_driver *driver = &takeover->config->drivers[i];
		struct inspection inspection = {0};
		struct ndrv_error error = {0};

		if (!driver->enabled)
			continue;
		bool refused = module_inspect(&policy, driver->path, NULL, &inspection, &error) != 0;
		served = !refused && note_has_type(&inspection.report.note, type);
		if (!rc && refused && is_for(driver, &inspection, type))
			rc = ndrv_fail(&takeover->error, error.code, "driver %s, which network type %s needs, is refused: %s",
				       driver->name, type, error.text);
		inspection_clear(&inspection);
	}
	if (!served)
		return rc;
	ndrv_error_clear(&takeover->error);
	return 0;
}

int check_state(const char *path, const struct config_overrides *overrides)
{
	struct takeover takeover = {0};
	struct ndrv_error *err = &takeover.error;

	int rc = config_load(path, overrides, &takeover.config, err);
	if (!rc)
		rc = host_check_config(takeover.config, err);
	if (!rc) {
		const struct store_paths paths = {.state_dir = takeover.config->state_dir,
						  .runtime_dir = takeover.config->runtime_dir};
		rc = store_probe(&paths, check_type, &takeover, err);
	}
	if (takeover.config)
		config_free(takeover.config);
	(void)printf("%s\n", rc ? err->text : REEXEC_YES);
	return rc ? 1 : 0;
}

int check_start(const char *path, const struct config_overrides *overrides)
{
	const struct host_options options = {.config_path = path, .overrides = overrides, .probe_program = "/proc/self/exe"};
	struct ndrv_error error = {0};
	struct host *host;

	/* Who is at rest for this may end: then nobody is. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	int rc = host_open(&options, &host, &error);
	(void)printf("%s\n", rc ? error.text : REEXEC_STARTED);
	(void)fflush(stdout);
	/* As by a crash: what runs is to be found by the next start as it is. */
	_exit(rc ? 1 : 0);
}
