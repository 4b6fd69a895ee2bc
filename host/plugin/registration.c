/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver does to the registry through its host table, and whether it did what its note promised. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/base/arena.h"
#include "host/base/log.h"
#include "host/plugin/options.h"
#include "host/plugin/registry_internal.h"

/* Memory one configure may use. */
#define CONFIGURE_BYTES (1u << 20)

static bool scope_ok(uint32_t scope)
{
	return scope == NDRV_SCOPE_LOCAL || scope == NDRV_SCOPE_GLOBAL;
}

static uint32_t connectivity(uint32_t data_scope, uint32_t connectivity_scope)
{
	return connectivity_scope ? connectivity_scope : data_scope;
}

/* Which member the code's note and the file's note differ in. */
static const char *note_difference(const struct ndrv_note *code, const struct ndrv_note *file, uint32_t bytes)
{
	static const struct {
		const char *name;
		size_t offset;
	} members[] = {
		{"ABI version", offsetof(struct ndrv_note, abi_major)},
		{"features", offsetof(struct ndrv_note, needs_lo)},
		{"flags", offsetof(struct ndrv_note, flags)},
		{"threading", offsetof(struct ndrv_note, threading)},
		{"scope", offsetof(struct ndrv_note, data_scope)},
		{"capability flags", offsetof(struct ndrv_note, capability_flags)},
		{"state version", offsetof(struct ndrv_note, state_version)},
		{"ops size", offsetof(struct ndrv_note, ops_size)},
		{"state schema", offsetof(struct ndrv_note, state_schema)},
		{"name", offsetof(struct ndrv_note, name)},
		{"version", offsetof(struct ndrv_note, version)},
		{"vendor", offsetof(struct ndrv_note, vendor)},
		{"types", offsetof(struct ndrv_note, types)},
	};
	const char *a = (const char *)code, *b = (const char *)file;
	size_t differs = 0;
	while (differs < bytes && a[differs] == b[differs])
		differs++;
	if (differs == bytes)
		return NULL;
	const char *name = "size";
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (members[i].offset <= differs)
			name = members[i].name;
	return name;
}

static int check_note(const struct generation *generation, const struct ndrv_capability *capability, struct ndrv_error *err)
{
	const struct module *module = generation->module;
	const struct ndrv_note *note = NDRV_COVERS(capability, note) ? capability->note : NULL;
	if (!note)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "its code registers without its note");
	if (note->size != module->note_bytes)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "the note in its code has %u bytes, the one in its file %u",
				 note->size, module->note_bytes);
	const char *what = note_difference(note, module->note_raw, module->note_bytes);
	if (what)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "the note in its code differs from the one in its file: %s", what);
	return 0;
}

/* The note of a driver of dynamic types speaks for the driver alone: each type it finds has its own scope and flags. */
static int check_capability(const struct generation *generation, const char *type, const struct ndrv_capability *capability,
			    struct ndrv_error *err)
{
	const struct ndrv_note *file = &generation->module->note;
	if (!capability || !NDRV_COVERS(capability, flags))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "registers without a capability");
	uint32_t code = connectivity(capability->data_scope, capability->connectivity_scope);
	if (!scope_ok(capability->data_scope) || !scope_ok(code))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "registers with a scope that is neither local nor global");
	int rc = check_note(generation, capability, err);
	if (rc || ((file->flags & NDRV_DRIVER_DYNAMIC_TYPES) && *type))
		return rc;
	if (capability->data_scope != file->data_scope)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "its code registers with another data scope than its note says");
	if (code != connectivity(file->data_scope, file->connectivity_scope))
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED,
				 "its code registers with another connectivity scope than its note says");
	if (capability->flags != file->capability_flags)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "its code registers with other capability flags than its note says");
	return 0;
}

static int check_type(const struct generation *generation, const char *type, struct ndrv_error *err)
{
	const struct ndrv_note *note = &generation->module->note;
	bool dynamic = (note->flags & NDRV_DRIVER_DYNAMIC_TYPES) != 0;
	if (type && !type[0] && dynamic && !generation->entered)
		return 0;
	if (!type || !elf_type_name_ok(type))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "\"%.40s\" cannot be a network type: 1 to 31 of a-z 0-9 _ . -",
				 type ? type : "");
	if (dynamic)
		return 0;
	if (generation->entered)
		return ndrv_fail(err, NDRV_E_FORBIDDEN,
				 "type %s is registered after the entry function, which only a driver of dynamic types may do",
				 type);
	if (!note_has_type(note, type))
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "its code registers type %s, which its note does not name", type);
	return 0;
}

static int check_ops(const struct generation *generation, const struct ndrv_ops *ops, struct ndrv_error *err)
{
	uint32_t noted = generation->module->note.ops_size;
	if (ops->size != noted)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "its code registers a table of ops of %u bytes, its note says %u",
				 ops->size, noted);
	return 0;
}

static struct instance *find_instance(const struct generation *generation, const char *type)
{
	for (struct instance *each = generation->instances; each; each = each->next)
		if (!each->gone && strcmp(each->type->name, type) == 0)
			return each;
	return NULL;
}

/* With the registry's mutex held. */
static int insert(struct generation *generation, struct instance *instance, const char *name, struct ndrv_error *err)
{
	struct registry *registry = generation->registry;
	struct driver_type *type = name[0] ? registry_type_add(registry, name) : &generation->nameless;
	if (!type)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for type %s", name);
	const struct generation *holder = type->holder ? type->holder->generation : NULL;
	if ((holder && holder != generation->replaces) || find_instance(generation, name))
		return ndrv_fail_object(err, NDRV_E_ACTIVE_REGISTRATION, name);
	if (generation->state == GENERATION_RETIRED)
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "type %s is registered by a driver that was unloaded", name);
	instance->type = type;
	_Atomic(struct instance *) *at = &generation->instances;
	while (*at)
		at = &(*at)->next;
	*at = instance;
	if (generation->state == GENERATION_LIVE)
		registry_serve(type, instance, instance, registry);
	return 0;
}

static int add(struct generation *generation, const char *type, const struct ndrv_ops *ops, void *self,
	       const struct ndrv_capability *capability, struct ndrv_error *err)
{
	struct instance *instance = calloc(1, sizeof(*instance));
	if (!instance)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for type %.40s", type ? type : "");
	int rc = check_type(generation, type, err);
	if (rc == 0)
		rc = check_capability(generation, type, capability, err);
	if (rc == 0)
		rc = ops_normalise(ops, &instance->ops, &instance->has, err);
	if (rc == 0)
		rc = check_ops(generation, ops, err);
	if (rc == 0) {
		instance->self = self;
		instance->generation = generation;
		instance->capability = (struct ndrv_capability){
			.size = sizeof(instance->capability),
			.data_scope = capability->data_scope,
			.connectivity_scope = connectivity(capability->data_scope, capability->connectivity_scope),
			.flags = capability->flags,
			.note = &generation->module->note,
		};
		rc = options_take_down(instance, err);
	}
	if (rc == 0) {
		pthread_mutex_lock(&generation->registry->mutex);
		rc = insert(generation, instance, type, err);
		pthread_mutex_unlock(&generation->registry->mutex);
	}
	if (rc) {
		arena_reset(&instance->options_text);
		free(instance);
	}
	return rc;
}

static int host_register(const struct ndrv_host *host, const char *type, const struct ndrv_ops *ops, void *self,
			 const struct ndrv_capability *capability, struct ndrv_error *err)
{
	struct ndrv_error ours = {0};
	struct generation *generation = generation_of(host);
	if (!generation)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "register_driver without the host's table");
	int rc = add(generation, type, ops, self, capability, &ours);
	/* An entry that goes on as if nothing had happened is refused all the same. */
	if (rc && !generation->entered && !generation->refusal.code)
		generation->refusal = ours;
	if (rc && err)
		*err = ours;
	return rc;
}

static int host_unregister(const struct ndrv_host *host, const char *type, struct ndrv_error *err)
{
	struct generation *generation = generation_of(host);
	struct registry *registry = generation->registry;
	pthread_mutex_lock(&registry->mutex);
	struct instance *instance = type && type[0] ? find_instance(generation, type) : NULL;
	pthread_mutex_unlock(&registry->mutex);
	if (!instance)
		return ndrv_fail(err, NDRV_E_NOT_FOUND, "driver %s does not hold the type \"%.40s\"", generation->name,
				 type ? type : "");
	if (generation->state == GENERATION_LIVE) {
		int rc = registry_take_away(registry, instance, err);
		if (rc)
			return rc;
	}
	pthread_mutex_lock(&registry->mutex);
	instance->gone = true;
	if (instance->type->holder == instance)
		instance->type->holder = NULL;
	pthread_mutex_unlock(&registry->mutex);
	return 0;
}

static void host_log(const struct ndrv_host *host, int level, const char *text)
{
	int known = level < NDRV_LOG_ERROR ? NDRV_LOG_ERROR : level > NDRV_LOG_DEBUG ? NDRV_LOG_DEBUG : level;
	log_write(known, generation_of(host)->name, "%s", text ? text : "");
}

void registration_host(struct generation *generation)
{
	struct ndrv_host *host = &generation->host;
	*host = generation->registry->services;
	host->size = sizeof(*host);
	host->abi_major = NDRV_ABI_MAJOR;
	host->abi_minor = NDRV_ABI_MINOR;
	host->register_driver = host_register;
	host->unregister_driver = host_unregister;
	if (!host->log)
		host->log = host_log;
}

int registration_check(const struct generation *generation, struct ndrv_error *err)
{
	const struct ndrv_note *note = &generation->module->note;
	for (const char *type = note_type_next(note, NULL); type; type = note_type_next(note, type))
		if (!find_instance(generation, type))
			return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "its note names type %s, which its code does not register",
					 type);
	if (!generation->replaces)
		return 0;
	for (const struct instance *each = generation->instances; each; each = each->next) {
		const struct instance *old = each->gone ? NULL : find_instance(generation->replaces, each->type->name);
		if (old && (old->capability.data_scope != each->capability.data_scope ||
			    old->capability.connectivity_scope != each->capability.connectivity_scope))
			return ndrv_fail(err, NDRV_E_FORBIDDEN, "type %s would change its scope, which a swap may not",
					 each->type->name);
	}
	return 0;
}

static int never_cancelled(const struct ndrv_call *call)
{
	(void)call;
	return 0;
}

static int configure_plainly(struct instance *instance, const struct ndrv_value *config, struct ndrv_error *err)
{
	struct arena arena;
	struct ndrv_error own = {0};
	arena_init(&arena, CONFIGURE_BYTES);
	struct ndrv_call call = {
		.size = sizeof(call),
		.err = &own,
		.arena = &arena.ndrv,
		.cancelled = never_cancelled,
		.requester = "the host",
		.front = NDRV_FRONT_HOST,
		.uid = (uint32_t)-1,
		.request_id = "",
	};
	int rc = instance->ops.configure(instance->self, &call, config);
	arena_reset(&arena);
	if (rc && !own.code)
		rc = ndrv_fail(&own, NDRV_E_INTERNAL, "configure failed with %d and gave no reason", rc);
	own.text[sizeof(own.text) - 1] = 0;
	return rc ? ndrv_fail(err, own.code, "%s", own.text) : 0;
}

/* Whether an earlier instance of the generation has the same self and, where it matters, the same function. */
static bool is_repeated(const struct generation *generation, const struct instance *instance, bool destroy)
{
	for (const struct instance *each = generation->instances; each != instance; each = each->next)
		if (!each->gone && each->self == instance->self &&
		    (destroy ? each->ops.destroy == instance->ops.destroy : each->ops.configure == instance->ops.configure))
			return true;
	return false;
}

int registration_configure(struct generation *generation, const struct ndrv_value *config, struct ndrv_error *err)
{
	const struct registry_hooks *hooks = &generation->registry->hooks;
	const struct ndrv_value empty = {.type = NDRV_MAP};
	const struct ndrv_value *given = config && config->type != NDRV_NULL ? config : &empty;
	bool asked = false;
	for (struct instance *each = generation->instances; each; each = each->next) {
		if (each->gone || !INSTANCE_HAS(each, configure))
			continue;
		asked = true;
		if (is_repeated(generation, each, false))
			continue;
		int rc = hooks->configure ? hooks->configure(hooks->data, each, given, err) : configure_plainly(each, given, err);
		if (rc)
			return ndrv_wrap(err, rc, "configure");
	}
	if (!asked && given->count)
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED,
				 "configure: this driver takes no configuration, its config: section must be empty");
	return 0;
}

void registration_destroy(struct generation *generation)
{
	for (struct instance *each = generation->instances; each; each = each->next)
		if (!each->gone && !is_repeated(generation, each, true))
			each->ops.destroy(each->self);
	for (struct instance *each = generation->instances; each; each = each->next)
		each->gone = true;
}
