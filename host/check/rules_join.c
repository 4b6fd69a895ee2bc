/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/check/rules.h"

static enum verdict connect_and_disconnect(struct trial *trial)
{
	char *before = space_dump();
	const char *netns = rule_netns(trial, 0);
	char name[NDRV_IFNAME_MAX] = "";

	MUST(trial, trial_connect(trial, "n1", "e1", netns));
	bool own_sandbox = !trial_can(trial, NDRV_CAPABILITY_HOST_SANDBOX);
	unsigned count = own_sandbox ? space_interfaces(netns, name, sizeof(name)) : 0;
	if (trial_can(trial, NDRV_CAPABILITY_NO_LINK))
		MUST_HOLD(trial, count == 0, "it says that it has no interfaces, and there is %s", name);
	else
		MUST_HOLD(trial, count == 1, "%u interfaces in the sandbox, not one", count);
	MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", "e1"));
	MUST_HOLD(trial, !own_sandbox || !space_interfaces(netns, name, sizeof(name)), "%s stayed in the sandbox", name);
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

/* What was leased is what is there. */
static enum verdict sandbox_has_what_was_said(struct trial *trial)
{
	const char *netns = rule_netns(trial, 0);
	char text[NDRV_PREFIX_TEXT], want[128], name[NDRV_IFNAME_MAX];

	MUST(trial, trial_connect(trial, "n1", "e1", netns));
	struct reply reply = trial->reply;
	MUST_HOLD(trial, space_interfaces(netns, name, sizeof(name)) == 1, "not one interface in the sandbox");
	MUST_HOLD(trial, reply.address.addr.family, "the endpoint got no address");
	char *dump = space_dump_of(netns);
	MUST_HOLD(trial, dump, "the sandbox cannot be looked at");
	(void)snprintf(want, sizeof(want), "address %s on %s\n", ndrv_prefix_format(&reply.address, text), name);
	bool has = strstr(dump, want);
	(void)snprintf(want, sizeof(want), "link %s ", name);
	const char *link = strstr(dump, want), *up = link ? strstr(link, " up ") : NULL, *end = link ? strchr(link, '\n') : NULL;
	bool is_up = up && end && up < end;
	free(dump);
	MUST_HOLD(trial, has, "%s has not the address %s", name, text);
	MUST_HOLD(trial, is_up, "%s is down", name);
	return VERDICT_PASSED;
}

static enum verdict exact_name(struct trial *trial)
{
	struct request request = trial_request(trial, REQ_CONNECT, "n1", "e1");
	char name[NDRV_IFNAME_MAX] = "";

	request.netns = rule_netns(trial, 0);
	request.ifname = "tried-7";
	MUST(trial, trial_run(trial, &request));
	(void)space_interfaces(request.netns, name, sizeof(name));
	MUST_HOLD(trial, strcmp(name, "tried-7") == 0, "the interface is called \"%s\", not as asked for", name);
	return VERDICT_PASSED;
}

/* Docker joins before there is a namespace, and moves the interface itself. */
static enum verdict join_without_a_namespace(struct trial *trial)
{
	char *before = space_dump();

	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	MUST(trial, trial_join(trial, "n1", "e1", "/var/run/docker/netns/not-there-yet"));
	const char *src = trial->reply.join.src_name;
	if (trial_can(trial, NDRV_CAPABILITY_NO_LINK)) {
		MUST_HOLD(trial, !src || !*src, "it says that it has no interfaces, and names %s", src);
	} else {
		char want[64], *now = space_dump();
		MUST_HOLD(trial, src && *src, "join names no interface to move");
		(void)snprintf(want, sizeof(want), "link %s ", src);
		bool there = now && strstr(now, want);
		free(now);
		MUST_HOLD(trial, there, "join names %s, which is not there", src);
	}
	MUST(trial, trial_do(trial, REQ_LEAVE, "n1", "e1"));
	MUST(trial, trial_do(trial, REQ_ENDPOINT_DELETE, "n1", "e1"));
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict join_twice(struct trial *trial)
{
	struct join_reply first;

	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	MUST(trial, trial_join(trial, "n1", "e1", "/run/netns/a"));
	first = trial->reply.join;
	MUST(trial, trial_join(trial, "n1", "e1", "/run/netns/a"));
	MUST_HOLD(trial, ndrv_addr_equal(&first.gateway4, &trial->reply.join.gateway4), "the second answer has another gateway");
	MUST_FAIL(trial, trial_join(trial, "n1", "e1", "/run/netns/b"), NDRV_E_ENDPOINT_JOINED);
	return VERDICT_PASSED;
}

static enum verdict leave_and_join_again(struct trial *trial)
{
	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	for (int i = 0; i < 3; i++) {
		MUST(trial, trial_join(trial, "n1", "e1", i & 1 ? "/run/netns/a" : "/run/netns/b"));
		MUST(trial, trial_do(trial, REQ_LEAVE, "n1", "e1"));
		MUST(trial, trial_do(trial, REQ_LEAVE, "n1", "e1"));
	}
	return VERDICT_PASSED;
}

static enum verdict delete_while_joined(struct trial *trial)
{
	char *before = space_dump();

	MUST(trial, trial_connect(trial, "n1", "e1", rule_netns(trial, 0)));
	MUST(trial, trial_do(trial, REQ_ENDPOINT_DELETE, "n1", "e1"));
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict sandbox_vanished(struct trial *trial)
{
	char *before = space_dump();

	MUST(trial, trial_connect(trial, "n1", "e1", rule_netns(trial, 0)));
	space_drop(&trial->space, 0);
	MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", "e1"));
	MUST_BE_AS(trial, before);
	MUST(trial, trial_connect(trial, "n1", "e1", rule_netns(trial, 1)));
	free(before);
	return VERDICT_PASSED;
}

static enum verdict sandbox_is_wrong(struct trial *trial)
{
	char *before = space_dump();

	MUST_FAIL(trial, trial_connect(trial, "n1", "e1", "/nowhere/netns"), NDRV_E_NO_SANDBOX);
	MUST_FAIL(trial, trial_connect(trial, "n1", "e1", "/etc/passwd"), NDRV_E_BAD_SANDBOX);
	MUST_FAIL(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", "e1"), NDRV_E_NO_ENDPOINT);
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict neighbours_talk(struct trial *trial)
{
	char address[2][NDRV_PREFIX_TEXT];

	for (unsigned i = 0; i < 2; i++) {
		char id[4] = {'e', (char)('1' + i)};
		MUST(trial, trial_connect(trial, "n1", id, rule_netns(trial, i)));
		MUST_HOLD(trial, ndrv_addr_format(&trial->reply.address.addr, address[i]), "endpoint %s got no address", id);
	}
	for (unsigned i = 0; i < 2; i++)
		MUST_HOLD(trial, space_talks(rule_netns(trial, 1 - i), rule_netns(trial, i), address[i]),
			  "no datagram arrives at %s from its neighbour", address[i]);
	return VERDICT_PASSED;
}

static enum verdict several_networks_in_one_sandbox(struct trial *trial)
{
	char *before = space_dump();
	const char *netns = rule_netns(trial, 0);

	MUST(trial, trial_network(trial, "n2", 2));
	MUST(trial, trial_connect(trial, "n1", "e1", netns));
	MUST(trial, trial_connect(trial, "n2", "e2", netns));
	MUST_HOLD(trial, space_interfaces(netns, NULL, 0) == 2, "not two interfaces in the sandbox");
	MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", "e1"));
	MUST_HOLD(trial, space_interfaces(netns, NULL, 0) == 1, "not one interface in the sandbox after one left");
	MUST(trial, trial_do(trial, REQ_DISCONNECT, "n2", "e2"));
	MUST(trial, trial_delete_network(trial, "n2"));
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static const struct rule rules[] = {
	{"J1", "an endpoint is plugged into a sandbox and out again, and nothing stays", RULE_NETWORK, NULL,
	 connect_and_disconnect},
	{"J2", "the sandbox has the address that was said, on an interface that is up", RULE_NETWORK | RULE_LINK | RULE_IPAM, NULL,
	 sandbox_has_what_was_said},
	{"J3", "the interface has the name that was asked for", RULE_NETWORK | RULE_LINK, NULL, exact_name},
	{"J4", "join works before the sandbox is there, and names an interface that is", RULE_NETWORK, NULL,
	 join_without_a_namespace},
	{"J5", "joining again is the same answer, another sandbox is EndpointJoined", RULE_NETWORK, NULL, join_twice},
	{"J6", "leaving twice is success, and the endpoint can join again", RULE_NETWORK, NULL, leave_and_join_again},
	{"J7", "deleting a joined endpoint leaves first, and nothing stays", RULE_NETWORK, NULL, delete_while_joined},
	{"J8", "a sandbox that vanished hinders nothing", RULE_NETWORK | RULE_LINK, NULL, sandbox_vanished},
	{"J9", "a sandbox that is none is refused, and nothing stays", RULE_NETWORK | RULE_LINK, NULL, sandbox_is_wrong},
	{"J10", "two endpoints of a network reach each other", RULE_NETWORK | RULE_LINK | RULE_IPAM, NULL, neighbours_talk},
	{"J11", "a sandbox can be in two networks", RULE_NETWORK | RULE_LINK | RULE_MANY, NULL, several_networks_in_one_sandbox},
};

const struct rule_list rules_join = {sizeof(rules) / sizeof(rules[0]), rules};
