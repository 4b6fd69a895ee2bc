/* SPDX-License-Identifier: Apache-2.0 */
/* How libmicrohttpd's thread is stopped: it has no call for it, so it is given a connection of ours with a request, and the
 * callback for that does not return. There it has no lock of its own, and every other connection is between two steps: either its
 * bytes are in the socket, or they are in an exchange. (One case cannot be seen: a client that sends half a request line and waits.
 * Clients write a request line with one write; one that does not gets a typed 400 afterwards.) */
#include "host/front/hold.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host/base/log.h"
#include "host/front/conn.h"

/* A client that waits for a reply has room for it. */
#define SEND_TIMEOUT_MS 1000

enum { HOLD_NONE, HOLD_ASKED, HOLD_HELD };

bool hold_is_ours(struct http *http, int fd)
{
	(void)pthread_mutex_lock(&http->lock);
	bool ours = http->hold != HOLD_NONE && http->hold_fd == fd;
	(void)pthread_mutex_unlock(&http->lock);
	return ours;
}

void hold_here(struct http *http, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (!info || !hold_is_ours(http, info->connect_fd))
		return;
	(void)pthread_mutex_lock(&http->lock);
	http->hold = HOLD_HELD;
	(void)pthread_cond_broadcast(&http->idle);
	while (http->hold == HOLD_HELD)
		(void)pthread_cond_wait(&http->idle, &http->lock);
	(void)pthread_mutex_unlock(&http->lock);
}

static int stop_thread(struct http *http, struct ndrv_error *err)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: hold\r\n\r\n";
	const struct sockaddr_un peer = {.sun_family = AF_UNIX};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return ndrv_fail_errno(err, errno, "hold the %s front", http->service->name);
	(void)pthread_mutex_lock(&http->lock);
	http->hold = HOLD_ASKED;
	http->hold_fd = pair[0];
	(void)pthread_mutex_unlock(&http->lock);
	http->hold_peer = pair[1];
	(void)send(pair[1], request, sizeof(request) - 1, MSG_NOSIGNAL);
	/* It owns pair[0] from now on, even if it fails. */
	bool ok = MHD_add_connection(http->mhd, pair[0], (const struct sockaddr *)&peer, sizeof(peer)) == MHD_YES;
	(void)pthread_mutex_lock(&http->lock);
	while (ok && http->hold == HOLD_ASKED)
		(void)pthread_cond_wait(&http->idle, &http->lock);
	if (!ok)
		http->hold = HOLD_NONE;
	(void)pthread_mutex_unlock(&http->lock);
	if (ok)
		return 0;
	(void)close(pair[1]);
	return ndrv_fail(err, NDRV_E_NO_SERVICE, "hold the %s front: no room for a connection", http->service->name);
}

int http_hold(struct http *http, struct ndrv_error *err)
{
	(void)pthread_mutex_lock(&http->watch.run);
	int rc = stop_thread(http, err);
	if (rc)
		(void)pthread_mutex_unlock(&http->watch.run);
	return rc;
}

void http_release(struct http *http)
{
	(void)pthread_mutex_lock(&http->lock);
	http->hold = HOLD_NONE;
	(void)pthread_cond_broadcast(&http->idle);
	(void)pthread_mutex_unlock(&http->lock);
	(void)close(http->hold_peer);
	(void)pthread_mutex_unlock(&http->watch.run);
}

/* --- what can be handed over --- */

static bool is_owed(const struct conn *conn)
{
	return conn->phase == CONN_RUN && conn->exchange && conn->exchange->state == EXCHANGE_READY;
}

static bool is_awaited(const struct conn *conn, enum request_op awaited)
{
	return conn->phase == CONN_RUN && conn->exchange && conn->exchange->state == EXCHANGE_RUNNING &&
	       conn->exchange->request.op == awaited;
}

static bool is_settled(const struct conn *conn)
{
	return conn->fd < 0 || conn->phase == CONN_CUT || conn->phase == CONN_GATE ||
	       (conn->phase == CONN_RECEIVE && !conn->exchange) || is_owed(conn) || is_awaited(conn, REQ_REEXEC);
}

struct count {
	uint32_t unsettled;
	bool cut;
};

static void count_one(struct watch *watch, struct conn *conn, void *data)
{
	struct count *count = data;
	struct ndrv_error error = {0};

	if (is_settled(conn))
		return;
	if (!count->cut || conn->phase == CONN_RUN) { /* a request that runs is waited for, never cut off */
		count->unsettled++;
		return;
	}
	(void)ndrv_fail(&error, NDRV_E_NO_SERVICE,
			"the request did not arrive, or its reply was not taken, while the host waited to be replaced: try again");
	conn_cut(conn, watch->http, 503, &error);
}

uint32_t http_unsettled(struct http *http, bool cut)
{
	struct count count = {.cut = cut};

	watch_each(&http->watch, count_one, &count);
	return count.unsettled;
}

static void end_stream(struct watch *watch, struct conn *conn, void *data)
{
	(void)watch;
	(void)data;
	if (conn->phase == CONN_STREAM && conn->exchange && conn->exchange->stream)
		stream_end(conn->exchange->stream, NULL);
}

void http_end_streams(struct http *http)
{
	watch_each(&http->watch, end_stream, NULL);
}

/* --- leaving --- */

static char *reply_bytes(unsigned status, const char *content_type, const char *allow, bool closes, const char *text, size_t bytes,
			 size_t *ret_bytes)
{
	time_t now = time(NULL);
	char *reply = NULL, date[64];
	struct tm tm;
	size_t room = 0;

	FILE *file = open_memstream(&reply, &room);
	if (!file)
		return NULL;
	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	(void)fprintf(file, "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status,
		      MHD_get_reason_phrase_for(status), date, content_type ? content_type : "text/plain", bytes);
	if (allow)
		(void)fprintf(file, "Allow: %s\r\n", allow);
	(void)fputs(closes ? "Connection: close\r\n\r\n" : "\r\n", file);
	(void)fwrite(text, 1, bytes, file);
	if (fclose(file) == 0) {
		*ret_bytes = room;
		return reply;
	}
	free(reply);
	return NULL;
}

/* What libmicrohttpd would have done after the reply. */
static bool closes_after(const struct exchange *exchange)
{
	const char *wish = MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONNECTION);

	if (exchange->old_version)
		return !wish || strcasecmp(wish, "keep-alive") != 0;
	return wish && strcasecmp(wish, "close") == 0;
}

struct leaving {
	const char *door;
	enum request_op awaited;
	struct handover *handover;
	struct ndrv_error *err;
	int rc;
};

static void leave_one(struct watch *watch, struct conn *conn, void *data)
{
	struct leaving *leaving = data;
	struct handover_conn left = {.fd = conn->fd, .caller = conn->caller};
	const struct exchange *exchange = conn->exchange;

	(void)watch;
	if (leaving->rc || conn->fd < 0 || conn->phase == CONN_CUT)
		return;
	(void)snprintf(left.door, sizeof(left.door), "%s", leaving->door);
	left.awaits = is_awaited(conn, leaving->awaited);
	left.served = conn->served > 0 || exchange;
	left.closes = exchange && closes_after(exchange);
	if (is_owed(conn)) {
		left.reply = reply_bytes(exchange->status, exchange->content_type, exchange->allow, left.closes,
					 exchange->text ? exchange->text : "", exchange->text_bytes, &left.reply_bytes);
		if (!left.reply) {
			leaving->rc = ndrv_fail_errno(leaving->err, ENOMEM, "hand over a reply");
			return;
		}
	}
	leaving->rc = handover_add_conn(leaving->handover, &left, leaving->err);
}

int http_leave(struct http *http, const char *door, enum request_op awaited, struct handover *handover, struct ndrv_error *err)
{
	struct leaving leaving = {.door = door, .awaited = awaited, .handover = handover, .err = err};

	watch_each(&http->watch, leave_one, &leaving);
	return leaving.rc;
}

/* --- taking over --- */

static bool send_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		struct pollfd ready = {.fd = fd, .events = POLLOUT};
		ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0) {
			bytes += sent;
			count -= (size_t)sent;
		} else if (errno != EINTR && (errno != EAGAIN || poll(&ready, 1, SEND_TIMEOUT_MS) <= 0)) {
			return false;
		}
	}
	return true;
}

static void take_one(struct http *http, struct handover_conn *conn)
{
	int fd = conn->fd;

	conn->fd = -1;
	if (conn->reply && !send_all(fd, conn->reply, conn->reply_bytes)) {
		(void)close(fd);
		return;
	}
	if (conn->closes) {
		(void)close(fd);
		return;
	}
	watch_take_over(&http->watch, fd, &conn->caller, conn->served);
}

void http_take_over(struct http *http, const char *door, struct handover *handover, const char *content_type, const char *body)
{
	uint32_t count = 0;

	for (struct handover_conn *conn = handover->conns; conn; conn = conn->next) {
		if (conn->fd < 0 || strcmp(conn->door, door) != 0)
			continue;
		if (conn->awaits)
			conn->reply = reply_bytes(200, content_type, NULL, conn->closes, body, strlen(body), &conn->reply_bytes);
		take_one(http, conn);
		count++;
	}
	if (count > 0)
		log_info(http->service->name, "%u connections of the former program are taken over", count);
}

/* --- the end --- */

struct draining {
	bool silent_too; /* connections that have not been used end, too */
	bool sent_too;	 /* replies that are ready are waited for */
	uint32_t owed;	 /* connections that may have sent something which is not answered */
};

void hold_await(struct exchange *exchange)
{
	struct http *http = exchange->http;

	(void)pthread_mutex_lock(&http->lock);
	while (!exchange->answered)
		(void)pthread_cond_wait(&http->idle, &http->lock);
	(void)pthread_mutex_unlock(&http->lock);
}

/* What lies in the socket is about to be read, and its answer is the connection's last. The gate looks without taking it out. */
static bool has_nothing_to_say(const struct conn *conn)
{
	int bytes = 0;

	return conn->phase == CONN_GATE || ioctl(conn->fd, FIONREAD, &bytes) < 0 || bytes == 0;
}

/* With its reading side shut the client cannot send on it any more and knows it, while what it has sent can still be read: no
 * request gets lost between two looks. But libmicrohttpd looks again for bytes when a request that waited for the dispatcher goes
 * on, and where it finds the end it drops the reply: what is read from such a connection must not be suspended (hold_await()), and
 * it is left alone while something can be seen in it. A connection that has not been used is about to be: its request is waited for
 * a while. What has been read and not yet understood cannot be told from nothing, so each is waited for until it is closed, which
 * follows at once where there is nothing. A request that does not get complete is cut off by the watcher. */
static void end_idle(struct watch *watch, struct conn *conn, void *data)
{
	struct draining *draining = data;
	bool waits = (conn->phase == CONN_RECEIVE || conn->phase == CONN_GATE) && !conn->exchange;

	if (waits && !conn->shut && conn->fd >= 0 && (conn->served > 0 || draining->silent_too) && has_nothing_to_say(conn))
		conn->shut = shutdown(conn->fd, SHUT_RD) == 0;
	if (conn->phase == CONN_SEND)
		draining->owed += draining->sent_too;
	else
		draining->owed += conn->phase != CONN_STREAM && conn->phase != CONN_CUT;
	end_stream(watch, conn, NULL);
}

void http_drain(struct http *http, uint64_t silent_ns, uint64_t limit_ns)
{
	const struct timespec nap = {.tv_nsec = 500 * 1000};
	uint64_t start = clock_ns();

	watch_deafen(&http->watch);
	atomic_store(&http->draining, true);
	for (;;) {
		uint64_t now = clock_ns();
		struct draining draining = {.silent_too = now >= start + silent_ns, .sent_too = now < start + 10 * silent_ns};
		watch_each(&http->watch, end_idle, &draining);
		(void)pthread_mutex_lock(&http->watch.lock);
		uint32_t left = http->watch.count;
		(void)pthread_mutex_unlock(&http->watch.lock);
		if (left == 0 || now >= start + limit_ns || (draining.owed == 0 && draining.silent_too))
			return;
		(void)nanosleep(&nap, NULL);
	}
}
