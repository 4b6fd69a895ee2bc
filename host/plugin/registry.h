/* SPDX-License-Identifier: Apache-2.0 */
/* Which code serves which network type.
 *
 *	driver_type   a name like "bridge", permanent once seen; `current` is who serves it now
 *	instance      one type as one generation serves it: a full op table, self, capability
 *	generation    one loaded image with all its instances: pending -> live -> (standby ->) retired
 *
 * Readers (every call of the dispatcher) take no lock: registry_type() finds the type, networks keep the pointer, and
 * atomic_load(&type->current) names the instance. Types, instances and generations are never freed before registry_free(), so a
 * pointer once seen stays readable; whether a call still runs inside is the dispatcher's knowledge (hooks->drain).
 * Changes come one at a time, under one lock that is held across the driver's entry and configure, never across another op. */
#ifndef HOST_PLUGIN_REGISTRY_H
#define HOST_PLUGIN_REGISTRY_H

#include <stdatomic.h>

#include "host/base/arena.h"
#include "host/base/turn.h"
#include "host/plugin/module.h"
#include "host/plugin/ops.h"

#define REGISTRY_TYPE_MAX 32 /* with NUL */

struct registry;
struct generation;
struct instance;

struct driver_type {
	char name[REGISTRY_TYPE_MAX];
	_Atomic(struct instance *) current; /* NULL: nobody serves it now */
	void *user;			    /* the dispatcher's; zero at first */
	struct instance *holder;	    /* the registry's: who has the type, also while `current` is empty for a moment */
	struct driver_type *next;	    /* of the registry's hash chain */
};

struct instance {
	struct ndrv_ops ops; /* full: call any slot. ops.size is sizeof(struct ndrv_ops). */
	void *self;
	uint64_t has;		  /* bit OPS_SLOT(op): the driver's own, not a stub */
	struct driver_type *type; /* name is "" for a dynamic driver's own instance, which serves no type */
	struct generation *generation;
	struct ndrv_capability capability; /* both scopes set; note points to generation->module->note */
	_Atomic(struct instance *) next;   /* of the generation, in order of registration; skip those that are `gone` */
	_Atomic(bool) gone;		   /* unregistered or destroyed */
	struct ndrv_value options;	   /* what it said of its options: options.h; in options_text */
	struct arena options_text;
};

/* True when the driver itself has the op: INSTANCE_HAS(instance, program_external). */
#define INSTANCE_HAS(instance, op) ((((instance)->has >> OPS_SLOT(op)) & 1u) != 0)

enum generation_state {
	GENERATION_PENDING, /* loaded and configured, serves nobody */
	GENERATION_LIVE,    /* its types are published */
	GENERATION_STANDBY, /* replaced, not destroyed: can be published again */
	GENERATION_RETIRED, /* destroyed; the image stays mapped */
};

struct generation {
	struct ndrv_host host; /* what the driver was given; first, so that `host` of a service names the generation */
	struct registry *registry;
	char name[REGISTRY_TYPE_MAX]; /* the driver's, from its descriptor */
	char *origin;		      /* "drivers.d/bridge.yaml:1:1" or "" */
	uint64_t number;	      /* 1, 2, ... over all drivers of this host; never used twice */
	bool critical;
	_Atomic(int) state; /* enum generation_state */
	struct module *module;
	_Atomic(struct instance *) instances;
	struct generation *replaces; /* of a pending one: the live generation of the same driver, or NULL */
	/* NDRV_THREADS_DRIVER: the dispatcher takes this turn around each op. Ready for use in every generation. */
	struct turn turn;
	struct driver_type nameless; /* of an instance without a type: a dynamic driver's own, for configure and destroy */
	uint32_t threading;	     /* NDRV_THREADS_..., unknown values as DRIVER */
	_Atomic(bool) entered;	     /* its entry function has returned */
	struct ndrv_error refusal;   /* of the first registration that failed in the entry function */
	_Atomic(bool) held;	     /* the dispatcher's: no timer or watch of it fires now */
	_Atomic(bool) leaving;	     /* it is unloaded as a whole, not one type of it */
	_Atomic(bool) lost;	     /* a call of a swap hangs in it: it is never entered again, nor destroyed */
	_Atomic(uint32_t) faults;    /* the dispatcher's: calls that ended with Internal */
	void *user;		     /* the dispatcher's; zero at first */
	struct generation *next;     /* of the registry, newest first */
};

/* The generation that a service (store, tables, nat, timers) is called for. */
static inline struct generation *generation_of(const struct ndrv_host *host)
{
	return (struct generation *)(uintptr_t)host;
}

/* A driver that unregisters a type itself (DYNAMIC_TYPES) keeps its `self`: destroy is called only for what is registered when the
 * generation ends, once for each self. */

/* What the registry needs from above. Any may be NULL. */
struct registry_hooks {
	void *data;
	/* Calls instance->ops.configure within a call frame. NULL: a plain call of its own, without netlink handles. */
	int (*configure)(void *data, struct instance *instance, const struct ndrv_value *config, struct ndrv_error *err);
	/* An error (DRIVER_IN_USE) while networks of this type exist. Asked before a type is taken away. NULL: never in use. */
	int (*in_use)(void *data, const struct instance *instance, struct ndrv_error *err);
	/* Nobody finds the instance any more: wait until no call is inside. An error puts it back. NULL: nobody is. */
	int (*drain)(void *data, struct instance *instance, struct ndrv_error *err);
	/* A type got or lost its server (`instance` NULL); for the instance of a dynamic driver that serves no type, its nameless
	 * one. The generation is live already. Under the registry's lock: be short, do not call the registry. */
	void (*changed)(void *data, struct driver_type *type, struct instance *instance);
};

/* `services` is a template: features, extension, store, tables, nat and timers are copied into the table of each driver; all else
 * is the registry's. `log` NULL: the host's log with the driver's name as topic. Its pointers must outlive the registry. */
int registry_new(struct registry **ret, const char *state_dir, const struct ndrv_host *services, const struct registry_hooks *hooks,
		 struct ndrv_error *err);
/* Destroys every generation that is not lost, newest first. Nothing may call in any more. Images stay mapped. */
void registry_free(struct registry *registry);

/* Lock-free. NULL: no driver ever registered it. A type whose `current` is NULL is known and has no server now. */
struct driver_type *registry_type(const struct registry *registry, const char *name);
static inline struct instance *type_current(struct driver_type *type)
{
	return atomic_load_explicit(&type->current, memory_order_acquire);
}
/* The type's server, or NO_DRIVER naming it. */
int registry_find(const struct registry *registry, const char *name, struct instance **ret, struct ndrv_error *err);

struct driver_request {
	const char *name;		 /* of the descriptor: letters, digits, _ . - ; at most 31 */
	const char *path;		 /* absolute */
	const char *sha256;		 /* pin, or NULL */
	const struct ndrv_value *config; /* a map, or NULL: configure is called with an empty map */
	const char *origin;		 /* for messages, or NULL */
	bool critical;
	bool own;     /* the host's own copy of a file that was checked when it came: no signature is asked for */
	bool replace; /* registry_prepare() only: beside the live generation of the same name */
};

/* Loads a driver and publishes all its types, or none. Errors: NOT_FOUND (no such file), DRIVER_REFUSED, ACTIVE_REGISTRATION (a
 * type or the driver's name is taken), or what its entry or configure said. The text names driver and file. `ret` may be NULL. */
int registry_load(struct registry *registry, const struct driver_request *request, struct generation **ret, struct ndrv_error *err);

/* The same in steps, for a swap. prepare: all but the publishing; with `replace` it may hold the types of the live generation
 * (FORBIDDEN where a scope differs) while that goes on serving. */
int registry_prepare(struct registry *registry, const struct driver_request *request, struct generation **ret,
		     struct ndrv_error *err);
/* A pending generation becomes the live one; the one it replaces becomes standby. Types the new one lacks lose their server. A
 * standby one can be published again in the same way: the live one of its name becomes standby. ACTIVE_REGISTRATION where another
 * driver took a type meanwhile; nothing is changed then. */
int registry_publish(struct registry *registry, struct generation *generation, struct ndrv_error *err);
/* Destroys a pending or standby generation; the image is retired. The caller knows that no call is inside. */
void registry_retire(struct registry *registry, struct generation *generation);

/* Unloads the live driver of this name: hooks in_use, unpublish, drain, destroy. NO_DRIVER, or what a hook said. */
int registry_unload(struct registry *registry, const char *name, struct ndrv_error *err);
/* Hands a new configuration to the live driver of this name. A refusal leaves the former one in force. NOT_IMPLEMENTED from a
 * driver without configure counts as success only for an empty map. */
int registry_configure(struct registry *registry, const char *name, const struct ndrv_value *config, struct ndrv_error *err);

/* Lists. `each` returns 0 to go on; what else it returns is returned. Types and generations that come meanwhile may be missed. */
int registry_each_type(const struct registry *registry, int (*each)(struct driver_type *type, void *data), void *data);
int registry_each_generation(struct registry *registry, int (*each)(struct generation *generation, void *data), void *data);
/* The live generation of a driver's name, or NULL. */
struct generation *registry_driver(struct registry *registry, const char *name);

struct registry_counts {
	uint32_t types; /* with a server */
	uint32_t live, pending, standby;
	uint32_t retired;	/* generations whose image is mapped and serves nobody, refused ones included */
	uint64_t retired_bytes; /* of their files */
	uint64_t refused;	/* loads that failed, since the start */
};
void registry_count(struct registry *registry, struct registry_counts *ret);
/* Why images go to memfds, or "". */
const char *registry_stage_fallback(const struct registry *registry);
/* The policy files are judged by, for module_inspect(). */
const struct policy *registry_policy(const struct registry *registry);
/* Whose signatures files need from now on; without it, none. `dir` is borrowed for the registry's life. One at a time with loads
 * and inspections: the caller serialises them. */
void registry_trust(struct registry *registry, int mode, const char *dir);

#endif
