/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of <ndrv/child.h>:
 *
 * child.c           the ops on networks, the list of networks, and the table of all ops
 * child_options.c   what a network may be told, and what is refused
 * child_parent.c    parents: taken, made, removed
 * child_endpoint.c  the ops on endpoints
 * child_link.c      their links, here or in a sandbox */
#ifndef SDK_LIB_CHILD_H
#define SDK_LIB_CHILD_H

#include <pthread.h>
#include <stdbool.h>

#include <ndrv/child.h>

/* A network: its record's priv, and a member of the list in which users of a parent are looked for. */
struct child_net {
	struct child_net *next;
	char id[NDRV_ID_MAX + 1];
	struct ndrv_child_options options; /* `parent` is not valid here: see the next */
	char parent[NDRV_IFNAME_MAX];
	bool dummy; /* the parent is one of our own making, of this network alone */
	bool internal, ipv4, ipv6;
	uint32_t traits;
};

/* An endpoint: its record's priv. */
struct child_ep {
	char alias[NDRV_IFNAME_MAX]; /* its mark, and its name while in the host's namespace */
	char name[NDRV_IFNAME_MAX];  /* where it was born */
	uint32_t index;		     /* 0: there is no link (yet) */
	int32_t number;		     /* of the namespace it was born in; FAR_HERE: the host's */
	struct ndrv_mac mac;
};

struct child_driver {
	const struct ndrv_host *host;
	const struct ndrv_child_kind *kind;
	pthread_mutex_t lock; /* of the list, and of all making and removing of parents */
	struct child_net *networks;
};

/* Two letters and 12 digits out of instance, network and endpoint ("": the network itself). */
void child_name(char ret[NDRV_IFNAME_MAX], const char *prefix, const struct ndrv_network *network, const char *eid);
bool child_is_ours(const struct ndrv_network *network, const struct ndrv_link *link, const char *kind);

/* --- child_options.c --- */

/* Reads options and addresses of `network` into `ret` (zeroed by the caller). BAD_REQUEST. */
int child_parse(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		struct child_net *ret);
/* BAD_REQUEST for options of an endpoint that are wrong. */
int child_check_endpoint(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_value *options);
int child_configure(void *self, struct ndrv_call *call, const struct ndrv_value *config);
int child_options(void *self, uint32_t which, struct ndrv_option_list *ret);
int child_gw_alloc_check(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip);

/* --- child_parent.c, with the driver's lock held --- */

/* Finds or makes the parent. A parent that is missing is NO_LINK, a loopback interface BAD_REQUEST. `ret_made`: it was not there.
 */
int child_parent_set_up(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
			const struct child_net *net, bool *ret_made);
/* Removes the parent if we made it and no network of the list uses it. */
int child_parent_remove(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
			const struct child_net *net);
/* A child is made and deleted again: the kernel's word on whether this parent can have any of this kind. */
int child_parent_try(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		     const struct child_net *net);

/* --- child_link.c --- */

/* In `netns_fd` (that of call->sandbox_nl) as ep->name, or (-1) here as ep->alias. Sets index, number, mac. On failure there is
 * none. */
int child_link_make(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		    const struct child_net *net, struct child_ep *ep, int netns_fd);
/* Looks for the link of ep->alias: in the host's namespace, then in that of `sandbox_key`. NO_LINK. Sets index and number. */
int child_link_find(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		    const char *sandbox_key, struct child_ep *ep);
/* Deletes it where it is, waiting for the kernel; one that is gone is success, a stranger's is left alone. */
int child_link_delete(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		      struct child_ep *ep);

/* --- child_endpoint.c --- */

int child_endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			  struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options);
int child_endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
int child_endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			struct ndrv_value *ret_info);
int child_endpoint_adopt(struct child_driver *driver, struct ndrv_call *call, struct ndrv_network *network,
			 struct ndrv_endpoint *endpoint);
int child_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
	       const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
	       const struct ndrv_value *sandbox_options);
int child_leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);

#endif
