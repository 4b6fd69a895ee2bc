/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's remote plugin protocol (libnetwork's drivers/remote/api) as messages: one code for both ends. The remote driver encodes
 * requests and decodes replies, the Docker front the other way round; both directions follow the same tables (docker.c).
 *
 * Output is byte for byte what Go's encoding/json writes: order of keys, escapes, null against []. Input is read as Go reads it:
 * keys without regard to case, unknown ones passed over, null as absent; but every value is checked, and what is wrong is named
 * with its path. Not part of the SDK: nothing of it is installed. */
#ifndef SDK_WIRE_DOCKER_H
#define SDK_WIRE_DOCKER_H

#include <stdbool.h>

#include <ndrv/network.h>
#include <ndrv/table.h>

/* X(NAME, path behind the slash, has a body) */
#define WIRE_METHODS(X)                                                     \
	X(ACTIVATE, "Plugin.Activate", 0)                                   \
	X(CAPABILITIES, "NetworkDriver.GetCapabilities", 0)                 \
	X(GW_ALLOC_CHECK, "NetworkDriver.GwAllocCheck", 1)                  \
	X(ALLOCATE_NETWORK, "NetworkDriver.AllocateNetwork", 1)             \
	X(FREE_NETWORK, "NetworkDriver.FreeNetwork", 1)                     \
	X(CREATE_NETWORK, "NetworkDriver.CreateNetwork", 1)                 \
	X(DELETE_NETWORK, "NetworkDriver.DeleteNetwork", 1)                 \
	X(CREATE_ENDPOINT, "NetworkDriver.CreateEndpoint", 1)               \
	X(DELETE_ENDPOINT, "NetworkDriver.DeleteEndpoint", 1)               \
	X(ENDPOINT_INFO, "NetworkDriver.EndpointOperInfo", 1)               \
	X(JOIN, "NetworkDriver.Join", 1)                                    \
	X(LEAVE, "NetworkDriver.Leave", 1)                                  \
	X(PROGRAM_EXTERNAL, "NetworkDriver.ProgramExternalConnectivity", 1) \
	X(REVOKE_EXTERNAL, "NetworkDriver.RevokeExternalConnectivity", 1)   \
	X(DISCOVER_NEW, "NetworkDriver.DiscoverNew", 1)                     \
	X(DISCOVER_DELETE, "NetworkDriver.DiscoverDelete", 1)               \
	X(IPAM_CAPABILITIES, "IpamDriver.GetCapabilities", 0)               \
	X(IPAM_SPACES, "IpamDriver.GetDefaultAddressSpaces", 0)             \
	X(IPAM_REQUEST_POOL, "IpamDriver.RequestPool", 1)                   \
	X(IPAM_RELEASE_POOL, "IpamDriver.ReleasePool", 1)                   \
	X(IPAM_REQUEST_ADDRESS, "IpamDriver.RequestAddress", 1)             \
	X(IPAM_RELEASE_ADDRESS, "IpamDriver.ReleaseAddress", 1)

enum wire_method {
#define WIRE_X(name, path, body) WIRE_##name,
	WIRE_METHODS(WIRE_X)
#undef WIRE_X
		WIRE_COUNT
};

/* "NetworkDriver.Join". */
const char *wire_method_path(enum wire_method method);
/* Of the path behind the slash; WIRE_COUNT: unknown. */
enum wire_method wire_method_find(const char *path);
bool wire_method_has_body(enum wire_method method);
/* The other plugin interface: its errors have another key. */
bool wire_method_is_ipam(enum wire_method method);

struct wire_interface {
	struct ndrv_prefix address, address6; /* a family that has the wrong slot is moved to the right one, as libnetwork does */
	struct ndrv_mac mac;
};

struct wire_routes {
	uint32_t count;
	const struct ndrv_route *items;
};

/* What a method does not have stays zero. Strings are never NULL after decoding. */
struct wire_request {
	const char *network, *endpoint, *sandbox_key;
	struct ndrv_value options;	  /* NULL type: null */
	struct ndrv_ipam_list ipv4, ipv6; /* items NULL: null */
	struct wire_interface interface;
	struct {
		int64_t type; /* libnetwork's number: 1 is a node */
		const char *address, *bind_address;
		bool self;
	} node;
	struct {
		const char *space, *pool_id;
		struct ndrv_prefix pool, sub_pool; /* RequestPool; unset: choose one; all of it */
		bool v6;
		struct ndrv_addr address; /* unset: choose one */
	} ipam;
};

struct wire_reply {
	/* An error: `err` not empty. The rest of it is ours, and ignored by everybody else. */
	const char *err;
	const char *kind; /* ndrv_kind_name() */
	const char *code; /* ndrv_error_name() */
	bool maskable;

	struct ndrv_value implements;		/* Activate: a list of strings */
	const char *host;			/* Activate: wire_host_token() of an ndrvd */
	const char *scope, *connectivity_scope; /* GetCapabilities */
	bool gw_alloc_checker;
	bool skip_ipv4, skip_ipv6; /* GwAllocCheck */
	struct ndrv_value options; /* AllocateNetwork */
	struct ndrv_value value;   /* EndpointOperInfo */
	bool has_interface;	   /* CreateEndpoint */
	struct wire_interface interface;
	struct {
		bool has_names;
		const char *src_name, *prefix, *dst_name;
		struct ndrv_addr gateway, gateway6;
		struct wire_routes routes;
		bool disable_gateway_service;
	} join;
	struct {
		bool requires_mac, requires_replay;	/* GetCapabilities */
		const char *local_space, *global_space; /* GetDefaultAddressSpaces */
		const char *pool_id;
		struct ndrv_prefix pool, address;
		struct ndrv_value data; /* a map: DNS servers and the like; always there */
	} ipam;
};

/* malloc'ed text, NUL-terminated, with the newline Go puts behind it; "" for a method without a body. INTERNAL: out of memory. */
int wire_request_encode(enum wire_method method, const struct wire_request *request, char **ret, size_t *ret_bytes,
			struct ndrv_error *err);
int wire_reply_encode(enum wire_method method, const struct wire_reply *reply, char **ret, size_t *ret_bytes,
		      struct ndrv_error *err);

/* Into the arena. BAD_REQUEST naming what is wrong; an empty body, or null, is wrong where ids are needed. */
int wire_request_decode(enum wire_method method, const char *text, size_t bytes, struct ndrv_arena *arena, struct wire_request *ret,
			struct ndrv_error *err);
/* An empty body is wrong, null is an empty reply. Where `ret->err` is not empty nothing else of the reply was looked at. */
int wire_reply_decode(enum wire_method method, const char *text, size_t bytes, struct ndrv_arena *arena, struct wire_reply *ret,
		      struct ndrv_error *err);

/* The error a reply carries, as a typed one: by its Code and Kind, or by the words of its text where a plugin knows neither.
 * `plugin` (not NULL for a foreign one) is named in the text then. Returns -code; 0 when the reply carries none. */
int wire_reply_error(const struct wire_reply *reply, const char *plugin, struct ndrv_error *err);
/* The way back: fills err, kind, code, maskable; the strings are `error`'s or static. */
void wire_reply_fail(struct wire_reply *reply, const struct ndrv_error *error);
/* The code for the words of an error of another host or plugin; INTERNAL for words that say nothing. */
int wire_error_of_text(const char *text);

/* Any JSON as a value, and any value as JSON (malloc'ed, without a newline). */
int wire_value_parse(const char *text, size_t bytes, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
char *wire_value_print(const struct ndrv_value *value);

/* What the remote driver calls itself, before its version. */
#define WIRE_USER_AGENT "ndrvd/"
/* A header of ours: "strict" where the user of the host that asks has to be told of an option nobody knows. Without it such options
 * are Docker's, and may be meant for somebody else. */
#define WIRE_OPTIONS_HEADER "Ndrv-Options"
#define WIRE_OPTIONS_STRICT "strict"

#define WIRE_HOST_TOKEN 64
/* Tells this process from every other that ever ran on this machine, so that an ndrvd knows its own sockets. Returns `text`. */
const char *wire_host_token(char *text);

#endif
