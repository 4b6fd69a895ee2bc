/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/state/crc32c.h"

#define BUSY_MS 2000

struct db_arg db_text(const char *text)
{
	return (struct db_arg){.data = text, .bytes = strlen(text), .type = DB_TEXT};
}

static bool disk_is_full(int sqlite_rc, int sys)
{
	if ((sqlite_rc & 0xff) == SQLITE_FULL)
		return true;
	return (sqlite_rc & 0xff) == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT);
}

int db_fail(struct db *db, int sqlite_rc, const char *what, const char *id, struct ndrv_error *err)
{
	int sys = db->sql ? sqlite3_system_errno(db->sql) : 0;
	int rc;

	if ((sqlite_rc & 0xff) == SQLITE_NOMEM)
		rc = ndrv_fail(err, NDRV_E_INTERNAL, "state file %s: cannot %s %s: out of memory", db->path, what, id);
	else if (disk_is_full(sqlite_rc, sys))
		rc = ndrv_fail(err, NDRV_E_NO_SERVICE, "state file %s: cannot %s %s: the disk is full, free some space", db->path,
			       what, id);
	else if ((sqlite_rc & 0xff) == SQLITE_BUSY)
		rc = ndrv_fail(err, NDRV_E_STATE, "state file %s: cannot %s %s: another process holds it, open it read-only only",
			       db->path, what, id);
	else if ((sqlite_rc & 0xff) == SQLITE_CORRUPT)
		rc = ndrv_fail(err, NDRV_E_STATE, "state file %s: cannot %s %s: it is damaged, restart to repair it", db->path,
			       what, id);
	else
		rc = ndrv_fail(err, NDRV_E_STATE, "state file %s: cannot %s %s: %s%s%s", db->path, what, id,
			       sqlite3_errstr(sqlite_rc), sys ? ": " : "", sys ? strerrordesc_np(sys) : "");
	if (err)
		err->sys_errno = disk_is_full(sqlite_rc, sys) ? ENOSPC : sys;
	return rc;
}

/* ndrv_crc(a, b, ...): over the length and the bytes of each. The store's own tables carry it; the schema does not call it. */
static void crc_of_arguments(sqlite3_context *context, int count, sqlite3_value **values)
{
	uint32_t crc = 0;

	for (int i = 0; i < count; i++) {
		/* A number goes in as its decimal digits. */
		bool blob = sqlite3_value_type(values[i]) == SQLITE_BLOB;
		const void *data = blob ? sqlite3_value_blob(values[i]) : (const void *)sqlite3_value_text(values[i]);
		uint32_t bytes = (uint32_t)sqlite3_value_bytes(values[i]);
		crc = crc32c(crc, &bytes, sizeof(bytes));
		if (bytes)
			crc = crc32c(crc, data, bytes);
	}
	sqlite3_result_int64(context, crc);
}

int db_exec(struct db *db, const char *sql)
{
	return sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
}

int db_query_text(struct db *db, const char *sql, char *ret, size_t bytes)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db->sql, sql, -1, &statement, NULL);

	*ret = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		(void)snprintf(ret, bytes, "%s", (const char *)sqlite3_column_text(statement, 0));
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		rc = SQLITE_OK;
	(void)sqlite3_finalize(statement);
	return rc;
}

/* Sets `why` for what only a damaged file does; the rest is the machine's trouble and no reason to move the file. */
static int judge(struct db *db, int sqlite_rc, const char *what, char *why, struct ndrv_error *err)
{
	switch (sqlite_rc & 0xff) {
	case SQLITE_READONLY:
		if (access(db->path, W_OK))
			break;
		(void)snprintf(why, 256, "cannot %s: its header says it is read-only", what);
		return DB_CORRUPT;
	case SQLITE_ERROR:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_SCHEMA:
	case SQLITE_MISMATCH:
	case SQLITE_CONSTRAINT:
		(void)snprintf(why, 256, "cannot %s: %s", what, sqlite3_errmsg(db->sql));
		return DB_CORRUPT;
	default:
		break;
	}
	return db_fail(db, sqlite_rc, what, "it", err);
}

static int configure(struct db *db)
{
	(void)sqlite3_extended_result_codes(db->sql, 1);
	(void)sqlite3_busy_timeout(db->sql, BUSY_MS);
	/* Until it has been opened as a whole: where the log cannot be read for want of space, the last to close the file would
	 * take it for an empty one, and delete it. */
	(void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	int rc = sqlite3_create_function(db->sql, "ndrv_crc", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
					 crc_of_arguments, NULL, NULL);
	return rc ? rc : db_exec(db, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=4194304");
}

static int quick_check(struct db *db, char *why, struct ndrv_error *err)
{
	char result[200];
	int rc = db_query_text(db, "PRAGMA quick_check(1)", result, sizeof(result));

	if (rc)
		return judge(db, rc, "check", why, err);
	if (strcmp(result, "ok") == 0)
		return 0;
	(void)snprintf(why, 256, "quick_check: %s", result);
	return DB_CORRUPT;
}

static int create(struct db *db, char *why, struct ndrv_error *err)
{
	char sql[256];
	int rc = db_exec(db, "BEGIN IMMEDIATE");

	(void)snprintf(sql, sizeof(sql),
		       "PRAGMA application_id=%d; PRAGMA user_version=%d; INSERT INTO meta VALUES('schema', '%d'); COMMIT",
		       DB_APPLICATION_ID, DB_SCHEMA_VERSION, DB_SCHEMA_VERSION);
	rc = rc ? rc : db_exec(db, db->spec->schema);
	rc = rc ? rc : db_exec(db, sql);
	if (rc == SQLITE_OK)
		return 0;
	rc = judge(db, rc, "fill", why, err);
	(void)db_exec(db, "ROLLBACK");
	return rc;
}

/* The version stands at two places, so that a flipped bit does not make the file look newer than we are. */
static int check_identity(struct db *db, int id, int version, char *why, struct ndrv_error *err)
{
	char schema[32];
	int rc = db_query_text(db, "SELECT value FROM meta WHERE key = 'schema'", schema, sizeof(schema));

	if (rc)
		return judge(db, rc, "read the version of", why, err);
	char expected[32];
	(void)snprintf(expected, sizeof(expected), "%d", version);
	if (id != DB_APPLICATION_ID || version < 1 || strcmp(schema, expected) != 0) {
		(void)snprintf(why, 256, "its header is not ours (application id 0x%08x, version %d, schema \"%s\")", (unsigned)id,
			       version, schema);
		return DB_CORRUPT;
	}
	if (version > DB_SCHEMA_VERSION)
		return ndrv_fail(
			err, NDRV_E_STATE,
			"state file %s was written by a newer ndrvd (schema %d, this one knows %d): run that one, or move the "
			"file away",
			db->path, version, DB_SCHEMA_VERSION);
	return 0;
}

static bool read_number(const char *text, int *ret)
{
	char *end;

	errno = 0;
	long number = strtol(text, &end, 10);
	if (end == text || *end || errno || number < INT_MIN || number > INT_MAX)
		return false;
	*ret = (int)number;
	return true;
}

static int check_or_create(struct db *db, bool content_expected, char *why, struct ndrv_error *err)
{
	char text[200], sql[64];
	int id = 0, version = 0;

	int rc = db_query_text(db, "SELECT count(*) FROM sqlite_master", text, sizeof(text));
	if (rc)
		return judge(db, rc, "read", why, err);
	bool blank = strcmp(text, "0") == 0;
	if (blank && content_expected) {
		(void)snprintf(why, 256, "it is empty");
		return DB_CORRUPT;
	}
	rc = db_query_text(db, "PRAGMA application_id", text, sizeof(text));
	if (rc || !read_number(text, &id))
		return judge(db, rc ? rc : SQLITE_CORRUPT, "read", why, err);
	rc = db_query_text(db, "PRAGMA user_version", text, sizeof(text));
	if (rc || !read_number(text, &version))
		return judge(db, rc ? rc : SQLITE_CORRUPT, "read", why, err);
	rc = blank ? 0 : check_identity(db, id, version, why, err);
	if (rc)
		return rc;
	(void)snprintf(sql, sizeof(sql), "PRAGMA synchronous=%s", db->spec->synchronous);
	rc = db_query_text(db, "PRAGMA journal_mode=WAL", text, sizeof(text));
	rc = rc ? rc : db_exec(db, sql);
	if (rc)
		return judge(db, rc, "write", why, err);
	return blank ? create(db, why, err) : 0;
}

static int prepare(struct db *db, char *why, struct ndrv_error *err)
{
	int added = db->spec->added ? db_exec(db, db->spec->added) : SQLITE_OK;

	if (added)
		return judge(db, added, "fill", why, err);
	for (unsigned i = 0; i < db->spec->statement_count; i++) {
		int rc = sqlite3_prepare_v3(db->sql, db->spec->statements[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i],
					    NULL);
		if (rc)
			return judge(db, rc, "use", why, err);
	}
	return 0;
}

/* Also the first write: a file that can be read only shows here. */
static int scrub(struct db *db, char *why, struct ndrv_error *err)
{
	int before = sqlite3_total_changes(db->sql);
	int rc = db_exec(db, "BEGIN IMMEDIATE");

	rc = rc ? rc : db_exec(db, db->spec->scrub);
	uint64_t moved = (uint64_t)(sqlite3_total_changes(db->sql) - before) / 2;
	rc = rc ? rc : db_exec(db, "INSERT OR REPLACE INTO meta VALUES('opened', strftime('%s', 'now')); COMMIT");
	if (rc) {
		rc = judge(db, rc, "write", why, err);
		(void)db_exec(db, "ROLLBACK");
		return rc;
	}
	db->report.damaged_rows += moved;
	return 0;
}

int db_try_open(struct db *db, bool content_expected, char *why, struct ndrv_error *err)
{
	off_t size;
	int rc = files_prepare_file(db->path, &size, err);

	if (rc)
		return rc;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOFOLLOW;
	rc = sqlite3_open_v2(db->path, &db->sql, flags, NULL);
	rc = rc ? rc : configure(db);
	rc = rc ? judge(db, rc, "open", why, err) : 0;
	rc = rc ? rc : quick_check(db, why, err);
	rc = rc ? rc : check_or_create(db, content_expected, why, err);
	rc = rc ? rc : prepare(db, why, err);
	rc = rc ? rc : scrub(db, why, err);
	if (rc)
		db_close(db);
	else
		(void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return rc;
}

void db_close(struct db *db)
{
	for (unsigned i = 0; i < DB_STATEMENTS_MAX; i++) {
		(void)sqlite3_finalize(db->statements[i]);
		db->statements[i] = NULL;
	}
	(void)sqlite3_close(db->sql);
	db->sql = NULL;
}

void db_bind(sqlite3_stmt *statement, const struct db_arg *args, int count)
{
	for (int i = 0; i < count; i++) {
		if (args[i].type == DB_NUMBER)
			(void)sqlite3_bind_int64(statement, i + 1, args[i].number);
		else if (args[i].type == DB_TEXT)
			(void)sqlite3_bind_text64(statement, i + 1, args[i].data, args[i].bytes, SQLITE_STATIC, SQLITE_UTF8);
		else if (args[i].bytes == 0)
			(void)sqlite3_bind_zeroblob(statement, i + 1, 0);
		else
			(void)sqlite3_bind_blob64(statement, i + 1, args[i].data, args[i].bytes, SQLITE_STATIC);
	}
}

void db_reset(sqlite3_stmt *statement)
{
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
}

/* A commit whose sync failed is in the write-ahead log though nobody believes in it: the next start would. Another, of anything
 * that was not there, takes its place. (Writing the former row again would write nothing: SQLite sees that it is the same.) */
static void retract(struct db *db)
{
	(void)db_exec(db, "INSERT OR REPLACE INTO meta VALUES('retracted', hex(randomblob(8)))");
}

int db_run(struct db *db, unsigned statement, const struct db_arg *args, int count, const char *what, const char *id,
	   struct ndrv_error *err)
{
	(void)pthread_mutex_lock(&db->mutex);
	db_bind(db->statements[statement], args, count);
	int rc = sqlite3_step(db->statements[statement]);
	db_reset(db->statements[statement]);
	if (rc == SQLITE_DONE) {
		rc = 0;
		db->changes++;
	} else {
		rc = db_fail(db, rc, what, id, err);
		/* Usually it is rolled back already. */
		if (!sqlite3_get_autocommit(db->sql))
			(void)db_exec(db, "ROLLBACK");
		retract(db);
	}
	(void)pthread_mutex_unlock(&db->mutex);
	return rc;
}
