/* SPDX-License-Identifier: Apache-2.0 */
/* What the service's own files share. */
#ifndef HOST_NAT_NAT_INTERNAL_H
#define HOST_NAT_NAT_INTERNAL_H

#include <pthread.h>

#include <ndrv/host.h>

#include "host/nat/book.h"
#include "host/nat/conntrack.h"
#include "host/nat/hold.h"
#include "host/nat/nat.h"
#include "host/nat/rules.h"

struct nat_watch;

struct nat {
	pthread_mutex_t lock; /* all below */
	struct nft *nft;
	char table[NAT_TABLE_MAX];
	struct book book;
	uint32_t hold_limit;
	struct nat_keep keep;
	bool keeps;
	uint16_t first_port, last_port; /* of those the host picks */
	uint16_t next_port[BOOK_PROTOCOLS];
	void (*say)(void *data, int level, const char *text);
	void *say_data;
	bool spare;
	uint32_t rules; /* the table has */
	uint32_t link_group;
	uint64_t restored;
	struct conntrack stale; /* flows to be forgotten */
	struct nat_watch *watch;
};

/* With the lock held, all of these. */

void nat_say(struct nat *nat, int level, const char *fmt, ...) NDRV_PRINTF(3, 4);
/* Puts a row of the store, or takes it away (`text` NULL). */
int nat_keep_text(struct nat *nat, const char *nid, const char *eid, const char *text, struct ndrv_error *err);
/* See beside.h; failing is said, not returned: it is Docker's table. */
void nat_beside(struct nat *nat);
/* --- ports.c --- */
int nat_unpublish_locked(struct nat *nat, struct nat_endpoint *endpoint, struct ndrv_error *err);
/* Flows that no longer go where they should are to be forgotten. Either may be NULL. */
void nat_note_flows(struct nat *nat, const struct nat_endpoint *from, const struct nat_endpoint *to);
/* --- change.c: one transaction that makes of these elements those. Both sorted. --- */
int nat_change(struct nat *nat, const struct nat_element *before, size_t before_count, const struct nat_element *after,
	       size_t after_count, struct ndrv_error *err, const char *fmt, ...) NDRV_PRINTF(7, 8);
/* The whole table anew, out of the book. */
int nat_rebuild(struct nat *nat, struct ndrv_error *err);
/* While `nat->spare`, repairing only adds. */
int nat_check_locked(struct nat *nat, bool repair, struct nat_report *ret, struct ndrv_error *err);
/* Only whether the table stands with all its rules: a few microseconds. */
bool nat_stands(struct nat *nat);

/* --- publish.c: the mappings that bindings ask for, with their ports held; the bindings' host ports are filled in. --- */
int plan_mappings(struct nat *nat, struct nat_network *network, const struct nat_endpoint *former, const char *eid,
		  const struct ndrv_addr *addresses, struct ndrv_port_binding *bindings, uint32_t count, struct nat_endpoint **ret,
		  struct ndrv_error *err);
/* The change is done: what it holds is its own. */
void plan_done(struct nat_endpoint *endpoint);
/* The change failed: gives back what was taken over and frees it. */
void plan_undo(struct nat_endpoint *endpoint);
/* Ports of an endpoint in the book that are not held yet: all, or only those that could not be while the former mapping stood. */
void plan_hold_again(struct nat *nat, struct nat_endpoint *endpoint, bool only_rebind);

/* --- sysctl.c --- */
/* The range the kernel picks local ports from. */
void sysctl_port_range(uint16_t *ret_first, uint16_t *ret_last);
bool sysctl_tracks_sctp(void);
/* What the network needs of the kernel beyond the table: forwarding, and 127.0.0.1 on its link. */
int sysctl_network(const struct nat_network *network, struct ndrv_error *err);

#endif
