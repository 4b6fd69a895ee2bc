/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, as maps, for whoever wants to stream it. */
#include <time.h>

#include "host/dispatch/core.h"

#define EVENT_MEMORY (64u << 10)

void dispatch_add_sink(struct dispatch *dispatch, struct event_sink *sink)
{
	(void)pthread_mutex_lock(&dispatch->sinks_lock);
	sink->next = dispatch->sinks;
	dispatch->sinks = sink;
	(void)pthread_mutex_unlock(&dispatch->sinks_lock);
}

void dispatch_del_sink(struct dispatch *dispatch, struct event_sink *sink)
{
	(void)pthread_mutex_lock(&dispatch->sinks_lock);
	for (struct event_sink **at = &dispatch->sinks; *at; at = &(*at)->next) {
		if (*at != sink)
			continue;
		*at = sink->next;
		break;
	}
	(void)pthread_mutex_unlock(&dispatch->sinks_lock);
}

void dispatch_event(struct dispatch *dispatch, const struct ndrv_value *event)
{
	(void)pthread_mutex_lock(&dispatch->sinks_lock);
	for (struct event_sink *sink = dispatch->sinks; sink; sink = sink->next)
		sink->event(sink, event);
	(void)pthread_mutex_unlock(&dispatch->sinks_lock);
}

void event_network(struct dispatch *dispatch, const char *what, const struct network *network, const struct endpoint *endpoint)
{
	(void)pthread_mutex_lock(&dispatch->sinks_lock);
	bool heard = dispatch->sinks != NULL;
	(void)pthread_mutex_unlock(&dispatch->sinks_lock);
	if (!heard)
		return;
	struct arena arena;
	struct ndrv_error err = {0};
	struct ndrv_value event = ndrv_null();
	struct timespec now;

	arena_init(&arena, EVENT_MEMORY);
	struct tree tree = {.arena = &arena, .err = &err};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	tree_text(&tree, &event, "event", what);
	tree_int(&tree, &event, "time_ns", now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	tree_text(&tree, &event, "type", network->type);
	tree_text(&tree, &event, "network", network->view.id);
	tree_text(&tree, &event, "network_name", network->view.name);
	if (endpoint) {
		tree_text(&tree, &event, "endpoint", endpoint->view.id);
		tree_text(&tree, &event, "endpoint_name", endpoint->name);
		tree_text(&tree, &event, "sandbox", endpoint->join.sandbox_key);
	}
	if (!tree.rc)
		dispatch_event(dispatch, &event);
	arena_reset(&arena);
}
