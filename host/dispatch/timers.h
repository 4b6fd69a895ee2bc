/* SPDX-License-Identifier: Apache-2.0 */
/* Timers and watches of drivers: a thread that sleeps until one is due, and a job of the executor for each callback, so that
 * callbacks are subject to the same turns, frames and deadlines as ops. */
#ifndef HOST_DISPATCH_TIMERS_H
#define HOST_DISPATCH_TIMERS_H

#include <stdbool.h>

#include <ndrv/host.h>

struct timers;
struct dispatch;
struct generation;

int timers_new(struct timers **ret, struct ndrv_error *err);
const struct ndrv_timers_ops *timers_ops(struct timers *timers);
void timers_attach(struct timers *timers, struct dispatch *dispatch);
void timers_stop(struct timers *timers);
void timers_free(struct timers *timers);
/* Those of a network, or those of a generation: its networks' and (`own_too`) its own. */
void timers_drop(struct timers *timers, const struct ndrv_network *network, const struct generation *generation, bool own_too);
/* A generation's `held` or state changed: look again who may fire. */
void timers_wake(struct timers *timers);
/* Waits until no callback of a generation that was dropped is on its way or running. False: not before the deadline. */
bool timers_wait(struct timers *timers, const struct generation *generation, uint64_t deadline_ns);

#endif
