/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: their table, and the cutting of those that are too slow. What the watcher's thread does with them is in watch.c. */
#include "host/front/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/base/clock.h"

struct conn *conn_new(int fd, const struct caller *caller)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	pthread_mutexattr_t attr;

	if (!conn)
		return NULL;
	atomic_init(&conn->refs, 1);
	conn->fd = fd;
	conn->caller = *caller;
	(void)pthread_mutexattr_init(&attr);
	(void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(&conn->lock, &attr);
	(void)pthread_mutexattr_destroy(&attr);
	return conn;
}

struct conn *conn_ref(struct conn *conn)
{
	atomic_fetch_add(&conn->refs, 1);
	return conn;
}

struct conn *conn_unref(struct conn *conn)
{
	if (atomic_fetch_sub(&conn->refs, 1) == 1) {
		(void)pthread_mutex_destroy(&conn->lock);
		free(conn);
	}
	return NULL;
}

void conn_set_phase(struct conn *conn, enum conn_phase phase, uint64_t timeout_ns)
{
	conn->phase = phase;
	conn->deadline_ns = timeout_ns ? clock_ns() + timeout_ns : 0;
}

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Service Unavailable";
	}
}

/* Whatever does not fit into the socket's buffer at once is lost: the client is being cut off. */
void conn_write_error(int fd, const struct http *http, unsigned status, const struct ndrv_error *error)
{
	size_t bytes = 0;
	char *text = http->service->error_text(error, &bytes);
	char head[256];

	int length = snprintf(head, sizeof(head),
			      "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
			      reason_of(status), http->service->error_type, text ? bytes : 0);
	if (send(fd, head, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) == length && text)
		(void)send(fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(text);
}

void exchange_hangup(struct exchange *exchange)
{
	struct ticket *ticket = exchange->ticket;

	exchange->ticket = NULL;
	if (ticket)
		dispatch_cancel(exchange->http->options.dispatch, ticket);
	if (exchange->stream)
		stream_close(exchange->stream);
}

void conn_cut(struct conn *conn, const struct http *http, unsigned status, const struct ndrv_error *error)
{
	enum conn_phase phase = conn->phase;

	if (phase == CONN_CUT || conn->fd < 0)
		return;
	conn_set_phase(conn, CONN_CUT, 0);
	/* An idle connection that was used before is closed without a word: nothing was asked that could be answered. */
	bool idle = conn->served > 0 && !conn->exchange && (phase == CONN_RECEIVE || status == 408 || status == 503);
	if ((phase == CONN_GATE || phase == CONN_RECEIVE) && !idle)
		conn_write_error(conn->fd, http, status, error);
	(void)shutdown(conn->fd, SHUT_RDWR);
	if (phase == CONN_STREAM && conn->exchange)
		exchange_hangup(conn->exchange);
}

/* --- the table --- */

/* With watch->lock held. */
static bool table_room(struct watch *watch, int fd)
{
	size_t size = watch->table_size ? watch->table_size : 64;

	while (size <= (size_t)fd)
		size *= 2;
	if (size == watch->table_size)
		return true;
	struct conn **table = realloc(watch->table, size * sizeof(*table));
	if (!table)
		return false;
	memset(table + watch->table_size, 0, (size - watch->table_size) * sizeof(*table));
	watch->table = table;
	watch->table_size = size;
	return true;
}

bool watch_add(struct watch *watch, struct conn *conn)
{
	struct conn *stale = NULL;

	(void)pthread_mutex_lock(&watch->lock);
	bool ok = table_room(watch, conn->fd);
	if (ok) {
		/* One whose descriptor was closed before libmicrohttpd told us of it: it never came to life there. */
		stale = watch->table[conn->fd];
		conn->number = ++watch->next_number;
		watch->table[conn->fd] = conn;
		if (!stale)
			watch->count++;
	}
	(void)pthread_mutex_unlock(&watch->lock);
	if (stale)
		(void)conn_unref(stale);
	return ok;
}

struct conn *watch_find(struct watch *watch, int fd)
{
	struct conn *conn = NULL;

	(void)pthread_mutex_lock(&watch->lock);
	if (fd >= 0 && (size_t)fd < watch->table_size && watch->table[fd])
		conn = conn_ref(watch->table[fd]);
	(void)pthread_mutex_unlock(&watch->lock);
	return conn;
}

void watch_forget(struct watch *watch, struct conn *conn)
{
	(void)pthread_mutex_lock(&conn->lock);
	int fd = conn->fd;
	conn->fd = -1;
	(void)pthread_mutex_unlock(&conn->lock);
	if (fd < 0)
		return;
	(void)epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	(void)pthread_mutex_lock(&watch->lock);
	bool ours = watch->table[fd] == conn;
	if (ours) {
		watch->table[fd] = NULL;
		watch->count--;
	}
	(void)pthread_mutex_unlock(&watch->lock);
	if (ours)
		(void)conn_unref(conn);
}

bool watch_has_room(struct watch *watch, const struct caller *caller, const struct http_options *options, struct ndrv_error *err)
{
	uint32_t same_uid = 0;

	(void)pthread_mutex_lock(&watch->lock);
	uint32_t count = watch->count;
	for (size_t i = 0; i < watch->table_size; i++)
		if (watch->table[i] && watch->table[i]->caller.uid == caller->uid)
			same_uid++;
	(void)pthread_mutex_unlock(&watch->lock);
	if (count >= options->max_connections) {
		(void)ndrv_fail(err, NDRV_E_NO_SERVICE, "%s front: all %u connections are taken, try again later",
				options->service->name, options->max_connections);
		return false;
	}
	if (same_uid >= options->max_connections_per_uid) {
		(void)ndrv_fail(err, NDRV_E_NO_SERVICE, "%s front: user %u has %u connections open already, close some",
				options->service->name, caller->uid, options->max_connections_per_uid);
		return false;
	}
	return true;
}

/* --- all of them --- */

/* Calls `each` with the lock of every connection held, the table's not. */
void watch_each(struct watch *watch, void (*each)(struct watch *watch, struct conn *conn, void *data), void *data)
{
	for (size_t i = 0;; i++) {
		struct conn *conn = NULL;

		(void)pthread_mutex_lock(&watch->lock);
		while (i < watch->table_size && !watch->table[i])
			i++;
		if (i < watch->table_size)
			conn = conn_ref(watch->table[i]);
		(void)pthread_mutex_unlock(&watch->lock);
		if (!conn)
			return;
		(void)pthread_mutex_lock(&conn->lock);
		each(watch, conn, data);
		(void)pthread_mutex_unlock(&conn->lock);
		(void)conn_unref(conn);
	}
}

static void end_one(struct watch *watch, struct conn *conn, void *data)
{
	struct ndrv_error error = {0};

	(void)data;
	if (conn->phase == CONN_STREAM && conn->exchange && conn->exchange->stream)
		stream_end(conn->exchange->stream, NULL);
	if (conn->phase != CONN_GATE && conn->phase != CONN_RECEIVE)
		return;
	(void)ndrv_fail_object(&error, NDRV_E_SHUTTING_DOWN, "the request");
	conn_cut(conn, watch->http, 503, &error);
}

void watch_end_all(struct watch *watch)
{
	watch_each(watch, end_one, NULL);
}
