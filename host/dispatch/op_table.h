/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations and the one place where requests are checked against it. */
#ifndef HOST_DISPATCH_OP_TABLE_H
#define HOST_DISPATCH_OP_TABLE_H

#include "host/dispatch/request.h"
#include "host/plugin/registry.h"
#include "host/state/record.h"

struct config;
struct job;

enum {
	OP_DRIVER = 1u << 0,	    /* request->type names a driver that must be there */
	OP_NETWORK = 1u << 1,	    /* request->network must exist; the op runs with its turn */
	OP_ENDPOINT = 1u << 2,	    /* request->endpoint must exist on it */
	OP_BY_NAME = 1u << 3,	    /* both may be names or the beginning of an id */
	OP_NEW_ENDPOINT = 1u << 4,  /* request->endpoint is the id of one to be made (may be NULL for composites) */
	OP_MUTATES = 1u << 5,	    /* changes something: logged at info */
	OP_GLOBAL = 1u << 6,	    /* only drivers of global scope */
	OP_OPTIONAL = 1u << 7,	    /* a driver without the op is skipped, not refused */
	OP_ORPHAN_OK = 1u << 8,	    /* may run on a network whose driver is not loaded */
	OP_UPPER = 1u << 9,	    /* served by a layer above through dispatch_set_extra() */
	OP_UNKNOWN_FINE = 1u << 10, /* the handler itself looks the network up (lists with filters) */
	OP_DELETES = 1u << 11,	    /* what is late is completed, not undone */
	OP_DRY = 1u << 12,	    /* can say what it would do */
};

#define OP_NO_SLOT 255u

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which the table's rows are read */
struct op {
	enum request_op op;
	const char *name;
	uint32_t flags;
	uint32_t role; /* enum role */
	uint32_t slot; /* OPS_SLOT() of the driver op it needs, OP_NO_SLOT: none */
	const char *help;
	int (*run)(struct job *job);
};

const struct op *op_of(enum request_op op); /* NULL: no such operation */

/* Before any look-up: the caller's role, what is needed is there and well-formed. */
int op_check_request(const struct op *op, const struct request *request, struct ndrv_error *err);
/* Once it is known which driver type would serve it: the config's `deny:` list, the scope, the op itself. `instance` NULL: an
 * orphan, NO_DRIVER unless the op can do without. */
int op_check_driver(const struct op *op, const struct config *config, const char *type, const struct instance *instance,
		    struct ndrv_error *err);
/* Under the turn: the endpoint. `ret` is untouched for ops without one. */
int op_check_endpoint(const struct op *op, const struct request *request, struct network *network, struct endpoint **ret,
		      struct ndrv_error *err);

#endif
