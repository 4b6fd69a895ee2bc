/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked, as one line of text for a network and one for each mapping: what the store keeps. */
#include "host/nat/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX 256

static const char *addr_text(const struct ndrv_addr *addr, char *text)
{
	return addr->family ? ndrv_addr_format(addr, text) : "-";
}

static const char *prefix_text(const struct ndrv_prefix *prefix, char *text)
{
	return prefix->addr.family ? ndrv_prefix_format(prefix, text) : "-";
}

char *network_text(const struct nat_network *network)
{
	char pool[2][NDRV_PREFIX_TEXT], source[2][NDRV_ADDR_TEXT];
	char *text = malloc(LINE_MAX);

	if (text)
		(void)snprintf(text, LINE_MAX, "1 %s %u %u %d %d %s %s %s %s\n", network->link, network->flags[0],
			       network->flags[1], network->has[0], network->has[1], prefix_text(&network->pool[0], pool[0]),
			       prefix_text(&network->pool[1], pool[1]), addr_text(&network->source[0], source[0]),
			       addr_text(&network->source[1], source[1]));
	return text;
}

static bool read_addr(const char *text, struct ndrv_addr *ret)
{
	return !strcmp(text, "-") || !ndrv_addr_parse(text, ret, NULL);
}

static bool read_prefix(const char *text, struct ndrv_prefix *ret)
{
	return !strcmp(text, "-") || !ndrv_prefix_parse(text, ret, NULL);
}

/* --- reading: what this service wrote; each line is checked for its count of fields, and the values for what they mean --- */
/* NOLINTBEGIN(cert-err34-c) */

struct nat_network *network_from_text(const char *nid, const char *text, bool *ret_oom)
{
	struct nat_network *network = calloc(1, sizeof(*network));
	char pool[2][NDRV_PREFIX_TEXT], source[2][NDRV_ADDR_TEXT];
	int has[2];

	*ret_oom = !network;
	if (!network)
		return NULL;
	int read = sscanf(text, "1 %15s %u %u %d %d %49s %49s %45s %45s", network->link, &network->flags[0], &network->flags[1],
			  &has[0], &has[1], pool[0], pool[1], source[0], source[1]);
	bool good = read == 9 && strlen(nid) <= NDRV_ID_MAX;
	for (int i = 0; i < 2 && good; i++) {
		network->has[i] = has[i];
		good = read_prefix(pool[i], &network->pool[i]) && read_addr(source[i], &network->source[i]);
	}
	if (!good) {
		free(network);
		return NULL;
	}
	memcpy(network->nid, nid, strlen(nid) + 1);
	return network;
}

char *endpoint_text(const struct nat_endpoint *endpoint)
{
	size_t room = 8 + (size_t)endpoint->count * LINE_MAX, used;
	char *text = malloc(room);

	if (!text)
		return NULL;
	used = (size_t)snprintf(text, room, "1 %u\n", endpoint->count);
	for (uint32_t i = 0; i < endpoint->count; i++) {
		const struct nat_mapping *mapping = &endpoint->mappings[i];
		char host[NDRV_ADDR_TEXT], address[NDRV_ADDR_TEXT];
		used += (size_t)snprintf(text + used, room - used, "%u %s %u %s %u %s %u\n", mapping->family,
					 mapping->open ? "open" : "nat", mapping->protocol, addr_text(&mapping->host, host),
					 mapping->host_port, addr_text(&mapping->address, address), mapping->port);
	}
	return text;
}

static bool read_mapping(const char *line, struct nat_mapping *ret)
{
	char kind[5], host[NDRV_ADDR_TEXT], address[NDRV_ADDR_TEXT];
	unsigned family, protocol, host_port, port;

	if (sscanf(line, "%u %4s %u %45s %u %45s %u", &family, kind, &protocol, host, &host_port, address, &port) != 7)
		return false;
	*ret = (struct nat_mapping){.family = (uint8_t)family,
				    .protocol = (uint8_t)protocol,
				    .open = !strcmp(kind, "open"),
				    .host_port = (uint16_t)host_port,
				    .port = (uint16_t)port,
				    .fd = -1};
	return (family == 4 || family == 6) && protocol_index(protocol) >= 0 && host_port < 65536 && port < 65536 &&
	       read_addr(host, &ret->host) && read_addr(address, &ret->address) && ret->address.family == family;
}

struct nat_endpoint *endpoint_from_text(struct nat_network *network, const char *eid, const char *text, bool *ret_oom)
{
	unsigned count = 0;

	*ret_oom = false;
	if (sscanf(text, "1 %u", &count) != 1 || count > 3 * 65536u || strlen(eid) > NDRV_ID_MAX)
		return NULL;
	struct nat_endpoint *endpoint = book_new_endpoint(network, eid, count);
	*ret_oom = !endpoint;
	if (!endpoint)
		return NULL;
	for (const char *line = strchr(text, '\n'); line && endpoint->count < count; line = strchr(line + 1, '\n')) {
		if (!read_mapping(line + 1, &endpoint->mappings[endpoint->count]))
			break;
		endpoint->count++;
	}
	if (endpoint->count == count)
		return endpoint;
	book_free_endpoint(endpoint);
	return NULL;
}

/* NOLINTEND(cert-err34-c) */
