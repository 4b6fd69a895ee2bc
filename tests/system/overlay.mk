# SPDX-License-Identifier: Apache-2.0
# The overlay driver as another version, to swap to.
check_LTLIBRARIES += %D%/overlay2.la
%C%_overlay2_la_SOURCES = $(OVERLAY_SOURCES)
%C%_overlay2_la_CPPFLAGS = $(AM_CPPFLAGS) '-DOVERLAY_VERSION="test-2"'
%C%_overlay2_la_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_overlay2_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)

check_PROGRAMS += %D%/test_overlay_host
%C%_test_overlay_host_SOURCES = %D%/test_overlay_host.c
%C%_test_overlay_host_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_overlay_host_LDADD = $(SYSTEM_LIBS)
%C%_test_overlay_host_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES) %D%/overlay2.la \
	tests/lib/relay$(EXEEXT) ndrvd$(EXEEXT) ndrvctl$(EXEEXT)
TESTS += %D%/test_overlay_host
