/* SPDX-License-Identifier: Apache-2.0 */
/* Ports on the command line, -p [ADDR:]HOST:PORT[/PROTO], and in tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cmd/ctl.h"

#define PORT_MAX 65535

bool ctl_number(const char *text, long max, long *ret)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (end == text || *end || errno || value < 1 || value > max || *text < '0' || *text > '9')
		return false;
	*ret = value;
	return true;
}

struct range {
	long first, last; /* 0: none */
};

/* "80" or "80-89". */
static bool parse_range(char *text, struct range *ret)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = '\0';
	if (!ctl_number(text, PORT_MAX, &ret->first))
		return false;
	ret->last = ret->first;
	return !dash || (ctl_number(dash, PORT_MAX, &ret->last) && ret->last >= ret->first);
}

struct wish {
	struct range host, port;
	const char *address, *proto; /* NULL: none */
};

/* In its own copy of the text. The address may be in brackets, and must be where it has colons. */
static bool parse_wish(char *text, struct wish *ret)
{
	char *port, *host = NULL, *address = NULL, *slash = strchr(text, '/');

	*ret = (struct wish){.proto = slash ? slash + 1 : "tcp"};
	if (slash)
		*slash = '\0';
	port = strrchr(text, ':');
	if (!port)
		return parse_range(text, &ret->port);
	*port++ = '\0';
	host = strrchr(text, ':');
	if (*text == '[' && text[strlen(text) - 1] == ']') { /* [ADDR]:PORT */
		address = text;
		host = NULL;
	} else if (host) {
		*host++ = '\0';
		address = text;
	} else {
		host = text;
	}
	if (address && *address == '[' && address[strlen(address) - 1] == ']') {
		address[strlen(address) - 1] = '\0';
		address++;
	}
	ret->address = address;
	return parse_range(port, &ret->port) && (!host || !*host || parse_range(host, &ret->host));
}

static void add_port(json_t *list, const struct wish *wish, long port, long host, long host_end)
{
	json_t *json = ctl_memory(json_pack("{s:I,s:s}", "port", (json_int_t)port, "proto", wish->proto));

	if (host)
		(void)json_object_set_new(json, "host_port", json_integer(host));
	if (host_end > host)
		(void)json_object_set_new(json, "host_port_end", json_integer(host_end));
	if (wish->address && *wish->address)
		(void)json_object_set_new(json, "host_address", ctl_memory(json_string(wish->address)));
	(void)json_array_append_new(list, json);
}

/* Several ports are several bindings, each with its own of as many host ports; one port gets any of the host ports. */
static int add_wish(const struct ctl *ctl, json_t *list, const char *text)
{
	struct wish wish;
	char copy[256];
	bool fits = snprintf(copy, sizeof(copy), "%s", text) < (int)sizeof(copy);

	if (!fits || !parse_wish(copy, &wish))
		return ctl_usage(ctl, "-p %s: expected [ADDR:]HOST:PORT[/PROTO], ports and ranges of ports from 1 to 65535", text);
	long ports = wish.port.last - wish.port.first + 1, hosts = wish.host.last - wish.host.first + 1;
	if (ports == 1) {
		add_port(list, &wish, wish.port.first, wish.host.first, wish.host.last);
		return 0;
	}
	if (wish.host.first && hosts != ports)
		return ctl_usage(ctl, "-p %s: %ld ports cannot be published on %ld", text, ports, hosts);
	for (long i = 0; i < ports; i++) {
		long host = wish.host.first ? wish.host.first + i : 0;
		add_port(list, &wish, wish.port.first + i, host, host);
	}
	return 0;
}

int ctl_add_ports(const struct ctl *ctl, json_t *body)
{
	json_t *list = ctl_memory(json_array());
	const char *text;
	int status = 0;

	for (unsigned at = 0; !status && (text = ctl_next(ctl, "publish", &at));)
		status = add_wish(ctl, list, text);
	if (!status && json_array_size(list))
		(void)json_object_set(body, "ports", list);
	json_decref(list);
	return status;
}

void ctl_format_ports(const json_t *row, char *text, size_t room)
{
	size_t index, at = 0;
	json_t *port;

	*text = '\0';
	json_array_foreach(ctl_member(row, "ports"), index, port)
	{
		char address[64], host[16], number[16], proto[16];
		bool v6 = strchr(ctl_text(port, "host_address", address, sizeof(address)), ':') != NULL;
		bool out = json_integer_value(ctl_member(port, "host_port")) > 0;
		(void)ctl_text(port, "host_port", host, sizeof(host));
		(void)ctl_text(port, "port", number, sizeof(number));
		(void)ctl_text(port, "proto", proto, sizeof(proto));
		int wrote = out ? snprintf(text + at, room - at, "%s%s%s%s:%s->%s/%s", at ? "," : "", v6 ? "[" : "", address,
					   v6 ? "]" : "", host, number, proto)
				: snprintf(text + at, room - at, "%s%s%s%s:%s/%s", at ? "," : "", v6 ? "[" : "",
					   ctl_text(port, "address", address, sizeof(address)), v6 ? "]" : "", number, proto);
		if (wrote < 0 || (size_t)wrote >= room - at)
			return;
		at += (size_t)wrote;
	}
}
