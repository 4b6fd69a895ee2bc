/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Go writes a map[string]interface{}, and back. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/lib/go_json.h"
#include "sdk/wire/shape.h"

/* Deeper than any real message; bounds the recursion below. */
#define DEPTH_MAX 32u
#define BASE64_MAC 8u /* characters of 6 bytes */

/* --- lists of structs: their keys come in the order of the struct, all other maps are sorted --- */

static const char *const port_binding[] = {"Proto", "IP", "Port", "HostIP", "HostPort", "HostPortEnd", NULL};
static const char *const exposed_port[] = {"Proto", "Port", NULL};

static const char *const *struct_of(const char *key)
{
	if (key && strcmp(key, NDRV_OPT_PORTMAP) == 0)
		return port_binding;
	return key && strcmp(key, NDRV_OPT_EXPOSED_PORTS) == 0 ? exposed_port : NULL;
}

static size_t rank(const char *const *order, const char *key)
{
	size_t at = 0;

	while (order && order[at] && strcmp(order[at], key) != 0)
		at++;
	return at;
}

static int compare_pairs(const void *a, const void *b, void *data)
{
	const struct ndrv_pair *const *left = a, *const *right = b;
	const char *const *order = data;
	size_t l = rank(order, (*left)->key), r = rank(order, (*right)->key);

	return l != r ? (l < r ? -1 : 1) : strcmp((*left)->key, (*right)->key);
}

/* --- a MAC among options is a Go []byte, which is base64 --- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool mac_to_base64(const char *text, char ret[BASE64_MAC + 1])
{
	struct ndrv_mac mac;

	if (ndrv_mac_parse(text, &mac, NULL))
		return false;
	for (size_t i = 0; i < 2; i++) {
		const uint8_t *three = mac.bytes + 3 * i;
		uint32_t bits = (uint32_t)three[0] << 16 | (uint32_t)three[1] << 8 | three[2];
		for (size_t j = 0; j < 4; j++)
			ret[4 * i + j] = digits[bits >> (18 - 6 * j) & 63];
	}
	ret[BASE64_MAC] = '\0';
	return true;
}

static bool mac_from_base64(const char *text, struct ndrv_mac *ret)
{
	*ret = (struct ndrv_mac){.set = 1};
	for (size_t i = 0; i < 2; i++) {
		uint32_t bits = 0;
		for (size_t j = 0; j < 4; j++) {
			const char *digit = strchr(digits, text[4 * i + j]);
			if (!digit || !*digit)
				return false;
			bits = bits << 6 | (uint32_t)(digit - digits);
		}
		for (size_t j = 0; j < 3; j++)
			ret->bytes[3 * i + j] = (uint8_t)(bits >> (16 - 8 * j));
	}
	return true;
}

/* --- out --- */

static void write_at(FILE *out, const char *key, const char *const *order, const struct ndrv_value *value, unsigned depth,
		     bool *failed);

static void write_map(FILE *out, const char *const *order, const struct ndrv_value *map, unsigned depth, bool *failed)
{
	const struct ndrv_pair **sorted = malloc((map->count + 1) * sizeof(*sorted));

	if (!sorted) {
		*failed = true;
		return;
	}
	for (uint32_t i = 0; i < map->count; i++)
		sorted[i] = &map->u.pairs[i];
	if (map->count > 1)
		qsort_r(sorted, map->count, sizeof(*sorted), compare_pairs, (void *)(uintptr_t)order);
	(void)fputc('{', out);
	for (uint32_t i = 0; i < map->count; i++) {
		if (i)
			(void)fputc(',', out);
		go_json_string(out, sorted[i]->key);
		(void)fputc(':', out);
		write_at(out, sorted[i]->key, NULL, &sorted[i]->value, depth + 1, failed);
	}
	(void)fputc('}', out);
	free(sorted);
}

static void write_list(FILE *out, const char *const *order, const struct ndrv_value *list, unsigned depth, bool *failed)
{
	(void)fputc('[', out);
	for (uint32_t i = 0; i < list->count; i++) {
		if (i)
			(void)fputc(',', out);
		write_at(out, NULL, order, &list->u.items[i], depth + 1, failed);
	}
	(void)fputc(']', out);
}

static void write_text(FILE *out, const char *key, const char *text)
{
	char base64[BASE64_MAC + 1];

	if (key && strcmp(key, NDRV_OPT_MAC) == 0 && mac_to_base64(text, base64))
		text = base64;
	go_json_string(out, text);
}

static void write_at(FILE *out, const char *key, const char *const *order, const struct ndrv_value *value, unsigned depth,
		     bool *failed)
{
	uint32_t type = depth > DEPTH_MAX ? NDRV_NULL : value->type;

	if (type == NDRV_BOOL)
		(void)fputs(value->u.boolean ? "true" : "false", out);
	else if (type == NDRV_INT)
		(void)fprintf(out, "%lld", (long long)value->u.integer);
	else if (type == NDRV_STRING)
		write_text(out, key, value->u.string);
	else if (type == NDRV_LIST)
		write_list(out, struct_of(key), value, depth, failed);
	else if (type == NDRV_MAP)
		write_map(out, order, value, depth, failed);
	else
		(void)fputs("null", out);
}

void value_write(FILE *out, const char *key, const struct ndrv_value *value, bool *failed)
{
	write_at(out, key, NULL, value, 0, failed);
}

/* --- in --- */

const char *value_type_name(const json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

static int no_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "a message of Docker's: out of memory, or larger than a call may use");
}

static int read_at(const json_t *json, const char *key, const char *path, unsigned depth, struct ndrv_arena *arena,
		   struct ndrv_value *ret, struct ndrv_error *err);

static int read_object(const json_t *json, const char *path, unsigned depth, struct ndrv_arena *arena, struct ndrv_value *ret,
		       struct ndrv_error *err)
{
	json_t *object = (json_t *)(uintptr_t)json; /* jansson's iterators want it so; nothing is changed */
	int rc = 0;

	*ret = (struct ndrv_value){.type = NDRV_MAP};
	for (void *at = json_object_iter(object); at && !rc; at = json_object_iter_next(object, at)) {
		struct ndrv_value value = ndrv_null();
		const char *key = json_object_iter_key(at);
		rc = read_at(json_object_iter_value(at), key, path, depth + 1, arena, &value, err);
		if (!rc)
			rc = ndrv_map_set(arena, ret, key, value, err);
	}
	return rc;
}

static int read_list(const json_t *json, const char *path, unsigned depth, struct ndrv_arena *arena, struct ndrv_value *ret,
		     struct ndrv_error *err)
{
	int rc = 0;

	*ret = (struct ndrv_value){.type = NDRV_LIST};
	for (size_t i = 0; i < json_array_size(json) && !rc; i++) {
		struct ndrv_value value = ndrv_null();
		rc = read_at(json_array_get(json, i), NULL, path, depth + 1, arena, &value, err);
		if (!rc)
			rc = ndrv_list_add(arena, ret, value, err);
	}
	return rc;
}

static int read_text(const json_t *json, const char *key, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const char *text = json_string_value(json);
	char written[NDRV_MAC_TEXT];
	struct ndrv_mac mac;

	if (key && strcmp(key, NDRV_OPT_MAC) == 0 && json_string_length(json) == BASE64_MAC && mac_from_base64(text, &mac))
		text = ndrv_mac_format(&mac, written);
	const char *copy = ndrv_arena_strdup(arena, text);
	if (!copy)
		return no_memory(err);
	*ret = ndrv_string(copy);
	return 0;
}

/* Values know no fractions: such a number is kept as text, the shortest that gives the same number again. */
static int read_real(const json_t *json, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	double real = json_real_value(json);
	char text[40];

	if (real >= -9007199254740992.0 && real <= 9007199254740992.0 && (double)(int64_t)real == real) {
		*ret = ndrv_int((int64_t)real);
		return 0;
	}
	(void)snprintf(text, sizeof(text), "%.15g", real);
	if (strtod(text, NULL) != real)
		(void)snprintf(text, sizeof(text), "%.17g", real);
	const char *copy = ndrv_arena_strdup(arena, text);
	if (!copy)
		return no_memory(err);
	*ret = ndrv_string(copy);
	return 0;
}

static int read_at(const json_t *json, const char *key, const char *path, unsigned depth, struct ndrv_arena *arena,
		   struct ndrv_value *ret, struct ndrv_error *err)
{
	if (depth > DEPTH_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: nested deeper than %u levels", path, DEPTH_MAX);
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return read_object(json, path, depth, arena, ret, err);
	case JSON_ARRAY:
		return read_list(json, path, depth, arena, ret, err);
	case JSON_STRING:
		return read_text(json, key, arena, ret, err);
	case JSON_REAL:
		return read_real(json, arena, ret, err);
	case JSON_INTEGER:
		*ret = ndrv_int(json_integer_value(json));
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = ndrv_bool(json_is_true(json));
		return 0;
	case JSON_NULL:
		break;
	}
	*ret = ndrv_null();
	return 0;
}

int value_read(const json_t *json, const char *key, const char *path, struct ndrv_arena *arena, struct ndrv_value *ret,
	       struct ndrv_error *err)
{
	return read_at(json, key, path, 0, arena, ret, err);
}
