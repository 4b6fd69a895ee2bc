/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nat/rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

/* Raise with every change of chains, rules or sets: the next start then makes the table anew. */
#define TABLE_VERSION "version-1"

#define WORD(n) (NFT_REG32_00 + (n)) /* register n of four bytes */
#define OFFSET_SOURCE4 12
#define OFFSET_SOURCE6 8
#define OFFSET_DESTINATION4 16
#define OFFSET_DESTINATION6 24
#define OFFSET_PORT 2

/* A rule being written. */
struct rule {
	struct nl_msg *msg;
	struct nlattr *list, *expression, *data;
};

/* --- expressions --- */

static void begin_expression(struct rule *rule, const char *name)
{
	rule->expression = nla_nest_start(rule->msg, NFTA_LIST_ELEM | NLA_F_NESTED);
	(void)nla_put_string(rule->msg, NFTA_EXPR_NAME, name);
	rule->data = nla_nest_start(rule->msg, NFTA_EXPR_DATA | NLA_F_NESTED);
}

static void end_expression(struct rule *rule)
{
	(void)nla_nest_end(rule->msg, rule->data);
	(void)nla_nest_end(rule->msg, rule->expression);
}

static void load_meta(struct rule *rule, uint32_t key, uint32_t reg)
{
	begin_expression(rule, "meta");
	nft_put_u32(rule->msg, NFTA_META_DREG, reg);
	nft_put_u32(rule->msg, NFTA_META_KEY, key);
	end_expression(rule);
}

static void load_payload(struct rule *rule, uint32_t base, uint32_t offset, uint32_t bytes, uint32_t reg)
{
	begin_expression(rule, "payload");
	nft_put_u32(rule->msg, NFTA_PAYLOAD_DREG, reg);
	nft_put_u32(rule->msg, NFTA_PAYLOAD_BASE, base);
	nft_put_u32(rule->msg, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(rule->msg, NFTA_PAYLOAD_LEN, bytes);
	end_expression(rule);
}

static void put_data(struct nl_msg *msg, int type, const void *value, int bytes)
{
	struct nlattr *nest = nla_nest_start(msg, type | NLA_F_NESTED);

	(void)nla_put(msg, NFTA_DATA_VALUE, bytes, value);
	(void)nla_nest_end(msg, nest);
}

static void compare(struct rule *rule, uint32_t op, const void *value, int bytes)
{
	begin_expression(rule, "cmp");
	nft_put_u32(rule->msg, NFTA_CMP_SREG, NFT_REG_1);
	nft_put_u32(rule->msg, NFTA_CMP_OP, op);
	put_data(rule->msg, NFTA_CMP_DATA, value, bytes);
	end_expression(rule);
}

static void lookup(struct rule *rule, uint8_t set, bool map, uint32_t to)
{
	begin_expression(rule, "lookup");
	(void)nla_put_string(rule->msg, NFTA_LOOKUP_SET, nat_set_name(set));
	nft_put_u32(rule->msg, NFTA_LOOKUP_SET_ID, set + 1u);
	nft_put_u32(rule->msg, NFTA_LOOKUP_SREG, NFT_REG_1);
	if (map)
		nft_put_u32(rule->msg, NFTA_LOOKUP_DREG, to);
	end_expression(rule);
}

static void verdict(struct rule *rule, int32_t code, const char *chain)
{
	begin_expression(rule, "immediate");
	nft_put_u32(rule->msg, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	struct nlattr *data = nla_nest_start(rule->msg, NFTA_IMMEDIATE_DATA | NLA_F_NESTED);
	struct nlattr *nest = nla_nest_start(rule->msg, NFTA_DATA_VERDICT | NLA_F_NESTED);
	nft_put_u32(rule->msg, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		(void)nla_put_string(rule->msg, NFTA_VERDICT_CHAIN, chain);
	(void)nla_nest_end(rule->msg, nest);
	(void)nla_nest_end(rule->msg, data);
	end_expression(rule);
}

/* Goes on if any of `bits` is set in the connection's state or status. */
static void connection_has(struct rule *rule, uint32_t key, uint32_t bits)
{
	uint32_t zero = 0;

	begin_expression(rule, "ct");
	nft_put_u32(rule->msg, NFTA_CT_DREG, NFT_REG_1);
	nft_put_u32(rule->msg, NFTA_CT_KEY, key);
	end_expression(rule);
	begin_expression(rule, "bitwise");
	nft_put_u32(rule->msg, NFTA_BITWISE_SREG, NFT_REG_1);
	nft_put_u32(rule->msg, NFTA_BITWISE_DREG, NFT_REG_1);
	nft_put_u32(rule->msg, NFTA_BITWISE_LEN, sizeof(bits));
	put_data(rule->msg, NFTA_BITWISE_MASK, &bits, sizeof(bits));
	put_data(rule->msg, NFTA_BITWISE_XOR, &zero, sizeof(zero));
	end_expression(rule);
	compare(rule, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/* Also where the chain is only reached by that family: nft can then print what is read of the packet. */
static void family_is(struct rule *rule, int family)
{
	uint8_t number = family == 6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

	load_meta(rule, NFT_META_NFPROTO, NFT_REG_1);
	compare(rule, NFT_CMP_EQ, &number, sizeof(number));
}

/* 127.0.0.0/8 */
static void is_loopback4(struct rule *rule, uint32_t offset)
{
	uint8_t first = 127;

	load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, 1, NFT_REG_1);
	compare(rule, NFT_CMP_EQ, &first, sizeof(first));
}

static void to_this_host(struct rule *rule)
{
	uint32_t local = RTN_LOCAL;

	begin_expression(rule, "fib");
	nft_put_u32(rule->msg, NFTA_FIB_DREG, NFT_REG_1);
	nft_put_u32(rule->msg, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_put_u32(rule->msg, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end_expression(rule);
	compare(rule, NFT_CMP_EQ, &local, sizeof(local));
}

static void link_in(struct rule *rule, uint32_t key, enum nat_set kind, int family)
{
	load_meta(rule, key, NFT_REG_1);
	lookup(rule, nat_set_of(kind, family), false, 0);
}

/* Looks the pair of links up in a verdict map. */
static void both_links(struct rule *rule, enum nat_set kind, int family)
{
	load_meta(rule, NFT_META_IIFNAME, NFT_REG_1);
	load_meta(rule, NFT_META_OIFNAME, NFT_REG_2);
	lookup(rule, nat_set_of(kind, family), true, NFT_REG_VERDICT);
}

static void load_destination(struct rule *rule, int family, uint32_t *ret_next_word)
{
	if (family == 6)
		load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, OFFSET_DESTINATION6, 16, NFT_REG_1);
	else
		load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, OFFSET_DESTINATION4, 4, NFT_REG_1);
	*ret_next_word = family == 6 ? 4 : 1;
}

static void load_service(struct rule *rule, uint32_t word)
{
	load_meta(rule, NFT_META_L4PROTO, WORD(word));
	load_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, OFFSET_PORT, 2, WORD(word + 1));
}

static void translate(struct rule *rule, uint32_t type, int family, bool with_port)
{
	begin_expression(rule, "nat");
	nft_put_u32(rule->msg, NFTA_NAT_TYPE, type);
	nft_put_u32(rule->msg, NFTA_NAT_FAMILY, family == 6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	nft_put_u32(rule->msg, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
	if (with_port)
		nft_put_u32(rule->msg, NFTA_NAT_REG_PROTO_MIN, WORD(family == 6 ? 4 : 1));
	end_expression(rule);
}

static void masquerade(struct rule *rule)
{
	begin_expression(rule, "masq");
	end_expression(rule);
}

/* --- rules --- */

struct writer {
	struct nft_batch *batch;
	const char *table;
	const char *chain;
	struct rule rule;
	uint32_t rules, objects;
};

static void end_rule(struct writer *writer)
{
	if (writer->rule.msg)
		(void)nla_nest_end(writer->rule.msg, writer->rule.list);
	writer->rule.msg = NULL;
}

static struct rule *add_rule(struct writer *writer)
{
	end_rule(writer);
	writer->rules++;
	struct nl_msg *msg = nft_add(writer->batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	(void)nla_put_string(msg, NFTA_RULE_TABLE, writer->table);
	(void)nla_put_string(msg, NFTA_RULE_CHAIN, writer->chain);
	writer->rule.msg = msg;
	writer->rule.list = nla_nest_start(msg, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED);
	return &writer->rule;
}

static void write_destinations(struct writer *writer, int family)
{
	struct rule *rule;
	uint32_t word;

	writer->chain = family == 6 ? "dnat6" : "dnat4";
	rule = add_rule(writer);
	family_is(rule, family);
	load_destination(rule, family, &word);
	load_service(rule, word);
	lookup(rule, nat_set_of(SET_AT, family), true, NFT_REG_1);
	translate(rule, NFT_NAT_DNAT, family, true);
	rule = add_rule(writer);
	load_service(rule, 0);
	lookup(rule, nat_set_of(SET_ANY, family), true, NFT_REG_1);
	translate(rule, NFT_NAT_DNAT, family, true);
}

/* What comes in for an address of this host; 127.0.0.0/8 only ever comes from this host itself, which `output` sees. */
static void write_prerouting(struct writer *writer)
{
	struct rule *rule;

	writer->chain = "early";
	rule = add_rule(writer);
	family_is(rule, 4);
	is_loopback4(rule, OFFSET_DESTINATION4);
	link_in(rule, NFT_META_IIFNAME, SET_LOOPBACK, 4);
	verdict(rule, NF_DROP, NULL);
	writer->chain = "prerouting";
	rule = add_rule(writer);
	family_is(rule, 4);
	is_loopback4(rule, OFFSET_DESTINATION4);
	verdict(rule, NFT_RETURN, NULL);
	for (int family = 4; family <= 6; family += 2) {
		rule = add_rule(writer);
		family_is(rule, family);
		to_this_host(rule);
		verdict(rule, NFT_GOTO, family == 6 ? "dnat6" : "dnat4");
	}
}

/* This host's own connections to published ports. ::1 cannot leave lo, so it is not translated. */
static void write_output(struct writer *writer)
{
	static const uint8_t one[16] = {[15] = 1};
	struct rule *rule;
	uint32_t word;

	writer->chain = "output";
	rule = add_rule(writer);
	family_is(rule, 6);
	load_destination(rule, 6, &word);
	compare(rule, NFT_CMP_EQ, one, sizeof(one));
	verdict(rule, NFT_RETURN, NULL);
	for (int family = 4; family <= 6; family += 2) {
		rule = add_rule(writer);
		family_is(rule, family);
		to_this_host(rule);
		verdict(rule, NFT_GOTO, family == 6 ? "dnat6" : "dnat4");
	}
}

static void write_sources(struct writer *writer, int family)
{
	struct rule *rule;

	writer->chain = family == 6 ? "source6" : "source4";
	/* Where frames pass through here too (br_netfilter), the link a packet came from is not known: so by its source. */
	rule = add_rule(writer);
	family_is(rule, family);
	load_meta(rule, NFT_META_OIFNAME, NFT_REG_1);
	load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, family == 6 ? OFFSET_SOURCE6 : OFFSET_SOURCE4, family == 6 ? 16 : 4,
		     NFT_REG_2);
	lookup(rule, nat_set_of(SET_OWN, family), true, NFT_REG_VERDICT);
	if (family == 4) {
		rule = add_rule(writer);
		family_is(rule, 4);
		is_loopback4(rule, OFFSET_SOURCE4);
		link_in(rule, NFT_META_OIFNAME, SET_LOOPBACK, 4);
		masquerade(rule);
	}
	rule = add_rule(writer);
	load_meta(rule, NFT_META_IIFNAME, NFT_REG_1);
	lookup(rule, nat_set_of(SET_SNAT, family), true, NFT_REG_1);
	translate(rule, NFT_NAT_SNAT, family, false);
	rule = add_rule(writer);
	link_in(rule, NFT_META_IIFNAME, SET_MASQUERADE, family);
	masquerade(rule);
}

static void write_open(struct writer *writer, int family)
{
	struct rule *rule = add_rule(writer);
	uint32_t word;

	family_is(rule, family);
	load_destination(rule, family, &word);
	load_service(rule, word);
	lookup(rule, nat_set_of(SET_OPEN, family), false, 0);
	verdict(rule, NF_ACCEPT, NULL);
}

static void write_isolated(struct writer *writer, int family)
{
	struct rule *rule = add_rule(writer);

	link_in(rule, NFT_META_IIFNAME, SET_ISOLATED, family);
	link_in(rule, NFT_META_OIFNAME, SET_ISOLATED, family);
	verdict(rule, NF_DROP, NULL);
}

static void write_translated(struct writer *writer, int32_t code)
{
	struct rule *rule = add_rule(writer);

	connection_has(rule, NFT_CT_STATUS, IPS_DST_NAT);
	verdict(rule, code, NULL);
}

static void write_forward(struct writer *writer, int family)
{
	uint8_t icmp = family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	struct rule *rule;

	writer->chain = family == 6 ? "forward6" : "forward4";
	both_links(add_rule(writer), SET_WITHIN, family);
	rule = add_rule(writer);
	load_meta(rule, NFT_META_IIFNAME, NFT_REG_1);
	lookup(rule, nat_set_of(SET_FROM, family), true, NFT_REG_VERDICT);
	rule = add_rule(writer);
	load_meta(rule, NFT_META_OIFNAME, NFT_REG_1);
	lookup(rule, nat_set_of(SET_TO, family), true, NFT_REG_VERDICT);

	writer->chain = verdict_chain(VERDICT_ROUTED, family);
	write_open(writer, family);
	write_isolated(writer, family);
	rule = add_rule(writer);
	load_meta(rule, NFT_META_L4PROTO, NFT_REG_1);
	compare(rule, NFT_CMP_EQ, &icmp, sizeof(icmp));
	verdict(rule, NF_ACCEPT, NULL);
	verdict(add_rule(writer), NF_DROP, NULL);

	writer->chain = verdict_chain(VERDICT_UNPROTECTED, family);
	write_translated(writer, NF_ACCEPT);
	write_open(writer, family);
	write_isolated(writer, family);
}

static void write_common(struct writer *writer)
{
	struct rule *rule;

	writer->chain = verdict_chain(VERDICT_TRANSLATED, 4);
	write_translated(writer, NF_ACCEPT);
	verdict(add_rule(writer), NF_DROP, NULL);
	writer->chain = verdict_chain(VERDICT_DIRECT, 4);
	write_translated(writer, NF_DROP);
	writer->chain = verdict_chain(VERDICT_HAIRPIN, 4);
	rule = add_rule(writer);
	connection_has(rule, NFT_CT_STATUS, IPS_DST_NAT);
	masquerade(rule);
	writer->chain = "forward";
	rule = add_rule(writer);
	connection_has(rule, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
	verdict(rule, NF_ACCEPT, NULL);
	for (int family = 4; family <= 6; family += 2) {
		writer->chain = "forward";
		rule = add_rule(writer);
		family_is(rule, family);
		verdict(rule, NFT_GOTO, family == 6 ? "forward6" : "forward4");
		writer->chain = "postrouting";
		rule = add_rule(writer);
		family_is(rule, family);
		verdict(rule, NFT_GOTO, family == 6 ? "source6" : "source4");
	}
}

/* --- chains --- */

static const struct base_chain {
	const char *name, *type;
	uint32_t hook;
	int32_t priority;
} base_chains[] = {
	{"early", "filter", NF_INET_PRE_ROUTING, -300},	   /* before connections are tracked */
	{"prerouting", "nat", NF_INET_PRE_ROUTING, -100},  /* dstnat */
	{"output", "nat", NF_INET_LOCAL_OUT, -100},	   /* dstnat */
	{"forward", "filter", NF_INET_FORWARD, 0},	   /* filter */
	{"postrouting", "nat", NF_INET_POST_ROUTING, 100}, /* srcnat */
};

static const char *const plain_chains[] = {
	TABLE_VERSION, "dnat4",	 "dnat6",   "source4", "source6", "forward4",	  "forward6",
	"translated",  "direct", "hairpin", "routed4", "routed6", "unprotected4", "unprotected6",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct nl_msg *add_chain(struct writer *writer, const char *name)
{
	struct nl_msg *msg = nft_add(writer->batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

	(void)nla_put_string(msg, NFTA_CHAIN_TABLE, writer->table);
	(void)nla_put_string(msg, NFTA_CHAIN_NAME, name);
	writer->objects++;
	return msg;
}

static void add_chains(struct writer *writer)
{
	for (size_t i = 0; i < COUNT(base_chains); i++) {
		struct nl_msg *msg = add_chain(writer, base_chains[i].name);
		struct nlattr *hook = nla_nest_start(msg, NFTA_CHAIN_HOOK | NLA_F_NESTED);
		nft_put_u32(msg, NFTA_HOOK_HOOKNUM, base_chains[i].hook);
		nft_put_u32(msg, NFTA_HOOK_PRIORITY, (uint32_t)base_chains[i].priority);
		(void)nla_nest_end(msg, hook);
		(void)nla_put_string(msg, NFTA_CHAIN_TYPE, base_chains[i].type);
		nft_put_u32(msg, NFTA_CHAIN_POLICY, NF_ACCEPT);
	}
	for (size_t i = 0; i < COUNT(plain_chains); i++)
		(void)add_chain(writer, plain_chains[i]);
}

static void put_table(struct nft_batch *batch, int type, uint16_t flags, const char *table)
{
	struct nl_msg *msg = nft_add(batch, type, flags);

	(void)nla_put_string(msg, NFTA_TABLE_NAME, table);
	if (type == NFT_MSG_NEWTABLE)
		nft_put_u32(msg, NFTA_TABLE_FLAGS, 0);
}

uint32_t rules_create(struct nft_batch *batch, const char *table)
{
	struct writer writer = {.batch = batch, .table = table};

	/* Made first, so that there is one to delete. */
	put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
	put_table(batch, NFT_MSG_DELTABLE, 0, table);
	put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
	add_chains(&writer);
	sets_create(batch, table);
	write_prerouting(&writer);
	write_output(&writer);
	write_common(&writer);
	for (int family = 4; family <= 6; family += 2) {
		write_destinations(&writer, family);
		write_sources(&writer, family);
		write_forward(&writer, family);
	}
	end_rule(&writer);
	return writer.rules;
}

void rules_delete(struct nft_batch *batch, const char *table)
{
	put_table(batch, NFT_MSG_DELTABLE, 0, table);
}

const char *rules_version(void)
{
	return TABLE_VERSION;
}

uint32_t rules_objects(void)
{
	return (uint32_t)(COUNT(base_chains) + COUNT(plain_chains)) + SET_COUNT;
}
