# SPDX-License-Identifier: Apache-2.0
# Packages in booted roots: ./dev test-packages. Only the program that loads the host there is built here.
check_PROGRAMS += %D%/load
%C%_load_SOURCES = %D%/load.c
%C%_load_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_load_LDADD = tests/lib/libtest.a $(TEST_LIBS)
EXTRA_DIST += %D%/run %D%/lib.sh %D%/box.sh %D%/make.sh %D%/life.sh %D%/host.sh %D%/drivers.sh %D%/kit.sh %D%/checks.sh %D%/rpm.sh %D%/acme.c

# What packages are told about drivers.
dist_check_SCRIPTS += %D%/driver_note.sh
TESTS += %D%/driver_note.sh
