/* SPDX-License-Identifier: Apache-2.0 */
/* Telling drivers of rows and nodes: a thread that waits for work, and a job of the executor for each batch, so that event_notify
 * is subject to the same turns, frames and deadlines as ops that somebody asked for. */
#ifndef HOST_DISPATCH_STRAND_H
#define HOST_DISPATCH_STRAND_H

#include <stdbool.h>

#include <ndrv/error.h>

struct strands;
struct tables;
struct dispatch;

int strands_new(struct tables *tables, struct strands **ret, struct ndrv_error *err);
void strands_start(struct strands *strands, struct dispatch *dispatch);
/* What is on its way is still told; nothing new is begun. */
void strands_stop(struct strands *strands);
/* False: a call that never came back still has it, and the tables. */
bool strands_free(struct strands *strands);

#endif
