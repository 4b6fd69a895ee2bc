/* SPDX-License-Identifier: Apache-2.0 */
/* The "ipvlan" type: each endpoint is an interface of its own with the MAC address of its parent, told apart by IP address. */
#include <linux/if_link.h>
#include <netlink/attr.h>

#include <ndrv/child.h>

#define AT(member) (uint32_t) offsetof(struct ndrv_child_options, member)

/* In the order of IPVLAN_MODE_L2, ..L3, ..L3S; and of no flag, IPVLAN_F_PRIVATE, IPVLAN_F_VEPA. */
#define MODES "l2|l3|l3s"
#define FLAGS "bridge|private|vepa"

static const struct ndrv_option options[] = {
	{.name = NDRV_OPT_PARENT,
	 .type = NDRV_OPTION_STRING,
	 .offset = AT(parent),
	 .doc = "Interface the endpoints sit on. eth0.10 that is not there is made: VLAN 10 on eth0. None: a dummy interface, and "
		"the "
		"network is internal."},
	{.name = "ipvlan_mode",
	 .type = NDRV_OPTION_CHOICE,
	 .offset = AT(mode),
	 .choices = MODES,
	 .fallback = "l2",
	 .doc = "l2: endpoints are hosts on the parent's network. l3: the parent routes for them. l3s: and its firewall sees "
		"that."},
	{.name = "ipvlan_flag",
	 .type = NDRV_OPTION_CHOICE,
	 .offset = AT(flag),
	 .choices = FLAGS,
	 .fallback = "bridge",
	 .doc = "Whether endpoints reach each other: directly, not at all, or by way of a switch that sends back."},
	{.name = NDRV_OPT_MTU,
	 .type = NDRV_OPTION_INT,
	 .offset = AT(mtu),
	 .minimum = 0,
	 .maximum = 65535,
	 .doc = "MTU of the endpoints' interfaces. 0: the parent's."},
	{.name = NDRV_OPT_IFACE_PREFIX,
	 .type = NDRV_OPTION_IFNAME,
	 .offset = AT(prefix),
	 .fallback = "eth",
	 .doc = "Beginning of interface names in the sandbox; a number follows."},
};

static int fill(struct nl_msg *msg, const void *data)
{
	const struct ndrv_child_options *own = data;
	int rc = nla_put_u16(msg, IFLA_IPVLAN_MODE, (uint16_t)own->mode);

	return rc ? rc : nla_put_u16(msg, IFLA_IPVLAN_FLAGS, (uint16_t)own->flag);
}

static uint32_t traits(const struct ndrv_child_options *own)
{
	return NDRV_CHILD_EXCLUSIVE | NDRV_CHILD_PARENT_MAC | (own->mode != IPVLAN_MODE_L2 ? NDRV_CHILD_ROUTED : 0);
}

static const struct ndrv_child_kind kind = {
	.type = "ipvlan",
	.endpoint_prefix = "ni",
	.dummy_prefix = "di",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.fill = fill,
	.traits = traits,
};

static int open_instance(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err)
{
	return ndrv_child_open(host, &kind, ret_self, err);
}

NDRV_DRIVER(&ndrv_child_ops, open_instance, .name = "ipvlan", .version = NDRV_VERSION, .vendor = "ndrv", .types = "ipvlan",
	    .threading = NDRV_THREADS_NETWORK, .flags = NDRV_DRIVER_UNLOADABLE, .data_scope = NDRV_SCOPE_LOCAL,
	    .connectivity_scope = NDRV_SCOPE_GLOBAL);
