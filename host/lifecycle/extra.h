/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that the dispatcher hands up: about driver files and the host itself. */
#ifndef HOST_LIFECYCLE_EXTRA_H
#define HOST_LIFECYCLE_EXTRA_H

#include "host/dispatch/dispatch.h"

/* A dispatch_extra; `data` is the struct host. */
int extra_serve(void *data, struct request *request, struct reply *reply);

#endif
