# SPDX-License-Identifier: Apache-2.0
# Tables and nodes: rows shared between hosts, who was shown what. May include <ndrv/*>, host/base, host/config and host/table.
host_libhost_a_SOURCES += \
	%D%/backend.h \
	%D%/deliver.c \
	%D%/local.c \
	%D%/names.c %D%/names.h \
	%D%/nodes.c \
	%D%/parts.h \
	%D%/row.c \
	%D%/table.c %D%/table.h \
	%D%/watch.c \
	%D%/write.c
