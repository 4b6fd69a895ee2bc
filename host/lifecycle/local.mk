# SPDX-License-Identifier: Apache-2.0
# What needs plugin, state and dispatch at once. May include all of them; fronts and cmd include it.
host_libhost_a_SOURCES += \
	%D%/ask.c %D%/trial.c \
	%D%/claim.c %D%/claim.h \
	%D%/crash.c %D%/crash.h \
	%D%/drivers.c %D%/drivers.h \
	%D%/extra.c %D%/extra.h \
	%D%/handover.c %D%/handover.h \
	%D%/health.c %D%/health.h \
	%D%/host.c %D%/host.h %D%/host_parts.h \
	%D%/images.c %D%/images.h \
	%D%/keeper.c %D%/keeper.h \
	%D%/notify.c %D%/notify.h \
	%D%/orphans.c %D%/orphans.h \
	%D%/probe.c %D%/probe.h \
	%D%/reexec.c %D%/reexec.h %D%/replace.c \
	%D%/reload.c %D%/reload.h \
	%D%/swap.c %D%/swap.h \
	%D%/swap_rules.c
