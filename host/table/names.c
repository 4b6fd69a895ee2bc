/* SPDX-License-Identifier: Apache-2.0 */
#include "host/table/names.h"

#include <stdint.h>
#include <string.h>

/* How many bytes the UTF-8 sequence at `text` has; 0: it is none, or a control character. */
static size_t sequence(const unsigned char *text, size_t room)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t point = text[0];

	if (point < 0x80)
		return point >= 0x20 && point != 0x7f;
	size_t length = point >= 0xf8 ? 0 : point >= 0xf0 ? 4 : point >= 0xe0 ? 3 : point >= 0xc0 ? 2 : 0;
	if (!length || length > room)
		return 0;
	point &= 0x7fu >> length;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3fu);
	}
	bool surrogate = point >= 0xd800 && point <= 0xdfff;
	return point < least[length] || point > 0x10ffff || surrogate || point < 0xa0 ? 0 : length;
}

int table_name_check(const char *what, const char *name, struct ndrv_error *err)
{
	size_t length = name ? strnlen(name, TABLE_NAME_MAX + 1) : 0;

	if (length == 0 || length > TABLE_NAME_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s has 1 to %u bytes", what, TABLE_NAME_MAX);
	for (size_t at = 0, step; at < length; at += step) {
		step = sequence((const unsigned char *)name + at, length - at);
		if (!step)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s is UTF-8 without control characters: byte %zu is not", what,
					 at + 1);
	}
	return 0;
}

bool table_is_text(const void *value, size_t bytes)
{
	for (size_t at = 0, step; at < bytes; at += step) {
		step = sequence((const unsigned char *)value + at, bytes - at);
		if (!step)
			return false;
	}
	return true;
}

int table_value_check(const char *table, const char *key, const void *value, size_t bytes, struct ndrv_error *err)
{
	if (bytes > TABLE_VALUE_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST,
				 "the value of row %.64s of table %.64s has %zu bytes, at most %u are kept", key, table, bytes,
				 TABLE_VALUE_MAX);
	if (bytes && !value)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the value of row %.64s of table %.64s is missing", key, table);
	return 0;
}
