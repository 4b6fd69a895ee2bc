/* SPDX-License-Identifier: Apache-2.0 */
/* A driver whose kernel is a directory: each network, endpoint and join is a file in it, so that what the host forgot stays to be
 * seen. Every op adds a line to the file "record". Nothing but the host's records can tell which file belongs to whom.
 *
 * A file "crash-OP-NID", "exit-OP-NID", "fail-OP-NID" or "hang-OP-NID" makes version 1 of it do that; it fails and hangs until the
 * file goes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndrv/driver.h>

struct files {
	char dir[128];
};

static void path_of(char ret[PATH_MAX], const struct files *files, const char *kind, const char *nid, const char *eid)
{
	(void)snprintf(ret, PATH_MAX, "%s/%s-%s-%s", files->dir, kind, nid, eid);
}

static void record(const struct files *files, const char *op, const char *nid, const char *eid)
{
	char path[PATH_MAX], line[256];
	int length = snprintf(line, sizeof(line), "%s %s %s\n", op, nid, eid);

	(void)snprintf(path, sizeof(path), "%s/record", files->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (length > 0 && write(fd, line, (size_t)length) != length)
		(void)0;
	(void)close(fd);
}

#ifndef FILEDRV_VERSION
#define FILEDRV_VERSION "1"
#endif

static int is_told(const struct files *files, const char *what, const char *op, const char *nid)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s-%s-%s", files->dir, what, op, nid);
	return access(path, F_OK) == 0;
}

static int misbehave(const struct files *files, struct ndrv_call *call, const char *op, const char *nid)
{
	if (FILEDRV_VERSION[0] != '1')
		return 0;
	if (is_told(files, "crash", op, nid))
		(void)raise(SIGSEGV);
	if (is_told(files, "exit", op, nid))
		_exit(0);
	while (is_told(files, "hang", op, nid))
		(void)usleep(10000);
	if (is_told(files, "fail", op, nid))
		return ndrv_fail(call->err, NDRV_E_FORBIDDEN, "told to fail %s", op);
	return 0;
}

static int make(const struct files *files, struct ndrv_call *call, const char *kind, const char *nid, const char *eid)
{
	char path[PATH_MAX];

	record(files, kind, nid, eid);
	path_of(path, files, kind, nid, eid);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return ndrv_fail_errno(call->err, errno, "make %s", path);
	(void)close(fd);
	return 0;
}

static int unmake(const struct files *files, struct ndrv_call *call, const char *kind, const char *nid, const char *eid)
{
	char path[PATH_MAX];

	record(files, "no", nid, eid);
	path_of(path, files, kind, nid, eid);
	if (unlink(path) && errno != ENOENT)
		return ndrv_fail_errno(call->err, errno, "remove %s", path);
	return 0;
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	return make(self, call, "network", network->id, "");
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	int rc = misbehave(self, call, "network_delete", network->id);

	return rc ? rc : unmake(self, call, "network", network->id, "");
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	int rc = misbehave(self, call, "endpoint_create", network->id);

	(void)ifinfo, (void)options;
	return rc ? rc : make(self, call, "endpoint", network->id, endpoint->id);
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	int rc = misbehave(self, call, "endpoint_delete", network->id);

	return rc ? rc : unmake(self, call, "endpoint", network->id, endpoint->id);
}

static int endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info)
{
	(void)self, (void)call, (void)network, (void)endpoint;
	*ret_info = (struct ndrv_value){.type = NDRV_MAP};
	return 0;
}

static int join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *info, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	(void)sandbox_key, (void)info, (void)endpoint_options, (void)sandbox_options;
	return make(self, call, "join", network->id, endpoint->id);
}

static int leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	return unmake(self, call, "join", network->id, endpoint->id);
}

/* What is missing is an object that was lost. */
static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	char path[PATH_MAX];

	(void)blob;
	int rc = misbehave(self, call, "adopt", network->id);
	if (rc)
		return rc;
	path_of(path, self, endpoint ? "endpoint" : "network", network->id, endpoint ? endpoint->id : "");
	if (access(path, F_OK))
		return ndrv_fail(call->err, NDRV_E_NOT_FOUND, "no file %s", path);
	return 0;
}

static int configure(void *self, struct ndrv_call *call, const struct ndrv_value *config)
{
	struct files *files = self;
	const char *dir = NULL;
	int rc = ndrv_map_string(config, "dir", &dir, call->err);

	if (rc < 0)
		return rc;
	if (!dir || strlen(dir) >= sizeof(files->dir))
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "dir: a short path is needed");
	(void)snprintf(files->dir, sizeof(files->dir), "%s", dir);
	return 0;
}

static int open_instance(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err)
{
	(void)host;
	*ret_self = calloc(1, sizeof(struct files));
	return *ret_self ? 0 : ndrv_fail_errno(err, ENOMEM, "start");
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	.endpoint_info = endpoint_info,
	.join = join,
	.leave = leave,
	.configure = configure,
	.adopt = adopt,
	.destroy = free,
};

NDRV_DRIVER(&ops, open_instance, .types = "files", .name = "files", .version = FILEDRV_VERSION, .vendor = "tests",
	    .data_scope = NDRV_SCOPE_LOCAL, .capability_flags = NDRV_CAPABILITY_NO_LINK);
