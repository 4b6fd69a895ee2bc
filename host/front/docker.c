/* SPDX-License-Identifier: Apache-2.0 */
#include "host/front/docker.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/base/clock.h"
#include "host/base/log.h"

/* What Docker itself sends with an answer of its plugins'; nobody looks at it. */
#define DOCKER_TYPE "application/vnd.docker.plugins.v1.2+json"
#define DECODE_TRIES 3
#define DECODE_WAIT_NS (5 * NSEC_PER_MSEC)
/* An exchange's arena, per byte of body it may have: values take more room than their text. */
#define MEMORY_FACTOR 8
#define NODE 1 /* libnetwork's discoverapi.NodeDiscovery: all that crosses the wire */

struct docker {
	struct http_service service;
	struct http *http;
	char type[NDRV_ID_MAX + 1], name[64], token[WIRE_HOST_TOKEN];
	uint32_t data_scope, connectivity_scope;
};

/* What exchange->route points at. */
static const enum wire_method methods[WIRE_COUNT] = {
#define ROW(name, path, body) [WIRE_##name] = WIRE_##name,
	WIRE_METHODS(ROW)
#undef ROW
};

/* --- replies --- */

static void answer(struct exchange *exchange, enum wire_method method, const struct wire_reply *reply)
{
	size_t bytes = 0;
	char *text = NULL;

	(void)wire_reply_encode(method, reply, &text, &bytes, NULL);
	exchange_reply(exchange, 200, DOCKER_TYPE, text, bytes);
}

/* The status says nothing to dockerd but for 404, and another one would put the method's name before the text. */
static void fail(struct exchange *exchange, enum wire_method method, const struct ndrv_error *error)
{
	struct wire_reply reply = {0};

	wire_reply_fail(&reply, error);
	answer(exchange, method, &reply);
}

static char *error_text(const struct ndrv_error *error, size_t *ret_bytes)
{
	struct wire_reply reply = {0};
	char *text = NULL;

	wire_reply_fail(&reply, error);
	(void)wire_reply_encode(WIRE_LEAVE, &reply, &text, ret_bytes, NULL);
	return text;
}

/* --- requests --- */

/* Nothing is refused before its body is here, so that the connection can be used again. */
static void docker_head(void *data, struct exchange *exchange)
{
	(void)data;
	enum wire_method method = exchange->target[0] == '/' ? wire_method_find(exchange->target + 1) : WIRE_COUNT;
	exchange->route = method == WIRE_COUNT ? NULL : &methods[method];
}

/* True: there is no such method, and that is said. */
static bool answer_unknown(struct exchange *exchange)
{
	struct ndrv_error error = {0};

	if (!exchange->route) {
		(void)ndrv_fail(&error, NDRV_E_NOT_IMPLEMENTED, "The API is not implemented yet: there is no %.80s",
				exchange->target);
		exchange_fail(exchange, 404, &error);
		return true;
	}
	if (strcmp(exchange->method, "POST") == 0)
		return false;
	(void)ndrv_fail(&error, NDRV_E_BAD_REQUEST, "%s is asked with POST", exchange->target);
	exchange_allow(exchange, "POST");
	exchange_fail(exchange, 405, &error);
	return true;
}

static const char *scope_name(uint32_t scope)
{
	return scope == NDRV_SCOPE_GLOBAL ? "global" : "local";
}

/* Those that dockerd asks once in its life. Docker makes no MACs for us, and repeats pools and gateways when it starts. */
static bool answer_static(const struct docker *docker, struct exchange *exchange, enum wire_method method)
{
	static const struct ndrv_value kinds[] = {
		{.type = NDRV_STRING, .count = sizeof(NDRV_PLUGIN_ENDPOINT_TYPE) - 1, .u.string = NDRV_PLUGIN_ENDPOINT_TYPE},
		{.type = NDRV_STRING, .count = sizeof("IpamDriver") - 1, .u.string = "IpamDriver"},
	};
	struct wire_reply reply = {0};

	if (method == WIRE_ACTIVATE) {
		reply.implements = (struct ndrv_value){.type = NDRV_LIST, .count = 2, .u.items = kinds};
		reply.host = docker->token;
	} else if (method == WIRE_CAPABILITIES) {
		reply.scope = scope_name(docker->data_scope);
		reply.connectivity_scope = scope_name(docker->connectivity_scope);
		reply.gw_alloc_checker = true;
	} else if (method == WIRE_IPAM_CAPABILITIES) {
		reply.ipam.requires_replay = true;
	} else if (method == WIRE_IPAM_SPACES) {
		reply.ipam.local_space = "ndrv-local";
		reply.ipam.global_space = "ndrv-global";
	} else {
		return false;
	}
	answer(exchange, method, &reply);
	return true;
}

static bool is_node(enum wire_method method, const struct wire_request *request)
{
	return (method != WIRE_DISCOVER_NEW && method != WIRE_DISCOVER_DELETE) || request->node.type == NODE;
}

/* Our own remote driver says who it is, as every client does. */
static bool is_host(const struct exchange *exchange)
{
	const char *agent = MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT);

	return agent && strncmp(agent, WIRE_USER_AGENT, strlen(WIRE_USER_AGENT)) == 0;
}

/* Whose user asked one of its own doors: to drivers that is a call of such a door of ours. */
static bool is_strict(const struct exchange *exchange)
{
	const char *options = MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, WIRE_OPTIONS_HEADER);

	return options && strcmp(options, WIRE_OPTIONS_STRICT) == 0;
}

/* `*ret_ignored`: it is answered, and nothing is done. */
static int decode_once(const struct docker *docker, struct exchange *exchange, enum wire_method method, bool *ret_ignored,
		       struct ndrv_error *err)
{
	struct wire_request request;
	int rc = wire_request_decode(method, exchange->body ? exchange->body : "", exchange->body_bytes, &exchange->arena.ndrv,
				     &request, err);

	*ret_ignored = !rc && !is_node(method, &request);
	return rc || *ret_ignored ? rc : docker_decode(method, is_host(exchange), docker->type, &request, &exchange->request, err);
}

/* dockerd does not ask again for a deletion, and one that cannot be read cannot be remembered either (dispatch/owed.h): memory is
 * waited for, a little. */
static int decode(const struct docker *docker, struct exchange *exchange, enum wire_method method, bool *ret_ignored,
		  struct ndrv_error *err)
{
	for (int tries = 1;; tries++) {
		int rc = decode_once(docker, exchange, method, ret_ignored, err);
		if ((rc != -NDRV_E_INTERNAL && rc != -NDRV_E_NO_SERVICE) || tries == DECODE_TRIES)
			return rc;
		ndrv_error_clear(err);
		(void)nanosleep(&(struct timespec){.tv_nsec = DECODE_WAIT_NS}, NULL);
	}
}

static void docker_serve(void *data, struct exchange *exchange)
{
	const struct docker *docker = data;
	struct ndrv_error error = {0};
	struct wire_reply nothing = {0};
	bool ignored = false;

	if (answer_unknown(exchange))
		return;
	enum wire_method method = *(const enum wire_method *)exchange->route;
	if (answer_static(docker, exchange, method))
		return;
	if (exchange->caller.role == ROLE_NONE) {
		(void)ndrv_fail_object(&error, NDRV_E_PERMISSION, wire_method_path(method));
		fail(exchange, method, &error);
		return;
	}
	int rc = decode(docker, exchange, method, &ignored, &error);
	if (ignored) {
		answer(exchange, method, &nothing);
		return;
	}
	if (rc) {
		log_warning("docker", "%s: %s: refused: %s", docker->name, exchange->id, error.text);
		fail(exchange, method, &error);
		return;
	}
	if (is_host(exchange) && is_strict(exchange))
		exchange->request.caller.front = NDRV_FRONT_CONTROL;
	exchange_submit(exchange);
}

/* dockerd would plug the container into docker_gwbridge as well, a network that nobody asked for. Networks of a swarm are its
 * business: there that is the way out. */
static void keep_gwbridge_away(const struct docker *docker, struct wire_reply *wire)
{
	bool leads_out = docker->data_scope == NDRV_SCOPE_GLOBAL || wire->join.gateway.family == 4;

	for (size_t i = 0; i < wire->join.routes.count; i++) {
		const struct ndrv_prefix *to = &wire->join.routes.items[i].destination;
		leads_out |= to->addr.family == 4 && to->length == 0;
	}
	wire->join.disable_gateway_service |= !leads_out;
}

static void docker_encode(void *data, struct exchange *exchange, const struct reply *reply)
{
	enum wire_method method = *(const enum wire_method *)exchange->route;
	struct wire_reply wire;

	docker_reply(method, is_host(exchange), reply, &wire);
	if (method == WIRE_JOIN && !reply->error.code && !is_host(exchange))
		keep_gwbridge_away(data, &wire);
	answer(exchange, method, &wire);
}

/* --- life --- */

static void set_up(struct docker *docker, const struct docker_options *options)
{
	static char no_memory[] =
		"{\"Err\":\"out of memory for the reply: what was asked may have been done\",\"Kind\":\"Internal\"}";

	docker->service = (struct http_service){
		.name = "docker",
		.front = NDRV_FRONT_DOCKER,
		.data = docker,
		.head = docker_head,
		.serve = docker_serve,
		.encode = docker_encode,
		.error_text = error_text,
		.error_type = DOCKER_TYPE,
		.no_memory = no_memory,
	};
	(void)snprintf(docker->type, sizeof(docker->type), "%s", options->type);
	(void)snprintf(docker->name, sizeof(docker->name), "%s", options->name);
	if (options->token)
		(void)snprintf(docker->token, sizeof(docker->token), "%s", options->token);
	else
		(void)wire_host_token(docker->token);
	docker->data_scope = options->data_scope;
	docker->connectivity_scope = options->connectivity_scope;
}

int docker_start(const struct docker_options *options, struct docker **ret, struct ndrv_error *err)
{
	struct docker *docker = calloc(1, sizeof(*docker));

	if (!docker)
		return ndrv_fail_errno(err, ENOMEM, "Docker front");
	set_up(docker, options);
	const struct http_options http = {
		.service = &docker->service,
		.dispatch = options->dispatch,
		.listen_fd = options->listen_fd,
		.group = (gid_t)-1,
		.max_connections = options->max_connections,
		.max_connections_per_uid = options->max_connections,
		.request_timeout_ns = options->request_timeout_ns,
		.max_request = options->max_request,
		.memory = options->max_request * MEMORY_FACTOR + 65536,
	};
	int rc = http_start(&http, &docker->http, err);
	if (rc) {
		free(docker);
		return ndrv_wrap(err, rc, "Docker front %s", options->name);
	}
	*ret = docker;
	return 0;
}

void docker_stop(struct docker *docker)
{
	http_stop(docker->http);
	free(docker);
}

struct http *docker_http(struct docker *docker)
{
	return docker->http;
}
