# SPDX-License-Identifier: Apache-2.0
# The rules a driver is held to, for ndrv-check.
host_libhost_a_SOURCES += \
	%D%/beside.c \
	%D%/beside.h \
	%D%/dump.c \
	%D%/rules.c \
	%D%/rules.h \
	%D%/rules_endpoint.c \
	%D%/rules_join.c \
	%D%/rules_life.c \
	%D%/rules_manners.c \
	%D%/rules_network.c \
	%D%/rules_ports.c \
	%D%/rules_tables.c \
	%D%/run.c \
	%D%/run.h \
	%D%/space.c \
	%D%/space.h \
	%D%/trial.c \
	%D%/trial.h
