# SPDX-License-Identifier: Apache-2.0
include %D%/overlay.mk
include %D%/nat.mk
check_PROGRAMS += tests/bench/bench_ipam tests/bench/bench_store
tests_bench_bench_ipam_SOURCES = tests/bench/bench_ipam.c
tests_bench_bench_ipam_CPPFLAGS = $(TEST_CPPFLAGS)
tests_bench_bench_ipam_LDADD = $(TEST_LIBS)
tests_bench_bench_store_SOURCES = tests/bench/bench_store.c
tests_bench_bench_store_CPPFLAGS = $(TEST_CPPFLAGS)
tests_bench_bench_store_LDADD = tests/lib/libtest.a $(TEST_LIBS)

# --- config
check_PROGRAMS += tests/bench/bench_config
tests_bench_bench_config_SOURCES = tests/bench/bench_config.c
tests_bench_bench_config_CPPFLAGS = $(TEST_CPPFLAGS) -DCORPUS='"$(abs_top_srcdir)/tests/unit/config"'
tests_bench_bench_config_LDADD = $(HOST_LIBS)

# --- drivers and sandbox
check_PROGRAMS += tests/bench/bench_endpoint
tests_bench_bench_endpoint_SOURCES = tests/bench/bench_endpoint.c tests/bench/floor.c tests/bench/floor.h
tests_bench_bench_endpoint_CPPFLAGS = $(TEST_CPPFLAGS)
tests_bench_bench_endpoint_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_bench_bench_endpoint_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
# --- dispatch
check_PROGRAMS += tests/bench/bench_dispatch
tests_bench_bench_dispatch_SOURCES = tests/bench/bench_dispatch.c
tests_bench_bench_dispatch_CPPFLAGS = $(TEST_CPPFLAGS) -DRECORDERS='"$(abs_top_builddir)/tests/conformance/.libs"'
tests_bench_bench_dispatch_LDADD = $(HOST_LIBS)
EXTRA_tests_bench_bench_dispatch_DEPENDENCIES = tests/conformance/rec.la

# --- plugin
check_PROGRAMS += tests/bench/bench_load
tests_bench_bench_load_SOURCES = tests/bench/bench_load.c
tests_bench_bench_load_CPPFLAGS = $(TEST_CPPFLAGS) -DBENCH_DRIVER='"$(abs_top_builddir)/tests/badmods/good.so"'
tests_bench_bench_load_LDADD = $(HOST_LIBS)
tests_bench_bench_load_DEPENDENCIES = tests/badmods/built host/libhost.a sdk/libndrv.a

# --- the whole host
check_PROGRAMS += tests/bench/bench_connect
tests_bench_bench_connect_SOURCES = tests/bench/bench_connect.c tests/bench/floor.c tests/bench/floor.h
tests_bench_bench_connect_CPPFLAGS = $(TEST_CPPFLAGS) -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"'
tests_bench_bench_connect_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_bench_bench_connect_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)

check_PROGRAMS += tests/bench/bench_crash
tests_bench_bench_crash_SOURCES = tests/bench/bench_crash.c
tests_bench_bench_crash_CPPFLAGS = $(TEST_CPPFLAGS) -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"'
tests_bench_bench_crash_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_bench_bench_crash_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)

check_PROGRAMS += tests/bench/bench_ports
tests_bench_bench_ports_SOURCES = tests/bench/bench_ports.c
tests_bench_bench_ports_CPPFLAGS = $(TEST_CPPFLAGS) -DBUILT_DRIVERS='"$(abs_top_builddir)/drivers/.libs"'
tests_bench_bench_ports_LDADD = tests/lib/libtest.a $(TEST_LIBS)
tests_bench_bench_ports_DEPENDENCIES = tests/lib/libtest.a host/libhost.a sdk/libndrv.a $(driver_LTLIBRARIES)
# --- table
check_PROGRAMS += tests/bench/bench_table
tests_bench_bench_table_SOURCES = tests/bench/bench_table.c
tests_bench_bench_table_CPPFLAGS = $(TEST_CPPFLAGS) $(SQLITE_CFLAGS)
tests_bench_bench_table_LDADD = $(HOST_LIBS)

# --- remote driver and Docker front
check_PROGRAMS += tests/bench/bench_remote
tests_bench_bench_remote_SOURCES = tests/bench/bench_remote.c tests/remote/remoterig.c tests/remote/remoterig.h tests/conformance/rig.c \
	tests/conformance/rig.h tests/conformance/recorder.h
tests_bench_bench_remote_CPPFLAGS = $(RIG_CPPFLAGS)
tests_bench_bench_remote_LDADD = tests/lib/libtest.a $(TEST_LIBS)
EXTRA_tests_bench_bench_remote_DEPENDENCIES = drivers/remote.la tests/conformance/rec.la

# --- under a real dockerd; ends with 77 where it is not installed
check_PROGRAMS += tests/bench/bench_docker
tests_bench_bench_docker_SOURCES = tests/bench/bench_docker.c tests/docker/box.c tests/docker/box.h
tests_bench_bench_docker_CPPFLAGS = $(SYSTEM_CPPFLAGS)
tests_bench_bench_docker_LDADD = $(SYSTEM_LIBS)
