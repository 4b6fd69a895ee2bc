/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/state/json.h"

#define FIRST_ROOM 1024u

static void put(struct json_out *out, const char *bytes, size_t count)
{
	if (out->failed)
		return;
	if (out->room - out->used < count) {
		size_t room = out->room ? out->room : FIRST_ROOM;
		while (room - out->used < count)
			room *= 2;
		char *text = realloc(out->text, room);
		if (!text) {
			out->failed = true;
			return;
		}
		out->text = text;
		out->room = room;
	}
	memcpy(out->text + out->used, bytes, count);
	out->used += count;
}

static void put_char(struct json_out *out, char c)
{
	put(out, &c, 1);
}

/* Bytes of the UTF-8 sequence that begins at `at`; 0 if there is none (RFC 3629: no overlong forms, no surrogates). */
static size_t sequence(const unsigned char *at, size_t left)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t bytes = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;

	if (bytes < 2 || bytes > left)
		return bytes == 1;
	uint32_t code = at[0] & (0x7fu >> bytes);
	for (size_t i = 1; i < bytes; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		code = code << 6 | (at[i] & 0x3fu);
	}
	return code < smallest[bytes] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : bytes;
}

static void put_escaped(struct json_out *out, unsigned char c)
{
	char text[8];
	int length = c >= 0x20 ? snprintf(text, sizeof(text), "\\%c", c) : snprintf(text, sizeof(text), "\\u%04x", c);

	put(out, text, (size_t)length);
}

static void put_string(struct json_out *out, const char *text, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t done = 0;

	put_char(out, '"');
	for (size_t i = 0; i < bytes;) {
		bool plain = at[i] >= 0x20 && at[i] != '"' && at[i] != '\\';
		size_t length = sequence(at + i, bytes - i);
		if (length == 0) {
			out->failed = out->bad_text = true;
			return;
		}
		if (!plain) {
			put(out, text + done, i - done);
			put_escaped(out, at[i]);
			done = i + 1;
		}
		i += length;
	}
	put(out, text + done, bytes - done);
	put_char(out, '"');
}

static void put_key(struct json_out *out, const char *key)
{
	if (out->comma)
		put_char(out, ',');
	out->comma = true;
	if (!key)
		return;
	put_string(out, key, strlen(key));
	put_char(out, ':');
}

void json_out_begin(struct json_out *out, const char *key, char bracket)
{
	put_key(out, key);
	put_char(out, bracket);
	out->comma = false;
}

void json_out_end(struct json_out *out, char bracket)
{
	put_char(out, bracket);
	out->comma = true;
}

void json_out_text(struct json_out *out, const char *key, const char *text)
{
	if (!text || !*text)
		return;
	put_key(out, key);
	put_string(out, text, strlen(text));
}

static void put_int(struct json_out *out, int64_t number)
{
	char text[24];

	put(out, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, number));
}

void json_out_int(struct json_out *out, const char *key, int64_t number)
{
	if (!number)
		return;
	put_key(out, key);
	put_int(out, number);
}

void json_out_prefix(struct json_out *out, const char *key, const struct ndrv_prefix *prefix)
{
	char text[NDRV_PREFIX_TEXT];

	json_out_text(out, key, ndrv_prefix_format(prefix, text));
}

void json_out_addr(struct json_out *out, const char *key, const struct ndrv_addr *addr)
{
	char text[NDRV_ADDR_TEXT];

	json_out_text(out, key, ndrv_addr_format(addr, text));
}

void json_out_mac(struct json_out *out, const char *key, const struct ndrv_mac *mac)
{
	char text[NDRV_MAC_TEXT];

	json_out_text(out, key, ndrv_mac_format(mac, text));
}

void json_out_bytes(struct json_out *out, const char *key, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	put_key(out, key);
	put_char(out, '"');
	for (size_t i = 0; i < count; i++) {
		put_char(out, digits[bytes[i] >> 4]);
		put_char(out, digits[bytes[i] & 15]);
	}
	put_char(out, '"');
}

static void put_value(struct json_out *out, const char *key, const struct ndrv_value *value)
{
	bool is_map = value->type == NDRV_MAP;

	if (is_map || value->type == NDRV_LIST) {
		json_out_begin(out, key, is_map ? '{' : '[');
		for (uint32_t i = 0; i < value->count; i++)
			put_value(out, is_map ? value->u.pairs[i].key : NULL,
				  is_map ? &value->u.pairs[i].value : &value->u.items[i]);
		json_out_end(out, is_map ? '}' : ']');
		return;
	}
	put_key(out, key);
	if (value->type == NDRV_STRING)
		put_string(out, value->u.string, value->count);
	else if (value->type == NDRV_INT)
		put_int(out, value->u.integer);
	else if (value->type == NDRV_BOOL)
		put(out, value->u.boolean ? "true" : "false", value->u.boolean ? 4 : 5);
	else
		put(out, "null", 4);
}

void json_out_value(struct json_out *out, const char *key, const struct ndrv_value *value)
{
	if (value && value->type != NDRV_NULL && !(value->type == NDRV_MAP && value->count == 0))
		put_value(out, key, value);
}

char *json_out_finish(struct json_out *out)
{
	put_char(out, '\0');
	if (!out->failed)
		return out->text;
	free(out->text);
	out->text = NULL;
	return NULL;
}
