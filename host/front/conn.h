/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of an http service and the thread that watches them. Private to host/front. */
#ifndef HOST_FRONT_CONN_H
#define HOST_FRONT_CONN_H

#include <pthread.h>
#include <stdatomic.h>

#include "host/base/clock.h"
#include "host/front/http.h"

/* How long a connection without a request may stay open. */
#define IDLE_TIMEOUT_NS (120 * NSEC_PER_SEC)

enum conn_phase {
	CONN_GATE,    /* accepted; its first request's head is arriving, libmicrohttpd has not seen it */
	CONN_RECEIVE, /* with libmicrohttpd: idle, or a request is arriving */
	CONN_RUN,     /* its request is with the dispatcher */
	CONN_SEND,    /* the reply is going out */
	CONN_STREAM,  /* a reply without end */
	CONN_CUT,     /* we have ended it; libmicrohttpd will notice */
};

/* Lives until both the table and whoever holds a reference let go. `lock` guards everything below it and is recursive: the
 * dispatcher may finish a request inside dispatch_submit() or dispatch_cancel(). */
struct conn {
	_Atomic uint32_t refs;
	uint64_t number; /* never used twice */
	struct caller caller;
	pthread_mutex_t lock;
	int fd; /* -1: closed, or about to be by libmicrohttpd */
	enum conn_phase phase;
	uint64_t deadline_ns; /* when the phase must be over; 0: never */
	bool hung_up;
	bool shut;		   /* its reading side, by http_drain() */
	uint32_t looks;		   /* at the first head, while it was not complete */
	uint32_t served;	   /* requests answered on it */
	struct exchange *exchange; /* in CONN_RUN and CONN_STREAM */
};

/* Index: the file descriptor, which is unique as long as the connection lives. */
struct watch {
	struct http *http;
	int epoll_fd, stop_fd, listen_fd;
	bool deaf;
	bool listening; /* the listening socket is in the epoll set */
	pthread_t thread;
	pthread_mutex_t run;  /* the thread has it while it works on anything */
	pthread_mutex_t lock; /* guards the table and the counts; no conn's lock is ever taken while it is held */
	struct conn **table;
	size_t table_size;
	uint32_t count;
	uint64_t next_number;
	_Atomic uint64_t accepted, refused, cut_off;
};

int watch_start(struct watch *watch, struct http *http, int listen_fd, struct ndrv_error *err);
/* Ends the thread: nothing is accepted, cut off or noticed any more. Connections stay. */
void watch_stop(struct watch *watch);
void watch_free(struct watch *watch);

/* The table takes the caller's reference. False: out of memory. */
bool watch_add(struct watch *watch, struct conn *conn);
/* A reference to the connection of that descriptor, or NULL. */
struct conn *watch_find(struct watch *watch, int fd);
/* The descriptor is about to be closed. Drops the table's reference. */
void watch_forget(struct watch *watch, struct conn *conn);
/* False: the error says which limit is met. */
bool watch_has_room(struct watch *watch, const struct caller *caller, const struct http_options *options, struct ndrv_error *err);
/* Calls `each` with the lock of every connection held in turn, the table's not. */
void watch_each(struct watch *watch, void (*each)(struct watch *watch, struct conn *conn, void *data), void *data);
/* Accepts no more, and goes on with those that are there. */
void watch_deafen(struct watch *watch);
/* A connection that the former program had: as if accepted now, whatever the limits. */
void watch_take_over(struct watch *watch, int fd, const struct caller *caller, bool served);
/* Streams are ended and idle connections closed, so that http_stop() need not wait for clients. */
void watch_end_all(struct watch *watch);

struct conn *conn_new(int fd, const struct caller *caller);
struct conn *conn_ref(struct conn *conn);
struct conn *conn_unref(struct conn *conn);
/* With the lock held. */
void conn_set_phase(struct conn *conn, enum conn_phase phase, uint64_t timeout_ns);
/* With the lock held: writes a typed error if nothing of a reply has gone out yet (phases GATE and RECEIVE), and ends the
 * connection. */
void conn_cut(struct conn *conn, const struct http *http, unsigned status, const struct ndrv_error *error);
void conn_write_error(int fd, const struct http *http, unsigned status, const struct ndrv_error *error);

/* gate.c: looks at the head of a connection's first request before libmicrohttpd does, because that answers what it cannot parse in
 * HTML. */
enum gate_verdict { GATE_MORE, GATE_PASS, GATE_REFUSE };
enum gate_verdict gate_check(const char *text, size_t bytes, unsigned *ret_status, struct ndrv_error *err);
#define GATE_HEAD_MAX 16384u
/* A head that comes in more pieces than this is left to libmicrohttpd as far as it was looked at: each piece takes a kilobyte of
 * the socket's buffer, however small it is, and what fills the buffer can never be seen whole without taking it out. */
#define GATE_LOOKS_MAX 64u

/* Private side of http.c. */
struct http {
	struct http_options options;
	const struct http_service *service;
	struct MHD_Daemon *mhd;
	struct watch watch;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	uint32_t in_flight; /* exchanges with the dispatcher */
	uint32_t open;	    /* exchanges that are not finished */
	bool stopping;
	_Atomic bool draining; /* every reply is the last of its connection */
	int hold;	       /* hold.c's, as what follows */
	int hold_fd, hold_peer;
	_Atomic uint64_t requests;
};

/* Hands a descriptor to libmicrohttpd, which owns it from then on. False: it is closed already. */
bool http_adopt(struct http *http, int fd);
/* With conn->lock held: the client of a running exchange or stream is gone. */
void exchange_hangup(struct exchange *exchange);

/* stream.c. The reader is gone: drops what is buffered and lets libmicrohttpd end the reply. */
void stream_close(struct stream *stream);
/* Makes the response and queues it on the exchange's connection. False: out of memory. */
bool stream_queue(struct stream *stream, struct exchange *exchange);

#endif
