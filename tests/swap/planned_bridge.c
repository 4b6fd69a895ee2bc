/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge driver as it is, but that it refuses to take over where the file that SWAPDRV_PLAN names says so: "prepare", or at the
 * N-th record by "adopt N". */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/driver.h>

static struct ndrv_ops planned_ops;
static const struct ndrv_ops *real_ops;
static int refuse_adopt;
static _Atomic int adopted;

static int planned_prepare(void *self, struct ndrv_call *call, const struct ndrv_blob *from)
{
	const char *path = getenv("SWAPDRV_PLAN");
	FILE *plan = path ? fopen(path, "r") : NULL;
	char step[16] = "";
	int number = 0;

	(void)self, (void)from;
	if (plan)
		(void)(fscanf(plan, "%15s %d", step, &number) + fclose(plan));
	refuse_adopt = strcmp(step, "adopt") == 0 ? number : 0;
	atomic_store(&adopted, 0);
	return strcmp(step, "prepare") == 0 ? ndrv_fail(call->err, NDRV_E_FORBIDDEN, "the plan says no") : 0;
}

static int planned_adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 const struct ndrv_blob *blob)
{
	if (refuse_adopt && atomic_fetch_add(&adopted, 1) + 1 >= refuse_adopt)
		return ndrv_fail(call->err, NDRV_E_FORBIDDEN, "the plan says no");
	return real_ops->adopt(self, call, network, endpoint, blob);
}

static int planned_register(const struct ndrv_host *host, const struct ndrv_note *note, const struct ndrv_ops *ops,
			    ndrv_driver_open open, struct ndrv_error *err)
{
	real_ops = ops;
	planned_ops = *ops;
	planned_ops.prepare = planned_prepare;
	planned_ops.adopt = planned_adopt;
	return ndrv_driver_register(host, note, &planned_ops, open, err);
}

#define ndrv_driver_register(host, note, ops, open, err) planned_register(host, note, ops, open, err)
#include "drivers/bridge/bridge.c" /* NOLINT(bugprone-suspicious-include) */
