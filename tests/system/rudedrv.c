/* SPDX-License-Identifier: Apache-2.0 */
/* A driver with addresses and interfaces that misbehaves on request: the network's label `do` says how. What it makes in good
 * order is a pair of veth, one end of which is in the sandbox. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <ndrv/driver.h>
#include <ndrv/link.h>

static const char *wanted(const struct ndrv_network *network, const char *key)
{
	const struct ndrv_value *labels = ndrv_map_get(network->options, NDRV_OPT_GENERIC);
	const char *text = "";

	(void)ndrv_map_string(labels, key, &text, NULL);
	return text;
}

static int does(const struct ndrv_network *network, const char *what)
{
	return strcmp(wanted(network, "do"), what) == 0;
}

static void crash_at(const struct ndrv_call *call, const struct ndrv_network *network, const char *op)
{
	if (does(network, "crash") && strcmp(wanted(network, "at"), op) == 0 &&
	    !(call->flags & (NDRV_CALL_UNDO | NDRV_CALL_FORCE | NDRV_CALL_RESTORE)))
		(void)raise(SIGSEGV);
}

static void sleep_at_join(const struct ndrv_network *network)
{
	const struct ndrv_value *labels = ndrv_map_get(network->options, NDRV_OPT_GENERIC);
	int64_t ms = 0;

	(void)ndrv_map_int(labels, "sleep_ms", &ms, NULL);
	if (ms > 0)
		(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void outer_name(char ret[NDRV_IFNAME_MAX], const struct ndrv_endpoint *endpoint)
{
	(void)snprintf(ret, NDRV_IFNAME_MAX, "r%.12s", endpoint->id);
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	crash_at(call, network, "network_create");
	return 0;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	crash_at(call, network, "network_delete");
	return 0;
}

static int make_pair(struct ndrv_call *call, const struct ndrv_network *network, const struct ndrv_endpoint *endpoint,
		     struct ndrv_ifinfo *ifinfo)
{
	char outer[NDRV_IFNAME_MAX];
	const char *inner = "", *path = "";
	int fd = -1, rc = ndrv_ifinfo_netns(ifinfo, &path, &fd, call->err);

	outer_name(outer, endpoint);
	if (!rc)
		rc = ndrv_ifinfo_ifname(ifinfo, &inner, call->err);
	if (rc || fd < 0)
		return rc;
	struct ndrv_link_peer peer = {.name = inner, .netns_fd = fd};
	struct ndrv_link_spec spec = {.kind = "veth", .name = outer, .group = network->link_group, .up = 1, .peer = &peer};
	rc = ndrv_link_create(call->host_nl, &spec, NULL, NULL, NULL, call->err);
	return rc ? rc : ndrv_ifinfo_set_created_in_sandbox(ifinfo, call->err);
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	static const struct ndrv_mac multicast = {.set = 1, .bytes = {1, 2, 3, 4, 5, 6}};
	static const struct ndrv_prefix foreign = {.addr = {.family = 4, .bytes = {203, 0, 113, 7}}, .length = 24};
	struct ndrv_prefix own;

	(void)self, (void)options;
	if (does(network, "bad-mac"))
		return ndrv_ifinfo_set_mac(ifinfo, &multicast, call->err);
	if (does(network, "foreign-address"))
		return ndrv_ifinfo_set_address(ifinfo, &foreign, call->err);
	if (does(network, "second-address") && ndrv_ifinfo_address(ifinfo, &own, call->err) == 0)
		return ndrv_ifinfo_set_address(ifinfo, &own, call->err);
	if (does(network, "unknown-code"))
		return -4711;
	if (does(network, "silent-code"))
		return -NDRV_E_FORBIDDEN;
	if (does(network, "positive-code"))
		return 1;
	if (does(network, "no-link"))
		return ndrv_ifinfo_set_created_in_sandbox(ifinfo, call->err);
	int rc = make_pair(call, network, endpoint, ifinfo);
	crash_at(call, network, "endpoint_create");
	return rc;
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	char outer[NDRV_IFNAME_MAX];
	struct ndrv_link link;

	(void)self;
	crash_at(call, network, "endpoint_delete");
	outer_name(outer, endpoint);
	int rc = ndrv_link_get(call->host_nl, outer, 0, &link, call->err);
	if (!rc && link.group == network->link_group)
		return ndrv_link_delete(call->host_nl, outer, link.index, call->err);
	return 0;
}

static int many_routes(struct ndrv_call *call, struct ndrv_join *join)
{
	int rc = 0;

	for (uint8_t i = 0; i < 100 && !rc; i++) {
		struct ndrv_route route = {.destination = {.addr = {.family = 4, .bytes = {10, 200, i, 0}}, .length = 24},
					   .type = NDRV_ROUTE_CONNECTED};
		rc = ndrv_join_add_static_route(join, &route, call->err);
	}
	return rc;
}

static int join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *info, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	static const struct ndrv_addr elsewhere = {.family = 4, .bytes = {203, 0, 113, 1}};
	int rc = 0;

	(void)self, (void)endpoint, (void)sandbox_key, (void)endpoint_options, (void)sandbox_options;
	if (does(network, "routes"))
		rc = many_routes(call, info);
	else if (does(network, "foreign-gateway"))
		rc = ndrv_join_set_gateway(info, &elsewhere, call->err);
	else if (does(network, "bad-name"))
		rc = ndrv_join_set_names(info, "../../etc", "eth", "", call->err);
	else if (does(network, "no-such-source"))
		rc = ndrv_join_set_names(info, "nosuchlink", "eth", "", call->err);
	crash_at(call, network, "join");
	sleep_at_join(network);
	return rc;
}

static int leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)endpoint;
	crash_at(call, network, "leave");
	return 0;
}

/* What the kernel still has. */
static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	char outer[NDRV_IFNAME_MAX];
	struct ndrv_link link;

	(void)self, (void)network, (void)blob;
	if (!endpoint)
		return 0;
	outer_name(outer, endpoint);
	return ndrv_link_get(call->host_nl, outer, 0, &link, call->err);
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	.join = join,
	.leave = leave,
	.adopt = adopt,
};

NDRV_DRIVER(&ops, NULL, .types = "rude", .name = "rude", .version = "1", .vendor = "tests", .data_scope = NDRV_SCOPE_LOCAL);
