/*
 * test/fuzz/target_options.c
 *		Options JSON: read as validation reads them, then made into a document. Assets are those of the
 *		harness.
 */
#include "postgres.h"

#include "harness.h"
#include "options.h"
#include "pdf/elements.h"

/* Longer ones only repeat. */
#define MAX_INPUT (16 * 1024)

typedef struct Input
{
	const char *data;
	size_t size;
	bool is_json;
	int problems; /* that validation finds */
} Input;

static Jsonb *
read(Input *input)
{
	Jsonb *options = shim_jsonb(input->data, input->size);

	input->is_json = options != NULL;
	return options;
}

static void
validate(void *argument)
{
	Input *input = argument;
	Jsonb *options = read(input);
	LcProblems problems = { .collect = true };
	LcOption root;

	if (options == NULL)
		return;
	options = lc_options_merge(options, options);
	if (lc_options_begin(&root, options, &problems))
		(void) lc_page_read(&root);
	input->problems = list_length(problems.list);
	for (int i = 0; i < input->problems; i++)
	{
		const LcProblem *problem = list_nth(problems.list, i);

		if (!fuzz_is_utf8(problem->message, strlen(problem->message)) ||
			(problem->hint != NULL && !fuzz_is_utf8(problem->hint, strlen(problem->hint))))
			fuzz_find("a problem that is not UTF-8: %s", problem->message);
	}
}

static void
read_page(void *argument)
{
	Input *input = argument;
	LcProblems problems = { 0 };
	LcOption root;

	if (lc_options_begin(&root, read(input), &problems))
		(void) lc_page_read(&root);
}

static void
draw(void *argument)
{
	Input *input = argument;
	FuzzDocument document = {
		.options_read = read(input),
		.name = "Zo\xc3\xab",
		.context_name = "Algebra {name}\nsecond line",
		.evidence =
			"{\"grade\": 98.765, \"a.b\": [1, {\"c\": null}], \"ok\": true, \"name\": \"\xd7\x90 1\"}"
	};

	(void) fuzz_document(&document);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	Input input = { (const char *) data, Min(size, MAX_INPUT), false, 0 };

	if (!fuzz_try(validate, &input))
	{
		/* Only the depth of JSON may end it. */
		if (shim_error_code != ERRCODE_STATEMENT_TOO_COMPLEX)
			fuzz_find("validation raises: %s", shim_error_text);
	}
	else if (input.is_json)
	{
		if (fuzz_try(read_page, &input) != (input.problems == 0))
			fuzz_find("validation finds %d problems, reading says: %s", input.problems, shim_error_text);
		if (fuzz_try(draw, &input) && input.problems != 0)
			fuzz_find("a document in spite of %d problems", input.problems);
	}
	fuzz_settle();
	return 0;
}
