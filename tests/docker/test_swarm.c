/* SPDX-License-Identifier: Apache-2.0 */
/* Two machines of a swarm, each in namespaces of its own with a dockerd, an ndrvd and our managed plugin, on one underlay. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netns.h"
#include "tests/lib/test.h"

#define NODES 2
#define OUTPUT 65536
#define PATIENCE 250 /* tenths of a second: only a test that fails waits for so long */

struct machine {
	pid_t holder, ndrvd, dockerd; /* holder: keeps the namespaces */
	unsigned number;
	char dir[64];
};

static struct machine machines[NODES];
static struct machine *const manager = &machines[0], *const worker = &machines[1];

/* --- commands --- */

static const char *vshell(int *ret_status, const char *fmt, va_list ap) NDRV_PRINTF(2, 0);
static const char *vshell(int *ret_status, const char *fmt, va_list ap)
{
	static char text[OUTPUT];
	char command[2048];

	(void)vsnprintf(command, sizeof(command), fmt, ap);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	text[fread(text, 1, sizeof(text) - 1, pipe)] = '\0';
	int status = pclose(pipe);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	return text;
}

static const char *shell(int *ret_status, const char *fmt, ...) NDRV_PRINTF(2, 3);
static const char *shell(int *ret_status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	const char *text = vshell(ret_status, fmt, ap);
	va_end(ap);
	return text;
}

/* On that machine; without single quotes. */
static const char *vtry_on(const struct machine *machine, int *ret_status, const char *fmt, va_list ap) NDRV_PRINTF(3, 0);
static const char *vtry_on(const struct machine *machine, int *ret_status, const char *fmt, va_list ap)
{
	char command[1536];

	(void)vsnprintf(command, sizeof(command), fmt, ap);
	return shell(ret_status, "nsenter -t %d -m -n -i -u sh -c '%s' 2>&1", (int)machine->holder, command);
}

/* What it said; it must succeed. */
static const char *on(const struct machine *machine, const char *fmt, ...) NDRV_PRINTF(2, 3);
static const char *on(const struct machine *machine, const char *fmt, ...)
{
	int status;
	va_list ap;

	va_start(ap, fmt);
	const char *text = vtry_on(machine, &status, fmt, ap);
	va_end(ap);
	if (status)
		fail_msg("machine %u: %s: exit status %d: %s", machine->number, fmt, status, text);
	return text;
}

static void doze(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

/* Waits until the command succeeds. */
static void until(const struct machine *machine, const char *fmt, ...) NDRV_PRINTF(2, 3);
static void until(const struct machine *machine, const char *fmt, ...)
{
	const char *text = "";
	int status = 1;

	for (int i = 0; i < PATIENCE && status; i++) {
		va_list ap;

		va_start(ap, fmt);
		text = vtry_on(machine, &status, fmt, ap);
		va_end(ap);
		if (status)
			doze();
	}
	if (status)
		fail_msg("machine %u: %s: still exit status %d: %s", machine->number, fmt, status, text);
}

#define CTL TEST_NDRVCTL " --socket /run/ndrv/control.sock "

/* --- machines --- */

static pid_t spawn(const struct machine *machine, const char *command)
{
	char line[1024], pid[16];
	pid_t child = fork();

	assert_true(child >= 0);
	if (child)
		return child;
	(void)snprintf(line, sizeof(line), "exec %s", command);
	(void)snprintf(pid, sizeof(pid), "%d", (int)machine->holder);
	if (machine->holder)
		(void)execlp("nsenter", "nsenter", "-t", pid, "-m", "-n", "-i", "-u", "sh", "-c", line, (char *)NULL);
	else
		(void)execlp("unshare", "unshare", "-m", "-n", "-i", "-u", "--propagation", "private", "sh", "-ec", command,
			     (char *)NULL);
	_exit(127);
}

static void start_ndrvd(struct machine *machine)
{
	char command[512];

	(void)snprintf(command, sizeof(command),
		       TEST_NDRVD " --config %s/ndrvd.yaml --state-dir %s/state --runtime-dir /run/ndrv --drivers-d %s/drivers.d "
				  ">>%s/ndrvd.log 2>&1",
		       machine->dir, machine->dir, machine->dir, machine->dir);
	machine->ndrvd = spawn(machine, command);
	until(machine, CTL "status");
}

static void start_dockerd(struct machine *machine)
{
	char command[256];

	(void)snprintf(command, sizeof(command),
		       "dockerd --storage-driver=vfs --bridge=none --exec-root=/run/docker >>%s/dockerd.log 2>&1", machine->dir);
	machine->dockerd = spawn(machine, command);
	until(machine, "docker version");
}

static void end(pid_t *pid, int signal)
{
	if (*pid <= 0)
		return;
	(void)kill(*pid, signal);
	(void)waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void furnish(struct machine *machine)
{
	char command[1536];
	const char *dir = machine->dir;

	(void)snprintf(command, sizeof(command),
		       "cd %s; hostname h%u; mkdir cgroup docker containerd etc root root/bin root/tmp state drivers.d; "
		       "mount --rbind /sys/fs/cgroup cgroup; mount -t sysfs sysfs /sys; mount --rbind cgroup /sys/fs/cgroup; "
		       "mount -t tmpfs tmpfs /run; mkdir -p /run/lock /run/ndrv /var/lib/docker /var/lib/containerd /etc/docker; "
		       "mount --bind docker /var/lib/docker; mount --bind containerd /var/lib/containerd; "
		       "mount --bind etc /etc/docker; ip link set lo up; "
		       "echo \"docker: {expose: {ndrv-overlay: {type: overlay, scope: global, connectivity_scope: global, "
		       "managed: yes}}}\" >ndrvd.yaml; "
		       "echo \"file: " BUILT_DRIVERS "/overlay.so\" >drivers.d/overlay.yaml; "
		       "cp /bin/busybox root/bin/; for a in sh ip ping sleep cat; do ln -s busybox root/bin/$a; done; "
		       "touch ready; exec sleep infinity",
		       dir, machine->number);
	machine->holder = spawn(machine, command);
}

static void set_up(struct machine *machine, unsigned number)
{
	int status = 1;

	*machine = (struct machine){.number = number};
	(void)snprintf(machine->dir, sizeof(machine->dir), "/var/tmp/ndrv-swarm-XXXXXX");
	assert_non_null(mkdtemp(machine->dir));
	furnish(machine);
	for (int i = 0; i < PATIENCE && access(machine->dir, F_OK) == 0 && status; i++, doze())
		(void)shell(&status, "test -e %s/ready", machine->dir);
	assert_int_equal(status, 0);
	(void)shell(
		&status,
		"ip link add port%u type veth peer name eth0 netns %d && ip link set port%u master wire && ip link set port%u up",
		number, (int)machine->holder, number, number);
	assert_int_equal(status, 0);
	on(machine, "ip addr add 192.0.2.%u/24 dev eth0 && ip link set eth0 up", number);
	start_ndrvd(machine);
	start_dockerd(machine);
	on(machine, "tar -C %s/root -c . | docker import -c \"CMD [\\\"sh\\\"]\" - box:1", machine->dir);
	on(machine, DOCKER_PLUGIN " " TEST_FORWARD " ndrv-overlay %s/plugin && docker plugin create ndrv-overlay %s/plugin",
	   machine->dir, machine->dir);
	on(machine, "docker plugin enable ndrv-overlay");
}

static void tear_down(struct machine *machine)
{
	int status;

	if (machine->dockerd)
		(void)shell(&status,
			    "nsenter -t %d -m -n -i -u sh -c 'docker ps -aq | xargs -r docker rm -f; docker swarm leave --force; "
			    "docker plugin disable -f ndrv-overlay' >/dev/null 2>&1",
			    (int)machine->holder);
	end(&machine->dockerd, SIGTERM);
	end(&machine->ndrvd, SIGTERM);
	end(&machine->holder, SIGKILL);
	if (machine->dir[0])
		(void)shell(&status, "rm -rf --one-file-system %s; ip link del port%u 2>/dev/null", machine->dir, machine->number);
}

/* --- what is left --- */

static void nothing_on(const struct machine *machine)
{
	until(machine, "test -z \"$(docker ps -aq)\" && ! docker network ls --format {{.Driver}} | grep -q ndrv");
	until(machine, "! ip -br link | grep -E \"^n[a-zA-Z][a-z0-9]{12}\"");
	until(machine, "! " CTL "network ls | tail -n +2 | grep . && ! " CTL "endpoint ls | tail -n +2 | grep .");
}

static int nothing_is_left(void **state)
{
	int status;

	(void)state;
	for (int i = 0; i < NODES; i++)
		(void)shell(&status, "nsenter -t %d -m -n -i -u sh -c 'docker ps -aq | xargs -r docker rm -f' >/dev/null 2>&1",
			    (int)machines[i].holder);
	(void)shell(&status,
		    "nsenter -t %d -m -n -i -u sh -c 'docker service ls -q | xargs -r docker service rm; for i in $(seq 50); do "
		    "docker network inspect blue && docker network rm blue; docker network inspect blue || break; sleep 0.2; done' "
		    ">/dev/null 2>&1",
		    (int)manager->holder);
	nothing_on(manager);
	nothing_on(worker);
	return 0;
}

static void run(const struct machine *machine, const char *name)
{
	on(machine, "docker run -d --stop-signal KILL --name %s --network blue box:1 sleep 1000", name);
}

static void make_blue(void)
{
	on(manager, "docker network create -d ndrv-overlay:latest --attachable --subnet 10.20.0.0/24 blue");
}

/* Each way, by the name that Docker's DNS knows. */
static void both_talk(void)
{
	until(manager, "docker exec one ping -c 1 -W 2 two");
	until(worker, "docker exec two ping -c 1 -W 2 one");
}

/* --- tests --- */

static void the_plugin_is_disabled_and_enabled_again(void **state)
{
	(void)state;
	assert_non_null(strstr(on(manager, "docker plugin ls --format {{.Name}}:{{.Enabled}}"), "ndrv-overlay:latest:true"));
	on(manager, "docker plugin disable ndrv-overlay");
	on(manager, "test -S /run/ndrv/docker/ndrv-overlay.sock && ! test -e /run/docker/plugins/ndrv-overlay.sock");
	on(manager, "docker plugin enable ndrv-overlay");
}

static void a_swarm_of_one_machine_works(void **state)
{
	(void)state;
	on(manager, "docker swarm init --advertise-addr 192.0.2.1 --listen-addr 192.0.2.1:2377");
	make_blue();
	run(manager, "one");
	on(manager, "docker run --rm --network blue box:1 ping -c 1 -W 3 one");
	assert_non_null(strstr(on(manager, "docker network inspect blue"), "\"peers\": \"flood\""));
}

static void containers_on_two_machines_reach_each_other(void **state)
{
	char token[128];

	(void)state;
	(void)snprintf(token, sizeof(token), "%s", on(manager, "docker swarm join-token -q worker"));
	token[strcspn(token, "\n")] = '\0';
	on(worker, "docker swarm join --advertise-addr 192.0.2.2 --listen-addr 192.0.2.2:2377 --token %s 192.0.2.1:2377", token);
	make_blue();
	run(manager, "one");
	run(worker, "two");
	both_talk();
	/* More than fits into the underlay's packets goes in one piece of what the network has. */
	on(manager, "docker exec one ping -c 1 -W 3 -s 1400 two");
	on(manager, "bridge fdb show | grep -q \"^00:00:00:00:00:00 .*dst 192.0.2.2 \"");
}

static void a_service_is_scaled_and_removed(void **state)
{
	(void)state;
	make_blue();
	run(manager, "one");
	on(manager,
	   "docker service create --detach --stop-signal KILL --endpoint-mode dnsrr --name web --network blue --replicas 2 "
	   "box:1 sleep 1000");
	until(manager, "test $(docker service ps -f desired-state=running web | grep -c Running.*Running) = 2");
	on(manager, "docker service scale -d web=6");
	until(manager, "test $(docker service ps -f desired-state=running web | grep -c Running.*Running) = 6");
	until(worker, "test $(" CTL "endpoint ls | tail -n +2 | grep -c .) -ge 1");
	for (int i = 0; i < 4; i++)
		on(manager, "docker exec one ping -c 1 -W 3 web");
	on(manager, "docker service scale -d web=1");
	until(manager, "test $(docker service ps -f desired-state=running web | grep -c Running.*Running) = 1");
	on(manager, "docker service rm web");
}

static void a_killed_host_loses_no_packet_and_comes_back(void **state)
{
	(void)state;
	make_blue();
	run(manager, "one");
	run(worker, "two");
	both_talk();
	end(&worker->ndrvd, SIGKILL);
	on(manager, "docker exec one ping -c 3 -W 1 two");
	start_ndrvd(worker);
	both_talk();
	on(worker, "bridge fdb show | grep -q \"^00:00:00:00:00:00 .*dst 192.0.2.1 \"");
	on(worker, "docker rm -f two");
	run(worker, "two");
	both_talk();
}

/* What Docker asks meanwhile is held by the forwarder. */
static void a_container_starts_once_the_host_is_back(void **state)
{
	(void)state;
	make_blue();
	run(manager, "one");
	end(&worker->ndrvd, SIGTERM);
	on(worker, "docker run -d --stop-signal KILL --name two --network blue box:1 sleep 1000 >/run/ran 2>&1 & sleep 2; "
		   "! docker ps -q | grep .");
	start_ndrvd(worker);
	both_talk();
}

static void a_restarted_dockerd_starts_its_containers_again(void **state)
{
	(void)state;
	make_blue();
	run(manager, "one");
	run(worker, "two");
	both_talk();
	end(&worker->dockerd, SIGTERM);
	start_dockerd(worker);
	until(worker, "docker start two");
	both_talk();
}

static void ids_are_free_again_with_the_network(void **state)
{
	(void)state;
	make_blue();
	assert_non_null(strstr(on(manager, "docker network inspect blue"), "\"8388608\""));
	end(&manager->ndrvd, SIGKILL);
	start_ndrvd(manager);
	on(manager, "docker network create -d ndrv-overlay:latest --subnet 10.21.0.0/24 red");
	assert_non_null(strstr(on(manager, "docker network inspect red"), "\"8388609\""));
	on(manager, "docker network rm red");
	until(manager, "! docker network inspect red");
	on(manager, "docker network create -d ndrv-overlay:latest --subnet 10.21.0.0/24 red");
	assert_non_null(strstr(on(manager, "docker network inspect red"), "\"8388609\""));
	on(manager, "docker network rm red");
	until(manager, "! docker network inspect red");
}

static void a_machine_that_leaves_is_asked_no_more(void **state)
{
	(void)state;
	make_blue();
	run(manager, "one");
	on(manager, "bridge fdb show | grep -q \"^00:00:00:00:00:00 .*dst 192.0.2.2 \"");
	on(worker, "docker swarm leave");
	until(manager, "! bridge fdb show | grep \"dst 192.0.2.2 \"");
	on(manager, "docker run --rm --network blue box:1 ping -c 1 -W 3 one");
}

/* --- */

static void need(const char *what, const char *command)
{
	int status;

	(void)shell(&status, "{ %s; } >/dev/null 2>&1", command);
	if (status == 0)
		return;
	fprintf(stderr, "skipped: no %s here\n", what);
	exit(77);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, nothing_is_left)
	const struct CMUnitTest tests[] = {
		TEST(the_plugin_is_disabled_and_enabled_again),	       TEST(a_swarm_of_one_machine_works),
		TEST(containers_on_two_machines_reach_each_other),     TEST(a_service_is_scaled_and_removed),
		TEST(a_killed_host_loses_no_packet_and_comes_back),    TEST(a_container_starts_once_the_host_is_back),
		TEST(a_restarted_dockerd_starts_its_containers_again), TEST(ids_are_free_again_with_the_network),
		TEST(a_machine_that_leaves_is_asked_no_more),
	};
	int failed;

	need("dockerd", "command -v dockerd && command -v docker && command -v containerd");
	need("static busybox at /bin/busybox (package busybox-static)", "test -x /bin/busybox && ! ldd /bin/busybox");
	need("static " TEST_FORWARD, "test -x " TEST_FORWARD " && ! ldd " TEST_FORWARD);
	need("root", "test $(id -u) = 0 && unshare -m -n -i -u true");
	netns_enter_fresh();
	need("bridge", "ip link add wire type bridge && ip link set wire up");
	for (unsigned i = 0; i < NODES; i++)
		set_up(&machines[i], i + 1);
	failed = cmocka_run_group_tests_name("swarm", tests, NULL, NULL);
	for (unsigned i = 0; i < NODES; i++)
		tear_down(&machines[i]);
	return failed;
}
