# SPDX-License-Identifier: Apache-2.0
# The rules of CONTRIBUTING.md that a script can check.
LINTS += \
	tests/lint/layers.sh \
	tests/lint/sizes.sh \
	tests/lint/format.sh \
	tests/lint/spdx.sh \
	tests/lint/words.sh \
	tests/lint/readme.sh \
	tests/lint/headers.sh \
	tests/lint/exports.sh
TESTS += $(LINTS)
dist_check_SCRIPTS += $(LINTS)
EXTRA_DIST += tests/lint/files.sh tests/lint/sizes.allow tests/lint/analyzer.allow tests/lint/analyzer.h
