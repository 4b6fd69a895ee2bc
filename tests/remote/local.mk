# SPDX-License-Identifier: Apache-2.0
# Docker's plugin protocol: the codec, the remote driver against a plugin that does as it is told.
# What libnetwork and dockerd really sent, recorded.
EXTRA_DIST += tests/golden/remote.txt tests/golden/docker.jsonl tests/golden/ipam.jsonl
REMOTE_CPPFLAGS = $(RIG_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/golden"'
REMOTE_LIBS = tests/lib/libtest.a $(TEST_LIBS)

REMOTE_TESTS = %D%/test_wire
check_PROGRAMS += $(REMOTE_TESTS)
TESTS += $(REMOTE_TESTS)
%C%_test_wire_SOURCES = %D%/test_wire.c
%C%_test_wire_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_wire_LDADD = $(REMOTE_LIBS)

RIG_REMOTE = %D%/remoterig.c %D%/remoterig.h tests/conformance/rig.c tests/conformance/rig.h tests/conformance/recorder.h
RIGGED = %D%/test_replies %D%/test_misuse %D%/test_plugins
check_PROGRAMS += $(RIGGED)
TESTS += $(RIGGED)
%C%_test_replies_SOURCES = %D%/test_replies.c $(RIG_REMOTE)
%C%_test_replies_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_replies_LDADD = $(REMOTE_LIBS)
EXTRA_%C%_test_replies_DEPENDENCIES = drivers/remote.la
%C%_test_misuse_SOURCES = %D%/test_misuse.c $(RIG_REMOTE)
%C%_test_misuse_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_misuse_LDADD = $(REMOTE_LIBS)
EXTRA_%C%_test_misuse_DEPENDENCIES = drivers/remote.la
%C%_test_plugins_SOURCES = %D%/test_plugins.c $(RIG_REMOTE)
%C%_test_plugins_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_plugins_LDADD = $(REMOTE_LIBS)
EXTRA_%C%_test_plugins_DEPENDENCIES = drivers/remote.la tests/conformance/rec.la

check_PROGRAMS += %D%/test_loop
TESTS += %D%/test_loop
%C%_test_loop_SOURCES = %D%/test_loop.c %D%/worlds.c %D%/worlds.h $(RIG_REMOTE)
%C%_test_loop_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_loop_LDADD = $(REMOTE_LIBS)
EXTRA_%C%_test_loop_DEPENDENCIES = drivers/remote.la tests/conformance/rec.la tests/conformance/recglobal.la

check_PROGRAMS += %D%/test_docker
TESTS += %D%/test_docker
%C%_test_docker_SOURCES = %D%/test_docker.c %D%/frontrig.c %D%/frontrig.h $(RIG_REMOTE)
%C%_test_docker_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_docker_LDADD = $(REMOTE_LIBS)
EXTRA_%C%_test_docker_DEPENDENCIES = tests/conformance/rec.la tests/conformance/recglobal.la

check_PROGRAMS += %D%/test_ipam_rows
TESTS += %D%/test_ipam_rows
%C%_test_ipam_rows_SOURCES = %D%/test_ipam_rows.c %D%/frontrig.c %D%/frontrig.h $(RIG_REMOTE)
%C%_test_ipam_rows_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_ipam_rows_LDADD = $(REMOTE_LIBS)
EXTRA_%C%_test_ipam_rows_DEPENDENCIES = tests/conformance/rec.la
check_PROGRAMS += %D%/test_owed
TESTS += %D%/test_owed
%C%_test_owed_SOURCES = %D%/test_owed.c %D%/frontrig.c %D%/frontrig.h $(RIG_REMOTE)
%C%_test_owed_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_owed_LDADD = $(REMOTE_LIBS)
EXTRA_%C%_test_owed_DEPENDENCIES = tests/conformance/rec.la tests/conformance/recglobal.la

check_PROGRAMS += %D%/test_cases
TESTS += %D%/test_cases
%C%_test_cases_SOURCES = %D%/test_cases.c $(RIG_REMOTE)
%C%_test_cases_CPPFLAGS = $(REMOTE_CPPFLAGS)
%C%_test_cases_LDADD = $(REMOTE_LIBS)
EXTRA_%C%_test_cases_DEPENDENCIES = drivers/remote.la
