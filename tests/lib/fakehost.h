/* SPDX-License-Identifier: Apache-2.0 */
/* As little of a host as a driver needs: loads the built .so, hands it calls, and plugs sandboxes with the host's own code. So a
 * test drives a driver's ops one by one, in the order it likes. */
#ifndef TESTS_LIB_FAKEHOST_H
#define TESTS_LIB_FAKEHOST_H

#include <ndrv/driver.h>

#include "host/base/arena.h"
#include "host/sandbox/plug.h"
#include "host/sandbox/ready.h"
#include "tests/lib/netns.h"

#define FAKE_GROUP 0x6e640001u
#define FAKE_PROTOCOL 199

#define FAKE_RECORDS_MAX 2048

struct fakenet;
struct fakeep;

struct fakehost {
	struct ndrv_host host; /* first */
	void *module;
	const struct ndrv_ops *ops;
	void *self;
	struct ndrv_capability capability;
	char type[32];
	struct arena arena;
	struct ndrv_error err;
	struct ndrv_call call;
	struct hostns *hostns;
	int log_lines;
	uint32_t front; /* NDRV_FRONT_... that calls come through */
	/* What was created and not deleted: its priv is released at the end. */
	uint32_t net_count, ep_count;
	struct fakenet *nets[16];
	struct fakeep *eps[FAKE_RECORDS_MAX];
};

struct fakenet {
	struct fakehost *host;
	struct ndrv_network view;
	struct ndrv_ipam_data ipv4, ipv6;
	struct ndrv_aux_address aux;
	struct ndrv_value options, labels;
	const struct ndrv_value *endpoint_options; /* of the next endpoint; NULL: none */
};

struct fakeep {
	struct fakenet *net;
	struct ndrv_endpoint view;
	/* InterfaceInfo */
	struct ndrv_ifinfo ifinfo;
	struct ndrv_prefix address, address6;
	struct ndrv_mac mac;
	const char *path, *ifname;
	int netns_fd;
	bool created_in_sandbox;
	/* JoinInfo */
	struct ndrv_join join;
	char src[NDRV_IFNAME_MAX], prefix[NDRV_IFNAME_MAX], exact[NDRV_IFNAME_MAX];
	struct ndrv_addr gateway4, gateway6;
	uint32_t waits[READY_MAX], wait_count;
	struct plug_neighbour neighbours[PLUG_NEIGHBOURS_MAX];
	uint32_t neighbour_count;
	bool no_gateway_service, forced4, forced6;
	uint32_t route_count;
	struct ndrv_route routes[4];
	struct plug_result plugged;
};

extern const struct ndrv_join_ops fake_join_ops;

/* `name`: "bridge" for the build tree's drivers/.libs/bridge.so. The host's namespace is the calling thread's. */
void fakehost_open(struct fakehost *host, const char *name);
/* Networks and endpoints that were not deleted must still be in memory: static, or of the same block. */
void fakehost_close(struct fakehost *host);
/* What a host does when it ends, or after a swap: every record loses its priv, and the kernel keeps everything. */
void fakehost_release(struct fakehost *host);
/* The same instance seen as a second generation would: releases, destroys it and opens a new one. */
void fakehost_restart(struct fakehost *host);
/* Tells the driver, where it wants to hear of nodes, which address this one has. */
void fakehost_name_node(struct fakehost *host, const char *address);
/* Clears the error and takes a fresh handle; every op goes through it. */
struct ndrv_call *fakehost_call(struct fakehost *host, uint32_t flags);

/* Texts; NULL pool: that family is off; NULL gateway: none reserved. */
void fakenet_init(struct fakenet *net, struct fakehost *host, const char *id, const char *pool4, const char *gateway4,
		  const char *pool6, const char *gateway6);
void fakenet_label(struct fakenet *net, const char *key, const char *value);
int fakenet_create(struct fakenet *net);
int fakenet_delete(struct fakenet *net, uint32_t flags);

/* Addresses may be NULL. With `ns`, the sandbox and the final name are told before the endpoint is made, as control and CNI do. */
int fakeep_create(struct fakeep *ep, struct fakenet *net, const char *id, const char *address, const char *address6,
		  const struct netns *ns, const char *ifname);
int fakeep_join(struct fakeep *ep);
int fakeep_plug(struct fakeep *ep, const struct netns *ns);
/* All three. */
int fakeep_connect(struct fakeep *ep, struct fakenet *net, const char *id, const char *address, const char *address6,
		   const struct netns *ns, const char *ifname);
int fakeep_unplug(struct fakeep *ep, const struct netns *ns);
int fakeep_delete(struct fakeep *ep, uint32_t flags);

#endif
