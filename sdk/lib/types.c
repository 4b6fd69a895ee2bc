/* SPDX-License-Identifier: Apache-2.0 */
/* Text to and from addresses, prefixes and MACs, and the comparisons between them. */
#include <ndrv/types.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static unsigned bits_of(uint8_t family)
{
	return family == 4 ? 32 : family == 6 ? 128 : 0;
}

static const uint8_t mapped_head[12] = {[10] = 0xff, [11] = 0xff};

/* Reads an address without making v4 of a v4-mapped one; 0 where the text is none. */
static int read_addr(const char *text, struct ndrv_addr *ret)
{
	struct ndrv_addr addr = {.family = 4};

	if (inet_pton(AF_INET, text, addr.bytes) != 1) {
		addr.family = 6;
		if (inet_pton(AF_INET6, text, addr.bytes) != 1)
			return 0;
	}
	*ret = addr;
	return 1;
}

static int is_mapped(const struct ndrv_addr *addr)
{
	return addr->family == 6 && memcmp(addr->bytes, mapped_head, sizeof(mapped_head)) == 0;
}

static void unmap(struct ndrv_addr *addr)
{
	struct ndrv_addr v4 = {.family = 4};

	memcpy(v4.bytes, addr->bytes + sizeof(mapped_head), 4);
	*addr = v4;
}

int ndrv_addr_parse(const char *text, struct ndrv_addr *ret, struct ndrv_error *err)
{
	struct ndrv_addr addr;

	if (!text || !read_addr(text, &addr))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid IP address: %s", text ? text : "");
	if (is_mapped(&addr))
		unmap(&addr);
	*ret = addr;
	return 0;
}

/* A decimal of up to three digits without leading zeros; -1 where it is none. */
static int read_length(const char *text)
{
	int length = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0') || strlen(text) > 3)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		length = length * 10 + (*text - '0');
	}
	return length;
}

static int read_prefix(const char *text, struct ndrv_prefix *ret)
{
	char host[NDRV_PREFIX_TEXT];
	const char *slash = strchr(text, '/');
	struct ndrv_prefix prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return 0;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	int length = read_length(slash + 1);
	if (!read_addr(host, &prefix.addr) || length < 0 || length > (int)bits_of(prefix.addr.family))
		return 0;
	/* Go makes a.b.c.d/0 of a v4-mapped prefix that is shorter than the mapping itself: everything, of nearly nothing. No. */
	if (is_mapped(&prefix.addr)) {
		if (length < 96)
			return 0;
		unmap(&prefix.addr);
		length -= 96;
	}
	prefix.length = (uint32_t)length;
	*ret = prefix;
	return 1;
}

int ndrv_prefix_parse(const char *text, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	if (!text || !read_prefix(text, ret))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid CIDR address: %s", text ? text : "");
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int read_mac(const char *text, uint8_t *bytes)
{
	size_t length = strlen(text);
	char separator = length == 17 ? text[2] : '.';
	size_t group = length == 17 ? 2 : 4; /* digits between separators */
	size_t digits = 0;

	if ((length != 17 && length != 14) || (length == 17 && separator != ':' && separator != '-'))
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (i % (group + 1) == group) {
			if (text[i] != separator)
				return 0;
			continue;
		}
		int value = hex_digit(text[i]);
		if (value < 0)
			return 0;
		bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | value);
		digits++;
	}
	return 1;
}

int ndrv_mac_parse(const char *text, struct ndrv_mac *ret, struct ndrv_error *err)
{
	struct ndrv_mac mac = {.set = 1};

	if (!text || !read_mac(text, mac.bytes))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "address %s: invalid MAC address", text ? text : "");
	*ret = mac;
	return 0;
}

/* The first of the longest runs of at least two zero groups, which is written as "::". */
static void find_zeros(const unsigned *groups, int *ret_start, int *ret_end)
{
	*ret_start = *ret_end = -1;
	for (int i = 0; i < 8; i++) {
		int end = i;
		while (end < 8 && groups[end] == 0)
			end++;
		if (end - i >= 2 && end - i > *ret_end - *ret_start) {
			*ret_start = i;
			*ret_end = end;
		}
		i = end;
	}
}

/* As Go and RFC 5952 write it; inet_ntop() writes the last 32 bits of some in dots. */
static void format_v6(const uint8_t *bytes, char *text)
{
	unsigned groups[8];
	int start, end;
	int used = 0;

	for (int i = 0; i < 8; i++)
		groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
	find_zeros(groups, &start, &end);
	for (int i = 0; i < 8; i++) {
		if (i == start) {
			used += snprintf(text + used, (size_t)(NDRV_ADDR_TEXT - used), "::");
			i = end - 1;
			continue;
		}
		used += snprintf(text + used, (size_t)(NDRV_ADDR_TEXT - used), "%s%x", i == 0 || i == end ? "" : ":", groups[i]);
	}
}

const char *ndrv_addr_format(const struct ndrv_addr *addr, char *text)
{
	const uint8_t *b = addr->bytes;

	text[0] = '\0';
	if (addr->family == 4)
		snprintf(text, NDRV_ADDR_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else if (is_mapped(addr))
		snprintf(text, NDRV_ADDR_TEXT, "::ffff:%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
	else if (addr->family == 6)
		format_v6(b, text);
	return text;
}

const char *ndrv_prefix_format(const struct ndrv_prefix *prefix, char *text)
{
	ndrv_addr_format(&prefix->addr, text);
	size_t used = strlen(text);
	if (used > 0)
		snprintf(text + used, NDRV_PREFIX_TEXT - used, "/%u", (unsigned)prefix->length % 1000);
	return text;
}

const char *ndrv_mac_format(const struct ndrv_mac *mac, char *text)
{
	const uint8_t *b = mac->bytes;

	text[0] = '\0';
	if (mac->set)
		snprintf(text, NDRV_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return text;
}

int ndrv_addr_equal(const struct ndrv_addr *a, const struct ndrv_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, bits_of(a->family) / 8) == 0;
}

int ndrv_prefix_equal(const struct ndrv_prefix *a, const struct ndrv_prefix *b)
{
	return ndrv_addr_equal(&a->addr, &b->addr) && (a->addr.family == 0 || a->length == b->length);
}

/* The first `length` bits agree. */
static int same_head(const struct ndrv_addr *a, const struct ndrv_addr *b, uint32_t length)
{
	unsigned bits = bits_of(a->family);

	if (length > bits)
		length = bits;
	if (memcmp(a->bytes, b->bytes, length / 8) != 0)
		return 0;
	unsigned rest = length % 8;
	return rest == 0 || ((a->bytes[length / 8] ^ b->bytes[length / 8]) >> (8 - rest)) == 0;
}

int ndrv_prefix_contains(const struct ndrv_prefix *prefix, const struct ndrv_addr *addr)
{
	return bits_of(addr->family) != 0 && prefix->addr.family == addr->family && same_head(&prefix->addr, addr, prefix->length);
}

int ndrv_prefix_overlaps(const struct ndrv_prefix *a, const struct ndrv_prefix *b)
{
	const struct ndrv_prefix *shorter = a->length < b->length ? a : b;

	return ndrv_prefix_contains(shorter, shorter == a ? &b->addr : &a->addr);
}

struct ndrv_prefix ndrv_prefix_network(const struct ndrv_prefix *prefix)
{
	struct ndrv_prefix network = *prefix;
	unsigned bits = bits_of(prefix->addr.family);

	for (unsigned bit = prefix->length; bit < bits; bit++)
		network.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return network;
}

int ndrv_addr_is_unspecified(const struct ndrv_addr *addr)
{
	static const uint8_t zero[16];
	unsigned bits = bits_of(addr->family);

	return bits != 0 && memcmp(addr->bytes, zero, bits / 8) == 0;
}

const struct ndrv_ipam_data *ndrv_ipam_at(const struct ndrv_ipam_list *list, uint32_t index)
{
	if (!list || index >= list->count)
		return NULL;
	size_t step = list->element_size ? list->element_size : sizeof(struct ndrv_ipam_data);
	return (const struct ndrv_ipam_data *)(const void *)((const char *)list->items + index * step);
}
