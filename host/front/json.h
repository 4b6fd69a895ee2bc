/* SPDX-License-Identifier: Apache-2.0 */
/* JSON <-> typed values, within limits. Parsing is Jansson's; what is here bounds its work and says what is wrong in a sentence. */
#ifndef HOST_FRONT_JSON_H
#define HOST_FRONT_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include <ndrv/value.h>

#include "host/base/arena.h"

#define JSON_DEPTH_MAX 32u
#define JSON_NODES_MAX 10000u
/* "application/json" is what every JSON reply is. */
#define JSON_TYPE "application/json"

/* An object, without duplicate keys, invalid UTF-8, NUL in strings, numbers outside of int64, depth or size beyond the limits.
 * Empty text (spaces count as nothing) is an empty object. BAD_REQUEST naming line and column. The caller json_decref()s. */
int json_decode(const char *text, size_t bytes, json_t **ret, struct ndrv_error *err);
/* "an object", "a list", "\"text\"" (cut), 5, true, null: for "expected ..., found ...". Returns `text`. */
const char *json_describe(const json_t *json, char *text, size_t room);
/* A copy in the arena. `path` is what errors call it. BAD_REQUEST for numbers with a fraction, which values have not. */
int json_to_value(const json_t *json, const char *path, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
/* malloc'ed text with a newline at its end; NULL: out of memory. Bytes that are no UTF-8 become U+FFFD. */
char *json_from_value(const struct ndrv_value *value, size_t *ret_bytes);
/* {"error":{"code":"NO_NETWORK","kind":"NotFound","message":"..."}}, as above. */
char *json_from_error(const struct ndrv_error *error, size_t *ret_bytes);

#endif
