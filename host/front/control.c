/* SPDX-License-Identifier: Apache-2.0 */
#include "host/front/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/front/errors.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define EVENTS_TYPE "application/x-ndjson"
/* A body of max_request bytes, decoded, is at most this many times as large. */
#define MEMORY_FACTOR 16

struct control {
	struct http_service service;
	struct http *http;
	struct events *events;
	struct dispatch *dispatch;
};

static void fail(struct exchange *exchange, const struct ndrv_error *error)
{
	exchange_fail(exchange, 0, error);
}

/* Who may not ask anything is told so whatever it asks. What a role may ask is the dispatcher's to say, for all fronts alike. */
static void control_head(void *data, struct exchange *exchange)
{
	struct ndrv_error error = {0};
	const char *allow = NULL;
	unsigned status = 0;

	(void)data;
	if (exchange->caller.role == ROLE_NONE) {
		(void)ndrv_fail(&error, NDRV_E_PERMISSION,
				"user %u may not use this socket: only root and the members of its group may",
				exchange->caller.uid);
		fail(exchange, &error);
		return;
	}
	const struct route *route =
		control_route(exchange->method, exchange->target, &exchange->arena, &exchange->request, &status, &allow, &error);
	if (!route) {
		exchange_allow(exchange, allow);
		exchange_fail(exchange, status, &error);
		return;
	}
	exchange->route = route;
	exchange->request.op = (enum request_op)route->op;
}

static int decode_body(const struct route *route, struct exchange *exchange, struct ndrv_error *err)
{
	struct fields body;
	json_t *json = NULL;

	int rc = json_decode(exchange->body, exchange->body_bytes, &json, err);
	if (rc < 0)
		return rc;
	fields_open(&body, json, "", &exchange->arena, err);
	if (route->decode)
		route->decode(&body, &exchange->request);
	rc = fields_done(&body);
	json_decref(json);
	return rc;
}

static void control_serve(void *data, struct exchange *exchange)
{
	struct control *control = data;
	const struct route *route = exchange->route;
	struct ndrv_error error = {0};

	if (decode_body(route, exchange, &error) < 0) {
		fail(exchange, &error);
		return;
	}
	if (route->op < REQ_COUNT) {
		exchange_submit(exchange);
		return;
	}
	struct stream *stream = route->op == CONTROL_EVENTS ? events_listen(control->events, &error)
							    : rows_stream(control->dispatch, &exchange->request, &error);
	if (stream)
		exchange_stream(exchange, EVENTS_TYPE, stream);
	else
		fail(exchange, &error);
}

static void control_encode(void *data, struct exchange *exchange, const struct reply *reply)
{
	static const struct ndrv_value nothing = {.type = NDRV_MAP};
	const struct route *route = exchange->route;
	const struct ndrv_value *value = reply->value.type == NDRV_NULL ? &nothing : &reply->value;
	size_t bytes = 0;

	(void)data;
	if (reply->error.code) {
		fail(exchange, &reply->error);
		return;
	}
	if (route->op == REQ_METRICS && value->type == NDRV_STRING) {
		char *text = strdup(value->u.string);
		exchange_reply(exchange, route->success, METRICS_TYPE, text, value->count);
		return;
	}
	char *text = json_from_value(value, &bytes);
	exchange_reply(exchange, route->success, JSON_TYPE, text, bytes);
}

int control_start(const struct control_options *options, struct control **ret, struct ndrv_error *err)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return ndrv_fail_errno(err, ENOMEM, "control front");
	static char no_memory[] = "{\"error\":{\"code\":\"INTERNAL\",\"kind\":\"Internal\",\"message\":\"out of memory for the "
				  "reply: what was asked may have been done\"}}";

	control->dispatch = options->dispatch;
	control->service = (struct http_service){
		.name = "control",
		.front = NDRV_FRONT_CONTROL,
		.data = control,
		.head = control_head,
		.serve = control_serve,
		.encode = control_encode,
		.error_text = json_from_error,
		.error_type = JSON_TYPE,
		.no_memory = no_memory,
	};
	const struct http_options http = {
		.service = &control->service,
		.dispatch = options->dispatch,
		.listen_fd = options->listen_fd,
		.group = options->group,
		.max_connections = options->max_connections,
		.max_connections_per_uid = options->max_connections_per_uid,
		.request_timeout_ns = options->request_timeout_ns,
		.max_request = options->max_request,
		.memory = options->memory ? options->memory : options->max_request * MEMORY_FACTOR + 65536,
	};
	control->events = events_new(options->dispatch, err);
	int rc = control->events ? http_start(&http, &control->http, err) : -NDRV_E_INTERNAL;
	if (rc < 0) {
		if (control->events)
			events_free(control->events);
		free(control);
		return rc;
	}
	*ret = control;
	return 0;
}

void control_stop(struct control *control)
{
	http_stop(control->http);
	events_free(control->events);
	free(control);
}

void control_counts(struct control *control, struct http_counts *ret)
{
	http_counts(control->http, ret);
}

struct http *control_http(struct control *control)
{
	return control->http;
}

int control_take_over(struct control *control, struct handover *handover, const struct ndrv_value *answer, struct ndrv_error *err)
{
	size_t bytes = 0;
	char *text = json_from_value(answer, &bytes);

	if (!text)
		return ndrv_fail_errno(err, ENOMEM, "control front");
	http_take_over(control->http, CONTROL_DOOR, handover, JSON_TYPE, text);
	free(text);
	return 0;
}
