/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's own: shared by registry.c, registration.c and generation.c only. */
#ifndef HOST_PLUGIN_REGISTRY_INTERNAL_H
#define HOST_PLUGIN_REGISTRY_INTERNAL_H

#include <pthread.h>

#include "host/plugin/registry.h"

#define REGISTRY_BUCKETS 64u

struct registry {
	pthread_mutex_t change; /* one load, publish, unload at a time; held across the driver's entry, configure, destroy */
	pthread_mutex_t mutex;	/* who holds which type; short, the inner of the two */
	_Atomic(struct driver_type *) types[REGISTRY_BUCKETS]; /* push only */
	_Atomic(struct generation *) generations;	       /* push only, newest first */
	uint64_t last_number;
	_Atomic uint64_t refused;
	struct stage stage;
	struct policy policy;
	struct ndrv_host services;
	struct registry_hooks hooks;
};

/* Those below are called with `mutex` held. */
struct driver_type *registry_type_add(struct registry *registry, const char *name);
void registry_serve(struct driver_type *type, struct instance *holder, struct instance *current, struct registry *registry);

/* registration.c: fills what a driver sees of the host. */
void registration_host(struct generation *generation);
/* After the entry succeeded: has it registered what the note says? */
int registration_check(const struct generation *generation, struct ndrv_error *err);
/* Hook or plain call; an empty map where `config` is NULL. Once for each self. */
int registration_configure(struct generation *generation, const struct ndrv_value *config, struct ndrv_error *err);
/* destroy, once for each self of what is registered; all is `gone` then. */
void registration_destroy(struct generation *generation);

/* Takes a type from an instance when nobody needs it: in_use, unpublish, drain. 0: it is unpublished and still held. */
int registry_take_away(struct registry *registry, struct instance *instance, struct ndrv_error *err);
/* Gives it back. */
void registry_give_back(struct registry *registry, struct instance *instance);
struct generation *registry_live(const struct registry *registry, const char *name);

#endif
