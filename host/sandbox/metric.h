/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a sandbox's networks has the default route. All that bring a gateway get one, told apart by their metrics, so that the
 * kernel itself takes the next when an interface goes: nobody has to notice, and no packet finds no way meanwhile. libnetwork,
 * which gives a sandbox one default route, moves it (libnetwork.md §1.2). */
#ifndef HOST_SANDBOX_METRIC_H
#define HOST_SANDBOX_METRIC_H

#include "host/sandbox/sandbox.h"

/* For a default route of a network with this priority, higher ones first, and of one priority those that came first; behind every
 * route of another hand (a protocol other than `protocol`): that one the sandbox has for a reason. `family`: 4 or 6. */
int metric_pick(struct sandbox *sandbox, int family, int priority, uint32_t protocol, uint32_t *ret, struct ndrv_error *err);

#endif
