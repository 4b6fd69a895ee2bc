/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk/lib/far.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#define ALIAS_ROOM 64

/* A message about a link over there: its index, or its name. */
static struct nl_msg *far_message(int type, int flags, int32_t number, const char *name, uint32_t index)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) == 0 &&
	    (number == FAR_HERE || nla_put_s32(msg, IFLA_TARGET_NETNSID, number) == 0) &&
	    (!name || nla_put_string(msg, IFLA_IFNAME, name) == 0))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* --- numbers of namespaces --- */

static struct nl_msg *number_message(int type, int fd)
{
	struct rtgenmsg gen = {.rtgen_family = AF_UNSPEC};
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	if (msg && nlmsg_append(msg, &gen, sizeof(gen), NLMSG_ALIGNTO) == 0 && nla_put_u32(msg, NETNSA_FD, (uint32_t)fd) == 0 &&
	    (type != RTM_NEWNSID || nla_put_s32(msg, NETNSA_NSID, -1) == 0))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static int32_t parse_number(const struct nlmsghdr *reply)
{
	const struct nlattr *attr;
	struct nlmsghdr *m;

	memcpy(&m, &reply, sizeof(m)); /* nlmsg_find_attr() takes it without const and does not write to it */
	if (reply->nlmsg_type != RTM_NEWNSID)
		return -1;
	attr = nlmsg_find_attr(m, sizeof(struct rtgenmsg), NETNSA_NSID);
	return attr ? nla_get_s32(attr) : -1;
}

static void keep_number(const struct nlmsghdr *reply, void *data)
{
	int32_t *ret = data;

	if (reply)
		*ret = parse_number(reply);
}

int far_number(struct ndrv_nl *nl, int fd, int32_t *ret, struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int32_t number = -1;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	item = ndrv_nl_batch_add(&batch, number_message(RTM_NEWNSID, fd), "number the sandbox's namespace");
	if (item)
		item->ignore = EEXIST;
	item = ndrv_nl_batch_add(&batch, number_message(RTM_GETNSID, fd), "look up the number of the sandbox's namespace");
	if (item) {
		item->item.reply = keep_number;
		item->item.data = &number;
	}
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	if (!rc && number < 0)
		rc = ndrv_fail(err, NDRV_E_NO_SANDBOX, "the kernel has no number for the sandbox's namespace");
	if (!rc)
		*ret = number;
	return rc;
}

struct numbers {
	uint32_t count;
	int32_t items[FAR_MAX];
};

static void add_number(const struct nlmsghdr *reply, void *data)
{
	struct numbers *numbers = data;
	int32_t number;

	if (!reply) {
		numbers->count = 0;
		return;
	}
	number = parse_number(reply);
	if (number >= 0 && numbers->count < FAR_MAX)
		numbers->items[numbers->count++] = number;
}

int far_search(struct ndrv_nl *nl, const char *alias, int32_t *ret_number, struct ndrv_link *ret, struct ndrv_error *err)
{
	struct numbers numbers = {0};
	struct rtgenmsg gen = {.rtgen_family = AF_UNSPEC};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNSID, NLM_F_DUMP);
	int rc;

	if (msg && nlmsg_append(msg, &gen, sizeof(gen), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	rc = ndrv_nl_dump(nl, msg, add_number, &numbers, err);
	for (uint32_t i = 0; i < numbers.count && !rc; i++) {
		if (far_find(nl, numbers.items[i], alias, ret, NULL))
			continue;
		*ret_number = numbers.items[i];
		return 0;
	}
	return rc ? rc : ndrv_fail_object(err, NDRV_E_NO_LINK, alias);
}

/* --- links --- */

struct found {
	const char *wanted; /* alias; NULL: any */
	struct ndrv_link link;
	char alias[ALIAS_ROOM];
};

static void keep_found(const struct nlmsghdr *reply, void *data)
{
	struct found *found = data;
	struct ndrv_link link;
	char alias[ALIAS_ROOM] = "";
	const struct nlattr *attr;
	struct nlmsghdr *m;

	if (!reply) {
		found->link.index = 0;
		return;
	}
	memcpy(&m, &reply, sizeof(m));
	if (ndrv_link_parse(reply, &link))
		return;
	attr = nlmsg_find_attr(m, sizeof(struct ifinfomsg), IFLA_IFALIAS);
	if (attr)
		(void)nla_strlcpy(alias, attr, sizeof(alias));
	if (found->wanted && strcmp(found->wanted, alias) != 0)
		return;
	found->link = link;
	memcpy(found->alias, alias, sizeof(alias));
}

/* A namespace that went away took its number along. */
static int gone(struct ndrv_error *err, int rc, const struct ndrv_error *why, const char *what)
{
	if (why->sys_errno == EINVAL || why->sys_errno == ENODEV || why->sys_errno == ENOENT)
		return ndrv_fail_object(err, NDRV_E_NO_LINK, what);
	if (err)
		*err = *why;
	return rc;
}

int far_get(struct ndrv_nl *nl, int32_t number, const char *name, uint32_t index, struct ndrv_link *ret, char *ret_alias,
	    struct ndrv_error *err)
{
	const char *what = name ? name : "of that number";
	struct found found = {0};
	struct ndrv_error why = {0};
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	item = ndrv_nl_batch_add(&batch, far_message(RTM_GETLINK, 0, number, name, index), "look up interface %s", what);
	if (item) {
		item->item.reply = keep_found;
		item->item.data = &found;
	}
	rc = ndrv_nl_batch_send(&batch, &why);
	ndrv_nl_batch_done(&batch);
	if (rc)
		return gone(err, rc, &why, what);
	if (!found.link.index)
		return ndrv_fail_object(err, NDRV_E_NO_LINK, what);
	*ret = found.link;
	memcpy(ret_alias, found.alias, sizeof(found.alias));
	return 0;
}

int far_find(struct ndrv_nl *nl, int32_t number, const char *alias, struct ndrv_link *ret, struct ndrv_error *err)
{
	struct found found = {.wanted = alias};
	struct ndrv_error why = {0};
	int rc = ndrv_nl_dump(nl, far_message(RTM_GETLINK, NLM_F_DUMP, number, NULL, 0), keep_found, &found, &why);

	if (rc)
		return gone(err, rc, &why, alias);
	if (!found.link.index)
		return ndrv_fail_object(err, NDRV_E_NO_LINK, alias);
	*ret = found.link;
	return 0;
}

int far_set_alias(struct ndrv_nl *nl, uint32_t index, const char *alias, struct ndrv_error *err)
{
	struct nl_msg *msg = far_message(RTM_NEWLINK, 0, FAR_HERE, NULL, index);

	if (msg && nla_put_string(msg, IFLA_IFALIAS, alias)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return ndrv_nl_send(nl, msg, err, "mark interface %s as ours", alias);
}

int far_delete(struct ndrv_nl *nl, int32_t number, uint32_t index, const char *name, struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	item = ndrv_nl_batch_add(&batch, far_message(RTM_DELLINK, 0, number, index ? NULL : name, index), "delete interface %s",
				 name);
	ndrv_nl_batch_about(item, name, NULL);
	if (item)
		item->ignore = ENODEV;
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}
