/* SPDX-License-Identifier: Apache-2.0 */
/* The "macvlan" type: each endpoint is an interface of its own, with its own MAC address, on the network of a parent interface. */
#include <linux/if_link.h>
#include <netlink/attr.h>

#include <ndrv/child.h>

#define AT(member) (uint32_t) offsetof(struct ndrv_child_options, member)

static const uint32_t modes[] = {MACVLAN_MODE_BRIDGE, MACVLAN_MODE_PRIVATE, MACVLAN_MODE_VEPA, MACVLAN_MODE_PASSTHRU};
enum { PASSTHRU = 3 };

static const struct ndrv_option options[] = {
	{.name = NDRV_OPT_PARENT,
	 .type = NDRV_OPTION_STRING,
	 .offset = AT(parent),
	 .doc = "Interface the endpoints sit on. eth0.10 that is not there is made: VLAN 10 on eth0. None: a dummy interface, and "
		"the "
		"network is internal."},
	{.name = "macvlan_mode",
	 .type = NDRV_OPTION_CHOICE,
	 .offset = AT(mode),
	 .choices = "bridge|private|vepa|passthru",
	 .fallback = "bridge",
	 .doc = "Whether endpoints reach each other: directly, not at all, by way of a switch that sends back, or there is only "
		"one."},
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

	return nla_put_u32(msg, IFLA_MACVLAN_MODE, modes[own->mode]);
}

static uint32_t traits(const struct ndrv_child_options *own)
{
	return own->mode == PASSTHRU ? NDRV_CHILD_EXCLUSIVE | NDRV_CHILD_PARENT_MAC | NDRV_CHILD_SINGLE : 0;
}

static const struct ndrv_child_kind kind = {
	.type = "macvlan",
	.endpoint_prefix = "nm",
	.dummy_prefix = "dm",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.fill = fill,
	.traits = traits,
};

static int open_instance(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err)
{
	return ndrv_child_open(host, &kind, ret_self, err);
}

NDRV_DRIVER(&ndrv_child_ops, open_instance, .name = "macvlan", .version = NDRV_VERSION, .vendor = "ndrv", .types = "macvlan",
	    .threading = NDRV_THREADS_NETWORK, .flags = NDRV_DRIVER_UNLOADABLE, .data_scope = NDRV_SCOPE_LOCAL,
	    .connectivity_scope = NDRV_SCOPE_GLOBAL);
