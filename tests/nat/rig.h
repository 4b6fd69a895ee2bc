/* SPDX-License-Identifier: Apache-2.0 */
/* A host with two bridges, endpoints on them, and a machine outside, all in namespaces; the service under test in the host's. The
 * bridges and endpoints are made with ip(8), what the service did is read with nft(8): neither is ours. */
#ifndef TESTS_NAT_RIG_H
#define TESTS_NAT_RIG_H

#include <jansson.h>
#include <netinet/in.h>

#include <ndrv/nat.h>

#include "host/nat/nat.h"
#include "tests/lib/netns.h"

enum { TCP = NDRV_PROTO_TCP, UDP = NDRV_PROTO_UDP };

#define HOST4 "198.51.100.1"
#define HOST4_OTHER "198.51.100.9"
#define HOST6 "2001:db8:1::1"
#define OUTSIDE4 "198.51.100.2"
#define OUTSIDE6 "2001:db8:1::2"

/* Rows of the store the service is given. */
struct kept {
	struct kept *next;
	char nid[130], eid[130];
	char *text;
};

struct rig {
	struct netns outside;
	struct netns a1, a2, b1; /* 10.1.0.2, 10.1.0.3 on br-a; 10.2.0.2 on br-b; the same in fd01::, fd02:: */
	struct nat *nat;
	struct nat_keep keep;
	struct kept *kept;
	int said;
	char last[400];
	bool keep_fails;
	uint32_t link_group; /* 0: Docker's filter is left alone */
};

/* Skips the program (77) unless nft, ip and namespaces are there. */
void rig_need(void);
struct rig *rig_new(void);
void rig_free(struct rig *rig);
/* False: this kernel has not loaded it. */
bool rig_bridge_netfilter(bool on);
void rig_open(struct rig *rig, bool watch);
/* As after a crash: another service finds what the former left. */
void rig_restart(struct rig *rig, bool watch);
/* A shell command in the host's namespace; fails the test unless it succeeds. */
void run(const char *fmt, ...) NDRV_PRINTF(1, 2);
/* Its first line of output, in a static buffer. */
const char *output(const char *fmt, ...) NDRV_PRINTF(1, 2);
long number(const char *fmt, ...) NDRV_PRINTF(1, 2);

/* Network "net-a" or "net-b" with these flags for v4 and v6. */
void set_network(struct rig *rig, char which, uint32_t flags4, uint32_t flags6);
void set_network_source(struct rig *rig, char which, uint32_t flags, const char *source);
/* Endpoint "a1", "a2", "b1" of its network. `host` NULL: any. Returns the host port. */
uint32_t publish(struct rig *rig, const char *eid, int protocol, const char *host, uint32_t host_port, uint32_t port);
int try_publish(struct rig *rig, const char *eid, int protocol, const char *host, uint32_t host_port, uint32_t port,
		struct ndrv_error *err);
void unpublish(struct rig *rig, const char *eid);

#define TABLE_JSON "nft -j list table inet ndrv-test"
/* The elements nft lists of one set or map; the caller drops it. */
json_t *elements(const char *set);
size_t count(const char *set);
/* The service itself finds nothing to repair. */
void assert_right(struct rig *rig);
/* A server on that port of the host's, or -1. */
int listen_on(uint16_t port, int type);

/* A client in `from` (NULL: the host) talks to `to`:`port` while somebody listens in `server` on its port: both directions. The
 * address the server saw in `seen` (may be NULL; INET6_ADDRSTRLEN). */
bool talk(const struct netns *from, const char *to, int protocol, uint32_t port, const struct netns *server, uint32_t server_port,
	  char *seen);
/* A client of UDP that keeps its socket. */
struct flow {
	int fd;
};
void flow_open(struct flow *flow, const struct netns *from, const char *to, uint32_t port);
/* Something it sends now arrives at a server on that port. */
bool flow_reaches(struct flow *flow, const struct netns *server, uint32_t server_port);
void flow_close(struct flow *flow);
/* As talk(), where nothing is expected: waits a moment only. */
bool talk_soon(const struct netns *from, const char *to, int protocol, uint32_t port, const struct netns *server,
	       uint32_t server_port, char *seen);

#endif
