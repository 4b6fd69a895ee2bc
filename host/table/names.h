/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_TABLE_NAMES_H
#define HOST_TABLE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <ndrv/error.h>

#define TABLE_NAME_MAX 255u
#define TABLE_VALUE_MAX (64u << 10)

/* A table's, row's or node's name: 1 to 255 bytes of UTF-8 without control characters. BAD_REQUEST naming `what`. */
int table_name_check(const char *what, const char *name, struct ndrv_error *err);
/* Whether the bytes are UTF-8 without control characters. */
bool table_is_text(const void *value, size_t bytes);
/* BAD_REQUEST for a value that is too long. */
int table_value_check(const char *table, const char *key, const void *value, size_t bytes, struct ndrv_error *err);

#endif
