/* SPDX-License-Identifier: Apache-2.0 */
/* What ndrvctl prints. Text from the host may hold anything; a terminal is never sent control characters from it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cmd/ctl.h"
#include "host/front/errors.h"
#include "host/front/json.h"

#define CELL 256

void *ctl_memory(void *pointer)
{
	if (!pointer) {
		(void)fputs("ndrvctl: out of memory\n", stderr);
		exit(CTL_EXIT_UNREACHABLE);
	}
	return pointer;
}

static void escape(const char *from, char *text, size_t room)
{
	size_t at = 0;

	for (; *from && at + 5 < room; from++) {
		unsigned char c = (unsigned char)*from;
		if (c < 0x20 || c == 0x7f)
			at += (size_t)snprintf(text + at, room - at, "\\x%02x", c);
		else
			text[at++] = *from;
	}
	text[at] = '\0';
}

/* --- errors --- */

int ctl_error(const struct ctl *ctl, int status, const char *code, const char *kind, const char *text)
{
	if (ctl->quiet) {
		/* Nobody is told. */
	} else if (ctl->json) {
		const struct ndrv_pair fields[] = {
			{"code", ndrv_string(code)}, {"kind", ndrv_string(kind)}, {"message", ndrv_string(text)}};
		const struct ndrv_pair outer[] = {{"error", {.type = NDRV_MAP, .count = 3, .u.pairs = fields}}};
		const struct ndrv_value value = {.type = NDRV_MAP, .count = 1, .u.pairs = outer};
		size_t bytes;
		char *json = ctl_memory(json_from_value(&value, &bytes));
		(void)fputs(json, stdout);
		free(json);
	} else {
		char clean[1024];
		escape(text, clean, sizeof(clean));
		(void)fprintf(stderr, "ndrvctl: %s: %s\n", kind, clean);
	}
	return status ? status : error_exit_status(error_kind_find(kind));
}

int ctl_usage(const struct ctl *ctl, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (ctl->json)
		return ctl_error(ctl, CTL_EXIT_USAGE, "BAD_REQUEST", "BadRequest", text);
	(void)fprintf(stderr, "ndrvctl: %s\n", text);
	if (ctl->command)
		(void)fprintf(stderr, "usage: ndrvctl %s%s%s   (more: ndrvctl %s --help)\n", ctl->command->name,
			      *ctl->command->arguments ? " " : "", ctl->command->arguments, ctl->command->name);
	else
		(void)fputs("all commands: ndrvctl --help\n", stderr);
	return CTL_EXIT_USAGE;
}

/* --- members --- */

const json_t *ctl_member(const json_t *json, const char *path)
{
	while (json && *path) {
		size_t length = strcspn(path, ".");
		char key[64];
		(void)snprintf(key, sizeof(key), "%.*s", (int)length, path);
		json = json_object_get(json, key);
		path += length + (path[length] == '.');
	}
	return json;
}

const char *ctl_text(const json_t *json, const char *path, char *text, size_t room)
{
	const json_t *member = ctl_member(json, path);

	*text = '\0';
	if (json_is_string(member))
		escape(json_string_value(member), text, room);
	else if (json_is_integer(member))
		(void)snprintf(text, room, "%lld", (long long)json_integer_value(member));
	else if (json_is_real(member))
		(void)snprintf(text, room, "%g", json_real_value(member));
	else if (json_is_boolean(member))
		(void)snprintf(text, room, "%s", json_is_true(member) ? "yes" : "no");
	return text;
}

void ctl_short_id(const json_t *row, char *text, size_t room)
{
	char id[CELL];
	(void)snprintf(text, room, "%.12s", ctl_text(row, "id", id, sizeof(id)));
}

/* --- JSON, trees, tables --- */

void ctl_print_json(const json_t *json)
{
	(void)json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	(void)putchar('\n');
}

static bool is_leaf(const json_t *json)
{
	return (!json_is_object(json) || json_object_size(json) == 0) && (!json_is_array(json) || json_array_size(json) == 0);
}

static void print_leaf(const json_t *json)
{
	char text[4096];

	if (json_is_object(json) || json_is_array(json) || json_is_null(json))
		(void)puts("-");
	else
		(void)puts(*ctl_text(json, "", text, sizeof(text)) ? text : "-");
}

static void print_tree(const json_t *json, int indent);

static void print_members(const json_t *json, int indent, bool first_inline)
{
	json_t *object = (json_t *)(uintptr_t)json; /* only read */
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		char text[CELL];
		escape(key, text, sizeof(text));
		(void)printf("%*s%s:", first_inline ? 0 : indent, "", text);
		first_inline = false;
		if (is_leaf(value)) {
			(void)putchar(' ');
			print_leaf(value);
		} else {
			(void)putchar('\n');
			print_tree(value, indent + 2);
		}
	}
}

static void print_tree(const json_t *json, int indent)
{
	if (is_leaf(json)) {
		(void)printf("%*s", indent, "");
		print_leaf(json);
	} else if (json_is_object(json)) {
		print_members(json, indent, false);
	} else {
		size_t index;
		json_t *value;
		json_array_foreach(json, index, value)
		{
			(void)printf("%*s- ", indent, "");
			if (is_leaf(value))
				print_leaf(value);
			else if (json_is_object(value))
				print_members(value, indent + 2, true);
			else {
				(void)putchar('\n');
				print_tree(value, indent + 2);
			}
		}
	}
}

void ctl_print_tree(const json_t *json)
{
	print_tree(json, 0);
}

static const char *cell(const json_t *row, const struct ctl_column *column, char *text, size_t room)
{
	*text = '\0';
	if (column->format)
		column->format(row, text, room);
	else
		(void)ctl_text(row, column->key, text, room);
	return *text ? text : "-";
}

void ctl_print_table(const json_t *list, const struct ctl_column *columns, size_t count)
{
	int *widths = ctl_memory(calloc(count, sizeof(*widths)));
	char text[CELL];
	size_t index;
	json_t *row;

	for (size_t i = 0; i < count; i++) {
		widths[i] = (int)strlen(columns[i].title);
		json_array_foreach(list, index, row)
		{
			int width = (int)strlen(cell(row, &columns[i], text, sizeof(text)));
			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	for (size_t i = 0; i < count; i++)
		(void)printf("%-*s%s", i + 1 < count ? widths[i] : 0, columns[i].title, i + 1 < count ? "  " : "\n");
	json_array_foreach(list, index, row) for (size_t i = 0; i < count; i++)(void) printf(
		"%-*s%s", i + 1 < count ? widths[i] : 0, cell(row, &columns[i], text, sizeof(text)), i + 1 < count ? "  " : "\n");
	free(widths);
}
