/* SPDX-License-Identifier: Apache-2.0 */
/* A driver built against an older, shorter struct ndrv_ops, for tests of the loader: its table ends after endpoint_delete, and
 * every slot behind that end kills the process, so that a host that looks too far is caught. short.c is such a driver, built as
 * tests/abi/.libs/short.so (type "short"). */
#ifndef TESTS_ABI_SHORT_OPS_H
#define TESTS_ABI_SHORT_OPS_H

#include <ndrv/driver.h>

/* For .size of the ops and .ops_size of the note. */
#define SHORT_OPS_SIZE ((uint32_t)offsetof(struct ndrv_ops, endpoint_info))

static void NDRV_UNUSED short_ops_trap(void)
{
	__builtin_trap();
}

#define SHORT_OPS_TRAP(member) .member = (__typeof__(((struct ndrv_ops *)0)->member))short_ops_trap

/* Initialisers of every slot that is not there. */
#define SHORT_OPS_TRAPS                                                                                                  \
	SHORT_OPS_TRAP(endpoint_info), SHORT_OPS_TRAP(join), SHORT_OPS_TRAP(leave), SHORT_OPS_TRAP(program_external),    \
		SHORT_OPS_TRAP(revoke_external), SHORT_OPS_TRAP(event_notify), SHORT_OPS_TRAP(discover_new),             \
		SHORT_OPS_TRAP(discover_delete), SHORT_OPS_TRAP(decode_table_entry), SHORT_OPS_TRAP(gw_alloc_check),     \
		SHORT_OPS_TRAP(ipv6_release), SHORT_OPS_TRAP(configure), SHORT_OPS_TRAP(prepare), SHORT_OPS_TRAP(adopt), \
		SHORT_OPS_TRAP(export_state), SHORT_OPS_TRAP(commit), SHORT_OPS_TRAP(abort), SHORT_OPS_TRAP(health),     \
		SHORT_OPS_TRAP(release), SHORT_OPS_TRAP(destroy), SHORT_OPS_TRAP(options)

#endif
