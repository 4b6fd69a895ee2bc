/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to look at a driver file and to load it, beside a bare read and a bare dlopen() of the same bytes. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/plugin/registry.h"

#define LOOKS 300
#define LOADS 60

static char path[400], copy[400], state[64] = "/tmp/ndrv-bench-XXXXXX";

static void die(const char *what)
{
	fprintf(stderr, "bench_load: %s\n", what);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

/* Runs a step `count` times; the median in µs. */
static double median(void (*step)(unsigned i), unsigned count)
{
	double *times = calloc(count, sizeof(*times));
	if (!times)
		die("out of memory");
	for (unsigned i = 0; i < count; i++) {
		uint64_t start = clock_ns();
		step(i);
		times[i] = (double)(clock_ns() - start) / 1000;
	}
	qsort(times, count, sizeof(*times), compare);
	double middle = times[count / 2];
	free(times);
	return middle;
}

static size_t read_into(const char *from, void *bytes, size_t room)
{
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, bytes, room) : -1;
	if (got < 0)
		die("the driver cannot be read");
	close(fd);
	return (size_t)got;
}

static unsigned char buffer[8u << 20];
static size_t size;
static struct policy policy;
static struct registry *registry;

static void bare_read(unsigned i)
{
	(void)i;
	size = read_into(path, buffer, sizeof(buffer));
}

static void elf_only(unsigned i)
{
	(void)i;
	struct elf_report report;
	struct policy_verdict verdict;
	if (elf_inspect(buffer, size, &report, NULL) || policy_check(&policy, &report, &verdict, NULL))
		die("the driver is refused");
	elf_report_clear(&report);
}

static void preflight(unsigned i)
{
	(void)i;
	struct inspection inspection;
	if (module_inspect(&policy, path, NULL, &inspection, NULL))
		die("the driver is refused");
	inspection_clear(&inspection);
}

/* A new path each time, or the loader would only count. */
static void bare_load(unsigned i)
{
	(void)snprintf(copy, sizeof(copy), "%s/bare-%u.so", state, i);
	int fd = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (fd < 0 || write(fd, buffer, size) != (ssize_t)size)
		die("no room for a copy");
	close(fd);
	if (!dlopen(copy, RTLD_NOW | RTLD_LOCAL))
		die(dlerror());
	(void)unlink(copy);
}

static void load_and_unload(unsigned i)
{
	struct ndrv_error err = {0};
	const struct driver_request request = {.name = "bench", .path = path};
	(void)i;
	if (registry_load(registry, &request, NULL, &err) || registry_unload(registry, "bench", &err))
		die(err.text);
}

static void sweep(void)
{
	char stage[96];
	struct stage swept;
	(void)snprintf(stage, sizeof(stage), "%s/stage", state);
	if (stage_open(&swept, state, NULL) == 0)
		stage_close(&swept);
	(void)rmdir(stage);
	(void)rmdir(state);
}

int main(int argc, char **argv)
{
	const struct ndrv_host services = {.features = ~UINT64_C(0)};
	if (!mkdtemp(state))
		die("no directory under /tmp");
	log_set_level(NDRV_LOG_ERROR);
	policy.features = services.features;
	/* The tree of a build may be one that others can write to: a copy in a place of our own is loaded. */
	size = read_into(argc > 1 ? argv[1] : BENCH_DRIVER, buffer, sizeof(buffer));
	(void)snprintf(path, sizeof(path), "%s/driver", state);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, buffer, size) != (ssize_t)size)
		die("no room for a copy");
	close(fd);
	if (registry_new(&registry, state, &services, NULL, NULL))
		die("no registry");
	double floor_read = median(bare_read, LOOKS), only = median(elf_only, LOOKS), look = median(preflight, LOOKS);
	double floor_load = median(bare_load, LOADS), load = median(load_and_unload, LOADS);
	printf("a driver of %zu bytes, medians\n", size);
	printf("%-52s %10s %8s\n", "", "us", "ratio");
	printf("%-52s %10.1f %8s\n", "bare read of the file", floor_read, "");
	printf("%-52s %10.1f %8s\n", "elf and policy on bytes in memory", only, "");
	printf("%-52s %10.1f %7.1fx\n", "preflight: read, owners, sha256, elf, policy", look, look / floor_read);
	printf("%-52s %10.1f %8s\n", "bare copy and dlopen", floor_load, "");
	printf("%-52s %10.1f %7.1fx\n", "load, register, configure, publish, unload", load, load / floor_load);
	registry_free(registry);
	(void)unlink(path);
	sweep();
	return 0;
}
