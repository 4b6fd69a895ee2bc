/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nat/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORTS 65536u

const char *nat_protocol_name(uint32_t protocol)
{
	switch (protocol) {
	case NDRV_PROTO_TCP:
		return "tcp";
	case NDRV_PROTO_UDP:
		return "udp";
	case NDRV_PROTO_SCTP:
		return "sctp";
	default:
		return "?";
	}
}

int protocol_index(uint32_t protocol)
{
	switch (protocol) {
	case NDRV_PROTO_TCP:
		return 0;
	case NDRV_PROTO_UDP:
		return 1;
	case NDRV_PROTO_SCTP:
		return 2;
	default:
		return -1;
	}
}

int book_init(struct book *book)
{
	memset(book, 0, sizeof(*book));
	if (idmap_init(&book->networks))
		return -1;
	if (!idmap_init(&book->endpoints))
		return 0;
	idmap_done(&book->networks);
	return -1;
}

void book_done(struct book *book)
{
	while (book->first_network)
		book_del_network(book, book->first_network);
	for (uint32_t i = 0; i < BOOK_PROTOCOLS; i++)
		free(book->ports[i]);
	idmap_done(&book->networks);
	idmap_done(&book->endpoints);
}

static void make_key(char *key, const char *nid, const char *eid)
{
	(void)snprintf(key, BOOK_KEY, "%.*s/%.*s", NDRV_ID_MAX, nid, NDRV_ID_MAX, eid);
}

struct nat_network *book_network(struct book *book, const char *nid)
{
	return (struct nat_network *)(void *)idmap_find(&book->networks, nid);
}

struct nat_endpoint *book_endpoint(struct book *book, const char *nid, const char *eid)
{
	char key[BOOK_KEY];

	make_key(key, nid, eid);
	return (struct nat_endpoint *)(void *)idmap_find(&book->endpoints, key);
}

struct nat_network *book_link(struct book *book, const char *link)
{
	for (struct nat_network *network = book->first_network; network; network = network->next)
		if (!strcmp(network->link, link))
			return network;
	return NULL;
}

/* --- networks --- */

static void unlink_network(struct book *book, struct nat_network *network)
{
	struct nat_network **at = &book->first_network;

	while (*at != network)
		at = &(*at)->next;
	*at = network->next;
	idmap_del(&book->networks, &network->node);
	book->network_count--;
}

int book_put_network(struct book *book, struct nat_network *network)
{
	struct nat_network *former = book_network(book, network->nid);

	if (former) {
		/* In its place: nothing that could fail. */
		struct nat_network kept = *former;
		*former = *network;
		former->node = kept.node;
		former->next = kept.next;
		former->endpoints = kept.endpoints;
		free(network);
		return 0;
	}
	if (idmap_add(&book->networks, &network->node, network->nid))
		return -1;
	network->endpoints = NULL;
	network->next = book->first_network;
	book->first_network = network;
	book->network_count++;
	return 0;
}

void book_empty_network(struct book *book, struct nat_network *network)
{
	struct nat_endpoint *next;

	for (struct nat_endpoint *endpoint = network->endpoints; endpoint; endpoint = next) {
		next = endpoint->next;
		book_del_endpoint(book, endpoint);
	}
	network->has[0] = network->has[1] = false;
	network->link[0] = '\0';
}

void book_del_network(struct book *book, struct nat_network *network)
{
	book_empty_network(book, network);
	unlink_network(book, network);
	free(network);
}

/* --- endpoints --- */

struct nat_endpoint *book_new_endpoint(struct nat_network *network, const char *eid, uint32_t count)
{
	struct nat_endpoint *endpoint = calloc(1, sizeof(*endpoint));

	if (!endpoint)
		return NULL;
	endpoint->mappings = calloc(count ? count : 1, sizeof(*endpoint->mappings));
	if (!endpoint->mappings) {
		free(endpoint);
		return NULL;
	}
	endpoint->network = network;
	make_key(endpoint->key, network->nid, eid);
	endpoint->eid = strchr(endpoint->key, '/') + 1;
	return endpoint;
}

static void close_ports(struct nat_endpoint *endpoint)
{
	for (uint32_t i = 0; i < endpoint->count; i++)
		if (endpoint->mappings[i].fd >= 0)
			(void)close(endpoint->mappings[i].fd);
}

void book_free_endpoint(struct nat_endpoint *endpoint)
{
	if (!endpoint)
		return;
	close_ports(endpoint);
	free(endpoint->mappings);
	free(endpoint);
}

static struct nat_mapping **port_list(const struct book *book, const struct nat_mapping *mapping)
{
	return &book->ports[protocol_index(mapping->protocol)][mapping->host_port];
}

static void enter_ports(struct book *book, struct nat_endpoint *endpoint)
{
	for (uint32_t i = 0; i < endpoint->count; i++) {
		struct nat_mapping *mapping = &endpoint->mappings[i];
		mapping->endpoint = endpoint;
		book->mapping_count++;
		book->held += mapping->fd >= 0;
		if (mapping->open)
			continue;
		struct nat_mapping **list = port_list(book, mapping);
		mapping->next = *list;
		*list = mapping;
	}
}

static void leave_ports(struct book *book, struct nat_endpoint *endpoint)
{
	for (uint32_t i = 0; i < endpoint->count; i++) {
		struct nat_mapping *mapping = &endpoint->mappings[i];
		book->mapping_count--;
		book->held -= mapping->fd >= 0;
		if (mapping->open)
			continue;
		struct nat_mapping **at = port_list(book, mapping);
		while (*at != mapping)
			at = &(*at)->next;
		*at = mapping->next;
	}
}

static int need_ports(struct book *book, const struct nat_endpoint *endpoint)
{
	for (uint32_t i = 0; i < endpoint->count; i++) {
		int protocol = protocol_index(endpoint->mappings[i].protocol);
		if (!book->ports[protocol])
			book->ports[protocol] = calloc(PORTS, sizeof(*book->ports[protocol]));
		if (!book->ports[protocol])
			return -1;
	}
	return 0;
}

void book_del_endpoint(struct book *book, struct nat_endpoint *endpoint)
{
	struct nat_endpoint **at = &endpoint->network->endpoints;

	while (*at != endpoint)
		at = &(*at)->next;
	*at = endpoint->next;
	idmap_del(&book->endpoints, &endpoint->node);
	book->endpoint_count--;
	leave_ports(book, endpoint);
	book_free_endpoint(endpoint);
}

int book_put_endpoint(struct book *book, struct nat_endpoint *endpoint)
{
	struct nat_endpoint *former = (struct nat_endpoint *)(void *)idmap_find(&book->endpoints, endpoint->key);

	if (need_ports(book, endpoint))
		return -1;
	if (former) {
		leave_ports(book, former);
		close_ports(former);
		free(former->mappings);
		former->mappings = endpoint->mappings;
		former->count = endpoint->count;
		former->doomed = false;
		free(endpoint);
		enter_ports(book, former);
		return 0;
	}
	if (idmap_add(&book->endpoints, &endpoint->node, endpoint->key))
		return -1;
	endpoint->next = endpoint->network->endpoints;
	endpoint->network->endpoints = endpoint;
	book->endpoint_count++;
	enter_ports(book, endpoint);
	return 0;
}

/* --- ports --- */

/* An address of the host and any of that family are the same port to a packet. */
static bool meets(const struct ndrv_addr *a, const struct ndrv_addr *b)
{
	return !a->family || !b->family || ndrv_addr_equal(a, b);
}

const struct nat_mapping *book_holder(const struct book *book, uint8_t family, uint32_t protocol, uint32_t port,
				      const struct ndrv_addr *host, const struct nat_endpoint *but)
{
	int index = protocol_index(protocol);

	if (index < 0 || !book->ports[index])
		return NULL;
	for (const struct nat_mapping *mapping = book->ports[index][port]; mapping; mapping = mapping->next)
		if (mapping->family == family && mapping->endpoint != but && meets(&mapping->host, host))
			return mapping;
	return NULL;
}

/* --- elements --- */

static void name_owner(struct nat_element *element, const char *nid, const char *eid)
{
	/* 12 digits, as everywhere where ids are shown. */
	if (eid)
		(void)snprintf(element->comment, sizeof(element->comment), "%.12s %.12s", nid, eid);
	else
		(void)snprintf(element->comment, sizeof(element->comment), "%.12s", nid);
}

static enum nat_verdict within(uint32_t flags)
{
	if (flags & NDRV_NAT_NO_ICC)
		return flags & NDRV_NAT_HAIRPIN ? VERDICT_TRANSLATED : VERDICT_DROP;
	return flags & NDRV_NAT_HAIRPIN ? VERDICT_ACCEPT : VERDICT_DIRECT;
}

static enum nat_verdict inward(uint32_t flags)
{
	if (flags & NDRV_NAT_UNPROTECTED)
		return VERDICT_UNPROTECTED;
	return flags & NDRV_NAT_ROUTED ? VERDICT_ROUTED : VERDICT_TRANSLATED;
}

static size_t family_elements(const struct nat_network *network, int family, struct nat_element *ret)
{
	int at = family == 6;
	uint32_t flags = network->flags[at];
	bool nat = !(flags & NDRV_NAT_ROUTED), hairpin = nat && (flags & NDRV_NAT_HAIRPIN);
	const char *link = network->link;
	size_t count = 0;

	element_link(&ret[count++], SET_WITHIN, family, link, true, within(flags));
	if (flags & NDRV_NAT_INTERNAL) {
		element_link(&ret[count++], SET_FROM, family, link, false, VERDICT_DROP);
		element_link(&ret[count++], SET_TO, family, link, false, VERDICT_DROP);
		return count;
	}
	element_link(&ret[count++], SET_TO, family, link, false, inward(flags));
	/* Without a pool, who is a neighbour and who is not cannot be told. */
	element_pool(&ret[count++], SET_OWN, family, link, &network->pool[at],
		     hairpin && network->pool[at].addr.family ? VERDICT_HAIRPIN : VERDICT_RETURN);
	if (flags & NDRV_NAT_ISOLATE)
		element_link(&ret[count++], SET_ISOLATED, family, link, false, VERDICT_NONE);
	if (nat && family == 4)
		element_link(&ret[count++], SET_LOOPBACK, family, link, false, VERDICT_NONE);
	if (nat && network->source[at].family) {
		struct nat_element *snat = &ret[count++];
		element_link(snat, SET_SNAT, family, link, false, VERDICT_NONE);
		snat->data_bytes = family == 6 ? 16 : 4;
		memcpy(snat->data, network->source[at].bytes, snat->data_bytes);
	} else if (nat && (flags & NDRV_NAT_MASQUERADE)) {
		element_link(&ret[count++], SET_MASQUERADE, family, link, false, VERDICT_NONE);
	}
	return count;
}

size_t network_elements(const struct nat_network *network, struct nat_element *ret)
{
	size_t count = 0;

	for (int family = 4; family <= 6; family += 2)
		if (network->has[family == 6])
			count += family_elements(network, family, ret + count);
	for (size_t i = 0; i < count; i++)
		name_owner(&ret[i], network->nid, NULL);
	qsort(ret, count, sizeof(*ret), element_compare_keys);
	return count;
}

void endpoint_elements(const struct nat_endpoint *endpoint, struct nat_element *ret)
{
	for (uint32_t i = 0; i < endpoint->count; i++) {
		const struct nat_mapping *mapping = &endpoint->mappings[i];
		enum nat_set kind = mapping->open ? SET_OPEN : mapping->host.family ? SET_AT : SET_ANY;
		element_ports(&ret[i], kind, &mapping->host, mapping->protocol, mapping->host_port, &mapping->address,
			      mapping->port, mapping->family);
		name_owner(&ret[i], endpoint->network->nid, endpoint->eid);
	}
	qsort(ret, endpoint->count, sizeof(*ret), element_compare_keys);
}

struct nat_element *book_elements(const struct book *book, size_t *ret_count)
{
	size_t room = book->network_count * NETWORK_ELEMENTS_MAX + book->mapping_count, count = 0;
	struct nat_element *elements = malloc((room ? room : 1) * sizeof(*elements));

	if (!elements)
		return NULL;
	for (const struct nat_network *network = book->first_network; network; network = network->next) {
		count += network_elements(network, elements + count);
		for (const struct nat_endpoint *endpoint = network->endpoints; endpoint; endpoint = endpoint->next) {
			endpoint_elements(endpoint, elements + count);
			count += endpoint->count;
		}
	}
	qsort(elements, count, sizeof(*elements), element_compare_keys);
	*ret_count = count;
	return elements;
}
