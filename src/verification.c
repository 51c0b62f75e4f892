/*
 * verification.c
 *		The keyed view's support functions.
 *
 * learning_credentials_api.metadata shows a credential to whoever has its verification code, and to
 * nobody else. Its WHERE holds keyed(verify_uuid), which is true where the same WHERE, with what the
 * planner pushed down into it, demands verify_uuid = <expression without columns>. This is settled
 * while planning: an error at execution would tell an empty range from one that holds a row, and a
 * statement that is planned and not executed would show what the planner estimates.
 *
 * What else the view asks for, shows('pending') and shows('invalidation_reason'), is settled while planning
 * too, so that it costs no execution anything, and nobody needs a right on it. Planning loads this library,
 * and with it the settings: a value that somebody gave them before, without the right to, is gone by then.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(lc_keyed);
PG_FUNCTION_INFO_V1(lc_keyed_support);
PG_FUNCTION_INFO_V1(lc_shows);
PG_FUNCTION_INFO_V1(lc_shows_support);

static void
refuse(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("a credential is shown only to whoever gives its verification code"),
			 errhint(
				 "The condition verify_uuid = CODE is required. Codes are looked up one at a time.")));
}

/* keyed(uuid): never called where planning has settled it, so whoever gets here has given no code. */
Datum
lc_keyed(PG_FUNCTION_ARGS)
{
	refuse();
	PG_RETURN_BOOL(false);
}

/* Is this expression the column of this level of the query, whatever outer joins do to it? */
static bool
is_column(Node *node, const Var *column)
{
	const Var *var = (const Var *) node;

	return node != NULL && IsA(node, Var) && var->varno == column->varno &&
		var->varattno == column->varattno && var->varlevelsup == 0;
}

/*
 * Is this expression's value known before any row is read? A volatile one is not: it would be called
 * for every row, and count them.
 */
static bool
is_given(Node *node)
{
	return !contain_var_clause(node) && !contain_volatile_functions(node);
}

/*
 * Does this condition demand column = <expression without columns>? It is the top of a WHERE, before
 * or after the planner made a list of its AND; no other form counts, an OR or a NOT least of all.
 */
static bool
demands_key(Node *condition, const Var *column)
{
	ListCell *cell;
	List *conjuncts = NIL;

	if (condition == NULL)
		return false;
	if (IsA(condition, List))
		conjuncts = (List *) condition;
	else if (is_andclause(condition))
		conjuncts = ((BoolExpr *) condition)->args;

	foreach(cell, conjuncts)
	{
		if (demands_key((Node *) lfirst(cell), column))
			return true;
	}

	if (IsA(condition, OpExpr) && list_length(((OpExpr *) condition)->args) == 2 &&
		get_opcode(((OpExpr *) condition)->opno) == F_UUID_EQ)
	{
		Node *left = linitial(((OpExpr *) condition)->args);
		Node *right = lsecond(((OpExpr *) condition)->args);

		return (is_column(left, column) && is_given(right)) ||
			(is_column(right, column) && is_given(left));
	}
	return false;
}

/*
 * Planner support of keyed(): TRUE where the code is given, error 42501 where it is not. Nothing is
 * settled without a query to look at (root is NULL, for example when an index expression is
 * simplified); the function then remains and refuses when it is called.
 */
Datum
lc_keyed_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestSimplify *simplify = (SupportRequestSimplify *) request;
	Node *argument;

	if (!IsA(request, SupportRequestSimplify) || simplify->root == NULL)
		PG_RETURN_POINTER(NULL);

	argument = linitial(simplify->fcall->args);
	if (!IsA(argument, Var) || ((Var *) argument)->varlevelsup != 0 ||
		!demands_key(simplify->root->parse->jointree->quals, (Var *) argument))
		refuse();
	PG_RETURN_POINTER(makeBoolConst(true, false));
}

/* Is this shown to verifiers? It is the name of a setting after "show_". */
static bool
shows(const char *what)
{
	if (strcmp(what, "pending") == 0)
		return lc_show_pending;
	if (strcmp(what, "invalidation_reason") == 0)
		return lc_show_invalidation_reason;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no setting \"show_%s\"", what)));
}

/* shows(text): where planning has not settled it. */
Datum
lc_shows(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(shows(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/*
 * Planner support of shows(): what the setting is now. A plan that holds it does not outlive a change of the
 * setting, which forgets all plans. Without a query there may be no plan that is forgotten.
 */
Datum
lc_shows_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestSimplify *simplify = (SupportRequestSimplify *) request;
	Const *what;

	if (!IsA(request, SupportRequestSimplify) || simplify->root == NULL)
		PG_RETURN_POINTER(NULL);

	what = linitial(simplify->fcall->args);
	if (!IsA(what, Const) || what->constisnull)
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(makeBoolConst(shows(TextDatumGetCString(what->constvalue)), false));
}
