/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_MS 20000

int http_connect(const char *socket_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int saved = errno;
		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int http_send(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		bytes += sent;
		count -= (size_t)sent;
	}
	return 0;
}

int http_send_request(int fd, const char *method, const char *target, const char *body)
{
	size_t length = body ? strlen(body) : 0, room = strlen(target) + 256;
	char *head = malloc(room);
	char content[64] = "";

	if (!head)
		return -1;
	if (body)
		(void)snprintf(content, sizeof(content), "Content-Length: %zu\r\n", length);
	(void)snprintf(head, room, "%s %s HTTP/1.1\r\nHost: ndrv\r\n%s\r\n", method, target, content);
	int rc = http_send(fd, head, strlen(head));
	free(head);
	if (rc == 0 && length > 0)
		rc = http_send(fd, body, length);
	return rc;
}

/* One byte at a time: slow, and never reads beyond what it was asked for. */
static int read_byte(int fd, char *ret, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	int ready = poll(&pfd, 1, timeout_ms);
	if (ready <= 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	ssize_t got = recv(fd, ret, 1, 0);
	if (got == 0)
		errno = 0;
	return got == 1 ? 0 : -1;
}

/* Up to LF, without CR LF. */
static int read_line(int fd, char *line, size_t room, int timeout_ms)
{
	size_t at = 0;
	char c;

	while (read_byte(fd, &c, timeout_ms) == 0) {
		if (c == '\n') {
			line[at && line[at - 1] == '\r' ? at - 1 : at] = '\0';
			return 0;
		}
		if (at + 1 < room)
			line[at++] = c;
	}
	line[at] = '\0';
	return -1;
}

static int append(struct http_answer *answer, int fd, size_t count, int timeout_ms)
{
	char *body = realloc(answer->body, answer->bytes + count + 1);

	if (!body)
		return -1;
	answer->body = body;
	while (count > 0) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		if (poll(&pfd, 1, timeout_ms) <= 0)
			return -1;
		ssize_t got = recv(fd, answer->body + answer->bytes, count, 0);
		if (got <= 0)
			return -1;
		answer->bytes += (size_t)got;
		answer->body[answer->bytes] = '\0';
		count -= (size_t)got;
	}
	return 0;
}

struct framing {
	int chunked;
	long length; /* -1: until the end */
};

static int receive_head(int fd, struct http_answer *ret, struct framing *framing, int timeout_ms)
{
	char line[4096], *value;

	memset(ret, 0, sizeof(*ret));
	ret->body = calloc(1, 1);
	ret->keep_alive = 1;
	*framing = (struct framing){.length = -1};
	if (!ret->body)
		return -1;
	do {
		if (read_line(fd, line, sizeof(line), timeout_ms) < 0 || strncmp(line, "HTTP/1.", 7) != 0)
			return -1;
		ret->status = atoi(line + 9);
		while (read_line(fd, line, sizeof(line), timeout_ms) == 0 && *line) {
			value = strchr(line, ':');
			if (!value)
				return -1;
			*value++ = '\0';
			value += strspn(value, " ");
			if (strcasecmp(line, "content-length") == 0)
				framing->length = atol(value);
			else if (strcasecmp(line, "transfer-encoding") == 0)
				framing->chunked = strcasecmp(value, "chunked") == 0;
			else if (strcasecmp(line, "content-type") == 0)
				(void)snprintf(ret->content_type, sizeof(ret->content_type), "%s", value);
			else if (strcasecmp(line, "allow") == 0)
				(void)snprintf(ret->allow, sizeof(ret->allow), "%s", value);
			else if (strcasecmp(line, "connection") == 0 && strcasecmp(value, "close") == 0)
				ret->keep_alive = 0;
		}
	} while (ret->status == 100);
	return 0;
}

int http_receive_head(int fd, struct http_answer *ret, int timeout_ms)
{
	struct framing framing;
	return receive_head(fd, ret, &framing, timeout_ms);
}

static int receive_chunks(int fd, struct http_answer *ret, int timeout_ms)
{
	char line[64];

	for (;;) {
		if (read_line(fd, line, sizeof(line), timeout_ms) < 0)
			return -1;
		unsigned long count = strtoul(line, NULL, 16);
		if (count > 0 && append(ret, fd, count, timeout_ms) < 0)
			return -1;
		if (read_line(fd, line, sizeof(line), timeout_ms) < 0)
			return -1;
		if (count == 0)
			return 0;
	}
}

int http_receive(int fd, struct http_answer *ret, int timeout_ms)
{
	struct framing framing;

	if (receive_head(fd, ret, &framing, timeout_ms) < 0)
		return -1;
	if (framing.chunked)
		return receive_chunks(fd, ret, timeout_ms);
	if (framing.length >= 0)
		return framing.length ? append(ret, fd, (size_t)framing.length, timeout_ms) : 0;
	ret->keep_alive = 0;
	while (append(ret, fd, 1, timeout_ms) == 0)
		;
	return 0;
}

long http_receive_line(int fd, long *left, char *line, size_t room, int timeout_ms)
{
	char size[64];

	/* A line may span several chunks, a chunk may hold several lines. */
	size_t at = 0;
	for (;;) {
		char c;
		while (*left == 0) {
			if (read_line(fd, size, sizeof(size), timeout_ms) < 0)
				return -1;
			*left = (long)strtoul(size, NULL, 16);
			if (*left == 0 && *size)
				return 0;
		}
		if (read_byte(fd, &c, timeout_ms) < 0)
			return -1;
		(*left)--;
		if (*left == 0 && read_line(fd, size, sizeof(size), timeout_ms) < 0)
			return -1;
		if (c == '\n') {
			line[at] = '\0';
			return (long)at;
		}
		if (at + 1 < room)
			line[at++] = c;
	}
}

int http_ask(const char *socket_path, const char *method, const char *target, const char *body, struct http_answer *ret)
{
	int fd = http_connect(socket_path);

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return -1;
	(void)http_send_request(fd, method, target, body); /* an answer may come although not all was taken */
	int rc = http_receive(fd, ret, DEFAULT_TIMEOUT_MS);
	(void)close(fd);
	return rc;
}

void http_answer_free(struct http_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
}
