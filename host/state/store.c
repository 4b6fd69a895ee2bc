/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/state/codec.h"
#include "host/state/store_internal.h"

#define BACKUP_CHANGES 32u

static int open_dir(const char *path, mode_t mode, const struct db_spec *spec, const char *lock, int *ret_lock, struct db *db,
		    struct ndrv_error *err)
{
	char dir[PATH_MAX];
	int rc = files_prepare_dir(path, mode, dir, err);

	rc = rc ? rc : files_lock(dir, lock, ret_lock, err);
	if (rc)
		return rc;
	rc = db_open(db, spec, dir, err);
	if (!rc)
		return 0;
	(void)close(*ret_lock);
	return rc;
}

static void close_file(struct db *db, int lock)
{
	db_close(db);
	(void)pthread_mutex_destroy(&db->mutex);
	(void)close(lock);
}

/* Rows of tables have the life of live.db, and more of them: a file of their own. */
static int open_rows(struct store *store, struct ndrv_error *err)
{
	char dir[PATH_MAX];
	bool continued;

	(void)snprintf(dir, sizeof(dir), "%s", store->live.path);
	*strrchr(dir, '/') = '\0';
	int rc = db_open(&store->rows, &rows_spec, dir, err);
	if (rc)
		return rc;
	rc = live_check_identity(&store->rows, &continued, err);
	if (!rc)
		return 0;
	db_close(&store->rows);
	(void)pthread_mutex_destroy(&store->rows.mutex);
	return rc;
}

int store_open(const struct store_paths *paths, struct store **ret, struct ndrv_error *err)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	int rc = open_dir(paths->state_dir, 0700, &state_spec, "state.lock", &store->state_lock, &store->state, err);
	if (rc)
		goto failed;
	rc = open_dir(paths->runtime_dir, 0755, &live_spec, "live.lock", &store->live_lock, &store->live, err);
	if (rc)
		goto close_state;
	rc = live_check_identity(&store->live, &store->continued, err);
	rc = rc ? rc : live_check_missing(&store->state, &store->live, store->continued, err);
	rc = rc ? rc : open_rows(store, err);
	if (rc)
		goto close_live;
	*ret = store;
	return 0;
close_live:
	close_file(&store->live, store->live_lock);
close_state:
	close_file(&store->state, store->state_lock);
failed:
	free(store);
	return rc;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->state.changes > 0)
		db_backup(&store->state);
	db_close(&store->rows);
	(void)pthread_mutex_destroy(&store->rows.mutex);
	close_file(&store->live, store->live_lock);
	close_file(&store->state, store->state_lock);
	free(store);
}

/* A backup writes everything: the more there is, the rarer. */
void store_maybe_backup(struct store *store)
{
	char count[32];

	(void)pthread_mutex_lock(&store->state.mutex);
	if (store->state.changes >= BACKUP_CHANGES &&
	    db_query_text(&store->state, "SELECT count(*) FROM network", count, sizeof(count)) == SQLITE_OK &&
	    store->state.changes >= BACKUP_CHANGES + strtoull(count, NULL, 10) / 4)
		db_backup(&store->state);
	(void)pthread_mutex_unlock(&store->state.mutex);
}

int store_put_network(struct store *store, const struct network *network, struct ndrv_error *err)
{
	char *body;
	int rc = network_encode(network, &body, err);

	if (rc)
		return rc;
	const struct db_arg args[] = {
		db_text(network->view.id), {.type = DB_NUMBER, .number = (int64_t)network->serial}, db_text(body)};
	rc = db_run(&store->state, PUT_NETWORK, args, 3, "write network", network->view.id, err);
	free(body);
	if (!rc)
		store_maybe_backup(store);
	return rc;
}

int store_del_network(struct store *store, const char *id, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(id)};
	/* No transaction spans both files. Endpoints without their network are dropped at the next start, should we die in between;
	 * a network that comes back without its endpoints is one that is being deleted. */
	int rc = db_run(&store->live, DEL_ENDPOINTS, args, 1, "delete the endpoints of network", id, err);

	rc = rc ? rc : db_run(&store->state, DEL_NETWORK, args, 1, "delete network", id, err);
	if (!rc)
		store_maybe_backup(store);
	return rc;
}

int store_put_endpoint(struct store *store, const struct endpoint *endpoint, struct ndrv_error *err)
{
	char *body;
	int rc = endpoint_encode(endpoint, &body, err);

	if (rc)
		return rc;
	const struct db_arg args[] = {db_text(endpoint->network->view.id),
				      db_text(endpoint->view.id),
				      {.type = DB_NUMBER, .number = (int64_t)endpoint->serial},
				      db_text(body)};
	rc = db_run(&store->live, PUT_ENDPOINT, args, 4, "write endpoint", endpoint->view.id, err);
	free(body);
	return rc;
}

int store_del_endpoint(struct store *store, const char *nid, const char *eid, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(nid), db_text(eid)};

	return db_run(&store->live, DEL_ENDPOINT, args, 2, "delete endpoint", eid, err);
}

static bool is_whole(const struct db_report *report)
{
	return !report->why[0] && !report->set_aside[0] && !report->restored_from[0] && !report->emptied_because[0] &&
	       !report->damaged_rows && !report->dropped_rows && !report->lost_commits;
}

bool store_is_whole(const struct store *store)
{
	return store->continued && is_whole(&store->state.report) && is_whole(&store->live.report);
}

static int report_text(struct ndrv_arena *arena, struct ndrv_value *map, const char *key, const char *text, struct ndrv_error *err)
{
	if (!*text)
		return 0;
	char *copy = ndrv_arena_strdup(arena, text);
	if (!copy)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	return ndrv_map_set(arena, map, key, ndrv_string(copy), err);
}

static int report_count(struct ndrv_arena *arena, struct ndrv_value *map, const char *key, uint64_t count, struct ndrv_error *err)
{
	return ndrv_map_set(arena, map, key, ndrv_int((int64_t)count), err);
}

static int report_file(struct db *db, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct db_report *report = &db->report;

	(void)pthread_mutex_lock(&db->mutex);
	int rc = report_text(arena, ret, "path", db->path, err);
	rc = rc ? rc : report_text(arena, ret, "damage", report->why, err);
	rc = rc ? rc : report_text(arena, ret, "set_aside", report->set_aside, err);
	rc = rc ? rc : report_text(arena, ret, "restored_from", report->restored_from, err);
	rc = rc ? rc : report_text(arena, ret, "emptied_because", report->emptied_because, err);
	rc = rc ? rc : report_count(arena, ret, "damaged_rows", report->damaged_rows, err);
	rc = rc ? rc : report_count(arena, ret, "dropped_endpoints", report->dropped_rows, err);
	rc = rc ? rc : report_count(arena, ret, "lost_commits", report->lost_commits, err);
	rc = rc ? rc : report_count(arena, ret, "backups", report->backups, err);
	rc = rc ? rc : report_text(arena, ret, "backup_error", report->backup_error, err);
	(void)pthread_mutex_unlock(&db->mutex);
	return rc;
}

int store_report(struct store *store, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	struct ndrv_value state = ndrv_null(), live = ndrv_null(), rows = ndrv_null();
	int rc = report_file(&store->state, arena, &state, err);

	rc = rc ? rc : report_file(&store->live, arena, &live, err);
	rc = rc ? rc : report_file(&store->rows, arena, &rows, err);
	*ret = ndrv_null();
	rc = rc ? rc : ndrv_map_set(arena, ret, "state_db", state, err);
	rc = rc ? rc : ndrv_map_set(arena, ret, "live_db", live, err);
	return rc ? rc : ndrv_map_set(arena, ret, "tables_db", rows, err);
}
