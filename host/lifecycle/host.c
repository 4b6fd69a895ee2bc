/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/dispatch/services.h"
#include "host/dispatch/transfer.h"
#include "host/lifecycle/claim.h"
#include "host/lifecycle/drivers.h"
#include "host/lifecycle/extra.h"
#include "host/lifecycle/health.h"
#include "host/lifecycle/host_parts.h"
#include "host/lifecycle/orphans.h"
#include "host/lifecycle/reload.h"
#include "host/sandbox/hostns.h"
#include "host/state/ipam.h"
#include "host/state/store.h"

#define RECOVERY_MEMORY (64u << 20)
/* A worker that has answered its last request is not at rest yet. Where all are, nothing is waited for. */
#define LEAST_GRACE_NS NSEC_PER_SEC
#define REAPERS 8 /* each waits 20 ms for the kernel after every slice: with fewer a thousand links take longer than a second */

const struct config *host_config(const struct host *host)
{
	return host->config;
}

struct dispatch *host_dispatch(struct host *host)
{
	return host->dispatch;
}

uint64_t host_features(void)
{
	return SERVICES_FEATURES;
}

/* --- start --- */

/* The journal says in the environment which stream it is; a prefix anywhere else would only be noise. */
static bool stderr_is_journal(void)
{
	const char *text = secure_getenv("JOURNAL_STREAM");
	char is[64];
	struct stat st;

	if (!text || fstat(STDERR_FILENO, &st))
		return false;
	(void)snprintf(is, sizeof(is), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(text, is) == 0;
}

static void apply_log(const struct config_log *log)
{
	log_set_level(log->level);
	log_set_prefix(log->format == CONFIG_LOG_PREFIX || (log->format == CONFIG_LOG_AUTO && stderr_is_journal()));
}

/* The configuration's words that only the dispatcher knows. */
int host_check_config(const struct config *config, struct ndrv_error *err)
{
	for (uint32_t i = 0; i < config->deny_count; i++) {
		const struct config_deny *deny = &config->deny[i];
		if (request_op_find(deny->op) == REQ_COUNT)
			return ndrv_fail(err, NDRV_E_CONFIG, "%s: deny: unknown operation \"%s\": see ndrvd(8) for their names",
					 deny->at, deny->op);
	}
	return 0;
}

static int open_state(struct host *host, struct ndrv_error *err)
{
	const struct config *config = host->config;
	struct store_paths paths = {.state_dir = config->state_dir, .runtime_dir = config->runtime_dir};
	struct ipam_source *sources = calloc(config->pool_count ? config->pool_count : 1, sizeof(*sources));

	if (!sources)
		return ndrv_fail_errno(err, ENOMEM, "address pools");
	for (uint32_t i = 0; i < config->pool_count; i++)
		sources[i] = (struct ipam_source){.base = config->pools[i].base, .length = config->pools[i].size};
	host->ipam = ipam_new(sources, config->pool_count);
	free(sources);
	host->records = records_new();
	if (!host->ipam || !host->records)
		return ndrv_fail_errno(err, ENOMEM, "records");
	int rc = store_open(&paths, &host->store, err);
	return rc ? rc : store_load(host->store, host->records, err);
}

/* All of the instance's groups but the first, which is for the living. A host with one worker does one thing after the other. */
static void set_dead_groups(struct host *host)
{
	uint32_t reapers = host->config->calls.max_workers == 1 ? 1 : REAPERS;

	hostns_set_dead_groups(host->hostns, host->config->ownership.link_group + 1, CONFIG_LINK_GROUPS - 1, reapers);
}

static int name_node(struct host *host, struct ndrv_error *err)
{
	const struct config_node *node = &host->config->node;

	return services_name_node(host->services, strcmp(node->name, "auto") != 0 ? node->name : NULL,
				  strcmp(node->address, "none") != 0 ? node->address : NULL, err);
}

static int start_drivers(struct host *host, struct ndrv_error *err)
{
	struct registry_hooks hooks = {0};
	struct ndrv_host offer = {0};
	struct registry *registry;

	int rc = hostns_open(&host->hostns, err);
	if (!rc)
		set_dead_groups(host);
	if (!rc)
		rc = services_new(host->store, &host->services, err);
	if (!rc)
		rc = name_node(host, err);
	if (!rc)
		rc = services_open_nat(host->services, host->config->instance, host->config->ownership.link_group, err);
	if (rc)
		return rc;
	services_offer(host->services, &offer);
	services_hooks(host->services, &hooks);
	rc = registry_new(&registry, host->config->state_dir, &offer, &hooks, err);
	if (rc)
		return rc;
	registry_trust(registry, host->config->trust, host->config->trust_dir);
	drivers_init(&host->drivers, registry);
	host->has_drivers = true;
	drivers_note_broken(&host->drivers, host->config);
	struct dispatch_parts parts = {.config = host->config,
				       .registry = registry,
				       .records = host->records,
				       .store = host->store,
				       .ipam = host->ipam,
				       .hostns = host->hostns};
	rc = dispatch_new(&parts, &host->dispatch, err);
	if (rc)
		return rc;
	services_attach(host->services, host->dispatch);
	dispatch_set_extra(host->dispatch, extra_serve, host);
	rc = images_open(&host->images, host->config->state_dir, host->store, err);
	if (!rc)
		rc = keeper_start(&host->keeper, host, err);
	if (!rc)
		rc = drivers_load_all(&host->drivers, host->config, orphans_stand_in, host, err);
	if (!rc)
		orphans_load(host);
	return rc;
}

void host_driver_serves(struct host *host, const char *name, const struct ndrv_value *config)
{
	const struct generation *live = registry_driver(host->drivers.registry, name);
	struct ndrv_error error = {0};
	struct ndrv_value report;
	struct arena arena;

	if (live && images_keep(&host->images, live, config, &error))
		log_warning("driver", "%s: %s", name, error.text);
	keeper_del_orphan(&host->keeper, name);
	arena_init(&arena, RECOVERY_MEMORY);
	if (dispatch_recover(host->dispatch, &arena, &report, &error))
		log_error("driver", "%s: its networks cannot be taken up: %s", name, error.text);
	arena_reset(&arena);
}

static int recover(struct host *host, struct ndrv_error *err)
{
	int64_t networks = 0, endpoints = 0;

	int rc = dispatch_recover(host->dispatch, &host->recovery_arena, &host->recovery, err);
	if (rc)
		return rc;
	(void)ndrv_map_int(&host->recovery, "networks", &networks, NULL);
	(void)ndrv_map_int(&host->recovery, "endpoints", &endpoints, NULL);
	log_info("host", "serving %lld networks and %lld endpoints", (long long)networks, (long long)endpoints);
	return 0;
}

int host_open(const struct host_options *options, struct host **ret, struct ndrv_error *err)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return ndrv_fail_errno(err, ENOMEM, "start the host");
	(void)pthread_mutex_init(&host->lock, NULL);
	arena_init(&host->recovery_arena, RECOVERY_MEMORY);
	host->overrides = options->overrides;
	host->probe_program = options->probe_program;
	host->claim_fd = -1;
	host->reexec = reexec_new();
	int rc = host->reexec ? 0 : ndrv_fail_errno(err, ENOMEM, "start the host");
	if (!rc && options->config_path) {
		host->config_path = strdup(options->config_path);
		rc = host->config_path ? 0 : ndrv_fail_errno(err, ENOMEM, "start the host");
	}
	const struct config *config = NULL;
	if (!rc)
		rc = config_load_most(host->config_path, host->overrides, &config, err);
	host->config = config;
	if (!rc) {
		apply_log(&config->log);
		rc = host_check_config(config, err);
	}
	if (!rc)
		rc = open_state(host, err);
	if (!rc && options->claim)
		rc = claim_instance(host->config->instance, *options->claim, &host->claim_fd, err);
	if (!rc)
		rc = start_drivers(host, err);
	if (!rc)
		rc = recover(host, err);
	if (rc) {
		host_close(host, 0);
		return rc;
	}
	orphans_keep_images(host);
	*ret = host;
	return 0;
}

void host_close(struct host *host, uint64_t grace_ns)
{
	keeper_stop(&host->keeper);
	if (host->services)
		services_stop(host->services);
	uint64_t until = clock_ns() + (grace_ns > LEAST_GRACE_NS ? grace_ns : LEAST_GRACE_NS);
	/* A call that is still inside a driver, a request's or a swap's, needs all that follows, and may come back while it is
	 * being freed. The process is about to end anyway. */
	if (host->dispatch && (!dispatch_stop(host->dispatch, until) || !transfer_wait_hangs(host->dispatch, until))) {
		log_warning("host", "ended while a driver is still at work");
		return;
	}
	if (host->has_drivers)
		registry_free(host->drivers.registry);
	if (host->services)
		services_free(host->services);
	if (host->dispatch)
		dispatch_free(host->dispatch);
	if (host->has_drivers)
		drivers_done(&host->drivers);
	images_close(&host->images);
	if (host->records)
		records_free(host->records);
	if (host->ipam)
		ipam_free(host->ipam);
	if (host->store)
		store_close(host->store);
	if (host->hostns)
		hostns_close(host->hostns);
	for (struct former *former = host->former; former;) {
		struct former *next = former->next;
		config_free(former->config);
		free(former);
		former = next;
	}
	if (host->config)
		config_free(host->config);
	free(host->config_path);
	arena_reset(&host->recovery_arena);
	reexec_free(host->reexec);
	if (host->claim_fd >= 0)
		(void)close(host->claim_fd);
	(void)pthread_mutex_destroy(&host->lock);
	free(host);
}

/* --- one thing at a time --- */

int host_take(struct host *host, const char *what, uint64_t deadline_ns, struct ndrv_error *err)
{
	const struct timespec nap = {.tv_nsec = 2 * NSEC_PER_MSEC};

	while (pthread_mutex_trylock(&host->lock) != 0) {
		uint64_t now = clock_ns(), since = atomic_load(&host->doing_since);
		const char *doing = atomic_load(&host->doing);
		if (deadline_ns && now >= deadline_ns)
			return ndrv_fail(err, NDRV_E_RETRY, "%s waits for %s, which has been under way for %.1f s, try again", what,
					 doing ? doing : "another", now > since ? (double)(now - since) / 1e9 : 0.0);
		(void)nanosleep(&nap, NULL);
	}
	atomic_store(&host->doing_since, clock_ns());
	atomic_store(&host->doing, what);
	return 0;
}

void host_give(struct host *host)
{
	health_tell(host);
	atomic_store(&host->doing, NULL);
	(void)pthread_mutex_unlock(&host->lock);
}

void host_tell(struct host *host)
{
	struct ndrv_error ignored = {0};

	if (host_take(host, "start", clock_ns() + NSEC_PER_SEC, &ignored) == 0)
		host_give(host);
}

/* --- reload --- */

static int report_reload(struct host *host, const struct config *after, struct arena *arena, struct ndrv_value *ret,
			 struct ndrv_error *err)
{
	struct ndrv_value restart, map = ndrv_null();

	int rc = reload_needs_restart(host->config, after, arena, &restart, err);
	if (!rc)
		rc = reload_drivers(host, after, arena, &map, err);
	if (!rc)
		rc = ndrv_map_set(&arena->ndrv, &map, "restart", restart, err);
	if (!rc)
		*ret = map;
	return rc;
}

int host_reload(struct host *host, uint64_t deadline_ns, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *after;
	struct former *former = malloc(sizeof(*former));

	if (!former)
		return ndrv_fail_errno(err, ENOMEM, "reload");
	int rc = host_take(host, "reload", deadline_ns, err);
	if (rc) {
		free(former);
		return rc;
	}
	rc = config_load(host->config_path, host->overrides, &after, err);
	if (!rc && (rc = host_check_config(after, err)))
		config_free(after);
	if (rc) {
		free(former);
		host_give(host);
		return ndrv_wrap(err, rc, "the running configuration stays");
	}
	rc = report_reload(host, after, arena, ret, err);
	apply_log(&after->log);
	/* Others hold pointers into the former one: it lives as long as the host. */
	*former = (struct former){.config = host->config, .next = host->former};
	host->former = former;
	host->config = after;
	host_give(host);
	return rc;
}
