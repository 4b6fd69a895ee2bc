/* SPDX-License-Identifier: Apache-2.0 */
/* network_prune: endpoints whose sandbox or link is gone, then networks without endpoints, then links without records,
 * and addresses that a platform has forgotten. */
#include <string.h>

#include "host/dispatch/handlers.h"
#include "host/dispatch/plugging.h"
#include "host/dispatch/pools.h"
#include "host/dispatch/reconcile.h"
#include "host/dispatch/sandboxes.h"
#include "host/dispatch/steps.h"

struct pruning {
	struct job *job;
	struct tree tree;
	struct ndrv_value pruned, refused, stale;
};

/* The sandbox is gone, or the next start of the host found the endpoint's link gone. */
static int prune_endpoint(struct endpoint *endpoint, void *data)
{
	struct pruning *pruning = data;
	struct job *job = pruning->job;
	struct ndrv_error err = {0};
	struct ndrv_value map = {.type = NDRV_MAP};
	const char *why = endpoint->lost						 ? "its link is gone"
			  : plugging_sandbox_gone(endpoint) || sandbox_is_dead(endpoint) ? "its sandbox is gone"
											 : NULL;

	if (!why)
		return 0;
	tree_text(&pruning->tree, &map, "network", endpoint->network->view.id);
	tree_text(&pruning->tree, &map, "endpoint", endpoint->view.id);
	tree_text(&pruning->tree, &map, "why", why);
	if (!job->request.dry_run && step_endpoint_delete(job, endpoint, NDRV_CALL_FORCE, &err))
		tree_text(&pruning->tree, &map, "failed", err.text);
	tree_add(&pruning->tree, &pruning->stale, map);
	return pruning->tree.rc;
}

static int prune_one(struct network *network, void *data)
{
	struct pruning *pruning = data;
	struct job *job = pruning->job;
	struct ndrv_error err = {0};
	uint64_t until = clock_ns() + NSEC_PER_SEC;

	if (job->request.type && strcmp(network->type, job->request.type) != 0)
		return 0;
	if (atomic_load(&network->stuck) || !turn_wait(&network->turn, until < job->deadline_ns ? until : job->deadline_ns))
		return job_check(job, &job->reply.error);
	network_ref(network);
	job_own_turn(job, network);
	int rc = 0;
	if (!atomic_load(&network->gone) && network->state == RECORD_LIVE && network->instance)
		(void)network_each_endpoint(network, prune_endpoint, pruning);
	bool empty = !atomic_load(&network->gone) && network->state == RECORD_LIVE && !network->endpoint_count && network->instance;
	char id[NDRV_ID_MAX + 1] = {0};
	(void)strncat(id, network->view.id, NDRV_ID_MAX);
	job_name_ids(job, NULL, id, NULL);
	if (empty && !job->request.dry_run)
		rc = step_network_delete(job, network, false, &err);
	job_pass_turn(job);
	const char *copy = arena_strdup(&job->arena, id);
	if (empty && copy)
		tree_add(&pruning->tree, rc ? &pruning->refused : &pruning->pruned, ndrv_string(copy));
	if (!rc)
		rc = job_check(job, &err);
	return rc == -NDRV_E_TIMEOUT || rc == -NDRV_E_CANCELLED ? rc : 0;
}

int run_network_prune(struct job *job)
{
	struct pruning pruning = {
		.job = job,
		.tree = {.arena = &job->arena, .err = &job->reply.error},
		.pruned = {.type = NDRV_LIST},
		.refused = {.type = NDRV_LIST},
		.stale = {.type = NDRV_LIST},
	};
	struct ndrv_value addresses = {.type = NDRV_LIST};
	struct stray_report strays;
	int rc = records_each(job->dispatch->parts.records, prune_one, &pruning);

	if (rc)
		return job_check(job, &job->reply.error) ? rc : 0;
	rc = reconcile_links(job->dispatch, &job->arena, job->request.dry_run, &strays, &job->reply.error);
	if (rc)
		return rc;
	tree_set(&pruning.tree, &job->reply.value, "deleted", pruning.pruned);
	tree_set(&pruning.tree, &job->reply.value, "refused", pruning.refused);
	tree_set(&pruning.tree, &job->reply.value, "stale_endpoints", pruning.stale);
	(void)pools_free_stale(job->dispatch->pools, NULL, job->request.dry_run, &pruning.tree, &addresses);
	tree_set(&pruning.tree, &job->reply.value, "stale_addresses", addresses);
	describe_strays(&pruning.tree, &job->reply.value, &strays);
	reconcile_nat(job->dispatch, !job->request.dry_run, &pruning.tree, &job->reply.value);
	return pruning.tree.rc;
}
