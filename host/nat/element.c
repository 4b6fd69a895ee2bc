/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nat/element.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#define MESSAGE_FULL 60000u
#define LINK_BYTES 16u

/* nft's numbers of types, by which it prints; several in one key are packed six bits each. */
enum { TYPE_VERDICT = 1, TYPE_IPADDR = 7, TYPE_IP6ADDR = 8, TYPE_PROTOCOL = 12, TYPE_SERVICE = 13, TYPE_IFNAME = 41 };

#define PAIR(a, b) ((uint32_t)(a) << 6 | (uint32_t)(b))
#define TRIPLE(a, b, c) (PAIR(a, b) << 6 | (uint32_t)(c))
#define BOTH_FAMILIES(name) name "4", name "6"
#define VERDICTS 0xffffff00u /* NFT_DATA_VERDICT */

struct set_kind {
	const char *name[2];
	uint32_t key_type[2], data_type[2];
	uint8_t key_bytes[2], data_bytes[2];
	bool ranges; /* of a link and addresses */
};

static const struct set_kind kinds[SET_KINDS] = {
	[SET_ANY] = {.name = {BOTH_FAMILIES("any")},
		     .key_type = {PAIR(TYPE_PROTOCOL, TYPE_SERVICE), PAIR(TYPE_PROTOCOL, TYPE_SERVICE)},
		     .key_bytes = {8, 8},
		     .data_type = {PAIR(TYPE_IPADDR, TYPE_SERVICE), PAIR(TYPE_IP6ADDR, TYPE_SERVICE)},
		     .data_bytes = {8, 20}},
	[SET_AT] = {.name = {BOTH_FAMILIES("at")},
		    .key_type = {TRIPLE(TYPE_IPADDR, TYPE_PROTOCOL, TYPE_SERVICE),
				 TRIPLE(TYPE_IP6ADDR, TYPE_PROTOCOL, TYPE_SERVICE)},
		    .key_bytes = {12, 24},
		    .data_type = {PAIR(TYPE_IPADDR, TYPE_SERVICE), PAIR(TYPE_IP6ADDR, TYPE_SERVICE)},
		    .data_bytes = {8, 20}},
	[SET_OPEN] = {.name = {BOTH_FAMILIES("open")},
		      .key_type = {TRIPLE(TYPE_IPADDR, TYPE_PROTOCOL, TYPE_SERVICE),
				   TRIPLE(TYPE_IP6ADDR, TYPE_PROTOCOL, TYPE_SERVICE)},
		      .key_bytes = {12, 24}},
	[SET_WITHIN] = {.name = {BOTH_FAMILIES("within")},
			.key_type = {PAIR(TYPE_IFNAME, TYPE_IFNAME), PAIR(TYPE_IFNAME, TYPE_IFNAME)},
			.key_bytes = {32, 32},
			.data_type = {VERDICTS, VERDICTS}},
	[SET_FROM] = {.name = {BOTH_FAMILIES("from")},
		      .key_type = {TYPE_IFNAME, TYPE_IFNAME},
		      .key_bytes = {16, 16},
		      .data_type = {VERDICTS, VERDICTS}},
	[SET_TO] = {.name = {BOTH_FAMILIES("to")},
		    .key_type = {TYPE_IFNAME, TYPE_IFNAME},
		    .key_bytes = {16, 16},
		    .data_type = {VERDICTS, VERDICTS}},
	[SET_ISOLATED] = {.name = {BOTH_FAMILIES("isolated")}, .key_type = {TYPE_IFNAME, TYPE_IFNAME}, .key_bytes = {16, 16}},
	[SET_OWN] = {.name = {BOTH_FAMILIES("own")},
		     .key_type = {PAIR(TYPE_IFNAME, TYPE_IPADDR), PAIR(TYPE_IFNAME, TYPE_IP6ADDR)},
		     .key_bytes = {20, 32},
		     .data_type = {VERDICTS, VERDICTS},
		     .ranges = true},
	[SET_SNAT] = {.name = {BOTH_FAMILIES("snat")},
		      .key_type = {TYPE_IFNAME, TYPE_IFNAME},
		      .key_bytes = {16, 16},
		      .data_type = {TYPE_IPADDR, TYPE_IP6ADDR},
		      .data_bytes = {4, 16}},
	[SET_MASQUERADE] = {.name = {BOTH_FAMILIES("masquerade")}, .key_type = {TYPE_IFNAME, TYPE_IFNAME}, .key_bytes = {16, 16}},
	[SET_LOOPBACK] = {.name = {BOTH_FAMILIES("loopback")}, .key_type = {TYPE_IFNAME, TYPE_IFNAME}, .key_bytes = {16, 16}},
};

const char *nat_set_name(uint8_t set)
{
	return kinds[set / 2].name[set % 2];
}

/* For a set of ranges the kernel wants to know the parts of its keys. */
static void put_fields(struct nl_msg *msg, uint32_t first, uint32_t second)
{
	struct nlattr *desc = nla_nest_start(msg, NFTA_SET_DESC | NLA_F_NESTED);
	struct nlattr *concat = nla_nest_start(msg, NFTA_SET_DESC_CONCAT | NLA_F_NESTED);

	for (int i = 0; i < 2; i++) {
		struct nlattr *field = nla_nest_start(msg, NFTA_LIST_ELEM | NLA_F_NESTED);
		nft_put_u32(msg, NFTA_SET_FIELD_LEN, i ? second : first);
		(void)nla_nest_end(msg, field);
	}
	(void)nla_nest_end(msg, concat);
	(void)nla_nest_end(msg, desc);
}

/* Names of links are in host order to nft, which prints them wrongly unless it is told. */
static void put_byte_order(struct nl_msg *msg)
{
	struct {
		uint8_t type, length;
		uint32_t order;
	} __attribute__((packed)) order = {.type = 0, .length = sizeof(order.order), .order = 1};

	(void)nla_put(msg, NFTA_SET_USERDATA, sizeof(order), &order);
}

static void create_set(struct nl_msg *msg, const char *table, uint8_t set)
{
	const struct set_kind *kind = &kinds[set / 2];
	uint32_t key = kind->key_bytes[set % 2], flags = kind->data_type[set % 2] ? NFT_SET_MAP : 0;

	(void)nla_put_string(msg, NFTA_SET_TABLE, table);
	(void)nla_put_string(msg, NFTA_SET_NAME, nat_set_name(set));
	nft_put_u32(msg, NFTA_SET_ID, set + 1u);
	nft_put_u32(msg, NFTA_SET_FLAGS, kind->ranges ? flags | NFT_SET_INTERVAL | NFT_SET_CONCAT : flags);
	nft_put_u32(msg, NFTA_SET_KEY_TYPE, kind->key_type[set % 2]);
	nft_put_u32(msg, NFTA_SET_KEY_LEN, key);
	if (kind->ranges)
		put_fields(msg, LINK_BYTES, key - LINK_BYTES);
	if (kind->key_type[set % 2] == TYPE_IFNAME)
		put_byte_order(msg);
	if (!kind->data_type[set % 2])
		return;
	nft_put_u32(msg, NFTA_SET_DATA_TYPE, kind->data_type[set % 2]);
	if (kind->data_bytes[set % 2])
		nft_put_u32(msg, NFTA_SET_DATA_LEN, kind->data_bytes[set % 2]);
}

void sets_create(struct nft_batch *batch, const char *table)
{
	for (unsigned set = 0; set < SET_COUNT; set++)
		create_set(nft_add(batch, NFT_MSG_NEWSET, NLM_F_CREATE), table, (uint8_t)set);
}

/* --- verdicts --- */

const char *verdict_chain(uint8_t verdict, int family)
{
	switch (verdict) {
	case VERDICT_TRANSLATED:
		return "translated";
	case VERDICT_DIRECT:
		return "direct";
	case VERDICT_ROUTED:
		return family == 6 ? "routed6" : "routed4";
	case VERDICT_UNPROTECTED:
		return family == 6 ? "unprotected6" : "unprotected4";
	case VERDICT_HAIRPIN:
		return "hairpin";
	default:
		return "";
	}
}

int32_t verdict_code(uint8_t verdict)
{
	switch (verdict) {
	case VERDICT_ACCEPT:
		return NF_ACCEPT;
	case VERDICT_DROP:
		return NF_DROP;
	case VERDICT_RETURN:
		return NFT_RETURN;
	default:
		return NFT_GOTO;
	}
}

static uint8_t verdict_find(int32_t code, const char *chain, int family)
{
	for (unsigned verdict = VERDICT_ACCEPT; verdict <= VERDICT_HAIRPIN; verdict++)
		if (verdict_code((uint8_t)verdict) == code && !strcmp(verdict_chain((uint8_t)verdict, family), chain))
			return (uint8_t)verdict;
	return VERDICT_NONE;
}

/* --- making --- */

static size_t addr_bytes(int family)
{
	return family == 6 ? 16 : 4;
}

/* Each part of a key begins at a multiple of four. */
static uint8_t *put_service(uint8_t *at, uint32_t protocol, uint32_t port)
{
	at[0] = (uint8_t)protocol;
	at[4] = (uint8_t)(port >> 8);
	at[5] = (uint8_t)port;
	return at + 8;
}

void element_ports(struct nat_element *ret, enum nat_set kind, const struct ndrv_addr *host, uint32_t protocol, uint32_t host_port,
		   const struct ndrv_addr *address, uint32_t port, int family)
{
	size_t bytes = addr_bytes(family);
	uint8_t *at = ret->key;

	memset(ret, 0, sizeof(*ret));
	ret->set = nat_set_of(kind, family);
	if (kind != SET_ANY) {
		memcpy(at, kind == SET_OPEN ? address->bytes : host->bytes, bytes);
		at += bytes;
	}
	ret->key_bytes = (uint8_t)(put_service(at, protocol, kind == SET_OPEN ? port : host_port) - ret->key);
	if (kind == SET_OPEN)
		return;
	memcpy(ret->data, address->bytes, bytes);
	ret->data[bytes] = (uint8_t)(port >> 8);
	ret->data[bytes + 1] = (uint8_t)port;
	ret->data_bytes = (uint8_t)(bytes + 4);
}

void element_link(struct nat_element *ret, enum nat_set kind, int family, const char *link, bool twice, enum nat_verdict verdict)
{
	size_t length = strnlen(link, LINK_BYTES - 1);

	memset(ret, 0, sizeof(*ret));
	ret->set = nat_set_of(kind, family);
	ret->verdict = (uint8_t)verdict;
	memcpy(ret->key, link, length);
	if (twice)
		memcpy(ret->key + LINK_BYTES, link, length);
	ret->key_bytes = twice ? 2 * LINK_BYTES : LINK_BYTES;
}

void element_pool(struct nat_element *ret, enum nat_set kind, int family, const char *link, const struct ndrv_prefix *pool,
		  enum nat_verdict verdict)
{
	size_t bytes = addr_bytes(family);

	element_link(ret, kind, family, link, false, verdict);
	memcpy(ret->end, ret->key, LINK_BYTES);
	for (uint32_t bit = 0; bit < bytes * 8; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);
		bool fixed = pool->addr.family && bit < pool->length;
		if (!fixed || (pool->addr.bytes[bit / 8] & mask))
			ret->end[LINK_BYTES + bit / 8] |= mask;
		if (fixed && (pool->addr.bytes[bit / 8] & mask))
			ret->key[LINK_BYTES + bit / 8] |= mask;
	}
	ret->key_bytes = (uint8_t)(LINK_BYTES + bytes);
}

int element_compare_keys(const void *a, const void *b)
{
	const struct nat_element *one = a, *two = b;

	if (one->set != two->set)
		return one->set < two->set ? -1 : 1;
	if (one->key_bytes != two->key_bytes)
		return one->key_bytes < two->key_bytes ? -1 : 1;
	int order = memcmp(one->key, two->key, one->key_bytes);
	return order ? order : memcmp(one->end, two->end, one->key_bytes);
}

bool element_same(const struct nat_element *a, const struct nat_element *b)
{
	return !element_compare_keys(a, b) && a->verdict == b->verdict && a->data_bytes == b->data_bytes &&
	       !memcmp(a->data, b->data, a->data_bytes);
}

/* --- sending --- */

static void put_value(struct nl_msg *msg, int type, const void *value, size_t bytes)
{
	struct nlattr *nest = nla_nest_start(msg, type | NLA_F_NESTED);

	(void)nla_put(msg, NFTA_DATA_VALUE, (int)bytes, value);
	(void)nla_nest_end(msg, nest);
}

static void put_verdict(struct nl_msg *msg, uint8_t verdict, int family)
{
	struct nlattr *data = nla_nest_start(msg, NFTA_SET_ELEM_DATA | NLA_F_NESTED);
	struct nlattr *nest = nla_nest_start(msg, NFTA_DATA_VERDICT | NLA_F_NESTED);
	const char *chain = verdict_chain(verdict, family);

	nft_put_u32(msg, NFTA_VERDICT_CODE, (uint32_t)verdict_code(verdict));
	if (chain[0])
		(void)nla_put_string(msg, NFTA_VERDICT_CHAIN, chain);
	(void)nla_nest_end(msg, nest);
	(void)nla_nest_end(msg, data);
}

/* As nft keeps comments: type 0, length, text with its NUL. */
static void put_comment(struct nl_msg *msg, const char *comment)
{
	uint8_t bytes[2 + ELEMENT_COMMENT] = {0};
	size_t length = strnlen(comment, ELEMENT_COMMENT - 1);

	bytes[1] = (uint8_t)(length + 1);
	memcpy(bytes + 2, comment, length);
	(void)nla_put(msg, NFTA_SET_ELEM_USERDATA, (int)(length + 3), bytes);
}

static void put_element(struct nl_msg *msg, const struct nat_element *element, bool add)
{
	struct nlattr *nest = nla_nest_start(msg, NFTA_LIST_ELEM | NLA_F_NESTED);

	put_value(msg, NFTA_SET_ELEM_KEY, element->key, element->key_bytes);
	if (kinds[element->set / 2].ranges)
		put_value(msg, NFTA_SET_ELEM_KEY_END, element->end, element->key_bytes);
	if (add && element->verdict)
		put_verdict(msg, element->verdict, element->set % 2 ? 6 : 4);
	else if (add && element->data_bytes)
		put_value(msg, NFTA_SET_ELEM_DATA, element->data, element->data_bytes);
	if (add && element->comment[0])
		put_comment(msg, element->comment);
	(void)nla_nest_end(msg, nest);
}

void elements_put(struct nft_batch *batch, const char *table, const struct nat_element *elements, size_t count, bool add)
{
	for (size_t i = 0; i < count;) {
		uint8_t set = elements[i].set;
		struct nl_msg *msg =
			add ? nft_add(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL) : nft_add(batch, NFT_MSG_DELSETELEM, 0);
		(void)nla_put_string(msg, NFTA_SET_ELEM_LIST_TABLE, table);
		(void)nla_put_string(msg, NFTA_SET_ELEM_LIST_SET, nat_set_name(set));
		struct nlattr *list = nla_nest_start(msg, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
		for (; i < count && elements[i].set == set && nft_filled(batch) < MESSAGE_FULL; i++)
			put_element(msg, &elements[i], add);
		(void)nla_nest_end(msg, list);
	}
}

/* --- reading --- */

static size_t read_value(struct nlattr *attribute, uint8_t *into, size_t room)
{
	struct nlattr *value[NFTA_DATA_MAX + 1];

	if (!attribute || nla_parse_nested(value, NFTA_DATA_MAX, attribute, NULL) || !value[NFTA_DATA_VALUE])
		return 0;
	size_t bytes = (size_t)nla_len(value[NFTA_DATA_VALUE]);
	if (bytes > room)
		return 0;
	memcpy(into, nla_data(value[NFTA_DATA_VALUE]), bytes);
	return bytes;
}

static uint8_t read_verdict(struct nlattr *attribute, int family)
{
	struct nlattr *data[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];
	uint32_t code;

	if (!attribute || nla_parse_nested(data, NFTA_DATA_MAX, attribute, NULL) || !data[NFTA_DATA_VERDICT] ||
	    nla_parse_nested(verdict, NFTA_VERDICT_MAX, data[NFTA_DATA_VERDICT], NULL) || !verdict[NFTA_VERDICT_CODE])
		return VERDICT_NONE;
	memcpy(&code, nla_data(verdict[NFTA_VERDICT_CODE]), sizeof(code));
	return verdict_find((int32_t)ntohl(code), verdict[NFTA_VERDICT_CHAIN] ? nla_get_string(verdict[NFTA_VERDICT_CHAIN]) : "",
			    family);
}

bool element_read(uint8_t set, struct nlattr *attribute, struct nat_element *ret)
{
	const struct set_kind *kind = &kinds[set / 2];
	struct nlattr *parts[NFTA_SET_ELEM_MAX + 1];
	bool verdicts = kind->data_type[set % 2] == VERDICTS;

	memset(ret, 0, sizeof(*ret));
	ret->set = set;
	if (nla_parse_nested(parts, NFTA_SET_ELEM_MAX, attribute, NULL))
		return false;
	ret->key_bytes = (uint8_t)read_value(parts[NFTA_SET_ELEM_KEY], ret->key, sizeof(ret->key));
	if (kind->ranges)
		(void)read_value(parts[NFTA_SET_ELEM_KEY_END], ret->end, sizeof(ret->end));
	if (verdicts)
		ret->verdict = read_verdict(parts[NFTA_SET_ELEM_DATA], set % 2 ? 6 : 4);
	else
		ret->data_bytes = (uint8_t)read_value(parts[NFTA_SET_ELEM_DATA], ret->data, sizeof(ret->data));
	return ret->key_bytes == kind->key_bytes[set % 2] && ret->data_bytes == kind->data_bytes[set % 2] &&
	       verdicts == (ret->verdict != VERDICT_NONE);
}
