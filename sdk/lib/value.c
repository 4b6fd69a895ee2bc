/* SPDX-License-Identifier: Apache-2.0 */
#include <ndrv/value.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deeper trees are refused: they are made by other people's code and walked by recursion. */
#define DEPTH_MAX 64u
/* Arrays of members grow by doubling, from this; so an array of 4, 8, 16 ... members is full, and any other has room for one more.
 */
#define MEMBERS_MIN 4u

void *ndrv_arena_alloc(struct ndrv_arena *arena, size_t bytes)
{
	return arena ? arena->alloc(arena, bytes ? bytes : 1) : NULL;
}

char *ndrv_arena_strdup(struct ndrv_arena *arena, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = ndrv_arena_alloc(arena, bytes);

	if (copy)
		memcpy(copy, text, bytes);
	return copy;
}

char *ndrv_arena_printf(struct ndrv_arena *arena, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	int bytes = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (bytes < 0)
		return NULL;
	text = ndrv_arena_alloc(arena, (size_t)bytes + 1);
	if (!text)
		return NULL;
	va_start(args, fmt);
	vsnprintf(text, (size_t)bytes + 1, fmt, args);
	va_end(args);
	return text;
}

static int no_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for a value");
}

/* How many members an array that holds `count` was made for. */
static size_t capacity(uint32_t count)
{
	size_t room = MEMBERS_MIN;

	while (room < count)
		room *= 2;
	return room;
}

static int is_full(uint32_t count)
{
	return count == 0 || capacity(count) == count;
}

/* --- copying and comparing --- */

static int copy(struct ndrv_arena *arena, const struct ndrv_value *from, struct ndrv_value *ret, uint32_t depth,
		struct ndrv_error *err);

static int copy_list(struct ndrv_arena *arena, const struct ndrv_value *from, struct ndrv_value *ret, uint32_t depth,
		     struct ndrv_error *err)
{
	struct ndrv_value *items = ndrv_arena_alloc(arena, capacity(from->count) * sizeof(*items));

	if (!items)
		return no_memory(err);
	for (uint32_t i = 0; i < from->count; i++) {
		int rc = copy(arena, &from->u.items[i], &items[i], depth + 1, err);
		if (rc)
			return rc;
	}
	*ret = (struct ndrv_value){.type = NDRV_LIST, .count = from->count, .u.items = items};
	return 0;
}

static int copy_map(struct ndrv_arena *arena, const struct ndrv_value *from, struct ndrv_value *ret, uint32_t depth,
		    struct ndrv_error *err)
{
	struct ndrv_pair *pairs = ndrv_arena_alloc(arena, capacity(from->count) * sizeof(*pairs));

	if (!pairs)
		return no_memory(err);
	for (uint32_t i = 0; i < from->count; i++) {
		pairs[i].key = ndrv_arena_strdup(arena, from->u.pairs[i].key);
		if (!pairs[i].key)
			return no_memory(err);
		int rc = copy(arena, &from->u.pairs[i].value, &pairs[i].value, depth + 1, err);
		if (rc)
			return rc;
	}
	*ret = (struct ndrv_value){.type = NDRV_MAP, .count = from->count, .u.pairs = pairs};
	return 0;
}

static int copy(struct ndrv_arena *arena, const struct ndrv_value *from, struct ndrv_value *ret, uint32_t depth,
		struct ndrv_error *err)
{
	if (depth > DEPTH_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "value nests deeper than %u levels", DEPTH_MAX);
	switch (from->type) {
	case NDRV_NULL:
		*ret = ndrv_null();
		return 0;
	case NDRV_BOOL:
		*ret = ndrv_bool(from->u.boolean != 0);
		return 0;
	case NDRV_INT:
		*ret = ndrv_int(from->u.integer);
		return 0;
	case NDRV_STRING:
		*ret = ndrv_string(ndrv_arena_strdup(arena, from->u.string));
		return ret->type == NDRV_STRING ? 0 : no_memory(err);
	case NDRV_LIST:
		return copy_list(arena, from, ret, depth, err);
	case NDRV_MAP:
		return copy_map(arena, from, ret, depth, err);
	default:
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "value has unknown type %u", (unsigned)from->type);
	}
}

int ndrv_value_copy(struct ndrv_arena *arena, const struct ndrv_value *from, struct ndrv_value *ret, struct ndrv_error *err)
{
	struct ndrv_value made = ndrv_null();
	int rc = from ? copy(arena, from, &made, 0, err) : 0;

	if (rc == 0)
		*ret = made;
	return rc;
}

static int equal(const struct ndrv_value *a, const struct ndrv_value *b, uint32_t depth)
{
	if (a->type != b->type || depth > DEPTH_MAX)
		return 0;
	switch (a->type) {
	case NDRV_NULL:
		return 1;
	case NDRV_BOOL:
		return !a->u.boolean == !b->u.boolean;
	case NDRV_INT:
		return a->u.integer == b->u.integer;
	case NDRV_STRING:
		return strcmp(a->u.string, b->u.string) == 0;
	case NDRV_LIST:
		for (uint32_t i = 0; i < a->count && a->count == b->count; i++)
			if (!equal(&a->u.items[i], &b->u.items[i], depth + 1))
				return 0;
		return a->count == b->count;
	case NDRV_MAP:
		for (uint32_t i = 0; i < a->count && a->count == b->count; i++) {
			const struct ndrv_value *other = ndrv_map_get(b, a->u.pairs[i].key);
			if (!other || !equal(&a->u.pairs[i].value, other, depth + 1))
				return 0;
		}
		return a->count == b->count;
	default:
		return 0;
	}
}

int ndrv_value_equal(const struct ndrv_value *a, const struct ndrv_value *b)
{
	if (!a || !b)
		return a == b;
	return equal(a, b, 0);
}

/* --- making --- */

struct ndrv_value ndrv_null(void)
{
	return (struct ndrv_value){.type = NDRV_NULL};
}

struct ndrv_value ndrv_bool(int value)
{
	return (struct ndrv_value){.type = NDRV_BOOL, .u.boolean = value != 0};
}

struct ndrv_value ndrv_int(int64_t value)
{
	return (struct ndrv_value){.type = NDRV_INT, .u.integer = value};
}

struct ndrv_value ndrv_string(const char *text)
{
	if (!text)
		return ndrv_null();
	return (struct ndrv_value){.type = NDRV_STRING, .count = (uint32_t)strlen(text), .u.string = text};
}

/* Members of a map or list that was made here are ours to write, though readers see them const. */
static void *writable(const void *members)
{
	return (void *)(uintptr_t)members;
}

/* Room for one more member behind `count` of `bytes` each; copies where the array is full. NULL: out of memory. */
static void *grow(struct ndrv_arena *arena, const void *members, uint32_t count, size_t bytes)
{
	void *more;

	if (!is_full(count))
		return writable(members);
	more = ndrv_arena_alloc(arena, capacity(count + 1) * bytes);
	if (more && count > 0)
		memcpy(more, members, count * bytes);
	return more;
}

int ndrv_map_set(struct ndrv_arena *arena, struct ndrv_value *map, const char *key, struct ndrv_value value, struct ndrv_error *err)
{
	if (map->type != NDRV_MAP && map->type != NDRV_NULL)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "\"%s\" cannot be set in a value that is no map", key);
	uint32_t count = map->type == NDRV_MAP ? map->count : 0;
	struct ndrv_pair *pairs = count ? writable(map->u.pairs) : NULL;
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(pairs[i].key, key) == 0) {
			pairs[i].value = value;
			return 0;
		}
	}
	const char *name = ndrv_arena_strdup(arena, key);
	pairs = name ? grow(arena, pairs, count, sizeof(*pairs)) : NULL;
	if (!pairs)
		return no_memory(err);
	pairs[count] = (struct ndrv_pair){.key = name, .value = value};
	*map = (struct ndrv_value){.type = NDRV_MAP, .count = count + 1, .u.pairs = pairs};
	return 0;
}

int ndrv_list_add(struct ndrv_arena *arena, struct ndrv_value *list, struct ndrv_value value, struct ndrv_error *err)
{
	if (list->type != NDRV_LIST && list->type != NDRV_NULL)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a member cannot be added to a value that is no list");
	uint32_t count = list->type == NDRV_LIST ? list->count : 0;
	struct ndrv_value *items = grow(arena, count ? list->u.items : NULL, count, sizeof(*items));
	if (!items)
		return no_memory(err);
	items[count] = value;
	*list = (struct ndrv_value){.type = NDRV_LIST, .count = count + 1, .u.items = items};
	return 0;
}

/* --- reading --- */

const struct ndrv_value *ndrv_map_get(const struct ndrv_value *map, const char *key)
{
	if (!map || map->type != NDRV_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->count; i++)
		if (strcmp(map->u.pairs[i].key, key) == 0)
			return &map->u.pairs[i].value;
	return NULL;
}

const struct ndrv_value *ndrv_map_path(const struct ndrv_value *map, ...)
{
	const char *key;
	va_list keys;

	va_start(keys, map);
	while (map && (key = va_arg(keys, const char *)) != NULL)
		map = ndrv_map_get(map, key);
	va_end(keys);
	return map;
}

static const char *type_name(const struct ndrv_value *value)
{
	static const char *const names[] = {"null", "a bool", "an integer", "a string", "a list", "a map"};

	return value->type < sizeof(names) / sizeof(names[0]) ? names[value->type] : "of an unknown type";
}

static int wrong_type(const char *key, const char *wanted, const struct ndrv_value *value, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "option \"%s\" must be %s, not %s", key, wanted, type_name(value));
}

/* libnetwork's sentence for a label that Go's strconv could not read. */
static int unreadable(const char *key, const char *function, const char *text, const char *why, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "failed to parse %s value: %s (strconv.%s: parsing \"%s\": %s)", key, text,
			 function, text, why);
}

static const struct ndrv_value *find(const struct ndrv_value *map, const char *key)
{
	const struct ndrv_value *value = ndrv_map_get(map, key);

	return value && value->type != NDRV_NULL ? value : NULL;
}

int ndrv_map_bool(const struct ndrv_value *map, const char *key, int *ret, struct ndrv_error *err)
{
	static const char words[2][6][6] = {{"0", "f", "F", "FALSE", "false", "False"}, {"1", "t", "T", "TRUE", "true", "True"}};
	const struct ndrv_value *value = find(map, key);

	if (!value)
		return 0;
	if (value->type == NDRV_BOOL) {
		*ret = value->u.boolean != 0;
		return 1;
	}
	if (value->type != NDRV_STRING)
		return wrong_type(key, "a bool", value, err);
	for (int truth = 0; truth < 2; truth++) {
		for (size_t i = 0; i < sizeof(words[0]) / sizeof(words[0][0]); i++) {
			if (strcmp(value->u.string, words[truth][i]) == 0) {
				*ret = truth;
				return 1;
			}
		}
	}
	return unreadable(key, "ParseBool", value->u.string, "invalid syntax", err);
}

int ndrv_map_int(const struct ndrv_value *map, const char *key, int64_t *ret, struct ndrv_error *err)
{
	const struct ndrv_value *value = find(map, key);

	if (!value)
		return 0;
	if (value->type == NDRV_INT) {
		*ret = value->u.integer;
		return 1;
	}
	if (value->type != NDRV_STRING)
		return wrong_type(key, "an integer", value, err);
	const char *digits = value->u.string + (value->u.string[0] == '-' || value->u.string[0] == '+');
	if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return unreadable(key, "Atoi", value->u.string, "invalid syntax", err);
	errno = 0;
	long long number = strtoll(value->u.string, NULL, 10);
	if (errno == ERANGE)
		return unreadable(key, "Atoi", value->u.string, "value out of range", err);
	*ret = number;
	return 1;
}

int ndrv_map_string(const struct ndrv_value *map, const char *key, const char **ret, struct ndrv_error *err)
{
	const struct ndrv_value *value = find(map, key);

	if (!value)
		return 0;
	if (value->type != NDRV_STRING)
		return wrong_type(key, "a string", value, err);
	*ret = value->u.string;
	return 1;
}
