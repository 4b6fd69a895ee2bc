/* SPDX-License-Identifier: Apache-2.0 */
/* READ THIS FIRST. What a driver is: a shared object with an ELF note, one exported function, and a table of ops.
 *
 *	static int my_create(void *self, struct ndrv_call *call, struct ndrv_network *network) { ... }
 *	static const struct ndrv_ops ops = { .size = sizeof(ops), .network_create = my_create, ... };
 *	NDRV_DRIVER(&ops, NULL, .types = "mynet", .name = "mynet", .version = "1.0", .vendor = "Example",
 *		    .data_scope = NDRV_SCOPE_LOCAL);
 *
 * Defaults, unless a function says otherwise:
 *  - pointers passed in are borrowed until the op returns; the driver copies what it keeps;
 *  - an op returns 0, or a negative NDRV_E_ code with call->err filled: `return ndrv_fail(call->err, NDRV_E_..., "...")`;
 *  - ops on one network are serialised; ops on different networks may run at once on different threads (see `threading`);
 *  - an op left NULL, or beyond the driver's `size`, is NotImplemented, decided at load; the host never calls it;
 *  - every op may be repeated with the same ids after a crash or a lost answer: creating the same again is success, and so is
 *    deleting what is gone;
 *  - a failed create leaves nothing behind; the host then calls the matching delete with NDRV_CALL_UNDO all the same;
 *  - drivers never call setns(), fork(), or exec anything, keep no fd of a sandbox, and start no thread unless flags say so.
 *
 * Semantics: libnetwork's driverapi at the 2016 seed, with what it has grown since (docs/abi.md says what came from where). */
#ifndef NDRV_DRIVER_H
#define NDRV_DRIVER_H

#include <ndrv/call.h>
#include <ndrv/error.h>
#include <ndrv/host.h>
#include <ndrv/network.h>
#include <ndrv/options.h>
#include <ndrv/table.h>
#include <ndrv/types.h>
#include <ndrv/value.h>

NDRV_BEGIN_DECLS

/* Which gateways an endpoint is for its sandbox, v4 and v6 apart: the endpoint's own id or the one that is. */
struct ndrv_gateway_state {
	uint32_t size;
	uint32_t reserved;
	const char *gateway4; /* endpoint id of the sandbox's v4 gateway; "" none */
	const char *gateway6;
};

enum { NDRV_SKIP_GATEWAY4 = 1u << 0, NDRV_SKIP_GATEWAY6 = 1u << 1 };

/* State a generation hands on or the host kept: opaque to the host, at most 64 KiB. */
struct ndrv_blob {
	uint32_t schema_version; /* of note.state_schema */
	uint32_t bytes;
	const void *data;
};

struct ndrv_ops {
	uint32_t size; /* sizeof(struct ndrv_ops) as the driver's compiler saw it */
	uint32_t reserved;

	/* driverapi.Driver.NetworkAllocate / NetworkFree: cluster-wide resources for a network (VNIs), on the manager.
	 * `ret_options` (built in the arena) comes back in network_create's options everywhere. The same id with the options
	 * returned before gives the same. */
	int (*network_allocate)(void *self, struct ndrv_call *call, const char *nid, const struct ndrv_value *options,
				const struct ndrv_ipam_list *ipv4, const struct ndrv_ipam_list *ipv6,
				struct ndrv_value *ret_options);
	int (*network_free)(void *self, struct ndrv_call *call, const char *nid);

	/* CreateNetwork. Everything is in `network`. May veto with any error. A maskable error is success. */
	int (*network_create)(void *self, struct ndrv_call *call, struct ndrv_network *network);
	/* DeleteNetwork. FORBIDDEN vetoes (unless NDRV_CALL_FORCE); other errors are logged and the network goes all the same. */
	int (*network_delete)(void *self, struct ndrv_call *call, struct ndrv_network *network);

	/* CreateEndpoint. `ifinfo` has what the caller fixed; the driver may set the rest. */
	int (*endpoint_create)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			       struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options);
	/* DeleteEndpoint. Only FORBIDDEN is honoured. */
	int (*endpoint_delete)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
	/* EndpointOperInfo: a map in the arena. May be called at any time after endpoint_create. */
	int (*endpoint_info)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			     struct ndrv_value *ret_info);

	/* Join: says declaratively, through `join`, what the sandbox is to get. The namespace behind `sandbox_key` may not exist
	 * yet. */
	int (*join)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		    const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		    const struct ndrv_value *sandbox_options);
	/* Leave: the interface may still be inside the sandbox, or the sandbox gone. Errors are logged only. */
	int (*leave)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);

	/* ProgramExternalConnectivity: replace-style; `options` has the port map. Absent and ports asked for: NotImplemented to the
	 * caller. After adopt it is called with NDRV_CALL_RESTORE for what is published already, with the ports endpoint_info told:
	 * what is there stays. */
	int (*program_external)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
				const struct ndrv_gateway_state *gateways, const struct ndrv_value *options);
	/* RevokeExternalConnectivity: takes all of that back; nothing programmed is success. Implied by leave. */
	int (*revoke_external)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);

	/* EventNotify, in batches, never two at once for one network. Must not block. What fails is told again later, together with
	 * what came meanwhile: the driver may have done a part of it already. */
	int (*event_notify)(void *self, struct ndrv_call *call, struct ndrv_network *network, const struct ndrv_table_batch *batch);

	/* discoverapi.Discover. */
	int (*discover_new)(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery);
	int (*discover_delete)(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery);

	/* --- what libnetwork has grown since the seed --- */
	int (*decode_table_entry)(void *self, struct ndrv_call *call, const char *table, const char *key, const void *value,
				  size_t bytes, const char **ret_object_id, struct ndrv_value *ret_info);
	/* GetSkipGwAlloc: before there is a network; a pure function of the options. Bits NDRV_SKIP_GATEWAY4, ..6. */
	int (*gw_alloc_check)(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip);
	/* ReleaseIPv6: the sandbox turned out to have IPv6 off; drop the endpoint's v6 side. */
	int (*ipv6_release)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);

	/* --- ours --- */
	/* The `config:` section of the driver's descriptor, a map; once after load, before any other op, and again on reload.
	 * Refuse what is not understood: BAD_REQUEST naming the key. A refused reload keeps the former configuration. */
	int (*configure)(void *self, struct ndrv_call *call, const struct ndrv_value *config);
	/* The only step of a swap that may refuse: allocate what commit will need. `from` is the driver-wide state of the old
	 * generation. */
	int (*prepare)(void *self, struct ndrv_call *call, const struct ndrv_blob *from);
	/* A network, then each of its endpoints, that exists already: after a host restart or at a swap. Rebuild priv. `endpoint`
	 * is NULL for the network itself. `blob` is what export_state gave, or has no data. Kernel objects that are right are left
	 * alone; what is missing is made again. */
	int (*adopt)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		     const struct ndrv_blob *blob);
	/* The private state of the driver (network NULL), a network (endpoint NULL) or an endpoint, written for `schema_version`.
	 * Changes nothing. */
	int (*export_state)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			    uint32_t schema_version, struct ndrv_blob *ret);
	/* From now on this generation serves. Cannot refuse. */
	void (*commit)(void *self, struct ndrv_call *call);
	/* The swap is off: release what was adopted; the old generation goes on. */
	void (*abort)(void *self, struct ndrv_call *call);
	/* 0: well. Asked now and then, and during probation after a swap. */
	int (*health)(void *self, struct ndrv_call *call);
	/* Frees priv of the endpoint, or of the network when endpoint is NULL, without touching the kernel: the host or this
	 * generation ends, the objects stay. Not called after a successful delete. */
	void (*release)(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
	/* The last call. Kernel objects belong to the host's records and stay. */
	void (*destroy)(void *self);
	/* The driver's option tables (static, valid until destroy), for help, inspection and the check of unknown names. */
	int (*options)(void *self, uint32_t which, struct ndrv_option_list *ret);
};

enum { NDRV_OPTIONS_NETWORK = 1, NDRV_OPTIONS_ENDPOINT = 2, NDRV_OPTIONS_CONFIG = 3 };

enum {
	NDRV_THREADS_ANY = 0,	  /* any op at any time, even two on one network; the host still serialises per network */
	NDRV_THREADS_NETWORK = 1, /* one op at a time per network (the default most want) */
	NDRV_THREADS_DRIVER = 2,  /* one op at a time for the whole driver */
};

enum {
	NDRV_DRIVER_DYNAMIC_TYPES = 1u << 0, /* registers types of its own choice, at any time; `types` may be empty */
	NDRV_DRIVER_UNLOADABLE = 1u << 1, /* may be unmapped after destroy: no threads, signal handlers, TLS destructors, on_exit */
	NDRV_DRIVER_OWN_THREADS = 1u << 2, /* starts threads: cannot be swapped in process */
	/* network_delete with NDRV_CALL_FORCE deletes what the network's endpoints made, too: the host then does not call
	 * endpoint_delete for each, and releases their priv after it. There may be none, after a crash:
	 * the ids must do. When it fails, every priv is as before. */
	NDRV_DRIVER_DELETES_ENDPOINTS = 1u << 3,
};

#define NDRV_NOTE_NAME "NDRV"
#define NDRV_NOTE_TYPE 1u
#define NDRV_NOTE_SECTION ".note.ndrv"
#define NDRV_ENTRY_V1 "ndrv_driver_v1"

/* The static truth about a driver file, readable for any architecture without running it. Only u32 and char arrays, no pointers. */
struct ndrv_note {
	uint32_t size; /* sizeof(struct ndrv_note) as the driver's compiler saw it */
	uint32_t abi_major;
	uint32_t abi_minor;	     /* of the headers it was built with */
	uint32_t abi_minor_min;	     /* oldest host minor it can live with */
	uint32_t needs_lo, needs_hi; /* NDRV_FEATURE_... without which it refuses to run */
	uint32_t wants_lo, wants_hi; /* NDRV_FEATURE_... it uses where there */
	uint32_t flags;		     /* NDRV_DRIVER_... */
	uint32_t threading;	     /* NDRV_THREADS_... */
	uint32_t data_scope;	     /* NDRV_SCOPE_... */
	uint32_t connectivity_scope; /* NDRV_SCOPE_...; 0: as data_scope */
	uint32_t capability_flags;   /* NDRV_CAPABILITY_... */
	uint32_t state_version;	     /* schema version it writes */
	uint32_t state_version_min;  /* oldest it can adopt */
	uint32_t ops_size;	     /* sizeof(struct ndrv_ops) as the driver's compiler saw it */
	char state_schema[32];	     /* name of the schema; "" keeps no state of its own */
	char name[32];
	char version[32];
	char vendor[64];
	char types[192]; /* NUL-separated network types, ended by an empty one */
};

/* The one exported function, made by NDRV_DRIVER. */
typedef int (*ndrv_driver_entry)(const struct ndrv_host *host, struct ndrv_error *err);
NDRV_EXPORT int ndrv_driver_v1(const struct ndrv_host *host, struct ndrv_error *err);

/* Makes `self` for the instance about to be registered; NULL where a driver needs none (self is then `host`). */
typedef int (*ndrv_driver_open)(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err);

/* Registers every type of the note with `ops`; what the macro's entry function calls. On failure destroys self. In libndrv. */
int ndrv_driver_register(const struct ndrv_host *host, const struct ndrv_note *note, const struct ndrv_ops *ops,
			 ndrv_driver_open open, struct ndrv_error *err);

/* What a driver names itself wins over the macro's defaults, without a warning about it. */
#if defined(__clang__)
#define NDRV_DEFAULTS_BEGIN _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Winitializer-overrides\"")
#define NDRV_DEFAULTS_END _Pragma("clang diagnostic pop")
#elif defined(__GNUC__)
#define NDRV_DEFAULTS_BEGIN _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")
#define NDRV_DEFAULTS_END _Pragma("GCC diagnostic pop")
#else
#define NDRV_DEFAULTS_BEGIN
#define NDRV_DEFAULTS_END
#endif

/* Emits the note and the entry from one text, so that they cannot disagree. C only (designated initialisers). */
#define NDRV_DRIVER(ops_, open_, ...)                                                          \
	NDRV_DEFAULTS_BEGIN                                                                    \
	static const struct {                                                                  \
		uint32_t name_size, desc_size, type;                                           \
		char name[8];                                                                  \
		struct ndrv_note note;                                                         \
	} ndrv_file_note __attribute__((used, section(NDRV_NOTE_SECTION), aligned(4))) = {     \
		.name_size = sizeof(NDRV_NOTE_NAME),                                           \
		.desc_size = sizeof(struct ndrv_note),                                         \
		.type = NDRV_NOTE_TYPE,                                                        \
		.name = NDRV_NOTE_NAME,                                                        \
		.note = {.size = sizeof(struct ndrv_note),                                     \
			 .abi_major = NDRV_ABI_MAJOR,                                          \
			 .abi_minor = NDRV_ABI_MINOR,                                          \
			 .threading = NDRV_THREADS_NETWORK,                                    \
			 .ops_size = sizeof(struct ndrv_ops),                                  \
			 __VA_ARGS__},                                                         \
	};                                                                                     \
	NDRV_DEFAULTS_END                                                                      \
	NDRV_EXPORT int ndrv_driver_v1(const struct ndrv_host *host, struct ndrv_error *err)   \
	{                                                                                      \
		return ndrv_driver_register(host, &ndrv_file_note.note, (ops_), (open_), err); \
	}                                                                                      \
	extern int ndrv_driver_macro_wants_a_semicolon

NDRV_END_DECLS

#endif
