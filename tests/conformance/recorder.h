/* SPDX-License-Identifier: Apache-2.0 */
/* Between the recording driver and who loads it: host->extension(RECORDER_EXTENSION) is a struct recorder. The driver hands every
 * call with all its arguments to recorder->call and returns what that says, so that a test decides, in its own code, what the
 * driver does. */
#ifndef TESTS_CONFORMANCE_RECORDER_H
#define TESTS_CONFORMANCE_RECORDER_H

#include <ndrv/driver.h>

#define RECORDER_EXTENSION "test/recorder/1"

/* One call. What an op does not have is NULL. */
struct recorded {
	const char *op;
	void *self;
	struct ndrv_call *call;
	struct ndrv_network *network;
	struct ndrv_endpoint *endpoint;
	const char *nid; /* network_allocate, network_free */
	struct ndrv_ifinfo *ifinfo;
	struct ndrv_join *join;
	const char *sandbox_key;
	const struct ndrv_value *options; /* endpoint_create, join (endpoint), allocate, gw_alloc_check, program, configure */
	const struct ndrv_value *sandbox_options; /* join */
	const struct ndrv_ipam_list *ipv4, *ipv6; /* network_allocate */
	const struct ndrv_gateway_state *gateways;
	const struct ndrv_table_batch *batch;
	const struct ndrv_discovery *discovery;
	const struct ndrv_blob *blob;
	const char *table, *key;
	const void *value;
	size_t bytes;
	struct ndrv_value *ret_value; /* network_allocate, endpoint_info, decode_table_entry */
	const char **ret_object;
	uint32_t *ret_skip;
};

struct recorder {
	int (*call)(struct recorder *recorder, struct recorded *recorded);
	const struct ndrv_host *host;				  /* of the driver opened last */
	void (*destroyed)(struct recorder *recorder, void *self); /* may be NULL */
};

#endif
