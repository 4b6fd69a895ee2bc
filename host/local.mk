# SPDX-License-Identifier: Apache-2.0
# Everything of the host but the mains, as one static library that the programs and the tests link.
noinst_LIBRARIES += host/libhost.a
host_libhost_a_CPPFLAGS = $(AM_CPPFLAGS) $(YAML_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(NETTLE_CFLAGS)
host_libhost_a_SOURCES =
HOST_LIBS = host/libhost.a sdk/libwire.a sdk/libndrv.a $(NL_LIBS) $(YAML_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) $(MHD_LIBS) $(NETTLE_LIBS) $(LTDL_LIBS) -ldl

include host/base/local.mk
include host/config/local.mk
include host/plugin/local.mk
include host/state/local.mk
include host/sandbox/local.mk
include host/table/local.mk
include host/nat/local.mk
include host/dispatch/local.mk
include host/lifecycle/local.mk
include host/front/local.mk
include host/check/local.mk
include host/cmd/local.mk
