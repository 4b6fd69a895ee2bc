/* SPDX-License-Identifier: Apache-2.0 */
/* What package managers ask: reload --from-package, check-abi, and how the host is afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/lifecycle/host.h"
#include "host/plugin/elf.h"
#include "host/plugin/source.h"
#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

#define DEGRADED 11

/* --- the host in this process --- */

static int set_up(void **state)
{
	struct swaprig *rig = calloc(1, sizeof(*rig));

	swaprig_open(rig, "v1", NULL);
	assert_answer(swaprig_network(rig, &rig->arena, "swap", "n1"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n1", "e1"));
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct swaprig *rig = *state;

	swaprig_close(rig);
	free(rig);
	return 0;
}

static struct ndrv_value reload(struct swaprig *rig)
{
	struct request request = swaprig_request(&rig->arena, REQ_RELOAD);
	struct reply reply = swaprig_run(rig, &request);

	assert_answer(reply);
	return reply.value;
}

static bool has_name(const struct ndrv_value *map, const char *key)
{
	const struct ndrv_value *list = ndrv_map_get(map, key);

	assert_non_null(list);
	for (uint32_t i = 0; i < list->count; i++)
		if (strcmp(list->u.items[i].u.string, "swap") == 0)
			return true;
	return false;
}

static const char *first_degraded(struct swaprig *rig)
{
	struct ndrv_value status = swaprig_status(rig);
	const struct ndrv_value *list = ndrv_map_get(&status, "degraded");

	assert_non_null(list);
	return list->count ? list->u.items[0].u.string : "";
}

static void a_reload_says_which_drivers_changed_and_which_were_refused(void **state)
{
	struct swaprig *rig = *state;
	struct ndrv_value told = reload(rig);

	assert_false(has_name(&told, "changed") || has_name(&told, "refused"));
	swaprig_install(rig, "v2", false);
	told = reload(rig);
	assert_true(has_name(&told, "changed"));
	assert_false(has_name(&told, "refused"));
	assert_string_equal(first_degraded(rig), "");
	swaprig_write(rig->plan, "prepare");
	swaprig_install(rig, "v3", false);
	told = reload(rig);
	assert_true(has_name(&told, "refused"));
	assert_false(has_name(&told, "changed"));
	assert_non_null(strstr(first_degraded(rig), "driver swap is refused"));
	/* What serves is installed again: all is well. */
	swaprig_install(rig, "v2", false);
	told = reload(rig);
	assert_false(has_name(&told, "changed") || has_name(&told, "refused"));
	assert_string_equal(first_degraded(rig), "");
	assert_int_equal(unlink(rig->driver), 0);
	told = reload(rig);
	assert_true(has_name(&told, "changed"));
	assert_non_null(strstr(first_degraded(rig), "driver swap has no file any more"));
	told = reload(rig);
	assert_false(has_name(&told, "changed") || has_name(&told, "refused"));
}

/* LD_LIBRARY_PATH of this process, see main(). */
static void a_driver_whose_library_comes_later_is_tried_again(void **state)
{
	struct swaprig *rig = *state;
	char library[256];

	(void)snprintf(library, sizeof(library), "%s/ld-linux-late.so", getenv("LD_LIBRARY_PATH"));
	swaprig_install(rig, "late", false);
	const char *said = swaprig_reload(rig);
	if (!strstr(said, "ld-linux-late.so"))
		fail_msg("the reload said: %s", said);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "version"), 1);
	assert_int_equal(symlink(SWAP_DRIVERS_DIR "/ld-linux-late.so", library), 0);
	said = swaprig_reload(rig);
	if (!strstr(said, "swapped"))
		fail_msg("the reload said: %s", said);
	assert_int_equal(swaprig_info(rig, "n1", "e1", "version"), 6);
	assert_int_equal(unlink(library), 0);
}

/* --- the programs --- */

static int set_up_daemon(void **state)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	netns_enter_fresh();
	daemon_set_up(daemon, NULL);
	*state = daemon;
	return 0;
}

static int tear_down_daemon(void **state)
{
	const struct daemon *daemon = *state;
	char dir[128];

	(void)snprintf(dir, sizeof(dir), "%s/state", daemon->dir);
	if (daemon->pid > 0)
		(void)daemon_stop(*state, SIGKILL);
	(void)umount2(dir, MNT_DETACH); /* of the test that mounts one, if it failed */
	daemon_tear_down(*state);
	free(*state);
	return 0;
}

static void put(const char *path, const void *bytes, size_t size)
{
	char temporary[160];

	(void)snprintf(temporary, sizeof(temporary), "%s.new", path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(close(fd), 0);
	assert_int_equal(rename(temporary, path), 0);
}

/* A copy of the null driver, whose note may be of another ABI major. */
static void put_null(const char *path, uint32_t major)
{
	struct source source = {0};
	struct elf_report report = {0};
	struct ndrv_error err = {0};

	assert_ok(source_read(BUILT_DRIVERS "/null.so", NULL, &source, &err), &err);
	assert_ok(elf_inspect(source.bytes, source.size, &report, &err), &err);
	unsigned char *note = memmem(source.bytes, source.size, report.note_raw, report.note_bytes);
	assert_non_null(note);
	memcpy(note + offsetof(struct ndrv_note, abi_major), &major, sizeof(major));
	put(path, source.bytes, source.size);
	elf_report_clear(&report);
	source_clear(&source);
}

static int ctl(struct daemon *daemon, char *out, size_t room, const char *one, const char *two)
{
	return daemon_ctl(daemon, out, room, one, two, NULL);
}

static void an_abi_in_use_is_not_given_up(void **state)
{
	struct daemon *daemon = *state;
	char file[128], out[4096];

	(void)snprintf(file, sizeof(file), "%s/vendor.so", daemon->dir);
	put_null(file, 1);
	daemon_add_driver(daemon, "vendor", file, NULL);
	assert_int_equal(ctl(daemon, NULL, 0, "check-abi", "2"), 1);
	daemon_start(daemon);
	/* Not in use: it goes with its ABI. */
	assert_int_equal(ctl(daemon, NULL, 0, "check-abi", "2"), 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	assert_int_equal(ctl(daemon, NULL, 0, "check-abi", "1"), 0);
	assert_int_equal(ctl(daemon, NULL, 0, "check-abi", "1.0"), 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "check-abi", "2.0", "1.7", NULL), 0);
	assert_int_equal(ctl(daemon, NULL, 0, "check-abi", "1.x"), 2);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "check-abi", "2", "3.1", NULL), 4);
	assert_non_null(strstr(out, "driver vendor 0.1.0, which serves 1 networks with 0 endpoints, needs driver ABI 1.0"));
	/* The same seen by a program that is to take over: what is installed is of an ABI that it does not know. */
	put_null(file, 2);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "reexec", NULL), 4);
	assert_non_null(strstr(out, "which network type null needs, is refused"));
	assert_non_null(strstr(out, "driver ABI 2.0"));
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "inspect", "n1", NULL), 0);
}

static void a_reload_for_a_package_says_what_changed_only(void **state)
{
	struct daemon *daemon = *state;
	char file[128], out[4096];

	(void)snprintf(file, sizeof(file), "%s/vendor.so", daemon->dir);
	daemon_start(daemon);
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_string_equal(out, "");
	assert_int_equal(ctl(daemon, out, sizeof(out), "status", "--check"), 0);
	assert_string_equal(out, "");
	put_null(file, 1);
	daemon_add_driver(daemon, "vendor", file, NULL);
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_string_equal(out, "driver vendor: loaded\n");
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_string_equal(out, "");
	put_null(file, 2);
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), DEGRADED);
	assert_string_equal(out, ""); /* on standard error */
	assert_int_equal(ctl(daemon, out, sizeof(out), "status", "--check"), DEGRADED);
	assert_non_null(strstr(out, "driver vendor is refused"));
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "status", NULL), 0);
	assert_non_null(strstr(out, "degraded"));
	/* The former one serves, from a start on as well. */
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
}

static void get(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t got = read(fd, text, room - 1);
	assert_true(got >= 0);
	text[got] = '\0';
	(void)close(fd);
}

static int pin(struct daemon *daemon, const char *dir, const char *remove)
{
	return daemon_ctl(daemon, NULL, 0, "driver", "pin", "null", "--dir", dir, remove, NULL);
}

/* Other bytes that do the same: what stands behind the last section is loaded by nobody. */
static void change_null(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, "more", 4), 4);
	(void)close(fd);
}

static void a_pin_is_kept_beside_what_the_administrator_wrote(void **state)
{
	struct daemon *daemon = *state;
	char file[128], dir[128], descriptor[160], own[160], text[1024], expected[1024], out[8192];
	static const char vendor[] = "critical: no\n# the vendor's word\n";

	(void)snprintf(file, sizeof(file), "%s/null.so", daemon->dir);
	(void)snprintf(dir, sizeof(dir), "%s/etc", daemon->dir);
	(void)snprintf(descriptor, sizeof(descriptor), "%s/drivers.d/vendor.yaml", daemon->dir);
	(void)snprintf(own, sizeof(own), "%s/vendor.yaml", dir);
	put_null(file, 1);
	daemon_add_driver(daemon, "vendor", file, vendor);
	daemon_start(daemon);
	/* A copy of the package's, and away with it. */
	assert_int_equal(pin(daemon, dir, NULL), 0);
	get(own, text, sizeof(text));
	assert_non_null(strstr(text, "# the vendor's word\n"));
	assert_non_null(strstr(text, "\nsha256: "));
	assert_int_equal(pin(daemon, dir, "--remove"), 0);
	assert_int_equal(access(own, F_OK), -1);
	/* What was there already, comments and all. */
	(void)snprintf(expected, sizeof(expected), "# mine\nfile: %s\nsha256:  # two\n  - %064d\n- %064d\n# more\ncritical: yes",
		       file, 1, 2);
	put(own, expected, strlen(expected));
	assert_int_equal(pin(daemon, dir, NULL), 0);
	get(own, text, sizeof(text));
	(void)snprintf(expected, sizeof(expected), "# mine\nfile: %s\nsha256: ", file);
	assert_memory_equal(text, expected, strlen(expected));
	assert_string_equal(text + strlen(expected) + 64, "\n# more\ncritical: yes");
	assert_int_equal(pin(daemon, dir, "--remove"), 0);
	get(own, text, sizeof(text));
	(void)snprintf(expected, sizeof(expected), "# mine\nfile: %s\n# more\ncritical: yes", file);
	assert_string_equal(text, expected);
	put(own, "{file: x}\n", 10);
	assert_int_equal(pin(daemon, dir, NULL), 4);
	assert_int_equal(unlink(own), 0);
	assert_int_equal(rmdir(dir), 0);
	/* Into the directory that the host reads. */
	(void)snprintf(dir, sizeof(dir), "%s/drivers.d", daemon->dir);
	assert_int_equal(pin(daemon, dir, NULL), 0);
	assert_int_equal(ctl(daemon, NULL, 0, "reload", "--from-package"), 0);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "driver", "inspect", "null", NULL), 0);
	const char *pins = strstr(out, "\"pins\": [");
	assert_non_null(pins);
	assert_non_null(strpbrk(pins + 9, "0123456789abcdef"));
	change_null(file);
	assert_int_equal(ctl(daemon, NULL, 0, "reload", "--from-package"), DEGRADED);
	assert_int_equal(ctl(daemon, out, sizeof(out), "status", "--check"), DEGRADED);
	assert_non_null(strstr(out, "the configuration asks for another: put this one into its descriptor"));
	assert_int_equal(pin(daemon, dir, "--remove"), 0);
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_non_null(strstr(out, "driver vendor: swapped"));
}

static void force_takes_a_driver_without_a_file_away_with_its_networks(void **state)
{
	struct daemon *daemon = *state;
	char file[128], out[8192];

	(void)snprintf(file, sizeof(file), "%s/vendor.so", daemon->dir);
	put_null(file, 1);
	daemon_add_driver(daemon, "vendor", file, NULL);
	daemon_start(daemon);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_non_null(strstr(out, "driver vendor: stays until its last network goes"));
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "driver", "unload", "null", NULL), 4);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "driver", "unload", "--force", "null", NULL), 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "driver", "inspect", "null", NULL), 3);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "inspect", "n1", NULL), 3);
	assert_int_equal(ctl(daemon, out, sizeof(out), "status", "--check"), 0);
}

/* Which of two descriptors of a name counts is test_config_files' to show. */
static void a_mask_outlives_the_drivers_upgrade(void **state)
{
	struct daemon *daemon = *state;
	char file[128], out[8192];

	(void)snprintf(file, sizeof(file), "%s/vendor.so", daemon->dir);
	put_null(file, 1);
	daemon_add_driver(daemon, "vendor", file, "enabled: no\n");
	daemon_start(daemon);
	change_null(file);
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_string_equal(out, "");
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "driver", "inspect", "null", NULL), 3);
}

static void a_changed_descriptor_reaches_the_driver(void **state)
{
	struct daemon *daemon = *state;
	char out[4096];

	daemon_add_driver(daemon, "overlay", BUILT_DRIVERS "/overlay.so", NULL);
	daemon_start(daemon);
	daemon_add_driver(daemon, "overlay", BUILT_DRIVERS "/overlay.so", "config: {local_address: 192.0.2.1}\n");
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_string_equal(out, "driver overlay: configured anew\n");
	daemon_add_driver(daemon, "overlay", BUILT_DRIVERS "/overlay.so", "config: {no_such_key: 1}\n");
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), DEGRADED);
	assert_int_equal(ctl(daemon, out, sizeof(out), "status", "--check"), DEGRADED);
	assert_non_null(strstr(out, "no_such_key"));
	/* It is not forgotten by asking again. */
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), DEGRADED);
	daemon_add_driver(daemon, "overlay", BUILT_DRIVERS "/overlay.so", "config: {local_address: 192.0.2.1}\n");
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_int_equal(ctl(daemon, out, sizeof(out), "status", "--check"), 0);
}

/* Images come from sealed memory there, those of the host's own copies as well. */
static void a_state_directory_without_exec_is_no_hindrance(void **state)
{
	struct daemon *daemon = *state;
	char dir[128], file[128], out[8192];

	(void)snprintf(file, sizeof(file), "%s/vendor.so", daemon->dir);
	(void)snprintf(dir, sizeof(dir), "%s/state", daemon->dir);
	assert_true(mkdir(dir, 0700) == 0 || errno == EEXIST);
	assert_int_equal(mount("none", dir, "tmpfs", MS_NOEXEC, "size=32m,mode=0700"), 0);
	put_null(file, 1);
	daemon_add_driver(daemon, "vendor", file, NULL);
	daemon_start(daemon);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "n1", "-d", "null", NULL), 0);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "driver", "inspect", "null", NULL), 0);
	assert_non_null(strstr(out, "\"image\": \"/proc/self/fd/"));
	change_null(file);
	assert_int_equal(ctl(daemon, out, sizeof(out), "reload", "--from-package"), 0);
	assert_non_null(strstr(out, "driver vendor: swapped"));
	assert_int_equal(unlink(file), 0);
	(void)daemon_stop(daemon, SIGKILL);
	daemon_start(daemon);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "network", "inspect", "n1", NULL), 0);
	assert_non_null(strstr(out, "\"driver_loaded\": true"));
	assert_int_equal(ctl(daemon, out, sizeof(out), "status", "--check"), DEGRADED);
	(void)daemon_stop(daemon, SIGKILL);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

static int listen_for_status(const struct daemon *daemon)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", daemon->dir);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
	return fd;
}

/* The next message that begins with STATUS=. */
static void next_status(int fd, char *text, size_t room)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	do {
		assert_int_equal(poll(&ready, 1, 20000), 1);
		ssize_t got = recv(fd, text, room - 1, 0);
		assert_true(got > 0);
		text[got] = '\0';
	} while (strncmp(text, "STATUS=", 7) != 0);
}

static void the_service_manager_is_told_what_is_wrong(void **state)
{
	struct daemon *daemon = *state;
	char file[128], text[512];
	int fd = listen_for_status(daemon);

	daemon_start(daemon);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	next_status(fd, text, sizeof(text));
	assert_string_equal(text, "STATUS=serving");
	(void)snprintf(file, sizeof(file), "%s/vendor.so", daemon->dir);
	daemon_add_driver(daemon, "vendor", file, NULL);
	assert_int_equal(ctl(daemon, NULL, 0, "reload", "--from-package"), DEGRADED);
	next_status(fd, text, sizeof(text));
	assert_non_null(strstr(text, "STATUS=degraded: driver vendor is refused"));
	put_null(file, 1);
	assert_int_equal(ctl(daemon, NULL, 0, "reload", "--from-package"), 0);
	next_status(fd, text, sizeof(text));
	assert_string_equal(text, "STATUS=serving");
	(void)close(fd);
}

/* The dynamic loader looks at LD_LIBRARY_PATH only as the process begins. */
static void begin_with_library_path(char **argv)
{
	char dir[] = "/tmp/ndrv-late-XXXXXX";

	if (getenv("NDRV_TEST_LATE"))
		return;
	if (!mkdtemp(dir) || setenv("LD_LIBRARY_PATH", dir, 1) || setenv("NDRV_TEST_LATE", "1", 1))
		_exit(1);
	(void)execv("/proc/self/exe", argv);
	_exit(1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define DAEMON(name) cmocka_unit_test_setup_teardown(name, set_up_daemon, tear_down_daemon)
		TEST(a_reload_says_which_drivers_changed_and_which_were_refused),
		TEST(a_driver_whose_library_comes_later_is_tried_again),
		DAEMON(an_abi_in_use_is_not_given_up),
		DAEMON(a_reload_for_a_package_says_what_changed_only),
		DAEMON(a_pin_is_kept_beside_what_the_administrator_wrote),
		DAEMON(force_takes_a_driver_without_a_file_away_with_its_networks),
		DAEMON(a_mask_outlives_the_drivers_upgrade),
		DAEMON(a_changed_descriptor_reaches_the_driver),
		DAEMON(a_state_directory_without_exec_is_no_hindrance),
		DAEMON(the_service_manager_is_told_what_is_wrong),
	};

	(void)argc;
	begin_with_library_path(argv);
	netns_need();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(getenv("LD_LIBRARY_PATH"));
	return failed;
}
