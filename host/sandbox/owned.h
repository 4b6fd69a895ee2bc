/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, rules and neighbour entries that carry an owner's tag, their protocol number, in the namespace of a netlink handle. */
#ifndef HOST_SANDBOX_OWNED_H
#define HOST_SANDBOX_OWNED_H

#include <stdbool.h>

#include <ndrv/link.h>
#include <ndrv/netlink.h>
#include <ndrv/types.h>

enum owned_kind { OWNED_ROUTE, OWNED_RULE, OWNED_NEIGHBOUR, OWNED_KINDS };

#define OWNED_TEXT 128

struct owned {
	enum owned_kind kind;
	uint32_t index;				/* of the interface; 0: none */
	char iif[NDRV_IFNAME_MAX];		/* of a rule; "" none */
	char oif[NDRV_IFNAME_MAX];		/* likewise */
	struct ndrv_prefix source, destination; /* of a route or rule; unset: none */
	char text[OWNED_TEXT];			/* for people: "route 10.0.0.0/8 table 254" */
	struct nlmsghdr *message;		/* as the kernel told it */
};

struct owned_list {
	struct owned *items;
	uint32_t count, room;
	bool no_memory;
};

/* Whether a number is nobody else's by convention (the kernel, "static", routing daemons): only such are looked for. */
bool owned_is_private(uint32_t protocol);

/* All three kinds. The list is to be cleared whatever comes out. */
int owned_list(struct ndrv_nl *nl, uint32_t protocol, struct owned_list *ret, struct ndrv_error *err);
void owned_list_clear(struct owned_list *list);

/* One that is gone already is success. */
int owned_delete(struct ndrv_nl *nl, const struct owned *owned, struct ndrv_error *err);

#endif
