/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/subnets.h"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void add(struct subnets *subnets, const struct ndrv_prefix *prefix)
{
	if (subnets->count == subnets->room) {
		uint32_t room = subnets->room ? subnets->room * 2 : 32;
		struct ndrv_prefix *items = realloc(subnets->items, room * sizeof(*items));
		if (!items) {
			subnets->failed = true;
			return;
		}
		subnets->items = items;
		subnets->room = room;
	}
	subnets->items[subnets->count++] = *prefix;
}

static void see_route(const struct nlmsghdr *reply, void *data)
{
	struct subnets *subnets = data;
	struct nlattr *attributes[RTA_MAX + 1];
	struct ndrv_prefix prefix = {0};

	if (!reply) {
		subnets->count = 0;
		return;
	}
	struct nlmsghdr *message;
	memcpy(&message, &reply, sizeof(message)); /* nlmsg_parse() takes it without const and does not write to it */
	if (reply->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(message, sizeof(struct rtmsg), attributes, RTA_MAX, NULL) < 0)
		return;
	const struct rtmsg *route = nlmsg_data(reply);
	size_t bytes = route->rtm_family == AF_INET ? 4 : 16;
	if (route->rtm_type != RTN_UNICAST || route->rtm_table != RT_TABLE_MAIN || !route->rtm_dst_len || !attributes[RTA_DST] ||
	    (size_t)nla_len(attributes[RTA_DST]) != bytes)
		return;
	prefix.addr.family = bytes == 4 ? 4 : 6;
	prefix.length = route->rtm_dst_len;
	memcpy(prefix.addr.bytes, nla_data(attributes[RTA_DST]), bytes);
	add(subnets, &prefix);
}

int subnets_list(struct hostns *hostns, const struct ndrv_call *call, uint32_t family, struct subnets *ret, struct ndrv_error *err)
{
	struct rtmsg ask = {.rtm_family = family == 4 ? AF_INET : AF_INET6, .rtm_table = RT_TABLE_MAIN};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
	struct ndrv_nl *nl;

	*ret = (struct subnets){0};
	if (msg && nlmsg_append(msg, &ask, sizeof(ask), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	}
	if (!msg)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "list the host's routes: out of memory");
	int rc = hostns_nl_take(hostns, call, &nl, err);
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	rc = ndrv_nl_dump(nl, msg, see_route, ret, err);
	hostns_nl_give(hostns, nl);
	/* A namespace without any route has no table to list. */
	if (rc && ndrv_error_kind(rc) == NDRV_KIND_NOT_FOUND) {
		ndrv_error_clear(err);
		rc = 0;
	}
	if (!rc && ret->failed)
		rc = ndrv_fail(err, NDRV_E_NO_SERVICE, "list the host's routes: out of memory");
	if (rc)
		subnets_free(ret);
	return rc ? ndrv_wrap(err, rc, "look for a free pool") : 0;
}

void subnets_free(struct subnets *subnets)
{
	free(subnets->items);
	*subnets = (struct subnets){0};
}

bool subnets_overlap(const struct ndrv_prefix *candidate, void *data)
{
	const struct subnets *subnets = data;

	for (uint32_t i = 0; i < subnets->count; i++)
		if (ndrv_prefix_overlaps(candidate, &subnets->items[i]))
			return true;
	return false;
}
