/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command while four clients ask the control socket without a pause and two named namespaces talk, and writes one line of
 * figures. Its exit status is the command's. What the figures are to be is for the caller to say.
 *	load FIGURES TYPE [FROM TO ADDRESS] -- COMMAND...
 * FIGURES: a file the line is appended to, as NAME=VALUE words. TYPE: of networks the clients make and delete. FROM, TO: paths of
 *namespaces; ADDRESS: that of TO. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/flow.h"
#include "tests/lib/hammer.h"

#define SOCKET "/run/ndrv/control.sock"

static void pause_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void name_namespace(struct netns *ns, const char *path)
{
	(void)snprintf(ns->path, sizeof(ns->path), "%s", path);
	ns->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ns->fd < 0) {
		(void)fprintf(stderr, "load: %s: %s\n", path, strerrordesc_np(errno));
		exit(99);
	}
}

static int run(char **command)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execvp(command[0], command);
		(void)fprintf(stderr, "load: %s: %s\n", command[0], strerrordesc_np(errno));
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 99;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void write_figures(FILE *file, const struct hammer_counts *asked, const struct flow *flow)
{
	(void)fprintf(file, "requests=%llu unconnected=%llu cut=%llu wrong=%llu longest_ms=%llu",
		      (unsigned long long)asked->requests, (unsigned long long)asked->unconnected, (unsigned long long)asked->cut,
		      (unsigned long long)asked->wrong, (unsigned long long)(asked->longest_ns / NSEC_PER_MSEC));
	if (flow)
		(void)fprintf(file, " datagrams=%llu lost=%llu disordered=%llu gap_ms=%llu bytes=%llu missing=%llu damaged=%llu",
			      (unsigned long long)flow->datagrams, (unsigned long long)(flow->datagrams - flow->received),
			      (unsigned long long)flow->disordered, (unsigned long long)(flow->longest_gap_ns / NSEC_PER_MSEC),
			      (unsigned long long)flow->bytes, (unsigned long long)(flow->bytes - flow->bytes_received),
			      (unsigned long long)flow->bytes_wrong);
	(void)fputc('\n', file);
	if (asked->wrong)
		(void)fprintf(stderr, "load: the first wrong answer: %s\n", asked->first_wrong);
}

int main(int argc, char **argv)
{
	bool talking = argc > 7 && strcmp(argv[6], "--") == 0;
	char **command = argv + (talking ? 7 : 4);
	struct hammer hammer;
	struct flow flow;

	if (argc < 5 || strcmp(command[-1], "--") != 0) {
		(void)fprintf(stderr, "usage: load FIGURES TYPE [FROM TO ADDRESS] -- COMMAND...\n");
		return 99;
	}
	FILE *file = fopen(argv[1], "ae");
	if (!file) {
		(void)fprintf(stderr, "load: %s: %s\n", argv[1], strerrordesc_np(errno));
		return 99;
	}
	if (talking) {
		struct netns from, to;
		name_namespace(&from, argv[3]);
		name_namespace(&to, argv[4]);
		flow_start(&flow, &from, &to, argv[5]);
	}
	hammer_start(&hammer, SOCKET, argv[2]);
	pause_ms(200);
	int status = run(command);
	pause_ms(200);
	hammer_stop(&hammer);
	if (talking)
		flow_stop(&flow);
	write_figures(file, &hammer.total, talking ? &flow : NULL);
	return fclose(file) ? 99 : status;
}
