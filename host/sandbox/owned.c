/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/owned.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIVATE_FIRST 5u

/* Who uses which number stands in rtnetlink.h and in iproute2's rt_protos. */
bool owned_is_private(uint32_t protocol)
{
	static const unsigned char others[] = {RTPROT_GATED,	    RTPROT_RA,	  RTPROT_MRT,	  RTPROT_ZEBRA, RTPROT_BIRD,
					       RTPROT_DNROUTED,	    RTPROT_XORP,  RTPROT_NTK,	  RTPROT_DHCP,	RTPROT_MROUTED,
					       18 /* keepalived */, RTPROT_BABEL, 99 /* openr */, RTPROT_BGP,	RTPROT_ISIS,
					       RTPROT_OSPF,	    RTPROT_RIP,	  RTPROT_EIGRP};

	return protocol >= PRIVATE_FIRST && protocol <= UINT8_MAX && !memchr(others, (int)protocol, sizeof(others));
}

struct listing {
	struct owned_list *list;
	uint32_t protocol;
	enum owned_kind kind;
	uint32_t begun; /* entries before this dump, which may be repeated */
};

static struct nlmsghdr *copy_message(const struct nlmsghdr *from)
{
	struct nlmsghdr *copy = malloc(from->nlmsg_len);

	if (copy)
		memcpy(copy, from, from->nlmsg_len);
	return copy;
}

static void forget_from(struct owned_list *list, uint32_t count)
{
	while (list->count > count)
		free(list->items[--list->count].message);
}

static void add(struct listing *listing, const struct owned *owned, const struct nlmsghdr *message)
{
	struct owned_list *list = listing->list;

	if (list->count == list->room) {
		uint32_t room = list->room ? 2 * list->room : 16;
		struct owned *items = realloc(list->items, room * sizeof(*items));
		if (!items) {
			list->no_memory = true;
			return;
		}
		list->items = items;
		list->room = room;
	}
	struct nlmsghdr *copy = copy_message(message);
	if (!copy) {
		list->no_memory = true;
		return;
	}
	list->items[list->count] = *owned;
	list->items[list->count].kind = listing->kind;
	list->items[list->count++].message = copy;
}

/* nlmsg_parse() takes the message without const and does not write to it. */
static bool parse(const struct nlmsghdr *reply, size_t header, struct nlattr **attributes, int max)
{
	struct nlmsghdr *message;

	memcpy(&message, &reply, sizeof(message));
	return nlmsg_parse(message, (int)header, attributes, max, NULL) >= 0;
}

static struct ndrv_prefix prefix_of(uint32_t family, const struct nlattr *attribute, uint32_t length)
{
	struct ndrv_prefix prefix = {0};
	int bytes = family == AF_INET ? 4 : 16;

	if (!attribute || nla_len(attribute) != bytes)
		return prefix;
	prefix.addr.family = bytes == 4 ? 4 : 6;
	prefix.length = (uint8_t)length;
	memcpy(prefix.addr.bytes, nla_data(attribute), (size_t)bytes);
	return prefix;
}

static void name_of(char *ret, const struct nlattr *attribute)
{
	if (attribute)
		(void)snprintf(ret, NDRV_IFNAME_MAX, "%.*s", nla_len(attribute), (const char *)nla_data(attribute));
}

static uint32_t number_of(const struct nlattr *attribute, uint32_t otherwise)
{
	return attribute && nla_len(attribute) >= 4 ? nla_get_u32(attribute) : otherwise;
}

static void see_route(struct listing *listing, const struct nlmsghdr *reply)
{
	const struct rtmsg *route = nlmsg_data(reply);
	struct nlattr *attributes[RTA_MAX + 1];
	char text[NDRV_PREFIX_TEXT];
	struct owned owned = {0};

	if (reply->nlmsg_type != RTM_NEWROUTE || route->rtm_protocol != listing->protocol || (route->rtm_flags & RTM_F_CLONED) ||
	    !parse(reply, sizeof(*route), attributes, RTA_MAX))
		return;
	owned.index = number_of(attributes[RTA_OIF], 0);
	owned.destination = prefix_of(route->rtm_family, attributes[RTA_DST], route->rtm_dst_len);
	owned.source = prefix_of(route->rtm_family, attributes[RTA_SRC], route->rtm_src_len);
	(void)snprintf(owned.text, sizeof(owned.text), "route %s table %u",
		       owned.destination.addr.family ? ndrv_prefix_format(&owned.destination, text) : "default",
		       number_of(attributes[RTA_TABLE], route->rtm_table));
	add(listing, &owned, reply);
}

static void see_rule(struct listing *listing, const struct nlmsghdr *reply)
{
	const struct fib_rule_hdr *rule = nlmsg_data(reply);
	struct nlattr *attributes[FRA_MAX + 1];
	struct owned owned = {0};

	if (reply->nlmsg_type != RTM_NEWRULE || !parse(reply, sizeof(*rule), attributes, FRA_MAX) || !attributes[FRA_PROTOCOL] ||
	    nla_get_u8(attributes[FRA_PROTOCOL]) != listing->protocol)
		return;
	name_of(owned.iif, attributes[FRA_IIFNAME]);
	name_of(owned.oif, attributes[FRA_OIFNAME]);
	owned.source = prefix_of(rule->family, attributes[FRA_SRC], rule->src_len);
	owned.destination = prefix_of(rule->family, attributes[FRA_DST], rule->dst_len);
	(void)snprintf(owned.text, sizeof(owned.text), "rule %u of %s to table %u", number_of(attributes[FRA_PRIORITY], 0),
		       rule->family == AF_INET ? "IPv4" : "IPv6", number_of(attributes[FRA_TABLE], rule->table));
	add(listing, &owned, reply);
}

static void see_neighbour(struct listing *listing, const struct nlmsghdr *reply)
{
	const struct ndmsg *neighbour = nlmsg_data(reply);
	struct nlattr *attributes[NDA_MAX + 1];
	struct owned owned = {.index = (uint32_t)neighbour->ndm_ifindex};
	char text[NDRV_PREFIX_TEXT];

	if (reply->nlmsg_type != RTM_NEWNEIGH || !parse(reply, sizeof(*neighbour), attributes, NDA_MAX) ||
	    !attributes[NDA_PROTOCOL] || nla_get_u8(attributes[NDA_PROTOCOL]) != listing->protocol)
		return;
	struct ndrv_prefix address = prefix_of(neighbour->ndm_family, attributes[NDA_DST], 0);
	address.length = address.addr.family == 4 ? 32 : 128;
	(void)snprintf(owned.text, sizeof(owned.text), "neighbour %s on interface %u",
		       address.addr.family ? ndrv_prefix_format(&address, text) : "?", owned.index);
	add(listing, &owned, reply);
}

static void see(const struct nlmsghdr *reply, void *data)
{
	static void (*const seers[])(struct listing * listing, const struct nlmsghdr *reply) = {
		[OWNED_ROUTE] = see_route, [OWNED_RULE] = see_rule, [OWNED_NEIGHBOUR] = see_neighbour};
	struct listing *listing = data;

	if (reply)
		seers[listing->kind](listing, reply);
	else
		forget_from(listing->list, listing->begun);
}

static int dump(struct ndrv_nl *nl, struct listing *listing, int type, const void *header, size_t bytes, struct ndrv_error *err)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
	void *at = msg ? nlmsg_reserve(msg, bytes, NLMSG_ALIGNTO) : NULL;

	if (!at) {
		nlmsg_free(msg);
		return ndrv_fail_errno(err, ENOMEM, "list what is marked");
	}
	memcpy(at, header, bytes);
	listing->begun = listing->list->count;
	int rc = ndrv_nl_dump(nl, msg, see, listing, err);
	/* A kernel without this family, or without rules or routes of it. */
	if (rc && (ndrv_error_kind(rc) == NDRV_KIND_NOT_IMPLEMENTED || ndrv_error_kind(rc) == NDRV_KIND_NOT_FOUND)) {
		ndrv_error_clear(err);
		return 0;
	}
	return rc;
}

int owned_list(struct ndrv_nl *nl, uint32_t protocol, struct owned_list *ret, struct ndrv_error *err)
{
	static const unsigned char families[] = {AF_INET, AF_INET6};
	struct listing listing = {.list = ret, .protocol = protocol};
	int rc = 0;

	*ret = (struct owned_list){0};
	for (size_t i = 0; i < sizeof(families) && !rc; i++) {
		/* The kernel leaves out routes of others, of which there may be a million. */
		const struct rtmsg route = {.rtm_family = families[i], .rtm_protocol = (unsigned char)protocol};
		const struct fib_rule_hdr rule = {.family = families[i]};
		const struct ndmsg neighbour = {.ndm_family = families[i]};
		listing.kind = OWNED_ROUTE;
		rc = dump(nl, &listing, RTM_GETROUTE, &route, sizeof(route), err);
		listing.kind = OWNED_RULE;
		if (!rc)
			rc = dump(nl, &listing, RTM_GETRULE, &rule, sizeof(rule), err);
		listing.kind = OWNED_NEIGHBOUR;
		if (!rc)
			rc = dump(nl, &listing, RTM_GETNEIGH, &neighbour, sizeof(neighbour), err);
	}
	if (!rc && ret->no_memory)
		rc = ndrv_fail_errno(err, ENOMEM, "list what is marked");
	return rc;
}

void owned_list_clear(struct owned_list *list)
{
	forget_from(list, 0);
	free(list->items);
	*list = (struct owned_list){0};
}

int owned_delete(struct ndrv_nl *nl, const struct owned *owned, struct ndrv_error *err)
{
	static const int types[] = {[OWNED_ROUTE] = RTM_DELROUTE, [OWNED_RULE] = RTM_DELRULE, [OWNED_NEIGHBOUR] = RTM_DELNEIGH};
	struct nl_msg *msg = nlmsg_alloc_simple(types[owned->kind], 0);
	struct ndrv_nl_batch batch;

	/* What the kernel says of an object, said back to it, is the object. */
	if (msg && nlmsg_append(msg, nlmsg_data(owned->message), (size_t)nlmsg_datalen(owned->message), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	if (!msg)
		return ndrv_fail_errno(err, ENOMEM, "remove %s", owned->text);
	ndrv_nl_batch_init(&batch, nl);
	struct ndrv_nl_batch_item *item = ndrv_nl_batch_add(&batch, msg, "remove %.50s", owned->text);
	if (item)
		item->ignore = owned->kind == OWNED_ROUTE ? ESRCH : ENOENT;
	int rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	/* Its interface is gone, and it with that. */
	if (rc && ndrv_error_kind(rc) == NDRV_KIND_NOT_FOUND) {
		ndrv_error_clear(err);
		return 0;
	}
	return rc;
}
