/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvctl table, ndrvctl node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cmd/ctl.h"

/* Rows of one request, read from standard input. */
#define BATCH 1000
#define BATCH_BYTES (512u << 10)

/* "PATH?a=1&b=2": takes `path`. */
static char *with_parameter(char *path, const char *name, const char *value)
{
	char *longer = NULL;

	if (!value)
		return path;
	char *escaped = ctl_path("%s", value);
	if (asprintf(&longer, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', name, escaped) < 0)
		longer = NULL;
	(void)ctl_memory(longer);
	free(escaped);
	free(path);
	return longer;
}

static char *rows_path(const struct ctl *ctl, const char *network)
{
	char *path = ctl_memory(strdup("/v1/rows"));

	path = with_parameter(path, "network", network);
	path = with_parameter(path, "table", ctl_value(ctl, "table"));
	path = with_parameter(path, "owner", ctl_value(ctl, "owner"));
	return path;
}

/* --- listing --- */

static json_t *listed; /* of ctl_stream's lines */
static bool complete;

static bool take_line(const struct ctl *ctl, const char *text)
{
	json_t *line = json_loads(text, 0, NULL);
	const char *event = json_string_value(ctl_member(line, "event"));

	(void)ctl;
	if (event && strcmp(event, "row") == 0)
		(void)json_array_append(listed, line);
	complete |= event && strcmp(event, "sync-end") == 0;
	json_decref(line);
	return !complete;
}

static void format_value(const json_t *row, char *text, size_t room)
{
	const json_t *coded = ctl_member(row, "value_base64");

	(void)ctl_text(row, coded ? "value_base64" : "value", text, room < 48 ? room : 48);
}

static int list_rows(struct ctl *ctl, const char *network)
{
	static const struct ctl_column columns[] = {
		{"TABLE", "table", NULL},	{"KEY", "key", NULL},	       {"OWNER", "owner", NULL},
		{"REVISION", "revision", NULL}, {"VALUE", NULL, format_value},
	};
	char *path = with_parameter(rows_path(ctl, network), "once", "1");

	listed = ctl_memory(json_array());
	complete = false;
	int status = ctl_stream(ctl, path, take_line);
	free(path);
	if (complete && ctl->json) {
		json_t *json = json_pack("{s:O}", "rows", listed);
		ctl_print_json(ctl_memory(json));
		json_decref(json);
	} else if (complete) {
		ctl_print_table(listed, columns, sizeof(columns) / sizeof(columns[0]));
	}
	json_decref(listed);
	if (complete)
		return 0;
	return status ? status : ctl_error(ctl, CTL_EXIT_UNREACHABLE, "NO_SERVICE", "NoService", "the list ended before its end");
}

int ctl_table_ls(struct ctl *ctl, char **arguments, int count)
{
	static const struct ctl_column columns[] = {
		{"NETWORK", "network", NULL}, {"TABLE", "table", NULL},	  {"ROWS", "rows", NULL},     {"OWN", "own", NULL},
		{"BYTES", "bytes", NULL},     {"BEHIND", "behind", NULL}, {"EVENTS", "events", NULL},
	};
	int status;

	if (count > 0)
		return list_rows(ctl, arguments[0]);
	json_t *json = ctl_call(ctl, "GET", "/v1/tables", NULL, &status);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else
		ctl_print_table(ctl_member(json, "tables"), columns, sizeof(columns) / sizeof(columns[0]));
	json_decref(json);
	return 0;
}

/* What its driver makes of a value, as "decoded", where it can say. */
static void decode_row(struct ctl *ctl, const json_t *answer, json_t *row)
{
	static const char *const members[] = {"value", "value_base64"};
	struct ctl quiet = *ctl;
	char *path = ctl_path("/v1/networks/%s/decode-table-entry", json_string_value(ctl_member(answer, "network")));
	json_t *body = ctl_memory(json_pack("{s:O,s:O}", "table", ctl_member(answer, "table"), "key", ctl_member(answer, "key")));
	int status;

	for (size_t i = 0; i < 2; i++)
		if (ctl_member(row, members[i]))
			(void)json_object_set(body, members[i], (json_t *)(uintptr_t)ctl_member(row, members[i]));
	quiet.quiet = true;
	json_t *decoded = ctl_call(&quiet, "POST", path, body, &status);
	free(path);
	if (decoded)
		(void)json_object_set_new(row, "decoded", decoded);
}

int ctl_table_get(struct ctl *ctl, char **arguments, int count)
{
	char *path = ctl_path("/v1/networks/%s/row", arguments[0]);
	int status;

	(void)count;
	path = with_parameter(path, "table", arguments[1]);
	path = with_parameter(path, "key", arguments[2]);
	path = with_parameter(path, "owner", ctl_value(ctl, "owner"));
	json_t *answer = ctl_call(ctl, "GET", path, NULL, &status);
	json_t *rows = json_object_get(answer, "rows");
	for (size_t i = 0; i < json_array_size(rows); i++)
		decode_row(ctl, answer, json_array_get(rows, i));
	if (answer && ctl->json)
		ctl_print_json(answer);
	else if (answer)
		ctl_print_tree(answer);
	free(path);
	json_decref(answer);
	return answer ? 0 : status;
}

/* --- writing --- */

/* {"rows": [row]}; `row` is taken. */
static json_t *body_of(json_t *row)
{
	json_t *rows = ctl_memory(json_array());
	json_t *body = ctl_memory(json_object());

	(void)json_array_append_new(rows, row);
	(void)json_object_set_new(body, "rows", rows);
	return body;
}

static int set_row(struct ctl *ctl, json_t *row, const char *table, const char *key)
{
	int status = ctl_set(ctl, row, "table", table);

	status = status ? status : ctl_set(ctl, row, "key", key);
	return status ? status : ctl_set(ctl, row, "owner", ctl_value(ctl, "owner"));
}

static int send_rows(struct ctl *ctl, const char *network, json_t *rows, int *sent)
{
	json_t *body = ctl_memory(json_object());
	char *path = ctl_path("/v1/networks/%s/rows", network);
	int status = 0;

	*sent += (int)json_array_size(rows);
	(void)json_object_set(body, "rows", rows);
	if (ctl_value(ctl, "owner"))
		status = ctl_set(ctl, body, "owner", ctl_value(ctl, "owner"));
	json_t *answer = NULL;
	if (status)
		json_decref(body);
	else
		answer = ctl_call(ctl, "POST", path, body, &status);
	json_decref(answer);
	free(path);
	(void)json_array_clear(rows);
	return answer ? 0 : status;
}

/* What the host takes of a line that table watch printed; NULL: it is no row. */
static json_t *row_of_line(const json_t *line)
{
	static const char *const members[] = {"table", "key", "owner", "value", "value_base64", "gone"};
	const char *event = json_string_value(ctl_member(line, "event"));
	bool gone = event && strcmp(event, "row-gone") == 0;

	if (!json_is_object(line) || (event && strcmp(event, "row") != 0 && !gone))
		return NULL;
	json_t *row = ctl_memory(json_object());
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (ctl_member(line, members[i]))
			(void)json_object_set(row, members[i], (json_t *)(uintptr_t)ctl_member(line, members[i]));
	if (gone)
		(void)json_object_set_new(row, "gone", json_true());
	return row;
}

static int put_lines(struct ctl *ctl, const char *network)
{
	json_t *rows = ctl_memory(json_array());
	char *text = NULL;
	size_t room = 0, bytes = 0;
	ssize_t length;
	int status = 0, sent = 0, at = 0;

	while (!status && (length = getline(&text, &room, stdin)) >= 0) {
		json_t *line = json_loads(text, 0, NULL);
		json_t *row = row_of_line(line);
		at++;
		if (!line && text[strspn(text, " \t\n")])
			status = ctl_usage(ctl, "standard input, line %d: no JSON", at);
		if (row && bytes && bytes + (size_t)length > BATCH_BYTES)
			status = send_rows(ctl, network, rows, &sent);
		bytes = json_array_size(rows) ? bytes + (size_t)length : (size_t)length;
		if (row)
			(void)json_array_append_new(rows, row);
		json_decref(line);
		if (!status && json_array_size(rows) == BATCH)
			status = send_rows(ctl, network, rows, &sent);
	}
	if (!status && json_array_size(rows))
		status = send_rows(ctl, network, rows, &sent);
	free(text);
	json_decref(rows);
	if (!status && ctl->json)
		(void)printf("{\"rows\":%d}\n", sent);
	return status;
}

int ctl_table_put(struct ctl *ctl, char **arguments, int count)
{
	if (ctl_flag(ctl, "stdin"))
		return count == 1 ? put_lines(ctl, arguments[0]) : ctl_usage(ctl, "--stdin takes the network alone");
	if (count != 4)
		return ctl_usage(ctl, "an argument is missing");
	json_t *row = ctl_memory(json_object());
	int status = set_row(ctl, row, arguments[1], arguments[2]);
	status = status ? status : ctl_set(ctl, row, ctl_flag(ctl, "base64") ? "value_base64" : "value", arguments[3]);
	if (!status)
		return ctl_show(ctl, "POST", ctl_path("/v1/networks/%s/rows", arguments[0]), body_of(row));
	json_decref(row);
	return status;
}

int ctl_table_rm(struct ctl *ctl, char **arguments, int count)
{
	json_t *row = ctl_memory(json_object());
	int status = set_row(ctl, row, arguments[1], arguments[2]);

	(void)count;
	if (status) {
		json_decref(row);
		return status;
	}
	(void)json_object_set_new(row, "gone", json_true());
	json_t *body = body_of(row);
	(void)json_object_set_new(body, "strict", json_true());
	return ctl_show(ctl, "POST", ctl_path("/v1/networks/%s/rows", arguments[0]), body);
}

/* --- watching --- */

static void print_line(const json_t *line)
{
	static const char *const members[] = {"network", "table", "key", "owner", "node", "address", "value", "value_base64"};
	char text[512];

	(void)printf("%s %s", ctl_text(line, "revision", text, 32), ctl_text(line, "event", text + 32, 64));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (ctl_member(line, members[i]))
			(void)printf(" %s=%s", members[i], ctl_text(line, members[i], text, sizeof(text)));
	(void)putchar('\n');
}

static bool on_line(const struct ctl *ctl, const char *text)
{
	json_t *line = ctl->json ? NULL : json_loads(text, 0, NULL);

	if (line)
		print_line(line);
	else
		(void)puts(text);
	json_decref(line);
	return fflush(stdout) == 0;
}

/* As events: one JSON document a line. */
int ctl_table_watch(struct ctl *ctl, char **arguments, int count)
{
	char *path = rows_path(ctl, count > 0 ? arguments[0] : NULL);

	path = with_parameter(path, "since", ctl_value(ctl, "since"));
	int status = ctl_stream(ctl, path, on_line);
	free(path);
	return status;
}

/* --- nodes --- */

int ctl_node_ls(struct ctl *ctl, char **arguments, int count)
{
	static const struct ctl_column columns[] = {
		{"NODE", "node", NULL}, {"ADDRESS", "address", NULL}, {"SELF", "self", NULL}, {"ROWS", "rows", NULL}};
	int status;

	(void)arguments;
	(void)count;
	json_t *json = ctl_call(ctl, "GET", "/v1/nodes", NULL, &status);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else
		ctl_print_table(ctl_member(json, "nodes"), columns, sizeof(columns) / sizeof(columns[0]));
	json_decref(json);
	return 0;
}

int ctl_node_add(struct ctl *ctl, char **arguments, int count)
{
	json_t *body = ctl_memory(json_object());
	int status = ctl_set(ctl, body, "node", arguments[0]);

	(void)count;
	status = status ? status : ctl_set(ctl, body, "address", ctl_value(ctl, "address"));
	status = status ? status : ctl_set(ctl, body, "bind_address", ctl_value(ctl, "bind-address"));
	if (!status)
		return ctl_show(ctl, "POST", ctl_memory(strdup("/v1/nodes")), body);
	json_decref(body);
	return status;
}

int ctl_node_rm(struct ctl *ctl, char **arguments, int count)
{
	(void)count;
	return ctl_show(ctl, "DELETE", ctl_path("/v1/nodes/%s", arguments[0]), NULL);
}
