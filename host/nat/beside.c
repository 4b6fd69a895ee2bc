/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nat/beside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_devgroup.h>
#include <stdio.h>
#include <string.h>

#define TABLE "filter"
#define CHAIN "DOCKER-USER"
#define COMMENT 0 /* the type of a comment in a rule's user data, as nft writes it */

enum { FROM = 1u << 0, TO = 1u << 1 };

struct family {
	uint8_t number;
	struct xt_devgroup_info
		match[2]; /* of our two rules: what they are known by, since iptables-restore writes comments anew */
	uint32_t found;	  /* FROM, TO */
};

static void set_family(struct nl_msg *msg, uint8_t family)
{
	((struct nfgenmsg *)nlmsg_data(nlmsg_hdr(msg)))->nfgen_family = family;
}

static void note_match(struct nlattr *expression, struct family *family)
{
	struct nlattr *parts[NFTA_EXPR_MAX + 1], *match[NFTA_MATCH_MAX + 1];

	if (nla_parse_nested(parts, NFTA_EXPR_MAX, expression, NULL) || !parts[NFTA_EXPR_NAME] || !parts[NFTA_EXPR_DATA] ||
	    nla_strcmp(parts[NFTA_EXPR_NAME], "match") != 0 ||
	    nla_parse_nested(match, NFTA_MATCH_MAX, parts[NFTA_EXPR_DATA], NULL) || !match[NFTA_MATCH_NAME] ||
	    !match[NFTA_MATCH_INFO] || nla_strcmp(match[NFTA_MATCH_NAME], "devgroup") != 0 ||
	    nla_len(match[NFTA_MATCH_INFO]) < (int)sizeof(family->match[0]))
		return;
	for (int i = 0; i < 2; i++)
		if (memcmp(nla_data(match[NFTA_MATCH_INFO]), &family->match[i], sizeof(family->match[i])) == 0)
			family->found |= 1u << i;
}

static void note_rule(const struct nlmsghdr *reply, void *data)
{
	struct nlattr *attributes[NFTA_RULE_MAX + 1], *expression;
	struct family *family = data;
	int left;

	if (!reply)
		family->found = 0;
	else if (nft_parse(reply, attributes, NFTA_RULE_MAX) && attributes[NFTA_RULE_EXPRESSIONS])
		nla_for_each_nested(expression, attributes[NFTA_RULE_EXPRESSIONS], left) note_match(expression, family);
}

/* False: there is no such chain, or it cannot be told. */
static bool look(struct nft *nft, struct family *family)
{
	struct nl_msg *chain = nft_question(NFT_MSG_GETCHAIN), *rules;

	if (!chain)
		return false;
	set_family(chain, family->number);
	(void)nla_put_string(chain, NFTA_CHAIN_TABLE, TABLE);
	(void)nla_put_string(chain, NFTA_CHAIN_NAME, CHAIN);
	if (nft_ask(nft, chain, false, NULL, NULL, NULL))
		return false;
	rules = nft_question(NFT_MSG_GETRULE);
	if (!rules)
		return false;
	set_family(rules, family->number);
	(void)nla_put_string(rules, NFTA_RULE_TABLE, TABLE);
	(void)nla_put_string(rules, NFTA_RULE_CHAIN, CHAIN);
	return nft_ask(nft, rules, true, note_rule, family, NULL) == 0;
}

static struct nlattr *expression(struct nl_msg *msg, const char *name, struct nlattr **ret_data)
{
	struct nlattr *element = nla_nest_start(msg, NFTA_LIST_ELEM | NLA_F_NESTED);

	(void)nla_put_string(msg, NFTA_EXPR_NAME, name);
	*ret_data = nla_nest_start(msg, NFTA_EXPR_DATA | NLA_F_NESTED);
	return element;
}

static void end(struct nl_msg *msg, struct nlattr *element, struct nlattr *data)
{
	(void)nla_nest_end(msg, data);
	(void)nla_nest_end(msg, element);
}

/* "-m devgroup --src-group N -j ACCEPT" as iptables itself writes it: what it cannot read it calls incompatible, and refuses to
 * work on the whole table, for dockerd too. */
static void put_expressions(struct nl_msg *msg, const struct xt_devgroup_info *info)
{
	struct nlattr *list = nla_nest_start(msg, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED), *element, *data, *value, *verdict;

	element = expression(msg, "match", &data);
	(void)nla_put_string(msg, NFTA_MATCH_NAME, "devgroup");
	nft_put_u32(msg, NFTA_MATCH_REV, 0);
	(void)nla_put(msg, NFTA_MATCH_INFO, sizeof(*info), info);
	end(msg, element, data);
	element = expression(msg, "counter", &data);
	end(msg, element, data);
	element = expression(msg, "immediate", &data);
	nft_put_u32(msg, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	value = nla_nest_start(msg, NFTA_IMMEDIATE_DATA | NLA_F_NESTED);
	verdict = nla_nest_start(msg, NFTA_DATA_VERDICT | NLA_F_NESTED);
	nft_put_u32(msg, NFTA_VERDICT_CODE, NF_ACCEPT);
	(void)nla_nest_end(msg, verdict);
	(void)nla_nest_end(msg, value);
	end(msg, element, data);
	(void)nla_nest_end(msg, list);
}

static void add_rule(struct nft_batch *batch, const struct family *family, int which, const char *owner)
{
	struct nl_msg *msg = nft_add(batch, NFT_MSG_NEWRULE, NLM_F_CREATE); /* no NLM_F_APPEND: at the head */
	char comment[64];

	set_family(msg, family->number);
	(void)nla_put_string(msg, NFTA_RULE_TABLE, TABLE);
	(void)nla_put_string(msg, NFTA_RULE_CHAIN, CHAIN);
	put_expressions(msg, &family->match[which]);
	int length = snprintf(comment + 2, sizeof(comment) - 2, "%.40s %s", owner, which ? "to" : "from") + 1;
	comment[0] = COMMENT;
	comment[1] = (char)length;
	(void)nla_put(msg, NFTA_RULE_USERDATA, length + 2, comment);
}

int beside_docker(struct nft *nft, const char *owner, uint32_t link_group, uint32_t *ret_put, struct ndrv_error *err)
{
	static const uint8_t numbers[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	int rc = 0;

	*ret_put = 0;
	for (int i = 0; !rc && i < 2; i++) {
		struct family family = {
			.number = numbers[i],
			.match = {{.flags = XT_DEVGROUP_MATCH_SRC, .src_group = link_group, .src_mask = UINT32_MAX},
				  {.flags = XT_DEVGROUP_MATCH_DST, .dst_group = link_group, .dst_mask = UINT32_MAX}}};
		struct nft_batch batch;
		if (!look(nft, &family) || family.found == (FROM | TO))
			continue;
		nft_begin(&batch, nft);
		for (int which = 0; which < 2; which++)
			if (!(family.found >> which & 1))
				add_rule(&batch, &family, which, owner);
		rc = nft_commit(&batch, err, "let networks of this host pass Docker's filter (chain " CHAIN ")");
		*ret_put += rc ? 0 : 1;
	}
	return rc;
}
