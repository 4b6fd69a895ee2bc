/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Jansson does not always say that it had no memory: its scanner leaves characters out, and what it reads then is something else.
 */
static _Thread_local bool short_of_memory;

static void *allocate(size_t bytes)
{
	void *memory = malloc(bytes);

	short_of_memory |= !memory;
	return memory;
}

static void watch_memory(void)
{
	json_set_alloc_funcs(allocate, free);
}

json_t *json_in_load(const char *text, size_t bytes, char ret_mistake[JSON_ERROR_TEXT_LENGTH], bool *ret_no_memory)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	json_error_t mistake = {0};

	(void)pthread_once(&once, watch_memory);
	short_of_memory = false;
	json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &mistake);
	*ret_no_memory = short_of_memory;
	if (json && short_of_memory) {
		json_decref(json);
		json = NULL;
	}
	memcpy(ret_mistake, mistake.text, JSON_ERROR_TEXT_LENGTH);
	ret_mistake[JSON_ERROR_TEXT_LENGTH - 1] = '\0';
	return json;
}

static void bad(struct json_in *in, const char *key)
{
	if (!in->bad)
		in->bad = key;
}

void json_in_no_memory(struct json_in *in, const char *key)
{
	bad(in, key);
	in->short_of_memory = true;
}

struct json_in json_in_part(struct json_in *in, json_t *object)
{
	if (!json_is_object(object))
		bad(in, "(part)");
	return (struct json_in){.object = object, .arena = in->arena};
}

void json_in_end(struct json_in *in, const struct json_in *part)
{
	if (part->bad)
		bad(in, part->bad);
	in->short_of_memory |= part->short_of_memory;
}

static char *copy(struct json_in *in, const char *key, const char *text)
{
	static char nothing[] = "";
	char *result = arena_strdup(in->arena, text);

	if (!result)
		json_in_no_memory(in, key);
	return result ? result : nothing;
}

static const char *peek_text(struct json_in *in, const char *key)
{
	json_t *json = json_object_get(in->object, key);

	if (json && !json_is_string(json))
		bad(in, key);
	const char *text = json_string_value(json);
	return text ? text : "";
}

char *json_in_text(struct json_in *in, const char *key)
{
	return copy(in, key, peek_text(in, key));
}

int64_t json_in_int(struct json_in *in, const char *key)
{
	json_t *json = json_object_get(in->object, key);

	if (json && !json_is_integer(json))
		bad(in, key);
	return json_integer_value(json);
}

void json_in_prefix(struct json_in *in, const char *key, struct ndrv_prefix *ret)
{
	const char *text = peek_text(in, key);

	*ret = (struct ndrv_prefix){0};
	if (*text && ndrv_prefix_parse(text, ret, NULL))
		bad(in, key);
}

void json_in_addr(struct json_in *in, const char *key, struct ndrv_addr *ret)
{
	const char *text = peek_text(in, key);

	*ret = (struct ndrv_addr){0};
	if (*text && ndrv_addr_parse(text, ret, NULL))
		bad(in, key);
}

void json_in_mac(struct json_in *in, const char *key, struct ndrv_mac *ret)
{
	const char *text = peek_text(in, key);

	*ret = (struct ndrv_mac){0};
	if (*text && ndrv_mac_parse(text, ret, NULL))
		bad(in, key);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void json_in_bytes(struct json_in *in, const char *key, uint8_t *ret, size_t count)
{
	const char *text = peek_text(in, key);
	size_t length = strlen(text);

	memset(ret, 0, count);
	if (length == 0)
		return;
	if (length != count * 2) {
		bad(in, key);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			bad(in, key);
		ret[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
	}
}

static struct ndrv_value value_from_json(struct json_in *in, const char *key, json_t *json);

static struct ndrv_value list_from_json(struct json_in *in, const char *key, json_t *json)
{
	size_t count = json_array_size(json);
	struct ndrv_value *items = arena_alloc(in->arena, count * sizeof(*items) + 1);

	if (!items) {
		json_in_no_memory(in, key);
		return ndrv_null();
	}
	for (size_t i = 0; i < count; i++)
		items[i] = value_from_json(in, key, json_array_get(json, i));
	return (struct ndrv_value){.type = NDRV_LIST, .count = (uint32_t)count, .u.items = items};
}

static struct ndrv_value map_from_json(struct json_in *in, const char *key, json_t *json)
{
	size_t count = json_object_size(json), i = 0;
	struct ndrv_pair *pairs = arena_alloc(in->arena, count * sizeof(*pairs) + 1);
	const char *name;
	json_t *member;

	if (!pairs) {
		json_in_no_memory(in, key);
		return ndrv_null();
	}
	json_object_foreach(json, name, member)
	{
		pairs[i].key = copy(in, key, name);
		pairs[i++].value = value_from_json(in, key, member);
	}
	return (struct ndrv_value){.type = NDRV_MAP, .count = (uint32_t)count, .u.pairs = pairs};
}

static struct ndrv_value value_from_json(struct json_in *in, const char *key, json_t *json)
{
	if (json_is_object(json))
		return map_from_json(in, key, json);
	if (json_is_array(json))
		return list_from_json(in, key, json);
	if (json_is_boolean(json))
		return ndrv_bool(json_is_true(json));
	if (json_is_integer(json))
		return ndrv_int(json_integer_value(json));
	if (json_is_string(json))
		return ndrv_string(copy(in, key, json_string_value(json)));
	if (!json_is_null(json))
		bad(in, key);
	return ndrv_null();
}

void json_in_value(struct json_in *in, const char *key, struct ndrv_value *ret)
{
	json_t *json = json_object_get(in->object, key);

	*ret = json ? value_from_json(in, key, json) : (struct ndrv_value){.type = NDRV_MAP};
}

json_t *json_in_list(struct json_in *in, const char *key, size_t *ret_count)
{
	json_t *json = json_object_get(in->object, key);

	if (json && !json_is_array(json))
		bad(in, key);
	*ret_count = json_array_size(json);
	return json;
}
