/* SPDX-License-Identifier: Apache-2.0 */
/* A real dockerd, with what it writes to in namespaces and directories of the test's own, beside a real ndrvd whose types it may
 * use: plugins ndrv-bridge and ndrv-macvlan. Images are made from busybox; nothing is fetched. */
#ifndef TESTS_DOCKER_BOX_H
#define TESTS_DOCKER_BOX_H

#include "tests/lib/world.h"

struct box {
	struct world world;
	pid_t dockerd; /* 0: not running */
	char dir[64];
};

/* Moves the calling process into the box and starts both. Exits with 77 where there is no dockerd, no static busybox, or no right
 * to make namespaces. */
void box_open(struct box *box);
void box_close(struct box *box);

/* ndrvd again, with this as its configuration. */
void box_configure(struct box *box, const char *yaml);

/* Until its API answers. */
void box_start_dockerd(struct box *box, const char *options);
/* Sends the signal and reaps it. */
void box_stop_dockerd(struct box *box, int signal);

/* Removes all containers and networks. */
void box_empty(struct box *box);

/* A shell command in the box: what it wrote to either output, until the next call. It must end with `status`; -1: any but 0. */
const char *box_run(struct box *box, int status, const char *fmt, ...) NDRV_PRINTF(3, 4);
/* Links of the host's namespace that ndrvd made, waiting for `want` of them; and what Docker and ndrvctl count. */
void box_expect_links(struct box *box, unsigned want);
void box_expect_endpoints(struct box *box, unsigned want);

#endif
