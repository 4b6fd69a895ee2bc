/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cmd/door.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ndrv/version.h>

#include "host/base/log.h"

#define ANSWER_MEMORY (64u << 10)

/* --- open and close --- */

bool door_adopt(const char *name, const char *path, struct handover *handover, struct listener *ret)
{
	struct handover_socket *left = handover_socket(handover, name);
	struct ndrv_error error = {0};

	if (!left)
		return false;
	struct listener listener = {.fd = -1, .dev = left->dev, .inode = left->inode};
	(void)snprintf(listener.path, sizeof(listener.path), "%s", left->path);
	if (listen_adopt(left->fd, left->activated, &listener, &error)) {
		log_warning(name, "%s; it is not used", error.text);
		return false;
	}
	left->fd = -1;
	if (strcmp(listener.path, path) != 0 && !listener.activated) {
		listen_close(&listener);
		return false;
	}
	if (strcmp(listener.path, path) != 0)
		log_warning(name, "the service manager's socket is %s, the configuration says %s: the former is used",
			    listener.path, path);
	*ret = listener;
	return true;
}

int door_open(struct door *door, struct host *host, struct handover *handover, struct ndrv_error *err)
{
	const struct config_control *config = &host_config(host)->control;
	struct control_options options = {
		.dispatch = host_dispatch(host),
		.max_connections = config->max_connections,
		.max_connections_per_uid = config->max_connections_per_uid,
		.request_timeout_ns = config->request_timeout_ns,
		.max_request = config->max_request,
	};
	int rc = 0;

	/* Fewer rights than asked for are safe, and no reason to leave a machine without its networks. */
	if (listen_group(config->group, &options.group, err)) {
		log_warning("control", "%s; the control socket is root's alone until then", err->text);
		options.group = (gid_t)-1;
		ndrv_error_clear(err);
	}
	if (!door_adopt(CONTROL_DOOR, config->socket, handover, &door->listener))
		rc = listen_open(config->socket, options.group, &door->listener, err);
	if (rc)
		return rc;
	options.listen_fd = door->listener.fd;
	rc = control_start(&options, &door->control, err);
	if (rc)
		listen_close(&door->listener);
	return rc;
}

void door_close(struct door *door)
{
	control_stop(door->control);
	listen_close(&door->listener);
}

void door_take_over(struct door *door, struct handover *handover)
{
	struct ndrv_error error = {0};
	struct ndrv_value answer = {.type = NDRV_MAP};
	struct arena arena;

	arena_init(&arena, ANSWER_MEMORY);
	int rc = ndrv_map_set(&arena.ndrv, &answer, "pid", ndrv_int(getpid()), &error);
	if (!rc)
		rc = ndrv_map_set(&arena.ndrv, &answer, "reexecs", ndrv_int((int64_t)handover->reexecs), &error);
	if (!rc)
		rc = ndrv_map_set(&arena.ndrv, &answer, "version", ndrv_string(NDRV_VERSION), &error);
	if (!rc)
		rc = control_take_over(door->control, handover, &answer, &error);
	if (rc)
		log_error("reexec", "%s", error.text);
	arena_reset(&arena);
}

/* --- leaving --- */

static int hold(void *data, struct ndrv_error *err)
{
	const struct door *door = data;
	return http_hold(control_http(door->control), err);
}

static void release(void *data)
{
	const struct door *door = data;
	http_release(control_http(door->control));
}

static uint32_t unsettled(void *data, bool cut)
{
	const struct door *door = data;
	return http_unsettled(control_http(door->control), cut);
}

static void end_streams(void *data)
{
	const struct door *door = data;
	http_end_streams(control_http(door->control));
}

int door_leave(const char *name, const struct listener *listener, struct handover *handover, struct ndrv_error *err)
{
	struct handover_socket left = {
		.fd = listener->fd, .activated = listener->activated, .dev = listener->dev, .inode = listener->inode};

	(void)snprintf(left.door, sizeof(left.door), "%s", name);
	(void)snprintf(left.path, sizeof(left.path), "%s", listener->path);
	return handover_add_socket(handover, &left, err);
}

static int leave(void *data, struct handover *handover, struct ndrv_error *err)
{
	const struct door *door = data;
	int rc = door_leave(CONTROL_DOOR, &door->listener, handover, err);

	return rc ? rc : http_leave(control_http(door->control), CONTROL_DOOR, REQ_REEXEC, handover, err);
}

struct reexec_door door_reexec(struct door *door)
{
	return (struct reexec_door){
		.data = door, .hold = hold, .release = release, .unsettled = unsettled, .end_streams = end_streams, .leave = leave};
}
