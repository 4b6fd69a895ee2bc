/* SPDX-License-Identifier: Apache-2.0 */
/* One rule tried on one driver file: a process, a network namespace and a host of its own, so that a driver that crashes or leaves
 * things behind spoils nothing but that rule. */
#ifndef HOST_CHECK_TRIAL_H
#define HOST_CHECK_TRIAL_H

#include "host/check/space.h"
#include "host/dispatch/dispatch.h"
#include "host/lifecycle/host.h"

enum verdict { VERDICT_PASSED, VERDICT_FAILED, VERDICT_SKIPPED };

/* What is tried. */
struct target {
	const char *file; /* absolute; a copy that nobody else writes to */
	const char *type; /* one of the note's */
	const struct ndrv_note *note;
	struct ndrv_value options; /* the user's, for every network: a map or null */
	const char *config;	   /* the driver's own section, in YAML; "@DIR@" is the trial's directory. NULL: none */
	const char *beside;	   /* a command that runs beside the driver. NULL: none */
	uint64_t deadline_ns;	   /* of one call */
};

struct trial {
	const struct target *target;
	char dir[64];
	struct space space;
	struct host *host; /* NULL: not running */
	struct dispatch *dispatch;
	struct arena arena; /* of requests and replies; for the whole trial */
	struct reply reply; /* the last one */
	char doing[160];    /* what it answers, for messages */
	char text[512];	    /* why a rule failed or was skipped */
};

/* The host starts, with the driver in it, on the state it finds in `dir`; and ends. Failing is said in trial->text. */
int trial_open(struct trial *trial);
void trial_close(struct trial *trial);
/* Runs `work` in a process of its own, with a host of its own on the same state, and kills it with SIGKILL after. The host of this
 * process must not be running. Non-zero, with text, when the work failed. */
int trial_die_after(struct trial *trial, enum verdict (*work)(struct trial *trial));

bool trial_has_op(struct trial *trial, const char *op);
/* Of that type of table ("network", "endpoint"): a list of maps, or NULL when the driver has none. */
const struct ndrv_value *trial_options(struct trial *trial, const char *table);
static inline bool trial_can(const struct trial *trial, uint32_t capability_flag)
{
	return trial->target->note->capability_flags & capability_flag;
}

/* A request of an administrator; trial_run() gives it to the host and returns the error's code, 0 for success. */
struct request trial_request(struct trial *trial, enum request_op op, const char *network, const char *endpoint);
int trial_run(struct trial *trial, struct request *request);
/* The usual ones. */
int trial_do(struct trial *trial, enum request_op op, const char *network, const char *endpoint);
/* The network `id` with the number-th pair of pools, of the families asked for (4, 6, 46). */
void trial_network_request(struct trial *trial, struct request *request, const char *id, unsigned number, unsigned families);
int trial_network(struct trial *trial, const char *id, unsigned number);
int trial_delete_network(struct trial *trial, const char *id); /* as deep as the driver lets go: with force if it vetoes */
int trial_endpoint(struct trial *trial, const char *network, const char *id);
int trial_join(struct trial *trial, const char *network, const char *id, const char *sandbox_key);
int trial_connect(struct trial *trial, const char *network, const char *id, const char *netns);

enum verdict trial_fail(struct trial *trial, const char *fmt, ...) NDRV_PRINTF(2, 3);
enum verdict trial_skip(struct trial *trial, const char *fmt, ...) NDRV_PRINTF(2, 3);
/* The last call did not do as it should. */
enum verdict trial_failed_call(struct trial *trial);
enum verdict trial_wrong_answer(struct trial *trial, int want);

#define MUST(trial, call)                                \
	do {                                             \
		if (call)                                \
			return trial_failed_call(trial); \
	} while (0)
#define MUST_FAIL(trial, call, code)                            \
	do {                                                    \
		if ((call) != (code))                           \
			return trial_wrong_answer(trial, code); \
	} while (0)
#define MUST_HOLD(trial, condition, ...)                       \
	do {                                                   \
		if (!(condition))                              \
			return trial_fail(trial, __VA_ARGS__); \
	} while (0)
/* The host's namespace is as it was in `before`, soon. */
#define MUST_BE_AS(trial, before)                                                                  \
	do {                                                                                       \
		char difference_[256];                                                             \
		if (!space_is_as(before, difference_, sizeof(difference_)))                        \
			return trial_fail(trial, "the host's namespace differs: %s", difference_); \
	} while (0)

#endif
