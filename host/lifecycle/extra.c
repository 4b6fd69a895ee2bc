/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/extra.h"

#include <errno.h>
#include <string.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/lifecycle/health.h"
#include "host/lifecycle/host_parts.h"
#include "host/lifecycle/orphans.h"
#include "host/lifecycle/swap.h"
#include "host/plugin/describe.h"
#include "host/state/store.h"

/* With enough time left to say so. */
static int take(struct host *host, const struct request *request, struct ndrv_error *err)
{
	uint64_t now = clock_ns(), limit = now + 10 * NSEC_PER_SEC, until = request->deadline_ns;

	return host_take(host, request_op_name(request->op),
			 until && until < limit ? now + (until > now ? (until - now) / 2 : 0) : limit, err);
}

/* --- loading and unloading by hand --- */

/* "/path/acme.so" is driver "acme", as a descriptor drivers.d/acme.yaml would name it. */
static int name_of_file(struct arena *arena, const char *file, const char **ret, struct ndrv_error *err)
{
	const char *base = strrchr(file, '/');
	char *name = arena_strdup(arena, base ? base + 1 : file);

	if (!name)
		return ndrv_fail_errno(err, ENOMEM, "load %s", file);
	size_t length = strlen(name);
	if (length <= 3 || strcmp(name + length - 3, ".so") != 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: a driver file is called NAME.so", file);
	name[length - 3] = '\0';
	*ret = name;
	return 0;
}

static int serve_load(struct host *host, struct request *request, struct reply *reply)
{
	struct ndrv_error *err = &reply->error;
	struct config_driver descriptor = {.path = request->file, .at = "by hand", .enabled = true};

	if (!request->file || request->file[0] != '/')
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "driver file \"%s\": an absolute path is needed",
				 request->file ? request->file : "");
	int rc = name_of_file(request->arena, request->file, &descriptor.name, err);
	if (rc)
		return rc;
	/* A descriptor of that name and file says more than the bare path: its pin, its configuration. */
	const struct config_driver *known = config_driver_find(host->config, descriptor.name);
	if (known && known->path && strcmp(known->path, request->file) == 0)
		descriptor = *known;
	rc = take(host, request, err);
	if (rc)
		return rc;
	rc = drivers_load(&host->drivers, &descriptor, err);
	if (!rc)
		host_driver_serves(host, descriptor.name, &descriptor.config);
	host_give(host);
	if (rc)
		return rc;
	return ndrv_map_set(&request->arena->ndrv, &reply->value, "driver", ndrv_string(descriptor.name), err);
}

/* By network type, as everywhere on the command line, or by the driver's own name. */
static struct generation *find_driver(struct host *host, const char *type)
{
	struct driver_type *found = registry_type(host->drivers.registry, type);
	struct instance *instance = found ? type_current(found) : NULL;

	return instance ? instance->generation : registry_driver(host->drivers.registry, type);
}

static int serve_unload(struct host *host, struct request *request, struct reply *reply)
{
	int rc = take(host, request, &reply->error);
	if (rc)
		return rc;
	struct generation *generation = find_driver(host, request->type);
	rc = generation ? orphans_unload(host, generation->name, &reply->error)
			: ndrv_fail_object(&reply->error, NDRV_E_NO_DRIVER, request->type);
	host_give(host);
	if (!rc)
		log_info("driver", "%s: unloaded by hand", request->type);
	return rc;
}

/* --- swapping by hand --- */

static int swap_locked(struct host *host, struct request *request, struct reply *reply)
{
	struct config_driver descriptor = {.at = "by hand", .enabled = true};
	struct generation *live = find_driver(host, request->type);

	if (!live)
		return ndrv_fail_object(&reply->error, NDRV_E_NO_DRIVER, request->type);
	if (request->op == REQ_DRIVER_ROLLBACK)
		return swap_back(host, live, "rolled back by hand", request->arena, &reply->value, &reply->error);
	const struct config_driver *known = config_driver_find(host->config, live->name);
	if (known) {
		descriptor.config = known->config;
		descriptor.critical = known->critical;
	}
	descriptor.name = live->name;
	descriptor.path = request->file;
	struct swap_wish wish = {.from = live, .descriptor = &descriptor, .by_hand = true, .dry_run = request->dry_run};
	return swap_file(host, &wish, request->arena, &reply->value, &reply->error);
}

static int serve_swap(struct host *host, struct request *request, struct reply *reply)
{
	int rc = swap_check_caller(&request->caller, &reply->error);

	if (!rc && request->op == REQ_DRIVER_SWAP && (!request->file || request->file[0] != '/'))
		rc = ndrv_fail(&reply->error, NDRV_E_BAD_REQUEST, "driver file \"%s\": an absolute path is needed",
			       request->file ? request->file : "");
	if (!rc && (!request->type || !request->type[0]))
		rc = ndrv_fail(&reply->error, NDRV_E_BAD_REQUEST, "%s needs a network type", request_op_name(request->op));
	if (rc)
		return rc;
	rc = take(host, request, &reply->error);
	if (rc)
		return rc;
	rc = swap_locked(host, request, reply);
	host_give(host);
	return rc;
}

static int serve_inspect(struct host *host, struct request *request, struct reply *reply)
{
	struct generation *generation = find_driver(host, request->type);

	if (!generation)
		return ndrv_fail_object(&reply->error, NDRV_E_NO_DRIVER, request->type);
	const struct config_driver *known = config_driver_find(host->config, generation->name);
	struct ndrv_value pins = {.type = NDRV_LIST};
	int rc = describe_generation(&request->arena->ndrv, generation, &reply->value, &reply->error);
	if (!rc && known)
		rc = config_pins(known, request->arena, &pins, &reply->error);
	return rc ? rc : ndrv_map_set(&request->arena->ndrv, &reply->value, "pins", pins, &reply->error);
}

/* --- status: what only the host as a whole knows --- */

static int add_status(struct host *host, struct request *request, struct reply *reply)
{
	struct ndrv_arena *arena = &request->arena->ndrv;
	struct ndrv_value refused, state, files, orphans;
	struct ndrv_error *err = &reply->error;

	int rc = drivers_refused(&host->drivers, arena, &refused, err);
	if (!rc)
		rc = ndrv_map_set(arena, &reply->value, "refused_drivers", refused, err);
	if (!rc)
		rc = images_refusals(&host->images, request->arena, &files, err);
	if (!rc)
		rc = ndrv_map_set(arena, &reply->value, "refused_files", files, err);
	if (!rc)
		rc = keeper_orphans(&host->keeper, arena, &orphans, err);
	if (!rc)
		rc = ndrv_map_set(arena, &reply->value, "orphan_drivers", orphans, err);
	if (!rc)
		rc = store_report(host->store, arena, &state, err);
	if (!rc)
		rc = ndrv_map_set(arena, &reply->value, "state", state, err);
	if (!rc)
		rc = ndrv_map_set(arena, &reply->value, "recovery", host->recovery, err);
	if (!rc)
		rc = health_describe(host, arena, &reply->value, err);
	if (!rc)
		rc = reexec_status(host, arena, &reply->value, err);
	const struct config *config = host->config;
	if (!rc)
		rc = ndrv_map_set(arena, &reply->value, "config", ndrv_string(config->file ? config->file : ""), err);
	return rc;
}

int extra_serve(void *data, struct request *request, struct reply *reply)
{
	struct host *host = data;

	if (request->op == REQ_STATUS)
		return add_status(host, request, reply);
	if (request->op == REQ_DRIVER_LOAD)
		return serve_load(host, request, reply);
	if (request->op == REQ_DRIVER_UNLOAD)
		return serve_unload(host, request, reply);
	if (request->op == REQ_DRIVER_SWAP || request->op == REQ_DRIVER_ROLLBACK)
		return serve_swap(host, request, reply);
	if (request->op == REQ_DRIVER_INSPECT)
		return serve_inspect(host, request, reply);
	if (request->op == REQ_RELOAD)
		return host_reload(host, clock_ns() + 10 * NSEC_PER_SEC, request->arena, &reply->value, &reply->error);
	if (request->op == REQ_REEXEC)
		return reexec_serve(host, request, reply);
	return ndrv_fail(&reply->error, NDRV_E_NOT_IMPLEMENTED, "operation %s", request_op_name(request->op));
}
