/* SPDX-License-Identifier: Apache-2.0 */
/* The network namespace the host itself lives in: netlink handles of it for calls, the lock around creating links in it, and the
 * one place that enters another namespace. */
#ifndef HOST_SANDBOX_HOSTNS_H
#define HOST_SANDBOX_HOSTNS_H

#include <stdbool.h>
#include <sys/types.h>

#include <ndrv/netlink.h>

struct hostns;
struct reaper;

/* The calling thread's namespace. All threads of the host must be in it. */
int hostns_open(struct hostns **ret, struct ndrv_error *err);
/* Every handle must have been given back. */
void hostns_close(struct hostns *hostns);

/* A handle for one call: call->host_nl. Its link creations take turns with those of all other handles of this namespace. `call` may
 * be NULL: no deadline. */
int hostns_nl_take(struct hostns *hostns, const struct ndrv_call *call, struct ndrv_nl **ret, struct ndrv_error *err);
void hostns_nl_give(struct hostns *hostns, struct ndrv_nl *nl);

/* Link groups for links that are being deleted in numbers (reap.h), and how many threads may be at it; before any handle is taken.
 * Without, they are deleted one by one. */
void hostns_set_dead_groups(struct hostns *hostns, uint32_t first, uint32_t count, uint32_t workers);

/* A sandbox is open: somebody waits for what the kernel does in it. Deletions in numbers let it go first. */
void hostns_sandbox_opened(struct hostns *hostns);
void hostns_sandbox_closed(struct hostns *hostns);
bool hostns_has_sandboxes(const struct hostns *hostns);

/* Who deletes links in numbers, and those that go on dying after the answer (reap.h). */
struct reaper *hostns_reaper(const struct hostns *hostns);

/* Borrowed: for moving a link back here. */
int hostns_fd(const struct hostns *hostns);
bool hostns_is(const struct hostns *hostns, dev_t dev, ino_t ino);

/* A handle in another namespace, which the calling thread enters and leaves for it (5 us; a thread kept for that would cost two
 * wake-ups of 40 us). The caller closes it: while it is open, the namespace lives. */
int hostns_open_in(const struct hostns *hostns, int netns_fd, struct ndrv_nl **ret, struct ndrv_error *err);

#endif
