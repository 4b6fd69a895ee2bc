/* SPDX-License-Identifier: Apache-2.0 */
/* What reap.c (deleting) and reap_queue.c (what waits for it) share. */
#ifndef HOST_SANDBOX_REAP_QUEUE_H
#define HOST_SANDBOX_REAP_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>

#include "host/sandbox/dying.h"
#include "host/sandbox/reap.h"

struct reaper {
	struct hostns *hostns;
	uint32_t waiting;		/* group of the dying; 0: none is kept */
	uint32_t first, count, workers; /* groups that are deleted as such */
	pthread_mutex_t lock;
	pthread_cond_t freed; /* groups */
	uint32_t busy;	      /* bits of groups in use */
	pthread_mutex_t pace;
	uint64_t next_slice;  /* when it may begin; under `pace` */
	atomic_uint hurry;    /* how many wait for a dying link */
	atomic_bool stopping; /* no pace any more */

	pthread_mutex_t queue_lock; /* of all below */
	pthread_cond_t work, done;
	struct dying *dying;
	uint32_t room;
	atomic_uint dying_count; /* read without the lock */
	uint32_t marking;	 /* how many calls are at it */
	bool has_thread;
	pthread_t thread;
};

/* Deletes them and returns when they are gone, or the first error. `calm`: in its own time, after all others. */
int reaper_delete_now(struct reaper *reaper, const struct ndrv_call *call, const uint32_t *indexes, uint32_t count, bool calm,
		      struct ndrv_error *err);

#endif
