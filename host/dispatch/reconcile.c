/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include <ndrv/link.h>

#include "host/sandbox/hostns.h"

#define LOOK_NS NSEC_PER_SEC
#define LETTERS 2 /* of a name, before the digits */

/* The digits of every name that belongs to a record, sorted for looking up. */
struct names {
	char (*list)[NDRV_IFNAME_MAX];
	size_t count, room;
	struct ndrv_error *err;
};

static int names_add(struct names *names, const struct network *network, const char *eid)
{
	if (names->count == names->room) {
		size_t room = names->room ? names->room * 2 : 64;
		char(*list)[NDRV_IFNAME_MAX] = realloc(names->list, room * sizeof(*list));
		if (!list)
			return ndrv_fail(names->err, NDRV_E_NO_SERVICE, "out of memory");
		names->list = list;
		names->room = room;
	}
	ndrv_link_name(names->list[names->count++], "xx", network->view.instance, network->view.id, eid);
	return 0;
}

static int add_endpoint(struct endpoint *endpoint, void *data)
{
	return names_add(data, endpoint->network, endpoint->view.id);
}

static int add_network(struct network *network, void *data)
{
	struct names *names = data;

	if (!turn_wait(&network->turn, clock_ns() + LOOK_NS))
		return ndrv_fail_object(names->err, NDRV_E_NETWORK_BUSY, network->view.id);
	int rc = names_add(names, network, "");
	if (!rc)
		rc = network_each_endpoint(network, add_endpoint, names);
	turn_pass(&network->turn);
	return rc;
}

static int compare(const void *a, const void *b)
{
	return strcmp((const char *)a + LETTERS, (const char *)b + LETTERS);
}

static bool names_have(const struct names *names, const char *name)
{
	return names->count && bsearch(name, names->list, names->count, sizeof(*names->list), compare);
}

static bool has_tag(const struct dispatch *dispatch, const struct ndrv_link *link)
{
	uint32_t first = dispatch->parts.config ? dispatch->parts.config->ownership.link_group : 0;

	return first && link->group >= first && link->group - first < CONFIG_LINK_GROUPS;
}

/* Its number may have gone to another link since, and its name too. */
static int remove_link(struct ndrv_nl *nl, const struct ndrv_link *link, struct ndrv_error *err)
{
	struct ndrv_link now;
	int rc = ndrv_link_get(nl, NULL, link->index, &now, err);

	if (rc == -NDRV_E_NO_LINK) {
		ndrv_error_clear(err);
		return 0;
	}
	if (rc)
		return rc;
	if (now.group != link->group || strcmp(now.name, link->name) != 0)
		return 0;
	return ndrv_link_delete(nl, link->name, link->index, err);
}

static int look(struct dispatch *dispatch, struct ndrv_nl *nl, bool dry_run, const struct ndrv_link *link,
		const struct names *names, struct tree *tree, struct stray_report *ret)
{
	struct ndrv_error err = {0};
	const char *name = NULL;

	if (!has_tag(dispatch, link) || names_have(names, link->name))
		return 0;
	name = arena_strdup(tree->arena, link->name);
	if (!name)
		return ndrv_fail(tree->err, NDRV_E_NO_SERVICE, "out of memory");
	if (!ndrv_link_name_is_ours(link->name)) {
		tree_add(tree, &ret->unknown, ndrv_string(name));
		return tree->rc;
	}
	if (!dry_run && remove_link(nl, link, &err)) {
		log_warning("reconcile", "link %s belongs to no record and could not be removed: %s", name, err.text);
		return 0;
	}
	if (!dry_run)
		log_warning("reconcile", "link %s (%s) carried this host's tag and belonged to no record: removed", name,
			    link->kind);
	tree_add(tree, &ret->removed, ndrv_string(name));
	return tree->rc;
}

/* Links first, then records: a record is written before its link is made. */
static int reconcile(struct dispatch *dispatch, struct ndrv_nl *nl, bool dry_run, struct tree *tree, struct stray_report *ret)
{
	struct names names = {.err = tree->err};
	struct ndrv_link *links;
	uint32_t count;
	int rc = ndrv_link_list(nl, &links, &count, tree->err);

	if (rc)
		return rc;
	rc = records_each(dispatch->parts.records, add_network, &names);
	if (!rc && names.count)
		qsort(names.list, names.count, sizeof(*names.list), compare);
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = look(dispatch, nl, dry_run, &links[i], &names, tree, ret);
	free(names.list);
	free(links);
	return rc;
}

int reconcile_links(struct dispatch *dispatch, struct arena *arena, bool dry_run, struct stray_report *ret, struct ndrv_error *err)
{
	struct tree tree = {.arena = arena, .err = err};
	struct hostns *hostns = dispatch->parts.hostns;
	struct ndrv_nl *nl;

	*ret = (struct stray_report){.removed = {.type = NDRV_LIST}, .unknown = {.type = NDRV_LIST}};
	if (!hostns)
		return 0;
	int rc = hostns_nl_take(hostns, NULL, &nl, err);
	if (rc)
		return rc;
	rc = reconcile(dispatch, nl, dry_run, &tree, ret);
	hostns_nl_give(hostns, nl);
	return rc;
}
