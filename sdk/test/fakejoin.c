/* SPDX-License-Identifier: Apache-2.0 */
/* JoinInfo of the fake host, and what a host does with what a driver said there. */
#include "sdk/test/fake.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <ndrv/link.h>
#include <ndrv/route.h>

#define BR_FORWARDING 3
#define TICK_NS 20000000L
#define TICKS 100

static struct ndrv_fakeep *of_join(struct ndrv_join *join)
{
	return (struct ndrv_fakeep *)(void *)((char *)join - offsetof(struct ndrv_fakeep, join));
}

static int set_names(struct ndrv_join *join, const char *src, const char *prefix, const char *exact, struct ndrv_error *err)
{
	struct ndrv_fakeep *ep = of_join(join);
	const char *const names[] = {src, prefix, exact};

	for (int i = 0; i < 3; i++) {
		int rc = names[i] && names[i][0] ? ndrv_ifname_check(names[i], err) : 0;

		if (rc)
			return rc;
	}
	(void)snprintf(ep->src, sizeof(ep->src), "%s", src ? src : "");
	(void)snprintf(ep->prefix, sizeof(ep->prefix), "%s", prefix ? prefix : "");
	(void)snprintf(ep->exact, sizeof(ep->exact), "%s", exact ? exact : "");
	return 0;
}

static int set_gateway_of(struct ndrv_addr *slot, const struct ndrv_addr *gateway, uint8_t family, struct ndrv_error *err)
{
	if (gateway && gateway->family && gateway->family != family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a gateway of the other family");
	*slot = gateway ? *gateway : (struct ndrv_addr){.family = 0};
	return 0;
}

static int set_gateway(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	return set_gateway_of(&of_join(join)->gateway4, gateway, 4, err);
}

static int set_gateway6(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	return set_gateway_of(&of_join(join)->gateway6, gateway, 6, err);
}

static int disable_gateway_service(struct ndrv_join *join, struct ndrv_error *err)
{
	(void)err;
	of_join(join)->no_gateway_service = 1;
	return 0;
}

static int force_gateway(struct ndrv_join *join, uint32_t family, struct ndrv_error *err)
{
	(void)err;
	if (family == 6)
		of_join(join)->forced6 = 1;
	else
		of_join(join)->forced4 = 1;
	return 0;
}

static int add_static_route(struct ndrv_join *join, const struct ndrv_route *route, struct ndrv_error *err)
{
	struct ndrv_fakeep *ep = of_join(join);
	int rc = ndrv_route_check(route, err);

	if (rc)
		return rc;
	if (ep->route_count == NDRV_FAKE_ROUTES_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "more than %d routes", NDRV_FAKE_ROUTES_MAX);
	ep->routes[ep->route_count++] = *route;
	return 0;
}

static int add_wait_link(struct ndrv_join *join, uint32_t ifindex, struct ndrv_error *err)
{
	struct ndrv_fakeep *ep = of_join(join);

	if (ifindex == 0 || ep->wait_count == NDRV_FAKE_WAITS_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "link %u to wait for, behind %u others", ifindex, ep->wait_count);
	ep->waits[ep->wait_count++] = ifindex;
	return 0;
}

/* The kernel finds out by itself. */
static int set_neighbour(struct ndrv_join *join, const struct ndrv_addr *addr, const struct ndrv_mac *mac, struct ndrv_error *err)
{
	(void)join, (void)addr;
	return ndrv_mac_check(mac, err);
}

static int add_table_entry(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			   struct ndrv_error *err)
{
	(void)table, (void)key, (void)value, (void)bytes, (void)err;
	of_join(join)->row_count++;
	return 0;
}

const struct ndrv_join_ops fake_join = {
	.size = sizeof(fake_join),
	.set_names = set_names,
	.set_gateway = set_gateway,
	.set_gateway6 = set_gateway6,
	.add_static_route = add_static_route,
	.disable_gateway_service = disable_gateway_service,
	.force_gateway = force_gateway,
	.add_table_entry = add_table_entry,
	.add_wait_link = add_wait_link,
	.set_neighbour = set_neighbour,
};

/* --- plugging --- */

/* The driver's exact name, or its prefix with the first number that is free in there. */
static int choose_name(struct ndrv_fakeep *ep, struct ndrv_fakebox *box, struct ndrv_error *err)
{
	struct ndrv_link link;

	if (ep->created_in_sandbox || ep->exact[0]) {
		(void)snprintf(ep->plugged, sizeof(ep->plugged), "%s", ep->created_in_sandbox ? ep->ifname : ep->exact);
		return 0;
	}
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(ep->plugged, sizeof(ep->plugged), "%.12s%u", ep->prefix[0] ? ep->prefix : "eth", i);
		int rc = ndrv_link_get(box->nl, ep->plugged, 0, &link, err);

		if (rc == -NDRV_E_NO_LINK) {
			ndrv_error_clear(err);
			return 0;
		}
		if (rc)
			return rc;
	}
	return ndrv_fail(err, NDRV_E_INTERNAL, "no name is free in the sandbox");
}

static int add_routes(struct ndrv_fakeep *ep, struct ndrv_fakebox *box, uint32_t index, struct ndrv_error *err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < ep->route_count; i++)
		rc = ndrv_route_add(box->nl, ep->plugged, index, &ep->routes[i], NDRV_FAKE_PROTOCOL, err);
	for (int i = 0; rc == 0 && i < 2; i++) {
		const struct ndrv_addr *via = i ? &ep->gateway6 : &ep->gateway4;
		const struct ndrv_route route = {
			.destination = {.addr = {.family = via->family}}, .type = NDRV_ROUTE_NEXTHOP, .next_hop = *via};

		if (via->family)
			rc = ndrv_route_add(box->nl, ep->plugged, index, &route, NDRV_FAKE_PROTOCOL, err);
	}
	return rc;
}

static int wait_for_links(struct ndrv_fakehost *host, const struct ndrv_fakeep *ep)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};

	for (uint32_t i = 0; i < ep->wait_count; i++) {
		for (int ticks = 0;; ticks++) {
			struct ndrv_link link;
			int rc = ndrv_link_get(host->nl, NULL, ep->waits[i], &link, &host->err);

			if (rc)
				return rc;
			if (link.port_state < 0 || link.port_state == BR_FORWARDING)
				break;
			if (ticks == TICKS)
				return ndrv_fail(&host->err, NDRV_E_TIMEOUT, "link %s cannot send after 2 s", link.name);
			(void)nanosleep(&tick, NULL);
		}
	}
	return 0;
}

int ndrv_fakeep_plug(struct ndrv_fakeep *ep, struct ndrv_fakebox *box)
{
	struct ndrv_fakehost *host = ep->net->host;
	struct ndrv_link link;

	ndrv_error_clear(&host->err);
	ep->box = box;
	if (!ep->src[0] && !ep->created_in_sandbox)
		return 0; /* it has no interface */
	int rc = choose_name(ep, box, &host->err);
	if (rc == 0 && !ep->created_in_sandbox) {
		const struct ndrv_link_change move = {.netns_fd = box->fd, .rename = ep->plugged};

		rc = ndrv_link_set(host->nl, ep->src, 0, &move, &host->err);
	}
	if (rc == 0)
		rc = ndrv_link_get(box->nl, ep->plugged, 0, &link, &host->err);
	if (rc)
		return rc;
	const struct ndrv_link_change up = {.up = 1};
	if (ep->address.addr.family)
		rc = ndrv_address_add(box->nl, ep->plugged, link.index, &ep->address, &host->err);
	if (rc == 0 && ep->address6.addr.family)
		rc = ndrv_address_add(box->nl, ep->plugged, link.index, &ep->address6, &host->err);
	if (rc == 0)
		rc = ndrv_link_set(box->nl, ep->plugged, link.index, &up, &host->err);
	if (rc == 0)
		rc = add_routes(ep, box, link.index, &host->err);
	return rc ? rc : wait_for_links(host, ep);
}

int ndrv_fakeep_leave(struct ndrv_fakeep *ep)
{
	struct ndrv_fakehost *host = ep->net->host;
	struct ndrv_call *call = ndrv_fakehost_call(host, 0);
	int rc = NDRV_HAS(host->ops, leave) ? host->ops->leave(host->self, call, &ep->net->network, &ep->endpoint) : 0;

	if (rc == 0 && ep->box && ep->plugged[0] && !ep->created_in_sandbox) {
		const struct ndrv_link_change down = {.down = 1}, move = {.netns_fd = host->netns_fd, .rename = ep->src};

		rc = ndrv_link_set(ep->box->nl, ep->plugged, 0, &down, &host->err);
		if (rc == 0)
			rc = ndrv_link_set(ep->box->nl, ep->plugged, 0, &move, &host->err);
	}
	if (rc == 0) {
		ep->box = NULL;
		ep->plugged[0] = '\0';
	}
	return rc;
}
