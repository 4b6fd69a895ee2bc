# SPDX-License-Identifier: Apache-2.0
# The NAT service against the real kernel, in namespaces: packets that come through or do not, and what nft shows.
NAT_RIG = %D%/rig.c %D%/rig.h

check_PROGRAMS += %D%/test_nat_traffic
%C%_test_nat_traffic_SOURCES = %D%/test_nat_traffic.c $(NAT_RIG)
%C%_test_nat_traffic_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_test_nat_traffic_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += %D%/test_nat_traffic

check_PROGRAMS += %D%/test_nat
%C%_test_nat_SOURCES = %D%/test_nat.c $(NAT_RIG)
%C%_test_nat_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_test_nat_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += %D%/test_nat

check_PROGRAMS += %D%/test_nat_repair
%C%_test_nat_repair_SOURCES = %D%/test_nat_repair.c $(NAT_RIG)
%C%_test_nat_repair_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_test_nat_repair_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += %D%/test_nat_repair

check_PROGRAMS += %D%/test_nat_host
%C%_test_nat_host_SOURCES = %D%/test_nat_host.c $(NAT_RIG)
%C%_test_nat_host_CPPFLAGS = $(TEST_CPPFLAGS) -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"'
%C%_test_nat_host_LDADD = tests/lib/libtest.a $(TEST_LIBS)
%C%_test_nat_host_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(bin_PROGRAMS) $(sbin_PROGRAMS) $(driver_LTLIBRARIES)
TESTS += %D%/test_nat_host
check_PROGRAMS += %D%/test_nat_beside
%C%_test_nat_beside_SOURCES = %D%/test_nat_beside.c $(NAT_RIG)
%C%_test_nat_beside_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_test_nat_beside_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += %D%/test_nat_beside
