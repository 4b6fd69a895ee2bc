/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/scalar.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: the way back takes the first that divides. */
static const struct unit durations[] = {{"h", UINT64_C(3600000000000)},
					{"m", UINT64_C(60000000000)},
					{"s", UINT64_C(1000000000)},
					{"ms", UINT64_C(1000000)},
					{NULL, 1}};
static const struct unit sizes[] = {{"GiB", UINT64_C(1) << 30}, {"MiB", UINT64_C(1) << 20}, {"KiB", UINT64_C(1) << 10}, {NULL, 1}};

static bool is_null(const char *text)
{
	return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
	       strcmp(text, "NULL") == 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? and the words, as the core schema has floats. */
static bool is_fraction(const char *text)
{
	const char *c = text + (*text == '-' || *text == '+');
	size_t whole = strspn(c, "0123456789");

	if (strcasecmp(c, ".inf") == 0 || strcasecmp(text, ".nan") == 0)
		return true;
	c += whole;
	if (*c == '.') {
		size_t part = strspn(++c, "0123456789");
		if (whole + part == 0)
			return false;
		c += part;
	} else if (whole == 0) {
		return false;
	}
	if (*c == 'e' || *c == 'E') {
		c += 1 + (c[1] == '-' || c[1] == '+');
		size_t digits = strspn(c, "0123456789");
		if (digits == 0)
			return false;
		c += digits;
	}
	return !*c;
}

static enum scalar_type integer(const char *text, int64_t *ret)
{
	const char *digits = text + (*text == '-' || *text == '+');
	int base = 10;

	if (digits == text && text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
		base = text[1] == 'x' ? 16 : 8;
		digits = text + 2;
	}
	const char *allowed = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "0123456789";
	if (!*digits || digits[strspn(digits, allowed)])
		return SCALAR_TEXT;
	/* 010 is ten in YAML 1.2, eight in 1.1 and in C: whoever wrote it may have meant either. */
	if (base == 10 && digits[0] == '0' && digits[1])
		return SCALAR_REFUSED;
	errno = 0;
	int64_t value = strtoll(base == 10 ? text : digits, NULL, base);
	if (errno == ERANGE)
		return SCALAR_REFUSED;
	*ret = value;
	return SCALAR_INT;
}

enum scalar_type scalar_type(const struct node *node, int64_t *ret)
{
	int64_t value = 0;
	enum scalar_type type = SCALAR_TEXT;

	if (!node->plain)
		return SCALAR_TEXT;
	if (is_null(node->text))
		return SCALAR_NULL;
	if (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0) {
		value = node->text[0] == 't';
		type = SCALAR_BOOL;
	} else {
		type = integer(node->text, &value);
		if (type == SCALAR_TEXT && is_fraction(node->text))
			type = SCALAR_REFUSED;
	}
	if (ret && (type == SCALAR_BOOL || type == SCALAR_INT))
		*ret = value;
	return type;
}

static int wrong(const struct node *node, const char *expected, struct ndrv_error *err)
{
	char text[NODE_TEXT_MAX];

	return node_fail(node, err, "expected %s, found %s", expected, node_describe(node, text));
}

int scalar_bool(const struct node *node, bool *ret, struct ndrv_error *err)
{
	int64_t value = 0;

	if (node->kind == NODE_SCALAR && scalar_type(node, &value) == SCALAR_BOOL) {
		*ret = value != 0;
		return 0;
	}
	if (node->kind == NODE_SCALAR && node->plain && (strcmp(node->text, "yes") == 0 || strcmp(node->text, "no") == 0)) {
		*ret = node->text[0] == 'y';
		return 0;
	}
	return wrong(node, "true, false, yes or no", err);
}

int scalar_int(const struct node *node, int64_t minimum, int64_t maximum, int64_t *ret, struct ndrv_error *err)
{
	int64_t value = 0;

	if (node->kind != NODE_SCALAR || scalar_type(node, &value) != SCALAR_INT)
		return wrong(node, "a whole number", err);
	if (value < minimum || value > maximum)
		return node_fail(node, err, "%" PRId64 " is out of range, it must be %" PRId64 " to %" PRId64, value, minimum,
				 maximum);
	*ret = value;
	return 0;
}

/* "25s": digits, then a unit of the table. False when it is anything else or too large for 63 bits. */
static bool parse_units(const char *text, const struct unit *units, bool bare, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18)
		return false;
	uint64_t value = strtoull(text, NULL, 10), factor = 0;
	for (const struct unit *unit = units; unit->name; unit++)
		if (strcmp(text + digits, unit->name) == 0)
			factor = unit->factor;
	if (bare && !text[digits])
		factor = 1;
	if (factor == 0 || value > (uint64_t)INT64_MAX / factor)
		return false;
	*ret = value * factor;
	return true;
}

static const char *format_units(uint64_t value, const struct unit *units, const char *smallest, char *text)
{
	const struct unit *unit = units;

	while (unit->name && (value == 0 || value % unit->factor != 0))
		unit++;
	(void)snprintf(text, SCALAR_UNIT_TEXT, "%" PRIu64 "%s", value / unit->factor, unit->name ? unit->name : smallest);
	return text;
}

const char *duration_format(uint64_t ns, char text[SCALAR_UNIT_TEXT])
{
	return ns == 0 ? strcpy(text, "0s") : format_units(ns, durations, "ns", text);
}

const char *size_format(uint64_t bytes, char text[SCALAR_UNIT_TEXT])
{
	return format_units(bytes, sizes, "", text);
}

int scalar_duration(const struct node *node, int64_t minimum, int64_t maximum, uint64_t *ret, struct ndrv_error *err)
{
	uint64_t value = 0, low = (uint64_t)minimum * 1000000u, high = (uint64_t)maximum * 1000000u;
	char text[3][SCALAR_UNIT_TEXT];

	if (node->kind != NODE_SCALAR || !parse_units(node->text, durations, false, &value))
		return wrong(node, "a duration such as 25s, 500ms or 2m", err);
	if (value < low || value > high)
		return node_fail(node, err, "%s is out of range, it must be %s to %s", duration_format(value, text[0]),
				 duration_format(low, text[1]), duration_format(high, text[2]));
	*ret = value;
	return 0;
}

int scalar_size(const struct node *node, int64_t minimum, int64_t maximum, uint64_t *ret, struct ndrv_error *err)
{
	uint64_t value = 0;
	char text[3][SCALAR_UNIT_TEXT];

	if (node->kind != NODE_SCALAR || scalar_type(node, NULL) == SCALAR_REFUSED || !parse_units(node->text, sizes, true, &value))
		return wrong(node, "a size such as 64KiB or 1MiB", err);
	if (value < (uint64_t)minimum || value > (uint64_t)maximum)
		return node_fail(node, err, "%s is out of range, it must be %s to %s", size_format(value, text[0]),
				 size_format((uint64_t)minimum, text[1]), size_format((uint64_t)maximum, text[2]));
	*ret = value;
	return 0;
}

int scalar_text(const struct node *node, const char *expected, const char **ret, struct ndrv_error *err)
{
	if (node->kind != NODE_SCALAR || scalar_type(node, NULL) != SCALAR_TEXT || !*node->text)
		return wrong(node, expected, err);
	*ret = node->text;
	return 0;
}
