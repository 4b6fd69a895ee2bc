/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that is built many times, each a version of it or a way to be unfit for a swap. It keeps a counter for itself, and one
 * for each endpoint that every join raises; both travel by export_state and come back by adopt. endpoint_info tells them, and who
 * says so. The file that SWAPDRV_PLAN names may hold a step at which a new generation refuses, "prepare" or "adopt N", or does not
 * come back: "hang-prepare", "hang-adopt N", "hang-commit"; with "hang-export" the next swap hangs in it. What hangs does so as
 * long as the file PLAN.hang is there, which it makes. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndrv/driver.h>

#ifndef SW_TYPES
#define SW_TYPES "swap"
#endif
#ifndef SW_SCOPE
#define SW_SCOPE NDRV_SCOPE_LOCAL
#endif
#ifndef SW_SCHEMA
#define SW_SCHEMA "swapdrv"
#endif
#ifndef SW_STATE_MIN
#define SW_STATE_MIN 1
#endif
#ifndef SW_STATE
#define SW_STATE 1
#endif
#ifndef SW_THREADING
#define SW_THREADING NDRV_THREADS_NETWORK
#endif
#ifndef SW_FLAGS
#define SW_FLAGS 0
#endif
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

struct self {
	const struct ndrv_host *host;
	_Atomic int discovered;
	_Atomic int ticks, committed;
	int refuse_adopt; /* at that one; 0: never */
	_Atomic int adopted;
	int refuse_prepare;
	int hang_prepare, hang_adopt, hang_commit, hang_export;
	struct ndrv_timer *timer;
};

/* A generation that hung is never ended: what it has stays reachable, or it would count as a leak. */
static struct self *selves[64];
static _Atomic unsigned self_count;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept *all_kept;

/* The priv of both records. `version` shows whose it is. */
struct kept {
	struct kept *next, **at; /* of all_kept */
	int version;
	int joins;
};

static struct kept *keep(int joins)
{
	struct kept *kept = malloc(sizeof(*kept));

	if (!kept)
		return NULL;
	(void)pthread_mutex_lock(&kept_lock);
	*kept = (struct kept){.next = all_kept, .at = &all_kept, .version = SW_VERSION, .joins = joins};
	if (kept->next)
		kept->next->at = &kept->next;
	all_kept = kept;
	(void)pthread_mutex_unlock(&kept_lock);
	return kept;
}

static void forget(struct kept *kept)
{
	if (!kept)
		return;
	(void)pthread_mutex_lock(&kept_lock);
	*kept->at = kept->next;
	if (kept->next)
		kept->next->at = kept->at;
	(void)pthread_mutex_unlock(&kept_lock);
	free(kept);
}

static void hang(void)
{
	const char *plan = getenv("SWAPDRV_PLAN");
	char path[256];

	(void)snprintf(path, sizeof(path), "%s.hang", plan ? plan : "/nowhere");
	FILE *mark = fopen(path, "w");
	if (mark)
		(void)fclose(mark);
	for (int i = 0; i < 12000 && access(path, F_OK) == 0; i++)
		(void)usleep(5000);
}

static int broken(struct ndrv_call *call, const char *what)
{
	return ndrv_fail(call->err, NDRV_E_INTERNAL, "%s: the record has not what this generation made of it", what);
}

static int is_mine(const void *priv)
{
	return priv && ((const struct kept *)priv)->version == SW_VERSION;
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	network->priv = keep(0);
	return network->priv ? 0 : ndrv_fail(call->err, NDRV_E_NO_SERVICE, "out of memory");
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	if (network->priv && !is_mine(network->priv))
		return broken(call, "network_delete");
	forget(network->priv);
	network->priv = NULL;
	return 0;
}

static int endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	(void)self, (void)ifinfo, (void)options;
	if (!is_mine(network->priv))
		return broken(call, "endpoint_create");
	endpoint->priv = keep(0);
	return endpoint->priv ? 0 : ndrv_fail(call->err, NDRV_E_NO_SERVICE, "out of memory");
}

static int endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)network;
	if (endpoint->priv && !is_mine(endpoint->priv))
		return broken(call, "endpoint_delete");
	forget(endpoint->priv);
	endpoint->priv = NULL;
	return 0;
}

static int endpoint_info(void *data, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret)
{
	struct self *self = data;
	struct ndrv_value map = {.type = NDRV_MAP};

	if (!is_mine(network->priv) || !is_mine(endpoint->priv))
		return broken(call, "endpoint_info");
	int joins = ((struct kept *)endpoint->priv)->joins;
	int rc = ndrv_map_set(call->arena, &map, "version", ndrv_int(SW_VERSION), call->err);
	if (!rc)
		rc = ndrv_map_set(call->arena, &map, "joins", ndrv_int(joins), call->err);
	if (!rc)
		rc = ndrv_map_set(call->arena, &map, "discovered", ndrv_int(atomic_load(&self->discovered)), call->err);
	if (!rc)
		rc = ndrv_map_set(call->arena, &map, "ticks", ndrv_int(atomic_load(&self->ticks)), call->err);
	if (!rc)
		rc = ndrv_map_set(call->arena, &map, "committed", ndrv_int(atomic_load(&self->committed)), call->err);
	*ret = map;
	return rc;
}

#ifndef SW_NO_JOIN
static int join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *joined, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	(void)self, (void)endpoint_options, (void)sandbox_options;
	if (!is_mine(network->priv) || !is_mine(endpoint->priv))
		return broken(call, "join");
	/* The file of this name appears, and the call stays inside until it is gone. */
	if (strncmp(sandbox_key, "/wait/", 6) == 0) {
		const char *file = sandbox_key + 5;
		FILE *mark = fopen(file, "w");
		if (mark)
			(void)fclose(mark);
		for (int i = 0; i < 2000 && access(file, F_OK) == 0; i++)
			(void)usleep(5000);
	}
#ifdef SW_FAULTY
	return ndrv_fail(call->err, NDRV_E_INTERNAL, "this version cannot join");
#endif
	((struct kept *)endpoint->priv)->joins++;
	return ndrv_join_disable_gateway_service(joined, call->err);
}
#endif

static int leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)network;
	return is_mine(endpoint->priv) ? 0 : broken(call, "leave");
}

#ifndef SW_NO_EXTERNAL
static int program_external(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			    const struct ndrv_gateway_state *gateways, const struct ndrv_value *options)
{
	(void)self, (void)network, (void)gateways, (void)options;
	return is_mine(endpoint->priv) ? 0 : broken(call, "program_external");
}

static int revoke_external(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)network;
	return is_mine(endpoint->priv) ? 0 : broken(call, "revoke_external");
}
#endif

static int discover(void *data, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	struct self *self = data;

	(void)call, (void)discovery;
	(void)atomic_fetch_add(&self->discovered, 1);
	return 0;
}

static void read_plan(struct self *self)
{
	const char *path = getenv("SWAPDRV_PLAN");
	FILE *plan = path ? fopen(path, "r") : NULL;
	char step[16] = "";
	int number = 0;

	if (plan && fscanf(plan, "%15s %d", step, &number) >= 1) {
		self->refuse_prepare = strcmp(step, "prepare") == 0;
		self->refuse_adopt = strcmp(step, "adopt") == 0 ? number : 0;
		self->hang_prepare = strcmp(step, "hang-prepare") == 0;
		self->hang_adopt = strcmp(step, "hang-adopt") == 0 ? number : 0;
		self->hang_commit = strcmp(step, "hang-commit") == 0;
		self->hang_export = strcmp(step, "hang-export") == 0;
	}
	if (plan)
		(void)fclose(plan);
}

static void tick(struct ndrv_call *call, struct ndrv_network *network, void *data)
{
	struct self *self = data;

	(void)call, (void)network;
	(void)atomic_fetch_add(&self->ticks, 1);
}

static int prepare(void *data, struct ndrv_call *call, const struct ndrv_blob *from)
{
	struct self *self = data;

#ifdef SW_CRASH_PREPARE
	(void)raise(6);
#endif
#ifdef SW_HANG_PREPARE
	for (;;)
		(void)pause();
#endif
	read_plan(self);
	atomic_store(&self->adopted, 0);
	if (self->hang_prepare)
		hang();
	if (self->refuse_prepare)
		return ndrv_fail(call->err, NDRV_E_FORBIDDEN, "the plan says no");
	if (from->bytes == sizeof(int)) {
		int count;
		memcpy(&count, from->data, sizeof(count));
		atomic_store(&self->discovered, count);
	}
	if (NDRV_HAS(self->host, timers) && !self->timer)
		return ndrv_timer_add(self->host, NULL, 0, 1000000, tick, self, &self->timer, call->err);
	return 0;
}

static int adopt(void *data, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	struct self *self = data;
	int joins = 0;
	void **priv = endpoint ? &endpoint->priv : &network->priv;

	if (*priv || (endpoint && !is_mine(network->priv)))
		return broken(call, "adopt");
	if (self->refuse_adopt && atomic_fetch_add(&self->adopted, 1) + 1 >= self->refuse_adopt)
		return ndrv_fail(call->err, NDRV_E_FORBIDDEN, "the plan says no");
	if (self->hang_adopt && atomic_fetch_add(&self->adopted, 1) + 1 == self->hang_adopt)
		hang();
	if (endpoint && blob->bytes == sizeof(joins))
		memcpy(&joins, blob->data, sizeof(joins));
	*priv = keep(joins);
	return *priv ? 0 : ndrv_fail(call->err, NDRV_E_NO_SERVICE, "out of memory");
}

static int export_state(void *data, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			uint32_t schema_version, struct ndrv_blob *ret)
{
	struct self *self = data;
	int number = endpoint ? ((struct kept *)endpoint->priv)->joins : atomic_load(&self->discovered);
	int *copy;

	if (self->hang_export && endpoint)
		hang();
	if (network && !endpoint)
		return 0;
	copy = ndrv_arena_alloc(call->arena, sizeof(*copy));
	if (!copy)
		return ndrv_fail(call->err, NDRV_E_NO_SERVICE, "out of memory");
	*copy = number;
	*ret = (struct ndrv_blob){.schema_version = schema_version, .bytes = sizeof(*copy), .data = copy};
	return 0;
}

static void commit(void *data, struct ndrv_call *call)
{
	struct self *self = data;

	(void)call;
	if (self->hang_commit)
		hang();
	(void)atomic_fetch_add(&self->committed, 1);
}

static void abort_swap(void *self, struct ndrv_call *call)
{
	(void)self, (void)call;
}

static int health(void *self, struct ndrv_call *call)
{
	(void)self, (void)call;
#ifdef SW_ILL
	return ndrv_fail(call->err, NDRV_E_NO_SERVICE, "this version does not feel well");
#else
	return 0;
#endif
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	void **priv = endpoint ? &endpoint->priv : &network->priv;

	(void)self;
	if (*priv && !is_mine(*priv))
		abort();
	forget(*priv);
	*priv = NULL;
}

static void destroy(void *data)
{
	struct self *self = data;

	ndrv_timer_del(self->host, self->timer);
	free(self);
}

static int open_self(const struct ndrv_host *host, void **ret, struct ndrv_error *err)
{
	struct self *self = calloc(1, sizeof(*self));

	if (!self)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	self->host = host;
	selves[atomic_fetch_add(&self_count, 1) % 64] = self;
	*ret = self;
	return 0;
}

#ifdef SW_CRASH_LOAD
static void __attribute__((constructor)) crash(void)
{
	(void)raise(6);
}
#endif
#ifdef SW_EXIT_LOAD
static void __attribute__((constructor)) end(void)
{
	_exit(3);
}
#endif

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = endpoint_create,
	.endpoint_delete = endpoint_delete,
	.endpoint_info = endpoint_info,
#ifndef SW_NO_JOIN
	.join = join,
#endif
	.leave = leave,
#ifndef SW_NO_EXTERNAL
	.program_external = program_external,
	.revoke_external = revoke_external,
#endif
	.discover_new = discover,
	.prepare = prepare,
	.adopt = adopt,
	.export_state = export_state,
	.commit = commit,
	.abort = abort_swap,
	.health = health,
	.release = release,
	.destroy = destroy,
};

NDRV_DRIVER(&ops, open_self, .types = SW_TYPES, .name = "swapdrv", .version = TEXT(SW_VERSION), .vendor = "tests",
	    .data_scope = SW_SCOPE, .state_schema = SW_SCHEMA, .state_version = SW_STATE, .state_version_min = SW_STATE_MIN,
	    .flags = SW_FLAGS, .threading = SW_THREADING, .capability_flags = NDRV_CAPABILITY_NO_IPAM | NDRV_CAPABILITY_NO_LINK);
