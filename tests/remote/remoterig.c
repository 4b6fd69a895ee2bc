/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/remote/remoterig.h"

int remote_load(struct rig *rig, const struct ndrv_value *config, struct ndrv_error *err)
{
	struct driver_request request = {.name = "remote", .path = DRIVERS "/remote.so", .config = config};

	return registry_load(rig->registry, &request, NULL, err);
}

static void set(struct rig *rig, struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	struct ndrv_error err = {0};

	assert_ok(ndrv_map_set(&rig->arena.ndrv, map, key, value, &err), &err);
}

struct ndrv_value remote_config(struct rig *rig, const char *name, const char *address, int retry)
{
	struct ndrv_value plugins = {.type = NDRV_MAP}, config = ndrv_null();

	if (name)
		set(rig, &plugins, name, ndrv_string(address));
	set(rig, &config, "plugins", plugins);
	set(rig, &config, "plugin_dirs", (struct ndrv_value){.type = NDRV_LIST});
	set(rig, &config, "spec_dirs", (struct ndrv_value){.type = NDRV_LIST});
	set(rig, &config, "retry", ndrv_int(retry));
	set(rig, &config, "probe_ms", ndrv_int(500));
	set(rig, &config, "scan", ndrv_int(0));
	return config;
}

void remoterig_open(struct remoterig *both, int retry)
{
	static const char *const none[] = {NULL};
	struct ndrv_error err = {0};

	both->plugin.answer = NULL;
	fakeplugin_start(&both->plugin, NULL, "p");
	rig_open(&both->rig, RIG_QUIET, none);
	struct ndrv_value config = remote_config(&both->rig, "p", both->plugin.address, retry);
	assert_ok(remote_load(&both->rig, &config, &err), &err);
	(void)fakeplugin_log(&both->plugin);
}

void remoterig_close(struct remoterig *both)
{
	rig_close(&both->rig);
	fakeplugin_stop(&both->plugin);
}
