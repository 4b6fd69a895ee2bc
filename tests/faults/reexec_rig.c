/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"

#include "tests/faults/reexec_rig.h"

bool rig_soak(void)
{
	return getenv("NDRV_SOAK") != NULL;
}

void rig_sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

int rig_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	for (int i = 0; i < 2; i++)
		netns_new(&fixture->ends[i]);
	daemon_set_up(&fixture->daemon, NULL);
	daemon_add_driver(&fixture->daemon, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_add_driver(&fixture->daemon, "null", BUILT_DRIVERS "/null.so", NULL);
	daemon_add_driver(&fixture->daemon, "fail", FAIL_DRIVER, NULL); /* fails only when it is told to */
	*state = fixture;
	return 0;
}

int rig_tear_down(void **state)
{
	struct fixture *fixture = *state;

	daemon_tear_down(&fixture->daemon);
	if (fixture->daemon.listen_fd)
		(void)close(fixture->daemon.listen_fd);
	for (int i = 0; i < 2; i++)
		netns_free(&fixture->ends[i]);
	free(fixture);
	return 0;
}

void rig_connect_both(struct fixture *fixture)
{
	struct daemon *daemon = &fixture->daemon;

	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "web", "-d", "bridge", "--subnet", "10.78.0.0/24", NULL),
			 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "connect", "web", "--netns", fixture->ends[i].path,
					    "--endpoint", i ? "second" : "first", "--ip", i ? "10.78.0.3" : "10.78.0.2", NULL),
				 0);
}

/* Sorted, so that two of them compare as text. The caller frees. */
char *rig_ask(struct fixture *fixture, const char *noun, const char *verb, const char *what)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", noun, verb, what, NULL), 0);
	json_t *document = json_loads(fixture->reply, 0, NULL);
	assert_non_null(document);
	char *text = json_dumps(document, JSON_SORT_KEYS);
	json_decref(document);
	assert_non_null(text);
	return text;
}

void rig_reexec(struct fixture *fixture, const char *binary)
{
	int rc = daemon_ctl(&fixture->daemon, fixture->reply, sizeof(fixture->reply), "--json", "reexec", binary, NULL);
	if (rc)
		fail_msg("reexec ended with %d: %s", rc, fixture->reply);
	json_t *document = json_loads(fixture->reply, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(document, "pid")), fixture->daemon.pid);
	json_decref(document);
}

void rig_assert_flow_whole(const struct flow *flow, const char *what)
{
	print_message("%-34s datagrams %llu, lost %llu, longest gap %.1f ms; TCP %llu kB, missing %llu B, wrong %llu B\n", what,
		      (unsigned long long)flow->datagrams, (unsigned long long)(flow->datagrams - flow->received),
		      (double)flow->longest_gap_ns / (double)NSEC_PER_MSEC, (unsigned long long)flow->bytes / 1000,
		      (unsigned long long)(flow->bytes - flow->bytes_received), (unsigned long long)flow->bytes_wrong);
	assert_true(flow->datagrams > 100 && flow->bytes > 0);
	assert_int_equal(flow->datagrams, flow->received);
	assert_int_equal(flow->disordered, 0);
	assert_int_equal(flow->bytes, flow->bytes_received);
	assert_int_equal(flow->bytes_wrong, 0);
}

void rig_assert_nothing_wrong(const struct hammer *hammer)
{
	if (hammer->total.wrong)
		fail_msg("%llu wrong answers, the first: %s", (unsigned long long)hammer->total.wrong, hammer->total.first_wrong);
	assert_int_equal(hammer->total.unconnected, 0);
	assert_true(hammer->total.requests > 50);
}

void rig_write_program(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(file), 0);
}
