# SPDX-License-Identifier: Apache-2.0
# From a driver file to a registered network type.
host_libhost_a_SOURCES += \
	%D%/describe.c %D%/describe.h \
	%D%/elf.c %D%/elf.h \
	%D%/elf_image.c %D%/elf_image.h \
	%D%/elf_note.c \
	%D%/elf_symbols.c \
	%D%/generation.c \
	%D%/loader.c %D%/loader.h \
	%D%/module.c %D%/module.h \
	%D%/ops.c %D%/ops.h \
	%D%/options.c %D%/options.h \
	%D%/policy.c %D%/policy.h \
	%D%/registration.c \
	%D%/registry.c %D%/registry.h %D%/registry_internal.h \
	%D%/source.c %D%/source.h \
	%D%/stage.c %D%/stage.h \
	%D%/trust.c %D%/trust.h
