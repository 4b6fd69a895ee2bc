/* SPDX-License-Identifier: Apache-2.0 */
/* Steady traffic between two namespaces, to see what something else does to it: 1,000 numbered datagrams a second, and a TCP stream
 * whose every byte is checked. */
#ifndef TESTS_LIB_FLOW_H
#define TESTS_LIB_FLOW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "tests/lib/netns.h"

struct flow {
	char to[64];
	int udp_from, udp_to, tcp_from, tcp_to;
	_Atomic bool stop;
	pthread_t threads[4];
	/* Good after flow_stop(). */
	uint64_t datagrams, received, disordered; /* what is not received is lost */
	uint64_t bytes, bytes_received, bytes_wrong;
	uint64_t longest_gap_ns; /* between two datagrams that arrived */
};

#define FLOW_UDP_PORT 7101
#define FLOW_TCP_PORT 7102

/* From one to the other, which is reached at the IPv4 address `address`: its own, or one it has published these ports on. */
void flow_start(struct flow *flow, const struct netns *from, const struct netns *to, const char *address);
/* Stops sending and waits for what is under way. */
void flow_stop(struct flow *flow);

#endif
