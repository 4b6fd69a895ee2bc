/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/bridge/bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndrv/route.h>

/* --- names --- */

void link_name(char ret[NDRV_IFNAME_MAX], const char *kind, const struct ndrv_network *network, const char *eid)
{
	ndrv_link_name(ret, kind, network->instance, network->id, eid);
}

/* Of the ids too: a bridge that is made again after a loss has the address that endpoints hold as their permanent neighbour. A
 * second digit of "2" marks it as locally assigned, and a first of "0" keeps it apart from nothing else, hence 0e. */
static struct ndrv_mac bridge_mac(const struct ndrv_network *network)
{
	uint64_t hash = ndrv_link_hash(network->instance, network->id, "mac");
	struct ndrv_mac mac = {.set = 1, .bytes = {0x0e, 0x42}};

	for (int i = 2; i < 6; i++, hash >>= 8)
		mac.bytes[i] = (uint8_t)hash;
	return mac;
}

static bool is_ours(const struct ndrv_network *network, const struct ndrv_link *link, const char *kind)
{
	return link->group == network->link_group && !strcmp(link->kind, kind);
}

/* --- the bridge --- */

static int fill_bridge(struct nl_msg *msg, const void *data)
{
	const struct net *net = data;

	return net->options.mcast_snooping ? 0 : nla_put_u8(msg, IFLA_BR_MCAST_SNOOPING, 0);
}

/* An endpoint may send router advertisements; the host must not believe them. Netlink has no word for it. Where the file is missing
 * there is no IPv6, and where it cannot be written the administrator of this container has decided. */
static void refuse_advertisements(const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "0", 1) != 1)
		(void)0;
	(void)close(fd);
}

/* Everything a bridge of ours has; the same again changes nothing. */
static int set_up_bridge(struct ndrv_call *call, const struct net *net)
{
	static const struct ndrv_prefix link_local = {.addr = {.family = 6, .bytes = {0xfe, 0x80, [15] = 1}}, .length = 64};
	struct ndrv_link_change quiet = {.no_autoaddress = 1}, up = {.up = 1, .mtu = (uint32_t)net->options.mtu};
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, call->host_nl);
	item = ndrv_link_set_batch(&batch, net->link, net->index, &quiet);
	if (item)
		item->ignore = EAFNOSUPPORT;
	if (net->gateway4.addr.family)
		(void)ndrv_address_batch(&batch, net->link, net->index, &net->gateway4);
	if (net->gateway6.addr.family) {
		(void)ndrv_address_batch(&batch, net->link, net->index, &link_local);
		(void)ndrv_address_batch(&batch, net->link, net->index, &net->gateway6);
	}
	(void)ndrv_link_set_batch(&batch, net->link, net->index, &up);
	rc = ndrv_nl_batch_send(&batch, call->err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

static int create_bridge(struct ndrv_call *call, const struct ndrv_network *network, struct net *net)
{
	struct ndrv_link_spec spec = {
		.kind = "bridge", .name = net->link, .group = network->link_group, .mac = bridge_mac(network)};
	struct ndrv_link made;
	int rc = ndrv_link_create(call->host_nl, &spec, fill_bridge, net, &made, call->err);

	if (rc)
		return rc;
	net->index = made.index;
	net->mac = spec.mac;
	refuse_advertisements(net->link);
	rc = set_up_bridge(call, net);
	if (rc)
		(void)ndrv_link_delete(call->host_nl, net->link, net->index, NULL);
	return rc;
}

/* The bridge exists. Ours, from an earlier life or a call that was broken off: made right. The user's own: used as it is. */
static int take_bridge(struct ndrv_call *call, const struct ndrv_network *network, struct net *net, const struct ndrv_link *found)
{
	struct ndrv_link_change up = {.up = 1};

	if (strcmp(found->kind, "bridge"))
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "existing interface %s is not a bridge", net->link);
	net->index = found->index;
	net->mac = found->mac;
	net->foreign = !is_ours(network, found, "bridge");
	if (!net->foreign)
		return set_up_bridge(call, net);
	if (!net->options.bridge_name[0])
		return ndrv_fail(call->err, NDRV_E_LINK_EXISTS, "interface %s already exists and is not ours", net->link);
	return found->flags & IFF_UP ? 0 : ndrv_link_set(call->host_nl, net->link, net->index, &up, call->err);
}

int link_make_bridge(struct ndrv_call *call, const struct ndrv_network *network, struct net *net)
{
	struct ndrv_link found;
	int rc = ndrv_link_get(call->host_nl, net->link, 0, &found, call->err);

	if (!rc)
		return take_bridge(call, network, net, &found);
	if (rc != -NDRV_E_NO_LINK)
		return rc;
	ndrv_error_clear(call->err);
	return create_bridge(call, network, net);
}

/* By its owner tag, or the one of links whose deletion was broken off. */
static bool is_dead_or_ours(const struct ndrv_network *network, const struct ndrv_link *link, const char *kind)
{
	return link->group - network->link_group < NDRV_LINK_GROUPS && !strcmp(link->kind, kind);
}

/* The ports of the endpoints, wherever they hang. */
static int delete_pairs(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net)
{
	uint32_t ask[NDRV_NL_BATCH_MAX], count = 0, *indexes = malloc((net->ports + 1) * sizeof(*indexes));
	const struct ep *eps[NDRV_NL_BATCH_MAX], *next = net->eps;
	struct ndrv_link found[NDRV_NL_BATCH_MAX];
	int rc = indexes ? 0 : ndrv_fail_errno(call->err, ENOMEM, "bridge");

	while (next && !rc) {
		uint32_t n = 0;

		for (; next && n < NDRV_NL_BATCH_MAX; next = next->next, n++) {
			eps[n] = next;
			ask[n] = next->outer_index;
		}
		rc = ndrv_link_get_many(call->host_nl, ask, n, found, call->err);
		for (uint32_t i = 0; i < n && !rc && count < net->ports; i++)
			if (!strcmp(found[i].name, eps[i]->outer) && is_dead_or_ours(network, &found[i], "veth"))
				indexes[count++] = found[i].index;
	}
	if (!rc)
		rc = ndrv_link_delete_many(call->host_nl, indexes, count, call->err);
	free(indexes);
	return rc;
}

/* What a creation or deletion that was broken off has left on the bridge, under a name like ours. */
static int delete_ports(struct ndrv_call *call, const struct ndrv_network *network, uint32_t master)
{
	struct ndrv_link *links;
	uint32_t count, found = 0, *indexes;
	int rc = ndrv_link_list_ports(call->host_nl, master, &links, &count, call->err);

	if (rc)
		return rc;
	indexes = malloc((count + 1) * sizeof(*indexes));
	if (!indexes)
		rc = ndrv_fail_errno(call->err, ENOMEM, "bridge");
	for (uint32_t i = 0; i < count && !rc; i++)
		if (is_dead_or_ours(network, &links[i], "veth") && !strncmp(links[i].name, "nv", 2) && strlen(links[i].name) == 14)
			indexes[found++] = links[i].index;
	if (!rc)
		rc = ndrv_link_delete_many(call->host_nl, indexes, found, call->err);
	free(indexes);
	free(links);
	return rc;
}

int link_delete_bridge(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net)
{
	struct ndrv_link found = {0};
	int rc = ndrv_link_get(call->host_nl, net->link, 0, &found, call->err);
	bool gone = rc == -NDRV_E_NO_LINK;

	if (rc && !gone)
		return rc;
	ndrv_error_clear(call->err);
	/* Somebody's interface of that name, on which the creation failed, is none of ours. */
	if (!gone && strcmp(found.kind, "bridge"))
		return 0;
	rc = delete_pairs(call, network, net);
	if (!rc && !gone)
		rc = delete_ports(call, network, found.index);
	if (!rc && !gone && is_ours(network, &found, "bridge"))
		rc = ndrv_link_delete_many(call->host_nl, &found.index, 1, call->err);
	return rc;
}

/* --- the pairs --- */

static int set_port(struct ndrv_call *call, const struct ep *ep, int attribute, bool on, const char *what)
{
	struct ifinfomsg ifi = {.ifi_family = AF_BRIDGE, .ifi_index = (int)ep->outer_index};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_SETLINK, 0);
	struct nlattr *nest;

	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) == 0 &&
	    (nest = nla_nest_start(msg, IFLA_PROTINFO | NLA_F_NESTED)) && nla_put_u8(msg, attribute, on) == 0) {
		(void)nla_nest_end(msg, nest);
	} else {
		nlmsg_free(msg);
		msg = NULL;
	}
	return ndrv_nl_send(call->host_nl, msg, call->err, "%s bridge port %s", what, ep->outer);
}

/* Ports that may not reach each other, only the bridge itself. */
static int isolate_port(struct ndrv_call *call, const struct ep *ep)
{
	return set_port(call, ep, IFLA_BRPORT_ISOLATED, true, "isolate");
}

int link_set_hairpin(struct ndrv_call *call, const struct ep *ep, bool on)
{
	return set_port(call, ep, IFLA_BRPORT_MODE, on, "set hairpin mode of");
}

/* A port has no use for an address of its own, and a thousand of them in one table make each further one slower by a third. The
 * kernel gives one at "up", so that is a message of its own. */
static int start_port(struct ndrv_call *call, const struct ep *ep)
{
	struct ndrv_link_change quiet = {.no_autoaddress = 1}, up = {.up = 1};
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, call->host_nl);
	item = ndrv_link_set_batch(&batch, ep->outer, ep->outer_index, &quiet);
	if (item)
		item->ignore = EAFNOSUPPORT;
	(void)ndrv_link_set_batch(&batch, ep->outer, ep->outer_index, &up);
	rc = ndrv_nl_batch_send(&batch, call->err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

static int create_pair(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep,
		       int netns_fd)
{
	struct ndrv_link_peer peer = {.name = ep->inner, .mac = ep->mac, .mtu = (uint32_t)net->options.mtu, .netns_fd = netns_fd};
	struct ndrv_link_spec spec = {
		.kind = "veth",
		.name = ep->outer,
		.mtu = (uint32_t)net->options.mtu,
		.master = net->index,
		.group = network->link_group,
		.queues = 1,
		.up = 1,
		.peer = &peer,
	};
	struct ndrv_link made;
	int rc = ndrv_link_create(call->host_nl, &spec, NULL, NULL, &made, call->err);

	if (!rc)
		ep->outer_index = made.index;
	return rc;
}

int link_make_pair(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep, int netns_fd)
{
	struct ndrv_link bridge;
	int rc = create_pair(call, network, net, ep, netns_fd);

	/* Left by a call that was broken off: where its other end is, and with what address, nobody knows. */
	if (rc == -NDRV_E_LINK_EXISTS) {
		ndrv_error_clear(call->err);
		rc = link_delete_ours(call, network, ep->outer);
		if (!rc)
			rc = create_pair(call, network, net, ep, netns_fd);
	}
	if (rc == -NDRV_E_NETWORK_FULL)
		return ndrv_fail_object(call->err, NDRV_E_NETWORK_FULL, network->id);
	/* The kernel has no more than "Invalid argument" for it. */
	if (rc && ndrv_link_get(call->host_nl, NULL, net->index, &bridge, NULL) == -NDRV_E_NO_LINK)
		return ndrv_fail(call->err, NDRV_E_NO_LINK,
				 "no interface %s: somebody deleted this network's bridge; delete the network and create it again",
				 net->link);
	/* The host end's name was free just now, and the kernel does not say which end it means. */
	if (rc == -NDRV_E_LINK_EXISTS && netns_fd >= 0)
		return ndrv_fail(call->err, NDRV_E_LINK_EXISTS, "interface %s already exists in the sandbox", ep->inner);
	/* Kept apart before it carries the first packet. */
	if (!rc && !net->options.icc)
		rc = isolate_port(call, ep);
	return rc ? rc : start_port(call, ep);
}

int link_delete_ours(struct ndrv_call *call, const struct ndrv_network *network, const char *name)
{
	struct ndrv_link found;
	int rc = ndrv_link_get(call->host_nl, name, 0, &found, call->err);

	/* One whose deletion was broken off is in a group of the dying. */
	if (!rc && is_dead_or_ours(network, &found, "veth"))
		return ndrv_link_delete_many(call->host_nl, &found.index, 1, call->err);
	if (rc && rc != -NDRV_E_NO_LINK)
		return rc;
	ndrv_error_clear(call->err);
	return 0;
}

int link_check_pair(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct ep *ep)
{
	struct ndrv_link_change change = {.up = 1, .master = net->index};
	struct ndrv_link found;
	int rc = ndrv_link_get(call->host_nl, ep->outer, 0, &found, call->err);

	if (rc)
		return rc;
	if (!is_ours(network, &found, "veth"))
		return ndrv_fail(call->err, NDRV_E_NO_LINK, "no interface %s: the one of that name is not ours", ep->outer);
	ep->outer_index = found.index;
	if (found.master == net->index && (found.flags & IFF_UP))
		return 0;
	rc = ndrv_link_set(call->host_nl, ep->outer, found.index, &change, call->err);
	if (!rc && !net->options.icc)
		rc = isolate_port(call, ep);
	return rc;
}
