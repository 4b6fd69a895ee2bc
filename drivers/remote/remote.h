/* SPDX-License-Identifier: Apache-2.0 */
/* The "remote" driver: a network type for each Docker-style plugin, every op forwarded to it over HTTP. No type of its own.
 *
 * remote.c    what is registered and when
 * memory.c    what is remembered of a plugin over restarts
 * settings.c  the configuration
 * discover.c  which plugins there are: socket and spec directories
 * probe.c     asks one what it is
 * ops.c       ops on networks and the rest
 * endpoint.c  ops on endpoints
 * call.c      one method: encode, send, try again, decode
 * http.c      HTTP/1.1 over a connection */
#ifndef DRIVERS_REMOTE_REMOTE_H
#define DRIVERS_REMOTE_REMOTE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <ndrv/driver.h>

#include "sdk/wire/docker.h"

#define PLUGIN_NAME_MAX 32 /* with NUL: a network type's */
#define ADDRESS_MAX 128
#define IDLE_MAX 4u	   /* connections kept open to one plugin */
#define CANDIDATES_MAX 64u /* plugins looked at */

/* --- what there is --- */

struct stamp {
	dev_t dev;
	ino_t ino;
	int64_t changed_ns;
};

/* A plugin somebody named or that was found. */
struct candidate {
	char name[PLUGIN_NAME_MAX];
	char address[ADDRESS_MAX]; /* "unix:///run/x.sock", "tcp://127.0.0.1:80" */
	struct stamp stamp;	   /* of the file it was found in; zero: named in the configuration */
	struct ndrv_error why;	   /* code 0, or why it cannot be used at all */
};

struct candidates {
	uint32_t count;
	struct candidate items[CANDIDATES_MAX];
};

struct settings {
	uint32_t plugin_dir_count, spec_dir_count, plugin_count;
	char plugin_dirs[4][ADDRESS_MAX], spec_dirs[4][ADDRESS_MAX];
	struct candidate plugins[CANDIDATES_MAX];
	int64_t scan_s, retry_s, probe_ms, max_reply;
};

/* settings.c. The `config:` section of the descriptor; BAD_REQUEST naming the key. */
int settings_read(const struct ndrv_value *config, struct ndrv_arena *arena, struct settings *ret, struct ndrv_error *err);
int settings_options(void *self, uint32_t which, struct ndrv_option_list *ret);

/* discover.c: what is named, then sockets, then specs; of two with one name the first. */
void discover(const struct settings *settings, struct candidates *ret);
/* BAD_REQUEST, NOT_IMPLEMENTED. */
int address_check(const char *address, struct ndrv_error *err);

/* --- a plugin that is a network type --- */

struct plugin {
	struct plugin *next;
	const struct ndrv_host *host;
	char name[PLUGIN_NAME_MAX];
	pthread_mutex_t lock; /* of what follows */
	char address[ADDRESS_MAX];
	uint32_t idle_count;
	int idle[IDLE_MAX];
	_Atomic int64_t retry_s, max_reply;
	bool gw_alloc_checker;
	_Atomic bool told_no_ports; /* its 404 to ProgramExternalConnectivity was logged */
	uint32_t data_scope, connectivity_scope;
};

struct plugin *plugin_new(const struct ndrv_host *host, const char *name, const char *address);
void plugin_free(struct plugin *plugin);
/* Closes what is open to the former address. */
void plugin_move(struct plugin *plugin, const char *address);

/* --- probe.c --- */

struct probe {
	bool network_driver; /* false: it is a plugin of another sort */
	bool gw_alloc_checker;
	uint32_t data_scope, connectivity_scope;
};
/* Plugin.Activate and GetCapabilities, once, by the call's deadline. FORBIDDEN for a socket of this very process. */
int probe_plugin(struct plugin *plugin, struct ndrv_call *call, struct probe *ret);

/* --- memory.c: the driver's store, so that a plugin's networks are served although it is not up yet --- */

int memory_keep(const struct ndrv_host *host, const struct plugin *plugin, struct ndrv_error *err);
void memory_forget(const struct ndrv_host *host, const char *name);
/* Calls `each` for every plugin remembered. `probe` is what it said of itself, the last time it was asked. */
int memory_each(const struct ndrv_host *host, struct ndrv_arena *arena,
		void (*each)(void *data, const char *name, const char *address, const struct probe *probe), void *data,
		struct ndrv_error *err);

/* --- call.c --- */

enum { CALL_ONCE = 1u << 0, CALL_404_FINE = 1u << 1 };

struct outcome {
	struct wire_reply reply; /* in the call's arena */
	bool settled;		 /* the plugin has answered; else it may have done anything */
	bool refused;		 /* it has answered with an error, and so did nothing */
	bool not_there;		 /* 404, with CALL_404_FINE */
};

/* Errors go to call->err: the plugin's own, NO_SERVICE where nobody listens, TIMEOUT, INTERNAL for an answer that is none. */
int plugin_call(struct plugin *plugin, struct ndrv_call *call, enum wire_method method, const struct wire_request *request,
		uint32_t flags, struct outcome *ret);
/* A reply that was understood but cannot be used: INTERNAL naming plugin, method and what the error in `err` says. */
int plugin_bad_reply(const struct plugin *plugin, struct ndrv_call *call, enum wire_method method);

/* --- http.c --- */

struct http_way {
	int fd;
	uint64_t deadline_ns;
	struct ndrv_call *call; /* asked now and then whether it was cancelled */
	bool strict;		/* options that are unknown are to be refused */
	size_t max_reply;
};

struct http_answer {
	int status;
	char *body; /* malloc'ed, NUL-terminated; NULL: none */
	size_t bytes;
	bool keep;	  /* the connection can be used again */
	bool any;	  /* at least a byte of the answer has come */
	bool told_nobody; /* nothing was written: whoever closed had done so before */
};

uint64_t now_ns(void);
/* CANCELLED or TIMEOUT once the call is over. */
int way_check(const struct http_way *way, struct ndrv_error *err);
/* Waits for `events`; 0 when they are there. */
int way_wait(const struct http_way *way, short events, struct ndrv_error *err);
/* Connected, non-blocking, close-on-exec. NO_SERVICE when nobody listens. */
int http_connect(const char *address, struct http_way *way, struct ndrv_error *err);
/* Sends POST and reads the answer. NO_SERVICE when the connection ends without one. The caller frees `ret->body` in any case. */
int http_post(const struct http_way *way, const char *host, const char *path, const char *body, size_t bytes,
	      struct http_answer *ret, struct ndrv_error *err);

/* --- ops.c, endpoint.c --- */

extern const struct ndrv_ops plugin_ops;

int remote_endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options);
int remote_endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
int remote_endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info);
int remote_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options);
int remote_leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
int remote_program(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		   const struct ndrv_gateway_state *gateways, const struct ndrv_value *options);
int remote_revoke(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);

#endif
