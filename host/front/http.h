/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 service on a unix socket, the same for every front that speaks HTTP: connections, their limits and deadlines, who the
 * caller is, and the way of a request through the dispatcher and back. What the bytes of a request mean is the service's business.
 *
 * Two threads. libmicrohttpd's reads, parses and writes; the watcher (conn.c) accepts, refuses what is too much, cuts off clients
 * that are too slow, and sees clients hang up. Neither ever waits for a driver: a connection whose request is with the dispatcher
 *is suspended, and the worker that finishes the request resumes it.
 *
 * An exchange is one request and its reply:
 *	head()	 the request's head is here: refuse it now, or go on. Its body is not read if it is refused.
 *	serve()	 the body is here: exactly one of exchange_reply, exchange_fail, exchange_submit, exchange_stream.
 *	encode() after exchange_submit: the dispatcher's reply is here: exchange_reply or exchange_fail. On any thread. */
#ifndef HOST_FRONT_HTTP_H
#define HOST_FRONT_HTTP_H

#include <stdatomic.h>
#include <sys/types.h>

#include "host/dispatch/dispatch.h"

struct http;
struct conn;
struct stream;
struct MHD_Connection;

enum exchange_state { EXCHANGE_HEAD, EXCHANGE_BODY, EXCHANGE_RUNNING, EXCHANGE_READY, EXCHANGE_STREAM, EXCHANGE_SENT };

struct exchange {
	/* For the service to read. */
	const char *method;
	const char *target; /* "/v1/networks/n%31?force=1", as it came */
	const char *body;   /* NUL-terminated behind its last byte */
	size_t body_bytes;
	struct caller caller;
	struct arena arena; /* freed when the reply is sent */
	/* For the service to fill: what exchange_submit() hands on; arena, caller and id are filled already. */
	struct request request;
	const void *route; /* the service's own */

	/* http.c's */
	struct http *http;
	struct conn *conn;
	struct MHD_Connection *mhd;
	enum exchange_state state; /* RUNNING -> READY under conn->lock, else libmicrohttpd's thread alone */
	bool submitted;
	bool awaited;	  /* hold_await(): libmicrohttpd's thread waits for the answer */
	bool answered;	  /* under http->lock */
	bool old_version; /* HTTP/1.0 */
	struct ticket *ticket;
	size_t body_room;
	char *body_buffer;
	unsigned status;
	const char *content_type, *allow;
	char *text;
	size_t text_bytes;
	struct stream *stream;
	char id[32];
};

struct http_service {
	const char *name; /* in logs and request ids: "control" */
	uint32_t front;	  /* NDRV_FRONT_... */
	void *data;
	void (*head)(void *data, struct exchange *exchange);
	void (*serve)(void *data, struct exchange *exchange);
	void (*encode)(void *data, struct exchange *exchange, const struct reply *reply);
	/* The text of an error this layer itself has to report (too slow, too many, malformed): malloc'ed, NULL when out of memory.
	 */
	char *(*error_text)(const struct ndrv_error *error, size_t *ret_bytes);
	const char *error_type; /* its content type */
	char *no_memory;	/* the body of a reply for which there is no memory, of that type; NULL: empty */
};

struct http_options {
	const struct http_service *service;
	struct dispatch *dispatch;
	int listen_fd; /* stays the caller's: closed by it, after http_stop() */
	gid_t group;   /* (gid_t)-1: root alone */
	uint32_t max_connections;
	uint32_t max_connections_per_uid;
	uint64_t request_timeout_ns; /* for a request to arrive, and for a reply to be taken */
	uint64_t max_request;	     /* bytes of a body */
	uint64_t memory;	     /* limit of an exchange's arena */
};

struct http_counts {
	uint32_t connections; /* now */
	uint64_t accepted, refused, cut_off, requests;
};

int http_start(const struct http_options *options, struct http **ret, struct ndrv_error *err);
/* Accepts no more, serves what has been sent already (http_drain()), ends event streams, waits for what is with the dispatcher,
 * sends nothing new. The dispatcher must be serving or stopped already (then every `done` has been called). */
void http_stop(struct http *http);
void http_counts(struct http *http, struct http_counts *ret);

/* `text` is malloc'ed and taken; NULL: out of memory, which becomes a bare 500. `content_type` is static. */
void exchange_reply(struct exchange *exchange, unsigned status, const char *content_type, char *text, size_t bytes);
/* Status by the error's kind, text by the service. `status` 0: the kind's own. */
void exchange_fail(struct exchange *exchange, unsigned status, const struct ndrv_error *error);
/* The Allow header of a 405; static or in the exchange's arena. */
void exchange_allow(struct exchange *exchange, const char *methods);
/* Hands exchange->request to the dispatcher; encode() follows, on any thread, perhaps before this returns. */
void exchange_submit(struct exchange *exchange);
/* Replies 200 and what is put into the stream, until the client hangs up or reads too slowly. The stream is then closed: its owner
 * learns it from stream_put(). Takes one reference. */
void exchange_stream(struct exchange *exchange, const char *content_type, struct stream *stream);

/* A reply without end: bytes wait in a bounded buffer until the client takes them. */
struct stream *stream_new(size_t limit, struct ndrv_error *err);
/* A reply without end that is made as the client takes it. `read` is called by libmicrohttpd's thread when there is room: the next
 * piece (malloc'ed), or NULL: nothing now, until stream_wake(); or, with `ret_end`, no more ever. `close` is called once, when
 * nobody will read any more. */
struct stream_source {
	char *(*read)(void *data, size_t *ret_bytes, bool *ret_end);
	void (*close)(void *data);
	void *data;
};
struct stream *stream_new_pulled(const struct stream_source *source, struct ndrv_error *err);
/* There is something to read. Any thread, until `close` was called. */
void stream_wake(struct stream *stream);
struct stream *stream_ref(struct stream *stream);
struct stream *stream_unref(struct stream *stream);
/* Whole or not at all. False: the client is gone or too slow; the stream is closed and takes no more. Any thread, never blocks. */
bool stream_put(struct stream *stream, const char *text, size_t bytes);
/* No more can be put: ended, closed, or its client gone. */
bool stream_ended(struct stream *stream);
/* What is in the buffer is still sent, then `last` (beyond the limit if need be; NULL: nothing), then the reply ends. */
void stream_end(struct stream *stream, const char *last);

#endif
