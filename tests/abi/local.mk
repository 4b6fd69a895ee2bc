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

check_PROGRAMS += %D%/test_host
%C%_test_host_SOURCES = %D%/test_host.c tests/badmods/fixture.c tests/badmods/fixture.h
%C%_test_host_CPPFLAGS = $(TEST_CPPFLAGS) -DBADMODS_DIR='"$(abs_top_builddir)/%D%/.libs"'
%C%_test_host_LDADD = $(TEST_LIBS)
TESTS += %D%/test_host

ABI_CHECKS = %D%/note.sh %D%/template.sh %D%/newdriver.sh %D%/dh_ndrv.sh %D%/abidiff.sh %D%/tutorial.sh
EXTRA_DIST += sdk/abi/anchor.c sdk/abi/1.abi
# After an append that was agreed: docs/abi.md.
abi:
	sh $(srcdir)/tests/abi/abidiff.sh --update
dist_check_SCRIPTS += $(ABI_CHECKS)
TESTS += $(ABI_CHECKS)

# The SDK's readers of texts, on any bytes.
check_PROGRAMS += tests/fuzz/fuzz_sdk
tests_fuzz_fuzz_sdk_SOURCES = tests/fuzz/fuzz_sdk.c tests/fuzz/replay.c
tests_fuzz_fuzz_sdk_CPPFLAGS = $(TEST_CPPFLAGS) -DREPLAY_CORPUS='"$(abs_top_srcdir)/tests/fuzz/sdk"'
tests_fuzz_fuzz_sdk_LDADD = $(HOST_LIBS)
TESTS += tests/fuzz/fuzz_sdk
EXTRA_DIST += \
	tests/fuzz/sdk/addr.txt \
	tests/fuzz/sdk/empty.json \
	tests/fuzz/sdk/escapes.json \
	tests/fuzz/sdk/full.json \
	tests/fuzz/sdk/id.txt \
	tests/fuzz/sdk/mac-colons.txt \
	tests/fuzz/sdk/mac-dashes.txt \
	tests/fuzz/sdk/mac-dots.txt \
	tests/fuzz/sdk/mapped-short.txt \
	tests/fuzz/sdk/mapped.txt \
	tests/fuzz/sdk/name.txt \
	tests/fuzz/sdk/nil.json \
	tests/fuzz/sdk/none.txt \
	tests/fuzz/sdk/nul.txt \
	tests/fuzz/sdk/numbers.json \
	tests/fuzz/sdk/octal.txt \
	tests/fuzz/sdk/runs.txt \
	tests/fuzz/sdk/scope.txt \
	tests/fuzz/sdk/v4.txt \
	tests/fuzz/sdk/v6.json \
	tests/fuzz/sdk/zeros.txt
