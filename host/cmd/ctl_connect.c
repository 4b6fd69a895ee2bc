/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvctl network connect and disconnect, endpoint ls and inspect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cmd/ctl.h"

char *ctl_netns(const char *text)
{
	char *path = NULL;

	if (*text && !strchr(text, '/')) {
		if (asprintf(&path, "/run/netns/%s", text) < 0)
			path = NULL;
	} else if (*text == '/' || !*text) {
		path = strdup(text);
	} else {
		char *here = getcwd(NULL, 0);
		if (!here || asprintf(&path, "%s/%s", here, text) < 0)
			path = NULL;
		free(here);
	}
	return ctl_memory(path);
}

static int add_sandbox(const struct ctl *ctl, json_t *body)
{
	const char *netns = ctl_value(ctl, "netns"), *pid = ctl_value(ctl, "pid");
	long number;

	if (!netns == !pid)
		return ctl_usage(ctl, "which network namespace? %s",
				 netns ? "--netns or --pid, not both" : "--netns PATH or --pid PID");
	if (pid) {
		if (!ctl_number(pid, INT32_MAX, &number))
			return ctl_usage(ctl, "--pid %s: expected the number of a process", pid);
		(void)json_object_set_new(body, "pid", json_integer(number));
		return 0;
	}
	char *path = ctl_netns(netns);
	int status = ctl_set(ctl, body, "netns", path);
	free(path);
	return status;
}

static int add_priority(const struct ctl *ctl, json_t *body)
{
	const char *text = ctl_value(ctl, "gw-priority");
	long number;

	if (!text)
		return 0;
	bool negative = *text == '-';
	if (strcmp(text, "0") == 0)
		number = 0;
	else if (!ctl_number(text + negative, 100, &number))
		return ctl_usage(ctl, "--gw-priority %s: expected a number from -100 to 100", text);
	(void)json_object_set_new(body, "gw_priority", json_integer(negative ? -number : number));
	return 0;
}

static void print_connected(const json_t *json)
{
	static const char *const keys[] = {"address", "address6", "mac", "interface"};
	char text[256];

	(void)fputs(ctl_text(json, "id", text, sizeof(text)), stdout);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (*ctl_text(json, keys[i], text, sizeof(text)))
			(void)printf("  %s", text);
	ctl_format_ports(json, text, sizeof(text));
	(void)printf("%s%s\n", *text ? "  " : "", text);
}

int ctl_network_connect(struct ctl *ctl, char **arguments, int count)
{
	static const char *const keys[] = {"endpoint", "ip", "ip6", "mac", "ifname"};
	json_t *body = ctl_memory(json_object());
	int status = add_sandbox(ctl, body);

	(void)count;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !status; i++)
		status = ctl_set(ctl, body, keys[i], ctl_value(ctl, keys[i]));
	status = status ? status : add_priority(ctl, body);
	status = status ? status : ctl_options(ctl, body);
	status = status ? status : ctl_add_ports(ctl, body);
	if (status) {
		json_decref(body);
		return status;
	}
	char *path = ctl_path("/v1/networks/%s/connect", arguments[0]);
	json_t *json = ctl_call(ctl, "POST", path, body, &status);
	free(path);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else
		print_connected(json);
	json_decref(json);
	return 0;
}

/* --- which endpoint --- */

static bool same_namespace(const char *a, const char *b)
{
	struct stat one, two;

	if (strcmp(a, b) == 0)
		return true;
	return *b && stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* The row of the one endpoint of that name, id, or beginning of an id (`what`), or in that namespace (`netns`). NULL: none or
 * several; reported. `path` is taken. */
static json_t *find_endpoint(const struct ctl *ctl, char *path, const char *what, const char *netns, int *ret_status)
{
	json_t *json = ctl_call(ctl, "GET", path, NULL, ret_status), *found = NULL, *row;
	unsigned exact = 0, near = 0;
	char text[512], name[256], id[256], where[4200];
	size_t index;

	free(path);
	if (!json)
		return NULL;
	json_array_foreach(ctl_member(json, "endpoints"), index, row)
	{
		(void)ctl_text(row, "name", name, sizeof(name));
		(void)ctl_text(row, "id", id, sizeof(id));
		bool is = netns ? same_namespace(netns, ctl_text(row, "join.netns", where, sizeof(where)))
				: what && (strcmp(name, what) == 0 || strcmp(id, what) == 0);
		bool begins = !netns && !is && what && *what && starts_with(id, what);
		exact += is;
		near += begins;
		if (is || (begins && exact == 0))
			found = row;
	}
	unsigned matches = exact ? exact : near;
	if (matches != 1) {
		const char *shown = netns ? netns : what;
		if (matches == 0)
			(void)snprintf(text, sizeof(text),
				       netns ? "no endpoint in the network namespace %.400s" : "No endpoint (%.400s) exists",
				       shown);
		else
			(void)snprintf(text, sizeof(text),
				       "%u endpoints are meant by %.400s: name the network, or the endpoint's id", matches, shown);
		*ret_status = matches ? ctl_error(ctl, 0, "BAD_REQUEST", "BadRequest", text)
				      : ctl_error(ctl, 0, "NO_ENDPOINT", "NotFound", text);
		found = NULL;
	}
	json_incref(found);
	json_decref(json);
	return found;
}

/* disconnect --netns or --pid: the id of the endpoint there; NULL: reported. */
static char *endpoint_in_namespace(const struct ctl *ctl, const char *network, int *ret_status)
{
	const char *netns = ctl_value(ctl, "netns"), *pid = ctl_value(ctl, "pid");
	char *where = NULL, id[256];
	long number;

	if (pid && !ctl_number(pid, INT32_MAX, &number)) {
		*ret_status = ctl_usage(ctl, "--pid %s: expected the number of a process", pid);
		return NULL;
	}
	if (netns)
		where = ctl_netns(netns);
	else if (asprintf(&where, "/proc/%s/ns/net", pid) < 0)
		where = NULL;
	json_t *row = find_endpoint(ctl, ctl_path("/v1/endpoints?network=%s", network), NULL, ctl_memory(where), ret_status);
	free(where);
	if (!row)
		return NULL;
	char *copy = ctl_memory(strdup(ctl_text(row, "id", id, sizeof(id))));
	json_decref(row);
	return copy;
}

int ctl_network_disconnect(struct ctl *ctl, char **arguments, int count)
{
	const char *named = count > 1 ? arguments[1] : ctl_value(ctl, "endpoint");
	char *endpoint = NULL;
	int status = 0;

	if ((named != NULL) + (ctl_value(ctl, "netns") != NULL) + (ctl_value(ctl, "pid") != NULL) != 1 ||
	    (count > 1 && ctl_value(ctl, "endpoint")))
		return ctl_usage(ctl, "which endpoint? ENDPOINT, --netns PATH or --pid PID, one of them");
	endpoint = named ? ctl_memory(strdup(named)) : endpoint_in_namespace(ctl, arguments[0], &status);
	if (!endpoint)
		return status;
	json_t *body = ctl_memory(json_object());
	status = ctl_set(ctl, body, "endpoint", endpoint);
	free(endpoint);
	if (status) {
		json_decref(body);
		return status;
	}
	if (ctl_flag(ctl, "force"))
		(void)json_object_set_new(body, "force", json_true());
	if (ctl_flag(ctl, "sync"))
		(void)json_object_set_new(body, "sync", json_true());
	if (ctl_flag(ctl, "gone"))
		(void)json_object_set_new(body, "sandbox_gone", json_true());
	char *path = ctl_path("/v1/networks/%s/disconnect", arguments[0]);
	json_t *json = ctl_call(ctl, "POST", path, body, &status);
	free(path);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	json_decref(json);
	return 0;
}

/* --- endpoint --- */

static void format_network(const json_t *row, char *text, size_t room)
{
	char id[256];

	if (!*ctl_text(row, "network_name", text, room))
		(void)snprintf(text, room, "%.12s", ctl_text(row, "network", id, sizeof(id)));
}

static void format_sandbox(const json_t *row, char *text, size_t room)
{
	if (!*ctl_text(row, "join.netns", text, room))
		(void)ctl_text(row, "join.sandbox", text, room);
}

int ctl_endpoint_ls(struct ctl *ctl, char **arguments, int count)
{
	static const struct ctl_column columns[] = {
		{"ID", NULL, ctl_short_id},
		{"NAME", "name", NULL},
		{"NETWORK", NULL, format_network},
		{"STATE", "state", NULL},
		{"ADDRESS", "address", NULL},
		{"ADDRESS6", "address6", NULL},
		{"MAC", "mac", NULL},
		{"INTERFACE", "join.interface", NULL},
		{"PORTS", NULL, ctl_format_ports},
		{"SANDBOX", NULL, format_sandbox},
	};
	const char *network = count ? arguments[0] : ctl_value(ctl, "network");
	int status;

	char *path = network ? ctl_path("/v1/endpoints?network=%s", network) : ctl_memory(strdup("/v1/endpoints"));
	json_t *json = ctl_call(ctl, "GET", path, NULL, &status);
	free(path);
	if (!json)
		return status;
	if (ctl->json)
		ctl_print_json(json);
	else
		ctl_print_table(ctl_member(json, "endpoints"), columns, sizeof(columns) / sizeof(columns[0]));
	json_decref(json);
	return 0;
}

int ctl_endpoint_inspect(struct ctl *ctl, char **arguments, int count)
{
	const char *network = ctl_value(ctl, "network");
	char nid[256], eid[256];
	int status;

	(void)count;
	char *path = network ? ctl_path("/v1/endpoints?network=%s", network) : ctl_memory(strdup("/v1/endpoints"));
	json_t *row = find_endpoint(ctl, path, arguments[0], NULL, &status);
	if (!row)
		return status;
	path = ctl_path("/v1/endpoints/%s?network=%s", ctl_text(row, "id", eid, sizeof(eid)),
			ctl_text(row, "network", nid, sizeof(nid)));
	json_decref(row);
	return ctl_show(ctl, "GET", path, NULL);
}
