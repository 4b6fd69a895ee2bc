/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked of the service, in memory: networks, endpoints, and the ports they hold. Knows no kernel. Not thread-safe. */
#ifndef HOST_NAT_BOOK_H
#define HOST_NAT_BOOK_H

#include <ndrv/nat.h>
#include <ndrv/network.h>

#include "host/base/idmap.h"
#include "host/nat/element.h"

/* nid, '/', eid, NUL */
#define BOOK_KEY (2 * NDRV_ID_MAX + 2)

struct nat_network {
	struct idmap_node node; /* by id; first */
	char nid[NDRV_ID_MAX + 1];
	char link[NDRV_IFNAME_MAX];
	uint32_t flags[2]; /* NDRV_NAT_..., v4 and v6 */
	bool has[2];	   /* the family is used */
	bool doomed;	   /* it was to be cleared, and that failed */
	struct ndrv_prefix pool[2];
	struct ndrv_addr source[2];
	struct nat_network *next;
	struct nat_endpoint *endpoints;
};

enum { HOLDS_V4 = 1, HOLDS_V6 = 2 };

/* One port of an endpoint in one family. */
struct nat_mapping {
	struct nat_mapping *next; /* of the same protocol and host port */
	struct nat_endpoint *endpoint;
	uint8_t family;
	uint8_t protocol;
	bool open; /* not translated: the endpoint's own port is opened */
	uint16_t host_port, port;
	struct ndrv_addr host; /* unset: any */
	struct ndrv_addr address;
	int fd; /* the socket that holds the host port, for both families where it can; -1: another mapping has it, or none */
	uint8_t holds;		  /* families `fd` holds the port in: HOLDS_V4, HOLDS_V6 */
	struct nat_mapping *from; /* while a change is made: the former mapping that `fd` is still of */
	bool rebind;		  /* while a change is made: the port can be held once the former mapping is gone */
};

struct nat_endpoint {
	struct idmap_node node; /* by nid/eid; first */
	char key[BOOK_KEY];
	const char *eid; /* within key */
	bool doomed;	 /* it was to be unpublished, and that failed */
	struct nat_network *network;
	struct nat_endpoint *next;
	uint32_t count;
	struct nat_mapping *mappings;
};

#define BOOK_PROTOCOLS 3u

struct book {
	struct idmap networks, endpoints;
	struct nat_network *first_network;
	struct nat_mapping **ports[BOOK_PROTOCOLS]; /* by host port; NULL until one is used */
	size_t mapping_count, network_count, endpoint_count;
	size_t held; /* sockets */
};

/* 0, or -1 when out of memory. */
int book_init(struct book *book);
/* Frees everything; fds are closed. */
void book_done(struct book *book);

struct nat_network *book_network(struct book *book, const char *nid);
struct nat_endpoint *book_endpoint(struct book *book, const char *nid, const char *eid);
/* The network that has this link; NULL: none. */
struct nat_network *book_link(struct book *book, const char *link);

/* Takes `network` (malloc'ed). One of that id is there already: it takes the new one's values and keeps its endpoints, which cannot
 * fail. 0, or -1 when out of memory: then `network` is the caller's still. */
int book_put_network(struct book *book, struct nat_network *network);
/* It stays, without endpoints and without any element. */
void book_empty_network(struct book *book, struct nat_network *network);
/* With its endpoints. */
void book_del_network(struct book *book, struct nat_network *network);
/* A blank one that is in no map. NULL: out of memory. */
struct nat_endpoint *book_new_endpoint(struct nat_network *network, const char *eid, uint32_t count);
/* Takes `endpoint`. One of that id is there already: it takes the new one's mappings, and what its own held is let go. 0, or -1
 * when out of memory: then nothing has changed. */
int book_put_endpoint(struct book *book, struct nat_endpoint *endpoint);
void book_del_endpoint(struct book *book, struct nat_endpoint *endpoint);
/* One that was never put. Its fds are closed. */
void book_free_endpoint(struct nat_endpoint *endpoint);

/* Who holds this host port in that family (of an endpoint other than `but`); NULL: nobody. */
const struct nat_mapping *book_holder(const struct book *book, uint8_t family, uint32_t protocol, uint32_t port,
				      const struct ndrv_addr *host, const struct nat_endpoint *but);

/* --- as elements, sorted --- */
#define NETWORK_ELEMENTS_MAX 20
size_t network_elements(const struct nat_network *network, struct nat_element *ret);
/* `ret`: room for endpoint->count. */
void endpoint_elements(const struct nat_endpoint *endpoint, struct nat_element *ret);
/* All of the book; malloc'ed. NULL: out of memory. */
struct nat_element *book_elements(const struct book *book, size_t *ret_count);

/* --- as texts, to be kept --- */
/* malloc'ed; NULL: out of memory. */
char *network_text(const struct nat_network *network);
char *endpoint_text(const struct nat_endpoint *endpoint);
/* NULL: not one of ours, or out of memory (`ret_oom`). */
struct nat_network *network_from_text(const char *nid, const char *text, bool *ret_oom);
struct nat_endpoint *endpoint_from_text(struct nat_network *network, const char *eid, const char *text, bool *ret_oom);

/* "tcp"; the number for one that is not known. */
const char *nat_protocol_name(uint32_t protocol);
/* 0..BOOK_PROTOCOLS-1; -1: unknown. */
int protocol_index(uint32_t protocol);

#endif
