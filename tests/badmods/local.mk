# SPDX-License-Identifier: Apache-2.0
# Driver files that are not fit, and the proof that each is refused with its own sentence.
BADMODS_FILES = %D%/build.sh %D%/plain.c %D%/raw.c %D%/trace.c
EXTRA_DIST += $(BADMODS_FILES)
CLEANFILES += %D%/built %D%/*.so
check_DATA = %D%/built

%D%/built: $(BADMODS_FILES) sdk/libndrv.a
	$(AM_V_GEN)CC='$(CC)' CPPFLAGS='$(AM_CPPFLAGS) $(CPPFLAGS)' CFLAGS='$(CFLAGS)' $(SHELL) $(top_srcdir)/%D%/build.sh \
		$(top_srcdir)/%D% %D% sdk/libndrv.a && : >$@

BADMODS_CPPFLAGS = $(TEST_CPPFLAGS) -DBADMODS_DIR='"$(abs_top_builddir)/tests/badmods"'

check_PROGRAMS += %D%/test_badmods
%C%_test_badmods_SOURCES = %D%/test_badmods.c %D%/fixture.c %D%/fixture.h
%C%_test_badmods_CPPFLAGS = $(BADMODS_CPPFLAGS)
%C%_test_badmods_LDADD = $(TEST_LIBS)
TESTS += %D%/test_badmods

check_PROGRAMS += %D%/test_registry
%C%_test_registry_SOURCES = %D%/test_registry.c %D%/fixture.c %D%/fixture.h
%C%_test_registry_CPPFLAGS = $(BADMODS_CPPFLAGS)
%C%_test_registry_LDADD = $(TEST_LIBS)
TESTS += %D%/test_registry

check_PROGRAMS += %D%/test_elf
%C%_test_elf_SOURCES = %D%/test_elf.c %D%/forge.c %D%/forge.h %D%/fixture.c %D%/fixture.h
%C%_test_elf_CPPFLAGS = $(BADMODS_CPPFLAGS)
%C%_test_elf_LDADD = $(TEST_LIBS)
TESTS += %D%/test_elf

check_PROGRAMS += %D%/test_threads
%C%_test_threads_SOURCES = %D%/test_threads.c %D%/fixture.c %D%/fixture.h
%C%_test_threads_CPPFLAGS = $(BADMODS_CPPFLAGS)
%C%_test_threads_LDADD = $(TEST_LIBS)
TESTS += %D%/test_threads
