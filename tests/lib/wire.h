/* SPDX-License-Identifier: Apache-2.0 */
/* Several machines on one switch: each a namespace with lo and eth0, at 192.0.2.1/24 or fd99::1/64 and on. */
#ifndef TESTS_LIB_WIRE_H
#define TESTS_LIB_WIRE_H

#include "tests/lib/netns.h"

#define WIRE_MAX 3

struct wire {
	struct netns middle, hosts[WIRE_MAX];
	char addresses[WIRE_MAX][NDRV_ADDR_TEXT];
	unsigned count;
	int home;
};

/* `family` 4 or 6. Waits until the switch carries packets. The calling thread stays where it is. */
void wire_lay(struct wire *wire, unsigned count, unsigned family, unsigned mtu);
/* The calling thread goes home. */
void wire_cut(struct wire *wire);
/* The calling thread, and what it starts, is on that host from now on; or where it was before the wire. */
void wire_go(const struct wire *wire, unsigned host);
void wire_go_home(const struct wire *wire);

#endif
