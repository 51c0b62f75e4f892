/*
 * test/fuzz/target_template.c
 *		Template bytes: checked, and if they pass, a document on them, plain and sealed.
 */
#include "postgres.h"

#include "harness.h"
#include "pdf/template.h"

typedef struct Input
{
	const uint8 *data;
	size_t size;
} Input;

static const char plain[] =
	"{\"template\": \"fuzzed\", \"protection\": \"none\", \"text_elements\": {\"name\": false, \"context\": false, \"date\": false}}";
static const char sealed[] =
	"{\"template\": \"fuzzed\", \"text_elements\": {\"name\": false, \"context\": false, \"date\": false,"
	" \"a\": {\"text\": \"\", \"y\": 0, \"font\": \"latin.ttf\"}}}";
static const char drawn[] =
	"{\"template\": \"fuzzed\", \"protection\": \"none\", \"text_elements\": {\"name\": false, \"context\": false, \"date\": false,"
	" \"a\": {\"text\": \"a\", \"x\": 0.5, \"y\": 0.1, \"size\": 0.5, \"font\": \"latin.ttf\"}}}";

static void
check(void *argument)
{
	const Input *input = argument;
	char *repairs;

	(void) lc_template_check(input->data, input->size, &repairs);
	if (repairs != NULL && !fuzz_is_utf8(repairs, strlen(repairs)))
		fuzz_find("a warning that is not UTF-8: %s", repairs);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	Input input = { data, size };

	fuzz_limit_memory(data, size);
	if (fuzz_try(check, &input))
	{
		fuzz_set_asset(LC_ASSET_TEMPLATE, data, size);
		fuzz_document_of_checked(plain);
		fuzz_document_of_checked(sealed);
		fuzz_document_of_checked(drawn);
	}
	fuzz_settle();
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8 *data, size_t size, size_t max_size, unsigned int seed)
{
	return fuzz_mutate_pdf(data, size, max_size, seed);
}
