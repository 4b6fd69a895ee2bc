# SPDX-License-Identifier: Apache-2.0

# --- config
check_PROGRAMS += tests/bench/bench_config
tests_bench_bench_config_SOURCES = tests/bench/bench_config.c
tests_bench_bench_config_CPPFLAGS = $(TEST_CPPFLAGS) -DCORPUS='"$(abs_top_srcdir)/tests/unit/config"'
tests_bench_bench_config_LDADD = $(HOST_LIBS)
