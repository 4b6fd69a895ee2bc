# SPDX-License-Identifier: Apache-2.0
# The SDK as a vendor sees it: the ABI, locked; an old driver; the installed SDK and the template built against it.
include tests/unit/sdk.mk

# A driver with a shorter table of ops, for this folder and for tests of the loader: tests/abi/.libs/short.so.
check_LTLIBRARIES += %D%/short.la
%C%_short_la_SOURCES = %D%/short.c %D%/short_ops.h
%C%_short_la_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_short_la_LIBADD = $(DRIVER_LIBS)

# The template as an object of this tree: tests/abi/.libs/example.so, for tests that run it.
check_LTLIBRARIES += %D%/example.la
%C%_example_la_SOURCES = sdk/template/driver.c
%C%_example_la_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_example_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)

check_PROGRAMS += tests/drivers/test_template
tests_drivers_test_template_SOURCES = tests/drivers/test_template.c
tests_drivers_test_template_CPPFLAGS = $(TEST_CPPFLAGS)
tests_drivers_test_template_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_drivers_test_template_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a %D%/example.la
TESTS += tests/drivers/test_template

check_PROGRAMS += %D%/test_abi
%C%_test_abi_SOURCES = %D%/test_abi.c %D%/layout.h %D%/v1_0.h %D%/v1_0_members.h
%C%_test_abi_CPPFLAGS = $(TEST_CPPFLAGS) -DSHORT_DRIVER='"$(abs_top_builddir)/%D%/.libs/short.so"'
%C%_test_abi_LDADD = $(TEST_LIBS)
TESTS += %D%/test_abi

ABI_CHECKS = %D%/note.sh %D%/template.sh
dist_check_SCRIPTS += $(ABI_CHECKS)
TESTS += $(ABI_CHECKS)
