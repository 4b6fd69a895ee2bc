/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cmd/docker_door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host/base/log.h"
#include "host/cmd/door.h"

/* --- open and close --- */

static int make_directory(const char *path, struct ndrv_error *err)
{
	char part[256];

	for (const char *at = path; at; at = strchr(at + 1, '/')) {
		const char *end = strchr(at + 1, '/');
		(void)snprintf(part, sizeof(part), "%.*s", (int)(end ? end - path : (long)strlen(path)), path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return ndrv_fail_errno(err, errno, "directory %s", part);
	}
	return 0;
}

static int open_listener(struct docker_door *door, const char *dir, const char *name, struct handover *handover,
			 struct ndrv_error *err)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s.sock", dir, name);
	if (door_adopt(door->name, path, handover, &door->listener))
		return 0;
	int rc = make_directory(dir, err);
	return rc ? rc : listen_open(path, (gid_t)-1, &door->listener, err);
}

static int open_door(struct docker_door *door, const struct config_exposed *exposed, struct host *host, struct handover *handover,
		     struct ndrv_error *err)
{
	const struct config *config = host_config(host);
	char managed[480];

	/* Docker would take a socket in its own directory for another plugin, one it refuses in a swarm. */
	(void)snprintf(managed, sizeof(managed), "%s/docker", config->runtime_dir);
	int rc = open_listener(door, exposed->managed ? managed : config->docker.plugin_dir, exposed->name, handover, err);

	if (rc)
		return rc;
	const struct docker_options options = {
		.dispatch = host_dispatch(host),
		.listen_fd = door->listener.fd,
		.name = exposed->name,
		.type = exposed->type,
		.data_scope = (uint32_t)exposed->scope,
		.connectivity_scope = (uint32_t)exposed->connectivity_scope,
		.max_connections = config->control.max_connections,
		.request_timeout_ns = config->control.request_timeout_ns,
		.max_request = config->control.max_request,
	};
	rc = docker_start(&options, &door->docker, err);
	if (rc)
		listen_close(&door->listener);
	return rc;
}

void docker_doors_open(struct docker_doors *doors, struct host *host, struct handover *handover)
{
	const struct config_docker *config = &host_config(host)->docker;

	doors->count = 0;
	for (uint32_t i = 0; i < config->expose_count; i++) {
		struct docker_door *door = &doors->doors[doors->count];
		struct ndrv_error error = {0};
		*door = (struct docker_door){.listener = {.fd = -1}};
		(void)snprintf(door->name, sizeof(door->name), "docker-%.24s", config->expose[i].name);
		if (open_door(door, &config->expose[i], host, handover, &error)) {
			log_error("docker", "plugin %s cannot be offered to Docker: %s", config->expose[i].name, error.text);
			continue;
		}
		log_info("docker", "plugin %s: type %s on %s", config->expose[i].name, config->expose[i].type, door->listener.path);
		doors->count++;
	}
}

void docker_doors_unknown(const struct handover *handover)
{
	for (uint32_t i = 0; i < handover->socket_count; i++) {
		const struct handover_socket *socket = &handover->sockets[i];
		if (socket->fd >= 0 && socket->activated && strncmp(socket->door, "docker-", 7) == 0)
			log_warning("docker",
				    "the service manager's socket \"%s\" is served by nobody, and who connects to it waits: put %s "
				    "under "
				    "docker.expose, or systemctl disable --now ndrvd-docker@%s.socket",
				    socket->door, socket->door + 7, socket->door + 7);
	}
}

void docker_doors_take_over(struct docker_doors *doors, struct handover *handover)
{
	for (uint32_t i = 0; i < doors->count; i++)
		http_take_over(docker_http(doors->doors[i].docker), doors->doors[i].name, handover, "application/json", "{}");
}

void docker_doors_close(struct docker_doors *doors)
{
	for (uint32_t i = 0; i < doors->count; i++) {
		docker_stop(doors->doors[i].docker);
		listen_close(&doors->doors[i].listener);
	}
	doors->count = 0;
}

/* --- leaving --- */

static int hold(void *data, struct ndrv_error *err)
{
	const struct docker_door *door = data;
	return http_hold(docker_http(door->docker), err);
}

static void release(void *data)
{
	const struct docker_door *door = data;
	http_release(docker_http(door->docker));
}

static uint32_t unsettled(void *data, bool cut)
{
	const struct docker_door *door = data;
	return http_unsettled(docker_http(door->docker), cut);
}

static void end_streams(void *data)
{
	const struct docker_door *door = data;
	http_end_streams(docker_http(door->docker));
}

static int leave(void *data, struct handover *handover, struct ndrv_error *err)
{
	const struct docker_door *door = data;
	int rc = door_leave(door->name, &door->listener, handover, err);

	return rc ? rc : http_leave(docker_http(door->docker), door->name, REQ_COUNT, handover, err);
}

struct reexec_door docker_door_reexec(struct docker_doors *doors, uint32_t n)
{
	return (struct reexec_door){.data = &doors->doors[n],
				    .hold = hold,
				    .release = release,
				    .unsettled = unsettled,
				    .end_streams = end_streams,
				    .leave = leave};
}
