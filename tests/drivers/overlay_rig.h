/* SPDX-License-Identifier: Apache-2.0 */
/* Several hosts with the overlay driver, each in a namespace of its own, on one underlay; and what carries rows between them: every
 * join and leave is told to all other hosts at once, as a table would. */
#ifndef TESTS_DRIVERS_OVERLAY_RIG_H
#define TESTS_DRIVERS_OVERLAY_RIG_H

#include "tests/lib/fakehost.h"
#include "tests/lib/test.h"
#include "tests/lib/wire.h"

#define NODES_MAX WIRE_MAX
#define RIG_ROWS_MAX 64
#define RIG_TABLE "overlay_peer_table"
#define VNIS "com.docker.network.driver.overlay.vxlanid_list"

struct node {
	struct netns ns;
	struct fakehost host;
	struct fakenet net;
	struct ndrv_ipam_data pools4[4], pools6[4];
	char name[8], address[NDRV_ADDR_TEXT];
	bool deaf; /* rows do not reach it */
};

struct rig_row {
	struct node *owner; /* NULL: free */
	char key[NDRV_ID_MAX + 1];
	uint8_t value[512];
	size_t bytes;
	uint64_t revision;
};

extern struct node nodes[NODES_MAX];
extern struct rig_row rows[RIG_ROWS_MAX];
extern uint64_t rig_revision;

/* `family` of the underlay. Nodes are told of themselves, and networks are set up but not created: 10.7.0.0/24 and fd07::/64. */
void rig_open(unsigned count, unsigned family, unsigned mtu);
void rig_close(void);
/* The calling thread is on that host from now on. */
void rig_on(struct node *node);
/* Back to where the test began: no node's. */
void rig_off(void);
/* A second subnet: 10.8.0.0/24 and fd08::/64. */
void rig_add_subnet(struct node *node);
int rig_create(struct node *node);
int rig_delete(struct node *node, uint32_t flags);
/* Connects, and tells the others. */
int rig_connect(struct node *node, struct fakeep *ep, const char *id, const char *address, const char *address6,
		const struct netns *ns);
/* The endpoint leaves, is deleted, and the others are told. */
void rig_disconnect(struct node *node, struct fakeep *ep, const struct netns *ns);
/* One row to one node. `value` NULL: it is gone. */
int rig_tell(struct node *node, const char *key, const char *owner, const void *value, size_t bytes, uint64_t revision,
	     uint32_t flags);
/* All live rows of others, between sync marks. */
int rig_replay(struct node *node);
int rig_node(struct node *node, const char *address, bool self, bool gone);
/* A row's value as libnetwork writes it. */
size_t rig_row(uint8_t *ret, const char *address, const char *mac, const char *vtep);

/* What the kernel of that node has: "vxlan's entry for this MAC goes there" (NULL: there is none), counts of all entries. */
bool rig_fdb(struct node *node, const char *mac, const char *vtep);
unsigned rig_fdb_count(struct node *node);
/* The link of that kind whose name has this second letter. */
bool rig_link(struct node *node, char letter, struct ndrv_link *ret);

#endif
