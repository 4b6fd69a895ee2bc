# SPDX-License-Identifier: Apache-2.0

check_PROGRAMS += tests/drivers/test_bridge
tests_drivers_test_bridge_SOURCES = tests/drivers/test_bridge.c
tests_drivers_test_bridge_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_bridge_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_bridge_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a drivers/bridge.la
TESTS += tests/drivers/test_bridge
