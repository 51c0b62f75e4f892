/*
 * test/fuzz/shim_jsonb.c
 *		jsonb and numeric behind the server's interface, in memory of another shape.
 *
 * A container's members are an array of JsonbValue, and each text is a chunk of exactly its length: reading
 * beyond it, as one does who takes it to end with a NUL, is seen. A number is its decimal text.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "shim.h"

/* Digits before and after the decimal point that a numeric may have. */
#define MAX_WHOLE 131072
#define MAX_SCALE 16383

/* What a Jsonb points at. */
typedef struct Document
{
	int32 vl_len_;
	uint32 header;	   /* here a JsonbContainer begins */
	JsonbValue *items; /* of an object: key, value, key, value ... */
} Document;

struct NumericData
{
	int32 vl_len_;
	char text[FLEXIBLE_ARRAY_MEMBER];
};

static Document *
document_of(const JsonbContainer *container)
{
	return (Document *) ((char *) container - offsetof(Document, header));
}

static Document *
new_document(uint32 kind, int count, JsonbValue *items)
{
	Document *document = palloc0(sizeof(Document));

	SET_VARSIZE(document, sizeof(Document));
	document->header = kind | (uint32) count;
	document->items = items;
	return document;
}

static void
set_text(JsonbValue *value, const char *text, int length)
{
	value->type = jbvString;
	value->val.string.val = memcpy(palloc(length), text, length);
	value->val.string.len = length;
}

static void
set_container(JsonbValue *value, Document *document)
{
	value->type = jbvBinary;
	value->val.binary.data = (JsonbContainer *) &document->header;
	value->val.binary.len = VARSIZE(document) - VARHDRSZ;
}

/* ---- numbers ---- */

static Numeric
new_number(const char *text)
{
	Size size = offsetof(struct NumericData, text) + strlen(text) + 1;
	Numeric number = palloc(size);

	SET_VARSIZE(number, size);
	strcpy(number->text, text);
	return number;
}

/* Reads digits with an optional fraction and exponent; NULL: too many digits. */
static Numeric
parse_number(const char *text, int length)
{
	StringInfoData digits; /* without point */
	StringInfoData result;
	const char *end = text + length;
	bool negative = *text == '-';
	bool in_fraction = false;
	int scale = 0;
	long exponent = 0;
	int whole;
	int first;

	initStringInfo(&digits);
	for (text += negative; text < end && *text != 'e' && *text != 'E'; text++)
	{
		if (*text == '.')
			in_fraction = true;
		else
		{
			appendStringInfoChar(&digits, *text);
			scale += in_fraction;
		}
	}
	if (text < end)
		exponent = strtol(pnstrdup(text + 1, end - text - 1), NULL, 10);
	if (labs(exponent) > MAX_WHOLE)
		return NULL;
	whole = digits.len - scale + (int) exponent;
	for (first = 0; first < digits.len && digits.data[first] == '0'; first++)
		;
	if (whole - first > MAX_WHOLE || scale - exponent > MAX_SCALE)
		return NULL;

	initStringInfo(&result);
	if (negative && first < digits.len)
		appendStringInfoChar(&result, '-');
	if (first >= whole)
		appendStringInfoChar(&result, '0');
	for (int i = first; i < whole; i++)
		appendStringInfoChar(&result, i < digits.len ? digits.data[i] : '0');
	if (scale - exponent > 0)
	{
		appendStringInfoChar(&result, '.');
		for (int i = whole; i < digits.len; i++)
			appendStringInfoChar(&result, i >= 0 ? digits.data[i] : '0');
	}
	return new_number(result.data);
}

Datum
numeric_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pstrdup(((Numeric) PG_GETARG_POINTER(0))->text));
}

Datum
numeric_float8_no_overflow(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(strtod(((Numeric) PG_GETARG_POINTER(0))->text, NULL));
}

/* Half away from zero, to a scale that the number exceeds. */
Datum
numeric_round(PG_FUNCTION_ARGS)
{
	const char *text = ((Numeric) PG_GETARG_POINTER(0))->text;
	int scale = PG_GETARG_INT32(1);
	const char *point = strchr(text, '.');
	char *digits;
	int at;

	if (point == NULL || (int) strlen(point + 1) <= scale)
		PG_RETURN_POINTER(new_number(text));
	/* A zero in front for what is carried. */
	digits = psprintf("0%.*s", (int) (point + 1 + scale - text), text + (*text == '-'));
	digits[point + 1 + scale - text + 1 - (*text == '-')] = '\0';
	if (point[1 + scale] >= '5')
		for (at = strlen(digits) - 1; at >= 0; at--)
		{
			if (digits[at] == '.')
				continue;
			if (digits[at]++ != '9')
				break;
			digits[at] = '0';
		}
	if (digits[0] == '0' && digits[1] != '.')
		digits++;
	PG_RETURN_POINTER(new_number(*text == '-' ? psprintf("-%s", digits) : digits));
}

/* ---- objects ---- */

/* jsonb's order of keys: by length, then by bytes. */
static int
compare_keys(const JsonbValue *a, const JsonbValue *b)
{
	if (a->val.string.len != b->val.string.len)
		return a->val.string.len < b->val.string.len ? -1 : 1;
	return memcmp(a->val.string.val, b->val.string.val, a->val.string.len);
}

/* Sorts pairs; of those with the same key the last stays. Returns how many there are. */
static int
order_pairs(JsonbValue *items, int pairs)
{
	int kept = 0;

	for (int i = 0; i < pairs; i++)
	{
		JsonbValue pair[2] = { items[2 * i], items[2 * i + 1] };
		int at = kept;

		while (at > 0 && compare_keys(&items[2 * at - 2], &pair[0]) > 0)
			at--;
		if (at > 0 && compare_keys(&items[2 * at - 2], &pair[0]) == 0)
			items[2 * at - 1] = pair[1];
		else
		{
			memmove(&items[2 * at + 2], &items[2 * at], sizeof(JsonbValue) * 2 * (kept - at));
			memcpy(&items[2 * at], pair, sizeof(pair));
			kept++;
		}
	}
	return kept;
}

/* ---- reading JSON ---- */

typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

static bool read_value(Reader *reader, JsonbValue *value);

static void
skip_space(Reader *reader)
{
	while (reader->at < reader->end && memchr(" \t\n\r", *reader->at, 4) != NULL)
		reader->at++;
}

/* Is this the next character? Then it is skipped. */
static bool
take(Reader *reader, char c)
{
	skip_space(reader);
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool
read_hex(Reader *reader, pg_wchar *character)
{
	*character = 0;
	for (int i = 0; i < 4; i++, reader->at++)
	{
		static const char digits[] = "0123456789abcdef";
		const char *digit;

		if (reader->at == reader->end || *reader->at == '\0' ||
			(digit = strchr(digits, pg_tolower((unsigned char) *reader->at))) == NULL)
			return false;
		*character = *character * 16 + (digit - digits);
	}
	return true;
}

/* Reads what follows "\u": one unit of UTF-16, or two. */
static bool
read_escape(Reader *reader, StringInfo to)
{
	unsigned char bytes[4];
	pg_wchar character;
	pg_wchar low;

	if (!read_hex(reader, &character) || character == 0 || (character >= 0xdc00 && character <= 0xdfff))
		return false;
	if (character >= 0xd800 && character <= 0xdbff)
	{
		if (reader->end - reader->at < 2 || reader->at[0] != '\\' || reader->at[1] != 'u')
			return false;
		reader->at += 2;
		if (!read_hex(reader, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		character = 0x10000 + ((character & 0x3ff) << 10) + (low & 0x3ff);
	}
	unicode_to_utf8(character, bytes);
	appendBinaryStringInfo(to, (char *) bytes, pg_utf_mblen(bytes));
	return true;
}

static bool
read_text(Reader *reader, JsonbValue *value)
{
	StringInfoData text;

	if (!take(reader, '"'))
		return false;
	initStringInfo(&text);
	for (; reader->at < reader->end && *reader->at != '"';)
	{
		static const char escapes[] = "\"\\/bfnrt";
		static const char meanings[] = "\"\\/\b\f\n\r\t";
		const char *escape;
		char c = *reader->at++;

		if ((unsigned char) c < ' ')
			return false;
		if (c != '\\')
		{
			appendStringInfoChar(&text, c);
			continue;
		}
		if (reader->at == reader->end)
			return false;
		c = *reader->at++;
		if (c == 'u')
		{
			if (!read_escape(reader, &text))
				return false;
		}
		else if (c != '\0' && (escape = strchr(escapes, c)) != NULL)
			appendStringInfoChar(&text, meanings[escape - escapes]);
		else
			return false;
	}
	if (reader->at++ == reader->end || !fuzz_is_utf8(text.data, text.len))
		return false;
	set_text(value, text.data, text.len);
	return true;
}

static int
skip_digits(Reader *reader)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return reader->at - start;
}

static bool
read_number(Reader *reader, JsonbValue *value)
{
	const char *start = reader->at;
	const char *digits;

	if (*reader->at == '-')
		reader->at++;
	digits = reader->at;
	if (skip_digits(reader) == 0 || (*digits == '0' && reader->at > digits + 1))
		return false;
	if (reader->at < reader->end && *reader->at == '.')
	{
		reader->at++;
		if (skip_digits(reader) == 0)
			return false;
	}
	if (reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E'))
	{
		reader->at++;
		if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
			reader->at++;
		if (skip_digits(reader) == 0 || skip_digits(reader) > 9)
			return false;
	}
	value->type = jbvNumeric;
	value->val.numeric = parse_number(start, reader->at - start);
	return value->val.numeric != NULL;
}

static bool
read_word(Reader *reader, const char *word)
{
	Size length = strlen(word);

	if ((Size) (reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

/* Reads an array or object of which the bracket has been read. */
static bool
read_container(Reader *reader, JsonbValue *value, bool is_object)
{
	int each = is_object ? 2 : 1;
	int room = 4;
	int count = 0;
	JsonbValue *items = palloc(sizeof(JsonbValue) * room * each);

	if (!take(reader, is_object ? '}' : ']'))
	{
		do
		{
			if (count == room)
				items = repalloc(items, sizeof(JsonbValue) * (room *= 2) * each);
			if (is_object && (!read_text(reader, &items[2 * count]) || !take(reader, ':')))
				return false;
			if (!read_value(reader, &items[each * count + each - 1]))
				return false;
			count++;
		} while (take(reader, ','));
		if (!take(reader, is_object ? '}' : ']'))
			return false;
	}
	if (is_object)
		count = order_pairs(items, count);
	set_container(value, new_document(is_object ? JB_FOBJECT : JB_FARRAY, count, items));
	return true;
}

static bool
read_value(Reader *reader, JsonbValue *value)
{
	check_stack_depth();
	skip_space(reader);
	if (reader->at == reader->end)
		return false;
	switch (*reader->at)
	{
		case '{':
		case '[':
			return read_container(reader, value, *reader->at++ == '{');
		case '"':
			return read_text(reader, value);
		case 't':
		case 'f':
			value->type = jbvBool;
			value->val.boolean = *reader->at == 't';
			return read_word(reader, value->val.boolean ? "true" : "false");
		case 'n':
			value->type = jbvNull;
			return read_word(reader, "null");
		default:
			return (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9')) &&
				read_number(reader, value);
	}
}

Jsonb *
shim_jsonb(const char *text, Size length)
{
	Reader reader = { text, text + length };
	JsonbValue value;

	if (!read_value(&reader, &value))
		return NULL;
	skip_space(&reader);
	return reader.at == reader.end ? JsonbValueToJsonb(&value) : NULL;
}

/* ---- the server's functions ---- */

JsonbValue *
getKeyJsonValueFromContainer(JsonbContainer *container, const char *keyVal, int keyLen, JsonbValue *res)
{
	JsonbValue *items = document_of(container)->items;
	JsonbValue key;

	key.val.string.val = (char *) keyVal;
	key.val.string.len = keyLen;
	if (!JsonContainerIsObject(container))
		fuzz_find("a key is looked for in a container that is no object");
	for (uint32 i = 0; i < JsonContainerSize(container); i++)
		if (compare_keys(&items[2 * i], &key) == 0)
		{
			if (res == NULL)
				res = palloc(sizeof(JsonbValue));
			*res = items[2 * i + 1];
			return res;
		}
	return NULL;
}

JsonbValue *
getIthJsonbValueFromContainer(JsonbContainer *container, uint32 i)
{
	if (!JsonContainerIsArray(container))
		elog(ERROR, "not a jsonb array");
	if (i >= JsonContainerSize(container))
		return NULL;
	return memcpy(palloc(sizeof(JsonbValue)), &document_of(container)->items[i], sizeof(JsonbValue));
}

JsonbIterator *
JsonbIteratorInit(JsonbContainer *container)
{
	JsonbIterator *iterator = palloc0(sizeof(JsonbIterator));

	iterator->container = container;
	iterator->nElems = JsonContainerSize(container);
	iterator->state = JsonContainerIsObject(container) ? JBI_OBJECT_START : JBI_ARRAY_START;
	iterator->curIndex = -1;
	return iterator;
}

/* Never goes down: everybody here skips what is nested. */
JsonbIteratorToken
JsonbIteratorNext(JsonbIterator **it, JsonbValue *val, bool skipNested)
{
	JsonbIterator *iterator = *it;
	JsonbValue *items;

	if (iterator == NULL)
	{
		val->type = jbvNull;
		return WJB_DONE;
	}
	if (!skipNested)
		fuzz_find("the shim's iterator does not go down");
	items = document_of(iterator->container)->items;
	switch (iterator->state)
	{
		case JBI_ARRAY_START:
			iterator->state = JBI_ARRAY_ELEM;
			val->type = jbvArray;
			val->val.array.nElems = iterator->nElems;
			val->val.array.rawScalar = JsonContainerIsScalar(iterator->container);
			return WJB_BEGIN_ARRAY;
		case JBI_OBJECT_START:
			iterator->state = JBI_OBJECT_KEY;
			val->type = jbvObject;
			val->val.object.nPairs = iterator->nElems;
			return WJB_BEGIN_OBJECT;
		case JBI_OBJECT_VALUE:
			iterator->state = JBI_OBJECT_KEY;
			*val = items[2 * iterator->curIndex + 1];
			return WJB_VALUE;
		default:
			break;
	}
	if (++iterator->curIndex < (int) iterator->nElems)
	{
		if (iterator->state == JBI_ARRAY_ELEM)
		{
			*val = items[iterator->curIndex];
			return WJB_ELEM;
		}
		iterator->state = JBI_OBJECT_VALUE;
		*val = items[2 * iterator->curIndex];
		return WJB_KEY;
	}
	*it = NULL;
	val->type = jbvNull;
	return iterator->state == JBI_ARRAY_ELEM ? WJB_END_ARRAY : WJB_END_OBJECT;
}

/* Builds objects only, each as an array of pairs of which "size" is the room. */
JsonbValue *
pushJsonbValue(JsonbParseState **pstate, JsonbIteratorToken seq, JsonbValue *jbval)
{
	JsonbParseState *state = *pstate;
	JsonbPair *pairs;

	switch (seq)
	{
		case WJB_BEGIN_OBJECT:
			*pstate = palloc0(sizeof(JsonbParseState));
			(*pstate)->next = state;
			(*pstate)->contVal.type = jbvObject;
			(*pstate)->size = 4;
			(*pstate)->contVal.val.object.pairs = palloc(sizeof(JsonbPair) * 4);
			return NULL;
		case WJB_KEY:
			if ((Size) state->contVal.val.object.nPairs == state->size)
				state->contVal.val.object.pairs =
					repalloc(state->contVal.val.object.pairs, sizeof(JsonbPair) * (state->size *= 2));
			state->contVal.val.object.pairs[state->contVal.val.object.nPairs].key = *jbval;
			return NULL;
		case WJB_VALUE:
			pairs = state->contVal.val.object.pairs;
			pairs[state->contVal.val.object.nPairs++].value = *jbval;
			return NULL;
		case WJB_END_OBJECT:
			*pstate = state->next;
			if (state->next != NULL)
				(void) pushJsonbValue(pstate, WJB_VALUE, &state->contVal);
			return &state->contVal;
		default:
			fuzz_find("the shim builds only objects");
	}
}

/* A value as it stands in a container: objects that have been built become containers themselves. */
static JsonbValue
finish_value(const JsonbValue *value)
{
	JsonbValue result = *value;
	JsonbValue *items;
	int pairs;

	if (value->type == jbvString)
		set_text(&result, value->val.string.val, value->val.string.len);
	if (value->type != jbvObject)
		return result;
	pairs = value->val.object.nPairs;
	items = palloc(sizeof(JsonbValue) * 2 * Max(pairs, 1));
	for (int i = 0; i < pairs; i++)
	{
		items[2 * i] = finish_value(&value->val.object.pairs[i].key);
		items[2 * i + 1] = finish_value(&value->val.object.pairs[i].value);
	}
	set_container(&result, new_document(JB_FOBJECT, order_pairs(items, pairs), items));
	return result;
}

Jsonb *
JsonbValueToJsonb(JsonbValue *val)
{
	JsonbValue value = finish_value(val);

	if (value.type == jbvBinary)
		return (Jsonb *) document_of(value.val.binary.data);
	return (Jsonb *) new_document(JB_FARRAY | JB_FSCALAR, 1,
								  memcpy(palloc(sizeof(value)), &value, sizeof(value)));
}
