/* SPDX-License-Identifier: Apache-2.0 */
/* The meaning of scalars: YAML 1.2's core schema, without fractions, and the units of our keys. All fail as node_fail() does. */
#ifndef HOST_CONFIG_SCALAR_H
#define HOST_CONFIG_SCALAR_H

#include "host/config/yaml.h"

/* What a plain scalar means in the core schema. A quoted one is always text. */
enum scalar_type {
	SCALAR_TEXT = 0,
	SCALAR_NULL = 1,
	SCALAR_BOOL = 2,
	SCALAR_INT = 3,	    /* decimal, 0x..., 0o... that fits 64 bits */
	SCALAR_REFUSED = 4, /* a number that is not one of ours: 1.5, 1e3, 007, too large */
};

/* `ret` (may be NULL) is set for SCALAR_BOOL (0, 1) and SCALAR_INT. */
enum scalar_type scalar_type(const struct node *node, int64_t *ret);

/* true or false; also yes and no, which are text in YAML 1.2 but what many write. Nothing else: not on, True, 1. */
int scalar_bool(const struct node *node, bool *ret, struct ndrv_error *err);
int scalar_int(const struct node *node, int64_t minimum, int64_t maximum, int64_t *ret, struct ndrv_error *err);
/* "25s", "500ms", "2m", "1h": a whole number and a unit. In nanoseconds; the bounds are milliseconds. */
int scalar_duration(const struct node *node, int64_t minimum, int64_t maximum, uint64_t *ret, struct ndrv_error *err);
/* "64KiB", "1MiB", "1GiB", or bytes as a number. */
int scalar_size(const struct node *node, int64_t minimum, int64_t maximum, uint64_t *ret, struct ndrv_error *err);
/* Text that is not empty, not null, a number or a boolean. Borrowed from the node. `expected`: "a path". */
int scalar_text(const struct node *node, const char *expected, const char **ret, struct ndrv_error *err);

/* ns as "25s", in the largest unit that divides it; bytes as "64KiB". Buffers of SCALAR_UNIT_TEXT. */
#define SCALAR_UNIT_TEXT 32
const char *duration_format(uint64_t ns, char text[SCALAR_UNIT_TEXT]);
const char *size_format(uint64_t bytes, char text[SCALAR_UNIT_TEXT]);

/* A whole tree as a value in the arena, for free-form sections. Fractions are refused. */
int node_value(const struct node *node, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);

#endif
