/* SPDX-License-Identifier: Apache-2.0 */
/* Which plugins become network types: where they are looked for, what they say of themselves, and what is remembered. */
#include "tests/remote/remoterig.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "sdk/wire/docker.h"

static struct rig *rig;
static char dir[64];
static struct ndrv_error err;

static void open_rig(uint32_t flags)
{
	static const char *const drivers[] = {"rec", NULL};

	rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig_open(rig, RIG_QUIET | flags, drivers);
	(void)snprintf(dir, sizeof(dir), "/tmp/ndrv-plugins-XXXXXX");
	assert_non_null(mkdtemp(dir));
	ndrv_error_clear(&err);
}

static int fresh(void **state)
{
	(void)state;
	open_rig(0);
	return 0;
}

static int fresh_with_store(void **state)
{
	(void)state;
	open_rig(RIG_STORE);
	return 0;
}

static int finish(void **state)
{
	char command[128];

	(void)state;
	rig_close(rig);
	free(rig);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static bool serves(const char *name)
{
	struct driver_type *type = registry_type(rig->registry, name);

	return type && type_current(type);
}

static const struct ndrv_capability *capability(const char *name)
{
	struct instance *instance = NULL;

	assert_ok(registry_find(rig->registry, name, &instance, &err), &err);
	return &instance->capability;
}

static void set(struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	assert_ok(ndrv_map_set(&rig->arena.ndrv, map, key, value, &err), &err);
}

/* The directory for sockets, and for specs. */
static struct ndrv_value looking(int scan)
{
	struct ndrv_value config = remote_config(rig, NULL, NULL, 0), dirs = ndrv_null();

	assert_ok(ndrv_list_add(&rig->arena.ndrv, &dirs, ndrv_string(dir), &err), &err);
	set(&config, "plugin_dirs", dirs);
	set(&config, "spec_dirs", dirs);
	set(&config, "scan", ndrv_int(scan));
	return config;
}

static void load(int scan)
{
	struct ndrv_value config = looking(scan);

	assert_ok(remote_load(rig, &config, &err), &err);
}

static void put_file(const char *name, const char *text)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char *sub(const char *name)
{
	static char path[96];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)mkdir(path, 0755);
	return path;
}

/* --- where --- */

static void sockets_and_specs_are_found_where_docker_finds_them(void **state)
{
	static struct fakeplugin flat, nested, spec, json;
	char text[256], elsewhere[96];

	(void)state;
	fakeplugin_start(&flat, dir, "flat");
	fakeplugin_start(&nested, sub("nested"), "nested");
	(void)snprintf(elsewhere, sizeof(elsewhere), "%s", sub("elsewhere"));
	fakeplugin_start(&spec, elsewhere, "a");
	fakeplugin_start(&json, elsewhere, "b");
	(void)snprintf(text, sizeof(text), "\n%s\n", spec.address);
	put_file("byspec.spec", text);
	(void)snprintf(text, sizeof(text), "{\"Name\":\"whatever\",\"Addr\":\"%s\",\"TLSConfig\":null}", json.address);
	(void)sub("byjson");
	put_file("byjson/byjson.json", text);
	load(0);
	assert_true(serves("flat"));
	assert_true(serves("nested"));
	assert_true(serves("byspec"));
	assert_true(serves("byjson"));
	assert_false(serves("a"));
	assert_false(serves("elsewhere"));
	fakeplugin_stop(&flat);
	fakeplugin_stop(&nested);
	fakeplugin_stop(&spec);
	fakeplugin_stop(&json);
}

static void what_cannot_be_used_does_not_hinder_the_others(void **state)
{
	static struct fakeplugin good;
	char long_name[300];

	(void)state;
	memset(long_name, 'x', sizeof(long_name));
	(void)snprintf(long_name + 200, 10, ".spec");
	fakeplugin_start(&good, dir, "good");
	put_file("tls.json", "{\"Addr\":\"https://plugin.example\",\"TLSConfig\":{\"CAFile\":\"/x\"}}");
	put_file("tls2.json", "{\"Addr\":\"tcp://127.0.0.1:1\",\"TLSConfig\":{}}");
	put_file("garbage.json", "{");
	put_file("number.json", "{\"Addr\":5}");
	put_file("empty.spec", "");
	put_file("name.spec", "tcp://plugin.example:80\n");
	put_file("http.spec", "http://127.0.0.1:80\n");
	put_file("refused.spec", "tcp://127.0.0.1:1\n");
	put_file("UPPER.spec", "tcp://127.0.0.1:1\n");
	put_file(long_name, "tcp://127.0.0.1:1\n");
	put_file("notasocket.sock", "");
	assert_int_equal(symlink("/nowhere", strcat(sub("loop"), "/loop.sock")), 0);
	load(0);
	assert_true(serves("good"));
	static const char *const names[] = {"tls",  "tls2",    "garbage", "number",	"empty", "name",
					    "http", "refused", "UPPER",	  "notasocket", "loop"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (serves(names[i]))
			fail_msg("%s became a type", names[i]);
	fakeplugin_stop(&good);
}

/* --- what they say --- */

struct said {
	const char *activate, *capabilities;
	int status;
};

static void say(struct fakeplugin *plugin, const char *path, const char *body, struct plugin_reply *ret)
{
	const struct said *said = plugin->data;

	(void)body;
	if (strcmp(path, "Plugin.Activate") == 0 && said->activate)
		ret->body = said->activate;
	if (strcmp(path, "NetworkDriver.GetCapabilities") == 0) {
		ret->body = said->capabilities;
		ret->status = said->status;
	}
}

static const struct {
	const char *activate, *capabilities;
	int status;
	bool taken, global, connectivity_global;
} answers[] = {
	{NULL, "{\"Scope\":\"local\"}", 200, true, false, false},
	{NULL, "{\"Scope\":\"global\",\"ConnectivityScope\":\"local\"}", 200, true, true, false},
	{NULL, "{\"Scope\":\"local\",\"ConnectivityScope\":\"global\",\"foo\":1}", 200, true, false, true},
	{NULL, "{\"scope\":\"local\"}", 200, true, false, false},
	{"{\"Implements\":[\"IpamDriver\",\"NetworkDriver\"]}", "{\"Scope\":\"global\"}", 200, true, true, true},
	{NULL, "{\"Scope\":\"Local\"}", 200, false, false, false},
	{NULL, "{\"Scope\":\"local\",\"ConnectivityScope\":\"x\"}", 200, false, false, false},
	{NULL, "{\"Scope\":\"swarm\"}", 200, false, false, false},
	{NULL, "{}", 200, false, false, false},
	{NULL, "", 200, false, false, false},
	{NULL, "null", 200, false, false, false},
	{NULL, "[]", 200, false, false, false},
	{NULL, "{\"Err\":\"boom\",\"Scope\":\"local\"}", 200, false, false, false},
	{NULL, "{\"Scope\":1}", 200, false, false, false},
	{NULL, "caps not ready", 500, false, false, false},
	{"{\"Implements\":[\"VolumeDriver\"]}", "{\"Scope\":\"local\"}", 200, false, false, false},
	{"{\"Implements\":[]}", "{\"Scope\":\"local\"}", 200, false, false, false},
	{"{}", "{\"Scope\":\"local\"}", 200, false, false, false},
	{"garbage", "{\"Scope\":\"local\"}", 200, false, false, false},
};
#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static void a_plugin_is_taken_by_what_it_says_of_itself(void **state)
{
	static struct fakeplugin plugins[ANSWERS];
	static struct said said[ANSWERS];

	(void)state;
	for (size_t i = 0; i < ANSWERS; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "p%02zu", i);
		said[i] = (struct said){answers[i].activate, answers[i].capabilities, answers[i].status};
		plugins[i].answer = say;
		plugins[i].data = &said[i];
		fakeplugin_start(&plugins[i], dir, name);
	}
	load(0);
	for (size_t i = 0; i < ANSWERS; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "p%02zu", i);
		if (serves(name) != answers[i].taken)
			fail_msg("%s %s", answers[i].capabilities, answers[i].taken ? "is not taken" : "is taken");
		if (answers[i].taken) {
			assert_int_equal(capability(name)->data_scope == NDRV_SCOPE_GLOBAL, answers[i].global);
			assert_int_equal(capability(name)->connectivity_scope == NDRV_SCOPE_GLOBAL, answers[i].connectivity_global);
		}
	}
	for (size_t i = 0; i < ANSWERS; i++)
		fakeplugin_stop(&plugins[i]);
}

static void a_type_that_is_here_already_is_not_taken_away(void **state)
{
	static struct fakeplugin plugin;

	(void)state;
	fakeplugin_start(&plugin, dir, "rec");
	load(0);
	assert_string_equal(capability("rec")->note->name, "rec");
	fakeplugin_stop(&plugin);
}

/* A socket this process listens on, with nobody to answer yet. */
static void a_socket_of_this_host_is_no_plugin(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/own.sock", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	load(0);
	assert_false(serves("own"));
	(void)close(fd);
}

/* Through something that hands on what is said: who answers is this host all the same. */
static void what_answers_for_this_host_is_no_plugin(void **state)
{
	static struct fakeplugin relay;
	static char text[160];
	static struct said said = {text, "{\"Scope\":\"local\"}", 200};
	char token[WIRE_HOST_TOKEN];

	(void)state;
	(void)snprintf(text, sizeof(text), "{\"Implements\":[\"NetworkDriver\"],\"Host\":\"%s\"}", wire_host_token(token));
	relay.answer = say;
	relay.data = &said;
	fakeplugin_start(&relay, dir, "relay");
	load(0);
	assert_false(serves("relay"));
	fakeplugin_stop(&relay);
}

static void a_plugin_that_does_not_answer_does_not_hold_the_start(void **state)
{
	static struct fakeplugin hanging[6], good;

	(void)state;
	for (int i = 0; i < 6; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "h%d", i);
		fakeplugin_start(&hanging[i], dir, name);
		(void)pthread_mutex_lock(&hanging[i].lock); /* it never gets to answer */
	}
	fakeplugin_start(&good, dir, "a-good-one");
	struct timespec before, after;
	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	load(0);
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(serves("a-good-one"));
	assert_false(serves("h0"));
	assert_true(after.tv_sec - before.tv_sec < 15); /* 3 s and one probe, on a machine that is not loaded */
	for (int i = 0; i < 6; i++) {
		(void)pthread_mutex_unlock(&hanging[i].lock);
		fakeplugin_stop(&hanging[i]);
	}
	fakeplugin_stop(&good);
}

/* --- over time --- */

static void wait_for(const char *name)
{
	for (int i = 0; i < 2000 && !serves(name); i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_true(serves(name));
}

static void a_plugin_that_comes_later_is_found(void **state)
{
	static struct fakeplugin first, second;

	(void)state;
	load(1);
	assert_false(serves("first"));
	fakeplugin_start(&first, dir, "first");
	wait_for("first");
	fakeplugin_start(&second, dir, "second");
	wait_for("second");
	fakeplugin_stop(&first);
	fakeplugin_stop(&second);
}

static void a_plugin_is_remembered_while_it_is_down(void **state)
{
	static const char *const drivers[] = {"rec", NULL};
	static struct fakeplugin plugin;
	static struct said said = {NULL, "{\"Scope\":\"global\",\"GwAllocChecker\":true}", 200};
	struct arena arena;
	struct ndrv_value report;

	(void)state;
	plugin.answer = say;
	plugin.data = &said;
	fakeplugin_start(&plugin, dir, "p");
	load(0);
	assert_reply_ok(rig_network(rig, "p", "n1"));
	fakeplugin_stop(&plugin);
	rig_restart(rig, drivers);
	load(0);
	assert_true(serves("p"));
	assert_int_equal(capability("p")->data_scope, NDRV_SCOPE_GLOBAL);
	arena_init(&arena, 1 << 20);
	assert_ok(dispatch_recover(rig->dispatch, &arena, &report, &err), &err);
	arena_reset(&arena);
	/* Its networks are here, and say what is the matter. */
	assert_reply_fails(rig_endpoint(rig, "n1", "e1"), NDRV_E_NO_SERVICE, "plugin p");
	fakeplugin_start(&plugin, dir, "p");
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	/* Gone for good: as long as it has a network its type stays. */
	fakeplugin_stop(&plugin);
	struct ndrv_value config = looking(0);
	assert_ok(registry_configure(rig->registry, "remote", &config, &err), &err);
	assert_true(serves("p"));
	fakeplugin_start(&plugin, dir, "p");
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	fakeplugin_stop(&plugin);
	config = looking(0);
	assert_ok(registry_configure(rig->registry, "remote", &config, &err), &err);
	assert_false(serves("p"));
}

static void a_reload_follows_a_plugin_to_its_new_address(void **state)
{
	static struct fakeplugin here, there;

	(void)state;
	fakeplugin_start(&here, dir, "here");
	struct ndrv_value config = remote_config(rig, "p", here.address, 0);
	assert_ok(remote_load(rig, &config, &err), &err);
	assert_reply_ok(rig_network(rig, "p", "n1"));
	assert_non_null(strstr(fakeplugin_log(&here), "CreateNetwork"));
	fakeplugin_start(&there, dir, "there");
	config = remote_config(rig, "p", there.address, 0);
	assert_ok(registry_configure(rig->registry, "remote", &config, &err), &err);
	assert_reply_ok(rig_network(rig, "p", "n2"));
	assert_non_null(strstr(fakeplugin_log(&there), "CreateNetwork"));
	fakeplugin_stop(&here);
	fakeplugin_stop(&there);
}

/* --- configuration --- */

static void a_wrong_configuration_is_refused_by_key(void **state)
{
	struct {
		const char *key;
		struct ndrv_value value;
		const char *part;
	} rows[] = {
		{"plugin", ndrv_int(1), "did you mean \"plugins\"?"},
		{"scann", ndrv_int(1), "scan"},
		{"retry", ndrv_int(-1), "retry"},
		{"max_reply", ndrv_string("much"), "max_reply"},
		{"plugins", ndrv_int(1), "plugins: expected a map"},
		{"plugin_dirs", ndrv_string("/x"), "plugin_dirs: expected a list"},
		{"spec_dirs", ndrv_int(1), "spec_dirs: expected a list"},
	};
	const struct {
		const char *name, *address, *part;
	} plugins[] = {
		{"p", "/run/p.sock", "plugins.p"},
		{"p", "unix://run/p.sock", "unix:///path"},
		{"p", "https://127.0.0.1:1", "TLS"},
		{"p", "tcp://example.org:1", "names are not looked up"},
		{"p", "tcp://127.0.0.1:99999", "no plugin's address"},
		{"p", "tcp://127.0.0.1", "no plugin's address"},
		{"a-name-that-is-longer-than-thirty-one", "tcp://127.0.0.1:1", "no network type's name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_value config = remote_config(rig, NULL, NULL, 0);
		set(&config, rows[i].key, rows[i].value);
		ndrv_error_clear(&err);
		assert_fails(remote_load(rig, &config, &err), &err, NDRV_E_BAD_REQUEST, rows[i].part);
	}
	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++) {
		struct ndrv_value config = remote_config(rig, plugins[i].name, plugins[i].address, 0);
		ndrv_error_clear(&err);
		int code = strstr(plugins[i].address, "https") ? NDRV_E_NOT_IMPLEMENTED : NDRV_E_BAD_REQUEST;
		assert_fails(remote_load(rig, &config, &err), &err, code, plugins[i].part);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
#define S(name) cmocka_unit_test_setup_teardown(name, fresh_with_store, finish)
	const struct CMUnitTest tests[] = {
		T(sockets_and_specs_are_found_where_docker_finds_them),
		T(what_cannot_be_used_does_not_hinder_the_others),
		T(a_plugin_is_taken_by_what_it_says_of_itself),
		T(a_type_that_is_here_already_is_not_taken_away),
		T(a_socket_of_this_host_is_no_plugin),
		T(what_answers_for_this_host_is_no_plugin),
		T(a_plugin_that_does_not_answer_does_not_hold_the_start),
		T(a_plugin_that_comes_later_is_found),
		S(a_plugin_is_remembered_while_it_is_down),
		T(a_reload_follows_a_plugin_to_its_new_address),
		T(a_wrong_configuration_is_refused_by_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
