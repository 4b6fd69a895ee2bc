# SPDX-License-Identifier: Apache-2.0
# Docker's own dockerd and docker, in namespaces of the test's own; skipped where they are not installed.
check_PROGRAMS += %D%/test_dockerd
%C%_test_dockerd_SOURCES = %D%/test_dockerd.c %D%/box.c %D%/box.h
%C%_test_dockerd_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_dockerd_LDADD = $(SYSTEM_LIBS)
TESTS += %D%/test_dockerd

check_PROGRAMS += %D%/test_ipam
%C%_test_ipam_SOURCES = %D%/test_ipam.c %D%/box.c %D%/box.h
%C%_test_ipam_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_ipam_LDADD = $(SYSTEM_LIBS)
TESTS += %D%/test_ipam
