/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers whose endpoints are links on a parent interface: macvlan, ipvlan, and kinds like them. All that such drivers share is
 * here, networks, parents, endpoints, gateways; a driver says how its kind is called, which options it has, and fills the message:
 *
 *	static const struct ndrv_child_kind kind = {.type = "macvlan", .options = table, .option_count = 4, .fill = fill, ...};
 *	NDRV_DRIVER(&ndrv_child_ops, open_instance, .types = "macvlan", ...);
 *
 * with `return ndrv_child_open(host, &kind, ret_self, err);` in open_instance. Needs libnl, as <ndrv/link.h> does.
 *
 * Parents: an interface that is there is used as it is; "eth0.10" that is not there becomes VLAN 10 on eth0, and goes with the last
 * network that uses it; none becomes a dummy interface of the network's own, which is then internal. Endpoints: born in the sandbox
 * under their final name where both are known, else made in the host's namespace at join. */
#ifndef NDRV_CHILD_H
#define NDRV_CHILD_H

#include <ndrv/driver.h>
#include <ndrv/link.h>

NDRV_BEGIN_DECLS

#define NDRV_OPT_PARENT "parent"

/* What the option table of a kind fills. */
struct ndrv_child_options {
	const char *parent;	      /* NDRV_OPTION_STRING, required in the table; "" or NULL: none */
	int mode, flag;		      /* NDRV_OPTION_CHOICE */
	int64_t mtu;		      /* 0: the parent's */
	char prefix[NDRV_IFNAME_MAX]; /* of names in the sandbox; required in the table */
};

enum {
	NDRV_CHILD_EXCLUSIVE = 1u << 0,	 /* no other network on its parent */
	NDRV_CHILD_PARENT_MAC = 1u << 1, /* endpoints have their parent's MAC address, and none of their own */
	NDRV_CHILD_ROUTED = 1u << 2,	 /* endpoints have no gateway: everything is on link */
	NDRV_CHILD_SINGLE = 1u << 3,	 /* one endpoint has the parent for itself */
};

struct ndrv_child_kind {
	const char *type;	     /* type of network and kind of link */
	const char *endpoint_prefix; /* two letters: names of endpoints' links in the host's namespace */
	const char *dummy_prefix;    /* two letters: names of dummy parents */
	const struct ndrv_option *options;
	uint32_t option_count;
	ndrv_link_fill fill;					      /* data: struct ndrv_child_options */
	uint32_t (*traits)(const struct ndrv_child_options *options); /* NDRV_CHILD_... */
};

/* `kind` must stay valid until destroy. */
int ndrv_child_open(const struct ndrv_host *host, const struct ndrv_child_kind *kind, void **ret_self, struct ndrv_error *err);
extern const struct ndrv_ops ndrv_child_ops;

NDRV_END_DECLS

#endif
