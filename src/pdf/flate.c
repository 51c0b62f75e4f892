/*
 * pdf/flate.c
 *		The filter FlateDecode, with zlib. Knows nothing of documents.
 */
#include "postgres.h"

#include <zlib.h>

#include "utils/memutils.h"

#include "guard.h"
#include "pdf/flate.h"

#define CHUNK 65536

/*
 * The last level at which zlib takes the first match that will do. A document's streams become 1 % larger than
 * at the default level, in half the time.
 */
#define LEVEL 3

/* One layer of compression; what comes out of it goes into the next. */
typedef struct Layer
{
	z_stream stream;
	Size produced;
	bool ended;
	struct Layer *next;
	uint8 out[CHUNK];
} Layer;

/* zlib's memory comes from the context in opaque, and goes with it. */
static voidpf
zlib_alloc(voidpf context, uInt items, uInt size)
{
	return MemoryContextAllocExtended((MemoryContext) context, (Size) items * size, MCXT_ALLOC_NO_OOM);
}

static void
zlib_free(voidpf context, voidpf memory)
{
	pfree(memory);
}

static void
out_of_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

void
lc_deflate(StringInfo buffer, const void *data, Size length)
{
	/* Setting up costs more than compressing a page does, so one is kept for the life of the backend. */
	static z_stream *kept = NULL;
	uLong bound;

	if (kept == NULL)
	{
		z_stream *stream = MemoryContextAllocZero(TopMemoryContext, sizeof(z_stream));

		stream->zalloc = zlib_alloc;
		stream->zfree = zlib_free;
		stream->opaque = TopMemoryContext;
		if (deflateInit(stream, LEVEL) != Z_OK)
		{
			pfree(stream);
			out_of_memory();
		}
		kept = stream;
	}
	else
		deflateReset(kept);

	bound = deflateBound(kept, length);
	if (bound >= MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too long to be compressed")));
	enlargeStringInfo(buffer, (int) bound);
	kept->next_in = (Bytef *) unconstify(void *, data);
	kept->avail_in = (uInt) length;
	kept->next_out = (Bytef *) buffer->data + buffer->len;
	kept->avail_out = (uInt) bound;
	if (deflate(kept, Z_FINISH) != Z_STREAM_END)
		elog(ERROR, "could not compress");
	buffer->len += (int) (bound - kept->avail_out);
	buffer->data[buffer->len] = '\0';
}

/* Feeds data into a layer, and what it makes of them into the next one, or the buffer after the last. */
static LcInflated
feed(Layer *layer, const uint8 *data, Size length, Size limit, StringInfo buffer)
{
	z_stream *stream = &layer->stream;

	stream->next_in = (Bytef *) unconstify(uint8 *, data);
	stream->avail_in = (uInt) length;
	while (!layer->ended)
	{
		Size produced;
		int result;

		lc_guard_check();
		stream->next_out = layer->out;
		stream->avail_out = CHUNK;
		result = inflate(stream, Z_NO_FLUSH);
		if (result == Z_MEM_ERROR)
			out_of_memory();
		if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
			return LC_INFLATE_BROKEN;
		layer->ended = result == Z_STREAM_END;

		produced = CHUNK - stream->avail_out;
		layer->produced += produced;
		if (layer->produced > limit)
			return LC_INFLATE_TOO_LONG;
		if (layer->next != NULL)
		{
			LcInflated inner = feed(layer->next, layer->out, produced, limit, buffer);

			if (inner != LC_INFLATE_DONE)
				return inner;
		}
		else if (buffer != NULL)
			appendBinaryStringInfo(buffer, (char *) layer->out, (int) produced);
		if (stream->avail_out > 0)
			break; /* it wants more than there is */
	}
	return LC_INFLATE_DONE;
}

LcInflated
lc_inflate(StringInfo buffer, const void *data, Size length, int layers, Size limit)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "inflate", ALLOCSET_DEFAULT_SIZES);
	Layer *first = NULL;
	LcInflated result;

	for (int i = 0; i < layers; i++)
	{
		Layer *layer = MemoryContextAllocZero(context, sizeof(Layer));

		layer->stream.zalloc = zlib_alloc;
		layer->stream.zfree = zlib_free;
		layer->stream.opaque = context;
		layer->next = first;
		first = layer;
		if (inflateInit(&layer->stream) != Z_OK)
			out_of_memory();
	}
	result = feed(first, data, length, limit, buffer);
	MemoryContextDelete(context);
	return result;
}
