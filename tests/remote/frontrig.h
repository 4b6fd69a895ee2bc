/* SPDX-License-Identifier: Apache-2.0 */
/* The Docker front on the rig, and who speaks to it as dockerd does. */
#ifndef TESTS_REMOTE_FRONTRIG_H
#define TESTS_REMOTE_FRONTRIG_H

#include "tests/remote/remoterig.h"

#include <jansson.h>

extern struct rig *rig;

/* cmocka's; types "rec", of local scope, and "recglobal". */
int front_fresh(void **state);
int front_fresh_global(void **state);
int front_finish(void **state);

/* `fd`: a connection, made where it is -1. The answer must have the status `want` and be an object. */
json_t *post(int *fd, const char *method, const char *body, int want);
/* The answer is `want`, with sorted keys; or an error with that part. */
void assert_text(int *fd, const char *method, const char *body, const char *want);
void assert_err(int *fd, const char *method, const char *body, const char *part);

#define NET                                                                                                                       \
	"{\"NetworkID\":\"n1\",\"Options\":{\"com.docker.network.generic\":{}},\"IPv4Data\":[{\"AddressSpace\":\"LocalDefault\"," \
	"\"Gateway\":\"10.9.0.1/24\",\"Pool\":\"10.9.0.0/24\"}],\"IPv6Data\":[]}\n"
#define EP(address, mac)                                                                    \
	"{\"NetworkID\":\"n1\",\"EndpointID\":\"e1\",\"Interface\":{\"Address\":\"" address \
	"\",\"AddressIPv6\":\"\",\"MacAddress\":\"" mac "\"},\"Options\":{}}\n"
#define IDS "{\"NetworkID\":\"n1\",\"EndpointID\":\"e1\"}\n"

#endif
