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

# The forwarder is static here: it is what runs in the plugin. Where there is no static libc the test is skipped.
check_PROGRAMS += %D%/test_swarm
%C%_test_swarm_SOURCES = %D%/test_swarm.c
%C%_test_swarm_CPPFLAGS = $(SYSTEM_CPPFLAGS) -DTEST_NDRVD='"$(abs_top_builddir)/ndrvd"' \
	-DTEST_FORWARD='"$(abs_top_builddir)/ndrv-docker-forward"' -DDOCKER_PLUGIN='"$(abs_top_srcdir)/conf/docker-plugin"'
%C%_test_swarm_LDADD = $(SYSTEM_LIBS)
TESTS += %D%/test_swarm
DOCKER_DAYS = %D%/test_kinds %D%/test_days
check_PROGRAMS += $(DOCKER_DAYS)
TESTS += $(DOCKER_DAYS)
%C%_test_kinds_SOURCES = %D%/test_kinds.c %D%/box.c %D%/box.h
%C%_test_kinds_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_kinds_LDADD = $(SYSTEM_LIBS)
%C%_test_days_SOURCES = %D%/test_days.c %D%/box.c %D%/box.h
%C%_test_days_CPPFLAGS = $(SYSTEM_CPPFLAGS) -DTEST_FILEDRV='"$(abs_builddir)/tests/faults/.libs/filedrv.so"'
%C%_test_days_LDADD = $(SYSTEM_LIBS)
EXTRA_%C%_test_days_DEPENDENCIES = tests/faults/filedrv.la
