/* SPDX-License-Identifier: Apache-2.0 */
/* The control front: HTTP + JSON for ndrvctl and whoever else runs networks by hand or by program. docs/openapi.yaml describes it;
 * routes.c is the table behind both. */
#ifndef HOST_FRONT_CONTROL_H
#define HOST_FRONT_CONTROL_H

#include "host/front/fields.h"
#include "host/front/hold.h"
#include "host/front/http.h"

struct control;

struct control_options {
	struct dispatch *dispatch;
	int listen_fd; /* stays the caller's */
	gid_t group;
	uint32_t max_connections, max_connections_per_uid;
	uint64_t request_timeout_ns, max_request;
	uint64_t memory; /* limit of a request's arena; 0: a default that fits max_request */
};

int control_start(const struct control_options *options, struct control **ret, struct ndrv_error *err);
/* See http_stop(). */
void control_stop(struct control *control);
/* Its connections: what hold.h does. */
struct http *control_http(struct control *control);
/* Takes over the connections that the former program had, and answers the one that asked for the re-exec with `answer`. */
int control_take_over(struct control *control, struct handover *handover, const struct ndrv_value *answer, struct ndrv_error *err);
#define CONTROL_DOOR "control"
void control_counts(struct control *control, struct http_counts *ret);

/* --- the table of routes --- */

enum { CONTROL_EVENTS = REQ_COUNT, CONTROL_ROWS }; /* the routes that are no operations but streams */

enum {
	QUERY_FORCE = 1u << 0,	 /* ?force=1 */
	QUERY_DRY_RUN = 1u << 1, /* ?dry_run=1 */
	QUERY_NETWORK = 1u << 2, /* ?network=ID */
	QUERY_SYNC = 1u << 3,	 /* ?sync=1 */
	QUERY_GONE = 1u << 4,	 /* ?sandbox_gone=1 */
	QUERY_TABLE = 1u << 5,	 /* ?table=NAME */
	QUERY_KEY = 1u << 6,	 /* ?key=KEY */
	QUERY_OWNER = 1u << 7,	 /* ?owner=NODE */
	QUERY_SINCE = 1u << 8,	 /* ?since=REVISION */
	QUERY_ONCE = 1u << 9,	 /* ?once=1 */
};

/* Reads what the operation needs from the body into the request. */
typedef void (*control_decode)(struct fields *body, struct request *request);

struct route {
	const char *method;
	const char *path; /* {network}, {endpoint}, {type} and {node} stand for one segment, which goes into the request's field of
			     that name */
	uint32_t op;	  /* enum request_op, or CONTROL_... */
	uint32_t query;	  /* QUERY_... */
	unsigned success; /* HTTP status */
	control_decode decode; /* NULL: no body, or an empty one */
};

extern const struct route control_routes[];
extern const size_t control_route_count;

/* The route of method and target; captures and query go into `request`, in `arena`. NULL: the error says why, `ret_status` is 404,
 * 405 or 400, and `ret_allow` has the methods of a path that exists (in the arena). */
const struct route *control_route(const char *method, const char *target, struct arena *arena, struct request *request,
				  unsigned *ret_status, const char **ret_allow, struct ndrv_error *err);

void decode_network_create(struct fields *body, struct request *request);
void decode_network_allocate(struct fields *body, struct request *request);
void decode_network_free(struct fields *body, struct request *request);
void decode_connect(struct fields *body, struct request *request);
void decode_disconnect(struct fields *body, struct request *request);
void decode_endpoint_create(struct fields *body, struct request *request);
void decode_join(struct fields *body, struct request *request);
void decode_program(struct fields *body, struct request *request);
void decode_driver_load(struct fields *body, struct request *request);
void decode_reexec(struct fields *body, struct request *request);
void decode_discover(struct fields *body, struct request *request);
void decode_gateway_check(struct fields *body, struct request *request);
void decode_table_entry(struct fields *body, struct request *request);
void decode_event_notify(struct fields *body, struct request *request);
void decode_table_write(struct fields *body, struct request *request);
void decode_pool_release(struct fields *body, struct request *request);
void decode_node_add(struct fields *body, struct request *request);

/* --- rows --- */

/* A stream of the rows the request asks for; the caller's reference. */
struct stream *rows_stream(struct dispatch *dispatch, const struct request *request, struct ndrv_error *err);

/* --- events --- */

struct events;

struct events *events_new(struct dispatch *dispatch, struct ndrv_error *err);
/* Tells the dispatcher to send no more, ends every stream. */
void events_free(struct events *events);
/* A new listener's stream; the caller gets its own reference. */
struct stream *events_listen(struct events *events, struct ndrv_error *err);

#endif
