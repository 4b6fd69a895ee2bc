/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/drivers/overlay_rig.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>

struct node nodes[NODES_MAX];
struct rig_row rows[RIG_ROWS_MAX];
uint64_t rig_revision;

static struct wire wire;
static unsigned node_count;

void rig_on(struct node *node)
{
	wire_go(&wire, (unsigned)(node - nodes));
}

void rig_off(void)
{
	wire_go_home(&wire);
}

/* --- nodes --- */

static void open_node(struct node *node, unsigned number)
{
	*node = (struct node){.ns = wire.hosts[number]};
	(void)snprintf(node->name, sizeof(node->name), "node%u", number + 1);
	(void)snprintf(node->address, sizeof(node->address), "%s", wire.addresses[number]);
	rig_on(node);
	fakehost_open(&node->host, "overlay");
	fakenet_init(&node->net, &node->host, "n1", "10.7.0.0/24", "10.7.0.1/24", "fd07::/64", "fd07::1/64");
	fakenet_label(&node->net, VNIS, "5001,5002");
	assert_ok(rig_node(node, node->address, true, false), &node->host.err);
}

void rig_open(unsigned count, unsigned family, unsigned mtu)
{
	memset(rows, 0, sizeof(rows));
	rig_revision = 0;
	wire_lay(&wire, count, family, mtu);
	node_count = count;
	for (unsigned i = 0; i < count; i++)
		open_node(&nodes[i], i);
}

void rig_close(void)
{
	for (unsigned i = 0; i < node_count; i++) {
		rig_on(&nodes[i]);
		fakehost_close(&nodes[i].host);
	}
	node_count = 0;
	wire_cut(&wire);
}

void rig_add_subnet(struct node *node)
{
	struct ndrv_network *view = &node->net.view;
	struct ndrv_error err = {0};

	node->pools4[0] = node->net.ipv4;
	node->pools6[0] = node->net.ipv6;
	node->pools4[1] = node->pools6[1] = (struct ndrv_ipam_data){.address_space = ""};
	assert_ok(ndrv_prefix_parse("10.8.0.0/24", &node->pools4[1].pool, &err), &err);
	assert_ok(ndrv_prefix_parse("10.8.0.1/24", &node->pools4[1].gateway, &err), &err);
	assert_ok(ndrv_prefix_parse("fd08::/64", &node->pools6[1].pool, &err), &err);
	assert_ok(ndrv_prefix_parse("fd08::1/64", &node->pools6[1].gateway, &err), &err);
	view->ipv4 = (struct ndrv_ipam_list){.count = 2, .element_size = sizeof(node->pools4[0]), .items = node->pools4};
	view->ipv6 = (struct ndrv_ipam_list){.count = 2, .element_size = sizeof(node->pools6[0]), .items = node->pools6};
}

int rig_create(struct node *node)
{
	rig_on(node);
	return fakenet_create(&node->net);
}

int rig_delete(struct node *node, uint32_t flags)
{
	rig_on(node);
	return fakenet_delete(&node->net, flags);
}

/* --- rows --- */

static struct node *joining;

static int add_table_entry(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			   struct ndrv_error *err)
{
	struct rig_row *row = rows;

	(void)join, (void)err;
	assert_string_equal(table, RIG_TABLE);
	assert_true(bytes <= sizeof(row->value));
	while (row->owner && (row->owner != joining || strcmp(row->key, key)))
		assert_true(++row < rows + RIG_ROWS_MAX);
	row->owner = joining;
	(void)snprintf(row->key, sizeof(row->key), "%s", key);
	memcpy(row->value, value, bytes);
	row->bytes = bytes;
	row->revision = ++rig_revision;
	return 0;
}

static void tell_others(const struct node *node, const struct rig_row *row, bool gone)
{
	for (unsigned i = 0; i < node_count; i++)
		if (&nodes[i] != node && nodes[i].net.view.priv && !nodes[i].deaf)
			assert_ok(rig_tell(&nodes[i], row->key, node->name, gone ? NULL : row->value, row->bytes, row->revision, 0),
				  &nodes[i].host.err);
}

static struct rig_row *find_row(const struct node *node, const char *key)
{
	for (struct rig_row *row = rows; row < rows + RIG_ROWS_MAX; row++)
		if (row->owner == node && !strcmp(row->key, key))
			return row;
	return NULL;
}

int rig_connect(struct node *node, struct fakeep *ep, const char *id, const char *address, const char *address6,
		const struct netns *ns)
{
	struct ndrv_join_ops ops;
	int rc;

	rig_on(node);
	rc = fakeep_create(ep, &node->net, id, address, address6, ns, "eth0");
	if (rc)
		return rc;
	ops = *ep->join.ops;
	ops.add_table_entry = add_table_entry;
	ep->join.ops = &ops;
	joining = node;
	rc = fakeep_join(ep);
	ep->join.ops = NULL;
	if (!rc)
		rc = fakeep_plug(ep, ns);
	if (!rc)
		tell_others(node, find_row(node, id), false);
	rig_on(node);
	return rc;
}

void rig_disconnect(struct node *node, struct fakeep *ep, const struct netns *ns)
{
	struct rig_row *row = find_row(node, ep->view.id);

	rig_on(node);
	assert_ok(fakeep_unplug(ep, ns), &node->host.err);
	assert_ok(fakeep_delete(ep, 0), &node->host.err);
	row->revision = ++rig_revision;
	tell_others(node, row, true);
	row->owner = NULL;
	row->key[0] = '\0';
}

int rig_tell(struct node *node, const char *key, const char *owner, const void *value, size_t bytes, uint64_t revision,
	     uint32_t flags)
{
	struct ndrv_table_event event = {.key = key,
					 .value = value,
					 .value_bytes = (uint32_t)bytes,
					 .previous = value ? NULL : "",
					 .revision = revision,
					 .owner = owner};
	struct ndrv_table_batch batch = {.size = sizeof(batch),
					 .flags = flags,
					 .table = RIG_TABLE,
					 .count = key ? 1 : 0,
					 .element_size = sizeof(event),
					 .events = &event};

	rig_on(node);
	return node->host.ops->event_notify(node->host.self, fakehost_call(&node->host, 0), &node->net.view, &batch);
}

int rig_replay(struct node *node)
{
	int rc = rig_tell(node, NULL, NULL, NULL, 0, 0, NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_REPLAY);

	for (struct rig_row *row = rows; row < rows + RIG_ROWS_MAX && !rc; row++)
		if (row->owner && row->owner != node)
			rc = rig_tell(node, row->key, row->owner->name, row->value, row->bytes, row->revision, NDRV_BATCH_REPLAY);
	return rc ? rc : rig_tell(node, NULL, NULL, NULL, 0, 0, NDRV_BATCH_SYNC_END | NDRV_BATCH_REPLAY);
}

int rig_node(struct node *node, const char *address, bool self, bool gone)
{
	struct ndrv_discovery discovery = {.size = sizeof(discovery),
					   .type = NDRV_DISCOVER_NODE,
					   .address = address,
					   .bind_address = "",
					   .self = self,
					   .provider = "",
					   .store_address = ""};
	const struct ndrv_ops *ops = node->host.ops;

	rig_on(node);
	return (gone ? ops->discover_delete : ops->discover_new)(node->host.self, fakehost_call(&node->host, 0), &discovery);
}

size_t rig_row(uint8_t *ret, const char *address, const char *mac, const char *vtep)
{
	const char *texts[] = {address, mac, vtep};
	size_t at = 0;

	for (unsigned i = 0; i < 3; i++) {
		if (!texts[i])
			continue;
		ret[at++] = (uint8_t)((i + 1) << 3 | 2);
		ret[at++] = (uint8_t)strlen(texts[i]);
		memcpy(ret + at, texts[i], strlen(texts[i]));
		at += strlen(texts[i]);
	}
	return at;
}

/* --- what the kernel has --- */

struct wanted {
	struct ndrv_mac mac;
	struct ndrv_addr vtep;
	bool in_vxlan, in_bridge, right;
	unsigned count;
};

static void look(const struct nlmsghdr *reply, void *data)
{
	struct nlattr *tb[NDA_MAX + 1] = {NULL};
	struct wanted *wanted = data;
	const struct ndmsg *nd;
	struct nlmsghdr *m;

	memcpy(&m, &reply, sizeof(m));
	if (!m || nlmsg_parse(m, sizeof(*nd), tb, NDA_MAX, NULL) || !tb[NDA_LLADDR])
		return;
	nd = nlmsg_data(m);
	wanted->count += (nd->ndm_flags & NTF_SELF) && tb[NDA_DST];
	if (memcmp(nla_data(tb[NDA_LLADDR]), wanted->mac.bytes, 6) != 0)
		return;
	if ((nd->ndm_flags & NTF_SELF) && tb[NDA_DST]) {
		wanted->in_vxlan = true;
		wanted->right = !memcmp(nla_data(tb[NDA_DST]), wanted->vtep.bytes, (size_t)nla_len(tb[NDA_DST]));
	} else if (tb[NDA_MASTER] && nd->ndm_state == NUD_NOARP) {
		wanted->in_bridge = true;
	}
}

static void look_at_fdb(struct node *node, struct wanted *wanted)
{
	struct ndrv_nl *nl = netns_nl(&node->ns);
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg nd = {.ndm_family = AF_BRIDGE};
	struct ndrv_error err = {0};

	assert_int_equal(nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO), 0);
	assert_ok(ndrv_nl_dump(nl, msg, look, wanted, &err), &err);
	ndrv_nl_close(nl);
}

bool rig_fdb(struct node *node, const char *mac, const char *vtep)
{
	struct wanted wanted = {0};
	struct ndrv_error err = {0};

	assert_ok(ndrv_mac_parse(mac, &wanted.mac, &err), &err);
	if (vtep)
		assert_ok(ndrv_addr_parse(vtep, &wanted.vtep, &err), &err);
	look_at_fdb(node, &wanted);
	if (!vtep)
		return !wanted.in_vxlan && !wanted.in_bridge;
	return wanted.in_vxlan && wanted.in_bridge && wanted.right;
}

unsigned rig_fdb_count(struct node *node)
{
	struct wanted wanted = {0};

	look_at_fdb(node, &wanted);
	return wanted.count;
}

bool rig_link(struct node *node, char letter, struct ndrv_link *ret)
{
	struct ndrv_nl *nl = netns_nl(&node->ns);
	struct ndrv_error err = {0};
	struct ndrv_link *links;
	uint32_t count;
	bool found = false;

	assert_ok(ndrv_link_list(nl, &links, &count, &err), &err);
	for (uint32_t i = 0; i < count; i++)
		if (ndrv_link_name_is_ours(links[i].name) && links[i].name[1] == letter) {
			*ret = links[i];
			found = true;
		}
	free(links);
	ndrv_nl_close(nl);
	return found;
}
