/* SPDX-License-Identifier: Apache-2.0 */
#include "host/check/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"

#define MEMORY (64u << 20)
#define GRACE_NS (2 * NSEC_PER_SEC)
#define FINDING_NS (10 * NSEC_PER_SEC) /* a driver may take to find a type */

/* --- the host --- */

static int write_file(const char *dir, const char *name, const char *text, struct ndrv_error *err)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	if (!file)
		return ndrv_fail_errno(err, errno, "%s", path);
	bool written = fputs(text, file) >= 0;
	return fclose(file) || !written ? ndrv_fail_errno(err, errno, "%s", path) : 0;
}

/* One worker more than rules have threads, one pool of each family to take networks from by default. */
static const char settings[] = "instance: check\n"
			       "control: { group: \"\" }\n"
			       "log: { level: warning }\n"
			       "address_pools: [ { base: 10.178.0.0/16, size: 24 }, { base: fd78::/48, size: 64 } ]\n";

/* The section below the key, a step further to the right, with the trial's directory put in. */
static void print_config(FILE *file, const char *config, const char *dir)
{
	static const char mark[] = "@DIR@";
	bool start = true;

	(void)fputs("config:\n", file);
	for (const char *at = config; *at;) {
		if (start && *at != '\n')
			(void)fputs("  ", file);
		start = *at == '\n';
		if (strncmp(at, mark, sizeof(mark) - 1) == 0) {
			(void)fputs(dir, file);
			at += sizeof(mark) - 1;
			continue;
		}
		(void)fputc(*at++, file);
	}
	(void)fputc('\n', file);
}

/* malloc'ed; NULL: out of memory. */
static char *drop_in(const struct trial *trial)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);

	if (!file)
		return NULL;
	(void)fprintf(file, "file: %s\n", trial->target->file);
	if (trial->target->config)
		print_config(file, trial->target->config, trial->dir);
	if (fclose(file) == 0)
		return text;
	free(text);
	return NULL;
}

static int configure(struct trial *trial, struct ndrv_error *err)
{
	char path[96], *text;

	(void)snprintf(path, sizeof(path), "%s/drivers.d", trial->dir);
	if (mkdir(path, 0755) && errno != EEXIST)
		return ndrv_fail_errno(err, errno, "%s", path);
	int rc = write_file(trial->dir, "ndrvd.yaml", settings, err);
	if (rc)
		return rc;
	text = drop_in(trial);
	rc = text ? write_file(path, "tried.yaml", text, err) : ndrv_fail_errno(err, ENOMEM, "%s/tried.yaml", path);
	free(text);
	return rc;
}

static int ask_for_type(struct trial *trial)
{
	struct request request = trial_request(trial, REQ_DRIVER_INSPECT, NULL, NULL);

	request.type = trial->target->type;
	return trial_run(trial, &request);
}

/* Its type must serve: a refused file does not keep the host from starting. One that the driver finds for itself may take its
 * time. */
static int is_served(struct trial *trial)
{
	bool found = trial->target->note->flags & NDRV_DRIVER_DYNAMIC_TYPES;
	uint64_t until_ns = clock_ns() + (found ? FINDING_NS : 0);
	int code;

	while ((code = ask_for_type(trial)) != 0 && clock_ns() < until_ns)
		(void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	return code;
}

/* The node itself is known to whoever wants to know of nodes. */
static void introduce(struct trial *trial)
{
	const struct ndrv_discovery self = {
		.size = sizeof(self), .type = NDRV_DISCOVER_NODE, .address = "198.18.0.1", .bind_address = "198.18.0.1", .self = 1};
	struct request request = trial_request(trial, REQ_DISCOVER_NEW, NULL, NULL);

	request.type = trial->target->type;
	request.discovery = &self;
	if (trial_has_op(trial, "discover_new"))
		(void)trial_run(trial, &request);
}

int trial_open(struct trial *trial)
{
	char config[96], state[96], run[96], drivers[96];
	const char *const dirs[] = {drivers};
	const struct config_overrides overrides = {
		.state_dir = state, .runtime_dir = run, .driver_config_dirs = {.count = 1, .items = dirs}};
	const struct host_options options = {.config_path = config, .overrides = &overrides};
	struct ndrv_error error = {0};

	(void)snprintf(config, sizeof(config), "%s/ndrvd.yaml", trial->dir);
	(void)snprintf(state, sizeof(state), "%s/state", trial->dir);
	(void)snprintf(run, sizeof(run), "%s/run", trial->dir);
	(void)snprintf(drivers, sizeof(drivers), "%s/drivers.d", trial->dir);
	(void)snprintf(trial->doing, sizeof(trial->doing), "start");
	int rc = configure(trial, &error);
	rc = rc ? rc : host_open(&options, &trial->host, &error);
	if (rc) {
		trial->host = NULL;
		trial->reply = (struct reply){.error = error};
		(void)trial_failed_call(trial);
		return rc;
	}
	trial->dispatch = host_dispatch(trial->host);
	rc = is_served(trial);
	if (rc) {
		(void)trial_failed_call(trial);
		trial_close(trial);
		return rc;
	}
	introduce(trial);
	return 0;
}

void trial_close(struct trial *trial)
{
	if (trial->host)
		host_close(trial->host, GRACE_NS);
	trial->host = NULL;
	trial->dispatch = NULL;
}

/* The verdict and its reason come over shared memory, since whoever is killed cannot return them. */
struct last_words {
	enum verdict verdict;
	char text[512];
};

static void live_and_die(struct trial *trial, enum verdict (*work)(struct trial *trial), struct last_words *words)
{
	words->verdict = trial_open(trial) ? VERDICT_FAILED : work(trial);
	(void)snprintf(words->text, sizeof(words->text), "%s", trial->text);
	(void)raise(SIGKILL);
}

int trial_die_after(struct trial *trial, enum verdict (*work)(struct trial *trial))
{
	struct last_words *words = mmap(NULL, sizeof(*words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;

	if (words == MAP_FAILED) {
		(void)trial_fail(trial, "memory shared with a process: %s", strerrordesc_np(errno));
		return -1;
	}
	words->verdict = VERDICT_FAILED;
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		live_and_die(trial, work, words);
	bool ended = pid > 0 && waitpid(pid, &status, 0) == pid;
	enum verdict verdict = words->verdict;
	(void)snprintf(trial->text, sizeof(trial->text), "%s", words->text);
	if (!ended || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
		(void)trial_fail(trial, "the host's process ended by itself (status %d)", status);
		verdict = VERDICT_FAILED;
	}
	(void)munmap(words, sizeof(*words));
	return verdict != VERDICT_PASSED;
}

/* --- calls --- */

struct request trial_request(struct trial *trial, enum request_op op, const char *network, const char *endpoint)
{
	return (struct request){.op = op,
				.arena = &trial->arena,
				.caller = {.front = NDRV_FRONT_CONTROL, .role = ROLE_ADMIN},
				.id = "check",
				.deadline_ns = clock_ns() + trial->target->deadline_ns,
				.network = network,
				.endpoint = endpoint};
}

int trial_run(struct trial *trial, struct request *request)
{
	const char *network = request->new_id ? request->new_id : request->network;
	const char *endpoint = request->endpoint;

	(void)snprintf(trial->doing, sizeof(trial->doing), "%s%s%.40s%s%.40s", request_op_name(request->op), network ? " " : "",
		       network ? network : "", endpoint ? " " : "", endpoint ? endpoint : "");
	trial->reply = (struct reply){0};
	dispatch_run(trial->dispatch, request, &trial->reply);
	return trial->reply.error.code;
}

int trial_do(struct trial *trial, enum request_op op, const char *network, const char *endpoint)
{
	struct request request = trial_request(trial, op, network, endpoint);

	return trial_run(trial, &request);
}

/* The uplink for whoever wants a parent, then what the user says. */
static struct ndrv_value options_of(struct trial *trial)
{
	const struct ndrv_value *table = trial_options(trial, "network"), *given = &trial->target->options;
	struct ndrv_value options = {0};

	for (uint32_t i = 0; table && i < table->count; i++) {
		const char *name = NULL;
		if (ndrv_map_string(&table->u.items[i], "name", &name, NULL) == 1 && strcmp(name, "parent") == 0)
			(void)ndrv_map_set(&trial->arena.ndrv, &options, name, ndrv_string(SPACE_UPLINK), NULL);
	}
	for (uint32_t i = 0; given->type == NDRV_MAP && i < given->count; i++)
		(void)ndrv_map_set(&trial->arena.ndrv, &options, given->u.pairs[i].key, given->u.pairs[i].value, NULL);
	return options;
}

void trial_network_request(struct trial *trial, struct request *request, const char *id, unsigned number, unsigned families)
{
	struct pool_wish *pools = arena_alloc(&trial->arena, 2 * sizeof(*pools));
	char text[NDRV_PREFIX_TEXT];

	*request = trial_request(trial, REQ_NETWORK_CREATE, NULL, NULL);
	request->type = trial->target->type;
	request->new_id = id;
	request->options = options_of(trial);
	if (!pools || trial_can(trial, NDRV_CAPABILITY_NO_IPAM))
		return;
	request->pools = pools;
	if (families != 6) {
		(void)snprintf(text, sizeof(text), "10.77.%u.0/24", number);
		(void)ndrv_prefix_parse(text, &pools[request->pool_count].pool, NULL);
		pools[request->pool_count++].family = 4;
		request->flags |= NDRV_NETWORK_IPV4;
	}
	if (families != 4) {
		(void)snprintf(text, sizeof(text), "fd77:0:0:%x::/64", number);
		(void)ndrv_prefix_parse(text, &pools[request->pool_count].pool, NULL);
		pools[request->pool_count++].family = 6;
		request->flags |= NDRV_NETWORK_IPV6;
	}
}

int trial_network(struct trial *trial, const char *id, unsigned number)
{
	struct request request;

	trial_network_request(trial, &request, id, number, 4);
	return trial_run(trial, &request);
}

int trial_delete_network(struct trial *trial, const char *id)
{
	struct request request = trial_request(trial, REQ_NETWORK_DELETE, id, NULL);
	int code = trial_run(trial, &request);

	if (!code || ndrv_error_kind(code) != NDRV_KIND_FORBIDDEN)
		return code;
	request = trial_request(trial, REQ_NETWORK_DELETE, id, NULL);
	request.force = true;
	return trial_run(trial, &request);
}

int trial_endpoint(struct trial *trial, const char *network, const char *id)
{
	return trial_do(trial, REQ_ENDPOINT_CREATE, network, id);
}

int trial_join(struct trial *trial, const char *network, const char *id, const char *sandbox_key)
{
	struct request request = trial_request(trial, REQ_JOIN, network, id);

	request.sandbox_key = sandbox_key;
	return trial_run(trial, &request);
}

int trial_connect(struct trial *trial, const char *network, const char *id, const char *netns)
{
	struct request request = trial_request(trial, REQ_CONNECT, network, id);

	request.netns = netns;
	return trial_run(trial, &request);
}

/* --- what is known of the driver --- */

/* The part of `driver_inspect` about the type; the reply of the last call is kept. */
static const struct ndrv_value *type_of(struct trial *trial)
{
	struct request request = trial_request(trial, REQ_DRIVER_INSPECT, NULL, NULL);
	const struct ndrv_value *types, *found = NULL;
	struct reply reply = {0};

	request.type = trial->target->type;
	dispatch_run(trial->dispatch, &request, &reply);
	types = ndrv_map_get(&reply.value, "types");
	for (uint32_t i = 0; types && types->type == NDRV_LIST && i < types->count; i++) {
		const char *name = NULL;
		if (ndrv_map_string(&types->u.items[i], "type", &name, NULL) == 1 && strcmp(name, request.type) == 0)
			found = &types->u.items[i];
	}
	return found;
}

bool trial_has_op(struct trial *trial, const char *op)
{
	const struct ndrv_value *type = type_of(trial), *ops = type ? ndrv_map_get(type, "ops") : NULL;

	for (uint32_t i = 0; ops && ops->type == NDRV_LIST && i < ops->count; i++)
		if (ops->u.items[i].type == NDRV_STRING && strcmp(ops->u.items[i].u.string, op) == 0)
			return true;
	return false;
}

const struct ndrv_value *trial_options(struct trial *trial, const char *table)
{
	const struct ndrv_value *type = type_of(trial), *options;

	options = type ? ndrv_map_path(type, "options", table, NULL) : NULL;
	return options && options->type == NDRV_LIST ? options : NULL;
}

/* --- verdicts --- */

enum verdict trial_fail(struct trial *trial, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(trial->text, sizeof(trial->text), fmt, ap);
	va_end(ap);
	return VERDICT_FAILED;
}

enum verdict trial_skip(struct trial *trial, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(trial->text, sizeof(trial->text), fmt, ap);
	va_end(ap);
	return VERDICT_SKIPPED;
}

enum verdict trial_failed_call(struct trial *trial)
{
	return trial_fail(trial, "%s: %s", trial->doing, trial->reply.error.text);
}

enum verdict trial_wrong_answer(struct trial *trial, int want)
{
	const struct ndrv_error *error = &trial->reply.error;

	if (!error->code)
		return trial_fail(trial, "%s succeeded; it must answer %s", trial->doing, ndrv_error_name(want));
	return trial_fail(trial, "%s answered %s (%s); it must be %s", trial->doing, ndrv_error_name(error->code), error->text,
			  ndrv_error_name(want));
}
