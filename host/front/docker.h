/* SPDX-License-Identifier: Apache-2.0 */
/* The Docker front: a network type as a Docker plugin, on a socket of its own, for Docker does not say which plugin it means. The
 * bytes are sdk/wire's affair; what dockerd expects beyond them (docs/docker.md) is here:
 *  - Plugin.Activate and GetCapabilities are answered from what is configured, whether the driver is loaded or not, and never
 *    with an error, since dockerd would remember that until it is restarted;
 *  - the status is 200 for every method there is, whatever became of it; 404 means that there is no such method;
 *  - a request without its body is an error: it is dockerd's second try after a hang-up, with the body lost;
 *  - deleting what is not there is success, and EndpointOperInfo has no errors;
 *  - a network that dockerd deletes goes with what is left on it: dockerd has forgotten it whatever the answer is, and endpoints of
 *    containers that died with dockerd are never deleted otherwise;
 *  - a join of a local network that leads nowhere says so, or dockerd adds a network of its own, docker_gwbridge;
 *  - an address or MAC that came with the request does not come back: dockerd would take it for a change. */
#ifndef HOST_FRONT_DOCKER_H
#define HOST_FRONT_DOCKER_H

#include "host/front/hold.h"
#include "host/front/http.h"

struct docker;

struct docker_options {
	struct dispatch *dispatch;
	int listen_fd;	  /* stays the caller's */
	const char *name; /* of the plugin, for logs; copied, as `type` is */
	const char *type;
	uint32_t data_scope, connectivity_scope; /* NDRV_SCOPE_... */
	const char *token; /* what tells our own remote driver that the socket is this host's; NULL: this process's, "": none */
	uint32_t max_connections;
	uint64_t request_timeout_ns, max_request;
};

int docker_start(const struct docker_options *options, struct docker **ret, struct ndrv_error *err);
/* See http_stop(). */
void docker_stop(struct docker *docker);
/* Its connections: what hold.h does. */
struct http *docker_http(struct docker *docker);

/* --- between docker.c and docker_decode.c --- */

#include "sdk/wire/docker.h"

/* Fills `request` from the decoded message. `is_host`: who asks is the remote driver of an ndrvd, which can tell errors apart.
 * BAD_REQUEST. */
int docker_decode(enum wire_method method, bool is_host, const char *type, const struct wire_request *from, struct request *request,
		  struct ndrv_error *err);
/* What the dispatcher said, as a message. */
void docker_reply(enum wire_method method, bool is_host, const struct reply *from, struct wire_reply *ret);

#endif
