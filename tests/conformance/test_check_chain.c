/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of ndrv-check through a chain: a host with the driver `remote`, a socket, another ndrvd that offers its bridge as a
 * Docker plugin. It comes to the same as with the bridge itself. And what is needed for that: --config and --beside. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/netns.h"

/* clang-format off */
#include "tests/lib/test.h"
/* clang-format on */

#define NAME "chained"

/* The other host: an instance, marks and a state of its own, in the directory of the rule. */
static const char other_host[] =
	"d=$NDRV_CHECK_DIR/other\n"
	"mkdir -p $d/drivers.d\n"
	"cat >$d/ndrvd.yaml <<END\n"
	"instance: other\n"
	"control: { group: \"\" }\n"
	"ownership: { link_group: 40960, route_protocol: 111 }\n"
	"docker: { plugin_dir: $d/plugins, expose: { " NAME ": bridge } }\n"
	"END\n"
	"echo 'file: " DRIVERS "/bridge.so' >$d/drivers.d/bridge.yaml\n"
	"" NDRVD " --config $d/ndrvd.yaml --state-dir $d/state --runtime-dir $d/run --drivers-d $d/drivers.d &\n"
	"until test -S $d/plugins/" NAME ".sock; do sleep 0.02; done\n"
	": >$NDRV_CHECK_DIR/ready\n"
	"wait\n";

static const char remote_config[] = "plugin_dirs: []\n"
				    "spec_dirs: []\n"
				    "plugins:\n"
				    "  " NAME ": unix://@DIR@/other/plugins/" NAME ".sock\n";

static char dir[] = "/tmp/ndrv-chain-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static FILE *start(const char *arguments)
{
	char command[1024];

	(void)snprintf(command, sizeof(command), "exec " NDRV_CHECK " -J 8 %s", arguments);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	return pipe;
}

static int finish(FILE *pipe)
{
	int status = pclose(pipe);

	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The rules of the one type of the one file that was tried. */
static json_t *rules_of(json_t *document)
{
	json_t *file = json_array_get(json_object_get(document, "files"), 0);

	return json_object_get(json_array_get(json_object_get(file, "types"), 0), "rules");
}

static const char *text_of(json_t *rule, const char *key)
{
	const char *text = json_string_value(json_object_get(rule, key));

	return text ? text : "(nothing)";
}

/* What cannot be the same, with both results; docs/conformance.md has it, too. */
static const struct difference {
	const char *rule, *direct, *chained, *reason;
} differences[] = {
	{"N11", "passed", "skipped", "a plugin does not say which options it has"},
	{"T3", "skipped", "passed", "a plugin does not say whether it wants to know of nodes, so it is told"},
};

static const struct difference *difference_of(const char *rule)
{
	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++)
		if (strcmp(differences[i].rule, rule) == 0)
			return &differences[i];
	return NULL;
}

static bool is_as_it_should(json_t *direct, json_t *chained)
{
	const char *rule = text_of(direct, "rule"), *result = text_of(direct, "result");
	const struct difference *difference = difference_of(rule);
	bool good = strcmp(rule, text_of(chained, "rule")) == 0 && strcmp(result, difference ? difference->direct : result) == 0 &&
		    strcmp(text_of(chained, "result"), difference ? difference->chained : result) == 0;

	if (!good)
		print_error("%s: %s (%s), and through the chain %s (%s)%s%s\n", rule, result, text_of(direct, "why"),
			    text_of(chained, "result"), text_of(chained, "why"), difference ? "; it should differ: " : "",
			    difference ? difference->reason : "");
	return good;
}

static void the_chain_gives_the_same_as_the_driver_itself(void **state)
{
	FILE *direct_pipe, *chained_pipe;
	json_t *direct, *chained, *one, *other;
	char arguments[512];
	unsigned wrong = 0;
	size_t i;

	(void)state;
	write_file("other.sh", other_host);
	write_file("remote.yaml", remote_config);
	(void)snprintf(arguments, sizeof(arguments),
		       "--json --type " NAME " --config %s/remote.yaml --beside 'sh %s/other.sh' " DRIVERS "/remote.so", dir, dir);
	direct_pipe = start("--json " DRIVERS "/bridge.so");
	chained_pipe = start(arguments);
	direct = json_loadf(direct_pipe, 0, NULL);
	chained = json_loadf(chained_pipe, 0, NULL);
	int direct_status = finish(direct_pipe), chained_status = finish(chained_pipe);
	assert_non_null(direct);
	assert_non_null(chained);
	assert_int_equal(direct_status, chained_status);
	if (direct_status == 3)
		skip();
	assert_true(json_array_size(rules_of(direct)) > 50);
	assert_int_equal(json_array_size(rules_of(direct)), json_array_size(rules_of(chained)));
	json_array_foreach(rules_of(direct), i, one)
	{
		other = json_array_get(rules_of(chained), i);
		wrong += !is_as_it_should(one, other);
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(direct_status, 0);
	json_decref(direct);
	json_decref(chained);
}

/* --- the options themselves, with the bridge --- */

static int check(char *output, size_t room, const char *arguments)
{
	char whole[768];

	(void)snprintf(whole, sizeof(whole), "%s " DRIVERS "/bridge.so 2>&1", arguments);
	FILE *pipe = start(whole);
	output[fread(output, 1, room - 1, pipe)] = '\0';
	return finish(pipe);
}

static void a_command_that_ends_before_it_is_ready_keeps_rules_from_being_tried(void **state)
{
	char output[8192];

	(void)state;
	assert_int_equal(check(output, sizeof(output), "-r N1 --beside 'exit 4'"), 3);
	assert_non_null(strstr(output, "the command beside the driver ended before it made "));
	assert_null(strstr(output, "  ok "));
}

static void a_command_that_is_never_ready_keeps_rules_from_being_tried(void **state)
{
	char output[8192];

	(void)state;
	if (!getenv("NDRV_SOAK"))
		skip();
	assert_int_equal(check(output, sizeof(output), "-r N1 --beside 'exec sleep 600'"), 3);
	assert_non_null(strstr(output, "/ready within 10 s"));
}

static void a_command_that_ends_in_the_middle_fails_the_rule(void **state)
{
	char output[8192];

	(void)state;
	if (check(output, sizeof(output), "-r N1 --beside ': >$NDRV_CHECK_DIR/ready; exit 4'") == 3)
		skip();
	assert_non_null(strstr(output, "FAILED   N1"));
	assert_non_null(strstr(output, "the command beside the driver ended by itself: exit status 4"));
}

/* It is in the rule's namespaces, what it makes there does not count, and it ends with all that it started. */
static void a_command_lives_as_long_as_the_rule(void **state)
{
	char output[8192], arguments[512], path[64];
	long pids[64];
	int count = 0;

	(void)state;
	(void)snprintf(arguments, sizeof(arguments),
		       "-r N1,L5 --beside 'ip link add mine0 type dummy 2>/dev/null || ip link add mine0 type bridge; sleep 600 & "
		       "echo $$ $! >>%s/pids; trap \"ip link del mine0; exit\" TERM; : >$NDRV_CHECK_DIR/ready; wait'",
		       dir);
	int status = check(output, sizeof(output), arguments);
	if (status == 3)
		skip();
	if (status)
		fail_msg("%s", output);
	(void)snprintf(path, sizeof(path), "%s/pids", dir);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (count < 64 && fscanf(file, "%ld", &pids[count]) == 1)
		count++;
	(void)fclose(file);
	assert_int_equal(count, 2 * 3); /* of N1, L5, and what is tried before all rules */
	for (int i = 0; i < count; i++)
		assert_int_equal(kill((pid_t)pids[i], 0), -1);
	assert_false(netns_has_link(NULL, "mine0", NULL));
}

static void a_configuration_goes_to_the_driver(void **state)
{
	char output[8192], arguments[128];

	(void)state;
	write_file("bad.yaml", "no_such_key: \"@DIR@\"\n");
	(void)snprintf(arguments, sizeof(arguments), "-r N1 --config %s/bad.yaml", dir);
	if (check(output, sizeof(output), arguments) == 3)
		skip();
	assert_non_null(strstr(output, "FAILED   N1"));
	assert_int_equal(check(output, sizeof(output), "--config /no/such/file"), 2);
	assert_non_null(strstr(output, "/no/such/file"));
}

static int set_up(void **state)
{
	(void)state;
	netns_need();
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const files[] = {"other.sh", "remote.yaml", "bad.yaml", "pids"};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chain_gives_the_same_as_the_driver_itself),
		cmocka_unit_test(a_command_that_ends_before_it_is_ready_keeps_rules_from_being_tried),
		cmocka_unit_test(a_command_that_is_never_ready_keeps_rules_from_being_tried),
		cmocka_unit_test(a_command_that_ends_in_the_middle_fails_the_rule),
		cmocka_unit_test(a_command_lives_as_long_as_the_rule),
		cmocka_unit_test(a_configuration_goes_to_the_driver),
	};

	return cmocka_run_group_tests_name("check_chain", tests, set_up, tear_down);
}
