/* SPDX-License-Identifier: Apache-2.0 */
/* What an injecting test sees of the host and of the kernel. */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include <ndrv/link.h>

#include "tests/faults/inject_rig.h"
#include "tests/lib/http.h"
#include "tests/lib/test.h"

#define SETTLE_MS 20000

struct links {
	unsigned bridges, pairs, others;
};

static struct links count_links(const struct netns *ns)
{
	struct ndrv_error err = {0};
	struct ndrv_nl *nl = netns_nl(ns);
	struct ndrv_link *links;
	struct links found = {0};
	uint32_t count;

	assert_ok(ndrv_link_list(nl, &links, &count, &err), &err);
	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(links[i].kind, "bridge"))
			found.bridges++;
		else if (!strcmp(links[i].kind, "veth"))
			found.pairs++;
		else
			found.others += strcmp(links[i].name, "lo") != 0;
	free(links);
	ndrv_nl_close(nl);
	return found;
}

/* The only entry of a list, or NULL; more than one is wrong. */
static bool list_of(struct rig *rig, const char *target, json_t **ret, char *reason)
{
	int status = rig_http(rig, "GET", target, NULL, reason);

	if (status != 200)
		return false;
	json_t *document = json_loads(reason, 0, NULL), *list = document, *value;
	const char *key;
	if (json_is_object(document))
		json_object_foreach(document, key, value) if (json_is_array(value)) list = value;
	if (!json_is_array(list) || json_array_size(list) > 1) {
		json_decref(document);
		return false;
	}
	*ret = json_incref(json_array_get(list, 0));
	json_decref(document);
	return true;
}

static bool text_is(const json_t *object, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && !strcmp(value, text);
}

static bool agree(struct rig *rig, const json_t *network, const json_t *endpoint, bool half, char *reason)
{
	struct links host = count_links(NULL), sandbox = count_links(&rig->sandbox);
	unsigned networks = network != NULL, endpoints = endpoint != NULL;

	half = half && endpoint;
	bool joined = endpoint && text_is(json_object_get(endpoint, "join"), "state", "joined");
	bool live = (!network || text_is(network, "state", "live")) && (!endpoint || text_is(endpoint, "state", "live"));

	if (host.bridges != networks || host.others || sandbox.others || sandbox.bridges ||
	    (!half && (host.pairs != endpoints || sandbox.pairs != endpoints))) {
		(void)snprintf(reason, RIG_REASON,
			       "the host knows %u networks and %u endpoints; there are %u bridges, %u veths, %u others, and in the "
			       "sandbox %u and %u",
			       networks, endpoints, host.bridges, host.pairs, host.others, sandbox.pairs, sandbox.others);
		return false;
	}
	if (half || (live && (!endpoint || (joined && netns_has_address(&rig->sandbox, "eth0", ADDRESS "/24")))))
		return true;
	char *text = json_dumps(endpoint ? endpoint : network, 0);
	(void)snprintf(reason, RIG_REASON, "not what a finished one is: %s", text ? text : "");
	free(text);
	return false;
}

/* What was asked of the NAT is what the kernel has, and it goes with the records. A host without NAT has nothing to say. */
static bool nat_agrees(struct rig *rig, bool network, bool endpoint, bool half, char *reason)
{
	if (rig_http(rig, "POST", "/v1/networks/prune?dry_run=1", "{}", reason) != 200)
		return false;
	json_t *document = json_loads(reason, 0, NULL), *report = json_object_get(document, "nat");
	bool right = !report ||
		     (!json_integer_value(json_object_get(report, "unknown")) &&
		      !json_integer_value(json_object_get(report, "missing")) &&
		      !json_integer_value(json_object_get(report, "strays")) && json_is_false(json_object_get(report, "table")));
	json_decref(document);
	if (!right || rig_http(rig, "GET", "/v1/status", NULL, reason) != 200)
		return false;
	document = json_loads(reason, 0, NULL);
	report = json_object_get(document, "nat");
	json_int_t networks = json_integer_value(json_object_get(report, "networks"));
	json_int_t endpoints = json_integer_value(json_object_get(report, "endpoints"));
	right = !report || half || (networks == network && endpoints == endpoint);
	json_decref(document);
	if (!right)
		(void)snprintf(reason, RIG_REASON, "NAT of %lld networks and ports of %lld endpoints, but there are %d and %d",
			       (long long)networks, (long long)endpoints, network, endpoint);
	return right;
}

bool rig_look(struct rig *rig, bool half, enum rig_state *ret, char *reason)
{
	json_t *network = NULL, *endpoint = NULL;
	bool good = list_of(rig, "/v1/networks", &network, reason) && list_of(rig, "/v1/endpoints", &endpoint, reason) &&
		    agree(rig, network, endpoint, half, reason) && nat_agrees(rig, network != NULL, endpoint != NULL, half, reason);

	*ret = endpoint ? RIG_ENDPOINT : network ? RIG_NETWORK : RIG_NOTHING;
	json_decref(network);
	json_decref(endpoint);
	return good;
}

/* What the host could not do, it does by itself now that nothing fails any more. */
static bool is_mending(struct rig *rig, char *reason)
{
	struct http_answer answer = {0};

	(void)snprintf(reason, RIG_REASON, "no status");
	if (http_ask(rig->daemon.socket, "GET", "/v1/status", NULL, &answer) || answer.status != 200) {
		http_answer_free(&answer);
		return true;
	}
	json_t *document = json_loads(answer.body, 0, NULL);
	http_answer_free(&answer);
	const json_t *mending = json_object_get(document, "mending");
	bool busy = json_integer_value(json_object_get(mending, "rows")) ||
		    json_integer_value(json_object_get(mending, "kernel_objects")) ||
		    json_is_true(json_object_get(mending, "networks")) || json_is_true(json_object_get(mending, "everything"));
	char *text = json_dumps(mending, 0);
	(void)snprintf(reason, RIG_REASON, "%s", text ? text : "");
	free(text);
	json_decref(document);
	return busy;
}

/* Returns whether there was something. */
bool rig_settle(struct rig *rig, char *reason)
{
	char status[RIG_REASON];
	long long until = rig_now_ms() + SETTLE_MS;
	bool any = false;

	while (is_mending(rig, status)) {
		any = true;
		if (rig_now_ms() > until) {
			(void)snprintf(reason, RIG_REASON, "it does not get done with what was left over: %.3000s", status);
			return true;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return any;
}
