# SPDX-License-Identifier: Apache-2.0
# From a request to a driver and back. May include <ndrv/*>, host/base, config, plugin, state, sandbox, nat, table and host/dispatch.
host_libhost_a_SOURCES += \
	%D%/allocation.c %D%/allocation.h \
	%D%/attempt.c %D%/attempt.h \
	%D%/call.c %D%/call.h \
	%D%/core.h \
	%D%/digest.c %D%/record_io.h \
	%D%/direct.c \
	%D%/dispatch.c %D%/dispatch.h \
	%D%/emptying.c %D%/emptying.h \
	%D%/events.c \
	%D%/executor.c %D%/executor.h \
	%D%/frames.c %D%/frames.h \
	%D%/gate.c %D%/gate.h \
	%D%/handlers.h \
	%D%/handles.c %D%/handles.h \
	%D%/handles_ifinfo.c \
	%D%/external.c \
	%D%/handles_join.c \
	%D%/idle.c \
	%D%/inspect.c %D%/inspect.h \
	%D%/job.c %D%/job.h \
	%D%/lease.c \
	%D%/lease_endpoint.c \
	%D%/mend.c %D%/mend.h \
	%D%/metrics.c \
	%D%/nat_service.c %D%/nat_service.h \
	%D%/op_connect.c \
	%D%/op_driver.c \
	%D%/op_endpoint.c \
	%D%/op_join.c \
	%D%/op_network.c \
	%D%/op_pool.c \
	%D%/op_table.c %D%/op_table.h \
	%D%/pools.c %D%/pools.h %D%/pools_held.c %D%/pools_held.h %D%/pools_users.c %D%/pools_stale.c \
	%D%/pools.c %D%/pools.h %D%/pools_held.c %D%/pools_held.h %D%/pools_users.c \
	%D%/owed.c %D%/owed.h \
	%D%/plugging.c %D%/plugging.h \
	%D%/op_prune.c %D%/recover.c %D%/recovering.c %D%/recovering.h %D%/reconcile.c %D%/reconcile.h \
	%D%/request.c %D%/request.h \
	%D%/op_rows.c \
	%D%/rows.c %D%/rows.h \
	%D%/sandboxes.c %D%/sandboxes.h \
	%D%/services.c %D%/services.h \
	%D%/status.c \
	%D%/steps.h \
	%D%/strand.c %D%/strand.h \
	%D%/tear.c \
	%D%/timers.c %D%/timers.h \
	%D%/transfer.c %D%/transfer.h \
	%D%/transfer_adopt.c %D%/transfer_check.c %D%/transfer_parts.h %D%/transfer_watch.c \
	%D%/twin.c %D%/twin.h \
	%D%/unserved.c %D%/unserved.h \
	%D%/values.c \
	%D%/watching.c %D%/watching.h
