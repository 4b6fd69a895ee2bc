/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers' own keys. */
#include <stdlib.h>
#include <string.h>

#include "host/state/store_internal.h"

#define KEY_MAX 255u
#define VALUE_MAX (64u * 1024u)

static bool key_is_made_of_good_characters(const char *key)
{
	for (; *key; key++) {
		bool letter = (*key >= 'A' && *key <= 'Z') || (*key >= 'a' && *key <= 'z');
		if (!letter && !(*key >= '0' && *key <= '9') && !strchr("_./:-", *key))
			return false;
	}
	return true;
}

static int check_key(const char *key, struct ndrv_error *err)
{
	size_t length = key ? strnlen(key, KEY_MAX + 1) : 0;

	if (length == 0 || length > KEY_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid store key: it must be 1 to %u bytes long", KEY_MAX);
	if (!key_is_made_of_good_characters(key))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid store key: only [A-Za-z0-9_./:-] are allowed");
	return 0;
}

int store_driver_put(struct store *store, const char *driver, const char *key, const void *value, size_t bytes,
		     struct ndrv_error *err)
{
	int rc = check_key(key, err);

	if (rc)
		return rc;
	if (bytes > VALUE_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "value of store key %s is too long: %zu bytes, at most %u", key, bytes,
				 VALUE_MAX);
	if (bytes > 0 && !value)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "value of store key %s is missing", key);
	const struct db_arg args[] = {db_text(driver), db_text(key), {.type = DB_BLOB, .data = value, .bytes = bytes}};
	rc = db_run(&store->state, PUT_KEY, args, 3, "write driver key", key, err);
	if (!rc)
		store_maybe_backup(store);
	return rc;
}

int store_driver_del(struct store *store, const char *driver, const char *key, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(driver), db_text(key ? key : "")};
	int rc = check_key(key, err);

	rc = rc ? rc : db_run(&store->state, DEL_KEY, args, 2, "delete driver key", key, err);
	if (!rc)
		store_maybe_backup(store);
	return rc;
}

/* Under the mutex, on a row: the value in `column` and the verdict on its checksum behind it. */
static int copy_value(struct db *db, sqlite3_stmt *row, int column, const char *key, void *into, struct ndrv_error *err)
{
	if (!sqlite3_column_int(row, column + 1))
		return ndrv_fail(err, NDRV_E_STATE, "state file %s: the value of driver key %s is damaged", db->path, key);
	if (sqlite3_column_bytes(row, column) > 0)
		memcpy(into, sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column));
	return 0;
}

int store_driver_get(struct store *store, struct ndrv_arena *arena, const char *driver, const char *key, const void **ret,
		     size_t *ret_bytes, struct ndrv_error *err)
{
	struct db *db = &store->state;
	sqlite3_stmt *get = db->statements[GET_KEY];
	const struct db_arg args[] = {db_text(driver), db_text(key ? key : "")};
	int rc = check_key(key, err);

	if (rc)
		return rc;
	(void)pthread_mutex_lock(&db->mutex);
	db_bind(get, args, 2);
	int step = sqlite3_step(get);
	if (step == SQLITE_ROW) {
		size_t bytes = (size_t)sqlite3_column_bytes(get, 0);
		void *copy = ndrv_arena_alloc(arena, bytes + 1);
		rc = copy ? copy_value(db, get, 0, key, copy, err)
			  : ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for driver key %s", key);
		if (!rc) {
			*ret = copy;
			*ret_bytes = bytes;
		}
	} else if (step == SQLITE_DONE) {
		rc = ndrv_fail(err, NDRV_E_NOT_FOUND, "driver key %s not found", key);
	} else {
		rc = db_fail(db, step, "read driver key", key, err);
	}
	db_reset(get);
	(void)pthread_mutex_unlock(&db->mutex);
	return rc;
}

struct found {
	char key[KEY_MAX + 1];
	unsigned char value[VALUE_MAX];
	size_t bytes;
	bool any;
};

/* The first key behind `found->key` that is not before the prefix, into `found`. */
static int next_key(struct db *db, const char *driver, const char *prefix, struct found *found, struct ndrv_error *err)
{
	sqlite3_stmt *next = db->statements[NEXT_KEY];
	const struct db_arg args[] = {db_text(driver), db_text(found->key), db_text(prefix)};
	int rc = 0;

	(void)pthread_mutex_lock(&db->mutex);
	db_bind(next, args, 3);
	int step = sqlite3_step(next);
	found->any = step == SQLITE_ROW;
	if (found->any) {
		char key[KEY_MAX + 1] = "";
		size_t length = (size_t)sqlite3_column_bytes(next, 0);
		found->bytes = (size_t)sqlite3_column_bytes(next, 1);
		if (length <= KEY_MAX)
			memcpy(key, sqlite3_column_text(next, 0), length);
		if (length > KEY_MAX || found->bytes > VALUE_MAX)
			rc = ndrv_fail(err, NDRV_E_STATE, "state file %s: a key of driver %s is damaged", db->path, driver);
		else
			rc = copy_value(db, next, 1, key, found->value, err);
		db_reset(next);
		memcpy(found->key, key, sizeof(key));
	} else {
		db_reset(next);
		rc = step == SQLITE_DONE ? 0 : db_fail(db, step, "read keys of driver", driver, err);
	}
	(void)pthread_mutex_unlock(&db->mutex);
	return rc;
}

/* One key at a time: `each` may take long, and may itself put and delete. */
int store_driver_scan(struct store *store, const char *driver, const char *prefix,
		      int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err)
{
	size_t length = strlen(prefix);
	struct found *found = malloc(sizeof(*found));
	int rc;

	if (!found)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory to read keys of driver %s", driver);
	found->key[0] = '\0';
	do {
		rc = next_key(&store->state, driver, prefix, found, err);
		if (rc || !found->any || strncmp(found->key, prefix, length) != 0)
			break;
		rc = each(found->key, found->value, found->bytes, data);
	} while (rc == 0);
	free(found);
	return rc;
}
