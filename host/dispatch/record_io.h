/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers do to records beyond their fields: making them from requests, leasing their addresses, writing them down. */
#ifndef HOST_DISPATCH_RECORD_IO_H
#define HOST_DISPATCH_RECORD_IO_H

#include "host/dispatch/core.h"

#define ID_DIGITS 64
#define POOLS_MAX 32u

/* 64 random hexadecimal digits and a NUL. */
int id_generate(char *ret, struct ndrv_error *err);

/* What makes two requests the same one: over type, flags, options and pools as asked for. */
void digest_network(const struct request *request, uint8_t *ret);
/* Over name, addresses, MAC, options and (connect) the sandbox as asked for. */
void digest_endpoint(const struct request *request, uint8_t *ret);

/* Writes the record as it is; 0 where there is no store. */
int keep_network(struct dispatch *dispatch, const struct network *network, struct ndrv_error *err);
int keep_endpoint(struct dispatch *dispatch, const struct endpoint *endpoint, struct ndrv_error *err);
/* Failing to take a row away is only logged, and done later (mend.h). */
void forget_network(struct dispatch *dispatch, const char *id);
void forget_endpoint(struct dispatch *dispatch, const char *nid, const char *eid);

/* The record of the network that is asked for, without pools, in no map yet. */
int network_build(struct dispatch *dispatch, const struct request *request, struct network **ret, struct ndrv_error *err);
/* Its pools, gateways and aux addresses; on failure none are leased. `skip`: NDRV_SKIP_GATEWAY... */
int network_lease(struct dispatch *dispatch, const struct request *request, const struct instance *instance,
		  struct network *network, uint32_t skip, struct ndrv_error *err);
/* One pool of the allocator: what is asked for if it may be one, or an automatic one that no route of the host is in. */
int lease_request_pool(struct dispatch *dispatch, const struct pool_wish *wish, struct ipam_pool **ret, struct ndrv_error *err);
void network_release(struct dispatch *dispatch, struct network *network);
/* The same leases once more, of a record from disk. */
int network_lease_again(struct dispatch *dispatch, struct network *network, struct ndrv_error *err);

/* The addresses that are asked for, or free ones; fills endpoint->view.address, address6, lease4, lease6. On failure none are
 * leased. */
int endpoint_lease(struct dispatch *dispatch, const struct request *request, struct endpoint *endpoint, struct ndrv_error *err);
void endpoint_release(struct dispatch *dispatch, struct endpoint *endpoint);
int endpoint_lease_again(struct dispatch *dispatch, struct endpoint *endpoint, struct ndrv_error *err);

#endif
