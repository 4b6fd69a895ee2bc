/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a file that is not what we wrote: set aside, the newest good backup in its place, and a report. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/state/db.h"

#define BACKUPS_KEPT 2

static void backup_name(const struct db *db, int number, char *ret)
{
	(void)snprintf(ret, PATH_MAX, "%.*s.backup.%d", PATH_MAX - 32, db->path, number);
}

/* The next backup that is there, from `*number` on, copied to where the file belongs. */
static bool restore_next(struct db *db, int *number)
{
	char from[PATH_MAX];

	for (; *number <= BACKUPS_KEPT; ++*number) {
		backup_name(db, *number, from);
		if (access(from, F_OK) || files_copy(from, db->path))
			continue;
		(void)snprintf(db->report.restored_from, PATH_MAX, "%s", from);
		++*number;
		return true;
	}
	db->report.restored_from[0] = '\0';
	return false;
}

static bool has_backup(const struct db *db)
{
	char name[PATH_MAX];

	for (int number = 1; db->spec->backups && number <= BACKUPS_KEPT; number++) {
		backup_name(db, number, name);
		if (access(name, F_OK) == 0)
			return true;
	}
	return false;
}

/* The file is corrupt. Puts the next best thing in its place. */
static int replace(struct db *db, bool original, int *backup, const char *why, struct ndrv_error *err)
{
	if (original) {
		int rc = files_set_aside(db->path, db->report.set_aside, err);
		if (rc)
			return rc;
		(void)snprintf(db->report.why, sizeof(db->report.why), "%s", why);
	} else {
		files_remove(db->path);
	}
	if (!db->spec->backups || !restore_next(db, backup))
		(void)snprintf(db->report.emptied_because, sizeof(db->report.emptied_because), "it was damaged%s",
			       db->spec->backups ? " and there is no good backup" : "");
	return 0;
}

/* A file that has gone while its backups are there was lost: to begin anew one deletes the directory. */
static int restore_missing(struct db *db, int *backup, struct ndrv_error *err)
{
	if (!has_backup(db))
		return 0;
	/* A write-ahead log that was left behind belongs to the lost file, not to the backup. */
	int rc = files_set_aside(db->path, db->report.set_aside, err);
	if (rc)
		return rc;
	db->report.set_aside[0] = '\0';
	(void)snprintf(db->report.why, sizeof(db->report.why), "it was missing");
	(void)restore_next(db, backup);
	return 0;
}

static int open_or_replace(struct db *db, struct ndrv_error *err)
{
	char why[256] = "";
	int backup = 1;
	bool existed = access(db->path, F_OK) == 0;
	bool expected = existed && has_backup(db);

	int rc = existed ? 0 : restore_missing(db, &backup, err);
	if (rc)
		return rc;
	/* The file itself, each backup, a blank one: a blank one that fails is the machine's fault, and no backup is tried twice.
	 */
	for (int attempt = 0; attempt < BACKUPS_KEPT + 2; attempt++) {
		rc = db_try_open(db, expected, why, err);
		if (rc != DB_CORRUPT)
			return rc;
		rc = replace(db, existed && attempt == 0, &backup, why, err);
		if (rc)
			return rc;
		expected = false;
	}
	return ndrv_fail(err, NDRV_E_STATE, "state file %s cannot be made anew: %s", db->path, why);
}

int db_open(struct db *db, const struct db_spec *spec, const char *dir, struct ndrv_error *err)
{
	*db = (struct db){.spec = spec};
	(void)snprintf(db->path, sizeof(db->path), "%.*s/%s", STATE_DIR_MAX, dir, spec->file);
	db->report.lost_commits = wal_lost_commits(db->path);
	int rc = open_or_replace(db, err);
	if (rc)
		return rc;
	(void)pthread_mutex_init(&db->mutex, NULL);
	if (spec->backups)
		db_backup(db);
	return 0;
}

static int vacuum_into(struct db *db, const char *path)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db->sql, "VACUUM INTO ?1", -1, &statement, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
		rc = sqlite3_step(statement);
	}
	(void)sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

void db_backup(struct db *db)
{
	char fresh[PATH_MAX], newest[PATH_MAX], older[PATH_MAX];
	struct db_report *report = &db->report;
	off_t size;

	(void)snprintf(fresh, sizeof(fresh), "%.*s.backup.new", PATH_MAX - 32, db->path);
	backup_name(db, 1, newest);
	backup_name(db, 2, older);
	/* Again only after as many changes as now, also when this fails: a full disk must not make every write slow. */
	db->changes = 0;
	(void)unlink(fresh);
	if (files_prepare_file(fresh, &size, NULL)) {
		(void)snprintf(report->backup_error, sizeof(report->backup_error), "cannot make it: %s", strerrordesc_np(errno));
		return;
	}
	int rc = vacuum_into(db, fresh);
	if (rc) {
		(void)snprintf(report->backup_error, sizeof(report->backup_error), "%s", sqlite3_errmsg(db->sql));
		(void)unlink(fresh);
		return;
	}
	if (files_sync(fresh) || (rename(newest, older) && errno != ENOENT) || rename(fresh, newest) || files_sync_dir_of(newest)) {
		(void)snprintf(report->backup_error, sizeof(report->backup_error), "%s", strerrordesc_np(errno));
		(void)unlink(fresh);
		return;
	}
	report->backup_error[0] = '\0';
	report->backups++;
}
