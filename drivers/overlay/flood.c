/* SPDX-License-Identifier: Apache-2.0 */
/* Networks whose peers nobody tells of (peers: flood): what has no entry is sent to every other node, by one entry for the MAC
 * address 0 for each of them, and VXLAN learns from what comes back. Nodes are what discovery told; they are in the driver's store,
 * since a platform that tells of a node once does not do so again after a restart of this host. */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KEY_PREFIX "node/"
#define KEY_SELF "self"
#define KEY_BYTES (sizeof(KEY_PREFIX) + NDRV_ADDR_TEXT)

/* --- nodes --- */

static uint32_t node_at(const struct overlay *overlay, const struct ndrv_addr *address)
{
	uint32_t i = 0;

	while (i < overlay->node_count && !ndrv_addr_equal(&overlay->nodes[i], address))
		i++;
	return i;
}

static bool node_add(struct overlay *overlay, const struct ndrv_addr *address)
{
	struct ndrv_addr *grown;

	if (node_at(overlay, address) < overlay->node_count)
		return true;
	grown = realloc(overlay->nodes, (overlay->node_count + 1) * sizeof(*grown));
	if (!grown)
		return false;
	overlay->nodes = grown;
	grown[overlay->node_count++] = *address;
	overlay->node_serial++;
	return true;
}

static int load_one(const char *key, const void *value, size_t bytes, void *data)
{
	struct overlay *overlay = data;
	struct ndrv_addr address;

	(void)value, (void)bytes;
	if (ndrv_addr_parse(key + strlen(KEY_PREFIX), &address, NULL))
		return 0; /* another version's */
	return node_add(overlay, &address) ? 0 : -NDRV_E_NO_SERVICE;
}

/* "ADDRESS" or "ADDRESS BIND". */
static void load_self(struct overlay *overlay, struct ndrv_call *call)
{
	struct node node = {0};
	char text[2 * NDRV_ADDR_TEXT + 2];
	const void *value;
	size_t bytes;

	if (ndrv_store_get(overlay->host, call->arena, KEY_SELF, &value, &bytes, NULL) || bytes >= sizeof(text))
		return;
	(void)snprintf(text, sizeof(text), "%.*s", (int)bytes, (const char *)value);
	char *bind = strchr(text, ' ');
	if (bind)
		*bind++ = '\0';
	if (ndrv_addr_parse(text, &node.address, NULL) || (bind && ndrv_addr_parse(bind, &node.bind, NULL)))
		return;
	if (!overlay->discovered.address.family)
		overlay->discovered = node;
}

/* With the instance's lock held. */
static int load(struct overlay *overlay, struct ndrv_call *call)
{
	int rc;

	if (overlay->nodes_loaded || !NDRV_HAS(overlay->host, store))
		return 0;
	rc = ndrv_store_scan(overlay->host, KEY_PREFIX, load_one, overlay, call->err);
	if (rc)
		return ndrv_wrap(call->err, rc, "nodes");
	load_self(overlay, call);
	overlay->nodes_loaded = true;
	return 0;
}

int nodes_load(struct overlay *overlay, struct ndrv_call *call)
{
	(void)pthread_mutex_lock(&overlay->lock);
	int rc = load(overlay, call);
	(void)pthread_mutex_unlock(&overlay->lock);
	return rc;
}

int nodes_put_self(struct overlay *overlay, struct ndrv_call *call, const struct node *node)
{
	char text[2 * NDRV_ADDR_TEXT + 2], address[NDRV_ADDR_TEXT], bind[NDRV_ADDR_TEXT];
	int rc;

	(void)snprintf(text, sizeof(text), "%s%s%s", ndrv_addr_format(&node->address, address), node->bind.family ? " " : "",
		       node->bind.family ? ndrv_addr_format(&node->bind, bind) : "");
	(void)pthread_mutex_lock(&overlay->lock);
	rc = load(overlay, call);
	bool same = ndrv_addr_equal(&overlay->discovered.address, &node->address) &&
		    ndrv_addr_equal(&overlay->discovered.bind, &node->bind);
	overlay->discovered = *node;
	if (!rc && !same && NDRV_HAS(overlay->host, store))
		rc = ndrv_store_put(overlay->host, KEY_SELF, text, strlen(text), call->err);
	(void)pthread_mutex_unlock(&overlay->lock);
	return rc;
}

int nodes_drop_self(struct overlay *overlay, struct ndrv_call *call, const struct node *node)
{
	int rc = 0;

	(void)pthread_mutex_lock(&overlay->lock);
	if (ndrv_addr_equal(&overlay->discovered.address, &node->address)) {
		overlay->discovered = (struct node){0};
		if (NDRV_HAS(overlay->host, store))
			rc = ndrv_store_del(overlay->host, KEY_SELF, call->err);
	}
	(void)pthread_mutex_unlock(&overlay->lock);
	return rc;
}

int nodes_change(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_addr *address, bool gone)
{
	char key[KEY_BYTES], text[NDRV_ADDR_TEXT];
	int rc;

	(void)snprintf(key, sizeof(key), KEY_PREFIX "%s", ndrv_addr_format(address, text));
	(void)pthread_mutex_lock(&overlay->lock);
	rc = load(overlay, call);
	uint32_t at = node_at(overlay, address);
	bool known = at < overlay->node_count;
	if (!rc && known && gone) {
		overlay->nodes[at] = overlay->nodes[--overlay->node_count];
		overlay->node_serial++;
	}
	if (!rc && !known && !gone && !node_add(overlay, address))
		rc = ndrv_fail_errno(call->err, ENOMEM, "overlay");
	if (!rc && known == gone && NDRV_HAS(overlay->host, store))
		rc = gone ? ndrv_store_del(overlay->host, key, call->err) : ndrv_store_put(overlay->host, key, "", 0, call->err);
	(void)pthread_mutex_unlock(&overlay->lock);
	return rc;
}

/* --- their entries --- */

struct flood {
	const struct net *net;
	const struct subnet *subnet;
	struct ndrv_addr *nodes; /* those the packets go to: of the underlay's family, and others than this */
	bool *there;
	uint32_t count;
	struct ndrv_nl *nl;
	struct ndrv_nl_batch batch;
	bool more; /* than one batch holds */
};

static const struct ndrv_mac everyone;

static void add_message(struct ndrv_nl_batch *batch, const struct subnet *subnet, bool set, const struct ndrv_mac *mac,
			const struct ndrv_addr *node)
{
	struct ndmsg nd = {.ndm_family = AF_BRIDGE,
			   .ndm_ifindex = (int)subnet->vxlan_index,
			   .ndm_state = NUD_NOARP | NUD_PERMANENT,
			   .ndm_flags = NTF_SELF};
	struct nl_msg *msg = nlmsg_alloc_simple(set ? RTM_NEWNEIGH : RTM_DELNEIGH, set ? NLM_F_CREATE | NLM_F_APPEND : 0);
	char text[NDRV_ADDR_TEXT];

	if (msg && (nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO) || nla_put(msg, NDA_LLADDR, sizeof(mac->bytes), mac->bytes) ||
		    nla_put(msg, NDA_DST, node->family == 4 ? 4 : 16, node->bytes))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	struct ndrv_nl_batch_item *item = ndrv_nl_batch_add(batch, msg, "%s node %s of %s", set ? "enter" : "delete",
							    ndrv_addr_format(node, text), subnet->vxlan);
	if (item)
		item->ignore = set ? EEXIST : ENOENT;
}

static uint32_t find_node(const struct flood *flood, const struct ndrv_addr *address)
{
	uint32_t i = 0;

	while (i < flood->count && !ndrv_addr_equal(&flood->nodes[i], address))
		i++;
	return i;
}

/* What leads to a node that is none is deleted, learned or not; rows' entries are static, and not of this. */
static void look_at_entry(const struct nlmsghdr *reply, void *data)
{
	struct nlattr *tb[NDA_MAX + 1] = {NULL};
	struct flood *flood = data;
	struct ndrv_addr node = {0};
	struct ndrv_mac mac = {.set = 1};
	struct nlmsghdr *message;

	if (!reply) {
		memset(flood->there, 0, flood->count * sizeof(*flood->there));
		ndrv_nl_batch_done(&flood->batch);
		ndrv_nl_batch_init(&flood->batch, flood->nl);
		flood->more = false;
		return;
	}
	memcpy(&message, &reply, sizeof(message)); /* libnl only reads it */
	if (reply->nlmsg_type != RTM_NEWNEIGH || nlmsg_parse(message, sizeof(struct ndmsg), tb, NDA_MAX, NULL) < 0)
		return;
	const struct ndmsg *nd = nlmsg_data(message);
	int bytes = tb[NDA_DST] ? nla_len(tb[NDA_DST]) : 0;
	if ((uint32_t)nd->ndm_ifindex != flood->subnet->vxlan_index || !(nd->ndm_flags & NTF_SELF) || !tb[NDA_LLADDR] ||
	    nla_len(tb[NDA_LLADDR]) != sizeof(mac.bytes) || (bytes != 4 && bytes != 16))
		return;
	memcpy(mac.bytes, nla_data(tb[NDA_LLADDR]), sizeof(mac.bytes));
	node.family = bytes == 4 ? 4 : 6;
	memcpy(node.bytes, nla_data(tb[NDA_DST]), (size_t)bytes);
	bool all = !memcmp(mac.bytes, everyone.bytes, sizeof(mac.bytes));
	uint32_t i = find_node(flood, &node);
	if (all && i < flood->count)
		flood->there[i] = true;
	else if (flood->batch.count == NDRV_NL_BATCH_MAX)
		flood->more = true;
	else if (all || (flood->net->gone.family && ndrv_addr_equal(&node, &flood->net->gone) && !(nd->ndm_state & NUD_NOARP)))
		add_message(&flood->batch, flood->subnet, false, &mac, &node);
}

static int send_batch(struct ndrv_call *call, struct flood *flood)
{
	int rc = ndrv_nl_batch_send(&flood->batch, call->err);

	ndrv_nl_batch_done(&flood->batch);
	ndrv_nl_batch_init(&flood->batch, call->host_nl);
	return rc;
}

static int flood_subnet(struct ndrv_call *call, struct flood *flood)
{
	struct ndmsg nd = {.ndm_family = AF_BRIDGE, .ndm_ifindex = (int)flood->subnet->vxlan_index};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, 0);

	if (msg && nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	flood->more = false;
	memset(flood->there, 0, flood->count * sizeof(*flood->there));
	ndrv_nl_batch_init(&flood->batch, call->host_nl);
	int rc = ndrv_nl_dump(call->host_nl, msg, look_at_entry, flood, call->err);
	for (uint32_t i = 0; i < flood->count && !rc; i++) {
		if (flood->batch.count == NDRV_NL_BATCH_MAX)
			rc = send_batch(call, flood);
		if (!rc && !flood->there[i])
			add_message(&flood->batch, flood->subnet, true, &everyone, &flood->nodes[i]);
	}
	if (!rc)
		rc = send_batch(call, flood);
	ndrv_nl_batch_done(&flood->batch);
	return rc;
}

static bool copy_nodes(struct overlay *overlay, const struct net *net, struct flood *ret, uint64_t *ret_serial)
{
	struct ndrv_addr self;

	(void)pthread_mutex_lock(&overlay->lock);
	*ret_serial = overlay->node_serial;
	self = overlay->configured.family ? overlay->configured : overlay->discovered.address;
	ret->nodes = calloc(overlay->node_count + 1, sizeof(*ret->nodes));
	ret->there = calloc(overlay->node_count + 1, sizeof(*ret->there));
	for (uint32_t i = 0; i < overlay->node_count && ret->nodes; i++) {
		const struct ndrv_addr *node = &overlay->nodes[i];

		if (node->family == net->vtep.family && !ndrv_addr_equal(node, &self) && !ndrv_addr_equal(node, &net->vtep))
			ret->nodes[ret->count++] = *node;
	}
	(void)pthread_mutex_unlock(&overlay->lock);
	return ret->nodes && ret->there;
}

int net_flood(struct overlay *overlay, struct ndrv_call *call, struct net *net)
{
	struct flood flood = {.net = net, .nl = call->host_nl};
	uint64_t serial = 0;
	int rc = 0;

	if (!net->flood || !net->linked)
		return 0;
	if (!copy_nodes(overlay, net, &flood, &serial))
		rc = ndrv_fail_errno(call->err, ENOMEM, "overlay");
	for (uint32_t i = 0; i < net->subnet_count && !rc && net->flooded != serial; i++) {
		flood.subnet = &net->subnets[i];
		do
			rc = flood_subnet(call, &flood);
		while (!rc && flood.more);
	}
	if (!rc)
		net->flooded = serial;
	free(flood.nodes);
	free(flood.there);
	return ndrv_wrap(call->err, rc, "network %.64s", net->id);
}
