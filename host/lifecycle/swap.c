/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/swap.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/base/log.h"
#include "host/dispatch/frames.h"
#include "host/dispatch/services.h"
#include "host/dispatch/transfer.h"
#include "host/lifecycle/keeper.h"
#include "host/lifecycle/probe.h"

/* --- reports --- */

struct report {
	struct arena *arena;
	struct ndrv_value map;
	struct ndrv_error *err;
	int rc;
};

static void set(struct report *report, struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	if (!report->rc)
		report->rc = ndrv_map_set(&report->arena->ndrv, map, key, value, report->err);
}

static void set_text(struct report *report, struct ndrv_value *map, const char *key, const char *text, size_t max)
{
	char *copy = arena_alloc(report->arena, strnlen(text, max) + 1);

	if (!copy) {
		report->rc = ndrv_fail(report->err, NDRV_E_NO_SERVICE, "out of memory");
		return;
	}
	memcpy(copy, text, strnlen(text, max));
	copy[strnlen(text, max)] = '\0';
	set(report, map, key, ndrv_string(copy));
}

static void set_driver(struct report *report, const char *key, const struct ndrv_note *note, const char *sha256, uint64_t number)
{
	struct ndrv_value map = {.type = NDRV_MAP};

	set_text(report, &map, "name", note->name, sizeof(note->name));
	set_text(report, &map, "version", note->version, sizeof(note->version));
	set_text(report, &map, "sha256", sha256, IMAGES_SHA);
	if (number)
		set(report, &map, "generation", ndrv_int((int64_t)number));
	set(report, &report->map, key, map);
}

static void set_numbers(struct report *report, const struct transfer_report *numbers)
{
	set(report, &report->map, "networks", ndrv_int(numbers->networks));
	set(report, &report->map, "endpoints", ndrv_int(numbers->endpoints));
	set(report, &report->map, "adopted_late", ndrv_int(numbers->late));
	set(report, &report->map, "lost", ndrv_int(numbers->lost));
	set(report, &report->map, "pause_us", ndrv_int((int64_t)(numbers->pause_ns / 1000)));
}

static void tell_event(struct host *host, const char *what, const struct generation *generation, const char *why)
{
	struct arena arena;
	struct ndrv_error ignored = {0};

	arena_init(&arena, 1u << 16);
	struct report report = {.arena = &arena, .map = {.type = NDRV_MAP}, .err = &ignored};
	set_text(&report, &report.map, "event", what, 64);
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	set(&report, &report.map, "time_ns", ndrv_int(now.tv_sec * INT64_C(1000000000) + now.tv_nsec));
	set_text(&report, &report.map, "driver", generation->name, REGISTRY_TYPE_MAX);
	set(&report, &report.map, "generation", ndrv_int((int64_t)generation->number));
	set_text(&report, &report.map, "version", generation->module->note.version, sizeof(generation->module->note.version));
	if (why)
		set_text(&report, &report.map, "why", why, NDRV_ERROR_TEXT_MAX);
	if (!report.rc)
		dispatch_event(host->dispatch, &report.map);
	arena_reset(&arena);
}

/* --- generations --- */

struct finding {
	const char *name;
	struct generation *found;
};

static int find_standby(struct generation *generation, void *data)
{
	struct finding *finding = data;

	if (atomic_load(&generation->state) != GENERATION_STANDBY || atomic_load(&generation->lost) ||
	    strcmp(generation->name, finding->name) != 0)
		return 0;
	finding->found = generation;
	return 1;
}

struct generation *swap_standby(struct host *host, const char *name)
{
	struct finding finding = {.name = name};

	(void)registry_each_generation(host->drivers.registry, find_standby, &finding);
	return finding.found;
}

void swap_retire(struct host *host, struct generation *standby)
{
	if (atomic_load(&standby->state) == GENERATION_LIVE)
		return; /* it was put back meanwhile */
	keeper_forget(&host->keeper, standby);
	if (atomic_load(&standby->lost))
		return;
	if (!transfer_sweep(host->dispatch, standby, 0)) {
		keeper_retire_later(&host->keeper, standby);
		return;
	}
	registry_retire(host->drivers.registry, standby);
	services_drop_generation(host->services, standby);
}

int swap_check_caller(const struct caller *caller, struct ndrv_error *err)
{
	if (frame_here() || (caller && caller->pid == (uint32_t)getpid() && caller->front != NDRV_FRONT_HOST))
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "a driver may not ask for a swap: its own call would be in the way");
	return 0;
}

/* --- the hand-over --- */

/* From `from`, live, to `to`, pending or standing by. On failure `from` serves as before, and `to` is as it was, or lost. */
static int hand_over(struct host *host, struct generation *from, struct generation *to, struct transfer_report *numbers,
		     struct ndrv_error *err)
{
	const struct transfer_limits limits = {.drain_ns = host->config->swap.drain_ns, .step_ns = host->config->swap.step_ns};
	int rc = transfer_run(host->dispatch, from, to, &limits, numbers, err);

	if (rc && atomic_load(&to->lost)) {
		keeper_forget(&host->keeper, to);
		images_refuse(&host->images, to->module->sha256, to->name, err->text);
	}
	return rc;
}

/* What the file's content is to blame for is remembered; what the moment is to blame for is not. */
static void note_refusal(struct host *host, const char *name, const char *sha256, const struct ndrv_error *why)
{
	if (why->kind == NDRV_KIND_TIMEOUT || why->kind == NDRV_KIND_RETRY || why->kind == NDRV_KIND_NO_SERVICE)
		return;
	images_refuse(&host->images, sha256, name, why->text);
}

static void settle(struct host *host, const struct generation *live, const struct ndrv_value *config)
{
	images_pardon(&host->images, live->module->sha256);
	host_driver_serves(host, live->name, config);
	images_collect(&host->images);
	drivers_forget(&host->drivers, live->name);
}

static int load_and_hand_over(struct host *host, const struct swap_wish *wish, const char *sha256, struct report *report,
			      struct ndrv_error *err)
{
	const struct config_driver *descriptor = wish->descriptor;
	struct generation *from = wish->from, *to = NULL, *former = swap_standby(host, from->name);
	struct transfer_report numbers = {0};
	/* The pin: what was inspected is what is loaded. */
	struct driver_request request = {.name = from->name,
					 .path = descriptor->path,
					 .sha256 = sha256,
					 .config = &descriptor->config,
					 .origin = descriptor->at,
					 .critical = descriptor->critical,
					 .own = descriptor->own,
					 .replace = true};

	int rc = registry_prepare(host->drivers.registry, &request, &to, err);
	if (rc)
		return rc;
	rc = hand_over(host, from, to, &numbers, err);
	if (rc) {
		swap_retire(host, to);
		return rc;
	}
	if (former)
		swap_retire(host, former);
	settle(host, to, &descriptor->config);
	keeper_watch(&host->keeper, from, to);
	set_driver(report, "to", &to->module->note, sha256, to->number);
	set_numbers(report, &numbers);
	log_info("swap", "driver %s: generation %llu serves in place of %llu; %u networks and %u endpoints waited %llu us",
		 to->name, (unsigned long long)to->number, (unsigned long long)from->number, numbers.networks, numbers.endpoints,
		 (unsigned long long)(numbers.pause_ns / 1000));
	tell_event(host, "driver-swap", to, NULL);
	return 0;
}

/* --- from a file --- */

static int probe(struct host *host, const struct swap_wish *wish, const char *sha256, struct ndrv_error *err)
{
	if (!host->probe_program || images_known(&host->images, wish->from->name, sha256))
		return 0;
	return ndrv_wrap(err, probe_run(host->probe_program, wish->descriptor->path, sha256, PROBE_NS, err), "driver file %s",
			 wish->descriptor->path);
}

static int check_former_refusal(struct host *host, const struct swap_wish *wish, const char *sha256, struct arena *arena,
				struct ndrv_error *err)
{
	const char *reason = wish->by_hand ? NULL : images_refusal(&host->images, arena, sha256);

	return reason ? ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "this content was refused before: %s", reason) : 0;
}

struct counting {
	const struct generation *from;
	struct transfer_report numbers;
};

static int count_network(struct network *network, void *data)
{
	struct counting *counting = data;
	struct driver_type *type = network->driver;
	const struct instance *instance = type ? type_current(type) : NULL;

	if (!instance || instance->generation != counting->from)
		return 0;
	counting->numbers.networks++;
	/* A busy one is counted without its endpoints: nothing waits for a number. */
	if (!turn_try(&network->turn))
		return 0;
	counting->numbers.endpoints += network->endpoint_count;
	turn_pass(&network->turn);
	return 0;
}

static int try_file(struct host *host, const struct swap_wish *wish, const struct inspection *inspection, struct report *report,
		    struct ndrv_error *err)
{
	const char *sha256 = inspection->source.sha256;
	struct counting counting = {.from = wish->from};

	int rc = swap_check_note(host, wish->from, &inspection->report.note, err);
	if (!rc)
		rc = probe(host, wish, sha256, err);
	if (!rc && !wish->dry_run)
		rc = load_and_hand_over(host, wish, sha256, report, err);
	if (!rc && wish->dry_run) {
		set_driver(report, "to", &inspection->report.note, sha256, 0);
		(void)records_each(host->records, count_network, &counting);
		set_numbers(report, &counting.numbers);
	}
	if (rc && !wish->dry_run)
		note_refusal(host, wish->from->name, sha256, err);
	return rc;
}

int swap_file(struct host *host, const struct swap_wish *wish, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct generation *from = wish->from;
	struct report report = {.arena = arena, .map = {.type = NDRV_MAP}, .err = err};
	struct inspection inspection;
	struct policy policy = *registry_policy(host->drivers.registry);

	if (wish->descriptor->own)
		policy.trust = (struct trust){0};
	set_text(&report, &report.map, "driver", from->name, REGISTRY_TYPE_MAX);
	set(&report, &report.map, "result", ndrv_string(wish->dry_run ? "would swap" : "swapped"));
	set_driver(&report, "from", &from->module->note, from->module->sha256, from->number);
	int rc = module_inspect(&policy, wish->descriptor->path, wish->descriptor->pins, &inspection, err);
	if (!rc)
		rc = check_former_refusal(host, wish, inspection.source.sha256, arena, err);
	if (!rc)
		rc = try_file(host, wish, &inspection, &report, err);
	inspection_clear(&inspection);
	if (rc) {
		log_warning("swap", "driver %s: generation %llu serves on: %s", from->name, (unsigned long long)from->number,
			    err->text);
		return ndrv_wrap(err, rc, "driver %s is not swapped", from->name);
	}
	*ret = report.map;
	return report.rc;
}

/* --- back --- */

static int back_to_standby(struct host *host, struct generation *live, struct generation *standby, const char *reason,
			   struct report *report, struct ndrv_error *err)
{
	struct transfer_report numbers = {0};
	int rc = hand_over(host, live, standby, &numbers, err);

	if (rc)
		return rc;
	keeper_forget(&host->keeper, standby);
	swap_retire(host, live);
	settle(host, standby, NULL);
	set_driver(report, "to", &standby->module->note, standby->module->sha256, standby->number);
	set_numbers(report, &numbers);
	log_warning("swap", "driver %s: generation %llu is back in place of %llu: %s", standby->name,
		    (unsigned long long)standby->number, (unsigned long long)live->number, reason);
	return 0;
}

static int back_to_copy(struct host *host, struct generation *live, struct report *report, struct ndrv_error *err)
{
	struct image_note note;
	struct config_driver descriptor = {.name = live->name, .at = "the host's own copy", .enabled = true, .own = true};
	const struct config_driver *known = config_driver_find(host->config, live->name);

	if (images_recall(&host->images, report->arena, live->name, &note, NULL) || !*note.former)
		return ndrv_fail(err, NDRV_E_NOT_FOUND, "no former driver %s is at hand: swap to its file instead", live->name);
	descriptor.path = note.former;
	descriptor.config = known ? known->config : note.config;
	struct swap_wish wish = {.from = live, .descriptor = &descriptor, .by_hand = true};
	return swap_file(host, &wish, report->arena, &report->map, err);
}

int swap_back(struct host *host, struct generation *live, const char *reason, struct arena *arena, struct ndrv_value *ret,
	      struct ndrv_error *err)
{
	struct report report = {.arena = arena, .map = {.type = NDRV_MAP}, .err = err};
	struct generation *standby = swap_standby(host, live->name);

	set_text(&report, &report.map, "driver", live->name, REGISTRY_TYPE_MAX);
	set(&report, &report.map, "result", ndrv_string("rolled back"));
	set_driver(&report, "from", &live->module->note, live->module->sha256, live->number);
	int rc = standby ? back_to_standby(host, live, standby, reason, &report, err) : back_to_copy(host, live, &report, err);
	if (rc)
		return ndrv_wrap(err, rc, "driver %s is not put back", live->name);
	images_refuse(&host->images, live->module->sha256, live->name, reason);
	tell_event(host, "driver-rollback", live, reason);
	*ret = report.map;
	return report.rc;
}
