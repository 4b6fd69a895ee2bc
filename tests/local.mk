# SPDX-License-Identifier: Apache-2.0
# Test programs are cmocka's; a program that cannot run here exits 77 and is counted as skipped by name.
TEST_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(YAML_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(NETTLE_CFLAGS)
TEST_LIBS = $(HOST_LIBS) $(CMOCKA_LIBS)

include tests/lib/local.mk
include tests/unit/local.mk
include tests/drivers/local.mk
include tests/badmods/local.mk
include tests/conformance/local.mk
include tests/front/local.mk
include tests/remote/local.mk
include tests/faults/local.mk
include tests/swap/local.mk
include tests/system/local.mk
include tests/docker/local.mk
include tests/nat/local.mk
include tests/abi/local.mk
include tests/bench/local.mk
include tests/fuzz/local.mk
include tests/packages/local.mk
include tests/lint/local.mk
