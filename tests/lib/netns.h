/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces for tests: the "host" a test works on is a namespace of its own, and so is every sandbox. */
#ifndef TESTS_LIB_NETNS_H
#define TESTS_LIB_NETNS_H

#include <stdbool.h>

#include <ndrv/link.h>
#include <ndrv/route.h>

/* Exits with 77 (skipped, by name) unless namespaces can be made here. */
void netns_need(void);
/* Moves the calling thread into a fresh namespace, with lo up: the test's host. Another call leaves the former one to die. */
void netns_enter_fresh(void);

/* A namespace of its own: an fd, and a path under a private directory that goes with netns_free(). */
struct netns {
	int fd;
	char path[64];
};
void netns_new(struct netns *ns);
void netns_free(struct netns *ns);
/* Runs `work` on the calling thread inside the namespace. */
void netns_run(const struct netns *ns, void (*work)(void *data), void *data);

/* A handle inside; for looking at and preparing it. The caller closes it. NULL `ns`: the test's host. */
struct ndrv_nl *netns_nl(const struct netns *ns);
/* 1 when the link is there (then in `ret`, which may be NULL), 0 when not. */
bool netns_has_link(const struct netns *ns, const char *name, struct ndrv_link *ret);
/* "10.0.0.2/24" on that interface. */
bool netns_has_address(const struct netns *ns, const char *name, const char *address);
/* A route to "10.9.0.0/24" (the default one is "0.0.0.0/0") via "10.0.0.1" (or NULL: on link) on that interface. */
bool netns_has_route(const struct netns *ns, const char *destination, const char *via, const char *name);
/* True when what is sent there from the namespace has `source` as its address: which of several default routes counts. */
bool netns_sends_from(const struct netns *ns, const char *to, const char *source);
/* A permanent neighbour. */
bool netns_has_neighbour(const struct netns *ns, const char *addr);
uint32_t netns_link_count(const struct netns *ns);
/* Waits until drivers' bridges that have ports, and the ports, can send: up to 5 s. */
void netns_settle(const struct netns *ns);

/* Sends an ICMP echo request from `from` to `to` ("10.0.0.3", "fd00::3") and waits up to a second for the reply. */
bool netns_ping(const struct netns *from, const char *to);
/* A datagram of `bytes` both ways over UDP, and as many over TCP, from a socket in `from` to one in `to` that listens on `addr`. */
bool netns_udp(const struct netns *from, const struct netns *to, const char *addr, size_t bytes);
bool netns_tcp(const struct netns *from, const struct netns *to, const char *addr, size_t bytes);

#endif
