/* SPDX-License-Identifier: Apache-2.0 */
/* What a joined endpoint gets inside its sandbox: an interface under its final name, addresses, routes, gateways, neighbours. */
#ifndef HOST_SANDBOX_PLUG_H
#define HOST_SANDBOX_PLUG_H

#include <ndrv/types.h>

#include "host/sandbox/sandbox.h"

#define PLUG_ROUTES_MAX 64 /* join's limit */
#define PLUG_NEIGHBOURS_MAX 4

struct plug_neighbour {
	struct ndrv_addr addr;
	struct ndrv_mac mac;
};

/* Zero what is not wanted. */
struct plug {
	const char *src;     /* interface in the host's namespace that is to be moved; NULL or "": born in the sandbox as `name` */
	const char *name;    /* final name; NULL or "": `prefix` and the first free number */
	const char *prefix;  /* "eth" */
	struct ndrv_mac mac; /* mac and mtu are set on a moved interface; one born there has them */
	uint32_t mtu;
	struct ndrv_prefix address, address6;
	struct ndrv_addr gateway4, gateway6;
	uint32_t metric4, metric6; /* of default routes */
	uint32_t route_count;
	const struct ndrv_route *routes;
	uint32_t neighbour_count;
	const struct plug_neighbour *neighbours;
	uint32_t route_protocol; /* owner tag of routes and neighbours */
};

struct plug_result {
	char name[NDRV_IFNAME_MAX];
	uint32_t index;
	bool ipv6_off; /* the sandbox has IPv6 switched off: its address, routes and gateway were left out; the driver's
			* ipv6_release is due. Where IPv6 is all there is, that is an error instead. */
};

/* The first free name of `prefix` in the sandbox: what a driver is told to make its interface under. */
int plug_pick_name(struct sandbox *sandbox, const char *prefix, char ret[NDRV_IFNAME_MAX], struct ndrv_error *err);

/* All or nothing: on failure a moved interface is back under its old name; one born in the sandbox is down, and the driver's
 * endpoint_delete takes it away. `host_nl` is only used for moving. */
int plug_in(struct sandbox *sandbox, struct ndrv_nl *host_nl, const struct plug *plug, struct plug_result *ret,
	    struct ndrv_error *err);

/* Takes an interface out of service. With `src` it goes back to the host's namespace under that name, without its addresses and
 * routes; without (NULL or ""), it is taken down and the driver deletes it. One that is gone is success. */
int plug_out(struct sandbox *sandbox, const char *name, const char *src, struct ndrv_error *err);
/* The same by path; a namespace that is gone, or another one by now (dev and ino, 0: not known), is success. */
int plug_out_path(struct hostns *hostns, const char *path, dev_t dev, ino_t ino, const struct ndrv_call *call, const char *name,
		  const char *src, struct ndrv_error *err);
/* Deletes an interface that was born there, if one of this name has a group of `first_group` ... `first_group` + `groups` - 1: of
 * which a crash has left no more than the intent. None, or a namespace that is gone, is success. */
int plug_abort_path(struct hostns *hostns, const char *path, dev_t dev, ino_t ino, const struct ndrv_call *call, const char *name,
		    uint32_t first_group, uint32_t groups, struct ndrv_error *err);

#endif
