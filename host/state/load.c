/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to records, at start. Rows with a wrong checksum are gone already (scrub); what is left and still makes no sense is set
 * aside here. */
#include "host/base/epoch.h"
#include "host/state/codec.h"
#include "host/state/store_internal.h"

/* Moves the row to `damaged`; `args` are its key and the reason. */
static void set_aside(struct db *db, unsigned copy, unsigned del, const struct db_arg *args, int count)
{
	db_bind(db->statements[copy], args, count);
	int rc = sqlite3_step(db->statements[copy]);
	db_reset(db->statements[copy]);
	if (rc == SQLITE_DONE) {
		db_bind(db->statements[del], args, count - 1);
		(void)sqlite3_step(db->statements[del]);
		db_reset(db->statements[del]);
	}
}

/* A record that was on its way out when the store could not be told, or the host died, may have the name of one that was made
 * since. The live one keeps it. True: the name is free now, or `network` has none any more. */
static bool settle_network_name(struct records *records, struct network *network)
{
	if (network->state != RECORD_LIVE) {
		network->view.name = "";
		return true;
	}
	epoch_enter();
	struct network *holder = records_find_name(records, network->view.name);
	epoch_leave();
	if (!holder || holder->state == RECORD_LIVE)
		return false;
	records_unname(records, holder);
	return true;
}

static bool settle_endpoint_name(struct network *network, struct endpoint *endpoint)
{
	if (endpoint->state != RECORD_LIVE) {
		endpoint->name[0] = '\0';
		return true;
	}
	struct endpoint *holder = network_endpoint_named(network, endpoint->name);
	if (!holder || holder->state == RECORD_LIVE)
		return false;
	network_unname_endpoint(network, holder);
	return true;
}

/* Whatever is wrong with the one network, the others are loaded. */
static int load_network(struct records *records, const char *id, uint64_t serial, const char *body, struct ndrv_error *err)
{
	struct network *network;
	int rc = network_decode(id, body, &network, err);

	if (rc)
		return rc;
	network->serial = serial;
	(void)turn_try(&network->turn);
	rc = records_add(records, network, NULL, err);
	if (rc == -NDRV_E_NAME_EXISTS && settle_network_name(records, network)) {
		ndrv_error_clear(err);
		rc = records_add(records, network, NULL, err);
	}
	if (rc) {
		network_free(network);
		return rc;
	}
	turn_pass(&network->turn);
	network_unref(network);
	return 0;
}

static const char *text_at(sqlite3_stmt *rows, int column)
{
	const char *text = (const char *)sqlite3_column_text(rows, column);

	return text ? text : "";
}

static int load_networks(struct db *state, struct records *records, struct ndrv_error *err)
{
	sqlite3_stmt *rows = NULL;
	int rc = sqlite3_prepare_v2(state->sql, "SELECT id, serial, body FROM network ORDER BY serial, id", -1, &rows, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		struct ndrv_error why = {0};
		const char *id = text_at(rows, 0);
		rc = SQLITE_OK;
		int failed = load_network(records, id, (uint64_t)sqlite3_column_int64(rows, 1), text_at(rows, 2), &why);
		if (failed == -NDRV_E_INTERNAL) {
			/* Short of memory: nothing is wrong with the row. */
			(void)sqlite3_finalize(rows);
			return ndrv_fail(err, why.code, "%s", why.text);
		}
		if (failed) {
			const struct db_arg args[] = {db_text(id), db_text(why.text)};
			set_aside(state, SET_NETWORK_ASIDE, DEL_NETWORK, args, 2);
			state->report.damaged_rows++;
		}
	}
	(void)sqlite3_finalize(rows);
	return rc == SQLITE_DONE ? 0 : db_fail(state, rc, "read", "networks", err);
}

static int load_endpoint(struct network *network, const char *eid, uint64_t serial, const char *body, struct ndrv_error *err)
{
	struct endpoint *endpoint;
	int rc = endpoint_decode(network, eid, body, &endpoint, err);

	if (rc)
		return rc;
	endpoint->serial = serial;
	rc = network_add_endpoint(network, endpoint, err);
	if (rc == -NDRV_E_NAME_EXISTS && settle_endpoint_name(network, endpoint)) {
		ndrv_error_clear(err);
		rc = network_add_endpoint(network, endpoint, err);
	}
	if (rc)
		endpoint_free(endpoint);
	return rc;
}

/* Nobody else has the records yet: the turn is free. */
static int load_endpoint_row(struct db *live, struct records *records, sqlite3_stmt *rows, struct ndrv_error *err)
{
	const char *nid = text_at(rows, 0), *eid = text_at(rows, 1);
	struct ndrv_error why = {0};

	epoch_enter();
	struct network *network = records_find(records, nid);
	if (network && !turn_try(&network->turn))
		network = NULL;
	epoch_leave();
	int failed = -NDRV_E_NO_NETWORK;
	if (network) {
		failed = load_endpoint(network, eid, (uint64_t)sqlite3_column_int64(rows, 2), text_at(rows, 3), &why);
		turn_pass(&network->turn);
	}
	if (failed == -NDRV_E_INTERNAL)
		return ndrv_fail(err, why.code, "%s", why.text);
	if (failed) {
		const struct db_arg args[] = {db_text(nid), db_text(eid), db_text(network ? why.text : "its network is gone")};
		set_aside(live, SET_ENDPOINT_ASIDE, DEL_ENDPOINT, args, 3);
		live->report.damaged_rows += network != NULL;
		live->report.dropped_rows += network == NULL;
	}
	return 0;
}

static int load_endpoints(struct db *live, struct records *records, struct ndrv_error *err)
{
	sqlite3_stmt *rows = NULL;
	int rc = sqlite3_prepare_v2(live->sql, "SELECT nid, eid, serial, body FROM endpoint ORDER BY nid, serial, eid", -1, &rows,
				    NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		rc = load_endpoint_row(live, records, rows, err);
		if (rc) {
			(void)sqlite3_finalize(rows);
			return rc;
		}
	}
	(void)sqlite3_finalize(rows);
	return rc == SQLITE_DONE ? 0 : db_fail(live, rc, "read", "endpoints", err);
}

int store_load(struct store *store, struct records *records, struct ndrv_error *err)
{
	(void)pthread_mutex_lock(&store->state.mutex);
	int rc = load_networks(&store->state, records, err);
	(void)pthread_mutex_unlock(&store->state.mutex);
	if (rc)
		return rc;
	(void)pthread_mutex_lock(&store->live.mutex);
	rc = load_endpoints(&store->live, records, err);
	(void)pthread_mutex_unlock(&store->live.mutex);
	return rc;
}
