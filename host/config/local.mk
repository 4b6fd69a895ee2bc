# SPDX-License-Identifier: Apache-2.0
# YAML -> const struct config. May include libc, libyaml, <ndrv/*>, host/base and itself.
host_libhost_a_SOURCES += \
	%D%/config.c %D%/config.h \
	%D%/describe.c \
	%D%/docker.c \
	%D%/drivers.c \
	%D%/dropins.c \
	%D%/file.c %D%/file.h \
	%D%/lists.c \
	%D%/node.c \
	%D%/read.c \
	%D%/scalar.c %D%/scalar.h \
	%D%/schema.c %D%/schema.h \
	%D%/text.c \
	%D%/value.c \
	%D%/yaml.c %D%/yaml.h
