/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of state directories of a test's own, and records to put into them. */
#ifndef TESTS_LIB_STATEDIR_H
#define TESTS_LIB_STATEDIR_H

#include "host/state/store.h"

struct statedir {
	char root[64];
	char state[96], runtime[96];
	struct store_paths paths;
};

/* Below TMPDIR, or /dev/shm where there is one: no disk is waited for. */
void statedir_make(struct statedir *dir);
/* With everything in it. */
void statedir_remove(const struct statedir *dir);
/* `name` is "state.db", "live.db-wal", ...; in a static buffer. */
const char *statedir_file(const struct statedir *dir, const char *name);

/* A network with every kind of content, "net<number>", added and LIVE; and an endpoint "ep<number>" of it, joined. The records own
 * them; the network's turn is free. NULL when out of memory. */
struct network *statedir_network(struct records *records, unsigned number);
struct endpoint *statedir_endpoint(struct network *network, unsigned number);
/* What a record says, as text to compare (malloc'ed): the encoder's. */
char *statedir_text(const struct network *network, const struct endpoint *endpoint);

/* These fail the test when something goes wrong. */
struct store *statedir_open(const struct statedir *dir);
struct records *statedir_load(struct store *store);
/* The number or text `file`.`key` of the store's report, as text in a static buffer; "" if absent. */
const char *statedir_reported(struct store *store, const char *file, const char *key);
/* By id or name, without a reference; NULL: not there. */
struct network *statedir_find(struct records *records, const char *id);
void statedir_sql(const struct statedir *dir, const char *file, const char *sql);
/* The first column of the first row. */
int statedir_number(const struct statedir *dir, const char *file, const char *sql);
/* Opens the store, writes so many networks with so many endpoints each, from the highest number down, and closes it. */
void statedir_write(const struct statedir *dir, unsigned networks, unsigned endpoints);

#endif
