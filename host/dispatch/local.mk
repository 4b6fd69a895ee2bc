# SPDX-License-Identifier: Apache-2.0
# From a request to a driver and back. May include <ndrv/*>, host/base, config, plugin, state, sandbox, nat, table and host/dispatch.
host_libhost_a_SOURCES += \
	%D%/request.h \
	%D%/dispatch.h
