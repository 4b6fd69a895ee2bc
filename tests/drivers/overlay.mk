# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/drivers/test_overlay
tests_drivers_test_overlay_SOURCES = tests/drivers/test_overlay.c tests/drivers/overlay_rig.h tests/drivers/overlay_rig.c
tests_drivers_test_overlay_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_overlay_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_overlay_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_overlay

check_PROGRAMS += tests/drivers/test_overlay_peers
tests_drivers_test_overlay_peers_SOURCES = tests/drivers/test_overlay_peers.c tests/drivers/overlay_rig.h tests/drivers/overlay_rig.c
tests_drivers_test_overlay_peers_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_overlay_peers_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_overlay_peers_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_overlay_peers

check_PROGRAMS += tests/drivers/test_overlay_refusals
tests_drivers_test_overlay_refusals_SOURCES = tests/drivers/test_overlay_refusals.c tests/drivers/overlay_rig.h \
	tests/drivers/overlay_rig.c
tests_drivers_test_overlay_refusals_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_overlay_refusals_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_overlay_refusals_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_overlay_refusals

check_PROGRAMS += tests/drivers/test_overlay_flood
tests_drivers_test_overlay_flood_SOURCES = tests/drivers/test_overlay_flood.c tests/drivers/overlay_rig.h tests/drivers/overlay_rig.c
tests_drivers_test_overlay_flood_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_overlay_flood_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_overlay_flood_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_overlay_flood
