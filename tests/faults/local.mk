# SPDX-License-Identifier: Apache-2.0
# What the host survives: kill -9, restarts.
check_PROGRAMS += tests/faults/test_restart
tests_faults_test_restart_SOURCES = tests/faults/test_restart.c
tests_faults_test_restart_CPPFLAGS = $(TEST_CPPFLAGS) -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"'
tests_faults_test_restart_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/faults/test_restart
