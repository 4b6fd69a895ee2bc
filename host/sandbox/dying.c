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

/* A batch that is never sent leaves no answer; that must not look like success. */
static void expect_nothing(struct ndrv_nl_batch_item *item)
{
	if (!item)
		return;
	item->ignore = ENODEV;
	item->item.sys_errno = ENOBUFS;
}

/* In one message, for the kernel's lock is taken for each. Kernels before 6.2 rename only what is down: there it takes two. */
static void add_mark(struct ndrv_nl_batch *batch, uint32_t index, uint32_t group, bool at_once)
{
	char name[NDRV_IFNAME_MAX];
	struct ndrv_link_change down = {.down = 1, .group = group, .rename = at_once ? name : NULL}, rename = {.rename = name};

	dying_name(index, name);
	expect_nothing(ndrv_link_set_batch(batch, NULL, index, &down));
	if (!at_once)
		expect_nothing(ndrv_link_set_batch(batch, NULL, index, &rename));
}

/* 0: marked. ENODEV: gone. Anything else: not marked. */
static int answer_of(const struct ndrv_nl_batch *batch, uint32_t from, uint32_t to)
{
	int answer = from < to ? 0 : ENOMEM;

	for (uint32_t i = from; i < to; i++) {
		int sys_errno = batch->items[i].item.sys_errno;

		if (sys_errno == ENODEV)
			return ENODEV;
		answer = sys_errno ? sys_errno : answer;
	}
	return answer;
}

/* A pair with both ends here is marked at both, for the name's sake. */
static void send_marks(struct ndrv_nl *nl, uint32_t group, const struct ndrv_link *links, uint32_t count, bool at_once,
		       struct dying_marks *ret)
{
	struct ndrv_link again[DYING_MARK_MAX];
	uint32_t ends[DYING_MARK_MAX + 1] = {0}, again_count = 0;
	struct ndrv_nl_batch batch;

	ndrv_nl_batch_init(&batch, nl);
	for (uint32_t i = 0; i < count; i++) {
		add_mark(&batch, links[i].index, group, at_once);
		if (!strcmp(links[i].kind, "veth") && links[i].netnsid == -1 && links[i].link)
			add_mark(&batch, links[i].link, group, at_once);
		ends[i + 1] = batch.count;
	}
	/* Whatever it says, each answer counts by itself. */
	(void)ndrv_nl_batch_send(&batch, NULL);
	for (uint32_t i = 0; i < count; i++) {
		const struct ndrv_link *link = &links[i];
		int answer = answer_of(&batch, ends[i], ends[i + 1]);

		if (answer == 0)
			ret->ret[ret->count++] =
				(struct dying){.index = link->index, .master = link->master, .netnsid = link->netnsid};
		else if (answer == EBUSY && at_once)
			again[again_count++] = *link;
		else if (answer != ENODEV)
			ret->rest[ret->rest_count++] = link->index;
	}
	ndrv_nl_batch_done(&batch);
	if (again_count)
		send_marks(nl, group, again, again_count, false, ret);
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
		send_marks(nl, group, links, marked, true, ret);
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
