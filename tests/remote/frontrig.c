/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/remote/frontrig.h"

#include <stdlib.h>
#include <unistd.h>

#include "host/front/docker.h"
#include "tests/lib/http.h"

struct rig *rig;
static struct docker *docker;
static char dir[64], path[80];
static int listen_fd;

static int open_front(const char *type, uint32_t scope)
{
	const char *const drivers[] = {type, NULL};
	struct ndrv_error err = {0};

	rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig_open(rig, RIG_QUIET, drivers);
	(void)snprintf(dir, sizeof(dir), "/tmp/ndrv-docker-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/p.sock", dir);
	listen_fd = fakeplugin_listen(path);
	struct docker_options options = {.dispatch = rig->dispatch,
					 .listen_fd = listen_fd,
					 .name = "p",
					 .type = type,
					 .data_scope = scope,
					 .connectivity_scope = scope,
					 .max_connections = 64,
					 .request_timeout_ns = 30000000000,
					 .max_request = 1 << 20};
	assert_ok(docker_start(&options, &docker, &err), &err);
	return 0;
}

int front_fresh(void **state)
{
	(void)state;
	return open_front("rec", NDRV_SCOPE_LOCAL);
}

int front_fresh_global(void **state)
{
	(void)state;
	return open_front("recglobal", NDRV_SCOPE_GLOBAL);
}

int front_finish(void **state)
{
	(void)state;
	docker_stop(docker);
	rig_close(rig);
	free(rig);
	(void)close(listen_fd);
	(void)unlink(path);
	return rmdir(dir);
}

/* As Go's client sends: an empty Host, no Content-Type, the connection kept. */
json_t *post(int *fd, const char *method, const char *body, int want)
{
	struct http_answer answer;
	char head[256];

	if (*fd < 0)
		*fd = http_connect(path);
	assert_true(*fd >= 0);
	(void)snprintf(head, sizeof(head),
		       "POST /%s HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %zu\r\n"
		       "Accept: application/vnd.docker.plugins.v1.2+json\r\n\r\n",
		       method, strlen(body));
	assert_int_equal(http_send(*fd, head, strlen(head)), 0);
	assert_int_equal(http_send(*fd, body, strlen(body)), 0);
	assert_int_equal(http_receive(*fd, &answer, 10000), 0);
	if (answer.status != want)
		fail_msg("%s %s: status %d: %s", method, body, answer.status, answer.body);
	assert_true(answer.keep_alive);
	json_t *json = json_loads(answer.body, JSON_DECODE_ANY, NULL);
	if (!json_is_object(json))
		fail_msg("%s: %s", method, answer.body);
	http_answer_free(&answer);
	return json;
}

void assert_text(int *fd, const char *method, const char *body, const char *want)
{
	json_t *json = post(fd, method, body, 200);
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	if (strcmp(text, want) != 0)
		fail_msg("%s %s: %s, not %s", method, body, text, want);
	free(text);
	json_decref(json);
}

void assert_err(int *fd, const char *method, const char *body, const char *part)
{
	json_t *json = post(fd, method, body, 200);
	const char *key = strncmp(method, "Ipam", 4) == 0 ? "Error" : "Err";
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || !strstr(text, part))
		fail_msg("%s %s: \"%s\" lacks \"%s\"", method, body, text ? text : "no Err", part);
	json_decref(json);
}
