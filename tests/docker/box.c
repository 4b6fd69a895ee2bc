/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/docker/box.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define OUTPUT 65536

static void need(const char *what, const char *command)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "{ %s; } >/dev/null 2>&1", command);
	if (system(text) == 0) /* NOLINT(cert-env33-c): a test's own command */
		return;
	fprintf(stderr, "skipped: no %s here\n", what);
	exit(77);
}

/* Whether the shell command succeeded; what it said goes to standard error when not. */
static void must(const char *fmt, ...) NDRV_PRINTF(1, 2);
static void must(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0) /* NOLINT(cert-env33-c) */
		fail_msg("failed: %s", command);
}

/* A /run and a /var/lib/docker of its own, and a /sys of this network namespace with the cgroups of the machine. */
static void furnish(struct box *box)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		fprintf(stderr, "skipped: no mount namespace of its own (%s)\n", strerrordesc_np(errno));
		exit(77);
	}
	must("mkdir -p %s/cgroup %s/docker %s/containerd %s/etc /var/lib/docker /var/lib/containerd /etc/docker", box->dir,
	     box->dir, box->dir, box->dir);
	must("mount --rbind /sys/fs/cgroup %s/cgroup && mount -t sysfs sysfs /sys && mount --rbind %s/cgroup /sys/fs/cgroup",
	     box->dir, box->dir);
	must("mount -t tmpfs tmpfs /run && mkdir -p /run/lock");
	must("mount --bind %s/docker /var/lib/docker && mount --bind %s/containerd /var/lib/containerd", box->dir, box->dir);
	must("mount --bind %s/etc /etc/docker", box->dir);
}

static void make_image(struct box *box)
{
	must("mkdir -p %s/root/bin %s/root/tmp && cp /bin/busybox %s/root/bin/ && for a in sh ip ping nc sleep httpd wget cat; do "
	     "ln -sf busybox %s/root/bin/$a; done && tar -C %s/root -c . | docker import -c 'CMD [\"sh\"]' - box:1 >/dev/null",
	     box->dir, box->dir, box->dir, box->dir, box->dir);
}

void box_configure(struct box *box, const char *yaml)
{
	struct daemon *daemon = &box->world.daemon;
	FILE *file;

	assert_true(WIFEXITED(daemon_stop(daemon, SIGTERM)));
	file = fopen(daemon->config, "we");
	assert_non_null(file);
	assert_true(fputs(yaml, file) >= 0);
	assert_int_equal(fclose(file), 0);
	daemon_start(daemon);
}

void box_open(struct box *box)
{
	*box = (struct box){0};
	need("dockerd", "command -v dockerd && command -v docker && command -v containerd");
	need("static busybox at /bin/busybox (package busybox-static)", "test -x /bin/busybox && ! ldd /bin/busybox");
	need("root", "test $(id -u) = 0");
	(void)snprintf(box->dir, sizeof(box->dir), "/var/tmp/ndrv-box-XXXXXX");
	assert_non_null(mkdtemp(box->dir));
	world_open(&box->world, NULL);
	furnish(box);
	daemon_add_driver(&box->world.daemon, "macvlan", BUILT_DRIVERS "/macvlan.so", NULL);
	box_configure(box, "docker: {expose: {ndrv-bridge: bridge, ndrv-macvlan: macvlan}}\n");
	box_start_dockerd(box, "");
	make_image(box);
}

static bool answers(void)
{
	return system("docker version >/dev/null 2>&1") == 0; /* NOLINT(cert-env33-c) */
}

static void doze(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

void box_start_dockerd(struct box *box, const char *options)
{
	char command[256];

	(void)snprintf(command, sizeof(command),
		       "exec dockerd --storage-driver=vfs --bridge=none --exec-root=/run/docker %s >>%s/dockerd.log 2>&1", options,
		       box->dir);
	box->dockerd = fork();
	assert_true(box->dockerd >= 0);
	if (box->dockerd == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 300 && !answers(); i++)
		doze();
	if (!answers())
		fail_msg("%s", box_run(box, 0, "tail -n 20 %s/dockerd.log", box->dir));
}

void box_stop_dockerd(struct box *box, int signal)
{
	int status;

	if (!box->dockerd)
		return;
	(void)kill(box->dockerd, signal);
	(void)waitpid(box->dockerd, &status, 0);
	box->dockerd = 0;
	/* Its containerd dies with it; where nobody reaps that, a new dockerd would take it for alive. */
	if (signal == SIGKILL)
		(void)unlink("/run/docker/containerd/containerd.pid");
}

void box_close(struct box *box)
{
	if (box->dockerd)
		box_empty(box);
	box_stop_dockerd(box, SIGTERM);
	/* After a kill it leaves its containerd behind. */
	(void)box_run(box, 0, "cat /run/docker/containerd/containerd.pid 2>/dev/null | xargs -r kill 2>/dev/null; true");
	world_close(&box->world);
	(void)box_run(box, 0,
		      "umount -l /var/lib/docker /var/lib/containerd /etc/docker /run %s/cgroup; rm -rf --one-file-system %s; true",
		      box->dir, box->dir);
}

void box_empty(struct box *box)
{
	/* One that is being removed already is an error. */
	(void)box_run(box, 0,
		      "for i in $(seq 50); do docker ps -aq | xargs -r docker rm -f; docker network ls -qf type=custom | "
		      "xargs -r docker network rm; [ -z \"$(docker ps -aq; docker network ls -qf type=custom)\" ] && exit 0; "
		      "sleep 0.2; done 2>/dev/null; exit 1");
}

const char *box_run(struct box *box, int status, const char *fmt, ...)
{
	static char text[OUTPUT];
	char command[2048];
	va_list ap;

	(void)box;
	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	size_t bytes = fread(text, 1, sizeof(text) - 1, pipe);
	text[bytes] = '\0';
	int got = pclose(pipe);
	got = WIFEXITED(got) ? WEXITSTATUS(got) : 128;
	if (status < 0 ? got == 0 : got != status)
		fail_msg("%s: exit status %d, not %d: %s", command, got, status, text);
	return text;
}

static long number(const char *text)
{
	return strtol(text, NULL, 10);
}

void box_expect_links(struct box *box, unsigned want)
{
	const char *text = "";

	for (int i = 0; i < 50; i++, doze()) {
		text = box_run(box, 0, "ip -br link | grep -cE '^n[a-z][a-z0-9]{12}' || true");
		if (number(text) == (long)want)
			return;
	}
	fail_msg("%ld links of ours in the host, not %u:\n%s", number(text), want, box_run(box, 0, "ip -br link"));
}

void box_expect_endpoints(struct box *box, unsigned want)
{
	const char *text = "";

	for (int i = 0; i < 50; i++, doze()) {
		text = box_run(box, 0, TEST_NDRVCTL " --socket %s endpoint ls | tail -n +2 | grep -c . || true",
			       box->world.daemon.socket);
		if (number(text) == (long)want)
			return;
	}
	fail_msg("ndrvctl knows %ld endpoints, not %u", number(text), want);
}
