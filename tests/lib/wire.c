/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/wire.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "host/sandbox/ready.h"
#include "tests/lib/test.h"

#define PATIENCE_NS UINT64_C(20000000000)

static void go(int fd)
{
	assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

void wire_go(const struct wire *wire, unsigned host)
{
	go(wire->hosts[host].fd);
}

void wire_go_home(const struct wire *wire)
{
	go(wire->home);
}

static void give_address(struct ndrv_nl *nl, const char *text)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix prefix;
	struct ndrv_link link;

	assert_ok(ndrv_prefix_parse(text, &prefix, &err), &err);
	assert_ok(ndrv_link_get(nl, "eth0", 0, &link, &err), &err);
	assert_ok(ndrv_address_add(nl, "eth0", link.index, &prefix, &err), &err);
	assert_ok(ndrv_link_set(nl, "eth0", link.index, &(struct ndrv_link_change){.up = 1}, &err), &err);
	assert_ok(ndrv_link_set(nl, "lo", 0, &(struct ndrv_link_change){.up = 1}, &err), &err);
}

static void plug_host(struct wire *wire, unsigned number, unsigned family, unsigned mtu, uint32_t middle)
{
	char port[16], text[NDRV_PREFIX_TEXT], *address = wire->addresses[number];
	struct netns *host = &wire->hosts[number];
	struct ndrv_link_peer peer = {.name = "eth0", .mtu = mtu};
	struct ndrv_link_spec spec = {.kind = "veth", .name = port, .master = middle, .up = 1, .mtu = mtu, .peer = &peer};
	struct ndrv_error err = {0};
	struct ndrv_nl *nl;

	netns_new(host);
	peer.netns_fd = host->fd;
	(void)snprintf(port, sizeof(port), "port%u", number);
	nl = netns_nl(&wire->middle);
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(nl);
	(void)snprintf(address, NDRV_ADDR_TEXT, family == 6 ? "fd99::%u" : "192.0.2.%u", number + 1);
	(void)snprintf(text, sizeof(text), "%s/%u", address, family == 6 ? 64u : 24u);
	nl = netns_nl(host);
	give_address(nl, text);
	ndrv_nl_close(nl);
}

/* The kernel tells a bridge of its ports' carriers in its own time. */
static void await_link(const struct netns *ns, const char *name)
{
	struct ndrv_nl *nl = netns_nl(ns);
	struct ndrv_error err = {0};
	struct ndrv_link link;
	bool ready = false;

	assert_ok(ndrv_link_get(nl, name, 0, &link, &err), &err);
	assert_ok(ready_wait(nl, &link.index, 1, PATIENCE_NS, &ready, &err), &err);
	assert_true(ready);
	ndrv_nl_close(nl);
}

void wire_lay(struct wire *wire, unsigned count, unsigned family, unsigned mtu)
{
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "wire", .up = 1, .mtu = mtu};
	struct ndrv_error err = {0};
	struct ndrv_link bridge;
	struct ndrv_nl *nl;

	assert_true(count <= WIRE_MAX);
	*wire = (struct wire){.count = count, .home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
	netns_new(&wire->middle);
	nl = netns_nl(&wire->middle);
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &bridge, &err), &err);
	ndrv_nl_close(nl);
	for (unsigned i = 0; i < count; i++)
		plug_host(wire, i, family, mtu, bridge.index);
	for (unsigned i = 0; i < count; i++) {
		char port[16];

		(void)snprintf(port, sizeof(port), "port%u", i);
		await_link(&wire->middle, port);
		await_link(&wire->hosts[i], "eth0");
	}
	await_link(&wire->middle, "wire");
}

void wire_cut(struct wire *wire)
{
	wire_go_home(wire);
	for (unsigned i = 0; i < wire->count; i++)
		netns_free(&wire->hosts[i]);
	netns_free(&wire->middle);
	(void)close(wire->home);
	wire->count = 0;
}
