/* SPDX-License-Identifier: Apache-2.0 */
/* From what stands in the kernel to what is wanted: one transaction each. */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/nat/nat_internal.h"

/* What to take away and what to put in; one piece of memory, `del`. */
struct difference {
	struct nat_element *del, *add, *extra; /* `extra`: strays in the way of `add` */
	size_t del_count, add_count, extra_count;
};

static int compare_all(const struct nat_element *before, size_t before_count, const struct nat_element *after, size_t after_count,
		       struct difference *ret, struct ndrv_error *err)
{
	size_t i = 0, k = 0;

	*ret = (struct difference){0};
	ret->del = malloc((before_count + 2 * after_count + 1) * sizeof(*ret->del));
	if (!ret->del)
		return ndrv_fail_errno(err, ENOMEM, "change the NAT table");
	ret->add = ret->del + before_count;
	ret->extra = ret->add + after_count;
	while (i < before_count || k < after_count) {
		int order = i == before_count ? 1 : k == after_count ? -1 : element_compare_keys(&before[i], &after[k]);
		if (order == 0 && element_same(&before[i], &after[k])) {
			i++;
			k++;
			continue;
		}
		if (order <= 0)
			ret->del[ret->del_count++] = before[i++];
		if (order >= 0)
			ret->add[ret->add_count++] = after[k++];
	}
	return 0;
}

static int commit_difference(struct nat *nat, const struct difference *difference, const char *what, struct ndrv_error *err)
{
	struct nft_batch batch;

	nft_begin(&batch, nat->nft);
	elements_put(&batch, nat->table, difference->del, difference->del_count, false);
	elements_put(&batch, nat->table, difference->extra, difference->extra_count, false);
	elements_put(&batch, nat->table, difference->add, difference->add_count, true);
	return nft_commit(&batch, err, "%s", what);
}

int nat_rebuild(struct nat *nat, struct ndrv_error *err)
{
	struct nft_batch batch;
	size_t count;
	struct nat_element *elements = book_elements(&nat->book, &count);

	if (!elements)
		return ndrv_fail_errno(err, ENOMEM, "make table %s", nat->table);
	nft_begin(&batch, nat->nft);
	nat->rules = rules_create(&batch, nat->table);
	elements_put(&batch, nat->table, elements, count, true);
	free(elements);
	struct ndrv_error why = {0};
	int rc = nft_commit(&batch, &why, "make table %s", nat->table);
	/* An expression, a chain type or the family is not there. */
	if (rc && (why.sys_errno == ENOENT || why.sys_errno == EOPNOTSUPP || why.sys_errno == EAFNOSUPPORT)) {
		(void)ndrv_fail(err, NDRV_E_KERNEL_LACKS,
				"this kernel has no nf_tables with NAT for IPv4 and IPv6 in one table (5.7 or newer with nft_nat, "
				"nft_masq, nft_fib_inet, nft_ct): %s",
				why.text);
		if (err)
			err->sys_errno = why.sys_errno;
		return -NDRV_E_KERNEL_LACKS;
	}
	if (rc && err)
		*err = why;
	return rc;
}

/* --- looking --- */

struct looking {
	const char *table;
	uint32_t rules, objects;
	bool version;
};

static void on_table(const struct nlmsghdr *reply, void *data)
{
	struct looking *looking = data;
	struct nlattr *attributes[NFTA_TABLE_MAX + 1];

	if (reply && nft_parse(reply, attributes, NFTA_TABLE_MAX) && attributes[NFTA_TABLE_USE])
		looking->objects = __builtin_bswap32(nla_get_u32(attributes[NFTA_TABLE_USE]));
}

static void on_chain(const struct nlmsghdr *reply, void *data)
{
	struct looking *looking = data;

	looking->version = reply != NULL;
}

static void on_rule(const struct nlmsghdr *reply, void *data)
{
	struct looking *looking = data;
	struct nlattr *attributes[NFTA_RULE_MAX + 1];

	if (!reply)
		looking->rules = 0;
	else if (nft_parse(reply, attributes, NFTA_RULE_MAX) && attributes[NFTA_RULE_TABLE] &&
		 !strcmp(nla_get_string(attributes[NFTA_RULE_TABLE]), looking->table))
		looking->rules++;
}

static int look(struct nat *nat, int type, int table_attribute, int name_attribute, const char *name, bool dump,
		void (*each)(const struct nlmsghdr *reply, void *data), void *data, struct ndrv_error *err)
{
	struct nl_msg *question = nft_question(type);

	if (question) {
		(void)nla_put_string(question, table_attribute, nat->table);
		if (name)
			(void)nla_put_string(question, name_attribute, name);
	}
	return nft_ask(nat->nft, question, dump, each, data, err);
}

bool nat_stands(struct nat *nat)
{
	struct looking looking = {.table = nat->table};

	return !look(nat, NFT_MSG_GETTABLE, NFTA_TABLE_NAME, 0, NULL, false, on_table, &looking, NULL) &&
	       looking.objects == rules_objects() &&
	       !look(nat, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, rules_version(), false, on_chain, &looking, NULL) &&
	       looking.version && !look(nat, NFT_MSG_GETRULE, NFTA_RULE_TABLE, 0, NULL, true, on_rule, &looking, NULL) &&
	       looking.rules == nat->rules;
}

/* The elements of one set after the other. */
struct reading {
	uint8_t set;
	struct nat_element *list;
	size_t count, room, begin;
	bool oom;
};

static void on_elements(const struct nlmsghdr *reply, void *data)
{
	struct reading *reading = data;
	struct nlattr *attributes[NFTA_SET_ELEM_LIST_MAX + 1];
	struct nlattr *at;
	int left;

	if (!reply) {
		reading->count = reading->begin;
		return;
	}
	if (!nft_parse(reply, attributes, NFTA_SET_ELEM_LIST_MAX) || !attributes[NFTA_SET_ELEM_LIST_ELEMENTS])
		return;
	nla_for_each_nested(at, attributes[NFTA_SET_ELEM_LIST_ELEMENTS], left)
	{
		if (reading->count == reading->room) {
			size_t room = reading->room ? reading->room * 2 : 256;
			struct nat_element *list = realloc(reading->list, room * sizeof(*list));
			reading->oom = reading->oom || !list;
			if (!list)
				return;
			reading->list = list;
			reading->room = room;
		}
		/* One we cannot read is nothing we made: its key is enough to take it away. */
		(void)element_read(reading->set, at, &reading->list[reading->count++]);
	}
}

static int read_elements(struct nat *nat, struct reading *reading, struct ndrv_error *err)
{
	int rc = 0;

	for (uint8_t set = 0; set < SET_COUNT && !rc; set++) {
		reading->set = set;
		reading->begin = reading->count;
		rc = look(nat, NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET, nat_set_name(set), true,
			  on_elements, reading, err);
	}
	if (!rc && reading->oom)
		rc = ndrv_fail_errno(err, ENOMEM, "list table %s", nat->table);
	if (!rc && reading->count)
		qsort(reading->list, reading->count, sizeof(*reading->list), element_compare_keys);
	return rc;
}

static const struct nat_element *find_element(const struct reading *reading, const struct nat_element *element)
{
	if (!reading->count)
		return NULL;
	return bsearch(element, reading->list, reading->count, sizeof(*reading->list), element_compare_keys);
}

static bool is_among(const struct nat_element *list, size_t count, const struct nat_element *element)
{
	return count && bsearch(element, list, count, sizeof(*list), element_compare_keys);
}

/* What the kernel has of what is to go and to come: with strays that are spared, entries may be there that are wanted now. */
static int fit(struct nat *nat, struct difference *difference, struct ndrv_error *err)
{
	struct reading reading = {0};
	size_t del = 0, add = 0;
	int rc = read_elements(nat, &reading, err);

	for (size_t i = 0; i < difference->del_count && !rc; i++)
		if (find_element(&reading, &difference->del[i]))
			difference->del[del++] = difference->del[i];
	for (size_t i = 0; i < difference->add_count && !rc; i++) {
		const struct nat_element *wanted = &difference->add[i], *there = find_element(&reading, wanted);
		if (there && !element_same(there, wanted) && !is_among(difference->del, del, wanted))
			difference->extra[difference->extra_count++] = *there;
		if (!there || !element_same(there, wanted))
			difference->add[add++] = *wanted;
	}
	free(reading.list);
	if (!rc) {
		difference->del_count = del;
		difference->add_count = add;
	}
	return rc;
}

static int commit_anew(struct nat *nat, struct difference *difference, const char *what, struct ndrv_error *err)
{
	int rc;

	if (nat->spare && nat_stands(nat)) {
		rc = fit(nat, difference, err);
	} else {
		nat_say(nat, NDRV_LOG_WARNING, "table %s was not as this host left it (%s): it is made anew", nat->table,
			err->text);
		rc = nat_rebuild(nat, err);
	}
	if (rc)
		return rc;
	ndrv_error_clear(err);
	return commit_difference(nat, difference, what, err);
}

int nat_change(struct nat *nat, const struct nat_element *before, size_t before_count, const struct nat_element *after,
	       size_t after_count, struct ndrv_error *err, const char *fmt, ...)
{
	struct difference difference;
	struct ndrv_error why = {0};
	char what[128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	int rc = compare_all(before, before_count, after, after_count, &difference, err);
	if (rc)
		return rc;
	rc = commit_difference(nat, &difference, what, &why);
	/* What we believe to be there is not, or the other way round: somebody else was at the table; or the answer was lost. */
	if (rc && (why.sys_errno == ENOENT || why.sys_errno == EEXIST || why.sys_errno == ENOBUFS))
		rc = commit_anew(nat, &difference, what, &why);
	free(difference.del);
	if (rc && err)
		*err = why;
	return rc;
}

static void spare_strays(struct difference *difference)
{
	size_t kept = 0;

	for (size_t i = 0, k = 0; i < difference->del_count; i++) {
		const struct nat_element *stray = &difference->del[i];
		while (k < difference->add_count && element_compare_keys(&difference->add[k], stray) < 0)
			k++;
		if (k < difference->add_count && !element_compare_keys(&difference->add[k], stray))
			difference->del[kept++] = *stray;
	}
	difference->del_count = kept;
}

static int check_elements(struct nat *nat, bool repair, struct nat_report *ret, struct ndrv_error *err)
{
	struct reading reading = {0};
	struct difference difference = {0};
	size_t count = 0;
	struct nat_element *wanted = book_elements(&nat->book, &count);
	int rc = wanted ? read_elements(nat, &reading, err) : ndrv_fail_errno(err, ENOMEM, "check table %s", nat->table);

	if (!rc)
		rc = compare_all(reading.list, reading.count, wanted, count, &difference, err);
	if (!rc) {
		ret->strays = (uint32_t)difference.del_count;
		ret->missing = (uint32_t)difference.add_count;
	}
	/* One whose key is wanted for something else goes all the same. */
	if (!rc && nat->spare)
		spare_strays(&difference);
	if (!rc && repair)
		rc = commit_difference(nat, &difference, "repair the NAT table", err);
	free(difference.del);
	free(reading.list);
	free(wanted);
	return rc;
}

int nat_check_locked(struct nat *nat, bool repair, struct nat_report *ret, struct ndrv_error *err)
{
	*ret = (struct nat_report){.table = !nat_stands(nat)};
	if (!ret->table)
		return check_elements(nat, repair, ret, err);
	return repair ? nat_rebuild(nat, err) : 0;
}
