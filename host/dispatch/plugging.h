/* SPDX-License-Identifier: Apache-2.0 */
/* Plugging and unplugging the sandbox, where this host does it itself (control, CNI): what join said is carried out in the network
 * namespace. */
#ifndef HOST_DISPATCH_PLUGGING_H
#define HOST_DISPATCH_PLUGGING_H

#include "host/dispatch/steps.h"
#include "host/sandbox/plug.h"

/* What connect holds while it works on a sandbox. */
struct plugging {
	struct sandbox sandbox;
	bool open;
	bool no_link; /* nothing is plugged: the type has no links, or lives in the host's own namespace */
	char ifname[NDRV_IFNAME_MAX];
	const char *path;      /* the sandbox key too */
	struct ndrv_call call; /* bounds the netlink handle of the sandbox */
	struct job *job;
};

/* Opens the sandbox the request names and settles the interface's name. On failure nothing is open. */
int plugging_open(struct job *job, struct plugging *plugging, struct ndrv_error *err);
void plugging_close(struct plugging *plugging);
struct birth plugging_birth(const struct plugging *plugging);
/* Carries out what join said; the record gets the final name, path and identity of the namespace. On failure the interface is back
 * where it was. `ret_ipv6_off`: the sandbox has no IPv6. */
int plugging_plug(struct plugging *plugging, struct endpoint *endpoint, const struct join_result *result, bool *ret_ipv6_off,
		  struct ndrv_error *err);
/* Waits until the host's side carries packets; too slow is only logged. */
int plugging_wait(struct job *job, const struct join_result *result, struct ndrv_error *err);

/* True when the namespace it joined is not any more where it was; false where this host plugged none, or nobody can tell: a path
 * under /proc goes with a process, not with its namespace. */
bool plugging_sandbox_gone(const struct endpoint *endpoint);
/* Takes the interface out of the sandbox if this host put it there. Never fails: a namespace that is gone took everything along. */
void plug_remove(struct job *job, struct endpoint *endpoint, uint32_t flags);
/* Of an endpoint of whose creation a crash left the intent: deletes what was born in the sandbox. Failing is only logged. */
void plug_abort(struct job *job, struct endpoint *endpoint);

#endif
