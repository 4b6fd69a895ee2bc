/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host that are cut, flipped, emptied or gone when it starts, also after a start that was killed half-way: it starts,
 * says what it lost, keeps or removes what is left in the kernel as it is told, and works on. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/life.h"
#include "tests/faults/tracer.h"
#include "tests/lib/http.h"

#define WHY_BYTES 512
#define SAMPLE_FLIPS 1
#define SOAK_FLIPS 40
#define SAMPLE_KILLS 2
#define SOAK_KILLS 12

static struct tracer tracer;
static struct life life;

static bool soak(void)
{
	return getenv("NDRV_SOAK") != NULL;
}

/* --- the files --- */

static const struct {
	const char *name, *pattern;
	bool holds_records;
} files[] = {
	{"state.db", "state/state.db", true},
	{"state.db-wal", "state/state.db-wal", true},
	{"live.db", "run/live.db", true},
	{"live.db-wal", "run/live.db-wal", true},
	{"the backup", "state/state.db.backup.1", false},
	{"a driver's copy", "state/store/*.so", false},
	{"the notes of recovery", "run/recovering", false},
	{"a descriptor", "drivers.d/bridge.yaml", false},
};
#define FILES (sizeof(files) / sizeof(files[0]))

/* False: there is none. */
static bool path_of(size_t which, char *ret, size_t size)
{
	char pattern[192];
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s/%s", life.daemon.dir, files[which].pattern);
	if (glob(pattern, 0, NULL, &found))
		return false;
	(void)snprintf(ret, size, "%s", found.gl_pathv[0]);
	globfree(&found);
	return true;
}

enum { GONE, EMPTY, HALF, SHORT, FLIPS };

static const char *name_of(int damage, char *ret, size_t size)
{
	static const char *const names[] = {"gone", "emptied", "cut in half", "cut by a byte"};

	if (damage < FLIPS)
		return names[damage];
	(void)snprintf(ret, size, "flip %d", damage - FLIPS);
	return ret;
}

static void flip(const char *path, int which, off_t size)
{
	/* Anywhere, and never the same place. */
	uint64_t fraction = (uint64_t)(which + 1) * 0x9e3779b97f4a7c15u >> 32;
	off_t at = (off_t)((uint64_t)size * fraction >> 32);
	unsigned char byte;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= (unsigned char)(1u << (which % 8));
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

/* False: there is nothing to damage in this way. */
static bool harm(size_t which, int damage)
{
	char path[512];
	struct stat st;

	if (!path_of(which, path, sizeof(path)) || stat(path, &st) || !st.st_size)
		return false;
	if (damage == GONE)
		assert_int_equal(unlink(path), 0);
	else if (damage < FLIPS)
		assert_int_equal(truncate(path, damage == EMPTY ? 0 : damage == HALF ? st.st_size / 2 : st.st_size - 1), 0);
	else
		flip(path, damage - FLIPS, st.st_size);
	return true;
}

/* --- what the host says --- */

static json_t *get(const char *target)
{
	struct http_answer answer = {0};

	if (http_ask(life.daemon.socket, "GET", target, NULL, &answer) || answer.status != 200)
		fail_msg("GET %s: %d %s", target, answer.status, answer.body ? answer.body : "");
	json_t *document = json_loads(answer.body, 0, NULL);
	assert_non_null(document);
	http_answer_free(&answer);
	return document;
}

static size_t count_of(const char *target, const char *key)
{
	json_t *document = get(target);
	size_t count = json_array_size(json_object_get(document, key));

	json_decref(document);
	return count;
}

/* Anything but paths and counts of nothing. */
static bool tells(const json_t *report)
{
	static const char *const keys[] = {"damage",	   "set_aside",		"restored_from", "emptied_because",
					   "damaged_rows", "dropped_endpoints", "lost_commits"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *value = json_object_get(report, keys[i]);
		if (json_is_string(value) ? *json_string_value(value) : json_integer_value(value) != 0)
			return true;
	}
	return false;
}

static bool says_so(void)
{
	json_t *status = get("/v1/status");
	const json_t *state = json_object_get(status, "state");
	bool told = tells(json_object_get(state, "state_db")) || tells(json_object_get(state, "live_db"));

	json_decref(status);
	return told;
}

/* --- one case --- */

/* It may have lost records: then it says so, and what those stood for is still there until an administrator has it removed. */
static void judge(size_t which, bool torn_wal, char *why)
{
	size_t networks = count_of("/v1/networks", "networks"), endpoints = count_of("/v1/endpoints", "endpoints");
	bool lost = networks != 1 || endpoints != 2;

	if (lost && !files[which].holds_records)
		(void)snprintf(why, WHY_BYTES, "%zu networks and %zu endpoints are left, though no record was harmed", networks,
			       endpoints);
	else if (lost && !torn_wal && !says_so())
		(void)snprintf(why, WHY_BYTES, "%zu networks and %zu endpoints are left, and nothing is said of it", networks,
			       endpoints);
	/* A log that ends too early looks like one to which nothing more was written: the host goes by what it says
	 * (docs/state.md). */
	if (*why || (lost && torn_wal))
		return;
	json_t *status = get("/v1/status");
	if (json_integer_value(json_object_get(status, "networks_without_driver")))
		(void)snprintf(why, WHY_BYTES, "the driver does not serve");
	json_decref(status);
	if (*why)
		return;
	/* Traffic is as it was, whatever the files say. */
	if (!netns_ping(&life.sandboxes[0], life.kind->address[1]))
		(void)snprintf(why, WHY_BYTES, "the endpoints do not reach each other any more");
}

static void post(const char *target, char *why)
{
	struct http_answer answer = {0};

	if (http_ask(life.daemon.socket, "POST", target, NULL, &answer) || answer.status != 200)
		(void)snprintf(why, WHY_BYTES, "%s: %d %.300s", target, answer.status, answer.body ? answer.body : "");
	http_answer_free(&answer);
}

/* After its administrator has cleared up there is no trace of anything. */
static void clear_up(char *why)
{
	daemon_add_driver(&life.daemon, life.kind->type, life.kind->file, NULL);
	post("/v1/reload", why);
	if (!*why)
		post("/v1/networks/prune", why);
	if (*why)
		return;
	(void)daemon_stop(&life.daemon, SIGTERM);
	daemon_start(&life.daemon);
	life.network = life.endpoints[0] = life.endpoints[1] = UNKNOWN;
	life_look(&life, why, WHY_BYTES);
	if (!*why)
		life_close(&life, why, WHY_BYTES);
}

static void build_up(void)
{
	for (int step = 0; step < 3; step++)
		assert_int_equal(life_step(&life, step, false), 1);
}

static void renew(void)
{
	life_tear_down(&life);
	life_set_up(&life, life_kind("bridge"));
	daemon_start(&life.daemon);
}

/* A start that is killed at its n-th stop; 0: at none. Returns how many there were. */
static long broken_start(long n)
{
	int status;

	atomic_store(&tracer.board->following, 0);
	life.daemon.held_until = &tracer.board->following;
	daemon_launch(&life.daemon);
	tracer_follow(&tracer, life.daemon.pid, n, true);
	life.daemon.held_until = NULL;
	if (!daemon_await(&life.daemon))
		return tracer_wait(&tracer);
	(void)kill(life.daemon.pid, SIGKILL);
	long count = tracer_wait(&tracer);
	assert_int_equal(waitpid(life.daemon.pid, &status, 0), life.daemon.pid);
	life.daemon.pid = 0;
	return count;
}

struct figures {
	long cases, said, bad;
};

/* `kill_at` 0: the host is killed and its file damaged; else the next start is killed first. */
static void try_case(struct figures *figures, size_t which, int damage, long kill_at)
{
	char why[WHY_BYTES] = "", name[32];

	build_up();
	(void)daemon_stop(&life.daemon, SIGKILL);
	if (kill_at)
		(void)broken_start(kill_at);
	if (!harm(which, damage)) {
		renew();
		return;
	}
	figures->cases++;
	daemon_launch(&life.daemon);
	if (!daemon_await(&life.daemon)) {
		(void)snprintf(why, sizeof(why), "it does not start, status %#x", (unsigned)life.daemon.ended);
	} else {
		figures->said += says_so();
		judge(which, strstr(files[which].name, "-wal") != NULL, why);
		if (!*why)
			clear_up(why);
	}
	if (!*why)
		return;
	figures->bad++;
	print_message("%s %s%s: %s\n", files[which].name, name_of(damage, name, sizeof(name)),
		      kill_at ? ", after a start that was killed" : "", why);
	renew();
}

static void all_damages(size_t which, const char *what, const long *kills, int kill_count)
{
	struct figures figures = {0};
	int flips = soak() ? SOAK_FLIPS : SAMPLE_FLIPS;

	for (int damage = 0; damage < FLIPS + flips; damage++)
		try_case(&figures, which, damage, kill_count ? kills[damage % kill_count] : 0);
	print_message("%-24s %-22s %4ld cases, %4ld reported, %ld bad\n", files[which].name, what, figures.cases, figures.said,
		      figures.bad);
	assert_int_equal(figures.bad, 0);
}

static void damaged_files_cost_what_they_held_and_the_host_says_so(void **state)
{
	(void)state;
	life_set_up(&life, life_kind("bridge"));
	daemon_start(&life.daemon);
	for (size_t i = 0; i < FILES; i++)
		all_damages(i, "at rest", NULL, 0);
	life_tear_down(&life);
}

static void files_damaged_in_the_middle_of_a_recovery_do_too(void **state)
{
	long kills[SOAK_KILLS];
	int count = soak() ? SOAK_KILLS : SAMPLE_KILLS;

	(void)state;
	life_set_up(&life, life_kind("bridge"));
	daemon_start(&life.daemon);
	build_up();
	(void)daemon_stop(&life.daemon, SIGKILL);
	/* The second half: libraries come first. */
	long stops = broken_start(0);
	for (int i = 0; i < count; i++)
		kills[i] = stops / 2 + (stops / 2 - 1) * (i + 1) / (count + 1);
	daemon_start(&life.daemon);
	assert_int_equal(life_step(&life, LIFE_STEPS - 1, false), 1);
	for (size_t i = 0; i < FILES; i++)
		if (files[i].holds_records || soak())
			all_damages(i, "in a recovery", kills, count);
	life_tear_down(&life);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_files_cost_what_they_held_and_the_host_says_so),
		cmocka_unit_test(files_damaged_in_the_middle_of_a_recovery_do_too),
	};

	netns_need();
	tracer_need();
	tracer_init(&tracer);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	tracer_done(&tracer);
	return rc;
}
