/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <errno.h>

/* Numbers, names, kinds and texts are ABI: a row may be added here, none may change. */
static const struct {
	int number;
	const char *name, *kind, *text;
} golden[] = {
	{1, "NOT_FOUND", "NotFound", "%s not found"},
	{2, "FORBIDDEN", "Forbidden", "%s is forbidden"},
	{3, "NOT_IMPLEMENTED", "NotImplemented", "The API is not implemented yet"},
	{4, "BAD_REQUEST", "BadRequest", "invalid %s"},
	{5, "NO_SERVICE", "NoService", "%s is not available"},
	{6, "TIMEOUT", "Timeout", "%s timed out"},
	{7, "RETRY", "Retry", "%s is busy, try again"},
	{8, "INTERNAL", "Internal", "internal error: %s"},
	{16, "NO_NETWORK", "NotFound", "No network (%s) exists"},
	{17, "NO_ENDPOINT", "NotFound", "No endpoint (%s) exists"},
	{18, "ENDPOINT_EXISTS", "Forbidden", "Endpoint (%s) already exists (Only one endpoint allowed)"},
	{19, "ACTIVE_REGISTRATION", "Forbidden", "Driver already registered for type \"%s\""},
	{20, "NETWORK_EXISTS", "Forbidden", "Network (%s) already exists"},
	{21, "NO_DRIVER", "NotFound", "unknown driver \"%s\""},
	{22, "ACTIVE_ENDPOINTS", "Forbidden", "network %s has active endpoints"},
	{23, "ENDPOINT_JOINED", "Forbidden", "endpoint %s has already joined a sandbox"},
	{24, "NOT_JOINED", "BadRequest", "endpoint %s has not joined a sandbox"},
	{25, "NETWORK_FULL", "Forbidden", "network %s is full"},
	{26, "NETWORK_BUSY", "Retry", "network %s is busy with a call that passed its deadline, try again"},
	{27, "POOL_EXHAUSTED", "NoService", "no available addresses in pool %s"},
	{28, "POOL_OVERLAP", "Forbidden", "pool %s overlaps with other one on this address space"},
	{29, "ADDRESS_IN_USE", "Forbidden", "address %s is already in use"},
	{30, "ADDRESS_OUT_OF_RANGE", "BadRequest", "requested address %s is not within the pool"},
	{31, "NO_POOL", "NotFound", "no such pool: %s"},
	{32, "STALE_HANDLE", "Forbidden", "%s was used after its call had returned"},
	{33, "ALREADY_SET", "Forbidden", "%s is already set and cannot be modified"},
	{34, "CANCELLED", "Timeout", "%s was cancelled by its caller"},
	{35, "DRIVER_REFUSED", "BadRequest", "driver file %s is refused"},
	{36, "NO_SANDBOX", "NotFound", "no network namespace at %s"},
	{37, "BAD_SANDBOX", "BadRequest", "%s is not a network namespace that can be used as a sandbox"},
	{38, "KERNEL_LACKS", "NotImplemented", "this kernel has no %s"},
	{39, "SCOPE", "Forbidden", "%s is not allowed for a driver of this scope"},
	{40, "DENIED", "Forbidden", "%s is denied by the configuration"},
	{41, "PERMISSION", "Forbidden", "%s needs more rights than the caller has"},
	{42, "LINK_EXISTS", "Forbidden", "interface %s already exists"},
	{43, "NO_LINK", "NotFound", "no interface %s"},
	{44, "STATE", "Internal", "state file %s cannot be used"},
	{45, "CONFIG", "BadRequest", "%s"},
	{46, "UNKNOWN_OPTION", "BadRequest", "unknown option \"%s\""},
	{47, "NAME_EXISTS", "Forbidden", "network with name %s already exists"},
	{48, "DRIVER_IN_USE", "Forbidden", "driver \"%s\" has networks"},
	{49, "SHUTTING_DOWN", "NoService", "%s: the host is shutting down"},
	{50, "PORT_IN_USE", "Forbidden", "port %s is already in use"},
};

static const struct {
	int number;
	const char *name, *kind, *text;
} actual[] = {
#define NDRV_X(number, name, kind, text) {NDRV_E_##name, #name, #kind, text},
	NDRV_ERRORS(NDRV_X)
#undef NDRV_X
};

static void every_row_has_the_number_kind_and_text_it_always_had(void **state)
{
	(void)state;
	assert_int_equal(sizeof(actual) / sizeof(actual[0]), sizeof(golden) / sizeof(golden[0]));
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		assert_int_equal(actual[i].number, golden[i].number);
		assert_string_equal(actual[i].name, golden[i].name);
		assert_string_equal(actual[i].text, golden[i].text);
		assert_string_equal(ndrv_error_name(golden[i].number), golden[i].name);
		assert_string_equal(ndrv_error_name(-golden[i].number), golden[i].name);
		assert_string_equal(ndrv_kind_name(ndrv_error_kind(golden[i].number)), golden[i].kind);
		assert_string_equal(ndrv_kind_name(ndrv_error_kind(-golden[i].number)), golden[i].kind);
	}
}

static void kinds_keep_their_numbers_and_wire_names(void **state)
{
	static const char *const names[] = {"OK",	 "NotFound", "Forbidden", "NotImplemented", "BadRequest",
					    "NoService", "Timeout",  "Retry",	  "Internal"};

	(void)state;
	for (uint32_t kind = 0; kind < sizeof(names) / sizeof(names[0]); kind++)
		assert_string_equal(ndrv_kind_name(kind), names[kind]);
	assert_string_equal(ndrv_kind_name(9), "Internal");
	assert_string_equal(ndrv_kind_name(UINT32_MAX), "Internal");
}

static void the_five_errors_of_the_seed_have_its_texts(void **state)
{
	static const struct {
		int code;
		const char *object, *text;
		uint32_t kind;
	} seed[] = {
		{NDRV_E_NO_NETWORK, "n1", "No network (n1) exists", NDRV_KIND_NOT_FOUND},
		{NDRV_E_NO_ENDPOINT, "e1", "No endpoint (e1) exists", NDRV_KIND_NOT_FOUND},
		{NDRV_E_ENDPOINT_EXISTS, "e1", "Endpoint (e1) already exists (Only one endpoint allowed)", NDRV_KIND_FORBIDDEN},
		{NDRV_E_NOT_IMPLEMENTED, NULL, "The API is not implemented yet", NDRV_KIND_NOT_IMPLEMENTED},
		{NDRV_E_ACTIVE_REGISTRATION, "bridge", "Driver already registered for type \"bridge\"", NDRV_KIND_FORBIDDEN},
	};
	struct ndrv_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(seed) / sizeof(seed[0]); i++) {
		memset(&err, 0x5a, sizeof(err));
		assert_int_equal(ndrv_fail_object(&err, seed[i].code, seed[i].object), -seed[i].code);
		assert_string_equal(err.text, seed[i].text);
		assert_int_equal(err.code, seed[i].code);
		assert_int_equal(err.kind, seed[i].kind);
		assert_int_equal(err.flags, 0);
		assert_int_equal(err.sys_errno, 0);
	}
}

static void a_number_from_the_future_counts_as_internal(void **state)
{
	struct ndrv_error err = {0};

	(void)state;
	assert_int_equal(ndrv_error_kind(9999), NDRV_KIND_INTERNAL);
	assert_int_equal(ndrv_error_kind(-9999), NDRV_KIND_INTERNAL);
	assert_string_equal(ndrv_error_name(9999), "INTERNAL");
	assert_fails(ndrv_fail(&err, 9999, "odd"), &err, NDRV_E_INTERNAL, "odd");
	assert_fails(ndrv_fail(&err, 0, "zero"), &err, NDRV_E_INTERNAL, "zero");
	assert_fails(ndrv_fail(&err, -NDRV_E_NO_NETWORK, "sign"), &err, NDRV_E_NO_NETWORK, "sign");
	assert_string_equal(ndrv_error_name(0), "OK");
	assert_int_equal(ndrv_error_kind(0), NDRV_KIND_OK);
}

static void wrapping_puts_context_before_and_keeps_everything_else(void **state)
{
	struct ndrv_error err = {0};
	int rc;

	(void)state;
	rc = ndrv_maskable(&err, ndrv_fail_errno(&err, EEXIST, "network %s", "n1"));
	rc = ndrv_wrap(&err, rc, "create endpoint %s", "e1");
	assert_int_equal(rc, -NDRV_E_FORBIDDEN);
	assert_string_equal(err.text, "create endpoint e1: network n1: File exists");
	assert_int_equal(err.code, NDRV_E_FORBIDDEN);
	assert_int_equal(err.kind, NDRV_KIND_FORBIDDEN);
	assert_int_equal(err.flags, NDRV_ERROR_MASKABLE);
	assert_int_equal(err.sys_errno, EEXIST);
	assert_int_equal(ndrv_wrap(&err, 0, "nothing"), 0);
	assert_string_equal(err.text, "create endpoint e1: network n1: File exists");
	assert_int_equal(ndrv_wrap(NULL, -NDRV_E_TIMEOUT, "x"), -NDRV_E_TIMEOUT);
}

static void wrapping_an_error_nobody_filled_says_so(void **state)
{
	struct ndrv_error err = {0};

	(void)state;
	assert_fails(ndrv_wrap(&err, -NDRV_E_NETWORK_FULL, "op"), &err, NDRV_E_NETWORK_FULL,
		     "op: failed without saying why (Forbidden)");
}

static void arguments_may_point_into_the_error_they_replace(void **state)
{
	struct ndrv_error err = {0};

	(void)state;
	ndrv_fail(&err, NDRV_E_NOT_FOUND, "inner cause");
	assert_fails(ndrv_fail(&err, NDRV_E_RETRY, "outer: %s", err.text), &err, NDRV_E_RETRY, "outer: inner cause");
	assert_string_equal(err.text, "outer: inner cause");
	ndrv_wrap(&err, -1, "again %s", err.text);
	assert_string_equal(err.text, "again outer: inner cause: outer: inner cause");
	ndrv_fail_object(&err, NDRV_E_NOT_FOUND, err.text);
	assert_string_equal(err.text, "again outer: inner cause: outer: inner cause not found");
}

static void long_texts_are_cut_with_dots_and_the_cause_stays_visible(void **state)
{
	char longer[1000];
	struct ndrv_error err;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ndrv_fail(&err, NDRV_E_INTERNAL, "%s", longer);
	assert_int_equal(strlen(err.text), NDRV_ERROR_TEXT_MAX - 1);
	assert_string_equal(err.text + NDRV_ERROR_TEXT_MAX - 4, "...");
	ndrv_fail(&err, NDRV_E_INTERNAL, "the cause");
	ndrv_wrap(&err, -NDRV_E_INTERNAL, "%s", longer);
	assert_non_null(strstr(err.text, "...: the cause"));
	ndrv_fail_errno(&err, ENOENT, "%s", longer);
	assert_non_null(strstr(err.text, "...: No such file or directory"));
	ndrv_fail_object(&err, NDRV_E_NO_NETWORK, longer);
	assert_int_equal(strlen(err.text), NDRV_ERROR_TEXT_MAX - 1);
}

static void a_text_is_never_cut_inside_a_character(void **state)
{
	struct ndrv_error err;

	(void)state;
	for (int lead = 0; lead < 4; lead++) {
		char text[400] = "abc";
		size_t used = (size_t)lead;
		while (used + 4 < sizeof(text)) {
			memcpy(text + used, "\xe2\x82\xac", 4); /* a euro sign, three bytes */
			used += 3;
		}
		ndrv_fail(&err, NDRV_E_INTERNAL, "%s", text);
		size_t kept = strlen(err.text) - 3;
		assert_string_equal(err.text + kept, "...");
		assert_int_equal((kept - (size_t)lead) % 3, 0);
	}
}

static void a_text_just_long_enough_is_not_cut(void **state)
{
	char text[NDRV_ERROR_TEXT_MAX];
	struct ndrv_error err;

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ndrv_fail(&err, NDRV_E_INTERNAL, "%s", text);
	assert_string_equal(err.text, text);
}

static void errnos_become_codes_in_one_table(void **state)
{
	static const struct {
		int sys_errno, code;
	} rows[] = {
		{ENOENT, NDRV_E_NOT_FOUND},
		{ENODEV, NDRV_E_NOT_FOUND},
		{EPERM, NDRV_E_FORBIDDEN},
		{EACCES, NDRV_E_FORBIDDEN},
		{EEXIST, NDRV_E_FORBIDDEN},
		{EADDRINUSE, NDRV_E_ADDRESS_IN_USE},
		{EOPNOTSUPP, NDRV_E_NOT_IMPLEMENTED},
		{EINVAL, NDRV_E_BAD_REQUEST},
		{ENAMETOOLONG, NDRV_E_BAD_REQUEST},
		{ECONNREFUSED, NDRV_E_NO_SERVICE},
		{ENOSPC, NDRV_E_NO_SERVICE},
		{EXFULL, NDRV_E_NO_SERVICE},
		{ETIMEDOUT, NDRV_E_TIMEOUT},
		{ECANCELED, NDRV_E_CANCELLED},
		{EAGAIN, NDRV_E_RETRY},
		{EBUSY, NDRV_E_RETRY},
		{EIO, NDRV_E_INTERNAL},
		{ENOMEM, NDRV_E_INTERNAL},
		{123456, NDRV_E_INTERNAL},
		{0, NDRV_E_INTERNAL},
	};
	struct ndrv_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ndrv_error_from_errno(rows[i].sys_errno), rows[i].code);
		assert_fails(ndrv_fail_errno(&err, rows[i].sys_errno, "open x"), &err, rows[i].code, "open x: ");
		assert_int_equal(err.sys_errno, rows[i].sys_errno);
	}
	ndrv_fail_errno(&err, 123456, "open x");
	assert_string_equal(err.text, "open x: errno 123456");
}

static void no_error_buffer_is_needed(void **state)
{
	(void)state;
	assert_int_equal(ndrv_fail(NULL, NDRV_E_TIMEOUT, "x"), -NDRV_E_TIMEOUT);
	assert_int_equal(ndrv_fail_object(NULL, NDRV_E_NO_NETWORK, NULL), -NDRV_E_NO_NETWORK);
	assert_int_equal(ndrv_fail_errno(NULL, ENOENT, "x"), -NDRV_E_NOT_FOUND);
	assert_int_equal(ndrv_maskable(NULL, -3), -3);
	ndrv_error_clear(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_the_number_kind_and_text_it_always_had),
		cmocka_unit_test(kinds_keep_their_numbers_and_wire_names),
		cmocka_unit_test(the_five_errors_of_the_seed_have_its_texts),
		cmocka_unit_test(a_number_from_the_future_counts_as_internal),
		cmocka_unit_test(wrapping_puts_context_before_and_keeps_everything_else),
		cmocka_unit_test(wrapping_an_error_nobody_filled_says_so),
		cmocka_unit_test(arguments_may_point_into_the_error_they_replace),
		cmocka_unit_test(long_texts_are_cut_with_dots_and_the_cause_stays_visible),
		cmocka_unit_test(a_text_is_never_cut_inside_a_character),
		cmocka_unit_test(a_text_just_long_enough_is_not_cut),
		cmocka_unit_test(errnos_become_codes_in_one_table),
		cmocka_unit_test(no_error_buffer_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
