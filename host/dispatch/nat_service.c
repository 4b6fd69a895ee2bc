/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/nat_service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/core.h"
#include "host/dispatch/mend.h"
#include "host/dispatch/reconcile.h"

struct nat_service {
	struct ndrv_nat_ops ops; /* first: host->nat leads here */
	struct nat *nat;
};

static struct nat *nat_of(const struct ndrv_host *host)
{
	return ((struct nat_service *)(uintptr_t)host->nat)->nat;
}

/* --- for drivers --- */

static int check_network(const struct ndrv_network *network, struct ndrv_error *err)
{
	return network && network->id ? 0 : ndrv_fail(err, NDRV_E_BAD_REQUEST, "NAT without a network");
}

static int network_set(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network,
		       const struct ndrv_nat_network *want)
{
	int rc = check_network(network, call->err);

	if (!rc && (!want || !NDRV_COVERS(want, source6)))
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "struct ndrv_nat_network is shorter than any version of it");
	return rc ? rc : nat_network_set(nat_of(host), network->id, want, call->err);
}

static int network_clear(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network)
{
	int rc = check_network(network, call->err);

	return rc ? rc : nat_network_clear(nat_of(host), network->id, call->err);
}

static int check_endpoint(const struct ndrv_endpoint *endpoint, struct ndrv_error *err)
{
	if (!endpoint || !endpoint->id)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "ports without an endpoint");
	return check_network(endpoint->network, err);
}

static int publish(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint,
		   struct ndrv_port_binding *bindings, uint32_t count)
{
	const struct ndrv_port_binding *binding = bindings;
	int rc = check_endpoint(endpoint, call->err);

	for (uint32_t i = 0; i < count && !rc; i++) {
		if (!NDRV_COVERS(binding, host_port_end))
			rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "struct ndrv_port_binding is shorter than any version of it");
		binding = (const void *)((const char *)binding + binding->size);
	}
	return rc ? rc
		  : nat_publish(nat_of(host), endpoint->network->id, endpoint->id, &endpoint->address.addr,
				&endpoint->address6.addr, bindings, count, call->err);
}

static int unpublish(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint)
{
	int rc = check_endpoint(endpoint, call->err);

	return rc ? rc : nat_unpublish(nat_of(host), endpoint->network->id, endpoint->id, call->err);
}

const struct ndrv_nat_ops *nat_service_ops(struct nat_service *service)
{
	return &service->ops;
}

/* --- memory --- */

static int keep_put(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err)
{
	return store_put_nat(data, nid, eid, text, err);
}

static int keep_del(void *data, const char *nid, const char *eid, struct ndrv_error *err)
{
	return store_del_nat(data, nid, eid, err);
}

static int keep_load(void *data, int (*each)(void *to, const char *nid, const char *eid, const char *text, struct ndrv_error *err),
		     void *to, struct ndrv_error *err)
{
	return store_each_nat(data, each, to, err);
}

static void say(void *data, int level, const char *text)
{
	(void)data;
	log_write(level, "nat", "%s", text);
}

int nat_service_open(const char *instance, uint32_t link_group, struct store *store, struct nat_service **ret,
		     struct ndrv_error *err)
{
	const struct nat_keep keep = {.data = store, .put = keep_put, .del = keep_del, .load = keep_load};
	const struct nat_options options = {.instance = instance,
					    .link_group = link_group,
					    .keep = store ? &keep : NULL,
					    .say = say,
					    .spare = store && !store_is_whole(store),
					    .watch = true};
	struct nat_service *service = calloc(1, sizeof(*service));

	if (!service)
		return ndrv_fail_errno(err, ENOMEM, "open the NAT service");
	service->ops = (struct ndrv_nat_ops){.size = sizeof(service->ops),
					     .network_set = network_set,
					     .network_clear = network_clear,
					     .publish = publish,
					     .unpublish = unpublish};
	int rc = nat_open(&options, &service->nat, err);
	if (rc)
		free(service);
	else
		*ret = service;
	return rc;
}

void nat_service_close(struct nat_service *service)
{
	if (!service)
		return;
	nat_close(service->nat);
	free(service);
}

/* --- for the dispatcher --- */

static struct nat *nat_here(struct dispatch *dispatch)
{
	struct nat_service *service = dispatch->services ? services_nat(dispatch->services) : NULL;

	return service ? service->nat : NULL;
}

void nat_forget_endpoint(struct dispatch *dispatch, const char *nid, const char *eid)
{
	struct nat *nat = nat_here(dispatch);
	struct ndrv_error err = {0};

	if (!nat || !nat_unpublish(nat, nid, eid, &err))
		return;
	mend_kernel(dispatch, nid, eid, NULL);
	log_warning("nat", "ports of endpoint %s of network %s are still published: %s", eid, nid, err.text);
}

void nat_forget_network(struct dispatch *dispatch, const char *nid)
{
	struct nat *nat = nat_here(dispatch);
	struct ndrv_error err = {0};

	if (!nat || !nat_network_clear(nat, nid, &err))
		return;
	mend_kernel(dispatch, nid, NULL, NULL);
	log_warning("nat", "network %s is gone, but not its NAT: %s", nid, err.text);
}

/* A network whose turn is taken is being worked on: its endpoints are not judged now. */
static bool exists(void *data, const char *nid, const char *eid)
{
	struct dispatch *dispatch = data;
	bool found = true;

	epoch_enter();
	struct network *network = records_find(dispatch->parts.records, nid);
	if (network)
		network_ref(network);
	epoch_leave();
	if (!network)
		return false;
	if (eid[0] && turn_try(&network->turn)) {
		found = network_endpoint(network, eid) != NULL;
		turn_pass(&network->turn);
	}
	network_unref(network);
	return found;
}

int nat_mend(struct dispatch *dispatch, struct ndrv_error *err)
{
	struct nat *nat = nat_here(dispatch);
	struct nat_report report;
	uint32_t unknown;

	if (!nat)
		return 0;
	int rc = nat_sweep(nat, true, exists, dispatch, &unknown, err);
	return rc ? rc : nat_check(nat, true, &report, err);
}

void reconcile_nat(struct dispatch *dispatch, bool repair, struct tree *tree, struct ndrv_value *map)
{
	struct ndrv_value found = {.type = NDRV_MAP};
	struct nat *nat = nat_here(dispatch);
	struct nat_report report = {0};
	struct ndrv_error err = {0};
	uint32_t unknown = 0;

	if (!nat)
		return;
	int rc = nat_sweep(nat, repair, exists, dispatch, &unknown, &err);
	if (!rc)
		rc = nat_check(nat, repair, &report, &err);
	if (rc)
		log_warning("nat", "published ports could not be compared with the kernel: %s", err.text);
	tree_int(tree, &found, "unknown", unknown);
	tree_bool(tree, &found, "table", report.table);
	tree_int(tree, &found, "missing", report.missing);
	tree_int(tree, &found, "strays", report.strays);
	tree_set(tree, map, "nat", found);
}

void nat_describe(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *map)
{
	struct ndrv_value found = {.type = NDRV_MAP};
	struct nat *nat = nat_here(dispatch);
	struct nat_counts counts;

	if (!nat)
		return;
	nat_count(nat, &counts);
	tree_text(tree, &found, "table", nat_table(nat));
	tree_int(tree, &found, "networks", (int64_t)counts.networks);
	tree_int(tree, &found, "endpoints", (int64_t)counts.endpoints);
	tree_int(tree, &found, "ports", (int64_t)counts.ports);
	tree_int(tree, &found, "restored", (int64_t)counts.restored);
	tree_set(tree, map, "nat", found);
}
