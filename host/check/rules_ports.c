/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "host/check/rules.h"

/* libnetwork's portmap: one port of TCP. */
static void want_port(struct trial *trial, struct request *request, int port, int host_port)
{
	struct ndrv_value binding = {0}, map = {0}, transport = {0}, exposed = {0};
	struct ndrv_arena *arena = &trial->arena.ndrv;

	(void)ndrv_map_set(arena, &binding, "Proto", ndrv_int(6), NULL);
	(void)ndrv_map_set(arena, &binding, "IP", ndrv_string(""), NULL);
	(void)ndrv_map_set(arena, &binding, "Port", ndrv_int(port), NULL);
	(void)ndrv_map_set(arena, &binding, "HostIP", ndrv_string(""), NULL);
	(void)ndrv_map_set(arena, &binding, "HostPort", ndrv_int(host_port), NULL);
	(void)ndrv_map_set(arena, &binding, "HostPortEnd", ndrv_int(host_port), NULL);
	(void)ndrv_list_add(arena, &map, binding, NULL);
	(void)ndrv_map_set(arena, &transport, "Proto", ndrv_int(6), NULL);
	(void)ndrv_map_set(arena, &transport, "Port", ndrv_int(port), NULL);
	(void)ndrv_list_add(arena, &exposed, transport, NULL);
	(void)ndrv_map_set(arena, &request->sandbox_options, NDRV_OPT_PORTMAP, map, NULL);
	(void)ndrv_map_set(arena, &request->sandbox_options, NDRV_OPT_EXPOSED_PORTS, exposed, NULL);
}

static int connect_with_port(struct trial *trial, const char *endpoint, unsigned sandbox, int host_port)
{
	struct request request = trial_request(trial, REQ_CONNECT, "n1", endpoint);

	request.netns = rule_netns(trial, sandbox);
	want_port(trial, &request, 80, host_port);
	return trial_run(trial, &request);
}

/* Of a driver that has the op: success, or a reason of this host's or kernel's. */
#define MUST_PUBLISH(trial, call)                                                  \
	do {                                                                       \
		int code_ = (call);                                                \
		if (ndrv_error_kind(code_) == NDRV_KIND_NOT_IMPLEMENTED)           \
			return trial_skip(trial, "%s", (trial)->reply.error.text); \
		MUST(trial, code_);                                                \
	} while (0)

static enum verdict ports_or_not_implemented(struct trial *trial)
{
	char *before = space_dump();
	int code = connect_with_port(trial, "e1", 0, 0);

	if (!trial_has_op(trial, "program_external") || ndrv_error_kind(code) == NDRV_KIND_NOT_IMPLEMENTED) {
		MUST_HOLD(trial, ndrv_error_kind(code) == NDRV_KIND_NOT_IMPLEMENTED,
			  "ports are not its business, and asking for one is answered with %s", ndrv_error_name(code));
		MUST_FAIL(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT);
	} else {
		MUST(trial, code);
		MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", "e1"));
	}
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict a_port_has_one_holder(struct trial *trial)
{
	MUST_PUBLISH(trial, connect_with_port(trial, "e1", 0, 18080));
	int code = connect_with_port(trial, "e2", 1, 18080);
	MUST_HOLD(trial, ndrv_error_kind(code) == NDRV_KIND_FORBIDDEN, "a port in use is answered with %s: %s",
		  ndrv_error_name(code), trial->reply.error.text);
	MUST_FAIL(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", "e2"), NDRV_E_NO_ENDPOINT);
	MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", "e1"));
	MUST(trial, connect_with_port(trial, "e2", 1, 18080));
	return VERDICT_PASSED;
}

static int program(struct trial *trial, int host_port)
{
	struct request request = trial_request(trial, REQ_PROGRAM_EXTERNAL, "n1", "e1");

	want_port(trial, &request, 80, host_port);
	return trial_run(trial, &request);
}

static enum verdict programming_replaces(struct trial *trial)
{
	MUST_PUBLISH(trial, connect_with_port(trial, "e1", 0, 18081));
	MUST(trial, program(trial, 18082));
	MUST(trial, program(trial, 18082));
	MUST(trial, connect_with_port(trial, "e2", 1, 18081));
	MUST(trial, trial_do(trial, REQ_REVOKE_EXTERNAL, "n1", "e1"));
	MUST(trial, trial_do(trial, REQ_REVOKE_EXTERNAL, "n1", "e1"));
	MUST(trial, connect_with_port(trial, "e3", 2, 18082));
	return VERDICT_PASSED;
}

static enum verdict leaving_revokes(struct trial *trial)
{
	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	MUST(trial, trial_join(trial, "n1", "e1", "/run/netns/a"));
	MUST_PUBLISH(trial, program(trial, 18083));
	MUST(trial, trial_do(trial, REQ_LEAVE, "n1", "e1"));
	MUST(trial, connect_with_port(trial, "e2", 1, 18083));
	return VERDICT_PASSED;
}

static const struct rule rules[] = {
	{"P1", "ports are published, or asking for them is NotImplemented and leaves nothing", RULE_NETWORK | RULE_LINK, NULL,
	 ports_or_not_implemented},
	{"P2", "a port of the host has one holder, and is free when that leaves", RULE_NETWORK | RULE_LINK, "program_external",
	 a_port_has_one_holder},
	{"P3", "programming again replaces, and revoking twice is success", RULE_NETWORK | RULE_LINK, "program_external",
	 programming_replaces},
	{"P4", "leaving revokes", RULE_NETWORK | RULE_LINK, "program_external", leaving_revokes},
};

const struct rule_list rules_ports = {sizeof(rules) / sizeof(rules[0]), rules};
