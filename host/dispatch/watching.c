/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/watching.h"

#include <stdio.h>

#include "host/dispatch/rows.h"

int dispatch_watch(struct dispatch *dispatch, const struct request *request, void (*wake)(void *data), void *data,
		   struct table_watch **ret, struct ndrv_error *err)
{
	struct tables *tables = tables_of(dispatch);
	struct watch_options options = {
		.table = request->table, .owner = request->owner, .since = request->since, .wake = wake, .data = data};
	char nid[NDRV_ID_MAX + 1];

	if (!tables)
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "this host has no tables");
	if (request->network) {
		struct network *network;
		int rc = records_resolve(dispatch->parts.records, request->network, &network, err);
		if (rc)
			return rc;
		(void)snprintf(nid, sizeof(nid), "%s", network->view.id);
		network_unref(network);
		options.nid = nid;
	}
	return tables_watch(tables, &options, ret, err);
}
