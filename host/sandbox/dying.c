/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/dying.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

static void dying_name(uint32_t index, char ret[NDRV_IFNAME_MAX])
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", index);
	ndrv_link_name(ret, "nx", "", "", text);
}

bool dying_is(const struct ndrv_link *link, uint32_t group)
{
	char name[NDRV_IFNAME_MAX];

	dying_name(link->index, name);
	return link->group - group < NDRV_LINK_GROUPS - 1 && !strcmp(link->name, name);
}

/* --- marking --- */

static bool may_be_marked(const struct ndrv_link *link, uint32_t group)
{
	uint32_t living = group - 1;

	return link->group - living < NDRV_LINK_GROUPS && (!strcmp(link->kind, "veth") || !strcmp(link->kind, "bridge"));
}

/* Down first: older kernels rename only what is down. */
static void add_mark(struct ndrv_nl_batch *batch, uint32_t index, uint32_t group)
{
	char name[NDRV_IFNAME_MAX];
	struct ndrv_link_change down = {.down = 1, .group = group}, rename = {.rename = name};
	struct ndrv_nl_batch_item *item;

	dying_name(index, name);
	item = ndrv_link_set_batch(batch, NULL, index, &down);
	if (item)
		item->ignore = ENODEV;
	item = ndrv_link_set_batch(batch, NULL, index, &rename);
	if (item)
		item->ignore = ENODEV;
}

static void take_answers(const struct ndrv_nl_batch *batch, uint32_t from, uint32_t to, const struct ndrv_link *link,
			 struct dying_marks *ret)
{
	bool gone = false, failed = false;

	for (uint32_t i = from; i < to; i++) {
		gone |= batch->items[i].item.sys_errno == ENODEV;
		failed |= batch->items[i].item.sys_errno != 0;
	}
	if (gone)
		return;
	if (failed)
		ret->rest[ret->rest_count++] = link->index;
	else
		ret->ret[ret->count++] = (struct dying){.index = link->index, .master = link->master, .netnsid = link->netnsid};
}

/* A pair with both ends here is marked at both, for the name's sake. */
static void send_marks(struct ndrv_nl *nl, uint32_t group, const struct ndrv_link *links, uint32_t count, struct dying_marks *ret)
{
	uint32_t ends[DYING_MARK_MAX + 1] = {0};
	struct ndrv_nl_batch batch;

	ndrv_nl_batch_init(&batch, nl);
	for (uint32_t i = 0; i < count; i++) {
		add_mark(&batch, links[i].index, group);
		if (!strcmp(links[i].kind, "veth") && links[i].netnsid == -1 && links[i].link)
			add_mark(&batch, links[i].link, group);
		ends[i + 1] = batch.count;
	}
	/* Whatever it says, each answer counts by itself. */
	if (ndrv_nl_batch_send(&batch, NULL) && batch.count != ends[count])
		ends[count] = batch.count;
	for (uint32_t i = 0; i < count; i++)
		if (ends[i + 1] > ends[i])
			take_answers(&batch, ends[i], ends[i + 1], &links[i], ret);
		else
			ret->rest[ret->rest_count++] = links[i].index;
	ndrv_nl_batch_done(&batch);
}

int dying_mark(struct ndrv_nl *nl, uint32_t group, const uint32_t *indexes, uint32_t count, struct dying_marks *ret,
	       struct ndrv_error *err)
{
	struct ndrv_link links[DYING_MARK_MAX];
	uint32_t marked = 0;
	int rc = ndrv_link_get_many(nl, indexes, count, links, err);

	ret->count = ret->rest_count = 0;
	if (rc)
		return rc;
	for (uint32_t i = 0; i < count; i++) {
		if (!links[i].index)
			continue;
		if (may_be_marked(&links[i], group))
			links[marked++] = links[i];
		else
			ret->rest[ret->rest_count++] = links[i].index;
	}
	if (marked)
		send_marks(nl, group, links, marked, ret);
	return 0;
}

int dying_check(struct ndrv_nl *nl, uint32_t group, uint32_t *indexes, uint32_t *count, struct ndrv_error *err)
{
	struct ndrv_link links[NDRV_NL_BATCH_MAX];
	uint32_t kept = 0;

	for (uint32_t at = 0; at < *count;) {
		uint32_t n = *count - at < NDRV_NL_BATCH_MAX ? *count - at : NDRV_NL_BATCH_MAX;
		int rc = ndrv_link_get_many(nl, indexes + at, n, links, err);

		if (rc)
			return rc;
		at += n;
		for (uint32_t i = 0; i < n; i++)
			if (links[i].index && dying_is(&links[i], group))
				indexes[kept++] = links[i].index;
	}
	*count = kept;
	return 0;
}

/* --- deleting --- */

static int send_group(struct ndrv_nl *nl, uint32_t group, const uint32_t *indexes, uint32_t count, uint32_t *ret_marked)
{
	/* Each leaves its bridge by itself, and the lock is free in between; a deletion would hold it for all of them. */
	struct ndrv_link_change change = {.group = group, .no_master = 1};
	struct ndrv_nl_batch batch;

	ndrv_nl_batch_init(&batch, nl);
	for (uint32_t i = 0; i < count; i++) {
		struct ndrv_nl_batch_item *item = ndrv_link_set_batch(&batch, NULL, indexes[i], &change);
		if (item)
			item->ignore = ENODEV;
	}
	int rc = ndrv_nl_batch_send(&batch, NULL);
	*ret_marked = 0;
	for (uint32_t i = 0; i < batch.count; i++)
		*ret_marked += batch.items[i].item.sys_errno == 0;
	ndrv_nl_batch_done(&batch);
	return rc;
}

static int send_delete(struct ndrv_nl *nl, uint32_t group)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_DELLINK, 0);

	if (msg && (nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) || nla_put_u32(msg, IFLA_GROUP, group))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return ndrv_nl_send(nl, msg, NULL, "delete the interfaces of group %u", group);
}

int dying_delete(struct ndrv_nl *nl, uint32_t group, const uint32_t *indexes, uint32_t count)
{
	uint32_t marked = 0;
	int rc = send_group(nl, group, indexes, count, &marked);

	return rc || !marked ? rc : send_delete(nl, group);
}

/* --- namespaces --- */

static void take_netnsid(const struct nlmsghdr *reply, void *data)
{
	const struct nlattr *attr;

	if (!reply || reply->nlmsg_type != RTM_NEWNSID)
		return;
	attr = nla_find(nlmsg_attrdata(reply, sizeof(struct rtgenmsg)), nlmsg_attrlen(reply, sizeof(struct rtgenmsg)), NETNSA_NSID);
	if (attr && nla_len(attr) >= (int)sizeof(int32_t))
		*(int32_t *)data = nla_get_s32(attr);
}

int dying_netnsid(struct ndrv_nl *nl, int netns_fd, int32_t *ret, struct ndrv_error *err)
{
	struct rtgenmsg gen = {.rtgen_family = AF_UNSPEC};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNSID, 0);
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	*ret = -1;
	if (msg && (nlmsg_append(msg, &gen, sizeof(gen), NLMSG_ALIGNTO) || nla_put_u32(msg, NETNSA_FD, (uint32_t)netns_fd))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	ndrv_nl_batch_init(&batch, nl);
	item = ndrv_nl_batch_add(&batch, msg, "look up a network namespace");
	if (item) {
		item->item.reply = take_netnsid;
		item->item.data = ret;
	}
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}
