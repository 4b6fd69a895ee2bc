# SPDX-License-Identifier: Apache-2.0
# Records, their store, and the address pools. May include <ndrv/*>, host/base, host/config and host/state.
host_libhost_a_SOURCES += \
	%D%/record.c %D%/endpoint.c %D%/record.h \
	%D%/store.h \
	%D%/addrset.c %D%/addrset.h \
	%D%/pool.c %D%/pool.h \
	%D%/ipam.c %D%/ipam.h
