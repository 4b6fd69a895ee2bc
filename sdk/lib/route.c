/* SPDX-License-Identifier: Apache-2.0 */
/* Routes and neighbours. libnl-route builds the route messages; the handle sends them. */
#include <ndrv/route.h>

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int family_of(const struct ndrv_addr *addr)
{
	return addr->family == 6 ? AF_INET6 : AF_INET;
}

static size_t bytes_of(const struct ndrv_addr *addr)
{
	return addr->family == 6 ? 16 : 4;
}

static struct nl_addr *nl_addr_of(const struct ndrv_addr *addr)
{
	return nl_addr_build(family_of(addr), addr->bytes, bytes_of(addr));
}

/* --- routes --- */

typedef int (*build_request)(struct rtnl_route *route, int flags, struct nl_msg **ret);

static int fill_route(struct rtnl_route *to, struct rtnl_nexthop *hop, uint32_t index, const struct ndrv_route *route,
		      uint32_t protocol, uint32_t metric)
{
	/* The kernel refuses a destination with host bits. */
	struct ndrv_prefix net = ndrv_prefix_network(&route->destination);
	struct nl_addr *dst = nl_addr_of(&net.addr), *via = NULL;
	int rc = -NLE_NOMEM;

	if (route->type == NDRV_ROUTE_NEXTHOP)
		via = nl_addr_of(&route->next_hop);
	if (dst && (via || route->type != NDRV_ROUTE_NEXTHOP)) {
		nl_addr_set_prefixlen(dst, (int)net.length);
		rc = rtnl_route_set_dst(to, dst);
		rtnl_route_set_protocol(to, (uint8_t)(protocol ? protocol : RTPROT_STATIC));
		if (metric)
			rtnl_route_set_priority(to, metric);
		rtnl_route_set_scope(to, via || net.addr.family == 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
		rtnl_route_nh_set_ifindex(hop, (int)index);
		rtnl_route_nh_set_gateway(hop, via);
	}
	nl_addr_put(dst);
	nl_addr_put(via);
	return rc;
}

static struct nl_msg *route_message(build_request build, int flags, uint32_t index, const struct ndrv_route *route,
				    uint32_t protocol, uint32_t metric)
{
	struct rtnl_route *to = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_msg *msg = NULL;

	if (to && hop && !fill_route(to, hop, index, route, protocol, metric)) {
		rtnl_route_add_nexthop(to, hop);
		hop = NULL; /* the route's from here on */
		if (build(to, flags, &msg))
			msg = NULL;
	}
	if (hop)
		rtnl_route_nh_free(hop);
	rtnl_route_put(to);
	return msg;
}

static struct ndrv_nl_batch_item *route_batch(struct ndrv_nl_batch *batch, struct nl_msg *msg, const char *verb, const char *name,
					      const struct ndrv_route *route)
{
	char to[NDRV_PREFIX_TEXT], via[NDRV_ADDR_TEXT] = "";
	struct ndrv_nl_batch_item *item;

	if (route->type == NDRV_ROUTE_NEXTHOP)
		(void)ndrv_addr_format(&route->next_hop, via);
	item = ndrv_nl_batch_add(batch, msg, "%s route to %s%s%s on %s", verb, ndrv_prefix_format(&route->destination, to),
				 via[0] ? " via " : "", via, name);
	ndrv_nl_batch_about(item, name, NULL);
	return item;
}

struct ndrv_nl_batch_item *ndrv_route_metric_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
						   const struct ndrv_route *route, uint32_t protocol, uint32_t metric)
{
	struct nl_msg *msg = route_message(rtnl_route_build_add_request, NLM_F_EXCL, index, route, protocol, metric);

	return route_batch(batch, msg, "add", name, route);
}

struct ndrv_nl_batch_item *ndrv_route_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
					    const struct ndrv_route *route, uint32_t protocol)
{
	return ndrv_route_metric_batch(batch, name, index, route, protocol, 0);
}

int ndrv_route_add(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_route *route, uint32_t protocol,
		   struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	(void)ndrv_route_batch(&batch, name, index, route, protocol);
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

int ndrv_route_delete(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_route *route, struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	item = route_batch(&batch, route_message(rtnl_route_build_del_request, 0, index, route, 0, 0), "delete", name, route);
	if (item)
		item->ignore = ESRCH;
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

/* --- neighbours: by hand, since libnl-route has no protocol (our owner tag) for them --- */

static struct nl_msg *neighbour_message(int type, int flags, uint32_t index, const struct ndrv_addr *addr,
					const struct ndrv_mac *mac, uint32_t protocol)
{
	struct ndmsg nd = {.ndm_family = (unsigned char)family_of(addr), .ndm_ifindex = (int)index, .ndm_state = NUD_PERMANENT};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg)
		return NULL;
	if (nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO) || nla_put(msg, NDA_DST, (int)bytes_of(addr), addr->bytes) ||
	    (mac && nla_put(msg, NDA_LLADDR, sizeof(mac->bytes), mac->bytes)) ||
	    (protocol && nla_put_u8(msg, NDA_PROTOCOL, (uint8_t)protocol))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static struct ndrv_nl_batch_item *neighbour_batch(struct ndrv_nl_batch *batch, struct nl_msg *msg, const char *verb,
						  const char *name, const struct ndrv_addr *addr)
{
	char text[NDRV_ADDR_TEXT];
	struct ndrv_nl_batch_item *item =
		ndrv_nl_batch_add(batch, msg, "%s neighbour %s on %s", verb, ndrv_addr_format(addr, text), name);

	ndrv_nl_batch_about(item, name, NULL);
	return item;
}

struct ndrv_nl_batch_item *ndrv_neighbour_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
						const struct ndrv_addr *addr, const struct ndrv_mac *mac, uint32_t protocol)
{
	return neighbour_batch(batch, neighbour_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, index, addr, mac, protocol),
			       "enter", name, addr);
}

int ndrv_neighbour_add(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_addr *addr,
		       const struct ndrv_mac *mac, uint32_t protocol, struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	(void)ndrv_neighbour_batch(&batch, name, index, addr, mac, protocol);
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

int ndrv_neighbour_delete(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_addr *addr,
			  struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	item = neighbour_batch(&batch, neighbour_message(RTM_DELNEIGH, 0, index, addr, NULL, 0), "delete", name, addr);
	if (item)
		item->ignore = ENOENT;
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}
