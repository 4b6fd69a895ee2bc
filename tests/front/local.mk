# SPDX-License-Identifier: Apache-2.0
# Fronts against a fake dispatcher (fake.c), and ndrvctl against such a front.
FRONT_FIXTURE = tests/front/fake.c tests/front/fake.h tests/front/fixture.c tests/front/fixture.h
EXTRA_DIST += tests/front/cases/networks.cases tests/front/cases/primitives.cases tests/front/cases/refused.cases

check_PROGRAMS += tests/front/test_control
tests_front_test_control_SOURCES = tests/front/test_control.c $(FRONT_FIXTURE)
tests_front_test_control_CPPFLAGS = $(TEST_CPPFLAGS) -DCASES='"$(abs_top_srcdir)/tests/front/cases"'
tests_front_test_control_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/front/test_control

check_PROGRAMS += tests/front/test_ndrvctl
tests_front_test_ndrvctl_SOURCES = tests/front/test_ndrvctl.c tests/front/run.c tests/front/run.h $(FRONT_FIXTURE)
tests_front_test_ndrvctl_CPPFLAGS = $(TEST_CPPFLAGS) -DNDRVCTL='"$(abs_top_builddir)/ndrvctl"'
tests_front_test_ndrvctl_LDADD = tests/lib/libtest.a $(TEST_LIBS)
EXTRA_tests_front_test_ndrvctl_DEPENDENCIES = ndrvctl
TESTS += tests/front/test_ndrvctl

check_PROGRAMS += tests/front/test_ndrvctl_answers
tests_front_test_ndrvctl_answers_SOURCES = tests/front/test_ndrvctl_answers.c tests/front/run.c tests/front/run.h $(FRONT_FIXTURE)
tests_front_test_ndrvctl_answers_CPPFLAGS = $(TEST_CPPFLAGS) -DNDRVCTL='"$(abs_top_builddir)/ndrvctl"'
tests_front_test_ndrvctl_answers_LDADD = tests/lib/libtest.a $(TEST_LIBS)
EXTRA_tests_front_test_ndrvctl_answers_DEPENDENCIES = ndrvctl
TESTS += tests/front/test_ndrvctl_answers

check_PROGRAMS += tests/front/test_http
tests_front_test_http_SOURCES = tests/front/test_http.c $(FRONT_FIXTURE)
tests_front_test_http_CPPFLAGS = $(TEST_CPPFLAGS)
tests_front_test_http_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/front/test_http

check_PROGRAMS += tests/front/test_limits
tests_front_test_limits_SOURCES = tests/front/test_limits.c $(FRONT_FIXTURE)
tests_front_test_limits_CPPFLAGS = $(TEST_CPPFLAGS)
tests_front_test_limits_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/front/test_limits

check_PROGRAMS += tests/front/test_openapi
tests_front_test_openapi_SOURCES = tests/front/test_openapi.c
tests_front_test_openapi_CPPFLAGS = $(TEST_CPPFLAGS) -DOPENAPI='"$(abs_top_srcdir)/docs/openapi.yaml"'
tests_front_test_openapi_LDADD = $(TEST_LIBS)
TESTS += tests/front/test_openapi

check_PROGRAMS += tests/front/test_listen
tests_front_test_listen_SOURCES = tests/front/test_listen.c
tests_front_test_listen_CPPFLAGS = $(TEST_CPPFLAGS)
tests_front_test_listen_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/front/test_listen

check_PROGRAMS += tests/front/test_stop
tests_front_test_stop_SOURCES = tests/front/test_stop.c $(FRONT_FIXTURE)
tests_front_test_stop_CPPFLAGS = $(TEST_CPPFLAGS)
tests_front_test_stop_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/front/test_stop
