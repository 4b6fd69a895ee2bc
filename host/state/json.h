/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values, addresses and texts to JSON and back, for the bodies of stored records. Both sides keep the first mistake and go on
 * without effect, so that a codec is a list of fields with one check at its end. */
#ifndef HOST_STATE_JSON_H
#define HOST_STATE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include <ndrv/types.h>
#include <ndrv/value.h>

#include "host/base/arena.h"

/* Text is written straight into one buffer: it is on the way of every endpoint operation, and a tree of nodes first costs more than
 * the database does. */
struct json_out {
	char *text; /* malloc'ed */
	size_t used, room;
	bool comma;    /* something stands before, in this object or list */
	bool failed;   /* out of memory, or the next */
	bool bad_text; /* something is not UTF-8 */
};

/* An object '{' or list '[', and its end '}' or ']'. `key` is NULL within a list and for the whole. */
void json_out_begin(struct json_out *out, const char *key, char bracket);
void json_out_end(struct json_out *out, char bracket);
/* Unset, empty and 0 are not written. */
void json_out_text(struct json_out *out, const char *key, const char *text);
void json_out_int(struct json_out *out, const char *key, int64_t number);
void json_out_prefix(struct json_out *out, const char *key, const struct ndrv_prefix *prefix);
void json_out_addr(struct json_out *out, const char *key, const struct ndrv_addr *addr);
void json_out_mac(struct json_out *out, const char *key, const struct ndrv_mac *mac);
void json_out_bytes(struct json_out *out, const char *key, const uint8_t *bytes, size_t count);
void json_out_value(struct json_out *out, const char *key, const struct ndrv_value *value);
/* The text, which is the caller's to free; NULL if anything failed: then it is freed. */
char *json_out_finish(struct json_out *out);

struct json_in {
	json_t *object;
	struct arena *arena; /* texts and values are copied into it */
	const char *bad;     /* the first key that was not as it should be, or for which there was no memory */
	bool short_of_memory;
};

/* NULL: it is not JSON, which `ret_mistake` tells, or, if so `*ret_no_memory`, there was no memory for it. */
json_t *json_in_load(const char *text, size_t bytes, char ret_mistake[JSON_ERROR_TEXT_LENGTH], bool *ret_no_memory);
/* There was no memory for this key. */
void json_in_no_memory(struct json_in *in, const char *key);

/* A part of `in` with the same arena; its `bad` must be handed on with json_in_end(). */
struct json_in json_in_part(struct json_in *in, json_t *object);
void json_in_end(struct json_in *in, const struct json_in *part);
/* Absent ones are "", 0, unset, NULL. */
char *json_in_text(struct json_in *in, const char *key);
int64_t json_in_int(struct json_in *in, const char *key);
void json_in_prefix(struct json_in *in, const char *key, struct ndrv_prefix *ret);
void json_in_addr(struct json_in *in, const char *key, struct ndrv_addr *ret);
void json_in_mac(struct json_in *in, const char *key, struct ndrv_mac *ret);
void json_in_bytes(struct json_in *in, const char *key, uint8_t *ret, size_t count);
void json_in_value(struct json_in *in, const char *key, struct ndrv_value *ret);
json_t *json_in_list(struct json_in *in, const char *key, size_t *ret_count);

#endif
