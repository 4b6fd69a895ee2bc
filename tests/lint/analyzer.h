/* SPDX-License-Identifier: Apache-2.0 */
/* Included before everything when gcc -fanalyzer or clang-tidy reads the sources (./dev lint): what they cannot see across files,
 * that a function which makes an error never returns 0. Without it they follow paths on which an error is taken for success. */
#ifndef TESTS_LINT_ANALYZER_H
#define TESTS_LINT_ANALYZER_H

#include <ndrv/error.h>

#define ndrv_fail(err, code, ...) (ndrv_fail(err, code, __VA_ARGS__), -1)
#define ndrv_fail_object(err, code, object) (ndrv_fail_object(err, code, object), -1)
#define ndrv_fail_errno(err, number, ...) (ndrv_fail_errno(err, number, __VA_ARGS__), -1)
#define ndrv_wrap(err, rc, ...)                        \
	({                                             \
		int wrapped_ = (rc);                   \
		ndrv_wrap(err, wrapped_, __VA_ARGS__); \
		wrapped_;                              \
	})

#endif
