/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a plugin's answer, by the remote driver's HTTP client: it comes to an end, within its limit, with a body or an
 * error. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/remote/remote.h"

#define LIMIT 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "fuzz_plugin: %s\n", what);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ndrv_call call = {.size = sizeof(call)};
	struct ndrv_error err = {0};
	struct http_answer answer;
	int fds[2];

	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	if (send(fds[1], data, size, MSG_NOSIGNAL) != (ssize_t)size && size) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return 0;
	}
	(void)shutdown(fds[1], SHUT_WR);
	const struct http_way way = {.fd = fds[0], .deadline_ns = now_ns() + 10000000000, .call = &call, .max_reply = LIMIT};
	int rc = http_post(&way, "h", "p", "{}", 2, &answer, &err);
	require(rc == 0 || err.text[0], "an error without words");
	require(rc != -NDRV_E_TIMEOUT, "it waits for what cannot come");
	if (rc == 0) {
		require(answer.body && answer.bytes <= LIMIT && answer.body[answer.bytes] == '\0', "a body beyond its limit");
		require(answer.status >= 200 && answer.status <= 999, "a status that is none");
	}
	free(answer.body);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return 0;
}
