# SPDX-License-Identifier: Apache-2.0
# The programs: arguments and wiring, each main under 150 lines.
sbin_PROGRAMS += ndrvd
ndrvd_SOURCES = %D%/ndrvd.c %D%/arguments.c %D%/arguments.h %D%/check.c %D%/check.h %D%/door.c %D%/door.h %D%/docker_door.c %D%/docker_door.h
ndrvd_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS)
ndrvd_LDADD = $(HOST_LIBS)

bin_PROGRAMS += ndrvctl
ndrvctl_SOURCES = \
	%D%/ndrvctl.c \
	%D%/ctl.h \
	%D%/ctl_client.c \
	%D%/ctl_commands.c \
	%D%/ctl_condition.c \
	%D%/ctl_connect.c \
	%D%/ctl_host.c \
	%D%/ctl_network.c \
	%D%/ctl_pin.c \
	%D%/ctl_ports.c \
	%D%/ctl_print.c \
	%D%/ctl_table.c
ndrvctl_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
ndrvctl_LDADD = host/libhost.a sdk/libndrv.a $(JANSSON_LIBS)

# What a managed Docker plugin runs (./dev docker-plugin makes one): nothing of the host's is in there, so it is all linked in.
EXTRA_PROGRAMS = ndrv-docker-forward
ndrv_docker_forward_SOURCES = %D%/docker_forward.c
ndrv_docker_forward_LDFLAGS = -all-static

bin_PROGRAMS += ndrv-check
ndrv_check_SOURCES = %D%/ndrv_check.c %D%/check_arguments.c %D%/check_arguments.h %D%/check_file.c %D%/check_file.h
ndrv_check_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
ndrv_check_LDADD = $(HOST_LIBS)
