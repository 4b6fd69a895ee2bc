/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/plug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/link.h>
#include <ndrv/route.h>

#include "host/base/clock.h"
#include "host/sandbox/ready.h"

#define NAME_TRIES 8 /* somebody else may take the name between the look and the move */
#define NAME_NUMBERS 10000
#define PLUG_READY_NS (500 * NSEC_PER_MSEC)

static bool given(const char *text)
{
	return text && text[0];
}

int plug_pick_name(struct sandbox *sandbox, const char *prefix, char ret[NDRV_IFNAME_MAX], struct ndrv_error *err)
{
	struct ndrv_link *links;
	uint32_t count;
	char name[NDRV_IFNAME_MAX + 16];
	int rc;

	rc = ndrv_link_list(sandbox->nl, &links, &count, err);
	if (rc)
		return ndrv_wrap(err, rc, "%s", sandbox->path);
	rc = -1;
	for (unsigned number = 0; rc && number < NAME_NUMBERS; number++) {
		uint32_t i = 0;

		(void)snprintf(name, sizeof(name), "%.15s%u", prefix, number);
		if (strlen(name) >= NDRV_IFNAME_MAX)
			break;
		while (i < count && strcmp(links[i].name, name))
			i++;
		if (i == count)
			rc = 0;
	}
	free(links);
	if (rc)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "no interface name that starts with \"%s\" is free in %s", prefix,
				 sandbox->path);
	memcpy(ret, name, NDRV_IFNAME_MAX);
	return 0;
}

/* --- moving --- */

/* To the host under its name there. The kernel moves first and renames then, and does not move back when the name is taken; so the
 * name is changed first, here. */
static int send_home(struct sandbox *sandbox, const char *name, uint32_t index, const char *src, struct ndrv_error *err)
{
	struct ndrv_link_change rename = {.down = 1, .rename = src};
	struct ndrv_link_change home = {.netns_fd = hostns_fd(sandbox->hostns)};
	struct ndrv_nl_batch batch;
	int rc;

	ndrv_nl_batch_init(&batch, sandbox->nl);
	(void)ndrv_link_set_batch(&batch, name, index, &rename);
	(void)ndrv_link_set_batch(&batch, src, index, &home);
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

/* After a failed move. Runs also when the call's time is over, as every undo does: nothing half-made stays. */
static void move_back(struct sandbox *sandbox, struct ndrv_nl *host_nl, const char *name, const char *src)
{
	struct ndrv_link link;

	ndrv_nl_set_call(sandbox->nl, NULL);
	if (!ndrv_link_get(host_nl, src, 0, &link, NULL))
		return; /* it never left */
	if (!ndrv_link_get(sandbox->nl, name, 0, &link, NULL) || !ndrv_link_get(sandbox->nl, src, 0, &link, NULL))
		(void)send_home(sandbox, link.name, link.index, src, NULL);
}

static int move(struct sandbox *sandbox, struct ndrv_nl *host_nl, const struct plug *plug, char name[NDRV_IFNAME_MAX],
		struct ndrv_error *err)
{
	for (int try = 0;; try++) {
		struct ndrv_link_change change = {.rename = name, .netns_fd = sandbox->fd};
		struct ndrv_link link;
		int rc = ndrv_link_get(host_nl, plug->src, 0, &link, err);

		if (!rc && !given(plug->name))
			rc = plug_pick_name(sandbox, plug->prefix, name, err);
		if (rc)
			return ndrv_wrap(err, rc, "move %s to %s", plug->src, sandbox->path);
		rc = ndrv_link_set(host_nl, plug->src, link.index, &change, err);
		if (!rc)
			return 0;
		/* Moved but not renamed: the name was taken. Under that name somebody else's is there, so only ours is looked for.
		 */
		move_back(sandbox, host_nl, plug->src, plug->src);
		if (rc != -NDRV_E_LINK_EXISTS || given(plug->name) || try == NAME_TRIES)
			return ndrv_wrap(err, rc, "move %s to %s", plug->src, sandbox->path);
	}
}

/* --- what is set inside --- */

static bool is_v6(const struct ndrv_addr *addr)
{
	return addr->family == 6;
}

struct inside {
	struct ndrv_nl_batch batch;
	const struct plug *plug;
	const char *name;
	uint32_t index;
	struct ndrv_nl_batch_item *address6;
	bool v6[NDRV_NL_BATCH_MAX]; /* items that cannot succeed where IPv6 is off */
};

static void mark(struct inside *in, const struct ndrv_nl_batch_item *item, bool v6)
{
	if (item)
		in->v6[item - in->batch.items] = v6;
}

static void add_route(struct inside *in, const struct ndrv_route *route)
{
	bool v6 = is_v6(&route->destination.addr);
	uint32_t metric = route->destination.length ? 0 : v6 ? in->plug->metric6 : in->plug->metric4;

	mark(in, ndrv_route_metric_batch(&in->batch, in->name, in->index, route, in->plug->route_protocol, metric), v6);
}

static void add_routes(struct inside *in, uint32_t type)
{
	for (uint32_t i = 0; i < in->plug->route_count; i++) {
		const struct ndrv_route *route = &in->plug->routes[i];

		if (route->type == type)
			add_route(in, route);
	}
}

static void add_gateway(struct inside *in, const struct ndrv_addr *gateway)
{
	struct ndrv_route route = {.destination.addr.family = gateway->family, .type = NDRV_ROUTE_NEXTHOP, .next_hop = *gateway};

	if (gateway->family)
		add_route(in, &route);
}

/* Addresses before "up": the interface announces them as it comes up, and never carries a packet without them. */
static void add_addresses(struct inside *in)
{
	const struct plug *plug = in->plug;
	struct ndrv_link_change quiet = {.no_autoaddress = 1};
	struct ndrv_link_change moved = {.mac = plug->mac, .mtu = plug->mtu};
	struct ndrv_nl_batch_item *item;

	if (given(plug->src) && (plug->mac.set || plug->mtu))
		(void)ndrv_link_set_batch(&in->batch, in->name, in->index, &moved);
	/* An interface without IPv6 would otherwise greet every neighbour with it: quadratic work at many endpoints. */
	if (!plug->address6.addr.family) {
		item = ndrv_link_set_batch(&in->batch, in->name, in->index, &quiet);
		if (item)
			item->ignore = EAFNOSUPPORT;
	}
	if (plug->address.addr.family)
		(void)ndrv_address_batch(&in->batch, in->name, in->index, &plug->address);
	if (plug->address6.addr.family) {
		in->address6 = ndrv_address_batch(&in->batch, in->name, in->index, &plug->address6);
		mark(in, in->address6, true);
	}
}

static void fill(struct inside *in)
{
	const struct plug *plug = in->plug;
	struct ndrv_link_change up = {.up = 1};

	add_addresses(in);
	(void)ndrv_link_set_batch(&in->batch, in->name, in->index, &up);
	(void)ndrv_link_set_batch(&in->batch, "lo", 0, &up);
	add_routes(in, NDRV_ROUTE_CONNECTED);
	add_routes(in, NDRV_ROUTE_NEXTHOP);
	add_gateway(in, &plug->gateway4);
	add_gateway(in, &plug->gateway6);
	for (uint32_t i = 0; i < plug->neighbour_count; i++)
		mark(in,
		     ndrv_neighbour_batch(&in->batch, in->name, in->index, &plug->neighbours[i].addr, &plug->neighbours[i].mac,
					  plug->route_protocol),
		     is_v6(&plug->neighbours[i].addr));
}

/* IPv6 switched off there (EACCES) or absent from the kernel is no reason to go without IPv4. */
static bool lacks_ipv6(struct inside *in)
{
	int e = in->address6 ? in->address6->item.sys_errno : 0;

	return (e == EACCES || e == EAFNOSUPPORT || e == EOPNOTSUPP) && in->plug->address.addr.family;
}

static int set_up(struct sandbox *sandbox, const struct plug *plug, struct plug_result *result, struct ndrv_error *err)
{
	struct inside *in = calloc(1, sizeof(*in));
	int rc;

	if (!in)
		return ndrv_fail_errno(err, ENOMEM, "set up %s", result->name);
	in->plug = plug;
	in->name = result->name;
	in->index = result->index;
	ndrv_nl_batch_init(&in->batch, sandbox->nl);
	fill(in);
	rc = ndrv_nl_batch_send(&in->batch, err);
	if (rc && lacks_ipv6(in)) {
		result->ipv6_off = true;
		for (uint32_t i = 0; i < in->batch.count; i++)
			if (in->v6[i])
				in->batch.items[i].item.sys_errno = 0;
		rc = ndrv_nl_batch_error(&in->batch, err);
	}
	ndrv_nl_batch_done(&in->batch);
	free(in);
	return ndrv_wrap(err, rc, "%s", sandbox->path);
}

/* IPv6 comes to life on an interface after IPv4 does: when the link is known to be up, and the address's group has been joined. Not
 * in time is no failure: it comes by itself. */
static void wait_for_ipv6(struct sandbox *sandbox, const struct plug *plug, uint32_t index)
{
	bool ready = false;

	(void)ready_wait(sandbox->nl, &index, 1, PLUG_READY_NS, &ready, NULL);
	if (ready)
		(void)ready_address6(sandbox->nl, index, &plug->address6.addr, PLUG_READY_NS, &ready, NULL);
}

int plug_in(struct sandbox *sandbox, struct ndrv_nl *host_nl, const struct plug *plug, struct plug_result *ret,
	    struct ndrv_error *err)
{
	struct plug_result result = {0};
	struct ndrv_link link;
	bool moved = given(plug->src);
	int rc = 0;

	if (plug->route_count > PLUG_ROUTES_MAX || plug->neighbour_count > PLUG_NEIGHBOURS_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%u routes and %u neighbours are more than an interface may have",
				 plug->route_count, plug->neighbour_count);
	if (!given(plug->name) && (!moved || !given(plug->prefix)))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "an interface for %s was given no name", sandbox->path);
	(void)snprintf(result.name, sizeof(result.name), "%s", given(plug->name) ? plug->name : "");
	if (moved)
		rc = move(sandbox, host_nl, plug, result.name, err);
	if (rc)
		return rc;
	rc = ndrv_link_get(sandbox->nl, result.name, 0, &link, err);
	if (!rc) {
		result.index = link.index;
		rc = set_up(sandbox, plug, &result, err);
	}
	if (!rc) {
		*ret = result;
		if (plug->address6.addr.family && !result.ipv6_off)
			wait_for_ipv6(sandbox, plug, result.index);
		return 0;
	}
	ndrv_nl_set_call(sandbox->nl, NULL);
	if (moved)
		move_back(sandbox, host_nl, result.name, plug->src);
	else
		(void)ndrv_link_set(sandbox->nl, result.name, 0, &(struct ndrv_link_change){.down = 1}, NULL);
	return rc;
}

int plug_out(struct sandbox *sandbox, const char *name, const char *src, struct ndrv_error *err)
{
	struct ndrv_link_change down = {.down = 1};
	struct ndrv_link link;
	int rc = ndrv_link_get(sandbox->nl, name, 0, &link, err);

	if (!rc && given(src))
		rc = send_home(sandbox, name, link.index, src, err);
	else if (!rc)
		rc = ndrv_link_set(sandbox->nl, name, link.index, &down, err);
	if (rc == -NDRV_E_NO_LINK) {
		ndrv_error_clear(err);
		return 0;
	}
	return ndrv_wrap(err, rc, "take %s out of %s", name, sandbox->path);
}

/* 1: open. 0: it is gone, or another one by now. */
static int open_same(struct hostns *hostns, const char *path, dev_t dev, ino_t ino, const struct ndrv_call *call,
		     struct sandbox *ret, struct ndrv_error *err)
{
	int rc = sandbox_open(hostns, path, call, ret, err);

	/* A bind mount whose namespace died with its mount is a plain file: BAD_SANDBOX, and as gone as a missing one. */
	if (rc == -NDRV_E_NO_SANDBOX || rc == -NDRV_E_BAD_SANDBOX) {
		ndrv_error_clear(err);
		return 0;
	}
	if (rc)
		return rc;
	if (!ino || (ret->dev == dev && ret->ino == ino))
		return 1;
	sandbox_close(ret);
	return 0;
}

int plug_out_path(struct hostns *hostns, const char *path, dev_t dev, ino_t ino, const struct ndrv_call *call, const char *name,
		  const char *src, struct ndrv_error *err)
{
	struct sandbox sandbox;
	int rc = open_same(hostns, path, dev, ino, call, &sandbox, err);

	if (rc != 1)
		return rc;
	rc = plug_out(&sandbox, name, src, err);
	sandbox_close(&sandbox);
	return rc;
}

int plug_abort_path(struct hostns *hostns, const char *path, dev_t dev, ino_t ino, const struct ndrv_call *call, const char *name,
		    uint32_t first_group, uint32_t groups, struct ndrv_error *err)
{
	struct sandbox sandbox;
	struct ndrv_link link;
	int rc = open_same(hostns, path, dev, ino, call, &sandbox, err);

	if (rc != 1)
		return rc;
	rc = ndrv_link_get(sandbox.nl, name, 0, &link, err);
	if (!rc && link.group >= first_group && link.group - first_group < groups)
		rc = ndrv_link_delete(sandbox.nl, name, link.index, err);
	if (rc == -NDRV_E_NO_LINK) {
		ndrv_error_clear(err);
		rc = 0;
	}
	sandbox_close(&sandbox);
	return rc;
}
