/* SPDX-License-Identifier: Apache-2.0 */
/* The backend of one machine: revisions by a counter, rows in the file that live.db's neighbour is. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host/table/backend.h"

/* A number is used only once it is known on disk that it may be: one write for so many transactions. */
#define RESERVE (UINT64_C(1) << 20)

struct local {
	struct backend backend; /* first */
	struct local_keep keep;
	struct backend_sink *sink;
	pthread_mutex_t lock; /* a transaction is on disk and with the sink before the next begins */
	uint64_t revision, reserved;
	bool reachable;
};

static struct local *local_of(struct backend *backend)
{
	return (struct local *)(void *)backend;
}

struct starting {
	struct local *local;
};

static int tell_row(const struct backend_change *change, void *data)
{
	const struct starting *starting = data;
	struct local *local = starting->local;

	if (change->revision > local->revision)
		local->revision = change->revision;
	return local->sink->changed(local->sink, change, 1) ? 0 : -NDRV_E_NO_SERVICE;
}

static int start(struct backend *backend, struct backend_sink *sink, struct ndrv_error *err)
{
	struct local *local = local_of(backend);
	struct starting starting = {.local = local};
	uint64_t reserved = 0;
	int rc = 0;

	(void)pthread_mutex_lock(&local->lock);
	local->sink = sink;
	if (local->keep.load)
		rc = local->keep.load(local->keep.data, tell_row, &starting, err);
	if (!rc && local->keep.reserved)
		rc = local->keep.reserved(local->keep.data, &reserved, err);
	if (local->revision < reserved)
		local->revision = reserved;
	local->reserved = local->revision;
	(void)pthread_mutex_unlock(&local->lock);
	return rc;
}

/* With the lock. */
static int next_revision(struct local *local, struct ndrv_error *err)
{
	uint64_t upto = local->revision + RESERVE;

	if (local->revision < local->reserved)
		return 0;
	int rc = local->keep.reserve ? local->keep.reserve(local->keep.data, upto, err) : 0;
	if (!rc)
		local->reserved = upto;
	return ndrv_wrap(err, rc, "tables");
}

static int write_rows(struct backend *backend, struct backend_change *changes, size_t count, uint32_t flags, struct ndrv_error *err)
{
	struct local *local = local_of(backend);

	(void)pthread_mutex_lock(&local->lock);
	int rc = next_revision(local, err);
	for (size_t i = 0; i < count; i++)
		changes[i].revision = local->revision + 1;
	if (!rc && local->keep.write)
		rc = local->keep.write(local->keep.data, changes, count, flags, err);
	if (!rc) {
		local->revision++;
		if (!local->sink->changed(local->sink, changes, count))
			rc = ndrv_fail(err, NDRV_E_NO_SERVICE,
				       "out of memory: some rows are kept, but not shown: write them again");
	}
	(void)pthread_mutex_unlock(&local->lock);
	return rc;
}

static void status(struct backend *backend, struct backend_status *ret)
{
	struct local *local = local_of(backend);

	(void)pthread_mutex_lock(&local->lock);
	*ret = (struct backend_status){.revision = local->revision, .reachable = local->reachable};
	(void)pthread_mutex_unlock(&local->lock);
}

static void close_local(struct backend *backend)
{
	struct local *local = local_of(backend);

	(void)pthread_mutex_destroy(&local->lock);
	free(local);
}

void local_set_reachable(struct backend *backend, bool reachable)
{
	struct local *local = local_of(backend);

	(void)pthread_mutex_lock(&local->lock);
	local->reachable = reachable;
	if (local->sink)
		local->sink->reachable(local->sink, reachable);
	(void)pthread_mutex_unlock(&local->lock);
}

int local_new(const struct local_keep *keep, struct backend **ret, struct ndrv_error *err)
{
	static const struct backend_ops ops = {
		.name = "local",
		.start = start,
		.write = write_rows,
		.status = status,
		.close = close_local,
	};
	struct local *local = calloc(1, sizeof(*local));

	if (!local)
		return ndrv_fail_errno(err, ENOMEM, "tables");
	local->backend.ops = &ops;
	local->reachable = true;
	if (keep)
		local->keep = *keep;
	(void)pthread_mutex_init(&local->lock, NULL);
	*ret = &local->backend;
	return 0;
}
