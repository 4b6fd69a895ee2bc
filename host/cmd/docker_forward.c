/* SPDX-License-Identifier: Apache-2.0 */
/* ndrv-docker-forward LISTEN TO: the process of a managed Docker plugin. It passes bytes between dockerd, which connects to LISTEN
 * in the plugin's own file system, and ndrvd, whose socket is TO in a directory of the host. It is linked statically and needs
 * nothing but these two.
 *
 * A connection that cannot be passed on yet is held, not refused and not closed: dockerd waits 30 s for any answer, so that one
 * that comes when ndrvd is back still counts; a connection closed after its request was taken makes dockerd ask again without the
 * body, and an error would make it think for ever that the plugin has no capabilities.
 *
 * The end of either direction, and a hang-up, are passed on as what they are: ndrvd undoes what nobody waits for any more. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define BUFFER 65536
#define RETRY_MS 50

enum { CLIENT = 0, HOST = 1 };

/* From one side to the other. */
struct way {
	size_t at, end; /* what is still to be written */
	bool ended;	/* there is nothing more to read */
	bool told;	/* and the other side knows */
	char bytes[BUFFER];
};

struct passage {
	int fds[2]; /* HOST: -1 while it does not answer */
	bool hung[2];
	struct way ways[2]; /* by where they come from */
};

static struct passage *passages[CONNECTIONS_MAX];
static size_t passage_count;
static struct sockaddr_un to = {.sun_family = AF_UNIX};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The first process of a namespace is not ended by a signal it does not handle. */
static void leave_now(int signal)
{
	(void)signal;
	_exit(0);
}

/* --- one connection --- */

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void take(struct passage *passage, int side)
{
	struct way *way = &passage->ways[side];

	if (way->at == way->end)
		way->at = way->end = 0;
	while (!way->ended && way->end < BUFFER) {
		ssize_t bytes = read(passage->fds[side], way->bytes + way->end, BUFFER - way->end);

		if (bytes < 0 && would_block())
			return;
		way->ended = bytes <= 0;
		way->end += bytes > 0 ? (size_t)bytes : 0;
	}
}

/* What the other side no longer reads is dropped: it may still have something to say. */
static void give(struct passage *passage, int side)
{
	struct way *way = &passage->ways[side];

	while (way->at < way->end) {
		ssize_t bytes = send(passage->fds[!side], way->bytes + way->at, way->end - way->at, MSG_NOSIGNAL);

		if (bytes < 0 && would_block())
			return;
		way->at = bytes < 0 ? way->end : way->at + (size_t)bytes;
	}
	if (!way->ended || way->told)
		return;
	way->told = true;
	(void)shutdown(passage->fds[!side], SHUT_WR);
}

/* Moves what can be moved, until there is nothing or no room: a side that has hung up is not polled again. True: the connection is
 * over. */
static bool pass(struct passage *passage)
{
	bool over = passage->ways[CLIENT].told && passage->ways[HOST].told;

	for (int side = CLIENT; side <= HOST && !over; side++) {
		const struct way *way = &passage->ways[side];
		size_t before;

		do {
			take(passage, side);
			before = way->end - way->at;
			give(passage, side);
		} while (before && way->at == way->end);
		over = passage->hung[side] && way->told;
	}
	return over || (passage->ways[CLIENT].told && passage->ways[HOST].told);
}

static void drop(size_t i)
{
	struct passage *passage = passages[i];

	(void)close(passage->fds[CLIENT]);
	if (passage->fds[HOST] >= 0)
		(void)close(passage->fds[HOST]);
	free(passage);
	passages[i] = passages[--passage_count];
}

/* The kernel connects such sockets at once, or says why not. */
static void reach(struct passage *passage)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		passage->fds[HOST] = fd;
	else if (fd >= 0)
		(void)close(fd);
}

/* --- all of them --- */

static void admit(int listener)
{
	while (passage_count < CONNECTIONS_MAX) {
		struct passage *passage = malloc(sizeof(*passage));
		int fd = passage ? accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;

		if (fd < 0) {
			free(passage);
			return;
		}
		memset(passage, 0, sizeof(*passage));
		passage->fds[CLIENT] = fd;
		passage->fds[HOST] = -1;
		reach(passage);
		passages[passage_count++] = passage;
	}
}

/* A side that has hung up and whose bytes have no room would be reported without end: it is asked again once they have. */
static short interest(const struct passage *passage, int side, int *ret_fd)
{
	const struct way *from = &passage->ways[side], *into = &passage->ways[!side];
	short events = 0;

	if (passage->fds[HOST] >= 0 && !from->ended && from->end - from->at < BUFFER)
		events |= POLLIN;
	if (into->at < into->end)
		events |= POLLOUT;
	*ret_fd = passage->hung[side] ? -1 : passage->fds[side];
	return events;
}

static int fill(struct pollfd *polled, int listener)
{
	int wait = -1;

	polled[0] = (struct pollfd){.fd = passage_count < CONNECTIONS_MAX ? listener : -1, .events = POLLIN};
	for (size_t i = 0; i < passage_count; i++) {
		for (int side = CLIENT; side <= HOST; side++) {
			struct pollfd *one = &polled[1 + 2 * i + (size_t)side];

			one->revents = 0;
			one->events = interest(passages[i], side, &one->fd);
		}
		if (passages[i]->fds[HOST] < 0)
			wait = RETRY_MS;
	}
	return wait;
}

/* Backwards, because the last takes the place of one that is over. */
static void serve(const struct pollfd *polled, size_t count)
{
	for (size_t i = count; i-- > 0;) {
		struct passage *passage = passages[i];

		for (int side = CLIENT; side <= HOST; side++)
			if (polled[1 + 2 * i + (size_t)side].revents & (POLLHUP | POLLERR | POLLNVAL))
				passage->hung[side] = true;
		if (passage->fds[HOST] < 0 && !passage->hung[CLIENT])
			reach(passage);
		if (passage->fds[HOST] < 0 ? passage->hung[CLIENT] : pass(passage))
			drop(i);
	}
}

static int listen_on(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	(void)unlink(path); /* of an earlier life */
	(void)umask(0077);
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) || listen(fd, SOMAXCONN))
		die(path);
	return fd;
}

int main(int argc, char **argv)
{
	static struct pollfd polled[1 + 2 * CONNECTIONS_MAX];

	if (argc != 3 || strlen(argv[1]) >= sizeof(to.sun_path) || strlen(argv[2]) >= sizeof(to.sun_path)) {
		(void)fprintf(stderr, "usage: ndrv-docker-forward LISTEN TO (paths of sockets, at most 107 bytes)\n");
		return 2;
	}
	(void)signal(SIGTERM, leave_now);
	(void)signal(SIGINT, leave_now);
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", argv[2]);
	int listener = listen_on(argv[1]);

	for (;;) {
		int wait = fill(polled, listener);
		size_t count = passage_count;

		if (poll(polled, 1 + 2 * count, wait) < 0 && errno != EINTR)
			die("poll");
		serve(polled, count);
		admit(listener);
	}
}
