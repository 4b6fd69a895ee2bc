/* SPDX-License-Identifier: Apache-2.0 */
/* The sets and maps of our table, and what goes into them: the only things that change from call to call. docs/nat.md shows the
 * whole table. */
#ifndef HOST_NAT_ELEMENT_H
#define HOST_NAT_ELEMENT_H

#include <ndrv/types.h>

#include "host/nat/nft.h"

/* Two of each, v4 and v6: index * 2 + (family == 6). */
enum nat_set {
	SET_ANY,	/* protocol . host port -> address . port */
	SET_AT,		/* host address . protocol . host port -> address . port */
	SET_OPEN,	/* address . protocol . port: reached without translation */
	SET_WITHIN,	/* link . link -> what becomes of packets that are forwarded from the link to itself */
	SET_FROM,	/* link -> of packets from it to elsewhere */
	SET_TO,		/* link -> of packets to it from elsewhere */
	SET_ISOLATED,	/* link */
	SET_OWN,	/* link . pool -> what becomes of the source of packets to the link out of its own pool */
	SET_SNAT,	/* link -> source address of what leaves */
	SET_MASQUERADE, /* link */
	SET_LOOPBACK,	/* link: whose endpoints are reached at 127.0.0.1 (v4 only) */
	SET_KINDS
};
#define SET_COUNT (2u * SET_KINDS)

/* Where a verdict leads. */
enum nat_verdict {
	VERDICT_NONE, /* the set is no verdict map */
	VERDICT_ACCEPT,
	VERDICT_DROP,
	VERDICT_RETURN,
	VERDICT_TRANSLATED, /* only what came through a published host port */
	VERDICT_DIRECT,	    /* only what did not */
	VERDICT_ROUTED,	    /* open ports, by family */
	VERDICT_UNPROTECTED,
	VERDICT_HAIRPIN,
};

#define ELEMENT_COMMENT 48

struct nat_element {
	uint8_t set; /* with its family */
	uint8_t verdict;
	uint8_t key_bytes, data_bytes;
	uint8_t key[32];
	uint8_t end[32]; /* of a range (SET_OWN): its last key; else zeros */
	uint8_t data[20];
	char comment[ELEMENT_COMMENT]; /* whose it is; not compared */
};

static inline uint8_t nat_set_of(enum nat_set kind, int family)
{
	return (uint8_t)(kind * 2u + (family == 6));
}

/* "any4" */
const char *nat_set_name(uint8_t set);
/* Makes all sets. */
void sets_create(struct nft_batch *batch, const char *table);
/* The chain a verdict leads to, "" for a final one. */
const char *verdict_chain(uint8_t verdict, int family);
int32_t verdict_code(uint8_t verdict);

void element_ports(struct nat_element *ret, enum nat_set kind, const struct ndrv_addr *host, uint32_t protocol, uint32_t host_port,
		   const struct ndrv_addr *address, uint32_t port, int family);
/* `twice`: a key of the link and itself. */
void element_link(struct nat_element *ret, enum nat_set kind, int family, const char *link, bool twice, enum nat_verdict verdict);
/* A link with a pool of addresses; one without length: all of the family. */
void element_pool(struct nat_element *ret, enum nat_set kind, int family, const char *link, const struct ndrv_prefix *pool,
		  enum nat_verdict verdict);

/* By set and key, then by what they lead to. */
int element_compare_keys(const void *a, const void *b);
bool element_same(const struct nat_element *a, const struct nat_element *b);

/* Adds or deletes all, sorted by set; consecutive ones of one set share a message. */
void elements_put(struct nft_batch *batch, const char *table, const struct nat_element *elements, size_t count, bool add);
/* One element of a reply to a dump of `set`; false: not one of the kind we make (it is a stranger, with at least its key set). */
bool element_read(uint8_t set, struct nlattr *attribute, struct nat_element *ret);

#endif
