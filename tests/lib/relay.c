/* SPDX-License-Identifier: Apache-2.0 */
/* relay SOCKET SOCKET [DIR]: carries rows and nodes of two hosts both ways, over nothing but their control sockets: the smallest
 * engine there can be. Each way watches the one host and writes what is that host's own to the other; a snapshot is swept by what
 * it did not have. With DIR, the revision up to which each way has carried everything is kept there, and the next relay resumes. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BATCH 500
#define LINE_MAX_BYTES (1u << 18)

struct way {
	const char *from, *to, *dir;
	char name[16];
	char self[256]; /* the name of the host at `from` */
	unsigned long long revision, kept;
	bool in_sync, incomplete;
	json_t *told;  /* "network table key" of a snapshot */
	json_t *queue; /* network -> list of rows */
	size_t queued;
	/* The stream. */
	int fd;
	char buffer[65536];
	size_t at, have, left;
	bool head;
};

static void nap(long ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&time, NULL);
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static bool send_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t sent = send(fd, text, bytes, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		text += sent;
		bytes -= (size_t)sent;
	}
	return true;
}

/* One request on a connection of its own, HTTP/1.0 so that the answer ends with it. The status; 0: no answer. */
static int ask(const char *socket, const char *method, const char *path, const json_t *body, json_t **ret)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	size_t length = text ? strlen(text) : 0, have = 0, room = 1u << 16;
	char head[1024], *answer = malloc(room);
	int fd = open_socket(socket), status = 0;
	ssize_t got = 0;

	(void)snprintf(head, sizeof(head), "%s %s HTTP/1.0\r\nHost: ndrv\r\nContent-Length: %zu\r\n\r\n", method, path, length);
	if (answer && fd >= 0 && send_all(fd, head, strlen(head)) && (!length || send_all(fd, text, length)))
		while (answer && (got = recv(fd, answer + have, room - have - 1, 0)) > 0) {
			have += (size_t)got;
			if (room - have < 4096)
				answer = realloc(answer, room *= 2);
		}
	if (answer && have > 0) {
		answer[have] = '\0';
		(void)sscanf(answer, "HTTP/%*s %d", &status);
		const char *json = strstr(answer, "\r\n\r\n");
		if (ret && json)
			*ret = json_loads(json + 4, JSON_DISABLE_EOF_CHECK, NULL);
	}
	if (fd >= 0)
		(void)close(fd);
	free(answer);
	free(text);
	return status;
}

/* --- the stream --- */

static int next_byte(struct way *way, int timeout_ms)
{
	if (way->at == way->have) {
		struct pollfd ready = {.fd = way->fd, .events = POLLIN};
		int polled = poll(&ready, 1, timeout_ms);
		if (polled <= 0)
			return polled == 0 ? -2 : -1;
		ssize_t got = recv(way->fd, way->buffer, sizeof(way->buffer), 0);
		if (got <= 0)
			return -1;
		way->at = 0;
		way->have = (size_t)got;
	}
	return (unsigned char)way->buffer[way->at++];
}

static bool open_stream(struct way *way)
{
	char head[256];
	unsigned ends = 0;
	int byte;

	way->fd = open_socket(way->from);
	way->at = way->have = 0;
	/* HTTP/1.0: no chunks, the stream is the rest. */
	(void)snprintf(head, sizeof(head), "GET /v1/rows?since=%llu HTTP/1.0\r\nHost: ndrv\r\n\r\n", way->revision);
	if (way->fd < 0 || !send_all(way->fd, head, strlen(head)))
		return false;
	while (ends < 2 && (byte = next_byte(way, 5000)) >= 0)
		ends = byte == '\n' ? ends + 1 : byte == '\r' ? ends : 0;
	return ends == 2;
}

/* 1: a line. 0: nothing yet (what came of it is kept). -1: the end. */
static int read_line(struct way *way, char *line, size_t *length, int timeout_ms)
{
	for (;;) {
		int byte = next_byte(way, timeout_ms);
		if (byte == -2)
			return 0;
		if (byte < 0 || *length + 1 >= LINE_MAX_BYTES)
			return -1;
		if (byte == '\n') {
			line[*length] = '\0';
			*length = 0;
			return 1;
		}
		line[(*length)++] = (char)byte;
	}
}

/* --- carrying --- */

static void keep_revision(struct way *way)
{
	char path[512], fresh[520];

	if (!way->dir || way->kept == way->revision)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", way->dir, way->name);
	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	FILE *file = fopen(fresh, "we");
	if (!file)
		return;
	(void)fprintf(file, "%llu\n", way->revision);
	if (fclose(file) == 0 && rename(fresh, path) == 0)
		way->kept = way->revision;
}

static void load_revision(struct way *way)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", way->dir ? way->dir : "", way->name);
	FILE *file = way->dir ? fopen(path, "re") : NULL;
	if (!file)
		return;
	if (fscanf(file, "%llu", &way->revision) != 1)
		way->revision = 0;
	(void)fclose(file);
}

/* False: the other host did not take all. A network that is not there (yet) is no reason to stop. */
static bool flush(struct way *way)
{
	const char *network;
	json_t *rows;
	bool whole = true;

	json_object_foreach(way->queue, network, rows)
	{
		char path[512];
		json_t *body = json_pack("{s:O}", "rows", rows);
		(void)snprintf(path, sizeof(path), "/v1/networks/%s/rows", network);
		int status = ask(way->to, "POST", path, body, NULL);
		json_decref(body);
		way->incomplete |= status == 404;
		whole &= status == 200 || status == 404 || status == 403;
	}
	(void)json_object_clear(way->queue);
	way->queued = 0;
	if (whole && !way->in_sync && !way->incomplete)
		keep_revision(way);
	return whole;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void name_row(const json_t *line, char *ret, size_t room)
{
	(void)snprintf(ret, room, "%s\n%s\n%s", text_of(line, "network"), text_of(line, "table"), text_of(line, "key"));
}

static void enqueue(struct way *way, const json_t *line, bool gone)
{
	static const char *const members[] = {"table", "key", "owner", "value", "value_base64"};
	const char *network = text_of(line, "network");
	json_t *rows = json_object_get(way->queue, network), *row = json_object();

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_object_get(line, members[i]) && !(gone && i > 2))
			(void)json_object_set(row, members[i], json_object_get(line, members[i]));
	if (gone)
		(void)json_object_set_new(row, "gone", json_true());
	if (!rows) {
		rows = json_array();
		(void)json_object_set_new(way->queue, network, rows);
	}
	(void)json_array_append_new(rows, row);
	way->queued++;
}

/* What the other host has of this one and the snapshot did not. */
static bool sweep(struct way *way)
{
	char path[512], name[1024];
	json_t *listed = NULL, *rows, *row;
	size_t at;
	struct way there = {.from = way->to, .fd = -1};
	char *line = malloc(LINE_MAX_BYTES);
	size_t length = 0;
	bool whole = false;

	(void)snprintf(path, sizeof(path), "GET /v1/rows?once=1&owner=%s HTTP/1.0\r\nHost: ndrv\r\n\r\n", way->self);
	rows = json_array();
	there.fd = open_socket(way->to);
	if (line && there.fd >= 0 && send_all(there.fd, path, strlen(path)))
		while (read_line(&there, line, &length, 5000) == 1) {
			listed = json_loads(line, 0, NULL);
			whole |= strcmp(text_of(listed, "event"), "sync-end") == 0;
			if (strcmp(text_of(listed, "event"), "row") == 0)
				(void)json_array_append(rows, listed);
			json_decref(listed);
		}
	if (there.fd >= 0)
		(void)close(there.fd);
	free(line);
	json_array_foreach(rows, at, row)
	{
		name_row(row, name, sizeof(name));
		if (!json_object_get(way->told, name))
			enqueue(way, row, true);
		if (way->queued >= BATCH)
			whole &= flush(way);
	}
	json_decref(rows);
	return whole && flush(way);
}

static bool carry_node(struct way *way, const json_t *line, bool gone)
{
	char path[512];

	if (!json_is_true(json_object_get(line, "self")))
		return true;
	if (gone) {
		(void)snprintf(path, sizeof(path), "/v1/nodes/%s", text_of(line, "node"));
		int status = ask(way->to, "DELETE", path, NULL, NULL);
		return status == 200 || status == 404;
	}
	json_t *body = json_pack("{s:s,s:s}", "node", text_of(line, "node"), "address", text_of(line, "address"));
	int status = ask(way->to, "POST", "/v1/nodes", body, NULL);
	json_decref(body);
	return status == 201;
}

static bool carry(struct way *way, const json_t *line)
{
	const char *event = text_of(line, "event");
	bool own = json_is_true(json_object_get(line, "own")), whole = true;
	char name[1024];

	if (strcmp(event, "sync-begin") == 0) {
		(void)json_object_clear(way->told);
		way->in_sync = true;
		way->incomplete = false;
	} else if (strcmp(event, "node") == 0 || strcmp(event, "node-gone") == 0) {
		whole = carry_node(way, line, event[4] != '\0');
	} else if (own && (strcmp(event, "row") == 0 || strcmp(event, "row-gone") == 0)) {
		name_row(line, name, sizeof(name));
		if (way->in_sync && event[3] == '\0')
			(void)json_object_set_new(way->told, name, json_true());
		else if (way->in_sync)
			(void)json_object_del(way->told, name);
		enqueue(way, line, event[3] != '\0');
	} else if (strcmp(event, "sync-end") == 0) {
		whole = flush(way) && sweep(way);
		way->in_sync = false;
	}
	unsigned long long revision = (unsigned long long)json_integer_value(json_object_get(line, "revision"));
	/* There may be more of a line's revision to come. */
	if (strcmp(event, "sync-end") != 0 && revision > 0)
		revision--;
	if (!way->in_sync && revision > way->revision)
		way->revision = revision;
	return whole && (way->queued < BATCH || flush(way));
}

/* Until something goes wrong; then everything anew, which changes nothing where nothing was missed. */
static void run(struct way *way)
{
	char *line = malloc(LINE_MAX_BYTES);
	size_t length = 0;
	bool good = line && open_stream(way);
	json_t *nodes = NULL;

	if (good && ask(way->from, "GET", "/v1/nodes", NULL, &nodes) == 200)
		(void)snprintf(way->self, sizeof(way->self), "%s", text_of(nodes, "self"));
	json_decref(nodes);
	for (int idle = 0; good;) {
		int got = read_line(way, line, &length, 10);
		if (got < 0)
			break;
		if (got == 0) {
			good = !way->queued || flush(way);
			/* A network that was not there may be by now. */
			good &= !way->incomplete || ++idle < 30;
			continue;
		}
		idle = 0;
		json_t *json = json_loads(line, 0, NULL);
		good = json && carry(way, json);
		json_decref(json);
	}
	if (!good)
		way->revision = 0;
	way->incomplete = way->in_sync = false;
	(void)json_object_clear(way->queue);
	way->queued = 0;
	if (way->fd >= 0)
		(void)close(way->fd);
	free(line);
}

static void *carry_all(void *data)
{
	struct way *way = data;

	way->told = json_object();
	way->queue = json_object();
	load_revision(way);
	for (;;) {
		run(way);
		nap(100);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct way ways[2];
	pthread_t thread;

	if (argc < 3 || argc > 4) {
		(void)fprintf(stderr, "usage: relay SOCKET SOCKET [DIR]\n");
		return 2;
	}
	ways[0] = (struct way){.from = argv[1], .to = argv[2], .dir = argv[3], .name = "first"};
	ways[1] = (struct way){.from = argv[2], .to = argv[1], .dir = argv[3], .name = "second"};
	if (pthread_create(&thread, NULL, carry_all, &ways[0]) != 0)
		return 1;
	(void)carry_all(&ways[1]);
	return 0;
}
