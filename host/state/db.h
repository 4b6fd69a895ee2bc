/* SPDX-License-Identifier: Apache-2.0 */
/* One SQLite file of the store: one connection, its prepared statements, and what was found out about it at open. */
#ifndef HOST_STATE_DB_H
#define HOST_STATE_DB_H

#include <pthread.h>
#include <sqlite3.h>

#include "host/state/files.h"

/* Of the file's header: "ndrv". */
#define DB_APPLICATION_ID 0x6e647276
/* user_version, and the row "schema" of the table "meta". One that is higher is refused. */
#define DB_SCHEMA_VERSION 1
#define DB_STATEMENTS_MAX 12

/* What db_try_open() returns beside 0 and -code: the file is not what we wrote. */
#define DB_CORRUPT 1

struct db_spec {
	const char *file;
	const char *synchronous;
	const char *schema;
	const char *added; /* makes tables that a file of an earlier program lacks; NULL: there are none */
	/* Moves rows that fail their CRC to the table "damaged", each with one insert and one delete. */
	const char *scrub;
	const char *const *statements;
	unsigned statement_count;
	const char *count; /* of a file that dies with the kernel's objects: how many rows it has, and what takes them away */
	const char *empty;
	bool backups; /* it is durable: backups are kept, and a corrupt one is restored from them */
};

struct db_report {
	char why[256]; /* it was set aside */
	char set_aside[PATH_MAX];
	char restored_from[PATH_MAX];
	char emptied_because[256];
	uint64_t damaged_rows;
	uint64_t dropped_rows;
	uint64_t lost_commits;
	uint64_t backups;
	char backup_error[256];
};

struct db {
	const struct db_spec *spec;
	pthread_mutex_t mutex;
	sqlite3 *sql;
	sqlite3_stmt *statements[DB_STATEMENTS_MAX];
	char path[PATH_MAX];
	uint64_t changes; /* since the last backup */
	struct db_report report;
};

/* A text, blob or number for a statement's parameter. */
struct db_arg {
	const void *data;
	size_t bytes;
	int64_t number;
	enum { DB_TEXT, DB_BLOB, DB_NUMBER } type;
};

struct db_arg db_text(const char *text);

/* Opens, checks and, if it has no tables yet, fills the file. With `content_expected` a file without tables is corrupt too. On
 * DB_CORRUPT and errors nothing stays open; `why` (256 bytes) says what is wrong with a corrupt one. */
int db_try_open(struct db *db, bool content_expected, char *why, struct ndrv_error *err);
void db_close(struct db *db);
/* Opens `dir`/file; sets a corrupt one aside and restores the newest good backup, or begins anew, and reports it. (recover.c) */
int db_open(struct db *db, const struct db_spec *spec, const char *dir, struct ndrv_error *err);
/* Makes a backup, keeping one older. Under the mutex. What goes wrong is only reported: the file itself is well. (recover.c) */
void db_backup(struct db *db);
/* How many transactions the file's write-ahead log holds that SQLite will not read, because something before them is damaged.
 * Before the file is opened. (wal.c) */
uint64_t wal_lost_commits(const char *path);

/* The typed error of an SQLite result: NO_SERVICE for a full disk, STATE else. "state file F: cannot WHAT ID: why". */
int db_fail(struct db *db, int sqlite_rc, const char *what, const char *id, struct ndrv_error *err);
/* Binds and runs one statement that returns no rows, under the mutex. */
int db_run(struct db *db, unsigned statement, const struct db_arg *args, int count, const char *what, const char *id,
	   struct ndrv_error *err);
void db_bind(sqlite3_stmt *statement, const struct db_arg *args, int count);
/* Under the mutex: forgets the parameters and lets go of the snapshot. */
void db_reset(sqlite3_stmt *statement);
/* Runs statements without parameters; an SQLite result. Under the mutex, or while nobody else has the file. */
int db_exec(struct db *db, const char *sql);
/* The first column of the first row as text ("" if there is none); an SQLite result. */
int db_query_text(struct db *db, const char *sql, char *ret, size_t bytes);

#endif
