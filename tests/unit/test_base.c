/* SPDX-License-Identifier: Apache-2.0 */
/* Arena and log. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "host/base/arena.h"
#include "host/base/log.h"

static void memory_is_aligned_and_zeroed(void **state)
{
	(void)state;
	struct arena arena;
	unsigned char *last = NULL;

	arena_init(&arena, 1 << 20);
	for (size_t bytes = 1; bytes < 200; bytes++) {
		unsigned char *memory = ndrv_arena_alloc(&arena.ndrv, bytes);
		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % 16, 0);
		for (size_t i = 0; i < bytes; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xff, bytes);
		assert_ptr_not_equal(memory, last);
		last = memory;
	}
	assert_int_equal(arena.total, 199 * 200 / 2);
	assert_non_null(arena_alloc(&arena, 0));
	arena_reset(&arena);
	/* What was used before is zero again. */
	unsigned char *again = arena_alloc(&arena, 64);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(again[i], 0);
	arena_reset(&arena);
}

static void the_limit_holds_to_the_byte(void **state)
{
	(void)state;
	struct arena arena;

	arena_init(&arena, 10000);
	assert_null(arena_alloc(&arena, 10001));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_non_null(arena_alloc(&arena, 9000));
	assert_null(arena_alloc(&arena, 1001));
	assert_non_null(arena_alloc(&arena, 1000));
	assert_null(arena_alloc(&arena, 1));
	assert_null(arena_strdup(&arena, ""));
	arena_reset(&arena);
	assert_string_equal(arena_strdup(&arena, "again"), "again");
	arena_reset(&arena);
}

static void large_and_small_pieces_do_not_meet(void **state)
{
	(void)state;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	arena.block = 64;
	char *small = arena_strdup(&arena, "small");
	unsigned char *large = arena_alloc(&arena, 100000);
	char *after = arena_strdup(&arena, "after");
	memset(large, 'x', 100000);
	assert_string_equal(small, "small");
	assert_string_equal(after, "after");
	arena_reset(&arena);
}

static int ends[2];

static const char *written(void)
{
	static char line[4096];
	ssize_t got = read(ends[0], line, sizeof(line) - 1);

	line[got > 0 ? got : 0] = '\0';
	return line;
}

static int make_pipe(void **state)
{
	(void)state;
	if (pipe2(ends, O_NONBLOCK))
		return -1;
	log_set_fd(ends[1]);
	log_set_level(NDRV_LOG_INFO);
	log_set_prefix(0);
	return 0;
}

static int close_pipe(void **state)
{
	(void)state;
	log_set_fd(2);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void only_levels_up_to_the_one_set_are_written(void **state)
{
	(void)state;
	log_debug("t", "no");
	assert_string_equal(written(), "");
	log_info("t", "yes %d", 1);
	assert_string_equal(written(), "t: yes 1\n");
	log_set_level(NDRV_LOG_DEBUG);
	log_debug("t", "debug");
	assert_string_equal(written(), "t: debug\n");
	log_set_level(NDRV_LOG_ERROR);
	log_warning("t", "no");
	assert_string_equal(written(), "");
	log_set_level(0);
	log_error("t", "no");
	assert_string_equal(written(), "");
}

static void the_prefix_is_that_of_the_journal(void **state)
{
	(void)state;
	log_set_level(NDRV_LOG_DEBUG);
	log_set_prefix(1);
	log_error("t", "a");
	log_warning("t", "b");
	log_info("t", "c");
	log_debug("t", "d");
	assert_string_equal(written(), "<3>t: a\n<4>t: b\n<6>t: c\n<7>t: d\n");
}

static void a_text_cannot_fake_a_second_line(void **state)
{
	(void)state;
	log_info("t", "%s", "x\n<3>evil\x1b[2J\r\t\x7f end \303\244");
	assert_string_equal(written(), "t: x?<3>evil?[2J??? end \303\244\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	(void)state;
	char text[5000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	errno = 7;
	log_info("t", "%s", text);
	assert_int_equal(errno, 7);
	const char *line = written();
	size_t length = strlen(line);
	assert_true(length > 1000 && length <= 2048);
	assert_int_equal(line[length - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + length - 1);
}

#define L(name) cmocka_unit_test_setup_teardown(name, make_pipe, close_pipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_and_zeroed),
		cmocka_unit_test(the_limit_holds_to_the_byte),
		cmocka_unit_test(large_and_small_pieces_do_not_meet),
		L(only_levels_up_to_the_one_set_are_written),
		L(the_prefix_is_that_of_the_journal),
		L(a_text_cannot_fake_a_second_line),
		L(a_long_line_is_cut_and_still_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
