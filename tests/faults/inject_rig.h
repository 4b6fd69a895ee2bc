/* SPDX-License-Identifier: Apache-2.0 */
/* A real ndrvd with the shim in it, requests during which something fails, and what must hold after each. */
#ifndef TESTS_FAULTS_INJECT_RIG_H
#define TESTS_FAULTS_INJECT_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/faults/inject.h"
#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

#define RIG_REASON 4096

/* What there is: each has what stands before it. */
enum rig_state { RIG_NOTHING, RIG_NETWORK, RIG_ENDPOINT };

enum rig_request {
	RIG_CREATE,
	RIG_CONNECT,
	RIG_DISCONNECT,
	RIG_DELETE,
	RIG_FORCE, /* deletes a network that has an endpoint */
	RIG_INSPECT,
	RIG_STATUS,
	RIG_RELOAD,
	RIG_REQUESTS,
};

struct rig_case {
	const char *name;
	enum inject_kind kind;
	int error;
	bool sticky;
	bool silence;	      /* a connection may end without an answer */
	unsigned sample;      /* points per request in a short run; 0: all */
	unsigned first, last; /* requests */
};

struct rig_count {
	unsigned points, inconsistent, refused, done, silent;
	unsigned mended; /* of the consistent: the host put them right by itself, a moment later */
};

struct rig {
	struct daemon daemon;
	struct netns sandbox;
	struct inject *inject;
	char inject_path[96];
	unsigned restart_every; /* points; 0: never */
	unsigned since_restart;
	struct rig_count total;
	bool docker; /* "bridge" is exposed to Docker, by this name */
#define RIG_PLUGIN "nbridge"
};

/* Skips the program where sanitizers or missing rights forbid it. */
void rig_need(void);
/* In a fresh namespace, with an empty host running. */
void rig_set_up(struct rig *rig);
void rig_tear_down(struct rig *rig);
/* Everything anew, after something went wrong. */
void rig_renew(struct rig *rig);

/* Arms for the n-th point; 0 counts and fails none. */
void rig_arm(struct rig *rig, const struct rig_case *what, uint64_t at);
/* Returns the points that were passed. */
uint64_t rig_disarm(struct rig *rig);

/* Starts the host with the shim in it. True: it answers. False: it ended by itself (daemon.ended). */
bool rig_try_start(struct rig *rig);
void rig_start(struct rig *rig);

void rig_print_log(const struct rig *rig);

/* Its HTTP status; 0: no answer, -1: an answer that is not one. `ret` has the body's beginning or what was wrong. */
int rig_ask(struct rig *rig, enum rig_request request, char *ret);
const char *rig_request_name(enum rig_request request);
#define ADDRESS "10.66.0.10"
/* The same of any request. */
int rig_http(struct rig *rig, const char *method, const char *target, const char *body, char *ret);
long long rig_now_ms(void);
/* Waits until the host has put right by itself what failed; whether there was anything. `ret`: if it does not get done with it. */
bool rig_settle(struct rig *rig, char *ret);
/* What there is by the host's own word, in `ret`; false with the reason where the kernel disagrees. `half`: an endpoint may have
 * left its sandbox. */
bool rig_look(struct rig *rig, bool half, enum rig_state *ret, char *reason);
/* Gets there by requests that must succeed. */
bool rig_bring(struct rig *rig, enum rig_state wanted, char *reason);
/* The state a request starts from, and the one it leads to. */
enum rig_state rig_before(enum rig_request request);
enum rig_state rig_after(enum rig_request request);

/* All requests of the case at all points, or a sample; prints a line of the table, and what was wrong. */
void rig_sweep(struct rig *rig, const struct rig_case *what);
void rig_print_head(void);
void rig_print(const char *name, const struct rig_count *count);
/* The points of a run of so many: each `*step`-th. */
uint64_t rig_step(uint64_t points, unsigned sample);

#endif
