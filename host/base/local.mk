# SPDX-License-Identifier: Apache-2.0
# Pure helpers. May include libc, <ndrv/*> and host/base only.
host_libhost_a_SOURCES += \
	%D%/arena.c %D%/arena.h \
	%D%/clock.h \
	%D%/epoch.c %D%/epoch.h \
	%D%/idmap.c %D%/idmap.h \
	%D%/log.c %D%/log.h \
	%D%/nearest.c %D%/nearest.h \
	%D%/turn.c %D%/turn.h
