/* SPDX-License-Identifier: Apache-2.0 */
/* A first look at a request's head: enough to answer what is no HTTP/1.x request with a typed error. What passes is parsed by
 * libmicrohttpd, which trusts nothing said here. */
#include <string.h>

#include "host/front/conn.h"

static bool token_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Length of a token at the start of `text`. */
static size_t token(const char *text, size_t bytes)
{
	size_t i = 0;
	while (i < bytes && token_char(text[i]))
		i++;
	return i;
}

static enum gate_verdict refuse(unsigned *ret_status, struct ndrv_error *err, unsigned status, const char *why)
{
	*ret_status = status;
	(void)ndrv_fail(err, NDRV_E_BAD_REQUEST, "request: %s", why);
	return GATE_REFUSE;
}

/* "GET /path HTTP/1.1" */
static enum gate_verdict check_request_line(const char *line, size_t bytes, unsigned *ret_status, struct ndrv_error *err)
{
	size_t method = token(line, bytes), at = method + 1;

	if (method == 0 || method > 32 || at >= bytes || line[method] != ' ')
		return refuse(ret_status, err, 400, "the first line is not METHOD TARGET HTTP/1.1");
	if (line[at] != '/')
		return refuse(ret_status, err, 400, "the target does not begin with a slash");
	while (at < bytes && (unsigned char)line[at] > ' ' && line[at] != 0x7f)
		at++;
	if (at >= bytes || line[at] != ' ')
		return refuse(ret_status, err, 400, "the first line is not METHOD TARGET HTTP/1.1");
	at++;
	if (bytes - at != 8 || memcmp(line + at, "HTTP/", 5) != 0)
		return refuse(ret_status, err, 400, "the first line does not end in HTTP/1.1");
	if (memcmp(line + at + 5, "1.1", 3) != 0 && memcmp(line + at + 5, "1.0", 3) != 0)
		return refuse(ret_status, err, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	return GATE_PASS;
}

static bool name_is(const char *line, size_t bytes, const char *name)
{
	return bytes == strlen(name) && strncasecmp(line, name, bytes) == 0;
}

static enum gate_verdict check_header(const char *line, size_t bytes, unsigned *hosts, unsigned *ret_status, struct ndrv_error *err)
{
	size_t name = token(line, bytes), at = name + 1;

	if (name == 0 || name >= bytes || line[name] != ':')
		return refuse(ret_status, err, 400, "a header is not NAME: VALUE");
	while (at < bytes && (line[at] == ' ' || line[at] == '\t'))
		at++;
	for (size_t i = at; i < bytes; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return refuse(ret_status, err, 400, "a header has a control character in its value");
	if (name_is(line, name, "host"))
		(*hosts)++;
	if (name_is(line, name, "content-length")) {
		if (at == bytes || bytes - at > 18)
			return refuse(ret_status, err, 400, "Content-Length is not a number of bytes");
		for (size_t i = at; i < bytes; i++)
			if (line[i] < '0' || line[i] > '9')
				return refuse(ret_status, err, 400, "Content-Length is not a number of bytes");
	}
	if (name_is(line, name, "transfer-encoding") && !name_is(line + at, bytes - at, "chunked"))
		return refuse(ret_status, err, 400, "no Transfer-Encoding but chunked is known");
	return GATE_PASS;
}

enum gate_verdict gate_check(const char *text, size_t bytes, unsigned *ret_status, struct ndrv_error *err)
{
	size_t at = 0;
	unsigned lines = 0, hosts = 0;

	while (at + 1 < bytes && lines == 0 && text[at] == '\r' && text[at + 1] == '\n')
		at += 2; /* empty lines before a request are allowed */
	for (;;) {
		const char *line = text + at, *end = memchr(line, '\n', bytes - at);
		if (!end)
			break;
		size_t length = (size_t)(end - line);
		at += length + 1;
		if (length == 0 || line[length - 1] != '\r')
			return refuse(ret_status, err, 400, "a line does not end in CR LF");
		length--;
		if (length == 0 && lines > 0)
			return hosts == 1 ? GATE_PASS : refuse(ret_status, err, 400, "exactly one Host header is needed");
		enum gate_verdict verdict = lines == 0 ? check_request_line(line, length, ret_status, err)
						       : check_header(line, length, &hosts, ret_status, err);
		if (verdict != GATE_PASS)
			return verdict;
		lines++;
	}
	if (bytes >= GATE_HEAD_MAX)
		return refuse(ret_status, err, 431, "the head is longer than 16 KiB");
	return GATE_MORE;
}
