/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/registry.h"

#include <stdlib.h>
#include <string.h>

#include "host/base/log.h"
#include "host/plugin/registry_internal.h"

static uint32_t bucket(const char *name)
{
	uint32_t hash = 2166136261u;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash % REGISTRY_BUCKETS;
}

struct driver_type *registry_type(const struct registry *registry, const char *name)
{
	struct driver_type *type = atomic_load_explicit(&registry->types[bucket(name)], memory_order_acquire);
	while (type && strcmp(type->name, name) != 0)
		type = type->next;
	return type;
}

int registry_find(const struct registry *registry, const char *name, struct instance **ret, struct ndrv_error *err)
{
	struct driver_type *type = registry_type(registry, name);
	struct instance *instance = type ? type_current(type) : NULL;
	if (!instance)
		return ndrv_fail_object(err, NDRV_E_NO_DRIVER, name);
	*ret = instance;
	return 0;
}

struct driver_type *registry_type_add(struct registry *registry, const char *name)
{
	struct driver_type *type = registry_type(registry, name);
	if (type)
		return type;
	type = calloc(1, sizeof(*type));
	if (!type)
		return NULL;
	memcpy(type->name, name, strlen(name) + 1);
	_Atomic(struct driver_type *) *head = &registry->types[bucket(name)];
	type->next = atomic_load_explicit(head, memory_order_relaxed);
	atomic_store_explicit(head, type, memory_order_release);
	return type;
}

void registry_serve(struct driver_type *type, struct instance *holder, struct instance *current, struct registry *registry)
{
	type->holder = holder;
	if (atomic_exchange(&type->current, current) != current && registry->hooks.changed)
		registry->hooks.changed(registry->hooks.data, type, current);
}

int registry_take_away(struct registry *registry, struct instance *instance, struct ndrv_error *err)
{
	const struct registry_hooks *hooks = &registry->hooks;
	if (!instance->type->name[0])
		return 0; /* serves nobody */
	int rc = hooks->in_use ? hooks->in_use(hooks->data, instance, err) : 0;
	if (rc)
		return rc;
	pthread_mutex_lock(&registry->mutex);
	bool ours = type_current(instance->type) == instance;
	if (ours)
		registry_serve(instance->type, instance, NULL, registry);
	pthread_mutex_unlock(&registry->mutex);
	if (!ours)
		return ndrv_fail(err, NDRV_E_RETRY, "type %s is being taken away already", instance->type->name);
	rc = hooks->drain ? hooks->drain(hooks->data, instance, err) : 0;
	/* A call that was inside may have made a network. */
	if (rc == 0 && hooks->in_use)
		rc = hooks->in_use(hooks->data, instance, err);
	if (rc)
		registry_give_back(registry, instance);
	return rc;
}

void registry_give_back(struct registry *registry, struct instance *instance)
{
	pthread_mutex_lock(&registry->mutex);
	registry_serve(instance->type, instance, instance, registry);
	pthread_mutex_unlock(&registry->mutex);
}

struct generation *registry_live(const struct registry *registry, const char *name)
{
	for (struct generation *each = registry->generations; each; each = each->next)
		if (each->state == GENERATION_LIVE && strcmp(each->name, name) == 0)
			return each;
	return NULL;
}

struct generation *registry_driver(struct registry *registry, const char *name)
{
	return registry_live(registry, name);
}

int registry_new(struct registry **ret, const char *state_dir, const struct ndrv_host *services, const struct registry_hooks *hooks,
		 struct ndrv_error *err)
{
	struct registry *registry = calloc(1, sizeof(*registry));
	if (!registry)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for the registry");
	int rc = stage_open(&registry->stage, state_dir, err);
	if (rc) {
		free(registry);
		return rc;
	}
	pthread_mutex_init(&registry->change, NULL);
	pthread_mutex_init(&registry->mutex, NULL);
	if (services)
		registry->services = *services;
	registry->policy.features = registry->services.features;
	if (hooks)
		registry->hooks = *hooks;
	if (registry->stage.fallback[0])
		log_info("plugin", "driver images are loaded from memory: %s", registry->stage.fallback);
	*ret = registry;
	return 0;
}

static void generation_free(struct generation *generation)
{
	struct instance *next;
	for (struct instance *each = generation->instances; each; each = next) {
		next = each->next;
		arena_reset(&each->options_text);
		free(each);
	}
	module_retire(generation->module);
	turn_done(&generation->turn);
	free(generation->origin);
	free(generation);
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	for (struct generation *each = registry->generations; each; each = each->next) {
		int state = atomic_exchange(&each->state, GENERATION_RETIRED);
		if (state != GENERATION_RETIRED && !atomic_load(&each->lost))
			registration_destroy(each);
	}
	struct generation *next;
	for (struct generation *each = registry->generations; each; each = next) {
		next = each->next;
		generation_free(each);
	}
	for (uint32_t i = 0; i < REGISTRY_BUCKETS; i++) {
		struct driver_type *type = registry->types[i], *after;
		for (; type; type = after) {
			after = type->next;
			free(type);
		}
	}
	stage_close(&registry->stage);
	pthread_mutex_destroy(&registry->mutex);
	pthread_mutex_destroy(&registry->change);
	free(registry);
}

int registry_each_type(const struct registry *registry, int (*each)(struct driver_type *type, void *data), void *data)
{
	for (uint32_t i = 0; i < REGISTRY_BUCKETS; i++)
		for (struct driver_type *type = registry->types[i]; type; type = type->next) {
			int rc = each(type, data);
			if (rc)
				return rc;
		}
	return 0;
}

int registry_each_generation(struct registry *registry, int (*each)(struct generation *generation, void *data), void *data)
{
	for (struct generation *generation = registry->generations; generation; generation = generation->next) {
		int rc = each(generation, data);
		if (rc)
			return rc;
	}
	return 0;
}

static int count_type(struct driver_type *type, void *data)
{
	struct registry_counts *counts = data;
	counts->types += type_current(type) != NULL;
	return 0;
}

static int count_generation(struct generation *generation, void *data)
{
	struct registry_counts *counts = data;
	int state = generation->state;
	counts->pending += state == GENERATION_PENDING;
	counts->live += state == GENERATION_LIVE;
	counts->standby += state == GENERATION_STANDBY;
	counts->retired += state == GENERATION_RETIRED;
	if (state == GENERATION_RETIRED)
		counts->retired_bytes += generation->module->bytes;
	return 0;
}

void registry_count(struct registry *registry, struct registry_counts *ret)
{
	*ret = (struct registry_counts){.refused = registry->refused};
	(void)registry_each_type(registry, count_type, ret);
	(void)registry_each_generation(registry, count_generation, ret);
}

const char *registry_stage_fallback(const struct registry *registry)
{
	return registry->stage.fallback;
}

const struct policy *registry_policy(const struct registry *registry)
{
	return &registry->policy;
}

void registry_trust(struct registry *registry, int mode, const char *dir)
{
	registry->policy.trust = (struct trust){.mode = mode, .dir = dir};
}
