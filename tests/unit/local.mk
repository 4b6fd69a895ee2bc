# SPDX-License-Identifier: Apache-2.0

# --- state: host/state and the parts of host/base it stands on
check_PROGRAMS += tests/unit/test_ipam
tests_unit_test_ipam_SOURCES = tests/unit/test_ipam.c
tests_unit_test_ipam_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ipam_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_ipam

check_PROGRAMS += tests/unit/test_record
tests_unit_test_record_SOURCES = tests/unit/test_record.c
tests_unit_test_record_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_record_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_record

check_PROGRAMS += tests/unit/test_nl
tests_unit_test_nl_SOURCES = tests/unit/test_nl.c
tests_unit_test_nl_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_nl_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/unit/test_nl
