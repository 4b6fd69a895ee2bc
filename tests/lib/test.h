/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that includes cmocka: it needs its four headers before it, in this order. */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include <ndrv/error.h>

/* 1 where a sanitizer is compiled in: a library that is preloaded into such a program wants the same functions. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

/* The call succeeds; on failure the error's text is in the report. */
#define assert_ok(rc, error)                                                 \
	do {                                                                 \
		int rc_ = (rc);                                              \
		if (rc_ != 0)                                                \
			fail_msg("%s gave %d: %s", #rc, rc_, (error)->text); \
	} while (0)

/* The call fails with exactly this code, in the return value and in the error, and the text contains `part`. */
#define assert_fails(rc, error, code_, part)                                                                                \
	do {                                                                                                                \
		int rc_ = (rc);                                                                                             \
		if (rc_ != -(code_) || (error)->code != (code_))                                                            \
			fail_msg("%s gave %d (error %d: %s), not %s", #rc, rc_, (int)(error)->code, (error)->text, #code_); \
		if (!strstr((error)->text, (part)))                                                                         \
			fail_msg("%s: text \"%s\" lacks \"%s\"", #rc, (error)->text, (part));                               \
		if ((error)->kind != ndrv_error_kind(code_))                                                                \
			fail_msg("%s: kind %u is not that of %s", #rc, (unsigned)(error)->kind, #code_);                    \
	} while (0)

#endif
