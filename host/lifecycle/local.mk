# SPDX-License-Identifier: Apache-2.0
# What needs plugin, state and dispatch at once. May include all of them; fronts and cmd include it.
host_libhost_a_SOURCES += \
	%D%/drivers.c %D%/drivers.h \
	%D%/extra.c %D%/extra.h \
	%D%/host.c %D%/host.h %D%/host_parts.h \
	%D%/notify.c %D%/notify.h \
	%D%/reload.c %D%/reload.h
