/* SPDX-License-Identifier: Apache-2.0 */
/* The namespaces a rule is tried in: the host's own, sandboxes, and a machine outside at the end of a cable. */
#ifndef HOST_CHECK_SPACE_H
#define HOST_CHECK_SPACE_H

#include <stdbool.h>
#include <stddef.h>

#include <ndrv/error.h>

#define SPACE_SANDBOXES 64
#define SPACE_UPLINK "uplink0" /* in the host's namespace: 198.18.0.1/24, fd18::1/64 */

struct space {
	const char *dir;		/* where sandboxes are mounted */
	char path[SPACE_SANDBOXES][96]; /* "" none */
};

/* Moves the calling thread, which must be the only one of its process, into fresh namespaces. */
int space_enter(struct space *space, const char *dir, struct ndrv_error *err);
/* The path of the number-th sandbox, which is made when it is not there; NULL when that failed. */
const char *space_sandbox(struct space *space, unsigned number);
/* The sandbox dies, unless somebody holds it. */
void space_drop(struct space *space, unsigned number);
/* All of them. */
void space_leave(struct space *space);

/* What stands in the calling thread's namespace, as lines in an order of their own (malloc'ed): links, addresses, routes, rules and
 * permanent neighbours that somebody made. NULL: out of memory or no answer. */
char *space_dump(void);
/* The same of a sandbox. */
char *space_dump_of(const char *path);
/* Waits until the dump is `before` again; false, and what differs, when it is not within seconds. */
bool space_is_as(const char *before, char *difference, size_t room);

/* A datagram from one sandbox arrives in the other, which has that address. */
bool space_talks(const char *from, const char *to, const char *address);
/* Interfaces of the sandbox besides lo; the name of the first. */
unsigned space_interfaces(const char *path, char *name, size_t room);
/* None but lo, soon: the host may answer when interfaces are out of service, and see them off afterwards. */
bool space_is_empty(const char *path);

#endif
