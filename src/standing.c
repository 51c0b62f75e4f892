/*
 * standing.c
 *		Where the users of a configuration stand, and what a run does with them.
 *
 * Read before the retrieval, and small: it spares the work for whoever is not new, which in most runs is
 * nearly everybody. What is queued is decided when it is inserted: whoever gets a credential meanwhile is
 * found there.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "lib/integerset.h"
#include "tcop/dest.h"
#include "utils/snapmgr.h"

#include "exception.h"
#include "spi.h"
#include "standing.h"
#include "validity.h"

const char *const lc_verdict_names[LC_VERDICTS] = {
	[LC_TO_ISSUE] = "issue",
	[LC_TO_RETRY] = "retry",
	[LC_TO_WITHDRAW] = "withdraw",
	[LC_HAS_ONE] = "exists",
	[LC_NOT_ELIGIBLE] = "not_eligible",
	[LC_TOO_EARLY] = "too_early",
	[LC_TOO_LATE] = "too_late",
	[LC_HELD] = "held",
	[LC_HAD_ONE] = "invalidated",
};

/* What is known of a holder, from the rows of the retrieval. */
#define LISTED 1
#define ELIGIBLE 2

/* So many may always lose what they have. */
#define FEW_LOSSES 10

/* Those who have what a run has issued and may withdraw. */
typedef struct Holders
{
	int64 *user_ids; /* ascending */
	uint8 *known;
	int64 count;
	int64 room;
	int64 next; /* rows mostly come in ascending order, too */
} Holders;

struct LcStanding
{
	const LcConfiguration *configuration;
	bool issues_now;
	bool is_early;	   /* it does not yet */
	IntegerSet *live;  /* a credential that is not invalidated */
	IntegerSet *due;   /* one that failed and is due again */
	IntegerSet *ended; /* one that was invalidated, and no later grant */
	IntegerSet *held;
	LcGrant *grants;
	int grant_count;
	Holders holders; /* empty unless the configuration withdraws */
};

/* ---------------------------------------------------------------- reading */

/* Receives user ids in ascending order. */
typedef struct UserReader
{
	DestReceiver receiver; /* must be first */
	void (*take)(int64 user_id, void *argument);
	void *argument;
	bool any;
	int64 last;
} UserReader;

static bool
receive_user(TupleTableSlot *slot, DestReceiver *receiver)
{
	UserReader *reader = (UserReader *) receiver;
	bool isnull;
	int64 user_id = DatumGetInt64(slot_getattr(slot, 1, &isnull));

	if (isnull) /* erased: it is nobody's any more */
		return true;
	if (!reader->any || user_id != reader->last)
		reader->take(user_id, reader->argument);
	reader->any = true;
	reader->last = user_id;
	return true;
}

static void
begin_users(DestReceiver *receiver, int operation, TupleDesc desc)
{
}

static void
end_users(DestReceiver *receiver)
{
}

/* Hands over the users that a statement finds for a configuration, in ascending order, each once. */
static void
read_users(const char *sql, int64 configuration_id, void (*take)(int64, void *), void *argument)
{
	UserReader reader = { .receiver = { .receiveSlot = receive_user,
										.rStartup = begin_users,
										.rShutdown = end_users,
										.rDestroy = end_users,
										.mydest = DestTuplestore },
						  .take = take,
						  .argument = argument };
	Oid types[] = { INT8OID };
	Datum values[] = { Int64GetDatum(configuration_id) };

	(void) lc_spi_read(sql, 1, types, values, NULL, &reader.receiver);
}

/* As the set orders them, which knows no numbers below 0. */
static uint64
member_of(int64 user_id)
{
	return (uint64) user_id ^ (UINT64CONST(1) << 63);
}

static void
add_member(int64 user_id, void *set)
{
	intset_add_member(set, member_of(user_id));
}

static IntegerSet *
read_set(const char *sql, int64 configuration_id)
{
	IntegerSet *set = intset_create();

	read_users(sql, configuration_id, add_member, set);
	return set;
}

static void
read_grants(LcStanding *standing)
{
	static const char *const sql =
		"SELECT x.user_id, x.reason FROM learning_credentials.exception x"
		" WHERE x.configuration_id = $1 AND x.kind = 'grant' AND " LC_EXCEPTION_COUNTS
		" ORDER BY x.user_id";
	Oid types[] = { INT8OID };
	Datum values[] = { Int64GetDatum(standing->configuration->id) };
	int i;

	standing->grant_count = (int) lc_spi_read(sql, 1, types, values, NULL, NULL);
	standing->grants = palloc(sizeof(LcGrant) * Max(standing->grant_count, 1));
	for (i = 0; i < standing->grant_count; i++)
	{
		bool isnull;

		standing->grants[i].user_id = DatumGetInt64(lc_spi_value(i, 1, &isnull));
		standing->grants[i].reason = lc_spi_text(i, 2);
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
add_holder(int64 user_id, void *argument)
{
	Holders *holders = argument;

	if (holders->count == holders->room)
	{
		holders->room *= 2;
		holders->user_ids = repalloc_huge(holders->user_ids, sizeof(int64) * holders->room);
	}
	holders->user_ids[holders->count++] = user_id;
}

/* Whether a run has begun the credential "c", for somebody who was eligible: no person did, and no import. */
#define OF_A_RUN                                                        \
	"c.run_id IS NOT NULL AND NOT c.evidence ? '" LC_EXCEPTION_MEMBER   \
	"' AND EXISTS (SELECT FROM learning_credentials.credential_event e" \
	" WHERE e.credential_uuid = c.uuid AND e.seq = 1 AND e.run_id IS NOT NULL)"

/*
 * Whoever has lost it was eligible once: a run has issued to the user, and not by a grant. What was issued
 * by a call of its own, or came by an import, is a person's. A replacement is of what it replaces.
 */
static void
read_holders(LcStanding *standing)
{
	static const char *const sql =
		"SELECT c.user_id FROM learning_credentials.credential c"
		" WHERE c.configuration_id = $1 AND c.status = 'available' AND NOT " LC_IS_GRANTED
		"   AND ((" OF_A_RUN ")"
		"        OR (c.supersedes IS NOT NULL"
		"            AND c.user_id IN (SELECT c.user_id FROM learning_credentials.credential c"
		"                               WHERE c.configuration_id = $1 AND " OF_A_RUN ")))"
		" ORDER BY 1";
	Holders *holders = &standing->holders;

	if (!standing->configuration->withdraw)
		return;
	holders->room = 1024;
	holders->user_ids = palloc(sizeof(int64) * holders->room);
	read_users(sql, standing->configuration->id, add_holder, holders);
	holders->known = MemoryContextAllocExtended(CurrentMemoryContext, Max(holders->count, 1),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

LcStanding *
lc_standing_load(const LcConfiguration *configuration)
{
	static const char *const ended =
		"SELECT user_id FROM learning_credentials.credential"
		" WHERE configuration_id = $1 AND status = 'invalidated' ORDER BY 1";
	static const char *const ended_for_good =
		"SELECT c.user_id FROM learning_credentials.credential c"
		" WHERE c.configuration_id = $1 AND c.status = 'invalidated' AND NOT " LC_IS_GIVEN_BACK
		" ORDER BY 1";
	LcStanding *standing = palloc0(sizeof(LcStanding));

	standing->configuration = configuration;
	standing->issues_now = lc_issues_now(configuration);
	standing->is_early = GetCurrentTransactionStartTimestamp() < configuration->available_from;
	PushActiveSnapshot(GetTransactionSnapshot());
	read_grants(standing);
	standing->live = read_set("SELECT user_id FROM learning_credentials.credential"
							  " WHERE configuration_id = $1 AND status <> 'invalidated' ORDER BY 1",
							  configuration->id);
	standing->ended = read_set(standing->grant_count == 0 ? ended : ended_for_good, configuration->id);
	standing->due = read_set("SELECT user_id FROM learning_credentials.credential"
							 " WHERE configuration_id = $1 AND status = 'error' AND retry_at <= now()"
							 " ORDER BY 1",
							 configuration->id);
	standing->held =
		read_set("SELECT x.user_id FROM " LC_HELD_USERS " AS x ORDER BY 1", configuration->id);
	read_holders(standing);
	PopActiveSnapshot();
	return standing;
}

/* ---------------------------------------------------------------- judging */

bool
lc_standing_has_due(const LcStanding *standing)
{
	return intset_num_entries(standing->due) > 0;
}

const LcGrant *
lc_standing_grants(const LcStanding *standing, int *count)
{
	*count = standing->grant_count;
	return standing->grants;
}

const LcGrant *
lc_standing_grant(const LcStanding *standing, int64 user_id)
{
	int low = 0;
	int high = standing->grant_count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (standing->grants[middle].user_id < user_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < standing->grant_count && standing->grants[low].user_id == user_id
		? &standing->grants[low]
		: NULL;
}

LcVerdict
lc_verdict(const LcStanding *standing, int64 user_id, bool is_eligible, TimestampTz since)
{
	const LcConfiguration *configuration = standing->configuration;
	uint64 user = member_of(user_id);
	LcVerdict verdict = LC_TO_ISSUE;
	bool granted;

	if (intset_is_member(standing->live, user))
	{
		if (!intset_is_member(standing->due, user))
			return LC_HAS_ONE;
		verdict = LC_TO_RETRY;
	}
	else if (intset_is_member(standing->ended, user))
		return LC_HAD_ONE;

	granted = lc_standing_grant(standing, user_id) != NULL;
	if (!is_eligible && !granted)
		return verdict == LC_TO_RETRY ? LC_HAS_ONE : LC_NOT_ELIGIBLE;
	if (intset_is_member(standing->held, user))
		return LC_HELD;
	if (verdict == LC_TO_RETRY) /* what is begun is finished, whatever the date */
		return verdict;
	if (!standing->issues_now)
		return standing->is_early ? LC_TOO_EARLY : LC_TOO_LATE;
	return !granted && configuration->has_issue_from && since <= configuration->issue_from ? LC_TOO_EARLY
																						   : verdict;
}

/* ---------------------------------------------------------------- withdrawal */

/* The number of a holder; -1: the user is none. */
static int64
find_holder(Holders *holders, int64 user_id)
{
	int64 low = 0;
	int64 high = holders->count;

	if (holders->next < holders->count && holders->user_ids[holders->next] == user_id)
		return holders->next++;
	while (low < high)
	{
		int64 middle = low + (high - low) / 2;

		if (holders->user_ids[middle] < user_id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == holders->count || holders->user_ids[low] != user_id)
		return -1;
	holders->next = low + 1;
	return low;
}

bool
lc_standing_note(LcStanding *standing, int64 user_id, bool is_eligible)
{
	int64 number;

	if (standing->holders.count == 0)
		return false;
	number = find_holder(&standing->holders, user_id);
	if (number < 0)
		return false;
	standing->holders.known[number] |= is_eligible ? LISTED | ELIGIBLE : LISTED;
	return !(standing->holders.known[number] & ELIGIBLE);
}

int64 *
lc_standing_lost(const LcStanding *standing, int64 seen, bool unlisted, int *count, char **refusal)
{
	const Holders *holders = &standing->holders;
	int64 lost = 0;
	int64 *users;
	int64 i;

	*count = 0;
	*refusal = NULL;
	for (i = 0; i < holders->count; i++)
		if (!(holders->known[i] & ELIGIBLE))
			lost++;
	if (lost == 0)
		return NULL;
	if (seen == 0)
		*refusal = psprintf("nothing is withdrawn: retrieval lists nobody, and " INT64_FORMAT
							" credentials would be",
							lost);
	else if (lost > FEW_LOSSES && lost > holders->count / 2)
		*refusal = psprintf("nothing is withdrawn: it would be " INT64_FORMAT " of " INT64_FORMAT
							" credentials, more than half",
							lost, holders->count);
	if (*refusal != NULL)
		return NULL;

	users = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * lost);
	for (i = 0; i < holders->count; i++)
		if (!(holders->known[i] & ELIGIBLE) && !(unlisted && (holders->known[i] & LISTED)))
			users[(*count)++] = holders->user_ids[i];
	return users;
}
