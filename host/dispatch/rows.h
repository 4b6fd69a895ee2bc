/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, from the dispatcher's side: the service drivers call, what records do to rows, and telling drivers of rows and nodes. */
#ifndef HOST_DISPATCH_ROWS_H
#define HOST_DISPATCH_ROWS_H

#include "host/dispatch/core.h"
#include "host/dispatch/handles.h"
#include "host/table/table.h"

struct rows;

/* Rows are kept in `store`; NULL: in memory. */
int rows_new(struct store *store, struct rows **ret, struct ndrv_error *err);
/* This host's name among others, from now on; the machine's unless told. Reads what is kept. */
int rows_start(struct rows *rows, const char *node, struct ndrv_error *err);
const struct ndrv_tables_ops *rows_ops(struct rows *rows);
struct tables *rows_tables(struct rows *rows);
/* Drivers are told from now on. */
void rows_attach(struct rows *rows, struct dispatch *dispatch);
/* Nobody is told any more. */
void rows_stop(struct rows *rows);
void rows_free(struct rows *rows);
/* A type got or lost its server. */
void rows_type_changed(struct rows *rows, const struct driver_type *type, const struct instance *instance);

/* --- what records do; all under the network's turn; nothing where there are no tables --- */

/* Before its driver is called. */
int rows_open_network(struct dispatch *dispatch, const struct network *network, struct ndrv_error *err);
void rows_close_network(struct dispatch *dispatch, const struct network *network);
/* What join said; without effect for a driver of local scope. */
int rows_publish(struct dispatch *dispatch, const struct endpoint *endpoint, const struct join_result *result,
		 struct ndrv_error *err);
void rows_withdraw(struct dispatch *dispatch, const struct endpoint *endpoint);
/* After a start: what its endpoints published is right until they leave; then: all networks have been looked at. */
void rows_confirm_network(struct dispatch *dispatch, struct network *network);
void rows_settle(struct dispatch *dispatch);

/* NULL: there are none. */
struct tables *tables_of(struct dispatch *dispatch);

/* For status. */
void rows_describe(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *map);
/* "peers": the nodes that have rows in a network, where there are any. */
void rows_describe_peers(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *map, const char *nid);

#endif
