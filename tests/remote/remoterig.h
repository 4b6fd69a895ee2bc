/* SPDX-License-Identifier: Apache-2.0 */
/* The rig with the remote driver in it, and a plugin it serves as type "p". */
#ifndef TESTS_REMOTE_REMOTERIG_H
#define TESTS_REMOTE_REMOTERIG_H

#include "tests/conformance/rig.h"
#include "tests/lib/plugin.h"

struct remoterig {
	struct rig rig; /* first */
	struct fakeplugin plugin;
};

/* Loads remote.so into the rig with `config` as YAML's value would be; keys of the driver's own. */
int remote_load(struct rig *rig, const struct ndrv_value *config, struct ndrv_error *err);
/* {plugins: {NAME: ADDRESS}, plugin_dirs: [], spec_dirs: [], retry: RETRY, probe_ms: 500, scan: 0} in the rig's arena. */
struct ndrv_value remote_config(struct rig *rig, const char *name, const char *address, int retry);
void remoterig_open(struct remoterig *both, int retry);
void remoterig_close(struct remoterig *both);
/* What the plugin was asked since the last time. */
#define assert_asked(both, text) assert_string_equal(fakeplugin_log(&(both)->plugin), (text))

#endif
