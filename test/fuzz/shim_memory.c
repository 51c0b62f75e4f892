/*
 * test/fuzz/shim_memory.c
 *		Memory contexts for sanitizers.
 *
 * Every chunk is a malloc of its own, so that AddressSanitizer sees a write beyond its end and a use after
 * pfree() or the end of its context, which the server's blocks hide. Before a chunk stands its header,
 * poisoned, so that a write before its start is seen as well. operator new of C++ is here too: under
 * lc_guard() it fails as it does in the server when the address space is used up.
 */
#include "postgres.h"

#include <sanitizer/asan_interface.h>
#include <sys/resource.h>

#include "nodes/memnodes.h"
#include "utils/memutils.h"

#include "settings.h"
#include "shim.h"

typedef struct Chunk
{
	struct Context *context;
	struct Chunk *previous;
	struct Chunk *next;
	Size size;
} Chunk;

typedef struct Context
{
	MemoryContextData node; /* must be first */
	Chunk *chunks;
	Size bytes;
} Context;

/* How often a small allocation looks at the limit. */
#define LOOK_EVERY 64
#define LOOK_ALWAYS (64 * 1024)

MemoryContext CurrentMemoryContext;
MemoryContext TopMemoryContext;
MemoryContext CacheMemoryContext;
MemoryContext TopTransactionContext;
MemoryContext CurTransactionContext;
MemoryContext ErrorContext;

Size shim_memory_limit;
bool shim_memory_strict;

/* Of <sanitizer/allocator_interface.h>, which gcc does not have. */
extern size_t __sanitizer_get_current_allocated_bytes(void);

/* ---- the limit ---- */

bool
shim_memory_allows(Size bytes)
{
	static unsigned calls;

	if (shim_memory_limit == 0 ||
		(!shim_memory_strict && bytes < LOOK_ALWAYS && ++calls % LOOK_EVERY != 0))
		return true;
	return __sanitizer_get_current_allocated_bytes() + bytes <= shim_memory_limit;
}

/* What lc_guard() calls, which means so many bytes more than there are now. */
int
shim_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	struct rlimit present;

	if (resource != RLIMIT_AS || getrlimit(RLIMIT_AS, &present) != 0)
		return -1;
	if (limit->rlim_cur == present.rlim_cur)
		shim_memory_limit = 0;
	else
		shim_memory_limit = __sanitizer_get_current_allocated_bytes() + (Size) lc_parse_memory * 1024;
	return 0;
}

/* ---- operator new and delete, by the names that the Itanium C++ ABI gives them ---- */

extern void _ZSt17__throw_bad_allocv(void) pg_attribute_noreturn(); /* std::__throw_bad_alloc() */
extern void *_Znwm(unsigned long size);
extern void *_Znam(unsigned long size);
extern void _ZdlPv(void *pointer);
extern void _ZdaPv(void *pointer);
extern void _ZdlPvm(void *pointer, unsigned long size);
extern void _ZdaPvm(void *pointer, unsigned long size);

void *
_Znwm(unsigned long size)
{
	void *pointer = shim_memory_allows(size) ? malloc(size) : NULL;

	if (pointer == NULL)
		_ZSt17__throw_bad_allocv();
	return pointer;
}

void *
_Znam(unsigned long size)
{
	return _Znwm(size);
}

void
_ZdlPv(void *pointer)
{
	free(pointer);
}

void
_ZdaPv(void *pointer)
{
	free(pointer);
}

void
_ZdlPvm(void *pointer, unsigned long size)
{
	free(pointer);
}

void
_ZdaPvm(void *pointer, unsigned long size)
{
	free(pointer);
}

/* ---- chunks ---- */

/* A chunk's header, to be given back with chunk_close(). */
static Chunk *
chunk_open(void *pointer)
{
	Chunk *chunk = (Chunk *) pointer - 1;

	ASAN_UNPOISON_MEMORY_REGION(chunk, sizeof(Chunk));
	return chunk;
}

static void
chunk_close(Chunk *chunk)
{
	ASAN_POISON_MEMORY_REGION(chunk, sizeof(Chunk));
}

static void
chunk_link(Context *context, Chunk *chunk)
{
	chunk->context = context;
	chunk->previous = NULL;
	chunk->next = context->chunks;
	if (chunk->next != NULL)
	{
		Chunk *next = chunk_open(chunk->next + 1);

		next->previous = chunk;
		chunk_close(next);
	}
	context->chunks = chunk;
	context->bytes += chunk->size;
	context->node.isReset = false;
}

static void
chunk_unlink(Chunk *chunk)
{
	if (chunk->next != NULL)
	{
		Chunk *next = chunk_open(chunk->next + 1);

		next->previous = chunk->previous;
		chunk_close(next);
	}
	if (chunk->previous != NULL)
	{
		Chunk *previous = chunk_open(chunk->previous + 1);

		previous->next = chunk->next;
		chunk_close(previous);
	}
	else
		chunk->context->chunks = chunk->next;
	chunk->context->bytes -= chunk->size;
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	Size most = (flags & MCXT_ALLOC_HUGE) != 0 ? MaxAllocHugeSize : MaxAllocSize;
	Chunk *chunk;

	if (size > most)
		elog(ERROR, "invalid memory alloc request size %zu", size);
	chunk = shim_memory_allows(size) ? malloc(sizeof(Chunk) + size) : NULL;
	if (chunk == NULL)
	{
		if ((flags & MCXT_ALLOC_NO_OOM) != 0)
			return NULL;
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				 errdetail("Failed on request of size %zu in memory context \"%s\".", size,
						   context->name)));
	}
	chunk->size = size;
	chunk_link((Context *) context, chunk);
	chunk_close(chunk);
	if ((flags & MCXT_ALLOC_ZERO) != 0)
		memset(chunk + 1, 0, size);
	return chunk + 1;
}

void
pfree(void *pointer)
{
	Chunk *chunk = chunk_open(pointer);

	chunk_unlink(chunk);
	free(chunk);
}

/* Always another chunk, so that pointers into the old one are seen. */
static void *
reallocate(void *pointer, Size size, int flags)
{
	Chunk *chunk = chunk_open(pointer);
	Size old = chunk->size;
	MemoryContext context = (MemoryContext) chunk->context;
	void *copy;

	chunk_close(chunk);
	copy = MemoryContextAllocExtended(context, size, flags);
	if (copy != NULL)
	{
		memcpy(copy, pointer, Min(old, size));
		pfree(pointer);
	}
	return copy;
}

void *
repalloc(void *pointer, Size size)
{
	return reallocate(pointer, size, 0);
}

void *
repalloc_huge(void *pointer, Size size)
{
	return reallocate(pointer, size, MCXT_ALLOC_HUGE);
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, 0);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_ZERO);
}

void *
MemoryContextAllocZeroAligned(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_ZERO);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_HUGE);
}

void *
palloc(Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, size, 0);
}

void *
palloc0(Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, size, MCXT_ALLOC_ZERO);
}

void *
palloc_extended(Size size, int flags)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, size, flags);
}

char *
MemoryContextStrdup(MemoryContext context, const char *text)
{
	Size size = strlen(text) + 1;

	return memcpy(MemoryContextAlloc(context, size), text, size);
}

char *
pstrdup(const char *text)
{
	return MemoryContextStrdup(CurrentMemoryContext, text);
}

char *
pnstrdup(const char *text, Size length)
{
	char *copy;

	length = strnlen(text, length);
	copy = palloc(length + 1);
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

/* ---- contexts ---- */

static void
attach(MemoryContext context, MemoryContext parent)
{
	context->parent = parent;
	context->prevchild = NULL;
	context->nextchild = parent != NULL ? parent->firstchild : NULL;
	if (context->nextchild != NULL)
		context->nextchild->prevchild = context;
	if (parent != NULL)
		parent->firstchild = context;
}

static void
detach(MemoryContext context)
{
	if (context->nextchild != NULL)
		context->nextchild->prevchild = context->prevchild;
	if (context->prevchild != NULL)
		context->prevchild->nextchild = context->nextchild;
	else if (context->parent != NULL)
		context->parent->firstchild = context->nextchild;
	context->parent = NULL;
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size minContextSize,
							  Size initBlockSize, Size maxBlockSize)
{
	Context *context = shim_memory_allows(sizeof(Context)) ? calloc(1, sizeof(Context)) : NULL;

	if (context == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	context->node.name = name;
	context->node.isReset = true;
	attach(&context->node, parent);
	return &context->node;
}

/* Frees what is in a context, after its callbacks have been called, the last registered first. */
static void
empty(MemoryContext context)
{
	Context *own = (Context *) context;

	while (context->reset_cbs != NULL)
	{
		MemoryContextCallback *callback = context->reset_cbs;

		context->reset_cbs = callback->next;
		callback->func(callback->arg);
	}
	while (own->chunks != NULL)
		pfree(own->chunks + 1);
	context->isReset = true;
}

void
MemoryContextDeleteChildren(MemoryContext context)
{
	while (context->firstchild != NULL)
		MemoryContextDelete(context->firstchild);
}

void
MemoryContextDelete(MemoryContext context)
{
	if (context == CurrentMemoryContext || context == TopMemoryContext)
		fuzz_find("the context \"%s\" is deleted while it is current", context->name);
	MemoryContextDeleteChildren(context);
	empty(context);
	detach(context);
	free(context);
}

void
MemoryContextReset(MemoryContext context)
{
	MemoryContextDeleteChildren(context);
	empty(context);
}

void
MemoryContextResetOnly(MemoryContext context)
{
	empty(context);
}

void
MemoryContextSetParent(MemoryContext context, MemoryContext parent)
{
	detach(context);
	attach(context, parent);
}

MemoryContext
MemoryContextGetParent(MemoryContext context)
{
	return context->parent;
}

void
MemoryContextSetIdentifier(MemoryContext context, const char *id)
{
	context->ident = id;
}

void
MemoryContextRegisterResetCallback(MemoryContext context, MemoryContextCallback *callback)
{
	callback->next = context->reset_cbs;
	context->reset_cbs = callback;
	context->isReset = false;
}

Size
MemoryContextMemAllocated(MemoryContext context, bool recurse)
{
	Size bytes = ((Context *) context)->bytes;

	if (recurse)
		for (MemoryContext child = context->firstchild; child != NULL; child = child->nextchild)
			bytes += MemoryContextMemAllocated(child, true);
	return bytes;
}

void
shim_memory_begin(void)
{
	TopMemoryContext = AllocSetContextCreate(NULL, "TopMemoryContext", ALLOCSET_DEFAULT_SIZES);
	CacheMemoryContext =
		AllocSetContextCreate(TopMemoryContext, "CacheMemoryContext", ALLOCSET_DEFAULT_SIZES);
	ErrorContext = AllocSetContextCreate(TopMemoryContext, "ErrorContext", ALLOCSET_DEFAULT_SIZES);
	CurrentMemoryContext = TopTransactionContext = CurTransactionContext = TopMemoryContext;
}
