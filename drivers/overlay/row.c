/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table: protobuf, three strings as libnetwork writes them (address with its length, MAC, the node's address). A
 * fourth, ours, is the IPv6 address of an endpoint that has both; readers that do not know it pass over it. */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The kernel's list costs it the square of its length: 40 ms for so many, 4 s for 100,000. */
#define SWEEP_ALWAYS_MAX 10000

enum { FIELD_ADDRESS = 1, FIELD_MAC = 2, FIELD_VTEP = 3, FIELD_ADDRESS6 = 4 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* --- writing --- */

static size_t put_string(uint8_t *at, unsigned field, const char *text)
{
	size_t length = strlen(text); /* of an address: below 128, so one byte says it */

	if (!length)
		return 0;
	at[0] = (uint8_t)(field << 3 | WIRE_BYTES);
	at[1] = (uint8_t)length;
	for (size_t i = 0; i < length; i++)
		at[2 + i] = (uint8_t)text[i];
	return length + 2;
}

size_t row_encode(const struct row *row, uint8_t ret[ROW_MAX])
{
	bool v4 = row->address.addr.family != 0;
	char text[NDRV_PREFIX_TEXT];
	size_t at = put_string(ret, FIELD_ADDRESS, ndrv_prefix_format(v4 ? &row->address : &row->address6, text));

	at += put_string(ret + at, FIELD_MAC, ndrv_mac_format(&row->mac, text));
	at += put_string(ret + at, FIELD_VTEP, ndrv_addr_format(&row->vtep, text));
	if (v4)
		at += put_string(ret + at, FIELD_ADDRESS6, ndrv_prefix_format(&row->address6, text));
	return at;
}

/* --- reading --- */

struct reader {
	const uint8_t *at, *end;
};

static bool get_varint(struct reader *reader, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
		uint8_t byte = *reader->at++;

		*ret |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* The next field. Strings come in text, cut where they are too long to be anything of use. 1: there is one, 0: the end, -1: broken.
 */
static int get_field(struct reader *reader, uint64_t *ret_field, char text[NDRV_PREFIX_TEXT])
{
	uint64_t tag, length;

	text[0] = '\0';
	*ret_field = 0;
	if (reader->at == reader->end)
		return 0;
	if (!get_varint(reader, &tag) || !(tag >> 3))
		return -1;
	if ((tag & 7) == WIRE_VARINT)
		return get_varint(reader, &length) ? 1 : -1;
	if ((tag & 7) == WIRE_BYTES) {
		if (!get_varint(reader, &length))
			return -1;
		*ret_field = tag >> 3;
	} else if ((tag & 7) == WIRE_64 || (tag & 7) == WIRE_32) {
		length = (tag & 7) == WIRE_64 ? 8 : 4;
	} else {
		return -1;
	}
	if (length > (uint64_t)(reader->end - reader->at))
		return -1;
	(void)snprintf(text, NDRV_PREFIX_TEXT, "%.*s", (int)(length < 64 ? length : 64), (const char *)reader->at);
	reader->at += length;
	return 1;
}

static int take_address(const char *text, struct row *row, struct ndrv_error *err)
{
	struct ndrv_prefix prefix;
	int rc = ndrv_prefix_parse(text, &prefix, err);

	if (!rc)
		*(prefix.addr.family == 4 ? &row->address : &row->address6) = prefix;
	return rc;
}

static int take_field(uint64_t field, const char *text, struct row *row, struct ndrv_error *err)
{
	int rc;

	switch (field) {
	case FIELD_ADDRESS:
	case FIELD_ADDRESS6:
		return take_address(text, row, err);
	case FIELD_MAC:
		rc = ndrv_mac_parse(text, &row->mac, err);
		return rc ? rc : ndrv_mac_check(&row->mac, err);
	case FIELD_VTEP:
		return ndrv_addr_parse(text, &row->vtep, err);
	default:
		return 0;
	}
}

int row_decode(const void *value, size_t bytes, struct row *ret, struct ndrv_error *err)
{
	struct reader reader = {.at = value, .end = (const uint8_t *)value + bytes};
	char text[NDRV_PREFIX_TEXT];
	struct row row = {0};
	uint64_t field;
	int more, rc = 0;

	while (!rc && (more = get_field(&reader, &field, text)) != 0)
		rc = more > 0 ? take_field(field, text, &row, err)
			      : ndrv_fail(err, NDRV_E_BAD_REQUEST, "the row is no peer record: it ends within a field");
	if (!rc && !row.address.addr.family && !row.address6.addr.family)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "the row has no address of an endpoint");
	if (!rc && !row.mac.set)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "the row has no MAC address");
	if (!rc && (!row.vtep.family || ndrv_addr_is_unspecified(&row.vtep)))
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "the row has no address of a node");
	if (!rc)
		*ret = row;
	return rc;
}

int overlay_decode_table_entry(void *self, struct ndrv_call *call, const char *table, const char *key, const void *value,
			       size_t bytes, const char **ret_object_id, struct ndrv_value *ret_info)
{
	char text[NDRV_PREFIX_TEXT];
	struct ndrv_value info = {.type = NDRV_MAP};
	struct row row;
	const char *host;
	int rc;

	(void)self;
	if (strcmp(table, OVERLAY_TABLE) != 0)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "table %.64s is none of this driver's, which is %s", table,
				 OVERLAY_TABLE);
	if (!value)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "row %.64s has no value", key);
	rc = row_decode(value, bytes, &row, call->err);
	if (rc)
		return ndrv_wrap(call->err, rc, "row %.64s", key);
	host = ndrv_arena_strdup(call->arena, ndrv_addr_format(&row.vtep, text));
	if (!host)
		return ndrv_fail_errno(call->err, ENOMEM, "overlay");
	rc = ndrv_map_set(call->arena, &info, "Host IP", ndrv_string(host), call->err);
	if (rc)
		return rc;
	*ret_object_id = key;
	*ret_info = info;
	return 0;
}

/* --- rows that changed --- */

struct told {
	uint32_t bad, failed;
	struct ndrv_error why;
};

static void tell_row(struct net *net, const struct node *here, const struct ndrv_table_event *event, struct told *told)
{
	const char *owner = event->owner && event->owner[0] ? event->owner : "?"; /* "" is this host itself */
	struct peer *peer = peers_find(&net->peers, event->key, owner);
	struct peer_facts facts = {0};
	struct ndrv_error err = {0};
	struct row row;
	uint32_t subnet = 0;
	int rc = 0;

	if (event->value) {
		rc = row_decode(event->value, event->value_bytes, &row, &err);
		if (!rc)
			rc = net_subnet(net, &row.address.addr, &row.address6.addr, &subnet, &err);
		if (!rc && net->vtep.family && row.vtep.family != net->vtep.family)
			rc = ndrv_fail(&err, NDRV_E_BAD_REQUEST, "its node has an IPv%u address, and this one an IPv%u address",
				       row.vtep.family, net->vtep.family);
	}
	/* Our own, come back by way of another engine, is no peer. */
	if (event->value && !rc && !ndrv_addr_equal(&row.vtep, &here->address) && !ndrv_addr_equal(&row.vtep, &net->vtep)) {
		facts = (struct peer_facts){(uint8_t)subnet, row.address.addr, row.address6.addr, row.mac, row.vtep};
		if (!peers_put(&net->peers, event->key, owner, false, event->revision, &facts))
			told->failed++;
		return;
	}
	if (peer)
		peers_drop(&net->peers, peer);
	if (rc && !told->bad++) {
		(void)ndrv_wrap(&err, rc, "row %.64s of %.64s", event->key, owner);
		told->why = err;
	}
}

static int tell_rows(struct overlay *overlay, struct ndrv_call *call, struct net *net, const struct ndrv_table_batch *batch,
		     struct told *told)
{
	bool stale = batch->flags & NDRV_BATCH_STALE;
	struct node here;
	int rc;

	node_here(overlay, &here);
	if (batch->flags & NDRV_BATCH_SYNC_BEGIN)
		peers_replay_begin(&net->peers);
	for (uint32_t i = 0; i < batch->count; i++)
		tell_row(net, &here, ndrv_table_event_at(batch, i), told);
	/* Of what is only the last that was known nothing is deleted; nor when there was no memory to take in all of it. */
	stale = stale || told->failed;
	if ((batch->flags & NDRV_BATCH_SYNC_END) && !stale)
		(void)peers_replay_end(&net->peers);
	rc = net_program(call, net);
	if (!rc && (batch->flags & NDRV_BATCH_SYNC_END) && !stale && (net->unswept || net->peers.count <= SWEEP_ALWAYS_MAX)) {
		rc = net_sweep(call, net);
		net->unswept = net->unswept && rc;
		net->flooded = 0;
		if (!rc)
			rc = net_flood(overlay, call, net);
	}
	return rc;
}

int overlay_event_notify(void *self, struct ndrv_call *call, struct ndrv_network *network, const struct ndrv_table_batch *batch)
{
	struct overlay *overlay = self;
	struct net *net = network->priv;
	struct ndrv_error ignored = {0}, *err = call->err;
	struct told told = {0};
	int rc, unlinked;

	if (!net)
		return no_network(call, network);
	if (strcmp(batch->table, OVERLAY_TABLE) != 0)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "table %.64s is none of this driver's, which is %s", batch->table,
				 OVERLAY_TABLE);
	unlinked = net_link(overlay, call, network, net, false);
	if (unlinked)
		call->err = &ignored;
	(void)pthread_mutex_lock(&net->lock);
	rc = tell_rows(overlay, call, net, batch, &told);
	(void)pthread_mutex_unlock(&net->lock);
	call->err = err;
	rc = unlinked ? unlinked : rc;
	if (told.bad)
		ndrv_log(overlay->host, NDRV_LOG_WARNING, "network %.64s: %u rows cannot be used, first: %s", net->id, told.bad,
			 told.why.text);
	if (!rc && told.failed)
		rc = ndrv_fail_errno(call->err, ENOMEM, "%u rows", told.failed);
	return ndrv_wrap(call->err, rc, "network %.64s", network->id);
}
