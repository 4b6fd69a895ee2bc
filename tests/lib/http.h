/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 client for tests, over a unix socket. It can also be rude: send bytes one by one, half a request, rubbish. */
#ifndef TESTS_LIB_HTTP_H
#define TESTS_LIB_HTTP_H

#include <stddef.h>

struct http_answer {
	int status; /* 0: the connection ended without an answer */
	char content_type[96];
	char allow[96];
	int keep_alive; /* the connection can be used again */
	size_t bytes;
	char *body; /* NUL-terminated, malloc'ed; never NULL after a call that returned 0 */
};

/* Connected descriptor, or -1. */
int http_connect(const char *socket_path);
/* Sends exactly these bytes; 0, or -1 when the other side has closed. */
int http_send(int fd, const char *bytes, size_t count);
/* Sends a request with a body (NULL: none). */
int http_send_request(int fd, const char *method, const char *target, const char *body);
/* Reads one whole answer, Content-Length or chunked; waits at most `timeout_ms` for each read. 0, or -1: no whole answer came
 * (status and body have what did). */
int http_receive(int fd, struct http_answer *ret, int timeout_ms);
/* The same without the body: for streams. */
int http_receive_head(int fd, struct http_answer *ret, int timeout_ms);
/* One line of a chunked stream, without its newline: its length, 0 at the end of the stream, -1 on time-out or a broken stream.
 * `left` is the reader's own, 0 before the first line. */
long http_receive_line(int fd, long *left, char *line, size_t room, int timeout_ms);
/* Connect, ask, receive, close. */
int http_ask(const char *socket_path, const char *method, const char *target, const char *body, struct http_answer *ret);
void http_answer_free(struct http_answer *answer);

#endif
