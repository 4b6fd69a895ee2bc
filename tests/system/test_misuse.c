/* SPDX-License-Identifier: Apache-2.0 */
/* The whole host, misused: each wrong request gets a typed error and changes nothing, in the records or in the kernel. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

#define REPLY_BYTES 65536u

struct fixture {
	struct daemon daemon;
	struct netns sandbox;
	char before[2][REPLY_BYTES];
	uint32_t links_before, sandbox_links_before;
};

/* What must be the same after a refused request. */
static void look(struct fixture *fixture, char out[2][REPLY_BYTES], uint32_t *links, uint32_t *sandbox_links)
{
	assert_int_equal(daemon_ctl(&fixture->daemon, out[0], REPLY_BYTES, "--json", "network", "ls", NULL), 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, out[1], REPLY_BYTES, "--json", "endpoint", "ls", NULL), 0);
	*links = netns_link_count(NULL);
	*sandbox_links = netns_link_count(&fixture->sandbox);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	netns_enter_fresh();
	netns_new(&fixture->sandbox);
	daemon_set_up(&fixture->daemon, NULL);
	daemon_add_driver(&fixture->daemon, "bridge", BUILT_DRIVERS "/bridge.so", NULL);
	daemon_add_driver(&fixture->daemon, "null", BUILT_DRIVERS "/null.so", NULL);
	daemon_add_driver(&fixture->daemon, "host", BUILT_DRIVERS "/host.so", NULL);
	daemon_start(&fixture->daemon);
	assert_int_equal(
		daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "web", "-d", "bridge", "--subnet", "10.70.0.0/24", NULL),
		0);
	look(fixture, fixture->before, &fixture->links_before, &fixture->sandbox_links_before);
	*state = fixture;
	return 0;
}

static void nothing_changed(struct fixture *fixture)
{
	static char after[2][REPLY_BYTES];
	uint32_t links, sandbox_links;

	look(fixture, after, &links, &sandbox_links);
	assert_string_equal(fixture->before[0], after[0]);
	assert_string_equal(fixture->before[1], after[1]);
	assert_int_equal(fixture->links_before, links);
	assert_int_equal(fixture->sandbox_links_before, sandbox_links);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	daemon_tear_down(&fixture->daemon);
	netns_free(&fixture->sandbox);
	free(fixture);
	return 0;
}

/* The command is refused with this exit status and a text that has `part`, and nothing changed. */
#define refused(fixture, status_, part, ...)                                                                \
	do {                                                                                                \
		static char out_[REPLY_BYTES];                                                              \
		int got_ = daemon_ctl(&(fixture)->daemon, out_, sizeof(out_), "--json", __VA_ARGS__, NULL); \
		if (got_ != (status_) || !strstr(out_, (part)))                                             \
			fail_msg("%s: exit status %d, %s", #__VA_ARGS__, got_, out_);                       \
		nothing_changed(fixture);                                                                   \
	} while (0)

static void networks_that_cannot_be_are_refused(void **state)
{
	struct fixture *fixture = *state;

	refused(fixture, 4, "10.70.0.0/24", "network", "create", "b", "-d", "bridge", "--subnet", "10.70.0.0/25");
	refused(fixture, 4, "10.70.0.0/24", "network", "create", "b", "-d", "bridge", "--subnet", "10.0.0.0/8");
	refused(fixture, 4, "web", "network", "create", "web", "-d", "bridge", "--subnet", "10.71.0.0/24");
	refused(fixture, 6, "multicast", "network", "create", "b", "-d", "bridge", "--subnet", "224.1.0.0/24");
	refused(fixture, 6, "loopback", "network", "create", "b", "-d", "bridge", "--subnet", "127.0.0.0/8");
	refused(fixture, 6, "every interface's own", "network", "create", "b", "-d", "bridge", "--subnet", "fe80::/64");
	refused(fixture, 6, "ipv6 is not on", "network", "create", "b", "-d", "bridge", "--no-ipv4");
	refused(fixture, 6, "there is a pool of IPv4", "network", "create", "b", "-d", "bridge", "--no-ipv4", "--subnet",
		"10.71.0.0/24");
	refused(fixture, 3, "nosuch", "network", "create", "b", "-d", "nosuch");
	refused(fixture, 6, "gateway", "network", "create", "b", "-d", "bridge", "--subnet", "10.71.0.0/24", "--gateway",
		"10.72.0.1");
	refused(fixture, 2, "fd00::1", "network", "create", "b", "-d", "bridge", "--subnet", "10.71.0.0/24", "--gateway",
		"fd00::1");
	refused(fixture, 6, "range", "network", "create", "b", "-d", "bridge", "--subnet", "10.71.0.0/24", "--ip-range",
		"10.99.0.0/25");
	refused(fixture, 6, "", "network", "create", "b", "-d", "bridge", "--subnet", "10.71.0.0/24", "--aux-address",
		"x=10.99.0.3");
	refused(fixture, 6, "mtu", "network", "create", "b", "-d", "bridge", "-o", "com.docker.network.driver.mtu=many");
	refused(fixture, 6, "MTU", "network", "create", "b", "-d", "bridge", "-o", "com.docker.network.driver.mtu=-1");
	refused(fixture, 6, "", "network", "create", "b", "-d", "bridge", "-o",
		"com.docker.network.bridge.name=name-that-is-too-long");
	refused(fixture, 6, "", "network", "create", "b", "-d", "bridge", "-o", "com.docker.network.bridge.name=a/b");
}

static void sandboxes_that_are_none_are_refused(void **state)
{
	struct fixture *fixture = *state;
	char path[128], fifo[128];

	(void)snprintf(path, sizeof(path), "%s/file", fixture->daemon.dir);
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", fixture->daemon.dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refused(fixture, 6, "file", "network", "connect", "web", "--netns", path);
	refused(fixture, 6, "fifo", "network", "connect", "web", "--netns", fifo);
	refused(fixture, 6, "/tmp", "network", "connect", "web", "--netns", "/tmp");
	refused(fixture, 3, "no-such-netns", "network", "connect", "web", "--netns", "/run/netns/no-such-netns");
	/* The host's own namespace, by path and by pid. */
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)fixture->daemon.pid);
	refused(fixture, 6, "own", "network", "connect", "web", "--netns", path);
	(void)snprintf(path, sizeof(path), "%d", (int)fixture->daemon.pid);
	refused(fixture, 6, "own", "network", "connect", "web", "--pid", path);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)fixture->daemon.pid);
	refused(fixture, 6, "", "network", "connect", "web", "--netns", path);
	refused(fixture, 3, "", "network", "connect", "web", "--pid", "4194303");
}

static void endpoints_that_cannot_be_are_refused(void **state)
{
	struct fixture *fixture = *state;
	const char *sandbox = fixture->sandbox.path;

	refused(fixture, 3, "nosuch", "network", "connect", "nosuch", "--netns", sandbox);
	refused(fixture, 6, "10.99.0.7", "network", "connect", "web", "--netns", sandbox, "--ip", "10.99.0.7");
	refused(fixture, 4, "10.70.0.1", "network", "connect", "web", "--netns", sandbox, "--ip", "10.70.0.1");
	refused(fixture, 6, "", "network", "connect", "web", "--netns", sandbox, "--ip", "fd00::7");
	refused(fixture, 6, "", "network", "connect", "web", "--netns", sandbox, "--ip6", "fd00::7");
	refused(fixture, 6, "", "network", "connect", "web", "--netns", sandbox, "--mac", "01:00:5e:00:00:01");
	refused(fixture, 6, "", "network", "connect", "web", "--netns", sandbox, "--mac", "00:00:00:00:00:00");
	refused(fixture, 6, "", "network", "connect", "web", "--netns", sandbox, "--ifname", "a b");
	refused(fixture, 6, "", "network", "connect", "web", "--netns", sandbox, "--ifname", "lo");
	refused(fixture, 6, "", "network", "connect", "web", "--netns", sandbox, "--ifname", "x%d");
	refused(fixture, 2, "70000", "network", "connect", "web", "--netns", sandbox, "-p", "70000:80");
	refused(fixture, 6, "203.0.113.9", "network", "connect", "web", "--netns", sandbox, "-p", "203.0.113.9:8080:80");
	refused(fixture, 3, "nobody", "network", "disconnect", "web", "nobody");
	refused(fixture, 3, "nosuch", "network", "rm", "nosuch");
}

static void a_taken_interface_name_undoes_the_whole_connect(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "web", "--netns", fixture->sandbox.path,
				    "--endpoint", "one", "--ifname", "net0", NULL),
			 0);
	look(fixture, fixture->before, &fixture->links_before, &fixture->sandbox_links_before);
	refused(fixture, 4, "net0", "network", "connect", "web", "--netns", fixture->sandbox.path, "--endpoint", "two", "--ifname",
		"net0");
	refused(fixture, 4, "one", "network", "connect", "web", "--netns", fixture->sandbox.path, "--endpoint", "one");
	refused(fixture, 4, "active endpoints", "network", "rm", "web");
	assert_true(netns_ping(&fixture->sandbox, "10.70.0.1"));
}

static void a_network_can_do_without_ipv4(void **state)
{
	struct fixture *fixture = *state;
	struct netns other;
	char out[REPLY_BYTES];

	netns_new(&other);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "six", "-d", "bridge", "--no-ipv4", "--subnet",
				    "fd70::/64", NULL),
			 0);
	assert_int_equal(
		daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "auto", "-d", "bridge", "--no-ipv4", "--ipv6", NULL), 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, out, sizeof(out), "--json", "network", "inspect", "auto", NULL), 0);
	assert_null(strstr(out, "172."));
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "six", "--netns", fixture->sandbox.path, NULL),
			 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "six", "--netns", other.path, NULL), 0);
	assert_true(netns_has_address(&other, "eth0", "fd70::3/64"));
	assert_true(netns_has_route(&other, "::/0", "fd70::1", "eth0"));
	assert_true(netns_ping(&other, "fd70::2"));
	netns_free(&other);
}

/* What somebody took away behind the host's back is named, and a restart or a deletion gets over it. */
static void links_deleted_by_hand_are_named_and_can_be_cleaned_up(void **state)
{
	struct fixture *fixture = *state;
	struct netns other;
	struct ndrv_error error = {0};

	netns_new(&other);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "b", "-d", "bridge", "--subnet", "10.71.0.0/24",
				    "-o", "com.docker.network.bridge.name=mine", NULL),
			 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "b", "--netns", fixture->sandbox.path, NULL),
			 0);
	struct ndrv_nl *nl = netns_nl(NULL);
	assert_ok(ndrv_link_delete(nl, "mine", 0, &error), &error);
	ndrv_nl_close(nl);
	look(fixture, fixture->before, &fixture->links_before, &fixture->sandbox_links_before);
	refused(fixture, 3, "no interface mine", "network", "connect", "b", "--netns", other.path);

	/* Made again, with the ports it had. */
	(void)daemon_stop(&fixture->daemon, SIGTERM);
	daemon_start(&fixture->daemon);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "b", "--netns", other.path, NULL), 0);
	assert_true(netns_ping(&other, "10.71.0.2"));

	/* One end of a pair, then a whole namespace. */
	nl = netns_nl(&other);
	assert_ok(ndrv_link_delete(nl, "eth0", 0, &error), &error);
	ndrv_nl_close(nl);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "disconnect", "b", "--netns", other.path, NULL), 0);
	assert_int_equal(
		daemon_ctl(&fixture->daemon, NULL, 0, "network", "connect", "b", "--netns", other.path, "--endpoint", "last", NULL),
		0);
	netns_free(&other);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "disconnect", "b", "last", NULL), 0);
	assert_int_equal(
		daemon_ctl(&fixture->daemon, NULL, 0, "network", "disconnect", "b", "--netns", fixture->sandbox.path, NULL), 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "rm", "b", "web", NULL), 0);
	assert_int_equal(netns_link_count(NULL), 1);
}

/* An automatic pool keeps clear of what the host reaches otherwise: routes, and pools of other networks. */
static void automatic_pools_avoid_the_routes_of_the_host(void **state)
{
	struct fixture *fixture = *state;
	char out[REPLY_BYTES];
	struct ndrv_error error = {0};
	struct ndrv_prefix taken;
	struct ndrv_link made;

	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "first", "-d", "bridge", NULL), 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, out, sizeof(out), "--json", "network", "inspect", "first", NULL), 0);
	assert_non_null(strstr(out, "172.17.0.0/16"));
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "rm", "first", NULL), 0);

	assert_ok(ndrv_prefix_parse("172.17.5.1/24", &taken, &error), &error);
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "uplink", .up = 1};
	struct ndrv_nl *nl = netns_nl(NULL);
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &made, &error), &error);
	assert_ok(ndrv_address_add(nl, "uplink", made.index, &taken, &error), &error);
	ndrv_nl_close(nl);
	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "second", "-d", "bridge", NULL), 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, out, sizeof(out), "--json", "network", "inspect", "second", NULL), 0);
	assert_non_null(strstr(out, "172.18.0.0/16"));
}

static void networks_of_null_and_host_are_single_and_stay(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(daemon_ctl(&fixture->daemon, NULL, 0, "network", "create", "none", "-d", "null", NULL), 0);
	look(fixture, fixture->before, &fixture->links_before, &fixture->sandbox_links_before);
	refused(fixture, 4, "only one instance of \\\"null\\\" network is allowed", "network", "create", "none2", "-d", "null");
	refused(fixture, 4, "cannot be deleted", "network", "rm", "none");
}

/* A user who is neither root nor in the group gets nothing but a typed refusal. */
static void strangers_are_refused(void **state)
{
	struct fixture *fixture = *state;
	char out[4096] = "";
	int fds[2], status;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(chmod(fixture->daemon.socket, 0666), 0);
	/* Opened before the rights go: the build may lie where only root may look. */
	int program = open(TEST_NDRVCTL, O_RDONLY | O_CLOEXEC);
	assert_true(program >= 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *const arguments[] = {
			(char[]){"ndrvctl"}, (char[]){"--socket"}, fixture->daemon.socket, (char[]){"--json"}, (char[]){"network"},
			(char[]){"create"},  (char[]){"b"},	   (char[]){"-d"},	   (char[]){"bridge"}, NULL};
		if (setgroups(0, NULL) || setgid(65534) || setuid(65534) || dup2(fds[1], 1) < 0)
			_exit(126);
		(void)fexecve(program, arguments, environ);
		_exit(127);
	}
	(void)close(fds[1]);
	(void)close(program);
	ssize_t bytes = read(fds[0], out, sizeof(out) - 1);
	assert_true(bytes > 0);
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 4);
	assert_non_null(strstr(out, "PERMISSION"));
	nothing_changed(fixture);
}

static void a_bad_configuration_leaves_the_running_one(void **state)
{
	struct fixture *fixture = *state;
	char path[128], out[4096];

	(void)snprintf(path, sizeof(path), "%s/drivers.d/acme.yaml", fixture->daemon.dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "file: acme.so\nnosuchkey: 1\n", 27), 27);
	(void)close(fd);
	assert_int_equal(daemon_ctl(&fixture->daemon, out, sizeof(out), "--json", "reload", NULL), 6);
	assert_non_null(strstr(out, "acme.yaml:2:1"));
	nothing_changed(fixture);
	/* SIGHUP does the same and the host goes on. */
	assert_int_equal(kill(fixture->daemon.pid, SIGHUP), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(daemon_ctl(&fixture->daemon, out, sizeof(out), "--json", "reload", NULL), 0);
	nothing_changed(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(networks_that_cannot_be_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sandboxes_that_are_none_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(endpoints_that_cannot_be_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_taken_interface_name_undoes_the_whole_connect, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_network_can_do_without_ipv4, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links_deleted_by_hand_are_named_and_can_be_cleaned_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(automatic_pools_avoid_the_routes_of_the_host, set_up, tear_down),
		cmocka_unit_test_setup_teardown(networks_of_null_and_host_are_single_and_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(strangers_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bad_configuration_leaves_the_running_one, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
