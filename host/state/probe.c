/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this program can use the state that lies there, asked while another one is using it: everything is only read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/state/codec.h"
#include "host/state/store_internal.h"

#define BUSY_MS 2000

static int check_version(struct db *db, struct ndrv_error *err)
{
	char id[32], version[32];
	int rc = db_query_text(db, "PRAGMA application_id", id, sizeof(id));

	rc = rc ? rc : db_query_text(db, "PRAGMA user_version", version, sizeof(version));
	if (rc)
		return db_fail(db, rc, "read", "its version", err);
	if (strtol(id, NULL, 10) != DB_APPLICATION_ID)
		return ndrv_fail(err, NDRV_E_STATE, "state file %s is not ndrvd's (application id %s)", db->path, id);
	if (strtol(version, NULL, 10) > DB_SCHEMA_VERSION)
		return ndrv_fail(err, NDRV_E_STATE, "state file %s was written by a newer ndrvd (schema %s, this one knows %d)",
				 db->path, version, DB_SCHEMA_VERSION);
	return 0;
}

/* 0 with db->sql NULL: there is no such file yet. */
static int open_read_only(struct db *db, const struct db_spec *spec, const char *dir, struct ndrv_error *err)
{
	db->spec = spec;
	if ((size_t)snprintf(db->path, sizeof(db->path), "%s/%s", dir, spec->file) >= sizeof(db->path))
		return ndrv_fail(err, NDRV_E_STATE, "state directory %s: its name is too long", dir);
	if (access(db->path, F_OK) && errno == ENOENT)
		return 0;
	int rc = sqlite3_open_v2(db->path, &db->sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc)
		return db_fail(db, rc, "open", "it", err);
	(void)sqlite3_busy_timeout(db->sql, BUSY_MS);
	return check_version(db, err);
}

static int probe_networks(struct db *db, int (*each)(const char *type, void *data), void *data, struct ndrv_error *err)
{
	sqlite3_stmt *rows = NULL;
	int rc = sqlite3_prepare_v2(db->sql, "SELECT id, body FROM network ORDER BY serial", -1, &rows, NULL);
	int refused = 0;

	while (!refused && rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(rows, 0), *body = (const char *)sqlite3_column_text(rows, 1);
		struct network *network;

		rc = SQLITE_OK;
		refused = network_decode(id ? id : "", body ? body : "", &network, err);
		if (refused)
			break;
		refused = each(network->type, data);
		network_free(network);
	}
	(void)sqlite3_finalize(rows);
	if (refused)
		return refused;
	return rc == SQLITE_DONE ? 0 : db_fail(db, rc, "read", "networks", err);
}

int store_probe(const struct store_paths *paths, int (*each)(const char *type, void *data), void *data, struct ndrv_error *err)
{
	struct db *db = calloc(2, sizeof(*db));

	if (!db)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	int rc = open_read_only(&db[0], &state_spec, paths->state_dir, err);
	rc = rc ? rc : open_read_only(&db[1], &live_spec, paths->runtime_dir, err);
	if (!rc && db[0].sql)
		rc = probe_networks(&db[0], each, data, err);
	db_close(&db[0]);
	db_close(&db[1]);
	free(db);
	return rc;
}
