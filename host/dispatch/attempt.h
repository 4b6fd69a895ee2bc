/* SPDX-License-Identifier: Apache-2.0 */
/* What the host is handing to a driver while it recovers: a small file in the runtime directory, mapped, so that it costs a few
 * stores and is still there when a driver has taken the host with it. The next start reads it. */
#ifndef HOST_DISPATCH_ATTEMPT_H
#define HOST_DISPATCH_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include <ndrv/error.h>

struct attempts;
struct attempt;

/* Reads what the former host left, and begins anew where that makes no sense. STATE where the file cannot be used. */
int attempts_open(const char *runtime_dir, struct attempts **ret, struct ndrv_error *err);
/* The host ends as it should: what a driver still has in hand does not count against it. */
void attempts_close(struct attempts *attempts);
/* The same where a driver does not come back: what it may still write to stays. May be NULL. */
void attempts_excuse(struct attempts *attempts);

/* True, with the reason in `ret`: a host ended with a signal inside a driver of this content while it recovered the network, or
 * ended there again and again without saying why (kill -9, exit()). `attempts` may be NULL. */
bool attempts_fatal(const struct attempts *attempts, const char *nid, const char *sha256, struct ndrv_error *ret);

/* The verdict is written down elsewhere. */
void attempts_settle(struct attempts *attempts, const char *nid);

/* The network is in that driver's hands from here to attempt_end(). NULL: nobody takes notes of it. One network at a time for each
 * thread; those that hang keep their place. */
struct attempt *attempt_begin(struct attempts *attempts, const char *nid, const char *sha256);
/* Which op it is in, for the reason. */
void attempt_call(struct attempt *attempt, const char *op, const char *eid);
void attempt_end(struct attempt *attempt);

/* From a signal handler: the host ends with this signal inside a driver, in a call on this network. */
void attempts_crashed(const char *nid, int number);

#endif
