/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a generation: loaded, entered, checked, configured, published, retired. */
#include <stdlib.h>
#include <string.h>

#include "host/base/log.h"
#include "host/plugin/registry_internal.h"

static bool driver_name_ok(const char *name)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t length = name ? strlen(name) : 0;
	return length > 0 && length < REGISTRY_TYPE_MAX && strspn(name, legal) == length && name[0] != '.' && name[0] != '-';
}

static int make(struct registry *registry, const struct driver_request *request, struct generation **ret, struct ndrv_error *err)
{
	struct generation *generation = calloc(1, sizeof(*generation));
	if (!generation)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	generation->origin = strdup(request->origin ? request->origin : "");
	if (!generation->origin) {
		free(generation);
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	}
	generation->registry = registry;
	generation->number = ++registry->last_number;
	generation->critical = request->critical;
	generation->state = GENERATION_PENDING;
	memcpy(generation->name, request->name, strlen(request->name) + 1);
	struct policy policy = registry->policy;
	if (request->own)
		policy.trust = (struct trust){0};
	int rc = module_open(&registry->stage, &policy, request->path, request->sha256, request->name, generation->number,
			     &generation->module, err);
	if (rc) {
		free(generation->origin);
		free(generation);
		return rc;
	}
	uint32_t threading = generation->module->note.threading;
	generation->threading = threading <= NDRV_THREADS_DRIVER ? threading : NDRV_THREADS_DRIVER;
	turn_init(&generation->turn);
	registration_host(generation);
	*ret = generation;
	return 0;
}

/* The driver's error as it left it, checked: it comes from foreign code. */
static int entry_failed(int rc, struct ndrv_error *said, struct ndrv_error *err)
{
	if (said->code <= 0 || said->text[0] == 0)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "its entry function failed with %d and gave no reason", rc);
	said->text[sizeof(said->text) - 1] = 0;
	return ndrv_fail(err, said->code, "%s", said->text);
}

/* On failure self is destroyed already, by the driver or here. */
static int enter(struct generation *generation, const struct ndrv_value *config, struct ndrv_error *err)
{
	struct ndrv_error said = {0};
	int rc = generation->module->entry(&generation->host, &said);
	generation->entered = true;
	if (rc)
		return entry_failed(rc, &said, err);
	if (generation->refusal.code) {
		rc = ndrv_fail(err, generation->refusal.code, "%s", generation->refusal.text);
	} else {
		rc = registration_check(generation, err);
		if (rc == 0)
			rc = registration_configure(generation, config, err);
	}
	if (rc)
		registration_destroy(generation);
	return rc;
}

/* Its image stays mapped and something of it may still know its host table, so it stays in the list. */
static void refuse(struct generation *generation)
{
	pthread_mutex_lock(&generation->registry->mutex);
	generation->state = GENERATION_RETIRED;
	for (struct instance *each = generation->instances; each; each = each->next)
		each->gone = true;
	pthread_mutex_unlock(&generation->registry->mutex);
}

static int prepare(struct registry *registry, const struct driver_request *request, struct generation **ret, struct ndrv_error *err)
{
	struct generation *generation = NULL;
	if (!driver_name_ok(request->name))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "\"%.40s\" cannot be a driver's name: at most 31 of A-Z a-z 0-9 _ . -",
				 request->name ? request->name : "");
	struct generation *live = registry_live(registry, request->name);
	if (live && !request->replace)
		return ndrv_fail(err, NDRV_E_ACTIVE_REGISTRATION, "a driver of this name is loaded already");
	int rc = make(registry, request, &generation, err);
	if (!generation)
		return rc;
	generation->replaces = live;
	generation->next = registry->generations;
	registry->generations = generation;
	rc = enter(generation, request->config, err);
	if (rc) {
		refuse(generation);
		return ndrv_wrap(err, rc, "driver file %s", source_tail(request->path));
	}
	*ret = generation;
	return 0;
}

static int report(struct registry *registry, const struct driver_request *request, int rc, struct ndrv_error *err)
{
	if (rc == 0)
		return 0;
	registry->refused++;
	return ndrv_wrap(err, rc, "driver %.40s", request->name ? request->name : "");
}

/* With the registry's mutex held: does another driver hold one of its types? */
static int check_holders(const struct generation *generation, const struct generation *live, struct ndrv_error *err)
{
	if (live && generation->state == GENERATION_PENDING && live != generation->replaces)
		return ndrv_fail(err, NDRV_E_ACTIVE_REGISTRATION, "a driver of this name is loaded already");
	for (const struct instance *each = generation->instances; each; each = each->next) {
		const struct instance *holder = each->gone ? NULL : each->type->holder;
		if (holder && holder->generation != live)
			return ndrv_fail_object(err, NDRV_E_ACTIVE_REGISTRATION, each->type->name);
	}
	return 0;
}

static void switch_types(struct registry *registry, struct generation *from, struct generation *to)
{
	/* Before anybody hears of it: who is told that it serves looks at its state. */
	to->state = GENERATION_LIVE;
	for (struct instance *each = to->instances; each; each = each->next)
		if (!each->gone)
			registry_serve(each->type, each, each, registry);
	for (struct instance *each = from ? from->instances : NULL; each; each = each->next)
		if (!each->gone && each->type->holder == each)
			registry_serve(each->type, NULL, NULL, registry);
	if (from)
		from->state = GENERATION_STANDBY;
}

static int publish(struct registry *registry, struct generation *generation, struct ndrv_error *err)
{
	pthread_mutex_lock(&registry->mutex);
	struct generation *live = registry_live(registry, generation->name);
	int state = generation->state, rc = 0;
	if (state == GENERATION_RETIRED)
		rc = ndrv_fail(err, NDRV_E_FORBIDDEN, "generation %llu of driver %s was destroyed",
			       (unsigned long long)generation->number, generation->name);
	else if (state != GENERATION_LIVE)
		rc = check_holders(generation, live, err);
	if (rc == 0 && state != GENERATION_LIVE)
		switch_types(registry, live, generation);
	pthread_mutex_unlock(&registry->mutex);
	return rc;
}

/* The caller knows that no call is inside. */
static void retire(struct registry *registry, struct generation *generation)
{
	pthread_mutex_lock(&registry->mutex);
	generation->state = GENERATION_RETIRED;
	for (struct instance *each = generation->instances; each; each = each->next)
		if (each->type->holder == each)
			registry_serve(each->type, NULL, NULL, registry);
	pthread_mutex_unlock(&registry->mutex);
	registration_destroy(generation);
}

int registry_prepare(struct registry *registry, const struct driver_request *request, struct generation **ret,
		     struct ndrv_error *err)
{
	pthread_mutex_lock(&registry->change);
	int rc = prepare(registry, request, ret, err);
	pthread_mutex_unlock(&registry->change);
	return report(registry, request, rc, err);
}

static void say_loaded(const struct generation *generation)
{
	const struct module *module = generation->module;
	for (uint32_t i = 0; i < module->warnings.count; i++)
		log_warning("plugin", "driver %s: %s %s", generation->name, module->path, module->warnings.findings[i].text);
	log_info("plugin", "driver %s: %s %s from %s serves as generation %llu", generation->name, module->note.name,
		 module->note.version, module->path, (unsigned long long)generation->number);
}

int registry_publish(struct registry *registry, struct generation *generation, struct ndrv_error *err)
{
	pthread_mutex_lock(&registry->change);
	int rc = publish(registry, generation, err);
	pthread_mutex_unlock(&registry->change);
	if (rc == 0)
		say_loaded(generation);
	return ndrv_wrap(err, rc, "driver %s", generation->name);
}

void registry_retire(struct registry *registry, struct generation *generation)
{
	pthread_mutex_lock(&registry->change);
	if (generation->state == GENERATION_PENDING || generation->state == GENERATION_STANDBY)
		retire(registry, generation);
	pthread_mutex_unlock(&registry->change);
}

int registry_load(struct registry *registry, const struct driver_request *request, struct generation **ret, struct ndrv_error *err)
{
	struct driver_request once = *request;
	struct generation *generation = NULL;
	once.replace = false;
	pthread_mutex_lock(&registry->change);
	int rc = prepare(registry, &once, &generation, err);
	if (generation) {
		rc = publish(registry, generation, err);
		if (rc)
			retire(registry, generation);
	}
	pthread_mutex_unlock(&registry->change);
	if (rc)
		return report(registry, request, rc, err);
	say_loaded(generation);
	if (ret)
		*ret = generation;
	return 0;
}

static int take_all_away(struct registry *registry, struct generation *generation, struct ndrv_error *err)
{
	const struct registry_hooks *hooks = &registry->hooks;
	/* All are asked before the first is taken: a refused unload disturbs nobody. */
	for (struct instance *each = generation->instances; each && hooks->in_use; each = each->next) {
		int rc = each->gone || !each->type->name[0] ? 0 : hooks->in_use(hooks->data, each, err);
		if (rc)
			return rc;
	}
	for (struct instance *each = generation->instances; each; each = each->next) {
		int rc = each->gone ? 0 : registry_take_away(registry, each, err);
		if (rc == 0)
			continue;
		for (struct instance *before = generation->instances; before != each; before = before->next)
			if (!before->gone)
				registry_give_back(registry, before);
		return rc;
	}
	return 0;
}

int registry_unload(struct registry *registry, const char *name, struct ndrv_error *err)
{
	int rc;
	pthread_mutex_lock(&registry->change);
	struct generation *generation = registry_live(registry, name);
	if (!generation) {
		rc = ndrv_fail_object(err, NDRV_E_NO_DRIVER, name);
	} else {
		generation->leaving = true;
		rc = ndrv_wrap(err, take_all_away(registry, generation, err), "driver %s", name);
		if (rc == 0)
			retire(registry, generation);
		generation->leaving = false;
	}
	pthread_mutex_unlock(&registry->change);
	if (rc == 0)
		log_info("plugin", "driver %s: unloaded, its image stays mapped", name);
	return rc;
}

int registry_configure(struct registry *registry, const char *name, const struct ndrv_value *config, struct ndrv_error *err)
{
	int rc;
	pthread_mutex_lock(&registry->change);
	struct generation *generation = registry_live(registry, name);
	if (generation)
		rc = ndrv_wrap(err, registration_configure(generation, config, err), "driver %s", name);
	else
		rc = ndrv_fail_object(err, NDRV_E_NO_DRIVER, name);
	pthread_mutex_unlock(&registry->change);
	return rc;
}
