/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/plugging.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host/dispatch/mend.h"
#include "host/sandbox/metric.h"
#include "host/sandbox/ready.h"
#include "host/sandbox/reap.h"

#define READY_CAP_NS (2 * NSEC_PER_SEC)
#define DEFAULT_PREFIX "eth"

/* Records never hold NULL. */
static char nothing[1];

static int sandbox_cancelled(const struct ndrv_call *call)
{
	const struct plugging *plugging =
		(const struct plugging *)(const void *)((const char *)call - offsetof(struct plugging, call));

	return job_late(plugging->job) || clock_ns() >= plugging->job->deadline_ns;
}

/* A name, an address or a route of an interface that is not gone yet would be in the way. */
static int wait_for_dying(struct job *job, struct plugging *plugging, struct ndrv_error *err)
{
	struct reaper *reaper = hostns_reaper(job->dispatch->parts.hostns);
	int rc = reaper_wait(reaper, plugging->sandbox.fd, &plugging->call, err);

	if (!rc)
		return 0;
	rc = ndrv_wrap(err, rc, "%s", plugging->sandbox.path);
	plugging_close(plugging);
	return rc;
}

static int open_sandbox(struct job *job, struct plugging *plugging, struct ndrv_error *err)
{
	const struct request *request = &job->request;
	struct hostns *hostns = job->dispatch->parts.hostns;

	plugging->call = (struct ndrv_call){
		.size = sizeof(plugging->call),
		.deadline_ns = job->deadline_ns,
		.cancelled = sandbox_cancelled,
		.requester = job->requester,
		.request_id = request->id,
	};
	if (!hostns)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "this host cannot plug sandboxes");
	int rc = request->netns_pid ? sandbox_open_pid(hostns, (pid_t)request->netns_pid, &plugging->call, &plugging->sandbox, err)
				    : sandbox_open(hostns, request->netns, &plugging->call, &plugging->sandbox, err);
	plugging->open = rc == 0;
	return rc ? rc : wait_for_dying(job, plugging, err);
}

static const char *prefix_of(const struct network *network)
{
	const char *prefix = NULL;

	if (ndrv_map_string(network->view.options, NDRV_OPT_IFACE_PREFIX, &prefix, NULL) != 1 &&
	    ndrv_map_string(&network->labels, NDRV_OPT_IFACE_PREFIX, &prefix, NULL) != 1)
		return DEFAULT_PREFIX;
	return prefix;
}

/* A type without sandboxes of its own: whatever the caller names is only the key. */
static int open_nothing(struct job *job, struct plugging *plugging, struct ndrv_error *err)
{
	const struct request *request = &job->request;

	plugging->no_link = true;
	plugging->path = request->netns ? request->netns : "default";
	if (request->netns_pid)
		plugging->path = ndrv_arena_printf(&job->arena.ndrv, "/proc/%lld/ns/net", (long long)request->netns_pid);
	return plugging->path ? 0 : ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
}

int plugging_open(struct job *job, struct plugging *plugging, struct ndrv_error *err)
{
	const struct request *request = &job->request;
	const struct instance *instance = job->network->instance;
	int rc = 0;

	*plugging = (struct plugging){.job = job, .sandbox.fd = -1};
	if (request->netns_pid < 0 || request->netns_pid > INT32_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%lld is no process", (long long)request->netns_pid);
	if (request->ifname && request->ifname[0])
		rc = ndrv_ifname_check(request->ifname, err);
	if (rc)
		return rc;
	if (instance->capability.flags & (NDRV_CAPABILITY_HOST_SANDBOX | NDRV_CAPABILITY_NO_LINK))
		return open_nothing(job, plugging, err);
	if (!request->netns_pid && (!request->netns || !request->netns[0]))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "connect needs a network namespace, by path or by process");
	rc = open_sandbox(job, plugging, err);
	if (rc)
		return rc;
	plugging->path = arena_strdup(&job->arena, plugging->sandbox.path);
	if (!plugging->path)
		rc = ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	else if (request->ifname && request->ifname[0])
		memcpy(plugging->ifname, request->ifname, strlen(request->ifname) + 1);
	else
		rc = plug_pick_name(&plugging->sandbox, prefix_of(job->network), plugging->ifname, err);
	if (rc)
		plugging_close(plugging);
	return rc;
}

void plugging_close(struct plugging *plugging)
{
	if (plugging->open)
		sandbox_close(&plugging->sandbox);
	plugging->open = false;
}

struct birth plugging_birth(const struct plugging *plugging)
{
	if (!plugging->open)
		return birth_unknown;
	return (struct birth){
		.netns_path = plugging->path,
		.netns_fd = plugging->sandbox.fd,
		.ifname = plugging->ifname,
		.sandbox_nl = plugging->sandbox.nl,
	};
}

/* How the default routes that come of this join stand among those the sandbox has. */
static int settle_metrics(struct plugging *plugging, const struct join_result *result, struct plug *plug, struct ndrv_error *err)
{
	int priority = (int)plugging->job->request.gw_priority;
	bool wanted4 = result->gateway4.family != 0, wanted6 = result->gateway6.family != 0;
	int rc = 0;

	for (uint32_t i = 0; i < result->route_count; i++) {
		const struct ndrv_prefix *to = &result->routes[i].destination;
		wanted4 |= to->length == 0 && to->addr.family == 4;
		wanted6 |= to->length == 0 && to->addr.family == 6;
	}
	if (wanted4)
		rc = metric_pick(&plugging->sandbox, 4, priority, plug->route_protocol, &plug->metric4, err);
	if (!rc && wanted6)
		rc = metric_pick(&plugging->sandbox, 6, priority, plug->route_protocol, &plug->metric6, err);
	return rc;
}

int plugging_plug(struct plugging *plugging, struct endpoint *endpoint, const struct join_result *result, bool *ret_ipv6_off,
		  struct ndrv_error *err)
{
	struct join_record *join = &endpoint->join;
	struct job *job = plugging->job;
	struct plug_neighbour neighbours[JOIN_NEIGHBOURS_MAX];
	struct plug_result plugged = {0};
	bool born = endpoint->created_in_sandbox;
	bool chosen = born || (job->request.ifname && job->request.ifname[0]);
	struct plug plug = {
		.src = born ? NULL : result->src_name,
		.name = chosen ? plugging->ifname : result->exact,
		.prefix = result->prefix[0] ? result->prefix : DEFAULT_PREFIX,
		.mac = endpoint->view.mac,
		.address = endpoint->view.address,
		.address6 = endpoint->view.address6,
		.gateway4 = result->gateway4,
		.gateway6 = result->gateway6,
		.route_count = result->route_count,
		.routes = result->routes,
		.neighbour_count = result->neighbour_count,
		.neighbours = neighbours,
		.route_protocol = endpoint->network->view.route_protocol,
	};

	*ret_ipv6_off = false;
	if (!plugging->open || (!born && !result->src_name[0]))
		return 0;
	for (uint32_t i = 0; i < result->neighbour_count; i++)
		neighbours[i] = (struct plug_neighbour){.addr = result->neighbours[i].addr, .mac = result->neighbours[i].mac};
	int rc = settle_metrics(plugging, result, &plug, err);
	struct ndrv_nl *host_nl = NULL;
	if (!rc && plug.src && plug.src[0])
		rc = hostns_nl_take(job->dispatch->parts.hostns, &plugging->call, &host_nl, err);
	if (!rc)
		rc = plug_in(&plugging->sandbox, host_nl, &plug, &plugged, err);
	if (host_nl)
		hostns_nl_give(job->dispatch->parts.hostns, host_nl);
	if (rc == -NDRV_E_NO_LINK && born)
		return ndrv_fail(err, NDRV_E_INTERNAL, "driver \"%s\" says that it made %s in %s, where there is none",
				 endpoint->network->type, plug.name, plugging->path);
	if (rc)
		return rc;
	memcpy(join->ifname, plugged.name, sizeof(join->ifname));
	join->netns_path = arena_strdup(&endpoint->join_arena, plugging->path);
	join->netns_dev = plugging->sandbox.dev;
	join->netns_ino = plugging->sandbox.ino;
	*ret_ipv6_off = plugged.ipv6_off;
	if (join->netns_path)
		return 0;
	join->netns_path = nothing;
	(void)plug_out(&plugging->sandbox, plugged.name, plug.src, NULL);
	return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
}

int plugging_wait(struct job *job, const struct join_result *result, struct ndrv_error *err)
{
	struct hostns *hostns = job->dispatch->parts.hostns;
	struct ndrv_call call = {.size = sizeof(call), .deadline_ns = job->deadline_ns, .requester = "", .request_id = ""};
	struct ndrv_nl *nl;
	bool ready = true;

	if (!result->wait_count || !hostns)
		return 0;
	int rc = hostns_nl_take(hostns, &call, &nl, err);
	if (rc)
		return rc;
	rc = ready_wait(nl, result->wait_links, result->wait_count, READY_CAP_NS, &ready, err);
	hostns_nl_give(hostns, nl);
	if (!rc && !ready)
		log_warning("dispatch", "the links of endpoint %s are not forwarding yet; they come up by themselves", job->eid);
	return rc;
}

bool plugging_sandbox_gone(const struct endpoint *endpoint)
{
	const struct join_record *join = &endpoint->join;
	struct stat st;

	if (join->state != JOIN_JOINED || !join->netns_path || join->netns_path[0] != '/' ||
	    !strncmp(join->netns_path, "/proc/", 6))
		return false;
	if (stat(join->netns_path, &st))
		return errno == ENOENT;
	return st.st_dev != (dev_t)join->netns_dev || st.st_ino != (ino_t)join->netns_ino;
}

void plug_remove(struct job *job, struct endpoint *endpoint, uint32_t flags)
{
	struct join_record *join = &endpoint->join;
	struct hostns *hostns = job->dispatch->parts.hostns;
	struct ndrv_call call = {.size = sizeof(call), .deadline_ns = clock_ns() + UNDO_NS, .requester = "", .request_id = ""};
	struct ndrv_error err = {0};

	/* One that was born there goes with its link, and nobody looks at it any more. */
	if ((flags & NDRV_CALL_RETIRE) && endpoint->created_in_sandbox) {
		join->netns_path = nothing;
		return;
	}
	if (!hostns || !join->netns_path || !join->netns_path[0] || !join->ifname[0])
		return;
	const char *back = endpoint->created_in_sandbox ? NULL : join->src_name;
	if (plug_out_path(hostns, join->netns_path, (dev_t)join->netns_dev, (ino_t)join->netns_ino, &call, join->ifname, back,
			  &err) &&
	    err.kind != NDRV_KIND_NOT_FOUND) {
		struct mend_plug plug = {.dev = join->netns_dev, .ino = join->netns_ino};
		(void)snprintf(plug.path, sizeof(plug.path), "%s", join->netns_path);
		(void)snprintf(plug.ifname, sizeof(plug.ifname), "%s", join->ifname);
		(void)snprintf(plug.src, sizeof(plug.src), "%s", back ? back : "");
		mend_kernel(job->dispatch, endpoint->network->view.id, endpoint->view.id, &plug);
		log_warning("dispatch", "unplugging %s of endpoint %s failed and is passed over: %s", join->ifname,
			    endpoint->view.id, err.text);
	}
	join->netns_path = nothing;
}

void plug_abort(struct job *job, struct endpoint *endpoint)
{
	const struct join_record *join = &endpoint->join;
	const struct network *network = endpoint->network;
	struct hostns *hostns = job->dispatch->parts.hostns;
	struct ndrv_call call = {.size = sizeof(call), .deadline_ns = clock_ns() + UNDO_NS, .requester = "", .request_id = ""};
	struct ndrv_error err = {0};

	if (hostns && network->view.link_group &&
	    plug_abort_path(hostns, join->netns_path, (dev_t)join->netns_dev, (ino_t)join->netns_ino, &call, join->ifname,
			    network->view.link_group, CONFIG_LINK_GROUPS, &err))
		log_warning("dispatch", "what was being made of endpoint %s as %s in %s could not be removed: %s",
			    endpoint->view.id, join->ifname, join->netns_path, err.text);
}
