# SPDX-License-Identifier: Apache-2.0
# One folder and four lines per driver. A driver may include <ndrv/*> and its own folder, nothing else.
#	driver_LTLIBRARIES += %D%/null.la
#	%C%_null_la_SOURCES = %D%/null/null.c
#	%C%_null_la_LDFLAGS = $(DRIVER_LDFLAGS)
#	%C%_null_la_LIBADD = $(DRIVER_LIBS)
