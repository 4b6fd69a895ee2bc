/* SPDX-License-Identifier: Apache-2.0 */
/* Which plugins are network types: those that answered a probe, and those that did so once and are remembered. Looked for when
 * configured, and by a timer from then on. A type stays until the host ends or the plugin is taken out of the configuration: calls
 * to one that is down say so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/remote/remote.h"

#define MS_NS UINT64_C(1000000)
#define SECOND_NS (1000 * MS_NS)
/* All that looking for plugins may take of the host's start, or of a reload. */
#define CONFIGURE_NS (3 * SECOND_NS)
/* A plugin that cannot be used is asked again, at longer and longer intervals. */
#define WAIT_MAX_NS (60 * SECOND_NS)
#define NEVER UINT64_MAX

/* A candidate that was asked and is no type. */
struct seen {
	char name[PLUGIN_NAME_MAX];
	struct stamp stamp;
	uint64_t again_ns, wait_ns;
	char said[NDRV_ERROR_TEXT_MAX]; /* what was logged of it */
};

struct remote {
	const struct ndrv_host *host;
	pthread_mutex_t lock;
	struct settings settings;
	struct plugin *plugins;
	uint32_t seen_count;
	struct seen seen[CANDIDATES_MAX];
	struct candidates candidates; /* of the look that is going on */
	struct ndrv_timer *timer;
};

static int configure(void *self, struct ndrv_call *call, const struct ndrv_value *config);
static void destroy(void *self);
static int open_instance(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err);

static const struct ndrv_ops control_ops = {
	.size = sizeof(control_ops),
	.configure = configure,
	.options = settings_options,
	.destroy = destroy,
};

NDRV_DRIVER(&control_ops, open_instance, .name = "remote", .version = NDRV_VERSION, .vendor = "ndrv", .threading = NDRV_THREADS_ANY,
	    .flags = NDRV_DRIVER_DYNAMIC_TYPES, .data_scope = NDRV_SCOPE_LOCAL,
	    .wants_lo = (uint32_t)(NDRV_FEATURE_STORE | NDRV_FEATURE_TIMERS));

/* --- registering --- */

static struct plugin *find(const struct remote *remote, const char *name)
{
	for (struct plugin *plugin = remote->plugins; plugin; plugin = plugin->next)
		if (strcmp(plugin->name, name) == 0)
			return plugin;
	return NULL;
}

/* Takes the plugin over on success. */
static int enlist(struct remote *remote, struct plugin *plugin, const struct probe *probe, struct ndrv_error *err)
{
	plugin->data_scope = probe->data_scope;
	plugin->connectivity_scope = probe->connectivity_scope;
	plugin->gw_alloc_checker = probe->gw_alloc_checker;
	const struct ndrv_capability capability = {
		.size = sizeof(capability),
		.data_scope = probe->data_scope,
		.connectivity_scope = probe->connectivity_scope,
		.note = &ndrv_file_note.note,
	};
	int rc = remote->host->register_driver(remote->host, plugin->name, &plugin_ops, plugin, &capability, err);
	if (rc)
		return rc;
	plugin->next = remote->plugins;
	remote->plugins = plugin;
	return 0;
}

static struct plugin *prepare(const struct remote *remote, const char *name, const char *address, struct ndrv_error *err)
{
	struct plugin *plugin = plugin_new(remote->host, name, address);

	if (!plugin) {
		(void)ndrv_fail_errno(err, ENOMEM, "plugin %s", name);
		return NULL;
	}
	atomic_store(&plugin->retry_s, remote->settings.retry_s);
	atomic_store(&plugin->max_reply, remote->settings.max_reply);
	return plugin;
}

/* --- those that are no types --- */

static struct seen *seen_of(struct remote *remote, const struct candidate *candidate)
{
	struct seen *seen = NULL;

	for (uint32_t i = 0; i < remote->seen_count && !seen; i++)
		if (strcmp(remote->seen[i].name, candidate->name) == 0)
			seen = &remote->seen[i];
	if (!seen) /* a full table forgets the oldest */
		seen = &remote->seen[remote->seen_count < CANDIDATES_MAX ? remote->seen_count++ : 0];
	bool same = strcmp(seen->name, candidate->name) == 0 && seen->stamp.dev == candidate->stamp.dev &&
		    seen->stamp.ino == candidate->stamp.ino && seen->stamp.changed_ns == candidate->stamp.changed_ns;
	if (!same) {
		*seen = (struct seen){.stamp = candidate->stamp};
		memcpy(seen->name, candidate->name, sizeof(seen->name));
	}
	return seen;
}

/* Says a thing once. */
static void complain(const struct remote *remote, struct seen *seen, int level, const char *text)
{
	if (strcmp(seen->said, text) == 0)
		return;
	(void)snprintf(seen->said, sizeof(seen->said), "%s", text);
	ndrv_log(remote->host, level, "plugin %s is no network type: %s", seen->name, text);
}

/* What a later look may see differently. */
static bool may_change(int code)
{
	return code == NDRV_E_NO_SERVICE || code == NDRV_E_TIMEOUT || code == NDRV_E_INTERNAL || code == NDRV_E_CANCELLED;
}

static void put_off(const struct remote *remote, struct seen *seen, const struct ndrv_error *why)
{
	complain(remote, seen, NDRV_LOG_WARNING, why->text);
	seen->wait_ns = seen->wait_ns ? seen->wait_ns * 2 : SECOND_NS;
	if (seen->wait_ns > WAIT_MAX_NS)
		seen->wait_ns = WAIT_MAX_NS;
	seen->again_ns = may_change(why->code) ? now_ns() + seen->wait_ns : NEVER;
}

/* --- looking --- */

/* A call of our own: the plugin has its own time to answer, within that of the call we are in. Not a copy of it, since the host
 * finds what it knows of a call by its place. */
struct probing {
	struct ndrv_call call; /* first */
	const struct ndrv_call *outer;
};

static int outer_cancelled(const struct ndrv_call *call)
{
	const struct ndrv_call *outer = ((const struct probing *)(const void *)call)->outer;

	return outer->cancelled ? outer->cancelled(outer) : 0;
}

static int probe_in_time(const struct remote *remote, struct plugin *plugin, struct ndrv_call *call, struct probe *ret,
			 struct ndrv_error *err)
{
	struct probing own = {
		.call = {.size = sizeof(own.call),
			 .deadline_ns = now_ns() + (uint64_t)remote->settings.probe_ms * MS_NS,
			 .err = err,
			 .arena = call->arena,
			 .cancelled = outer_cancelled,
			 .requester = call->requester,
			 .front = call->front,
			 .uid = call->uid,
			 .request_id = call->request_id},
		.outer = call,
	};

	if (call->deadline_ns && call->deadline_ns < own.call.deadline_ns)
		own.call.deadline_ns = call->deadline_ns;
	return probe_plugin(plugin, &own.call, ret);
}

static void look_at(struct remote *remote, const struct candidate *candidate, struct ndrv_call *call)
{
	struct seen *seen = seen_of(remote, candidate);
	struct ndrv_error why = candidate->why;
	struct probe probe = {.network_driver = false};

	if (seen->again_ns > now_ns())
		return;
	struct plugin *plugin = why.code ? NULL : prepare(remote, candidate->name, candidate->address, &why);
	int rc = plugin ? probe_in_time(remote, plugin, call, &probe, &why) : -why.code;
	if (!rc && !probe.network_driver) {
		complain(remote, seen, NDRV_LOG_INFO, "it does not implement " NDRV_PLUGIN_ENDPOINT_TYPE);
		seen->again_ns = NEVER;
		plugin_free(plugin);
		return;
	}
	if (!rc)
		rc = enlist(remote, plugin, &probe, &why);
	if (rc) {
		plugin_free(plugin);
		put_off(remote, seen, &why);
		return;
	}
	ndrv_log(remote->host, NDRV_LOG_INFO, "plugin %s at %s is a network type of scope %s", plugin->name, plugin->address,
		 plugin->data_scope == NDRV_SCOPE_GLOBAL ? "global" : "local");
	if (memory_keep(remote->host, plugin, &why))
		ndrv_log(remote->host, NDRV_LOG_WARNING, "plugin %s will not be remembered: %s", plugin->name, why.text);
}

/* One that moved is followed. */
static void look(struct remote *remote, struct ndrv_call *call, uint64_t until_ns)
{
	discover(&remote->settings, &remote->candidates);
	for (uint32_t i = 0; i < remote->candidates.count; i++) {
		const struct candidate *candidate = &remote->candidates.items[i];
		struct plugin *known = find(remote, candidate->name);
		if (known && !candidate->why.code)
			plugin_move(known, candidate->address);
		else if (!known && now_ns() < until_ns)
			look_at(remote, candidate, call);
	}
}

static void on_timer(struct ndrv_call *call, struct ndrv_network *network, void *data)
{
	struct remote *remote = data;

	(void)network;
	(void)pthread_mutex_lock(&remote->lock);
	look(remote, call, NEVER);
	(void)pthread_mutex_unlock(&remote->lock);
}

/* --- those that are remembered --- */

/* Not up now, or not asked yet: its networks are here all the same. */
static void recall(void *data, const char *name, const char *address, const struct probe *probe)
{
	struct remote *remote = data;
	struct ndrv_error why = {0};

	if (find(remote, name))
		return;
	struct plugin *plugin = prepare(remote, name, address, &why);
	if (plugin && enlist(remote, plugin, probe, &why)) {
		plugin_free(plugin);
		ndrv_log(remote->host, NDRV_LOG_WARNING, "plugin %s is remembered, but is no network type: %s", name, why.text);
	} else if (plugin) {
		ndrv_log(remote->host, NDRV_LOG_INFO, "plugin %s at %s is a network type as it was before; it does not answer now",
			 name, address);
	}
}

static bool is_candidate(const struct remote *remote, const char *name)
{
	for (uint32_t i = 0; i < remote->candidates.count; i++)
		if (strcmp(remote->candidates.items[i].name, name) == 0)
			return true;
	return false;
}

/* Types of plugins that are nowhere any more, unless they have networks. */
static void retire(struct remote *remote)
{
	for (struct plugin **at = &remote->plugins; *at;) {
		struct plugin *plugin = *at;
		struct ndrv_error why = {0};
		if (is_candidate(remote, plugin->name) || remote->host->unregister_driver(remote->host, plugin->name, &why)) {
			at = &plugin->next;
			continue;
		}
		*at = plugin->next;
		memory_forget(remote->host, plugin->name);
		ndrv_log(remote->host, NDRV_LOG_INFO, "plugin %s is gone: no network type any more", plugin->name);
		plugin_free(plugin);
	}
}

/* --- the driver's own instance --- */

static void apply(struct remote *remote, const struct settings *settings)
{
	remote->settings = *settings;
	remote->seen_count = 0;
	for (struct plugin *plugin = remote->plugins; plugin; plugin = plugin->next) {
		atomic_store(&plugin->retry_s, settings->retry_s);
		atomic_store(&plugin->max_reply, settings->max_reply);
	}
}

static int start_timer(struct remote *remote, struct ndrv_error *err)
{
	uint64_t every_ns = (uint64_t)remote->settings.scan_s * SECOND_NS;

	if (!every_ns)
		return 0;
	int rc = ndrv_timer_add(remote->host, NULL, every_ns, every_ns, on_timer, remote, &remote->timer, err);
	if (rc != -NDRV_E_NOT_IMPLEMENTED)
		return rc;
	ndrv_error_clear(err);
	return 0;
}

/* The timer is made anew, since unregister_driver() ends a driver's timers. It is deleted before the lock is taken that it may be
 * waiting for. */
static int configure(void *self, struct ndrv_call *call, const struct ndrv_value *config)
{
	struct remote *remote = self;
	struct settings *settings = calloc(1, sizeof(*settings));

	if (!settings)
		return ndrv_fail_errno(call->err, ENOMEM, "the configuration");
	int rc = settings_read(config, call->arena, settings, call->err);
	if (rc) {
		free(settings);
		return rc;
	}
	bool again = remote->timer || remote->plugins;
	if (remote->timer)
		ndrv_timer_del(remote->host, remote->timer);
	remote->timer = NULL;
	(void)pthread_mutex_lock(&remote->lock);
	apply(remote, settings);
	look(remote, call, now_ns() + CONFIGURE_NS);
	if (again)
		retire(remote);
	rc = memory_each(remote->host, call->arena, recall, remote, call->err);
	if (!rc)
		rc = start_timer(remote, call->err);
	(void)pthread_mutex_unlock(&remote->lock);
	free(settings);
	return rc;
}

/* The plugins are destroyed one by one, as the instances they are. */
static void destroy(void *self)
{
	struct remote *remote = self;

	(void)pthread_mutex_destroy(&remote->lock);
	free(remote);
}

static int open_instance(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err)
{
	struct remote *remote = calloc(1, sizeof(*remote));

	if (!remote)
		return ndrv_fail_errno(err, ENOMEM, "remote");
	remote->host = host;
	(void)pthread_mutex_init(&remote->lock, NULL);
	*ret_self = remote;
	return 0;
}
