# SPDX-License-Identifier: Apache-2.0
# --- sdk/lib ---
SDK_TESTS = \
	tests/unit/test_error \
	tests/unit/test_errors_doc \
	tests/unit/test_value \
	tests/unit/test_types \
	tests/unit/test_ipam_data \
	tests/unit/test_options \
	tests/unit/test_handles \
	tests/unit/test_services \
	tests/unit/test_register
check_PROGRAMS += $(SDK_TESTS)
TESTS += $(SDK_TESTS)
tests_unit_test_error_SOURCES = tests/unit/test_error.c
tests_unit_test_error_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_error_LDADD = $(TEST_LIBS)
tests_unit_test_value_SOURCES = tests/unit/test_value.c
tests_unit_test_value_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_value_LDADD = $(TEST_LIBS)
tests_unit_test_types_SOURCES = tests/unit/test_types.c
tests_unit_test_types_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_types_LDADD = $(TEST_LIBS)
tests_unit_test_ipam_data_SOURCES = tests/unit/test_ipam_data.c
tests_unit_test_ipam_data_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ipam_data_LDADD = $(TEST_LIBS)
tests_unit_test_options_SOURCES = tests/unit/test_options.c
tests_unit_test_options_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_options_LDADD = $(TEST_LIBS)
tests_unit_test_handles_SOURCES = tests/unit/test_handles.c
tests_unit_test_handles_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_handles_LDADD = $(TEST_LIBS)
tests_unit_test_services_SOURCES = tests/unit/test_services.c
tests_unit_test_services_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_services_LDADD = $(TEST_LIBS)
tests_unit_test_register_SOURCES = tests/unit/test_register.c
tests_unit_test_register_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_register_LDADD = $(TEST_LIBS)
tests_unit_test_errors_doc_SOURCES = tests/unit/test_errors_doc.c
tests_unit_test_errors_doc_CPPFLAGS = $(TEST_CPPFLAGS) -DERRORS_MD='"$(abs_top_srcdir)/docs/errors.md"'
tests_unit_test_errors_doc_LDADD = $(TEST_LIBS)
