/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/hostns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/turn.h"
#include "host/sandbox/reap.h"

#define IDLE_MAX 8	 /* handles kept for the next calls */
#define RETURN_TRIES 100 /* of 10 ms each: a machine short of memory gets a second */

struct hostns {
	int fd;
	dev_t dev;
	ino_t ino;
	struct reaper *reaper;
	atomic_uint sandboxes; /* open now */
	struct turn creating;  /* links: the kernel makes them one by one, and its mutex spins */
	pthread_mutex_t lock;  /* of the idle handles */
	uint32_t idle_count;
	struct ndrv_nl *idle[IDLE_MAX];
};

int hostns_open(struct hostns **ret, struct ndrv_error *err)
{
	struct hostns *hostns = calloc(1, sizeof(*hostns));
	struct stat st;

	if (!hostns)
		return ndrv_fail_errno(err, ENOMEM, "open the host's network namespace");
	hostns->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (hostns->fd < 0 || fstat(hostns->fd, &st)) {
		int saved = errno;

		if (hostns->fd >= 0)
			(void)close(hostns->fd);
		free(hostns);
		return ndrv_fail_errno(err, saved, "open the host's network namespace");
	}
	hostns->reaper = reaper_new(hostns);
	if (!hostns->reaper) {
		(void)close(hostns->fd);
		free(hostns);
		return ndrv_fail_errno(err, ENOMEM, "open the host's network namespace");
	}
	hostns->dev = st.st_dev;
	hostns->ino = st.st_ino;
	turn_init(&hostns->creating);
	(void)pthread_mutex_init(&hostns->lock, NULL);
	*ret = hostns;
	return 0;
}

void hostns_close(struct hostns *hostns)
{
	if (!hostns)
		return;
	reaper_stop(hostns->reaper);
	for (uint32_t i = 0; i < hostns->idle_count; i++)
		ndrv_nl_close(hostns->idle[i]);
	reaper_free(hostns->reaper);
	turn_done(&hostns->creating);
	(void)pthread_mutex_destroy(&hostns->lock);
	(void)close(hostns->fd);
	free(hostns);
}

static int enter(void *data, uint64_t deadline_ns)
{
	struct hostns *hostns = data;

	return turn_wait(&hostns->creating, deadline_ns) ? 0 : -1;
}

static void leave(void *data)
{
	struct hostns *hostns = data;

	turn_pass(&hostns->creating);
}

int hostns_nl_take(struct hostns *hostns, const struct ndrv_call *call, struct ndrv_nl **ret, struct ndrv_error *err)
{
	struct ndrv_nl_guard guard = {.enter = enter, .leave = leave, .data = hostns};
	struct ndrv_nl_reaper reaper = {.delete_links = reaper_delete_links, .data = hostns->reaper};
	struct ndrv_nl *nl = NULL;
	int rc;

	(void)pthread_mutex_lock(&hostns->lock);
	if (hostns->idle_count)
		nl = hostns->idle[--hostns->idle_count];
	(void)pthread_mutex_unlock(&hostns->lock);
	if (!nl) {
		rc = ndrv_nl_open(&nl, err);
		if (rc)
			return rc;
		ndrv_nl_set_guard(nl, &guard);
		ndrv_nl_set_reaper(nl, &reaper);
	}
	ndrv_nl_set_call(nl, call);
	*ret = nl;
	return 0;
}

void hostns_nl_give(struct hostns *hostns, struct ndrv_nl *nl)
{
	if (!nl)
		return;
	ndrv_nl_set_call(nl, NULL);
	(void)pthread_mutex_lock(&hostns->lock);
	if (hostns->idle_count < IDLE_MAX) {
		hostns->idle[hostns->idle_count++] = nl;
		nl = NULL;
	}
	(void)pthread_mutex_unlock(&hostns->lock);
	ndrv_nl_close(nl);
}

void hostns_set_dead_groups(struct hostns *hostns, uint32_t first, uint32_t count, uint32_t workers)
{
	reaper_set(hostns->reaper, first, count, workers);
}

void hostns_sandbox_opened(struct hostns *hostns)
{
	(void)atomic_fetch_add(&hostns->sandboxes, 1);
}

void hostns_sandbox_closed(struct hostns *hostns)
{
	(void)atomic_fetch_sub(&hostns->sandboxes, 1);
}

bool hostns_has_sandboxes(const struct hostns *hostns)
{
	return atomic_load(&hostns->sandboxes) != 0;
}

struct reaper *hostns_reaper(const struct hostns *hostns)
{
	return hostns->reaper;
}

int hostns_fd(const struct hostns *hostns)
{
	return hostns->fd;
}

bool hostns_is(const struct hostns *hostns, dev_t dev, ino_t ino)
{
	return hostns->dev == dev && hostns->ino == ino;
}

/* A thread that stayed in a sandbox would put the host's links there from now on, so there is no going on without the way back.
 * Dying aloud is safe: records and kernel objects stay, and the next start adopts them. */
static void go_back(const struct hostns *hostns)
{
	for (int try = 0; try < RETURN_TRIES; try++) {
		if (!setns(hostns->fd, CLONE_NEWNET))
			return;
		(void)poll(NULL, 0, 10);
	}
	fprintf(stderr, "ndrvd: cannot return to the host's network namespace: %s; giving up rather than work in a sandbox\n",
		strerrordesc_np(errno));
	abort();
}

int hostns_open_in(const struct hostns *hostns, int netns_fd, struct ndrv_nl **ret, struct ndrv_error *err)
{
	int rc;

	if (setns(netns_fd, CLONE_NEWNET))
		return ndrv_fail_errno(err, errno, "enter the network namespace");
	rc = ndrv_nl_open(ret, err);
	go_back(hostns);
	return rc;
}
