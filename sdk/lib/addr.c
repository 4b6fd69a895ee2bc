/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of interfaces. libnl-route builds the messages; the handle sends them. */
#include <ndrv/route.h>

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef int (*build_request)(struct rtnl_addr *addr, int flags, struct nl_msg **ret);

/* NULL: out of memory. */
static struct nl_msg *address_message(build_request build, uint32_t index, const struct ndrv_prefix *address)
{
	int family = address->addr.family == 6 ? AF_INET6 : AF_INET;
	struct rtnl_addr *addr = rtnl_addr_alloc();
	struct nl_addr *local = nl_addr_build(family, address->addr.bytes, family == AF_INET6 ? 16 : 4);
	struct nl_msg *msg = NULL;

	if (addr && local) {
		nl_addr_set_prefixlen(local, (int)address->length);
		rtnl_addr_set_ifindex(addr, (int)index);
		if (family == AF_INET6)
			rtnl_addr_set_flags(addr, IFA_F_NODAD);
		if (rtnl_addr_set_local(addr, local) || build(addr, 0, &msg))
			msg = NULL;
	}
	nl_addr_put(local);
	rtnl_addr_put(addr);
	return msg;
}

static struct ndrv_nl_batch_item *address_batch(struct ndrv_nl_batch *batch, build_request build, const char *verb,
						const char *name, uint32_t index, const struct ndrv_prefix *address)
{
	char text[NDRV_PREFIX_TEXT];
	struct ndrv_nl_batch_item *item;

	item = ndrv_nl_batch_add(batch, address_message(build, index, address), "%s address %s on %s", verb,
				 ndrv_prefix_format(address, text), name);
	ndrv_nl_batch_about(item, name, NULL);
	return item;
}

struct ndrv_nl_batch_item *ndrv_address_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
					      const struct ndrv_prefix *address)
{
	struct ndrv_nl_batch_item *item = address_batch(batch, rtnl_addr_build_add_request, "set", name, index, address);

	if (item)
		item->ignore = EEXIST;
	return item;
}

int ndrv_address_add(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_prefix *address,
		     struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	(void)ndrv_address_batch(&batch, name, index, address);
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

int ndrv_address_delete(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_prefix *address,
			struct ndrv_error *err)
{
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	item = address_batch(&batch, rtnl_addr_build_delete_request, "delete", name, index, address);
	if (item)
		item->ignore = EADDRNOTAVAIL;
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

struct address_list {
	struct ndrv_address *items;
	uint32_t count, room, index;
	int failed;
};

static void parse_address(const struct nlmsghdr *reply, struct address_list *list)
{
	struct nlattr *attrs[IFA_MAX + 1], *local;
	struct nlmsghdr *m;
	const struct ifaddrmsg *ifa;
	struct ndrv_address *to;
	int bytes;

	memcpy(&m, &reply, sizeof(m));
	if (reply->nlmsg_type != RTM_NEWADDR || nlmsg_parse(m, sizeof(*ifa), attrs, IFA_MAX, NULL))
		return;
	ifa = nlmsg_data(reply);
	bytes = ifa->ifa_family == AF_INET6 ? 16 : 4;
	local = attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
	if (!local || nla_len(local) < bytes || (list->index && list->index != ifa->ifa_index))
		return;
	to = &list->items[list->count++];
	memset(to, 0, sizeof(*to));
	to->index = ifa->ifa_index;
	to->flags = attrs[IFA_FLAGS] ? nla_get_u32(attrs[IFA_FLAGS]) : ifa->ifa_flags;
	to->address.addr.family = bytes == 16 ? 6 : 4;
	to->address.length = ifa->ifa_prefixlen;
	memcpy(to->address.addr.bytes, nla_data(local), (size_t)bytes);
}

static void add_address(const struct nlmsghdr *reply, void *data)
{
	struct address_list *list = data;

	if (!reply) {
		list->count = 0;
		return;
	}
	if (list->count == list->room) {
		uint32_t room = list->room ? list->room * 2 : 16;
		struct ndrv_address *grown = realloc(list->items, room * sizeof(*grown));

		if (!grown) {
			list->failed = 1;
			return;
		}
		list->items = grown;
		list->room = room;
	}
	parse_address(reply, list);
}

int ndrv_address_list(struct ndrv_nl *nl, uint32_t index, struct ndrv_address **ret, uint32_t *ret_count, struct ndrv_error *err)
{
	struct address_list list = {.index = index};
	struct ifaddrmsg ifa = {.ifa_family = AF_UNSPEC, .ifa_index = index};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_DUMP);
	int rc;

	if (msg && nlmsg_append(msg, &ifa, sizeof(ifa), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	rc = ndrv_nl_dump(nl, msg, add_address, &list, err);
	if (!rc && list.failed)
		rc = ndrv_fail_errno(err, ENOMEM, "list addresses");
	if (rc) {
		free(list.items);
		return rc;
	}
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}
