/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatcher: the one path from a request to a driver and back. See op_table.c for the table of operations and their checks.
 *
 * Who runs a call: a front submits and goes on; a worker of the dispatcher runs the request and then calls `done`. Requests on one
 * network run one after the other in order of arrival, without a worker waiting for the turn. Each request has a deadline; when it
 * passes, `done` is called with Timeout by the watchdog, while the driver may still be at work: its callback handles are revoked,
 * the network answers Retry until it comes back, and a late success is undone. `done` is called exactly once, from any
 * thread, and must not block: it may be the watchdog's. */
#ifndef HOST_DISPATCH_DISPATCH_H
#define HOST_DISPATCH_DISPATCH_H

#include "host/dispatch/request.h"

struct dispatch;
struct config;
struct registry;
struct records;
struct store;
struct ipam;
struct hostns;

struct dispatch_parts {
	const struct config *config;
	struct registry *registry;
	struct records *records;
	struct store *store;   /* NULL: nothing is kept (benches) */
	struct ipam *ipam;     /* NULL: no address pools */
	struct hostns *hostns; /* NULL: drivers get no netlink, and connect is refused (tests, benches) */
	bool quiet;	       /* no log line per operation (benches) */
};

/* A submitted request: the dispatcher's handle of it. */
struct ticket;

int dispatch_new(const struct dispatch_parts *parts, struct dispatch **ret, struct ndrv_error *err);
/* Refuses new requests (SHUTTING_DOWN), waits for running ones until `deadline_ns`, stops the workers; then has drivers release
 * what they hung on records. Records and the kernel's objects stay as they are. Before registry_free(). False: a call did not come
 * back, and may do so at any time; then nothing that it could touch may be freed, drivers and records least of all. */
bool dispatch_stop(struct dispatch *dispatch, uint64_t deadline_ns);
void dispatch_free(struct dispatch *dispatch);

/* Everything of `request` is copied before this returns, but for its arena: the reply is built there, on another thread, just
 * before `done` is called. So the arena is not the front's from here until `done` is called, and its own again from then on, even
 * where a driver is still at work. `done` may be called before this returns. `ret_ticket` (may be NULL) is set before. */
void dispatch_submit(struct dispatch *dispatch, struct request *request,
		     void (*done)(struct request *request, struct reply *reply, void *data), void *data,
		     struct ticket **ret_ticket);
/* The caller hung up: the request is cancelled as at its deadline; `done` is still called, by the watchdog thread and soon, but
 * never from within this function, so a lock that `done` takes may be held. `ticket` is invalid once `done` has returned. */
void dispatch_cancel(struct dispatch *dispatch, struct ticket *ticket);
/* Submits and waits. */
void dispatch_run(struct dispatch *dispatch, struct request *request, struct reply *reply);
/* Waits until nothing is unfinished but requests for `but_for`. RETRY naming what still runs when the deadline passes first. Does
 * not keep new requests from coming: the caller sees to that. */
int dispatch_wait_idle(struct dispatch *dispatch, enum request_op but_for, uint64_t deadline_ns, struct ndrv_error *err);

/* The bare path of an endpoint op on the calling thread: look-up, turn, frame, call, no log, no store. For benches and internal
 * callers that have no request. `err` must not be NULL. Returns the driver's code. */
int dispatch_endpoint_info(struct dispatch *dispatch, const char *nid, const char *eid, struct ndrv_value *ret, struct arena *arena,
			   struct ndrv_error *err);

/* Events ("network-create", ...) as maps; the front streams them. Called on the thread that made the event, must not block. */
struct event_sink {
	struct event_sink *next;
	void (*event)(struct event_sink *sink, const struct ndrv_value *event);
};
void dispatch_add_sink(struct dispatch *dispatch, struct event_sink *sink);
void dispatch_del_sink(struct dispatch *dispatch, struct event_sink *sink);
/* Tells all sinks of something a layer above did ("driver-load", "reload"). */
void dispatch_event(struct dispatch *dispatch, const struct ndrv_value *event);

/* Makes records loaded from disk live again: undoes and redoes open intents, adopts the rest into their drivers, checks the kernel
 * through the drivers. Called by lifecycle once the drivers are loaded and before the fronts listen, and again whenever a driver
 * was loaded later: networks that are served already are passed over. `ret_report` (in `arena`): map {networks, endpoints, undone,
 * redone, orphans, lost, failed: counts; lost_endpoints, failures: lists of {network, endpoint, why}; stray_links: names of links
 * that carried our tag, belonged to no record, removed where stray_links_removed; unknown_links: those whose names are not ours,
 * left alone}. */
int dispatch_recover(struct dispatch *dispatch, struct arena *arena, struct ndrv_value *ret_report, struct ndrv_error *err);

/* Operations that belong to layers above (driver_load, reload, ...) are served by them through this hook; set once before fronts
 * listen. It is also called with REQ_STATUS, after reply->value was filled, to add what the layers above know. On a worker's
 * thread; `request` and `reply` live in request->arena; errors go to reply->error. */
typedef int (*dispatch_extra)(void *data, struct request *request, struct reply *reply);
void dispatch_set_extra(struct dispatch *dispatch, dispatch_extra extra, void *data);

#endif
