/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/faults/inject_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ndrv/link.h>

#include "tests/lib/http.h"
#include "tests/lib/test.h"

#define ANSWER_MS 40000
#define DEADLINE_MS 28000

void rig_need(void)
{
	if (TEST_SANITIZED) {
		fprintf(stderr, "skipped: sanitizers and a preloaded library want the same functions\n");
		exit(77);
	}
	netns_need();
}

/* --- the host --- */

long long rig_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void rig_start(struct rig *rig)
{
	if (!rig_try_start(rig))
		fail_msg("ndrvd ended at its start, status %#x", (unsigned)rig->daemon.ended);
}

bool rig_try_start(struct rig *rig)
{
	rig->daemon.preload = INJECT_SHIM;
	assert_int_equal(setenv(INJECT_ENV, rig->inject_path, 1), 0);
	daemon_launch(&rig->daemon);
	return daemon_await(&rig->daemon);
}

static void map_shared(struct rig *rig)
{
	(void)snprintf(rig->inject_path, sizeof(rig->inject_path), "%s/inject", rig->daemon.dir);
	int fd = open(rig->inject_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*rig->inject)), 0);
	rig->inject = mmap(NULL, sizeof(*rig->inject), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(rig->inject != MAP_FAILED);
	(void)close(fd);
	(void)snprintf(rig->inject->state, sizeof(rig->inject->state), "%s/state", rig->daemon.dir);
	(void)snprintf(rig->inject->runtime, sizeof(rig->inject->runtime), "%s/run", rig->daemon.dir);
}

static void expose(struct rig *rig)
{
	FILE *file = fopen(rig->daemon.config, "we");

	assert_non_null(file);
	assert_true(fprintf(file, "docker: {plugin_dir: %s/run/plugins, expose: {" RIG_PLUGIN ": bridge}}\n", rig->daemon.dir) > 0);
	assert_int_equal(fclose(file), 0);
}

void rig_set_up(struct rig *rig)
{
	netns_enter_fresh();
	netns_new(&rig->sandbox);
	daemon_set_up(&rig->daemon, NULL);
	daemon_add_driver(&rig->daemon, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	if (rig->docker)
		expose(rig);
	map_shared(rig);
	rig_start(rig);
}

void rig_tear_down(struct rig *rig)
{
	(void)munmap(rig->inject, sizeof(*rig->inject));
	daemon_tear_down(&rig->daemon);
	netns_free(&rig->sandbox);
}

void rig_renew(struct rig *rig)
{
	rig_tear_down(rig);
	rig_set_up(rig);
}

void rig_arm(struct rig *rig, const struct rig_case *what, uint64_t at)
{
	struct inject *inject = rig->inject;

	inject->kind = what->kind;
	inject->sticky = what->sticky && at;
	inject->error = what->error;
	inject->at = at;
	atomic_store(&inject->seen, 0);
	atomic_store(&inject->hits, 0);
	atomic_store(&inject->armed, 1);
}

uint64_t rig_disarm(struct rig *rig)
{
	atomic_store(&rig->inject->armed, 0);
	return atomic_load(&rig->inject->seen);
}

/* The end of the host's log. */
void rig_print_log(const struct rig *rig)
{
	char line[800];
	FILE *file = fopen(rig->daemon.log, "re");

	if (!file)
		return;
	(void)fseek(file, -4000, SEEK_END);
	while (fgets(line, sizeof(line), file))
		print_message("  %s", line);
	(void)fclose(file);
}

/* --- requests --- */

static const struct {
	const char *name, *method, *target;
	enum rig_state before, after;
} requests[RIG_REQUESTS] = {
	[RIG_CREATE] = {"create", "POST", "/v1/networks", RIG_NOTHING, RIG_NETWORK},
	[RIG_CONNECT] = {"connect", "POST", "/v1/networks/web/connect", RIG_NETWORK, RIG_ENDPOINT},
	[RIG_DISCONNECT] = {"disconnect", "POST", "/v1/networks/web/disconnect", RIG_ENDPOINT, RIG_NETWORK},
	[RIG_DELETE] = {"delete", "DELETE", "/v1/networks/web", RIG_NETWORK, RIG_NOTHING},
	[RIG_FORCE] = {"delete --force", "DELETE", "/v1/networks/web?force=1", RIG_ENDPOINT, RIG_NOTHING},
	[RIG_INSPECT] = {"inspect", "GET", "/v1/endpoints/e1?network=web", RIG_ENDPOINT, RIG_ENDPOINT},
	[RIG_STATUS] = {"status", "GET", "/v1/status", RIG_ENDPOINT, RIG_ENDPOINT},
	[RIG_RELOAD] = {"reload", "POST", "/v1/reload", RIG_ENDPOINT, RIG_ENDPOINT},
};

const char *rig_request_name(enum rig_request request)
{
	return requests[request].name;
}

enum rig_state rig_before(enum rig_request request)
{
	return requests[request].before;
}

enum rig_state rig_after(enum rig_request request)
{
	return requests[request].after;
}

/* An error has a code, a kind and a sentence. */
static bool is_typed(const char *body)
{
	json_t *document = json_loads(body ? body : "", 0, NULL), *error = json_object_get(document, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *kind = json_string_value(json_object_get(error, "kind"));
	const char *message = json_string_value(json_object_get(error, "message"));
	bool typed = code && *code && kind && *kind && message && *message;

	json_decref(document);
	return typed;
}

int rig_http(struct rig *rig, const char *method, const char *target, const char *body, char *ret)
{
	struct http_answer answer = {0};
	long long began = rig_now_ms();
	int fd = http_connect(rig->daemon.socket), status = 0;

	*ret = '\0';
	if (fd < 0) {
		(void)snprintf(ret, RIG_REASON, "%s %s: cannot connect: %s", method, target, strerrordesc_np(errno));
		return -1;
	}
	if (http_send_request(fd, method, target, body) == 0 && http_receive(fd, &answer, ANSWER_MS) == 0)
		status = answer.status;
	(void)close(fd);
	(void)snprintf(ret, RIG_REASON, "%s", answer.body ? answer.body : "");
	if (status >= 400 && !is_typed(answer.body)) {
		(void)snprintf(ret, RIG_REASON, "status %d without a typed error: %.1000s", status, answer.body ? answer.body : "");
		status = -1;
	}
	if (rig_now_ms() - began > DEADLINE_MS) {
		(void)snprintf(ret, RIG_REASON, "%s %s hung for %lld ms", method, target, rig_now_ms() - began);
		status = -1;
	}
	/* No answer to the question either. */
	if (status == 500 && strstr(ret, "out of memory for the reply"))
		status = 0;
	http_answer_free(&answer);
	return status;
}

int rig_ask(struct rig *rig, enum rig_request request, char *ret)
{
	char body[256] = "";

	if (request == RIG_CREATE)
		(void)snprintf(body, sizeof(body),
			       "{\"name\":\"web\",\"type\":\"bridge\",\"pools\":[{\"subnet\":\"10.66.0.0/24\"},"
			       "{\"subnet\":\"fd66::/64\"}]}");
	else if (request == RIG_CONNECT)
		(void)snprintf(body, sizeof(body),
			       "{\"netns\":\"%s\",\"endpoint\":\"e1\",\"ip\":\"" ADDRESS "\","
			       "\"ports\":[{\"port\":80,\"host_port\":8080}]}",
			       rig->sandbox.path);
	else if (request == RIG_DISCONNECT)
		(void)snprintf(body, sizeof(body), "{\"endpoint\":\"e1\"}");
	return rig_http(rig, requests[request].method, requests[request].target, *body ? body : NULL, ret);
}

bool rig_bring(struct rig *rig, enum rig_state wanted, char *reason)
{
	static const enum rig_request up[] = {RIG_CREATE, RIG_CONNECT}, down[] = {0, RIG_DELETE, RIG_DISCONNECT};
	enum rig_state now;

	(void)rig_look(rig, true, &now, reason);
	while (now != wanted) {
		enum rig_request request = now < wanted ? up[now] : down[now];
		int status = rig_ask(rig, request, reason);
		if (status < 200 || status > 299) {
			char copy[RIG_REASON / 2];
			(void)snprintf(copy, sizeof(copy), "%s", reason);
			(void)snprintf(reason, RIG_REASON, "with nothing failing, %s gives %d: %s", rig_request_name(request),
				       status, copy);
			return false;
		}
		now = now < wanted ? now + 1 : now - 1;
	}
	return rig_look(rig, false, &now, reason);
}

/* --- sweeps --- */

/* A restart finds on disk what the host believed. */
static bool same_after_restart(struct rig *rig, bool half, char *reason)
{
	enum rig_state before, after;

	if (!rig_look(rig, true, &before, reason))
		return false;
	(void)daemon_stop(&rig->daemon, SIGKILL);
	if (!rig_try_start(rig)) {
		(void)snprintf(reason, RIG_REASON, "it does not start again: status %#x", (unsigned)rig->daemon.ended);
		return false;
	}
	if (!rig_look(rig, half, &after, reason))
		return false;
	/* A deletion that was refused half-way may be finished by the restart. */
	if (after == before || (half && after < before))
		return true;
	(void)snprintf(reason, RIG_REASON, "a restart makes state %d of %d", (int)after, (int)before);
	return false;
}

static bool is_dead(struct rig *rig, char *reason)
{
	int status;

	if (waitpid(rig->daemon.pid, &status, WNOHANG) != rig->daemon.pid)
		return false;
	rig->daemon.pid = 0;
	(void)snprintf(reason, RIG_REASON, "the host died, status %#x", status);
	return true;
}

/* After the request at which something failed: what its answer promises, what the kernel has, and that it can be done again. */
static bool holds(struct rig *rig, const struct rig_case *what, enum rig_request request, int status, char *reason)
{
	enum rig_state now, before = rig_before(request), after = rig_after(request);
	bool done = status >= 200 && status < 300, removes = after < before;
	char answer[RIG_REASON];

	memcpy(answer, reason, RIG_REASON);
	if (is_dead(rig, reason) || status < 0 || (status == 0 && !what->silence))
		return false;
	rig->total.mended += rig_settle(rig, reason);
	if (!rig_look(rig, !done && removes, &now, reason))
		return false;
	bool fits = done	  ? now == after
		    : status == 0 ? now == before || now == after
		    : removes	  ? now != RIG_NOTHING
				  : now == before;
	if (!fits) {
		(void)snprintf(reason, RIG_REASON, "state %d after the answer %d: %.2000s", (int)now, status, answer);
		return false;
	}
	if (rig->restart_every && ++rig->since_restart % rig->restart_every == 0 &&
	    !same_after_restart(rig, !done && removes, reason))
		return false;
	return rig_bring(rig, after, reason) && rig_bring(rig, removes ? RIG_NOTHING : rig_before(request), reason);
}

uint64_t rig_step(uint64_t points, unsigned sample)
{
	const char *soak = getenv("NDRV_SOAK");

	if (!sample || (soak && strcmp(soak, "0") != 0) || points <= sample)
		return 1;
	return (points + sample - 1) / sample;
}

/* False: there is no n-th point. */
static bool try_point(struct rig *rig, const struct rig_case *what, enum rig_request request, uint64_t at)
{
	char reason[RIG_REASON] = "";
	struct rig_count *count = &rig->total;

	if (!rig_bring(rig, rig_before(request), reason)) {
		print_message("%s, %s %lu: cannot begin: %s\n", what->name, rig_request_name(request), (unsigned long)at, reason);
		count->inconsistent++;
		rig_renew(rig);
		return true;
	}
	rig_arm(rig, what, at);
	int status = rig_ask(rig, request, reason);
	uint64_t seen = rig_disarm(rig);
	if (seen < at)
		return false;
	count->points++;
	count->done += status >= 200 && status < 300;
	count->refused += status >= 400;
	count->silent += status == 0;
	if (!holds(rig, what, request, status, reason)) {
		print_message("%s, %s, point %lu of %lu, answer %d: %s\n", what->name, rig_request_name(request), (unsigned long)at,
			      (unsigned long)seen, status, reason);
		count->inconsistent++;
		rig_print_log(rig);
		rig_renew(rig);
	}
	return true;
}

static uint64_t count_points(struct rig *rig, const struct rig_case *what, enum rig_request request)
{
	char reason[RIG_REASON];

	if (!rig_bring(rig, rig_before(request), reason))
		fail_msg("before %s: %s", rig_request_name(request), reason);
	rig_arm(rig, what, 0);
	int status = rig_ask(rig, request, reason);
	uint64_t seen = rig_disarm(rig);
	if (status < 200 || status > 299)
		fail_msg("%s with nothing failing: %d %s", rig_request_name(request), status, reason);
	return seen;
}

void rig_print_head(void)
{
	print_message("%-28s %7s %12s %8s %8s %8s %8s\n", "what fails", "points", "inconsistent", "refused", "done", "silent",
		      "mended");
}

void rig_print(const char *name, const struct rig_count *count)
{
	print_message("%-28s %7u %12u %8u %8u %8u %8u\n", name, count->points, count->inconsistent, count->refused, count->done,
		      count->silent, count->mended);
}

void rig_sweep(struct rig *rig, const struct rig_case *what)
{
	struct rig_count before = rig->total;

	for (unsigned request = what->first; request <= what->last; request++) {
		uint64_t step = rig_step(count_points(rig, what, request), what->sample);
		for (uint64_t at = 1; try_point(rig, what, request, at); at += step)
			;
	}
	struct rig_count own = {
		.points = rig->total.points - before.points,
		.inconsistent = rig->total.inconsistent - before.inconsistent,
		.refused = rig->total.refused - before.refused,
		.done = rig->total.done - before.done,
		.silent = rig->total.silent - before.silent,
		.mended = rig->total.mended - before.mended,
	};
	rig_print(what->name, &own);
}
