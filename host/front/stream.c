/* SPDX-License-Identifier: Apache-2.0 */
/* Replies without end: a ring of bytes between whoever has something to say and one client. Nobody waits for anybody: a writer that
 * finds the ring full ends the stream, a reader that finds it empty is suspended until there is more. */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "host/front/conn.h"

#define BLOCK 4096u

struct stream {
	_Atomic uint32_t refs;
	pthread_mutex_t lock;
	bool ended;	/* no more comes in */
	bool gone;	/* nobody takes anything out */
	bool suspended; /* the reader waits for bytes or the end */
	bool woken;	/* the source has more than it had */
	struct stream_source source;
	struct MHD_Connection *mhd;
	size_t limit, room, start, bytes;
	char *buffer;
};

struct stream *stream_new(size_t limit, struct ndrv_error *err)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream) {
		(void)ndrv_fail_errno(err, ENOMEM, "event stream");
		return NULL;
	}
	atomic_init(&stream->refs, 1);
	(void)pthread_mutex_init(&stream->lock, NULL);
	stream->limit = limit;
	return stream;
}

struct stream *stream_new_pulled(const struct stream_source *source, struct ndrv_error *err)
{
	struct stream *stream = stream_new(0, err);

	if (stream)
		stream->source = *source;
	return stream;
}

struct stream *stream_ref(struct stream *stream)
{
	atomic_fetch_add(&stream->refs, 1);
	return stream;
}

struct stream *stream_unref(struct stream *stream)
{
	if (atomic_fetch_sub(&stream->refs, 1) == 1) {
		if (stream->source.close)
			stream->source.close(stream->source.data);
		(void)pthread_mutex_destroy(&stream->lock);
		free(stream->buffer);
		free(stream);
	}
	return NULL;
}

/* With the lock held. */
static void wake(struct stream *stream)
{
	if (stream->suspended) {
		stream->suspended = false;
		MHD_resume_connection(stream->mhd);
	}
}

/* With the lock held: room for `bytes` more. The buffer is unrolled as it grows. */
static bool reserve(struct stream *stream, size_t bytes)
{
	size_t room = stream->room ? stream->room : BLOCK;

	while (room < stream->bytes + bytes)
		room *= 2;
	if (room == stream->room)
		return true;
	char *buffer = malloc(room);
	if (!buffer)
		return false;
	size_t head = stream->room - stream->start;
	if (head > stream->bytes)
		head = stream->bytes;
	if (stream->buffer) {
		memcpy(buffer, stream->buffer + stream->start, head);
		memcpy(buffer + head, stream->buffer, stream->bytes - head);
	}
	free(stream->buffer);
	stream->buffer = buffer;
	stream->room = room;
	stream->start = 0;
	return true;
}

/* With the lock held. */
static bool append(struct stream *stream, const char *text, size_t bytes)
{
	if (!reserve(stream, bytes))
		return false;
	size_t at = (stream->start + stream->bytes) % stream->room;
	size_t head = stream->room - at < bytes ? stream->room - at : bytes;
	memcpy(stream->buffer + at, text, head);
	memcpy(stream->buffer, text + head, bytes - head);
	stream->bytes += bytes;
	return true;
}

void stream_wake(struct stream *stream)
{
	(void)pthread_mutex_lock(&stream->lock);
	stream->woken = true;
	wake(stream);
	(void)pthread_mutex_unlock(&stream->lock);
}

bool stream_put(struct stream *stream, const char *text, size_t bytes)
{
	(void)pthread_mutex_lock(&stream->lock);
	bool ok = !stream->ended && stream->bytes + bytes <= stream->limit && append(stream, text, bytes);
	if (ok)
		wake(stream);
	(void)pthread_mutex_unlock(&stream->lock);
	return ok;
}

void stream_end(struct stream *stream, const char *last)
{
	(void)pthread_mutex_lock(&stream->lock);
	if (!stream->ended && last)
		(void)append(stream, last, strlen(last));
	stream->ended = true;
	wake(stream);
	(void)pthread_mutex_unlock(&stream->lock);
}

void stream_close(struct stream *stream)
{
	(void)pthread_mutex_lock(&stream->lock);
	stream->ended = true;
	stream->gone = true;
	wake(stream);
	(void)pthread_mutex_unlock(&stream->lock);
}

bool stream_ended(struct stream *stream)
{
	(void)pthread_mutex_lock(&stream->lock);
	bool ended = stream->ended;
	(void)pthread_mutex_unlock(&stream->lock);
	return ended;
}

/* With the lock held, which is let go meanwhile: whoever wakes the reader may hold locks that the source wants. False: there is
 * nothing now. */
static bool pull(struct stream *stream)
{
	size_t bytes = 0;
	bool end = false;

	stream->woken = false;
	(void)pthread_mutex_unlock(&stream->lock);
	char *text = stream->source.read(stream->source.data, &bytes, &end);
	(void)pthread_mutex_lock(&stream->lock);
	/* Half a stream must not look like a whole one. */
	if (text && bytes && !append(stream, text, bytes))
		stream->gone = true;
	free(text);
	stream->ended |= end;
	return bytes || end || stream->woken || stream->gone;
}

static size_t take_out(struct stream *stream, char *text, size_t room)
{
	size_t bytes = stream->room - stream->start;

	if (bytes > stream->bytes)
		bytes = stream->bytes;
	if (bytes > room)
		bytes = room;
	memcpy(text, stream->buffer + stream->start, bytes);
	stream->start = (stream->start + bytes) % stream->room;
	stream->bytes -= bytes;
	return bytes;
}

static ssize_t on_read(void *data, uint64_t position, char *text, size_t room)
{
	struct stream *stream = data;
	ssize_t rc = 0;

	(void)position;
	(void)pthread_mutex_lock(&stream->lock);
	while (stream->source.read && !stream->bytes && !stream->ended && !stream->gone && pull(stream))
		;
	if (stream->gone) {
		rc = MHD_CONTENT_READER_END_WITH_ERROR;
	} else if (stream->bytes > 0) {
		rc = (ssize_t)take_out(stream, text, room);
	} else if (stream->ended) {
		rc = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		stream->suspended = true;
		MHD_suspend_connection(stream->mhd);
	}
	(void)pthread_mutex_unlock(&stream->lock);
	return rc;
}

static void on_free(void *data)
{
	struct stream *stream = data;

	/* Nobody reads any more: writers are to learn it from their next stream_put(). */
	stream_close(stream);
	(void)stream_unref(stream);
}

bool stream_queue(struct stream *stream, struct exchange *exchange)
{
	stream->mhd = exchange->mhd; /* before the first on_read, and nobody wakes a reader that is not suspended */
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, stream_ref(stream), on_free);
	if (!response) {
		(void)stream_unref(stream);
		return false;
	}
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, exchange->content_type);
	enum MHD_Result rc = MHD_queue_response(exchange->mhd, exchange->status, response);
	MHD_destroy_response(response);
	return rc == MHD_YES;
}
