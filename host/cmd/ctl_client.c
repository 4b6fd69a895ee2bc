/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 client for one request over a unix socket. By hand, because what speaks at the other end is ours and libcurl, the
 * only candidate every distribution has, loads some thirty libraries before main(): ndrvctl would start in 10 ms instead of 1. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/cmd/ctl.h"

/* An answer larger than this is not one of ours. */
#define ANSWER_MAX (256u << 20)
#define LINE_MAX_BYTES 65536u
/* After this long the user is told that we wait. */
#define PATIENCE_NS NSEC_PER_SEC

struct client {
	const struct ctl *ctl;
	int fd;
	uint64_t since;
	bool told;    /* the progress line is on the terminal */
	bool endless; /* no progress line */
	size_t start, end;
	char buffer[16384];
	/* of the answer's head */
	int status;
	bool chunked;
	long long length; /* -1: until the end */
};

char *ctl_path(const char *fmt, ...)
{
	size_t room = strlen(fmt) + 1, at = 0;
	va_list ap;

	va_start(ap, fmt);
	for (const char *p = fmt; (p = strstr(p, "%s")); p += 2)
		room += 3 * strlen(va_arg(ap, const char *));
	va_end(ap);
	char *path = ctl_memory(malloc(room));
	va_start(ap, fmt);
	while (*fmt) {
		if (strncmp(fmt, "%s", 2) != 0) {
			path[at++] = *fmt++;
			continue;
		}
		for (const char *text = va_arg(ap, const char *); *text; text++) {
			bool plain = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
				     (*text >= 'A' && *text <= 'Z') || strchr("-_.~", *text);
			if (plain)
				path[at++] = *text;
			else
				at += (size_t)sprintf(path + at, "%%%02X", (unsigned char)*text);
		}
		fmt += 2;
	}
	va_end(ap);
	path[at] = '\0';
	return path;
}

/* --- bytes --- */

static void tell(struct client *client)
{
	uint64_t waited = clock_ns() - client->since;

	if (client->endless || waited < PATIENCE_NS || !isatty(STDERR_FILENO))
		return;
	(void)fprintf(stderr, "\r\033[Kndrvctl: %s: waiting for the host, %llu s", client->ctl->command->name,
		      (unsigned long long)(waited / NSEC_PER_SEC));
	client->told = true;
}

static void untell(struct client *client)
{
	if (client->told)
		(void)fputs("\r\033[K", stderr);
	client->told = false;
}

/* More bytes into the empty buffer. False: the end, or an error (errno then, else 0). */
static bool fill(struct client *client)
{
	struct pollfd pfd = {.fd = client->fd, .events = POLLIN};

	while (poll(&pfd, 1, 1000) == 0)
		tell(client);
	for (;;) {
		ssize_t got = recv(client->fd, client->buffer, sizeof(client->buffer), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = 0;
		client->start = 0;
		client->end = got > 0 ? (size_t)got : 0;
		return got > 0;
	}
}

/* Up to LF; CR LF taken off. */
static bool read_line(struct client *client, char *line, size_t room)
{
	size_t at = 0;

	for (;;) {
		if (client->start == client->end && !fill(client))
			return false;
		char c = client->buffer[client->start++];
		if (c == '\n')
			break;
		if (at + 1 < room)
			line[at++] = c;
	}
	line[at && line[at - 1] == '\r' ? at - 1 : at] = '\0';
	return true;
}

/* Calls `take` for up to `count` bytes (-1: until the end), piece by piece. False: fewer came, or `take` had enough. */
static bool read_bytes(struct client *client, long long count, bool (*take)(void *data, const char *text, size_t bytes), void *data)
{
	while (count != 0) {
		if (client->start == client->end && !fill(client))
			return count < 0 && errno == 0;
		size_t bytes = client->end - client->start;
		if (count > 0 && (long long)bytes > count)
			bytes = (size_t)count;
		if (!take(data, client->buffer + client->start, bytes))
			return false;
		client->start += bytes;
		count -= count > 0 ? (long long)bytes : 0;
	}
	return true;
}

/* --- the answer --- */

static bool read_head(struct client *client)
{
	char *line = ctl_memory(malloc(LINE_MAX_BYTES));
	bool ok = false;

	do {
		client->chunked = false;
		client->length = -1;
		if (!read_line(client, line, LINE_MAX_BYTES) || strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12)
			break;
		client->status = (int)strtol(line + 9, NULL, 10);
		while ((ok = read_line(client, line, LINE_MAX_BYTES)) && *line) {
			char *value = strchr(line, ':');
			if (!value)
				continue;
			*value++ = '\0';
			value += strspn(value, " \t");
			if (strcasecmp(line, "content-length") == 0)
				client->length = strtoll(value, NULL, 10);
			else if (strcasecmp(line, "transfer-encoding") == 0)
				client->chunked = strcasecmp(value, "chunked") == 0;
		}
	} while (ok && client->status == 100);
	free(line);
	return ok;
}

static bool read_body(struct client *client, bool (*take)(void *data, const char *text, size_t bytes), void *data)
{
	char line[256];

	if (!client->chunked)
		return read_bytes(client, client->length, take, data);
	for (;;) {
		char *end;
		if (!read_line(client, line, sizeof(line)))
			return false;
		unsigned long long count = strtoull(line, &end, 16);
		if (end == line || count > ANSWER_MAX)
			return false;
		if (count > 0 && !read_bytes(client, (long long)count, take, data))
			return false;
		if (!read_line(client, line, sizeof(line)) || *line)
			return false;
		if (count == 0)
			return true;
	}
}

struct text {
	char *bytes;
	size_t count, room;
};

static bool keep(void *data, const char *bytes, size_t count)
{
	struct text *text = data;

	if (text->count + count > ANSWER_MAX)
		return false;
	if (text->count + count + 1 > text->room) {
		text->room = (text->count + count + 1) * 2;
		text->bytes = ctl_memory(realloc(text->bytes, text->room));
	}
	memcpy(text->bytes + text->count, bytes, count);
	text->count += count;
	text->bytes[text->count] = '\0';
	return true;
}

/* --- the request --- */

static int unreachable(const struct ctl *ctl, const char *what, int error)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s %s: %s%s", what, ctl->socket,
		       error ? strerrordesc_np(error) : "it closed the connection",
		       error == ENOENT || error == ECONNREFUSED ? ": is ndrvd running?" : "");
	return ctl_error(ctl, CTL_EXIT_UNREACHABLE, "NO_SERVICE", "NoService", text);
}

static bool send_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		bytes += sent;
		count -= (size_t)sent;
	}
	return true;
}

/* Connects and sends. 0, or the exit status of what was reported. */
static int ask(struct client *client, const char *method, const char *path, const char *body)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = body ? strlen(body) : 0, room = strlen(path) + 256;

	if (strlen(client->ctl->socket) >= sizeof(address.sun_path))
		return ctl_usage(client->ctl, "--socket: the path is longer than %zu bytes", sizeof(address.sun_path) - 1);
	(void)strcpy(address.sun_path, client->ctl->socket);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return unreachable(client->ctl, "cannot reach the host at", errno);
	client->since = clock_ns();
	char *head = ctl_memory(malloc(room));
	int count = snprintf(head, room, "%s %s HTTP/1.1\r\nHost: ndrv\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", method,
			     path, length);
	/* A host that refuses before it has read everything has answered all the same. */
	if (send_all(client->fd, head, (size_t)count) && body)
		(void)send_all(client->fd, body, length);
	free(head);
	if (!read_head(client)) {
		int saved = errno;
		untell(client);
		return unreachable(client->ctl, "no answer from the host at", saved);
	}
	return 0;
}

/* What is no reply: reports it. */
static int report(const struct ctl *ctl, const json_t *json)
{
	const json_t *error = json_object_get(json, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *kind = json_string_value(json_object_get(error, "kind"));
	const char *text = json_string_value(json_object_get(error, "message"));

	if (!code || !kind || !text)
		return ctl_error(ctl, CTL_EXIT_UNREACHABLE, "INTERNAL", "Internal", "the host's answer is not one of ndrvd's");
	return ctl_error(ctl, 0, code, kind, text);
}

static void hang_up(struct client *client)
{
	untell(client);
	if (client->fd >= 0)
		(void)close(client->fd);
}

json_t *ctl_call(const struct ctl *ctl, const char *method, const char *path, json_t *body, int *ret_status)
{
	struct client *client = ctl_memory(calloc(1, sizeof(*client)));
	char *text = body ? ctl_memory(json_dumps(body, JSON_COMPACT)) : NULL;
	struct text answer = {0};
	json_t *json = NULL;

	client->ctl = ctl;
	client->fd = -1;
	json_decref(body);
	*ret_status = ask(client, method, path, text);
	free(text);
	if (*ret_status == 0) {
		bool whole = read_body(client, keep, &answer);
		untell(client);
		json = whole ? json_loadb(answer.bytes ? answer.bytes : "", answer.count, JSON_DECODE_ANY, NULL) : NULL;
		if (!whole)
			*ret_status = unreachable(ctl, "half an answer from the host at", errno);
		else if (!json || client->status >= 300) {
			*ret_status = report(ctl, json);
			json_decref(json);
			json = NULL;
		}
	}
	free(answer.bytes);
	hang_up(client);
	free(client);
	return json;
}

/* --- streams --- */

struct lines {
	const struct ctl *ctl;
	struct text text;
	bool (*line)(const struct ctl *ctl, const char *text);
	bool enough;
};

static bool take_lines(void *data, const char *bytes, size_t count)
{
	struct lines *lines = data;

	while (count > 0) {
		const char *newline = memchr(bytes, '\n', count);
		size_t part = newline ? (size_t)(newline - bytes) : count;
		if (!keep(&lines->text, bytes, part))
			return false;
		bytes += part + (newline != NULL);
		count -= part + (newline != NULL);
		if (!newline)
			continue;
		lines->enough = lines->text.count > 0 && !lines->line(lines->ctl, lines->text.bytes);
		lines->text.count = 0;
		if (lines->enough)
			return false;
	}
	return true;
}

int ctl_stream(const struct ctl *ctl, const char *path, bool (*line)(const struct ctl *ctl, const char *text))
{
	struct client *client = ctl_memory(calloc(1, sizeof(*client)));
	struct lines lines = {.ctl = ctl, .line = line};
	struct text answer = {0};

	client->ctl = ctl;
	client->endless = true;
	int status = ask(client, "GET", path, NULL);
	if (status == 0 && client->status >= 300) {
		(void)read_body(client, keep, &answer);
		json_t *json = json_loadb(answer.bytes ? answer.bytes : "", answer.count, 0, NULL);
		status = report(ctl, json);
		json_decref(json);
	} else if (status == 0 && !read_body(client, take_lines, &lines) && !lines.enough) {
		status = unreachable(ctl, "the stream of events broke off at", errno);
	}
	free(answer.bytes);
	free(lines.text.bytes);
	hang_up(client);
	free(client);
	return status;
}
