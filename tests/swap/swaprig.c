/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/swap/swaprig.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/netns.h"

const char *swaprig_file(const char *version)
{
	static _Thread_local char path[512];

	if (version[0] == '/')
		return version;
	(void)snprintf(path, sizeof(path), "%s/sw%s.so", SWAP_DRIVERS_DIR, version);
	return path;
}

void swaprig_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void copy_file(const char *from, const char *to)
{
	static char buffer[1 << 16];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t got;

	assert_true(in >= 0 && out >= 0);
	while ((got = read(in, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(out, buffer, (size_t)got), got);
	(void)close(in);
	(void)close(out);
}

void swaprig_install(struct swaprig *rig, const char *version, bool in_place)
{
	char temporary[128];

	if (in_place) {
		copy_file(swaprig_file(version), rig->driver);
		return;
	}
	(void)snprintf(temporary, sizeof(temporary), "%s.new", rig->driver);
	copy_file(swaprig_file(version), temporary);
	assert_int_equal(rename(temporary, rig->driver), 0);
}

static void start(struct swaprig *rig)
{
	struct ndrv_error err = {0};

	rig->options = (struct host_options){.config_path = rig->config, .overrides = &rig->overrides, .probe_program = TEST_NDRVD};
	assert_ok(host_open(&rig->options, &rig->host, &err), &err);
	rig->dispatch = host_dispatch(rig->host);
}

void swaprig_open(struct swaprig *rig, const char *version, const char *yaml)
{
	netns_enter_fresh();
	*rig = (struct swaprig){0};
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/ndrv-swap-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->config, sizeof(rig->config), "%s/ndrvd.yaml", rig->dir);
	(void)snprintf(rig->driver, sizeof(rig->driver), "%s/swap.so", rig->dir);
	(void)snprintf(rig->plan, sizeof(rig->plan), "%s/plan", rig->dir);
	(void)snprintf(rig->state, sizeof(rig->state), "%s/state", rig->dir);
	(void)snprintf(rig->run, sizeof(rig->run), "%s/run", rig->dir);
	rig->overrides = (struct config_overrides){.state_dir = rig->state, .runtime_dir = rig->run};
	(void)snprintf(rig->yaml, sizeof(rig->yaml),
		       "log: {level: error}\ndriver_config_dirs: []\n%sdrivers:\n  swap: {file: %s}\n",
		       yaml ? yaml : "swap: {drain: 500ms}\n", rig->driver);
	swaprig_write(rig->config, rig->yaml);
	arena_init(&rig->arena, 1u << 30);
	swaprig_install(rig, version, false);
	assert_int_equal(setenv("SWAPDRV_PLAN", rig->plan, 1), 0);
	start(rig);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

void swaprig_close(struct swaprig *rig)
{
	host_close(rig->host, 10 * NSEC_PER_SEC);
	(void)nftw(rig->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	arena_reset(&rig->arena);
}

void swaprig_restart(struct swaprig *rig)
{
	host_close(rig->host, 10 * NSEC_PER_SEC);
	start(rig);
}

struct request swaprig_request(struct arena *arena, enum request_op op)
{
	return (struct request){
		.op = op,
		.arena = arena,
		.caller = {.front = NDRV_FRONT_CONTROL, .uid = 0, .pid = 42, .role = ROLE_ADMIN},
		.id = "",
		.deadline_ns = clock_ns() + 60 * NSEC_PER_SEC,
	};
}

struct reply swaprig_run(struct swaprig *rig, struct request *request)
{
	struct reply reply = {0};

	dispatch_run(rig->dispatch, request, &reply);
	return reply;
}

struct reply swaprig_ask(struct swaprig *rig, struct arena *arena, enum request_op op, const char *nid, const char *eid)
{
	struct request request = swaprig_request(arena, op);

	request.network = nid;
	request.endpoint = eid;
	return swaprig_run(rig, &request);
}

struct reply swaprig_network(struct swaprig *rig, struct arena *arena, const char *type, const char *nid)
{
	struct request request = swaprig_request(arena, REQ_NETWORK_CREATE);

	request.type = type;
	request.new_id = nid;
	return swaprig_run(rig, &request);
}

struct reply swaprig_join(struct swaprig *rig, struct arena *arena, const char *nid, const char *eid, const char *key)
{
	struct request request = swaprig_request(arena, REQ_JOIN);

	request.network = nid;
	request.endpoint = eid;
	request.sandbox_key = key;
	return swaprig_run(rig, &request);
}

struct reply swaprig_discover(struct swaprig *rig, struct arena *arena)
{
	static const struct ndrv_discovery node = {.size = sizeof(node), .address = "192.0.2.1"};
	struct request request = swaprig_request(arena, REQ_DISCOVER_NEW);

	request.type = "swap";
	request.discovery = &node;
	return swaprig_run(rig, &request);
}

static struct reply swap(struct swaprig *rig, const char *type, const char *version, bool dry)
{
	struct request request = swaprig_request(&rig->arena, REQ_DRIVER_SWAP);

	request.type = type;
	request.file = arena_strdup(&rig->arena, swaprig_file(version));
	request.dry_run = dry;
	return swaprig_run(rig, &request);
}

struct reply swaprig_swap(struct swaprig *rig, const char *version)
{
	return swap(rig, "swap", version, false);
}

struct reply swaprig_dry(struct swaprig *rig, const char *version)
{
	return swap(rig, "swap", version, true);
}

struct reply swaprig_swap_other(struct swaprig *rig, const char *type, const char *file)
{
	return swap(rig, type, file, false);
}

struct reply swaprig_load(struct swaprig *rig, const char *file)
{
	struct request request = swaprig_request(&rig->arena, REQ_DRIVER_LOAD);

	request.file = file;
	return swaprig_run(rig, &request);
}

struct reply swaprig_force_delete(struct swaprig *rig, const char *nid)
{
	struct request request = swaprig_request(&rig->arena, REQ_NETWORK_DELETE);

	request.network = nid;
	request.force = true;
	return swaprig_run(rig, &request);
}

struct reply swaprig_driver(struct swaprig *rig, enum request_op op)
{
	struct request request = swaprig_request(&rig->arena, op);

	request.type = "swap";
	return swaprig_run(rig, &request);
}

int64_t swaprig_info(struct swaprig *rig, const char *nid, const char *eid, const char *key)
{
	struct reply reply = swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_INFO, nid, eid);
	int64_t number = -1;
	struct ndrv_error err = {0};

	assert_answer(reply);
	assert_int_equal(ndrv_map_int(&reply.value, key, &number, &err), 1);
	return number;
}

const char *swaprig_reload(struct swaprig *rig)
{
	struct request request = swaprig_request(&rig->arena, REQ_RELOAD);
	struct reply reply = swaprig_run(rig, &request);
	const char *text = "";

	assert_answer(reply);
	const struct ndrv_value *drivers = ndrv_map_get(&reply.value, "drivers");
	assert_non_null(drivers);
	(void)ndrv_map_string(drivers, "swap", &text, NULL);
	return text;
}

struct ndrv_value swaprig_status(struct swaprig *rig)
{
	struct request request = swaprig_request(&rig->arena, REQ_STATUS);
	struct reply reply = swaprig_run(rig, &request);

	assert_answer(reply);
	return reply.value;
}
