/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvctl status, reload, check-abi: what operators and package managers ask a host as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cmd/ctl.h"

#define TEXT 512
#define ABIS_MAX 64

/* --- status --- */

int ctl_status(struct ctl *ctl, char **arguments, int count)
{
	const json_t *line;
	size_t index;
	int status;

	(void)arguments;
	(void)count;
	if (!ctl_flag(ctl, "check"))
		return ctl_show(ctl, "GET", ctl_memory(strdup("/v1/status")), NULL);
	json_t *json = ctl_call(ctl, "GET", "/v1/status", NULL, &status);
	if (!json)
		return status;
	const json_t *degraded = ctl_member(json, "degraded");
	if (ctl->json)
		ctl_print_json(json);
	json_array_foreach(degraded, index, line)
	{
		char text[TEXT];
		if (!ctl->json)
			(void)puts(ctl_text(line, "", text, sizeof(text)));
	}
	status = json_array_size(degraded) > 0 ? CTL_EXIT_DEGRADED : 0;
	json_decref(json);
	return status;
}

/* --- reload --- */

static void print_outcomes(const json_t *json, const char *which, FILE *to)
{
	const json_t *name, *list = ctl_member(json, which);
	size_t index;

	json_array_foreach(list, index, name)
	{
		char title[TEXT], text[TEXT];
		const json_t *what =
			json_string_value(name) ? json_object_get(ctl_member(json, "drivers"), json_string_value(name)) : NULL;
		(void)fprintf(to, "driver %s: %s\n", ctl_text(name, "", title, sizeof(title)),
			      ctl_text(what, "", text, sizeof(text)));
	}
}

/* Quiet where nothing has changed: package managers show every line. */
int ctl_reload(struct ctl *ctl, char **arguments, int count)
{
	int status;

	(void)arguments;
	(void)count;
	if (!ctl_flag(ctl, "from-package"))
		return ctl_show(ctl, "POST", ctl_memory(strdup("/v1/reload")), NULL);
	json_t *json = ctl_call(ctl, "POST", "/v1/reload", NULL, &status);
	if (!json)
		return status;
	if (ctl->json) {
		ctl_print_json(json);
	} else {
		print_outcomes(json, "changed", stdout);
		print_outcomes(json, "refused", stderr);
	}
	status = json_array_size(ctl_member(json, "refused")) > 0 ? CTL_EXIT_DEGRADED : 0;
	json_decref(json);
	return status;
}

/* --- check-abi --- */

struct abi {
	long major, minor; /* minor -1: any */
};

struct use {
	const struct ctl *ctl;
	struct abi offered[ABIS_MAX];
	int count;
	json_t *networks; /* rows of the list of networks */
	json_t *seen;	  /* the drivers that were judged, as keys */
	unsigned refused;
	char text[TEXT]; /* about the first that is refused */
};

static bool read_number(const char **at, long *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	*ret = strtol(*at, &end, 10);
	*at = end;
	return *ret >= 0 && *ret <= 0xffff;
}

static bool read_abi(const char *text, struct abi *ret)
{
	ret->minor = -1;
	if (!read_number(&text, &ret->major))
		return false;
	if (*text == '.') {
		text++;
		if (!read_number(&text, &ret->minor))
			return false;
	}
	return !*text;
}

static long number(const json_t *json, const char *path)
{
	const json_t *member = ctl_member(json, path);

	return json_is_integer(member) ? (long)json_integer_value(member) : 0;
}

static bool is_offered(const struct use *use, long major, long minor_min)
{
	for (int i = 0; i < use->count; i++)
		if (use->offered[i].major == major && (use->offered[i].minor < 0 || use->offered[i].minor >= minor_min))
			return true;
	return false;
}

/* The networks of all types that the driver serves, and their endpoints. */
static void count_use(const struct use *use, const json_t *driver, long *ret_networks, long *ret_endpoints)
{
	const json_t *network, *type;
	size_t index, at;

	*ret_networks = *ret_endpoints = 0;
	json_array_foreach(use->networks, index, network)
	{
		const char *of = json_string_value(ctl_member(network, "type"));
		json_array_foreach(ctl_member(driver, "types"), at, type)
		{
			const char *name = json_string_value(ctl_member(type, "type"));
			if (!of || !name || strcmp(of, name) != 0)
				continue;
			++*ret_networks;
			*ret_endpoints += number(network, "endpoint_count");
		}
	}
}

/* One of the driver's types at `row`. 0, or the exit status of what was reported. */
static int judge(struct use *use, const json_t *row)
{
	char name[64], version[64];
	const char *type = json_string_value(ctl_member(row, "type"));
	const char *driver_name = json_string_value(ctl_member(row, "driver"));
	long networks, endpoints;
	int status;

	if (!type || !driver_name || number(row, "networks") == 0 || json_object_get(use->seen, driver_name))
		return 0;
	(void)json_object_set_new(use->seen, driver_name, json_true());
	char *path = ctl_path("/v1/drivers/%s", type);
	json_t *driver = ctl_call(use->ctl, "GET", path, NULL, &status);
	free(path);
	if (!driver)
		return status;
	long major = number(driver, "note.abi_major"), minor_min = number(driver, "note.abi_minor_min");
	if (!is_offered(use, major, minor_min) && use->refused++ == 0) {
		count_use(use, driver, &networks, &endpoints);
		(void)snprintf(
			use->text, sizeof(use->text),
			"driver %s %s, which serves %ld networks with %ld endpoints, needs driver ABI %ld.%ld or a newer minor: "
			"remove its networks, or install a driver for another ABI, first",
			ctl_text(driver, "driver", name, sizeof(name)), ctl_text(driver, "note.version", version, sizeof(version)),
			networks, endpoints, major, minor_min);
	}
	json_decref(driver);
	return 0;
}

static int judge_all(struct use *use, const json_t *drivers)
{
	const json_t *row;
	size_t index;
	int status = 0;

	json_array_foreach(drivers, index, row)
	{
		if (!status)
			status = judge(use, row);
	}
	if (status || !use->refused)
		return status;
	size_t at = strlen(use->text);
	if (use->refused > 1)
		(void)snprintf(use->text + at, sizeof(use->text) - at, " (and %u more)", use->refused - 1);
	return ctl_error(use->ctl, 0, "FORBIDDEN", "Forbidden", use->text);
}

int ctl_check_abi(struct ctl *ctl, char **arguments, int count)
{
	struct use use = {.ctl = ctl, .count = count};
	int status;

	for (int i = 0; i < count; i++)
		if (!read_abi(arguments[i], &use.offered[i]))
			return ctl_usage(ctl, "\"%s\" is no driver ABI: MAJOR or MAJOR.MINOR, such as 1.0", arguments[i]);
	json_t *networks = ctl_call(ctl, "GET", "/v1/networks", NULL, &status);
	if (!networks)
		return status;
	json_t *drivers = ctl_call(ctl, "GET", "/v1/drivers", NULL, &status);
	if (drivers) {
		use.networks = json_object_get(networks, "networks");
		use.seen = ctl_memory(json_object());
		status = judge_all(&use, ctl_member(drivers, "drivers"));
	}
	if (status == 0 && ctl->json)
		(void)puts("{}");
	json_decref(use.seen);
	json_decref(drivers);
	json_decref(networks);
	return status;
}
