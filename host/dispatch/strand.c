/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/strand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/rows.h"
#include "host/dispatch/steps.h"

#define NODE_MEMORY (64u << 10)

struct strands {
	struct tables *tables;
	struct dispatch *dispatch;
	pthread_t thread;
	bool running;
	_Atomic uint32_t busy;
};

/* --- rows: one batch for one network --- */

struct strand {
	struct strands *strands;
	bool ended; /* the table layer knows how it went */
	int rc;	    /* otherwise: what to tell it */
	struct tables_work work;
};

static int tell_batch(struct job *job, struct strand *strand, struct instance *instance)
{
	struct tables *tables = strand->strands->tables;
	struct network *network = job->network;
	struct ndrv_error *err = &job->reply.error;
	struct delivery *delivery;
	struct driver_call call;
	const struct ndrv_table_batch *batch = tables_take(tables, strand->work.nid, instance, &delivery);

	strand->ended = true;
	if (!batch)
		return 0;
	int rc = CALL_BEGIN(&call, job, instance, event_notify, network, 0, err);
	if (!rc)
		rc = call_end(&call, instance->ops.event_notify(instance->self, &call.ndrv, &network->view, batch), err);
	if (rc)
		log_warning("tables", "network %s: %u rows of table %s will be told again: %s", strand->work.nid, batch->count,
			    batch->table, err->text);
	tables_told(tables, delivery, rc, err->text);
	return rc;
}

/* Under the turn. Nobody may be there to be told: then it is over until somebody registers again. */
static int run_on(struct job *job, struct strand *strand)
{
	const struct network *network = job->network;
	struct instance *instance = network->instance;

	if (!atomic_load(&network->gone) && network->state == RECORD_LIVE && instance && INSTANCE_HAS(instance, event_notify))
		return tell_batch(job, strand, instance);
	tables_idle(strand->strands->tables, &strand->work, 0, NULL);
	strand->ended = true;
	return 0;
}

static int run_strand(struct job *job)
{
	struct strand *strand = job->own_data;

	if (job->has_turn)
		return run_on(job, strand);
	epoch_enter();
	struct network *network = records_find(job->dispatch->parts.records, strand->work.nid);
	if (network)
		network_ref(network);
	epoch_leave();
	if (!network) {
		strand->rc = 0;
		return 0;
	}
	job_name_ids(job, "tables", strand->work.nid, NULL);
	int rc = job_take_turn(job, network, &job->reply.error);
	if (rc == 0)
		return JOB_WAITS;
	return rc == 1 ? run_on(job, strand) : rc;
}

static void strand_done(struct job *job)
{
	struct strand *strand = job->own_data;
	struct strands *strands = strand->strands;

	if (!strand->ended)
		tables_idle(strands->tables, &strand->work, strand->rc, job->reply.error.text);
	free(strand);
	(void)atomic_fetch_sub(&strands->busy, 1);
}

static const struct op strand_op = {
	.op = REQ_COUNT,
	.name = "event_notify",
	.slot = OP_NO_SLOT,
	.run = run_strand,
};

static void tell_network(struct strands *strands, const struct tables_work *work)
{
	struct strand *strand = calloc(1, sizeof(*strand));
	struct job *job = strand ? job_new_own(strands->dispatch, NULL) : NULL;
	struct ndrv_error err = {0};

	if (!job) {
		free(strand);
		tables_idle(strands->tables, work, -NDRV_E_NO_SERVICE, "out of memory");
		return;
	}
	strand->strands = strands;
	strand->rc = -NDRV_E_RETRY;
	strand->work = *work;
	job->op = &strand_op;
	job->own_data = strand;
	job->own_done = strand_done;
	(void)atomic_fetch_add(&strands->busy, 1);
	if (!executor_add(strands->dispatch->executor, job, &err))
		return;
	strand_done(job);
	job_unref(job);
}

/* --- nodes: one for one type, as a request like any other --- */

struct telling {
	struct strands *strands;
	struct tables_work work;
	struct arena arena;
	struct request request;
	struct ndrv_discovery discovery;
};

/* A driver that will not hear of nodes is not asked again. */
static bool may_pass(const struct ndrv_error *error)
{
	return error->kind == NDRV_KIND_RETRY || error->kind == NDRV_KIND_TIMEOUT || error->kind == NDRV_KIND_INTERNAL ||
	       error->kind == NDRV_KIND_NO_SERVICE;
}

static void node_told(struct request *request, struct reply *reply, void *data)
{
	struct telling *telling = data;
	struct strands *strands = telling->strands;
	const struct ndrv_error *error = &reply->error;
	int rc = error->code && may_pass(error) ? -error->code : 0;

	(void)request;
	tables_node_told(strands->tables, &telling->work, rc, error->text);
	arena_reset(&telling->arena);
	free(telling);
	(void)atomic_fetch_sub(&strands->busy, 1);
}

static void tell_node(struct strands *strands, const struct tables_work *work)
{
	struct telling *telling = calloc(1, sizeof(*telling));

	if (!telling) {
		tables_node_told(strands->tables, work, -NDRV_E_NO_SERVICE, "out of memory");
		return;
	}
	telling->strands = strands;
	telling->work = *work;
	arena_init(&telling->arena, NODE_MEMORY);
	telling->discovery = (struct ndrv_discovery){
		.size = sizeof(telling->discovery),
		.type = NDRV_DISCOVER_NODE,
		.address = telling->work.address,
		.bind_address = telling->work.bind_address,
		.self = telling->work.self,
		.provider = "",
		.store_address = "",
	};
	telling->request = (struct request){
		.op = work->leaves ? REQ_DISCOVER_DELETE : REQ_DISCOVER_NEW,
		.arena = &telling->arena,
		.caller = {.front = NDRV_FRONT_HOST, .role = ROLE_ADMIN},
		.id = "",
		.type = telling->work.type,
		.discovery = &telling->discovery,
	};
	(void)atomic_fetch_add(&strands->busy, 1);
	dispatch_submit(strands->dispatch, &telling->request, node_told, telling, NULL);
}

/* --- life --- */

static void *serve(void *data)
{
	struct strands *strands = data;
	struct tables_work work;

	while (tables_next(strands->tables, &work)) {
		if (work.kind == TABLES_WORK_NODE)
			tell_node(strands, &work);
		else
			tell_network(strands, &work);
	}
	return NULL;
}

int strands_new(struct tables *tables, struct strands **ret, struct ndrv_error *err)
{
	struct strands *strands = calloc(1, sizeof(*strands));

	if (!strands)
		return ndrv_fail_errno(err, ENOMEM, "tables");
	strands->tables = tables;
	*ret = strands;
	return 0;
}

void strands_start(struct strands *strands, struct dispatch *dispatch)
{
	strands->dispatch = dispatch;
	strands->running = pthread_create(&strands->thread, NULL, serve, strands) == 0;
	if (!strands->running)
		log_error("tables", "no thread to tell drivers of rows: they will not hear of any");
}

void strands_stop(struct strands *strands)
{
	tables_stop(strands->tables);
	if (strands->running)
		(void)pthread_join(strands->thread, NULL);
	strands->running = false;
}

bool strands_free(struct strands *strands)
{
	if (atomic_load(&strands->busy))
		return false;
	free(strands);
	return true;
}
