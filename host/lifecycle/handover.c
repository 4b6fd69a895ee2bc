/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define VARIABLE "NDRV_HANDOVER" /* PID:FD */
#define FORMAT 1
#define LISTEN_FDS_START 3
#define REPLY_MAX (256u << 20)

static int keep_on_exec(int fd, bool keep)
{
	return fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

void handover_clear(struct handover *handover, bool close_fds)
{
	for (uint32_t i = 0; i < handover->socket_count; i++)
		if (close_fds && handover->sockets[i].fd >= 0)
			(void)close(handover->sockets[i].fd);
	for (struct handover_conn *conn = handover->conns; conn;) {
		struct handover_conn *next = conn->next;
		if (close_fds && conn->fd >= 0)
			(void)close(conn->fd);
		free(conn->reply);
		free(conn);
		conn = next;
	}
	handover->socket_count = 0;
	handover->conns = NULL;
}

struct handover_socket *handover_socket(struct handover *handover, const char *door)
{
	for (uint32_t i = 0; i < handover->socket_count; i++)
		if (handover->sockets[i].fd >= 0 && strcmp(handover->sockets[i].door, door) == 0)
			return &handover->sockets[i];
	return NULL;
}

int handover_add_socket(struct handover *handover, const struct handover_socket *socket, struct ndrv_error *err)
{
	if (handover->socket_count == HANDOVER_SOCKETS_MAX)
		return ndrv_fail(err, NDRV_E_STATE, "hand-over: more than %u listening sockets", HANDOVER_SOCKETS_MAX);
	handover->sockets[handover->socket_count++] = *socket;
	return 0;
}

int handover_add_conn(struct handover *handover, const struct handover_conn *conn, struct ndrv_error *err)
{
	struct handover_conn *copy = malloc(sizeof(*copy));

	if (!copy) {
		free(conn->reply);
		return ndrv_fail_errno(err, ENOMEM, "hand over a connection");
	}
	*copy = *conn;
	copy->next = handover->conns;
	handover->conns = copy;
	return 0;
}

/* --- leaving --- */

/* Nothing else reads or changes the environment then: before the first thread of the host, or with all of them at rest. */
static int set_variable(const char *name, const char *value)
{
	return value ? setenv(name, value, 1) : unsetenv(name); /* NOLINT(concurrency-mt-unsafe) */
}

static bool write_all(FILE *file, const struct handover *handover)
{
	(void)fprintf(file, "ndrv-handover %d %llu\n", FORMAT, (unsigned long long)handover->reexecs);
	for (uint32_t i = 0; i < handover->socket_count; i++) {
		const struct handover_socket *socket = &handover->sockets[i];
		(void)fprintf(file, "socket %s %d %d %llu %llu %s\n", socket->door, socket->fd, socket->activated,
			      (unsigned long long)socket->dev, (unsigned long long)socket->inode, socket->path);
	}
	for (const struct handover_conn *conn = handover->conns; conn; conn = conn->next) {
		const struct caller *caller = &conn->caller;
		(void)fprintf(file, "conn %s %d %u %u %u %u %u %d %d %d %zu\n", conn->door, conn->fd, caller->front, caller->uid,
			      caller->gid, caller->pid, caller->role, conn->served, conn->awaits, conn->closes, conn->reply_bytes);
		if (conn->reply_bytes)
			(void)fwrite(conn->reply, 1, conn->reply_bytes, file);
	}
	(void)fputs("end\n", file);
	return fflush(file) == 0 && !ferror(file);
}

static int make_memory(const struct handover *handover, struct ndrv_error *err)
{
	int fd = memfd_create("ndrv-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *file = own < 0 ? NULL : fdopen(own, "w");

	bool ok = file && write_all(file, handover);
	int saved = errno;
	if (file)
		(void)fclose(file);
	else if (own >= 0)
		(void)close(own);
	if (ok) {
		(void)fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
		return fd;
	}
	if (fd >= 0)
		(void)close(fd);
	return ndrv_fail_errno(err, saved, "hand-over: describe what is left");
}

static int keep_all(const struct handover *handover, bool keep)
{
	int rc = 0;

	for (uint32_t i = 0; i < handover->socket_count; i++)
		rc |= keep_on_exec(handover->sockets[i].fd, keep);
	for (const struct handover_conn *conn = handover->conns; conn; conn = conn->next)
		rc |= keep_on_exec(conn->fd, keep);
	return rc;
}

int handover_leave(const struct handover *handover, int *ret_fd, struct ndrv_error *err)
{
	char text[64];

	int fd = make_memory(handover, err);
	if (fd < 0)
		return fd;
	(void)snprintf(text, sizeof(text), "%d:%d", (int)getpid(), fd);
	if (keep_all(handover, true) || keep_on_exec(fd, true) || set_variable(VARIABLE, text)) {
		int saved = errno;
		handover_stay(handover, fd);
		return ndrv_fail_errno(err, saved, "hand-over: keep descriptors");
	}
	*ret_fd = fd;
	return 0;
}

void handover_stay(const struct handover *handover, int fd)
{
	(void)set_variable(VARIABLE, NULL);
	(void)keep_all(handover, false);
	(void)close(fd);
}

/* --- taking: what this very program wrote into sealed memory, each line checked for its count of fields --- */
/* NOLINTBEGIN(cert-err34-c) */

static bool take_socket(struct handover *handover, const char *line)
{
	struct handover_socket socket = {.fd = -1};
	unsigned long long dev, inode;
	int activated;

	if (sscanf(line, "socket %31s %d %d %llu %llu %107[^\n]", socket.door, &socket.fd, &activated, &dev, &inode, socket.path) <
	    5)
		return false;
	socket.activated = activated;
	socket.dev = (dev_t)dev;
	socket.inode = (ino_t)inode;
	return keep_on_exec(socket.fd, false) == 0 && handover_add_socket(handover, &socket, NULL) == 0;
}

static bool take_conn(struct handover *handover, const char *line, FILE *file)
{
	struct handover_conn conn = {.fd = -1};
	struct caller *caller = &conn.caller;
	int served, awaits, closes;

	if (sscanf(line, "conn %31s %d %u %u %u %u %u %d %d %d %zu", conn.door, &conn.fd, &caller->front, &caller->uid,
		   &caller->gid, &caller->pid, &caller->role, &served, &awaits, &closes, &conn.reply_bytes) != 11 ||
	    conn.reply_bytes > REPLY_MAX || keep_on_exec(conn.fd, false) < 0)
		return false;
	conn.served = served;
	conn.awaits = awaits;
	conn.closes = closes;
	if (conn.reply_bytes) {
		conn.reply = malloc(conn.reply_bytes);
		if (!conn.reply || fread(conn.reply, 1, conn.reply_bytes, file) != conn.reply_bytes) {
			free(conn.reply);
			return false;
		}
	}
	return handover_add_conn(handover, &conn, NULL) == 0;
}

static bool read_all(FILE *file, struct handover *handover)
{
	unsigned long long reexecs;
	char *line = NULL;
	size_t room = 0;
	int format;

	bool ok = getline(&line, &room, file) > 0 && sscanf(line, "ndrv-handover %d %llu", &format, &reexecs) == 2 &&
		  format == FORMAT;
	bool ended = false;
	if (ok)
		handover->reexecs = reexecs + 1;
	while (ok && !ended && getline(&line, &room, file) > 0) {
		if (strcmp(line, "end\n") == 0)
			ended = true;
		else if (strncmp(line, "socket ", 7) == 0)
			ok = take_socket(handover, line);
		else
			ok = take_conn(handover, line, file);
	}
	free(line);
	return ok && ended;
}

static int take_memory(struct handover *ret, const char *text, struct ndrv_error *err)
{
	int pid, fd;

	if (sscanf(text, "%d:%d", &pid, &fd) != 2 || pid != (int)getpid())
		return 0;
	FILE *file = lseek(fd, 0, SEEK_SET) == 0 ? fdopen(fd, "r") : NULL;
	if (!file)
		return ndrv_fail_errno(err, errno, "hand-over: descriptor %d", fd);
	bool ok = read_all(file, ret);
	(void)fclose(file);
	return ok ? 0 : ndrv_fail(err, NDRV_E_STATE, "hand-over: what the former program left cannot be read");
}

/* NOLINTEND(cert-err34-c) */

/* By name ("control"); a single one without a name is the control socket's, which is all that systemd's unit files need. */
static void take_listen_fds(struct handover *ret)
{
	const char *pid = secure_getenv("LISTEN_PID"), *count_text = secure_getenv("LISTEN_FDS");
	const char *names = secure_getenv("LISTEN_FDNAMES");

	if (!pid || !count_text || strtol(pid, NULL, 10) != (long)getpid())
		return;
	long count = strtol(count_text, NULL, 10);
	for (int i = 0; i < count && i < (int)HANDOVER_SOCKETS_MAX; i++) {
		struct handover_socket socket = {.fd = LISTEN_FDS_START + i, .activated = true};
		size_t length = names ? strcspn(names, ":") : 0;

		(void)snprintf(socket.door, sizeof(socket.door), "%.*s", (int)length, names ? names : "");
		if (names)
			names += length + (names[length] == ':');
		/* "ndrvd.socket" and "unknown": what systemd says where the unit names nothing */
		if (count == 1 && strcmp(socket.door, "control") != 0)
			(void)snprintf(socket.door, sizeof(socket.door), "control");
		if (keep_on_exec(socket.fd, false) == 0)
			(void)handover_add_socket(ret, &socket, NULL);
	}
}

int handover_take(struct handover *ret, struct ndrv_error *err)
{
	const char *text = secure_getenv(VARIABLE);
	int rc = 0;

	*ret = (struct handover){0};
	if (text)
		rc = take_memory(ret, text, err);
	else
		take_listen_fds(ret);
	(void)set_variable(VARIABLE, NULL);
	(void)set_variable("LISTEN_PID", NULL);
	(void)set_variable("LISTEN_FDS", NULL);
	(void)set_variable("LISTEN_FDNAMES", NULL);
	if (rc)
		handover_clear(ret, true);
	return rc;
}
