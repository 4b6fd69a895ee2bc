/* SPDX-License-Identifier: Apache-2.0 */
/* The event stream: each event becomes one line of JSON, once, and is put into the stream of everyone who listens. */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "host/front/control.h"

/* What a listener may be behind before it is dropped. */
#define BACKLOG (256u * 1024u)
#define DROPPED                                                                                                                    \
	"{\"event\":\"dropped\",\"message\":\"events were read too slowly, some are lost: ask for the present state, then listen " \
	"again\"}\n"

struct listener_entry {
	struct listener_entry *next;
	struct stream *stream;
};

struct events {
	struct event_sink sink;
	struct dispatch *dispatch;
	pthread_mutex_t lock;
	struct listener_entry *first;
};

static void on_event(struct event_sink *sink, const struct ndrv_value *event)
{
	struct events *events = (struct events *)(void *)((char *)sink - offsetof(struct events, sink));
	size_t bytes = 0;

	(void)pthread_mutex_lock(&events->lock);
	char *line = events->first ? json_from_value(event, &bytes) : NULL;
	for (struct listener_entry **at = &events->first; *at && line;) {
		struct listener_entry *entry = *at;
		if (stream_put(entry->stream, line, bytes)) {
			at = &entry->next;
			continue;
		}
		stream_end(entry->stream, DROPPED); /* without effect when the client has gone */
		*at = entry->next;
		(void)stream_unref(entry->stream);
		free(entry);
	}
	(void)pthread_mutex_unlock(&events->lock);
	free(line);
}

struct events *events_new(struct dispatch *dispatch, struct ndrv_error *err)
{
	struct events *events = calloc(1, sizeof(*events));

	if (!events) {
		(void)ndrv_fail_errno(err, ENOMEM, "events");
		return NULL;
	}
	events->sink.event = on_event;
	events->dispatch = dispatch;
	(void)pthread_mutex_init(&events->lock, NULL);
	dispatch_add_sink(dispatch, &events->sink);
	return events;
}

void events_free(struct events *events)
{
	dispatch_del_sink(events->dispatch, &events->sink);
	while (events->first) {
		struct listener_entry *entry = events->first;
		events->first = entry->next;
		stream_end(entry->stream, NULL);
		(void)stream_unref(entry->stream);
		free(entry);
	}
	(void)pthread_mutex_destroy(&events->lock);
	free(events);
}

struct stream *events_listen(struct events *events, struct ndrv_error *err)
{
	struct listener_entry *entry = calloc(1, sizeof(*entry));
	struct stream *stream = entry ? stream_new(BACKLOG, err) : NULL;

	if (!stream) {
		if (!entry)
			(void)ndrv_fail_errno(err, ENOMEM, "event stream");
		free(entry);
		return NULL;
	}
	entry->stream = stream_ref(stream);
	(void)pthread_mutex_lock(&events->lock);
	/* Those who left since the last event. */
	for (struct listener_entry **at = &events->first; *at;) {
		struct listener_entry *old = *at;
		if (!stream_ended(old->stream)) {
			at = &old->next;
			continue;
		}
		*at = old->next;
		(void)stream_unref(old->stream);
		free(old);
	}
	entry->next = events->first;
	events->first = entry;
	(void)pthread_mutex_unlock(&events->lock);
	return stream;
}
