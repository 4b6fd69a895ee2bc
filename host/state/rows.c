/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of tables on disk. */
#include "host/state/store_internal.h"

int store_rows_begin(struct store *store, const char *all_of, struct ndrv_error *err)
{
	struct db *db = &store->rows;
	int rc;

	(void)pthread_mutex_lock(&db->mutex);
	rc = db_exec(db, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK && all_of) {
		const struct db_arg args[] = {db_text(all_of)};
		db_bind(db->statements[DEL_ROWS], args, 1);
		rc = sqlite3_step(db->statements[DEL_ROWS]);
		db_reset(db->statements[DEL_ROWS]);
		rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	if (rc == SQLITE_OK)
		return 0;
	rc = db_fail(db, rc, "write rows of", all_of ? all_of : "tables", err);
	if (!sqlite3_get_autocommit(db->sql))
		(void)db_exec(db, "ROLLBACK");
	(void)pthread_mutex_unlock(&db->mutex);
	return rc;
}

int store_rows_put(struct store *store, const struct store_row *row, struct ndrv_error *err)
{
	struct db *db = &store->rows;
	sqlite3_stmt *statement = db->statements[row->gone ? DEL_ROW : PUT_ROW];
	const struct db_arg args[] = {
		db_text(row->nid),
		db_text(row->table),
		db_text(row->key),
		db_text(row->owner),
		db_text(row->origin),
		{.type = DB_NUMBER, .number = (int64_t)row->revision},
		{.type = DB_BLOB, .data = row->value, .bytes = row->bytes},
	};

	db_bind(statement, args, row->gone ? 4 : 7);
	int rc = sqlite3_step(statement);
	db_reset(statement);
	return rc == SQLITE_DONE ? 0 : db_fail(db, rc, "write row", row->key, err);
}

int store_rows_end(struct store *store, int rc, struct ndrv_error *err)
{
	struct db *db = &store->rows;

	if (!rc) {
		int committed = db_exec(db, "COMMIT");
		rc = committed == SQLITE_OK ? 0 : db_fail(db, committed, "write rows of", "tables", err);
	}
	if (rc && !sqlite3_get_autocommit(db->sql))
		(void)db_exec(db, "ROLLBACK");
	(void)pthread_mutex_unlock(&db->mutex);
	return rc;
}

static const char *text_at(sqlite3_stmt *rows, int column)
{
	const char *text = (const char *)sqlite3_column_text(rows, column);

	return text ? text : "";
}

int store_rows_load(struct store *store, int (*each)(const struct store_row *row, void *data), void *data, struct ndrv_error *err)
{
	struct db *db = &store->rows;
	sqlite3_stmt *rows = NULL;
	int told = 0;

	(void)pthread_mutex_lock(&db->mutex);
	int rc = sqlite3_prepare_v2(db->sql, "SELECT nid, place, key, owner, origin, revision, value FROM row ORDER BY revision",
				    -1, &rows, NULL);
	while (rc == SQLITE_OK && !told && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		const struct store_row row = {
			.nid = text_at(rows, 0),
			.table = text_at(rows, 1),
			.key = text_at(rows, 2),
			.owner = text_at(rows, 3),
			.origin = text_at(rows, 4),
			.revision = (uint64_t)sqlite3_column_int64(rows, 5),
			.value = sqlite3_column_bytes(rows, 6) ? sqlite3_column_blob(rows, 6) : "",
			.bytes = (size_t)sqlite3_column_bytes(rows, 6),
		};
		told = each(&row, data);
		rc = SQLITE_OK;
	}
	if (!told)
		rc = rc == SQLITE_DONE ? 0 : db_fail(db, rc, "read", "rows", err);
	(void)sqlite3_finalize(rows);
	(void)pthread_mutex_unlock(&db->mutex);
	return told ? told : rc;
}
