/* SPDX-License-Identifier: Apache-2.0 */
/* What the control front makes of requests: golden cases (tests/front/cases), and what does not fit into a line of text. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "host/front/errors.h"
#include "tests/front/fixture.h"

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	fixture_start(&fixture, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_stop(&fixture);
	return 0;
}

/* --- golden cases --- */

struct golden {
	char file[64], name[128], request[256], body[4096], expected[4096];
};

/* {"error":{"code","kind","message"}} and nothing else. */
static void check_error(const struct golden *golden, const struct http_answer *answer, const char *code, const char *part)
{
	json_t *json = json_loadb(answer->body, answer->bytes, 0, NULL);
	json_t *error = json_object_get(json, "error");
	const char *text = json_string_value(json_object_get(error, "message"));

	if (!text || json_object_size(json) != 1 || json_object_size(error) != 3)
		fail_msg("%s %s: not an error: %s", golden->file, golden->name, answer->body);
	if (strcmp(json_string_value(json_object_get(error, "code")), code) != 0 || !strstr(text, part))
		fail_msg("%s %s: expected %s \"%s\", got %s", golden->file, golden->name, code, part, answer->body);
	assert_non_null(json_object_get(error, "kind"));
	json_decref(json);
}

static void check_golden(const struct golden *golden)
{
	char method[16] = "", target[240] = "", code[64] = "";
	struct http_answer answer;
	int status = 0, at = 0;

	assert_int_equal(sscanf(golden->request, "%15s %239s", method, target), 2);
	assert_int_equal(http_ask(fixture.socket, method, target, *golden->body ? golden->body : NULL, &answer), 0);
	assert_int_equal(sscanf(golden->expected, "%d %n", &status, &at), 1);
	if (answer.status != status)
		fail_msg("%s %s: expected %d, got %d %s", golden->file, golden->name, status, answer.status, answer.body);
	assert_string_equal(answer.content_type, "application/json");
	if (golden->expected[at] == '{') {
		json_error_t error;
		json_t *want = json_loads(golden->expected + at, JSON_REJECT_DUPLICATES, &error);
		json_t *have = json_loadb(answer.body, answer.bytes, JSON_REJECT_DUPLICATES, NULL);
		if (!want)
			fail_msg("%s %s: the expected JSON, line %d: %s", golden->file, golden->name, error.line, error.text);
		if (!have || !json_equal(want, have))
			fail_msg("%s %s: got %s", golden->file, golden->name, answer.body);
		json_decref(want);
		json_decref(have);
	} else {
		int part = 0;
		assert_int_equal(sscanf(golden->expected + at, "%63s %n", code, &part), 1);
		check_error(golden, &answer, code, golden->expected + at + part);
	}
	http_answer_free(&answer);
}

static void add_line(char *to, size_t room, const char *line)
{
	size_t length = strlen(to);
	assert_true(length + strlen(line) + 2 < room);
	(void)snprintf(to + length, room - length, "%s%s", length ? "\n" : "", line);
}

static unsigned run_cases(const char *file)
{
	char path[512], line[2048];
	struct golden golden = {0};
	unsigned count = 0;

	(void)snprintf(golden.file, sizeof(golden.file), "%s", file);
	(void)snprintf(path, sizeof(path), "%s/%s", CASES, file);
	FILE *in = fopen(path, "re");
	if (!in)
		fail_msg("cannot read %s", path);
	for (bool more = true; more;) {
		more = fgets(line, sizeof(line), in) != NULL;
		line[strcspn(line, "\n")] = '\0';
		if (!more || strncmp(line, "## ", 3) == 0) {
			if (*golden.name) {
				check_golden(&golden);
				count++;
			}
			*golden.request = *golden.body = *golden.expected = '\0';
			(void)snprintf(golden.name, sizeof(golden.name), "%.120s", line + 3);
		} else if (*line && *golden.name) {
			if (strncmp(line, "=> ", 3) == 0)
				add_line(golden.expected, sizeof(golden.expected), line + 3);
			else if (*golden.expected)
				add_line(golden.expected, sizeof(golden.expected), line);
			else if (!*golden.request)
				add_line(golden.request, sizeof(golden.request), line);
			else
				add_line(golden.body, sizeof(golden.body), line);
		}
	}
	(void)fclose(in);
	return count;
}

static void requests_about_networks_are_decoded(void **state)
{
	(void)state;
	assert_true(run_cases("networks.cases") >= 18);
	fake_set_async(fixture.fake, true);
	assert_true(run_cases("networks.cases") >= 18);
}

static void every_operation_has_its_path(void **state)
{
	(void)state;
	assert_true(run_cases("primitives.cases") >= 25);
}

static void what_is_wrong_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_true(run_cases("refused.cases") >= 50);
	assert_int_equal(fake_submitted(fixture.fake), 0);
}

/* --- the rest --- */

static void ask(const char *method, const char *target, const char *body, int status, const char *part)
{
	struct http_answer answer;

	assert_int_equal(http_ask(fixture.socket, method, target, body, &answer), 0);
	if (answer.status != status || !strstr(answer.body, part))
		fail_msg("%s %.60s: expected %d \"%s\", got %d %s", method, target, status, part, answer.status, answer.body);
	http_answer_free(&answer);
}

static void ids_of_any_length_are_judged(void **state)
{
	static const struct {
		size_t length;
		int status;
	} lengths[] = {{0, 400}, {1, 200}, {64, 200}, {128, 200}, {129, 400}, {10000, 400}};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char target[11000] = "/v1/networks/", body[11000] = "{\"type\":\"bridge\",\"id\":\"";
		size_t length = lengths[i].length, at = strlen(target), in_body = strlen(body);
		memset(target + at, 'a', length);
		target[at + length] = '\0';
		ask("GET", target, NULL, lengths[i].status, lengths[i].status == 200 ? "network_inspect" : "BAD_REQUEST");
		memset(body + in_body, 'b', length);
		(void)strcpy(body + in_body + length, "\"}");
		ask("POST", "/v1/networks", body, lengths[i].status == 200 ? 201 : 400, "");
	}
}

static void bodies_are_bounded_in_bytes_depth_and_members(void **state)
{
	size_t room = (2u << 20) + 100;
	char *body = malloc(room);

	(void)state;
	assert_non_null(body);
	/* one byte less than the limit, padded with spaces, is read */
	(void)snprintf(body, room, "{\"name\":\"n\",\"type\":\"t\"%*s}", (1 << 20) - 24, "");
	assert_true(strlen(body) <= 1 << 20);
	ask("POST", "/v1/networks", body, 201, "network_create");
	(void)snprintf(body, room, "{\"name\":\"n\",\"type\":\"t\"%*s}", 1 << 20, "");
	ask("POST", "/v1/networks", body, 413, "larger than 1048576 bytes");
	(void)snprintf(body, room, "{\"name\":\"n\",\"type\":\"t\"%*s}", 2 << 20, "");
	ask("POST", "/v1/networks", body, 413, "larger than 1048576 bytes");

	(void)strcpy(body, "{\"name\":\"n\",\"type\":\"t\",\"options\":{\"a\":");
	memset(body + strlen(body), '\0', 100000);
	memset(body + strlen(body), '[', 90000);
	ask("POST", "/v1/networks", body, 400, "nested deeper than 32 levels");

	(void)strcpy(body, "{\"name\":\"n\",\"type\":\"t\",\"options\":{\"a\":[0");
	char *at = body + strlen(body);
	for (int i = 0; i < 20000; i++, at += 2)
		memcpy(at, ",0", 2);
	(void)strcpy(at, "]}}");
	ask("POST", "/v1/networks", body, 400, "more than 10000 values");
	free(body);
}

static void text_is_utf8_in_both_directions(void **state)
{
	struct http_answer answer;

	(void)state;
	ask("POST", "/v1/networks", "{\"name\":\"n\xff\",\"type\":\"t\"}", 400, "BAD_REQUEST");
	ask("POST", "/v1/networks", "{\"name\":\"n\",\"type\":\"t\",\"options\":{\"k\":\"\xed\xa0\x80\"}}", 400,
	    "unable to decode byte 0xed");
	assert_int_equal(http_ask(fixture.socket, "GET", "/v1/networks/binary", NULL, &answer), 0);
	json_t *json = json_loadb(answer.body, answer.bytes, JSON_DECODE_ANY, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json), "a\x01\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\\\n\xe2\x82\xac");
	json_decref(json);
	http_answer_free(&answer);
}

static void every_error_has_the_status_of_its_kind(void **state)
{
	static const struct {
		const char *name;
		int code, status;
	} rows[] = {
#define STATUS_NOT_FOUND 404
#define STATUS_FORBIDDEN 403
#define STATUS_NOT_IMPLEMENTED 501
#define STATUS_BAD_REQUEST 400
#define STATUS_NO_SERVICE 503
#define STATUS_TIMEOUT 504
#define STATUS_RETRY 409
#define STATUS_INTERNAL 500
#define X(number, name_, kind, text) {#name_, number, STATUS_##kind},
		NDRV_ERRORS(X)
#undef X
			{"INTERNAL", 9999, 500},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char target[128], part[128];
		(void)snprintf(target, sizeof(target), "/v1/networks/fail-%s", rows[i].code == 9999 ? "UNHEARD_OF" : rows[i].name);
		(void)snprintf(part, sizeof(part), "{\"code\":\"%s\",\"kind\":\"%s\",\"message\":\"", rows[i].name,
			       ndrv_kind_name(ndrv_error_kind(rows[i].code)));
		ask("GET", target, NULL, rows[i].status, part);
	}
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
	struct http_answer answer;

	(void)state;
	assert_int_equal(http_ask(fixture.socket, "PATCH", "/v1/networks/n1", "{}", &answer), 0);
	assert_int_equal(answer.status, 405);
	assert_string_equal(answer.allow, "GET, DELETE");
	http_answer_free(&answer);
	/* "prune" is a path, and could be the name of a network, too */
	assert_int_equal(http_ask(fixture.socket, "PUT", "/v1/networks/prune", "{}", &answer), 0);
	assert_int_equal(answer.status, 405);
	assert_string_equal(answer.allow, "POST, GET, DELETE");
	http_answer_free(&answer);
}

static void metrics_are_text(void **state)
{
	struct http_answer answer;

	(void)state;
	assert_int_equal(http_ask(fixture.socket, "GET", "/metrics", NULL, &answer), 0);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
	assert_string_equal(answer.body, "# TYPE ndrv_fake gauge\nndrv_fake 1\n");
	http_answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_about_networks_are_decoded, setup, teardown),
		cmocka_unit_test_setup_teardown(every_operation_has_its_path, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_refused_with_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(ids_of_any_length_are_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(bodies_are_bounded_in_bytes_depth_and_members, setup, teardown),
		cmocka_unit_test_setup_teardown(text_is_utf8_in_both_directions, setup, teardown),
		cmocka_unit_test_setup_teardown(every_error_has_the_status_of_its_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_method_is_told_the_right_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_are_text, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
