/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarder of a managed Docker plugin, as a process, between a client and a host that the test plays itself. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define PATIENCE 10000 /* ms: only a test that fails waits for so long */
#define BIG (1u << 20)
#define MANY 200

static char dir[64], front[96], back[96];
static pid_t forwarder;

static struct sockaddr_un at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static int host_up(void)
{
	struct sockaddr_un address = at(back);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, MANY), 0);
	return fd;
}

static void host_down(int fd)
{
	(void)close(fd);
	(void)unlink(back);
}

static int try_connect(void)
{
	struct sockaddr_un address = at(front);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int client(void)
{
	int fd = -1;

	for (int i = 0; i < PATIENCE / 10 && (fd = try_connect()) < 0; i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_true(fd >= 0);
	return fd;
}

/* Whether the socket has something to say in time; `events` are what it is asked for. */
static short wait_for(int fd, short events, int ms)
{
	struct pollfd polled = {.fd = fd, .events = events};

	return poll(&polled, 1, ms) > 0 ? polled.revents : 0;
}

static int accept_one(int listener)
{
	assert_true(wait_for(listener, POLLIN, PATIENCE) & POLLIN);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (long)strlen(text));
}

static void hear(int fd, const char *text)
{
	char got[64];
	size_t bytes = 0;

	while (bytes < strlen(text)) {
		assert_true(wait_for(fd, POLLIN, PATIENCE) & POLLIN);
		ssize_t one = read(fd, got + bytes, strlen(text) - bytes);
		assert_true(one > 0);
		bytes += (size_t)one;
	}
	assert_memory_equal(got, text, bytes);
}

static void hear_end(int fd)
{
	char byte;

	assert_true(wait_for(fd, POLLIN, PATIENCE) != 0);
	assert_true(read(fd, &byte, 1) <= 0);
}

static int start(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/ndrv-forward-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(front, sizeof(front), "%s/front", dir);
	(void)snprintf(back, sizeof(back), "%s/back", dir);
	forwarder = fork();
	assert_true(forwarder >= 0);
	if (forwarder == 0) {
		(void)execl(TEST_FORWARD, TEST_FORWARD, front, back, (char *)NULL);
		_exit(127);
	}
	return 0;
}

static int stop(void **state)
{
	int status = 0;

	(void)state;
	(void)kill(forwarder, SIGTERM);
	assert_int_equal(waitpid(forwarder, &status, 0), forwarder);
	(void)unlink(front);
	(void)unlink(back);
	(void)rmdir(dir);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return 0;
}

static void both_ways_and_many_requests_of_one_connection(void **state)
{
	(void)state;
	int listener = host_up(), one = client(), far = accept_one(listener);

	for (int i = 0; i < 100; i++) {
		say(one, "what is it?");
		hear(far, "what is it?");
		say(far, "this");
		hear(one, "this");
	}
	(void)close(one);
	hear_end(far);
	(void)close(far);
	host_down(listener);
}

static void a_half_close_is_passed_on_as_one(void **state)
{
	(void)state;
	int listener = host_up(), one = client(), far = accept_one(listener);

	say(one, "all of it");
	assert_int_equal(shutdown(one, SHUT_WR), 0);
	hear(far, "all of it");
	hear_end(far);
	/* But it has not hung up, and is answered. */
	assert_false(wait_for(far, 0, 100) & POLLHUP);
	say(far, "late answer");
	hear(one, "late answer");
	assert_int_equal(shutdown(far, SHUT_WR), 0);
	hear_end(one);
	(void)close(one);
	(void)close(far);
	host_down(listener);
}

static void a_hang_up_is_passed_on_with_the_request_before_it(void **state)
{
	(void)state;
	int listener = host_up(), one = client(), far = accept_one(listener);

	say(one, "request");
	(void)close(one);
	hear(far, "request");
	hear_end(far);
	assert_true(wait_for(far, 0, PATIENCE) & POLLHUP);
	(void)close(far);

	/* The other way round, with an answer before it. */
	one = client();
	far = accept_one(listener);
	say(far, "answer");
	(void)close(far);
	hear(one, "answer");
	hear_end(one);
	assert_true(wait_for(one, 0, PATIENCE) & POLLHUP);
	(void)close(one);
	host_down(listener);
}

/* A child reads; the parent writes more than any buffer holds, and reads the echo. */
static void bodies_of_a_megabyte_come_whole(void **state)
{
	char *bytes = malloc(BIG), *echo = malloc(BIG);
	int listener = host_up(), one = client(), far = accept_one(listener);

	(void)state;
	assert_non_null(bytes);
	assert_non_null(echo);
	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		size_t got = 0;

		(void)close(one);
		/* The sender is held up meanwhile. */
		(void)nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
		while (got < BIG) {
			ssize_t part = read(far, echo + got, BIG - got);

			if (part <= 0)
				_exit(1);
			got += (size_t)part;
		}
		for (size_t sent = 0; sent < BIG;) {
			ssize_t part = send(far, echo + sent, BIG - sent, MSG_NOSIGNAL);

			if (part <= 0)
				_exit(2);
			sent += (size_t)part;
		}
		_exit(0);
	}
	(void)close(far);
	for (size_t sent = 0; sent < BIG;) {
		ssize_t part = send(one, bytes + sent, BIG - sent, MSG_NOSIGNAL);

		assert_true(part > 0);
		sent += (size_t)part;
	}
	for (size_t got = 0; got < BIG;) {
		assert_true(wait_for(one, POLLIN, PATIENCE) & POLLIN);
		ssize_t part = read(one, echo + got, BIG - got);
		assert_true(part > 0);
		got += (size_t)part;
	}
	assert_memory_equal(bytes, echo, BIG);
	hear_end(one);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(one);
	free(bytes);
	free(echo);
	host_down(listener);
}

static void many_connections_do_not_mix(void **state)
{
	int listener = host_up(), near[MANY], far[MANY];
	char text[32];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		near[i] = client();
		far[i] = accept_one(listener);
	}
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(text, sizeof(text), "number %d;", i);
		say(near[i], text);
	}
	for (int i = MANY; i-- > 0;) {
		(void)snprintf(text, sizeof(text), "number %d;", i);
		hear(far[i], text);
		say(far[i], text);
		hear(near[i], text);
	}
	/* Places are free again, whichever went first. */
	for (int i = 0; i < MANY; i++)
		(void)close(i % 3 ? near[i] : far[i]);
	for (int i = 0; i < MANY; i++) {
		hear_end(i % 3 ? far[i] : near[i]);
		(void)close(i % 3 ? far[i] : near[i]);
	}
	for (int i = 0; i < MANY; i++) {
		int one = client(), other = accept_one(listener);

		say(one, "again");
		hear(other, "again");
		(void)close(one);
		(void)close(other);
	}
	host_down(listener);
}

static void a_request_is_held_while_the_host_is_away(void **state)
{
	(void)state;
	int one = client(), two = client();

	say(one, "anybody?");
	assert_int_equal(wait_for(one, POLLIN, 300), 0);
	/* One that gives up meanwhile is not passed on at all. */
	say(two, "never mind");
	(void)close(two);
	assert_int_equal(wait_for(one, POLLIN, 100), 0);
	int listener = host_up(), far = accept_one(listener);
	hear(far, "anybody?");
	say(far, "here");
	hear(one, "here");
	assert_int_equal(wait_for(listener, POLLIN, 200), 0);
	/* The host ends and comes back: an idle connection ends, and the next is served. */
	(void)close(far);
	host_down(listener);
	hear_end(one);
	(void)close(one);
	one = client();
	say(one, "and now?");
	listener = host_up();
	far = accept_one(listener);
	hear(far, "and now?");
	(void)close(one);
	(void)close(far);
	host_down(listener);
}

static unsigned long cpu_ticks(void)
{
	unsigned long user = 0, system = 0;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)forwarder);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system), 2);
	(void)fclose(file);
	return user + system;
}

/* A client that has hung up, and bytes of its that nobody takes: nothing turns in circles. */
static void a_host_that_does_not_read_costs_nothing(void **state)
{
	char *bytes = calloc(1, BIG);
	size_t sent = 0;

	(void)state;
	assert_non_null(bytes);
	int listener = host_up(), one = client(), far = accept_one(listener);
	/* As much as goes, which is what the buffers on the way hold. */
	while (wait_for(one, POLLOUT, 200) & POLLOUT) {
		ssize_t part = send(one, bytes, BIG, MSG_NOSIGNAL | MSG_DONTWAIT);

		assert_true(part > 0);
		sent += (size_t)part;
	}
	(void)close(one);
	unsigned long before = cpu_ticks();
	(void)nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	assert_true(cpu_ticks() - before < 20);
	for (size_t got = 0; got < sent;) {
		assert_true(wait_for(far, POLLIN, PATIENCE) & POLLIN);
		ssize_t part = read(far, bytes, BIG);
		assert_true(part > 0);
		got += (size_t)part;
	}
	hear_end(far);
	(void)close(far);
	free(bytes);
	host_down(listener);
}

static void it_says_how_it_is_used(void **state)
{
	(void)state;
	int status = system(TEST_FORWARD " one 2>/dev/null"); /* NOLINT(cert-env33-c): a test's own command */

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(both_ways_and_many_requests_of_one_connection),
		TEST(a_half_close_is_passed_on_as_one),
		TEST(a_hang_up_is_passed_on_with_the_request_before_it),
		TEST(bodies_of_a_megabyte_come_whole),
		TEST(many_connections_do_not_mix),
		TEST(a_request_is_held_while_the_host_is_away),
		TEST(a_host_that_does_not_read_costs_nothing),
		cmocka_unit_test(it_says_how_it_is_used),
	};

	return cmocka_run_group_tests_name("docker forward", tests, NULL, NULL);
}
