/*
 * test/fuzz/harness.h
 *		What the targets share: running code that may raise errors, assets, documents, and what must be
 *		true after every input.
 */
#ifndef LC_HARNESS_H
#define LC_HARNESS_H

#include "postgres.h"

#include "asset.h"
#include "shim.h"

/* What libFuzzer calls, and what it offers to mutators. */
extern int LLVMFuzzerInitialize(int *argc, char ***argv);
extern int LLVMFuzzerTestOneInput(const uint8 *data, size_t size);
extern size_t LLVMFuzzerCustomMutator(uint8 *data, size_t size, size_t max_size, unsigned int seed);
extern size_t LLVMFuzzerMutate(uint8 *data, size_t size, size_t max_size);

/*
 * Calls work(argument) in a memory context of its own, which is deleted afterwards. False: it raised an
 * error, see shim_error_code.
 */
extern bool fuzz_try(void (*work)(void *argument), void *argument);

/*
 * To be called after each input: what is kept has bounds, and from time to time, a known document comes out
 * byte for byte as it did at the start.
 */
extern void fuzz_settle(void);

/*
 * Until fuzz_settle(): one input in eight, by its bytes, is read with so little memory that it is used up
 * somewhere. Then what is refused tells nothing.
 */
extern void fuzz_limit_memory(const uint8 *data, Size length);

/* The asset "fuzzed", of this content from now on; it is not copied. */
extern void fuzz_set_asset(LcAssetKind kind, const uint8 *data, Size length);

/* A document of preview_pdf(); texts are JSON for options and evidence. */
typedef struct FuzzDocument
{
	const char *options;
	Jsonb *options_read; /* instead of the above, if not NULL */
	const char *name;
	const char *context_name;
	const char *evidence;
} FuzzDocument;

/* Makes it, and lets libqpdf look at it when it is not sealed. Raises what preview_pdf() raises. */
extern bytea *fuzz_document(const FuzzDocument *document);

/*
 * The same in a fuzz_try(), of the asset "fuzzed", which has been checked: the only errors are those of
 * limits (54000), or memory is limited, else it is a find.
 */
extern void fuzz_document_of_checked(const char *options);

/* Mutators that keep a file's checksums, offsets and lengths right, so that it is read to its end. */
extern size_t fuzz_mutate_png(uint8 *data, size_t size, size_t max_size, unsigned int seed);
extern size_t fuzz_mutate_font(uint8 *data, size_t size, size_t max_size, unsigned int seed);
extern size_t fuzz_mutate_pdf(uint8 *data, size_t size, size_t max_size, unsigned int seed);

#endif /* LC_HARNESS_H */
