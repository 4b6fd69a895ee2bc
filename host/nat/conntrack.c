/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nat/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "host/nat/nft.h"

#define AT_ONCE 512u /* deletions between dumps */

struct stale {
	uint8_t family;
	bool gone;		  /* flows to `address`; else flows to this host that were not translated */
	uint16_t port;		  /* of the endpoint, or of the host */
	struct ndrv_addr address; /* of the endpoint, or of the host; unset: any */
};

void conntrack_note(struct conntrack *conntrack, const struct nat_mapping *mapping, bool gone)
{
	if (mapping->protocol != NDRV_PROTO_UDP || mapping->open)
		return;
	if (conntrack->count == conntrack->room) {
		size_t room = conntrack->room ? conntrack->room * 2 : 16;
		struct stale *list = realloc(conntrack->list, room * sizeof(*list));
		if (!list)
			return;
		conntrack->list = list;
		conntrack->room = room;
	}
	conntrack->list[conntrack->count++] = (struct stale){.family = mapping->family,
							     .gone = gone,
							     .port = gone ? mapping->port : mapping->host_port,
							     .address = gone ? mapping->address : mapping->host};
}

void conntrack_done(struct conntrack *conntrack)
{
	free(conntrack->list);
	*conntrack = (struct conntrack){0};
}

/* --- flows --- */

struct tuple {
	struct ndrv_addr source, destination;
	uint8_t protocol;
	uint16_t source_port, destination_port;
};

static void read_addr(struct nlattr *attribute, uint8_t family, struct ndrv_addr *ret)
{
	int bytes = family == 6 ? 16 : 4;

	if (!attribute || nla_len(attribute) != bytes)
		return;
	ret->family = family;
	memcpy(ret->bytes, nla_data(attribute), (size_t)bytes);
}

static bool read_tuple(struct nlattr *attribute, uint8_t family, struct tuple *ret)
{
	struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];

	memset(ret, 0, sizeof(*ret));
	if (!attribute || nla_parse_nested(parts, CTA_TUPLE_MAX, attribute, NULL) || !parts[CTA_TUPLE_IP] ||
	    !parts[CTA_TUPLE_PROTO] || nla_parse_nested(ip, CTA_IP_MAX, parts[CTA_TUPLE_IP], NULL) ||
	    nla_parse_nested(proto, CTA_PROTO_MAX, parts[CTA_TUPLE_PROTO], NULL) || !proto[CTA_PROTO_NUM])
		return false;
	read_addr(ip[family == 6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC], family, &ret->source);
	read_addr(ip[family == 6 ? CTA_IP_V6_DST : CTA_IP_V4_DST], family, &ret->destination);
	ret->protocol = nla_get_u8(proto[CTA_PROTO_NUM]);
	if (proto[CTA_PROTO_SRC_PORT])
		ret->source_port = ntohs(nla_get_u16(proto[CTA_PROTO_SRC_PORT]));
	if (proto[CTA_PROTO_DST_PORT])
		ret->destination_port = ntohs(nla_get_u16(proto[CTA_PROTO_DST_PORT]));
	return true;
}

static bool is_stale(const struct stale *stale, const struct tuple *original, const struct tuple *reply)
{
	bool translated =
		!ndrv_addr_equal(&original->destination, &reply->source) || original->destination_port != reply->source_port;

	if (stale->gone)
		return translated && reply->source_port == stale->port && ndrv_addr_equal(&reply->source, &stale->address);
	return !translated && original->destination_port == stale->port &&
	       (!stale->address.family || ndrv_addr_equal(&original->destination, &stale->address));
}

/* --- the kernel --- */

struct search {
	const struct conntrack *conntrack;
	uint8_t family;
	struct nl_msg *found[AT_ONCE];
	size_t count;
};

static struct nl_msg *message(int type, uint8_t family)
{
	struct nfgenmsg body = {.nfgen_family = family == 6 ? AF_INET6 : AF_INET, .version = NFNETLINK_V0};
	struct nl_msg *msg = nlmsg_alloc_size(512);

	if (!msg)
		return NULL;
	nlmsg_hdr(msg)->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	(void)nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	return msg;
}

static void forget_found(struct search *search)
{
	for (size_t i = 0; i < search->count; i++)
		nlmsg_free(search->found[i]);
	search->count = 0;
}

static void on_flow(const struct nlmsghdr *reply, void *data)
{
	struct search *search = data;
	struct nlattr *attributes[CTA_MAX + 1];
	struct tuple original, back;

	if (!reply) {
		forget_found(search);
		return;
	}
	if (search->count == AT_ONCE || !nft_parse(reply, attributes, CTA_MAX) ||
	    !read_tuple(attributes[CTA_TUPLE_ORIG], search->family, &original) || original.protocol != IPPROTO_UDP ||
	    !read_tuple(attributes[CTA_TUPLE_REPLY], search->family, &back))
		return;
	bool stale = false;
	for (size_t i = 0; i < search->conntrack->count && !stale; i++)
		stale = search->conntrack->list[i].family == search->family &&
			is_stale(&search->conntrack->list[i], &original, &back);
	struct nl_msg *msg = stale ? message(IPCTNL_MSG_CT_DELETE, search->family) : NULL;
	if (!msg)
		return;
	/* By its very number too, or one that came in its place would go. */
	(void)nla_put(msg, CTA_TUPLE_ORIG | NLA_F_NESTED, nla_len(attributes[CTA_TUPLE_ORIG]),
		      nla_data(attributes[CTA_TUPLE_ORIG]));
	if (attributes[CTA_ZONE])
		(void)nla_put(msg, CTA_ZONE, nla_len(attributes[CTA_ZONE]), nla_data(attributes[CTA_ZONE]));
	if (attributes[CTA_ID])
		(void)nla_put(msg, CTA_ID, nla_len(attributes[CTA_ID]), nla_data(attributes[CTA_ID]));
	search->found[search->count++] = msg;
}

/* True: there may be more. */
static bool flush_some(struct nft *nft, struct search *search)
{
	if (nft_ask(nft, message(IPCTNL_MSG_CT_GET, search->family), true, on_flow, search, NULL)) {
		forget_found(search);
		return false;
	}
	size_t count = search->count;
	for (size_t i = 0; i < count; i++)
		(void)nft_ask(nft, search->found[i], false, NULL, NULL, NULL);
	search->count = 0;
	return count == AT_ONCE;
}

void conntrack_flush(struct conntrack *conntrack)
{
	struct search search = {.conntrack = conntrack};
	struct nft *nft;

	if (conntrack->count && !nft_open(&nft, NULL)) {
		for (uint8_t family = 4; family <= 6; family += 2) {
			search.family = family;
			for (int tries = 0; tries < 64 && flush_some(nft, &search); tries++)
				;
		}
		nft_close(nft);
	}
	conntrack->count = 0;
}
