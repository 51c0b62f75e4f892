/*
 * test/fuzz/target_image.c
 *		Image bytes: checked, and if they pass, drawn, plain and sealed.
 */
#include "postgres.h"

#include "harness.h"
#include "pdf/image.h"
#include "pdf/jpegfile.h"

typedef struct Input
{
	const uint8 *data;
	size_t size;
} Input;

#define OPTIONS(protection)                                                                  \
	"{\"page\": {}, \"protection\": \"" protection "\","                                     \
	" \"text_elements\": {\"name\": false, \"context\": false, \"date\": false},"            \
	" \"images\": [{\"slug\": \"fuzzed\", \"x\": 1, \"y\": 1, \"width\": 9, \"height\": 9}," \
	" {\"slug\": \"fuzzed\", \"x\": 20, \"y\": 1, \"width\": 5, \"height\": 1}]}"

static void
check(void *argument)
{
	const Input *input = argument;

	lc_image_check(input->data, input->size);
}

/* What a document gets of a sound JPEG: sound as well, and nothing that could be left out of it. */
static void
check_copy(const uint8 *data, size_t size)
{
	uint8 *bytes = malloc(size);
	uint8 *again = malloc(size);
	Input copy = { bytes, lc_jpeg_file_copy(bytes, data, size) };
	LcJpegFacts facts;

	lc_jpeg_file_read(copy.data, copy.size, &facts);
	if (facts.orientation != 1 || lc_jpeg_file_copy(again, copy.data, copy.size) != copy.size)
		fuzz_find("a copy of a JPEG with EXIF");
	if (!fuzz_try(check, &copy) && shim_error_code != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
		fuzz_find("a copy of a sound JPEG is refused: %s", shim_error_text);
	free(again);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	Input input = { data, size };

	fuzz_limit_memory(data, size);
	if (fuzz_try(check, &input))
	{
		if (data[0] == 0xff)
			check_copy(data, size);
		fuzz_set_asset(LC_ASSET_IMAGE, data, size);
		fuzz_document_of_checked(OPTIONS("none"));
		fuzz_document_of_checked(OPTIONS("encrypt"));
	}
	fuzz_settle();
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8 *data, size_t size, size_t max_size, unsigned int seed)
{
	return fuzz_mutate_png(data, size, max_size, seed);
}
