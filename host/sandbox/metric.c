/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/metric.h"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#define USUAL 1024 /* what the kernel gives routes of IPv6; of priority 0 */
#define STEP 10	   /* between priorities: networks of one priority that do not push each other into the next */
#define SEEN_MAX 64

struct seen {
	uint32_t protocol;
	uint32_t behind; /* no lower one is free of other hands */
	uint32_t taken[SEEN_MAX], count;
};

static void see(struct seen *seen, uint32_t metric, uint32_t protocol)
{
	if (protocol != seen->protocol || seen->count == SEEN_MAX) {
		if (metric >= seen->behind && metric < UINT32_MAX)
			seen->behind = metric + 1;
	} else {
		seen->taken[seen->count++] = metric;
	}
}

static void look(const struct nlmsghdr *reply, void *data)
{
	struct nlattr *attributes[RTA_MAX + 1];
	struct seen *seen = data;
	struct nlmsghdr *message;

	if (!reply) {
		seen->behind = 0;
		seen->count = 0;
		return;
	}
	memcpy(&message, &reply, sizeof(message)); /* nlmsg_parse() takes it without const and does not write to it */
	if (reply->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(message, sizeof(struct rtmsg), attributes, RTA_MAX, NULL) < 0)
		return;
	const struct rtmsg *route = nlmsg_data(reply);
	if (route->rtm_dst_len == 0 && route->rtm_table == RT_TABLE_MAIN && route->rtm_type == RTN_UNICAST)
		see(seen, attributes[RTA_PRIORITY] ? nla_get_u32(attributes[RTA_PRIORITY]) : 0, route->rtm_protocol);
}

static bool is_taken(const struct seen *seen, uint32_t metric)
{
	for (uint32_t i = 0; i < seen->count; i++)
		if (seen->taken[i] == metric)
			return true;
	return false;
}

int metric_pick(struct sandbox *sandbox, int family, int priority, uint32_t protocol, uint32_t *ret, struct ndrv_error *err)
{
	struct rtmsg ask = {.rtm_family = family == 6 ? AF_INET6 : AF_INET, .rtm_table = RT_TABLE_MAIN};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
	struct seen seen = {.protocol = protocol};

	if (msg && nlmsg_append(msg, &ask, sizeof(ask), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	}
	if (!msg)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	int rc = ndrv_nl_dump(sandbox->nl, msg, look, &seen, err);
	if (rc && ndrv_error_kind(rc) == NDRV_KIND_NOT_FOUND) {
		/* A fresh namespace has no table yet to list. */
		ndrv_error_clear(err);
		rc = 0;
	}
	if (rc)
		return rc;
	*ret = (uint32_t)(USUAL - STEP * priority);
	if (*ret < seen.behind)
		*ret = seen.behind;
	while (is_taken(&seen, *ret))
		(*ret)++;
	return 0;
}
