/* SPDX-License-Identifier: Apache-2.0 */
/* docs/errors.md says what error.h says, and nothing else. */
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>

#define CELLS 8

static const struct {
	const char *kind;
	int http, exit_status;
} kinds[] = {
	{"NotFound", 404, 3},  {"Forbidden", 403, 4}, {"NotImplemented", 501, 5}, {"BadRequest", 400, 6},
	{"NoService", 503, 7}, {"Timeout", 504, 8},   {"Retry", 409, 9},	  {"Internal", 500, 10},
};

static const struct {
	int number;
	const char *name, *text;
} rows[] = {
#define NDRV_X(number, name, kind, text) {number, #name, text},
	NDRV_ERRORS(NDRV_X)
#undef NDRV_X
};

static char *page;

static int read_page(void **state)
{
	size_t bytes;
	FILE *file = fopen(ERRORS_MD, "r");

	(void)state;
	if (!file)
		return -1;
	page = calloc(1, 1u << 16);
	bytes = page ? fread(page, 1, (1u << 16) - 1, file) : 0;
	fclose(file);
	return bytes > 0 ? 0 : -1;
}

static int free_page(void **state)
{
	(void)state;
	free(page);
	return 0;
}

/* Splits "| a | b |" in place; 0 for a line that is no row of a table. */
static int cells_of(char *line, char **cells)
{
	int count = 0;

	if (line[0] != '|')
		return 0;
	for (char *at = line + 1; count < CELLS && *at; count++) {
		char *end = strstr(at, " |");
		if (!end)
			break;
		*end = '\0';
		cells[count] = at + strspn(at, " ");
		at = end + 2;
	}
	return count;
}

/* Calls `each` for every row of a table with `wanted` columns whose head begins with `head`. */
static int walk(const char *head, int wanted, void (*each)(char **cells, int index))
{
	char *copy = strdup(page);
	char *save = NULL;
	char *cells[CELLS];
	int inside = 0, count = 0;

	assert_non_null(copy);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "|---", 4) == 0)
			continue;
		int found = cells_of(line, cells);
		if (found == 0) {
			inside = 0;
		} else if (!inside) {
			inside = found == wanted && strcmp(cells[0], head) == 0 ? 1 : -1;
		} else if (inside == 1) {
			each(cells, count);
			count++;
		}
	}
	free(copy);
	return count;
}

static void check_kind(char **cells, int index)
{
	assert_in_range(index, 0, sizeof(kinds) / sizeof(kinds[0]) - 1);
	assert_string_equal(cells[0], kinds[index].kind);
	assert_string_equal(ndrv_kind_name((uint32_t)index + 1), kinds[index].kind);
	assert_int_equal(atoi(cells[1]), kinds[index].http);
	assert_int_equal(atoi(cells[2]), kinds[index].exit_status);
}

static void every_kind_has_its_status_and_exit_code(void **state)
{
	(void)state;
	assert_int_equal(walk("kind", 4, check_kind), sizeof(kinds) / sizeof(kinds[0]));
}

static void check_row(char **cells, int index)
{
	char text[200];

	assert_in_range(index, 0, sizeof(rows) / sizeof(rows[0]) - 1);
	uint32_t kind = ndrv_error_kind(rows[index].number);
	snprintf(text, sizeof(text), "`%s`", rows[index].text);
	assert_int_equal(atoi(cells[0]), rows[index].number);
	assert_string_equal(cells[1], rows[index].name);
	assert_string_equal(cells[2], ndrv_kind_name(kind));
	assert_int_equal(atoi(cells[3]), kinds[kind - 1].http);
	assert_int_equal(atoi(cells[4]), kinds[kind - 1].exit_status);
	assert_string_equal(cells[5], text);
}

static void every_error_is_there_in_order(void **state)
{
	(void)state;
	assert_int_equal(walk("number", 6, check_row), sizeof(rows) / sizeof(rows[0]));
}

static int errnos;

static void check_errnos(char **cells, int index)
{
	static const struct {
		const char *name;
		int number;
	} known[] = {
#define E(name) {#name, name}
		E(ENOENT),	 E(ESRCH),	  E(ENODEV),	   E(ENXIO),	       E(EADDRNOTAVAIL),
		E(EPERM),	 E(EACCES),	  E(EROFS),	   E(EEXIST),	       E(ENOTEMPTY),
		E(EADDRINUSE),	 E(ENOSYS),	  E(EOPNOTSUPP),   E(EPROTONOSUPPORT), E(ESOCKTNOSUPPORT),
		E(EAFNOSUPPORT), E(EPFNOSUPPORT), E(ENOPROTOOPT),  E(EINVAL),	       E(ERANGE),
		E(EDOM),	 E(E2BIG),	  E(ENAMETOOLONG), E(ENOTDIR),	       E(EISDIR),
		E(ELOOP),	 E(EDESTADDRREQ), E(ECONNREFUSED), E(ECONNRESET),      E(ECONNABORTED),
		E(ENOTCONN),	 E(ESHUTDOWN),	  E(EPIPE),	   E(EHOSTUNREACH),    E(EHOSTDOWN),
		E(ENETUNREACH),	 E(ENETDOWN),	  E(ENOSPC),	   E(EDQUOT),	       E(EMFILE),
		E(ENFILE),	 E(EXFULL),	  E(ETIMEDOUT),	   E(ETIME),	       E(ECANCELED),
		E(EAGAIN),	 E(EINTR),	  E(EBUSY),	   E(EALREADY),	       E(EINPROGRESS),
		E(ENOBUFS),
#undef E
	};
	char *save = NULL;

	(void)index;
	for (char *name = strtok_r(cells[1], " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (strcmp(known[i].name, name) != 0)
				continue;
			uint32_t kind = ndrv_error_kind(ndrv_error_from_errno(known[i].number));
			if (strcmp(ndrv_kind_name(kind), cells[0]) != 0)
				fail_msg("%s is documented as %s", name, cells[0]);
			errnos++;
		}
	}
}

static void every_mapped_errno_is_there(void **state)
{
	int mapped = 0, last = 0;

	(void)state;
	walk("kind", 2, check_errnos);
	for (int number = 1; number < 200; number++) {
		if (ndrv_error_from_errno(number) != NDRV_E_INTERNAL) {
			mapped++;
			last = number;
		}
	}
	if (errnos != mapped)
		fail_msg("%d errnos are mapped, the last is %d; the page has %d", mapped, last, errnos);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_its_status_and_exit_code),
		cmocka_unit_test(every_error_is_there_in_order),
		cmocka_unit_test(every_mapped_errno_is_there),
	};

	return cmocka_run_group_tests(tests, read_page, free_page);
}
