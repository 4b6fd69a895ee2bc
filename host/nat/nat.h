/* SPDX-License-Identifier: Apache-2.0 */
/* The host's NAT and port service: one nf_tables table of this host in its network namespace, whose chains and rules never change;
 * networks and published ports are elements of its maps, and each call is one transaction. docs/nat.md shows the table. What was
 * asked is kept through the caller's store, so that it can be put back after a restart or when somebody flushed it. Thread-safe. */
#ifndef HOST_NAT_NAT_H
#define HOST_NAT_NAT_H

#include <stdbool.h>

#include <ndrv/nat.h>
#include <ndrv/network.h>

struct nat;

/* Where it is remembered, for as long as the kernel remembers: until the next boot. `eid` "": of the network itself. */
struct nat_keep {
	void *data;
	int (*put)(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err);
	/* Absent: 0. `eid` NULL: all of the network. */
	int (*del)(void *data, const char *nid, const char *eid, struct ndrv_error *err);
	/* Calls `each` for all, networks before their endpoints. */
	int (*load)(void *data, int (*each)(void *to, const char *nid, const char *eid, const char *text, struct ndrv_error *err),
		    void *to, struct ndrv_error *err);
};

struct nat_options {
	const char *instance;	     /* the table is "ndrv-" and this */
	uint32_t link_group;	     /* of all links of this host (IFLA_GROUP); 0: Docker's filter is left alone */
	const struct nat_keep *keep; /* NULL: nothing is kept */
	/* Called when something is worth a line in the log: by a thread of the service, or within a call. May be NULL. */
	void (*say)(void *data, int level, const char *text);
	void *say_data;
	bool spare; /* what was kept may not be all: entries of the table that nobody knows stay until nat_check() is to repair */
	bool watch; /* a thread looks for changes others make to the table, and puts it back */
};

/* In the calling thread's network namespace. Reads what was kept and makes the kernel's table say the same (see nat_check()). Needs
 * CAP_NET_ADMIN. KERNEL_LACKS, PERMISSION. */
int nat_open(const struct nat_options *options, struct nat **ret, struct ndrv_error *err);
/* The table stays as it is. */
void nat_close(struct nat *nat);
const char *nat_table(const struct nat *nat);

/* struct ndrv_nat_ops, with ids. `want` may end before flags6. */
int nat_network_set(struct nat *nat, const char *nid, const struct ndrv_nat_network *want, struct ndrv_error *err);
/* With all ports of its endpoints. Unknown: 0. */
int nat_network_clear(struct nat *nat, const char *nid, struct ndrv_error *err);
/* `address`, `address6`: the endpoint's, unset where it has none. */
int nat_publish(struct nat *nat, const char *nid, const char *eid, const struct ndrv_addr *address,
		const struct ndrv_addr *address6, struct ndrv_port_binding *bindings, uint32_t count, struct ndrv_error *err);
/* Unknown: 0. */
int nat_unpublish(struct nat *nat, const char *nid, const char *eid, struct ndrv_error *err);

/* What differs between the kernel's table and what was asked for. */
struct nat_report {
	bool table;	  /* the table as a whole was missing, another program's, or had rules missing or added */
	uint32_t missing; /* elements */
	uint32_t strays;
};
/* Compares by a dump; with `repair` makes it right in one transaction. */
int nat_check(struct nat *nat, bool repair, struct nat_report *ret, struct ndrv_error *err);
/* Forgets networks and endpoints that `exists` does not know (`eid` "": the network itself), and those whose end failed before; or
 * only counts them. */
int nat_sweep(struct nat *nat, bool repair, bool (*exists)(void *data, const char *nid, const char *eid), void *data,
	      uint32_t *ret_count, struct ndrv_error *err);

struct nat_counts {
	size_t networks, endpoints, ports;
	uint64_t restored; /* how often the table was put back after somebody took it away */
};
void nat_count(struct nat *nat, struct nat_counts *ret);

#endif
