/* SPDX-License-Identifier: Apache-2.0 */
#include <ndrv/table.h>

const struct ndrv_table_event *ndrv_table_event_at(const struct ndrv_table_batch *batch, uint32_t index)
{
	if (!batch || index >= batch->count)
		return NULL;
	size_t step = batch->element_size ? batch->element_size : sizeof(struct ndrv_table_event);
	return (const struct ndrv_table_event *)(const void *)((const char *)batch->events + index * step);
}

uint32_t ndrv_table_event_type(const struct ndrv_table_event *event)
{
	if (!event->value)
		return NDRV_EVENT_DELETE;
	return event->previous ? NDRV_EVENT_UPDATE : NDRV_EVENT_CREATE;
}
