/*
 * identity.c
 *		Whose rights code runs with.
 *
 * The extension's own statements run as its owner, code that users wrote runs as the role its
 * configuration names. Every change of identity also pins the search_path: an operator that a caller
 * planted in an earlier schema would otherwise run with the owner's rights.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"

#include "compat.h"
#include "identity.h"

#define EXTENSION_NAME "learning_credentials"

Oid
lc_extension_owner(void)
{
	Oid owner = InvalidOid;
	Relation rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(EXTENSION_NAME));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"%s\" does not exist", EXTENSION_NAME)));
	return owner;
}

bool
lc_hold_extension(void)
{
	Oid extension = get_extension_oid(EXTENSION_NAME, true);

	if (!OidIsValid(extension))
		return false;
	LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	return get_extension_oid(EXTENSION_NAME, true) == extension;
}

static void
act_as(LcIdentity *before, Oid role, int added_context)
{
	GetUserIdAndSecContext(&before->user, &before->security_context);
	before->guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(role, before->security_context | added_context);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
lc_act_as_owner(LcIdentity *before)
{
	act_as(before, lc_extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
}

void
lc_act_as_stranger(LcIdentity *before, Oid role)
{
	act_as(before, role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void
lc_act_as_caller(LcIdentity *before)
{
	act_as(before, GetUserId(), 0);
}

void
lc_act_as_before(const LcIdentity *before)
{
	AtEOXact_GUC(false, before->guc_level);
	SetUserIdAndSecContext(before->user, before->security_context);
}

void
lc_refuse_stranger(const char *what)
{
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot %s within security-restricted operation", what)));
}

bool
lc_restoring(void)
{
	return !check_function_bodies && has_privs_of_role(GetUserId(), lc_extension_owner());
}
