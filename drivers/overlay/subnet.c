/* SPDX-License-Identifier: Apache-2.0 */
/* The links of a network, two a subnet, in the host's namespace under names that follow from the ids. */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndrv/route.h>

#define LOOPBACK_MTU 65535 /* of an address that stands for the whole machine nothing follows about the way out */
#define ETHERNET_MTU 1500

/* --- names --- */

/* Bridges nA..., nB...; VXLAN na..., nb...: all with the digits of the network, so that the host knows whose they are. The bridge's
 * MAC address is of the network's id alone: an endpoint that moves finds its gateway as it knew it. */
void net_name_links(const struct ndrv_network *network, struct net *net)
{
	for (uint32_t i = 0; i < SUBNETS_MAX; i++) {
		struct subnet *subnet = &net->subnets[i];
		char letters[3] = {'n', (char)('A' + i), '\0'}, salt[8];
		uint64_t hash;

		ndrv_link_name(subnet->bridge, letters, network->instance, network->id, "");
		letters[1] = (char)('a' + i);
		ndrv_link_name(subnet->vxlan, letters, network->instance, network->id, "");
		(void)snprintf(salt, sizeof(salt), "mac%u", i);
		hash = ndrv_link_hash("overlay", network->id, salt);
		subnet->mac = (struct ndrv_mac){.set = 1, .bytes = {0x0e, 0x42}};
		for (int j = 2; j < 6; j++, hash >>= 8)
			subnet->mac.bytes[j] = (uint8_t)hash;
	}
}

bool link_is_ours(const struct ndrv_network *network, const struct ndrv_link *link, const char *kind)
{
	return link->group == network->link_group && !strcmp(link->kind, kind);
}

bool link_is_dead_or_ours(const struct ndrv_network *network, const struct ndrv_link *link, const char *kind)
{
	return link->group - network->link_group < NDRV_LINK_GROUPS && !strcmp(link->kind, kind);
}

/* --- bridges --- */

/* Netlink has no word for it. Where the file is missing there is no IPv6, or the kernel does not know it, and where it cannot be
 * written the administrator of this container has decided. */
static void write_setting(const char *family, const char *link, const char *name, char value)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, link, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, &value, 1) != 1)
		(void)0;
	(void)close(fd);
}

/* Endpoints may send router advertisements, which the host must not believe. Subnets reach each other through the host. */
static void set_forwarding(const struct net *net, const struct subnet *subnet)
{
	write_setting("ipv6", subnet->bridge, "accept_ra", '0');
	if (net->subnet_count < 2)
		return;
	write_setting("ipv4", subnet->bridge, "forwarding", '1');
	write_setting("ipv6", subnet->bridge, "force_forwarding", '1');
}

static int set_up_bridge(struct ndrv_call *call, const struct net *net, const struct subnet *subnet)
{
	static const struct ndrv_prefix link_local = {.addr = {.family = 6, .bytes = {0xfe, 0x80, [15] = 1}}, .length = 64};
	struct ndrv_link_change quiet = {.no_autoaddress = 1}, up = {.up = 1, .mtu = net->mtu};
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	set_forwarding(net, subnet);
	ndrv_nl_batch_init(&batch, call->host_nl);
	item = ndrv_link_set_batch(&batch, subnet->bridge, subnet->bridge_index, &quiet);
	if (item)
		item->ignore = EAFNOSUPPORT;
	if (subnet->gateway4.addr.family)
		(void)ndrv_address_batch(&batch, subnet->bridge, subnet->bridge_index, &subnet->gateway4);
	if (subnet->pool6.addr.family)
		(void)ndrv_address_batch(&batch, subnet->bridge, subnet->bridge_index, &link_local);
	if (subnet->gateway6.addr.family)
		(void)ndrv_address_batch(&batch, subnet->bridge, subnet->bridge_index, &subnet->gateway6);
	(void)ndrv_link_set_batch(&batch, subnet->bridge, subnet->bridge_index, &up);
	rc = ndrv_nl_batch_send(&batch, call->err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

/* 0 with index 0: it is not there. A stranger's is LINK_EXISTS. */
static int find(struct ndrv_call *call, const struct ndrv_network *network, const char *name, const char *kind,
		struct ndrv_link *ret)
{
	int rc = ndrv_link_get(call->host_nl, name, 0, ret, call->err);

	if (rc == -NDRV_E_NO_LINK) {
		*ret = (struct ndrv_link){0};
		ndrv_error_clear(call->err);
		return 0;
	}
	if (!rc && !link_is_ours(network, ret, kind))
		return ndrv_fail(call->err, NDRV_E_LINK_EXISTS, "interface %s already exists and is not ours", name);
	return rc;
}

static int make_bridge(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct subnet *subnet)
{
	struct ndrv_link_spec spec = {.kind = "bridge", .name = subnet->bridge, .group = network->link_group, .mac = subnet->mac};
	struct ndrv_link link;
	int rc = find(call, network, subnet->bridge, "bridge", &link);

	if (!rc && !link.index)
		rc = ndrv_link_create(call->host_nl, &spec, NULL, NULL, &link, call->err);
	if (rc)
		return rc;
	subnet->bridge_index = link.index;
	return set_up_bridge(call, net, subnet);
}

/* --- VXLAN --- */

static int create_vxlan(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net, struct subnet *subnet,
			const struct vxlan *want)
{
	struct ndrv_link_spec spec = {.kind = "vxlan",
				      .name = subnet->vxlan,
				      .mtu = net->mtu,
				      .master = subnet->bridge_index,
				      .group = network->link_group};
	struct ndrv_link link;
	int blamed, rc = ndrv_link_create(call->host_nl, &spec, vxlan_fill, want, &link, call->err);

	/* The kernel says EEXIST for a name and for a VNI alike, and the name was free. */
	if (rc == -NDRV_E_LINK_EXISTS) {
		blamed = vxlan_blame(call, want->vni, want->port);
		rc = blamed ? blamed
			    : ndrv_fail(
				      call->err, NDRV_E_LINK_EXISTS,
				      "vxlan id %u on port %u is in use by an interface of this host in another network namespace, "
				      "as Docker's own overlay has them: give the network another id or port",
				      want->vni, want->port);
	}
	if (!rc)
		subnet->vxlan_index = link.index;
	return rc;
}

static int start_vxlan(struct ndrv_call *call, const struct net *net, const struct subnet *subnet)
{
	struct ndrv_link_change quiet = {.no_autoaddress = 1}, up = {.up = 1, .mtu = net->mtu, .master = subnet->bridge_index};
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc = vxlan_set_port(call, subnet->vxlan, subnet->vxlan_index, net->flood);

	if (rc)
		return rc;
	ndrv_nl_batch_init(&batch, call->host_nl);
	item = ndrv_link_set_batch(&batch, subnet->vxlan, subnet->vxlan_index, &quiet);
	if (item)
		item->ignore = EAFNOSUPPORT;
	item = ndrv_link_set_batch(&batch, subnet->vxlan, subnet->vxlan_index, &up);
	rc = ndrv_nl_batch_send(&batch, call->err);
	if (rc && item && item->item.sys_errno == EADDRINUSE)
		rc = ndrv_fail(call->err, NDRV_E_FORBIDDEN,
			       "UDP port %u, on which VXLAN listens, is in use by a program of this host", net->port);
	ndrv_nl_batch_done(&batch);
	return rc;
}

/* One that is there and fits stays, with its entries. */
static int make_vxlan(struct ndrv_call *call, const struct ndrv_network *network, struct net *net, struct subnet *subnet,
		      const struct vxlan *want)
{
	struct ndrv_link link;
	struct vxlan found = {0};
	int rc = find(call, network, subnet->vxlan, "vxlan", &link);

	if (!rc && link.index)
		rc = vxlan_get(call, link.index, &found);
	if (rc)
		return rc;
	if (found.index && (found.vni != want->vni || found.port != want->port || found.over6 != want->over6)) {
		rc = ndrv_link_delete(call->host_nl, subnet->vxlan, found.index, call->err);
		found.index = 0;
	}
	if (!rc && !found.index)
		rc = create_vxlan(call, network, net, subnet, want);
	else if (!rc && want->local.family && !ndrv_addr_equal(&found.local, &want->local))
		rc = vxlan_set_local(call, &found, &want->local);
	if (rc)
		return rc;
	if (found.index) {
		subnet->vxlan_index = found.index;
		net->unswept = true;
	}
	if (found.index && link.master != subnet->bridge_index) {
		struct ndrv_link_change port = {.master = subnet->bridge_index};

		rc = ndrv_link_set(call->host_nl, subnet->vxlan, subnet->vxlan_index, &port, call->err);
	}
	return rc ? rc : start_vxlan(call, net, subnet);
}

/* --- all of them --- */

/* What was handed out to this host by its discovery need not be an address of its own: behind a translation it is not. */
static int settle_mtu(struct ndrv_call *call, struct net *net, struct vxlan *want, const struct node *node)
{
	const struct ndrv_addr *bind = node->bind.family ? &node->bind : &node->address;
	uint32_t mtu = 0, header = bind->family == 6 ? 70 : 50;
	int rc = underlay_mtu(call, bind, &mtu);

	if (rc)
		return rc;
	want->over6 = bind->family == 6;
	if (mtu)
		want->local = *bind;
	if (!mtu || mtu >= LOOPBACK_MTU)
		mtu = ETHERNET_MTU;
	net->mtu = net->wanted_mtu ? net->wanted_mtu : mtu > header ? mtu - header : mtu;
	if (net->ipv6 && net->mtu < 1280)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST,
				 "an MTU of %u is left by the interface with this node's address, IPv6 needs 1280", net->mtu);
	return 0;
}

/* The address in the links of an earlier life, for as long as nobody says who this node is. */
static int find_links(struct ndrv_call *call, const struct ndrv_network *network, struct net *net, bool *ret_found)
{
	*ret_found = false;
	for (uint32_t i = 0; i < net->subnet_count; i++) {
		struct ndrv_link bridge, link;
		struct vxlan vxlan = {0};
		int rc = find(call, network, net->subnets[i].bridge, "bridge", &bridge);

		if (!rc)
			rc = find(call, network, net->subnets[i].vxlan, "vxlan", &link);
		if (!rc && link.index)
			rc = vxlan_get(call, link.index, &vxlan);
		if (rc || !bridge.index || !vxlan.index || vxlan.vni != net->subnets[i].vni || vxlan.port != net->port)
			return rc;
		net->subnets[i].bridge_index = bridge.index;
		net->subnets[i].vxlan_index = link.index;
		net->mtu = bridge.mtu;
		net->vtep = vxlan.local;
	}
	*ret_found = net->unswept = true;
	return 0;
}

int net_make_links(struct ndrv_call *call, const struct ndrv_network *network, struct net *net, const struct node *node,
		   bool *ret_found)
{
	struct vxlan want = {.port = net->port, .learning = net->flood};
	struct ndrv_error why = {0}, *err = call->err;
	int rc;

	if (!node->address.family)
		return find_links(call, network, net, ret_found);
	*ret_found = true;
	rc = settle_mtu(call, net, &want, node);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < net->subnet_count && !rc; i++) {
		struct subnet *subnet = &net->subnets[i];

		want.vni = subnet->vni;
		rc = make_bridge(call, network, net, subnet);
		if (!rc)
			rc = make_vxlan(call, network, net, subnet, &want);
	}
	if (!rc) {
		net->vtep = node->address;
		return 0;
	}
	/* A restart that cannot make one right leaves the rest to carry traffic, and so does one that was to be made again. */
	if (!net->linked && !(call->flags & NDRV_CALL_RESTORE)) {
		call->err = &why;
		(void)net_delete_links(call, network, net);
		call->err = err;
	}
	return rc;
}

/* --- the end --- */

static int add_ports(struct ndrv_call *call, const struct ndrv_network *network, uint32_t bridge, uint32_t **list, uint32_t *count)
{
	struct ndrv_link *ports;
	uint32_t found, *grown;
	int rc = ndrv_link_list_ports(call->host_nl, bridge, &ports, &found, call->err);

	if (rc)
		return rc;
	grown = realloc(*list, (*count + found + 2) * sizeof(*grown));
	if (!grown) {
		free(ports);
		return ndrv_fail_errno(call->err, ENOMEM, "overlay");
	}
	*list = grown;
	for (uint32_t i = 0; i < found; i++)
		if (link_is_dead_or_ours(network, &ports[i], "veth") && !strncmp(ports[i].name, "nv", 2) &&
		    ndrv_link_name_is_ours(ports[i].name))
			grown[(*count)++] = ports[i].index;
	free(ports);
	return 0;
}

/* A link that is not there, or not ours, has no number. */
static int find_dead_or_ours(struct ndrv_call *call, const struct ndrv_network *network, const char *name, const char *kind,
			     uint32_t *ret)
{
	struct ndrv_link link;
	int rc = ndrv_link_get(call->host_nl, name, 0, &link, call->err);

	*ret = 0;
	if (!rc && link_is_dead_or_ours(network, &link, kind))
		*ret = link.index;
	if (rc != -NDRV_E_NO_LINK)
		return rc;
	ndrv_error_clear(call->err);
	return 0;
}

int net_delete_links(struct ndrv_call *call, const struct ndrv_network *network, const struct net *net)
{
	uint32_t *list = NULL, count = 0;
	int rc = 0;

	for (uint32_t i = 0; i < SUBNETS_MAX && !rc; i++) {
		uint32_t bridge, vxlan, *grown;

		rc = find_dead_or_ours(call, network, net->subnets[i].bridge, "bridge", &bridge);
		if (!rc)
			rc = find_dead_or_ours(call, network, net->subnets[i].vxlan, "vxlan", &vxlan);
		if (!rc && bridge)
			rc = add_ports(call, network, bridge, &list, &count);
		grown = rc || bridge || !vxlan ? list : realloc(list, (count + 2) * sizeof(*grown));
		if (!rc && vxlan && !grown)
			rc = ndrv_fail_errno(call->err, ENOMEM, "overlay");
		if (rc)
			break;
		list = grown;
		if (vxlan)
			list[count++] = vxlan;
		if (bridge)
			list[count++] = bridge;
	}
	if (!rc && count)
		rc = ndrv_link_delete_many(call->host_nl, list, count, call->err);
	free(list);
	return rc;
}
