# SPDX-License-Identifier: Apache-2.0

# --- state: host/state and the parts of host/base it stands on
check_PROGRAMS += tests/unit/test_ipam_model
tests_unit_test_ipam_model_SOURCES = tests/unit/test_ipam_model.c
tests_unit_test_ipam_model_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ipam_model_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_ipam_model

check_PROGRAMS += tests/unit/test_base
tests_unit_test_base_SOURCES = tests/unit/test_base.c
tests_unit_test_base_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_base_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_base

check_PROGRAMS += tests/unit/test_idmap
tests_unit_test_idmap_SOURCES = tests/unit/test_idmap.c
tests_unit_test_idmap_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_idmap_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_idmap

check_PROGRAMS += tests/unit/test_turn
tests_unit_test_turn_SOURCES = tests/unit/test_turn.c
tests_unit_test_turn_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_turn_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_turn

check_PROGRAMS += tests/unit/test_disk_full
tests_unit_test_disk_full_SOURCES = tests/unit/test_disk_full.c
tests_unit_test_disk_full_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_disk_full_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/unit/test_disk_full

check_PROGRAMS += tests/unit/test_torn
tests_unit_test_torn_SOURCES = tests/unit/test_torn.c
tests_unit_test_torn_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_torn_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/unit/test_torn

check_PROGRAMS += tests/unit/test_recovery
tests_unit_test_recovery_SOURCES = tests/unit/test_recovery.c
tests_unit_test_recovery_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_recovery_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/unit/test_recovery

check_PROGRAMS += tests/unit/test_store
tests_unit_test_store_SOURCES = tests/unit/test_store.c
tests_unit_test_store_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_store_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/unit/test_store

check_PROGRAMS += tests/unit/test_ipam
tests_unit_test_ipam_SOURCES = tests/unit/test_ipam.c
tests_unit_test_ipam_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ipam_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_ipam

check_PROGRAMS += tests/unit/test_record
tests_unit_test_record_SOURCES = tests/unit/test_record.c
tests_unit_test_record_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_record_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_record

check_PROGRAMS += tests/unit/test_nl
tests_unit_test_nl_SOURCES = tests/unit/test_nl.c
tests_unit_test_nl_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_nl_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/unit/test_nl

# --- config: host/config
check_PROGRAMS += tests/unit/test_yaml
tests_unit_test_yaml_SOURCES = tests/unit/test_yaml.c
tests_unit_test_yaml_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_yaml_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_yaml

check_PROGRAMS += tests/unit/test_config tests/unit/test_config_files
tests_unit_test_config_SOURCES = tests/unit/test_config.c tests/unit/config/tempdir.h
tests_unit_test_config_CPPFLAGS = $(TEST_CPPFLAGS) -DTEST_TOP='"$(abs_top_srcdir)"'
tests_unit_test_config_LDADD = $(TEST_LIBS)
tests_unit_test_config_files_SOURCES = tests/unit/test_config_files.c tests/unit/config/tempdir.h
tests_unit_test_config_files_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_config_files_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_config tests/unit/test_config_files

check_PROGRAMS += tests/unit/test_config_oom
tests_unit_test_config_oom_SOURCES = tests/unit/test_config_oom.c tests/unit/config/tempdir.h
tests_unit_test_config_oom_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_config_oom_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_config_oom
EXTRA_DIST += tests/unit/config/bad tests/unit/config/good

check_PROGRAMS += tests/unit/test_row_oom
tests_unit_test_row_oom_SOURCES = tests/unit/test_row_oom.c
tests_unit_test_row_oom_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_row_oom_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_row_oom

check_PROGRAMS += tests/unit/test_sandbox
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c
tests_unit_test_sandbox_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_sandbox_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/unit/test_sandbox

check_PROGRAMS += tests/unit/test_plug
tests_unit_test_plug_SOURCES = tests/unit/test_plug.c
tests_unit_test_plug_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_plug_LDADD = tests/lib/libtest.a $(TEST_LIBS)
TESTS += tests/unit/test_plug

# --- dispatch
check_PROGRAMS += tests/unit/test_dispatch
tests_unit_test_dispatch_SOURCES = tests/unit/test_dispatch.c
tests_unit_test_dispatch_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_dispatch_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_dispatch

# --- table
check_PROGRAMS += tests/unit/test_table tests/unit/test_table_told
tests_unit_test_table_SOURCES = tests/unit/test_table.c tests/unit/table_world.c tests/unit/table_world.h
tests_unit_test_table_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_table_LDADD = $(TEST_LIBS)
tests_unit_test_table_told_SOURCES = tests/unit/test_table_told.c tests/unit/table_world.c tests/unit/table_world.h
tests_unit_test_table_told_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_table_told_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_table tests/unit/test_table_told

# Ports in options.
check_PROGRAMS += tests/unit/test_ports
tests_unit_test_ports_SOURCES = tests/unit/test_ports.c
tests_unit_test_ports_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ports_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_ports
check_PROGRAMS += tests/unit/test_table_cases
tests_unit_test_table_cases_SOURCES = tests/unit/test_table_cases.c tests/unit/table_world.c tests/unit/table_world.h
tests_unit_test_table_cases_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_table_cases_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_table_cases

# --- conf: what packages run
dist_check_SCRIPTS += tests/unit/package_hook.sh
TESTS += tests/unit/package_hook.sh
tests/unit/package_hook.log: conf/package-hook

# --- the forwarder of a managed Docker plugin; here linked as everything else, for the sanitizers
check_PROGRAMS += tests/unit/docker_forward tests/unit/test_docker_forward
tests_unit_docker_forward_SOURCES = host/cmd/docker_forward.c
tests_unit_test_docker_forward_SOURCES = tests/unit/test_docker_forward.c
tests_unit_test_docker_forward_CPPFLAGS = $(TEST_CPPFLAGS) -DTEST_FORWARD='"$(abs_top_builddir)/tests/unit/docker_forward"'
tests_unit_test_docker_forward_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_docker_forward

check_PROGRAMS += tests/unit/test_trust
tests_unit_test_trust_SOURCES = tests/unit/test_trust.c tests/unit/config/tempdir.h
tests_unit_test_trust_CPPFLAGS = $(TEST_CPPFLAGS) -DTEST_UNIT='"$(abs_top_srcdir)/tests/unit"'
tests_unit_test_trust_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_trust
EXTRA_DIST += tests/unit/trust
