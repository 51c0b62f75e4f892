/*
 * options.c
 *		Deep merge; typed reading of options, with the path in every error.
 *
 * Knows jsonb and nothing of what options mean.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/varlena.h"

#include "options.h"

PG_FUNCTION_INFO_V1(lc_merge_options);

/* Bytes of a value that a message shows, and of a key that a path shows. */
#define SHOWN_VALUE 40
#define SHOWN_KEY 100

/* ------------------------------------------------------------ merge */

static void
push_value(JsonbParseState **state, const char *key, int length, JsonbValue *value)
{
	JsonbValue key_value;

	key_value.type = jbvString;
	key_value.val.string.val = (char *) key;
	key_value.val.string.len = length;
	pushJsonbValue(state, WJB_KEY, &key_value);
	pushJsonbValue(state, WJB_VALUE, value);
}

static bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

/* Pushes the merge of two objects; as many levels deep as both have them. Returns the finished object. */
static JsonbValue *
merge_objects(JsonbParseState **state, JsonbContainer *base, JsonbContainer *override)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;
	JsonbValue found;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	iterator = JsonbIteratorInit(base);
	JsonbIteratorNext(&iterator, &key, true); /* WJB_BEGIN_OBJECT */
	while ((token = JsonbIteratorNext(&iterator, &key, true)) == WJB_KEY)
	{
		const char *name = key.val.string.val;
		int length = key.val.string.len;

		JsonbIteratorNext(&iterator, &value, true);
		if (getKeyJsonValueFromContainer(override, name, length, &found) == NULL)
			push_value(state, name, length, &value);
		else if (is_object(&value) && is_object(&found))
		{
			JsonbValue key_value = key;

			pushJsonbValue(state, WJB_KEY, &key_value);
			merge_objects(state, value.val.binary.data, found.val.binary.data);
		}
		else
			push_value(state, name, length, &found);
	}
	iterator = JsonbIteratorInit(override);
	JsonbIteratorNext(&iterator, &key, true);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) == WJB_KEY)
	{
		const char *name = key.val.string.val;
		int length = key.val.string.len;

		JsonbIteratorNext(&iterator, &value, true);
		if (getKeyJsonValueFromContainer(base, name, length, &found) == NULL)
			push_value(state, name, length, &value);
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

Jsonb *
lc_options_merge(Jsonb *base, Jsonb *override)
{
	JsonbParseState *state = NULL;

	if (!JB_ROOT_IS_OBJECT(base) || !JB_ROOT_IS_OBJECT(override))
		return override;
	return JsonbValueToJsonb(merge_objects(&state, &base->root, &override->root));
}

/* merge_options(base, override): NULL counts as absent. */
Datum
lc_merge_options(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(0))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_JSONB_P(lc_options_merge(PG_GETARG_JSONB_P(0), PG_GETARG_JSONB_P(1)));
}

/* ------------------------------------------------------------ places and problems */

/* Appends text, cut to "limit" bytes at a character; three dots stand for what was cut off. */
static void
append_cut(StringInfo buffer, const char *text, int limit)
{
	int length = strlen(text);
	int kept = length <= limit ? length : pg_mbcliplen(text, length, limit);

	appendBinaryStringInfo(buffer, text, kept);
	if (kept < length)
		appendStringInfoString(buffer, "...");
}

static void
append_key(StringInfo path, const char *key)
{
	if (path->len > 0)
		appendStringInfoChar(path, '.');
	append_cut(path, key, SHOWN_KEY);
}

static void
append_path(StringInfo path, const LcOption *option)
{
	if (option->parent == NULL)
		return;
	append_path(path, option->parent);
	if (option->key != NULL)
		append_key(path, option->key);
	else
		appendStringInfo(path, "[%d]", option->index);
}

char *
lc_option_path(const LcOption *option)
{
	StringInfoData path;

	initStringInfo(&path);
	append_path(&path, option);
	return path.data;
}

void
lc_option_problem(const LcOption *option, const char *key, LcProblemKind kind, const char *hint,
				  const char *format, ...)
{
	StringInfoData message;
	LcProblem *problem;

	initStringInfo(&message);
	append_path(&message, option);
	if (key != NULL)
		append_key(&message, key);
	if (message.len == 0)
		appendStringInfoString(&message, "options");
	appendStringInfoString(&message, ": ");
	for (;;)
	{
		va_list args;
		int needed;

		va_start(args, format);
		needed = appendStringInfoVA(&message, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}

	if (!option->problems->collect)
		ereport(ERROR,
				(errcode(kind == LC_PROBLEM_LIMIT ? ERRCODE_PROGRAM_LIMIT_EXCEEDED
												  : ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_internal("%s", message.data), hint != NULL ? errhint("%s", hint) : 0));

	problem = palloc(sizeof(LcProblem));
	problem->kind = kind;
	problem->message = message.data;
	problem->hint = hint != NULL ? pstrdup(hint) : NULL;
	option->problems->list = lappend(option->problems->list, problem);
}

/* A value as messages show it: short, and on one line. */
static char *
show_value(const JsonbValue *value)
{
	StringInfoData cut;
	StringInfoData shown;

	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvBool:
			return value->val.boolean ? "true" : "false";
		case jbvNumeric:
			initStringInfo(&shown);
			append_cut(&shown,
					   DatumGetCString(
						   DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))),
					   SHOWN_VALUE);
			return shown.data;
		case jbvString:
			initStringInfo(&cut);
			append_cut(&cut, pnstrdup(value->val.string.val, value->val.string.len), SHOWN_VALUE);
			initStringInfo(&shown);
			escape_json(&shown, cut.data);
			return shown.data;
		default:
			return is_object(value) ? "an object" : "a list";
	}
}

void
lc_option_unexpected(const LcOption *option, const char *expected)
{
	lc_option_problem(option, NULL, LC_PROBLEM_VALUE, NULL, "expected %s, not %s", expected,
					  show_value(&option->value));
}

void
lc_option_missing(const LcOption *object, const char *key)
{
	lc_option_problem(object, key, LC_PROBLEM_VALUE, NULL, "missing");
}

/* ------------------------------------------------------------ typed reading */

bool
lc_options_begin(LcOption *root, Jsonb *options, LcProblems *problems)
{
	memset(root, 0, sizeof(LcOption));
	root->problems = problems;
	root->value.type = jbvBinary;
	root->value.val.binary.data = &options->root;
	root->value.val.binary.len = VARSIZE(options);
	if (JB_ROOT_IS_OBJECT(options))
		return true;
	lc_option_problem(root, NULL, LC_PROBLEM_VALUE, NULL, "expected an object, not %s",
					  JB_ROOT_IS_SCALAR(options) ? "a single value" : "a list");
	return false;
}

bool
lc_option_get(const LcOption *object, const char *key, LcOption *option)
{
	if (getKeyJsonValueFromContainer(object->value.val.binary.data, key, strlen(key), &option->value) ==
			NULL ||
		option->value.type == jbvNull)
		return false;
	option->problems = object->problems;
	option->parent = object;
	option->key = key;
	option->index = 0;
	return true;
}

bool
lc_option_is_object(const LcOption *option)
{
	if (is_object(&option->value))
		return true;
	lc_option_unexpected(option, "an object");
	return false;
}

bool
lc_option_is_text(const LcOption *option, char **text)
{
	if (option->value.type == jbvString)
	{
		*text = pnstrdup(option->value.val.string.val, option->value.val.string.len);
		return true;
	}
	lc_option_unexpected(option, "a text");
	return false;
}

bool
lc_option_object(const LcOption *object, const char *key, LcOption *option)
{
	return lc_option_get(object, key, option) && lc_option_is_object(option);
}

bool
lc_option_array(const LcOption *object, const char *key, LcOption *option)
{
	if (!lc_option_get(object, key, option))
		return false;
	if (option->value.type == jbvBinary && JsonContainerIsArray(option->value.val.binary.data))
		return true;
	lc_option_unexpected(option, "a list");
	return false;
}

bool
lc_option_text(const LcOption *object, const char *key, char **text)
{
	LcOption option;

	return lc_option_get(object, key, &option) && lc_option_is_text(&option, text);
}

bool
lc_option_bool(const LcOption *object, const char *key, bool *value)
{
	LcOption option;

	if (!lc_option_get(object, key, &option))
		return false;
	if (option.value.type != jbvBool)
	{
		lc_option_unexpected(&option, "true or false");
		return false;
	}
	*value = option.value.val.boolean;
	return true;
}

bool
lc_option_number(const LcOption *object, const char *key, double min, bool above_min, double max,
				 double *value)
{
	LcOption option;

	if (!lc_option_get(object, key, &option))
		return false;
	if (option.value.type == jbvNumeric)
	{
		double number = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(option.value.val.numeric)));

		if ((above_min ? number > min : number >= min) && number <= max)
		{
			*value = number;
			return true;
		}
	}
	lc_option_unexpected(&option,
						 above_min ? psprintf("a number greater than %g and at most %g", min, max)
								   : psprintf("a number from %g to %g", min, max));
	return false;
}

/* Appends words as a sentence has them: "a", "b" or "c"; with last = ", " the list may be continued. */
static void
append_words(StringInfo list, const char *const *words, const char *last)
{
	int i;

	for (i = 0; words[i] != NULL; i++)
		appendStringInfo(list, "%s\"%s\"",
						 list->len == 0				? ""
							 : words[i + 1] != NULL ? ", "
													: last,
						 words[i]);
}

bool
lc_option_word(const LcOption *object, const char *key, const char *const *words, int *word)
{
	LcOption option;
	StringInfoData list;
	int i;

	if (!lc_option_get(object, key, &option))
		return false;
	if (option.value.type == jbvString)
	{
		char *text = pnstrdup(option.value.val.string.val, option.value.val.string.len);

		for (i = 0; words[i] != NULL; i++)
			if (pg_strcasecmp(text, words[i]) == 0)
			{
				*word = i;
				return true;
			}
	}
	initStringInfo(&list);
	append_words(&list, words, " or ");
	lc_option_unexpected(&option, list.data);
	return false;
}

LcOption *
lc_option_members(const LcOption *container, int *count)
{
	JsonbContainer *data = container->value.val.binary.data;
	JsonbIterator *iterator = JsonbIteratorInit(data);
	LcOption *members = palloc0(sizeof(LcOption) * Max(1, JsonContainerSize(data)));
	JsonbValue value;
	JsonbIteratorToken token;

	*count = 0;
	JsonbIteratorNext(&iterator, &value, true); /* the beginning */
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY || token == WJB_ELEM)
	{
		LcOption *member = &members[*count];

		member->problems = container->problems;
		member->parent = container;
		member->index = (*count)++;
		if (token == WJB_KEY)
		{
			member->key = pnstrdup(value.val.string.val, value.val.string.len);
			JsonbIteratorNext(&iterator, &value, true);
		}
		member->value = value;
	}
	return members;
}

/* The known key that a key most likely stands for; NULL: none is near. */
static const char *
nearest_key(const char *key, const char *const *keys, const char *nearest, int *distance)
{
	int length = strlen(key);

	if (length > NAMEDATALEN)
		return nearest;
	for (; *keys != NULL; keys++)
	{
		int known_distance =
			varstr_levenshtein_less_equal(key, length, *keys, strlen(*keys), 1, 1, 1, *distance, true);

		if (known_distance < *distance)
		{
			*distance = known_distance;
			nearest = *keys;
		}
	}
	return nearest;
}

static bool
is_listed(const char *key, const char *const *keys)
{
	for (; keys != NULL && *keys != NULL; keys++)
		if (strcmp(key, *keys) == 0)
			return true;
	return false;
}

/* "Known here: ..." */
static char *
list_keys(const char *const *keys, const char *const *more)
{
	StringInfoData list;

	initStringInfo(&list);
	append_words(&list, keys, ", ");
	if (more != NULL)
		append_words(&list, more, ", ");
	return psprintf("Known here: %s.", list.data);
}

void
lc_option_known_keys(const LcOption *object, const char *const *keys, const char *const *more,
					 const char *hint)
{
	int count;
	LcOption *members = lc_option_members(object, &count);
	int i;

	for (i = 0; i < count; i++)
	{
		const char *key = members[i].key;
		int distance = (strlen(key) + 2) / 3 + 1;
		const char *nearest;

		CHECK_FOR_INTERRUPTS();
		if (is_listed(key, keys) || is_listed(key, more))
			continue;
		nearest = nearest_key(key, keys, NULL, &distance);
		if (more != NULL)
			nearest = nearest_key(key, more, nearest, &distance);
		lc_option_problem(object, key, LC_PROBLEM_KEY,
						  nearest != NULL	 ? psprintf("Did you mean \"%s\"?", nearest)
							  : hint != NULL ? hint
											 : list_keys(keys, more),
						  "unknown key");
	}
}

/* "a font", "an image" */
static char *
with_article(LcAssetKind kind)
{
	return psprintf("%s %s", kind == LC_ASSET_IMAGE ? "an" : "a", lc_asset_kind_name(kind));
}

LcAsset *
lc_option_asset(const LcOption *option, const char *slug, LcAssetKind kind)
{
	LcAsset *asset = lc_asset_lookup(slug);

	if (asset != NULL && asset->kind == kind)
		return asset;
	if (asset == NULL)
		lc_option_problem(
			option, NULL, LC_PROBLEM_ASSET,
			kind == LC_ASSET_FONT
				? "Name a font asset, or a built-in font such as \"Helvetica\" or \"Times-Roman\"."
				: "Name an asset, a row of learning_credentials.credential_asset.",
			"there is no %s %s", lc_asset_kind_name(kind), show_value(&option->value));
	else
		lc_option_problem(option, NULL, LC_PROBLEM_ASSET, NULL, "expected the slug of %s, and %s is %s",
						  with_article(kind), show_value(&option->value), with_article(asset->kind));
	return NULL;
}
