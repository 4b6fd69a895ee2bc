# SPDX-License-Identifier: Apache-2.0
# The dispatcher against a driver that records each call and does what the test says.
RECORDERS = %D%/rec.la %D%/recglobal.la %D%/recbare.la %D%/recshort.la %D%/recserial.la %D%/recsingle.la
check_LTLIBRARIES += $(RECORDERS)
REC_SOURCES = %D%/recdrv.c %D%/recorder.h
REC_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_rec_la_SOURCES = $(REC_SOURCES)
%C%_rec_la_CPPFLAGS = $(AM_CPPFLAGS) -DREC_SCOPE=NDRV_SCOPE_LOCAL '-DREC_TYPES="rec"'
%C%_rec_la_LDFLAGS = $(REC_LDFLAGS)
%C%_rec_la_LIBADD = $(DRIVER_LIBS)
%C%_recglobal_la_SOURCES = $(REC_SOURCES)
%C%_recglobal_la_CPPFLAGS = $(AM_CPPFLAGS) -DREC_SCOPE=NDRV_SCOPE_GLOBAL '-DREC_TYPES="recglobal"'
%C%_recglobal_la_LDFLAGS = $(REC_LDFLAGS)
%C%_recglobal_la_LIBADD = $(DRIVER_LIBS)
%C%_recbare_la_SOURCES = $(REC_SOURCES)
%C%_recbare_la_CPPFLAGS = $(AM_CPPFLAGS) -DREC_SCOPE=NDRV_SCOPE_GLOBAL '-DREC_TYPES="recbare"' -DREC_BARE
%C%_recbare_la_LDFLAGS = $(REC_LDFLAGS)
%C%_recbare_la_LIBADD = $(DRIVER_LIBS)
%C%_recshort_la_SOURCES = $(REC_SOURCES)
%C%_recshort_la_CPPFLAGS = $(AM_CPPFLAGS) -DREC_SCOPE=NDRV_SCOPE_GLOBAL '-DREC_TYPES="recshort"' -DREC_SHORT
%C%_recshort_la_LDFLAGS = $(REC_LDFLAGS)
%C%_recshort_la_LIBADD = $(DRIVER_LIBS)
%C%_recserial_la_SOURCES = $(REC_SOURCES)
%C%_recserial_la_CPPFLAGS = $(AM_CPPFLAGS) -DREC_SCOPE=NDRV_SCOPE_LOCAL '-DREC_TYPES="recserial"' -DREC_THREADING=NDRV_THREADS_DRIVER
%C%_recserial_la_LDFLAGS = $(REC_LDFLAGS)
%C%_recserial_la_LIBADD = $(DRIVER_LIBS)
%C%_recsingle_la_SOURCES = $(REC_SOURCES)
%C%_recsingle_la_CPPFLAGS = $(AM_CPPFLAGS) -DREC_SCOPE=NDRV_SCOPE_LOCAL '-DREC_TYPES="recsingle"' \
	'-DREC_CAPABILITIES=(NDRV_CAPABILITY_SINGLE_NETWORK|NDRV_CAPABILITY_NO_IPAM)'
%C%_recsingle_la_LDFLAGS = $(REC_LDFLAGS)
%C%_recsingle_la_LIBADD = $(DRIVER_LIBS)

RIG_SOURCES = %D%/rig.c %D%/rig.h %D%/recorder.h
RIG_CPPFLAGS = $(TEST_CPPFLAGS) -DRECORDERS='"$(abs_top_builddir)/%D%/.libs"' -DDRIVERS='"$(abs_top_builddir)/drivers/.libs"'

CONFORMANCE = %D%/test_recording %D%/test_callbacks %D%/test_stuck %D%/test_recover %D%/test_errors %D%/stress %D%/test_services %D%/test_connect %D%/test_telling %D%/test_pools
check_PROGRAMS += $(CONFORMANCE)
TESTS += $(CONFORMANCE)
%C%_test_recording_SOURCES = %D%/test_recording.c $(RIG_SOURCES)
%C%_test_recording_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_recording_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_recording_DEPENDENCIES = $(RECORDERS)
%C%_test_callbacks_SOURCES = %D%/test_callbacks.c $(RIG_SOURCES)
%C%_test_callbacks_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_callbacks_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_callbacks_DEPENDENCIES = $(RECORDERS)
%C%_test_stuck_SOURCES = %D%/test_stuck.c $(RIG_SOURCES)
%C%_test_stuck_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_stuck_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_stuck_DEPENDENCIES = $(RECORDERS)
%C%_test_recover_SOURCES = %D%/test_recover.c $(RIG_SOURCES)
%C%_test_recover_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_recover_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_recover_DEPENDENCIES = $(RECORDERS)
%C%_test_pools_SOURCES = %D%/test_pools.c $(RIG_SOURCES)
%C%_test_pools_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_pools_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_pools_DEPENDENCIES = $(RECORDERS)
%C%_test_errors_SOURCES = %D%/test_errors.c $(RIG_SOURCES)
%C%_test_errors_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_errors_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_errors_DEPENDENCIES = $(RECORDERS)
%C%_stress_SOURCES = %D%/stress.c $(RIG_SOURCES)
%C%_stress_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_stress_LDADD = $(TEST_LIBS)
EXTRA_%C%_stress_DEPENDENCIES = $(RECORDERS)
%C%_test_services_SOURCES = %D%/test_services.c $(RIG_SOURCES)
%C%_test_services_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_services_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_services_DEPENDENCIES = $(RECORDERS)
# Needs root, for namespaces of its own.
%C%_test_connect_SOURCES = %D%/test_connect.c $(RIG_SOURCES)
%C%_test_connect_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_connect_LDADD = tests/lib/libtest.a $(TEST_LIBS)
EXTRA_%C%_test_connect_DEPENDENCIES = $(RECORDERS)
%C%_test_connect_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
%C%_test_telling_SOURCES = %D%/test_telling.c $(RIG_SOURCES)
%C%_test_telling_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_telling_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_telling_DEPENDENCIES = $(RECORDERS)

check_PROGRAMS += %D%/test_external
%C%_test_external_SOURCES = %D%/test_external.c $(RIG_SOURCES)
%C%_test_external_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_external_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_external_DEPENDENCIES = $(RECORDERS)
TESTS += %D%/test_external

check_PROGRAMS += %D%/test_tables
TESTS += %D%/test_tables
%C%_test_tables_SOURCES = %D%/test_tables.c $(RIG_SOURCES)
%C%_test_tables_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_tables_LDADD = $(TEST_LIBS)
EXTRA_%C%_test_tables_DEPENDENCIES = $(RECORDERS)
# ndrv-check: our drivers pass it, and drivers with a fault each do not. Needs root, for namespaces of their own.
NAUGHTY = %D%/naughty_.la %D%/naughty_leak.la %D%/naughty_options.la %D%/naughty_untagged.la %D%/naughty_crash.la %D%/naughty_info.la %D%/naughty_adopt.la %D%/naughty_fd.la %D%/naughty_thread.la %D%/naughty_umask.la
check_LTLIBRARIES += $(NAUGHTY)
%C%_naughty__la_SOURCES = %D%/naughty.c
%C%_naughty__la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY=""'
%C%_naughty__la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty__la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_leak_la_SOURCES = %D%/naughty.c
%C%_naughty_leak_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="leak"'
%C%_naughty_leak_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_leak_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_options_la_SOURCES = %D%/naughty.c
%C%_naughty_options_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="options"'
%C%_naughty_options_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_options_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_untagged_la_SOURCES = %D%/naughty.c
%C%_naughty_untagged_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="untagged"'
%C%_naughty_untagged_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_untagged_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_crash_la_SOURCES = %D%/naughty.c
%C%_naughty_crash_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="crash"'
%C%_naughty_crash_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_crash_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_info_la_SOURCES = %D%/naughty.c
%C%_naughty_info_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="info"'
%C%_naughty_info_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_info_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_adopt_la_SOURCES = %D%/naughty.c
%C%_naughty_adopt_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="adopt"'
%C%_naughty_adopt_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_adopt_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_fd_la_SOURCES = %D%/naughty.c
%C%_naughty_fd_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="fd"'
%C%_naughty_fd_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_fd_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_thread_la_SOURCES = %D%/naughty.c
%C%_naughty_thread_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="thread"'
%C%_naughty_thread_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_thread_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
%C%_naughty_umask_la_SOURCES = %D%/naughty.c
%C%_naughty_umask_la_CPPFLAGS = $(AM_CPPFLAGS) '-DNAUGHTY="umask"'
%C%_naughty_umask_la_LDFLAGS = $(REC_LDFLAGS)
%C%_naughty_umask_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)
check_PROGRAMS += %D%/test_check
%C%_test_check_SOURCES = %D%/test_check.c
%C%_test_check_CPPFLAGS = $(TEST_CPPFLAGS) -DNDRV_CHECK='"$(abs_top_builddir)/ndrv-check"' -DDRIVERS='"$(abs_top_builddir)/drivers/.libs"' \
	-DBAD='"$(abs_top_builddir)/%D%/.libs"' -DCONFORMANCE='"$(abs_top_srcdir)/docs/conformance.md"'
%C%_test_check_LDADD = tests/lib/libtest.a $(TEST_LIBS)
%C%_test_check_DEPENDENCIES = ndrv-check $(NAUGHTY) $(driver_LTLIBRARIES) tests/lib/libtest.a host/libhost.a sdk/libndrv.a
TESTS += %D%/test_check

# Upstream's black-box cases that no other test shows; docs/conformance.md has the whole table. They need root, for namespaces.
check_PROGRAMS += %D%/test_port_cases
%C%_test_port_cases_SOURCES = %D%/test_port_cases.c $(RIG_SOURCES)
%C%_test_port_cases_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_port_cases_LDADD = tests/lib/libtest.a $(TEST_LIBS)
%C%_test_port_cases_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += %D%/test_port_cases
check_PROGRAMS += %D%/test_core_cases
%C%_test_core_cases_SOURCES = %D%/test_core_cases.c $(RIG_SOURCES)
%C%_test_core_cases_CPPFLAGS = $(RIG_CPPFLAGS)
%C%_test_core_cases_LDADD = tests/lib/libtest.a $(TEST_LIBS)
EXTRA_%C%_test_core_cases_DEPENDENCIES = $(RECORDERS)
%C%_test_core_cases_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
TESTS += %D%/test_core_cases
TESTS += %D%/cases.sh
dist_check_SCRIPTS += %D%/cases.sh

# The whole suite through Docker's protocol. Needs root, for namespaces.
check_PROGRAMS += %D%/test_check_chain
%C%_test_check_chain_SOURCES = %D%/test_check_chain.c
%C%_test_check_chain_CPPFLAGS = $(TEST_CPPFLAGS) -DNDRV_CHECK='"$(abs_top_builddir)/ndrv-check"' -DNDRVD='"$(abs_top_builddir)/ndrvd"' \
	-DDRIVERS='"$(abs_top_builddir)/drivers/.libs"'
%C%_test_check_chain_LDADD = tests/lib/libtest.a $(TEST_LIBS)
%C%_test_check_chain_DEPENDENCIES = ndrv-check ndrvd $(driver_LTLIBRARIES) tests/lib/libtest.a host/libhost.a sdk/libndrv.a
TESTS += %D%/test_check_chain
