/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces: create, find, change, delete. Errors name the interface: NO_LINK, LINK_EXISTS, NETWORK_FULL (a bridge without a free
 * port), KERNEL_LACKS (no such kind of link), or by errno. Functions with a batch append to it; ndrv_nl_batch_send() reports. */
#ifndef NDRV_LINK_H
#define NDRV_LINK_H

#include <ndrv/netlink.h>
#include <ndrv/types.h>

NDRV_BEGIN_DECLS

/* The other end of a veth. */
struct ndrv_link_peer {
	const char *name;
	struct ndrv_mac mac; /* unset: the kernel's choice */
	uint32_t mtu;	     /* 0: the kernel's default */
	int netns_fd;	     /* namespace it is born in; below 1: this one */
};

/* A hash of the instance (network->instance), a network's id and an endpoint's ("" for the network's own), good for names. */
uint64_t ndrv_link_hash(const char *instance, const char *nid, const char *eid);
/* The name of a link that belongs to that record: two letters of the driver's choice ("nb", "nv") and 12 digits of the hash, the
 * same after every restart. A link of this form that has the host's group but belongs to no record is what a crash left behind: the
 * host removes it. A driver that names its links otherwise looks after them itself. */
void ndrv_link_name(char ret[NDRV_IFNAME_MAX], const char *letters, const char *instance, const char *nid, const char *eid);
/* Has a name this form? */
int ndrv_link_name_is_ours(const char *name);

/* Zero what is not wanted. */
struct ndrv_link_spec {
	const char *kind; /* "bridge", "veth", "macvlan", ... */
	const char *name;
	struct ndrv_mac mac;
	uint32_t mtu;	 /* 0: the kernel's default */
	uint32_t master; /* index of the link it becomes a port of */
	uint32_t link;	 /* index of the link it sits on (macvlan, vlan) */
	uint32_t group;	 /* owner tag: network->link_group */
	uint32_t queues; /* transmit and receive queues; 0: the kernel's default, which is slow for veth */
	int up;
	int netns_fd;			   /* namespace it is born in; below 1: this one */
	const struct ndrv_link_peer *peer; /* veth only */
};

/* In a namespace that is ending: `link` is a number in there, whatever has it here. */
#define NDRV_LINK_NETNS_GONE (-2)

struct ndrv_link {
	uint32_t index;
	uint32_t flags; /* IFF_... */
	uint32_t mtu;
	uint32_t master; /* 0: none */
	uint32_t link;	 /* IFLA_LINK: the peer's index for a veth; 0: none */
	uint32_t group;
	uint32_t operstate; /* IF_OPER_... */
	int32_t port_state; /* BR_STATE_... of a bridge's port; -1: not a port */
	int32_t netnsid;    /* of the namespace `link` is in; -1: this one; or NDRV_LINK_NETNS_GONE */
	struct ndrv_mac mac;
	char name[NDRV_IFNAME_MAX];
	char kind[16];	/* "" for a device of hardware or loopback */
	char qdisc[16]; /* "noop" until it can send */
};

/* Fills IFLA_INFO_DATA, which is open: `return nla_put_u32(msg, IFLA_MACVLAN_MODE, mode);` 0 or a negative libnl error. */
typedef int (*ndrv_link_fill)(struct nl_msg *msg, const void *data);

/* Creates a link; `fill` may be NULL. `ret` (may be NULL) gets what the kernel made: index, link (the peer's index), name, mac. */
int ndrv_link_create(struct ndrv_nl *nl, const struct ndrv_link_spec *spec, ndrv_link_fill fill, const void *data,
		     struct ndrv_link *ret, struct ndrv_error *err);
/* The message alone, for a batch. NULL: out of memory. */
struct nl_msg *ndrv_link_create_message(const struct ndrv_link_spec *spec, ndrv_link_fill fill, const void *data);

/* By name, or by index when `name` is NULL. NO_LINK when there is none. */
int ndrv_link_get(struct ndrv_nl *nl, const char *name, uint32_t index, struct ndrv_link *ret, struct ndrv_error *err);
/* Several by index in one exchange; one that is gone has index 0 in `ret`. At most NDRV_NL_BATCH_MAX. */
int ndrv_link_get_many(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, struct ndrv_link *ret, struct ndrv_error *err);
/* Every link of the namespace, malloc'ed: the caller frees `*ret`. */
int ndrv_link_list(struct ndrv_nl *nl, struct ndrv_link **ret, uint32_t *ret_count, struct ndrv_error *err);
/* The same, only the ports of the link of that index. Short, so that it is not interrupted when many links come and go. */
int ndrv_link_list_ports(struct ndrv_nl *nl, uint32_t master, struct ndrv_link **ret, uint32_t *ret_count, struct ndrv_error *err);
/* A link out of a kernel's message (RTM_NEWLINK). 0, or -1: the message is not one. */
int ndrv_link_parse(const struct nlmsghdr *message, struct ndrv_link *ret);

/* Deletes by name (index 0) or index; one that is gone is success. */
int ndrv_link_delete(struct ndrv_nl *nl, const char *name, uint32_t index, struct ndrv_error *err);

/* The host's group numbers: links that live are in network->link_group, those on their way out in the ones behind it. */
#define NDRV_LINK_GROUPS 16

/* Deletes many links of this namespace, those that are gone already passed over. One deletion waits 20 ms for the kernel; where the
 * host has a way, a thousand take less than a second, and other calls come in between. They must be the caller's own, looked at
 * (name, kind, group) just before: meanwhile they are in one of the groups behind link_group. A link that cannot be deleted does
 * not stop the rest; the first error is returned.
 *
 * In a call with NDRV_CALL_RETIRE, veth and bridges are only taken down, renamed (the letters "nx" are the host's) and put into
 * such a group when it returns; the host deletes them soon, a bridge after its ports. Use it for a single link too. */
int ndrv_link_delete_many(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, struct ndrv_error *err);

/* What to change; zero means leave alone. */
struct ndrv_link_change {
	int up, down;
	uint32_t mtu;
	uint32_t master;
	int no_master;
	uint32_t group;
	struct ndrv_mac mac;
	const char *rename;
	int netns_fd;	    /* moved there, under `rename` if given; below 1: stays. Slow: 20 ms. */
	int no_autoaddress; /* IPv6: no link-local address by itself (addr_gen_mode none) */
};

/* `name` is for messages when `index` is not 0, else the link is found by it. */
int ndrv_link_set(struct ndrv_nl *nl, const char *name, uint32_t index, const struct ndrv_link_change *change,
		  struct ndrv_error *err);
struct ndrv_nl_batch_item *ndrv_link_set_batch(struct ndrv_nl_batch *batch, const char *name, uint32_t index,
					       const struct ndrv_link_change *change);

NDRV_END_DECLS

#endif
