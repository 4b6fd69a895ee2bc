/* SPDX-License-Identifier: Apache-2.0 */
/* A network is deleted by force with its endpoints in it: one by one, or all at once where the driver can. The network's intent to
 * be deleted is on disk already and covers its endpoints: nothing is written for each of them. */
#include "host/dispatch/emptying.h"
#include "host/dispatch/rows.h"
#include "host/dispatch/steps.h"
#include "host/dispatch/twin.h"

struct emptying {
	struct job *job;
	struct ndrv_error *err;
	uint32_t flags;
};

static int delete_one(struct endpoint *endpoint, void *data)
{
	struct emptying *emptying = data;

	return step_endpoint_delete(emptying->job, endpoint, emptying->flags, emptying->err);
}

static bool driver_can(const struct network *network)
{
	const struct instance *instance = instance_of(network);

	return instance && instance->capability.note && (instance->capability.note->flags & NDRV_DRIVER_DELETES_ENDPOINTS) &&
	       INSTANCE_HAS(instance, network_delete) && INSTANCE_HAS(instance, release);
}

/* The driver hears of every leave as ever. What is plugged goes with its link, so that no sandbox is entered for it. */
static int leave_one(struct endpoint *endpoint, void *data)
{
	struct job *job = data;

	if (endpoint->join.state == JOIN_NONE)
		return 0;
	rows_withdraw(job->dispatch, endpoint);
	if (endpoint->join.programmed)
		step_revoke(job, endpoint, NDRV_CALL_FORCE);
	tear_join(job, endpoint, NDRV_CALL_FORCE);
	event_network(job->dispatch, "leave", endpoint->network, endpoint);
	return 0;
}

static int release_one(struct endpoint *endpoint, void *data)
{
	struct instance *instance = data;

	if (endpoint->view.priv)
		instance->ops.release(instance->self, &endpoint->network->view, &endpoint->view);
	return 0;
}

int empty_network(struct job *job, struct network *network, bool force, bool *ret_whole, struct ndrv_error *err)
{
	struct emptying emptying = {.job = job, .err = err, .flags = force ? NDRV_CALL_FORCE : 0};
	struct instance *instance = instance_of(network);
	struct ndrv_error error = {0};

	*ret_whole = false;
	if (!force || network->endpoint_count < 2 || !driver_can(network))
		return network_each_endpoint(network, delete_one, &emptying);
	(void)network_each_endpoint(network, leave_one, job);
	if (tear_network_whole(job, network, &error)) {
		log_warning("dispatch", "deleting network %s with its endpoints at once failed, now one by one: %s",
			    network->view.id, error.text);
		return network_each_endpoint(network, delete_one, &emptying);
	}
	frame_enter(instance, network, NULL, OPS_SLOT(release));
	(void)network_each_endpoint(network, release_one, instance);
	frame_leave();
	*ret_whole = true;
	return 0;
}

static int drop_one(struct endpoint *endpoint, void *data)
{
	struct network *network = endpoint->network;

	endpoint_release(data, endpoint);
	event_network(data, "endpoint-delete", network, endpoint);
	twin_drop_endpoint(endpoint);
	network_del_endpoint(network, endpoint);
	return 0;
}

void drop_endpoints(struct dispatch *dispatch, struct network *network)
{
	(void)network_each_endpoint(network, drop_one, dispatch);
}
