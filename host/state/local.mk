# SPDX-License-Identifier: Apache-2.0
# Records, their store, and the address pools. May include <ndrv/*>, host/base, host/config and host/state.
host_libhost_a_SOURCES += \
	%D%/record.c %D%/endpoint.c %D%/record.h \
	%D%/store.c %D%/load.c %D%/driver_key.c %D%/driver_value.c %D%/text_rows.c %D%/rows.c %D%/schema.c %D%/identity.c %D%/probe.c %D%/store.h %D%/store_internal.h \
	%D%/db.c %D%/recover.c %D%/wal.c %D%/db.h \
	%D%/files.c %D%/files.h \
	%D%/codec.c %D%/decode.c %D%/codec.h \
	%D%/json.c %D%/json_out.c %D%/json.h \
	%D%/crc32c.c %D%/crc32c.h \
	%D%/addrset.c %D%/addrset.h \
	%D%/pool.c %D%/pool.h \
	%D%/ipam.c %D%/ipam.h
