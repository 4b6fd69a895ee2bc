/* SPDX-License-Identifier: Apache-2.0 */
/* A driver with one fault, of the sort named by NAUGHTY: for each, ndrv-check has to find it. Without a fault it is good. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <ndrv/driver.h>
#include <ndrv/link.h>

#ifndef NAUGHTY
#define NAUGHTY ""
#endif

static int naughty(const char *fault)
{
	return strcmp(NAUGHTY, fault) == 0;
}

static int refuse_unknown(const char *key, const char *nearest, void *data)
{
	struct ndrv_call *call = data;

	(void)nearest;
	return ndrv_fail_object(call->err, NDRV_E_UNKNOWN_OPTION, key);
}

static int check_options(struct ndrv_call *call, const struct ndrv_value *options)
{
	if (naughty("options"))
		return 0;
	return ndrv_options_parse(NULL, 0, options, NULL, call->arena, refuse_unknown, call, call->err);
}

static void link_name(const struct ndrv_network *network, char name[NDRV_IFNAME_MAX])
{
	ndrv_link_name(name, "xx", network->instance, network->id, "");
}

/* A bridge without ports: something in the kernel that has to go again. */
static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	char name[NDRV_IFNAME_MAX];
	const struct ndrv_link_spec spec = {.kind = "bridge", .name = name, .group = naughty("untagged") ? 0 : network->link_group};
	struct ndrv_error error = {0};
	int rc = check_options(call, ndrv_map_get(network->options, NDRV_OPT_GENERIC));

	(void)self;
	if (rc)
		return rc;
	link_name(network, name);
	rc = ndrv_link_create(call->host_nl, &spec, NULL, NULL, NULL, &error);
	if (rc && error.code != NDRV_E_LINK_EXISTS) {
		*call->err = error;
		return rc;
	}
	return 0;
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	char name[NDRV_IFNAME_MAX];

	(void)self;
	link_name(network, name);
	if (naughty("leak"))
		return 0;
	return ndrv_link_delete(call->host_nl, name, 0, call->err);
}

static void *idle(void *data)
{
	(void)nanosleep(&(struct timespec){.tv_sec = 3600}, NULL);
	return data;
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	pthread_t thread;

	(void)self, (void)network, (void)endpoint, (void)ifinfo;
	if (naughty("crash"))
		abort();
	if (naughty("fd") && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
		return ndrv_fail_errno(call->err, errno, "/dev/null");
	if (naughty("umask"))
		(void)umask(0777);
	if (naughty("thread") && !pthread_create(&thread, NULL, idle, NULL))
		(void)pthread_detach(thread);
	return check_options(call, ndrv_map_get(options, NDRV_OPT_GENERIC) ? ndrv_map_get(options, NDRV_OPT_GENERIC) : options);
}

static int nothing(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)call, (void)network, (void)endpoint;
	return 0;
}

static int endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info)
{
	static int64_t asked;

	(void)self, (void)network, (void)endpoint;
	*ret_info = (struct ndrv_value){.type = NDRV_MAP};
	return naughty("info") ? ndrv_map_set(call->arena, ret_info, "asked", ndrv_int(++asked), call->err) : 0;
}

static int join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *joined, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	(void)self, (void)network, (void)endpoint, (void)sandbox_key, (void)endpoint_options, (void)sandbox_options;
	return ndrv_join_disable_gateway_service(joined, call->err);
}

static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	char name[NDRV_IFNAME_MAX];

	(void)self, (void)blob;
	link_name(network, name);
	if (naughty("adopt") && !endpoint) /* its network goes with the old generation */
		return ndrv_link_delete(call->host_nl, name, 0, call->err);
	return 0;
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = nothing,
	.endpoint_info = endpoint_info,
	.join = join,
	.leave = nothing,
	.adopt = adopt,
};

NDRV_DRIVER(&ops, NULL, .name = "naughty", .version = "1", .vendor = "tests", .types = "naughty", .data_scope = NDRV_SCOPE_LOCAL,
	    .capability_flags = NDRV_CAPABILITY_NO_LINK);
