/* SPDX-License-Identifier: Apache-2.0 */
/* What the host offers a driver. It comes in by pointer, never by symbol name: a driver file has no undefined host symbol.
 *
 * The table and its sub-tables start with their size and only grow at the end. A service that is NULL is absent on this host; bits
 * in `features` say the same, so that a driver can name in its note what it needs. Everything here may be called from any thread
 * the host called the driver on, during ops, timers and watches. Each function that can fail takes an error last. */
#ifndef NDRV_HOST_H
#define NDRV_HOST_H

#include <ndrv/call.h>
#include <ndrv/nat.h>
#include <ndrv/network.h>
#include <ndrv/table.h>

NDRV_BEGIN_DECLS

struct ndrv_host;
struct ndrv_ops;
struct ndrv_note;

/* Features of a host: bits of note.needs, note.wants and host.features. */
#define NDRV_FEATURE_STORE (UINT64_C(1) << 0)  /* host->store */
#define NDRV_FEATURE_TABLES (UINT64_C(1) << 1) /* host->tables, event_notify */
#define NDRV_FEATURE_NAT (UINT64_C(1) << 2)    /* host->nat */
#define NDRV_FEATURE_TIMERS (UINT64_C(1) << 3) /* host->timers */
#define NDRV_FEATURE_SWAP (UINT64_C(1) << 4)   /* prepare, adopt, commit, abort are called */

enum { NDRV_SCOPE_LOCAL = 1, NDRV_SCOPE_GLOBAL = 2 };

/* driverapi.Capability, and what the code believes of itself. Frozen per type: a swap that changes a scope is Forbidden. */
struct ndrv_capability {
	uint32_t size;
	uint32_t data_scope;	      /* NDRV_SCOPE_...: who owns addresses */
	uint32_t connectivity_scope;  /* NDRV_SCOPE_...; 0: as data_scope */
	uint32_t flags;		      /* NDRV_CAPABILITY_... */
	const struct ndrv_note *note; /* the note compiled in beside this code; the host compares it with the file's */
};

enum {
	NDRV_CAPABILITY_NO_IPAM = 1u << 0,	  /* networks of this type have no address pools (null, host) */
	NDRV_CAPABILITY_NO_LINK = 1u << 1,	  /* endpoints of this type have no interface */
	NDRV_CAPABILITY_HOST_SANDBOX = 1u << 2,	  /* endpoints of this type live in the host's own namespace and no other */
	NDRV_CAPABILITY_SINGLE_NETWORK = 1u << 3, /* one network at most */
};

enum { NDRV_LOG_ERROR = 1, NDRV_LOG_WARNING = 2, NDRV_LOG_INFO = 3, NDRV_LOG_DEBUG = 4 };

/* A key/value store of the driver type's own, durable over reboots. Keys are 1..255 bytes of [A-Za-z0-9_./:-], values up to 64 KiB.
 * Writes made during a swap are kept only if the swap commits. */
struct ndrv_store_ops {
	uint32_t size;
	uint32_t reserved;
	int (*put)(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *err);
	/* Value from the arena; NOT_FOUND where there is none. */
	int (*get)(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
		   struct ndrv_error *err);
	int (*del)(const struct ndrv_host *host, const char *key, struct ndrv_error *err); /* absent: 0 */
	/* Calls `each` for every key that starts with `prefix`, in order, until it returns non-zero, which is then returned. */
	int (*scan)(const struct ndrv_host *host, const char *prefix,
		    int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err);
};

struct ndrv_tables_ops {
	uint32_t size;
	uint32_t reserved;
	int (*put)(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		   const void *value, size_t bytes, struct ndrv_error *err);
	int (*del)(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		   struct ndrv_error *err);
	int (*get)(const struct ndrv_host *host, struct ndrv_arena *arena, const struct ndrv_network *network, const char *table,
		   const char *key, const void **ret, size_t *ret_bytes, struct ndrv_error *err);
};

struct ndrv_timer;
struct ndrv_watch;

/* Callbacks run on a host thread under the network's lock, one at a time per network, as ops do; with network NULL, one at a time
 * per driver. They are stopped by the host when the network goes, at a swap, and when the driver goes. */
struct ndrv_timers_ops {
	uint32_t size;
	uint32_t reserved;
	int (*timer_add)(const struct ndrv_host *host, struct ndrv_network *network, uint64_t after_ns, uint64_t every_ns,
			 void (*fire)(struct ndrv_call *call, struct ndrv_network *network, void *data), void *data,
			 struct ndrv_timer **ret, struct ndrv_error *err);
	void (*timer_del)(const struct ndrv_host *host, struct ndrv_timer *timer);
	int (*watch_add)(const struct ndrv_host *host, struct ndrv_network *network, int fd, uint32_t poll_events,
			 void (*fire)(struct ndrv_call *call, struct ndrv_network *network, int fd, uint32_t revents, void *data),
			 void *data, struct ndrv_watch **ret, struct ndrv_error *err);
	void (*watch_del)(const struct ndrv_host *host, struct ndrv_watch *watch);
};

struct ndrv_host {
	uint32_t size;
	uint32_t abi_major;
	uint32_t abi_minor;
	uint32_t reserved;
	uint64_t features; /* NDRV_FEATURE_... */
	/* libnetwork's DriverCallback.RegisterDriver. Inside ndrv_driver_v1, or later for a driver whose note has
	 * NDRV_DRIVER_DYNAMIC_TYPES. `ops` must stay valid until destroy; its gaps are filled by the host's own copy. BAD_REQUEST
	 * for a blank or over-long type, a capability that is neither local nor global, or one that contradicts the note (with
	 * NDRV_DRIVER_DYNAMIC_TYPES each type has scopes and flags of its own); FORBIDDEN (ACTIVE_REGISTRATION) for a type already
	 * held. Inside ndrv_driver_v1 a driver of dynamic types may register the type "": it serves no network, and is there to be
	 * configured and destroyed; the driver macro does so where the note names no type.
	 */
	int (*register_driver)(const struct ndrv_host *host, const char *type, const struct ndrv_ops *ops, void *self,
			       const struct ndrv_capability *capability, struct ndrv_error *err);
	/* NOT_FOUND for a type this driver does not hold; FORBIDDEN while it has networks. */
	int (*unregister_driver)(const struct ndrv_host *host, const char *type, struct ndrv_error *err);
	/* One line, without newline; the host puts the driver's name before it. */
	void (*log)(const struct ndrv_host *host, int level, const char *text);
	/* A vendor's or a later host's extension by name ("org.example.foo/1"); NULL: unknown. */
	const void *(*extension)(const struct ndrv_host *host, const char *id);
	const struct ndrv_store_ops *store;
	const struct ndrv_tables_ops *tables;
	const struct ndrv_nat_ops *nat;
	const struct ndrv_timers_ops *timers;
};

/* --- the same as functions: NOT_IMPLEMENTED where the service is absent --- */
void ndrv_log(const struct ndrv_host *host, int level, const char *fmt, ...) NDRV_PRINTF(3, 4);
int ndrv_store_put(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *err);
int ndrv_store_get(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
		   struct ndrv_error *err);
int ndrv_store_del(const struct ndrv_host *host, const char *key, struct ndrv_error *err);
int ndrv_store_scan(const struct ndrv_host *host, const char *prefix,
		    int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err);
int ndrv_table_put(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		   const void *value, size_t bytes, struct ndrv_error *err);
int ndrv_table_del(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		   struct ndrv_error *err);
int ndrv_table_get(const struct ndrv_host *host, struct ndrv_arena *arena, const struct ndrv_network *network, const char *table,
		   const char *key, const void **ret, size_t *ret_bytes, struct ndrv_error *err);
int ndrv_nat_network_set(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network,
			 const struct ndrv_nat_network *want);
int ndrv_nat_network_clear(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network);
int ndrv_nat_publish(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint,
		     struct ndrv_port_binding *bindings, uint32_t count);
int ndrv_nat_unpublish(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint);
int ndrv_timer_add(const struct ndrv_host *host, struct ndrv_network *network, uint64_t after_ns, uint64_t every_ns,
		   void (*fire)(struct ndrv_call *call, struct ndrv_network *network, void *data), void *data,
		   struct ndrv_timer **ret, struct ndrv_error *err);
void ndrv_timer_del(const struct ndrv_host *host, struct ndrv_timer *timer);
int ndrv_watch_add(const struct ndrv_host *host, struct ndrv_network *network, int fd, uint32_t poll_events,
		   void (*fire)(struct ndrv_call *call, struct ndrv_network *network, int fd, uint32_t revents, void *data),
		   void *data, struct ndrv_watch **ret, struct ndrv_error *err);
void ndrv_watch_del(const struct ndrv_host *host, struct ndrv_watch *watch);

NDRV_END_DECLS

#endif
