/* SPDX-License-Identifier: Apache-2.0 */
#include "host/front/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/error.h>

/* --- in --- */

/* Depth and number of nodes, before memory is spent on them. Strings are skipped as far as quotes and backslashes go; whether all
 * of it is JSON is for the parser to say. False: beyond the limits. */
static bool within_limits(const char *text, size_t bytes, const char **ret_what)
{
	unsigned depth = 0, nodes = 1;
	bool string = false;

	for (size_t i = 0; i < bytes; i++) {
		char c = text[i];
		if (string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				string = false;
			continue;
		}
		if (c == '"')
			string = true;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		if (c == '{' || c == '[' || c == ',' || c == ':')
			nodes++;
		if (depth > JSON_DEPTH_MAX || nodes > JSON_NODES_MAX) {
			*ret_what = depth > JSON_DEPTH_MAX ? "nested deeper than 32 levels" : "more than 10000 values";
			return false;
		}
	}
	return true;
}

static bool is_blank(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!strchr(" \t\r\n", text[i]) || !text[i])
			return false;
	return true;
}

int json_decode(const char *text, size_t bytes, json_t **ret, struct ndrv_error *err)
{
	const char *what = NULL;
	json_error_t error;
	char found[64];

	if (is_blank(text, bytes)) {
		*ret = json_object();
		return *ret ? 0 : ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	}
	if (!within_limits(text, bytes, &what))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "request body: %s", what);
	/* JSON_DECODE_ANY, so that what is no object is refused in our words below. */
	json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!json) {
		/* Jansson does not say that it was memory where it had none to begin with. */
		if (json_error_code(&error) == json_error_out_of_memory || error.line < 0)
			return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "request body, line %d, column %d: %s", error.line, error.column,
				 error.text);
	}
	if (!json_is_object(json)) {
		int rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "request body: expected an object, found %s",
				   json_describe(json, found, sizeof(found)));
		json_decref(json);
		return rc;
	}
	*ret = json;
	return 0;
}

const char *json_describe(const json_t *json, char *text, size_t room)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		(void)snprintf(text, room, "an object");
		break;
	case JSON_ARRAY:
		(void)snprintf(text, room, "a list");
		break;
	case JSON_STRING:
		(void)snprintf(text, room, "\"%.24s\"%s", json_string_value(json), json_string_length(json) > 24 ? "..." : "");
		break;
	case JSON_INTEGER:
		(void)snprintf(text, room, "%lld", (long long)json_integer_value(json));
		break;
	case JSON_REAL:
		(void)snprintf(text, room, "%.6g", json_real_value(json));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		(void)snprintf(text, room, "%s", json_is_true(json) ? "true" : "false");
		break;
	case JSON_NULL:
		(void)snprintf(text, room, "null");
		break;
	}
	return text;
}

static int out_of_memory(const char *path, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory, or larger than a request may be", path);
}

/* Members an array must have room for, so that ndrv_map_set() and ndrv_list_add() can go on with it: they double, from 4. */
static size_t room_for(size_t count)
{
	size_t room = 4;
	while (room < count)
		room *= 2;
	return room;
}

/* The parser has bounded depth and size already. */
static int list_to_value(const json_t *json, const char *path, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	size_t count = json_array_size(json);
	struct ndrv_value *items = arena_alloc(arena, room_for(count) * sizeof(*items));
	char child[192];

	if (!items)
		return out_of_memory(path, err);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(child, sizeof(child), "%s[%zu]", path, i);
		int rc = json_to_value(json_array_get(json, i), child, arena, &items[i], err);
		if (rc < 0)
			return rc;
	}
	*ret = (struct ndrv_value){.type = NDRV_LIST, .count = (uint32_t)count, .u.items = items};
	return 0;
}

static int object_to_value(const json_t *json, const char *path, struct arena *arena, struct ndrv_value *ret,
			   struct ndrv_error *err)
{
	size_t count = json_object_size(json), i = 0;
	struct ndrv_pair *pairs = arena_alloc(arena, room_for(count) * sizeof(*pairs));
	char child[192];

	if (!pairs)
		return out_of_memory(path, err);
	/* Jansson's iterator wants a json_t * that is not const, and does not write to it. */
	json_t *object = (json_t *)(uintptr_t)json;
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at), i++) {
		pairs[i].key = arena_strdup(arena, json_object_iter_key(at));
		if (!pairs[i].key)
			return out_of_memory(path, err);
		(void)snprintf(child, sizeof(child), "%s.%s", path, pairs[i].key);
		int rc = json_to_value(json_object_iter_value(at), child, arena, &pairs[i].value, err);
		if (rc < 0)
			return rc;
	}
	*ret = (struct ndrv_value){.type = NDRV_MAP, .count = (uint32_t)count, .u.pairs = pairs};
	return 0;
}

int json_to_value(const json_t *json, const char *path, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	char found[64];
	const char *text;

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return object_to_value(json, path, arena, ret, err);
	case JSON_ARRAY:
		return list_to_value(json, path, arena, ret, err);
	case JSON_STRING:
		text = arena_strdup(arena, json_string_value(json));
		if (!text)
			return out_of_memory(path, err);
		*ret = ndrv_string(text);
		return 0;
	case JSON_INTEGER:
		*ret = ndrv_int(json_integer_value(json));
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = ndrv_bool(json_is_true(json));
		return 0;
	case JSON_NULL:
		*ret = ndrv_null();
		return 0;
	case JSON_REAL:
		break;
	}
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: expected a value without a fraction, found %s", path,
			 json_describe(json, found, sizeof(found)));
}

/* --- out --- */

/* Bytes of the valid UTF-8 character at `text` (no surrogates, nothing overlong, up to U+10FFFF), or 0. */
static size_t utf8_length(const unsigned char *text)
{
	unsigned char lead = text[0], low = 0x80, high = 0xbf;
	size_t length = lead < 0x80		       ? 1
			: lead >= 0xc2 && lead <= 0xdf ? 2
			: (lead & 0xf0) == 0xe0	       ? 3
			: lead >= 0xf0 && lead <= 0xf4 ? 4
						       : 0;

	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++) {
		if (text[i] < low || text[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

static void put_string(FILE *out, const char *text)
{
	static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	(void)putc('"', out);
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		size_t length = utf8_length(at);
		const char *escape = NULL;
		for (const char *e = escapes; length == 1 && *e && !escape; e += 2)
			escape = (unsigned char)*e == *at ? e + 1 : NULL;
		if (length == 0)
			(void)fputs("\xef\xbf\xbd", out);
		else if (escape)
			(void)fprintf(out, "\\%c", *escape);
		else if (*at < 0x20 || *at == 0x7f)
			(void)fprintf(out, "\\u%04x", *at);
		else
			(void)fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
	(void)putc('"', out);
}

static void put_value(FILE *out, const struct ndrv_value *value)
{
	switch (value->type) {
	case NDRV_BOOL:
		(void)fputs(value->u.boolean ? "true" : "false", out);
		break;
	case NDRV_INT:
		(void)fprintf(out, "%lld", (long long)value->u.integer);
		break;
	case NDRV_STRING:
		put_string(out, value->u.string);
		break;
	case NDRV_LIST:
		(void)putc('[', out);
		for (uint32_t i = 0; i < value->count; i++) {
			if (i)
				(void)putc(',', out);
			put_value(out, &value->u.items[i]);
		}
		(void)putc(']', out);
		break;
	case NDRV_MAP:
		(void)putc('{', out);
		for (uint32_t i = 0; i < value->count; i++) {
			if (i)
				(void)putc(',', out);
			put_string(out, value->u.pairs[i].key);
			(void)putc(':', out);
			put_value(out, &value->u.pairs[i].value);
		}
		(void)putc('}', out);
		break;
	default:
		(void)fputs("null", out);
		break;
	}
}

char *json_from_value(const struct ndrv_value *value, size_t *ret_bytes)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_bytes);

	if (!out)
		return NULL;
	put_value(out, value);
	(void)putc('\n', out);
	bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

char *json_from_error(const struct ndrv_error *error, size_t *ret_bytes)
{
	const struct ndrv_pair fields[] = {
		{"code", ndrv_string(ndrv_error_name(error->code))},
		{"kind", ndrv_string(ndrv_kind_name(error->kind))},
		{"message", ndrv_string(error->text)},
	};
	const struct ndrv_pair outer[] = {
		{"error", {.type = NDRV_MAP, .count = 3, .u.pairs = fields}},
	};
	const struct ndrv_value value = {.type = NDRV_MAP, .count = 1, .u.pairs = outer};

	return json_from_value(&value, ret_bytes);
}
