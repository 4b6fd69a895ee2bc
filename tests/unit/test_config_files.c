/* SPDX-License-Identifier: Apache-2.0 */
/* Which files count: drop-ins and their ranks, masking, overrides of the command line, and files that are not safe to read. */
#include "tests/unit/config/tempdir.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host/config/config.h"

static const char *dirs[3];

static const struct config_overrides *three_dirs(void)
{
	static char paths[3][TEMPDIR_PATH];
	static struct config_overrides overrides;

	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = {"vendor.d", "run.d", "etc.d"};
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/%s", tempdir, names[i]);
		dirs[i] = paths[i];
	}
	overrides = (struct config_overrides){.driver_config_dirs = {3, dirs}, .driver_dir = "/opt/drivers"};
	return &overrides;
}

/* A fresh directory for each test. */
static int setup(void **state)
{
	return tempdir_make(state);
}

static const struct config *load_ok(const char *path, const struct config_overrides *overrides)
{
	const struct config *config = NULL;
	struct ndrv_error error = {0};

	assert_ok(config_load(path, overrides, &config, &error), &error);
	return config;
}

static void load_fails(const char *path, const struct config_overrides *overrides, const char *part)
{
	const struct config *config = NULL;
	struct ndrv_error error = {0};

	assert_fails(config_load(path, overrides, &config, &error), &error, NDRV_E_CONFIG, part);
	assert_null(config);
}

static void directories_that_are_missing_have_no_drop_ins(void **state)
{
	const struct config *config = load_ok(tempdir_write("main.yaml", ""), three_dirs());
	(void)state;

	assert_int_equal(config->driver_count, 0);
	assert_null(config_driver_find(config, "bridge"));
	config_free(config);
}

static void a_file_replaces_that_of_the_same_name_in_a_lower_directory(void **state)
{
	(void)tempdir_write("vendor.d/bridge.yaml", "file: bridge.so\nconfig: {mtu: 1500, v6: true}\ncritical: yes\n");
	(void)tempdir_write("run.d/bridge.yaml", "this is not even read: [\n");
	(void)tempdir_write("etc.d/bridge.yaml", "file: /srv/bridge.so\nconfig: {mtu: 9000}\n");
	(void)tempdir_write("run.d/alpha.yaml", "file: alpha/a.so\n");
	(void)tempdir_write("vendor.d/zeta.yaml", "file: z.so\n");
	const struct config *config = load_ok(tempdir_write("main.yaml", ""), three_dirs());
	int64_t mtu = 0;
	(void)state;

	assert_int_equal(config->driver_count, 3);
	assert_string_equal(config->drivers[0].name, "alpha");
	assert_string_equal(config->drivers[1].name, "bridge");
	assert_string_equal(config->drivers[2].name, "zeta");
	assert_string_equal(config->drivers[0].path, "/opt/drivers/alpha/a.so");
	assert_null(config->drivers[0].overrides);
	const struct config_driver *bridge = config_driver_find(config, "bridge");
	assert_string_equal(bridge->path, "/srv/bridge.so");
	assert_string_equal(bridge->origin, tempdir_path("etc.d/bridge.yaml"));
	assert_string_equal(bridge->overrides, tempdir_path("run.d/bridge.yaml"));
	assert_non_null(strstr(bridge->at, "etc.d/bridge.yaml:1:1"));
	/* Replaced whole, not merged. */
	assert_false(bridge->critical);
	assert_int_equal(bridge->config.count, 1);
	assert_int_equal(ndrv_map_int(&bridge->config, "mtu", &mtu, NULL), 1);
	assert_int_equal(mtu, 9000);
	config_free(config);
}

static void enabled_no_masks_a_driver_and_leaves_it_to_be_seen(void **state)
{
	(void)tempdir_write("vendor.d/macvlan.yaml", "file: macvlan.so\n");
	(void)tempdir_write("etc.d/macvlan.yaml", "enabled: no\n");
	const struct config *config = load_ok(tempdir_write("main.yaml", ""), three_dirs());
	(void)state;

	const struct config_driver *driver = config_driver_find(config, "macvlan");
	assert_non_null(driver);
	assert_false(driver->enabled);
	assert_null(driver->file);
	assert_null(driver->path);
	assert_non_null(driver->overrides);
	config_free(config);
}

static void the_file_itself_has_the_last_word_on_drivers(void **state)
{
	(void)tempdir_write("etc.d/bridge.yaml", "file: bridge.so\n");
	(void)tempdir_write("etc.d/host.yaml", "file: host.so\n");
	const char *main = tempdir_write("main.yaml", "drivers:\n  bridge: {enabled: false}\n  another: {file: e.so}\n"
						      "driver_dir: /elsewhere\n");
	const struct config *config = load_ok(main, three_dirs());
	(void)state;

	assert_int_equal(config->driver_count, 3);
	assert_string_equal(config->drivers[0].name, "another");
	assert_false(config_driver_find(config, "bridge")->enabled);
	assert_string_equal(config_driver_find(config, "bridge")->origin, main);
	assert_non_null(strstr(config_driver_find(config, "bridge")->overrides, "etc.d/bridge.yaml"));
	assert_true(config_driver_find(config, "host")->enabled);
	assert_non_null(strstr(config_driver_find(config, "another")->at, "main.yaml:3:3"));
	assert_string_equal(config_driver_find(config, "another")->path, "/opt/drivers/e.so");
	config_free(config);
}

static void only_yaml_files_that_are_not_hidden_are_drop_ins(void **state)
{
	static const char *const others[] = {"README",	   ".hidden.yaml", "bridge.yaml.rpmnew", "bridge.yaml~",
					     "bridge.yml", ".yaml",	   "bridge.YAML"};
	(void)state;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "etc.d/%s", others[i]);
		(void)tempdir_write(name, "not: [ yaml");
	}
	const struct config *config = load_ok(tempdir_write("main.yaml", ""), three_dirs());
	assert_int_equal(config->driver_count, 0);
	config_free(config);
	(void)tempdir_write("etc.d/a b.yaml", "file: a.so\n");
	load_fails(tempdir_path("main.yaml"), three_dirs(), "etc.d/a b.yaml: the file is named after its driver");
}

static void too_many_drivers_are_refused(void **state)
{
	(void)state;

	for (unsigned i = 0; i < 256; i++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "etc.d/d%u.yaml", i);
		(void)tempdir_write(name, "file: d.so\n");
	}
	const struct config *config = load_ok(tempdir_write("main.yaml", ""), three_dirs());
	assert_int_equal(config->driver_count, 256);
	config_free(config);
	load_fails(tempdir_write("main.yaml", "drivers:\n  one: {file: more.so}\n"), three_dirs(),
		   "main.yaml:2:3: driver one: more than 256 drivers");
}

static void the_command_line_wins_over_the_file(void **state)
{
	const char *more[] = {"/nowhere/drivers.d"};
	const struct config_overrides overrides = {
		.state_dir = "/s", .runtime_dir = "/r", .driver_dir = "/d", .driver_config_dirs = {1, more}};
	const char *path = tempdir_write("main.yaml", "state_dir: /a\nruntime_dir: /b\ndriver_dir: /c\ndriver_config_dirs: [/e]\n");
	const struct config *config = load_ok(path, &overrides);
	(void)state;

	assert_string_equal(config->file, path);
	assert_string_equal(config->state_dir, "/s");
	assert_string_equal(config->runtime_dir, "/r");
	assert_string_equal(config->driver_dir, "/d");
	assert_string_equal(config->driver_config_dirs.items[0], "/nowhere/drivers.d");
	assert_string_equal(config->control.socket, "/r/control.sock");
	config_free(config);
	const struct config_overrides relative = {.state_dir = "state"};
	load_fails(path, &relative, "--state-dir state: must be an absolute path");
}

static void defaults_below_the_runtime_directory_move_with_it(void **state)
{
	const struct config_overrides overrides = {.runtime_dir = "/tmp/ndrv-nowhere"};
	const struct config *config = load_ok(tempdir_write("main.yaml", "runtime_dir: /b\n"), &overrides);
	(void)state;

	assert_int_equal(config->driver_config_dirs.count, 3);
	assert_string_equal(config->driver_config_dirs.items[1], "/tmp/ndrv-nowhere/drivers.d");
	assert_string_equal(config->control.socket, "/tmp/ndrv-nowhere/control.sock");
	config_free(config);
	const struct config *fixed =
		load_ok(tempdir_write("main.yaml", "control: {socket: /x/y.sock}\ndriver_config_dirs: []\n"), &overrides);
	assert_string_equal(fixed->control.socket, "/x/y.sock");
	/* An empty list is none, not the defaults. */
	assert_int_equal(fixed->driver_config_dirs.count, 0);
	config_free(fixed);
}

static void values_arrive_in_the_units_of_the_struct(void **state)
{
	const struct config *config =
		load_ok(tempdir_write("main.yaml",
				      "calls: {deadline: 1500ms, workers: 0x10, memory: 2MiB}\n"
				      "log: {level: debug, format: prefix}\n"
				      "control: {group: 1000, max_request: 8192, request_timeout: 1m}\n"
				      "deny: [network_delete, org.example.net.endpoint_create]\n"
				      "address_pools: [{base: 10.0.0.0/8, size: 24}, {base: 'fd00:1::/32', size: 64}]\n"
				      "drivers: {a: {file: a.so, sha256: "
				      "00FFaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa55}, b: {file: b.so, sha256: ["
				      "00FFaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa55, "
				      "11FFaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa5500ffaa55]}}\n"),
			three_dirs());
	char text[NDRV_PREFIX_TEXT];
	(void)state;

	assert_int_equal(config->calls.deadline_ns, 1500000000u);
	assert_int_equal(config->calls.workers, 16);
	assert_int_equal(config->calls.memory, 2u << 20);
	assert_int_equal(config->log.level, 4);
	assert_int_equal(config->log.format, CONFIG_LOG_PREFIX);
	assert_string_equal(config->control.group, "1000");
	assert_int_equal(config->control.max_request, 8192);
	assert_int_equal(config->control.request_timeout_ns, 60000000000u);
	assert_int_equal(config->deny_count, 2);
	assert_null(config->deny[0].type);
	assert_string_equal(config->deny[1].type, "org.example.net");
	assert_string_equal(config->deny[1].op, "endpoint_create");
	assert_non_null(strstr(config->deny[1].at, "main.yaml:4:24"));
	assert_int_equal(config->pool_count, 2);
	assert_string_equal(ndrv_prefix_format(&config->pools[1].base, text), "fd00:1::/32");
	assert_int_equal(config->pools[1].size, 64);
	assert_non_null(config->drivers[0].pins);
	assert_int_equal(strlen(config->drivers[0].pins), 64);
	assert_memory_equal(config->drivers[0].pins + 2, "ff", 2);
	assert_memory_equal(config->drivers[0].pins + 62, "55", 2);
	assert_int_equal(strlen(config->drivers[1].pins), 129);
	assert_memory_equal(config->drivers[1].pins + 62, "55 11", 5);
	assert_int_equal(config->drivers[0].config.type, NDRV_MAP);
	config_free(config);
}

/* --- files that may not be read --- */

static void a_missing_file_is_refused_where_it_was_named(void **state)
{
	(void)state;
	load_fails(tempdir_path("nothing.yaml"), three_dirs(), "nothing.yaml: cannot be opened: No such file or directory");
	(void)tempdir_write("main.yaml", "");
	const char *link = tempdir_path("etc.d/gone.yaml");
	assert_int_equal(symlink("nowhere", link), 0);
	load_fails(tempdir_path("main.yaml"), three_dirs(), "etc.d/gone.yaml: cannot be opened: No such file or directory");
}

static void only_regular_files_are_read(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)state;

	/* With nobody at its other end a FIFO would block a plain open. */
	assert_int_equal(mkfifo(tempdir_path("fifo.yaml"), 0600), 0);
	load_fails(tempdir_path("fifo.yaml"), three_dirs(), "fifo.yaml: is a FIFO, not a regular file");
	assert_int_equal(mkdir(tempdir_path("dir.yaml"), 0700), 0);
	load_fails(tempdir_path("dir.yaml"), three_dirs(), "dir.yaml: is a directory, not a regular file");
	load_fails("/dev/null", three_dirs(), "/dev/null: is a device, not a regular file");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", tempdir_path("socket.yaml"));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	load_fails(tempdir_path("socket.yaml"), three_dirs(), "socket.yaml: cannot be opened: No such device or address");
	assert_int_equal(close(fd), 0);
	(void)tempdir_write("main.yaml", "");
	assert_int_equal(mkdir(tempdir_path("etc.d/dir.yaml"), 0700), 0);
	load_fails(tempdir_path("main.yaml"), three_dirs(), "etc.d/dir.yaml: is a directory, not a regular file");
}

static void files_that_others_may_write_are_refused(void **state)
{
	const char *path = tempdir_write("main.yaml", "");
	const char *dropin = tempdir_write("etc.d/a.yaml", "file: a.so\n");
	char dir[TEMPDIR_PATH];
	(void)state;

	(void)snprintf(dir, sizeof(dir), "%s/etc.d", tempdir);
	assert_int_equal(chmod(path, 0664), 0);
	load_fails(path, three_dirs(), "main.yaml: others than its owner may write it (mode 0664), chmod go-w it");
	assert_int_equal(chmod(path, 0602), 0);
	load_fails(path, three_dirs(), "main.yaml: others than its owner may write it (mode 0602)");
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(chmod(dropin, 0666), 0);
	load_fails(path, three_dirs(), "etc.d/a.yaml: others than its owner may write it (mode 0666)");
	assert_int_equal(chmod(dropin, 0644), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	load_fails(path, three_dirs(), "etc.d: others than its owner may write it (mode 0777)");
	assert_int_equal(chmod(dir, 0755), 0);
	config_free(load_ok(path, three_dirs()));
}

static void files_of_another_user_are_refused(void **state)
{
	const char *path = tempdir_write("main.yaml", "");
	(void)state;

	if (geteuid() != 0 || chown(path, 65534, 65534) < 0)
		skip(); /* only root can give a file away */
	load_fails(path, three_dirs(), "main.yaml: belongs to uid 65534, it must belong to root (chown root it)");
}

static void links_are_followed_to_files_that_are_safe(void **state)
{
	const char *target = tempdir_write("target.yaml", "instance: linked\n");
	const char *link = tempdir_path("link.yaml");
	(void)state;

	assert_int_equal(symlink(target, link), 0);
	const struct config *config = load_ok(link, three_dirs());
	assert_string_equal(config->instance, "linked");
	config_free(config);
	assert_int_equal(chmod(target, 0666), 0);
	load_fails(link, three_dirs(), "link.yaml: others than its owner");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	char *text = malloc(65537);
	(void)state;

	assert_non_null(text);
	memset(text, '#', 65537);
	config_free(load_ok(tempdir_write_bytes("main.yaml", text, 65536), three_dirs()));
	load_fails(tempdir_write_bytes("main.yaml", text, 65537), three_dirs(), "main.yaml: has more than 65536 bytes");
	free(text);
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static void no_file_stays_open(void **state)
{
	unsigned before = open_files();
	(void)state;

	(void)tempdir_write("vendor.d/a.yaml", "file: a.so\n");
	(void)tempdir_write("etc.d/b.yaml", "file: b.so\n");
	const char *path = tempdir_write("main.yaml", "");
	config_free(load_ok(path, three_dirs()));
	(void)tempdir_write("etc.d/b.yaml", "fil: b.so\n");
	load_fails(path, three_dirs(), "etc.d/b.yaml:1:1: unknown key");
	load_fails(tempdir_write("main.yaml", "- a\n"), three_dirs(), "expected a map");
	assert_int_equal(open_files(), before);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, tempdir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(directories_that_are_missing_have_no_drop_ins),
		EACH(a_file_replaces_that_of_the_same_name_in_a_lower_directory),
		EACH(enabled_no_masks_a_driver_and_leaves_it_to_be_seen),
		EACH(the_file_itself_has_the_last_word_on_drivers),
		EACH(only_yaml_files_that_are_not_hidden_are_drop_ins),
		EACH(too_many_drivers_are_refused),
		EACH(the_command_line_wins_over_the_file),
		EACH(defaults_below_the_runtime_directory_move_with_it),
		EACH(values_arrive_in_the_units_of_the_struct),
		EACH(a_missing_file_is_refused_where_it_was_named),
		EACH(only_regular_files_are_read),
		EACH(files_that_others_may_write_are_refused),
		EACH(files_of_another_user_are_refused),
		EACH(links_are_followed_to_files_that_are_safe),
		EACH(a_file_that_is_too_large_is_refused),
		EACH(no_file_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
