/* SPDX-License-Identifier: Apache-2.0 */
/* After a replay the peers are all there is. What else the kernel has (of rows that went while nobody listened) goes, and what it
 * has lost (somebody flushed it) is entered again. */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SEEN_MASTER 1u /* of a MAC entry the bridge's part; PEER_BIT(PEER_MAC) is VXLAN's */

struct sweep {
	struct net *net;
	uint8_t subnet;
	uint8_t kind;
	struct entry *strays;
	size_t count, room;
	bool no_memory;
};

/* --- the kernel's entries --- */

static void add_stray(struct sweep *sweep, const struct entry *entry)
{
	if (sweep->count == sweep->room) {
		size_t room = sweep->room ? sweep->room * 2 : 64;
		struct entry *grown = realloc(sweep->strays, room * sizeof(*grown));

		if (!grown) {
			sweep->no_memory = true;
			return;
		}
		sweep->strays = grown;
		sweep->room = room;
	}
	sweep->strays[sweep->count++] = *entry;
}

static void forget_seen(struct peer *peer, void *data)
{
	(void)data;
	peer->seen = 0;
}

static bool take_address(const struct nlattr *attr, struct ndrv_addr *ret)
{
	int bytes = attr ? nla_len(attr) : 0;

	*ret = (struct ndrv_addr){.family = bytes == 4 ? 4 : 6};
	if (bytes != 4 && bytes != 16)
		return false;
	memcpy(ret->bytes, nla_data(attr), (size_t)bytes);
	return true;
}

static bool take_mac(const struct nlattr *attr, struct ndrv_mac *ret)
{
	*ret = (struct ndrv_mac){.set = 1};
	if (!attr || nla_len(attr) != sizeof(ret->bytes))
		return false;
	memcpy(ret->bytes, nla_data(attr), sizeof(ret->bytes));
	return true;
}

static struct peer *whose(const struct sweep *sweep, const struct entry *entry)
{
	struct peer_change what = {.kind = sweep->kind, .subnet = sweep->subnet, .address = entry->address, .mac = entry->mac};
	struct peer *winner = peers_winner(&sweep->net->peers, &what);

	return winner && !winner->local ? winner : NULL;
}

/* An entry of a MAC address: VXLAN's has a node. PERMANENT in the bridge is the port's own. */
static void see_mac(struct sweep *sweep, const struct ndmsg *nd, struct nlattr **tb)
{
	struct entry entry = {.kind = PEER_MAC, .subnet = sweep->subnet};
	static const uint8_t rest[6];
	struct peer *peer;

	if ((uint32_t)nd->ndm_ifindex != sweep->net->subnets[sweep->subnet].vxlan_index || !take_mac(tb[NDA_LLADDR], &entry.mac))
		return;
	/* What the kernel learned is its own affair. */
	if (sweep->net->flood && !(nd->ndm_state & NUD_NOARP))
		return;
	entry.self = (nd->ndm_flags & NTF_SELF) != 0;
	entry.master = !entry.self;
	if ((entry.master && (nd->ndm_state & NUD_PERMANENT)) || !memcmp(entry.mac.bytes, rest, sizeof(rest)))
		return;
	if (entry.self && !take_address(tb[NDA_DST], &entry.vtep))
		return;
	peer = whose(sweep, &entry);
	if (!peer)
		add_stray(sweep, &entry);
	else if (entry.master)
		peer->seen |= SEEN_MASTER;
	else if (ndrv_addr_equal(&entry.vtep, &peer->facts.vtep))
		peer->seen |= PEER_BIT(PEER_MAC);
}

/* A neighbour: ours by its protocol, which is the owner's tag. */
static void see_address(struct sweep *sweep, const struct ndmsg *nd, struct nlattr **tb)
{
	struct entry entry = {.kind = sweep->kind, .subnet = sweep->subnet};
	struct peer *peer;

	if ((uint32_t)nd->ndm_ifindex != sweep->net->subnets[sweep->subnet].bridge_index || !(nd->ndm_state & NUD_PERMANENT) ||
	    !tb[NDA_PROTOCOL] || nla_get_u8(tb[NDA_PROTOCOL]) != (uint8_t)sweep->net->protocol ||
	    !take_address(tb[NDA_DST], &entry.address) || !take_mac(tb[NDA_LLADDR], &entry.mac))
		return;
	peer = whose(sweep, &entry);
	if (!peer)
		add_stray(sweep, &entry);
	else if (!memcmp(entry.mac.bytes, peer->facts.mac.bytes, sizeof(entry.mac.bytes)))
		peer->seen |= (uint8_t)PEER_BIT(sweep->kind);
}

static void see(const struct nlmsghdr *reply, void *data)
{
	struct nlattr *tb[NDA_MAX + 1] = {NULL};
	struct sweep *sweep = data;
	const struct ndmsg *nd;
	struct nlmsghdr *message;

	if (!reply) {
		sweep->count = 0;
		peers_each(&sweep->net->peers, forget_seen, NULL);
		return;
	}
	memcpy(&message, &reply, sizeof(message)); /* libnl only reads it */
	if (reply->nlmsg_type != RTM_NEWNEIGH || nlmsg_parse(message, sizeof(*nd), tb, NDA_MAX, NULL) < 0)
		return;
	nd = nlmsg_data(message);
	if (sweep->kind == PEER_MAC)
		see_mac(sweep, nd, tb);
	else
		see_address(sweep, nd, tb);
}

static int dump(struct ndrv_call *call, struct sweep *sweep)
{
	const struct subnet *subnet = &sweep->net->subnets[sweep->subnet];
	bool mac = sweep->kind == PEER_MAC;
	struct ndmsg nd = {.ndm_family = sweep->kind == PEER_ADDRESS4 ? AF_INET : AF_INET6};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, 0);

	if (mac)
		nd = (struct ndmsg){.ndm_family = AF_BRIDGE, .ndm_ifindex = (int)subnet->vxlan_index};
	if (!msg || nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO) ||
	    (!mac && nla_put_u32(msg, NDA_IFINDEX, subnet->bridge_index))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return ndrv_nl_dump(call->host_nl, msg, see, sweep, call->err);
}

/* --- what follows --- */

/* An entry the kernel was thought to have, and has not. */
static void miss(struct peer *peer, void *data)
{
	const struct sweep *sweep = data;
	uint8_t bit = (uint8_t)PEER_BIT(sweep->kind);
	bool whole = (peer->seen & bit) && (sweep->kind != PEER_MAC || (peer->seen & SEEN_MASTER));

	if (peer->facts.subnet != sweep->subnet || !(peer->in & bit) || whole)
		return;
	peer->in &= (uint8_t)~bit;
	peers_change(&sweep->net->peers, peer, sweep->kind, false);
}

static int sweep_kind(struct ndrv_call *call, struct sweep *sweep)
{
	struct writer *writer;
	int rc;

	sweep->count = 0;
	peers_each(&sweep->net->peers, forget_seen, NULL);
	rc = dump(call, sweep);
	if (rc)
		return rc;
	peers_each(&sweep->net->peers, miss, sweep);
	rc = net_program(call, sweep->net);
	writer = sweep->count ? writer_new(call, sweep->net) : NULL;
	for (size_t i = 0; writer && i < sweep->count; i++)
		writer_add(writer, &sweep->strays[i]);
	if (writer)
		rc = writer_end(writer);
	return rc;
}

int net_sweep(struct ndrv_call *call, struct net *net)
{
	struct sweep sweep = {.net = net};
	int rc = 0;

	for (uint32_t i = 0; net->linked && i < net->subnet_count && !rc; i++)
		for (sweep.kind = PEER_ADDRESS4; sweep.kind < PEER_KINDS && !rc; sweep.kind++) {
			const struct ndrv_prefix *pool =
				sweep.kind == PEER_ADDRESS6 ? &net->subnets[i].pool6 : &net->subnets[i].pool4;

			sweep.subnet = (uint8_t)i;
			if (sweep.kind == PEER_MAC || pool->addr.family)
				rc = sweep_kind(call, &sweep);
		}
	free(sweep.strays);
	if (!rc && sweep.no_memory)
		rc = ndrv_fail_errno(call->err, ENOMEM, "sweep");
	return rc;
}
