/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/remote/worlds.h"

#include <stdlib.h>
#include <unistd.h>

#include "host/front/docker.h"
#include "sdk/wire/docker.h"

static void NDRV_PRINTF(2, 3) say(struct world *world, const char *fmt, ...)
{
	va_list args;

	(void)pthread_mutex_lock(&world->lock);
	if (world->room - world->bytes < 8192)
		world->said = realloc(world->said, world->room += 65536);
	assert_non_null(world->said);
	va_start(args, fmt);
	int wrote = vsnprintf(world->said + world->bytes, world->room - world->bytes, fmt, args);
	va_end(args);
	assert_true(wrote >= 0 && (size_t)wrote < world->room - world->bytes);
	world->bytes += (size_t)wrote;
	(void)pthread_mutex_unlock(&world->lock);
}

/* --- what the driver sees --- */

static void say_value(struct world *world, const char *name, const struct ndrv_value *value)
{
	char *text = value ? wire_value_print(value) : NULL;

	if (value)
		say(world, " %s=%s", name, text);
	free(text);
}

static void say_ipam(struct world *world, const char *name, const struct ndrv_ipam_list *list)
{
	for (uint32_t i = 0; list && i < list->count; i++) {
		char *text = NULL;
		assert_int_equal(ndrv_ipam_to_json(ndrv_ipam_at(list, i), &text, NULL), 0);
		say(world, " %s[%u]=%s", name, i, text);
		free(text);
	}
}

static void say_ifinfo(struct world *world, struct ndrv_ifinfo *ifinfo)
{
	struct ndrv_prefix address, address6;
	char text[NDRV_PREFIX_TEXT];
	struct ndrv_mac mac;

	assert_int_equal(ndrv_ifinfo_address(ifinfo, &address, NULL), 0);
	assert_int_equal(ndrv_ifinfo_address6(ifinfo, &address6, NULL), 0);
	assert_int_equal(ndrv_ifinfo_mac(ifinfo, &mac, NULL), 0);
	say(world, " address=%s", ndrv_prefix_format(&address, text));
	say(world, " address6=%s", ndrv_prefix_format(&address6, text));
	say(world, " mac=%s", ndrv_mac_format(&mac, text));
}

static void say_network(struct world *world, const struct ndrv_network *network)
{
	say(world, " %s flags=%x", network->id, network->flags);
	say_value(world, "options", network->options);
	say_ipam(world, "ipv4", &network->ipv4);
	say_ipam(world, "ipv6", &network->ipv6);
}

static int record(struct rig *rig, struct recorded *recorded)
{
	struct world *world = rig->act_data;
	uint32_t flags = recorded->call->flags;

	say(world, "  %s%s%s%s", recorded->op, flags & NDRV_CALL_UNDO ? " UNDO" : "", recorded->nid ? " " : "",
	    recorded->nid ? recorded->nid : "");
	if (recorded->network)
		say_network(world, recorded->network);
	if (recorded->endpoint) {
		say(world, " | %s key=%s", recorded->endpoint->id, recorded->endpoint->sandbox_key);
		say_value(world, "options", recorded->endpoint->options);
	}
	if (recorded->sandbox_key)
		say(world, " sandbox=%s", recorded->sandbox_key);
	say_value(world, "given", recorded->options);
	say_value(world, "sandbox_options", recorded->sandbox_options);
	say_ipam(world, "ipv4", recorded->ipv4);
	say_ipam(world, "ipv6", recorded->ipv6);
	if (recorded->gateways)
		say(world, " gateways=%s,%s", recorded->gateways->gateway4, recorded->gateways->gateway6);
	if (recorded->discovery)
		say(world, " node=%s,%s,%u", recorded->discovery->address, recorded->discovery->bind_address,
		    recorded->discovery->self);
	if (recorded->ifinfo)
		say_ifinfo(world, recorded->ifinfo);
	say(world, "\n");
	if (world->failing && strcmp(world->failing, recorded->op) == 0 && !(flags & NDRV_CALL_UNDO)) {
		int rc = ndrv_fail(recorded->call->err, world->code, "scripted <%s> & \"so\"", recorded->op);
		return world->maskable ? ndrv_maskable(recorded->call->err, rc) : rc;
	}
	return world->act ? world->act(world, recorded) : 0;
}

/* --- what the asker sees --- */

static void say_routes(struct world *world, const struct join_reply *join)
{
	char text[NDRV_PREFIX_TEXT], hop[NDRV_ADDR_TEXT];

	for (uint32_t i = 0; i < join->route_count; i++)
		say(world, " route=%s,%u,%s", ndrv_prefix_format(&join->routes[i].destination, text), join->routes[i].type,
		    ndrv_addr_format(&join->routes[i].next_hop, hop));
}

struct reply ask(struct world *world, struct request *request)
{
	struct reply reply = rig_run(world->asked, request);
	char text[NDRV_PREFIX_TEXT];

	say(world, "%s: %s %u %s|", request_op_name(request->op), ndrv_error_name(reply.error.code), reply.error.kind,
	    reply.error.text);
	if (reply.error.code) {
		say(world, "\n");
		return reply;
	}
	say(world, " address=%s", ndrv_prefix_format(&reply.address, text));
	say(world, " address6=%s", ndrv_prefix_format(&reply.address6, text));
	say(world, " mac=%s changed=%d%d%d", ndrv_mac_format(&reply.mac, text), reply.address_changed, reply.address6_changed,
	    reply.mac_changed);
	if (request->op == REQ_JOIN) {
		say(world, " src=%s prefix=%s exact=%s", reply.join.src_name, reply.join.prefix, reply.join.ifname);
		say(world, " gateway=%s", ndrv_addr_format(&reply.join.gateway4, text));
		say(world, " gateway6=%s disable=%d", ndrv_addr_format(&reply.join.gateway6, text),
		    reply.join.disable_gateway_service);
		say_routes(world, &reply.join);
	}
	if (request->op == REQ_ENDPOINT_INFO || request->op == REQ_NETWORK_ALLOCATE)
		say_value(world, "value", &reply.value);
	say(world, " skip=%u\n", reply.skip_gateways);
	return reply;
}

struct request about(struct world *world, enum request_op op, const char *nid, const char *eid)
{
	struct request request = rig_request(world->asked, op);

	request.type = nid ? NULL : world->type;
	request.network = nid;
	request.endpoint = eid;
	return request;
}

struct reply do_op(struct world *world, enum request_op op, const char *nid, const char *eid)
{
	struct request request = about(world, op, nid, eid);

	request.sandbox_key = "/var/run/docker/netns/0123";
	return ask(world, &request);
}

struct ndrv_value map_of(struct world *world, const char *key, struct ndrv_value value)
{
	struct ndrv_value map = ndrv_null();
	struct ndrv_error err = {0};

	assert_ok(ndrv_map_set(&world->asked->arena.ndrv, &map, key, value, &err), &err);
	return map;
}

struct reply make_network(struct world *world, const char *nid, const char *pool4, const char *pool6, uint32_t flags)
{
	struct request request = about(world, REQ_NETWORK_CREATE, NULL, NULL);
	struct pool_wish wishes[2];
	struct ndrv_error err = {0};

	request.new_id = nid;
	request.flags = flags;
	request.options = map_of(world, "vendor.opt", ndrv_string("<1&2>"));
	request.pools = wishes;
	memset(wishes, 0, sizeof(wishes));
	if (pool4)
		assert_ok(ndrv_prefix_parse(pool4, &wishes[request.pool_count++].pool, &err), &err);
	if (pool6)
		assert_ok(ndrv_prefix_parse(pool6, &wishes[request.pool_count++].pool, &err), &err);
	return ask(world, &request);
}

/* --- both worlds --- */

static struct rig *open_rig(const char *const *drivers)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, RIG_QUIET, drivers);
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_close(rig);
	free(rig);
}

static void watch(struct world *world, struct rig *rig)
{
	(void)pthread_mutex_init(&world->lock, NULL);
	rig->silent = true;
	rig->act = record;
	rig->act_data = world;
}

static char *run_directly(void (*script)(struct world *world), const char *type)
{
	const char *const drivers[] = {type, NULL};
	struct rig *rig = open_rig(drivers);
	struct world world = {.asked = rig, .served = rig, .type = type};

	watch(&world, rig);
	script(&world);
	close_rig(rig);
	return world.said;
}

static char *run_through_chain(void (*script)(struct world *world), const char *type, uint32_t scope)
{
	const char *const drivers[] = {type, NULL}, *const none[] = {NULL};
	struct rig *served = open_rig(drivers), *asked = open_rig(none);
	struct world world = {.asked = asked, .served = served, .type = "p"};
	char dir[] = "/tmp/ndrv-loop-XXXXXX", path[64], address[80];
	struct ndrv_error err = {0};
	struct docker *docker;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/p.sock", dir);
	(void)snprintf(address, sizeof(address), "unix://%s", path);
	struct docker_options options = {.dispatch = served->dispatch,
					 .listen_fd = fakeplugin_listen(path),
					 .name = "p",
					 .type = type,
					 .data_scope = scope,
					 .connectivity_scope = scope,
					 .token = "",
					 .max_connections = 64,
					 .request_timeout_ns = 30000000000,
					 .max_request = 1 << 20};
	assert_ok(docker_start(&options, &docker, &err), &err);
	struct ndrv_value config = remote_config(asked, "p", address, 0);
	assert_ok(remote_load(asked, &config, &err), &err);
	watch(&world, served);
	script(&world);
	close_rig(asked);
	docker_stop(docker);
	close_rig(served);
	(void)close(options.listen_fd);
	(void)unlink(path);
	(void)rmdir(dir);
	return world.said;
}

/* Past the lines that repeat the one before: at both ends somebody asks for the published ports. */
static const char *past_repeats(const char *from, const char *at)
{
	size_t bytes = strcspn(at, "\n") + 1;

	while ((size_t)(at - from) >= bytes && *at && !memcmp(at - bytes, at, bytes) && !strncmp(at, "  endpoint_info", 15))
		at += bytes;
	return at;
}

/* The first line in which they differ. */
static void assert_same(const char *direct, const char *chain)
{
	size_t line = 0;

	for (const char *a = direct, *b = chain; *a || *b; line++) {
		a = past_repeats(direct, a);
		b = past_repeats(chain, b);
		size_t one = strcspn(a, "\n"), other = strcspn(b, "\n");
		if (one != other || memcmp(a, b, one) != 0)
			fail_msg("line %zu\ndirect: %.*s\n chain: %.*s", line, (int)one, a, (int)other, b);
		a += one + (a[one] == '\n');
		b += other + (b[other] == '\n');
	}
	assert_true(line > 3);
}

void compare(void (*script)(struct world *world), const char *type, uint32_t scope)
{
	char *direct = run_directly(script, type), *chain = run_through_chain(script, type, scope);

	assert_same(direct, chain);
	free(direct);
	free(chain);
}
