/* SPDX-License-Identifier: Apache-2.0 */
/* The host: arguments and wiring. host/lifecycle does the rest, host/front/control opens the door. */
#include <signal.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/cmd/arguments.h"
#include "host/cmd/check.h"
#include "host/front/control.h"
#include "host/front/listen.h"
#include "host/lifecycle/host.h"
#include "host/lifecycle/notify.h"
#include "host/lifecycle/probe.h"

#define GRACE_NS (30 * NSEC_PER_SEC)
#define RELOAD_MEMORY (16u << 20)

static void reload(struct host *host)
{
	struct arena arena;
	struct ndrv_value report;
	struct ndrv_error error = {0};

	notify("RELOADING=1");
	arena_init(&arena, RELOAD_MEMORY);
	if (host_reload(host, &arena, &report, &error))
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
		else if (signal == SIGTERM || signal == SIGINT)
			return;
	}
}

/* The one door of this program so far. */
struct door {
	struct listener listener;
	struct control *control;
};

static int door_open(struct door *door, struct host *host, struct ndrv_error *err)
{
	const struct config_control *config = &host_config(host)->control;
	struct control_options options = {
		.dispatch = host_dispatch(host),
		.max_connections = config->max_connections,
		.max_connections_per_uid = config->max_connections_per_uid,
		.request_timeout_ns = config->request_timeout_ns,
		.max_request = config->max_request,
	};

	/* Fewer rights than asked for are safe, and no reason to leave a machine without its networks. */
	if (listen_group(config->group, &options.group, err)) {
		log_warning("control", "%s; the control socket is root's alone until then", err->text);
		options.group = (gid_t)-1;
		ndrv_error_clear(err);
	}
	int rc = listen_open(config->socket, options.group, &door->listener, err);
	if (rc)
		return rc;
	options.listen_fd = door->listener.fd;
	rc = control_start(&options, &door->control, err);
	if (rc)
		listen_close(&door->listener);
	return rc;
}

static void door_close(struct door *door)
{
	control_stop(door->control);
	listen_close(&door->listener);
}

static int run(const struct arguments *arguments, const sigset_t *signals)
{
	struct host_options options = {
		.config_path = arguments->config_path, .overrides = &arguments->overrides, .probe_program = "/proc/self/exe"};
	struct ndrv_error error = {0};
	struct host *host;
	struct door door;

	if (host_open(&options, &host, &error)) {
		log_error("host", "%s", error.text);
		return 1;
	}
	if (door_open(&door, host, &error)) {
		log_error("control", "%s", error.text);
		host_close(host, 0);
		return 1;
	}
	log_info("host", "ready: %s", host_config(host)->control.socket);
	notify("READY=1");
	serve(host, signals);
	notify("STOPPING=1");
	door_close(&door);
	host_close(host, GRACE_NS);
	log_info("host", "ended; networks and endpoints stay");
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	sigset_t signals;

	arguments_parse(&arguments, argc, argv);
	if (arguments.check)
		return check_config(arguments.config_path, &arguments.overrides);
	if (arguments.probe)
		return probe_main(arguments.probe, arguments.probe_sha256);
	/* Every thread made later inherits the mask, so that signals come only to sigwaitinfo() above. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return run(&arguments, &signals);
}
