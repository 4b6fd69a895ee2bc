/* SPDX-License-Identifier: Apache-2.0 */
/* A host as small as a driver's unit tests need: it loads the built file, hands it calls one by one in the order the test likes,
 *and plugs sandboxes as the real host would, on the real kernel, in network namespaces of the test's own. `pkg-config ndrv-test`
 *links it. It knows no test framework: functions return 0 or a negative NDRV_E_ code, with the error in host->err.
 *
 *	if (ndrv_fakehost_isolate())
 *		return 77;
 *	ndrv_fakehost_open(&host, "./mydriver.so");
 *	ndrv_fakebox_open(&box, &host);
 *	ndrv_fakenet_init(&net, &host, "n1", "10.0.0.0/24", "10.0.0.1/24", NULL, NULL);
 *	ndrv_fakenet_create(&net);
 *	ndrv_fakeep_init(&ep, &net, "e1", "10.0.0.2/24", NULL);
 *	ndrv_fakeep_connect(&ep, &box);
 *	ndrv_fakeep_disconnect(&ep);
 *	ndrv_fakenet_delete(&net, 0);
 *
 * It offers a store (in memory, kept over ndrv_fakehost_restart()) and no tables, nat or timers. For the whole of the rules, and
 *for swaps, there is ndrv-check(1). Not part of the ABI: it is linked into tests only, and may change with the SDK. */
#ifndef NDRV_TEST_FAKEHOST_H
#define NDRV_TEST_FAKEHOST_H

#include <ndrv/driver.h>

NDRV_BEGIN_DECLS

/* The owner tags that networks of the fake host have. */
#define NDRV_FAKE_GROUP 0x6e640001u
#define NDRV_FAKE_PROTOCOL 199u
#define NDRV_FAKE_ROUTES_MAX 64
#define NDRV_FAKE_WAITS_MAX 4
#define NDRV_FAKE_RECORDS_MAX 64

struct ndrv_fakenet;
struct ndrv_fakeep;

struct ndrv_fake_block; /* of the arena */
struct ndrv_fake_row;	/* of the store */

struct ndrv_fakehost {
	struct ndrv_host host; /* first */
	struct ndrv_error err; /* of the last call */
	void *module;
	/* What the driver registered. `ops` may lack members: NDRV_HAS. With several types the last one counts. */
	const struct ndrv_ops *ops;
	void *self;
	struct ndrv_capability capability;
	char type[32];
	/* What it logged. */
	uint32_t log_count;
	char last_log[256];
	uint32_t front; /* NDRV_FRONT_... that calls come through; NDRV_FRONT_CONTROL at first */
	/* The rest is the fake host's. */
	struct ndrv_call call;
	struct ndrv_arena arena; /* given to calls; emptied by ndrv_fakehost_close() */
	struct ndrv_fake_block *blocks;
	struct ndrv_fake_row *rows;
	struct ndrv_nl *nl;
	int netns_fd;
	uint32_t net_count, ep_count;
	struct ndrv_fakenet *nets[NDRV_FAKE_RECORDS_MAX];
	struct ndrv_fakeep *eps[NDRV_FAKE_RECORDS_MAX];
};

/* A sandbox: a network namespace with lo up. */
struct ndrv_fakebox {
	int fd;
	char path[48];
	struct ndrv_nl *nl; /* for looking at it with <ndrv/link.h> and <ndrv/route.h> */
};

struct ndrv_fakenet {
	struct ndrv_fakehost *host;
	struct ndrv_network network; /* what the driver is given */
	struct ndrv_ipam_data ipv4, ipv6;
	struct ndrv_value options, labels;
};

struct ndrv_fakeep {
	struct ndrv_fakenet *net;
	struct ndrv_endpoint endpoint; /* what the driver is given */
	const struct ndrv_value *options;
	struct ndrv_fakebox *box; /* NULL while not plugged */
	/* InterfaceInfo: what was fixed before, and what the driver set. */
	struct ndrv_ifinfo ifinfo;
	struct ndrv_prefix address, address6;
	struct ndrv_mac mac;
	const char *netns_path, *ifname;
	int netns_fd, created_in_sandbox;
	/* JoinInfo: what the driver said. */
	struct ndrv_join join;
	char src[NDRV_IFNAME_MAX], prefix[NDRV_IFNAME_MAX], exact[NDRV_IFNAME_MAX];
	char plugged[NDRV_IFNAME_MAX]; /* the interface's name in the sandbox; "" while not plugged */
	struct ndrv_addr gateway4, gateway6;
	int no_gateway_service, forced4, forced6;
	uint32_t route_count, wait_count, row_count;
	struct ndrv_route routes[NDRV_FAKE_ROUTES_MAX];
	uint32_t waits[NDRV_FAKE_WAITS_MAX];
};

/* Moves the process into a network namespace of its own (and, unless it is root, a user namespace), with lo up: from then on that
 * is the host's. Call it first, before there are threads. Non-zero with a line on stderr where namespaces cannot be made: exit with
 * 77, which automake, meson and CTest count as skipped. */
int ndrv_fakehost_isolate(void);

/* Loads the file (a path with a slash) and has it register. On failure there is nothing to close. */
int ndrv_fakehost_open(struct ndrv_fakehost *host, const char *file);
/* Releases every record, destroys the instance and unloads the file. What the kernel has stays, as with a real host. */
void ndrv_fakehost_close(struct ndrv_fakehost *host);
/* What a restart of the host is to a driver: every priv is released, the instance destroyed and made again, and each network and
 * endpoint that was created and not deleted is adopted. (Static variables keep their values: it is the same mapping of the file.)
 */
int ndrv_fakehost_restart(struct ndrv_fakehost *host);
/* For an op that has no function below: clears host->err and fills the call. host->ops->health(host->self, ndrv_fakehost_call(host,
 * 0)) */
struct ndrv_call *ndrv_fakehost_call(struct ndrv_fakehost *host, uint32_t flags);

int ndrv_fakebox_open(struct ndrv_fakebox *box, struct ndrv_fakehost *host);
void ndrv_fakebox_close(struct ndrv_fakebox *box);
/* 1 when a datagram sent in `from` arrives at that address ("10.0.0.3", "fd00::3"), which is of an interface in `to`; waits up to 2
 * s. NULL for either: the host. */
int ndrv_fakebox_reaches(const struct ndrv_fakebox *from, const struct ndrv_fakebox *to, const char *address);

/* Records live in the test's memory, static for instance, until they are deleted or the host is closed. Texts are borrowed. NULL
 * pool: that family is off; NULL gateway: none. */
int ndrv_fakenet_init(struct ndrv_fakenet *net, struct ndrv_fakehost *host, const char *id, const char *pool4, const char *gateway4,
		      const char *pool6, const char *gateway6);
/* A label, as `-o key=value` gives it: before create. */
int ndrv_fakenet_label(struct ndrv_fakenet *net, const char *key, const char *value);
int ndrv_fakenet_create(struct ndrv_fakenet *net);
int ndrv_fakenet_delete(struct ndrv_fakenet *net, uint32_t flags);

/* Addresses may be NULL. Set ep->mac and ep->options before create where they matter. */
int ndrv_fakeep_init(struct ndrv_fakeep *ep, struct ndrv_fakenet *net, const char *id, const char *address, const char *address6);
/* With a box, sandbox and final name are known beforehand, as the command line and CNI have it; without, as Docker does it. */
int ndrv_fakeep_create(struct ndrv_fakeep *ep, struct ndrv_fakebox *box, const char *ifname);
int ndrv_fakeep_join(struct ndrv_fakeep *ep);
/* Does what the driver said: moves and names the interface, sets addresses and routes, waits for the links it named. */
int ndrv_fakeep_plug(struct ndrv_fakeep *ep, struct ndrv_fakebox *box);
/* create (with "eth0"), join and plug. */
int ndrv_fakeep_connect(struct ndrv_fakeep *ep, struct ndrv_fakebox *box);
/* The leave op, then the interface is taken out of the sandbox, unless it was made in there. */
int ndrv_fakeep_leave(struct ndrv_fakeep *ep);
int ndrv_fakeep_delete(struct ndrv_fakeep *ep, uint32_t flags);
/* leave and delete. */
int ndrv_fakeep_disconnect(struct ndrv_fakeep *ep);

NDRV_END_DECLS

#endif
