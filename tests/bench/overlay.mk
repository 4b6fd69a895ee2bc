# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/bench/bench_overlay
tests_bench_bench_overlay_SOURCES = tests/bench/bench_overlay.c
tests_bench_bench_overlay_CPPFLAGS = $(TEST_CPPFLAGS)
tests_bench_bench_overlay_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_bench_bench_overlay_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
