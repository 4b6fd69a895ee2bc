/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of live.db that are a text under two keys: the NAT service's, which only it reads, leases, and
 * deletions that are owed. */
#include <stdlib.h>
#include <string.h>

#include "host/state/store_internal.h"

int store_put_nat(struct store *store, const char *nid, const char *eid, const char *text, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(nid), db_text(eid), db_text(text)};

	return db_run(&store->live, PUT_NAT, args, 3, "write the NAT of network", nid, err);
}

int store_del_nat(struct store *store, const char *nid, const char *eid, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(nid), db_text(eid ? eid : "")};

	return eid ? db_run(&store->live, DEL_NAT, args, 2, "delete the NAT of network", nid, err)
		   : db_run(&store->live, DEL_NATS, args, 1, "delete the NAT of network", nid, err);
}

/* A row in memory; its three texts follow it. */
struct text_row {
	struct text_row *next;
	const char *first, *second, *text;
};

static struct text_row *copy_row(sqlite3_stmt *rows)
{
	size_t bytes[3], total = sizeof(struct text_row);
	const char *texts[3];

	for (int i = 0; i < 3; i++) {
		texts[i] = (const char *)sqlite3_column_text(rows, i);
		texts[i] = texts[i] ? texts[i] : "";
		bytes[i] = strlen(texts[i]) + 1;
		total += bytes[i];
	}
	struct text_row *row = malloc(total);
	if (!row)
		return NULL;
	char *at = (char *)(row + 1);
	const char **to[3] = {&row->first, &row->second, &row->text};
	for (int i = 0; i < 3; i++) {
		memcpy(at, texts[i], bytes[i]);
		*to[i] = at;
		at += bytes[i];
	}
	row->next = NULL;
	return row;
}

/* All of them, in order; what was read when it fails, too. */
static int read_rows(struct db *live, const char *query, const char *what, struct text_row **ret, struct ndrv_error *err)
{
	struct text_row **end = ret;
	sqlite3_stmt *rows = NULL;

	*ret = NULL;
	(void)pthread_mutex_lock(&live->mutex);
	int rc = sqlite3_prepare_v2(live->sql, query, -1, &rows, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		*end = copy_row(rows);
		rc = *end ? SQLITE_OK : SQLITE_NOMEM;
		if (*end)
			end = &(*end)->next;
	}
	(void)sqlite3_finalize(rows);
	rc = rc == SQLITE_DONE ? 0 : db_fail(live, rc, "read", what, err);
	(void)pthread_mutex_unlock(&live->mutex);
	return rc;
}

static int each_row(struct store *store, const char *query, const char *what,
		    int (*each)(void *data, const char *first, const char *second, const char *text, struct ndrv_error *err),
		    void *data, struct ndrv_error *err)
{
	struct text_row *row;
	int rc = read_rows(&store->live, query, what, &row, err);

	while (row) {
		struct text_row *next = row->next;
		if (!rc)
			rc = each(data, row->first, row->second, row->text, err);
		free(row);
		row = next;
	}
	return rc;
}

int store_each_nat(struct store *store,
		   int (*each)(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err), void *data,
		   struct ndrv_error *err)
{
	/* What is left of an endpoint whose row is gone (a disk that was full when it went) is nobody's: another may have its
	 * ports. */
	return each_row(store,
			"SELECT nid, eid, body FROM nat WHERE eid = '' OR EXISTS (SELECT 1 FROM endpoint AS e WHERE"
			" e.nid = nat.nid AND e.eid = nat.eid) ORDER BY nid, eid",
			"the NAT of networks", each, data, err);
}

int store_put_lease(struct store *store, const char *pool, const char *address, const char *body, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(pool), db_text(address), db_text(body)};

	return db_run(&store->live, PUT_LEASE, args, 3, "write a lease of pool", pool, err);
}

int store_del_lease(struct store *store, const char *pool, const char *address, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(pool), db_text(address ? address : "")};

	return address ? db_run(&store->live, DEL_LEASE, args, 2, "delete a lease of pool", pool, err)
		       : db_run(&store->live, DEL_LEASES, args, 1, "delete the leases of pool", pool, err);
}

int store_each_lease(struct store *store,
		     int (*each)(void *data, const char *pool, const char *address, const char *body, struct ndrv_error *err),
		     void *data, struct ndrv_error *err)
{
	return each_row(store, "SELECT pool, address, body FROM lease ORDER BY pool, address", "leases", each, data, err);
}

int store_put_owed(struct store *store, const char *nid, const char *eid, const char *text, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(nid), db_text(eid), db_text(text)};

	return db_run(&store->live, PUT_OWED, args, 3, "write what is owed of endpoint", eid, err);
}

int store_del_owed(struct store *store, const char *nid, const char *eid, struct ndrv_error *err)
{
	const struct db_arg args[] = {db_text(nid), db_text(eid)};

	return db_run(&store->live, DEL_OWED, args, 2, "delete what is owed of endpoint", eid, err);
}

int store_each_owed(struct store *store,
		    int (*each)(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err), void *data,
		    struct ndrv_error *err)
{
	return each_row(store, "SELECT nid, eid, body FROM owed ORDER BY nid, eid", "what is owed", each, data, err);
}
