/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/overlay/overlay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <ndrv/route.h>

/* Seconds until what was learned is asked for again: a container that was started again elsewhere, with the same MAC address, and
 * has nothing to say itself is not reached for so long. */
#define FLOOD_AGEING 30

/* --- what the kernel says of them --- */

static void parse_data(struct nlattr *data, struct vxlan *ret)
{
	struct nlattr *tb[IFLA_VXLAN_MAX + 1] = {NULL};

	if (!data || nla_parse_nested(tb, IFLA_VXLAN_MAX, data, NULL) < 0)
		return;
	if (tb[IFLA_VXLAN_ID])
		ret->vni = nla_get_u32(tb[IFLA_VXLAN_ID]);
	if (tb[IFLA_VXLAN_PORT])
		ret->port = ntohs(nla_get_u16(tb[IFLA_VXLAN_PORT]));
	if (tb[IFLA_VXLAN_LOCAL] && nla_len(tb[IFLA_VXLAN_LOCAL]) == 4) {
		ret->local.family = 4;
		memcpy(ret->local.bytes, nla_data(tb[IFLA_VXLAN_LOCAL]), 4);
	}
	if (tb[IFLA_VXLAN_LOCAL6] && nla_len(tb[IFLA_VXLAN_LOCAL6]) == 16) {
		ret->local.family = 6;
		memcpy(ret->local.bytes, nla_data(tb[IFLA_VXLAN_LOCAL6]), 16);
	}
	ret->over6 = ret->local.family == 6 || tb[IFLA_VXLAN_GROUP6] != NULL;
	if (ndrv_addr_is_unspecified(&ret->local))
		ret->local = (struct ndrv_addr){0};
}

static bool parse(const struct nlmsghdr *reply, struct vxlan *ret)
{
	struct nlattr *tb[IFLA_MAX + 1] = {NULL}, *info[IFLA_INFO_MAX + 1] = {NULL};
	struct nlmsghdr *message;

	memcpy(&message, &reply, sizeof(message)); /* libnl only reads it */
	*ret = (struct vxlan){0};
	if (reply->nlmsg_type != RTM_NEWLINK || nlmsg_parse(message, sizeof(struct ifinfomsg), tb, IFLA_MAX, NULL) < 0 ||
	    !tb[IFLA_IFNAME] || !tb[IFLA_LINKINFO] || nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) < 0 ||
	    !info[IFLA_INFO_KIND] || strcmp(nla_get_string(info[IFLA_INFO_KIND]), "vxlan") != 0)
		return false;
	ret->index = (uint32_t)((const struct ifinfomsg *)nlmsg_data(message))->ifi_index;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", nla_get_string(tb[IFLA_IFNAME]));
	if (tb[IFLA_GROUP])
		ret->group = nla_get_u32(tb[IFLA_GROUP]);
	parse_data(info[IFLA_INFO_DATA], ret);
	return true;
}

static void take_one(const struct nlmsghdr *reply, void *data)
{
	if (reply)
		(void)parse(reply, data);
}

int vxlan_get(struct ndrv_call *call, uint32_t index, struct vxlan *ret)
{
	struct ifinfomsg ifi = {.ifi_index = (int)index};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	*ret = (struct vxlan){0};
	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	ndrv_nl_batch_init(&batch, call->host_nl);
	item = ndrv_nl_batch_add(&batch, msg, "look at link %u", index);
	if (item) {
		item->item.reply = take_one;
		item->item.data = ret;
	}
	rc = ndrv_nl_batch_send(&batch, call->err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

struct search {
	uint32_t vni;
	uint16_t port;
	struct vxlan found;
};

static void match(const struct nlmsghdr *reply, void *data)
{
	struct search *search = data;
	struct vxlan vxlan;

	if (!reply)
		search->found = (struct vxlan){0};
	else if (parse(reply, &vxlan) && vxlan.vni == search->vni && vxlan.port == search->port)
		search->found = vxlan;
}

int vxlan_blame(struct ndrv_call *call, uint32_t vni, uint16_t port)
{
	struct ifinfomsg ifi = {0};
	struct search search = {.vni = vni, .port = port};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);
	int rc;

	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	rc = ndrv_nl_dump(call->host_nl, msg, match, &search, call->err);
	if (rc || !search.found.index)
		return rc;
	return ndrv_fail(
		call->err, NDRV_E_LINK_EXISTS,
		"vxlan id %u on port %u is in use by interface %s, which is not ours: delete it, or give the network another id",
		vni, port, search.found.name);
}

/* --- making them --- */

/* The family is for ever: of the local address, even where that is left to the kernel. */
int vxlan_fill(struct nl_msg *msg, const void *data)
{
	const struct vxlan *vxlan = data;
	int rc = nla_put_u32(msg, IFLA_VXLAN_ID, vxlan->vni);

	if (!rc)
		rc = nla_put_u16(msg, IFLA_VXLAN_PORT, htons(vxlan->port));
	if (!rc)
		rc = nla_put_u8(msg, IFLA_VXLAN_LEARNING, vxlan->learning);
	if (!rc && vxlan->learning)
		rc = nla_put_u32(msg, IFLA_VXLAN_AGEING, FLOOD_AGEING);
	if (!rc && vxlan->over6)
		rc = nla_put(msg, IFLA_VXLAN_LOCAL6, 16, vxlan->local.bytes);
	else if (!rc && vxlan->local.family)
		rc = nla_put(msg, IFLA_VXLAN_LOCAL, 4, vxlan->local.bytes);
	return rc;
}

int vxlan_set_local(struct ndrv_call *call, const struct vxlan *vxlan, const struct ndrv_addr *local)
{
	struct ifinfomsg ifi = {.ifi_index = (int)vxlan->index};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);
	struct nlattr *info, *data;
	bool over6 = local->family == 6;

	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) == 0 && (info = nla_nest_start(msg, IFLA_LINKINFO)) &&
	    nla_put_string(msg, IFLA_INFO_KIND, "vxlan") == 0 && (data = nla_nest_start(msg, IFLA_INFO_DATA)) &&
	    nla_put(msg, over6 ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL, over6 ? 16 : 4, local->bytes) == 0) {
		(void)nla_nest_end(msg, data);
		(void)nla_nest_end(msg, info);
	} else {
		nlmsg_free(msg);
		msg = NULL;
	}
	return ndrv_nl_send(call->host_nl, msg, call->err, "set the local address of %s", vxlan->name);
}

int vxlan_set_port(struct ndrv_call *call, const char *name, uint32_t index, bool flood)
{
	const struct {
		int type;
		uint8_t on;
	} flags[] = {{IFLA_BRPORT_LEARNING, flood},
		     {IFLA_BRPORT_UNICAST_FLOOD, flood},
		     {IFLA_BRPORT_MCAST_FLOOD, flood},
		     {IFLA_BRPORT_BCAST_FLOOD, flood},
		     {IFLA_BRPORT_NEIGH_SUPPRESS, 1}};
	struct ifinfomsg ifi = {.ifi_family = AF_BRIDGE, .ifi_index = (int)index};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_SETLINK, 0);
	struct nlattr *nest = NULL;
	bool failed = !msg || nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) != 0 ||
		      !(nest = nla_nest_start(msg, IFLA_PROTINFO | NLA_F_NESTED));

	for (size_t i = 0; !failed && i < sizeof(flags) / sizeof(*flags); i++)
		failed = nla_put_u8(msg, flags[i].type, flags[i].on) != 0;
	if (failed) {
		nlmsg_free(msg);
		msg = NULL;
	} else {
		(void)nla_nest_end(msg, nest);
	}
	return ndrv_nl_send(call->host_nl, msg, call->err, "set up bridge port %s", name);
}

/* --- what they run over --- */

int underlay_mtu(struct ndrv_call *call, const struct ndrv_addr *local, uint32_t *ret)
{
	struct ndrv_address *list;
	uint32_t count, index = 0;
	struct ndrv_link link;
	int rc = ndrv_address_list(call->host_nl, 0, &list, &count, call->err);

	*ret = 0;
	if (rc)
		return rc;
	for (uint32_t i = 0; i < count && !index; i++)
		if (ndrv_addr_equal(&list[i].address.addr, local))
			index = list[i].index;
	free(list);
	if (!index)
		return 0;
	rc = ndrv_link_get(call->host_nl, NULL, index, &link, call->err);
	if (!rc)
		*ret = link.mtu;
	return rc;
}
