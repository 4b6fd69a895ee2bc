/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/core.h"
#include "host/dispatch/nat_service.h"
#include "host/dispatch/rows.h"
#include "host/dispatch/timers.h"

#define DRAIN_NS (10 * NSEC_PER_SEC)

/* A write of a generation that does not serve yet. The newest stands first; `value` NULL: deleted. */
struct pending {
	struct pending *next;
	const struct generation *generation;
	char *key;
	unsigned char *value;
	size_t bytes;
};

struct services {
	struct ndrv_store_ops store_ops; /* first: host->store leads here */
	struct store *store;
	struct dispatch *dispatch;
	struct timers *timers;
	struct rows *rows;
	struct nat_service *nat; /* NULL: none here */
	pthread_mutex_t lock;
	struct pending *pending;
};

static struct services *services_of(const struct ndrv_host *host)
{
	return (struct services *)(uintptr_t)host->store;
}

static bool is_pending(const struct generation *generation)
{
	return atomic_load(&generation->state) == GENERATION_PENDING;
}

static void pending_free(struct pending *pending)
{
	free(pending->key);
	free(pending->value);
	free(pending);
}

/* --- the store --- */

static int keep_pending(struct services *services, const struct generation *generation, const char *key, const void *value,
			size_t bytes, struct ndrv_error *err)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (pending) {
		pending->generation = generation;
		pending->key = strdup(key);
		pending->bytes = bytes;
		pending->value = value ? malloc(bytes ? bytes : 1) : NULL;
	}
	if (!pending || !pending->key || (value && !pending->value)) {
		if (pending)
			pending_free(pending);
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	}
	if (value && bytes)
		memcpy(pending->value, value, bytes);
	(void)pthread_mutex_lock(&services->lock);
	pending->next = services->pending;
	services->pending = pending;
	(void)pthread_mutex_unlock(&services->lock);
	return 0;
}

/* With the lock. The newest write of this key by this generation. */
static const struct pending *find_pending(const struct services *services, const struct generation *generation, const char *key)
{
	for (const struct pending *at = services->pending; at; at = at->next)
		if (at->generation == generation && !strcmp(at->key, key))
			return at;
	return NULL;
}

static int check_value(const char *key, size_t bytes, struct ndrv_error *err)
{
	if (!key || !key[0] || strlen(key) > 255)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a key has 1 to 255 bytes");
	if (bytes > 65536)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the value of %s has %zu bytes, at most 65536 are kept", key, bytes);
	return 0;
}

static int put(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *err)
{
	struct services *services = services_of(host);
	const struct generation *generation = generation_of(host);
	int rc = check_value(key, bytes, err);

	if (rc)
		return rc;
	if (is_pending(generation))
		return keep_pending(services, generation, key, value ? value : "", bytes, err);
	return store_driver_put(services->store, generation->name, key, value, bytes, err);
}

static int get(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
	       struct ndrv_error *err)
{
	struct services *services = services_of(host);
	const struct generation *generation = generation_of(host);
	void *copy = NULL;
	bool known = false, deleted = false;

	if (!key)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a key has 1 to 255 bytes");
	(void)pthread_mutex_lock(&services->lock);
	const struct pending *pending = is_pending(generation) ? find_pending(services, generation, key) : NULL;
	if (pending) {
		known = true;
		deleted = !pending->value;
		copy = deleted ? NULL : ndrv_arena_alloc(arena, pending->bytes ? pending->bytes : 1);
		if (copy) {
			memcpy(copy, pending->value, pending->bytes);
			*ret_bytes = pending->bytes;
		}
	}
	(void)pthread_mutex_unlock(&services->lock);
	if (!known)
		return store_driver_get(services->store, arena, generation->name, key, ret, ret_bytes, err);
	if (deleted)
		return ndrv_fail_object(err, NDRV_E_NOT_FOUND, key);
	if (!copy)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	*ret = copy;
	return 0;
}

static int del(const struct ndrv_host *host, const char *key, struct ndrv_error *err)
{
	struct services *services = services_of(host);
	const struct generation *generation = generation_of(host);
	int rc = check_value(key, 0, err);

	if (rc)
		return rc;
	if (is_pending(generation))
		return keep_pending(services, generation, key, NULL, 0, err);
	return store_driver_del(services->store, generation->name, key, err);
}

/* What a pending generation wrote itself shows after its commit; until then it sees what is on disk. */
static int scan(const struct ndrv_host *host, const char *prefix,
		int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err)
{
	struct services *services = services_of(host);

	return store_driver_scan(services->store, generation_of(host)->name, prefix ? prefix : "", each, data, err);
}

/* With the lock: takes the writes of a generation out, the oldest first. */
static struct pending *take_pending(struct services *services, const struct generation *generation)
{
	struct pending *chain = NULL;

	for (struct pending **at = &services->pending; *at;) {
		struct pending *pending = *at;
		if (pending->generation != generation) {
			at = &pending->next;
			continue;
		}
		*at = pending->next;
		pending->next = chain;
		chain = pending;
	}
	return chain;
}

int services_commit(struct services *services, const struct generation *generation, struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&services->lock);
	struct pending *chain = take_pending(services, generation);
	(void)pthread_mutex_unlock(&services->lock);
	while (chain) {
		struct pending *next = chain->next;
		if (!rc && services->store)
			rc = chain->value ? store_driver_put(services->store, generation->name, chain->key, chain->value,
							     chain->bytes, err)
					  : store_driver_del(services->store, generation->name, chain->key, err);
		pending_free(chain);
		chain = next;
	}
	return rc;
}

/* --- the registry's hooks --- */

struct counting {
	const struct driver_type *type;
	uint32_t count;
};

static int count_network(struct network *network, void *data)
{
	struct counting *counting = data;

	counting->count += network->driver == counting->type || !strcmp(network->type, counting->type->name);
	return 0;
}

static int in_use(void *data, const struct instance *instance, struct ndrv_error *err)
{
	struct services *services = data;
	struct counting counting = {.type = instance->type};

	if (!services->dispatch)
		return 0;
	(void)records_each(services->dispatch->parts.records, count_network, &counting);
	if (!counting.count)
		return 0;
	return ndrv_fail(err, NDRV_E_DRIVER_IN_USE, "driver \"%s\" has networks (%u of type %s)", instance->generation->name,
			 counting.count, instance->type->name);
}

static int drain(void *data, struct instance *instance, struct ndrv_error *err)
{
	struct services *services = data;

	uint64_t until = clock_ns() + DRAIN_NS;
	const struct frame *here = frame_here();

	if (here && atomic_load(&here->instance) == instance)
		return ndrv_fail(err, NDRV_E_FORBIDDEN,
				 "type %s cannot be taken away by a call of its own: that call would be in the way",
				 instance->type->name);
	/* Timers first, or one could enter after the frames were looked at. They do not come back if the driver stays after all. Of
	 * a driver that gives up one type of several none belongs to that type: its networks are gone. */
	if (atomic_load(&instance->generation->leaving)) {
		services_drop_generation(services, instance->generation);
		if (!timers_wait(services->timers, instance->generation, until))
			return ndrv_fail(err, NDRV_E_TIMEOUT, "a timer of driver \"%s\" is still busy", instance->generation->name);
	}
	return frames_wait(instance, until, err);
}

static void changed(void *data, struct driver_type *type, struct instance *instance)
{
	struct services *services = data;
	struct ndrv_error err = {0};

	timers_wake(services->timers);
	rows_type_changed(services->rows, type, instance);
	if (instance && services_commit(services, instance->generation, &err))
		log_error("dispatch", "driver %s serves, but what it wrote before could not be kept: %s",
			  instance->generation->name, err.text);
}

/* --- life --- */

int services_new(struct store *store, struct services **ret, struct ndrv_error *err)
{
	struct services *services = calloc(1, sizeof(*services));

	if (!services)
		return ndrv_fail_errno(err, ENOMEM, "make the drivers' services");
	services->store = store;
	services->store_ops =
		(struct ndrv_store_ops){.size = sizeof(services->store_ops), .put = put, .get = get, .del = del, .scan = scan};
	(void)pthread_mutex_init(&services->lock, NULL);
	int rc = timers_new(&services->timers, err);
	if (!rc && (rc = rows_new(store, &services->rows, err)))
		timers_free(services->timers);
	if (rc) {
		(void)pthread_mutex_destroy(&services->lock);
		free(services);
		return rc;
	}
	*ret = services;
	return 0;
}

int services_open_nat(struct services *services, const char *instance, uint32_t link_group, struct ndrv_error *err)
{
	struct ndrv_error why = {0};
	int rc = nat_service_open(instance, link_group, services->store, &services->nat, &why);

	if (rc == -NDRV_E_KERNEL_LACKS || rc == -NDRV_E_PERMISSION) {
		log_warning("nat", "no NAT and no published ports here: %s", why.text);
		return 0;
	}
	if (rc && err)
		*err = why;
	return rc;
}

struct nat_service *services_nat(const struct services *services)
{
	return services->nat;
}

void services_offer(struct services *services, struct ndrv_host *ret)
{
	ret->features |= SERVICES_FEATURES & ~(NDRV_FEATURE_STORE | NDRV_FEATURE_NAT);
	if (services->nat) {
		ret->features |= NDRV_FEATURE_NAT;
		ret->nat = nat_service_ops(services->nat);
	}
	ret->timers = timers_ops(services->timers);
	ret->tables = rows_ops(services->rows);
	if (!services->store)
		return;
	ret->features |= NDRV_FEATURE_STORE;
	ret->store = &services->store_ops;
}

void services_hooks(struct services *services, struct registry_hooks *ret)
{
	ret->data = services;
	ret->in_use = in_use;
	ret->drain = drain;
	ret->changed = changed;
}

void services_attach(struct services *services, struct dispatch *dispatch)
{
	services->dispatch = dispatch;
	dispatch->services = services;
	timers_attach(services->timers, dispatch);
	rows_attach(services->rows, dispatch);
}

int services_name_node(struct services *services, const char *node, const char *address, struct ndrv_error *err)
{
	int rc = rows_start(services->rows, node, err);
	struct tables *tables = rows_tables(services->rows);

	return rc || !address || !address[0] ? rc : tables_node_add(tables, tables_node(tables), address, "", err);
}

struct rows *services_rows(struct services *services)
{
	return services->rows;
}

void services_drop_network(struct services *services, const struct ndrv_network *network)
{
	timers_drop(services->timers, network, NULL, true);
}

void services_drop_generation(struct services *services, const struct generation *generation)
{
	timers_drop(services->timers, NULL, generation, true);
	(void)pthread_mutex_lock(&services->lock);
	struct pending *chain = take_pending(services, generation);
	(void)pthread_mutex_unlock(&services->lock);
	while (chain) {
		struct pending *next = chain->next;
		pending_free(chain);
		chain = next;
	}
}

void services_hold(struct services *services, struct generation *generation, bool held)
{
	atomic_store(&generation->held, held);
	timers_wake(services->timers);
}

int services_quiet(struct services *services, const struct generation *generation, uint64_t deadline_ns, struct ndrv_error *err)
{
	if (timers_wait(services->timers, generation, deadline_ns))
		return 0;
	return ndrv_fail(err, NDRV_E_TIMEOUT, "a timer of driver \"%s\" is still busy", generation->name);
}

void services_drop_networks(struct services *services, const struct generation *generation)
{
	timers_drop(services->timers, NULL, generation, false);
}

void services_stop(struct services *services)
{
	rows_stop(services->rows);
	timers_stop(services->timers);
}

void services_free(struct services *services)
{
	if (!services)
		return;
	timers_free(services->timers);
	rows_free(services->rows);
	nat_service_close(services->nat);
	while (services->pending) {
		struct pending *next = services->pending->next;
		pending_free(services->pending);
		services->pending = next;
	}
	(void)pthread_mutex_destroy(&services->lock);
	free(services);
}
