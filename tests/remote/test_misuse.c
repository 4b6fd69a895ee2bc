/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins that are missing, hang, hang up, talk rubbish or talk without end: what the caller is told, and that nothing is left of
 * what could not be done, here or there. */
#include "tests/remote/remoterig.h"

#include <stdlib.h>
#include <time.h>

#include "host/base/clock.h"

static struct remoterig *both;
static struct rig *rig;

/* How the next requests of one method are answered; then all is well again. */
struct script {
	const char *path;
	struct plugin_reply reply;
	int times;
};

static void answer(struct fakeplugin *plugin, const char *path, const char *body, struct plugin_reply *ret)
{
	struct script *script = plugin->data;

	(void)body;
	if (!script || strcmp(path, script->path) != 0 || script->times == 0)
		return;
	script->times--;
	*ret = script->reply;
}

static void open_with(int retry)
{
	both = calloc(1, sizeof(*both));
	assert_non_null(both);
	remoterig_open(both, retry);
	both->plugin.answer = answer;
	rig = &both->rig;
}

static void set_script(struct script *script)
{
	(void)pthread_mutex_lock(&both->plugin.lock);
	both->plugin.data = script;
	(void)pthread_mutex_unlock(&both->plugin.lock);
}

static int fresh(void **state)
{
	(void)state;
	open_with(0);
	return 0;
}

static int fresh_with_retry(void **state)
{
	(void)state;
	open_with(8);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	remoterig_close(both);
	free(both);
	return 0;
}

static struct reply create_by(const char *nid, uint64_t deadline_ms)
{
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);

	request.type = "p";
	request.new_id = nid;
	request.deadline_ns = clock_ns() + deadline_ms * NSEC_PER_MSEC;
	return rig_run(rig, &request);
}

static unsigned count_of(const char *log, const char *what)
{
	unsigned count = 0;

	for (const char *at = log; (at = strstr(at, what)); at++)
		count++;
	return count;
}

/* --- answers that are none --- */

static const char endless_line[40000] = {[0 ... 39998] = 'a'};

static const struct {
	const char *what;
	struct plugin_reply reply;
	const char *part;
} rubbish[] = {
	{"no HTTP", {.raw = "SSH-2.0-OpenSSH_9.2\r\n\r\n"}, "no HTTP"},
	{"nothing but an end of line", {.raw = "\r\n"}, "no HTTP"},
	{"a line without end", {.raw = endless_line}, "no HTTP"},
	{"half a head", {.raw = "HTTP/1.1 200 OK\r\nContent-Le"}, "no HTTP"},
	{"half a body", {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"}, "ends in the middle"},
	{"a length that is no number", {.raw = "HTTP/1.1 200 OK\r\nContent-Length: -x\r\n\r\n{}"}, "Content-Length"},
	{"a length beyond all", {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}"}, "Content-Length"},
	{"an encoding nobody knows", {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}"}, "Transfer-Encoding"},
	{"a header without a colon", {.raw = "HTTP/1.1 200 OK\r\nhello\r\n\r\n{}"}, "colon"},
	{"a chunk of no size", {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"}, "chunk"},
	{"a chunk beyond all", {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n{}"}, "larger than"},
	{"half a chunk", {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"}, "ends in the middle"},
	{"two megabytes", {.huge = 2u << 20}, "larger than 1048576 bytes"},
	{"no status", {.raw = "HTTP/1.1 OK\r\n\r\n{}"}, "first line"},
};

/* The plugin may have done it, so it is told to undo it, once. */
static void rubbish_is_internal_and_undone_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
		struct script script = {"NetworkDriver.CreateNetwork", rubbish[i].reply, 1};
		set_script(&script);
		struct reply reply = create_by("n1", 10000);
		if (reply.error.code != NDRV_E_INTERNAL || !strstr(reply.error.text, rubbish[i].part) ||
		    !strstr(reply.error.text, "plugin p: NetworkDriver.CreateNetwork"))
			fail_msg("%s: error %d: %s", rubbish[i].what, reply.error.code, reply.error.text);
		const char *log = fakeplugin_log(&both->plugin);
		if (count_of(log, "CreateNetwork") != 1 || count_of(log, "DeleteNetwork") != 1)
			fail_msg("%s: asked %s", rubbish[i].what, log);
		assert_int_equal(records_count(rig->records), 0);
		set_script(NULL);
	}
	/* And it works as soon as the plugin does. */
	assert_reply_ok(create_by("n1", 10000));
}

static const struct {
	const char *what;
	struct plugin_reply reply;
} unusual[] = {
	{"chunks", {.chunked = true, .body = "{\"Unknown\":\"0123456789\"}"}},
	{"chunks of capitals, with an end in the same packet",
	 {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0000A\r\n{\"a\":    1\r\n1\r\n}\r\n0\r\n\r\n"}},
	{"until the connection ends", {.raw = "HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n{}"}},
	{"no spaces and no CR", {.raw = "HTTP/1.1 200\nContent-Length:2\n\n{}"}},
	{"100 before it", {.raw = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}},
	{"more than was said", {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}garbage"}},
	{"close", {.raw = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"}},
	{"a connection that ends behind it", {.bye = true}},
};

static void unusual_answers_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++) {
		struct script script = {"NetworkDriver.CreateNetwork", unusual[i].reply, 1};
		set_script(&script);
		struct reply reply = create_by("n1", 10000);
		if (reply.error.code)
			fail_msg("%s: error %d: %s", unusual[i].what, reply.error.code, reply.error.text);
		assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
		set_script(NULL);
	}
}

/* --- those that are not there --- */

static void a_missing_plugin_is_no_service_and_leaves_nothing(void **state)
{
	(void)state;
	fakeplugin_stop(&both->plugin);
	assert_reply_fails(create_by("n1", 10000), NDRV_E_NO_SERVICE, "unix:///tmp/ndrv-plugin-");
	assert_int_equal(records_count(rig->records), 0);
	fakeplugin_start(&both->plugin, NULL, "p");
}

struct restart {
	struct fakeplugin *plugin;
	char dir[64];
	unsigned after_ms;
};

static void *start_later(void *data)
{
	const struct restart *restart = data;

	(void)nanosleep(&(struct timespec){.tv_sec = restart->after_ms / 1000, .tv_nsec = restart->after_ms % 1000 * 1000000L},
			NULL);
	fakeplugin_start(restart->plugin, restart->dir, "p");
	return NULL;
}

static void a_plugin_that_comes_back_is_found_by_trying_again(void **state)
{
	struct restart restart = {.plugin = &both->plugin, .after_ms = 300};
	char socket[sizeof(both->plugin.socket)];
	pthread_t thread;

	(void)state;
	/* It keeps its directory, so that its address stays. */
	(void)snprintf(restart.dir, sizeof(restart.dir), "%s", both->plugin.dir);
	memcpy(socket, both->plugin.socket, sizeof(socket));
	both->plugin.dir[0] = '\0';
	fakeplugin_stop(&both->plugin);
	assert_int_equal(pthread_create(&thread, NULL, start_later, &restart), 0);
	struct reply reply = create_by("n1", 10000);
	(void)pthread_join(thread, NULL);
	assert_reply_ok(reply);
	assert_string_equal(both->plugin.socket, socket);
	(void)snprintf(both->plugin.dir, sizeof(both->plugin.dir), "%s", restart.dir);
}

/* libnetwork's client tries again with an empty body, by mistake. */
static void a_plugin_that_hangs_up_is_asked_again_with_the_whole_body(void **state)
{
	struct script script = {"NetworkDriver.CreateNetwork", {.close = true}, 1};

	(void)state;
	set_script(&script);
	assert_reply_ok(create_by("n1", 10000));
	const char *log = fakeplugin_log(&both->plugin);
	assert_int_equal(count_of(log, "NetworkDriver.CreateNetwork {\"NetworkID\":\"n1\","), 2);
	assert_int_equal(count_of(log, "DeleteNetwork"), 0);
	/* One that always does is given up, and told to undo it. */
	script.times = 1000;
	assert_reply_fails(create_by("n2", 2500), NDRV_E_NO_SERVICE, "closed the connection without an answer");
	log = fakeplugin_log(&both->plugin);
	/* On the connection that was kept open, on a fresh one at once, and a second later. */
	assert_int_equal(count_of(log, "CreateNetwork {\"NetworkID\":\"n2\""), 3);
	assert_int_equal(count_of(log, "DeleteNetwork {\"NetworkID\":\"n2\""), 1);
}

/* --- those that do not answer --- */

static void a_plugin_that_hangs_ends_with_the_calls_deadline(void **state)
{
	struct script script = {"NetworkDriver.CreateNetwork", {.hang = true}, 1};

	(void)state;
	set_script(&script);
	assert_reply_fails(create_by("n1", 400), NDRV_E_TIMEOUT, "");
	/* Its network is undone when the driver is back, and can be made again. */
	struct reply reply;
	for (int i = 0; i < 200; i++) {
		reply = create_by("n1", 5000);
		if (reply.error.code != NDRV_E_NETWORK_BUSY)
			break;
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	assert_reply_ok(reply);
	const char *log = fakeplugin_log(&both->plugin);
	assert_int_equal(count_of(log, "DeleteNetwork {\"NetworkID\":\"n1\"}"), 1);
	assert_int_equal(count_of(log, "CreateNetwork"), 2);
}

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	struct reply reply;
};

static void note_done(struct request *request, struct reply *reply, void *data)
{
	struct waiting *waiting = data;

	(void)request;
	(void)pthread_mutex_lock(&waiting->lock);
	waiting->reply = *reply;
	waiting->done = true;
	(void)pthread_cond_signal(&waiting->cond);
	(void)pthread_mutex_unlock(&waiting->lock);
}

static void a_caller_who_gives_up_does_not_wait_for_the_plugin(void **state)
{
	struct script script = {"NetworkDriver.CreateNetwork", {.hang = true}, 1};
	struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);
	struct ticket *ticket = NULL;
	unsigned asked = 0;

	(void)state;
	set_script(&script);
	request.type = "p";
	request.new_id = "n1";
	dispatch_submit(rig->dispatch, &request, note_done, &waiting, &ticket);
	for (int i = 0; i < 500 && !asked; i++) {
		asked = count_of(fakeplugin_log(&both->plugin), "CreateNetwork");
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	assert_int_equal(asked, 1);
	dispatch_cancel(rig->dispatch, ticket);
	(void)pthread_mutex_lock(&waiting.lock);
	while (!waiting.done)
		(void)pthread_cond_wait(&waiting.cond, &waiting.lock);
	(void)pthread_mutex_unlock(&waiting.lock);
	assert_reply_fails(waiting.reply, NDRV_E_CANCELLED, "");
	/* The driver is back soon, and what may have been made is undone. */
	for (int i = 0; i < 500 && asked; i++) {
		if (count_of(fakeplugin_log(&both->plugin), "DeleteNetwork"))
			asked = 0;
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	assert_int_equal(asked, 0);
}

/* --- connections --- */

struct maker {
	pthread_t thread;
	char nid[8];
	int code;
};

static void *make(void *data)
{
	struct maker *maker = data;
	struct request request = {.op = REQ_NETWORK_CREATE,
				  .caller = {.front = NDRV_FRONT_CONTROL, .role = ROLE_ADMIN},
				  .id = "",
				  .deadline_ns = clock_ns() + 20 * NSEC_PER_SEC,
				  .type = "p",
				  .new_id = maker->nid};
	struct arena arena;
	struct reply reply = {0};

	arena_init(&arena, 1 << 20);
	request.arena = &arena;
	dispatch_run(rig->dispatch, &request, &reply);
	maker->code = reply.error.code;
	arena_reset(&arena);
	return NULL;
}

static void calls_side_by_side_share_connections(void **state)
{
	struct script script = {"NetworkDriver.CreateNetwork", {.pause_ms = 50}, 1000};
	struct maker makers[8];

	(void)state;
	set_script(&script);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 8; i++) {
			(void)snprintf(makers[i].nid, sizeof(makers[i].nid), "n%d-%d", round, i);
			assert_int_equal(pthread_create(&makers[i].thread, NULL, make, &makers[i]), 0);
		}
		for (int i = 0; i < 8; i++) {
			(void)pthread_join(makers[i].thread, NULL);
			assert_int_equal(makers[i].code, 0);
		}
	}
	assert_int_equal(count_of(fakeplugin_log(&both->plugin), "CreateNetwork"), 24);
	/* Not one for each call. */
	assert_true(atomic_load(&both->plugin.connections) < 24);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
#define R(name) cmocka_unit_test_setup_teardown(name, fresh_with_retry, finish)
	const struct CMUnitTest tests[] = {
		T(rubbish_is_internal_and_undone_once),
		T(unusual_answers_are_understood),
		T(a_missing_plugin_is_no_service_and_leaves_nothing),
		R(a_plugin_that_comes_back_is_found_by_trying_again),
		R(a_plugin_that_hangs_up_is_asked_again_with_the_whole_body),
		T(a_plugin_that_hangs_ends_with_the_calls_deadline),
		T(a_caller_who_gives_up_does_not_wait_for_the_plugin),
		T(calls_side_by_side_share_connections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
