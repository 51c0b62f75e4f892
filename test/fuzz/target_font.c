/*
 * test/fuzz/target_font.c
 *		Font bytes: checked, and if they pass, texts shaped, cut and embedded with them.
 */
#include "postgres.h"

#include "harness.h"
#include "lib/stringinfo.h"
#include "pdf/fontref.h"
#include "pdf/typeset.h"
#include "utils/json.h"

typedef struct Input
{
	const uint8 *data;
	size_t size;
} Input;

/* What the font lacks, another shows, so that there is a document to look at. */
#define OPTIONS(font, protection)                                                                                        \
	"{\"page\": {}, \"protection\": \"" protection "\", \"locale\": \"sr\","                                             \
	" \"defaults\": {\"font\": [" font ", \"every.ttf\"], \"min_size\": 0.01},"                                          \
	" \"text_elements\": {"                                                                                              \
	"  \"name\": {\"text\": \"Office AVATAR e\\u0301 \\u0142\\u00f3d\\u017a 1/2\", \"uppercase\": true},"                \
	"  \"context\": {\"text\": \"ffi \\u0628\\u0650\\u0633\\u0652\\u0645 \\u0644\\u0627 123\", \"direction\": \"rtl\"}," \
	"  \"date\": {\"text\": \"\\u0915\\u094d\\u0937\\u093f \\u0930\\u094d\\u0915\\u0940\"},"                             \
	"  \"a\": {\"text\": \"spaced fi\", \"y\": 60, \"char_space\": 2},"                                                  \
	"  \"b\": {\"text\": \"\\u4e2d\\u6587 \\u0e01\\u0e33 \\ud83d\\ude00\", \"y\": 40, \"max_width\": 50}}}"

static void
check(void *argument)
{
	const Input *input = argument;

	lc_font_check(input->data, input->size);
}

static void
draw(void *options)
{
	FuzzDocument document = {
		.options = options, .name = "Anna Maria", .context_name = "A course", .evidence = "{}"
	};

	(void) fuzz_document(&document);
}

/*
 * An instance: the font's own axes, set to where the last bytes of the input say. The checks have made that of
 * the far ends.
 */
static void
draw_instance(void *argument)
{
	const Input *input = argument;
	LcFontRef ref = { .name = "fuzzed", .asset = lc_asset_lookup("fuzzed"), .variant = "#0" };
	StringInfoData font;
	const LcFontAxis *axes;
	int count;

	initStringInfo(&font);
	appendStringInfoString(&font, "{\"slug\": \"fuzzed\"");
	axes = lc_font_axes(&ref, "font", &count);
	for (int i = 0; i < count; i++)
	{
		int part = input->data[input->size - 1 - i % input->size];

		appendStringInfoString(&font, ", ");
		escape_json(&font, axes[i].tag);
		appendStringInfo(&font, ": %.9f", axes[i].min + (axes[i].max - axes[i].min) * part / 255);
	}
	appendStringInfoChar(&font, '}');
	draw(psprintf(OPTIONS("%s", "none"), font.data));
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	Input input = { data, size };

	fuzz_limit_memory(data, size);
	/* A font whose letters are a mile wide is sound, and its texts do not fit: so errors are no finds. */
	if (fuzz_try(check, &input))
	{
		fuzz_set_asset(LC_ASSET_FONT, data, size);
		(void) fuzz_try(draw, OPTIONS("\"fuzzed\"", "none"));
		(void) fuzz_try(draw, OPTIONS("\"fuzzed\"", "encrypt"));
		if (size > 4 && memcmp(data, "ttcf", 4) == 0)
			(void) fuzz_try(draw, OPTIONS("\"fuzzed#1\"", "none"));
		if (memmem(data, size, "fvar", 4) != NULL)
			(void) fuzz_try(draw_instance, &input);
	}
	fuzz_settle();
	return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8 *data, size_t size, size_t max_size, unsigned int seed)
{
	return fuzz_mutate_font(data, size, max_size, seed);
}
