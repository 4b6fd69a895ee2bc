/* SPDX-License-Identifier: Apache-2.0 */
/* A dispatcher for tests of fronts: it answers every request with a description of it, so that what a front decoded can be seen.
 * Some networks are special: "fail-NAME" fails with that error (fail-NO_NETWORK), "hold" waits until it is cancelled or let go,
 * "null" answers with no value, "binary" with text that is no UTF-8. */
#ifndef TESTS_FRONT_FAKE_H
#define TESTS_FRONT_FAKE_H

#include "host/dispatch/dispatch.h"

struct dispatch *fake_new(void);
void fake_free(struct dispatch *fake);
/* Answers come from another thread and a moment later, as the real dispatcher's do; else inside dispatch_submit(). */
struct tables;
/* "n1" is open in them. */
struct tables *fake_tables(struct dispatch *fake);
void fake_set_async(struct dispatch *fake, bool async);
/* What that operation answers from now on, instead of a description; borrowed. NULL: the description again. */
void fake_set_reply(struct dispatch *fake, enum request_op op, const struct ndrv_value *value);
/* Ends what is held, well. */
void fake_release(struct dispatch *fake);
unsigned fake_submitted(struct dispatch *fake);
unsigned fake_cancelled(struct dispatch *fake);
unsigned fake_held(struct dispatch *fake);
/* To every sink. */
void fake_event(struct dispatch *fake, const char *what, int64_t number);

#endif
