/* SPDX-License-Identifier: Apache-2.0 */
/* The look at the raw text before libyaml sees it. libyaml would take NEL and the Unicode separators for line ends, UTF-16 for
 * text, and 64 KiB of %TAG lines for 10 ms of work; refusing them here costs one pass and gives every refusal its line and column.
 */
#include <stdint.h>

#include "host/config/yaml.h"

struct cursor {
	const unsigned char *at, *end;
	uint32_t line, column;
};

/* Length of the character at the cursor, 0 when it is not UTF-8 (overlong forms, surrogates and cut ones included). */
static unsigned decode(const struct cursor *cursor, uint32_t *ret_point)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *at = cursor->at;
	unsigned length = at[0] < 0x80 ? 1 : at[0] >> 5 == 0x6 ? 2 : at[0] >> 4 == 0xe ? 3 : at[0] >> 3 == 0x1e ? 4 : 0;

	if (length == 0 || (size_t)(cursor->end - at) < length)
		return 0;
	uint32_t point = length == 1 ? at[0] : at[0] & (0x7fu >> length);
	for (unsigned i = 1; i < length; i++) {
		if (at[i] >> 6 != 0x2)
			return 0;
		point = point << 6 | (at[i] & 0x3fu);
	}
	if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return length;
}

static const char *refusal(uint32_t point)
{
	if (point == 0)
		return "a NUL byte";
	if (point == 0x85 || point == 0x2028 || point == 0x2029)
		return "a Unicode line separator";
	if (point == 0xfeff)
		return "a byte order mark inside the text";
	if (point == 0x7f || (point >= 0x80 && point < 0xa0) || (point < 0x20 && point != '\t' && point != '\n' && point != '\r'))
		return "a control character";
	if (point == 0xfffe || point == 0xffff)
		return "something that is not a character";
	return NULL;
}

static void advance(struct cursor *cursor, unsigned length, uint32_t point)
{
	cursor->at += length;
	/* CR LF is one line end: the LF counts. */
	if (point == '\n' || (point == '\r' && (cursor->at == cursor->end || *cursor->at != '\n'))) {
		cursor->line++;
		cursor->column = 1;
	} else {
		cursor->column++;
	}
}

int yaml_check_text(const char *file, const char *data, size_t bytes, struct ndrv_error *err)
{
	const unsigned char *start = (const unsigned char *)data;
	struct cursor cursor = {.at = start, .end = start + bytes, .line = 1, .column = 1};

	while (cursor.at < cursor.end) {
		uint32_t point = 0;
		unsigned length = decode(&cursor, &point);
		const char *what = length == 0 ? "a byte that is not UTF-8" : refusal(point);
		if (what)
			return ndrv_fail(err, NDRV_E_CONFIG, "%s:%u:%u: %s (0x%02X) is not allowed", file, cursor.line,
					 cursor.column, what, length == 0 ? *cursor.at : point);
		if (point == '%' && cursor.column == 1)
			return ndrv_fail(err, NDRV_E_CONFIG,
					 "%s:%u:1: a line that begins with %% would be a YAML directive, "
					 "which is not allowed",
					 file, cursor.line);
		advance(&cursor, length, point);
	}
	return 0;
}
