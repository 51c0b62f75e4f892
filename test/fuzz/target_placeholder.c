/*
 * test/fuzz/target_placeholder.c
 *		Placeholder text: filled in, put in upper case, broken, ordered, shaped.
 *
 * An input is, with a NUL between them, the text, a name, the name of a context, evidence as JSON, and words
 * that choose: a locale, "upper", "rtl", "spaced". What is not UTF-8 becomes question marks.
 */
#include "postgres.h"

#include "harness.h"
#include "lib/stringinfo.h"
#include "pdf/placeholder.h"
#include "pdf/unicode.h"
#include "utils/json.h"

#define MAX_INPUT (4 * 1024)
#define PARTS 5

static const char some_evidence[] = "{\"a\": {\"b\": [1.005, \"\\u05d0\"]}}";

typedef struct Input
{
	const uint8 *data;
	size_t size;
	char *parts[PARTS];
} Input;

static void
split(Input *input)
{
	const char *at = (const char *) input->data;
	const char *end = at + input->size;

	for (int i = 0; i < PARTS; i++)
	{
		const char *stop = memchr(at, '\0', end - at);
		char *part;

		if (stop == NULL)
			stop = end;
		part = input->parts[i] = pnstrdup(at, stop - at);
		for (; *part != '\0'; part++)
		{
			int length = 4;

			while (length > 0 && !fuzz_is_utf8(part, strnlen(part, length)))
				length--;
			if (length == 0)
				*part = '?';
			else
				part += strnlen(part, length) - 1;
		}
		at = stop < end ? stop + 1 : end;
	}
}

static void
fill(void *argument)
{
	Input *input = argument;
	LcValues values;
	char *filled;
	int *breaks;
	int count;

	split(input);
	values.name = input->parts[1];
	values.context_name = input->parts[2];
	values.issue_date = "May 1, 2026";
	values.expires_date = "";
	values.verify_uuid = "00000000-0000-0000-0000-000000000000";
	values.verify_url = lc_placeholder_url(input->parts[1], values.verify_uuid);
	values.credential_type = "Type";
	values.evidence = shim_jsonb(input->parts[3], strlen(input->parts[3]));
	if (values.evidence == NULL || !JB_ROOT_IS_OBJECT(values.evidence))
		values.evidence = shim_jsonb(some_evidence, strlen(some_evidence));

	filled = lc_placeholder_fill(input->parts[0], &values, "text");
	if (!fuzz_is_utf8(filled, strlen(filled)))
		fuzz_find("a text that is not UTF-8");
	if (strcspn(filled, "\t\v\f\r") != strlen(filled))
		fuzz_find("a line break that stayed");
	(void) lc_text_is_rtl(filled);
	if (lc_text_is_multiline(filled) != (strchr(filled, '\n') != NULL))
		fuzz_find("a text of more lines than it has");
	count = lc_text_breaks(filled, strlen(filled), "en", &breaks);
	for (int i = 0; i < count; i++)
		if (breaks[i] <= (i == 0 ? 0 : breaks[i - 1]) || breaks[i] >= (int) strlen(filled) ||
			(filled[breaks[i]] & 0xc0) == 0x80)
			fuzz_find("break %d of %d is at %d", i, count, breaks[i]);
}

static void
draw(void *argument)
{
	Input *input = argument;
	StringInfoData options;
	FuzzDocument document = { 0 };
	const char *choices;
	const char *locale;

	split(input);
	choices = input->parts[4];
	locale = pnstrdup(choices, strcspn(choices, " "));
	initStringInfo(&options);
	appendStringInfoString(&options, "{\"page\": {}, \"protection\": \"none\", \"locale\": ");
	escape_json(&options, lc_locale_is_known(locale) ? locale : "en");
	appendStringInfo(
		&options,
		", \"defaults\": {\"font\": [\"latin.ttf\", \"arabic.ttf\", \"devanagari.ttf\", \"every.ttf\"],"
		"\"uppercase\": %s, \"direction\": \"%s\", \"char_space\": %d, \"min_size\": 0.1}, \"text_elements\": {\"name\": {\"text\": ",
		strstr(choices, "upper") != NULL ? "true" : "false",
		strstr(choices, "rtl") != NULL ? "rtl" : "auto", strstr(choices, "spaced") != NULL ? 3 : 0);
	escape_json(&options, input->parts[0]);
	appendStringInfoString(&options, "}}}");
	document.options = options.data;
	document.name = input->parts[1];
	document.context_name = input->parts[2];
	document.evidence = shim_jsonb(input->parts[3], strlen(input->parts[3])) != NULL &&
			JB_ROOT_IS_OBJECT(shim_jsonb(input->parts[3], strlen(input->parts[3])))
		? input->parts[3]
		: "{}";
	(void) fuzz_document(&document);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	Input input = { data, Min(size, MAX_INPUT), { NULL } };

	(void) fuzz_try(fill, &input);
	(void) fuzz_try(draw, &input);
	fuzz_settle();
	return 0;
}
