/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that looks for changes others make to our table: `nft flush ruleset`, a reload of firewalld. */
#ifndef HOST_NAT_WATCH_H
#define HOST_NAT_WATCH_H

#include <ndrv/error.h>

struct nat;
struct nat_watch;

int nat_watch_start(struct nat *nat, struct nat_watch **ret, struct ndrv_error *err);
/* NULL: nothing. Not with the service's lock. */
void nat_watch_stop(struct nat_watch *watch);

/* With the lock: there are flows to be forgotten. NULL: they are, now. */
void nat_watch_flows(struct nat *nat);

#endif
