/* SPDX-License-Identifier: Apache-2.0 */
/* The floor: the same netlink messages as the bridge driver and the sandbox code send, from as little C as possible. No libnl, no
 * records, no checks but of errors, which end the program. */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <stdint.h>

struct floor {
	int host; /* rtnetlink socket of the host's namespace */
	int home; /* the host's namespace */
};

struct floor_endpoint {
	const char *outer, *inner; /* names in the host and in the sandbox */
	int netns_fd;
	uint32_t bridge; /* index */
	uint8_t mac[6], bridge_mac[6];
	uint8_t address[4], gateway[4];
	uint8_t length;
	uint32_t group;
	uint8_t protocol;
};

void floor_open(struct floor *floor);
void floor_close(struct floor *floor);
/* A bridge that is up, with that address. Returns its index. */
uint32_t floor_bridge(struct floor *floor, const char *name, const uint8_t mac[6], const uint8_t address[4], uint8_t length);
/* Pair, address, up, lo, default route, neighbour, and the wait until port and bridge carry packets. Returns the port's index. */
uint32_t floor_connect(struct floor *floor, const struct floor_endpoint *endpoint);
void floor_delete(struct floor *floor, uint32_t index);

#endif
