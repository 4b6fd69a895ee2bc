/* SPDX-License-Identifier: Apache-2.0 */
/* One host of an instance in one network namespace: two would take each other's links and routes for strays. The claim is an
 * abstract unix socket, which belongs to the namespace and goes with the process that holds it, however it ends. */
#ifndef HOST_LIFECYCLE_CLAIM_H
#define HOST_LIFECYCLE_CLAIM_H

#include <ndrv/error.h>

#define CLAIM_DOOR "@instance" /* its name in the hand-over */

/* `left`: what the former program handed over, or -1; it is taken over or closed. FORBIDDEN naming the pid of the host that runs
 * already. A stranger without our rights who holds the name is logged and not heard. `ret`: -1 then. */
int claim_instance(const char *instance, int left, int *ret, struct ndrv_error *err);

#endif
