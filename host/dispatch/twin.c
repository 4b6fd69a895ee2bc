/* SPDX-License-Identifier: Apache-2.0 */
/* Twins: what a second generation made of a record. */
#include "host/dispatch/twin.h"

static void exchange(void **a, void **b)
{
	void *kept = *a;

	*a = *b;
	*b = kept;
}

void twin_exchange(struct network *network, struct endpoint *endpoint)
{
	exchange(&network->view.priv, &network->twin.priv);
	if (endpoint)
		exchange(&endpoint->view.priv, &endpoint->twin.priv);
}

/* release has no call, only a frame and, where the driver wants it, its turn. What a generation that was given up has is lost with
 * it: a call hangs in it, and has its turn. */
void release_priv(struct instance *instance, struct network *network, struct endpoint *endpoint)
{
	struct generation *generation = instance->generation;
	bool serial = generation->threading == NDRV_THREADS_DRIVER;

	if (!INSTANCE_HAS(instance, release) || atomic_load(&generation->lost))
		return;
	if (serial)
		(void)turn_wait(&generation->turn, 0);
	frame_enter(instance, network, NULL, OPS_SLOT(release));
	instance->ops.release(instance->self, &network->view, endpoint ? &endpoint->view : NULL);
	frame_leave();
	if (serial)
		turn_pass(&generation->turn);
}

void twin_drop_endpoint(struct endpoint *endpoint)
{
	struct network *network = endpoint->network;
	struct instance *instance = endpoint->twin.instance;

	if (!instance)
		return;
	twin_exchange(network, endpoint);
	release_priv(instance, network, endpoint);
	twin_exchange(network, endpoint);
	endpoint->twin = (struct twin){0};
}

static int drop_endpoint(struct endpoint *endpoint, void *data)
{
	(void)data;
	twin_drop_endpoint(endpoint);
	return 0;
}

void twin_drop_network(struct network *network)
{
	struct instance *instance = network->twin.instance;

	(void)network_each_endpoint(network, drop_endpoint, NULL);
	if (!instance)
		return;
	twin_exchange(network, NULL);
	release_priv(instance, network, NULL);
	twin_exchange(network, NULL);
	network->twin = (struct twin){0};
}

struct dropping {
	uint64_t until;
};

static int drop_some(struct endpoint *endpoint, void *data)
{
	const struct dropping *dropping = data;

	if (!endpoint->twin.instance)
		return 0;
	twin_drop_endpoint(endpoint);
	return clock_ns() >= dropping->until;
}

bool twin_drop_slice(struct network *network, uint64_t until_ns)
{
	struct dropping dropping = {.until = until_ns};

	if (network_each_endpoint(network, drop_some, &dropping))
		return false;
	twin_drop_network(network);
	return true;
}
