# SPDX-License-Identifier: Apache-2.0
# Shared by the tests: cmocka's include and asserts, namespaces, a host on temporary sockets.
check_LIBRARIES += tests/lib/libtest.a
tests_lib_libtest_a_CPPFLAGS = $(TEST_CPPFLAGS)
tests_lib_libtest_a_SOURCES = tests/lib/test.h tests/lib/test.c
tests_lib_libtest_a_SOURCES += tests/lib/netns.h tests/lib/netns.c tests/lib/traffic.c tests/lib/cable.h tests/lib/cable.c
tests_lib_libtest_a_SOURCES += tests/lib/fakehost.h tests/lib/fakehost.c tests/lib/fakejoin.c
tests_lib_libtest_a_SOURCES += tests/lib/wire.h tests/lib/wire.c
tests_lib_libtest_a_SOURCES += tests/lib/nsdump.h tests/lib/nsdump.c tests/lib/world.h tests/lib/world.c
tests_lib_libtest_a_CPPFLAGS += -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"'
tests_lib_libtest_a_SOURCES += tests/lib/http.h tests/lib/http.c
tests_lib_libtest_a_SOURCES += tests/lib/statedir.h tests/lib/statedir.c
tests_lib_libtest_a_SOURCES += tests/lib/daemon.h tests/lib/daemon.c
tests_lib_libtest_a_SOURCES += tests/lib/flow.h tests/lib/flow.c tests/lib/hammer.h tests/lib/hammer.c
tests_lib_libtest_a_CPPFLAGS += -DTEST_NDRVD='"$(abs_top_builddir)/ndrvd"' \
	-DTEST_NDRVCTL='"$(abs_top_builddir)/ndrvctl"'
tests_lib_libtest_a_SOURCES += tests/lib/plugin.h tests/lib/plugin.c


# Carries rows between two hosts.
check_PROGRAMS += tests/lib/relay
tests_lib_relay_SOURCES = tests/lib/relay.c
tests_lib_relay_CPPFLAGS = $(TEST_CPPFLAGS) $(JANSSON_CFLAGS)
tests_lib_relay_LDADD = $(JANSSON_LIBS)
tests_lib_libtest_a_SOURCES += tests/lib/relaying.h tests/lib/relaying.c
tests_lib_libtest_a_CPPFLAGS += -DTEST_RELAY='"$(abs_top_builddir)/tests/lib/relay"'
