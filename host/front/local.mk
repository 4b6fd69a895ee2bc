# SPDX-License-Identifier: Apache-2.0
# Doors for requests. May include <ndrv/*>, host/base, host/config/config.h, host/dispatch and host/front; not plugin, not state.
host_libhost_a_SOURCES += \
	%D%/control.c %D%/control.h \
	%D%/control_decode.c \
	%D%/control_rows.c \
	%D%/conn.c %D%/conn.h \
	%D%/errors.c %D%/errors.h \
	%D%/events.c \
	%D%/fields.c %D%/fields.h \
	%D%/gate.c \
	%D%/hold.c %D%/hold.h \
	%D%/http.c %D%/http.h \
	%D%/json.c %D%/json.h \
	%D%/listen.c %D%/listen.h \
	%D%/peer.c %D%/peer.h \
	%D%/routes.c \
	%D%/rows_stream.c \
	%D%/stream.c \
	%D%/watch.c

# Docker's plugin protocol, whose messages are sdk/wire's.
host_libhost_a_SOURCES += %D%/docker.c %D%/docker.h %D%/docker_decode.c
