/* SPDX-License-Identifier: Apache-2.0 */
/* The loopback chain: dispatcher, remote driver, socket, Docker front, another dispatcher, driver. A script runs directly and
 * through the chain; what was asked and answered, and what the driver was told, is written down and compared. */
#ifndef TESTS_REMOTE_WORLDS_H
#define TESTS_REMOTE_WORLDS_H

#include "tests/remote/remoterig.h"

/* `asked` takes the requests, `served` has the recording driver: the same rig, or two with everything between them. */
struct world {
	struct rig *asked, *served;
	const char *type;
	char *said;
	size_t bytes, room;
	pthread_mutex_t lock;
	int (*act)(struct world *world, struct recorded *recorded);
	const char *failing; /* op that fails with `code` */
	int code;
	bool maskable;
};

/* Runs the script with a driver of that type and scope (rec*.so) both ways; fails at the first line in which they differ. */
void compare(void (*script)(struct world *world), const char *type, uint32_t scope);

struct request about(struct world *world, enum request_op op, const char *nid, const char *eid);
/* Runs it and writes the answer down. */
struct reply ask(struct world *world, struct request *request);
/* Both, with a sandbox key. */
struct reply do_op(struct world *world, enum request_op op, const char *nid, const char *eid);
struct ndrv_value map_of(struct world *world, const char *key, struct ndrv_value value);
/* With one label; NULL: no pool of that family. */
struct reply make_network(struct world *world, const char *nid, const char *pool4, const char *pool6, uint32_t flags);

#endif
