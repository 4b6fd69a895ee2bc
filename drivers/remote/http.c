/* SPDX-License-Identifier: Apache-2.0 */
/* As much of an HTTP/1.1 client as Docker's plugin protocol needs: POST with a body of known length to a peer on this machine, and
 * its answer by length, in chunks, or until the peer closes. docs/drivers/remote.md says why not libcurl. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "drivers/remote/remote.h"

#define HEAD_MAX 32768u
#define SLICE_NS 50000000u  /* how often a waiting call looks whether it was cancelled */
#define MARGIN_NS 20000000u /* what is left of a deadline to answer in */

uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int way_check(const struct http_way *way, struct ndrv_error *err)
{
	if (way->call->cancelled && way->call->cancelled(way->call))
		return ndrv_fail_object(err, NDRV_E_CANCELLED, "the call");
	if (now_ns() + MARGIN_NS >= way->deadline_ns)
		return ndrv_fail(err, NDRV_E_TIMEOUT, "no answer in time");
	return 0;
}

int way_wait(const struct http_way *way, short events, struct ndrv_error *err)
{
	struct pollfd fd = {.fd = way->fd, .events = events};

	for (;;) {
		int rc = way_check(way, err);
		if (rc)
			return rc;
		const struct timespec slice = {.tv_nsec = SLICE_NS};
		rc = ppoll(&fd, 1, &slice, NULL);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return ndrv_fail_errno(err, errno, "wait for the plugin");
	}
}

/* --- connect --- */

static int unix_address(const char *path, struct sockaddr_storage *ret, socklen_t *ret_length)
{
	struct sockaddr_un *address = (struct sockaddr_un *)ret;

	*ret = (struct sockaddr_storage){.ss_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return -1;
	memcpy(address->sun_path, path, strlen(path));
	*ret_length = sizeof(*address);
	return 0;
}

/* "127.0.0.1:80", "[::1]:80", "localhost:80". */
static int tcp_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_length)
{
	const char *colon = strrchr(text, ':');
	char host[64], *end;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -1;
	unsigned long port = strtoul(colon + 1, &end, 10);
	if (!colon[1] || *end || port == 0 || port > 65535)
		return -1;
	size_t bytes = (size_t)(colon - text);
	const char *from = text;
	if (bytes > 2 && text[0] == '[' && text[bytes - 1] == ']')
		from++, bytes -= 2;
	memcpy(host, from, bytes);
	host[bytes] = '\0';
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1", &in4.sin_addr) == 1) {
		memcpy(ret, &in4, sizeof(in4));
		*ret_length = sizeof(in4);
		return 0;
	}
	memcpy(&in6.sin6_addr, &in6addr_any, sizeof(in6.sin6_addr));
	if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
		return -1;
	memcpy(ret, &in6, sizeof(in6));
	*ret_length = sizeof(in6);
	return 0;
}

static int parse_address(const char *address, struct sockaddr_storage *ret, socklen_t *ret_length)
{
	if (strncmp(address, "unix://", 7) == 0)
		return address[7] == '/' ? unix_address(address + 7, ret, ret_length) : -1;
	if (strncmp(address, "tcp://", 6) == 0)
		return tcp_address(address + 6, ret, ret_length);
	return -1;
}

int address_check(const char *address, struct ndrv_error *err)
{
	struct sockaddr_storage ignored;
	socklen_t length;

	if (strncmp(address, "https://", 8) == 0)
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "%s: plugins behind TLS are not supported", address);
	if (parse_address(address, &ignored, &length))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST,
				 "\"%s\" is no plugin's address: write unix:///path or tcp://ADDRESS:PORT, names are not looked up",
				 address);
	return 0;
}

int http_connect(const char *address, struct http_way *way, struct ndrv_error *err)
{
	struct sockaddr_storage to = {0};
	socklen_t length = 0;
	int error = 0;

	if (parse_address(address, &to, &length))
		return address_check(address, err);
	way->fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (way->fd < 0)
		return ndrv_fail_errno(err, errno, "%s", address);
	if (connect(way->fd, (const struct sockaddr *)&to, length) < 0)
		error = errno;
	/* A unix socket whose queue is full says EAGAIN and does not connect: that is for the caller to try again. */
	if (error == EINPROGRESS) {
		socklen_t room = sizeof(error);
		int rc = way_wait(way, POLLOUT, err);
		if (rc) {
			(void)close(way->fd);
			return rc;
		}
		(void)getsockopt(way->fd, SOL_SOCKET, SO_ERROR, &error, &room);
	}
	if (!error)
		return 0;
	(void)close(way->fd);
	return ndrv_fail(err, NDRV_E_NO_SERVICE, "%s: %s", address, strerrordesc_np(error));
}

/* --- send --- */

static int ended(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_NO_SERVICE, "the plugin closed the connection without an answer");
}

static int send_all(const struct http_way *way, const char *text, size_t bytes, struct http_answer *answer, struct ndrv_error *err)
{
	while (bytes) {
		ssize_t sent = send(way->fd, text, bytes, MSG_NOSIGNAL);
		if (sent > 0) {
			text += sent;
			bytes -= (size_t)sent;
			answer->told_nobody = false;
			continue;
		}
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			return ended(err);
		int rc = way_wait(way, POLLOUT, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int send_request(const struct http_way *way, const char *host, const char *path, const char *body, size_t bytes,
			struct http_answer *answer, struct ndrv_error *err)
{
	char *text = NULL;
	int head =
		asprintf(&text,
			 "POST /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: " WIRE_USER_AGENT NDRV_VERSION "\r\nContent-Length: %zu\r\n"
			 "Accept: application/vnd.docker.plugins.v1.2+json\r\n%s\r\n%s",
			 path, host, bytes, way->strict ? WIRE_OPTIONS_HEADER ": " WIRE_OPTIONS_STRICT "\r\n" : "", body);
	if (head < 0)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	int rc = send_all(way, text, (size_t)head, answer, err);
	free(text);
	return rc;
}

/* --- receive --- */

struct input {
	const struct http_way *way;
	struct http_answer *answer;
	char *text;
	size_t have, room, at;
	bool end; /* the peer has closed */
};

static int out_of_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for the plugin's answer");
}

static int too_large(const struct input *input, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "its answer is larger than %zu bytes", input->way->max_reply);
}

static int garbage(const char *what, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "its answer is no HTTP: %s", what);
}

static int make_room(struct input *input, struct ndrv_error *err)
{
	size_t room = input->room ? input->room * 2 : 4096;

	if (input->have + 1 < input->room)
		return 0;
	/* Chunks have heads of their own, at worst as long as the body. */
	if (input->have > HEAD_MAX + 2 * input->way->max_reply)
		return too_large(input, err);
	char *text = realloc(input->text, room);
	if (!text)
		return out_of_memory(err);
	input->text = text;
	input->room = room;
	return 0;
}

/* Some more bytes, or input->end. */
static int more(struct input *input, struct ndrv_error *err)
{
	for (;;) {
		int rc = make_room(input, err);
		if (rc)
			return rc;
		ssize_t got = recv(input->way->fd, input->text + input->have, input->room - input->have - 1, 0);
		if (got > 0) {
			input->have += (size_t)got;
			input->text[input->have] = '\0';
			input->answer->any = true;
			return 0;
		}
		if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
			input->end = true;
			return 0;
		}
		rc = way_wait(input->way, POLLIN, err);
		if (rc)
			return rc;
	}
}

/* The next line without its end, which is replaced by a NUL. */
static int next_line(struct input *input, size_t *ret, struct ndrv_error *err)
{
	size_t searched = input->at;

	for (;;) {
		char *newline = input->have > searched ? memchr(input->text + searched, '\n', input->have - searched) : NULL;
		if (newline) {
			*ret = input->at;
			input->at = (size_t)(newline - input->text) + 1;
			*newline = '\0';
			if (newline > input->text && newline[-1] == '\r')
				newline[-1] = '\0';
			return 0;
		}
		searched = input->have;
		if (input->have - input->at > HEAD_MAX)
			return garbage("a line without end", err);
		int rc = more(input, err);
		if (rc)
			return rc;
		if (input->end)
			return input->answer->any ? garbage("it ends in the middle", err) : ended(err);
	}
}

/* `bytes` more from input->at on. */
static int need(struct input *input, size_t bytes, struct ndrv_error *err)
{
	while (input->have - input->at < bytes) {
		int rc = more(input, err);
		if (rc)
			return rc;
		if (input->end)
			return garbage("its body ends in the middle", err);
	}
	return 0;
}

struct head {
	bool chunked, has_length, close;
	size_t length;
};

static int parse_header(char *line, struct head *head, struct ndrv_error *err)
{
	char *value = strchr(line, ':'), *end;

	if (!value)
		return garbage("a header without a colon", err);
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "Content-Length") == 0) {
		errno = 0;
		head->length = strtoull(value, &end, 10);
		if (errno || end == value || end[strspn(end, " \t")])
			return garbage("its Content-Length is no number", err);
		head->has_length = true;
	} else if (strcasecmp(line, "Transfer-Encoding") == 0) {
		if (strcasecmp(value, "chunked") != 0)
			return garbage("an unknown Transfer-Encoding", err);
		head->chunked = true;
	} else if (strcasecmp(line, "Connection") == 0 && strcasestr(value, "close")) {
		head->close = true;
	}
	return 0;
}

/* 0: not HTTP/1.x with a status of three digits. */
static int status_of(const char *line, bool *ret_old)
{
	static const char begin[] = "HTTP/1.";
	const size_t skip = sizeof(begin) - 1;

	if (strncmp(line, begin, skip) != 0 || line[skip] < '0' || line[skip] > '9')
		return 0;
	*ret_old = line[skip] == '0';
	line += skip + 1;
	line += strspn(line, " \t");
	if (strspn(line, "0123456789") < 3 || *line == '0')
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

static int read_head(struct input *input, struct head *head, struct ndrv_error *err)
{
	size_t line, start = input->at;

	*head = (struct head){.close = false};
	int rc = next_line(input, &line, err);
	if (rc)
		return rc;
	input->answer->status = status_of(input->text + line, &head->close);
	if (!input->answer->status)
		return garbage("its first line", err);
	for (;;) {
		rc = next_line(input, &line, err);
		if (rc)
			return rc;
		if (!input->text[line])
			return 0;
		if (input->at - start > HEAD_MAX)
			return garbage("its head is too long", err);
		rc = parse_header(input->text + line, head, err);
		if (rc)
			return rc;
	}
}

/* The chunks are moved together, from where the body begins. */
static int read_chunks(struct input *input, size_t *ret_end, struct ndrv_error *err)
{
	size_t to = input->at, start = to;

	for (;;) {
		size_t line;
		char *end;
		int rc = next_line(input, &line, err);
		if (rc)
			return rc;
		errno = 0;
		unsigned long long size = strtoull(input->text + line, &end, 16);
		if (errno || end == input->text + line || (*end && *end != ';' && *end != ' '))
			return garbage("the size of a chunk", err);
		if (size > input->way->max_reply || to - start + size > input->way->max_reply)
			return too_large(input, err);
		if (size == 0)
			break;
		rc = need(input, (size_t)size + 2, err);
		if (rc)
			return rc;
		memmove(input->text + to, input->text + input->at, (size_t)size);
		to += (size_t)size;
		input->at += (size_t)size + 2;
	}
	for (size_t line;;) { /* trailers */
		int rc = next_line(input, &line, err);
		if (rc)
			return rc;
		if (!input->text[line])
			break;
	}
	*ret_end = to;
	return 0;
}

static int read_until_end(struct input *input, struct ndrv_error *err)
{
	while (!input->end) {
		if (input->have - input->at > input->way->max_reply)
			return too_large(input, err);
		int rc = more(input, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_body(struct input *input, const struct head *head, struct ndrv_error *err)
{
	size_t start = input->at, end = start;
	bool bare = input->answer->status == 204 || input->answer->status == 304;
	int rc = 0;

	if (bare) {
		end = start;
	} else if (head->chunked) {
		rc = read_chunks(input, &end, err);
	} else if (head->has_length) {
		if (head->length > input->way->max_reply)
			return too_large(input, err);
		rc = need(input, head->length, err);
		end = start + head->length;
		input->at = end;
	} else {
		rc = read_until_end(input, err);
		end = input->have;
		input->at = end;
	}
	if (rc)
		return rc;
	struct http_answer *answer = input->answer;
	answer->keep = !input->end && !head->close && input->at == input->have && (bare || head->chunked || head->has_length);
	answer->bytes = end - start;
	memmove(input->text, input->text + start, answer->bytes);
	input->text[answer->bytes] = '\0';
	return 0;
}

int http_post(const struct http_way *way, const char *host, const char *path, const char *body, size_t bytes,
	      struct http_answer *ret, struct ndrv_error *err)
{
	struct input input = {.way = way, .answer = ret};
	struct head head = {.close = false};

	*ret = (struct http_answer){.told_nobody = true};
	int rc = send_request(way, host, path, body, bytes, ret, err);
	do {
		if (!rc)
			rc = read_head(&input, &head, err);
	} while (!rc && ret->status < 200); /* 100 Continue and its kin */
	if (!rc)
		rc = read_body(&input, &head, err);
	ret->body = input.text;
	return rc;
}
