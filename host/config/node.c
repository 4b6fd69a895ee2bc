/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said about a node. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/config/scalar.h"
#include "host/config/yaml.h"

/* Longest path shown in front of a sentence; deeper ones lose their beginning. */
#define PATH_MAX_TEXT 96

/* Writes the path backwards from the end of `text`; returns where it begins. */
static const char *node_path(const struct node *node, char text[PATH_MAX_TEXT])
{
	size_t start = PATH_MAX_TEXT - 1;

	text[start] = '\0';
	for (; node && node->parent; node = node->parent) {
		char part[PATH_MAX_TEXT];
		int bytes = node->key ? snprintf(part, sizeof(part), "%s%.40s", node->parent->parent ? "." : "", node->key)
				      : snprintf(part, sizeof(part), "[%" PRIu32 "]", node->index);
		if (bytes < 0 || (size_t)bytes > start)
			break;
		start -= (size_t)bytes;
		memcpy(text + start, part, (size_t)bytes);
	}
	/* A key is whatever the file has: keep the sentence on one line. */
	for (char *c = text + start; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return text + start;
}

NDRV_PRINTF(5, 0)
static int fail_at(const struct node *node, uint32_t line, uint32_t column, struct ndrv_error *err, const char *fmt, va_list args)
{
	char sentence[NDRV_ERROR_TEXT_MAX], path[PATH_MAX_TEXT];
	const char *shown = node_path(node, path);

	(void)vsnprintf(sentence, sizeof(sentence), fmt, args);
	return ndrv_fail(err, NDRV_E_CONFIG, "%s:%" PRIu32 ":%" PRIu32 ": %s%s%s", node->file, line, column, shown,
			 *shown ? ": " : "", sentence);
}

int node_fail(const struct node *node, struct ndrv_error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int rc = fail_at(node, node->line, node->column, err, fmt, args);
	va_end(args);
	return rc;
}

int node_fail_key(const struct node *node, struct ndrv_error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int rc = fail_at(node->parent ? node->parent : node, node->key ? node->key_line : node->line,
			 node->key ? node->key_column : node->column, err, fmt, args);
	va_end(args);
	return rc;
}

const char *text_clip(const char *from, char text[NODE_TEXT_MAX])
{
	size_t bytes = strlen(from), room = NODE_TEXT_MAX - 24;
	size_t keep = bytes;

	if (bytes > room)
		for (keep = room; keep > 0 && ((unsigned char)from[keep] & 0xc0) == 0x80;)
			keep--; /* not in the middle of a character */
	memcpy(text, from, keep);
	text[keep] = '\0';
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	if (keep < bytes)
		memcpy(text + keep, "...", 4);
	return text;
}

const char *node_describe(const struct node *node, char text[NODE_TEXT_MAX])
{
	char clipped[NODE_TEXT_MAX];
	const char *before = "\"", *after = "\"";

	if (node->kind == NODE_SCALAR) {
		enum scalar_type type = scalar_type(node, NULL);
		if (type != SCALAR_TEXT)
			after = "";
		if (type == SCALAR_BOOL)
			before = "the boolean ";
		if (type == SCALAR_INT || type == SCALAR_REFUSED)
			before = "the number ";
		if (type != SCALAR_NULL) {
			(void)snprintf(text, NODE_TEXT_MAX, "%s%s%s", before, text_clip(node->text, clipped), after);
			return text;
		}
	}
	(void)snprintf(text, NODE_TEXT_MAX, "%s",
		       node->kind == NODE_LIST	? "a list"
		       : node->kind == NODE_MAP ? "a map"
						: "nothing");
	return text;
}

const struct node *node_find(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (const struct node *member = map->first; member; member = member->next)
		if (strcmp(member->key, key) == 0)
			return member;
	return NULL;
}
