/* SPDX-License-Identifier: Apache-2.0 */
/* The watcher's thread: accepts, looks at first heads, sees hang-ups, ends what is too slow. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/front/conn.h"
#include "host/front/peer.h"

#define EVENTS 64
/* Keys of the two descriptors that are no connections; those carry descriptor and number. */
#define KEY_STOP UINT64_MAX
#define KEY_LISTEN (UINT64_MAX - 1)

static uint64_t key_of(const struct conn *conn)
{
	return ((uint64_t)(uint32_t)conn->number << 32) | (uint32_t)conn->fd;
}

static int epoll_set(const struct watch *watch, int op, int fd, uint32_t events, uint64_t key)
{
	struct epoll_event event = {.events = events, .data.u64 = key};
	return epoll_ctl(watch->epoll_fd, op, fd, &event);
}

/* Ours to close, as libmicrohttpd has not seen it. With the lock held. */
static void close_gated(struct watch *watch, struct conn *conn)
{
	int fd = conn->fd;

	watch_forget(watch, conn);
	if (fd >= 0)
		(void)close(fd);
}

/* With the lock held. From here on only a hang-up is of interest: EPOLLHUP needs no asking for, and comes when both directions are
 * closed. A client that has merely sent all it wants to (EPOLLRDHUP) still waits for its reply. */
static void pass_gate(struct watch *watch, struct conn *conn)
{
	uint64_t left = conn->deadline_ns;

	(void)epoll_set(watch, EPOLL_CTL_MOD, conn->fd, EPOLLET, key_of(conn));
	conn->phase = CONN_RECEIVE; /* the deadline goes on: one time for the whole of the request */
	conn->deadline_ns = left;
	if (!http_adopt(watch->http, conn->fd)) { /* it has closed the descriptor, and epoll has forgotten it */
		log_warning(watch->http->service->name, "a connection of uid %u is dropped: out of memory", conn->caller.uid);
		watch_forget(watch, conn);
	}
}

/* With the lock held. */
static void look_at_head(struct watch *watch, struct conn *conn, uint32_t events)
{
	char head[GATE_HEAD_MAX];
	struct ndrv_error error = {0};
	unsigned status = 0;

	ssize_t bytes = recv(conn->fd, head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);
	if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	enum gate_verdict verdict = bytes > 0 ? gate_check(head, (size_t)bytes, &status, &error) : GATE_MORE;
	/* It will not say more. */
	bool silent = bytes <= 0 || (events & (EPOLLRDHUP | EPOLLHUP));
	if (verdict == GATE_REFUSE) {
		conn_cut(conn, watch->http, status, &error);
		close_gated(watch, conn);
	} else if (verdict == GATE_PASS || (!silent && ++conn->looks == GATE_LOOKS_MAX)) {
		pass_gate(watch, conn);
	} else if (silent) {
		close_gated(watch, conn);
	}
}

static void on_event(struct watch *watch, uint64_t key, uint32_t events)
{
	struct conn *conn = watch_find(watch, (int)(uint32_t)key);

	if (!conn)
		return;
	(void)pthread_mutex_lock(&conn->lock);
	if (conn->fd >= 0 && key_of(conn) == key) {
		if (events & EPOLLHUP)
			conn->hung_up = true;
		if (conn->phase == CONN_GATE)
			look_at_head(watch, conn, events);
		else if (conn->hung_up && (conn->phase == CONN_RUN || conn->phase == CONN_STREAM) && conn->exchange)
			exchange_hangup(conn->exchange);
	}
	(void)pthread_mutex_unlock(&conn->lock);
	(void)conn_unref(conn);
}

/* --- accepting --- */

/* Looks at what it says from now on, and at what it has said. */
static void begin(struct watch *watch, struct conn *conn, uint64_t timeout_ns)
{
	(void)pthread_mutex_lock(&conn->lock);
	conn_set_phase(conn, CONN_GATE, timeout_ns);
	if (epoll_set(watch, EPOLL_CTL_ADD, conn->fd, EPOLLIN | EPOLLRDHUP | EPOLLET, key_of(conn)) < 0)
		close_gated(watch, conn);
	(void)pthread_mutex_unlock(&conn->lock);
}

static void admit(struct watch *watch, int fd)
{
	struct http *http = watch->http;
	struct caller caller = {.front = http->service->front};
	struct ndrv_error error = {0};

	if (peer_identify(fd, http->options.group, &caller, &error) < 0 ||
	    !watch_has_room(watch, &caller, &http->options, &error)) {
		atomic_fetch_add(&watch->refused, 1);
		conn_write_error(fd, http, 503, &error);
		(void)close(fd);
		return;
	}
	struct conn *conn = conn_new(fd, &caller);
	if (!conn || !watch_add(watch, conn)) {
		if (conn)
			(void)conn_unref(conn);
		(void)close(fd);
		return;
	}
	atomic_fetch_add(&watch->accepted, 1);
	begin(watch, conn, http->options.request_timeout_ns);
}

void watch_take_over(struct watch *watch, int fd, const struct caller *caller, bool served)
{
	struct conn *conn = conn_new(fd, caller);

	if (conn)
		conn->served = served;
	if (!conn || !watch_add(watch, conn)) {
		if (conn)
			(void)conn_unref(conn);
		(void)close(fd);
		return;
	}
	begin(watch, conn, served ? IDLE_TIMEOUT_NS : watch->http->options.request_timeout_ns);
}

static void accept_some(struct watch *watch)
{
	for (int i = 0; i < EVENTS && !watch->deaf; i++) {
		int fd = accept4(watch->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			admit(watch, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) { /* no descriptors, no memory: look again at the next sweep instead of spinning */
			log_warning(watch->http->service->name, "accept: %s", strerrordesc_np(errno));
			(void)epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, watch->listen_fd, NULL);
			watch->listening = false;
		}
		return;
	}
}

/* --- deadlines --- */

static void sweep_one(struct watch *watch, struct conn *conn, void *data)
{
	const uint64_t *now = data;
	struct ndrv_error error = {0};
	uint64_t timeout_ms = watch->http->options.request_timeout_ns / NSEC_PER_MSEC;

	/* A stream that was ended because its reader does not read gets one more timeout to be taken. */
	if (conn->phase == CONN_STREAM && !conn->deadline_ns && conn->exchange && conn->exchange->stream &&
	    stream_ended(conn->exchange->stream))
		conn->deadline_ns = *now + watch->http->options.request_timeout_ns;
	if (!conn->deadline_ns || conn->deadline_ns > *now || conn->fd < 0)
		return;
	bool gated = conn->phase == CONN_GATE;
	(void)ndrv_fail(&error, NDRV_E_TIMEOUT, "the request did not arrive within %llu ms", (unsigned long long)timeout_ms);
	conn_cut(conn, watch->http, 408, &error);
	atomic_fetch_add(&watch->cut_off, 1);
	if (gated)
		close_gated(watch, conn);
}

static void sweep(struct watch *watch)
{
	uint64_t now = clock_ns();

	watch_each(watch, sweep_one, &now);
	if (!watch->listening && !watch->deaf)
		watch->listening = epoll_set(watch, EPOLL_CTL_ADD, watch->listen_fd, EPOLLIN, KEY_LISTEN) == 0;
}

/* Deadlines are kept to within a quarter of the timeout; a host without connections is not woken at all. */
static uint64_t sweep_interval(const struct watch *watch)
{
	uint64_t interval = watch->http->options.request_timeout_ns / 4;
	return interval < 20 * NSEC_PER_MSEC ? 20 * NSEC_PER_MSEC : interval;
}

static bool is_idle(struct watch *watch)
{
	(void)pthread_mutex_lock(&watch->lock);
	bool idle = watch->count == 0 && watch->listening;
	(void)pthread_mutex_unlock(&watch->lock);
	return idle;
}

/* False: to end. */
static bool work(struct watch *watch, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == KEY_STOP)
			return false;
		if (events[i].data.u64 == KEY_LISTEN)
			accept_some(watch);
		else
			on_event(watch, events[i].data.u64, events[i].events);
	}
	return true;
}

void watch_deafen(struct watch *watch)
{
	(void)pthread_mutex_lock(&watch->run);
	watch->deaf = true;
	(void)epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, watch->listen_fd, NULL);
	(void)pthread_mutex_unlock(&watch->run);
}

static void *watch_main(void *data)
{
	struct watch *watch = data;
	uint64_t next = clock_ns();

	for (bool go = true; go;) {
		struct epoll_event events[EVENTS];
		uint64_t now = clock_ns();
		int timeout = -1;

		if (!is_idle(watch)) {
			if (now >= next) {
				(void)pthread_mutex_lock(&watch->run);
				sweep(watch);
				(void)pthread_mutex_unlock(&watch->run);
				next = now + sweep_interval(watch);
			}
			timeout = (int)((next - now) / NSEC_PER_MSEC) + 1;
		}
		int count = epoll_wait(watch->epoll_fd, events, EVENTS, timeout);
		(void)pthread_mutex_lock(&watch->run);
		go = work(watch, events, count);
		(void)pthread_mutex_unlock(&watch->run);
	}
	return NULL;
}

/* --- start and stop --- */

static int open_fds(struct watch *watch, struct ndrv_error *err)
{
	watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch->epoll_fd < 0 || watch->stop_fd < 0 || epoll_set(watch, EPOLL_CTL_ADD, watch->stop_fd, EPOLLIN, KEY_STOP) < 0 ||
	    epoll_set(watch, EPOLL_CTL_ADD, watch->listen_fd, EPOLLIN, KEY_LISTEN) < 0)
		return ndrv_fail_errno(err, errno, "watch connections");
	watch->listening = true;
	return 0;
}

static void close_fds(struct watch *watch)
{
	if (watch->epoll_fd >= 0)
		(void)close(watch->epoll_fd);
	if (watch->stop_fd >= 0)
		(void)close(watch->stop_fd);
}

int watch_start(struct watch *watch, struct http *http, int listen_fd, struct ndrv_error *err)
{
	*watch = (struct watch){.http = http, .epoll_fd = -1, .stop_fd = -1, .listen_fd = listen_fd};
	(void)pthread_mutex_init(&watch->lock, NULL);
	(void)pthread_mutex_init(&watch->run, NULL);
	int rc = open_fds(watch, err);
	if (rc == 0) {
		int failed = pthread_create(&watch->thread, NULL, watch_main, watch);
		if (failed)
			rc = ndrv_fail_errno(err, failed, "start the watcher of connections");
	}
	if (rc < 0) {
		close_fds(watch);
		(void)pthread_mutex_destroy(&watch->lock);
		(void)pthread_mutex_destroy(&watch->run);
	}
	return rc;
}

void watch_stop(struct watch *watch)
{
	const uint64_t one = 1;

	(void)!write(watch->stop_fd, &one, sizeof(one));
	(void)pthread_join(watch->thread, NULL);
}

static void close_one(struct watch *watch, struct conn *conn, void *data)
{
	(void)data;
	close_gated(watch, conn);
}

void watch_free(struct watch *watch)
{
	watch_each(watch, close_one, NULL); /* only those libmicrohttpd never had are left */
	free(watch->table);
	close_fds(watch);
	(void)pthread_mutex_destroy(&watch->lock);
	(void)pthread_mutex_destroy(&watch->run);
}
