/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/transfer.h"

#include <stdlib.h>
#include <time.h>

#include "host/dispatch/transfer_parts.h"

/* How long a network's calls wait at once for the work that is done before the gate closes, and after it has opened. */
#define SLICE_NS (NSEC_PER_MSEC / 5)
/* Passes before the gate closes: what changed during one is adopted in the next. */
#define PASSES 3u
/* How long the end of a transfer waits for busy networks before it leaves their twins for later. */
#define PATIENCE_NS (100 * NSEC_PER_MSEC)
/* What the replaced generation has is never taken up again, even if nothing changes. */
#define STALE UINT64_MAX
#define TRANSFER_MEMORY (4u << 20)

/* --- the driver's own state --- */

/* An earlier instance of the generation is the same object, asked already. */
static bool is_repeated(const struct generation *generation, const struct instance *instance, uint32_t slot)
{
	for (const struct instance *each = generation->instances; each != instance; each = each->next)
		if (!each->gone && each->self == instance->self && ((each->has >> slot) & 1u))
			return true;
	return false;
}

static bool is_asked(const struct generation *generation, const struct instance *instance, uint32_t slot)
{
	return !instance->gone && ((instance->has >> slot) & 1u) && !is_repeated(generation, instance, slot);
}

static int prepare(struct transfer *transfer, struct ndrv_error *err)
{
	const uint32_t slot = OPS_SLOT(prepare);

	for (struct instance *each = transfer->to->instances; each; each = each->next) {
		struct instance *old = transfer_heir(transfer->from, each->type);
		struct ndrv_blob blob = {0};
		struct driver_call call;
		int rc = 0;
		if (!is_asked(transfer->to, each, slot))
			continue;
		if (old)
			rc = transfer_export(transfer, old, NULL, NULL, &blob, err);
		if (!rc)
			rc = transfer_call(transfer, &call, each, slot, NULL, NULL, err);
		if (!rc)
			rc = ndrv_wrap(err,
				       transfer_call_end(transfer, &call, each->ops.prepare(each->self, &call.ndrv, &blob), err),
				       "prepare");
		arena_reset(&transfer->arena);
		if (rc)
			return rc;
	}
	return 0;
}

/* commit and abort: nothing to refuse. */
static void tell(struct transfer *transfer, uint32_t slot)
{
	for (struct instance *each = transfer->to->instances; each; each = each->next) {
		struct ndrv_error ignored = {0};
		struct driver_call call;
		if (!is_asked(transfer->to, each, slot))
			continue;
		transfer->deadline_ns = clock_ns() + transfer->limits.step_ns;
		if (transfer_call(transfer, &call, each, slot, NULL, NULL, &ignored)) {
			log_error("swap", "driver %s: %s cannot be called: %s", transfer->to->name, slot_name(slot), ignored.text);
			continue;
		}
		if (slot == OPS_SLOT(commit))
			each->ops.commit(each->self, &call.ndrv);
		else
			each->ops.abort(each->self, &call.ndrv);
		bool off = transfer_call_end(transfer, &call, 0, &ignored) != 0;
		arena_reset(&transfer->arena);
		if (off)
			return;
	}
}

/* --- begin --- */

static int begin(struct transfer *transfer, struct ndrv_error *err)
{
	struct dispatch *dispatch = transfer->dispatch;

	executor_lend(dispatch->executor, 1);
	services_hold(dispatch->services, transfer->to, true);
	int rc = gate_close(dispatch, transfer->from, GATE_STATE, clock_ns() + transfer->limits.drain_ns, err);
	if (rc)
		return rc;
	transfer->prepared = true;
	transfer->deadline_ns = clock_ns() + transfer->limits.step_ns;
	return prepare(transfer, err);
}

/* --- network by network, while the old generation serves --- */

static bool is_ours(const struct transfer *transfer, const struct network *network)
{
	return network->driver && transfer_heir(transfer->from, network->driver);
}

/* What the old generation serves: an orphan that it could not adopt is none of it. Under the turn. */
static bool is_served(const struct transfer *transfer, const struct network *network)
{
	const struct instance *instance = network->instance;

	return !atomic_load(&network->gone) && instance && instance->generation == transfer->from;
}

struct walk {
	struct transfer *transfer;
	struct ndrv_error *err;
};

static int adopt_ahead(struct network *network, void *data)
{
	struct walk *walk = data;
	struct transfer *transfer = walk->transfer;
	int rc = 1;

	if (!is_ours(transfer, network))
		return 0;
	while (rc == 1) {
		if (!turn_wait(&network->turn, clock_ns() + transfer->limits.drain_ns))
			return transfer_blocked(transfer->dispatch, network, NULL, walk->err);
		transfer->deadline_ns = clock_ns() + transfer->limits.step_ns;
		transfer->slice_ends_ns = clock_ns() + SLICE_NS;
		rc = is_served(transfer, network) ? transfer_adopt_network(transfer, network, walk->err) : 0;
		turn_pass(&network->turn);
	}
	return rc;
}

/* What comes while a pass is under way is left to the next, or to the closed gate: networks that young have little to adopt. */
static int adopt(struct transfer *transfer, struct ndrv_error *err)
{
	struct walk walk = {.transfer = transfer, .err = err};
	int rc = 0;

	for (uint32_t pass = 0; pass < PASSES && !rc; pass++)
		rc = records_each(transfer->dispatch->parts.records, adopt_ahead, &walk);
	return rc;
}

/* --- the gate --- */

static int hold(struct network *network, void *data)
{
	struct walk *walk = data;
	struct transfer *transfer = walk->transfer;

	if (!is_ours(transfer, network))
		return 0;
	if (transfer->held_count == transfer->held_room) {
		uint32_t room = transfer->held_room ? 2 * transfer->held_room : 64;
		struct network **held = realloc(transfer->held, room * sizeof(struct network *));
		if (!held)
			return ndrv_fail(walk->err, NDRV_E_NO_SERVICE, "out of memory");
		transfer->held = held;
		transfer->held_room = room;
	}
	if (!turn_wait(&network->turn, transfer->deadline_ns))
		return transfer_blocked(transfer->dispatch, network, NULL, walk->err);
	if (!is_served(transfer, network)) {
		turn_pass(&network->turn);
		return 0;
	}
	network_ref(network);
	transfer->held[transfer->held_count++] = network;
	return 0;
}

static void open_gate(struct transfer *transfer)
{
	for (uint32_t i = 0; transfer->closed && i < transfer->held_count; i++)
		turn_pass(&transfer->held[i]->turn);
	transfer->closed = false;
	gate_open(transfer->dispatch);
	if (transfer->closed_ns)
		transfer->report.pause_ns = clock_ns() - transfer->closed_ns;
}

static int wait_for_instances(struct transfer *transfer, struct ndrv_error *err)
{
	int rc = 0;

	for (struct instance *each = transfer->from->instances; each && !rc; each = each->next)
		rc = each->gone ? 0 : frames_wait(each, transfer->deadline_ns, err);
	return rc;
}

static int close_gate(struct transfer *transfer, struct ndrv_error *err)
{
	struct dispatch *dispatch = transfer->dispatch;
	struct walk walk = {.transfer = transfer, .err = err};

	transfer->closed_ns = clock_ns();
	transfer->deadline_ns = transfer->closed_ns + transfer->limits.drain_ns;
	transfer->slice_ends_ns = UINT64_MAX;
	transfer->closed = true;
	services_hold(dispatch->services, transfer->from, true);
	int rc = gate_close(dispatch, transfer->from, GATE_ALL, transfer->deadline_ns, err);
	if (!rc)
		rc = services_quiet(dispatch->services, transfer->from, transfer->deadline_ns, err);
	if (!rc)
		rc = records_each(dispatch->parts.records, hold, &walk);
	/* Nobody is left; what is still inside came another way (a call of the host's own). */
	if (!rc)
		rc = wait_for_instances(transfer, err);
	for (uint32_t i = 0; i < transfer->held_count && !rc; i++)
		rc = transfer_adopt_network(transfer, transfer->held[i], err);
	return rc;
}

/* --- commit, finish, abort --- */

static int exchange_endpoint(struct endpoint *endpoint, void *data)
{
	void *priv = endpoint->view.priv;

	endpoint->view.priv = endpoint->twin.priv;
	endpoint->twin.priv = priv;
	endpoint->twin.instance = data;
	endpoint->twin.changes = STALE;
	return 0;
}

static void hand_over(struct transfer *transfer, struct network *network)
{
	struct instance *old = network->instance;

	twin_exchange(network, NULL);
	network->instance = network->twin.instance;
	network->twin.instance = old;
	network->twin.changes = STALE;
	(void)network_each_endpoint(network, exchange_endpoint, old);
	transfer->report.networks++;
	transfer->report.endpoints += network->endpoint_count;
}

static int commit(struct transfer *transfer, struct ndrv_error *err)
{
	struct dispatch *dispatch = transfer->dispatch;
	int rc = registry_publish(dispatch->parts.registry, transfer->to, err);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < transfer->held_count; i++)
		hand_over(transfer, transfer->held[i]);
	atomic_store(&transfer->to->faults, 0);
	(void)pthread_mutex_lock(&transfer->lock);
	transfer->committed = true;
	(void)pthread_mutex_unlock(&transfer->lock);
	tell(transfer, OPS_SLOT(commit));
	services_hold(dispatch->services, transfer->to, false);
	open_gate(transfer);
	return 0;
}

struct sweep {
	const struct generation *generation;
	uint64_t until_ns;
	bool left;
};

/* Twins go a slice at a time, so that calls on the network wait for none of it. Who is inside the driver for long is not waited
 * for. */
static int sweep_network(struct network *network, void *data)
{
	struct sweep *sweep = data;
	bool done = false;

	if (!network->driver || !transfer_heir(sweep->generation, network->driver))
		return 0;
	while (!done) {
		if (!turn_wait(&network->turn, sweep->until_ns)) {
			sweep->left = true;
			return 0;
		}
		const struct instance *instance = network->twin.instance;
		done = !instance || instance->generation != sweep->generation || twin_drop_slice(network, clock_ns() + SLICE_NS);
		turn_pass(&network->turn);
	}
	return 0;
}

bool transfer_sweep(struct dispatch *dispatch, const struct generation *generation, uint64_t patience_ns)
{
	struct sweep sweep = {.generation = generation, .until_ns = clock_ns() + patience_ns};

	(void)records_each(dispatch->parts.records, sweep_network, &sweep);
	return !sweep.left;
}

/* Nothing of it is in anybody's way any more. */
static void end(struct transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->held_count; i++)
		network_unref(transfer->held[i]);
	transfer->held_count = 0;
	executor_lend(transfer->dispatch->executor, -1);
}

static void finish(struct transfer *transfer)
{
	(void)transfer_sweep(transfer->dispatch, transfer->from, PATIENCE_NS);
	services_drop_networks(transfer->dispatch->services, transfer->from);
	end(transfer);
}

/* What the new one set up belongs to a generation that never served. */
static void drop_services(struct transfer *transfer)
{
	struct services *services = transfer->dispatch->services;

	if (atomic_load(&transfer->to->state) == GENERATION_PENDING)
		services_drop_generation(services, transfer->to);
	else
		services_drop_networks(services, transfer->to);
}

void transfer_give_up(struct transfer *transfer)
{
	services_hold(transfer->dispatch->services, transfer->from, false);
	open_gate(transfer);
	(void)transfer_sweep(transfer->dispatch, transfer->to, PATIENCE_NS);
	drop_services(transfer);
	end(transfer);
}

static void call_abort(struct transfer *transfer)
{
	services_hold(transfer->dispatch->services, transfer->from, false);
	open_gate(transfer);
	if (transfer->prepared) {
		(void)transfer_sweep(transfer->dispatch, transfer->to, PATIENCE_NS);
		tell(transfer, OPS_SLOT(abort));
	}
	if (transfer->called_off)
		return;
	drop_services(transfer);
	end(transfer);
}

int transfer_steps(struct transfer *transfer, struct ndrv_error *err)
{
	int rc = begin(transfer, err);

	if (!rc)
		rc = adopt(transfer, err);
	if (!rc)
		rc = close_gate(transfer, err);
	if (!rc)
		rc = commit(transfer, err);
	if (!rc)
		finish(transfer);
	else if (!transfer->called_off)
		call_abort(transfer);
	return rc;
}
