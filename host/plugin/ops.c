/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/ops.h"

#include <string.h>

/* No driver is compiled with a table larger than this within major 1; more is a wild number. */
#define OPS_BYTES_MAX 4096u
#define OPS_FIRST ((uint32_t)offsetof(struct ndrv_ops, network_allocate))

_Static_assert(OPS_COUNT <= 64, "`has` is one word");

static int missing(struct ndrv_call *call, const char *op)
{
	return ndrv_wrap(call->err, ndrv_fail_object(call->err, NDRV_E_NOT_IMPLEMENTED, NULL), "%s", op);
}

/* X(op, arguments after self and call) for all that answer an error code. */
#define OPS_WITH_CALL(X)                                                                                                       \
	X(network_allocate, const char *nid, const struct ndrv_value *options, const struct ndrv_ipam_list *ipv4,              \
	  const struct ndrv_ipam_list *ipv6, struct ndrv_value *ret_options)                                                   \
	X(network_free, const char *nid)                                                                                       \
	X(network_create, struct ndrv_network *network)                                                                        \
	X(network_delete, struct ndrv_network *network)                                                                        \
	X(endpoint_create, struct ndrv_network *network, struct ndrv_endpoint *endpoint, struct ndrv_ifinfo *ifinfo,           \
	  const struct ndrv_value *options)                                                                                    \
	X(endpoint_delete, struct ndrv_network *network, struct ndrv_endpoint *endpoint)                                       \
	X(endpoint_info, struct ndrv_network *network, struct ndrv_endpoint *endpoint, struct ndrv_value *ret_info)            \
	X(join, struct ndrv_network *network, struct ndrv_endpoint *endpoint, const char *sandbox_key, struct ndrv_join *join, \
	  const struct ndrv_value *endpoint_options, const struct ndrv_value *sandbox_options)                                 \
	X(leave, struct ndrv_network *network, struct ndrv_endpoint *endpoint)                                                 \
	X(program_external, struct ndrv_network *network, struct ndrv_endpoint *endpoint,                                      \
	  const struct ndrv_gateway_state *gateways, const struct ndrv_value *options)                                         \
	X(revoke_external, struct ndrv_network *network, struct ndrv_endpoint *endpoint)                                       \
	X(event_notify, struct ndrv_network *network, const struct ndrv_table_batch *batch)                                    \
	X(discover_new, const struct ndrv_discovery *discovery)                                                                \
	X(discover_delete, const struct ndrv_discovery *discovery)                                                             \
	X(decode_table_entry, const char *table, const char *key, const void *value, size_t bytes, const char **ret_object_id, \
	  struct ndrv_value *ret_info)                                                                                         \
	X(gw_alloc_check, const struct ndrv_value *options, uint32_t *ret_skip)                                                \
	X(ipv6_release, struct ndrv_network *network, struct ndrv_endpoint *endpoint)                                          \
	X(configure, const struct ndrv_value *config)                                                                          \
	X(prepare, const struct ndrv_blob *from)                                                                               \
	X(adopt, struct ndrv_network *network, struct ndrv_endpoint *endpoint, const struct ndrv_blob *blob)                   \
	X(export_state, struct ndrv_network *network, struct ndrv_endpoint *endpoint, uint32_t schema_version,                 \
	  struct ndrv_blob *ret)

#define OPS_OTHER(X) X(commit) X(abort) X(health) X(release) X(destroy) X(options)

/* A stub takes its arguments only to have the op's type. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
/* NOLINTBEGIN(misc-unused-parameters) */

#define STUB(op, ...)                                                         \
	static int stub_##op(void *self, struct ndrv_call *call, __VA_ARGS__) \
	{                                                                     \
		return missing(call, #op);                                    \
	}
OPS_WITH_CALL(STUB)
#undef STUB

static int stub_health(void *self, struct ndrv_call *call)
{
	return missing(call, "health");
}

static void stub_commit(void *self, struct ndrv_call *call)
{
}

static void stub_abort(void *self, struct ndrv_call *call)
{
}

static void stub_release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
}

static void stub_destroy(void *self)
{
}

static int stub_options(void *self, uint32_t which, struct ndrv_option_list *ret)
{
	*ret = (struct ndrv_option_list){.element_size = sizeof(struct ndrv_option)};
	return -NDRV_E_NOT_IMPLEMENTED;
}

/* NOLINTEND(misc-unused-parameters) */
#pragma GCC diagnostic pop

#define SET(op, ...) .op = stub_##op,
static const struct ndrv_ops stubs = {.size = sizeof(struct ndrv_ops), OPS_WITH_CALL(SET) OPS_OTHER(SET)};
#undef SET

#define NAME(op, ...) [OPS_SLOT(op)] = #op,
static const char *const names[OPS_COUNT] = {OPS_WITH_CALL(NAME) OPS_OTHER(NAME)};
#undef NAME

const char *ops_name(uint32_t slot)
{
	return slot < OPS_COUNT ? names[slot] : NULL;
}

int ops_normalise(const struct ndrv_ops *from, struct ndrv_ops *into, uint64_t *has, struct ndrv_error *err)
{
	const size_t pointer = sizeof(void (*)(void));
	if (!from)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "registers without a table of ops");
	uint32_t size = from->size;
	if (size < OPS_FIRST + pointer || size > OPS_BYTES_MAX || (size - OPS_FIRST) % pointer != 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "registers a table of ops of %u bytes, which no version of it has", size);
	*into = stubs;
	*has = 0;
	for (uint32_t slot = 0; slot < OPS_COUNT && OPS_FIRST + (slot + 1) * pointer <= size; slot++) {
		const char *theirs = (const char *)from + OPS_FIRST + slot * pointer;
		void (*op)(void);
		memcpy(&op, theirs, pointer);
		if (!op)
			continue;
		memcpy((char *)into + OPS_FIRST + slot * pointer, &op, pointer);
		*has |= UINT64_C(1) << slot;
	}
	return 0;
}
