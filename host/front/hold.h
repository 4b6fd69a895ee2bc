/* SPDX-License-Identifier: Apache-2.0 */
/* Holding an http service still, so that its connections can be handed to the next program: while it is held nothing is read from
 * any of them, so what a client sends stays in the socket for whoever comes next. Requests that the dispatcher has go on. */
#ifndef HOST_FRONT_HOLD_H
#define HOST_FRONT_HOLD_H

#include "host/front/http.h"
#include "host/lifecycle/handover.h"

/* Stops the watcher and libmicrohttpd's thread between two steps. */
int http_hold(struct http *http, struct ndrv_error *err);
void http_release(struct http *http);

/* All while held. How many connections cannot be handed over now: half a request has been read, or half a reply is to be sent. With
 * `cut` those are ended, with a typed error where nothing of a reply has gone out yet. */
uint32_t http_unsettled(struct http *http, bool cut);
/* Event streams end, once the service goes on. */
void http_end_streams(struct http *http);
/* Adds every connection to the hand-over under the name `door`, with the reply it is owed; the one whose request is `awaited` is
 * owed one by the next program. http_unsettled() must have said 0. */
int http_leave(struct http *http, const char *door, enum request_op awaited, struct handover *handover, struct ndrv_error *err);

/* The other end: takes over the connections of that name; the awaited request is answered with `body` (status 200). */
void http_take_over(struct http *http, const char *door, struct handover *handover, const char *content_type, const char *body);

/* --- for http.c --- */
/* Before the end, so that whoever serves next is asked and nobody is turned away: accepts no more, serves what has been sent
 * already and what comes on new connections, ends each connection with its reply and idle ones so that nothing can be sent on them
 * any more. Who has said nothing for `silent_ns` is not waited for; who has sent something gets its answer. Returns when none is
 * left, after `limit_ns` at the latest. */
void http_drain(struct http *http, uint64_t silent_ns, uint64_t limit_ns);
/* On libmicrohttpd's thread, in its callback: returns when the exchange has its answer. For connections that were shut while their
 * last request was on its way, which are few; the others wait meanwhile. */
void hold_await(struct exchange *exchange);
/* True: the descriptor is no client's, but the means by which libmicrohttpd's thread is stopped. */
bool hold_is_ours(struct http *http, int fd);
/* On libmicrohttpd's thread: does not return before http_release(), if the connection is that means. */
void hold_here(struct http *http, struct MHD_Connection *mhd);

#endif
