/*
 * shortfall.c
 *		By how much somebody is not eligible, from the details of the built-in retrieval functions.
 *
 * Completion is missing as a fraction of the course, grades in points of a hundred: as in the details. Knows
 * nothing of a source.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "shortfall.h"

/* A member of an object; NULL: it is not there, or of another type. */
static JsonbValue *
member(JsonbContainer *object, const char *key, enum jbvType type)
{
	JsonbValue *value = palloc(sizeof(JsonbValue));

	if (getKeyJsonValueFromContainer(object, key, strlen(key), value) == NULL || value->type != type)
		return NULL;
	return value;
}

static JsonbContainer *
object_member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = member(object, key, jbvBinary);

	return value != NULL && JsonContainerIsObject(value->val.binary.data) ? value->val.binary.data
																		  : NULL;
}

static void
push_key(JsonbParseState **state, const char *key, int length)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = length;
	pushJsonbValue(state, WJB_KEY, &value);
}

/*
 * Adds what a number lacks. One that is not there lacks all of it, and is told also where nothing is
 * required of it but to be there.
 */
static void
push_missing(JsonbParseState **state, const char *key, int length, const JsonbValue *required,
			 const JsonbValue *current)
{
	Datum missing = NumericGetDatum(required->val.numeric);
	JsonbValue value;

	if (current != NULL)
	{
		Datum present = NumericGetDatum(current->val.numeric);

		if (DatumGetBool(DirectFunctionCall2(numeric_ge, present, missing)))
			return;
		missing = DirectFunctionCall2(numeric_sub, missing, present);
	}
	push_key(state, key, length);
	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(missing);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* Adds what grades lack, if they lack anything. */
static void
push_grades(JsonbParseState **state, JsonbContainer *required, JsonbContainer *current)
{
	JsonbParseState *grades = NULL;
	JsonbIterator *iterator = JsonbIteratorInit(required);
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;
	Jsonb *missing;

	pushJsonbValue(&grades, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		JsonbValue *present;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type != jbvNumeric)
			continue;
		present = getKeyJsonValueFromContainer(current, key.val.string.val, key.val.string.len, NULL);
		push_missing(&grades, key.val.string.val, key.val.string.len, &value,
					 present != NULL && present->type == jbvNumeric ? present : NULL);
	}
	missing = JsonbValueToJsonb(pushJsonbValue(&grades, WJB_END_OBJECT, NULL));
	if (JB_ROOT_COUNT(missing) == 0)
		return;
	value.type = jbvBinary;
	value.val.binary.data = &missing->root;
	value.val.binary.len = VARSIZE(missing) - VARHDRSZ;
	push_key(state, "grades", strlen("grades"));
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* What is missing in a course; NULL: its details do not say what is required. */
static Jsonb *
course_shortfall(JsonbContainer *details)
{
	JsonbParseState *state = NULL;
	JsonbValue *required = member(details, "required_completion", jbvNumeric);
	JsonbValue *current = member(details, "current_completion", jbvNumeric);
	JsonbContainer *required_grades = object_member(details, "required_grades");
	JsonbContainer *current_grades = object_member(details, "current_grades");
	bool completion = required != NULL && current != NULL;
	bool grades = required_grades != NULL && current_grades != NULL;

	if (!completion && !grades)
		return NULL;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (completion)
		push_missing(&state, "completion", strlen("completion"), required, current);
	if (grades)
		push_grades(&state, required_grades, current_grades);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Adds a step that lacks something. Returns whether its details say what is required. */
static bool
push_step(JsonbParseState **state, const char *key, int length, JsonbContainer *details)
{
	Jsonb *missing = course_shortfall(details);
	JsonbValue value;

	if (missing == NULL)
		return false;
	if (JB_ROOT_COUNT(missing) == 0)
		return true;
	value.type = jbvBinary;
	value.val.binary.data = &missing->root;
	value.val.binary.len = VARSIZE(missing) - VARHDRSZ;
	push_key(state, key, length);
	pushJsonbValue(state, WJB_VALUE, &value);
	return true;
}

Jsonb *
lc_shortfall(Jsonb *details, char *const *steps, int step_count)
{
	JsonbContainer *listed = object_member(&details->root, "steps");
	JsonbParseState *state = NULL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;
	bool known = false;
	int i;

	if (listed == NULL)
		return course_shortfall(&details->root);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_key(&state, "steps", strlen("steps"));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	iterator = JsonbIteratorInit(listed);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data) &&
			push_step(&state, key.val.string.val, key.val.string.len, value.val.binary.data))
			known = true;
	}
	value.type = jbvNull;
	for (i = 0; i < step_count; i++)
		if (getKeyJsonValueFromContainer(listed, steps[i], strlen(steps[i]), &key) == NULL)
		{
			push_key(&state, steps[i], strlen(steps[i]));
			pushJsonbValue(&state, WJB_VALUE, &value);
			known = true;
		}
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return known ? JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)) : NULL;
}
