/* SPDX-License-Identifier: Apache-2.0 */
/* ndrv-check finds what is wrong in drivers that are wrong, and nothing in ours. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/netns.h"

/* clang-format off */
#include "tests/lib/test.h"
/* clang-format on */

#define OUTPUT (1u << 18)

/* Runs ndrv-check; its exit status. */
static int check(char *output, const char *arguments)
{
	char command[512];
	size_t bytes;

	(void)snprintf(command, sizeof(command), "exec " NDRV_CHECK " -J 8 %s 2>&1", arguments);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	bytes = fread(output, 1, OUTPUT - 1, pipe);
	output[bytes] = '\0';
	int status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The lines of rules that failed, in place. */
static char *failures_in(char *output)
{
	char *lines = NULL, *to = output;

	for (char *line = strtok_r(output, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines))
		if (strncmp(line, "  FAILED", 8) == 0)
			to += sprintf(to, "%s\n", line); /* never ahead of where it is read */
	*to = '\0';
	return output;
}

static void a_driver_passes(void **state)
{
	const char *file = *state;
	char *output = malloc(OUTPUT);

	assert_non_null(output);
	int status = check(output, file);
	if (status == 3) {
		print_message("%s", output);
		free(output);
		skip();
	}
	if (status)
		fail_msg("exit status %d: %s", status, failures_in(output));
	assert_non_null(strstr(output, " 0 failed"));
	free(output);
}

struct fault {
	const char *name;
	const char *rule; /* the one that has to find it */
	const char *text;
};

static const struct fault faults[] = {
	{"leak", "N1", "is there"},
	{"options", "N10", "accepted without a word"},
	{"untagged", "M5", "has no owner's tag"},
	{"crash", "E1", "it crashed: Aborted"},
	{"info", "E8", "asked twice"},
	{"adopt", "L4", "is gone"},
	{"fd", "M1", "descriptors open"},
	{"thread", "M3", "without saying so"},
	{"umask", "M4", "umask 777"},
};

static void a_fault_is_found(void **state)
{
	const struct fault *fault = *state;
	char *output = malloc(OUTPUT), arguments[256], line[32];

	assert_non_null(output);
	(void)snprintf(arguments, sizeof(arguments), "-r %s " BAD "/naughty_%s.so", fault->rule, fault->name);
	assert_int_equal(check(output, arguments), 1);
	(void)snprintf(line, sizeof(line), "FAILED   %s ", fault->rule);
	if (!strstr(output, line) || !strstr(output, fault->text))
		fail_msg("not \"%s\" with \"%s\":\n%s", line, fault->text, output);
	/* The same rule finds nothing where there is nothing. */
	(void)snprintf(arguments, sizeof(arguments), "-r %s " BAD "/naughty_.so", fault->rule);
	if (check(output, arguments) != 0)
		fail_msg("found in a good driver:\n%s", output);
	free(output);
}

static void the_good_one_passes_all_rules(void **state)
{
	(void)state;
	char *output = malloc(OUTPUT);

	assert_non_null(output);
	if (check(output, BAD "/naughty_.so") != 0)
		fail_msg("%s", output);
	free(output);
}

static void a_document_has_the_inspection_and_each_rule(void **state)
{
	(void)state;
	char *output = malloc(OUTPUT);

	assert_non_null(output);
	assert_int_equal(check(output, "--json -r N1,M1 " BAD "/naughty_leak.so"), 1);
	assert_int_equal(output[0], '{');
	assert_non_null(strstr(output, "\"vendor\":\"tests\""));
	assert_non_null(strstr(output, "\"rule\":\"N1\""));
	assert_non_null(strstr(output, "\"result\":\"failed\""));
	assert_non_null(strstr(output, "\"rule\":\"M1\""));
	assert_null(strstr(output, "\"rule\":\"N2\""));
	free(output);
}

static void inspection_runs_nothing_and_refuses_what_the_host_would(void **state)
{
	(void)state;
	char *output = malloc(OUTPUT);

	assert_non_null(output);
	assert_int_equal(check(output, "--inspect " BAD "/naughty_crash.so"), 0);
	assert_null(strstr(output, "FAILED"));
	assert_int_equal(check(output, "--inspect /bin/true"), 1);
	assert_non_null(strstr(output, "REFUSED"));
	assert_int_equal(check(output, "--inspect /no/such/file.so"), 1);
	assert_non_null(strstr(output, "/no/such/file.so"));
	free(output);
}

static void wrong_usage_is_told_apart(void **state)
{
	(void)state;
	char *output = malloc(OUTPUT);

	assert_non_null(output);
	assert_int_equal(check(output, ""), 2);
	assert_int_equal(check(output, "-r N99 x.so"), 2);
	assert_non_null(strstr(output, "N99"));
	assert_int_equal(check(output, "-o novalue x.so"), 2);
	assert_int_equal(check(output, "--no-such-option x.so"), 2);
	free(output);
}

/* docs/conformance.md and the program have the same rules, with the same words. */
static void every_rule_is_in_the_document(void **state)
{
	(void)state;
	char *output = malloc(OUTPUT), *document = calloc(1, OUTPUT), *lines = NULL, row[256];
	FILE *file = fopen(CONFORMANCE, "re");
	int rules = 0, rows = 0;

	assert_non_null(output);
	assert_non_null(document);
	assert_non_null(file);
	(void)fread(document, 1, OUTPUT - 1, file);
	(void)fclose(file);
	assert_int_equal(check(output, "--list"), 0);
	for (char *line = strtok_r(output, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines), rules++) {
		char id[8];
		assert_int_equal(sscanf(line, "%7s", id), 1);
		(void)snprintf(row, sizeof(row), "| %s | %s |", id, line + 5);
		if (!strstr(document, row))
			fail_msg("docs/conformance.md lacks \"%s\"", row);
	}
	for (const char *at = document; (at = strstr(at, "\n| ")); at++)
		rows += at[3] >= 'A' && at[3] <= 'Z' && at[4] >= '0' && at[4] <= '9';
	assert_int_equal(rows, rules);
	assert_true(rules > 50);
	free(output);
	free(document);
}

static const char *name_of(const char *before, const char *what, const char *after)
{
	char *name = NULL;

	if (asprintf(&name, "%s%s%s", before, what, after) < 0)
		abort();
	return name;
}

int main(void)
{
	static const struct CMUnitTest fixed[] = {
		cmocka_unit_test(the_good_one_passes_all_rules),
		cmocka_unit_test(a_document_has_the_inspection_and_each_rule),
		cmocka_unit_test(inspection_runs_nothing_and_refuses_what_the_host_would),
		cmocka_unit_test(wrong_usage_is_told_apart),
		cmocka_unit_test(every_rule_is_in_the_document),
	};
	struct CMUnitTest *tests;
	size_t count = 0;
	glob_t drivers;

	netns_need();
	if (glob(DRIVERS "/*.so", 0, NULL, &drivers))
		abort();
	tests = calloc(drivers.gl_pathc + sizeof(faults) / sizeof(faults[0]) + sizeof(fixed) / sizeof(fixed[0]), sizeof(*tests));
	if (!tests)
		abort();
	for (size_t i = 0; i < drivers.gl_pathc; i++)
		tests[count++] =
			(struct CMUnitTest){.name = name_of("", strrchr(drivers.gl_pathv[i], '/') + 1, "_passes_every_rule"),
					    .test_func = a_driver_passes,
					    .initial_state = drivers.gl_pathv[i]};
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		tests[count++] = (struct CMUnitTest){.name = name_of("the_fault_", faults[i].name, "_is_found"),
						     .test_func = a_fault_is_found,
						     .initial_state = (void *)(uintptr_t)&faults[i]};
	memcpy(tests + count, fixed, sizeof(fixed));
	count += sizeof(fixed) / sizeof(fixed[0]);
	int failed = _cmocka_run_group_tests("check", tests, count, NULL, NULL);
	for (size_t i = 0; i < count - sizeof(fixed) / sizeof(fixed[0]); i++)
		free((void *)(uintptr_t)tests[i].name);
	free(tests);
	globfree(&drivers);
	return failed;
}
