/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/plugin.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define REQUEST_MAX 65536

struct served {
	struct fakeplugin *plugin;
	int fd;
};

/* The credentials of a listening socket are those of who called listen(). */
int fakeplugin_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int status = -1, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64) ? 1 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	return fd;
}

static bool put(int fd, const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t sent = send(fd, text, bytes, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		text += sent;
		bytes -= (size_t)sent;
	}
	return true;
}

/* One request: NUL-terminated in `text`; `ret_body` is where its body begins. False: the peer is gone, or we stop. */
static bool take(struct fakeplugin *plugin, int fd, char *text, char **ret_body)
{
	size_t have = 0, want = 0;
	char *end = NULL;

	while (!end || have < want) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		if (atomic_load(&plugin->stop))
			return false;
		if (poll(&poll_fd, 1, 20) == 0)
			continue;
		ssize_t got = recv(fd, text + have, REQUEST_MAX - have, 0);
		if (got <= 0)
			return false;
		have += (size_t)got;
		text[have] = '\0';
		end = strstr(text, "\r\n\r\n");
		char *length = end ? strcasestr(text, "Content-Length:") : NULL;
		if (end)
			want = (size_t)(end + 4 - text) + (length ? strtoul(length + 15, NULL, 10) : 0);
	}
	*ret_body = end + 4;
	end[2] = '\0';
	return true;
}

static void note(struct fakeplugin *plugin, const char *head, const char *path, const char *body)
{
	(void)snprintf(plugin->head, sizeof(plugin->head), "%s", head);
	if (strcmp(path, "Plugin.Activate") == 0 || strcmp(path, "NetworkDriver.GetCapabilities") == 0)
		return;
	int bytes = snprintf(plugin->log + plugin->log_bytes, sizeof(plugin->log) - plugin->log_bytes, "%s %.*s\n", path,
			     (int)strcspn(body, "\n"), body);
	if (bytes > 0 && plugin->log_bytes + (size_t)bytes < sizeof(plugin->log))
		plugin->log_bytes += (size_t)bytes;
}

/* False: no more on this connection. */
static bool send_reply(int fd, const struct plugin_reply *reply)
{
	const char *body = reply->body ? reply->body : "{}";
	size_t bytes = strlen(body);
	char head[256];
	int length;

	if (reply->raw)
		return put(fd, reply->raw, reply->raw_bytes ? reply->raw_bytes : strlen(reply->raw)) && false;
	int status = reply->status ? reply->status : 200;
	if (reply->chunked) {
		length = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n", status);
		bool good = put(fd, head, (size_t)length);
		for (size_t at = 0; good && at < bytes; at += 3) {
			length = snprintf(head, sizeof(head), "%zx;x=y\r\n%.3s\r\n", bytes - at < 3 ? bytes - at : 3, body + at);
			good = put(fd, head, (size_t)length);
		}
		return good && put(fd, "0\r\nTrailer: t\r\n\r\n", 17);
	}
	length = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			  status, reply->huge ? reply->huge : bytes);
	if (!put(fd, head, (size_t)length))
		return false;
	for (size_t left = reply->huge; left; left -= left < 64 ? left : 64)
		if (!put(fd, "                                                                ", left < 64 ? left : 64))
			return false;
	return (reply->huge || put(fd, body, bytes)) && !reply->bye;
}

static void pause_for(struct fakeplugin *plugin, const struct plugin_reply *reply)
{
	for (unsigned ms = 0; (reply->hang || ms < reply->pause_ms) && !atomic_load(&plugin->stop); ms += 5)
		(void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void *serve(void *data)
{
	struct served *served = data;
	struct fakeplugin *plugin = served->plugin;
	char *text = malloc(REQUEST_MAX + 1), *body, path[128];

	while (text && take(plugin, served->fd, text, &body)) {
		struct plugin_reply reply = {.status = 0};
		if (sscanf(text, "POST /%127[^ ] ", path) != 1)
			break;
		(void)pthread_mutex_lock(&plugin->lock);
		note(plugin, text, path, body);
		if (strcmp(path, "Plugin.Activate") == 0)
			reply.body = "{\"Implements\":[\"NetworkDriver\"]}";
		else if (strcmp(path, "NetworkDriver.GetCapabilities") == 0)
			reply.body = "{\"Scope\":\"local\"}";
		if (plugin->answer)
			plugin->answer(plugin, path, body, &reply);
		(void)pthread_mutex_unlock(&plugin->lock);
		pause_for(plugin, &reply);
		if (reply.close || reply.hang || !send_reply(served->fd, &reply))
			break;
	}
	free(text);
	(void)close(served->fd);
	free(served);
	return NULL;
}

static void *listen_on(void *data)
{
	struct fakeplugin *plugin = data;
	pthread_t threads[256];
	unsigned count = 0;

	while (!atomic_load(&plugin->stop)) {
		struct pollfd poll_fd = {.fd = plugin->listen_fd, .events = POLLIN};
		if (poll(&poll_fd, 1, 20) <= 0 || count == 256)
			continue;
		struct served *served = malloc(sizeof(*served));
		int fd = accept(plugin->listen_fd, NULL, NULL);
		if (!served || fd < 0) {
			free(served);
			continue;
		}
		(void)atomic_fetch_add(&plugin->connections, 1);
		*served = (struct served){.plugin = plugin, .fd = fd};
		if (pthread_create(&threads[count], NULL, serve, served) == 0)
			count++;
	}
	while (count)
		(void)pthread_join(threads[--count], NULL);
	return NULL;
}

void fakeplugin_start(struct fakeplugin *plugin, const char *dir, const char *name)
{
	plugin->dir[0] = '\0';
	if (!dir) {
		(void)snprintf(plugin->dir, sizeof(plugin->dir), "/tmp/ndrv-plugin-XXXXXX");
		assert_non_null(mkdtemp(plugin->dir));
	}
	(void)snprintf(plugin->socket, sizeof(plugin->socket), "%s/%s.sock", dir ? dir : plugin->dir, name);
	(void)snprintf(plugin->address, sizeof(plugin->address), "unix://%s", plugin->socket);
	plugin->listen_fd = fakeplugin_listen(plugin->socket);
	atomic_store(&plugin->stop, false);
	(void)pthread_mutex_init(&plugin->lock, NULL);
	assert_int_equal(pthread_create(&plugin->thread, NULL, listen_on, plugin), 0);
}

void fakeplugin_stop(struct fakeplugin *plugin)
{
	atomic_store(&plugin->stop, true);
	(void)pthread_join(plugin->thread, NULL);
	(void)close(plugin->listen_fd);
	(void)unlink(plugin->socket);
	if (plugin->dir[0])
		(void)rmdir(plugin->dir);
	(void)pthread_mutex_destroy(&plugin->lock);
}

const char *fakeplugin_log(struct fakeplugin *plugin)
{
	static char copy[sizeof(plugin->log)];

	(void)pthread_mutex_lock(&plugin->lock);
	memcpy(copy, plugin->log, sizeof(copy));
	plugin->log[0] = '\0';
	plugin->log_bytes = 0;
	(void)pthread_mutex_unlock(&plugin->lock);
	return copy;
}
