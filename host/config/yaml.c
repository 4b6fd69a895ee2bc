/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events -> nodes. Only the event interface is used: its document loader takes seconds for inputs this refuses at once.
 */
#include "host/config/yaml.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

/* More than twice the keys that YAML_EVENTS_MAX allows, so that probing stays short. */
#define SLOTS 16384u

struct seen {
	const struct node *map;
	const char *key;
	uint32_t line;
};

struct builder {
	struct arena *arena;
	const char *file;
	const char *data;
	size_t bytes;
	struct ndrv_error *err;
	struct yaml_stats stats;
	uint32_t documents;
	uint32_t depth;
	struct node *open[YAML_DEPTH_MAX];
	struct node *pending[YAML_DEPTH_MAX]; /* of a map: the key that waits for its value */
	struct node *root;
	const struct seen **seen;
};

static int out_of_memory(struct builder *builder)
{
	return ndrv_fail(builder->err, NDRV_E_INTERNAL, "%s: out of memory", builder->file);
}

static int refuse(struct builder *builder, yaml_mark_t mark, const char *sentence)
{
	return ndrv_fail(builder->err, NDRV_E_CONFIG, "%s:%zu:%zu: %s", builder->file, mark.line + 1, mark.column + 1, sentence);
}

/* The commonest mistake, which libyaml calls a character that cannot start any token. */
static bool at_tab(const struct builder *builder, yaml_mark_t mark)
{
	size_t at = 0;

	for (size_t characters = 0; at < builder->bytes; at++)
		if (((unsigned char)builder->data[at] & 0xc0) != 0x80 && characters++ == mark.index)
			break;
	return at < builder->bytes && builder->data[at] == '\t';
}

static int syntax_error(struct builder *builder, const yaml_parser_t *parser)
{
	yaml_mark_t mark = parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR)
		return out_of_memory(builder);
	if (parser->error == YAML_SCANNER_ERROR && at_tab(builder, mark))
		return refuse(builder, mark, "a tab cannot indent or begin a value in YAML, use spaces");
	char from[32] = "";
	if (parser->context && parser->context_mark.line != mark.line)
		(void)snprintf(from, sizeof(from), ", from line %zu", parser->context_mark.line + 1);
	return ndrv_fail(builder->err, NDRV_E_CONFIG, "%s:%zu:%zu: not valid YAML: %s%s%s%s%s", builder->file, mark.line + 1,
			 mark.column + 1, parser->problem ? parser->problem : "cannot be read", parser->context ? " (" : "",
			 parser->context ? parser->context : "", from, parser->context ? ")" : "");
}

static struct node *new_node(struct builder *builder, enum node_kind kind, yaml_mark_t mark)
{
	struct node *node = arena_alloc(builder->arena, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->file = builder->file;
	node->line = (uint32_t)mark.line + 1;
	node->column = (uint32_t)mark.column + 1;
	return node;
}

static size_t hash_key(const struct node *map, const char *key)
{
	uint64_t hash = UINT64_C(14695981039346656037) ^ (uintptr_t)map;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	return (size_t)((hash ^ hash >> 32) % SLOTS);
}

/* Notes a key of a map, refuses it the second time. */
static int note_key(struct builder *builder, const struct node *map, const struct node *key)
{
	size_t slot = hash_key(map, key->text);
	const struct seen *seen;

	for (; (seen = builder->seen[slot]); slot = (slot + 1) % SLOTS)
		if (seen->map == map && strcmp(seen->key, key->text) == 0) {
			char text[NODE_TEXT_MAX];
			return node_fail(key, builder->err, "duplicate key \"%s\", which stands at line %" PRIu32 " already",
					 text_clip(key->text, text), seen->line);
		}
	struct seen *entry = arena_alloc(builder->arena, sizeof(*entry));
	if (!entry)
		return out_of_memory(builder);
	*entry = (struct seen){.map = map, .key = key->text, .line = key->line};
	builder->seen[slot] = entry;
	return 0;
}

static int take_key(struct builder *builder, struct node *map, struct node *key)
{
	if (key->kind != NODE_SCALAR)
		return node_fail(key, builder->err, "a key must be a word, this is a %s", key->kind == NODE_LIST ? "list" : "map");
	if (key->plain && strcmp(key->text, "<<") == 0)
		return node_fail(key, builder->err, "merge keys (<<) are not allowed");
	if (!*key->text)
		return node_fail(key, builder->err, "a key is missing before the colon");
	builder->pending[builder->depth - 1] = key;
	return note_key(builder, map, key);
}

/* Puts a node where it belongs: the root, a key, a value, a list member. */
static int place(struct builder *builder, struct node *node)
{
	struct node *parent = builder->depth > 0 ? builder->open[builder->depth - 1] : NULL;

	if (!parent) {
		builder->root = node;
		return 0;
	}
	if (parent->kind == NODE_MAP) {
		struct node **pending = &builder->pending[builder->depth - 1];
		if (!*pending)
			return take_key(builder, parent, node);
		node->key = (*pending)->text;
		node->key_line = (*pending)->line;
		node->key_column = (*pending)->column;
		*pending = NULL;
	}
	node->index = parent->count++;
	node->parent = parent;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	return 0;
}

static int check_properties(struct builder *builder, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		return refuse(builder, event->start_mark, "anchors (&name) are not allowed");
	if (tag)
		return refuse(builder, event->start_mark, "tags (!name) are not allowed");
	return 0;
}

static int on_scalar(struct builder *builder, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	int rc = check_properties(builder, event, event->data.scalar.anchor, event->data.scalar.tag);

	if (rc < 0)
		return rc;
	if (memchr(value, 0, length))
		return refuse(builder, event->start_mark, "text with a NUL character (\\0) is not allowed");
	struct node *node = new_node(builder, NODE_SCALAR, event->start_mark);
	char *text = node ? arena_alloc(builder->arena, length + 1) : NULL;
	if (!text)
		return out_of_memory(builder);
	memcpy(text, value, length);
	node->text = text;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return place(builder, node);
}

static int on_open(struct builder *builder, const yaml_event_t *event, enum node_kind kind)
{
	bool list = kind == NODE_LIST;
	int rc = check_properties(builder, event, list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor,
				  list ? event->data.sequence_start.tag : event->data.mapping_start.tag);

	if (rc < 0)
		return rc;
	if (builder->depth == YAML_DEPTH_MAX)
		return refuse(builder, event->start_mark, "more than 32 levels of lists and maps");
	struct node *node = new_node(builder, kind, event->start_mark);
	if (!node)
		return out_of_memory(builder);
	rc = place(builder, node);
	if (rc < 0)
		return rc;
	builder->pending[builder->depth] = NULL;
	builder->open[builder->depth++] = node;
	if (builder->depth > builder->stats.depth)
		builder->stats.depth = builder->depth;
	return 0;
}

static int on_event(struct builder *builder, const yaml_event_t *event)
{
	if (++builder->stats.events > YAML_EVENTS_MAX)
		return refuse(builder, event->start_mark, "more than 10000 YAML events: too much for a configuration");
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (builder->documents++ > 0)
			return refuse(builder, event->start_mark, "a second document is not allowed");
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(builder, event->start_mark, "aliases (*name) are not allowed");
	case YAML_SCALAR_EVENT:
		return on_scalar(builder, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(builder, event, NODE_LIST);
	case YAML_MAPPING_START_EVENT:
		return on_open(builder, event, NODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		builder->depth--;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

static int run(struct builder *builder, yaml_parser_t *parser)
{
	for (;;) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event))
			return syntax_error(builder, parser);
		bool end = event.type == YAML_STREAM_END_EVENT;
		int rc = on_event(builder, &event);
		yaml_event_delete(&event);
		if (rc < 0 || end)
			return rc;
	}
}

int yaml_parse(struct arena *arena, const char *file, const char *data, size_t bytes, struct yaml_stats *stats,
	       struct node **ret_root, struct ndrv_error *err)
{
	struct builder builder = {.arena = arena, .data = data, .bytes = bytes, .err = err, .file = file};
	yaml_parser_t parser;

	if (stats)
		*stats = builder.stats;
	if (bytes > YAML_BYTES_MAX)
		return ndrv_fail(err, NDRV_E_CONFIG, "%s: has more than %u bytes, which is too much for a configuration", file,
				 YAML_BYTES_MAX);
	if (bytes >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
		builder.data += 3; /* a byte order mark, which some editors leave */
		builder.bytes -= 3;
	}
	int rc = yaml_check_text(file, builder.data, builder.bytes, err);
	if (rc < 0)
		return rc;
	builder.file = arena_strdup(arena, file);
	builder.seen = arena_alloc(arena, SLOTS * sizeof(*builder.seen));
	if (!builder.file || !builder.seen || !yaml_parser_initialize(&parser))
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", file);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)builder.data, builder.bytes);
	rc = run(&builder, &parser);
	yaml_parser_delete(&parser);
	if (stats)
		*stats = builder.stats;
	if (rc == 0)
		*ret_root = builder.root;
	return rc;
}
