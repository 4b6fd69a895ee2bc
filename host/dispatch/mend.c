/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/mend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/nat_service.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/plugging.h"
#include "host/dispatch/reconcile.h"
#include "host/dispatch/recovering.h"
#include "host/dispatch/sandboxes.h"

#define FIRST_NS (50 * NSEC_PER_MSEC)
#define MOST_NS (30 * NSEC_PER_SEC)
#define TURN_NS NSEC_PER_SEC
#define ENTRIES 128u
#define PATH_ROOM 256u
#define MEMORY (4u << 20)

/* Fixed, for memory may be what is short. */
struct entry {
	bool row, kernel;
	uint64_t asked; /* the number of the request that came last */
	char nid[NDRV_ID_MAX + 1], eid[NDRV_ID_MAX + 1];
	struct mend_plug plug;
};

/* What one run of the thread works on, outside the lock. */
struct pass {
	struct entry copies[ENTRIES];
	struct reconcile_id ids[ENTRIES];
	uint32_t kernel;
	uint64_t asked;
	bool overflow, networks;
	struct ndrv_error error;
};

struct mender {
	struct dispatch *dispatch;
	pthread_t thread;
	pthread_mutex_t lock; /* of what is below; held while a row without a record is removed */
	pthread_cond_t wake;
	bool ending, networks;
	bool poked;    /* look at the chores again */
	bool overflow; /* everything is to be compared with the kernel: there were more than fit, say */
	uint64_t asked, tries;
	_Atomic uint32_t rows;
	char error[NDRV_ERROR_TEXT_MAX];
	struct entry entries[ENTRIES];
	struct pass pass; /* the thread's own */
};

/* --- what is to be done --- */

static bool is_idle(const struct entry *entry)
{
	return !entry->row && !entry->kernel;
}

/* With the lock. NULL: full. */
static struct entry *entry_of(struct mender *mender, const char *nid, const char *eid)
{
	struct entry *idle = NULL;

	for (uint32_t i = 0; i < ENTRIES; i++) {
		struct entry *entry = &mender->entries[i];
		if (is_idle(entry))
			idle = idle ? idle : entry;
		else if (!strcmp(entry->nid, nid) && !strcmp(entry->eid, eid ? eid : ""))
			return entry;
	}
	if (!idle) {
		mender->overflow = true;
		return NULL;
	}
	*idle = (struct entry){.row = false};
	(void)snprintf(idle->nid, sizeof(idle->nid), "%s", nid);
	(void)snprintf(idle->eid, sizeof(idle->eid), "%s", eid ? eid : "");
	return idle;
}

static void ask(struct mender *mender, const char *nid, const char *eid, bool row, const struct mend_plug *plug)
{
	if (!mender)
		return;
	(void)pthread_mutex_lock(&mender->lock);
	struct entry *entry = entry_of(mender, nid, eid);
	if (entry) {
		entry->asked = ++mender->asked;
		if (row && !entry->row)
			(void)atomic_fetch_add(&mender->rows, 1);
		entry->row |= row;
		entry->kernel |= !row;
		if (plug)
			entry->plug = *plug;
	}
	(void)pthread_cond_signal(&mender->wake);
	(void)pthread_mutex_unlock(&mender->lock);
}

void mend_row(struct dispatch *dispatch, const char *nid, const char *eid)
{
	ask(dispatch->mender, nid, eid, true, NULL);
}

void mend_kernel(struct dispatch *dispatch, const char *nid, const char *eid, const struct mend_plug *plug)
{
	ask(dispatch->mender, nid, eid, false, plug);
}

void mend_networks(struct dispatch *dispatch)
{
	struct mender *mender = dispatch->mender;

	if (!mender)
		return;
	(void)pthread_mutex_lock(&mender->lock);
	mender->networks = true;
	(void)pthread_cond_signal(&mender->wake);
	(void)pthread_mutex_unlock(&mender->lock);
}

void mend_all(struct dispatch *dispatch)
{
	struct mender *mender = dispatch->mender;

	(void)pthread_mutex_lock(&mender->lock);
	mender->overflow = true;
	(void)pthread_cond_signal(&mender->wake);
	(void)pthread_mutex_unlock(&mender->lock);
}

/* With the lock. */
static void row_is_done(struct mender *mender, struct entry *entry)
{
	if (entry->row)
		(void)atomic_fetch_sub(&mender->rows, 1);
	entry->row = false;
}

void mend_supersede(struct dispatch *dispatch, const char *nid, const char *eid)
{
	struct mender *mender = dispatch->mender;

	if (!mender || !atomic_load(&mender->rows))
		return;
	(void)pthread_mutex_lock(&mender->lock);
	for (uint32_t i = 0; i < ENTRIES; i++)
		if (!strcmp(mender->entries[i].nid, nid) && !strcmp(mender->entries[i].eid, eid ? eid : ""))
			row_is_done(mender, &mender->entries[i]);
	(void)pthread_mutex_unlock(&mender->lock);
}

/* --- rows --- */

/* With the turn of the network there is: its row, or that of an endpoint which it may have or not. */
static int write_row(struct mender *mender, struct network *network, const struct entry *entry, struct ndrv_error *err)
{
	struct store *store = mender->dispatch->parts.store;

	if (!entry->eid[0])
		return store_put_network(store, network, err);
	const struct endpoint *endpoint = network_endpoint(network, entry->eid);
	return endpoint ? store_put_endpoint(store, endpoint, err) : store_del_endpoint(store, entry->nid, entry->eid, err);
}

/* Whoever makes a network of this id meanwhile stands in mend_supersede() before it is written. */
static int remove_row(struct mender *mender, struct entry *at, struct ndrv_error *err)
{
	struct store *store = mender->dispatch->parts.store;
	int rc = 0;

	(void)pthread_mutex_lock(&mender->lock);
	if (at->row)
		rc = at->eid[0] ? store_del_endpoint(store, at->nid, at->eid, err) : store_del_network(store, at->nid, err);
	if (!rc)
		row_is_done(mender, at);
	(void)pthread_mutex_unlock(&mender->lock);
	return rc;
}

static int mend_one_row(struct mender *mender, struct entry *at, const struct entry *copy, struct ndrv_error *err)
{
	struct dispatch *dispatch = mender->dispatch;
	bool gone = true;
	int rc = 0;

	epoch_enter();
	struct network *network = records_find(dispatch->parts.records, copy->nid);
	if (network)
		network_ref(network);
	epoch_leave();
	if (network) {
		if (atomic_load(&network->stuck) || !turn_wait(&network->turn, clock_ns() + TURN_NS)) {
			rc = ndrv_fail_object(err, NDRV_E_NETWORK_BUSY, copy->nid);
			gone = false;
		} else {
			gone = atomic_load(&network->gone);
			if (!gone)
				rc = write_row(mender, network, copy, err);
			if (!gone && !rc)
				mend_supersede(dispatch, copy->nid, copy->eid);
			turn_pass(&network->turn);
		}
		network_unref(network);
	}
	return gone ? remove_row(mender, at, err) : rc;
}

/* --- the kernel --- */

/* An interface that could not be taken out of its sandbox: it goes home, where it is found like any other. */
static int mend_one_plug(struct mender *mender, const struct entry *entry, struct ndrv_error *err)
{
	const struct mend_plug *plug = &entry->plug;
	struct ndrv_call call = {.size = sizeof(call), .deadline_ns = clock_ns() + UNDO_NS, .requester = "host", .request_id = ""};

	if (!plug->path[0] || !plug->src[0] || !mender->dispatch->parts.hostns)
		return 0;
	return plug_out_path(mender->dispatch->parts.hostns, plug->path, plug->dev, plug->ino, &call, plug->ifname, plug->src, err);
}

/* Links of records that are not there any more. Where the files have lost something, only those that are known to be left over. */
static int mend_links(struct mender *mender, const struct reconcile_only *only, struct ndrv_error *err)
{
	struct dispatch *dispatch = mender->dispatch;
	bool whole = !dispatch->parts.store || store_is_whole(dispatch->parts.store);
	struct stray_report strays;
	struct arena arena;

	arena_init(&arena, MEMORY);
	int rc = reconcile_some(dispatch, &arena, whole ? NULL : only, &strays, err);
	if (!rc && strays.failed)
		rc = ndrv_fail(err, NDRV_E_RETRY, "%u kernel objects of records that are gone cannot be removed", strays.failed);
	arena_reset(&arena);
	return rc;
}

/* --- the thread --- */

/* With the lock. */
static void begin_pass(struct mender *mender, struct pass *pass)
{
	*pass = (struct pass){.asked = mender->asked, .overflow = mender->overflow, .networks = mender->networks};
	memcpy(pass->copies, mender->entries, sizeof(pass->copies));
	for (uint32_t i = 0; i < ENTRIES; i++)
		if (pass->copies[i].kernel)
			pass->ids[pass->kernel++] = (struct reconcile_id){.nid = pass->copies[i].nid, .eid = pass->copies[i].eid};
	mender->overflow = mender->networks = false;
	mender->tries++;
}

static bool mend_entries(struct mender *mender, struct pass *pass)
{
	const struct reconcile_only only = {.count = pass->kernel, .ids = pass->ids};
	struct ndrv_error *err = &pass->error;
	bool well = true;

	for (uint32_t i = 0; i < ENTRIES; i++) {
		if (pass->copies[i].row && mend_one_row(mender, &mender->entries[i], &pass->copies[i], err))
			well = false;
		if (pass->copies[i].kernel && mend_one_plug(mender, &pass->copies[i], err))
			well = false;
	}
	if (!pass->kernel && !pass->overflow)
		return well;
	if (mend_links(mender, &only, err) || nat_mend(mender->dispatch, err))
		return false;
	(void)pthread_mutex_lock(&mender->lock);
	for (uint32_t i = 0; well && i < ENTRIES; i++)
		if (mender->entries[i].asked <= pass->asked)
			mender->entries[i].kernel = false;
	(void)pthread_mutex_unlock(&mender->lock);
	return well;
}

/* True: all is done. */
static bool run_pass(struct mender *mender, struct pass *pass)
{
	bool well = mend_entries(mender, pass);

	if (pass->networks && recover_again(mender->dispatch)) {
		(void)ndrv_fail(&pass->error, NDRV_E_RETRY, "networks wait for their drivers");
		(void)pthread_mutex_lock(&mender->lock);
		mender->networks = true;
		(void)pthread_mutex_unlock(&mender->lock);
		well = false;
	}
	if (pass->overflow && !well) {
		(void)pthread_mutex_lock(&mender->lock);
		mender->overflow = true;
		(void)pthread_mutex_unlock(&mender->lock);
	}
	return well;
}

/* With the lock. */
static bool has_work(const struct mender *mender)
{
	if (mender->networks || mender->overflow)
		return true;
	for (uint32_t i = 0; i < ENTRIES; i++)
		if (!is_idle(&mender->entries[i]))
			return true;
	return false;
}

void mend_poke(struct dispatch *dispatch)
{
	struct mender *mender = dispatch->mender;

	if (!mender)
		return;
	(void)pthread_mutex_lock(&mender->lock);
	mender->poked = true;
	(void)pthread_cond_signal(&mender->wake);
	(void)pthread_mutex_unlock(&mender->lock);
}

/* What has a time of its own. With the lock, which it gives up meanwhile. Returns when it is due again. */
static uint64_t do_chores(struct mender *mender)
{
	mender->poked = false;
	(void)pthread_mutex_unlock(&mender->lock);
	uint64_t owed = owed_work(mender->dispatch), looks = sandboxes_work(mender->dispatch);
	(void)pthread_mutex_lock(&mender->lock);
	return owed < looks ? owed : looks;
}

/* With the lock. False: the host ends. */
static bool wait_until_due(struct mender *mender, uint64_t delay_ns)
{
	uint64_t due = UINT64_MAX;

	while (!mender->ending) {
		if (due == UINT64_MAX && has_work(mender))
			due = clock_ns() + delay_ns;
		if (due <= clock_ns())
			return true;
		uint64_t until = do_chores(mender);
		if (due < until)
			until = due;
		if (mender->poked || mender->ending || (due == UINT64_MAX && has_work(mender)))
			continue;
		struct timespec at = {.tv_sec = (time_t)(until / NSEC_PER_SEC), .tv_nsec = (long)(until % NSEC_PER_SEC)};
		if (until == UINT64_MAX)
			(void)pthread_cond_wait(&mender->wake, &mender->lock);
		else
			(void)pthread_cond_timedwait(&mender->wake, &mender->lock, &at);
	}
	return false;
}

static void *mend(void *data)
{
	struct mender *mender = data;
	struct pass *pass = &mender->pass;
	uint64_t delay_ns = FIRST_NS;

	(void)pthread_mutex_lock(&mender->lock);
	while (wait_until_due(mender, delay_ns)) {
		begin_pass(mender, pass);
		(void)pthread_mutex_unlock(&mender->lock);
		bool well = run_pass(mender, pass);
		if (well)
			log_info("mend", "what could not be finished before is done");
		else if (delay_ns == FIRST_NS)
			log_warning("mend", "%s: tried again from time to time", pass->error.text);
		delay_ns = well ? FIRST_NS : delay_ns * 2 < MOST_NS ? delay_ns * 2 : MOST_NS;
		(void)pthread_mutex_lock(&mender->lock);
		memcpy(mender->error, well ? "" : pass->error.text, well ? 1 : sizeof(mender->error));
	}
	(void)pthread_mutex_unlock(&mender->lock);
	return NULL;
}

int mender_start(struct dispatch *dispatch, struct mender **ret, struct ndrv_error *err)
{
	struct mender *mender = calloc(1, sizeof(*mender));
	pthread_condattr_t attr;

	if (!mender)
		return ndrv_fail_errno(err, ENOMEM, "start the thread that mends");
	mender->dispatch = dispatch;
	(void)pthread_mutex_init(&mender->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&mender->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	int rc = pthread_create(&mender->thread, NULL, mend, mender);
	if (rc) {
		(void)pthread_cond_destroy(&mender->wake);
		(void)pthread_mutex_destroy(&mender->lock);
		free(mender);
		return ndrv_fail_errno(err, rc, "start the thread that mends");
	}
	*ret = mender;
	return 0;
}

void mender_halt(struct mender *mender)
{
	(void)pthread_mutex_lock(&mender->lock);
	mender->ending = true;
	(void)pthread_cond_signal(&mender->wake);
	(void)pthread_mutex_unlock(&mender->lock);
	(void)pthread_join(mender->thread, NULL);
}

void mender_free(struct mender *mender)
{
	(void)pthread_cond_destroy(&mender->wake);
	(void)pthread_mutex_destroy(&mender->lock);
	free(mender);
}

void mend_describe(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *map)
{
	struct mender *mender = dispatch->mender;
	int64_t rows = 0, kernel = 0;
	char error[NDRV_ERROR_TEXT_MAX];

	if (!mender)
		return;
	(void)pthread_mutex_lock(&mender->lock);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		rows += mender->entries[i].row;
		kernel += mender->entries[i].kernel;
	}
	int64_t tries = (int64_t)mender->tries;
	bool networks = mender->networks, everything = mender->overflow;
	memcpy(error, mender->error, sizeof(error));
	(void)pthread_mutex_unlock(&mender->lock);
	tree_int(tree, map, "rows", rows);
	tree_int(tree, map, "kernel_objects", kernel);
	tree_bool(tree, map, "everything", everything);
	tree_bool(tree, map, "networks", networks);
	tree_int(tree, map, "tries", tries);
	if (error[0])
		tree_text(tree, map, "error", error);
}
