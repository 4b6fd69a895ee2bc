/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces over a netlink handle. */
#include <ndrv/link.h>

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

/* --- messages --- */

static struct nl_msg *link_message(int type, int flags, uint32_t index, uint32_t ifi_flags, uint32_t ifi_change)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_flags = ifi_flags, .ifi_change = ifi_change};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int put_mac(struct nl_msg *msg, const struct ndrv_mac *mac)
{
	return mac->set ? nla_put(msg, IFLA_ADDRESS, sizeof(mac->bytes), mac->bytes) : 0;
}

static int put_u32(struct nl_msg *msg, int attr, uint32_t value)
{
	return value ? nla_put_u32(msg, attr, value) : 0;
}

static int put_netns(struct nl_msg *msg, int fd)
{
	return fd > 0 ? nla_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)fd) : 0;
}

static int put_queues(struct nl_msg *msg, uint32_t queues)
{
	if (!queues)
		return 0;
	return nla_put_u32(msg, IFLA_NUM_TX_QUEUES, queues) || nla_put_u32(msg, IFLA_NUM_RX_QUEUES, queues) ? -NLE_NOMEM : 0;
}

static int put_peer(struct nl_msg *msg, const struct ndrv_link_peer *peer, uint32_t queues)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nlattr *nest = nla_nest_start(msg, VETH_INFO_PEER);

	if (!nest || nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO))
		return -NLE_NOMEM;
	if (peer->name && nla_put_string(msg, IFLA_IFNAME, peer->name))
		return -NLE_NOMEM;
	if (put_mac(msg, &peer->mac) || put_u32(msg, IFLA_MTU, peer->mtu) || put_netns(msg, peer->netns_fd) ||
	    put_queues(msg, queues))
		return -NLE_NOMEM;
	(void)nla_nest_end(msg, nest);
	return 0;
}

static int put_info(struct nl_msg *msg, const struct ndrv_link_spec *spec, ndrv_link_fill fill, const void *data)
{
	struct nlattr *info, *kind_data;

	info = nla_nest_start(msg, IFLA_LINKINFO);
	if (!info || nla_put_string(msg, IFLA_INFO_KIND, spec->kind))
		return -NLE_NOMEM;
	if (fill || spec->peer) {
		kind_data = nla_nest_start(msg, IFLA_INFO_DATA);
		if (!kind_data || (fill && fill(msg, data)) || (spec->peer && put_peer(msg, spec->peer, spec->queues)))
			return -NLE_NOMEM;
		(void)nla_nest_end(msg, kind_data);
	}
	(void)nla_nest_end(msg, info);
	return 0;
}

struct nl_msg *ndrv_link_create_message(const struct ndrv_link_spec *spec, ndrv_link_fill fill, const void *data)
{
	uint32_t up = spec->up ? IFF_UP : 0;
	struct nl_msg *msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, 0, up, up);

	if (!msg)
		return NULL;
	if ((spec->name && nla_put_string(msg, IFLA_IFNAME, spec->name)) || put_mac(msg, &spec->mac) ||
	    put_u32(msg, IFLA_MTU, spec->mtu) || put_u32(msg, IFLA_MASTER, spec->master) || put_u32(msg, IFLA_LINK, spec->link) ||
	    put_u32(msg, IFLA_GROUP, spec->group) || put_netns(msg, spec->netns_fd) || put_queues(msg, spec->queues) ||
	    put_info(msg, spec, fill, data)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* --- what the kernel says about a link --- */

static void copy_string(char *to, size_t size, const struct nlattr *attr)
{
	if (attr)
		(void)nla_strlcpy(to, attr, size);
}

static void parse_info(struct nlattr *attr, struct ndrv_link *ret)
{
	struct nlattr *info[IFLA_INFO_MAX + 1], *port[IFLA_BRPORT_MAX + 1];
	char slave_kind[16] = "";

	if (nla_parse_nested(info, IFLA_INFO_MAX, attr, NULL))
		return;
	copy_string(ret->kind, sizeof(ret->kind), info[IFLA_INFO_KIND]);
	copy_string(slave_kind, sizeof(slave_kind), info[IFLA_INFO_SLAVE_KIND]);
	if (strcmp(slave_kind, "bridge") || !info[IFLA_INFO_SLAVE_DATA])
		return;
	if (!nla_parse_nested(port, IFLA_BRPORT_MAX, info[IFLA_INFO_SLAVE_DATA], NULL) && port[IFLA_BRPORT_STATE])
		ret->port_state = nla_get_u8(port[IFLA_BRPORT_STATE]);
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

int ndrv_link_parse(const struct nlmsghdr *message, struct ndrv_link *ret)
{
	struct nlattr *attrs[IFLA_MAX + 1];
	struct nlmsghdr *m;
	const struct ifinfomsg *ifi;

	memcpy(&m, &message, sizeof(m)); /* nlmsg_parse() takes it without const and does not write to it */
	if (message->nlmsg_type != RTM_NEWLINK || nlmsg_parse(m, sizeof(*ifi), attrs, IFLA_MAX, NULL))
		return -1;
	ifi = nlmsg_data(message);
	memset(ret, 0, sizeof(*ret));
	ret->index = (uint32_t)ifi->ifi_index;
	ret->flags = ifi->ifi_flags;
	ret->port_state = ret->netnsid = -1;
	copy_string(ret->name, sizeof(ret->name), attrs[IFLA_IFNAME]);
	copy_string(ret->qdisc, sizeof(ret->qdisc), attrs[IFLA_QDISC]);
	ret->mtu = get_u32(attrs[IFLA_MTU]);
	ret->master = get_u32(attrs[IFLA_MASTER]);
	ret->link = get_u32(attrs[IFLA_LINK]);
	ret->group = get_u32(attrs[IFLA_GROUP]);
	if (attrs[IFLA_OPERSTATE])
		ret->operstate = nla_get_u8(attrs[IFLA_OPERSTATE]);
	if (attrs[IFLA_LINK_NETNSID]) {
		ret->netnsid = nla_get_s32(attrs[IFLA_LINK_NETNSID]);
		/* Not this namespace, as where the attribute is absent, but one without a number: it is about to end. */
		if (ret->netnsid < 0)
			ret->netnsid = NDRV_LINK_NETNS_GONE;
	}
	if (attrs[IFLA_ADDRESS] && nla_len(attrs[IFLA_ADDRESS]) == sizeof(ret->mac.bytes)) {
		ret->mac.set = 1;
		memcpy(ret->mac.bytes, nla_data(attrs[IFLA_ADDRESS]), sizeof(ret->mac.bytes));
	}
	if (attrs[IFLA_LINKINFO])
		parse_info(attrs[IFLA_LINKINFO], ret);
	return 0;
}

static void keep_link(const struct nlmsghdr *reply, void *data)
{
	if (reply)
		(void)ndrv_link_parse(reply, data);
}

/* --- create, find --- */

int ndrv_link_create(struct ndrv_nl *nl, const struct ndrv_link_spec *spec, ndrv_link_fill fill, const void *data,
		     struct ndrv_link *ret, struct ndrv_error *err)
{
	const char *name = spec->name ? spec->name : "";
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	struct ndrv_link made = {0};
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	item = ndrv_nl_batch_add(&batch, ndrv_link_create_message(spec, fill, data), "create %s interface %s", spec->kind, name);
	ndrv_nl_batch_about(item, name, spec->kind);
	if (item) {
		item->item.reply = keep_link;
		item->item.data = &made;
	}
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	if (rc || !ret)
		return rc;
	/* Kernels before 6.2 do not echo; one that made the link elsewhere cannot. */
	if (!made.index && spec->name && spec->netns_fd < 1) {
		rc = ndrv_link_get(nl, spec->name, 0, &made, err);
		if (rc)
			return rc;
	}
	*ret = made;
	return 0;
}

static struct ndrv_nl_batch_item *get_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index, struct ndrv_link *ret)
{
	struct nl_msg *msg = link_message(RTM_GETLINK, 0, index, 0, 0);
	struct ndrv_nl_batch_item *item;

	if (msg && ((name && nla_put_string(msg, IFLA_IFNAME, name)) || nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	if (name)
		item = ndrv_nl_batch_add(batch, msg, "look up interface %s", name);
	else
		item = ndrv_nl_batch_add(batch, msg, "look up interface %u", index);
	if (item) {
		ndrv_nl_batch_about(item, name ? name : "of that number", NULL);
		item->item.reply = keep_link;
		item->item.data = ret;
	}
	return item;
}

int ndrv_link_get(struct ndrv_nl *nl, const char *name, uint32_t index, struct ndrv_link *ret, struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	struct ndrv_link found = {0};
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	(void)get_batch(&batch, name, index, &found);
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	if (!rc)
		*ret = found;
	return rc;
}

int ndrv_link_get_many(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, struct ndrv_link *ret, struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	for (uint32_t i = 0; i < count; i++) {
		struct ndrv_nl_batch_item *item;

		memset(&ret[i], 0, sizeof(ret[i]));
		item = get_batch(&batch, NULL, indexes[i], &ret[i]);
		if (item)
			item->ignore = ENODEV;
	}
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

struct link_list {
	struct ndrv_link *items;
	uint32_t count, room;
	uint32_t master; /* 0: all */
	int failed;
};

static void add_link(const struct nlmsghdr *reply, void *data)
{
	struct link_list *list = data;

	if (!reply) {
		list->count = 0;
		return;
	}
	if (list->count == list->room) {
		uint32_t room = list->room ? list->room * 2 : 16;
		struct ndrv_link *grown = realloc(list->items, room * sizeof(*grown));

		if (!grown) {
			list->failed = 1;
			return;
		}
		list->items = grown;
		list->room = room;
	}
	/* An old kernel leaves the choice to us. */
	if (!ndrv_link_parse(reply, &list->items[list->count]) &&
	    (!list->master || list->items[list->count].master == list->master))
		list->count++;
}

int ndrv_link_list_ports(struct ndrv_nl *nl, uint32_t master, struct ndrv_link **ret, uint32_t *ret_count, struct ndrv_error *err)
{
	struct link_list list = {.master = master};
	struct nl_msg *msg = link_message(RTM_GETLINK, NLM_F_DUMP, 0, 0, 0);
	int rc;

	if (msg && (nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) || put_u32(msg, IFLA_MASTER, master))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	rc = ndrv_nl_dump(nl, msg, add_link, &list, err);
	if (!rc && list.failed)
		rc = ndrv_fail_errno(err, ENOMEM, "list interfaces");
	if (rc) {
		free(list.items);
		return rc;
	}
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}

int ndrv_link_list(struct ndrv_nl *nl, struct ndrv_link **ret, uint32_t *ret_count, struct ndrv_error *err)
{
	return ndrv_link_list_ports(nl, 0, ret, ret_count, err);
}

/* --- delete, change --- */

int ndrv_link_delete(struct ndrv_nl *nl, const char *name, uint32_t index, struct ndrv_error *err)
{
	struct nl_msg *msg = link_message(RTM_DELLINK, 0, index, 0, 0);
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	if (msg && !index && nla_put_string(msg, IFLA_IFNAME, name)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	ndrv_nl_batch_init(&batch, nl);
	item = ndrv_nl_batch_add(&batch, msg, "delete interface %s", name ? name : "");
	ndrv_nl_batch_about(item, name, NULL);
	if (item)
		item->ignore = ENODEV;
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

static int delete_one_by_one(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, struct ndrv_error *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < count; i++) {
		int one = ndrv_link_delete(nl, NULL, indexes[i], rc ? NULL : err);

		if (!rc)
			rc = one;
	}
	return rc;
}

int ndrv_link_delete_many(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, struct ndrv_error *err)
{
	int rc;

	if (!count || !nl || !NDRV_HAS(nl->ops, delete_links))
		return delete_one_by_one(nl, indexes, count, err);
	rc = nl->ops->delete_links(nl, indexes, count, err);
	if (rc != -NDRV_E_NOT_IMPLEMENTED)
		return rc;
	ndrv_error_clear(err);
	return delete_one_by_one(nl, indexes, count, err);
}

static int put_no_autoaddress(struct nl_msg *msg)
{
	struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC), *inet6;

	if (!spec)
		return -NLE_NOMEM;
	inet6 = nla_nest_start(msg, AF_INET6);
	if (!inet6 || nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE))
		return -NLE_NOMEM;
	(void)nla_nest_end(msg, inet6);
	(void)nla_nest_end(msg, spec);
	return 0;
}

struct ndrv_nl_batch_item *ndrv_link_set_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
					       const struct ndrv_link_change *change)
{
	uint32_t up = change->up ? IFF_UP : 0, mask = change->up || change->down ? IFF_UP : 0;
	struct nl_msg *msg = link_message(RTM_NEWLINK, 0, index, up, mask);
	struct ndrv_nl_batch_item *item;
	/* The kernel finds the link by index, and IFNAME is then its new name. */
	const char *ifname = index ? change->rename : name;

	if (msg && ((ifname && nla_put_string(msg, IFLA_IFNAME, ifname)) || put_mac(msg, &change->mac) ||
		    put_u32(msg, IFLA_MTU, change->mtu) || put_u32(msg, IFLA_MASTER, change->master) ||
		    (change->no_master && nla_put_u32(msg, IFLA_MASTER, 0)) || put_u32(msg, IFLA_GROUP, change->group) ||
		    put_netns(msg, change->netns_fd) || (change->no_autoaddress && put_no_autoaddress(msg)))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	item = ndrv_nl_batch_add(batch, msg, "change interface %s", name ? name : "");
	ndrv_nl_batch_about(item, change->rename && index ? change->rename : name, NULL);
	return item;
}

int ndrv_link_set(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_link_change *change,
		  struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	struct ndrv_link found;
	int rc;

	if (!index && change->rename) {
		rc = ndrv_link_get(nl, name, 0, &found, err);
		if (rc)
			return rc;
		index = found.index;
	}
	ndrv_nl_batch_init(&batch, nl);
	(void)ndrv_link_set_batch(&batch, name, index, change);
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}
