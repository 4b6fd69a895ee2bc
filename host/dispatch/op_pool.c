/* SPDX-License-Identifier: Apache-2.0 */
/* pool_request, pool_release, pool_list, address_request, address_release: pools.h for a platform. */
#include "host/dispatch/handlers.h"
#include "host/dispatch/pools_held.h"

static int need_pools(struct job *job, struct pools **ret)
{
	*ret = job->dispatch->pools;
	return *ret ? 0 : ndrv_fail(&job->reply.error, NDRV_E_NO_SERVICE, "this host has no address pools");
}

static int need_pool_id(struct job *job, struct pools **ret)
{
	if (!job->request.pool_id || !job->request.pool_id[0])
		return ndrv_fail(&job->reply.error, NDRV_E_BAD_REQUEST, "which pool? its id is missing");
	return need_pools(job, ret);
}

int run_pool_request(struct job *job)
{
	const struct request *request = &job->request;
	struct ndrv_error *err = &job->reply.error;
	char holder[HOLDER_MAX], id[POOL_ID_MAX];
	struct pools *pools;
	int rc = need_pools(job, &pools);

	if (!rc && request->pool_count != 1)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "one pool at a time");
	if (rc)
		return rc;
	holder_name(request->caller.pid, holder);
	rc = pools_request(pools, request->address_space ? request->address_space : "", &request->pools[0], holder, id,
			   &job->reply.pool, err);
	if (rc)
		return rc;
	job->reply.pool_id = arena_strdup(&job->arena, id);
	return job->reply.pool_id ? 0 : ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
}

int run_pool_release(struct job *job)
{
	struct pools *pools;
	int rc = need_pool_id(job, &pools);

	return rc ? rc : pools_release(pools, job->request.pool_id, &job->reply.error);
}

int run_address_request(struct job *job)
{
	const struct request *request = &job->request;
	char holder[HOLDER_MAX];
	struct pools *pools;
	int rc = need_pool_id(job, &pools);

	if (rc)
		return rc;
	holder_name(request->caller.pid, holder);
	return pools_address(pools, request->pool_id, &request->address.addr, request->gateway, holder, &job->reply.address,
			     &job->reply.error);
}

int run_address_release(struct job *job)
{
	struct pools *pools;
	int rc = need_pool_id(job, &pools);

	if (!rc && !job->request.address.addr.family)
		rc = ndrv_fail(&job->reply.error, NDRV_E_BAD_REQUEST, "which address?");
	return rc ? rc : pools_address_release(pools, job->request.pool_id, &job->request.address.addr, &job->reply.error);
}

int run_pool_list(struct job *job)
{
	struct tree tree = {.arena = &job->arena, .err = &job->reply.error};
	struct ndrv_value list = {.type = NDRV_LIST}, stale = {.type = NDRV_LIST};

	pools_describe(job->dispatch->pools, &tree, &list);
	tree_set(&tree, &job->reply.value, "pools", list);
	(void)pools_free_stale(job->dispatch->pools, NULL, true, &tree, &stale);
	tree_set(&tree, &job->reply.value, "stale_addresses", stale);
	return tree.rc;
}
