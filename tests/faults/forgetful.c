/* SPDX-License-Identifier: Apache-2.0 */
/* Put before SQLite in a running ndrvd (LD_PRELOAD): a host with a bug. It forgets the writes that NDRV_TEST_FORGET names, and the
 * host itself knows nothing of it. */
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* "creating": no intent is ever written. "live": a call's end is never written. The host believes that both were. */
static bool is_forgotten(sqlite3_stmt *statement, const char *forget)
{
	const char *sql = sqlite3_sql(statement);

	if (!sql || (strncmp(sql, "INSERT INTO endpoint", 20) != 0 && strncmp(sql, "INSERT INTO network", 19) != 0))
		return false;
	char *expanded = sqlite3_expanded_sql(statement);
	const char *state = expanded ? strstr(expanded, "\"state\":") : NULL;
	bool same = state && state[8] == (!strcmp(forget, "creating") ? '1' : '2');
	sqlite3_free(expanded);
	return same;
}

int sqlite3_step(sqlite3_stmt *statement)
{
	static int (*step)(sqlite3_stmt * statement);

	const char *forget = getenv("NDRV_TEST_FORGET");

	if (!step)
		step = (int (*)(sqlite3_stmt *))(uintptr_t)dlsym(RTLD_NEXT, "sqlite3_step");
	return forget && is_forgotten(statement, forget) ? SQLITE_DONE : step(statement);
}
