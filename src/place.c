/*
 * place.c
 *		Sources, each as the role that reads it: who is there, and what they may see.
 *
 * What cannot be read is not there for whoever asks: why it cannot, only the server's log says.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "context.h"
#include "identity.h"
#include "place.h"
#include "spi.h"

#define DEFAULT_SOURCE "learning_credentials"

const LcPlace lc_default_place = { .source = DEFAULT_SOURCE, .run_as = NULL };

bool
lc_same_place(const LcPlace *a, const LcPlace *b)
{
	if (strcmp(a->source, b->source) != 0)
		return false;
	if (a->run_as == NULL || b->run_as == NULL)
		return a->run_as == b->run_as;
	return strcmp(a->run_as, b->run_as) == 0;
}

List *
lc_all_places(void)
{
	static LcStatement select = {
		.sql =
			"SELECT DISTINCT c.run_as::text,"
			"       coalesce(c.custom_options->>'source', t.custom_options->>'source', '" DEFAULT_SOURCE
			"')"
			"  FROM learning_credentials.credential_configuration c"
			"  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id"
			" ORDER BY 1, 2",
		.types = { InvalidOid },
	};
	List *places = list_make1(unconstify(LcPlace *, &lc_default_place));
	uint64 count = lc_spi_execute(&select, NULL, NULL, SPI_OK_SELECT);
	uint64 row;

	for (row = 0; row < count; row++)
	{
		LcPlace *place = palloc(sizeof(LcPlace));

		place->run_as = lc_spi_text(row, 1);
		place->source = lc_spi_text(row, 2);
		places = lappend(places, place);
	}
	return places;
}

/* ---------------------------------------------------------------- questions */

typedef struct Question
{
	const LcPlace *place;
	bool (*read)(struct Question *question);
	const char *text; /* a context's key, or a username */
	int64 user_id;
	bool answer;
} Question;

static void
ask(void *argument)
{
	Question *question = argument;
	const char *run_as = question->place->run_as;
	Oid role = run_as != NULL ? get_role_oid(run_as, false) : lc_extension_owner();
	LcIdentity before;

	lc_act_as_stranger(&before, role);
	lc_spi_connect(false);
	question->answer = question->read(question);
	lc_spi_finish();
	lc_act_as_before(&before);
}

static bool
answer(Question *question)
{
	const LcPlace *place = question->place;
	ErrorData *error = lc_attempt(ask, question);

	if (error == NULL)
		return question->answer;
	ereport(LOG_SERVER_ONLY,
			(errcode(error->sqlerrcode), errhidestmt(true),
			 errmsg("source \"%s\" could not be read as role \"%s\": %s", place->source,
					place->run_as ? place->run_as : "(the extension's owner)", error->message)));
	return false;
}

static bool
shows(Question *question)
{
	return lc_context_visible(question->place->source, question->text, question->user_id);
}

static bool
knows(Question *question)
{
	return lc_user_by_name(question->place->source, question->text, &question->user_id);
}

static bool
calls(Question *question)
{
	return lc_user_is_called(question->place->source, question->user_id, question->text);
}

bool
lc_place_shows(const LcPlace *place, const char *context_key, int64 user_id)
{
	Question question = { .place = place, .read = shows, .text = context_key, .user_id = user_id };

	return answer(&question);
}

/* The user whom the places know by this name. */
static const LcRefusal *
find_user(const List *places, const char *username, int64 *user_id)
{
	static const LcRefusal unknown = { 404, "User not found." };
	static const LcRefusal ambiguous = { 409, "More than one user has this name." };
	bool found = false;
	ListCell *cell;

	foreach(cell, places)
	{
		Question question = { .place = lfirst(cell), .read = knows, .text = username };

		if (!answer(&question))
			continue;
		if (found && question.user_id != *user_id)
			return &ambiguous;
		found = true;
		*user_id = question.user_id;
	}
	return found ? NULL : &unknown;
}

const LcRefusal *
lc_choose_user(const List *places, const char *username, bool staff, int64 *user_id)
{
	static const LcRefusal another = { 403, "Only staff may name another user." };
	ListCell *cell;

	if (username == NULL)
		return NULL;
	if (staff)
		return find_user(places, username, user_id);
	/* Whether there is another user of that name is not looked at. */
	foreach(cell, places)
	{
		Question question = {
			.place = lfirst(cell), .read = calls, .text = username, .user_id = *user_id
		};

		if (answer(&question))
			return NULL;
	}
	return &another;
}
