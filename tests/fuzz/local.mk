# SPDX-License-Identifier: Apache-2.0
# Fuzz targets. In `make check` each is linked with replay.c and runs its committed corpus:
#   tests_fuzz_fuzz_x_SOURCES = tests/fuzz/fuzz_x.c tests/fuzz/replay.c
#   tests_fuzz_fuzz_x_CPPFLAGS = $(TEST_CPPFLAGS) -DREPLAY_CORPUS='"$(abs_top_srcdir)/tests/fuzz/x"'
# To fuzz: the same without replay.c, CC=clang CFLAGS=-fsanitize=fuzzer,address,undefined.
EXTRA_DIST += tests/fuzz/replay.c

# --- config: its corpus is that of the unit tests
check_PROGRAMS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c
tests_fuzz_fuzz_config_CPPFLAGS = $(TEST_CPPFLAGS) -DREPLAY_CORPUS='"$(abs_top_srcdir)/tests/unit/config"'
tests_fuzz_fuzz_config_LDADD = $(HOST_LIBS)
TESTS += tests/fuzz/fuzz_config

# --- elf: driver files
check_PROGRAMS += tests/fuzz/fuzz_elf
tests_fuzz_fuzz_elf_SOURCES = tests/fuzz/fuzz_elf.c tests/fuzz/replay.c
tests_fuzz_fuzz_elf_CPPFLAGS = $(TEST_CPPFLAGS) -DREPLAY_CORPUS='"$(abs_top_srcdir)/tests/fuzz/elf"'
tests_fuzz_fuzz_elf_LDADD = $(TEST_LIBS)
TESTS += tests/fuzz/fuzz_elf
EXTRA_DIST += tests/fuzz/elf

check_PROGRAMS += tests/fuzz/fuzz_control
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c tests/fuzz/replay.c
tests_fuzz_fuzz_control_CPPFLAGS = $(TEST_CPPFLAGS) -DREPLAY_CORPUS='"$(abs_top_srcdir)/tests/fuzz/control"'
tests_fuzz_fuzz_control_LDADD = $(TEST_LIBS)
EXTRA_DIST += tests/fuzz/control/create tests/fuzz/control/connect tests/fuzz/control/events tests/fuzz/control/discover \
	tests/fuzz/control/delete tests/fuzz/control/head
TESTS += tests/fuzz/fuzz_control

check_PROGRAMS += tests/fuzz/fuzz_docker tests/fuzz/fuzz_plugin
tests_fuzz_fuzz_docker_SOURCES = tests/fuzz/fuzz_docker.c tests/fuzz/replay.c
tests_fuzz_fuzz_docker_CPPFLAGS = $(TEST_CPPFLAGS) -DREPLAY_CORPUS='"$(abs_top_srcdir)/tests/fuzz/docker"'
tests_fuzz_fuzz_docker_LDADD = $(HOST_LIBS)
tests_fuzz_fuzz_plugin_SOURCES = tests/fuzz/fuzz_plugin.c tests/fuzz/replay.c drivers/remote/http.c
tests_fuzz_fuzz_plugin_CPPFLAGS = $(TEST_CPPFLAGS) -DREPLAY_CORPUS='"$(abs_top_srcdir)/tests/fuzz/plugin"'
tests_fuzz_fuzz_plugin_LDADD = $(HOST_LIBS)
EXTRA_DIST += tests/fuzz/docker tests/fuzz/plugin
TESTS += tests/fuzz/fuzz_docker tests/fuzz/fuzz_plugin
