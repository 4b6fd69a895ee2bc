/* SPDX-License-Identifier: Apache-2.0 */
/* Watching rows and nodes, for fronts: table.h's watches, with networks by id or name. */
#ifndef HOST_DISPATCH_WATCHING_H
#define HOST_DISPATCH_WATCHING_H

#include "host/dispatch/dispatch.h"
#include "host/table/table.h"

/* Of request: network (NULL: all, and the nodes), table, owner, since. `wake` as in struct watch_options. */
int dispatch_watch(struct dispatch *dispatch, const struct request *request, void (*wake)(void *data), void *data,
		   struct table_watch **ret, struct ndrv_error *err);

#endif
