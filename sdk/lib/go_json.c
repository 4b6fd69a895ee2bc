/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk/lib/go_json.h"

#include <stdint.h>

/* The length of the well-formed UTF-8 sequence at `text`, 0 if there is none; `ret` gets its code point. */
static size_t utf8_sequence(const unsigned char *text, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = text[0];
	size_t length = first < 0x80 ? 1 : (first & 0xe0) == 0xc0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : (first & 0xf8) == 0xf0 ? 4 : 0;

	if (length == 0)
		return 0;
	uint32_t code = length == 1 ? first : first & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3fu);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return length;
}

void go_json_string(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', out);
	while (*at) {
		uint32_t code;
		size_t length = utf8_sequence(at, &code);
		if (length == 0) {
			fputs("\\ufffd", out);
			at++;
			continue;
		}
		if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (int)code);
		else if (code == '\n' || code == '\r' || code == '\t')
			fprintf(out, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
		else if (code < 0x20 || code == '<' || code == '>' || code == '&' || code == 0x2028 || code == 0x2029)
			fprintf(out, "\\u%04x", (unsigned)code);
		else
			fwrite(at, 1, length, out);
		at += length;
	}
	fputc('"', out);
}
