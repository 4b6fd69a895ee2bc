/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges: between libmicrohttpd's callbacks and the dispatcher. Connections are in conn.c, endless replies in stream.c. */
#include "host/front/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/front/conn.h"
#include "host/front/errors.h"
#include "host/front/hold.h"

/* How long http_stop() waits for new connections to say what they want, and serves what has been sent already. */
#define SILENT_NS (300 * NSEC_PER_MSEC)
/* How long http_stop() lets clients take replies that are ready. */
#define STOP_GRACE_NS NSEC_PER_SEC
/* For libmicrohttpd: request line and headers of a request after a connection's first. */
#define CONNECTION_MEMORY (32u * 1024u)
/* A client whose body is larger by this much than it may be is not listened to until its end. */
#define BODY_EXCESS (64u * 1024u)

/* --- replies --- */

void exchange_reply(struct exchange *exchange, unsigned status, const char *content_type, char *text, size_t bytes)
{
	exchange->state = EXCHANGE_READY;
	exchange->status = text ? status : 500;
	exchange->content_type = text ? content_type : exchange->http->service->error_type;
	exchange->text = text;
	exchange->text_bytes = text ? bytes : 0;
}

void exchange_fail(struct exchange *exchange, unsigned status, const struct ndrv_error *error)
{
	const struct http_service *service = exchange->http->service;
	size_t bytes = 0;
	char *text = service->error_text(error, &bytes);

	exchange_reply(exchange, status ? status : error_http_status(error->kind), service->error_type, text, bytes);
}

void exchange_allow(struct exchange *exchange, const char *methods)
{
	exchange->allow = methods;
}

void exchange_stream(struct exchange *exchange, const char *content_type, struct stream *stream)
{
	exchange->state = EXCHANGE_STREAM;
	exchange->status = 200;
	exchange->content_type = content_type;
	exchange->stream = stream;
}

/* --- through the dispatcher --- */

static void in_flight_end(struct http *http, struct exchange *awaited)
{
	(void)pthread_mutex_lock(&http->lock);
	http->in_flight--;
	if (awaited)
		awaited->answered = true;
	(void)pthread_cond_broadcast(&http->idle);
	(void)pthread_mutex_unlock(&http->lock);
}

/* On the dispatcher's thread. Once resumed, libmicrohttpd's thread may free the exchange. */
static void exchange_done(struct request *request, struct reply *reply, void *data)
{
	struct exchange *exchange = data;
	struct http *http = exchange->http;
	struct conn *conn = exchange->conn;
	struct MHD_Connection *mhd = exchange->mhd;

	(void)request;
	(void)pthread_mutex_lock(&conn->lock);
	exchange->ticket = NULL;
	http->service->encode(http->service->data, exchange, reply);
	if (exchange->state != EXCHANGE_READY)
		exchange_reply(exchange, 500, "text/plain", NULL, 0);
	bool awaited = exchange->awaited;
	(void)pthread_mutex_unlock(&conn->lock);
	if (!awaited)
		MHD_resume_connection(mhd);
	in_flight_end(http, awaited ? exchange : NULL);
}

/* False: this host is stopping and hands nothing on. */
static bool in_flight_begin(struct http *http)
{
	(void)pthread_mutex_lock(&http->lock);
	bool go = !http->stopping;
	if (go)
		http->in_flight++;
	(void)pthread_mutex_unlock(&http->lock);
	return go;
}

void exchange_submit(struct exchange *exchange)
{
	struct http *http = exchange->http;
	struct conn *conn = exchange->conn;
	struct ndrv_error error = {0};
	struct ticket *ticket = NULL;

	if (!in_flight_begin(http)) {
		(void)ndrv_fail_object(&error, NDRV_E_SHUTTING_DOWN, "the request");
		exchange_fail(exchange, 0, &error);
		return;
	}
	(void)pthread_mutex_lock(&conn->lock);
	if (conn->hung_up) { /* nobody to answer: as if it had been cancelled, but nothing was begun */
		(void)ndrv_fail_object(&error, NDRV_E_CANCELLED, "the request");
		exchange_fail(exchange, 0, &error);
		(void)pthread_mutex_unlock(&conn->lock);
		in_flight_end(http, NULL);
		return;
	}
	conn_set_phase(conn, CONN_RUN, 0);
	exchange->state = EXCHANGE_RUNNING;
	exchange->awaited = conn->shut;
	exchange->submitted = !exchange->awaited;
	if (!exchange->awaited)
		MHD_suspend_connection(exchange->mhd);
	/* The lock is held, so a `done` on another thread waits until the ticket is in its place. */
	dispatch_submit(http->options.dispatch, &exchange->request, exchange_done, exchange, &ticket);
	if (exchange->state == EXCHANGE_RUNNING)
		exchange->ticket = ticket;
	(void)pthread_mutex_unlock(&conn->lock);
	if (exchange->awaited)
		hold_await(exchange);
}

/* --- libmicrohttpd's callbacks, all on its thread --- */

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

/* The request line is here. What this returns is handed to the other callbacks. */
static void *on_request_line(void *data, const char *target, struct MHD_Connection *mhd)
{
	struct http *http = data;
	struct conn *conn = conn_of(mhd);
	if (!conn)
		hold_here(http, mhd);
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange || !conn) {
		free(exchange);
		return NULL;
	}
	arena_init(&exchange->arena, http->options.memory);
	exchange->http = http;
	exchange->conn = conn;
	exchange->mhd = mhd;
	exchange->caller = conn->caller;
	exchange->target = arena_strdup(&exchange->arena, target);
	uint64_t number = atomic_fetch_add(&http->requests, 1) + 1;
	(void)snprintf(exchange->id, sizeof(exchange->id), "%.10s-%llu", http->service->name, (unsigned long long)number);
	exchange->request.arena = &exchange->arena;
	exchange->request.caller = exchange->caller;
	exchange->request.id = exchange->id;
	(void)pthread_mutex_lock(&http->lock);
	http->open++;
	(void)pthread_mutex_unlock(&http->lock);
	(void)pthread_mutex_lock(&conn->lock);
	conn->exchange = exchange;
	if (conn->served > 0)
		conn_set_phase(conn, CONN_RECEIVE, http->options.request_timeout_ns);
	(void)pthread_mutex_unlock(&conn->lock);
	return exchange;
}

static void on_completed(void *data, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
	struct http *http = data;
	struct exchange *exchange = *context;

	(void)mhd;
	(void)code;
	if (!exchange)
		return;
	*context = NULL;
	struct conn *conn = exchange->conn;
	(void)pthread_mutex_lock(&conn->lock);
	conn->exchange = NULL;
	conn->served++;
	if (conn->phase != CONN_CUT)
		conn_set_phase(conn, CONN_RECEIVE, IDLE_TIMEOUT_NS);
	(void)pthread_mutex_unlock(&conn->lock);
	if (exchange->stream)
		(void)stream_unref(exchange->stream);
	free(exchange->text);
	free(exchange->body_buffer);
	arena_reset(&exchange->arena);
	free(exchange);
	(void)pthread_mutex_lock(&http->lock);
	http->open--;
	(void)pthread_cond_broadcast(&http->idle);
	(void)pthread_mutex_unlock(&http->lock);
}

static void on_connection(void *data, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct http *http = data;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		*context = info && !hold_is_ours(http, info->connect_fd) ? watch_find(&http->watch, info->connect_fd) : NULL;
		return;
	}
	struct conn *conn = *context;
	if (!conn)
		return;
	watch_forget(&http->watch, conn);
	*context = NULL;
	(void)conn_unref(conn);
}

/* Where there was no memory for the text, the service's own words for that. */
static struct MHD_Response *make_response(struct exchange *exchange)
{
	char *words = exchange->http->service->no_memory;

	if (!exchange->text)
		return MHD_create_response_from_buffer(words ? strlen(words) : 0, words, MHD_RESPMEM_PERSISTENT);
	return MHD_create_response_from_buffer(exchange->text_bytes, exchange->text, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result queue_reply(struct exchange *exchange)
{
	struct conn *conn = exchange->conn;
	bool stream = exchange->state == EXCHANGE_STREAM;

	(void)pthread_mutex_lock(&conn->lock);
	if (conn->phase == CONN_CUT || (stream && conn->hung_up)) {
		(void)pthread_mutex_unlock(&conn->lock);
		return MHD_NO;
	}
	conn_set_phase(conn, stream ? CONN_STREAM : CONN_SEND, stream ? 0 : exchange->http->options.request_timeout_ns);
	(void)pthread_mutex_unlock(&conn->lock);
	exchange->state = EXCHANGE_SENT;
	if (stream)
		return stream_queue(exchange->stream, exchange) ? MHD_YES : MHD_NO;

	struct MHD_Response *response = make_response(exchange);
	if (!response)
		return MHD_NO;
	exchange->text = NULL;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, exchange->content_type);
	if (atomic_load(&exchange->http->draining))
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (exchange->allow)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, exchange->allow);
	enum MHD_Result rc = MHD_queue_response(exchange->mhd, exchange->status, response);
	MHD_destroy_response(response);
	return rc;
}

static void fail_too_large(const struct http *http, struct ndrv_error *error)
{
	(void)ndrv_fail(error, NDRV_E_BAD_REQUEST, "request body is larger than %llu bytes",
			(unsigned long long)http->options.max_request);
}

static bool has_body(struct MHD_Connection *mhd)
{
	const char *length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (length && strtoull(length, NULL, 10) > 0) ||
	       MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* The head of the request is here. */
static void take_head(struct exchange *exchange, const char *method)
{
	struct http *http = exchange->http;
	struct ndrv_error error = {0};

	exchange->state = EXCHANGE_BODY;
	exchange->method = arena_strdup(&exchange->arena, method);
	if (!exchange->method || !exchange->target) {
		exchange_reply(exchange, 500, http->service->error_type, NULL, 0);
		return;
	}
	const char *length = MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (length && strtoull(length, NULL, 10) > http->options.max_request) {
		fail_too_large(http, &error);
		exchange_fail(exchange, MHD_HTTP_CONTENT_TOO_LARGE, &error);
		return;
	}
	http->service->head(http->service->data, exchange);
}

/* False: this client is not listened to any more. */
static bool take_body(struct exchange *exchange, const char *data, size_t bytes)
{
	struct http *http = exchange->http;
	struct ndrv_error error = {0};
	size_t total = exchange->body_bytes + bytes;

	if (exchange->state != EXCHANGE_BODY)
		return true;			 /* refused: the rest is thrown away */
	if (total > http->options.max_request) { /* only a chunked body gets here */
		exchange->body_bytes = total;
		if (total <= http->options.max_request + BODY_EXCESS)
			return true;
		fail_too_large(http, &error);
		(void)pthread_mutex_lock(&exchange->conn->lock);
		conn_cut(exchange->conn, http, MHD_HTTP_CONTENT_TOO_LARGE, &error);
		(void)pthread_mutex_unlock(&exchange->conn->lock);
		return false;
	}
	if (total + 1 > exchange->body_room) {
		size_t room = exchange->body_room ? exchange->body_room * 2 : 4096;
		while (room < total + 1)
			room *= 2;
		char *buffer = realloc(exchange->body_buffer, room);
		if (!buffer)
			return false;
		exchange->body_buffer = buffer;
		exchange->body_room = room;
	}
	memcpy(exchange->body_buffer + exchange->body_bytes, data, bytes);
	exchange->body_bytes = total;
	return true;
}

static void serve(struct exchange *exchange)
{
	struct http *http = exchange->http;
	struct ndrv_error error = {0};

	if (exchange->body_bytes > http->options.max_request) {
		fail_too_large(http, &error);
		exchange_fail(exchange, MHD_HTTP_CONTENT_TOO_LARGE, &error);
		return;
	}
	if (exchange->body_buffer)
		exchange->body_buffer[exchange->body_bytes] = '\0';
	exchange->body = exchange->body_buffer ? exchange->body_buffer : "";
	http->service->serve(http->service->data, exchange);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
				  const char *upload, size_t *upload_bytes, void **context)
{
	struct exchange *exchange = *context;

	(void)data;
	(void)url;
	if (!exchange)
		return MHD_NO; /* out of memory: the connection ends */
	if (exchange->state == EXCHANGE_HEAD) {
		exchange->old_version = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
		take_head(exchange, method);
		/* A refusal at once saves reading the body, and costs the connection; without a body we are called again. */
		return exchange->state == EXCHANGE_READY && has_body(mhd) ? queue_reply(exchange) : MHD_YES;
	}
	if (*upload_bytes > 0) {
		if (!take_body(exchange, upload, *upload_bytes))
			return MHD_NO;
		*upload_bytes = 0;
		return MHD_YES;
	}
	if (exchange->state == EXCHANGE_BODY) {
		serve(exchange);
		if (exchange->submitted)
			return MHD_YES; /* suspended, even if it has been resumed meanwhile: we are called again */
	}
	return queue_reply(exchange);
}

/* Targets are taken apart by the service, segment by segment, from the text of the request line. */
static size_t on_unescape(void *data, struct MHD_Connection *mhd, char *text)
{
	(void)data;
	(void)mhd;
	return strlen(text);
}

static void on_log(void *data, const char *fmt, va_list ap) NDRV_PRINTF(2, 0);
static void on_log(void *data, const char *fmt, va_list ap)
{
	const struct http *http = data;
	char text[256];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug(http->service->name, "libmicrohttpd: %s", text);
}

bool http_adopt(struct http *http, int fd)
{
	const struct sockaddr_un peer = {.sun_family = AF_UNIX};
	return MHD_add_connection(http->mhd, fd, (const struct sockaddr *)&peer, sizeof(peer)) == MHD_YES;
}

/* --- start and stop --- */

static struct MHD_Daemon *daemon_start(struct http *http)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
			 MHD_USE_ERROR_LOG;
	/* Our own limit refuses with an answer; the library's, which only stops accepting, must never be met. */
	unsigned limit = http->options.max_connections * 2 + 64;

	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, http,
				MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
				MHD_OPTION_URI_LOG_CALLBACK, on_request_line, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
				MHD_OPTION_END);
}

static void http_free(struct http *http)
{
	(void)pthread_mutex_destroy(&http->lock);
	(void)pthread_cond_destroy(&http->idle);
	free(http);
}

int http_start(const struct http_options *options, struct http **ret, struct ndrv_error *err)
{
	struct http *http = calloc(1, sizeof(*http));
	pthread_condattr_t attr;

	if (!http)
		return ndrv_fail_errno(err, ENOMEM, "%s front", options->service->name);
	http->options = *options;
	http->service = options->service;
	(void)pthread_mutex_init(&http->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&http->idle, &attr);
	(void)pthread_condattr_destroy(&attr);
	http->mhd = daemon_start(http);
	if (!http->mhd) {
		http_free(http);
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s front: the HTTP service cannot start", options->service->name);
	}
	int rc = watch_start(&http->watch, http, options->listen_fd, err);
	if (rc < 0) {
		MHD_stop_daemon(http->mhd);
		http_free(http);
		return ndrv_wrap(err, rc, "%s front", options->service->name);
	}
	*ret = http;
	return 0;
}

/* For what is with the dispatcher as long as it takes, for clients only a little. */
static void wait_idle(struct http *http)
{
	(void)pthread_mutex_lock(&http->lock);
	while (http->in_flight > 0)
		(void)pthread_cond_wait(&http->idle, &http->lock);
	uint64_t until = clock_ns() + STOP_GRACE_NS;
	struct timespec ts = {.tv_sec = (time_t)(until / NSEC_PER_SEC), .tv_nsec = (long)(until % NSEC_PER_SEC)};
	while (http->open > 0 && pthread_cond_timedwait(&http->idle, &http->lock, &ts) == 0)
		;
	(void)pthread_mutex_unlock(&http->lock);
}

void http_stop(struct http *http)
{
	http_drain(http, SILENT_NS, 100 * SILENT_NS);
	watch_stop(&http->watch);
	(void)pthread_mutex_lock(&http->lock);
	http->stopping = true;
	(void)pthread_mutex_unlock(&http->lock);
	watch_end_all(&http->watch);
	wait_idle(http);
	MHD_stop_daemon(http->mhd);
	watch_free(&http->watch);
	http_free(http);
}

void http_counts(struct http *http, struct http_counts *ret)
{
	(void)pthread_mutex_lock(&http->watch.lock);
	ret->connections = http->watch.count;
	(void)pthread_mutex_unlock(&http->watch.lock);
	ret->accepted = atomic_load(&http->watch.accepted);
	ret->refused = atomic_load(&http->watch.refused);
	ret->cut_off = atomic_load(&http->watch.cut_off);
	ret->requests = atomic_load(&http->requests);
}
