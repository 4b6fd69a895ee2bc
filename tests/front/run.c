/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/front/run.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define WORDS 40

static void read_all(int fd, char *text, size_t room)
{
	size_t at = 0;
	ssize_t got;

	while (at + 1 < room && (got = read(fd, text + at, room - 1 - at)) > 0)
		at += (size_t)got;
	text[at] = '\0';
	(void)close(fd);
}

/* Errors are read after the output: they are short. */
void run(struct run *run, const char *line)
{
	char copy[1024], *words[WORDS] = {NULL}, *save = NULL;
	static char program[] = NDRVCTL;
	posix_spawn_file_actions_t actions;
	int out[2], err[2], count = 1, status;
	pid_t pid;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	words[0] = program;
	for (char *word = strtok_r(copy, " ", &save); word && count < WORDS - 1; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	(void)posix_spawn_file_actions_adddup2(&actions, err[1], 2);
	assert_int_equal(posix_spawn(&pid, program, &actions, NULL, words, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(out[1]);
	(void)close(err[1]);
	read_all(out[0], run->out, sizeof(run->out));
	read_all(err[0], run->err, sizeof(run->err));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

json_t *document(const struct run *run, const char *line)
{
	json_error_t error;
	json_t *json = json_loads(run->out, JSON_REJECT_DUPLICATES, &error);

	if (!json)
		fail_msg("ndrvctl %s: not one JSON document: %s: %s", line, error.text, run->out);
	return json;
}
