# SPDX-License-Identifier: Apache-2.0
# Swaps: every refusal, load and traffic across them. The drivers are one source built many times.
SWAP_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
SWAP_DRIVERS = %D%/swv1.la \
	%D%/swv2.la \
	%D%/swv3.la \
	%D%/swnewer.la \
	%D%/swschema.la \
	%D%/swglobal.la \
	%D%/swnoext.la \
	%D%/swnojoin.la \
	%D%/swthreads.la \
	%D%/swnotype.la \
	%D%/swcrash.la \
	%D%/swhang.la \
	%D%/swcrashload.la \
	%D%/swexitload.la \
	%D%/swill.la \
	%D%/swfaulty.la
check_LTLIBRARIES += $(SWAP_DRIVERS)
%C%_swv1_la_SOURCES = %D%/swapdrv.c
%C%_swv1_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=1
%C%_swv1_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swv1_la_LIBADD = $(DRIVER_LIBS)
%C%_swv2_la_SOURCES = %D%/swapdrv.c
%C%_swv2_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=2 -DSW_THREADING=NDRV_THREADS_DRIVER
%C%_swv2_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swv2_la_LIBADD = $(DRIVER_LIBS)
%C%_swv3_la_SOURCES = %D%/swapdrv.c
%C%_swv3_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=3
%C%_swv3_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swv3_la_LIBADD = $(DRIVER_LIBS)
%C%_swnewer_la_SOURCES = %D%/swapdrv.c
%C%_swnewer_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_STATE=3 -DSW_STATE_MIN=3
%C%_swnewer_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swnewer_la_LIBADD = $(DRIVER_LIBS)
%C%_swschema_la_SOURCES = %D%/swapdrv.c
%C%_swschema_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 '-DSW_SCHEMA="other"'
%C%_swschema_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swschema_la_LIBADD = $(DRIVER_LIBS)
%C%_swglobal_la_SOURCES = %D%/swapdrv.c
%C%_swglobal_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_SCOPE=NDRV_SCOPE_GLOBAL
%C%_swglobal_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swglobal_la_LIBADD = $(DRIVER_LIBS)
%C%_swnoext_la_SOURCES = %D%/swapdrv.c
%C%_swnoext_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_NO_EXTERNAL
%C%_swnoext_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swnoext_la_LIBADD = $(DRIVER_LIBS)
%C%_swnojoin_la_SOURCES = %D%/swapdrv.c
%C%_swnojoin_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_NO_JOIN
%C%_swnojoin_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swnojoin_la_LIBADD = $(DRIVER_LIBS)
%C%_swthreads_la_SOURCES = %D%/swapdrv.c
%C%_swthreads_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_FLAGS=NDRV_DRIVER_OWN_THREADS
%C%_swthreads_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swthreads_la_LIBADD = $(DRIVER_LIBS)
%C%_swnotype_la_SOURCES = %D%/swapdrv.c
%C%_swnotype_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 '-DSW_TYPES="other"'
%C%_swnotype_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swnotype_la_LIBADD = $(DRIVER_LIBS)
%C%_swcrash_la_SOURCES = %D%/swapdrv.c
%C%_swcrash_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_CRASH_PREPARE
%C%_swcrash_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swcrash_la_LIBADD = $(DRIVER_LIBS)
%C%_swhang_la_SOURCES = %D%/swapdrv.c
%C%_swhang_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_HANG_PREPARE
%C%_swhang_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swhang_la_LIBADD = $(DRIVER_LIBS)
%C%_swcrashload_la_SOURCES = %D%/swapdrv.c
%C%_swcrashload_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_CRASH_LOAD
%C%_swcrashload_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swcrashload_la_LIBADD = $(DRIVER_LIBS)
%C%_swexitload_la_SOURCES = %D%/swapdrv.c
%C%_swexitload_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_EXIT_LOAD
%C%_swexitload_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swexitload_la_LIBADD = $(DRIVER_LIBS)
%C%_swill_la_SOURCES = %D%/swapdrv.c
%C%_swill_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=4 -DSW_ILL
%C%_swill_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swill_la_LIBADD = $(DRIVER_LIBS)
%C%_swfaulty_la_SOURCES = %D%/swapdrv.c
%C%_swfaulty_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=5 -DSW_FAULTY
%C%_swfaulty_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swfaulty_la_LIBADD = $(DRIVER_LIBS)

# The real bridge driver as two versions.
# planned_bridge.c includes bridge.c.
SWAP_BRIDGE_SOURCES = %D%/planned_bridge.c $(BRIDGE_PARTS)
check_LTLIBRARIES += %D%/swbridge1.la %D%/swbridge2.la
%C%_swbridge1_la_SOURCES = $(SWAP_BRIDGE_SOURCES)
%C%_swbridge1_la_CPPFLAGS = $(AM_CPPFLAGS) '-DBRIDGE_VERSION="test-1"'
%C%_swbridge1_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swbridge1_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_swbridge2_la_SOURCES = $(SWAP_BRIDGE_SOURCES)
%C%_swbridge2_la_CPPFLAGS = $(AM_CPPFLAGS) '-DBRIDGE_VERSION="test-2"'
%C%_swbridge2_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swbridge2_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)

SWAP_SOURCES = %D%/swaprig.c %D%/swaprig.h
SWAP_CPPFLAGS = $(TEST_CPPFLAGS) -DSWAP_DRIVERS_DIR='"$(abs_top_builddir)/%D%/.libs"' -DTEST_NDRVD='"$(abs_top_builddir)/ndrvd"' \
	-DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"'
SWAP_LIBS = tests/lib/libtest.a $(TEST_LIBS)
SWAP_TESTS = %D%/test_swap %D%/test_swap_files %D%/test_swap_load %D%/test_swap_traffic
check_PROGRAMS += $(SWAP_TESTS)
TESTS += $(SWAP_TESTS)
%C%_test_swap_SOURCES = %D%/test_swap.c $(SWAP_SOURCES)
%C%_test_swap_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_LDADD = $(SWAP_LIBS)
%C%_test_swap_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(SWAP_DRIVERS) ndrvd$(EXEEXT)
%C%_test_swap_files_SOURCES = %D%/test_swap_files.c $(SWAP_SOURCES)
%C%_test_swap_files_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_files_LDADD = $(SWAP_LIBS)
%C%_test_swap_files_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(SWAP_DRIVERS) ndrvd$(EXEEXT)
%C%_test_swap_load_SOURCES = %D%/test_swap_load.c $(SWAP_SOURCES)
%C%_test_swap_load_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_load_LDADD = $(SWAP_LIBS)
%C%_test_swap_load_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(SWAP_DRIVERS) ndrvd$(EXEEXT)
%C%_test_swap_traffic_SOURCES = %D%/test_swap_traffic.c
%C%_test_swap_traffic_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_traffic_LDADD = $(SWAP_LIBS)
%C%_test_swap_traffic_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a %D%/swbridge1.la %D%/swbridge2.la ndrvd$(EXEEXT)

check_PROGRAMS += tests/bench/bench_swap
tests_bench_bench_swap_SOURCES = tests/bench/bench_swap.c $(SWAP_SOURCES)
tests_bench_bench_swap_CPPFLAGS = $(SWAP_CPPFLAGS)
tests_bench_bench_swap_LDADD = $(SWAP_LIBS)

check_PROGRAMS += %D%/test_swap_bridge
TESTS += %D%/test_swap_bridge
%C%_test_swap_bridge_SOURCES = %D%/test_swap_bridge.c $(SWAP_SOURCES)
%C%_test_swap_bridge_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_bridge_LDADD = $(SWAP_LIBS)
%C%_test_swap_bridge_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a %D%/swbridge1.la %D%/swbridge2.la %D%/swglobal.la ndrvd$(EXEEXT)

check_PROGRAMS += %D%/test_swap_hang
TESTS += %D%/test_swap_hang
%C%_test_swap_hang_SOURCES = %D%/test_swap_hang.c $(SWAP_SOURCES)
%C%_test_swap_hang_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_hang_LDADD = $(SWAP_LIBS)
%C%_test_swap_hang_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(SWAP_DRIVERS) ndrvd$(EXEEXT)

# Special kinds of drivers.
SWAP_KINDS = %D%/swcall1.la %D%/swcall2.la %D%/swdyn1.la %D%/swdyn2.la
check_LTLIBRARIES += $(SWAP_KINDS)
%C%_swcall1_la_SOURCES = %D%/calldrv.c
%C%_swcall1_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=1
%C%_swcall1_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swcall1_la_LIBADD = $(DRIVER_LIBS)
%C%_swcall2_la_SOURCES = %D%/calldrv.c
%C%_swcall2_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=2
%C%_swcall2_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swcall2_la_LIBADD = $(DRIVER_LIBS)
%C%_swdyn1_la_SOURCES = %D%/dyndrv.c
%C%_swdyn1_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=1
%C%_swdyn1_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swdyn1_la_LIBADD = $(DRIVER_LIBS)
%C%_swdyn2_la_SOURCES = %D%/dyndrv.c
%C%_swdyn2_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=2
%C%_swdyn2_la_LDFLAGS = $(SWAP_LDFLAGS)
%C%_swdyn2_la_LIBADD = $(DRIVER_LIBS)
check_PROGRAMS += %D%/test_swap_kinds
TESTS += %D%/test_swap_kinds
%C%_test_swap_kinds_SOURCES = %D%/test_swap_kinds.c $(SWAP_SOURCES)
%C%_test_swap_kinds_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_kinds_LDADD = $(SWAP_LIBS)
%C%_test_swap_kinds_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(SWAP_KINDS) $(SWAP_DRIVERS) ndrvd$(EXEEXT)

# What packages and their managers meet. swlate needs a library that is nowhere until the test puts it into a directory.
check_LTLIBRARIES += %D%/ld-linux-late.la %D%/swlate.la
%C%_ld_linux_late_la_SOURCES = %D%/late.c
%C%_ld_linux_late_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
%C%_ld_linux_late_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
%C%_swlate_la_SOURCES = %D%/swapdrv.c
%C%_swlate_la_CPPFLAGS = $(AM_CPPFLAGS) -DSW_VERSION=6
%C%_swlate_la_LDFLAGS = $(SWAP_LDFLAGS) -Wl,--no-as-needed,%D%/.libs/ld-linux-late.so
%C%_swlate_la_LIBADD = $(DRIVER_LIBS)
%C%_swlate_la_DEPENDENCIES = %D%/ld-linux-late.la sdk/libndrv.a
check_PROGRAMS += %D%/test_swap_package
TESTS += %D%/test_swap_package
%C%_test_swap_package_SOURCES = %D%/test_swap_package.c $(SWAP_SOURCES)
%C%_test_swap_package_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_package_LDADD = $(SWAP_LIBS)
%C%_test_swap_package_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(SWAP_DRIVERS) %D%/swlate.la ndrvd$(EXEEXT) \
	ndrvctl$(EXEEXT)

check_PROGRAMS += %D%/test_swap_trust
TESTS += %D%/test_swap_trust
%C%_test_swap_trust_SOURCES = %D%/test_swap_trust.c $(SWAP_SOURCES)
%C%_test_swap_trust_CPPFLAGS = $(SWAP_CPPFLAGS)
%C%_test_swap_trust_LDADD = $(SWAP_LIBS)
%C%_test_swap_trust_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(SWAP_DRIVERS) ndrvd$(EXEEXT)
