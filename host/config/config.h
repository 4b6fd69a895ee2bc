/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: YAML in, one immutable tree out. It is handed on as const and needs no lock; a reload makes a new one.
 *
 * Every refusal is NDRV_E_CONFIG. Its text begins "FILE:LINE:COLUMN: " (only "FILE: " where a file cannot be used at all), names
 * the key, what was expected and what was found. docs/config.md describes every key; schema.c is the table behind it. */
#ifndef HOST_CONFIG_CONFIG_H
#define HOST_CONFIG_CONFIG_H

#include <stdbool.h>

#include <ndrv/types.h>
#include <ndrv/value.h>

#include "host/base/arena.h"

/* The longest `instance`, without NUL: it is a part of interface names, which have 15 bytes in all. */
#define CONFIG_INSTANCE_MAX 8
/* Link group numbers ownership.link_group + 0 ... + CONFIG_LINK_GROUPS - 1 are this instance's. */
#define CONFIG_LINK_GROUPS 16

struct config_strings {
	uint32_t count;
	const char *const *items;
};

struct config_control {
	const char *socket; /* absolute path */
	const char *group;  /* a name or a number in digits; "" for root alone. Not looked up here. */
	uint32_t max_connections;
	uint32_t max_connections_per_uid;
	uint64_t request_timeout_ns; /* for the whole of a request to arrive */
	uint64_t max_request;	     /* bytes of a request's body */
};

enum { CONFIG_LOG_AUTO = 0, CONFIG_LOG_PLAIN = 1, CONFIG_LOG_PREFIX = 2 };

struct config_log {
	int level;  /* NDRV_LOG_ERROR ... NDRV_LOG_DEBUG */
	int format; /* CONFIG_LOG_...; AUTO: with sd-daemon prefixes when standard error is the journal */
};

struct config_calls {
	uint64_t deadline_ns;
	uint32_t workers;     /* kept ready; at least 1 */
	uint32_t max_workers; /* never below workers */
	uint64_t memory;      /* limit of a call's arena, in bytes */
};

/* Swaps of drivers (docs/swap.md). */
struct config_swap {
	uint64_t drain_ns;     /* how long running calls may keep a swap from beginning */
	uint64_t step_ns;      /* how long a driver may take over one call that a swap makes */
	uint64_t probation_ns; /* how long the former generation stands by; 0: not at all */
	uint32_t max_errors;   /* Internal errors within the probation that put it back; 0: none do */
};

struct config_ownership {
	uint32_t link_group;	 /* first of CONFIG_LINK_GROUPS */
	uint32_t route_protocol; /* 5 ... 255 */
};

/* This host among those that share tables (docs/tables.md). */
struct config_node {
	const char *name;    /* "auto": the machine's */
	const char *address; /* where the others reach it; "none": not said */
};

/* An operation that is never allowed. Whether there is such an operation is known to the dispatcher, which says so with `at`. */
struct config_deny {
	const char *type; /* NULL: whatever the driver */
	const char *op;	  /* "network_create" */
	const char *at;	  /* "FILE:LINE:COLUMN" */
};

/* A network type as a Docker plugin. */
struct config_exposed {
	const char *name; /* of the plugin: what `docker network create -d` takes */
	const char *type; /* of networks; by default of the same name */
	int scope;	  /* NDRV_SCOPE_... */
	int connectivity_scope;
	bool managed; /* its socket is RUNTIME_DIR/docker/NAME.sock, for the forwarder of a managed plugin */
};

struct config_docker {
	const char *plugin_dir; /* absolute; the sockets are PLUGIN_DIR/NAME.sock */
	uint32_t expose_count;
	const struct config_exposed *expose;
};

/* As many as there are places for in a hand-over (handover.h). */
#define CONFIG_EXPOSED_MAX 12

/* Subnets of `size` bits are taken from `base`, first pool first, when a network asks for none in particular. */
struct config_pool {
	struct ndrv_prefix base; /* host bits are 0 */
	uint32_t size;		 /* not below base.length */
};

/* Signatures of driver files (docs/trust.md). */
enum { CONFIG_TRUST_OFF = 0, CONFIG_TRUST_OPTIONAL = 1, CONFIG_TRUST_REQUIRED = 2 };

struct config_driver {
	const char *name;
	const char *file; /* as written; NULL only when not enabled */
	const char *path; /* absolute: `file`, below driver_dir when relative; NULL as `file` */
	bool enabled;	  /* false: masked. Kept in the list for status to show. */
	bool critical;	  /* the host does not start without it */
	const char *pins; /* `sha256`: the contents that are accepted, 64 small hexadecimal digits each, with blanks between; NULL:
			     any */
	bool own;	  /* never configured: the path is the host's own copy of a file that was checked when it came */
	struct ndrv_value config; /* a map, maybe empty: what configure() is given */
	const char *origin;	  /* the file the entry stands in */
	const char *at;		  /* "FILE:LINE:COLUMN" of the entry, for errors about it */
	const char *overrides;	  /* the origin of the entry this one replaced, or NULL */
};

/* A drop-in file that is no good, where the rest goes on without it. */
struct config_broken {
	const char *name; /* of the driver */
	const char *path;
	struct ndrv_error error;
};

struct config {
	const char *file; /* NULL: no file, all defaults */
	const char *instance;
	const char *state_dir;
	const char *runtime_dir;
	const char *driver_dir;
	struct config_strings driver_config_dirs; /* lowest rank first */
	int trust;				  /* CONFIG_TRUST_... */
	const char *trust_dir;
	struct config_control control;
	struct config_docker docker;
	struct config_log log;
	struct config_calls calls;
	struct config_swap swap;
	struct config_ownership ownership;
	struct config_node node;
	uint32_t deny_count;
	uint32_t pool_count;
	uint32_t driver_count;
	const struct config_deny *deny;
	const struct config_pool *pools;
	const struct config_driver *drivers; /* sorted by name, masked ones included */
	uint32_t broken_count;
	const struct config_broken *broken;
};

/* What the command line says; it wins over the file. NULL and 0: not said. Paths are absolute. */
struct config_overrides {
	const char *state_dir;
	const char *runtime_dir; /* also moves the defaults that lie below it: control.socket, RUNTIME/drivers.d */
	const char *driver_dir;
	struct config_strings driver_config_dirs; /* count 0: not said */
};

/* SYSCONFDIR/ndrv/ndrvd.yaml */
const char *config_default_file(void);

/* Reads `path` and the drop-in files of drivers. NULL: the default file, or all defaults if there is none. Changes nothing
 * anywhere. `overrides` may be NULL; its strings are copied. On success `*ret` is the caller's, for config_free(). */
int config_load(const char *path, const struct config_overrides *overrides, const struct config **ret, struct ndrv_error *err);
/* The same, but a drop-in file that is no good costs its driver alone and is listed in `broken`: for a start, which must not fail
 * for a file that was damaged. */
int config_load_most(const char *path, const struct config_overrides *overrides, const struct config **ret, struct ndrv_error *err);
void config_free(const struct config *config);

/* The driver of that name, masked ones included, or NULL. */
const struct config_driver *config_driver_find(const struct config *config, const char *name);

/* The pins as a list of strings in the arena; empty: none. */
int config_pins(const struct config_driver *driver, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);

/* The configuration in effect as a map with the keys of the file, so that it can be shown, compared and written as YAML again.
 * Strings are borrowed from `config`. */
int config_describe(const struct config *config, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);

#endif
