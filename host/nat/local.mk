# SPDX-License-Identifier: Apache-2.0
# NAT and published ports: one nf_tables table. May include <ndrv/*>, host/base and host/config.
host_libhost_a_SOURCES += \
	%D%/nat.c %D%/nat.h %D%/nat_internal.h \
	%D%/nft.c %D%/nft.h \
	%D%/element.c %D%/element.h \
	%D%/rules.c %D%/rules.h \
	%D%/book.c %D%/text.c %D%/book.h \
	%D%/change.c \
	%D%/ports.c %D%/publish.c \
	%D%/conntrack.c %D%/conntrack.h \
	%D%/hold.c %D%/hold.h \
	%D%/sysctl.c \
	%D%/beside.c %D%/beside.h \
	%D%/watch.c %D%/watch.h
