# SPDX-License-Identifier: Apache-2.0
# Built drivers, loaded from the build tree and driven op by op. They need root, for namespaces of their own.

include %D%/overlay.mk

check_PROGRAMS += tests/drivers/test_bridge
tests_drivers_test_bridge_SOURCES = tests/drivers/test_bridge.c
tests_drivers_test_bridge_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_bridge_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_bridge_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_bridge

check_PROGRAMS += tests/drivers/test_bridge_life
tests_drivers_test_bridge_life_SOURCES = tests/drivers/test_bridge_life.c
tests_drivers_test_bridge_life_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_bridge_life_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_bridge_life_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_bridge_life

check_PROGRAMS += tests/drivers/test_bridge_refusals
tests_drivers_test_bridge_refusals_SOURCES = tests/drivers/test_bridge_refusals.c
tests_drivers_test_bridge_refusals_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_bridge_refusals_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_bridge_refusals_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_bridge_refusals

check_PROGRAMS += tests/drivers/test_null_host
tests_drivers_test_null_host_SOURCES = tests/drivers/test_null_host.c
tests_drivers_test_null_host_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_null_host_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_null_host_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_null_host

check_PROGRAMS += tests/drivers/test_macvlan
tests_drivers_test_macvlan_SOURCES = tests/drivers/test_macvlan.c
tests_drivers_test_macvlan_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_macvlan_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_macvlan_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_macvlan

check_PROGRAMS += tests/drivers/test_ipvlan
tests_drivers_test_ipvlan_SOURCES = tests/drivers/test_ipvlan.c
tests_drivers_test_ipvlan_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_ipvlan_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_ipvlan_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_ipvlan

check_PROGRAMS += tests/drivers/test_macvlan_refusals
tests_drivers_test_macvlan_refusals_SOURCES = tests/drivers/test_macvlan_refusals.c
tests_drivers_test_macvlan_refusals_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_macvlan_refusals_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_macvlan_refusals_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_macvlan_refusals

check_PROGRAMS += tests/drivers/test_bridge_bulk
tests_drivers_test_bridge_bulk_SOURCES = tests/drivers/test_bridge_bulk.c
tests_drivers_test_bridge_bulk_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_bridge_bulk_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_bridge_bulk_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_bridge_bulk

check_PROGRAMS += tests/drivers/test_bridge_ports
tests_drivers_test_bridge_ports_SOURCES = tests/drivers/test_bridge_ports.c
tests_drivers_test_bridge_ports_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_bridge_ports_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_bridge_ports_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_bridge_ports

check_PROGRAMS += tests/drivers/test_options_doc
tests_drivers_test_options_doc_SOURCES = tests/drivers/test_options_doc.c
tests_drivers_test_options_doc_CPPFLAGS = $(TEST_CPPFLAGS) -DDOCS='"$(abs_top_srcdir)/docs"'
tests_drivers_test_options_doc_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_options_doc_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_options_doc

check_PROGRAMS += tests/drivers/test_misuse_corpus
tests_drivers_test_misuse_corpus_SOURCES = tests/drivers/test_misuse_corpus.c
tests_drivers_test_misuse_corpus_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_misuse_corpus_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_misuse_corpus_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_misuse_corpus

check_PROGRAMS += tests/drivers/test_bridge_cases
tests_drivers_test_bridge_cases_SOURCES = tests/drivers/test_bridge_cases.c
tests_drivers_test_bridge_cases_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_bridge_cases_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_bridge_cases_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_bridge_cases

check_PROGRAMS += tests/drivers/test_macvlan_cases
tests_drivers_test_macvlan_cases_SOURCES = tests/drivers/test_macvlan_cases.c
tests_drivers_test_macvlan_cases_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_macvlan_cases_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_macvlan_cases_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_macvlan_cases

check_PROGRAMS += tests/drivers/test_ipvlan_cases
tests_drivers_test_ipvlan_cases_SOURCES = tests/drivers/test_ipvlan_cases.c
tests_drivers_test_ipvlan_cases_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_ipvlan_cases_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_ipvlan_cases_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += tests/drivers/test_ipvlan_cases
