/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and nodes as lines of JSON, made as the client takes them. */
#include <errno.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/watching.h"
#include "host/front/control.h"

/* A piece is as long as this and one more line. */
#define PIECE (64u << 10)

struct rows_source {
	struct table_watch *watch;
	struct stream *stream; /* which has us: no reference */
	bool once, over;
};

/* Text that grows; `failed` sticks. */
struct text {
	char *at;
	size_t bytes, room;
	bool failed, once, over;
};

static char *room_for(struct text *text, size_t bytes)
{
	size_t room = text->room ? text->room : PIECE + 4096;

	while (room < text->bytes + bytes)
		room *= 2;
	if (room != text->room) {
		char *at = text->failed ? NULL : realloc(text->at, room);
		text->failed |= !at;
		if (!at)
			return NULL;
		text->at = at;
		text->room = room;
	}
	return text->failed ? NULL : text->at + text->bytes;
}

static void add_bytes(struct text *text, const char *bytes, size_t length)
{
	char *at = room_for(text, length);

	if (!at)
		return;
	memcpy(at, bytes, length);
	text->bytes += length;
}

static void add(struct text *text, const char *plain)
{
	add_bytes(text, plain, strlen(plain));
}

/* UTF-8 without control characters, so only two need a backslash. */
static void add_string(struct text *text, const char *key, const char *value, size_t length)
{
	add(text, ",\"");
	add(text, key);
	add(text, "\":\"");
	char *at = room_for(text, 2 * length + 1);
	size_t to = 0;
	for (size_t i = 0; at && i < length; i++) {
		if (value[i] == '"' || value[i] == '\\')
			at[to++] = '\\';
		at[to++] = value[i];
	}
	text->bytes += to;
	add(text, "\"");
}

static void add_number(struct text *text, const char *key, uint64_t value)
{
	char number[96];

	(void)snprintf(number, sizeof(number), ",\"%s\":%llu", key, (unsigned long long)value);
	add(text, number);
}

static void add_value(struct text *text, const void *value, size_t bytes)
{
	if (table_is_text(value, bytes)) {
		add_string(text, "value", value, bytes);
		return;
	}
	add(text, ",\"value_base64\":\"");
	size_t length = BASE64_ENCODE_RAW_LENGTH(bytes);
	char *at = room_for(text, length);
	if (at) {
		base64_encode_raw(at, bytes, value);
		text->bytes += length;
	}
	add(text, "\"");
}

static void add_row(struct text *text, const struct table_row *row)
{
	add(text, row->value ? "{\"event\":\"row\"" : "{\"event\":\"row-gone\"");
	add_string(text, "network", row->nid, strlen(row->nid));
	add_string(text, "table", row->table, strlen(row->table));
	add_string(text, "key", row->key, strlen(row->key));
	add_string(text, "owner", row->owner, strlen(row->owner));
	add(text, row->own ? ",\"own\":true" : ",\"own\":false");
	if (row->value)
		add_value(text, row->value, row->bytes);
}

static void add_node(struct text *text, const struct table_node *node)
{
	add(text, node->address ? "{\"event\":\"node\"" : "{\"event\":\"node-gone\"");
	add_string(text, "node", node->name, strlen(node->name));
	add(text, node->self ? ",\"self\":true" : ",\"self\":false");
	if (!node->address)
		return;
	add_string(text, "address", node->address, strlen(node->address));
	if (node->bind_address[0])
		add_string(text, "bind_address", node->bind_address, strlen(node->bind_address));
}

/* Under the tables' lock. */
static int add_event(const struct watch_event *event, void *data)
{
	static const char lost[] = "{\"event\":\"lost\",\"message\":\"rows were read too slowly, and some that went are forgotten: "
				   "what is there follows\"";
	static const char *const marks[] = {
		[WATCH_SYNC_BEGIN] = "{\"event\":\"sync-begin\"",
		[WATCH_SYNC_END] = "{\"event\":\"sync-end\"",
		[WATCH_RESUMED] = "{\"event\":\"resumed\"",
		[WATCH_LOST] = lost,
	};
	struct text *text = data;

	if (event->kind == WATCH_ROW)
		add_row(text, event->row);
	else if (event->kind == WATCH_NODE)
		add_node(text, event->node);
	else
		add(text, marks[event->kind]);
	add_number(text, "revision", event->revision);
	add(text, "}\n");
	text->over = text->once && event->kind == WATCH_SYNC_END;
	return text->failed || text->over || text->bytes >= PIECE;
}

static char *read_rows(void *data, size_t *ret_bytes, bool *ret_end)
{
	struct rows_source *source = data;
	struct text text = {.once = source->once};

	if (source->over) {
		*ret_end = true;
		return NULL;
	}
	(void)tables_watch_read(source->watch, add_event, &text);
	/* A line that is missing would be a lie: the client begins anew. */
	if (text.failed) {
		free(text.at);
		*ret_end = true;
		return NULL;
	}
	source->over = text.over;
	*ret_bytes = text.bytes;
	return text.at;
}

static void wake_rows(void *data)
{
	struct rows_source *source = data;

	if (source->stream)
		stream_wake(source->stream);
}

static void close_rows(void *data)
{
	struct rows_source *source = data;

	if (source->watch)
		tables_watch_close(source->watch);
	free(source);
}

struct stream *rows_stream(struct dispatch *dispatch, const struct request *request, struct ndrv_error *err)
{
	struct rows_source *source = calloc(1, sizeof(*source));
	const struct stream_source pulled = {.read = read_rows, .close = close_rows, .data = source};

	if (!source) {
		(void)ndrv_fail_errno(err, ENOMEM, "stream of rows");
		return NULL;
	}
	source->once = request->until_synced;
	struct stream *stream = stream_new_pulled(&pulled, err);
	if (!stream) {
		free(source);
		return NULL;
	}
	/* Before the watch, which may wake us at once. */
	source->stream = stream;
	if (!dispatch_watch(dispatch, request, wake_rows, source, &source->watch, err))
		return stream;
	(void)stream_unref(stream);
	return NULL;
}
