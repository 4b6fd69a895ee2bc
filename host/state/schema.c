/* SPDX-License-Identifier: Apache-2.0 */
/* The tables and statements of both files. A row's crc covers its other columns; nothing is believed without it. */
#include "host/state/store_internal.h"

#define META_AND_DAMAGED                                                                                       \
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;"                  \
	"CREATE TABLE damaged(place TEXT NOT NULL, id TEXT NOT NULL, body ANY, crc ANY, reason TEXT NOT NULL," \
	" found_at INTEGER NOT NULL) STRICT;"

#define SET_ASIDE(place, id, body, reason) \
	"INSERT INTO damaged SELECT '" place "', " id ", " body ", crc, " reason ", unixepoch() FROM "

static const char *const state_statements[] = {
	[PUT_NETWORK] = "INSERT INTO network VALUES(?1, ?2, ?3, ndrv_crc(?1, ?2, ?3)) ON CONFLICT DO UPDATE SET"
			" serial = excluded.serial, body = excluded.body, crc = excluded.crc",
	[DEL_NETWORK] = "DELETE FROM network WHERE id = ?1",
	[SET_NETWORK_ASIDE] = SET_ASIDE("network", "id", "body", "?2") "network WHERE id = ?1",
	[PUT_KEY] = "INSERT INTO driver_key VALUES(?1, ?2, ?3, ndrv_crc(?1, ?2, ?3)) ON CONFLICT DO UPDATE SET"
		    " value = excluded.value, crc = excluded.crc",
	[GET_KEY] = "SELECT value, crc = ndrv_crc(driver, key, value) FROM driver_key WHERE driver = ?1 AND key = ?2",
	[NEXT_KEY] = "SELECT key, value, crc = ndrv_crc(driver, key, value) FROM driver_key"
		     " WHERE driver = ?1 AND key > ?2 AND key >= ?3 ORDER BY key LIMIT 1",
	[DEL_KEY] = "DELETE FROM driver_key WHERE driver = ?1 AND key = ?2",
};

const struct db_spec state_spec = {
	.file = "state.db",
	.synchronous = "FULL",
	.schema = META_AND_DAMAGED
	"CREATE TABLE network(id TEXT PRIMARY KEY, serial INTEGER NOT NULL, body TEXT NOT NULL, crc INTEGER NOT NULL)"
	" WITHOUT ROWID, STRICT;"
	"CREATE TABLE driver_key(driver TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL,"
	" PRIMARY KEY(driver, key)) WITHOUT ROWID, STRICT;",
	.scrub = SET_ASIDE(
		"network", "id", "body",
		"'checksum'") "network WHERE crc IS NOT ndrv_crc(id, serial, body);"
			      "DELETE FROM network WHERE crc IS NOT ndrv_crc(id, serial, body);" SET_ASIDE(
				      "driver_key", "driver || ' ' || key", "value",
				      "'checksum'") "driver_key WHERE crc IS NOT ndrv_crc(driver, key, value);"
						    "DELETE FROM driver_key WHERE crc IS NOT ndrv_crc(driver, key, value);",
	.statements = state_statements,
	.statement_count = sizeof(state_statements) / sizeof(state_statements[0]),
	.backups = true,
};

/* Not in the first version: made where it is missing. */
#define NAT_TABLE                                                                                                  \
	"CREATE TABLE IF NOT EXISTS nat(nid TEXT NOT NULL, eid TEXT NOT NULL, body TEXT NOT NULL, crc INTEGER NOT" \
	" NULL, PRIMARY KEY(nid, eid)) WITHOUT ROWID, STRICT;"

#define LEASE_TABLE                                                                                                       \
	"CREATE TABLE IF NOT EXISTS lease(pool TEXT NOT NULL, address TEXT NOT NULL, body TEXT NOT NULL, crc INTEGER NOT" \
	" NULL, PRIMARY KEY(pool, address)) WITHOUT ROWID, STRICT;"

#define OWED_TABLE                                                                                                  \
	"CREATE TABLE IF NOT EXISTS owed(nid TEXT NOT NULL, eid TEXT NOT NULL, body TEXT NOT NULL, crc INTEGER NOT" \
	" NULL, PRIMARY KEY(nid, eid)) WITHOUT ROWID, STRICT;"

static const char *const live_statements[] = {
	[PUT_ENDPOINT] = "INSERT INTO endpoint VALUES(?1, ?2, ?3, ?4, ndrv_crc(?1, ?2, ?3, ?4)) ON CONFLICT DO UPDATE SET"
			 " serial = excluded.serial, body = excluded.body, crc = excluded.crc",
	[DEL_ENDPOINT] = "DELETE FROM endpoint WHERE nid = ?1 AND eid = ?2",
	[DEL_ENDPOINTS] = "DELETE FROM endpoint WHERE nid = ?1",
	[SET_ENDPOINT_ASIDE] = SET_ASIDE("endpoint", "nid || ' ' || eid", "body", "?3") "endpoint WHERE nid = ?1 AND eid = ?2",
	[PUT_NAT] = "INSERT INTO nat VALUES(?1, ?2, ?3, ndrv_crc(?1, ?2, ?3)) ON CONFLICT DO UPDATE SET"
		    " body = excluded.body, crc = excluded.crc",
	[DEL_NAT] = "DELETE FROM nat WHERE nid = ?1 AND eid = ?2",
	[DEL_NATS] = "DELETE FROM nat WHERE nid = ?1",
	[PUT_LEASE] = "INSERT INTO lease VALUES(?1, ?2, ?3, ndrv_crc(?1, ?2, ?3)) ON CONFLICT DO UPDATE SET"
		      " body = excluded.body, crc = excluded.crc",
	[DEL_LEASE] = "DELETE FROM lease WHERE pool = ?1 AND address = ?2",
	[DEL_LEASES] = "DELETE FROM lease WHERE pool = ?1",
	[PUT_OWED] = "INSERT INTO owed VALUES(?1, ?2, ?3, ndrv_crc(?1, ?2, ?3)) ON CONFLICT DO UPDATE SET"
		     " body = excluded.body, crc = excluded.crc",
	[DEL_OWED] = "DELETE FROM owed WHERE nid = ?1 AND eid = ?2",
};

const struct db_spec live_spec = {
	.file = "live.db",
	.synchronous = "OFF",
	.schema = META_AND_DAMAGED
	"CREATE TABLE endpoint(nid TEXT NOT NULL, eid TEXT NOT NULL, serial INTEGER NOT NULL, body TEXT NOT NULL,"
	" crc INTEGER NOT NULL, PRIMARY KEY(nid, eid)) WITHOUT ROWID, STRICT;" NAT_TABLE LEASE_TABLE OWED_TABLE,
	.added = NAT_TABLE LEASE_TABLE OWED_TABLE,
	.scrub = SET_ASIDE("endpoint", "nid || ' ' || eid", "body",
			   "'checksum'") "endpoint WHERE crc IS NOT ndrv_crc(nid, eid, serial, body);"
					 "DELETE FROM endpoint WHERE crc IS NOT ndrv_crc(nid, eid, serial, body);" SET_ASIDE(
						 "nat", "nid || ' ' || eid", "body",
						 "'checksum'") "nat WHERE crc IS NOT ndrv_crc(nid, eid, body);"
							       "DELETE FROM nat WHERE crc IS NOT ndrv_crc(nid, eid, body);"
							       "DELETE FROM lease WHERE crc IS NOT ndrv_crc(pool, address, body);"
							       "DELETE FROM owed WHERE crc IS NOT ndrv_crc(nid, eid, body);",
	.statements = live_statements,
	.statement_count = sizeof(live_statements) / sizeof(live_statements[0]),
	.count = "SELECT count(*) FROM endpoint",
	.empty = "DELETE FROM endpoint; DELETE FROM nat; DELETE FROM lease; DELETE FROM owed;",
};

static const char *const rows_statements[] = {
	/* In parentheses, or clang takes the second line for an element whose comma is missing. */
	[PUT_ROW] =
		("INSERT INTO row VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ndrv_crc(?1, ?2, ?3, ?4, ?5, ?6, ?7)) ON CONFLICT DO UPDATE"
		 " SET origin = excluded.origin, revision = excluded.revision, value = excluded.value, crc = excluded.crc"),
	[DEL_ROW] = "DELETE FROM row WHERE nid = ?1 AND place = ?2 AND key = ?3 AND owner = ?4",
	[DEL_ROWS] = "DELETE FROM row WHERE nid = ?1",
};

#define ROW_CRC "ndrv_crc(nid, place, key, owner, origin, revision, value)"

const struct db_spec rows_spec = {
	.file = "tables.db",
	.synchronous = "OFF",
	.schema = META_AND_DAMAGED
	"CREATE TABLE row(nid TEXT NOT NULL, place TEXT NOT NULL, key TEXT NOT NULL, owner TEXT NOT NULL, origin TEXT NOT NULL,"
	" revision INTEGER NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY(nid, place, key, owner))"
	" WITHOUT ROWID, STRICT;",
	.scrub = SET_ASIDE("row", "nid || ' ' || place || ' ' || key || ' ' || owner", "value",
			   "'checksum'") "row WHERE crc IS NOT " ROW_CRC ";DELETE FROM row WHERE crc IS NOT " ROW_CRC ";",
	.statements = rows_statements,
	.statement_count = sizeof(rows_statements) / sizeof(rows_statements[0]),
	.count = "SELECT count(*) FROM row",
	.empty = "DELETE FROM row;",
};
