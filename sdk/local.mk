# SPDX-License-Identifier: Apache-2.0
# What a vendor compiles against. libndrv.a is PIC and is linked, hidden, into each driver.
ndrvincludedir = $(includedir)/ndrv
ndrvinclude_HEADERS = \
	%D%/include/ndrv/version.h \
	%D%/include/ndrv/error.h \
	%D%/include/ndrv/value.h \
	%D%/include/ndrv/types.h \
	%D%/include/ndrv/call.h \
	%D%/include/ndrv/network.h \
	%D%/include/ndrv/table.h \
	%D%/include/ndrv/nat.h \
	%D%/include/ndrv/host.h \
	%D%/include/ndrv/options.h \
	%D%/include/ndrv/driver.h

noinst_LTLIBRARIES += %D%/libndrv.la
%C%_libndrv_la_SOURCES = \
	%D%/lib/error.c

pkgconfig_DATA += %D%/ndrv.pc
