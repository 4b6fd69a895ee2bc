/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/rig.h"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/sandbox/hostns.h"

static int record(struct recorder *recorder, struct recorded *recorded)
{
	struct rig *rig = (struct rig *)(void *)recorder;
	const char *nid = recorded->network ? recorded->network->id : recorded->nid;
	const char *eid = recorded->endpoint ? recorded->endpoint->id : NULL;
	uint32_t flags = recorded->call ? recorded->call->flags : 0;

	if (!rig->silent) {
		(void)pthread_mutex_lock(&rig->lock);
		int bytes = snprintf(rig->log + rig->log_bytes, sizeof(rig->log) - rig->log_bytes, "%s%s%s%s%s%s%s%s%s",
				     rig->log_bytes ? "; " : "", recorded->op, nid ? " " : "", nid ? nid : "", eid ? " " : "",
				     eid ? eid : "", flags & NDRV_CALL_UNDO ? " UNDO" : "", flags & NDRV_CALL_FORCE ? " FORCE" : "",
				     flags & NDRV_CALL_RESTORE ? " RESTORE" : "");
		if (bytes > 0 && rig->log_bytes + (size_t)bytes < sizeof(rig->log))
			rig->log_bytes += (size_t)bytes;
		(void)pthread_mutex_unlock(&rig->lock);
	}
	/* Ops without a call (release, destroy) cannot fail, and may come when the test is over and its script gone. */
	return rig->act && recorded->call ? rig->act(rig, recorded) : 0;
}

const char *rig_calls(struct rig *rig)
{
	static _Thread_local char copy[sizeof(rig->log)];

	(void)pthread_mutex_lock(&rig->lock);
	memcpy(copy, rig->log, sizeof(copy));
	rig->log[0] = '\0';
	rig->log_bytes = 0;
	(void)pthread_mutex_unlock(&rig->lock);
	return copy;
}

/* The extension has no data of its own: one rig at a time. */
static struct rig *current;

static const void *extension(const struct ndrv_host *host, const char *id)
{
	(void)host;
	return strcmp(id, RECORDER_EXTENSION) == 0 ? &current->recorder : NULL;
}

static void load(struct rig *rig, const char *name)
{
	char path[512];
	struct ndrv_error err = {0};

	(void)snprintf(path, sizeof(path), "%s/%s.so", strncmp(name, "rec", 3) ? DRIVERS : RECORDERS, name);
	struct driver_request request = {.name = name, .path = path};
	assert_ok(registry_load(rig->registry, &request, NULL, &err), &err);
}

void rig_start(struct rig *rig, const char *const *drivers)
{
	uint32_t flags = rig->flags;
	static const char *const bases[] = {"10.100.0.0/16", "fd00:100::/48"};
	struct ndrv_host services = {.extension = extension};
	struct registry_hooks hooks = {0};
	struct ipam_source sources[2] = {{.length = 24}, {.length = 64}};
	struct ndrv_error err = {0};

	for (size_t i = 0; i < 2; i++)
		assert_ok(ndrv_prefix_parse(bases[i], &sources[i].base, &err), &err);
	current = rig;
	rig->records = records_new();
	assert_non_null(rig->records);
	rig->ipam = ipam_new(sources, 2);
	assert_non_null(rig->ipam);
	if (flags & RIG_STORE) {
		char state[80], live[80];
		(void)snprintf(state, sizeof(state), "%s/state", rig->dir);
		(void)snprintf(live, sizeof(live), "%s/run", rig->dir);
		struct store_paths paths = {.state_dir = state, .runtime_dir = live};
		assert_ok(store_open(&paths, &rig->store, &err), &err);
		assert_ok(store_load(rig->store, rig->records, &err), &err);
	}
	assert_ok(services_new(rig->store, &rig->services, &err), &err);
	if (flags & RIG_NAT)
		assert_ok(services_open_nat(rig->services, "t", 7000, &err), &err);
	services_offer(rig->services, &services);
	services_hooks(rig->services, &hooks);
	assert_ok(registry_new(&rig->registry, NULL, &services, &hooks, &err), &err);
	if (flags & RIG_KERNEL)
		assert_ok(hostns_open(&rig->hostns, &err), &err);
	struct dispatch_parts parts = {.config = &rig->config,
				       .registry = rig->registry,
				       .records = rig->records,
				       .store = rig->store,
				       .ipam = rig->ipam,
				       .hostns = rig->hostns,
				       .quiet = flags & RIG_QUIET};
	assert_ok(dispatch_new(&parts, &rig->dispatch, &err), &err);
	services_attach(rig->services, rig->dispatch);
	for (size_t i = 0; drivers[i]; i++)
		load(rig, drivers[i]);
	(void)rig_calls(rig);
}

void rig_open(struct rig *rig, uint32_t flags, const char *const *drivers)
{
	*rig = (struct rig){.recorder = {.call = record}, .flags = flags};
	(void)pthread_mutex_init(&rig->lock, NULL);
	(void)pthread_cond_init(&rig->cond, NULL);
	rig->config = (struct config){.instance = "t", .deny = rig->deny};
	rig->config.calls.workers = 4;
	rig->config.calls.max_workers = 64;
	rig->config.calls.memory = 1u << 20;
	rig->config.ownership.route_protocol = 77;
	rig->config.ownership.link_group = 7000;
	arena_init(&rig->arena, 1u << 30);
	log_set_level(flags & RIG_QUIET ? 0 : NDRV_LOG_ERROR);
	if (flags & RIG_STORE) {
		(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/ndrv-rig-XXXXXX");
		assert_non_null(mkdtemp(rig->dir));
	}
	rig_start(rig, drivers);
}

static int abandon(struct network *network, void *data)
{
	struct rig *rig = data;

	if (turn_try(&network->turn)) {
		records_del(rig->records, network);
		turn_pass(&network->turn);
	}
	return 0;
}

void rig_stop(struct rig *rig)
{
	services_stop(rig->services);
	(void)dispatch_stop(rig->dispatch, clock_ns() + 10 * NSEC_PER_SEC);
	dispatch_free(rig->dispatch);
	(void)records_each(rig->records, abandon, rig);
	records_free(rig->records);
	ipam_free(rig->ipam);
	if (rig->store)
		store_close(rig->store);
	rig->store = NULL;
	registry_free(rig->registry);
	services_free(rig->services);
	hostns_close(rig->hostns);
	rig->hostns = NULL;
}

void rig_restart(struct rig *rig, const char *const *drivers)
{
	rig_stop(rig);
	rig_start(rig, drivers);
}

static void remove_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char below[512];
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		(void)snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (unlink(below))
			remove_files(below);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

void rig_close(struct rig *rig)
{
	rig_stop(rig);
	if (rig->dir[0])
		remove_files(rig->dir);
	arena_reset(&rig->arena);
	(void)pthread_mutex_destroy(&rig->lock);
	(void)pthread_cond_destroy(&rig->cond);
}

struct request rig_request(struct rig *rig, enum request_op op)
{
	return (struct request){
		.op = op,
		.arena = &rig->arena,
		.caller = {.front = NDRV_FRONT_CONTROL, .uid = 1000, .pid = 42, .role = ROLE_ADMIN},
		.id = "r1",
		.deadline_ns = clock_ns() + 20 * NSEC_PER_SEC,
	};
}

struct reply rig_run(struct rig *rig, struct request *request)
{
	struct reply reply = {0};

	dispatch_run(rig->dispatch, request, &reply);
	return reply;
}

struct reply rig_network(struct rig *rig, const char *type, const char *nid)
{
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);

	request.type = type;
	request.new_id = nid;
	return rig_run(rig, &request);
}

struct reply rig_op(struct rig *rig, enum request_op op, const char *nid, const char *eid)
{
	struct request request = rig_request(rig, op);

	request.network = nid;
	request.endpoint = eid;
	return rig_run(rig, &request);
}

struct reply rig_endpoint(struct rig *rig, const char *nid, const char *eid)
{
	return rig_op(rig, REQ_ENDPOINT_CREATE, nid, eid);
}

struct reply rig_join(struct rig *rig, const char *nid, const char *eid, const char *key)
{
	struct request request = rig_request(rig, REQ_JOIN);

	request.network = nid;
	request.endpoint = eid;
	request.sandbox_key = key;
	return rig_run(rig, &request);
}

void rig_block(struct rig *rig)
{
	(void)atomic_fetch_add(&rig->inside, 1);
	(void)pthread_mutex_lock(&rig->lock);
	while (!rig->released)
		(void)pthread_cond_wait(&rig->cond, &rig->lock);
	(void)pthread_mutex_unlock(&rig->lock);
	(void)atomic_fetch_sub(&rig->inside, 1);
}

void rig_release(struct rig *rig)
{
	(void)pthread_mutex_lock(&rig->lock);
	rig->released = true;
	(void)pthread_cond_broadcast(&rig->cond);
	(void)pthread_mutex_unlock(&rig->lock);
}

void rig_wait_inside(struct rig *rig, uint32_t count)
{
	while (atomic_load(&rig->inside) < count)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
