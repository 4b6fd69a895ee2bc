/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include <ndrv/link.h>

#include "host/sandbox/hostns.h"
#include "host/sandbox/owned.h"
#include "host/sandbox/reap.h"

#define LOOK_NS NSEC_PER_SEC
#define LETTERS 2 /* of a name, before the digits */

/* The pools of every network. */
struct pools {
	struct ndrv_prefix *list;
	size_t count, room;
};

/* The digits of every name that belongs to a record, sorted for looking up. */
struct names {
	char (*list)[NDRV_IFNAME_MAX];
	size_t count, room;
	struct pools pools;
	struct ndrv_error *err;
};

static int add_pool(struct names *names, const struct ndrv_prefix *pool)
{
	struct pools *pools = &names->pools;

	if (pools->count == pools->room) {
		size_t room = pools->room ? pools->room * 2 : 32;
		struct ndrv_prefix *list = realloc(pools->list, room * sizeof(*list));
		if (!list)
			return ndrv_fail(names->err, NDRV_E_NO_SERVICE, "out of memory");
		pools->list = list;
		pools->room = room;
	}
	pools->list[pools->count++] = *pool;
	return 0;
}

static int names_add(struct names *names, const char *instance, const char *nid, const char *eid)
{
	if (names->count == names->room) {
		size_t room = names->room ? names->room * 2 : 64;
		char(*list)[NDRV_IFNAME_MAX] = realloc(names->list, room * sizeof(*list));
		if (!list)
			return ndrv_fail(names->err, NDRV_E_NO_SERVICE, "out of memory");
		names->list = list;
		names->room = room;
	}
	ndrv_link_name(names->list[names->count++], "xx", instance, nid, eid);
	return 0;
}

static int add_endpoint(struct endpoint *endpoint, void *data)
{
	return names_add(data, endpoint->network->view.instance, endpoint->network->view.id, endpoint->view.id);
}

static int add_network(struct network *network, void *data)
{
	struct names *names = data;

	if (!turn_wait(&network->turn, clock_ns() + LOOK_NS))
		return ndrv_fail_object(names->err, NDRV_E_NETWORK_BUSY, network->view.id);
	int rc = names_add(names, network->view.instance, network->view.id, "");
	for (uint32_t i = 0; i < network->pool_count && !rc; i++)
		rc = add_pool(names, &network->pools[i].pool);
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

/* What is looked for, and how. */
struct search {
	struct dispatch *dispatch;
	struct ndrv_nl *nl;
	bool dry_run;
	struct names known, only; /* `only` counts where `some` */
	bool some;
	struct tree *tree;
	struct stray_report *ret;
};

static int look(struct search *search, const struct ndrv_link *link)
{
	struct tree *tree = search->tree;
	struct stray_report *ret = search->ret;
	struct ndrv_error err = {0};
	const char *name = NULL;
	int dying = reaper_adopt(hostns_reaper(search->dispatch->parts.hostns), link, search->dry_run);

	/* It is being deleted right now. */
	if (dying == 0)
		return 0;
	if (!has_tag(search->dispatch, link) || names_have(&search->known, link->name))
		return 0;
	if (search->some && !names_have(&search->only, link->name))
		return 0;
	name = arena_strdup(tree->arena, link->name);
	if (!name)
		return ndrv_fail(tree->err, NDRV_E_NO_SERVICE, "out of memory");
	if (!ndrv_link_name_is_ours(link->name)) {
		tree_add(tree, &ret->unknown, ndrv_string(name));
		return tree->rc;
	}
	if (!search->dry_run && dying < 0 && remove_link(search->nl, link, &err)) {
		log_warning("reconcile", "link %s belongs to no record and could not be removed: %s", name, err.text);
		ret->failed++;
		return 0;
	}
	if (!search->dry_run && dying > 0)
		log_info("reconcile", "link %s (%s) was being deleted when the host ended: that goes on", name, link->kind);
	else if (!search->dry_run)
		log_warning("reconcile", "link %s (%s) carried this host's tag and belonged to no record: removed", name,
			    link->kind);
	tree_add(tree, &ret->removed, ndrv_string(name));
	return tree->rc;
}

static void sort(struct names *names)
{
	if (names->count)
		qsort(names->list, names->count, sizeof(*names->list), compare);
}

static int add_only(struct search *search, const struct reconcile_only *only)
{
	const struct config *config = search->dispatch->parts.config;
	int rc = 0;

	search->some = only != NULL;
	for (uint32_t i = 0; only && i < only->count && !rc; i++)
		rc = names_add(&search->only, config ? config->instance : "", only->ids[i].nid, only->ids[i].eid);
	sort(&search->only);
	return rc;
}

/* --- routes, rules, neighbours --- */

static const struct ndrv_link *link_at(const struct ndrv_link *links, uint32_t count, uint32_t index)
{
	for (uint32_t i = 0; index && i < count; i++)
		if (links[i].index == index)
			return &links[i];
	return NULL;
}

static bool is_record_link(const struct search *search, const char *name)
{
	return name[0] && ndrv_link_name_is_ours(name) && names_have(&search->known, name);
}

static bool is_in_pools(const struct search *search, const struct ndrv_prefix *prefix)
{
	const struct pools *pools = &search->known.pools;

	for (size_t i = 0; prefix->addr.family && i < pools->count; i++)
		if (pools->list[i].length && pools->list[i].addr.family == prefix->addr.family &&
		    pools->list[i].length <= prefix->length && ndrv_prefix_contains(&pools->list[i], &prefix->addr))
			return true;
	return false;
}

static bool is_explained(const struct search *search, const struct owned *owned, const struct ndrv_link *links, uint32_t count)
{
	const struct ndrv_link *link = link_at(links, count, owned->index);

	return (link && is_record_link(search, link->name)) || is_record_link(search, owned->iif) ||
	       is_record_link(search, owned->oif) || is_in_pools(search, &owned->destination) ||
	       is_in_pools(search, &owned->source);
}

static int take_away(struct search *search, const struct owned *owned)
{
	struct stray_report *ret = search->ret;
	struct ndrv_value *const lists[] = {
		[OWNED_ROUTE] = &ret->routes, [OWNED_RULE] = &ret->rules, [OWNED_NEIGHBOUR] = &ret->neighbours};
	const char *text = arena_strdup(search->tree->arena, owned->text);
	struct ndrv_error err = {0};

	if (!text)
		return ndrv_fail(search->tree->err, NDRV_E_NO_SERVICE, "out of memory");
	if (!search->dry_run && owned_delete(search->nl, owned, &err)) {
		log_warning("reconcile", "%s belongs to no record and could not be removed: %s", text, err.text);
		ret->failed++;
		return 0;
	}
	if (!search->dry_run)
		log_warning("reconcile", "%s carried this host's tag and belonged to no record: removed", text);
	tree_add(search->tree, lists[owned->kind], ndrv_string(text));
	return search->tree->rc;
}

static int look_at_owned(struct search *search, const struct ndrv_link *links, uint32_t count)
{
	const struct config *config = search->dispatch->parts.config;
	struct owned_list list;
	int rc = 0;

	if (search->some || !config || !owned_is_private(config->ownership.route_protocol))
		return 0;
	rc = owned_list(search->nl, config->ownership.route_protocol, &list, search->tree->err);
	for (uint32_t i = 0; i < list.count && !rc; i++)
		if (!is_explained(search, &list.items[i], links, count))
			rc = take_away(search, &list.items[i]);
	owned_list_clear(&list);
	return rc;
}

/* --- all --- */

/* What the kernel has first, then records: a record is written before anything is made for it. But routes come after links: those
 * through a link go with it. */
static int reconcile(struct search *search, const struct reconcile_only *only)
{
	struct ndrv_link *links;
	uint32_t count;
	int rc = ndrv_link_list(search->nl, &links, &count, search->tree->err);

	if (rc)
		return rc;
	search->known.err = search->only.err = search->tree->err;
	rc = add_only(search, only);
	if (!rc)
		rc = records_each(search->dispatch->parts.records, add_network, &search->known);
	sort(&search->known);
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = look(search, &links[i]);
	if (!rc)
		rc = look_at_owned(search, links, count);
	free(search->known.pools.list);
	free(search->known.list);
	free(search->only.list);
	free(links);
	return rc;
}

static int run(struct dispatch *dispatch, struct arena *arena, bool dry_run, const struct reconcile_only *only,
	       struct stray_report *ret, struct ndrv_error *err)
{
	struct tree tree = {.arena = arena, .err = err};
	struct search search = {.dispatch = dispatch, .dry_run = dry_run, .tree = &tree, .ret = ret};
	struct hostns *hostns = dispatch->parts.hostns;

	const struct ndrv_value none = {.type = NDRV_LIST};

	*ret = (struct stray_report){.removed = none, .unknown = none, .routes = none, .rules = none, .neighbours = none};
	if (!hostns)
		return 0;
	int rc = hostns_nl_take(hostns, NULL, &search.nl, err);
	if (rc)
		return rc;
	rc = reconcile(&search, only);
	hostns_nl_give(hostns, search.nl);
	return rc;
}

int reconcile_links(struct dispatch *dispatch, struct arena *arena, bool dry_run, struct stray_report *ret, struct ndrv_error *err)
{
	return run(dispatch, arena, dry_run, NULL, ret, err);
}

int reconcile_some(struct dispatch *dispatch, struct arena *arena, const struct reconcile_only *only, struct stray_report *ret,
		   struct ndrv_error *err)
{
	return run(dispatch, arena, false, only, ret, err);
}

void describe_strays(struct tree *tree, struct ndrv_value *map, const struct stray_report *strays)
{
	tree_set(tree, map, "stray_links", strays->removed);
	tree_set(tree, map, "unknown_links", strays->unknown);
	tree_set(tree, map, "stray_routes", strays->routes);
	tree_set(tree, map, "stray_rules", strays->rules);
	tree_set(tree, map, "stray_neighbours", strays->neighbours);
}
