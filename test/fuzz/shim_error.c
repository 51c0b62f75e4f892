/*
 * test/fuzz/shim_error.c
 *		ereport() without a server: what is raised is judged, then thrown as the server throws it.
 *
 * A message in no valid UTF-8 is a find, and so is an error of class XX ("cannot happen").
 */
#include "postgres.h"

#include <stdarg.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "shim.h"

sigjmp_buf *PG_exception_stack;
ErrorContextCallback *error_context_stack;
volatile sig_atomic_t InterruptPending;
volatile uint32 InterruptHoldoffCount;

int shim_error_code;
char shim_error_text[4096];
bool shim_verbose;

/* Beyond this much stack, check_stack_depth() raises an error: less than there is (ulimit -s). */
#define MAX_STACK (4 * 1024 * 1024)

static int level; /* of the message being made */
static int calls; /* of errstart() without errfinish() */
static char *stack_base;

static void
add_text(const char *label, const char *format, va_list args)
{
	char text[4096];
	Size used = strlen(shim_error_text);
	int length = vsnprintf(text, sizeof(text), format, args);

	/* A message that is cut here may end within a character. */
	if (length < (int) sizeof(text) && !fuzz_is_utf8(text, strlen(text)))
		fuzz_find("a message that is not UTF-8: %s", text);
	snprintf(shim_error_text + used, sizeof(shim_error_text) - used, "%s%s", label, text);
}

bool
errstart(int elevel, const char *domain)
{
	if (calls++ > 5)
		fuzz_find("errors within errors");
	level = elevel;
	shim_error_code = elevel >= ERROR ? ERRCODE_INTERNAL_ERROR : 0;
	shim_error_text[0] = '\0';
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode(int sqlerrcode)
{
	shim_error_code = sqlerrcode;
	return 0;
}

#define ADD_TEXT(label)             \
	do                              \
	{                               \
		va_list args;               \
		va_start(args, fmt);        \
		add_text(label, fmt, args); \
		va_end(args);               \
	} while (0)

int
errmsg(const char *fmt, ...)
{
	ADD_TEXT("");
	return 0;
}

int
errmsg_internal(const char *fmt, ...)
{
	ADD_TEXT("");
	return 0;
}

int
errdetail(const char *fmt, ...)
{
	ADD_TEXT("\n  detail: ");
	return 0;
}

int
errdetail_internal(const char *fmt, ...)
{
	ADD_TEXT("\n  detail: ");
	return 0;
}

int
errdetail_log(const char *fmt, ...)
{
	ADD_TEXT("\n  log: ");
	return 0;
}

int
errhint(const char *fmt, ...)
{
	ADD_TEXT("\n  hint: ");
	return 0;
}

int
errcontext_msg(const char *fmt, ...)
{
	ADD_TEXT("\n  context: ");
	return 0;
}

int
set_errcontext_domain(const char *domain)
{
	return 0;
}

int
geterrcode(void)
{
	return shim_error_code;
}

void
FlushErrorState(void)
{
	calls = 0;
}

void
pg_re_throw(void)
{
	if (PG_exception_stack == NULL)
		fuzz_find("an error that nobody catches: %s", shim_error_text);
	siglongjmp(*PG_exception_stack, 1);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	for (ErrorContextCallback *callback = error_context_stack; callback != NULL;
		 callback = callback->previous)
		callback->callback(callback->arg);
	calls--;
	if (shim_verbose)
		fprintf(stderr, "%s:%d: %s %s\n", filename, lineno, unpack_sql_state(shim_error_code),
				shim_error_text);
	if (level < ERROR)
		return;
	if (level > ERROR || ERRCODE_TO_CATEGORY(shim_error_code) == ERRCODE_INTERNAL_ERROR)
		fuzz_find("%s:%d: an error that cannot happen: %s", filename, lineno, shim_error_text);
	pg_re_throw();
}

char *
unpack_sql_state(int sql_state)
{
	static char text[6];

	for (int i = 0; i < 5; i++, sql_state >>= 6)
		text[i] = PGUNSIXBIT(sql_state);
	return text;
}

void
ExceptionalCondition(const char *conditionName,
#if PG_VERSION_NUM < 160000
					 const char *errorType,
#endif
					 const char *fileName, int lineNumber)
{
	fuzz_find("%s:%d: failed assertion: %s", fileName, lineNumber, conditionName);
}

void
ProcessInterrupts(void)
{
}

/* Outside the server nobody says where the stack begins: at the first call, which the harness makes. */
bool
stack_is_too_deep(void)
{
	char here;

	if (stack_base == NULL)
		stack_base = &here;
	return labs(stack_base - &here) > MAX_STACK;
}

void
check_stack_depth(void)
{
	if (stack_is_too_deep())
		ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX), errmsg("stack depth limit exceeded")));
}

bool
fuzz_is_utf8(const char *text, Size length)
{
	const unsigned char *at = (const unsigned char *) text;
	const unsigned char *end = at + length;

	while (at < end)
	{
		int bytes = pg_utf_mblen(at);

		if (*at == '\0' || bytes > end - at || !pg_utf8_islegal(at, bytes))
			return false;
		at += bytes;
	}
	return true;
}
