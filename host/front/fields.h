/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the members of a JSON object one by one, strictly: wrong types are named with their path ("pools[0].gateway: expected a
 * string, found 5"), and what nobody asked for is refused by fields_done(), with the nearest name that exists.
 *
 * The first error sticks: everything after it does nothing, so a decoder is a list of lines and one check at its end. An absent
 * member, or null, leaves the result as it was. */
#ifndef HOST_FRONT_FIELDS_H
#define HOST_FRONT_FIELDS_H

#include <stdbool.h>

#include <ndrv/types.h>

#include "host/front/json.h"

#define FIELDS_MAX 24

struct fields {
	const json_t *object;
	const char *path; /* "" for the whole body */
	struct arena *arena;
	struct ndrv_error *err;
	int rc;
	unsigned count;
	const char *asked[FIELDS_MAX];
};

void fields_open(struct fields *fields, const json_t *object, const char *path, struct arena *arena, struct ndrv_error *err);
/* For an element of a list, or a nested object: refuses what is not an object. Errors end up in `outer`'s sink, through its rc once
 * fields_done() of the inner one has been given to fields_fail(). */
void fields_open_in(struct fields *fields, struct fields *outer, const json_t *object, const char *key, size_t index);
#define FIELDS_NO_INDEX ((size_t)-1)
/* 0, or the first error's -code; refuses members nobody asked for. */
int fields_done(struct fields *fields);
void fields_fail(struct fields *fields, int rc);
/* BAD_REQUEST "PATH.KEY: " and the text, unless there is an error already. */
void fields_refuse(struct fields *fields, const char *key, const char *fmt, ...) NDRV_PRINTF(3, 4);

/* The members. Each returns true when the member is there and right. */
bool fields_has(const struct fields *fields, const char *key);
void fields_require(struct fields *fields, const char *key);
bool fields_string(struct fields *fields, const char *key, const char **ret);
/* A string that ndrv_id_check() accepts. */
bool fields_id(struct fields *fields, const char *key, const char **ret);
bool fields_bool(struct fields *fields, const char *key, bool *ret);
bool fields_int(struct fields *fields, const char *key, int64_t min, int64_t max, int64_t *ret);
/* Any object, as a map. */
bool fields_map(struct fields *fields, const char *key, struct ndrv_value *ret);
/* With a length ("10.0.0.0/24"). */
bool fields_prefix(struct fields *fields, const char *key, struct ndrv_prefix *ret);
/* With a length or without: length 0 then. */
bool fields_address(struct fields *fields, const char *key, struct ndrv_prefix *ret);
bool fields_mac(struct fields *fields, const char *key, struct ndrv_mac *ret);
/* A list of at most `max` elements; NULL: none. */
const json_t *fields_list(struct fields *fields, const char *key, size_t max);
/* An object; NULL: none. */
const json_t *fields_object(struct fields *fields, const char *key, size_t max);

#endif
