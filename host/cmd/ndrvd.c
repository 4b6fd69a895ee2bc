/* SPDX-License-Identifier: Apache-2.0 */
/* The host: arguments and wiring. host/lifecycle does the rest, door.c lets clients in. */
#include <signal.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/cmd/arguments.h"
#include "host/cmd/check.h"
#include "host/cmd/docker_door.h"
#include "host/cmd/door.h"
#include "host/lifecycle/claim.h"
#include "host/lifecycle/crash.h"
#include "host/lifecycle/host.h"
#include "host/lifecycle/notify.h"
#include "host/lifecycle/probe.h"

#define GRACE_NS (30 * NSEC_PER_SEC)
#define RELOAD_NS (30 * NSEC_PER_SEC)
#define RELOAD_MEMORY (16u << 20)

static void reload(struct host *host)
{
	struct arena arena;
	struct ndrv_value report;
	struct ndrv_error error = {0};

	notify_reloading();
	arena_init(&arena, RELOAD_MEMORY);
	if (host_reload(host, clock_ns() + RELOAD_NS, &arena, &report, &error))
		log_error("reload", "%s", error.text);
	else
		log_info("reload", "done");
	arena_reset(&arena);
	notify("READY=1");
}

/* Until somebody asks to end. */
static void serve(struct host *host, const sigset_t *signals)
{
	for (;;) {
		int signal = sigwaitinfo(signals, NULL);
		if (signal == SIGHUP)
			reload(host);
		else if (signal == SIGUSR2)
			host_reexec(host);
		else if (signal == SIGTERM || signal == SIGINT)
			return;
	}
}

static int run(const struct arguments *arguments, char *const *argv, struct handover *handover, const sigset_t *signals)
{
	struct handover_socket *left = handover_socket(handover, CLAIM_DOOR);
	const int claim = left ? left->fd : -1;
	struct host_options options = {.config_path = arguments->config_path,
				       .overrides = &arguments->overrides,
				       .probe_program = "/proc/self/exe",
				       .claim = &claim};
	struct ndrv_error error = {0};
	struct host *host;
	struct docker_doors docker;
	struct door door;

	if (left)
		left->fd = -1;
	if (host_open(&options, &host, &error)) {
		log_error("host", "%s", error.text);
		return 1;
	}
	if (door_open(&door, host, handover, &error)) {
		log_error("control", "%s", error.text);
		host_close(host, 0);
		return 1;
	}
	docker_doors_open(&docker, host, handover);
	docker_doors_unknown(handover);
	struct reexec_door doors[1 + CONFIG_EXPOSED_MAX] = {door_reexec(&door)};
	for (uint32_t i = 0; i < docker.count; i++)
		doors[1 + i] = docker_door_reexec(&docker, i);
	const struct reexec_plan plan = {
		.argv = argv, .doors = doors, .door_count = 1 + docker.count, .reexecs = handover->reexecs};
	host_offer_reexec(host, &plan);
	docker_doors_take_over(&docker, handover);
	door_take_over(&door, handover);
	handover_clear(handover, true); /* what nobody took */
	log_info("host", "ready: %s", door.listener.path);
	notify("READY=1");
	host_tell(host);
	serve(host, signals);
	notify("STOPPING=1");
	docker_doors_close(&docker);
	door_close(&door);
	host_close(host, GRACE_NS);
	log_info("host", "ended; networks and endpoints stay");
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct ndrv_error error = {0};
	struct handover handover;
	sigset_t signals;

	arguments_parse(&arguments, argc, argv);
	if (arguments.check)
		return check_config(arguments.config_path, &arguments.overrides);
	if (arguments.probe)
		return probe_main(arguments.probe, arguments.probe_sha256);
	if (arguments.check_state)
		return check_state(arguments.config_path, &arguments.overrides);
	crash_attribute();
	if (arguments.trial)
		return check_start(arguments.config_path, &arguments.overrides);
	/* What cannot be read is lost: clients connect anew, and everything else is on disk. */
	if (handover_take(&handover, &error))
		log_error("reexec", "%s", error.text);
	/* Every thread made later inherits the mask, so that signals come only to sigwaitinfo() above. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGUSR2);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return run(&arguments, argv, &handover, &signals);
}
