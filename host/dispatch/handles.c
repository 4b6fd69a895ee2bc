/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/handles.h"

#include <stdlib.h>
#include <string.h>

#include "host/dispatch/core.h"

struct handle {
	/* What the driver holds: both kinds start with their ops, and a handle is only one of them at a time. */
	union {
		struct ndrv_ifinfo ifinfo;
		struct ndrv_join join;
	} u;
	struct handle_part part;
	struct handle *next;
};

#define BATCH 64u

static struct {
	pthread_mutex_t mutex;
	struct handle *first, **last; /* resting, the longest first */
	uint32_t resting;
} ring = {.mutex = PTHREAD_MUTEX_INITIALIZER, .last = &ring.first};

static void rest(struct handle *handle)
{
	handle->next = NULL;
	*ring.last = handle;
	ring.last = &handle->next;
	ring.resting++;
}

/* With the mutex. The memory stays for the life of the process: a stale pointer must find a handle there. */
static bool make_more(void)
{
	struct handle *batch = calloc(BATCH, sizeof(*batch));

	if (!batch)
		return false;
	for (uint32_t i = 0; i < BATCH; i++) {
		(void)pthread_mutex_init(&batch[i].part.mutex, NULL);
		rest(&batch[i]);
	}
	return true;
}

static struct handle *take(struct job *job, void *state)
{
	(void)pthread_mutex_lock(&ring.mutex);
	while (ring.resting <= HANDLES_RESTING && make_more())
		;
	struct handle *handle = ring.first;
	if (handle && ring.resting > HANDLES_RESTING) {
		ring.first = handle->next;
		ring.resting--;
	} else {
		handle = NULL;
	}
	(void)pthread_mutex_unlock(&ring.mutex);
	if (!handle)
		return NULL;
	(void)pthread_mutex_lock(&job->lock);
	(void)pthread_mutex_lock(&handle->part.mutex);
	handle->part.state = job_late(job) ? NULL : state;
	(void)pthread_mutex_unlock(&handle->part.mutex);
	job->handle = handle;
	(void)pthread_mutex_unlock(&job->lock);
	return handle;
}

struct handle *handle_new_ifinfo(struct job *job, struct ifinfo_state *state)
{
	struct handle *handle = take(job, state);

	if (handle)
		handle->u.ifinfo.ops = &handles_ifinfo_ops;
	return handle;
}

struct handle *handle_new_join(struct job *job, struct join_result *state)
{
	struct handle *handle = take(job, state);

	if (handle)
		handle->u.join.ops = &handles_join_ops;
	return handle;
}

struct ndrv_ifinfo *handle_ifinfo(struct handle *handle)
{
	return &handle->u.ifinfo;
}

struct ndrv_join *handle_join(struct handle *handle)
{
	return &handle->u.join;
}

struct handle_part *handle_part_of_ifinfo(struct ndrv_ifinfo *ifinfo)
{
	return &((struct handle *)(void *)ifinfo)->part;
}

struct handle_part *handle_part_of_join(struct ndrv_join *join)
{
	return &((struct handle *)(void *)join)->part;
}

void handle_revoke(struct handle *handle)
{
	(void)pthread_mutex_lock(&handle->part.mutex);
	handle->part.state = NULL;
	(void)pthread_mutex_unlock(&handle->part.mutex);
}

void handle_done(struct job *job, struct handle *handle)
{
	(void)pthread_mutex_lock(&job->lock);
	handle_revoke(handle);
	job->handle = NULL;
	(void)pthread_mutex_unlock(&job->lock);
	(void)pthread_mutex_lock(&ring.mutex);
	rest(handle);
	(void)pthread_mutex_unlock(&ring.mutex);
}

void *handle_open(struct handle_part *part, const char *what, struct ndrv_error *err)
{
	(void)pthread_mutex_lock(&part->mutex);
	if (part->state)
		return part->state;
	(void)pthread_mutex_unlock(&part->mutex);
	(void)ndrv_fail_object(err, NDRV_E_STALE_HANDLE, what);
	return NULL;
}

void handle_close(struct handle_part *part)
{
	(void)pthread_mutex_unlock(&part->mutex);
}

/* --- tables --- */

static handles_table_hook table_hook;
static void *table_data;

void handles_set_table_hook(handles_table_hook hook, void *data)
{
	table_hook = hook;
	table_data = data;
}

/* Not a handle: it is part of the network's record and lives longer than calls. What makes it valid is the frame the calling thread
 * is in. */
static int table_register(struct ndrv_network *network, const char *table, uint32_t object_type, struct ndrv_error *err)
{
	const struct frame *frame = frame_here();
	struct network *record = (struct network *)(void *)((char *)network - offsetof(struct network, view));
	uint32_t slot = frame ? atomic_load_explicit(&frame->slot, memory_order_relaxed) : 0;

	if (!frame || atomic_load_explicit(&frame->network, memory_order_relaxed) != record ||
	    (slot != OPS_SLOT(network_create) && slot != OPS_SLOT(adopt)))
		return ndrv_fail_object(err, NDRV_E_STALE_HANDLE, "table_register");
	struct job *job = atomic_load_explicit(&frame->job, memory_order_relaxed);
	if (job && job_late(job))
		return ndrv_fail_object(err, NDRV_E_STALE_HANDLE, "table_register");
	if (!table || !table[0] || strlen(table) > ROW_KEY_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a table's name has 1 to %u bytes", ROW_KEY_MAX);
	if (object_type < NDRV_OBJECT_OPAQUE || object_type > NDRV_OBJECT_ENDPOINT)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid object type %u in registering table, %s", object_type, table);
	struct instance *instance = atomic_load_explicit(&frame->instance, memory_order_relaxed);
	if (instance->capability.data_scope != NDRV_SCOPE_GLOBAL || !table_hook)
		return 0;
	return table_hook(table_data, network, table, object_type, err);
}

const struct ndrv_network_ops handles_network_ops = {.size = sizeof(handles_network_ops), .table_register = table_register};
