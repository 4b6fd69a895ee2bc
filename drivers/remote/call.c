/* SPDX-License-Identifier: Apache-2.0 */
/* One method of the protocol, from request to reply. What is tried again, and when, is Docker's rule (after 1, 2, 4 and 8 s), but
 * always with the whole body, and never beyond the call's deadline. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drivers/remote/remote.h"

#define SECOND_NS UINT64_C(1000000000)
/* For a caller without a deadline. */
#define DEADLINE_NS (25 * SECOND_NS)
/* So long a plugin that is busy with something else is asked to take down what there is, since nobody may ask again: it is busy
 * with what a host that died asked of it. */
#define BUSY_NS (2 * SECOND_NS)
#define BUSY_PAUSE_NS (SECOND_NS / 50)

/* --- plugins --- */

struct plugin *plugin_new(const struct ndrv_host *host, const char *name, const char *address)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));

	if (!plugin)
		return NULL;
	plugin->host = host;
	(void)snprintf(plugin->name, sizeof(plugin->name), "%s", name);
	(void)snprintf(plugin->address, sizeof(plugin->address), "%s", address);
	(void)pthread_mutex_init(&plugin->lock, NULL);
	return plugin;
}

static void close_idle(struct plugin *plugin)
{
	while (plugin->idle_count)
		(void)close(plugin->idle[--plugin->idle_count]);
}

void plugin_free(struct plugin *plugin)
{
	if (!plugin)
		return;
	close_idle(plugin);
	(void)pthread_mutex_destroy(&plugin->lock);
	free(plugin);
}

void plugin_move(struct plugin *plugin, const char *address)
{
	(void)pthread_mutex_lock(&plugin->lock);
	if (strcmp(plugin->address, address) != 0) {
		close_idle(plugin);
		(void)snprintf(plugin->address, sizeof(plugin->address), "%s", address);
	}
	(void)pthread_mutex_unlock(&plugin->lock);
}

/* --- connections --- */

/* Open, and nothing to read: what can be read of a connection without a request is its end. */
static bool is_quiet(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLRDHUP};

	return poll(&poll_fd, 1, 0) == 0;
}

/* One that was kept open, or -1. */
static int take_idle(struct plugin *plugin, char address[ADDRESS_MAX])
{
	int fd = -1;

	(void)pthread_mutex_lock(&plugin->lock);
	(void)snprintf(address, ADDRESS_MAX, "%s", plugin->address);
	while (plugin->idle_count && fd < 0) {
		fd = plugin->idle[--plugin->idle_count];
		if (is_quiet(fd))
			break;
		(void)close(fd);
		fd = -1;
	}
	(void)pthread_mutex_unlock(&plugin->lock);
	return fd;
}

static void give_back(struct plugin *plugin, const char *address, int fd, bool keep)
{
	(void)pthread_mutex_lock(&plugin->lock);
	if (keep && plugin->idle_count < IDLE_MAX && strcmp(plugin->address, address) == 0) {
		plugin->idle[plugin->idle_count++] = fd;
		fd = -1;
	}
	(void)pthread_mutex_unlock(&plugin->lock);
	if (fd >= 0)
		(void)close(fd);
}

/* --- one attempt --- */

struct attempt {
	struct plugin *plugin;
	struct ndrv_call *call;
	enum wire_method method;
	const char *body;
	size_t bytes;
	uint64_t deadline_ns;
	struct http_answer answer;
	bool again; /* it failed in a way that another attempt may not */
};

static int exchange(struct attempt *attempt, const char *address, struct http_way *way, struct ndrv_error *err)
{
	const char *host = strncmp(address, "tcp://", 6) == 0 ? address + 6 : "plugin.moby.localhost";
	int rc = http_post(way, host, wire_method_path(attempt->method), attempt->body, attempt->bytes, &attempt->answer, err);

	give_back(attempt->plugin, address, way->fd, !rc && attempt->answer.keep);
	return rc;
}

static void forget_answer(struct attempt *attempt)
{
	free(attempt->answer.body);
	attempt->answer = (struct http_answer){.status = 0};
}

/* As ndrv_options_read() has it for a driver of this host's own: what came over Docker's protocol goes on as it came. */
static bool is_strict(const struct ndrv_call *call)
{
	bool ours = call->front == NDRV_FRONT_CONTROL || call->front == NDRV_FRONT_CNI;

	return ours && !(call->flags & (NDRV_CALL_RESTORE | NDRV_CALL_UNDO | NDRV_CALL_FORCE));
}

/* On a connection that was kept open first; the peer may close one at the very moment it is used again, which says nothing. */
static int try_once(struct attempt *attempt, struct ndrv_error *err)
{
	char address[ADDRESS_MAX];
	struct http_way way = {.deadline_ns = attempt->deadline_ns,
			       .call = attempt->call,
			       .strict = is_strict(attempt->call),
			       .max_reply = (size_t)atomic_load(&attempt->plugin->max_reply)};
	int rc;

	attempt->again = false;
	way.fd = take_idle(attempt->plugin, address);
	if (way.fd >= 0) {
		rc = exchange(attempt, address, &way, err);
		if (rc != -NDRV_E_NO_SERVICE || attempt->answer.any)
			return rc;
		forget_answer(attempt);
		ndrv_error_clear(err);
	}
	rc = http_connect(address, &way, err);
	if (rc) {
		attempt->again = rc == -NDRV_E_NO_SERVICE;
		return rc;
	}
	rc = exchange(attempt, address, &way, err);
	attempt->again = rc == -NDRV_E_NO_SERVICE;
	return rc;
}

/* False: there is no time for another attempt after that pause. */
static bool pause_before(struct attempt *attempt, uint64_t pause_ns, uint64_t until_ns, struct ndrv_error *err)
{
	const struct http_way way = {.deadline_ns = attempt->deadline_ns, .call = attempt->call};
	const struct timespec slice = {.tv_nsec = 20000000};
	uint64_t end = now_ns() + pause_ns;

	if (end > until_ns)
		return false;
	while (now_ns() < end) {
		struct ndrv_error cancelled = {0};
		if (way_check(&way, &cancelled)) {
			*err = cancelled;
			return false;
		}
		(void)nanosleep(&slice, NULL);
	}
	return true;
}

static int try_all(struct attempt *attempt, uint32_t flags, struct ndrv_error *err)
{
	uint64_t retry_ns = (uint64_t)atomic_load(&attempt->plugin->retry_s) * SECOND_NS;
	uint64_t until_ns = now_ns() + retry_ns, pause_ns = SECOND_NS;

	if (until_ns > attempt->deadline_ns)
		until_ns = attempt->deadline_ns;
	for (;;) {
		int rc = try_once(attempt, err);
		if (!rc || !attempt->again || (flags & CALL_ONCE))
			return rc;
		if (!pause_before(attempt, pause_ns, until_ns, err))
			return -err->code;
		forget_answer(attempt);
		ndrv_error_clear(err);
		pause_ns *= 2;
	}
}

/* --- what the answer means --- */

static int bad_answer(const struct attempt *attempt, const char *why)
{
	return ndrv_fail(attempt->call->err, NDRV_E_INTERNAL, "plugin %s answered %s with %s", attempt->plugin->name,
			 wire_method_path(attempt->method), why);
}

int plugin_bad_reply(const struct plugin *plugin, struct ndrv_call *call, enum wire_method method)
{
	struct ndrv_error why = *call->err;

	return ndrv_fail(call->err, NDRV_E_INTERNAL, "plugin %s answered %s with something that cannot be used: %s", plugin->name,
			 wire_method_path(method), why.text);
}

/* Another status than 200: the text of {"Err": text}, else the body as it is. */
static int refused(const struct attempt *attempt, struct outcome *ret)
{
	const struct http_answer *answer = &attempt->answer;
	struct ndrv_error *err = attempt->call->err;
	char text[NDRV_ERROR_TEXT_MAX], plugin[PLUGIN_NAME_MAX + 80];

	(void)snprintf(plugin, sizeof(plugin), "%s: %s", attempt->plugin->name, wire_method_path(attempt->method));
	if (answer->bytes &&
	    !wire_reply_decode(attempt->method, answer->body, answer->bytes, attempt->call->arena, &ret->reply, NULL) &&
	    *ret->reply.err)
		return wire_reply_error(&ret->reply, plugin, err);
	(void)snprintf(text, sizeof(text), "%s", answer->bytes ? answer->body : "");
	text[strcspn(text, "\r\n")] = '\0';
	return ndrv_fail(err, *text ? wire_error_of_text(text) : NDRV_E_INTERNAL, "remote %s: status %d%s%s", plugin,
			 answer->status, *text ? ": " : "", text);
}

static int judge(const struct attempt *attempt, uint32_t flags, struct outcome *ret)
{
	const struct http_answer *answer = &attempt->answer;
	struct ndrv_error why = {0};
	char text[NDRV_ERROR_TEXT_MAX];

	ret->settled = true;
	if (answer->status == 404 && (flags & CALL_404_FINE)) {
		ret->not_there = true;
		return 0;
	}
	if (answer->status != 200) {
		ret->refused = true;
		return refused(attempt, ret);
	}
	if (wire_reply_decode(attempt->method, answer->body, answer->bytes, attempt->call->arena, &ret->reply, &why)) {
		(void)snprintf(text, sizeof(text), "something that cannot be used: %.240s", why.text);
		return bad_answer(attempt, text);
	}
	ret->refused = *ret->reply.err != '\0';
	return wire_reply_error(&ret->reply, attempt->plugin->name, attempt->call->err);
}

static int ask(struct attempt *attempt, uint32_t flags, struct outcome *ret)
{
	struct ndrv_error *err = attempt->call->err;
	int rc = try_all(attempt, flags, err);

	*ret = (struct outcome){.settled = false};
	if (!rc)
		return judge(attempt, flags, ret);
	/* An answer that is no HTTP, or cut off, says nothing of what the plugin did. */
	return ndrv_wrap(err, rc, "plugin %s: %s", attempt->plugin->name, wire_method_path(attempt->method));
}

static bool takes_down(enum wire_method method)
{
	return method == WIRE_DELETE_NETWORK || method == WIRE_DELETE_ENDPOINT || method == WIRE_LEAVE ||
	       method == WIRE_REVOKE_EXTERNAL;
}

static int ask_the_busy(struct attempt *attempt, uint32_t flags, struct outcome *ret)
{
	uint64_t until_ns = now_ns() + BUSY_NS, pause_ns = BUSY_PAUSE_NS;
	int rc;

	if (until_ns > attempt->deadline_ns)
		until_ns = attempt->deadline_ns;
	while ((rc = ask(attempt, flags, ret)) != 0 && ret->refused && attempt->call->err->kind == NDRV_KIND_RETRY) {
		struct ndrv_error over = {0};
		if (!takes_down(attempt->method) || !pause_before(attempt, pause_ns, until_ns, &over))
			break;
		forget_answer(attempt);
		ndrv_error_clear(attempt->call->err);
		pause_ns *= 2;
	}
	return rc;
}

int plugin_call(struct plugin *plugin, struct ndrv_call *call, enum wire_method method, const struct wire_request *request,
		uint32_t flags, struct outcome *ret)
{
	struct attempt attempt = {.plugin = plugin, .call = call, .method = method};
	char *body = NULL;

	*ret = (struct outcome){.settled = false};
	attempt.deadline_ns = call->deadline_ns ? call->deadline_ns : now_ns() + DEADLINE_NS;
	if (call->flags & NDRV_CALL_UNDO)
		flags |= CALL_ONCE;
	int rc = wire_request_encode(method, request, &body, &attempt.bytes, call->err);
	if (rc)
		return rc;
	attempt.body = body;
	rc = ask_the_busy(&attempt, flags, ret);
	free(attempt.answer.body);
	free(body);
	return rc;
}
