/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a whole ndrvd, and a machine outside that has its default routes by way of the host, so that whatever it does not
 * reach, it is kept from: p0 of the test's host is 192.0.2.1 and 2001:db8::1, p1 outside is 192.0.2.2 and 2001:db8::2. */
#ifndef TESTS_LIB_WORLD_H
#define TESTS_LIB_WORLD_H

#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

#define WORLD_HOST4 "192.0.2.1"
#define WORLD_HOST6 "2001:db8::1"
#define WORLD_OUTSIDE4 "192.0.2.2"
#define WORLD_OUTSIDE6 "2001:db8::2"

struct world {
	struct daemon daemon;
	struct netns outside;
};

/* Exits with 77 (skipped) where the kernel has no NAT for the host to use. `driver`: a file; NULL: the built bridge. */
void world_open(struct world *world, const char *driver);
void world_close(struct world *world);

/* ndrvctl with these words, separated by blanks ('~' in a word is a blank). Fails the test unless it exits with `status`. What it
 * said on standard output; good until the next call. */
const char *world_ctl(const struct world *world, int status, const char *fmt, ...) NDRV_PRINTF(3, 4);
/* The same, of which the first line that has `key` ("host_port") gives the number behind it. */
long world_number(const char *said, const char *key);

/* POST .../endpoints/ENDPOINT/program. The endpoint is named by its name. The HTTP status. */
int world_program(const struct world *world, const char *network, const char *endpoint, const char *body);

/* Whether a client in `from` that talks to `to`:`port` is answered by a server in `at` on `at_port`, over SOCK_STREAM or
 * SOCK_DGRAM. NULL namespaces: the test's host. What address the server saw is in `seen` (64 bytes; may be NULL). */
bool world_talks(int type, const struct netns *from, const char *to, uint16_t port, const struct netns *at, uint16_t at_port,
		 char *seen);
/* The other way round, without waiting for long: nothing gets through. */
bool world_silent(int type, const struct netns *from, const char *to, uint16_t port, const struct netns *at, uint16_t at_port);

/* Writes /proc/sys/PATH of the test's host. False: there is no such file. */
bool world_sysctl(const char *path, const char *value);
/* What `nft list ruleset` shows, without counters; "" where there is no nft. malloc'ed. */
char *world_ruleset(void);

#endif
