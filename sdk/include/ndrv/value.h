/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values: libnetwork's map[string]interface{} for options, endpoint info and driver configuration.
 *
 * A value is a plain tree that is read directly or through the getters here. Trees a driver is given are const and live until its
 * call returns. Trees a driver makes are built in the call's arena and need no free. Map keys keep the order they were set in. */
#ifndef NDRV_VALUE_H
#define NDRV_VALUE_H

#include <ndrv/error.h>

NDRV_BEGIN_DECLS

enum {
	NDRV_NULL = 0,
	NDRV_BOOL = 1,
	NDRV_INT = 2,
	NDRV_STRING = 3,
	NDRV_LIST = 4,
	NDRV_MAP = 5,
};

struct ndrv_pair;

/* 16 bytes on 64-bit machines, frozen for major 1: arrays of it are part of the ABI. */
struct ndrv_value {
	uint32_t type;	/* NDRV_NULL ... NDRV_MAP */
	uint32_t count; /* STRING: bytes without the NUL; LIST, MAP: members */
	union {
		uint64_t boolean; /* 0 or 1 */
		int64_t integer;
		const char *string; /* UTF-8, NUL-terminated, without NUL inside */
		const struct ndrv_value *items;
		const struct ndrv_pair *pairs;
	} u;
};

struct ndrv_pair {
	const char *key;
	struct ndrv_value value;
};

/* Memory of a call: everything from it is freed when the call ends. The host fills the function in; drivers only call it through
 * ndrv_arena_alloc(). */
struct ndrv_arena {
	uint32_t size;
	uint32_t reserved;
	void *(*alloc)(struct ndrv_arena *arena, size_t bytes); /* zeroed, aligned for any type; NULL when memory is short */
};

void *ndrv_arena_alloc(struct ndrv_arena *arena, size_t bytes);
char *ndrv_arena_strdup(struct ndrv_arena *arena, const char *text);
char *ndrv_arena_printf(struct ndrv_arena *arena, const char *fmt, ...) NDRV_PRINTF(2, 3);
/* Deep copy of `from` into the arena. */
int ndrv_value_copy(struct ndrv_arena *arena, const struct ndrv_value *from, struct ndrv_value *ret, struct ndrv_error *err);

struct ndrv_value ndrv_null(void);
struct ndrv_value ndrv_bool(int value);
struct ndrv_value ndrv_int(int64_t value);
/* Borrows `text`, which must live as long as the value: a literal, or something from the arena. */
struct ndrv_value ndrv_string(const char *text);

/* Makes `map` a map if it is NULL yet, then sets `key` (copied into the arena) to `value` (its top is copied, its tree borrowed).
 * An existing key is overwritten in place. The map must have been made by this function or ndrv_value_copy(), and only one copy of
 * its struct be written to: anything else (a tree the driver was given, a static one) is to be copied with ndrv_value_copy() first.
 */
int ndrv_map_set(struct ndrv_arena *arena, struct ndrv_value *map, const char *key, struct ndrv_value value,
		 struct ndrv_error *err);
/* Makes `list` a list if it is NULL yet, then appends. The same rule holds for where it comes from. */
int ndrv_list_add(struct ndrv_arena *arena, struct ndrv_value *list, struct ndrv_value value, struct ndrv_error *err);

/* NULL when `map` is NULL or not a map, or has no such key. */
const struct ndrv_value *ndrv_map_get(const struct ndrv_value *map, const char *key);
/* The same for a path of keys, ended by NULL: ndrv_map_path(options, NDRV_OPT_GENERIC, "parent", NULL). */
const struct ndrv_value *ndrv_map_path(const struct ndrv_value *map, ...);

/* Typed getters: 1 found, 0 absent (or null), negative: present with another type (BAD_REQUEST naming `key`). `ret` is untouched
 * unless 1. Booleans also accept what Go's strconv.ParseBool does (1 t T TRUE true True 0 f F FALSE false False), integers a
 * decimal string, because labels on Docker's wire are strings. */
int ndrv_map_bool(const struct ndrv_value *map, const char *key, int *ret, struct ndrv_error *err);
int ndrv_map_int(const struct ndrv_value *map, const char *key, int64_t *ret, struct ndrv_error *err);
int ndrv_map_string(const struct ndrv_value *map, const char *key, const char **ret, struct ndrv_error *err);

/* 1 when both trees are the same; maps are compared without regard to order. */
int ndrv_value_equal(const struct ndrv_value *a, const struct ndrv_value *b);

NDRV_END_DECLS

#endif
