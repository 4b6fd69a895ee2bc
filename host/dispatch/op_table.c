/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations. Everything that is true of an operation whatever its arguments stands here and nowhere else: names
 * (logs, metrics, deny lists, help), what must exist, who may ask, what a driver without the op means. */
#include "host/dispatch/op_table.h"

#include <string.h>

#include "host/config/config.h"
#include "host/dispatch/handlers.h"

#define ON_NETWORK (OP_NETWORK)
#define ON_ENDPOINT (OP_NETWORK | OP_ENDPOINT)

/* clang-format off */
#define ROW(op_, flags_, role_, slot_, run_, help_) \
	[REQ_##op_] = {REQ_##op_, NULL, (flags_), (role_), (slot_), (help_), (run_)}
#define SLOT(op_) OPS_SLOT(op_)
#define NONE OP_NO_SLOT

static struct op table[REQ_COUNT] = {
	ROW(NETWORK_ALLOCATE, OP_DRIVER | OP_MUTATES | OP_GLOBAL, ROLE_OPERATE, SLOT(network_allocate), run_network_allocate,
	    "reserve what a network needs cluster-wide, and return the options every node gets"),
	ROW(NETWORK_FREE, OP_DRIVER | OP_MUTATES | OP_GLOBAL | OP_DELETES, ROLE_OPERATE, SLOT(network_free), run_network_free,
	    "give back what network_allocate reserved"),
	ROW(NETWORK_CREATE, OP_DRIVER | OP_MUTATES | OP_DRY, ROLE_OPERATE, SLOT(network_create), run_network_create,
	    "make a network"),
	ROW(NETWORK_DELETE, ON_NETWORK | OP_BY_NAME | OP_MUTATES | OP_ORPHAN_OK | OP_OPTIONAL | OP_DELETES, ROLE_OPERATE,
	    SLOT(network_delete), run_network_delete, "delete a network without endpoints, or with them by force"),
	ROW(ENDPOINT_CREATE, ON_NETWORK | OP_NEW_ENDPOINT | OP_MUTATES, ROLE_OPERATE, SLOT(endpoint_create), run_endpoint_create,
	    "make an endpoint on a network"),
	ROW(ENDPOINT_DELETE, ON_ENDPOINT | OP_MUTATES | OP_OPTIONAL | OP_DELETES, ROLE_OPERATE, SLOT(endpoint_delete),
	    run_endpoint_delete, "delete an endpoint, which leaves its sandbox first"),
	ROW(ENDPOINT_INFO, ON_ENDPOINT, ROLE_OPERATE, SLOT(endpoint_info), run_endpoint_info,
	    "ask the driver what it knows of an endpoint"),
	ROW(JOIN, ON_ENDPOINT | OP_MUTATES, ROLE_OPERATE, SLOT(join), run_join,
	    "attach an endpoint to a sandbox that the caller plugs"),
	ROW(LEAVE, ON_ENDPOINT | OP_MUTATES | OP_OPTIONAL | OP_DELETES, ROLE_OPERATE, SLOT(leave), run_leave,
	    "detach an endpoint from its sandbox"),
	ROW(PROGRAM_EXTERNAL, ON_ENDPOINT | OP_MUTATES | OP_OPTIONAL, ROLE_OPERATE, SLOT(program_external), run_program_external,
	    "publish an endpoint's ports"),
	ROW(REVOKE_EXTERNAL, ON_ENDPOINT | OP_MUTATES | OP_OPTIONAL | OP_DELETES, ROLE_OPERATE, SLOT(revoke_external),
	    run_revoke_external, "take an endpoint's published ports back"),
	ROW(EVENT_NOTIFY, ON_NETWORK | OP_MUTATES | OP_OPTIONAL | OP_GLOBAL, ROLE_ADMIN, SLOT(event_notify), run_event_notify,
	    "tell a driver of changed table rows"),
	ROW(DISCOVER_NEW, OP_DRIVER | OP_MUTATES | OP_OPTIONAL, ROLE_ADMIN, SLOT(discover_new), run_discover_new,
	    "tell a driver of a node or of keys"),
	ROW(DISCOVER_DELETE, OP_DRIVER | OP_MUTATES | OP_OPTIONAL | OP_DELETES, ROLE_ADMIN, SLOT(discover_delete),
	    run_discover_delete, "tell a driver that a node or keys are gone"),
	ROW(DECODE_TABLE_ENTRY, ON_NETWORK, ROLE_OPERATE, SLOT(decode_table_entry), run_decode_table_entry,
	    "let a driver explain a table row"),
	ROW(GW_ALLOC_CHECK, OP_DRIVER, ROLE_OPERATE, SLOT(gw_alloc_check), run_gw_alloc_check,
	    "ask which gateways a network with these options does not need"),
	ROW(IPV6_RELEASE, ON_ENDPOINT | OP_MUTATES, ROLE_OPERATE, SLOT(ipv6_release), run_ipv6_release,
	    "drop an endpoint's IPv6 side"),
	ROW(HEALTH, OP_DRIVER | OP_OPTIONAL, ROLE_OPERATE, SLOT(health), run_health, "ask a driver whether it is well"),

	ROW(CONNECT, ON_NETWORK | OP_BY_NAME | OP_NEW_ENDPOINT | OP_MUTATES, ROLE_OPERATE, SLOT(endpoint_create), run_connect,
	    "make an endpoint and plug it into a network namespace"),
	ROW(DISCONNECT, ON_ENDPOINT | OP_BY_NAME | OP_MUTATES | OP_OPTIONAL | OP_DELETES, ROLE_OPERATE, SLOT(endpoint_delete),
	    run_disconnect, "unplug an endpoint and delete it"),
	ROW(NETWORK_LIST, 0, ROLE_OPERATE, NONE, run_network_list, "list networks"),
	ROW(NETWORK_INSPECT, OP_UNKNOWN_FINE, ROLE_OPERATE, NONE, run_network_inspect, "show all of a network"),
	ROW(NETWORK_PRUNE, OP_MUTATES | OP_DRY, ROLE_OPERATE, NONE, run_network_prune,
	    "delete what is stale: dead endpoints, empty networks, stray links"),
	ROW(ENDPOINT_LIST, 0, ROLE_OPERATE, NONE, run_endpoint_list, "list endpoints"),
	ROW(ENDPOINT_INSPECT, ON_ENDPOINT | OP_BY_NAME | OP_ORPHAN_OK, ROLE_OPERATE, NONE, run_endpoint_inspect,
	    "show all of an endpoint"),
	ROW(DRIVER_LIST, 0, ROLE_OPERATE, NONE, run_driver_list, "list driver types"),
	ROW(DRIVER_INSPECT, OP_UPPER, ROLE_OPERATE, NONE, NULL, "show all of a driver"),
	ROW(DRIVER_LOAD, OP_UPPER | OP_MUTATES, ROLE_ADMIN, NONE, NULL, "load a driver file"),
	ROW(DRIVER_UNLOAD, OP_UPPER | OP_MUTATES, ROLE_ADMIN, NONE, NULL, "unload a driver without networks"),
	ROW(DRIVER_SWAP, OP_UPPER | OP_MUTATES | OP_DRY, ROLE_ADMIN, NONE, NULL, "replace a driver while its networks run"),
	ROW(DRIVER_ROLLBACK, OP_UPPER | OP_MUTATES, ROLE_ADMIN, NONE, NULL, "put the driver that was replaced back"),
	ROW(STATUS, 0, ROLE_OPERATE, NONE, run_status, "show how the host is"),
	ROW(METRICS, 0, ROLE_OPERATE, NONE, run_metrics, "counters in Prometheus' text format"),
	ROW(RELOAD, OP_UPPER | OP_MUTATES, ROLE_ADMIN, NONE, NULL, "read the configuration again"),
	ROW(REEXEC, OP_UPPER | OP_MUTATES | OP_DRY, ROLE_ADMIN, NONE, NULL, "let another ndrvd program take over in place"),
	ROW(TABLE_LIST, 0, ROLE_OPERATE, NONE, run_table_list, "list tables, and how far their drivers are"),
	ROW(TABLE_GET, OP_UNKNOWN_FINE, ROLE_OPERATE, NONE, run_table_get, "show a row of a table"),
	ROW(TABLE_WRITE, OP_UNKNOWN_FINE | OP_MUTATES, ROLE_ADMIN, NONE, run_table_write, "write rows of other nodes"),
	ROW(NODE_LIST, 0, ROLE_OPERATE, NONE, run_node_list, "list the nodes that share tables"),
	ROW(NODE_ADD, OP_MUTATES, ROLE_ADMIN, NONE, run_node_add, "tell drivers of a node"),
	ROW(NODE_REMOVE, OP_MUTATES | OP_DELETES, ROLE_ADMIN, NONE, run_node_remove,
	    "tell drivers that a node is gone, and its rows"),
	ROW(POOL_LIST, 0, ROLE_OPERATE, NONE, run_pool_list, "list the address pools that platforms hold"),
	ROW(POOL_REQUEST, OP_MUTATES, ROLE_OPERATE, NONE, run_pool_request, "lease an address pool for a platform"),
	ROW(POOL_RELEASE, OP_MUTATES | OP_DELETES, ROLE_OPERATE, NONE, run_pool_release, "give a platform's pool back"),
	ROW(ADDRESS_REQUEST, OP_MUTATES, ROLE_OPERATE, NONE, run_address_request, "lease an address of a platform's pool"),
	ROW(ADDRESS_RELEASE, OP_MUTATES | OP_DELETES, ROLE_OPERATE, NONE, run_address_release,
	    "give an address of a platform's pool back"),
};
/* clang-format on */

static void __attribute__((constructor)) name_ops(void)
{
	for (uint32_t op = 0; op < REQ_COUNT; op++)
		table[op].name = request_op_name((enum request_op)op);
}

const struct op *op_of(enum request_op op)
{
	return (uint32_t)op < REQ_COUNT ? &table[op] : NULL;
}

static int missing(const struct op *op, const char *what, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s needs %s", op->name, what);
}

int op_check_request(const struct op *op, const struct request *request, struct ndrv_error *err)
{
	bool by_name = op->flags & OP_BY_NAME;
	int rc = 0;

	if (request->caller.role < op->role)
		return ndrv_fail_object(err, NDRV_E_PERMISSION, op->name);
	if (request->dry_run && (op->flags & OP_MUTATES) && !(op->flags & OP_DRY))
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "%s cannot be tried without being done", op->name);
	if ((op->flags & OP_DRIVER) && (!request->type || !request->type[0]))
		return missing(op, "a network type", err);
	if (op->flags & (OP_NETWORK | OP_UNKNOWN_FINE)) {
		if (!request->network || !request->network[0])
			return missing(op, by_name ? "a network's id or name" : "a network's id", err);
		rc = ndrv_id_check("network id", request->network, err);
	}
	if (!rc && (op->flags & OP_ENDPOINT) && (!request->endpoint || !request->endpoint[0]))
		return missing(op, by_name ? "an endpoint's id or name" : "an endpoint's id", err);
	if (!rc && (op->flags & OP_NEW_ENDPOINT) && !by_name && (!request->endpoint || !request->endpoint[0]))
		return missing(op, "an endpoint's id", err);
	if (!rc && (op->flags & (OP_ENDPOINT | OP_NEW_ENDPOINT)) && request->endpoint)
		rc = ndrv_id_check("endpoint id", request->endpoint, err);
	return rc;
}

static int check_denied(const struct op *op, const struct config *config, const char *type, struct ndrv_error *err)
{
	for (uint32_t i = 0; config && i < config->deny_count; i++) {
		const struct config_deny *deny = &config->deny[i];
		if (strcmp(deny->op, op->name) != 0 || (deny->type && (!type || strcmp(deny->type, type) != 0)))
			continue;
		return ndrv_fail(err, NDRV_E_DENIED, "%s%s%s is denied by the configuration (%s)", op->name,
				 deny->type ? " for type " : "", deny->type ? deny->type : "", deny->at ? deny->at : "deny");
	}
	return 0;
}

int op_check_driver(const struct op *op, const struct config *config, const char *type, const struct instance *instance,
		    struct ndrv_error *err)
{
	int rc = check_denied(op, config, type, err);

	if (rc || op->slot == OP_NO_SLOT)
		return rc;
	if (!instance)
		return op->flags & OP_ORPHAN_OK
			       ? 0
			       : ndrv_fail(err, NDRV_E_NO_DRIVER,
					   "unknown driver \"%s\": the network is kept, load its driver to use it", type);
	if ((op->flags & OP_GLOBAL) && instance->capability.data_scope != NDRV_SCOPE_GLOBAL)
		return ndrv_fail(err, NDRV_E_SCOPE, "%s is not allowed for driver \"%s\", whose scope is local", op->name, type);
	if (!(op->flags & OP_OPTIONAL) && !((instance->has >> op->slot) & 1u))
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "The API is not implemented yet: driver \"%s\" has no %s", type,
				 ops_name(op->slot));
	return 0;
}

int op_check_endpoint(const struct op *op, const struct request *request, struct network *network, struct endpoint **ret,
		      struct ndrv_error *err)
{
	if (!(op->flags & OP_ENDPOINT))
		return 0;
	struct endpoint *endpoint = network_endpoint(network, request->endpoint);
	if (!endpoint && (op->flags & OP_BY_NAME))
		endpoint = network_endpoint_named(network, request->endpoint);
	if (!endpoint)
		return ndrv_fail_object(err, NDRV_E_NO_ENDPOINT, request->endpoint);
	*ret = endpoint;
	return 0;
}
