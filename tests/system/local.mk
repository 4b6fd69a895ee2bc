# SPDX-License-Identifier: Apache-2.0
# The whole host, as its users meet it: ndrvd and ndrvctl, on the real kernel in namespaces of the test's own.
SYSTEM_CPPFLAGS = $(TEST_CPPFLAGS) -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"' -DBUILT_TESTS='"$(abs_top_builddir)/tests"' \
	-DTEST_NDRVCTL='"$(abs_top_builddir)/ndrvctl"'
SYSTEM_LIBS = tests/lib/libtest.a $(TEST_LIBS)

include %D%/overlay.mk

check_LTLIBRARIES += %D%/faildrv.la
%C%_faildrv_la_SOURCES = %D%/faildrv.c
%C%_faildrv_la_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_faildrv_la_LIBADD = sdk/libndrv.a

check_LTLIBRARIES += %D%/rudedrv.la
%C%_rudedrv_la_SOURCES = %D%/rudedrv.c
%C%_rudedrv_la_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_rudedrv_la_LIBADD = sdk/libndrv.a $(NL_LIBS)

check_PROGRAMS += %D%/test_chain %D%/test_disk %D%/test_misuse %D%/test_rude
%C%_test_chain_SOURCES = %D%/test_chain.c
%C%_test_chain_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_chain_LDADD = $(SYSTEM_LIBS)
%C%_test_disk_SOURCES = %D%/test_disk.c
%C%_test_disk_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_disk_LDADD = $(SYSTEM_LIBS)
%C%_test_misuse_SOURCES = %D%/test_misuse.c
%C%_test_misuse_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_misuse_LDADD = $(SYSTEM_LIBS)
%C%_test_rude_SOURCES = %D%/test_rude.c
%C%_test_rude_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_rude_LDADD = $(SYSTEM_LIBS)
TESTS += %D%/test_chain %D%/test_disk %D%/test_misuse %D%/test_rude

check_PROGRAMS += %D%/test_macvlan_host
%C%_test_macvlan_host_SOURCES = %D%/test_macvlan_host.c
%C%_test_macvlan_host_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_macvlan_host_LDADD = $(SYSTEM_LIBS)
TESTS += %D%/test_macvlan_host

check_PROGRAMS += %D%/test_bulk
%C%_test_bulk_SOURCES = %D%/test_bulk.c
%C%_test_bulk_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_bulk_LDADD = $(SYSTEM_LIBS)
TESTS += %D%/test_bulk

check_PROGRAMS += %D%/test_dying
%C%_test_dying_SOURCES = %D%/test_dying.c
%C%_test_dying_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_dying_LDADD = $(SYSTEM_LIBS)
TESTS += %D%/test_dying

check_LTLIBRARIES += %D%/tabledrv.la
%C%_tabledrv_la_SOURCES = %D%/tabledrv.c
%C%_tabledrv_la_LDFLAGS = $(DRIVER_LDFLAGS) -rpath /nowhere
%C%_tabledrv_la_LIBADD = sdk/libndrv.a

check_PROGRAMS += %D%/test_tables
%C%_test_tables_SOURCES = %D%/test_tables.c
%C%_test_tables_CPPFLAGS = $(SYSTEM_CPPFLAGS) $(JANSSON_CFLAGS)
%C%_test_tables_LDADD = $(SYSTEM_LIBS) $(JANSSON_LIBS)
EXTRA_%C%_test_tables_DEPENDENCIES = %D%/tabledrv.la tests/lib/relay
TESTS += %D%/test_tables
check_PROGRAMS += %D%/test_docker_chain
TESTS += %D%/test_docker_chain
%C%_test_docker_chain_SOURCES = %D%/test_docker_chain.c
%C%_test_docker_chain_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_docker_chain_LDADD = $(SYSTEM_LIBS)
check_PROGRAMS += %D%/test_bridge_reach %D%/test_bridge_ports_life
%C%_test_bridge_reach_SOURCES = %D%/test_bridge_reach.c
%C%_test_bridge_reach_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_bridge_reach_LDADD = $(SYSTEM_LIBS)
%C%_test_bridge_ports_life_SOURCES = %D%/test_bridge_ports_life.c
%C%_test_bridge_ports_life_CPPFLAGS = $(SYSTEM_CPPFLAGS)
%C%_test_bridge_ports_life_LDADD = $(SYSTEM_LIBS)
EXTRA_%C%_test_bridge_ports_life_DEPENDENCIES = tests/swap/swbridge1.la tests/swap/swbridge2.la
TESTS += %D%/test_bridge_reach %D%/test_bridge_ports_life

check_PROGRAMS += %D%/test_options_shown
%C%_test_options_shown_SOURCES = %D%/test_options_shown.c
%C%_test_options_shown_CPPFLAGS = $(SYSTEM_CPPFLAGS) -DCOMPLETION='"$(abs_top_srcdir)/conf/completion/ndrvctl.bash"'
%C%_test_options_shown_LDADD = $(SYSTEM_LIBS)
TESTS += %D%/test_options_shown
