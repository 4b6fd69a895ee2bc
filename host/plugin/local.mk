# SPDX-License-Identifier: Apache-2.0
# From a driver file to a registered network type.
host_libhost_a_SOURCES += \
	%D%/elf.h %D%/loader.h %D%/module.h %D%/ops.h %D%/policy.h %D%/registry.h %D%/source.h %D%/stage.h
