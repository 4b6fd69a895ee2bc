# SPDX-License-Identifier: Apache-2.0
# Network namespaces: the host's own, and what is done inside others.
host_libhost_a_SOURCES += \
	%D%/hostns.c %D%/hostns.h \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/owned.c %D%/owned.h \
	%D%/plug.c %D%/plug.h \
	%D%/dying.c %D%/dying.h \
	%D%/reap.c %D%/reap.h %D%/reap_queue.c %D%/reap_queue.h \
	%D%/metric.c %D%/metric.h \
	%D%/ready.c %D%/ready.h \
	%D%/subnets.c %D%/subnets.h
