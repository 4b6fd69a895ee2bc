/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvctl events, reexec, driver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/cmd/ctl.h"
#include "host/front/errors.h"

int ctl_reexec(struct ctl *ctl, char **arguments, int count)
{
	const char *path = ctl_flag(ctl, "dry-run") ? "/v1/reexec?dry_run=1" : "/v1/reexec";
	json_t *body = NULL;
	int status = 0;

	if (count > 0) {
		body = ctl_memory(json_object());
		char *real = realpath(arguments[0], NULL); /* one that is not there is the host's to report */
		status = ctl_set(ctl, body, "binary", real ? real : arguments[0]);
		free(real);
	}
	if (!status)
		return ctl_show(ctl, "POST", ctl_memory(strdup(path)), body);
	json_decref(body);
	return status;
}

/* --- events --- */

/* "2026-11-25T00:21:28Z network-create type=bridge network=..." */
static void print_event(const json_t *event)
{
	static const char *const known[] = {"event", "time_ns"};
	const json_t *time_ns = ctl_member(event, "time_ns");
	json_t *object = (json_t *)(uintptr_t)event, *value; /* only read */
	const char *key;
	char text[512];

	if (json_is_integer(time_ns)) {
		time_t seconds = (time_t)(json_integer_value(time_ns) / 1000000000);
		struct tm tm;
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ ", gmtime_r(&seconds, &tm));
		(void)fputs(text, stdout);
	}
	(void)fputs(ctl_text(event, "event", text, sizeof(text)), stdout);
	json_object_foreach(object, key, value)
	{
		if (strcmp(key, known[0]) != 0 && strcmp(key, known[1]) != 0 && *ctl_text(value, "", text, sizeof(text)))
			(void)printf(" %s=%s", key, text);
	}
	(void)putchar('\n');
}

static bool on_event(const struct ctl *ctl, const char *text)
{
	json_t *event = json_loads(text, 0, NULL);

	if (ctl->json || !event)
		(void)puts(text);
	else
		print_event(event);
	json_decref(event);
	return fflush(stdout) == 0;
}

/* The one command that may print several JSON documents: one a line. */
int ctl_events(struct ctl *ctl, char **arguments, int count)
{
	(void)arguments;
	(void)count;
	return ctl_stream(ctl, "/v1/events", on_event);
}

/* --- driver --- */

static void format_version(const json_t *row, char *text, size_t room)
{
	if (json_is_false(ctl_member(row, "loaded")))
		(void)snprintf(text, room, "not loaded");
	else
		(void)ctl_text(row, "version", text, room);
}

int ctl_driver_ls(struct ctl *ctl, char **arguments, int count)
{
	static const struct ctl_column columns[] = {
		{"TYPE", "type", NULL},
		{"DRIVER", "driver", NULL},
		{"VERSION", NULL, format_version},
		{"GENERATION", "generation", NULL},
		{"SCOPE", "scope", NULL},
		{"NETWORKS", "networks", NULL},
		{"FILE", "file", NULL},
	};
	int status;

	(void)arguments;
	(void)count;
	json_t *json = ctl_call(ctl, "GET", "/v1/drivers", NULL, &status);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else
		ctl_print_table(ctl_member(json, "drivers"), columns, sizeof(columns) / sizeof(columns[0]));
	json_decref(json);
	return 0;
}

static void format_type(const json_t *row, char *text, size_t room)
{
	if (!*ctl_text(row, "choices", text, room))
		(void)ctl_text(row, "type", text, room);
}

static void print_option_table(const json_t *type, const char *key, const char *title)
{
	static const struct ctl_column columns[] = {
		{"NAME", "name", NULL},
		{"TYPE", NULL, format_type},
		{"DEFAULT", "default", NULL},
		{"WHAT IT IS", "doc", NULL},
	};
	const json_t *options = ctl_member(ctl_member(type, "options"), key);
	char text[64];

	if (json_array_size(options) == 0)
		return;
	(void)printf("\n%s %s:\n", title, ctl_text(type, "type", text, sizeof(text)));
	ctl_print_table(options, columns, sizeof(columns) / sizeof(columns[0]));
}

/* Options are for reading: tables, behind all else. */
static void print_driver(const json_t *json)
{
	json_t *rest = ctl_memory(json_deep_copy(json)), *type;
	size_t index;

	json_array_foreach(json_object_get(rest, "types"), index, type)(void) json_object_del(type, "options");
	ctl_print_tree(rest);
	json_decref(rest);
	json_array_foreach(ctl_member(json, "types"), index, type)
	{
		print_option_table(type, "network", "Options of network create -d");
		print_option_table(type, "endpoint", "Options of network connect to a network of type");
		print_option_table(type, "config", "Keys of config: in the descriptor of");
	}
}

int ctl_driver_inspect(struct ctl *ctl, char **arguments, int count)
{
	char *path = ctl_path("/v1/drivers/%s", arguments[0]);
	int status;
	json_t *json = ctl_call(ctl, "GET", path, NULL, &status);

	(void)count;
	free(path);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else
		print_driver(json);
	json_decref(json);
	return 0;
}

/* {"file": ...}. The host reads the file itself, and takes an absolute path without dots. A file that is not there is its to
 * report. NULL with the status in `ret`: it cannot be told. */
static json_t *file_body(struct ctl *ctl, const char *given, int *ret)
{
	json_t *body = ctl_memory(json_object());
	char *real = given[0] == '/' ? NULL : realpath(given, NULL), *here = NULL, *file = NULL;

	if (given[0] != '/' && !real) {
		here = ctl_memory(getcwd(NULL, 0));
		if (asprintf(&file, "%s/%s", here, given) < 0)
			file = NULL;
		(void)ctl_memory(file);
	}
	*ret = ctl_set(ctl, body, "file", real ? real : file ? file : given);
	free(real);
	free(here);
	free(file);
	if (!*ret)
		return body;
	json_decref(body);
	return NULL;
}

int ctl_driver_load(struct ctl *ctl, char **arguments, int count)
{
	int status;
	json_t *body = file_body(ctl, arguments[0], &status);

	(void)count;
	return body ? ctl_show(ctl, "POST", ctl_memory(strdup("/v1/drivers")), body) : status;
}

int ctl_driver_swap(struct ctl *ctl, char **arguments, int count)
{
	int status;
	json_t *body = file_body(ctl, arguments[1], &status);
	(void)count;
	if (!body)
		return status;
	return ctl_show(ctl, "POST",
			ctl_flag(ctl, "dry-run") ? ctl_path("/v1/drivers/%s/swap?dry_run=1", arguments[0])
						 : ctl_path("/v1/drivers/%s/swap", arguments[0]),
			body);
}

int ctl_driver_rollback(struct ctl *ctl, char **arguments, int count)
{
	(void)count;
	return ctl_show(ctl, "POST", ctl_path("/v1/drivers/%s/rollback", arguments[0]), NULL);
}

/* Each network of the driver's types goes, with its endpoints and whatever the driver says. */
static int empty(struct ctl *ctl, const json_t *driver, const json_t *networks)
{
	const json_t *type, *network;
	size_t at, index;
	int status = 0;

	json_array_foreach(ctl_member(driver, "types"), at, type)
	{
		const char *name = json_string_value(ctl_member(type, "type"));
		json_array_foreach(networks, index, network)
		{
			const char *of = json_string_value(ctl_member(network, "type"));
			const char *id = json_string_value(ctl_member(network, "id"));
			if (status || !name || !of || !id || strcmp(name, of) != 0)
				continue;
			char *path = ctl_path("/v1/networks/%s?force=1", id);
			json_decref(ctl_call(ctl, "DELETE", path, NULL, &status));
			free(path);
		}
	}
	return status;
}

static int unload_by_force(struct ctl *ctl, const char *name)
{
	char *path = ctl_path("/v1/drivers/%s", name), driver_name[64];
	int status;
	json_t *driver = ctl_call(ctl, "GET", path, NULL, &status);
	json_t *networks = driver ? ctl_call(ctl, "GET", "/v1/networks", NULL, &status) : NULL;

	free(path);
	if (networks)
		status = empty(ctl, driver, json_object_get(networks, "networks"));
	(void)ctl_text(driver, "driver", driver_name, sizeof(driver_name));
	json_decref(networks);
	json_decref(driver);
	if (status)
		return status;
	path = ctl_path("/v1/drivers/%s", driver_name);
	/* One without a file goes by itself with its last network, and may be gone already. */
	ctl->quiet = true;
	json_decref(ctl_call(ctl, "DELETE", path, NULL, &status));
	ctl->quiet = false;
	if (status == error_exit_status(NDRV_KIND_NOT_FOUND))
		status = 0;
	else if (status)
		return ctl_show(ctl, "DELETE", path, NULL);
	free(path);
	if (ctl->json)
		(void)puts("{}");
	return status;
}

int ctl_driver_unload(struct ctl *ctl, char **arguments, int count)
{
	(void)count;
	if (ctl_flag(ctl, "force"))
		return unload_by_force(ctl, arguments[0]);
	return ctl_show(ctl, "DELETE", ctl_path("/v1/drivers/%s", arguments[0]), NULL);
}
