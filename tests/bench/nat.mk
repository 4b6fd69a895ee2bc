# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/bench/bench_nat
tests_bench_bench_nat_SOURCES = tests/bench/bench_nat.c
tests_bench_bench_nat_CPPFLAGS = $(TEST_CPPFLAGS) -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"'
tests_bench_bench_nat_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_bench_bench_nat_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES) ndrvd

# GPL libraries: in this program and nowhere else.
if HAVE_NFTNL
check_PROGRAMS += tests/bench/nat_floor
EXTRA_tests_bench_bench_nat_DEPENDENCIES = tests/bench/nat_floor
endif
tests_bench_nat_floor_SOURCES = tests/bench/nat_floor.c
tests_bench_nat_floor_CPPFLAGS = $(AM_CPPFLAGS) $(NFTNL_CFLAGS)
tests_bench_nat_floor_LDADD = $(NFTNL_LIBS)
