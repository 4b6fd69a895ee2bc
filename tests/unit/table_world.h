/* SPDX-License-Identifier: Apache-2.0 */
/* The table layer by itself, with a disk in memory, for tests that play the driver and whoever has the network's turn. */
#ifndef TESTS_UNIT_TABLE_WORLD_H
#define TESTS_UNIT_TABLE_WORLD_H

#include "tests/lib/test.h"

#include <ndrv/network.h>

#include "host/table/table.h"

#define KEPT_MAX 64

/* A backend's disk, in memory. */
struct disk {
	bool broken;
	uint64_t reserved;
	uint32_t writes;
	size_t count;
	struct kept {
		char nid[64], table[32], key[32], owner[32], origin[32], value[64];
		uint64_t revision;
	} kept[KEPT_MAX];
};

struct world {
	struct disk disk;
	struct backend *backend;
	struct tables *tables;
	struct ndrv_error err;
	char told[65536]; /* what the driver was told */
	char seen[65536]; /* what a watcher saw */
	uint32_t wakes;
};

/* A layer with the network "n1", for cmocka's set-up and tear-down. The node is "me". */
int world_set_up(void **state);
int world_tear_down(void **state);
/* The two halves of a restart. */
void world_start(struct world *world);
void world_stop(struct world *world);

extern int one, two; /* two instances of a driver */

/* `instance` registers the table. */
void asks(struct world *world, const char *nid, const char *table, const void *instance);
/* `value` NULL: the row goes, and must be there. */
int try_put(struct world *world, const char *nid, const char *table, const char *key, const char *owner, const char *value);
void put(struct world *world, const char *table, const char *key, const char *owner, const char *value);
void put_own(struct world *world, const char *key, const char *value, const char *origin);
void add_node(struct world *world, const char *name, const char *address);
/* One batch to the instance, if there is work at once; `rc` is what its driver says. False: there is none. */
bool deliver(struct world *world, const void *instance, int rc);
/* All there is to tell, as "table begin end stale[+key@owner previous>value, ~..., -...] ". */
const char *tell(struct world *world, const void *instance);

#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

#endif
