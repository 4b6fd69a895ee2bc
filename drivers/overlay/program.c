/* SPDX-License-Identifier: Apache-2.0 */
/* One peer is two or three kernel entries, written by hand into fixed buffers and sent many at a time: the MAC address in VXLAN
 * (with its node) and in the bridge (behind the VXLAN port) by one message, and each address as a neighbour of the bridge, which
 * answers ARP and neighbour solicitations from it. */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WRITE_MAX 256	/* entries of one exchange */
#define MESSAGE_MAX 128 /* bytes of one message */
#define TRIES 3

struct writer {
	struct ndrv_call *call;
	struct net *net;
	uint32_t count, failed;
	struct ndrv_error why; /* of the first entry that failed */
	int given_up;	       /* the exchange itself failed: nothing more is sent */
	struct entry entries[WRITE_MAX];
	struct ndrv_nl_item items[WRITE_MAX];
	_Alignas(8) uint8_t messages[WRITE_MAX][MESSAGE_MAX];
};

/* --- messages --- */

static uint32_t align(uint32_t bytes)
{
	return (bytes + 3) & ~3u;
}

static void put(struct nlmsghdr *message, uint16_t type, const void *data, uint16_t bytes)
{
	struct nlattr attr = {.nla_len = (uint16_t)(sizeof(struct nlattr) + bytes), .nla_type = type};
	uint32_t length = align(message->nlmsg_len);
	uint8_t *at = (uint8_t *)message + length;

	memcpy(at, &attr, sizeof(attr));
	memcpy(at + sizeof(struct nlattr), data, bytes);
	message->nlmsg_len = length + align(attr.nla_len);
}

static uint16_t bytes_of(const struct ndrv_addr *address)
{
	return address->family == 4 ? 4 : 16;
}

/* NOARP: static in the bridge, where PERMANENT would mean the bridge's own address. VXLAN wants REACHABLE besides, and keeps what
 * is NOARP for ever. STICKY: no endpoint here takes it over by sending from it. */
static void fill_mac(const struct net *net, const struct entry *entry, struct nlmsghdr *message, struct ndmsg *nd)
{
	nd->ndm_family = AF_BRIDGE;
	nd->ndm_ifindex = (int)net->subnets[entry->subnet].vxlan_index;
	nd->ndm_state = NUD_NOARP | NUD_REACHABLE;
	nd->ndm_flags = (uint8_t)((entry->self ? NTF_SELF : 0) | (entry->master ? NTF_MASTER : 0));
	put(message, NDA_LLADDR, entry->mac.bytes, sizeof(entry->mac.bytes));
	if (!entry->set)
		return;
	nd->ndm_flags |= NTF_STICKY;
	put(message, NDA_DST, entry->vtep.bytes, bytes_of(&entry->vtep));
}

static void fill_address(const struct net *net, const struct entry *entry, struct nlmsghdr *message, struct ndmsg *nd)
{
	uint8_t protocol = (uint8_t)net->protocol;

	nd->ndm_family = entry->address.family == 4 ? AF_INET : AF_INET6;
	nd->ndm_ifindex = (int)net->subnets[entry->subnet].bridge_index;
	nd->ndm_state = NUD_PERMANENT;
	put(message, NDA_DST, entry->address.bytes, bytes_of(&entry->address));
	if (!entry->set)
		return;
	put(message, NDA_LLADDR, entry->mac.bytes, sizeof(entry->mac.bytes));
	put(message, NDA_PROTOCOL, &protocol, sizeof(protocol));
}

static void fill(const struct net *net, const struct entry *entry, void *buffer)
{
	struct nlmsghdr *message = buffer;
	struct ndmsg *nd = (void *)((uint8_t *)buffer + NLMSG_HDRLEN);

	*message = (struct nlmsghdr){.nlmsg_len = NLMSG_HDRLEN + sizeof(*nd),
				     .nlmsg_type = entry->set ? RTM_NEWNEIGH : RTM_DELNEIGH,
				     .nlmsg_flags = entry->set ? NLM_F_CREATE | NLM_F_REPLACE : 0};
	*nd = (struct ndmsg){0};
	if (entry->kind == PEER_MAC)
		fill_mac(net, entry, message, nd);
	else
		fill_address(net, entry, message, nd);
}

/* --- the writer --- */

struct writer *writer_new(struct ndrv_call *call, struct net *net)
{
	struct writer *writer = malloc(sizeof(*writer));

	if (!writer)
		return NULL;
	writer->call = call;
	writer->net = net;
	writer->count = writer->failed = 0;
	writer->given_up = 0;
	writer->why = (struct ndrv_error){0};
	return writer;
}

/* While its tables grow, or memory is short, the kernel may refuse what it takes a moment later. */
static bool may_pass(int sys_errno)
{
	return sys_errno == ENOBUFS || sys_errno == ENOSPC || sys_errno == EBUSY || sys_errno == EAGAIN || sys_errno == ENOMEM;
}

static void judge(struct writer *writer, const struct entry *entry, const struct ndrv_nl_item *item)
{
	char mac[NDRV_MAC_TEXT], address[NDRV_ADDR_TEXT];
	const char *what = entry->kind == PEER_MAC ? ndrv_mac_format(&entry->mac, mac) : ndrv_addr_format(&entry->address, address);
	bool gone = !entry->set && (item->sys_errno == ENOENT || item->sys_errno == ENODEV);

	if (!item->sys_errno || gone)
		return;
	if (entry->set && entry->peer)
		entry->peer->in &= (uint8_t)~PEER_BIT(entry->kind);
	if (!writer->failed++)
		(void)ndrv_fail_errno(&writer->why, item->sys_errno, "%s %s on %s%s%s", entry->set ? "enter" : "delete", what,
				      entry->kind == PEER_MAC ? writer->net->subnets[entry->subnet].vxlan
							      : writer->net->subnets[entry->subnet].bridge,
				      item->text[0] ? ": " : "", item->text);
}

/* Sends entries[0..count) and keeps those that are to be tried again. */
static uint32_t send_once(struct writer *writer, uint32_t count, bool last)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		fill(writer->net, &writer->entries[i], writer->messages[i]);
		writer->items[i] = (struct ndrv_nl_item){.message = (void *)writer->messages[i]};
	}
	if (!writer->given_up)
		writer->given_up = ndrv_nl_transact(writer->call->host_nl, writer->items, count, writer->call->err);
	for (uint32_t i = 0; i < count; i++) {
		if (writer->given_up)
			writer->items[i].sys_errno = ENOBUFS;
		if (may_pass(writer->items[i].sys_errno) && !last && !writer->given_up)
			writer->entries[kept++] = writer->entries[i];
		else
			judge(writer, &writer->entries[i], &writer->items[i]);
	}
	return kept;
}

static void writer_flush(struct writer *writer)
{
	uint32_t left = writer->count;

	for (int try = 1; left && try <= TRIES; try++)
		left = send_once(writer, left, try == TRIES);
	writer->count = 0;
}

void writer_add(struct writer *writer, const struct entry *entry)
{
	if (writer->count == WRITE_MAX)
		writer_flush(writer);
	writer->entries[writer->count++] = *entry;
}

int writer_end(struct writer *writer)
{
	struct ndrv_error *err = writer->call->err;
	int rc;

	writer_flush(writer);
	rc = writer->given_up;
	if (!rc && writer->failed) {
		rc = -writer->why.code;
		if (err)
			*err = writer->why;
		(void)ndrv_wrap(err, rc, "%u entries of the kernel are not as they should be, first", writer->failed);
	}
	free(writer);
	return rc;
}

/* --- from changes to entries --- */

static void enter_winner(struct writer *writer, const struct peer_change *what, struct peer *winner, struct peer *holder)
{
	if (winner->in & PEER_BIT(what->kind))
		return;
	if (holder)
		holder->in &= (uint8_t)~PEER_BIT(what->kind);
	winner->in |= (uint8_t)PEER_BIT(what->kind);
	writer_add(writer, &(struct entry){
				   .kind = what->kind,
				   .subnet = winner->facts.subnet,
				   .set = true,
				   .self = true,
				   .master = true,
				   .address = what->address,
				   .mac = winner->facts.mac,
				   .vtep = winner->facts.vtep,
				   .peer = winner,
			   });
}

/* In two messages where they are two entries: the kernel stops at the first that is gone. */
static void delete_entry(struct writer *writer, const struct peer_change *what, struct peer *holder)
{
	struct entry entry = {.kind = what->kind, .subnet = what->subnet, .self = true, .address = what->address, .mac = what->mac};

	if (holder)
		holder->in &= (uint8_t)~PEER_BIT(what->kind);
	writer_add(writer, &entry);
	if (what->kind != PEER_MAC)
		return;
	entry.self = false;
	entry.master = true;
	writer_add(writer, &entry);
}

static void settle(struct writer *writer, struct peers *peers, const struct peer_change *what)
{
	struct peer *winner = peers_winner(peers, what), *holder = peers_holder(peers, what);

	if (winner && !winner->local)
		enter_winner(writer, what, winner, holder);
	else if (holder || what->was)
		delete_entry(writer, what, holder);
}

/* What there was no memory to note: all peers are looked at, one by one. */
struct look {
	struct writer *writer;
	struct peers *peers;
};

static void look_at(struct peer *peer, void *data)
{
	const struct look *look = data;
	struct peer_change what = {.subnet = peer->facts.subnet, .mac = peer->facts.mac};

	for (what.kind = PEER_ADDRESS4; what.kind < PEER_KINDS; what.kind++) {
		what.address = what.kind == PEER_ADDRESS6 ? peer->facts.address6 : peer->facts.address;
		if (what.kind == PEER_MAC || what.address.family)
			settle(look->writer, look->peers, &what);
	}
}

int net_program(struct ndrv_call *call, struct net *net)
{
	struct peers *peers = &net->peers;
	struct look look = {.peers = peers};
	int rc;

	if (!net->linked || (!peers->change_count && !peers->all_changed)) {
		peers_settled(peers);
		return 0;
	}
	look.writer = writer_new(call, net);
	if (!look.writer) {
		peers->all_changed = true;
		return ndrv_fail_errno(call->err, ENOMEM, "overlay");
	}
	for (size_t i = 0; i < peers->change_count; i++)
		settle(look.writer, peers, &peers->changes[i]);
	if (peers->all_changed)
		peers_each(peers, look_at, &look);
	rc = writer_end(look.writer);
	peers_settled(peers);
	return rc;
}
