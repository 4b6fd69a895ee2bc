# SPDX-License-Identifier: Apache-2.0
# What the host survives: kill -9 at any point, restarts, failing system calls, no memory.
FAULTS_CPPFLAGS = $(TEST_CPPFLAGS) -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"' \
	-DBUILT_FAULTS='"$(abs_top_builddir)/tests/faults/.libs"' -DFORGETFUL='"$(abs_top_builddir)/tests/faults/.libs/forgetful.so"'
FAULTS_LIBS = tests/lib/libtest.a $(TEST_LIBS)

check_LTLIBRARIES += %D%/filedrv.la %D%/filedrv2.la %D%/forgetful.la
%C%_filedrv2_la_SOURCES = %D%/filedrv.c
%C%_filedrv2_la_CPPFLAGS = $(AM_CPPFLAGS) -DFILEDRV_VERSION='"2"'
%C%_filedrv2_la_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_filedrv2_la_LIBADD = $(DRIVER_LIBS)
%C%_filedrv_la_SOURCES = %D%/filedrv.c
%C%_filedrv_la_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_filedrv_la_LIBADD = $(DRIVER_LIBS)
%C%_forgetful_la_SOURCES = %D%/forgetful.c
%C%_forgetful_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
%C%_forgetful_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere

check_PROGRAMS += %D%/test_restart %D%/test_crashpoints %D%/test_reconcile
%C%_test_restart_SOURCES = %D%/test_restart.c
%C%_test_restart_CPPFLAGS = $(FAULTS_CPPFLAGS)
%C%_test_restart_LDADD = $(FAULTS_LIBS)
%C%_test_crashpoints_SOURCES = %D%/test_crashpoints.c %D%/life.c %D%/life.h %D%/tracer.c %D%/tracer.h
%C%_test_crashpoints_CPPFLAGS = $(FAULTS_CPPFLAGS)
%C%_test_crashpoints_LDADD = $(FAULTS_LIBS)
%C%_test_reconcile_SOURCES = %D%/test_reconcile.c %D%/life.c %D%/life.h
%C%_test_reconcile_CPPFLAGS = $(FAULTS_CPPFLAGS)
%C%_test_reconcile_LDADD = $(FAULTS_LIBS)
TESTS += %D%/test_restart %D%/test_crashpoints %D%/test_reconcile

# The n-th netlink message, write or allocation of a real ndrvd fails.
check_LTLIBRARIES += %D%/inject_shim.la
%C%_inject_shim_la_SOURCES = %D%/inject_shim.c %D%/inject.h
%C%_inject_shim_la_CFLAGS = $(AM_CFLAGS) -fno-builtin -fvisibility=default -U_FORTIFY_SOURCE
%C%_inject_shim_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
INJECT_SOURCES = %D%/inject_rig.c %D%/inject_look.c %D%/inject_rig.h %D%/inject.h
INJECT_CPPFLAGS = $(FAULTS_CPPFLAGS) -DINJECT_SHIM='"$(abs_top_builddir)/tests/faults/.libs/inject_shim.so"'
INJECT_TESTS = %D%/test_inject_netlink %D%/test_inject_disk %D%/test_inject_memory %D%/test_inject_recovery %D%/test_inject_docker
check_PROGRAMS += $(INJECT_TESTS)
TESTS += $(INJECT_TESTS)
%C%_test_inject_netlink_SOURCES = %D%/test_inject_netlink.c $(INJECT_SOURCES)
%C%_test_inject_netlink_CPPFLAGS = $(INJECT_CPPFLAGS)
%C%_test_inject_netlink_LDADD = $(FAULTS_LIBS)
%C%_test_inject_disk_SOURCES = %D%/test_inject_disk.c $(INJECT_SOURCES)
%C%_test_inject_disk_CPPFLAGS = $(INJECT_CPPFLAGS)
%C%_test_inject_disk_LDADD = $(FAULTS_LIBS)
check_PROGRAMS += %D%/test_reexec
REEXEC_SOURCES = %D%/reexec_rig.c %D%/reexec_rig.h
REEXEC_CPPFLAGS = $(FAULTS_CPPFLAGS) -DBUILT_PROGRAMS='"$(abs_top_builddir)"' \
	-DFAIL_DRIVER='"$(abs_top_builddir)/tests/system/.libs/faildrv.so"'
%C%_test_reexec_SOURCES = %D%/test_reexec.c $(REEXEC_SOURCES)
%C%_test_reexec_CPPFLAGS = $(REEXEC_CPPFLAGS)
%C%_test_reexec_LDADD = $(FAULTS_LIBS)
TESTS += %D%/test_reexec
check_PROGRAMS += %D%/test_reexec_refused
%C%_test_reexec_refused_SOURCES = %D%/test_reexec_refused.c $(REEXEC_SOURCES)
%C%_test_reexec_refused_CPPFLAGS = $(REEXEC_CPPFLAGS)
%C%_test_reexec_refused_LDADD = $(FAULTS_LIBS)
TESTS += %D%/test_reexec_refused
%C%_test_inject_memory_SOURCES = %D%/test_inject_memory.c $(INJECT_SOURCES)
%C%_test_inject_memory_CPPFLAGS = $(INJECT_CPPFLAGS)
%C%_test_inject_memory_LDADD = $(FAULTS_LIBS)
%C%_test_inject_docker_SOURCES = %D%/test_inject_docker.c $(INJECT_SOURCES)
%C%_test_inject_docker_CPPFLAGS = $(INJECT_CPPFLAGS)
%C%_test_inject_docker_LDADD = $(FAULTS_LIBS)
%C%_test_inject_recovery_SOURCES = %D%/test_inject_recovery.c $(INJECT_SOURCES)
%C%_test_inject_recovery_CPPFLAGS = $(INJECT_CPPFLAGS)
%C%_test_inject_recovery_LDADD = $(FAULTS_LIBS)

# Drivers that crash or hang while the host recovers; two hosts; files that are damaged.
check_PROGRAMS += %D%/test_crashloop
%C%_test_crashloop_SOURCES = %D%/test_crashloop.c
%C%_test_crashloop_CPPFLAGS = $(FAULTS_CPPFLAGS)
%C%_test_crashloop_LDADD = $(FAULTS_LIBS)
TESTS += %D%/test_crashloop
check_PROGRAMS += %D%/test_damage
%C%_test_damage_SOURCES = %D%/test_damage.c %D%/life.c %D%/life.h %D%/tracer.c %D%/tracer.h
%C%_test_damage_CPPFLAGS = $(FAULTS_CPPFLAGS)
%C%_test_damage_LDADD = $(FAULTS_LIBS)
TESTS += %D%/test_damage
