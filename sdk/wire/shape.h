/* SPDX-License-Identifier: Apache-2.0 */
/* The form of a message: which key goes to which member. Private to sdk/wire. */
#ifndef SDK_WIRE_SHAPE_H
#define SDK_WIRE_SHAPE_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "sdk/wire/docker.h"

enum shape_kind {
	SHAPE_STRING, /* const char * */
	SHAPE_ID,     /* const char *, which ndrv_id_check() accepts */
	SHAPE_BOOL,   /* bool */
	SHAPE_INT,    /* int64_t */
	SHAPE_VALUE,  /* struct ndrv_value: anything */
	SHAPE_MAP,    /* struct ndrv_value: an object or null */
	SHAPE_LIST,   /* struct ndrv_value: a list or null */
	SHAPE_PREFIX, /* struct ndrv_prefix; "" is unset */
	SHAPE_ADDR,   /* struct ndrv_addr; "" is unset */
	SHAPE_MAC,    /* struct ndrv_mac; "" is unset */
	SHAPE_IPAM,   /* struct ndrv_ipam_list */
	SHAPE_ROUTES, /* struct wire_routes */
	SHAPE_OBJECT, /* members of the same struct, with a shape of their own */
};

struct shape_field {
	const char *key;
	size_t offset;
	const struct shape_field *shape; /* OBJECT; ended by a NULL key */
	enum shape_kind kind;
	bool omit;   /* not written when empty (Go's omitempty) */
	bool is_set; /* OBJECT: `offset` is a bool that says whether it is there */
};

extern const struct shape_field *const shape_requests[WIRE_COUNT];
extern const struct shape_field *const shape_replies[WIRE_COUNT];
extern const struct shape_field shape_error[]; /* what each reply may have besides */
extern const struct shape_field shape_ipam_error[];
extern const struct shape_field shape_routes[];

/* One StaticRoute as it is written. */
struct shape_route {
	struct ndrv_prefix destination;
	int64_t type;
	struct ndrv_addr next_hop;
};

/* An object of that shape. `true` in *failed: out of memory. */
void shape_write(FILE *out, const struct shape_field *shape, const void *from, bool *failed);
int shape_read(const struct shape_field *shape, const json_t *object, const char *path, void *into, struct ndrv_arena *arena,
	       struct ndrv_error *err);

/* value.c. `key`: the one the value stands under, for the lists Go writes from structs and for what it writes in base64. */
void value_write(FILE *out, const char *key, const struct ndrv_value *value, bool *failed);
int value_read(const json_t *json, const char *key, const char *path, struct ndrv_arena *arena, struct ndrv_value *ret,
	       struct ndrv_error *err);
/* "an object", "a list", "a string", ... */
const char *value_type_name(const json_t *json);

#endif
